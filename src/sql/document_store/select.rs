//! Queries that read resources: one query per type reads the resources and the requested reference lists.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{
    super::{
        database::Row,
        statement::{Dialect, Statement},
    },
    read::Choice,
    tables::{KindTable, List},
    tally,
};
use crate::{
    filter::{Comparand, Condition, Operator},
    resource::Resource,
    schema::{AttributeId, Relation, ResourceType},
    store::{RequestContext, RequestedAttributes, Scan, StoreError, Stored, Version, Window},
};

/// The queries of a page.
pub(super) struct Queries {
    pub(super) count: Option<Statement>,
    pub(super) page: PageQuery,
}

/// The query for the resources of a page.
pub(super) enum PageQuery {
    One(Statement),
    /// The choice depends on the result of the count query.
    Either(Choice),
}

/// How a query reaches the resources that a filter selects.
#[derive(Clone, Copy, PartialEq)]
enum Access {
    /// The database chooses.
    Any,
    /// The ids of the page first: an index of the filter's values finds resources, or all of them are sorted, and
    /// only the resources of the page are read.
    Found,
    /// In the order of the list, where an index has that order.
    InOrder,
}

/// The column of the document in the rows of resources. The reference lists follow it.
pub(super) const DOCUMENT: usize = 2;

/// The size in bytes that a value of a list seldom exceeds, and the minimum size: `{"value":""}`.
const LONG: i64 = 128 << 10;
const SHORT: i64 = 12;

/// Queries for the resources of one type.
pub(super) struct Select<'a> {
    pub(super) table: &'a KindTable,
    pub(super) resource_type: &'a Arc<ResourceType>,
    pub(super) dialect: Dialect,
}

