//! Rows of resources: the lock, the insertion, the difference of a replacement, and the version after each of them.

use super::{
    from::from,
    insertion::{Failure, Written, assigned, insert_returning, insertion, push_assignments, set_initial},
    rows::{Found, contents, found_with, id_text},
    shared::{link, write_shared},
    tables::TypeTable,
};
use crate::{
    resource::Resource,
    schema::AttributeId,
    sql::{
        database::{DatabaseError, Session},
        layout::{Assigned, Content, Lens, Name, Version, Writes},
        statement::{Dialect, Param, Statement},
    },
    store::{self, StoreError},
};

/// A row that is locked until the commit.
pub(super) struct Locked {
    pub(super) key: Param,
    pub(super) version: store::Version,
    /// The resource, without its lists.
    pub(super) resource: Resource,
    contents: Vec<Option<Content>>,
    derives_name: bool,
}

impl TypeTable {
    /// The store's error for a failure: a violated constraint names the attribute that the layout declares for it.
    pub(super) fn explained(&self, failure: impl Into<Failure>) -> StoreError {
        let error = match failure.into() {
            Failure::Store(error) => return error,
            Failure::Database(error) => error,
        };
        if let DatabaseError::Unique { constraint, .. } = &error {
            let names = |lens: &&Lens| lens.field.has_constraint(constraint);
            if let Some(attribute) = self.parts.lenses.iter().find(names).and_then(Lens::attribute) {
                return StoreError::NotUnique { attribute };
            }
            // A race of two creations with one id.
            let (id, _) = self.parts.key.id();
            let (name, id) = (unquoted(&self.parts.table), unquoted(id));
            let is_key = *constraint == format!("{name}_pkey")
                || constraint.split(", ").any(|column| column == format!("{name}.{id}"));
            if is_key {
                return StoreError::NotUnique { attribute: AttributeId::ID };
            }
        }
        error.into_store_error()
    }
}

/// The name of a table or a column as the database shows it in errors.
pub(super) fn unquoted(name: &str) -> String {
    let inner = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    inner.map_or_else(|| name.to_owned(), |inner| inner.replace("\"\"", "\""))
}

/// Finds the row of an id, locks the row until the commit, and reads the row. SQLite has only one writer at a time and
/// needs no lock.
pub(super) async fn lock<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    id: &str,
    is_deletion: bool,
) -> Result<Option<Locked>, StoreError> {
    let Some(id) = table.id_type().parse(id) else { return Ok(None) };
    if table.dialect == Dialect::Postgres {
        // First the lock alone: a query that waits for a lock reads the other tables in their old state.
        let mut lock = table.lockable(tenant);
        table.push_id(&mut lock, &id);
        // A deletion excludes a transaction that adds the resource to a list, and locks it by FOR KEY SHARE.
        lock.push(if is_deletion { " FOR UPDATE OF r" } else { " FOR NO KEY UPDATE OF r" });
        match &table.parts.shared {
            // A host that adds a link with a foreign key locks the user by FOR KEY SHARE.
            Some(shared) if shared.writes == Writes::SoleLink => lock.push(" FOR UPDATE OF u"),
            Some(_) => lock.push(" FOR NO KEY UPDATE OF u"),
            None => &mut lock,
        };
        if session.rows(&lock).await?.is_empty() {
            return Ok(None);
        }
    }
    let mut query = table.select(tenant);
    table.push_id(&mut query, &id);
    let Some(mut row) = session.rows(&query).await?.pop() else { return Ok(None) };
    let contents = contents(&table.parts.lenses, &mut row)?;
    let found = found_with(table, &mut row, contents.clone())?;
    let key = table.parts.key.key_type.parse(&found.key);
    let key = key.ok_or_else(|| StoreError::backend("a key in a form that its type does not have"))?;
    let Found { version, resource, derives_name, .. } = found;
    Ok(Some(Locked { key, version, resource, contents, derives_name }))
}

/// Whether a row has this id, also one that SCIM does not see.
pub(super) async fn exists<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    id: &Param,
) -> Result<bool, StoreError> {
    let mut query = Statement::new(table.dialect);
    query.push(&format!("SELECT 1 FROM {} AS r WHERE TRUE", table.parts.table));
    table.parts.push_tenant(&mut query, tenant, "r");
    table.push_id(&mut query, id);
    Ok(!session.rows(&query).await?.is_empty())
}

