//! Deletions: the row goes or is marked, and a marked row comes back.

use super::{insertion::Failure, tables::TypeTable};
use crate::{
    sql::{
        database::Session,
        layout::Assignments,
        statement::{Param, Statement},
    },
    store::StoreError,
};

/// Removes the row, or marks it; a shared user stays.
pub(super) async fn delete<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    key: &Param,
) -> Result<(), StoreError> {
    let parts = &table.parts;
    // The row of the side table stays with a row that is only marked: both can come back.
    if let Some(side) = parts.side.as_ref().filter(|_| parts.soft_delete.is_none()) {
        let mut delete = Statement::new(table.dialect);
        let placeholder = delete.placeholder(key.clone(), parts.key.key_type.cast());
        delete.push(&format!("DELETE FROM {side} WHERE key = {placeholder}"));
        if let Some(tenant) = parts.bind_tenant(&mut delete, tenant) {
            delete.push(&format!(" AND tenant = {tenant}"));
        }
        session.execute(&delete).await?;
    }
    let mut delete = Statement::new(table.dialect);
    match &parts.soft_delete {
        Some((_, assignments)) => {
            delete.push(&format!("UPDATE {} AS r SET {}", parts.table, assigned_by_host(assignments)));
        }
        None => {
            delete.push(&format!("DELETE FROM {} AS r", parts.table));
        }
    }
    delete.push(" WHERE ");
    table.push_key(&mut delete, tenant, key);
    session.execute(&delete).await?;
    Ok(())
}

fn assigned_by_host(assignments: &Assignments) -> String {
    let assignments = assignments.iter().map(|(column, sql)| format!("{column} = {sql}"));
    assignments.collect::<Vec<_>>().join(", ")
}

/// Makes a deleted row live again. Returns whether there is one with this id.
pub(super) async fn restore<S: Session>(
    session: &mut S,
    table: &TypeTable,
    tenant: Option<&Param>,
    id: &Param,
) -> Result<bool, Failure> {
    let parts = &table.parts;
    let (Some((live, _)), Some((_, assignments))) = (&parts.soft_delete, &parts.restore) else { return Ok(false) };
    let mut update = Statement::new(table.dialect);
    update.push(&format!("UPDATE {} AS r SET {} WHERE ", parts.table, assigned_by_host(assignments)));
    table.push_deleted(&mut update, tenant, live);
    table.push_id(&mut update, id);
    Ok(session.execute(&update).await? > 0)
}