impl Select<'_> {
    /// Begins the query for the resources of a tenant; the caller appends further conditions.
    pub(super) fn resources(&self, context: &RequestContext, requested: &RequestedAttributes<'_>) -> Statement {
        let mut query = Statement::new(self.dialect);
        self.write_resources(&mut query, context, requested);
        query
    }

    fn write_resources(&self, query: &mut Statement, context: &RequestContext, requested: &RequestedAttributes<'_>) {
        self.write_columns(query, requested);
        self.from(query, context);
    }

    fn write_columns(&self, query: &mut Statement, requested: &RequestedAttributes<'_>) {
        query.push("SELECT r.version, r.modified, r.document");
        for list in self.lists(requested) {
            // The values in their order, an empty text for an empty list, and NULL for a list that is not
            // requested.
            let from = format!("FROM member AS m WHERE {}", list.of_resource);
            let values = match self.dialect {
                Dialect::Sqlite => {
                    format!("COALESCE((SELECT string_agg(m.element, ',' ORDER BY m.place) {from}), '')")
                }
                // An index has the rows in this order, but PostgreSQL sorts them again for an aggregate.
                _ => format!("array_to_string(ARRAY(SELECT m.element {from} ORDER BY m.place), ',')"),
            };
            let mut unwanted = Vec::new();
            if let Some(limit) = requested.list_limit().and_then(|limit| i64::try_from(limit).ok()) {
                // No more rows are read than necessary to learn whether the list is longer.
                unwanted
                    .push(format!("WHEN EXISTS (SELECT 1 {from} ORDER BY m.place LIMIT 1 OFFSET {limit}) THEN NULL"));
            }
            if let Some(limit) =
                requested.byte_limit().and_then(|limit| i64::try_from(limit.clamp(1, 1 << 40).next_power_of_two()).ok())
            {
                // A power of two limits the number of statement texts to keep prepared. Short lists are not
                // measured: each value takes a position, and an ordinary value has less than `LONG` bytes. As no
                // value is shorter than `SHORT`, `many` values prove that the list is too long.
                let (few, many) = (limit / LONG, limit / SHORT + 1);
                let sizes = format!("SELECT octet_length(m.element) AS size {from} LIMIT {many}");
                let is_long = format!("(SELECT sum(e.size) FROM ({sizes}) AS e) > {limit}");
                unwanted.push(format!("WHEN r.places > {few} AND {is_long} THEN NULL"));
            }
            if unwanted.is_empty() {
                query.push(", ").push(&values);
            } else {
                // One condition after the other: a list with too many values is not measured.
                query.push(&format!(", CASE {} ELSE {values} END", unwanted.join(" ")));
            }
        }
    }

    /// The resources with these ids: a look-up for each id.
    pub(super) fn many(
        &self,
        context: &RequestContext,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Statement {
        let mut query = Statement::new(self.dialect);
        if self.dialect == Dialect::Sqlite {
            self.write_resources(&mut query, context, requested);
            query.push(" AND ");
            query.is_one_of("r.id", ids.iter().copied());
            return query;
        }
        query.push("SELECT r.*");
        query.look_up_each(ids.iter().copied(), |query| {
            self.write_resources(query, context, requested);
            query.push(" AND r.id = e.id COLLATE \"C\" LIMIT 1");
        });
        query
    }

    fn from(&self, query: &mut Statement, context: &RequestContext) {
        query.push(" FROM resource AS r WHERE r.tenant = ").bind(context.tenant().as_str());
        query.push(" AND r.kind = ").bind(self.resource_type.name());
    }

    /// Continues a query with the resources that satisfy the conditions.
    fn selected(
        &self,
        query: &mut Statement,
        context: &RequestContext,
        conditions: &[&Condition],
    ) -> Result<(), StoreError> {
        self.from(query, context);
        if !conditions.is_empty() {
            query.push(" AND ").filter(&self.table.mapping, conditions).map_err(StoreError::backend)?;
        }
        Ok(())
    }

    fn lists<'a>(&'a self, requested: &'a RequestedAttributes<'_>) -> impl Iterator<Item = &'a List> {
        self.table.lists.iter().filter(|list| requested.includes(list.attribute))
    }

    /// The queries of a page: the query for its resources and, if requested, the query for their number.
    pub(super) fn page(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Queries, StoreError> {
        if scan.filter.is_empty() {
            let count = scan.count.then(|| tally::total(self.dialect, context.tenant(), self.resource_type.name()));
            let access = if self.is_in_order(scan) { Access::Any } else { Access::Found };
            return Ok(Queries { count, page: PageQuery::One(self.page_as(context, scan, access)?) });
        }
        let count = scan.count.then(|| self.count(context, scan)).transpose()?;
        let is_found = self.is_found(scan) && self.may_be_misled(scan);
        let find = if is_found || !self.is_in_order(scan) { Access::Found } else { Access::Any };
        let find = self.page_as(context, scan, find)?;
        let (true, true, Window::Offset { skip, take }) = (scan.count, self.is_in_order(scan), scan.window) else {
            return Ok(Queries { count, page: PageQuery::One(find) });
        };
        let walk = self.page_as(context, scan, Access::InOrder)?;
        let take = skip.saturating_add(u64::try_from(take).unwrap_or(u64::MAX));
        Ok(Queries { count, page: PageQuery::Either(Choice { find, walk, take }) })
    }

    /// The number of the selected resources, and the number of all resources of the type.
    fn count(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Statement, StoreError> {
        let mut count = Statement::new(self.dialect);
        count.push("SELECT count(*), (");
        tally::write_total(&mut count, context.tenant(), self.resource_type.name());
        count.push(")");
        self.selected(&mut count, context, scan.filter)?;
        Ok(count)
    }

    fn page_as(&self, context: &RequestContext, scan: &Scan<'_>, access: Access) -> Result<Statement, StoreError> {
        let mapping = &self.table.mapping;
        let mut page = Statement::new(self.dialect);
        self.write_columns(&mut page, scan.requested);
        match access {
            Access::Any => self.selected(&mut page, context, scan.filter)?,
            Access::Found => {
                // A sort of the resources themselves would carry their documents.
                self.from(&mut page, context);
                page.push(" AND r.id IN (SELECT r.id FROM (SELECT r.*");
                self.selected(&mut page, context, scan.filter)?;
                // The limit separates the order from the filter.
                page.push(if self.dialect == Dialect::Sqlite { " LIMIT -1" } else { "" })
                    .push(" OFFSET 0) AS r WHERE TRUE");
                page.window(mapping, scan.sort, scan.window).map_err(StoreError::backend)?;
                page.push(")");
                page.window(mapping, scan.sort, whole(scan.window)).map_err(StoreError::backend)?;
                return Ok(page);
            }
            Access::InOrder => {
                // No index serves a condition inside CASE, and PostgreSQL estimates that the condition holds for
                // every other resource.
                self.from(&mut page, context);
                page.push(" AND CASE WHEN ").filter(mapping, scan.filter).map_err(StoreError::backend)?;
                page.push(" THEN TRUE ELSE FALSE END");
            }
        }
        page.window(mapping, scan.sort, scan.window).map_err(StoreError::backend)?;
        Ok(page)
    }

    /// Whether an index has the resources in the order of the list.
    pub(super) fn is_in_order(&self, scan: &Scan<'_>) -> bool {
        scan.sort.is_none_or(|sort| self.table.mapping.leads(self.dialect, sort))
    }

    /// Whether the database may expect to find enough resources soon in the order of the list, and therefore read
    /// the type in that order although an index finds the few matches. SQLite has no statistics of values.
    /// PostgreSQL has none of documents, and assumes that one in a hundred contains a given value, which misleads it
    /// about short pages.
    fn may_be_misled(&self, scan: &Scan<'_>) -> bool {
        const SHORT: usize = 100;
        let (Window::Offset { take, .. } | Window::After { take, .. } | Window::Before { take, .. }) = scan.window;
        self.dialect == Dialect::Sqlite || take < SHORT
    }

    /// Whether an index finds the few resources that the filter selects.
    fn is_found(&self, scan: &Scan<'_>) -> bool {
        scan.filter.iter().any(|condition| self.finds_few(condition))
    }

    /// Whether an index finds the resources that a condition selects, and the database may not know how few they are. A
    /// range of texts may be most of the type; PostgreSQL has statistics of the texts in an index.
    pub(super) fn finds_few(&self, condition: &Condition) -> bool {
        let is_range = |operator| matches!(operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le);
        match condition {
            Condition::Any(any) => any.iter().all(|condition| self.finds_few(condition)),
            Condition::Compare(comparison)
                if self.dialect == Dialect::Postgres
                    && is_range(comparison.operator())
                    && matches!(comparison.operand(), Comparand::Exact(_) | Comparand::Folded(_)) =>
            {
                false
            }
            condition => self.finds(condition),
        }
    }

    /// Whether an index finds the resources that a condition selects.
    pub(super) fn finds(&self, condition: &Condition) -> bool {
        self.table.mapping.finds(self.dialect, condition)
    }

    /// Writes the query for the number of resources that a condition selects, counted up to `most`.
    pub(super) fn count_up_to(
        &self,
        count: &mut Statement,
        context: &RequestContext,
        condition: &Condition,
        most: u64,
    ) -> Result<(), StoreError> {
        count.push("SELECT count(*) FROM (SELECT 1 AS one");
        self.selected(count, context, &[condition])?;
        count.push(&format!(" LIMIT {}) AS counted", i64::try_from(most).unwrap_or(i64::MAX)));
        Ok(())
    }

    /// The resource in a row of [`Select::resources`].
    pub(super) fn stored(&self, mut row: Row, requested: &RequestedAttributes<'_>) -> Result<Stored, StoreError> {
        let version = Version::new(row.required_text(0)?).map_err(StoreError::backend)?;
        let modified = row.text(1)?;
        let mut json = row.required_text(DOCUMENT)?;
        if let Some(attributes) = requested.attributes() {
            json = part(self.resource_type, &json, attributes)?;
        }
        let mut complete = true;
        for (index, list) in self.lists(requested).enumerate() {
            match row.text(DOCUMENT + 1 + index)? {
                Some(values) if values.is_empty() => {}
                Some(values) => insert(&mut json, &list.name, &values)?,
                None => complete = false,
            }
        }
        let mut resource = Resource::from_json(self.resource_type, json.as_bytes()).map_err(StoreError::backend)?;
        if let Some(modified) = modified.and_then(|text| text.parse::<DateTime<Utc>>().ok()) {
            resource.set_times(None, modified);
        }
        Ok(Stored { complete, ..Stored::new(resource, version) })
    }

    /// The query for the referrers of `ids` by the list of the relation, where this is the referrers' type: each
    /// row has the id that the referrer refers to, and the referrer's id and document.
    pub(super) fn referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        ids: &[&str],
    ) -> Result<Statement, StoreError> {
        let list = self.table.list(relation.list())?;
        let mut query = Statement::new(self.dialect);
        query.push("SELECT m.value, r.id, r.document FROM member AS m JOIN resource AS r ON ").push(&list.of_resource);
        query.push(" WHERE m.tenant = ").bind(context.tenant().as_str());
        query.push(" AND r.kind = ").bind(self.resource_type.name()).push(" AND ");
        query.is_one_of("m.value", ids.iter().copied());
        Ok(query)
    }
}

