//! One-time links for new administrators, as rows of the table `invitation`. A row contains only a digest of the
//! secret.

use chrono::{DateTime, Duration, Utc};
use scim_core::{
    bearer::TokenDigest,
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

use crate::{
    account::digest,
    database::{Database, Session, Work},
    session::{end_all, random},
};

/// The effect of a new link on the earlier links of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// The earlier links no longer work.
    End,
    /// The earlier links still work: each instance prints a link at its start, and an administrator may be about to
    /// open the link of another instance.
    Stay,
}

/// Creates the secret of a link for the account. The link works once within 24 hours. Returns `None` if the form
/// has already created a link, or the account is not active.
///
/// # Errors
///
/// When the database does not answer, or the system has no random bytes.
pub async fn invite(
    database: &Database,
    tenant: &str,
    account: &str,
    form: Option<&str>,
    earlier: Earlier,
) -> Result<Option<String>, StoreError> {
    let secret = random()?;
    let link = TokenDigest::of(&secret).to_string();
    let [tenant, account] = [tenant, account].map(str::to_owned);
    let made = database.write(Invitation { tenant, account, link, form: form.map(str::to_owned), earlier }).await;
    Ok(made.map_err(|failed| failed.error)?.then_some(secret))
}

/// Returns the account that a link is or was for. The page of a link that no longer works names this account.
///
/// # Errors
///
/// When the database does not answer.
pub async fn account_of(database: &Database, tenant: &str, secret: &str) -> Result<Option<String>, StoreError> {
    let mut query = Statement::new(database.dialect());
    query.push("SELECT account FROM invitation WHERE digest = ").bind(TokenDigest::of(secret).to_string());
    query.push(" AND tenant = ").bind(tenant);
    let rows = database.look_up(vec![query]).await?;
    rows.into_iter().flatten().next().map(|mut row| row.required_text(0)).transpose()
}

/// Returns the account that a link is for; `None` if the link no longer works.
///
/// # Errors
///
/// When the database does not answer.
pub async fn find(database: &Database, tenant: &str, secret: &str) -> Result<Option<String>, StoreError> {
    let mut query = Statement::new(database.dialect());
    query.push("SELECT account FROM invitation WHERE digest = ").bind(TokenDigest::of(secret).to_string());
    query.push(" AND tenant = ").bind(tenant).push(" AND used IS NULL AND expires > ");
    query.bind(Utc::now().timestamp_millis());
    let rows = database.look_up(vec![query]).await?;
    rows.into_iter().flatten().next().map(|mut row| row.required_text(0)).transpose()
}

/// Redeems a link: the account gets this password, and every session and every other link of the account ends.
/// Returns the account; `None` if the link no longer works, for example because another browser was faster.
///
/// # Errors
///
/// When the database does not answer, or the process cannot compute the digest of the password.
pub async fn redeem(
    database: &Database,
    tenant: &str,
    secret: &str,
    password: &str,
) -> Result<Option<String>, StoreError> {
    if find(database, tenant, secret).await?.is_none() {
        return Ok(None);
    }
    // Compute the digest first: it takes long, and a failure must not use up the link.
    let password = digest(password.to_owned()).await?;
    let redemption = Redemption { tenant: tenant.to_owned(), link: TokenDigest::of(secret).to_string(), password };
    database.write(redemption).await.map_err(|failed| failed.error)
}

struct Invitation {
    tenant: String,
    account: String,
    link: String,
    form: Option<String>,
    earlier: Earlier,
}

impl Work for Invitation {
    /// Whether the link was created.
    type Output = bool;

    async fn run<S: Session>(&self, session: &mut S) -> Result<bool, CommitError> {
        let (dialect, tenant, account) = (session.dialect(), self.tenant.as_str(), self.account.as_str());
        let now: DateTime<Utc> = Utc::now();
        // The lock orders two links that are created at the same time: the second link ends the first.
        let mut lock = Statement::new(dialect);
        lock.push("SELECT id FROM account WHERE active = 1 AND tenant = ")
            .bind(tenant)
            .push(" AND id = ")
            .bind(account);
        lock.push(if dialect == Dialect::Postgres { " FOR UPDATE" } else { "" });
        if session.rows(&lock).await?.is_empty() {
            return Ok(false);
        }
        let mut insert = Statement::new(dialect);
        insert.push("INSERT INTO invitation (digest, tenant, account, expires, form) VALUES (");
        insert.bind(self.link.as_str()).push(", ").bind(tenant).push(", ").bind(account).push(", ");
        insert.bind((now + Duration::hours(24)).timestamp_millis()).push(", ");
        insert.bind_optional(self.form.as_deref()).push(") ON CONFLICT (form) DO NOTHING");
        if session.execute(&insert).await? == 0 {
            return Ok(false);
        }
        // The rows of earlier links stay until they expire, so that their forms create no other link.
        let mut earlier = Statement::new(dialect);
        earlier
            .push("UPDATE invitation SET used = ")
            .bind(now.timestamp_millis())
            .push(" WHERE tenant = ")
            .bind(tenant);
        earlier.push(" AND account = ").bind(account).push(" AND used IS NULL AND digest <> ").bind(self.link.as_str());
        if self.earlier == Earlier::End {
            session.execute(&earlier).await?;
        }
        let mut expired = Statement::new(dialect);
        expired.push("DELETE FROM invitation WHERE tenant = ").bind(tenant).push(" AND account = ").bind(account);
        expired.push(" AND expires < ").bind((now - Duration::days(7)).timestamp_millis());
        session.execute(&expired).await?;
        Ok(true)
    }
}

struct Redemption {
    tenant: String,
    link: String,
    password: String,
}

impl Work for Redemption {
    /// The account of the link.
    type Output = Option<String>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Option<String>, CommitError> {
        let (dialect, now) = (session.dialect(), Utc::now().timestamp_millis());
        let mut used = Statement::new(dialect);
        used.push("UPDATE invitation SET used = ").bind(now).push(" WHERE digest = ").bind(self.link.as_str());
        used.push(" AND tenant = ").bind(self.tenant.as_str()).push(" AND used IS NULL AND expires > ").bind(now);
        used.push(" RETURNING account");
        let Some(mut row) = session.rows(&used).await?.pop() else { return Ok(None) };
        let account = row.required_text(0)?;
        let mut update = Statement::new(dialect);
        update.push("UPDATE account SET password = ").bind(self.password.as_str()).push(" WHERE tenant = ");
        update
            .bind(self.tenant.as_str())
            .push(" AND id = ")
            .bind(account.as_str())
            .push(" AND origin = 'hand' AND active = 1");
        if session.execute(&update).await? == 0 {
            return Ok(None);
        }
        session.execute(&end_all(dialect, &self.tenant, &account)).await?;
        let mut others = Statement::new(dialect);
        others.push("UPDATE invitation SET used = ").bind(now).push(" WHERE used IS NULL AND tenant = ");
        others.bind(self.tenant.as_str()).push(" AND account = ").bind(account.as_str());
        session.execute(&others).await?;
        Ok(Some(account))
    }
}
