//! Parts of the removal of a connection: some users of SCIM become accounts made by hand, and other resources are
//! deleted.
//!
//! The resource of a user is deleted. The account stays, with the claim of its user name, so that no later user of
//! SCIM gets the name. Assignments that followed from a mapping become assignments by hand. Each function runs
//! inside the caller's transaction and reads its rows by indexes that begin with the organization.
//!
//! Locks are taken in the same order as in other transactions: resources, user groups, members, mappings,
//! accounts.

use chrono::Utc;
use scim_core::{
    sql::{
        Dialect, Statement,
        document_store::{Balance, total},
    },
    store::{StoreError, TenantId},
};

use super::assignments::{count, lock_accounts};
use crate::database::Session;

/// The resource type whose resources are people.
const USER: &str = "User";

/// The maximum number of rows that one statement deletes. It exceeds the number of resources in a step.
const REFERENCES: u64 = 10_000;

/// The number of accounts whose assignments are kept at a time when their group is deleted.
const LATE: i64 = 1_000;

/// The number of deleted references after which a step ends before it deletes the resources themselves.
const MOST_REFERENCES: u64 = 50_000;

/// A resource from SCIM that the removal deletes.
#[derive(Debug)]
pub(crate) struct Gone {
    /// The id.
    pub(crate) id: String,
    /// The resource type.
    pub(crate) kind: String,
    bytes: i64,
}

/// The result of one transaction of a removal.
#[derive(Debug)]
pub(crate) enum Part {
    /// These resources were deleted.
    Gone(Vec<Gone>),
    /// Some references were deleted, and more may be left.
    References,
    /// Nothing was left to delete.
    Nothing,
}

/// Releases at most `most` users, for the administrator with the id `by`.
pub(crate) async fn users<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    most: u32,
    by: &str,
) -> Result<Part, StoreError> {
    let (gone, balance) = match detach(session, tenant, most, " AND kind = 'User'").await? {
        Ok(detached) => detached,
        Err(part) => return Ok(part),
    };
    let ids: Vec<String> = gone.iter().map(|gone| gone.id.clone()).collect();
    lock_accounts(session, tenant.as_str(), &ids).await?;
    keep_assignments(session, tenant, by, &ids).await?;
    let mut release = Statement::new(session.dialect());
    release.push("UPDATE account SET origin = 'hand', released = ").bind(Utc::now().timestamp_millis());
    release.push(" WHERE origin = 'scim' AND tenant = ").bind(tenant.as_str()).push(" AND ");
    release.is_one_of("id", ids.iter().map(String::as_str));
    session.execute(&release).await?;
    let claims = Rows { table: "unique_key", column: "id", end: " AND NOT (kind = 'User' AND attribute = 'userName')" };
    delete(session, tenant, &claims, &gone).await?;
    finish(session, tenant, &gone, balance).await?;
    Ok(Part::Gone(gone))
}

/// Deletes at most `most` resources other than users: groups, and resources of an operator's own types. No users
/// may be left.
pub(crate) async fn others<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    most: u32,
    by: &str,
) -> Result<Part, StoreError> {
    let (gone, balance) = match detach(session, tenant, most, " AND kind <> 'User'").await? {
        Ok(detached) => detached,
        Err(part) => return Ok(part),
    };
    // An administrator who saved a mapping while its members were being released has assigned them again.
    let late = assigned_by(session, tenant, &gone).await?;
    if !late.is_empty() {
        lock_accounts(session, tenant.as_str(), &late).await?;
        keep_assignments(session, tenant, by, &late).await?;
        balance.write(session, tenant).await?;
        return Ok(Part::References);
    }
    for (table, column) in [("user_group_mapping", "scim_group"), ("scim_group", "id"), ("unique_key", "id")] {
        delete(session, tenant, &Rows { table, column, end: "" }, &gone).await?;
    }
    finish(session, tenant, &gone, balance).await?;
    Ok(Part::Gone(gone))
}

