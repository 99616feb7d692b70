//! Reference lists as rows: the values that are added, removed and present.
//!
//! Each statement names its values, so that its cost depends on the edit and not on the list.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    super::{
        counted::Counted,
        database::{Row, Session},
        statement::{Dialect, Statement},
    },
    spent::of_added_references,
    tables::List,
};
use crate::{
    patch::ValueEdit,
    resource::value_json,
    schema::ResourceType,
    store::{StoreError, TenantId},
    value::{Object, Text, Value},
};

/// The maximum number of values that an edit removes without naming them.
const MOST_CLEARED: i64 = 200_000;

/// Adds the condition that `column` differs from all of the ids. PostgreSQL hashes the rows of a query, but would
/// search an array for every row of the list.
fn is_none_of<'a>(query: &mut Statement, column: &str, ids: impl IntoIterator<Item = &'a str>) {
    query.push(column);
    match query.dialect() {
        Dialect::Sqlite => query.push(" NOT IN (SELECT e.value FROM json_each(").bind_array(ids).push(") AS e)"),
        _ => query.push(" NOT IN (SELECT jsonb_array_elements_text(").bind_array(ids).push("::text::jsonb))"),
    };
}

/// The values as one parameter, a JSON array.
fn array<T: serde::Serialize>(values: &[T]) -> String {
    // Serializing text, or arrays of text, cannot fail.
    serde_json::to_string(values).unwrap_or_default()
}

/// The query for the resource types of the resources with these ids.
pub(super) fn resource_types<'a>(
    dialect: Dialect,
    tenant: &TenantId,
    ids: impl IntoIterator<Item = &'a str>,
) -> Statement {
    look_up_types(dialect, tenant, ids, "")
}

/// As [`resource_types`], with a lock. PostgreSQL locks the rows in the order of the ids.
fn look_up_types<'a>(
    dialect: Dialect,
    tenant: &TenantId,
    ids: impl IntoIterator<Item = &'a str>,
    lock: &str,
) -> Statement {
    let mut query = Statement::new(dialect);
    if dialect == Dialect::Sqlite {
        query.push("SELECT id, kind FROM resource WHERE tenant = ").bind(tenant.as_str()).push(" AND ");
        query.is_one_of("id", ids);
        return query;
    }
    query.push("SELECT r.id, r.kind");
    query.look_up_each(ids, |query| {
        query.push("SELECT id, kind FROM resource WHERE tenant = ").bind(tenant.as_str());
        query.push(" AND id = e.id COLLATE \"C\" LIMIT 1").push(lock);
    });
    query
}

/// The resource types in the result of [`resource_types`], by id.
pub(super) fn by_id(rows: impl IntoIterator<Item = Row>) -> Result<HashMap<String, String>, StoreError> {
    rows.into_iter().map(|mut row| Ok((row.required_text(0)?, row.required_text(1)?))).collect()
}

/// A reference list of one resource, in a transaction that has locked the resource's row.
pub(super) struct Held<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) resource_type: &'a ResourceType,
    pub(super) holder: &'a str,
    pub(super) list: &'a List,
    /// The position of the next value. Positions only grow, so that stored values keep their order.
    pub(super) next: i64,
}

