//! The rows that assign people to the user groups of the platform, and the number of them that each account has.
//!
//! A row says that an account belongs to a user group and why: by hand, with the source `''`, or because of a SCIM group
//! that an administrator has mapped to the user group. Members of a mapped SCIM group are assigned and unassigned by the
//! commit that changes the list of members. Direct members count, not the members of a group within the group.
//!
//! Who changes rows of a source has a lock that keeps others from it: of the SCIM group's resource for its id. A user
//! group and a mapping stay while a transaction assigns by them, because it shares a lock of their row. Accounts come
//! last, in the order of their ids.

use chrono::Utc;
use scim_core::{
    sql::{Dialect, Statement},
    store::{Entry, StoreError},
    value::Text,
};

use super::references::{array_of, is_one_of};
use crate::database::{Row, Session};

/// The list of a SCIM group that mappings are about.
pub(super) const MEMBERS: &str = "members";

/// The source of an assignment that an administrator has made.
pub(crate) const BY_HAND: &str = "";

/// Makes the assignments follow an edit of a SCIM group's members, by the ids that went and came.
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
        is_one_of(delete.push(" AND "), "account", gone.iter().map(Text::as_str));
        count(session, tenant, delete, -1).await?;
    }
    if come.is_empty() {
        return Ok(());
    }
    let mut insert = assignment_of_members(session, tenant, group);
    is_one_of(insert.push(" AND "), "r.value", come);
    count(session, tenant, closed(insert), 1).await.map(drop)
}

/// Makes the assignments follow a SCIM group that was replaced, unless the replacement kept its members.
pub(super) async fn follow_group<S: Session>(session: &mut S, tenant: &str, entry: &Entry) -> Result<(), StoreError> {
    let kind = entry.resource.kind();
    if entry.kept.iter().any(|list| kind.path(*list) == MEMBERS) {
        return Ok(());
    }
    let group = entry.resource.id();
    if mapped_to(session, tenant, group).await?.is_empty() {
        return Ok(());
    }
    follow_members(session, tenant, group).await.map(drop)
}

/// Makes the assignments of a SCIM group those that its members and its mapping ask for, whatever they were. Returns the
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

/// Removes the mapping and the assignments of a SCIM group that is deleted.
pub(super) async fn forget_group<S: Session>(session: &mut S, tenant: &str, group: &str) -> Result<(), StoreError> {
    let mapped = mapped_to(session, tenant, group).await?;
    if mapped.is_empty() {
        return Ok(());
    }
    unmap(session, tenant, group, &mapped).await.map(drop)
}

/// Removes the mapping of a SCIM group to these user groups, and the assignments that followed from it. Returns the number
/// of people who left.
pub(crate) async fn unmap<S: Session>(
    session: &mut S,
    tenant: &str,
    group: &str,
    user_groups: &[String],
) -> Result<usize, StoreError> {
    let names = || user_groups.iter().map(String::as_str);
    let mut unmap = Statement::new(session.dialect());
    unmap.push("DELETE FROM user_group_mapping WHERE tenant = ").bind(tenant).push(" AND scim_group = ").bind(group);
    is_one_of(unmap.push(" AND "), "user_group", names());
    session.execute(&unmap).await?;
    let mut delete = Statement::new(session.dialect());
    delete.push("DELETE FROM user_group_member WHERE tenant = ").bind(tenant).push(" AND source = ").bind(group);
    is_one_of(delete.push(" AND "), "user_group", names());
    count(session, tenant, delete, -1).await
}

/// The user groups that a SCIM group is mapped to. Nobody removes the mappings until the commit.
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
    session.query(&query).await?.into_iter().map(|mut row| row.text(0)).collect()
}

/// Runs a statement that deletes or inserts rows of `user_group_member`, and adds to the number of each account. Returns
/// the number of accounts.
///
/// The number is added to, not counted anew: two transactions that assign one person at the same time do not see each
/// other's rows.
pub(crate) async fn count<S: Session>(
    session: &mut S,
    tenant: &str,
    mut change: Statement,
    sign: i64,
) -> Result<usize, StoreError> {
    change.push(" RETURNING account");
    let accounts = session.query(&change).await?.into_iter().map(|mut row: Row| row.text(0));
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
    update.bind(array_of(accounts.iter().map(String::as_str))).push(closing).push(") AS e");
    if session.dialect() == Dialect::Postgres {
        update.push(" (value)");
    }
    update.push(" GROUP BY e.value) AS c WHERE account.id = c.id AND account.tenant = ").bind(tenant);
    session.execute(&update).await?;
    Ok(people)
}

/// Keeps others from changing the accounts until the commit, in one order, so that two that lock the same do not wait
/// for each other. Gives the ids of those that exist.
pub(crate) async fn lock_accounts<S: Session>(
    session: &mut S,
    tenant: &str,
    accounts: &[String],
) -> Result<Vec<String>, StoreError> {
    let mut lock = Statement::new(session.dialect());
    lock.push("SELECT id FROM account WHERE tenant = ").bind(tenant);
    is_one_of(lock.push(" AND "), "id", accounts.iter().map(String::as_str));
    if session.dialect() == Dialect::Postgres {
        lock.push(" ORDER BY id FOR NO KEY UPDATE");
    }
    session.query(&lock).await?.into_iter().map(|mut row| row.text(0)).collect()
}

/// The insertion of the assignments that members of a SCIM group lack, up to its conditions.
fn assignment_of_members<S: Session>(session: &S, tenant: &str, group: &str) -> Statement {
    let mut insert = Statement::new(session.dialect());
    insert.push("INSERT INTO user_group_member (tenant, account, user_group, source, added) ");
    insert.push("SELECT a.tenant, a.id, m.user_group, m.scim_group, CAST(").bind(Utc::now().timestamp_millis());
    insert.push(" AS BIGINT) FROM member AS r, account AS a, user_group_mapping AS m WHERE r.tenant = ").bind(tenant);
    insert.push(" AND r.holder = ").bind(group).push(" AND r.list = 'members' AND a.tenant = r.tenant ");
    insert.push("AND a.id = r.value AND m.tenant = r.tenant AND m.scim_group = r.holder");
    insert
}

/// The end of an insertion: in the order of the accounts, and not where the row is there.
fn closed(mut insert: Statement) -> Statement {
    insert.push(" ORDER BY 2, 3 ON CONFLICT DO NOTHING");
    insert
}