/// Takes the first resources of the organization that satisfy a condition, and deletes the references from and to the
/// resources. Returns the resources and the change of the tally; the result of the step if the step ends here.
async fn detach<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    most: u32,
    condition: &str,
) -> Result<Result<(Vec<Gone>, Balance), Part>, StoreError> {
    let gone = lock(session, tenant, most, condition).await?;
    if gone.is_empty() {
        return Ok(Err(Part::Nothing));
    }
    lock_user_groups(session, tenant).await?;
    let mut balance = Balance::default();
    let is_whole = delete_references(session, tenant, &gone, &mut balance).await?;
    Ok(if is_whole { Ok((gone, balance)) } else { Err(Part::References) })
}

/// Returns the first resources of the organization that satisfy a condition, and locks them until the commit.
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
    let rows = session.rows(&query).await?.into_iter();
    rows.map(|mut row| {
        Ok(Gone { id: row.required_text(0)?, kind: row.required_text(1)?, bytes: row.required_integer(2)? })
    })
    .collect()
}

/// Locks the user groups against removal until the commit.
async fn lock_user_groups<S: Session>(session: &mut S, tenant: &TenantId) -> Result<(), StoreError> {
    if session.dialect() != Dialect::Postgres {
        return Ok(());
    }
    let mut lock = Statement::new(session.dialect());
    lock.push("SELECT id FROM user_group WHERE tenant = ").bind(tenant.as_str()).push(" ORDER BY id FOR KEY SHARE");
    Ok(session.rows(&lock).await.map(drop)?)
}

/// Deletes the references from and to the resources. Returns whether all are deleted; if not, the tally has been
/// updated for the deleted ones.
async fn delete_references<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    gone: &[Gone],
    balance: &mut Balance,
) -> Result<bool, StoreError> {
    // The order makes PostgreSQL use the index, however few referrers its statistics know.
    let own = Rows { table: "member", column: "holder", end: " ORDER BY list, place" };
    let deleted = delete(session, tenant, &own, gone).await?;
    balance.add_references(i64::try_from(deleted).unwrap_or(i64::MAX).saturating_neg());
    if deleted >= REFERENCES {
        balance.write(session, tenant).await?;
        return Ok(false);
    }
    let others = Rows { table: "member", column: "value", end: "" };
    let mut all = deleted;
    while all < MOST_REFERENCES {
        let deleted = delete(session, tenant, &others, gone).await?;
        balance.add_references(i64::try_from(deleted).unwrap_or(i64::MAX).saturating_neg());
        all = all.saturating_add(deleted);
        if deleted < REFERENCES {
            return Ok(true);
        }
    }
    balance.write(session, tenant).await?;
    Ok(false)
}

/// Up to [`LATE`] accounts that these groups of the identity provider assign to user groups.
async fn assigned_by<S: Session>(session: &mut S, tenant: &TenantId, gone: &[Gone]) -> Result<Vec<String>, StoreError> {
    let of_mapping = "u.tenant = m.tenant AND u.user_group = m.user_group AND u.source = m.scim_group";
    let mut query = Statement::new(session.dialect());
    query.push("SELECT ");
    if session.dialect() == Dialect::Postgres {
        // The order makes PostgreSQL use the index, however frequent a group is in its statistics.
        query.push("r.account FROM user_group_mapping AS m CROSS JOIN LATERAL (SELECT u.account ");
        query.push("FROM user_group_member AS u WHERE ").push(of_mapping).push(" ORDER BY u.account LIMIT ");
        query.bind(LATE).push(") AS r WHERE m.tenant = ").bind(tenant.as_str());
    } else {
        query.push("u.account FROM user_group_mapping AS m CROSS JOIN user_group_member AS u WHERE ").push(of_mapping);
        query.push(" AND m.tenant = ").bind(tenant.as_str());
    }
    query.push(" AND ").is_one_of("m.scim_group", gone.iter().map(|gone| gone.id.as_str()));
    query.push(" LIMIT ").bind(LATE);
    let mut accounts: Vec<String> =
        session.rows(&query).await?.into_iter().map(|mut row| row.required_text(0)).collect::<Result<_, _>>()?;
    accounts.sort_unstable();
    accounts.dedup();
    Ok(accounts)
}

