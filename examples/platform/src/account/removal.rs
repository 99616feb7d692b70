//! The removal of an account made by hand. Only the identity provider removes accounts from SCIM.

use scim_core::{
    sql::Statement,
    store::{CommitError, StoreError},
};

use super::{Accounts, Changed, change::refusal};
use crate::{
    database::{Session, Work},
    session::end_all,
};

impl Accounts {
    /// Removes an account made by hand, with its sessions and assignments, on behalf of the administrator with the
    /// id `by`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn remove(&self, tenant: &str, id: &str, by: &str) -> Result<Changed, StoreError> {
        if id.contains('\0') {
            return Ok(Changed::Missing);
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
    type Output = Changed;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Changed, CommitError> {
        let tenant = self.tenant.as_str();
        if let Some(refused) = refusal(session, tenant, &self.id, &self.by, true).await? {
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
        Ok(Changed::Done)
    }
}
