//! One-time links for new administrators, as rows of the table `invitation`. The row has only a digest of the secret.

use chrono::{DateTime, Duration, Utc};
use scim_core::{bearer::TokenDigest, sql::Statement, store::StoreError};

use crate::{database::Database, session::random};

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

/// Uses a link up, and returns the account that it is for; `None` if somebody else was faster.
///
/// # Errors
///
/// When the database does not answer.
pub async fn redeem(database: &Database, tenant: &str, secret: &str) -> Result<Option<String>, StoreError> {
    let Some(account) = find(database, tenant, secret).await? else { return Ok(None) };
    let mut update = Statement::new(database.dialect());
    update.push("UPDATE invitation SET used = ").bind(Utc::now().timestamp_millis());
    update.push(" WHERE digest = ").bind(TokenDigest::of(secret).to_string()).push(" AND used IS NULL");
    let changed: u64 = database.execute(vec![update]).await?.iter().sum();
    Ok(Some(account).filter(|_| changed == 1))
}
