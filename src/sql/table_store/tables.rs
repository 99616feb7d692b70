//! The tables of all resource types, and the beginnings of their statements.

use std::sync::Arc;

use super::{
    super::{
        layout::{Join, KeyType, Layout, LayoutError, Lens, Parts, Version},
        mapping::Mapping,
        order::Unmapped,
        statement::{Dialect, Param, Statement},
    },
    filters::{Builder, LowerCase, is_comparable},
    from::{SideJoin, conditions, from, from_for_conditions, from_with},
};
use crate::{
    filter::{Condition, Operator},
    path::{AttributePath, Place},
    quirks::{Quirks, Tolerance},
    resource::{Resource, Sort},
    schema::{AttributeId, AttributeType, ResourceType},
    store::{Pushdown, RequestContext, StoreError, TenantId},
};

/// The tables of all resource types.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) dialect: Dialect,
    pub(super) all: Vec<TypeTable>,
    sorts: bool,
    /// Whether the database finds out the length of a text without reading the text.
    knows_lengths: bool,
}

/// The tables of one resource type.
#[derive(Debug)]
pub(super) struct TypeTable {
    pub(super) resource_type: Arc<ResourceType>,
    pub(super) parts: Parts,
    pub(super) dialect: Dialect,
    mapping: Mapping,
    /// Attributes whose value the database cannot compare.
    left_to_core: Vec<AttributeId>,
}

impl Tables {
    pub(super) fn new(
        dialect: Dialect,
        layouts: impl IntoIterator<Item = Layout>,
        lower: LowerCase,
    ) -> Result<Self, LayoutError> {
        let parts: Vec<_> = layouts.into_iter().map(Layout::into_parts).collect::<Result<_, _>>()?;
        for (resource_type, own) in &parts {
            let unknown =
                own.lists.iter().find(|(_, join)| parts.iter().all(|(it, _)| *it.name() != *join.resource_type));
            if let Some((_, join)) = unknown {
                return Err(LayoutError {
                    resource_type: resource_type.name().into(),
                    detail: format!(
                        "the table `{}` refers to `{}`, which has no layout",
                        join.table, join.resource_type
                    )
                    .into(),
                });
            }
        }
        Self::check_together(&parts)?;
        Ok(Self::of_parts(dialect, &parts, lower))
    }

    /// The rules that several layouts keep together.
    fn check_together(parts: &[(Arc<ResourceType>, Parts)]) -> Result<(), LayoutError> {
        for (index, (resource_type, own)) in parts.iter().enumerate() {
            let refuse =
                |detail: String| Err(LayoutError { resource_type: resource_type.name().into(), detail: detail.into() });
            for (other_type, other) in parts.iter().take(index) {
                let kind = |parts: &Parts| parts.tenant.as_ref().map(|(_, key_type)| *key_type);
                if kind(own) != kind(other) {
                    return refuse("all layouts need a tenant column of one type, or none".to_owned());
                }
                if own.side.is_some() && own.side == other.side {
                    return refuse(format!("the layout of {} has the same side table", other_type.name()));
                }
            }
            let is_twice = |(at, (_, join)): &(usize, &(AttributeId, Join))| {
                own.lists.iter().take(*at).any(|(_, it)| it.table == join.table)
            };
            if let Some((_, (_, join))) = own.lists.iter().enumerate().find(is_twice) {
                return refuse(format!("two lists have the table `{}`", join.table));
            }
        }
        Ok(())
    }

    fn of_parts(dialect: Dialect, parts: &[(Arc<ResourceType>, Parts)], lower: LowerCase) -> Self {
        let mut all: Vec<TypeTable> = Vec::with_capacity(parts.len());
        for (resource_type, own) in parts {
            let referred = |name: &str| parts.iter().find(|(it, _)| it.name() == name).map(|(_, parts)| parts);
            let mapping = Builder { dialect, resource_type, parts: own, lower }.mapping(referred);
            let left_to_core = left_to_core(resource_type, &own.lenses);
            let (resource_type, parts) = (Arc::clone(resource_type), own.clone());
            all.push(TypeTable { resource_type, parts, dialect, mapping, left_to_core });
        }
        let sorts = all.iter().all(TypeTable::sorts);
        Self { dialect, all, sorts, knows_lengths: dialect == Dialect::Postgres }
    }

