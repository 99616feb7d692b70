//! Lists of references: the rows that a page needs, and the referrers of resources.

use std::collections::HashMap;

use super::{
    from::joined_for_conditions,
    rows::{Found, id_text},
    tables::{Tables, TypeTable},
};
use crate::{
    schema::AttributeId,
    sql::{
        database::{Rows as Kept, Session},
        layout::{Join, KeyType},
        statement::{Dialect, Param, Statement},
    },
    store::{RequestContext, StoreError},
    value::{Text, Value},
};

/// The size of a value of a list in memory, besides its id.
pub(super) const VALUE: usize = 96;

/// A list of references of one type to resources of another, with everything that its statements need.
pub(super) struct Rows<'a> {
    pub(super) join: &'a Join,
    pub(super) holder: &'a TypeTable,
    pub(super) value: &'a TypeTable,
    tenant: Option<&'a Param>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        tables: &'a Tables,
        holder: &'a TypeTable,
        join: &'a Join,
        tenant: Option<&'a Param>,
    ) -> Result<Self, StoreError> {
        let (_, value) = tables.find(&join.resource_type)?;
        Ok(Self { join, holder, value, tenant })
    }

    /// Adds the condition of the rows of the tenant, after `AND`.
    pub(super) fn push_tenant(&self, statement: &mut Statement, alias: &str) {
        if let Some(column) = &self.join.tenant
            && let Some(tenant) = self.holder.parts.bind_tenant(statement, self.tenant)
        {
            statement.push(&format!(" AND {alias}{column} = {tenant}"));
        }
    }

    /// Adds that the row `r` of the holder belongs to the tenant, after `AND`.
    pub(super) fn push_tenant_of_holder(&self, statement: &mut Statement) {
        self.holder.parts.push_tenant(statement, self.tenant, "r");
    }

    pub(super) fn push_holder(&self, statement: &mut Statement, key: &Param) {
        let placeholder = statement.placeholder(key.clone(), self.holder.parts.key.key_type.cast());
        statement.push(&format!("{} = {placeholder}", self.join.holder));
    }
}

/// A list that a page needs.
pub(super) struct Wanted<'a> {
    pub(super) list: AttributeId,
    pub(super) context: &'a RequestContext,
    pub(super) tenant: Option<&'a Param>,
    pub(super) list_limit: Option<usize>,
}

/// Reads a list of the resources of a page. Returns the number of resources whose lists fit, at least one: a list that
/// is longer than the limits is left out, and the resource is marked as incomplete.
pub(super) async fn read<S: Session>(
    session: &mut S,
    tables: &Tables,
    table: &TypeTable,
    wanted: &Wanted<'_>,
    found: &mut [Found],
    room: &mut usize,
) -> Result<usize, StoreError> {
    let list = wanted.list;
    let Some(value) = table.resource_type.value_of(list) else { return Ok(found.len()) };
    let key_type = table.parts.key.key_type;
    let lengths = lengths(session, tables, table, wanted, found, *room).await?;
    let mut holders = Vec::new();
    let mut kept = found.len();
    for (index, found) in found.iter_mut().enumerate() {
        let length = lengths.get(&found.key).copied().unwrap_or_default();
        let size = length.saturating_mul(VALUE);
        if wanted.list_limit.is_some_and(|limit| length > limit) {
            found.is_complete = false;
        } else if size <= *room {
            *room -= size;
            holders.extend((length > 0).then(|| key_type.parse(&found.key)).flatten());
        } else if index == 0 {
            found.is_complete = false;
        } else {
            kept = index;
            break;
        }
    }
    if holders.is_empty() {
        return Ok(kept);
    }
    let mut values: HashMap<String, Vec<Value>> = HashMap::new();
    for join in table.parts.joins(list) {
        let rows = Rows::new(tables, table, join, wanted.tenant)?;
        let query = values_of(&rows, &holders);
        for mut row in session.query(&query, Kept::within(usize::MAX)).await?.into_rows() {
            let (Some(key), Some(id)) = (id_text(&mut row, 0), id_text(&mut row, 1)) else { continue };
            values.entry(key).or_default().push(element(table, list, value, &id, &join.resource_type));
        }
    }
    for found in found {
        if let Some(values) = values.remove(&found.key) {
            found.resource.root_mut().insert(list, Value::List(values.into()));
        }
    }
    Ok(kept)
}

/// The lengths of the lists of these holders, by key. Of a single holder, no more values are counted than show that the
/// list exceeds the limits. Charges the values that are counted.
async fn lengths<S: Session>(
    session: &mut S,
    tables: &Tables,
    table: &TypeTable,
    wanted: &Wanted<'_>,
    found: &[Found],
    room: usize,
) -> Result<HashMap<String, usize>, StoreError> {
    let key_type = table.parts.key.key_type;
    let keys: Vec<Param> = found.iter().filter_map(|found| key_type.parse(&found.key)).collect();
    let mut lengths: HashMap<String, usize> = HashMap::new();
    for join in table.parts.joins(wanted.list) {
        let rows = Rows::new(tables, table, join, wanted.tenant)?;
        let mut query = Statement::new(table.dialect);
        query.push(&format!("SELECT m.{} AS holder FROM {} AS m WHERE ", join.holder, join.table));
        // One more value than the request can pay for.
        let most = wanted.context.work().map_or(u64::MAX, |work| work.left().saturating_add(1));
        let (query, only) = if let ([key], [only]) = (&*keys, found) {
            query.push("m.");
            rows.push_holder(&mut query, key);
            rows.push_tenant(&mut query, "m.");
            let longest = wanted.list_limit.unwrap_or(usize::MAX).min(room / VALUE);
            let longest = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
            (query.within("count(*)", most.min(longest)), Some(&only.key))
        } else {
            key_type.is_one_of(&mut query, &format!("m.{}", join.holder), &keys);
            rows.push_tenant(&mut query, "m.");
            let mut query = query.within("count(*), CAST(c.holder AS text)", most);
            query.push(" GROUP BY c.holder");
            (query, None)
        };
        let mut counted = 0_u64;
        for mut row in session.rows(&query).await? {
            let length = u64::try_from(row.integer(0)?.unwrap_or_default()).unwrap_or_default();
            let Some(key) = only.cloned().or_else(|| id_text(&mut row, 1)) else { continue };
            counted = counted.saturating_add(length);
            *lengths.entry(key).or_default() += usize::try_from(length).unwrap_or(usize::MAX);
        }
        wanted.context.charge(counted)?;
    }
    Ok(lengths)
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
    let type_of = table.resource_type.conventional(list).type_of;
    let type_of = type_of.map(|type_of| (type_of, Value::String(resource_type.into())));
    Value::Complex([(value, Value::String(id.into()))].into_iter().chain(type_of).collect())
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
    let listed = if is_sqlite { format!("{} {and} ", KeyType::listed(&mut query, &ids)) } else { String::new() };
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
    value.push_tenant(&mut query, tenant, "v");
    query.push(" AND ");
    if is_sqlite {
        query.push(&format!("v.{id} = e.value"));
    } else {
        key_type.is_one_of(&mut query, &format!("v.{id}"), &ids);
    }
    Ok(query)
}
