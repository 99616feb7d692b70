//! Changes of an account made by hand: its name and address, and whether its person may sign in. Accounts from SCIM are
//! the identity provider's to change.

use chrono::Utc;
use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

use super::{Accounts, sort_name};
use crate::{
    database::{Session, Work, optional},
    session::end_all,
};

/// The outcome of a change or a removal that an administrator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is done. A person who is removed or deactivated has no session anymore.
    Done,
    /// No account has the id.
    Missing,
    /// The account is one from SCIM.
    FromScim,
    /// The account is that of the administrator who asks.
    Own,
    /// The organization would have no active administrator.
    LastAdministrator,
    /// Who asks is no administrator anymore.
    NoAdministrator,
}

impl Accounts {
    /// Gives an account made by hand this name and address, for the administrator with the id `by`.
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

    /// Lets the person of an account made by hand sign in, or no longer, for the administrator with the id `by`. The
    /// commit that deactivates an account ends its sessions and one-time links.
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
                optional(update.push(", email = "), email.as_deref());
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
        // Who is deactivated already keeps the time.
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

/// The reason for which the administrator `by` may not change the account. `ends_access` says that its person then cannot
/// sign in. Until the commit nobody else changes the account or the administrators.
pub(super) async fn refusal<S: Session>(
    session: &mut S,
    tenant: &str,
    id: &str,
    by: &str,
    ends_access: bool,
) -> Result<Option<Changed>, StoreError> {
    let locking = if session.dialect() == Dialect::Postgres { " ORDER BY id FOR UPDATE" } else { "" };
    // Two administrators who remove each other wait here, and the second one finds herself gone.
    let mut query = Statement::new(session.dialect());
    query.push("SELECT id FROM account WHERE role = 'administrator' AND active = 1 AND tenant = ").bind(tenant);
    let rows = session.query(query.push(locking)).await?.into_iter().map(|mut row| row.text(0));
    let administrators = rows.collect::<Result<Vec<_>, _>>()?;
    let mut query = Statement::new(session.dialect());
    query.push("SELECT origin FROM account WHERE tenant = ").bind(tenant).push(" AND id = ").bind(id);
    query.push(if locking.is_empty() { "" } else { " FOR UPDATE" });
    let origin = session.query(&query).await?.into_iter().next().map(|mut row| row.text(0)).transpose()?;
    Ok(match origin.as_deref() {
        _ if !administrators.iter().any(|administrator| administrator == by) => Some(Changed::NoAdministrator),
        None => Some(Changed::Missing),
        Some("hand") if ends_access && administrators == [id] => Some(Changed::LastAdministrator),
        Some("hand") if ends_access && id == by => Some(Changed::Own),
        Some("hand") => None,
        Some(_) => Some(Changed::FromScim),
    })
}
