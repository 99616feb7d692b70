//! The rows that assign people to the platform's user groups, and the number of these rows for each account.
//!
//! A row states that an account belongs to a user group and why: by hand, with the source `''`, or because of a
//! SCIM group that an administrator has mapped to the user group. The commit that changes the list of members of a
//! mapped SCIM group also assigns and unassigns these members. Only direct members count, not the members of a
//! nested group.
//!
//! A transaction that changes rows with a certain source holds an exclusive lock: on the SCIM group's resource for
//! its id. A user group and a mapping stay while a transaction assigns by them, because the transaction holds a
//! shared lock on their rows. Accounts are locked last, in the order of their ids.

use chrono::Utc;
use scim_core::{
    sql::{Dialect, Statement},
    store::{Entry, StoreError},
    value::Text,
};

use crate::database::{Row, Session};

/// The list of a SCIM group that mappings concern.
pub(super) const MEMBERS: &str = "members";

/// The source of an assignment by an administrator.
pub(crate) const BY_HAND: &str = "";

/// Updates the assignments after an edit of a SCIM group's members, by the ids that were removed and added.
pub(super) async fn follow_edit<S: Session>(
    session: &mut S,
    tenant: &str,
    group: &str,
    gone: &[Text],
    come: Vec<&str>,
) -> Result<(), StoreError> {
    if mapped_to(session, tenant, group).await?.is_empty() {
        return Ok(());
    }
    if !gone.is_empty() {
        let mut delete = Statement::new(session.dialect());
        delete.push("DELETE FROM user_group_member WHERE tenant = ").bind(tenant).push(" AND source = ").bind(group);
        delete.push(" AND ").is_one_of("account", gone.iter().map(Text::as_str));
        count(session, tenant, delete, -1).await?;
    }
    if come.is_empty() {
        return Ok(());
    }
    let mut insert = assignment_of_members(session, tenant, group);
    insert.push(" AND ").is_one_of("r.value", come);
    count(session, tenant, closed(insert), 1).await.map(drop)
}

/// Updates the assignments after the replacement of a SCIM group, unless the replacement kept its members.
pub(super) async fn follow_group<S: Session>(session: &mut S, tenant: &str, entry: &Entry) -> Result<(), StoreError> {
    let resource_type = entry.resource.resource_type();
    if entry.kept.iter().any(|list| resource_type.path(*list) == MEMBERS) {
        return Ok(());
    }
    let group = entry.resource.id();
    if mapped_to(session, tenant, group).await?.is_empty() {
        return Ok(());
    }
    follow_members(session, tenant, group).await.map(drop)
}

/// Makes the assignments of a SCIM group match its members and its mapping, whatever they were before. Returns the
/// number of people who joined.
pub(crate) async fn follow_members<S: Session>(
    session: &mut S,
    tenant: &str,
    group: &str,
) -> Result<usize, StoreError> {
    let mut delete = Statement::new(session.dialect());
    delete.push("DELETE FROM user_group_member WHERE tenant = ").bind(tenant).push(" AND source = ").bind(group);
    delete.push(" AND user_group IN (SELECT m.user_group FROM user_group_mapping AS m WHERE m.tenant = ");
    delete.bind(tenant).push(" AND m.scim_group = ").bind(group);
    delete.push(") AND NOT EXISTS (SELECT 1 FROM member AS r WHERE r.tenant = ").bind(tenant);
    delete
        .push(" AND r.value = user_group_member.account AND r.list = 'members' AND r.holder = ")
        .bind(group)
        .push(")");
    count(session, tenant, delete, -1).await?;
    let insert = assignment_of_members(session, tenant, group);
    count(session, tenant, closed(insert), 1).await
}

/// Removes the mapping and the assignments of a deleted SCIM group.
pub(super) async fn forget_group<S: Session>(session: &mut S, tenant: &str, group: &str) -> Result<(), StoreError> {
    let mapped = mapped_to(session, tenant, group).await?;
    if mapped.is_empty() {
        return Ok(());
    }
    unmap(session, tenant, group, &mapped).await.map(drop)
}

/// Removes the mapping of a SCIM group to these user groups, and the assignments that followed from the mapping.
/// Returns the number of people who left.
pub(crate) async fn unmap<S: Session>(
    session: &mut S,
    tenant: &str,
    group: &str,
    user_groups: &[String],
) -> Result<usize, StoreError> {
    let names = || user_groups.iter().map(String::as_str);
    let mut unmap = Statement::new(session.dialect());
    unmap.push("DELETE FROM user_group_mapping WHERE tenant = ").bind(tenant).push(" AND scim_group = ").bind(group);
    unmap.push(" AND ").is_one_of("user_group", names());
    session.execute(&unmap).await?;
    let mut delete = Statement::new(session.dialect());
    delete.push("DELETE FROM user_group_member WHERE tenant = ").bind(tenant).push(" AND source = ").bind(group);
    delete.push(" AND ").is_one_of("user_group", names());
    count(session, tenant, delete, -1).await
}

