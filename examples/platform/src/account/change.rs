//! Changes of an account made by hand: its name, its address, and whether its person may sign in. Only the
//! identity provider changes accounts from SCIM.

use chrono::Utc;
use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

use super::{Accounts, sort_name};
use crate::{
    database::{Session, Work},
    session::end_all,
};

/// The outcome of a change or removal requested by an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The change is done. A removed or deactivated person has no session anymore.
    Done,
    /// No account has the id.
    Missing,
    /// The account is from SCIM.
    FromScim,
    /// The account belongs to the administrator who makes the request.
    Own,
    /// The organization would have no active administrator.
    LastAdministrator,
    /// The requester is no longer an administrator.
    NoAdministrator,
}

impl Accounts {
    /// Sets the name and the address of an account made by hand, on behalf of the administrator with the id `by`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn edit(
        &self,
        tenant: &str,
        id: &str,
        name: String,
        email: Option<String>,
        by: &str,
    ) -> Result<Changed, StoreError> {
        self.change(tenant, id, by, Edit::Values { name, email }).await
    }

    /// Sets whether the person of an account made by hand may sign in, on behalf of the administrator with the id
    /// `by`. The commit that deactivates an account ends its sessions and one-time links.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn set_active(&self, tenant: &str, id: &str, active: bool, by: &str) -> Result<Changed, StoreError> {
        self.change(tenant, id, by, if active { Edit::Activate } else { Edit::Deactivate }).await
    }

    async fn change(&self, tenant: &str, id: &str, by: &str, edit: Edit) -> Result<Changed, StoreError> {
        if id.contains('\0') {
            return Ok(Changed::Missing);
        }
        let change = Change { tenant: tenant.to_owned(), id: id.to_owned(), by: by.to_owned(), edit };
        self.database.write(change).await.map_err(|failed| failed.error)
    }
}

enum Edit {
    Values { name: String, email: Option<String> },
    Activate,
    Deactivate,
}

struct Change {
    tenant: String,
    id: String,
    by: String,
    edit: Edit,
}

impl Work for Change {
    type Output = Changed;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Changed, CommitError> {
        let (tenant, id, dialect) = (self.tenant.as_str(), self.id.as_str(), session.dialect());
        let ends_access = matches!(self.edit, Edit::Deactivate);
        if let Some(refused) = refusal(session, tenant, id, &self.by, ends_access).await? {
            return Ok(refused);
        }
        let mut update = Statement::new(dialect);
        update.push("UPDATE account SET ");
        match &self.edit {
            Edit::Values { name, email } => {
                update.push("name = ").bind(name.as_str()).push(", sort_name = ").bind(sort_name(name));
                update.push(", email = ").bind_optional(email.as_deref());
            }
            Edit::Activate => {
                update.push("active = 1, deactivated = NULL, deactivated_by = NULL");
            }
            Edit::Deactivate => {
                update.push("active = 0, deactivated = ").bind(Utc::now().timestamp_millis());
                update.push(", deactivated_by = ").bind(self.by.as_str());
            }
        }
        update.push(" WHERE origin = 'hand' AND tenant = ").bind(tenant).push(" AND id = ").bind(id);
        // An account that is already deactivated keeps the time of its deactivation.
        update.push(if ends_access { " AND active = 1" } else { "" });
        session.execute(&update).await?;
        if ends_access {
            let mut links = Statement::new(dialect);
            links.push("DELETE FROM invitation WHERE tenant = ").bind(tenant).push(" AND account = ").bind(id);
            session.execute(&links).await?;
            session.execute(&end_all(dialect, tenant, id)).await?;
        }
        Ok(Changed::Done)
    }
}

/// The reason why the administrator `by` may not change the account; `None` if the change is allowed.
/// `ends_access` means that its person cannot sign in after the change. The account and the administrators are
/// locked until the commit.
pub(super) async fn refusal<S: Session>(
    session: &mut S,
    tenant: &str,
    id: &str,
    by: &str,
    ends_access: bool,
) -> Result<Option<Changed>, StoreError> {
    let locking = if session.dialect() == Dialect::Postgres { " ORDER BY id FOR UPDATE" } else { "" };
    // If two administrators remove each other, the second one waits here and is then no longer an administrator.
    let mut query = Statement::new(session.dialect());
    query.push("SELECT id FROM account WHERE role = 'administrator' AND active = 1 AND tenant = ").bind(tenant);
    let rows = session.rows(query.push(locking)).await?.into_iter().map(|mut row| row.required_text(0));
    let administrators = rows.collect::<Result<Vec<_>, _>>()?;
    let mut query = Statement::new(session.dialect());
    query.push("SELECT origin FROM account WHERE tenant = ").bind(tenant).push(" AND id = ").bind(id);
    query.push(if locking.is_empty() { "" } else { " FOR UPDATE" });
    let origin = session.rows(&query).await?.into_iter().next().map(|mut row| row.required_text(0)).transpose()?;
    Ok(match origin.as_deref() {
        _ if !administrators.iter().any(|administrator| administrator == by) => Some(Changed::NoAdministrator),
        None => Some(Changed::Missing),
        Some("hand") if ends_access && administrators == [id] => Some(Changed::LastAdministrator),
        Some("hand") if ends_access && id == by => Some(Changed::Own),
        Some("hand") => None,
        Some(_) => Some(Changed::FromScim),
    })
}
