//! Edits of lists of references. The cost of an edit depends on the edit and not on the list.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    from::joined_for_conditions,
    lists::{Rows, VALUE},
    rows::id_text,
    tables::{Tables, TypeTable},
};
use crate::{
    patch::ValueEdit,
    schema::AttributeId,
    sql::{
        database::{DatabaseError, Rows as Kept, Session},
        statement::{Dialect, Param, Statement},
    },
    store::StoreError,
    value::{Object, Text, Value},
};

/// The maximum number of values that an edit removes without naming them.
const MOST_CLEARED: usize = 200_000;

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
            let going = if edit.clear {
                let mut there = self.there(session, &rows, None).await?;
                there.retain(|_, id| !coming.contains(id.as_str()));
                there
            } else {
                let ids = edit.remove.iter().map(Text::as_str).filter(|id| !coming.contains(id));
                self.there(session, &rows, Some(&ids.collect::<Vec<_>>())).await?
            };
            self.delete(session, &rows, going.keys()).await?;
            effect.remove.extend(going.into_values().map(|id| Text::from(id.as_str())));
        }
        effect.add = self.add(session, &edit.add).await?;
        Ok(effect)
    }

    /// Replaces the list by `elements`, by the difference only.
    pub(super) async fn set<S: Session>(&self, session: &mut S, elements: &[Value]) -> Result<(), StoreError> {
        let add = elements.iter().filter_map(Value::as_object).cloned().collect();
        self.edit(session, &ValueEdit { clear: true, remove: Vec::new(), add }).await.map(drop)
    }

    /// The values of the list that the tenant sees, by their keys: all, or those with these ids.
    async fn there<S: Session>(
        &self,
        session: &mut S,
        rows: &Rows<'_>,
        ids: Option<&[&str]>,
    ) -> Result<HashMap<String, String>, StoreError> {
        if ids.is_some_and(<[&str]>::is_empty) {
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
            rows.value.push_ids(&mut query, ids.iter().copied());
        }
        let found = session.query(&query, Kept::within(MOST_CLEARED * 2 * VALUE)).await?;
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
            let ids: Vec<&str> = missing.iter().copied().collect();
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
        for mut row in session.query(&query, Kept::within(usize::MAX)).await?.into_rows() {
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
        let tenant_column = join.tenant.as_ref().filter(|_| self.tenant.is_some());
        let initial = join.initial.iter().map(|(name, _)| &name.column);
        for column in tenant_column.into_iter().chain(initial) {
            insert.push(", ").push(column);
        }
        let holder = insert.placeholder(self.holder.clone(), self.table.parts.key.key_type.cast());
        insert.push(&format!(") SELECT {holder}, r.{}", value.key.column));
        if let Some(tenant) = tenant_column.and_then(|_| self.table.parts.bind_tenant(&mut insert, self.tenant)) {
            insert.push(", ").push(&tenant);
        }
        for (_, initial) in &join.initial {
            insert.push(", ");
            initial.write(&mut insert);
        }
        insert.push(&format!(" FROM {} AS r WHERE ", value.table));
        value.key.key_type.is_one_of(&mut insert, &format!("r.{}", value.key.column), &keys);
        value.push_tenant(&mut insert, self.tenant, "r");
        // A hidden row, such as that of a deleted user who came back, is already there.
        let tenant = tenant_column.map(|column| format!("{column}, ")).unwrap_or_default();
        insert.push(&format!(" ON CONFLICT ({tenant}{}, {}) DO NOTHING", join.holder, join.value));
        match session.execute(&insert).await {
            Ok(_) => Ok(()),
            // Another transaction removed the resource.
            Err(DatabaseError::ForeignKey(_)) => Err(StoreError::Busy),
            Err(error) => Err(error.into()),
        }
    }
}