/// The user groups that a SCIM group is mapped to. The mappings are locked against removal until the commit.
pub(crate) async fn mapped_to<S: Session>(
    session: &mut S,
    tenant: &str,
    group: &str,
) -> Result<Vec<String>, StoreError> {
    let mut query = Statement::new(session.dialect());
    query.push("SELECT user_group FROM user_group_mapping WHERE tenant = ").bind(tenant);
    query.push(" AND scim_group = ").bind(group).push(" ORDER BY user_group");
    if session.dialect() == Dialect::Postgres {
        query.push(" FOR SHARE");
    }
    session.rows(&query).await?.into_iter().map(|mut row| row.required_text(0)).collect()
}

/// Runs a statement that deletes or inserts rows of `user_group_member`, and adjusts the number of rows in each
/// account. Returns the number of accounts.
///
/// The number is adjusted, not recounted: two transactions that assign one person at the same time do not see each
/// other's rows.
pub(crate) async fn count<S: Session>(
    session: &mut S,
    tenant: &str,
    mut change: Statement,
    sign: i64,
) -> Result<usize, StoreError> {
    change.push(" RETURNING account");
    let accounts = session.rows(&change).await?.into_iter().map(|mut row: Row| row.required_text(0));
    let accounts = accounts.collect::<Result<Vec<_>, _>>()?;
    if accounts.is_empty() {
        return Ok(0);
    }
    let people = lock_accounts(session, tenant, &accounts).await?.len();
    let each = match session.dialect() {
        Dialect::Sqlite => "json_each(",
        _ => "jsonb_array_elements_text(",
    };
    let closing = if session.dialect() == Dialect::Postgres { "::text::jsonb" } else { "" };
    let mut update = Statement::new(session.dialect());
    update.push("UPDATE account SET assigned = assigned + c.n * CAST(").bind(sign).push(" AS BIGINT) FROM (");
    update.push("SELECT e.value AS id, count(*) AS n FROM ").push(each);
    update.bind_array(accounts.iter().map(String::as_str)).push(closing).push(") AS e");
    if session.dialect() == Dialect::Postgres {
        update.push(" (value)");
    }
    update.push(" GROUP BY e.value) AS c WHERE account.id = c.id AND account.tenant = ").bind(tenant);
    session.execute(&update).await?;
    Ok(people)
}

/// Locks the accounts against changes until the commit, in a fixed order, which prevents a deadlock of two
/// transactions that lock the same accounts. Returns the ids of the existing accounts.
pub(crate) async fn lock_accounts<S: Session>(
    session: &mut S,
    tenant: &str,
    accounts: &[String],
) -> Result<Vec<String>, StoreError> {
    let mut lock = Statement::new(session.dialect());
    lock.push("SELECT id FROM account WHERE tenant = ").bind(tenant);
    lock.push(" AND ").is_one_of("id", accounts.iter().map(String::as_str));
    if session.dialect() == Dialect::Postgres {
        lock.push(" ORDER BY id FOR NO KEY UPDATE");
    }
    session.rows(&lock).await?.into_iter().map(|mut row| row.required_text(0)).collect()
}

/// The insertion of the missing assignments of a SCIM group's members, without its final conditions.
fn assignment_of_members<S: Session>(session: &S, tenant: &str, group: &str) -> Statement {
    let mut insert = Statement::new(session.dialect());
    insert.push("INSERT INTO user_group_member (tenant, account, user_group, source, added) ");
    insert.push("SELECT a.tenant, a.id, m.user_group, m.scim_group, CAST(").bind(Utc::now().timestamp_millis());
    insert.push(" AS BIGINT) FROM member AS r, account AS a, user_group_mapping AS m WHERE r.tenant = ").bind(tenant);
    insert.push(" AND r.holder = ").bind(group).push(" AND r.list = 'members' AND a.tenant = r.tenant ");
    insert.push("AND a.id = r.value AND m.tenant = r.tenant AND m.scim_group = r.holder");
    insert
}

/// Ends an insertion: in the order of the accounts, skipping existing rows.
fn closed(mut insert: Statement) -> Statement {
    insert.push(" ORDER BY 2, 3 ON CONFLICT DO NOTHING");
    insert
}
