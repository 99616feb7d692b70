//! The tables of a layout in a `FROM` clause, and the conditions of every row.

use super::super::layout::Parts;

/// The tables of a layout as in a `FROM` clause.
pub(super) fn from(parts: &Parts) -> String {
    format!("{} AS r{}", parts.table, joined(parts, true, SideJoin::Left))
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
pub(super) fn needs(parts: &Parts, alias: &str) -> bool {
    let live = parts.soft_delete.iter().map(|(live, _)| live);
    parts.conditions.iter().chain(live).any(|condition| condition.contains(alias))
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

pub(super) fn joined(parts: &Parts, with_shared: bool, side_join: SideJoin) -> String {
    let mut joined = String::new();
    if let Some(shared) = parts.shared.as_ref().filter(|_| with_shared) {
        joined += &format!(" JOIN {} AS u ON u.{} = r.{}", shared.table, shared.key, shared.link);
    }
    if let Some(side) = parts.side.as_ref().filter(|_| side_join != SideJoin::None) {
        let left = if side_join == SideJoin::Left { " LEFT" } else { "" };
        joined += &format!("{left} JOIN {side} AS s ON s.key = r.{}", parts.key.column);
        if let Some((tenant, _)) = &parts.tenant {
            joined += &format!(" AND s.tenant = r.{tenant}");
        }
    }
    joined
}

/// The conditions of every row, each after `separator`. `tenant` is the placeholder of the tenant.
pub(super) fn conditions(parts: &Parts, tenant: Option<&str>, separator: &str) -> String {
    let tenant = match (&parts.tenant, tenant) {
        (Some((column, _)), Some(tenant)) => Some(format!("r.{column} = {tenant}")),
        _ => None,
    };
    let live = parts.soft_delete.iter().map(|(live, _)| live);
    let own = parts.conditions.iter().chain(live).map(|condition| format!("({condition})"));
    tenant.into_iter().chain(own).map(|condition| format!("{separator}{condition}")).collect()
}
