//! The sessions of people's browsers, as rows of the table `session`.
//!
//! A cookie holds 32 random bytes; the row holds only their digest. A session ends after 30 minutes without a
//! request or 12 hours after the sign-in, whichever comes first. It ends immediately when the commit that
//! deactivates or deletes its person deletes the row. This module does not decide who may have a session.

use std::fmt::Write as _;

use chrono::Utc;
use scim_core::{
    bearer::TokenDigest,
    sql::{Dialect, Statement},
    store::StoreError,
};

use crate::database::{Database, Row};

/// Milliseconds without a request after which a session ends.
const IDLE: i64 = 30 * 60 * 1_000;

/// Milliseconds after which a session ends even if it is used.
const LIFETIME: i64 = 12 * 60 * 60 * 1_000;

/// Milliseconds between two updates of the time of the last request: a page that loads several files causes one
/// write.
const RESOLUTION: i64 = 60 * 1_000;

/// Milliseconds for which a sign-in counts as recent, so that a form such as the form for a new key does not ask
/// again.
const RECENT: i64 = 10 * 60 * 1_000;

/// A session that is valid now.
#[derive(Clone, Debug)]
pub struct Session {
    digest: String,
    /// The organization.
    pub tenant: String,
    /// The id of the account.
    pub account: String,
    /// The token that the session's forms carry.
    pub token: String,
    /// The time of the last sign-in, in milliseconds since 1970.
    confirmed: i64,
}

impl Session {
    /// Whether the person signed in within the last 10 minutes.
    pub fn is_recent(&self) -> bool {
        Utc::now().timestamp_millis() - self.confirmed < RECENT
    }

    /// Returns the digest of the cookie, which names the session in other tables.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// All sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    database: Database,
}

impl Sessions {
    /// Returns the sessions in the tables of this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Begins a session after a sign-in, and returns the text of its cookie. The browser's earlier session `before`
    /// ends, so that a person who knows its cookie does not share the new session.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or the system has no random bytes.
    pub async fn begin(&self, tenant: &str, account: &str, before: Option<&Session>) -> Result<String, StoreError> {
        let (cookie, token) = (random()?, random()?);
        let now = Utc::now().timestamp_millis();
        let mut statements = vec![expired(self.database.dialect(), now)];
        if let Some(before) = before {
            statements.push(self.deletion(&before.digest));
        }
        let mut insert = Statement::new(self.database.dialect());
        insert.push("INSERT INTO session (digest, tenant, account, token, created, seen, confirmed) VALUES (");
        insert.bind(TokenDigest::of(&cookie).to_string()).push(", ").bind(tenant).push(", ").bind(account).push(", ");
        insert.bind(token).push(", ").bind(now).push(", ").bind(now).push(", ").bind(now).push(")");
        statements.push(insert);
        self.database.execute(statements).await?;
        Ok(cookie)
    }

    /// Finds the session of this cookie in the organization; `None` if there is no valid session.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find(&self, tenant: &str, cookie: &str) -> Result<Option<Session>, StoreError> {
        self.find_by_digest(tenant, TokenDigest::of(cookie).to_string()).await
    }

    /// Finds the session with this digest in the organization; `None` if there is no valid session.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_by_digest(&self, tenant: &str, digest: String) -> Result<Option<Session>, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query
            .push("SELECT account, token, created, seen, confirmed FROM session WHERE digest = ")
            .bind(digest.as_str());
        query.push(" AND tenant = ").bind(tenant);
        let rows = self.database.look_up(vec![query]).await?;
        let Some(mut row) = rows.into_iter().flatten().next() else { return Ok(None) };
        let now = Utc::now().timestamp_millis();
        let (created, seen) = (row.required_integer(2)?, row.required_integer(3)?);
        if now - seen >= IDLE || now - created >= LIFETIME {
            self.database.execute(vec![self.deletion(&digest)]).await?;
            return Ok(None);
        }
        if now - seen >= RESOLUTION {
            let mut update = Statement::new(self.database.dialect());
            update.push("UPDATE session SET seen = ").bind(now).push(" WHERE digest = ").bind(digest.as_str());
            self.database.execute(vec![update]).await?;
        }
        session(&mut row, digest, tenant).map(Some)
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn end(&self, session: &Session) -> Result<(), StoreError> {
        self.database.execute(vec![self.deletion(&session.digest)]).await.map(drop)
    }

    fn deletion(&self, digest: &str) -> Statement {
        let mut delete = Statement::new(self.database.dialect());
        delete.push("DELETE FROM session WHERE digest = ").bind(digest);
        delete
    }
}

/// Returns the statement that ends all sessions of an account. The commit that deactivates or deletes the person
/// runs it.
pub fn end_all(dialect: Dialect, tenant: &str, account: &str) -> Statement {
    let mut delete = Statement::new(dialect);
    delete.push("DELETE FROM session WHERE tenant = ").bind(tenant).push(" AND account = ").bind(account);
    delete
}

fn session(row: &mut Row, digest: String, tenant: &str) -> Result<Session, StoreError> {
    let confirmed = row.required_integer(4)?;
    Ok(Session {
        digest,
        tenant: tenant.to_owned(),
        account: row.required_text(0)?,
        token: row.required_text(1)?,
        confirmed,
    })
}

/// The statement that deletes sessions without a request for [`LIFETIME`] milliseconds.
fn expired(dialect: Dialect, now: i64) -> Statement {
    let mut delete = Statement::new(dialect);
    delete.push("DELETE FROM session WHERE seen < ").bind(now - LIFETIME);
    delete
}

/// Returns 256 random bits as 64 hexadecimal digits.
///
/// # Errors
///
/// When the system has no random bytes.
pub fn random() -> Result<String, StoreError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::backend(format!("no random bytes: {error}")))?;
    Ok(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string has no error.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Whether two texts are equal. The time of the comparison does not reveal their content.
pub fn is_same(one: &str, other: &str) -> bool {
    TokenDigest::of(one) == TokenDigest::of(other)
}