/// Inserts the row of a resource, with its shared user and its row in the side table. Returns the key, and whether the
/// linked user keeps other values than those of the resource.
pub(super) async fn insert<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    id: &Param,
    resource: &Resource,
) -> Result<(Param, bool), Failure> {
    let parts = &table.parts;
    let link = match &parts.shared {
        Some(shared) => Some(link(session, table, shared, tenant, resource).await?),
        None => None,
    };
    let mut columns: Vec<(&str, Written<'_>)> = Vec::new();
    let (id_column, id_type) = parts.key.id();
    columns.push((id_column, Written::Key(id.clone(), id_type.cast())));
    if let (Some((column, key_type)), Some(tenant)) = (&parts.tenant, tenant) {
        columns.push((column, Written::Key(tenant.clone(), key_type.cast())));
    }
    if let (Some(shared), Some(link)) = (&parts.shared, link) {
        columns.push((&shared.link, Written::Key(link, shared.key_type.cast())));
    }
    columns.extend(assigned(&parts.lenses, resource, false));
    columns
        .extend(own_documents(table, resource)?.into_iter().map(|(column, value)| (column, Written::Assigned(value))));
    set_initial(&mut columns, &parts.initial);
    let version = parts.version.renewal(&parts.key.column, table.dialect);
    if let Some((column, sql)) = version.as_ref().filter(|_| parts.version != Version::Xmin) {
        columns.push((column, Written::Assigned(Assigned::Sql(sql.clone()))));
    }
    let insert = insertion(table.dialect, &parts.table, &columns, parts.key.is_numbered);
    let key = if parts.key.shown.is_some() {
        insert_returning(session, insert, &parts.key.column, parts.key.key_type).await?
    } else {
        session.execute(&insert).await?;
        id.clone()
    };
    write_side(session, table, tenant, &key, resource).await?;
    // A state is an expression of the present row, which now exists.
    let mut check = table.select(tenant);
    check.push(" AND ");
    table.push_key(&mut check, tenant, &key);
    let row = session.rows(&check).await?.pop();
    let mut row = row.ok_or_else(|| {
        StoreError::backend("a new row does not satisfy the condition of its layout: set the columns `at_creation`")
    })?;
    let contents = contents(&parts.lenses, &mut row)?;
    let keeps_values = update(session, table, tenant, &key, resource, &contents, true).await?;
    Ok((key, keeps_values))
}

/// The resource without the whole name, if the name was derived from a column that the host has changed, and the client
/// has not set it. If the store kept the name, the name would be wrong after the change of a part.
pub(super) fn without_derived_name(table: &TypeTable, locked: &Locked, after: &Resource) -> Option<Resource> {
    if !locked.derives_name {
        return None;
    }
    let mut shorter: Option<Resource> = None;
    for formatted in table.parts.lenses.iter().filter_map(Lens::whole_name) {
        if after.value(formatted).is_some() && after.value(formatted) == locked.resource.value(formatted) {
            shorter.get_or_insert_with(|| after.clone()).assign(formatted, None);
        }
    }
    shorter
}

/// Writes the difference between the row and the resource, and the side table.
pub(super) async fn replace<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    locked: &Locked,
    after: &Resource,
) -> Result<(), Failure> {
    update(session, table, tenant, &locked.key, after, &locked.contents, false).await?;
    // Only a new link keeps the values of a shared user.
    write_side(session, table, tenant, &locked.key, after).await
}

/// Assigns the columns whose content differs. `is_new` if the row was just inserted. Returns whether a shared user
/// keeps other values.
async fn update<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    key: &Param,
    after: &Resource,
    contents: &[Option<Content>],
    is_new: bool,
) -> Result<bool, Failure> {
    let parts = &table.parts;
    let mut keeps_values = false;
    let mut own: Vec<(&str, Assigned)> = Vec::new();
    let mut shared: Vec<(&str, Assigned)> = Vec::new();
    let mut decided: Vec<&Name> = Vec::new();
    for (lens, before) in parts.lenses.iter().zip(contents) {
        let column = &lens.field.column;
        // Of two fields with one column, the first decides.
        if decided.contains(&column) || lens.field.is_read_only {
            continue;
        }
        decided.push(column);
        if is_new && lens.field.is_hashed() {
            // The insertion has stored the hash.
            continue;
        }
        let content = lens.content(after);
        // A resource without a value leaves a state as it is.
        if content == *before || (lens.field.is_state() && content.is_none()) {
            continue;
        }
        if lens.field.column.is_shared {
            // A creation that found the user assigns only the values that it has.
            if is_new && content.is_none() {
                keeps_values = true;
            } else {
                shared.extend(lens.field.assignments(content.as_ref()));
            }
        } else {
            own.extend(lens.field.assignments(content.as_ref()));
        }
    }
    if !shared.is_empty() {
        match write_shared(session, table, tenant, key, &shared).await {
            // The creation has linked a user that is not only SCIM's.
            Err(Failure::Store(StoreError::Denied)) if is_new => keeps_values = true,
            written => written?,
        }
    }
    if !is_new {
        own.extend(own_documents(table, after)?);
        own.extend(parts.at_change.iter().map(|(column, sql)| (&**column, Assigned::Sql(sql.clone()))));
    }
    let version = parts.version.renewal(&parts.key.column, table.dialect).filter(|_| !is_new);
    if let Some((column, sql)) = &version
        && (own.is_empty() || parts.version != Version::Xmin)
    {
        own.push((column, Assigned::Sql(sql.clone())));
    }
    if own.is_empty() {
        return Ok(keeps_values);
    }
    let mut update = Statement::new(table.dialect);
    update.push(&format!("UPDATE {} AS r SET ", parts.table));
    push_assignments(&mut update, &own);
    update.push(" WHERE ");
    table.push_key(&mut update, tenant, key);
    session.execute(&update).await?;
    Ok(keeps_values)
}

