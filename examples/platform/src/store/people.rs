//! Users and groups of the identity provider as rows that pages list: `account` and `scim_group`, written by the
//! commit that changes the resource.
//!
//! A row has the few values that lists show, each cut to a length that an index takes. Accounts made by hand are
//! rows of the same table; this module does not change their listed values. The module
//! [`assignments`](super::assignments) handles the assignment to user groups.

use chrono::Utc;
use scim_core::{
    event::Event,
    fold::fold,
    resource::{Resource, UniqueKey},
    schema::{AttributeId, DefaultValue},
    sql::{
        Statement,
        document_store::{shared_value, unique_value},
    },
    store::{Change, ChangeOutcome, Deletion, ListEdit, Replacement, RequestContext, StoreError},
    value::Value,
};

use super::assignments::{self, MEMBERS};
use crate::{
    account::{sort_name, user_name_key},
    database::Session,
    provisioning::{Conflict, RequestNotes},
    session::end_all,
};

/// The resource type whose resources are people.
const USER: &str = "User";

/// The resource type whose resources have people as members.
const GROUP: &str = "Group";

const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

/// The maximum number of stored characters of a name.
const NAME: usize = 256;

/// The maximum number of stored characters of a user name or an address. A longer user name keeps its complete
/// key.
const ADDRESS: usize = 512;

/// The maximum length, in bytes, of an external id by which a person can be looked up.
const LONGEST_ID: usize = 1_000;

/// Updates the rows of people and user groups after a change, and ends the sessions of a person who loses access.
pub(super) async fn follow<S: Session>(
    session: &mut S,
    change: &Change,
    done: &ChangeOutcome,
    event: &Event,
) -> Result<(), StoreError> {
    let (tenant, resource_type) = (event.tenant().as_str(), change.resource_type().name());
    match change {
        Change::Create(entry) => write(session, tenant, &entry.resource).await?,
        Change::Replace(Replacement { entry, .. }) => {
            write(session, tenant, &entry.resource).await?;
            if resource_type == GROUP {
                assignments::follow_group(session, tenant, entry).await?;
            }
        }
        Change::EditValues(ListEdit { id, attribute, edit, .. }) if resource_type == GROUP => {
            let edit = done.edit.as_ref().unwrap_or(edit);
            if let Some(value) = change.resource_type().value_of(*attribute)
                && change.resource_type().path(*attribute) == MEMBERS
            {
                let coming = edit.add.iter().filter_map(|element| element.get(value)?.as_str()).collect();
                assignments::follow_edit(session, tenant, id, &edit.remove, coming).await?;
            }
        }
        Change::Delete(Deletion { id, .. }) if resource_type == USER => {
            // The account first: a concurrent assignment of the person by an administrator has this row locked.
            for sql in [
                "DELETE FROM account WHERE origin = 'scim' AND id = ",
                "DELETE FROM user_group_member WHERE account = ",
            ] {
                let mut delete = Statement::new(session.dialect());
                delete.push(sql).bind(&**id).push(" AND tenant = ").bind(tenant);
                session.execute(&delete).await?;
            }
        }
        Change::Delete(Deletion { id, .. }) if resource_type == GROUP => {
            assignments::forget_group(session, tenant, id).await?;
            let mut delete = Statement::new(session.dialect());
            delete.push("DELETE FROM scim_group WHERE tenant = ").bind(tenant).push(" AND id = ").bind(&**id);
            session.execute(&delete).await?;
        }
        _ => {}
    }
    if resource_type == USER && event.ends_access() {
        session.execute(&end_all(session.dialect(), tenant, change.id())).await?;
    }
    Ok(())
}

/// Writes the row of a user or a group from the current resource.
pub(super) async fn write<S: Session>(session: &mut S, tenant: &str, resource: &Resource) -> Result<(), StoreError> {
    let statement = match resource.resource_type().name() {
        USER => account(session, tenant, resource),
        GROUP => group(session, tenant, resource),
        _ => return Ok(()),
    };
    Ok(session.execute(&statement).await.map(drop)?)
}

