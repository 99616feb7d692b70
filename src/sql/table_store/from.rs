//! The tables of a layout in a `FROM` clause, and the conditions of every row.

use super::super::layout::Parts;

/// The tables of a layout as in a `FROM` clause.
pub(super) fn from(parts: &Parts) -> String {
    from_with(parts, true, SideJoin::Left)
}

/// The table `r`, and the shared table and the side table as far as they are needed.
pub(super) fn from_with(parts: &Parts, with_shared: bool, side_join: SideJoin) -> String {
    format!("{} AS r{}", parts.table, joined(parts, with_shared, side_join))
}

/// The tables that the conditions of a layout need, as in a `FROM` clause.
pub(super) fn from_for_conditions(parts: &Parts) -> String {
    format!("{} AS r{}", parts.table, joined_for_conditions(parts))
}

/// The tables besides `r` that the conditions of a layout need.
pub(super) fn joined_for_conditions(parts: &Parts) -> String {
    joined(parts, needs(parts, "u."), SideJoin::if_needed(parts))
}

/// Whether the conditions of a layout name this alias.
fn needs(parts: &Parts, alias: &str) -> bool {
    parts.row_conditions().any(|condition| condition.contains(alias))
}

/// The join of the side table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SideJoin {
    None,
    /// Also rows that SCIM has not written.
    Left,
    /// Only rows in the side table. A search in the side table can then begin with its index.
    Inner,
}

impl SideJoin {
    pub(super) fn if_needed(parts: &Parts) -> Self {
        if needs(parts, "s.") { Self::Left } else { Self::None }
    }
}

fn joined(parts: &Parts, with_shared: bool, side_join: SideJoin) -> String {
    let shared = parts.shared.as_ref().filter(|_| with_shared);
    let shared = shared.map(|it| format!(" JOIN {} AS u ON u.{} = r.{}", it.table, it.key, it.link));
    let side = parts.side.as_ref().filter(|_| side_join != SideJoin::None).map(|side| {
        let left = if side_join == SideJoin::Left { " LEFT" } else { "" };
        let tenant = parts.tenant.as_ref().map(|(tenant, _)| format!(" AND s.tenant = r.{tenant}"));
        format!("{left} JOIN {side} AS s ON s.key = r.{}{}", parts.key.column, tenant.unwrap_or_default())
    });
    shared.unwrap_or_default() + &side.unwrap_or_default()
}

/// The conditions of every row, each after `AND`. `tenant` is the placeholder of the tenant.
pub(super) fn conditions(parts: &Parts, tenant: Option<&str>) -> String {
    let tenant = match (&parts.tenant, tenant) {
        (Some((column, _)), Some(tenant)) => Some(format!("r.{column} = {tenant}")),
        _ => None,
    };
    let own = parts.row_conditions().map(|condition| format!("({condition})"));
    tenant.into_iter().chain(own).flat_map(|condition| [" AND ".to_owned(), condition]).collect()
}
