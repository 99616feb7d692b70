//! The people and groups whose last request was refused: a row for each in the table `trouble`, until a request
//! about the person or group succeeds. A success for another person must not hide them.

use scim_core::{fold::fold, sql::Statement, store::StoreError};

use super::{Conflict, Entry, Outcome};
use crate::{account::user_name_key, database::Session, store::unique_value};

/// The number of days after the last refusal for which a conflict with an account made by hand is kept. Providers
/// that retry do so at least once a day.
pub const KEPT_DAYS: i64 = 14;

/// The number of days for any other cause, whose end is not always visible here.
pub const OTHER_DAYS: i64 = 3;

/// Records the refusal of a person or group, or the end of a refusal. `name` is the name of the resource in the
/// log.
pub(super) async fn note<S: Session>(session: &mut S, entry: &Entry, name: Option<&str>) -> Result<(), StoreError> {
    if entry.caller.is_none() || entry.reads() {
        return Ok(());
    }
    match entry.outcome() {
        Outcome::Done => {
            // A bulk request: each operation has its own status.
            for conflict in &entry.conflicts {
                put(session, entry, &of_user_name(&conflict.user_name), Some(conflict)).await?;
            }
            resolve(session, entry, name).await
        }
        Outcome::Refused if is_about_one(entry) => match subject(entry) {
            Some(subject) => put(session, entry, &subject, entry.conflicts.first()).await,
            None => Ok(()),
        },
        Outcome::Refused | Outcome::Failed => Ok(()),
    }
}

/// Whether the refusal concerns the person or group, and not the key, the address or the number of requests.
fn is_about_one(entry: &Entry) -> bool {
    match entry.status {
        400 | 409 | 412 | 422 => true,
        // A resource that is to be deleted may already be gone.
        404 => !entry.operation.starts_with("DELETE "),
        _ => false,
    }
}

fn of_user_name(user_name: &str) -> String {
    format!("User {}", user_name_key(user_name))
}

fn of_group(name: &str) -> String {
    format!("Group {}", unique_value(&fold(name)))
}

fn of_resource(id: &str) -> String {
    format!("id {id}")
}

/// The person or group of the request: by its id, or by the name that it claims.
fn subject(entry: &Entry) -> Option<String> {
    let kind = entry.kind.as_deref()?;
    if let Some(id) = &entry.resource {
        return Some(of_resource(id));
    }
    let claimed = entry.conflicts.first().map(|conflict| &conflict.user_name).or(entry.claimed.as_ref())?;
    match kind {
        "User" => Some(of_user_name(claimed)),
        "Group" => Some(of_group(claimed)),
        _ => None,
    }
}

async fn put<S: Session>(
    session: &mut S,
    entry: &Entry,
    subject: &str,
    conflict: Option<&Conflict>,
) -> Result<(), StoreError> {
    let name = conflict.map(|conflict| &conflict.user_name).or(entry.claimed.as_ref());
    let fault = entry.fault(name.map(String::as_str));
    let mut upsert = Statement::new(session.dialect());
    upsert.push("INSERT INTO trouble (tenant, subject, account, fault, time) VALUES (").bind(entry.tenant.as_str());
    upsert.push(", ").bind(subject).push(", ");
    upsert.bind_optional(conflict.map(|conflict| &*conflict.account));
    upsert.push(", ").bind(fault.to_string()).push(", ").bind(entry.time.timestamp_millis());
    upsert.push(") ON CONFLICT (tenant, subject) DO UPDATE SET account = excluded.account, fault = excluded.fault, ");
    Ok(session.execute(upsert.push("time = excluded.time")).await.map(drop)?)
}

/// Deletes the refusals of the resource and of its name.
async fn resolve<S: Session>(session: &mut S, entry: &Entry, name: Option<&str>) -> Result<(), StoreError> {
    let Some(id) = &entry.resource else { return Ok(()) };
    let tenant = entry.tenant.as_str();
    let mut delete = Statement::new(session.dialect());
    delete.push("DELETE FROM trouble WHERE tenant = ").bind(tenant).push(" AND subject IN (").bind(of_resource(id));
    match (entry.kind.as_deref(), name) {
        (Some("Group"), Some(name)) => {
            delete.push(", ").bind(of_group(name));
        }
        (Some("User"), name) => {
            delete.push(", (SELECT 'User ' || user_name_key FROM account WHERE tenant = ").bind(tenant);
            delete.push(" AND id = ").bind(id.as_str()).push(")");
            // A request without a user name is recorded by its display name.
            if let Some(name) = name {
                delete.push(", ").bind(of_user_name(name));
            }
        }
        _ => {}
    }
    Ok(session.execute(delete.push(")")).await.map(drop)?)
}