fn account<S: Session>(session: &S, tenant: &str, resource: &Resource) -> Statement {
    // With its outer blanks, as in the unique key: without them two people would have one name, and neither could sign
    // in by it.
    let user_name = resource.get("userName").and_then(Value::as_str).unwrap_or_default();
    let name = name_of(resource).unwrap_or_else(|| user_name.to_owned());
    let created = resource.created().unwrap_or_else(Utc::now);
    let external_id = resource.external_id().filter(|id| id.len() <= LONGEST_ID && !id.contains('\0'));
    let mut insert = Statement::new(session.dialect());
    insert.push("INSERT INTO account (tenant, id, origin, user_name, user_name_key, name, sort_name, email, ");
    insert.push("external_id, department, active, created) VALUES (").bind(tenant).push(", ").bind(resource.id());
    insert.push(", 'scim', ").bind(cut(user_name, ADDRESS)).push(", ").bind(user_name_key(user_name));
    insert.push(", ").bind(cut(&name, NAME)).push(", ").bind(sort_name(&name)).push(", ");
    insert.bind_optional(email_of(resource).as_deref());
    insert.push(", ");
    insert.bind_optional(external_id);
    insert.push(", ");
    insert.bind_optional(text(resource, DEPARTMENT).map(|text| cut(&text, NAME)).as_deref());
    insert.push(", ").bind(i64::from(is_active(resource))).push(", ").bind(created.timestamp_millis());
    insert.push(") ON CONFLICT (tenant, id) DO UPDATE SET user_name = excluded.user_name, ");
    insert.push("user_name_key = excluded.user_name_key, name = excluded.name, sort_name = excluded.sort_name, ");
    insert.push("email = excluded.email, external_id = excluded.external_id, department = excluded.department, ");
    insert.push(
        "active = excluded.active, deactivated_by = NULL, deactivated = CASE WHEN excluded.active = 1 THEN NULL ",
    );
    insert.push("WHEN account.active = 1 THEN CAST(").bind(Utc::now().timestamp_millis());
    insert.push(" AS BIGINT) ELSE account.deactivated END WHERE account.origin = 'scim'");
    insert
}

fn group<S: Session>(session: &S, tenant: &str, resource: &Resource) -> Statement {
    let name = text(resource, "displayName").unwrap_or_else(|| resource.id().to_owned());
    let mut insert = Statement::new(session.dialect());
    insert.push("INSERT INTO scim_group (tenant, id, name, sort_name) VALUES (").bind(tenant).push(", ");
    insert.bind(resource.id()).push(", ").bind(cut(&name, NAME)).push(", ").bind(sort_name(&name));
    insert.push(") ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, sort_name = excluded.sort_name");
    insert
}

/// The name that pages show for a person.
fn name_of(resource: &Resource) -> Option<String> {
    let parts = ["name.givenName", "name.familyName"].iter().filter_map(|part| text(resource, part));
    let whole = text(resource, "displayName").or_else(|| text(resource, "name.formatted"));
    whole.or_else(|| Some(parts.collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty()))
}

/// The primary address, or else the first address.
fn email_of(resource: &Resource) -> Option<String> {
    let resource_type = resource.resource_type();
    let emails = resource_type.child(AttributeId::ROOT, "emails")?;
    let value = resource_type.child(emails, "value")?;
    let elements = resource.root().get(emails)?.elements();
    let is_primary = |element: &&Value| {
        let primary = resource_type.child(emails, "primary").and_then(|primary| element.as_object()?.get(primary));
        primary.and_then(Value::as_bool) == Some(true)
    };
    let address = |element: &Value| Some(cut(element.as_object()?.get(value)?.as_str()?, ADDRESS));
    elements.iter().find(is_primary).and_then(address).or_else(|| elements.iter().find_map(address))
}

