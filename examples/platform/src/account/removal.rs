//! The removal of an account made by hand. Accounts from SCIM are the identity provider's to remove.

use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

use super::Accounts;
use crate::{
    database::{Session, Work},
    session::end_all,
};

/// The outcome of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The account is gone, with its sessions and assignments.
    Done,
    /// No account has the id.
    Missing,
    /// The account is one from SCIM.
    FromScim,
    /// The account is that of the administrator who asks.
    Own,
    /// The organization would have no administrator.
    LastAdministrator,
    /// Who asks is no administrator anymore.
    NoAdministrator,
}

impl Accounts {
    /// Removes an account made by hand, for the administrator with the id `by`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn remove(&self, tenant: &str, id: &str, by: &str) -> Result<Removed, StoreError> {
        if id.contains('\0') {
            return Ok(Removed::Missing);
        }
        let removal = Removal { tenant: tenant.to_owned(), id: id.to_owned(), by: by.to_owned() };
        self.database.write(removal).await.map_err(|failed| failed.error)
    }
}

struct Removal {
    tenant: String,
    id: String,
    by: String,
}

impl Work for Removal {
    type Output = Removed;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Removed, CommitError> {
        let tenant = self.tenant.as_str();
        let locking = if session.dialect() == Dialect::Postgres { " ORDER BY id FOR UPDATE" } else { "" };
        // Two administrators who remove each other wait here, and the second one finds herself gone.
        let mut query = Statement::new(session.dialect());
        query.push("SELECT id FROM account WHERE role = 'administrator' AND tenant = ").bind(tenant).push(locking);
        let rows = session.query(&query).await?.into_iter().map(|mut row| row.text(0));
        let administrators = rows.collect::<Result<Vec<_>, _>>()?;
        let mut query = Statement::new(session.dialect());
        query.push("SELECT origin FROM account WHERE tenant = ").bind(tenant).push(" AND id = ");
        query.bind(self.id.as_str()).push(if locking.is_empty() { "" } else { " FOR UPDATE" });
        let origin = session.query(&query).await?.into_iter().next().map(|mut row| row.text(0)).transpose()?;
        let refused = match origin.as_deref() {
            _ if !administrators.contains(&self.by) => Some(Removed::NoAdministrator),
            None => Some(Removed::Missing),
            Some("hand") if administrators == [self.id.as_str()] => Some(Removed::LastAdministrator),
            Some("hand") if self.id == self.by => Some(Removed::Own),
            Some("hand") => None,
            Some(_) => Some(Removed::FromScim),
        };
        if let Some(refused) = refused {
            return Ok(refused);
        }
        for (sql, column) in [
            ("DELETE FROM account WHERE origin = 'hand' AND tenant = ", "id"),
            ("DELETE FROM user_group_member WHERE tenant = ", "account"),
            ("DELETE FROM unique_key WHERE tenant = ", "id"),
            ("DELETE FROM invitation WHERE tenant = ", "account"),
        ] {
            let mut delete = Statement::new(session.dialect());
            delete.push(sql).bind(tenant).push(" AND ").push(column).push(" = ").bind(self.id.as_str());
            session.execute(&delete).await?;
        }
        session.execute(&end_all(session.dialect(), tenant, &self.id)).await?;
        Ok(Removed::Done)
    }
}
