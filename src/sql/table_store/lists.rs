//! Lists of references: the rows that a page needs, the referrers of resources, and edits whose cost depends on the
//! edit.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    super::{
        database::Session,
        layout::{Join, KeyType},
        statement::{Dialect, Param, Statement},
    },
    read::{BYTES, Fetch, Found, id_text},
    tables::{Tables, TypeTable, joined_for_conditions},
};
use crate::{
    patch::ValueEdit,
    schema::AttributeId,
    store::StoreError,
    value::{Object, Text, Value},
};

/// The size of a value of a list in memory, besides its id.
const VALUE: usize = 96;

/// The maximum number of values that an edit removes without naming them.
const MOST_CLEARED: usize = 200_000;

/// A list of references of one type to resources of another, with everything that its statements need.
struct Rows<'a> {
    join: &'a Join,
    holder: &'a TypeTable,
    value: &'a TypeTable,
    tenant: Option<&'a Param>,
}

impl<'a> Rows<'a> {
    fn new(
        tables: &'a Tables,
        holder: &'a TypeTable,
        join: &'a Join,
        tenant: Option<&'a Param>,
    ) -> Result<Self, StoreError> {
        let (_, value) = tables.find(&join.resource_type)?;
        Ok(Self { join, holder, value, tenant })
    }

    /// Adds the condition of the rows of the tenant, after `AND`.
    fn push_tenant(&self, statement: &mut Statement, alias: &str) {
        if let (Some(column), Some((_, key_type)), Some(tenant)) =
            (&self.join.tenant, &self.holder.parts.tenant, self.tenant)
        {
            let placeholder = statement.placeholder(tenant.clone(), key_type.cast());
            statement.push(&format!(" AND {alias}{column} = {placeholder}"));
        }
    }

    fn push_holder(&self, statement: &mut Statement, key: &Param) {
        let placeholder = statement.placeholder(key.clone(), self.holder.parts.key.key_type.cast());
        statement.push(&format!("{} = {placeholder}", self.join.holder));
    }
}

/// Reads a list of the resources of a page. Returns the number of resources whose lists fit, at least one: a list that
/// is longer than the limits is left out, and the resource is marked as incomplete.
pub(super) async fn read<S: Session>(
    session: &mut S,
    tables: &Tables,
    table: &TypeTable,
    fetch: &Fetch,
    list: AttributeId,
    found: &mut [Found],
    room: &mut usize,
) -> Result<usize, StoreError> {
    let Some(value) = table.resource_type.value_of(list) else { return Ok(found.len()) };
    let key_type = table.parts.key.key_type;
    let keys: Vec<Param> = found.iter().filter_map(|found| key_type.parse(&found.key)).collect();
    let mut lengths: HashMap<String, usize> = HashMap::new();
    for join in table.parts.joins(list) {
        let rows = Rows::new(tables, table, join, fetch.tenant())?;
        let mut query = Statement::new(table.dialect);
        query.push(&format!("SELECT CAST(m.{} AS text), count(*) FROM {} AS m WHERE ", join.holder, join.table));
        key_type.is_one_of(&mut query, &format!("m.{}", join.holder), &keys);
        rows.push_tenant(&mut query, "m.");
        query.push(&format!(" GROUP BY m.{}", join.holder));
        for mut row in session.query(&query, BYTES).await?.into_rows() {
            let (Some(key), Some(length)) = (id_text(&mut row, 0), row.integer(1)?) else { continue };
            *lengths.entry(key).or_default() += usize::try_from(length).unwrap_or(usize::MAX);
        }
    }
    let mut wanted = Vec::new();
    let mut kept = found.len();
    for (index, found) in found.iter_mut().enumerate() {
        let length = lengths.get(&found.key).copied().unwrap_or_default();
        let size = length.saturating_mul(VALUE);
        if fetch.list_limit().is_some_and(|limit| length > limit) {
            found.is_complete = false;
        } else if size <= *room {
            *room -= size;
            wanted.extend((length > 0).then(|| key_type.parse(&found.key)).flatten());
        } else if index == 0 {
            found.is_complete = false;
        } else {
            kept = index;
            break;
        }
    }
    if wanted.is_empty() {
        return Ok(kept);
    }
    let mut values: HashMap<String, Vec<Value>> = HashMap::new();
    for join in table.parts.joins(list) {
        let rows = Rows::new(tables, table, join, fetch.tenant())?;
        let query = values_of(&rows, &wanted);
        for mut row in session.query(&query, usize::MAX).await?.into_rows() {
            let (Some(key), Some(id)) = (id_text(&mut row, 0), id_text(&mut row, 1)) else { continue };
            values.entry(key).or_default().push(element(table, list, value, &id, &join.resource_type));
        }
    }
    for found in found {
        if let Some(values) = values.remove(&found.key) {
            found.resource.root_mut().insert(list, Value::List(values));
        }
    }
    Ok(kept)
}