    /// The same tables, in a database whose `lower()` agrees with the core for this text.
    pub(super) fn with_lower(self, lower: LowerCase) -> Self {
        let dialect = self.dialect;
        let parts: Vec<_> = self.all.into_iter().map(|table| (table.resource_type, table.parts)).collect();
        Self::of_parts(dialect, &parts, lower)
    }

    /// The same tables, in a database that has the function `octet_length`.
    pub(super) fn with_lengths(self) -> Self {
        Self { knows_lengths: true, ..self }
    }

    /// The expression of the number of bytes in a column. `is_comparable` if the column has comparable documents.
    pub(super) fn length(&self, column: &str, is_comparable: bool) -> String {
        match self.dialect {
            // Not `octet_length`, which would fetch the document.
            Dialect::Postgres if is_comparable => format!("pg_column_size({column})"),
            _ if self.knows_lengths => format!("octet_length({column})"),
            _ => format!("length(CAST({column} AS blob))"),
        }
    }

    pub(super) fn sorts(&self) -> bool {
        self.sorts
    }

    /// Whether the store gives the id of some new resource.
    pub(super) fn gives_ids(&self) -> bool {
        self.all.iter().any(|table| table.parts.key.is_numbered || table.parts.restore.is_some())
    }

    pub(super) fn find(&self, name: &str) -> Result<(usize, &TypeTable), StoreError> {
        let found = self.all.iter().enumerate().find(|(_, table)| table.resource_type.name() == name);
        found.ok_or_else(|| StoreError::backend(format!("the resource type `{name}` has no layout")))
    }

    pub(super) fn at(&self, index: usize) -> Result<&TypeTable, StoreError> {
        self.all.get(index).ok_or_else(|| StoreError::backend("a resource type without a layout"))
    }
}

impl TypeTable {
    /// Whether the columns show other values than those of the resource: of two attributes with one column, the first
    /// decides.
    pub(super) fn restates(&self, resource: &Resource) -> bool {
        let lenses = &self.parts.lenses;
        lenses.iter().any(|lens| {
            let decider = lenses.iter().find(|other| other.field.column == lens.field.column);
            decider.is_some_and(|it| !std::ptr::eq(it, lens) && it.content(resource) != lens.content(resource))
        })
    }

    pub(super) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The type of the id.
    pub(super) fn id_type(&self) -> KeyType {
        self.parts.key.id().1
    }

    /// The value of the tenant's column; `None` without such a column.
    ///
    /// # Errors
    ///
    /// [`StoreError::Denied`] for a tenant that the tables cannot have.
    pub(super) fn tenant(&self, context: &RequestContext) -> Result<Option<Param>, StoreError> {
        match &self.parts.tenant {
            Some((_, key_type)) => key_type.parse(context.tenant().as_str()).map(Some).ok_or(StoreError::Denied),
            None if *context.tenant() == TenantId::single() => Ok(None),
            None => Err(StoreError::Denied),
        }
    }

    pub(super) fn pushdown(&self, condition: &Condition) -> Pushdown {
        if condition.attributes().iter().any(|attribute| self.left_to_core.contains(attribute)) {
            return Pushdown::No;
        }
        self.mapping.pushdown(self.dialect, condition)
    }

    /// Whether an index finds the rows for which a condition holds: an index that the layout declares, or one of the
    /// migration.
    pub(super) fn serves(&self, condition: &Condition) -> bool {
        match condition {
            Condition::All(all) => all.iter().any(|condition| self.serves(condition)),
            Condition::Any(any) => any.iter().all(|condition| self.serves(condition)),
            condition => {
                condition.equality().is_some_and(|comparison| self.has_indexed_column(comparison.attribute()))
                    || self.mapping.finds(self.dialect, condition)
            }
        }
    }

    /// Whether the attribute has a column with an index: a unique column, or the column of a searched attribute.
    pub(super) fn has_indexed_column(&self, attribute: AttributeId) -> bool {
        self.mapping.find(attribute).is_some()
            && self.parts.lenses.iter().filter(|lens| lens.compared() == Some(attribute)).any(|lens| {
                let is_unique = !lens.field.unique.is_empty();
                is_comparable(lens, &self.resource_type) && (is_unique || self.parts.searched.contains(&attribute))
            })
    }

