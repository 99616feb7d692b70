//! One-time links for new administrators, as rows of the table `invitation`. The row has only a digest of the secret.

use chrono::{DateTime, Duration, Utc};
use scim_core::{
    bearer::TokenDigest,
    sql::Statement,
    store::{CommitError, StoreError},
};

use crate::{
    account::digest,
    database::{Database, Session, Work},
    session::{end_all, random},
};

/// Makes a link's secret for the account; the link works once, within 24 hours.
///
/// # Errors
///
/// When the database does not answer, or the system has no random bytes.
pub async fn invite(database: &Database, tenant: &str, account: &str) -> Result<String, StoreError> {
    let secret = random()?;
    let expires: DateTime<Utc> = Utc::now() + Duration::hours(24);
    let mut insert = Statement::new(database.dialect());
    insert.push("INSERT INTO invitation (digest, tenant, account, expires) VALUES (");
    insert.bind(TokenDigest::of(&secret).to_string()).push(", ").bind(tenant).push(", ").bind(account).push(", ");
    insert.bind(expires.timestamp_millis()).push(")");
    database.execute(vec![insert]).await?;
    Ok(secret)
}

/// The account that a link is for, if the link still works.
///
/// # Errors
///
/// When the database does not answer.
pub async fn find(database: &Database, tenant: &str, secret: &str) -> Result<Option<String>, StoreError> {
    let mut query = Statement::new(database.dialect());
    query.push("SELECT account FROM invitation WHERE digest = ").bind(TokenDigest::of(secret).to_string());
    query.push(" AND tenant = ").bind(tenant).push(" AND used IS NULL AND expires > ");
    query.bind(Utc::now().timestamp_millis());
    let rows = database.read(vec![query]).await?;
    rows.into_iter().flatten().next().map(|mut row| row.text(0)).transpose()
}

/// Uses a link up: the account gets this password, and every session and every other link of the account ends. Returns the
/// account; `None` if the link does not work any more, such as when somebody else was faster.
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
    // The digest comes first: it takes long, and a failure must not use the link up.
    let password = digest(password.to_owned()).await?;
    let redemption = Redemption { tenant: tenant.to_owned(), link: TokenDigest::of(secret).to_string(), password };
    database.write(redemption).await.map_err(|failed| failed.error)
}

struct Redemption {
    tenant: String,
    link: String,
    password: String,
}

impl Work for Redemption {
    /// The account.
    type Output = Option<String>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Option<String>, CommitError> {
        let (dialect, now) = (session.dialect(), Utc::now().timestamp_millis());
        let mut used = Statement::new(dialect);
        used.push("UPDATE invitation SET used = ").bind(now).push(" WHERE digest = ").bind(self.link.as_str());
        used.push(" AND tenant = ").bind(self.tenant.as_str()).push(" AND used IS NULL AND expires > ").bind(now);
        used.push(" RETURNING account");
        let Some(mut row) = session.query(&used).await?.pop() else { return Ok(None) };
        let account = row.text(0)?;
        let mut update = Statement::new(dialect);
        update.push("UPDATE account SET password = ").bind(self.password.as_str()).push(" WHERE tenant = ");
        update.bind(self.tenant.as_str()).push(" AND id = ").bind(account.as_str()).push(" AND origin = 'hand'");
        if session.execute(&update).await? == 0 {
            return Ok(None);
        }
        session.execute(&end_all(dialect, &self.tenant, &account)).await?;
        let mut others = Statement::new(dialect);
        others.push("DELETE FROM invitation WHERE used IS NULL AND tenant = ").bind(self.tenant.as_str());
        others.push(" AND account = ").bind(account.as_str());
        session.execute(&others).await?;
        Ok(Some(account))
    }
}