/// The window of all resources of a page, in the order of the page.
fn whole(window: Window<'_>) -> Window<'_> {
    match window {
        Window::Offset { take, .. } => Window::Offset { skip: 0, take },
        Window::After { take, .. } => Window::After { last: None, take },
        Window::Before { take, .. } => Window::Before { first: None, take },
    }
}

/// The JSON of some attributes of a resource. Parsing the other attributes would take most of the time.
pub(super) fn part(resource_type: &ResourceType, json: &str, attributes: &[AttributeId]) -> Result<String, StoreError> {
    let members: HashMap<&str, &RawValue> = serde_json::from_str(json).map_err(StoreError::backend)?;
    let mut part: BTreeMap<String, &RawValue> = BTreeMap::new();
    for attribute in attributes.iter().chain(&[AttributeId::ID]) {
        let name = resource_type.path(*attribute);
        if let Some(value) = members.get(name.as_str()) {
            part.insert(name, value);
        }
    }
    serde_json::to_string(&part).map_err(StoreError::backend)
}

/// Inserts a list into the JSON of a resource, which ends with a brace.
fn insert(json: &mut String, name: &str, values: &str) -> Result<(), StoreError> {
    if json.pop() != Some('}') {
        return Err(StoreError::backend("expected the JSON of a resource"));
    }
    // An object without members needs no comma.
    if !json.ends_with('{') {
        json.push(',');
    }
    let name = serde_json::to_string(name).map_err(StoreError::backend)?;
    for part in [name.as_str(), ":[", values, "]}"] {
        json.push_str(part);
    }
    Ok(())
}