    /// Whether the database reads a value once for all alternatives by `eq` on the attribute.
    pub(super) fn compares_at_once(&self, attribute: AttributeId) -> bool {
        self.dialect == Dialect::Sqlite
            || self.mapping.find(attribute).is_some()
            || self.parts.searched.contains(&attribute)
    }

    /// Whether the database can sort by every attribute that a client can name.
    fn sorts(&self) -> bool {
        let is_simple =
            |attribute: &AttributeId| self.resource_type.attribute(*attribute).data_type() != AttributeType::Complex;
        self.resource_type.attributes().filter(is_simple).all(|attribute| {
            let is_left = self.left_to_core.contains(&attribute);
            let path = self.resource_type.path(attribute);
            let Ok(path) = path.parse::<AttributePath>() else { return false };
            let sort = Sort::new(&self.resource_type, path.as_ref(), false, &mut Tolerance::new(Quirks::strict()));
            sort.is_err() || (!is_left && sort.is_ok_and(|sort| self.mapping.sorts(self.dialect, &sort)))
        })
    }

    /// The beginning of a query of resources: all columns, and the conditions of every row. The columns are the
    /// version, the id, the key, the document, and the column of each lens.
    pub(super) fn select(&self, tenant: Option<&Param>) -> Statement {
        self.begin(&self.columns(), &from(&self.parts), tenant)
    }

    /// The query of the resources that satisfy a filter.
    ///
    /// # Errors
    ///
    /// When the database cannot evaluate the filter.
    pub(super) fn matching(&self, tenant: Option<&Param>, filter: &[&Condition]) -> Result<Statement, Unmapped> {
        self.filtered(&self.columns(), tenant, filter)
    }

    /// The query for the number of resources that satisfy a filter.
    ///
    /// # Errors
    ///
    /// When the database cannot evaluate the filter.
    pub(super) fn count(&self, tenant: Option<&Param>, filter: &[&Condition]) -> Result<Statement, Unmapped> {
        self.filtered("count(*)", tenant, filter)
    }

    fn columns(&self) -> String {
        let parts = &self.parts;
        let document = parts.documents().map_or_else(|| "NULL".to_owned(), |documents| documents.document.into());
        let text = [format!("r.{}", parts.key.id().0), format!("r.{}", parts.key.column), document];
        let text = text.map(|column| format!("CAST({column} AS text)"));
        let own = parts.lenses.iter().map(|lens| lens.selected(self.dialect));
        [self.version_text()].into_iter().chain(text).chain(own).collect::<Vec<_>>().join(", ")
    }

    /// The expression of the version.
    pub(super) fn version_text(&self) -> String {
        let number = match &self.parts.version {
            Version::Side => "COALESCE(s.version, 0)".to_owned(),
            Version::Column(column) | Version::Random(column) => format!("r.{column}"),
            Version::Xmin => return "r.xmin::text || '-' || r.cmin::text".to_owned(),
        };
        format!("CAST({number} AS text)")
    }

    /// The query of these columns of the resources that satisfy a filter.
    ///
    /// # Errors
    ///
    /// When the database cannot evaluate the filter.
    pub(super) fn filtered(
        &self,
        columns: &str,
        tenant: Option<&Param>,
        filter: &[&Condition],
    ) -> Result<Statement, Unmapped> {
        let needs_side = filter.iter().any(|condition| self.needs_side(condition));
        let side_join = if needs_side { SideJoin::Inner } else { SideJoin::Left };
        let from = from_with(&self.parts, true, side_join);
        let mut statement = self.begin(columns, &from, tenant);
        if !filter.is_empty() {
            statement.push(" AND ");
            statement.filter(&self.mapping, filter)?;
        }
        Ok(statement)
    }

    /// Whether the condition holds only for rows in the side table.
    fn needs_side(&self, condition: &Condition) -> bool {
        let is_in_side = |attribute: AttributeId, route: &[AttributeId]| {
            let elsewhere = self.mapping.find(attribute).is_some() || self.mapping.table_on(route).is_some();
            self.parts.side.is_some() && !elsewhere
        };
        match condition {
            Condition::All(all) => all.iter().any(|condition| self.needs_side(condition)),
            Condition::Any(any) => !any.is_empty() && any.iter().all(|condition| self.needs_side(condition)),
            Condition::Compare(comparison) if comparison.operator() != Operator::Ne => {
                is_in_side(comparison.attribute(), comparison.place().route())
            }
            _ => false,
        }
    }

