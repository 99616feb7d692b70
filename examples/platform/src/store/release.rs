//! Parts of the removal of a connection: some users of SCIM become accounts made by hand, and some other resources go.
//!
//! A user's resource goes and the account stays, with the claim of its user name, so that no later user of SCIM gets the
//! name. Assignments that followed from a mapping become assignments by hand. Each function is a part of the caller's
//! transaction and reads the rows that it names, by indexes that begin with the organization.
//!
//! Locks are taken in the order of the other transactions: resources, user groups, members, mappings, accounts.

use chrono::Utc;
use scim_core::{
    sql::{Dialect, Statement},
    store::{StoreError, TenantId, Version},
};
use uuid::Uuid;

use super::{
    assignments::{count, lock_accounts},
    references::is_one_of,
    tally::Balance,
};
use crate::database::Session;

/// The resource type whose resources are people.
const USER: &str = "User";

/// A resource that SCIM made.
#[derive(Debug)]
pub(crate) struct Gone {
    /// The id.
    pub(crate) id: String,
    /// The resource type.
    pub(crate) kind: String,
    bytes: i64,
}

/// Releases at most `most` users, for the administrator with the id `by`. Returns those that it released.
pub(crate) async fn users<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    most: u32,
    by: &str,
) -> Result<Vec<Gone>, StoreError> {
    let gone = lock(session, tenant, most, " AND kind = 'User'").await?;
    if gone.is_empty() {
        return Ok(gone);
    }
    lock_user_groups(session, tenant).await?;
    let mut balance = Balance::default();
    delete_members(session, tenant, &gone, &mut balance).await?;
    let ids: Vec<String> = gone.iter().map(|gone| gone.id.clone()).collect();
    lock_accounts(session, tenant.as_str(), &ids).await?;
    keep_assignments(session, tenant, by, |statement| {
        is_one_of(statement.push(" AND "), "u.account", ids.iter().map(String::as_str));
    })
    .await?;
    let mut release = Statement::new(session.dialect());
    release.push("UPDATE account SET origin = 'hand', released = ").bind(Utc::now().timestamp_millis());
    release.push(" WHERE origin = 'scim' AND tenant = ").bind(tenant.as_str()).push(" AND ");
    is_one_of(&mut release, "id", ids.iter().map(String::as_str));
    session.execute(&release).await?;
    delete(session, tenant, "unique_key WHERE NOT (kind = 'User' AND attribute = 'userName') AND", "id", &gone).await?;
    finish(session, tenant, &gone, balance).await?;
    Ok(gone)
}

/// Deletes at most `most` resources that are no users: groups, and those of an operator's own types. Returns those that
/// it deleted. No users must be left.
pub(crate) async fn others<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    most: u32,
    by: &str,
) -> Result<Vec<Gone>, StoreError> {
    let gone = lock(session, tenant, most, " AND kind <> 'User'").await?;
    if gone.is_empty() {
        return Ok(gone);
    }
    lock_user_groups(session, tenant).await?;
    let mut balance = Balance::default();
    delete_members(session, tenant, &gone, &mut balance).await?;
    let ids = || gone.iter().map(|gone| gone.id.as_str());
    // An administrator who saved a mapping while its members were released has assigned them once more.
    keep_assignments(session, tenant, by, |statement| {
        is_one_of(statement.push(" AND "), "u.source", ids());
        statement.push(" AND u.user_group IN (SELECT m.user_group FROM user_group_mapping AS m WHERE m.tenant = ");
        statement.bind(tenant.as_str());
        is_one_of(statement.push(" AND "), "m.scim_group", ids());
        statement.push(")");
    })
    .await?;
    for (table, column) in
        [("user_group_mapping WHERE", "scim_group"), ("scim_group WHERE", "id"), ("unique_key WHERE", "id")]
    {
        delete(session, tenant, table, column, &gone).await?;
    }
    finish(session, tenant, &gone, balance).await?;
    Ok(gone)
}