/// Turns the accounts' assignments that follow from mappings into assignments by hand.
async fn keep_assignments<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    by: &str,
    accounts: &[String],
) -> Result<(), StoreError> {
    let condition = |statement: &mut Statement| {
        statement.push(" FROM user_group_member AS u WHERE u.tenant = ").bind(tenant.as_str());
        statement.push(" AND u.source <> '' AND ");
        statement.is_one_of("u.account", accounts.iter().map(String::as_str));
    };
    let mut insert = Statement::new(session.dialect());
    insert.push("INSERT INTO user_group_member (tenant, account, user_group, source, added, made_by) ");
    insert.push("SELECT DISTINCT u.tenant, u.account, u.user_group, '', CAST(").bind(Utc::now().timestamp_millis());
    insert.push(" AS BIGINT), CAST(").bind(by).push(" AS TEXT)");
    condition(&mut insert);
    insert.push(" ORDER BY 2, 3 ON CONFLICT DO NOTHING");
    count(session, tenant.as_str(), insert, 1).await?;
    let mut delete = Statement::new(session.dialect());
    condition(delete.push("DELETE"));
    count(session, tenant.as_str(), delete, -1).await.map(drop)
}

/// Rows about resources: those whose `column` is the id of the resource.
struct Rows<'a> {
    table: &'a str,
    column: &'a str,
    /// The rest of the condition, or an order.
    end: &'a str,
}

/// Deletes rows about the resources, at most [`REFERENCES`]. Returns their number.
///
/// PostgreSQL looks up each id separately: with an array, or with a join, its estimate of the rows per id can make
/// it scan the table with the rows of all organizations.
async fn delete<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    rows: &Rows<'_>,
    gone: &[Gone],
) -> Result<u64, StoreError> {
    let Rows { table, column, end } = rows;
    let most = i64::try_from(REFERENCES).unwrap_or(i64::MAX);
    let ids = || gone.iter().map(|gone| gone.id.as_str());
    let mut delete = Statement::new(session.dialect());
    delete.push("DELETE FROM ").push(table);
    if session.dialect() == Dialect::Postgres {
        delete.push(" WHERE ctid = ANY (ARRAY (SELECT r.ctid");
        delete.look_up_each(ids(), |query| {
            query.push("SELECT ctid FROM ").push(table).push(" WHERE tenant = ").bind(tenant.as_str()).push(" AND ");
            query.push(column).push(" = e.id COLLATE \"C\"").push(end).push(" LIMIT ").bind(most);
        });
        delete.push(" LIMIT ").bind(most).push("))");
    } else {
        delete.push(" WHERE rowid IN (SELECT rowid FROM ").push(table).push(" WHERE tenant = ").bind(tenant.as_str());
        delete.push(" AND ").is_one_of(column, ids());
        delete.push(end).push(" LIMIT ").bind(most).push(")");
    }
    Ok(session.execute(&delete).await?)
}

/// Deletes the resources themselves, and updates the tally last.
async fn finish<S: Session>(
    session: &mut S,
    tenant: &TenantId,
    gone: &[Gone],
    mut balance: Balance,
) -> Result<(), StoreError> {
    delete(session, tenant, &Rows { table: "resource", column: "id", end: "" }, gone).await?;
    for gone in gone {
        balance.add(&gone.kind, -1, gone.bytes.saturating_neg());
    }
    balance.write(session, tenant).await
}

/// Two queries: whether the organization has resources, and the number of its users.
pub(crate) fn left(dialect: Dialect, tenant: &TenantId) -> [Statement; 2] {
    let mut any = Statement::new(dialect);
    any.push("SELECT id FROM resource WHERE tenant = ").bind(tenant.as_str()).push(" LIMIT 1");
    [any, total(dialect, tenant, USER)]
}
