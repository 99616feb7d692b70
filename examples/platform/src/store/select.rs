//! How resources are read: one query for what is looked at, their lists included where they are wanted.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use scim_core::{
    Resource,
    filter::Condition,
    schema::{AttributeId, Relation, ResourceType},
    sql::{Dialect, Statement},
    store::{Context, Holder, Scan, StoreError, Stored, Version, Wanted, Window},
    value::{Object, Text, Value},
};

use serde_json::value::RawValue;

use super::{
    references::{is_one_of, look_up_each},
    tables::{KindTable, List},
    tally,
};
use crate::database::{Choice, Row};

/// The queries of a page.
pub(super) struct Queries {
    pub(super) count: Option<Statement>,
    pub(super) page: PageQuery,
}

/// The query of the resources of a page.
pub(super) enum PageQuery {
    One(Statement),
    /// Depends on what the query of the number finds.
    Either(Choice),
}

/// How a query comes to the resources that a filter selects.
#[derive(Clone, Copy, PartialEq)]
enum Access {
    /// As the database chooses.
    Any,
    /// By an index of the filter's values; then they are sorted.
    Found,
    /// In the order of the list, where an index has it.
    InOrder,
}

/// Queries of the resources of one type.
pub(super) struct Select<'a> {
    pub(super) table: &'a KindTable,
    pub(super) kind: &'a Arc<ResourceType>,
    pub(super) dialect: Dialect,
}