/// The document of a resource without its lists and its secrets, and the document by which it is compared.
fn documents(table: &TypeTable, resource: &Resource) -> Result<(String, String), Failure> {
    let lists = table.resource_type.reference_lists();
    let secrets: Vec<&Lens> = table.parts.lenses.iter().filter(|lens| lens.field.is_hashed()).collect();
    let mut stored;
    let resource = if !secrets.is_empty() || lists.iter().any(|list| resource.root().contains(*list)) {
        let kept = resource.root().iter().filter(|(attribute, _)| !lists.contains(attribute));
        let kept = kept.map(|(attribute, value)| (attribute, value.clone())).collect();
        stored = Resource::from_object(resource.resource_type().clone(), kept);
        for lens in &secrets {
            lens.show(None, &mut stored);
        }
        &stored
    } else {
        resource
    };
    let document = String::from_utf8(resource.to_json()).map_err(StoreError::backend)?;
    if table.dialect == Dialect::Postgres && document.contains("\\u0000") {
        return Err(StoreError::backend("PostgreSQL has no text with U+0000").into());
    }
    Ok((document, table.mapping().document(resource)))
}

/// The assignments of the documents in the layout's own table.
fn own_documents<'t>(table: &'t TypeTable, resource: &Resource) -> Result<Vec<(&'t str, Assigned)>, Failure> {
    let Some(columns) = &table.parts.documents else { return Ok(Vec::new()) };
    let (document, comparable) = documents(table, resource)?;
    let assigned = |text: String, cast: &str| Assigned::Value(Param::from(text), cast.into());
    Ok(vec![
        (&columns.document, assigned(document, "text")),
        (&columns.comparable, assigned(comparable, "text::jsonb")),
    ])
}

/// Writes the row in the side table: the resource without its lists, and the text by which it is compared.
async fn write_side<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    key: &Param,
    resource: &Resource,
) -> Result<(), Failure> {
    let parts = &table.parts;
    let Some(side) = &parts.side else { return Ok(()) };
    let (document, comparable) = documents(table, resource)?;
    let mut insert = Statement::new(table.dialect);
    let keys = if parts.tenant.is_some() { "key, tenant" } else { "key" };
    insert.push(&format!("INSERT INTO {side} ({keys}, document, comparable) VALUES ("));
    let placeholder = insert.placeholder(key.clone(), parts.key.key_type.cast());
    insert.push(&placeholder);
    if let Some(tenant) = parts.bind_tenant(&mut insert, tenant) {
        insert.push(", ").push(&tenant);
    }
    let document = insert.placeholder(Param::from(document), "text");
    let comparable = insert.placeholder(Param::from(comparable), "text::jsonb");
    insert.push(&format!(", {document}, {comparable}) ON CONFLICT ({keys})"));
    insert.push(" DO UPDATE SET document = excluded.document, comparable = excluded.comparable");
    session.execute(&insert).await?;
    Ok(())
}

/// The version of a row after a change.
pub(super) async fn version<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    key: &Param,
) -> Result<store::Version, StoreError> {
    let mut query = Statement::new(table.dialect);
    let version = table.version_text();
    query.push(&format!("SELECT {version} FROM {} WHERE ", from(&table.parts)));
    table.push_key(&mut query, tenant, key);
    let mut row = session.rows(&query).await?.pop();
    let version = row.as_mut().and_then(|row| id_text(row, 0));
    let version = version.ok_or_else(|| StoreError::backend("a row without a version"))?;
    store::Version::new(version).map_err(StoreError::backend)
}