/// Whether the person may sign in. A missing `active` counts as its default.
fn is_active(resource: &Resource) -> bool {
    let resource_type = resource.resource_type();
    let Some(active) = resource_type.child(AttributeId::ROOT, "active") else { return true };
    let default = matches!(resource_type.attribute(active).default_value(), Some(DefaultValue::Boolean(true)));
    resource.root().get(active).and_then(Value::as_bool).unwrap_or(default)
}

/// The text of an attribute, unless it is blank.
fn text(resource: &Resource, path: &str) -> Option<String> {
    let text = resource.get(path)?.as_str()?.trim();
    // PostgreSQL has no text with a NUL character.
    (!text.is_empty()).then(|| text.replace('\0', "\u{fffd}"))
}

/// The beginning of a text.
fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}

/// Claims the user names of the accounts made by hand again, by the current rules, after all claims were deleted.
pub(super) async fn claim_names<S: Session>(session: &mut S) -> Result<(), StoreError> {
    let mut last = (String::new(), String::new());
    loop {
        let mut query = Statement::new(session.dialect());
        query.push("SELECT tenant, id, user_name, name FROM account WHERE origin = 'hand' AND (tenant, id) > (");
        query.bind(last.0.as_str()).push(", ").bind(last.1.as_str()).push(") ORDER BY tenant, id LIMIT 500");
        let rows = session.rows(&query).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for mut row in rows {
            let (tenant, id, user_name, name) =
                (row.required_text(0)?, row.required_text(1)?, row.required_text(2)?, row.required_text(3)?);
            let mut update = Statement::new(session.dialect());
            update.push("UPDATE account SET user_name_key = ").bind(user_name_key(&user_name));
            update.push(", sort_name = ").bind(sort_name(&name));
            update.push(" WHERE tenant = ").bind(tenant.as_str()).push(" AND id = ").bind(id.as_str());
            session.execute(&update).await?;
            let folded = fold(&user_name);
            if session.execute(&claim(session, &tenant, unique_value(&folded), &id)).await? == 0 {
                session.execute(&claim(session, &tenant, shared_value(&id, &folded), &id)).await?;
                tracing::error!(
                    tenant,
                    id,
                    "a user from SCIM has the user name of an account made by hand since the fold changed"
                );
            }
            last = (tenant, id);
        }
    }
}

fn claim<S: Session>(session: &S, tenant: &str, value: String, id: &str) -> Statement {
    let mut claim = Statement::new(session.dialect());
    claim.push("INSERT INTO unique_key (tenant, kind, attribute, value, id) VALUES (").bind(tenant);
    claim.push(", 'User', 'userName', ").bind(value).push(", ").bind(id).push(") ON CONFLICT DO NOTHING");
    claim
}

/// Names the account made by hand that has the unique value which a resource claims: by its id in the log, and by
/// its name in the provisioning log.
pub(super) async fn tell_conflict<S: Session>(
    session: &mut S,
    context: &RequestContext,
    resource: &Resource,
    key: &UniqueKey,
) -> Result<(), StoreError> {
    let resource_type = resource.resource_type();
    if resource_type.name() != USER || resource_type.path(key.attribute) != "userName" {
        return Ok(());
    }
    let tenant = context.tenant().as_str();
    let mut query = Statement::new(session.dialect());
    query.push("SELECT a.id, a.user_name, a.name FROM unique_key AS k, account AS a WHERE k.kind = 'User' AND k.attribute = 'userName' ");
    query.push("AND k.tenant = ").bind(tenant).push(" AND k.value = ").bind(unique_value(&key.folded));
    query.push(" AND a.tenant = k.tenant AND a.id = k.id AND a.origin = 'hand'");
    if let Some(mut row) = session.rows(&query).await?.into_iter().next() {
        let conflict =
            Conflict { account: row.required_text(0)?, user_name: row.required_text(1)?, name: row.required_text(2)? };
        tracing::info!(tenant, account = conflict.account, "an account made by hand has the user name");
        if let Some(notes) = context.host::<RequestNotes>() {
            notes.conflicts.add(conflict);
        }
    }
    Ok(())
}