/// The query for the values of the lists of these holders, as keys of holders and ids of values.
fn values_of(rows: &Rows<'_>, holders: &[Param]) -> Statement {
    let (join, value) = (rows.join, &rows.value.parts);
    let mut query = Statement::new(rows.holder.dialect);
    query.push(&format!(
        "SELECT CAST(m.{} AS text), CAST({} AS text) FROM {} AS m JOIN {} AS r ON r.{} = m.{}{} WHERE ",
        join.holder,
        value.key.id_text("r"),
        join.table,
        value.table,
        value.key.column,
        join.value,
        joined_for_conditions(value),
    ));
    rows.holder.parts.key.key_type.is_one_of(&mut query, &format!("m.{}", join.holder), holders);
    rows.push_tenant(&mut query, "m.");
    query.push(" AND ");
    rows.value.push_rows(&mut query, rows.tenant);
    query.push(" ORDER BY 1, 2");
    query
}

/// An element of a list. Its `type` follows from the table.
fn element(table: &TypeTable, list: AttributeId, value: AttributeId, id: &str, resource_type: &str) -> Value {
    let mut element = Object::with_capacity(2);
    element.insert(value, Value::String(id.into()));
    if let Some(type_of) = table.resource_type.conventional(list).type_of {
        element.insert(type_of, Value::String(resource_type.into()));
    }
    Value::Complex(element)
}

/// The query for the holders of some values, as pairs of ids: the value, the holder.
pub(super) fn referrers(
    tables: &Tables,
    table: &TypeTable,
    join: &Join,
    tenant: Option<&Param>,
    ids: &[Text],
) -> Result<Statement, StoreError> {
    let rows = Rows::new(tables, table, join, tenant)?;
    let (id, key_type) = rows.value.parts.key.id();
    let (holder, value) = (&table.parts, &rows.value.parts);
    let mut query = Statement::new(table.dialect);
    let ids: Vec<Param> = ids.iter().filter_map(|id| key_type.parse(id)).collect();
    let is_sqlite = table.dialect == Dialect::Sqlite;
    // SQLite keeps the order of cross joins: it would otherwise begin with all resources of the tenant.
    let and = if is_sqlite { "CROSS JOIN" } else { "JOIN" };
    let listed = is_sqlite.then(|| format!("{} {and} ", KeyType::listed(&mut query, &ids))).unwrap_or_default();
    // `v` has the keys of the values. The tables of the holder keep their alias `r`.
    query.push(&format!("SELECT CAST(v.{id} AS text), {} FROM {listed}{} AS v", holder.key.id_text("r"), value.table));
    query.push(&format!(" {and} {} AS m ON m.{} = v.{}", join.table, join.value, value.key.column));
    query.push(&format!(
        " {and} {} AS r ON r.{} = m.{}{} WHERE ",
        holder.table,
        holder.key.column,
        join.holder,
        joined_for_conditions(holder)
    ));
    table.push_rows(&mut query, tenant);
    rows.push_tenant(&mut query, "m.");
    if let (Some((column, key_type)), Some(tenant)) = (&value.tenant, tenant) {
        let placeholder = query.placeholder(tenant.clone(), key_type.cast());
        query.push(&format!(" AND v.{column} = {placeholder}"));
    }
    query.push(" AND ");
    if is_sqlite {
        query.push(&format!("v.{id} = e.value"));
    } else {
        key_type.is_one_of(&mut query, &format!("v.{id}"), &ids);
    }
    Ok(query)
}

/// The list of one holder, in a transaction that has locked the holder's row.
pub(super) struct Held<'a> {
    pub(super) tables: &'a Tables,
    pub(super) table: &'a TypeTable,
    pub(super) tenant: Option<&'a Param>,
    pub(super) list: AttributeId,
    pub(super) holder: &'a Param,
}