    /// The beginning of a query for ids.
    pub(super) fn ids(&self, tenant: Option<&Param>) -> Statement {
        let id = self.parts.key.id_text("r");
        self.begin(&format!("CAST({id} AS text)"), &from_for_conditions(&self.parts), tenant)
    }

    /// The beginning of a query for ids and keys, both as text.
    pub(super) fn keys(&self, tenant: Option<&Param>) -> Statement {
        let (id, key) = (self.parts.key.id_text("r"), &self.parts.key.column);
        let columns = format!("CAST({id} AS text), CAST(r.{key} AS text)");
        self.begin(&columns, &from_for_conditions(&self.parts), tenant)
    }

    /// The beginning of a query that locks a row of `r` and of `u`.
    pub(super) fn lockable(&self, tenant: Option<&Param>) -> Statement {
        let from = from_with(&self.parts, true, SideJoin::if_needed(&self.parts));
        self.begin(&format!("CAST(r.{} AS text)", self.parts.key.column), &from, tenant)
    }

    /// The beginning of a query of these columns, with the conditions of every row.
    pub(super) fn begin(&self, columns: &str, from: &str, tenant: Option<&Param>) -> Statement {
        let mut statement = Statement::new(self.dialect);
        statement.push("SELECT ").push(columns).push(" FROM ").push(from).push(" WHERE ");
        self.push_rows(&mut statement, tenant);
        statement
    }

    /// Adds the conditions of every row.
    pub(super) fn push_rows(&self, statement: &mut Statement, tenant: Option<&Param>) {
        let placeholder = self.parts.bind_tenant(statement, tenant);
        let conditions = conditions(&self.parts, placeholder.as_deref());
        statement.push(conditions.strip_prefix(" AND ").unwrap_or("TRUE"));
    }

    /// Adds that the row has this id.
    pub(super) fn push_id(&self, statement: &mut Statement, id: &Param) {
        let (column, key_type) = self.parts.key.id();
        let placeholder = statement.placeholder(id.clone(), key_type.cast());
        statement.push(&format!(" AND r.{column} = {placeholder}"));
    }

    /// Adds that the row has one of these ids.
    pub(super) fn push_ids<'a>(&self, statement: &mut Statement, ids: impl IntoIterator<Item = &'a str>) {
        let (column, key_type) = self.parts.key.id();
        let ids: Vec<Param> = ids.into_iter().filter_map(|id| key_type.parse(id)).collect();
        statement.push(" AND ");
        key_type.is_one_of(statement, &format!("r.{column}"), &ids);
    }

    /// Adds that the row has this key, and belongs to the tenant.
    pub(super) fn push_key(&self, statement: &mut Statement, tenant: Option<&Param>, key: &Param) {
        let placeholder = statement.placeholder(key.clone(), self.parts.key.key_type.cast());
        statement.push(&format!("r.{} = {placeholder}", self.parts.key.column));
        self.parts.push_tenant(statement, tenant, "r");
    }

    /// Adds that the row is marked as deleted, belongs to the tenant, and satisfies the other conditions of rows.
    /// `live` is the condition of rows that are not deleted.
    pub(super) fn push_deleted(&self, statement: &mut Statement, tenant: Option<&Param>, live: &str) {
        statement.push(&format!("NOT ({live})"));
        self.parts.push_tenant(statement, tenant, "r");
        for condition in &self.parts.conditions {
            statement.push(&format!(" AND ({condition})"));
        }
    }
}

/// The attributes whose value the database cannot compare: a column has the value in another form, or a complex
/// attribute has a column below it. The document of the latter is outdated when the host changes the column.
fn left_to_core(resource_type: &ResourceType, lenses: &[Lens]) -> Vec<AttributeId> {
    let is_within = |attribute: AttributeId, other: AttributeId| {
        Place::new(resource_type, AttributeId::ROOT, attribute).route().contains(&other)
    };
    let is_left = |attribute: &AttributeId| {
        lenses.iter().any(|lens| {
            let is_outdated = |touched: &AttributeId| *touched != *attribute && is_within(*touched, *attribute);
            let is_incomparable = |touched: &AttributeId| is_within(*attribute, *touched);
            let touched = lens.touched();
            touched.iter().any(is_outdated)
                || (!is_comparable(lens, resource_type) && touched.iter().any(is_incomparable))
        })
    };
    resource_type.attributes().filter(is_left).collect()
}
