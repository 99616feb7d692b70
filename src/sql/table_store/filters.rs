//! The mapping of a layout for filters and orders.

use std::sync::Arc;

use super::{
    super::{
        layout::{Comparison, Form, Join, KeyType, Lens, Parts},
        mapping::{Column, Mapping, Table},
        statement::Dialect,
    },
    from::{conditions, from_for_conditions},
};
use crate::schema::{AttributeId, ResourceType};

/// Whether the database compares the value of the column as the core does.
pub(super) fn is_comparable(lens: &Lens, resource_type: &ResourceType) -> bool {
    let Some(attribute) = lens.compared() else { return false };
    match lens.field.form {
        Form::Text(Comparison::Exact) => resource_type.compares_exactly(attribute),
        Form::Text(Comparison::Lowercased) => !resource_type.compares_exactly(attribute),
        _ => true,
    }
}

/// The text that stands for the tenant in every query of resources: the first parameter.
fn tenant_placeholder(dialect: Dialect, key_type: KeyType) -> String {
    match dialect {
        Dialect::Sqlite => "?1".to_owned(),
        Dialect::Postgres => format!("$1::{}", key_type.cast()),
    }
}

/// The text for which `lower()` of the database agrees with the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LowerCase {
    /// Not even ASCII, as with a Turkish collation.
    Nothing,
    Ascii,
    Everything,
}

/// Makes the mapping of one resource type.
pub(super) struct Builder<'a> {
    pub(super) dialect: Dialect,
    pub(super) resource_type: &'a Arc<ResourceType>,
    pub(super) parts: &'a Parts,
    pub(super) lower: LowerCase,
}

impl Builder<'_> {
    pub(super) fn mapping<'p>(&self, referred: impl Fn(&str) -> Option<&'p Parts>) -> Mapping {
        let (resource_type, parts) = (self.resource_type, self.parts);
        let id = parts.key.id_text("r");
        let mut mapping = match parts.documents() {
            Some(documents) => Mapping::documents(resource_type, id, documents.comparable)
                .with_indexed(parts.searched.iter().copied())
                .contained()
                .with_deciding_columns(),
            None => Mapping::columns(resource_type, id),
        };
        let (id, key_type) = parts.key.id();
        mapping = mapping.with_column(AttributeId::ID, Column::key(format!("r.{id}"), key_type).required());
        for lens in &parts.lenses {
            let Some(attribute) = lens.compared().filter(|_| is_comparable(lens, resource_type)) else { continue };
            mapping = mapping.with_column(attribute, self.column(lens, attribute));
        }
        for list in resource_type.reference_lists() {
            let Some(value) = resource_type.value_of(*list) else { continue };
            let joins: Vec<_> =
                parts.joins(*list).filter_map(|join| Some((join, referred(&join.resource_type)?))).collect();
            mapping = mapping.with_table(*list, self.rows(&joins, value));
        }
        mapping
    }

    fn column(&self, lens: &Lens, attribute: AttributeId) -> Column {
        let name = lens.field.column.qualified();
        // An empty text is no value. Only `eq` keeps an index of the column, so the core evaluates the rest.
        let is_exact = matches!(lens.field.form, Form::Text(Comparison::Exact));
        if lens.field.is_not_null && is_exact && self.resource_type.compares_exactly(attribute) {
            return Column::lower(name, true);
        }
        let is_text = |text: String| if self.dialect == Dialect::Postgres { format!("{text}::text") } else { text };
        match &lens.field.form {
            Form::Text(Comparison::Copy(copy)) if !self.resource_type.compares_exactly(attribute) => {
                Column::folded(copy.qualified())
            }
            Form::Text(Comparison::Lower)
                if !self.resource_type.compares_exactly(attribute) && self.lower != LowerCase::Nothing =>
            {
                Column::lower(format!("lower({name})"), self.lower == LowerCase::Everything)
            }
            Form::Text(Comparison::NoCase) if !self.resource_type.compares_exactly(attribute) => {
                Column::lower(format!("{name} COLLATE NOCASE"), false)
            }
            Form::Text(Comparison::Lowercased) => Column::lower(name, false),
            Form::Text(_) if lens.field.cast.is_some() => Column::text(is_text(name)),
            Form::Text(_) => Column::text(name),
            Form::Flag { inverted: false } => Column::boolean(name),
            Form::Flag { .. } | Form::State { .. } => Column::boolean(lens.selected(self.dialect)),
            Form::Integer => Column::integer(name),
            Form::Instant(1_000) => Column::microseconds(name),
            Form::Instant(1_000_000) => Column::milliseconds(name),
            Form::Instant(_) => Column::seconds(name),
            Form::Timestamp => Column::timestamp(name),
        }
    }

    /// The rows of a list for filters. The first parameter of a statement is the tenant.
    fn rows(&self, joins: &[(&Join, &Parts)], value: AttributeId) -> Table {
        let tenant = self.parts.tenant.as_ref().map(|(_, key_type)| tenant_placeholder(self.dialect, *key_type));
        let tenant_of_row = |join: &Join, alias: &str| match (&join.tenant, &tenant) {
            (Some(column), Some(tenant)) => format!(" AND {alias}.{column} = {tenant}"),
            _ => String::new(),
        };
        let key = format!("r.{}", self.parts.key.column);
        if let [(join, referred)] = joins
            && referred.key.shown.is_none()
        {
            let tenant_of_row = tenant_of_row(join, "m");
            let visible = format!(
                "EXISTS (SELECT 1 FROM {} WHERE r.{} = m.{}{})",
                from_for_conditions(referred),
                referred.key.column,
                join.value,
                conditions(referred, tenant.as_deref())
            );
            let on = format!("m.{} = {key}{tenant_of_row} AND {visible}", join.holder);
            return Table::new(format!("{} AS m", join.table), on)
                .with_owner_by_key(key, format!("m.{}", join.holder), format!("{visible}{tenant_of_row}"))
                .with_column(value, Column::key(format!("m.{}", join.value), referred.key.key_type).required());
        }
        let parts = joins.iter().map(|(join, referred)| {
            let tenant_of_row = tenant_of_row(join, "j");
            format!(
                "SELECT j.{} AS holder, {} AS value FROM {} AS j, {} WHERE r.{} = j.{}{}{tenant_of_row}",
                join.holder,
                referred.key.id_text("r"),
                join.table,
                from_for_conditions(referred),
                referred.key.column,
                join.value,
                conditions(referred, tenant.as_deref())
            )
        });
        let union = parts.collect::<Vec<_>>().join(" UNION ALL ");
        Table::new(format!("({union}) AS m"), format!("m.holder = {key}"))
            .with_owner_by_key(key, "m.holder".to_owned(), "TRUE".to_owned())
            .with_column(value, Column::text("m.value").required())
    }
}