impl Held<'_> {
    fn joins(&self) -> Result<Vec<Rows<'_>>, StoreError> {
        let joins = self.table.parts.joins(self.list);
        joins.map(|join| Rows::new(self.tables, self.table, join, self.tenant)).collect()
    }

    fn id_of<'o>(&self, element: &'o Object) -> Option<&'o str> {
        element.get(self.table.resource_type.value_of(self.list)?)?.as_str()
    }

    /// Applies an edit. Returns the values that were removed and added.
    pub(super) async fn edit<S: Session>(&self, session: &mut S, edit: &ValueEdit) -> Result<ValueEdit, StoreError> {
        let coming: HashSet<&str> = edit.add.iter().filter_map(|element| self.id_of(element)).collect();
        let mut effect = ValueEdit::default();
        for rows in self.joins()? {
            let going: Vec<String> = if edit.clear {
                let there = self.there(session, &rows, None).await?;
                there.into_values().filter(|id| !coming.contains(id.as_str())).collect()
            } else {
                edit.remove.iter().map(|id| id.as_str().to_owned()).filter(|id| !coming.contains(id.as_str())).collect()
            };
            let there = self.there(session, &rows, Some(&going)).await?;
            self.delete(session, &rows, there.keys()).await?;
            effect.remove.extend(there.into_values().map(|id| Text::from(id.as_str())));
        }
        effect.add = self.add(session, &edit.add).await?;
        Ok(effect)
    }

    /// Replaces the list by `elements`, by the difference only. Returns whether anything changed.
    pub(super) async fn set<S: Session>(&self, session: &mut S, elements: &[Value]) -> Result<bool, StoreError> {
        let add = elements.iter().filter_map(Value::as_object).cloned().collect();
        let effect = self.edit(session, &ValueEdit { clear: true, remove: Vec::new(), add }).await?;
        Ok(!effect.is_empty())
    }

    /// The values of the list that the tenant sees, by their keys: all, or those with these ids.
    async fn there<S: Session>(
        &self,
        session: &mut S,
        rows: &Rows<'_>,
        ids: Option<&[String]>,
    ) -> Result<HashMap<String, String>, StoreError> {
        if ids.is_some_and(<[String]>::is_empty) {
            return Ok(HashMap::new());
        }
        let value = &rows.value.parts;
        let mut query = Statement::new(self.table.dialect);
        query.push(&format!(
            "SELECT CAST(m.{} AS text), CAST({} AS text) FROM {} AS m JOIN {} AS r ON r.{} = m.{}{} WHERE m.",
            rows.join.value,
            value.key.id_text("r"),
            rows.join.table,
            value.table,
            value.key.column,
            rows.join.value,
            joined_for_conditions(value)
        ));
        rows.push_holder(&mut query, self.holder);
        rows.push_tenant(&mut query, "m.");
        query.push(" AND ");
        rows.value.push_rows(&mut query, self.tenant);
        if let Some(ids) = ids {
            rows.value.push_ids(&mut query, ids.iter().map(String::as_str));
        }
        let found = session.query(&query, MOST_CLEARED * 2 * VALUE).await?;
        if found.is_cut() {
            return Err(StoreError::TooMany);
        }
        let pairs = found.into_rows().into_iter().map(|mut row| id_text(&mut row, 0).zip(id_text(&mut row, 1)));
        Ok(pairs.flatten().collect())
    }

    async fn delete<S: Session>(
        &self,
        session: &mut S,
        rows: &Rows<'_>,
        keys: impl Iterator<Item = &String>,
    ) -> Result<(), StoreError> {
        let key_type = rows.value.parts.key.key_type;
        let keys: Vec<Param> = keys.filter_map(|key| key_type.parse(key)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut delete = Statement::new(self.table.dialect);
        delete.push(&format!("DELETE FROM {} WHERE ", rows.join.table));
        rows.push_holder(&mut delete, self.holder);
        rows.push_tenant(&mut delete, "");
        delete.push(" AND ");
        key_type.is_one_of(&mut delete, &rows.join.value, &keys);
        session.execute(&delete).await?;
        Ok(())
    }

    /// Adds the missing values. Returns these values.
    async fn add<S: Session>(&self, session: &mut S, elements: &[Object]) -> Result<Vec<Object>, StoreError> {
        // In the order of the ids, so that two transactions that lock the same values cannot wait for each other.
        let mut missing: BTreeSet<&str> = elements.iter().filter_map(|element| self.id_of(element)).collect();
        let mut added: HashSet<String> = HashSet::new();
        for rows in self.joins()? {
            if missing.is_empty() {
                break;
            }
            let ids: Vec<String> = missing.iter().map(|id| (*id).to_owned()).collect();
            let there: HashSet<String> = self.there(session, &rows, Some(&ids)).await?.into_values().collect();
            missing.retain(|id| !there.contains(*id));
            let known = self.known(session, &rows, missing.iter().copied()).await?;
            self.insert(session, &rows, known.values()).await?;
            missing.retain(|id| !known.contains_key(*id));
            added.extend(known.into_keys());
        }
        if let Some(id) = missing.into_iter().next() {
            return Err(StoreError::BadReference { attribute: self.list, value: id.into() });
        }
        let mut named = HashSet::new();
        let is_added =
            |element: &&Object| self.id_of(element).is_some_and(|id| added.contains(id) && named.insert(id.to_owned()));
        Ok(elements.iter().filter(is_added).cloned().collect())
    }

    /// The keys of the resources with these ids, which stay locked against deletion until the commit.
    async fn known<S: Session>(
        &self,
        session: &mut S,
        rows: &Rows<'_>,
        ids: impl Iterator<Item = &str>,
    ) -> Result<HashMap<String, Param>, StoreError> {
        let mut query = rows.value.keys(self.tenant);
        rows.value.push_ids(&mut query, ids);
        if self.table.dialect == Dialect::Postgres {
            query.push(" ORDER BY 1 FOR KEY SHARE OF r");
        }
        let mut known = HashMap::new();
        for mut row in session.query(&query, usize::MAX).await?.into_rows() {
            let (Some(id), Some(key)) = (id_text(&mut row, 0), id_text(&mut row, 1)) else { continue };
            if let Some(key) = rows.value.parts.key.key_type.parse(&key) {
                known.insert(id, key);
            }
        }
        Ok(known)
    }

    async fn insert<S: Session>(
        &self,
        session: &mut S,
        rows: &Rows<'_>,
        keys: impl Iterator<Item = &Param>,
    ) -> Result<(), StoreError> {
        let join = rows.join;
        let keys: Vec<Param> = keys.cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let value = &rows.value.parts;
        let mut insert = Statement::new(self.table.dialect);
        insert.push(&format!("INSERT INTO {} ({}, {}", join.table, join.holder, join.value));
        if let (Some(column), Some(_)) = (&join.tenant, self.tenant) {
            insert.push(", ").push(column);
        }
        for (name, _) in &join.initial {
            insert.push(", ").push(&name.column);
        }
        let holder = insert.placeholder(self.holder.clone(), self.table.parts.key.key_type.cast());
        insert.push(&format!(") SELECT {holder}, r.{}", value.key.column));
        if let (Some(_), Some(tenant), Some((_, key_type))) = (&join.tenant, self.tenant, &self.table.parts.tenant) {
            let placeholder = insert.placeholder(tenant.clone(), key_type.cast());
            insert.push(", ").push(&placeholder);
        }
        for (_, initial) in &join.initial {
            insert.push(", ");
            initial.write(&mut insert);
        }
        insert.push(&format!(" FROM {} AS r WHERE ", value.table));
        if let (Some((column, key_type)), Some(tenant)) = (&value.tenant, self.tenant) {
            let placeholder = insert.placeholder(tenant.clone(), key_type.cast());
            insert.push(&format!("r.{column} = {placeholder} AND "));
        }
        value.key.key_type.is_one_of(&mut insert, &format!("r.{}", value.key.column), &keys);
        // A hidden row, such as that of a deleted user who came back, is already there.
        insert.push(" ON CONFLICT DO NOTHING");
        session.execute(&insert).await?;
        Ok(())
    }
}

