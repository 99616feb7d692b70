//! The lists of a deleted resource, and its place in the lists of others.

use super::{
    lists::Rows,
    tables::{Tables, TypeTable},
};
use crate::{
    sql::{
        database::Session,
        statement::{Dialect, Param, Statement},
    },
    store::StoreError,
};

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
            touch_holders(session, &rows, key).await?;
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

/// Locks the holders of the lists with this value, and gives them new versions if no trigger does.
async fn touch_holders<S: Session>(session: &mut S, rows: &Rows<'_>, key: &Param) -> Result<(), StoreError> {
    let (holder, join) = (rows.holder, rows.join);
    let of_value = |statement: &mut Statement| {
        let placeholder = statement.placeholder(key.clone(), rows.value.parts.key.key_type.cast());
        statement.push(&format!(
            "r.{} IN (SELECT m.{} FROM {} AS m WHERE m.{} = {placeholder}",
            holder.parts.key.column, join.holder, join.table, join.value
        ));
        rows.push_tenant(statement, "m.");
        statement.push(")");
        rows.push_tenant_of_holder(statement);
    };
    let column = &holder.parts.key.column;
    if holder.dialect == Dialect::Postgres {
        // A fixed order prevents a deadlock of two deletions.
        let mut lock = Statement::new(holder.dialect);
        lock.push(&format!("SELECT count(*) FROM (SELECT r.{column} FROM {} AS r WHERE ", holder.parts.table));
        of_value(&mut lock);
        lock.push(&format!(" ORDER BY r.{column} FOR NO KEY UPDATE) AS locked"));
        session.rows(&lock).await?;
    }
    if let Some((column, sql)) = holder.parts.version.renewal(column, holder.dialect) {
        let mut touch = Statement::new(holder.dialect);
        touch.push(&format!("UPDATE {} AS r SET {column} = {sql} WHERE ", holder.parts.table));
        of_value(&mut touch);
        session.execute(&touch).await?;
    }
    Ok(())
}