impl Select<'_> {
    /// The resources of a tenant, up to what else is asked of them.
    pub(super) fn resources(&self, cx: &Context, wanted: &Wanted<'_>) -> Statement {
        let mut query = Statement::new(self.dialect);
        self.write_resources(&mut query, cx, wanted);
        query
    }

    fn write_resources(&self, query: &mut Statement, cx: &Context, wanted: &Wanted<'_>) {
        self.write_columns(query, wanted);
        self.from(query, cx);
    }

    fn write_columns(&self, query: &mut Statement, wanted: &Wanted<'_>) {
        query.push("SELECT r.version, r.modified, r.document");
        for list in self.lists(wanted) {
            // The values in their order, and an empty text where there are none.
            let from = format!("FROM member AS m WHERE {}", list.of_resource);
            let values = format!("COALESCE((SELECT string_agg(m.element, ',' ORDER BY m.place) {from}), '')");
            match wanted.list_limit().and_then(|limit| i64::try_from(limit).ok()) {
                None => drop(query.push(", ").push(&values)),
                Some(limit) => {
                    // Null where there are more. No more rows are looked at than it takes to know that.
                    let beyond = format!("EXISTS (SELECT 1 {from} ORDER BY m.place LIMIT 1 OFFSET {limit})");
                    query.push(&format!(", CASE WHEN {beyond} THEN NULL ELSE {values} END"));
                }
            }
        }
    }

    /// The resources that have these ids: a look-up for each.
    pub(super) fn many(&self, cx: &Context, ids: &[&str], wanted: &Wanted<'_>) -> Statement {
        let mut query = Statement::new(self.dialect);
        if self.dialect == Dialect::Sqlite {
            self.write_resources(&mut query, cx, wanted);
            query.push(" AND ");
            is_one_of(&mut query, "r.id", ids.iter().copied());
            return query;
        }
        query.push("SELECT r.*");
        look_up_each(&mut query, ids.iter().copied(), |query| {
            self.write_resources(query, cx, wanted);
            query.push(" AND r.id = e.id COLLATE \"C\" LIMIT 1");
        });
        query
    }

    fn from(&self, query: &mut Statement, cx: &Context) {
        query.push(" FROM resource AS r WHERE r.tenant = ").bind(cx.tenant().as_str());
        query.push(" AND r.kind = ").bind(self.kind.name());
    }

    fn lists<'a>(&'a self, wanted: &'a Wanted<'_>) -> impl Iterator<Item = &'a List> {
        self.table.lists.iter().filter(|list| wanted.includes(list.attribute))
    }

    /// The queries of a page: that of its resources, and where it is wanted that of their number.
    pub(super) fn page(&self, cx: &Context, scan: &Scan<'_>) -> Result<Queries, StoreError> {
        if scan.filter.is_empty() {
            let count = scan.count.then(|| tally::total(self.dialect, cx.tenant(), self.kind.name()));
            return Ok(Queries { count, page: PageQuery::One(self.page_as(cx, scan, Access::Any)?) });
        }
        let count = scan.count.then(|| self.count(cx, scan)).transpose()?;
        let find = if self.is_found(scan) && self.may_be_misled(scan) { Access::Found } else { Access::Any };
        let find = self.page_as(cx, scan, find)?;
        let (true, true, Window::Offset { skip, take }) = (scan.count, self.is_in_order(scan), scan.window) else {
            return Ok(Queries { count, page: PageQuery::One(find) });
        };
        let walk = self.page_as(cx, scan, Access::InOrder)?;
        let take = skip.saturating_add(u64::try_from(take).unwrap_or(u64::MAX));
        Ok(Queries { count, page: PageQuery::Either(Choice { find, walk, take }) })
    }

    /// The number of the selected resources, and that of all of the type.
    fn count(&self, cx: &Context, scan: &Scan<'_>) -> Result<Statement, StoreError> {
        let mut count = Statement::new(self.dialect);
        count.push("SELECT count(*), (");
        tally::write_total(&mut count, cx.tenant(), self.kind.name());
        count.push(")");
        self.from(&mut count, cx);
        count.push(" AND ").filter(&self.table.mapping, scan.filter).map_err(StoreError::backend)?;
        Ok(count)
    }

    fn page_as(&self, cx: &Context, scan: &Scan<'_>, access: Access) -> Result<Statement, StoreError> {
        let mapping = &self.table.mapping;
        let mut page = Statement::new(self.dialect);
        self.write_columns(&mut page, scan.wanted);
        match access {
            Access::Any => {
                self.from(&mut page, cx);
                if !scan.filter.is_empty() {
                    page.push(" AND ").filter(mapping, scan.filter).map_err(StoreError::backend)?;
                }
            }
            Access::Found => {
                // The limit keeps the order apart from the filter.
                page.push(" FROM (SELECT r.*");
                self.from(&mut page, cx);
                page.push(" AND ").filter(mapping, scan.filter).map_err(StoreError::backend)?;
                page.push(if self.dialect == Dialect::Sqlite { " LIMIT -1" } else { "" })
                    .push(" OFFSET 0) AS r WHERE TRUE");
            }
            Access::InOrder => {
                // No index serves what is in a CASE, and PostgreSQL takes it to be true for every other resource.
                self.from(&mut page, cx);
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

    /// Whether the database may expect to meet enough resources soon in the order of the list, and read the type in that
    /// order although an index finds the few that there are. SQLite has no statistics of values. PostgreSQL has them,
    /// but of long documents it takes one in a hundred to contain a value: that misleads it about short pages.
    fn may_be_misled(&self, scan: &Scan<'_>) -> bool {
        const SHORT: usize = 100;
        let (Window::Offset { take, .. } | Window::After { take, .. } | Window::Before { take, .. }) = scan.window;
        self.dialect == Dialect::Sqlite || take < SHORT
    }

    /// Whether an index finds the resources that the filter selects.
    fn is_found(&self, scan: &Scan<'_>) -> bool {
        scan.filter.iter().any(|condition| self.finds(condition))
    }

    /// Whether an index finds what a condition selects.
    pub(super) fn finds(&self, condition: &Condition) -> bool {
        self.table.mapping.finds(self.dialect, condition)
    }

    /// The query of the number of resources that a condition selects, if there are no more than `most`.
    pub(super) fn count_up_to(
        &self,
        count: &mut Statement,
        cx: &Context,
        condition: &Condition,
        most: u64,
    ) -> Result<(), StoreError> {
        count.push("SELECT count(*) FROM (SELECT 1 AS one");
        self.from(count, cx);
        count.push(" AND ").filter(&self.table.mapping, &[condition]).map_err(StoreError::backend)?;
        count.push(&format!(" LIMIT {}) AS counted", i64::try_from(most).unwrap_or(i64::MAX)));
        Ok(())
    }

    /// The resource that a row of [`Select::resources`] has.
    pub(super) fn stored(&self, mut row: Row, wanted: &Wanted<'_>) -> Result<Stored, StoreError> {
        let version = Version::new(row.text(0)?).map_err(StoreError::backend)?;
        let modified = row.optional_text(1)?;
        let mut json = row.text(2)?;
        if let Some(attributes) = wanted.attributes() {
            json = part(self.kind, &json, attributes)?;
        }
        let mut complete = true;
        for (index, list) in self.lists(wanted).enumerate() {
            match row.optional_text(3 + index)? {
                Some(values) if values.is_empty() => {}
                Some(values) => insert(&mut json, &list.name, &values)?,
                None => complete = false,
            }
        }
        let mut resource = Resource::from_json(self.kind, json.as_bytes()).map_err(StoreError::backend)?;
        if let Some(modified) = modified.and_then(|text| text.parse::<DateTime<Utc>>().ok()) {
            set_modified(&mut resource, modified);
        }
        Ok(Stored { complete, ..Stored::new(resource, version) })
    }

    /// Who refers to `ids` by the list of the relation, of which this is the holders' type: each with the id that it
    /// refers to and its document.
    pub(super) fn holders(&self, cx: &Context, relation: &Relation, ids: &[&str]) -> Result<Statement, StoreError> {
        let list = self.table.list(relation.list())?;
        let mut query = Statement::new(self.dialect);
        query.push("SELECT m.value, r.id, r.document FROM member AS m JOIN resource AS r ON ").push(&list.of_resource);
        query.push(" WHERE m.tenant = ").bind(cx.tenant().as_str());
        query.push(" AND r.kind = ").bind(self.kind.name()).push(" AND ");
        is_one_of(&mut query, "m.value", ids.iter().copied());
        Ok(query)
    }

    /// The holders that rows of [`Select::holders`] have. A holder that many refer to is read once.
    pub(super) fn read_holders(&self, rows: Vec<Row>, relation: &Relation) -> Result<Vec<Holder>, StoreError> {
        let mut known: HashMap<String, (Text, Option<Text>)> = HashMap::new();
        let mut holders = Vec::with_capacity(rows.len());
        for mut row in rows {
            let (value, id) = (row.text(0)?, row.text(1)?);
            let (id, display) = if let Some(holder) = known.get(&id) {
                holder.clone()
            } else {
                let resource = Resource::from_json(self.kind, row.text(2)?.as_bytes()).map_err(StoreError::backend)?;
                let display = resource.value(relation.display()).and_then(Value::as_str).map(Into::into);
                known.entry(id).or_insert_with_key(|id| (id.as_str().into(), display)).clone()
            };
            holders.push(Holder { value: value.as_str().into(), id, display });
        }
        Ok(holders)
    }
}

fn set_modified(resource: &mut Resource, modified: DateTime<Utc>) {
    let root = resource.root_mut();
    if !root.contains(AttributeId::META) {
        root.insert(AttributeId::META, Value::Complex(Object::new()));
    }
    if let Some(Value::Complex(meta)) = root.get_mut(AttributeId::META) {
        meta.insert(AttributeId::META_LAST_MODIFIED, Value::DateTime(modified));
    }
}

/// The JSON of some attributes of a resource. To read the others would take most of the time.
fn part(kind: &ResourceType, json: &str, attributes: &[AttributeId]) -> Result<String, StoreError> {
    let members: HashMap<&str, &RawValue> = serde_json::from_str(json).map_err(StoreError::backend)?;
    let mut part: BTreeMap<String, &RawValue> = BTreeMap::new();
    for attribute in attributes.iter().chain(&[AttributeId::ID]) {
        let name = kind.path(*attribute);
        if let Some(value) = members.get(name.as_str()) {
            part.insert(name, value);
        }
    }
    serde_json::to_string(&part).map_err(StoreError::backend)
}

/// Puts a list into the JSON of a resource, which ends in a brace.
fn insert(json: &mut String, name: &str, values: &str) -> Result<(), StoreError> {
    if json.pop() != Some('}') {
        return Err(StoreError::backend("expected the JSON of a resource"));
    }
    // An object that has nothing yet.
    if !json.ends_with('{') {
        json.push(',');
    }
    let name = serde_json::to_string(name).map_err(StoreError::backend)?;
    for part in [name.as_str(), ":[", values, "]}"] {
        json.push_str(part);
    }
    Ok(())
}
