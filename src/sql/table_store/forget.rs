//! The lists of a deleted resource, and its place in the lists of others.

use super::{
    lists::Rows,
    tables::{Tables, TypeTable},
    write::touch_holders,
};
use crate::{
    sql::{
        database::Session,
        statement::{Param, Statement},
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
            touch_holders(session, holder, join, tenant, key, table).await?;
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