impl Held<'_> {
    /// Applies an edit. Returns the values that were actually removed and added.
    pub(super) async fn edit<S: Session>(
        &mut self,
        session: &mut Counted<'_, S>,
        edit: &ValueEdit,
    ) -> Result<ValueEdit, StoreError> {
        let coming: HashSet<&str> = edit.add.iter().filter_map(|element| self.value_of(element)).collect();
        let mut effect = ValueEdit::default();
        if edit.clear {
            self.check_length(session).await?;
            let mut delete = self.rows(session.dialect(), "DELETE FROM member");
            if !coming.is_empty() {
                delete.push(" AND (value IS NULL OR ");
                is_none_of(&mut delete, "value", coming);
                delete.push(")");
            }
            effect.remove = gone(session, delete).await?;
        } else {
            let going: Vec<&str> = edit.remove.iter().map(Text::as_str).filter(|id| !coming.contains(id)).collect();
            if !going.is_empty() {
                effect.remove = gone(session, self.deletion(session.dialect(), going)).await?;
            }
        }
        effect.add = self.add(session, &edit.add).await?;
        Ok(effect)
    }

    /// Deletes the rows of these values. PostgreSQL looks up the position of each value first: with the values alone,
    /// it can read the whole list, as long as it has no recent statistics.
    fn deletion(&self, dialect: Dialect, values: Vec<&str>) -> Statement {
        let mut delete = self.rows(dialect, "DELETE FROM member");
        if dialect == Dialect::Sqlite {
            delete.push(" AND ");
            delete.is_one_of("value", values);
            return delete;
        }
        delete.push(" AND place = ANY (ARRAY (SELECT r.place");
        delete.look_up_each(values, |query| {
            self.write_rows(query, "SELECT place FROM member");
            query.push(" AND value = e.id COLLATE \"C\" LIMIT 1");
        });
        delete.push("))");
        delete
    }

    /// Refuses to clear a list with more values than [`MOST_CLEARED`]: the removed values are reported, and kept
    /// in memory until then.
    async fn check_length<S: Session>(&self, session: &mut S) -> Result<(), StoreError> {
        let mut query = self.rows(session.dialect(), "SELECT 1 FROM member");
        query.push(" ORDER BY place LIMIT 1 OFFSET ").bind(MOST_CLEARED);
        if session.rows(&query).await?.is_empty() { Ok(()) } else { Err(StoreError::TooMany) }
    }

    /// Replaces the list by `elements`. Stored values that stay keep their positions. Returns the growth of the
    /// list, in values.
    pub(super) async fn set<S: Session>(
        &mut self,
        session: &mut Counted<'_, S>,
        elements: &[Value],
    ) -> Result<i64, StoreError> {
        let mut query = self.rows(session.dialect(), "SELECT place, value, element FROM member");
        query.push(" ORDER BY place");
        let elements: Vec<&Object> = elements.iter().filter_map(Value::as_object).collect();
        let mut coming: HashMap<&str, String> = HashMap::with_capacity(elements.len());
        for element in &elements {
            if let Some(value) = self.value_of(element) {
                coming.entry(value).or_insert_with(|| self.json(element));
            }
        }
        let mut going = Vec::new();
        for mut row in session.rows(&query).await? {
            let (place, value, element) = (row.required_integer(0)?, row.text(1)?, row.required_text(2)?);
            // A reference without `value` cannot be matched with a stored reference: it is deleted and inserted
            // again.
            if value.and_then(|value| coming.get(value.as_str())) != Some(&element) {
                going.push(place);
            }
        }
        if !going.is_empty() {
            let mut delete = self.rows(session.dialect(), "DELETE FROM member");
            let places = array(&going);
            match session.dialect() {
                Dialect::Sqlite => {
                    delete.push(" AND place IN (SELECT e.value FROM json_each(").bind(places).push(") AS e)")
                }
                _ => delete
                    .push(" AND place = ANY (ARRAY (SELECT jsonb_array_elements_text(")
                    .bind(places)
                    .push("::text::jsonb)::bigint))"),
            };
            session.execute(&delete).await?;
        }
        let added = self.add(session, elements).await?.len();
        let length = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        Ok(length(added).saturating_sub(length(going.len())))
    }

    /// Adds the values that are missing from the list. Returns these values.
    async fn add<'a, S: Session>(
        &mut self,
        session: &mut Counted<'_, S>,
        elements: impl IntoIterator<Item = &'a Object>,
    ) -> Result<Vec<Object>, StoreError> {
        let mut named = HashSet::new();
        let elements: Vec<&Object> = elements
            .into_iter()
            .filter(|element| self.value_of(element).is_none_or(|value| named.insert(value)))
            .collect();
        if elements.is_empty() {
            return Ok(Vec::new());
        }
        let there = self.there(session, named).await?;
        let is_new = |element: &&Object| self.value_of(element).is_none_or(|value| !there.contains(value));
        let new: Vec<&Object> = elements.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        self.check(session, &new).await?;
        self.insert(session, &new).await?;
        Ok(new.into_iter().cloned().collect())
    }

    async fn there<S: Session>(&self, session: &mut S, values: HashSet<&str>) -> Result<HashSet<String>, StoreError> {
        let mut query;
        if session.dialect() == Dialect::Sqlite {
            query = self.rows(Dialect::Sqlite, "SELECT value FROM member");
            query.push(" AND ");
            query.is_one_of("value", values);
        } else {
            query = Statement::new(session.dialect());
            query.push("SELECT r.value");
            query.look_up_each(values, |query| {
                self.write_rows(query, "SELECT value FROM member");
                query.push(" AND value = e.id COLLATE \"C\" LIMIT 1");
            });
        }
        session.rows(&query).await?.into_iter().map(|mut row| row.required_text(0)).collect()
    }

    /// Refuses a value that is not the id of a resource of an allowed type. The referenced resources are locked
    /// against deletion until the commit.
    async fn check<S: Session>(&self, session: &mut S, elements: &[&Object]) -> Result<(), StoreError> {
        let values: Vec<&str> = elements.iter().filter_map(|element| self.value_of(element)).collect();
        // A fixed order prevents a deadlock of two transactions that lock the same resources.
        let ordered: BTreeSet<&str> = values.iter().copied().collect();
        let query = look_up_types(session.dialect(), self.tenant, ordered, " FOR KEY SHARE");
        let found = by_id(session.rows(&query).await?)?;
        let fits = |value: &&str| {
            let resource_type = found.get(*value);
            resource_type.is_some_and(|resource_type| self.list.refers_to.iter().any(|name| **name == **resource_type))
        };
        match values.iter().find(|value| !fits(value)) {
            Some(value) => Err(StoreError::BadReference { attribute: self.list.attribute, value: (*value).into() }),
            None => Ok(()),
        }
    }

    async fn insert<S: Session>(
        &mut self,
        session: &mut Counted<'_, S>,
        elements: &[&Object],
    ) -> Result<(), StoreError> {
        let rows: Vec<[Option<String>; 2]> = elements
            .iter()
            .map(|element| [self.value_of(element).map(str::to_owned), Some(self.json(element))])
            .collect();
        let mut insert = Statement::new(session.dialect());
        insert.push("INSERT INTO member (tenant, holder, list, place, value, element) SELECT ");
        insert.bind(self.tenant.as_str()).push(text(session)).push(", ");
        insert.bind(self.holder).push(text(session)).push(", ");
        insert.bind(self.list.name.as_str()).push(text(session)).push(", ");
        let rows = array(&rows);
        match session.dialect() {
            Dialect::Sqlite => insert
                .bind(self.next)
                .push(" + e.key, e.value ->> 0, e.value ->> 1 FROM json_each(")
                .bind(rows)
                .push(") AS e"),
            _ => insert
                .bind(self.next)
                .push("::bigint + e.key - 1, e.value ->> 0, e.value ->> 1 FROM jsonb_array_elements(")
                .bind(rows)
                .push("::text::jsonb) WITH ORDINALITY AS e (value, key)"),
        };
        let inserted = session.execute(&insert).await?;
        session.spend(of_added_references(session.dialect(), inserted));
        self.next = self.next.saturating_add(i64::try_from(inserted).map_err(StoreError::backend)?);
        Ok(())
    }

    /// Begins a statement about the rows of the list.
    fn rows(&self, dialect: Dialect, verb: &str) -> Statement {
        let mut statement = Statement::new(dialect);
        self.write_rows(&mut statement, verb);
        statement
    }

    fn write_rows(&self, statement: &mut Statement, verb: &str) {
        statement.push(verb).push(" WHERE tenant = ").bind(self.tenant.as_str());
        statement.push(" AND holder = ").bind(self.holder);
        statement.push(" AND list = ").bind(self.list.name.as_str());
    }

    fn value_of<'a>(&self, element: &'a Object) -> Option<&'a str> {
        element.get(self.resource_type.value_of(self.list.attribute)?)?.as_str()
    }

    fn json(&self, element: &Object) -> String {
        value_json(self.resource_type, self.list.attribute, &Value::Complex(element.clone()))
    }
}

/// Deletes rows of a list, and returns the ids that they referred to.
async fn gone<S: Session>(session: &mut S, mut delete: Statement) -> Result<Vec<Text>, StoreError> {
    delete.push(" RETURNING value");
    let mut gone = Vec::new();
    for mut row in session.rows(&delete).await? {
        gone.extend(row.text(0)?.map(|value| Text::from(value.as_str())));
    }
    Ok(gone)
}

/// The cast for a parameter that stands alone, whose type PostgreSQL cannot infer.
fn text<S: Session>(session: &S) -> &'static str {
    if session.dialect() == Dialect::Postgres { "::text" } else { "" }
}
