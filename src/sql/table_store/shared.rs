//! Shared users: the user that a new resource links, and changes of a user.

use super::{
    insertion::{Failure, Written, assigned, insert_returning, insertion, push_assignments, set_initial},
    rows::id_text,
    tables::TypeTable,
};
use crate::{
    resource::Resource,
    schema::AttributeId,
    sql::{
        database::Session,
        layout::{Assigned, Content, Shared, Writes},
        statement::{Dialect, Param, Statement},
    },
    store::StoreError,
};

/// The shared user of a new resource: the user that exists, or a new one.
pub(super) async fn link<S: Session>(
    session: &mut S,
    table: &TypeTable,
    shared: &Shared,
    tenant: Option<&Param>,
    resource: &Resource,
) -> Result<Param, Failure> {
    let lenses = &table.parts.lenses;
    let lens = lenses.iter().find(|lens| {
        let path = lens.attribute().map(|attribute| table.resource_type.path(attribute));
        lens.field.column.is_shared && path.as_deref() == Some(&*shared.found_by)
    });
    let lens = lens.ok_or_else(|| {
        StoreError::backend(format!("`{}` has no field with the prefix `u.` to find a shared user by", shared.found_by))
    })?;
    let Some(Content::Text(name)) = lens.content(resource) else {
        return Err(StoreError::backend("a shared user is found by a text").into());
    };
    let mut query = Statement::new(table.dialect);
    let linkable = table.parts.linkable(shared, &mut query, tenant);
    let key = format!("CAST(u.{} AS text)", shared.key);
    query.push(&format!("SELECT {key}, ({linkable}) FROM {} AS u WHERE ", shared.table));
    lens.field.push_equal(&mut query, &name);
    if table.dialect == Dialect::Postgres {
        query.push(" FOR NO KEY UPDATE OF u");
    }
    let mut found = session.rows(&query).await?;
    let is_one = found.len() == 1;
    if let Some(mut row) = found.pop() {
        // Of several users with the name, none is certainly the right one.
        if !is_one || row.boolean(1)? != Some(true) {
            let attribute = lens.attribute().unwrap_or(AttributeId::ID);
            return Err(StoreError::NotUnique { attribute }.into());
        }
        let key = id_text(&mut row, 0).and_then(|key| shared.key_type.parse(&key));
        return Ok(key.ok_or_else(|| StoreError::backend("a shared user without a key"))?);
    }
    let mut columns = assigned(lenses, resource, true);
    set_initial(&mut columns, &shared.initial);
    if let Some(key) = &shared.new_key {
        columns.push((&shared.key, Written::Initial(key)));
    }
    let insert = insertion(table.dialect, &shared.table, &columns, false);
    let key = insert_returning(session, insert, &shared.key, shared.key_type).await?;
    set_states(session, table, shared, &key, resource).await?;
    if let Some(created) = table.parts.created_users() {
        let mut columns = vec![("key", Written::Key(key.clone(), shared.key_type.cast()))];
        if let (Some((_, key_type)), Some(tenant)) = (&table.parts.tenant, tenant) {
            columns.push(("tenant", Written::Key(tenant.clone(), key_type.cast())));
        }
        session.execute(&insertion(table.dialect, &created, &columns, false)).await?;
    }
    Ok(key)
}

/// Assigns the states of a new shared user whose values at creation differ from the resource.
async fn set_states<S: Session>(
    session: &mut S,
    table: &TypeTable,
    shared: &Shared,
    key: &Param,
    resource: &Resource,
) -> Result<(), Failure> {
    for lens in table.parts.lenses.iter().filter(|lens| lens.field.column.is_shared && lens.field.is_state()) {
        let Some(Content::Flag(truth)) = lens.content(resource) else { continue };
        let assigned = lens.field.assignments(Some(&Content::Flag(truth)));
        let mut update = Statement::new(table.dialect);
        update.push(&format!("UPDATE {} AS u SET ", shared.table));
        push_assignments(&mut update, &assigned);
        let placeholder = update.placeholder(key.clone(), shared.key_type.cast());
        let is_set = format!("COALESCE({}, FALSE)", lens.selected(table.dialect));
        let differs = if truth { format!("NOT {is_set}") } else { is_set };
        update.push(&format!(" WHERE u.{} = {placeholder} AND {differs}", shared.key));
        session.execute(&update).await?;
    }
    Ok(())
}

/// Changes a shared user, if the layout allows it.
pub(super) async fn write_shared<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    key: &Param,
    assignments: &[(&str, Assigned)],
) -> Result<(), Failure> {
    let parts = &table.parts;
    let Some(shared) = &parts.shared else { return Ok(()) };
    if shared.writes == Writes::Never {
        return Err(StoreError::Denied.into());
    }
    let mut update = Statement::new(table.dialect);
    update.push(&format!("UPDATE {} AS u SET ", shared.table));
    let at_change = shared.at_change.iter().map(|(column, sql)| (&**column, Assigned::Sql(sql.clone())));
    let assignments: Vec<(&str, Assigned)> = assignments.iter().cloned().chain(at_change).collect();
    push_assignments(&mut update, &assignments);
    update.push(&format!(" WHERE u.{} = (SELECT r.{} FROM {} AS r WHERE ", shared.key, shared.link, parts.table));
    table.push_key(&mut update, tenant, key);
    update.push(")");
    if shared.writes == Writes::SoleLink {
        update.push(&format!(
            " AND (SELECT count(*) FROM {} AS other WHERE other.{} = u.{}) = 1",
            parts.table, shared.link, shared.key
        ));
    }
    if let Some(created) = parts.created_users() {
        update.push(&format!(" AND EXISTS (SELECT 1 FROM {created} AS c WHERE c.key = u.{}", shared.key));
        if let Some(tenant) = parts.bind_tenant(&mut update, tenant) {
            update.push(&format!(" AND c.tenant = {tenant}"));
        }
        update.push(")");
    }
    if session.execute(&update).await? == 0 {
        return Err(StoreError::Denied.into());
    }
    Ok(())
}