/// Removes a resource from every list that refers to its type, with the versions of the holders.
pub(super) async fn forget<S: Session>(
    session: &mut S,
    tables: &Tables,
    table: &TypeTable,
    tenant: Option<&Param>,
    key: &Param,
) -> Result<(), StoreError> {
    for holder in &tables.all {
        for (_, join) in
            holder.parts.lists.iter().filter(|(_, join)| *join.resource_type == *table.resource_type.name())
        {
            let rows = Rows::new(tables, holder, join, tenant)?;
            super::write::touch_holders(session, holder, join, tenant, key, table).await?;
            let mut delete = Statement::new(table.dialect);
            let placeholder = delete.placeholder(key.clone(), table.parts.key.key_type.cast());
            delete.push(&format!("DELETE FROM {} WHERE {} = {placeholder}", join.table, join.value));
            rows.push_tenant(&mut delete, "");
            session.execute(&delete).await?;
        }
    }
    Ok(())
}

/// Removes all rows of the lists of a resource.
pub(super) async fn clear<S: Session>(
    session: &mut S,
    tables: &Tables,
    table: &TypeTable,
    tenant: Option<&Param>,
    key: &Param,
) -> Result<(), StoreError> {
    for (_, join) in &table.parts.lists {
        let rows = Rows::new(tables, table, join, tenant)?;
        let mut delete = Statement::new(table.dialect);
        delete.push(&format!("DELETE FROM {} WHERE ", join.table));
        rows.push_holder(&mut delete, key);
        rows.push_tenant(&mut delete, "");
        session.execute(&delete).await?;
    }
    Ok(())
}