/// The first resources of the organization that satisfy a condition. Nobody changes or deletes them until the commit.
async fn lock<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    most: u32,
    condition: &str,
) -> Result<Vec<Gone>, StoreError> {
    let mut query = Statement::new(session.dialect());
    query.push("SELECT id, kind, bytes FROM resource WHERE tenant = ").bind(tenant.as_str()).push(condition);
    query.push(" ORDER BY id LIMIT ").bind(i64::from(most));
    if session.dialect() == Dialect::Postgres {
        query.push(" FOR UPDATE");
    }
    let rows = session.query(&query).await?.into_iter();
    rows.map(|mut row| Ok(Gone { id: row.text(0)?, kind: row.text(1)?, bytes: row.integer(2)? })).collect()
}

/// Keeps others from removing user groups until the commit.
async fn lock_user_groups<S: Session>(session: &mut S, tenant: &TenantId) -> Result<(), StoreError> {
    if session.dialect() != Dialect::Postgres {
        return Ok(());
    }
    let mut lock = Statement::new(session.dialect());
    lock.push("SELECT id FROM user_group WHERE tenant = ").bind(tenant.as_str()).push(" ORDER BY id FOR KEY SHARE");
    session.query(&lock).await.map(drop)
}

/// Deletes the references to the resources, and those that they have.
async fn delete_members<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    gone: &[Gone],
    balance: &mut Balance,
) -> Result<(), StoreError> {
    for column in ["value", "holder"] {
        let deleted = delete(session, tenant, "member WHERE", column, gone).await?;
        balance.add_references(i64::try_from(deleted).unwrap_or(i64::MAX).saturating_neg());
    }
    Ok(())
}

/// Makes assignments by hand of those that follow from mappings and satisfy a condition on `user_group_member AS u`.
async fn keep_assignments<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    by: &str,
    condition: impl Fn(&mut Statement),
) -> Result<(), StoreError> {
    let mut insert = Statement::new(session.dialect());
    insert.push("INSERT INTO user_group_member (tenant, account, user_group, source, added, made_by) ");
    insert.push("SELECT DISTINCT u.tenant, u.account, u.user_group, '', CAST(").bind(Utc::now().timestamp_millis());
    insert.push(" AS BIGINT), CAST(").bind(by).push(" AS TEXT) FROM user_group_member AS u WHERE u.tenant = ");
    insert.bind(tenant.as_str()).push(" AND u.source <> ''");
    condition(&mut insert);
    insert.push(" ORDER BY 2, 3 ON CONFLICT DO NOTHING");
    count(session, tenant.as_str(), insert, 1).await?;
    let mut delete = Statement::new(session.dialect());
    delete.push("DELETE FROM user_group_member AS u WHERE u.tenant = ").bind(tenant.as_str());
    delete.push(" AND u.source <> ''");
    condition(&mut delete);
    count(session, tenant.as_str(), delete, -1).await
}

/// Deletes the rows of a table that are about the resources. `table` ends before a condition.
async fn delete<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    table: &str,
    column: &str,
    gone: &[Gone],
) -> Result<u64, StoreError> {
    let mut delete = Statement::new(session.dialect());
    delete.push("DELETE FROM ").push(table).push(" tenant = ").bind(tenant.as_str()).push(" AND ");
    is_one_of(&mut delete, column, gone.iter().map(|gone| gone.id.as_str()));
    session.execute(&delete).await
}

/// Deletes the resources themselves, and counts them last.
async fn finish<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    gone: &[Gone],
    mut balance: Balance,
) -> Result<(), StoreError> {
    delete(session, tenant, "resource WHERE", "id", gone).await?;
    for gone in gone {
        balance.add(&gone.kind, -1, gone.bytes.saturating_neg());
    }
    let random = Version::new(Uuid::new_v4().simple().to_string()).map_err(StoreError::backend)?;
    balance.write(session, tenant, &random).await
}

/// Whether the organization has resources, and the number of users among them.
pub(crate) fn left(dialect: Dialect, tenant: &TenantId) -> [Statement; 2] {
    let mut any = Statement::new(dialect);
    any.push("SELECT id FROM resource WHERE tenant = ").bind(tenant.as_str()).push(" LIMIT 1");
    [any, super::total(dialect, tenant, USER)]
}
