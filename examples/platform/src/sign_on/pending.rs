//! Sign-ins that wait for the answer of the identity provider, as rows of the table `sign_in`, and names that were
//! used once, as rows of the table `replay`. All instances of the server share both tables.

use chrono::Utc;
use scim_core::{
    bearer::TokenDigest,
    sql::Statement,
    store::{CommitError, StoreError},
};
use serde::{Deserialize, Serialize};

use super::{Departure, Fault, Kind, SignOn, Start, read, written};
use crate::{
    database::{Session, Work},
    session::random,
};

/// Seconds for which a sign-in may wait.
pub const BEGUN_FOR: i64 = 10 * 60;

/// The purpose of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A person signs in.
    SignIn,
    /// An administrator tests the settings.
    Test,
    /// An administrator without a password confirms the own identity by signing in again.
    Confirm,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Test => "test",
            Self::Confirm => "confirm",
        }
    }
}

/// A sign-in that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The secret that the answer must bring back.
    pub state: String,
    /// The purpose.
    pub purpose: Purpose,
    /// The version of the settings with which the sign-in began.
    pub version: String,
    /// The digest of the session that the browser had.
    pub session: Option<String>,
    /// The page that the browser goes to afterwards.
    pub target: Option<String>,
    /// The text that the protocol keeps.
    pub(super) kept: String,
}

/// The result of looking up the sign-in that an answer names.
#[derive(Clone, Debug)]
pub enum Taken {
    /// The sign-in was waiting, and is now used up.
    Begun(Box<Begun>),
    /// The sign-in was already used.
    Replayed,
    /// The sign-in does not exist, is too old, or began in another browser.
    TooOld,
}

#[derive(Serialize, Deserialize)]
struct SignInState {
    purpose: Purpose,
    version: String,
    /// The digest of the cookie of the browser in which the sign-in began.
    browser: String,
    protocol: String,
}

/// The departure of a browser for the identity provider.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// The redirect or the form with which the browser leaves.
    pub departure: Departure,
    /// The value of the cookie by which the server recognizes the browser when it comes back.
    pub cookie: String,
}

/// A sign-in that is to begin.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The organization.
    pub tenant: &'a str,
    /// The settings.
    pub settings: &'a super::Settings,
    /// The version of the settings.
    pub version: &'a str,
    /// The purpose.
    pub purpose: Purpose,
    /// The digest of the session that the browser has.
    pub session: Option<&'a str>,
    /// The page that the browser goes to afterwards.
    pub target: Option<&'a str>,
    /// Whether the identity provider must ask the person again.
    pub again: bool,
}

impl SignOn {
    /// Begins a sign-in. Returns the departure and the cookie of the browser.
    ///
    /// # Errors
    ///
    /// When the identity provider cannot be found, or the database does not answer.
    pub async fn begin(&self, beginning: Beginning<'_>) -> Result<Leaving, Fault> {
        let Beginning { tenant, settings, version, purpose, session, target, again } = beginning;
        let (state, cookie) = (random()?, random()?);
        let proven = purpose == Purpose::Confirm;
        let (departure, protocol) =
            self.depart(tenant, settings, Start { state: &state, again: again || proven, proven }).await?;
        let browser = TokenDigest::of(&cookie).to_string();
        let kept = written(&SignInState { purpose, version: version.to_owned(), browser, protocol })?;
        let now = Utc::now().timestamp_millis();
        let dialect = self.database.dialect();
        let mut statements = Vec::new();
        for table in ["sign_in", "replay"] {
            let mut delete = Statement::new(dialect);
            delete.push("DELETE FROM ").push(table).push(" WHERE expires < ").bind(now);
            statements.push(delete);
        }
        let mut insert = Statement::new(dialect);
        insert.push("INSERT INTO sign_in (digest, tenant, kind, purpose, session, pending, target, expires) VALUES (");
        insert.bind(TokenDigest::of(&state).to_string()).push(", ").bind(tenant).push(", ");
        insert.bind(settings.kind().as_str()).push(", ").bind(purpose.as_str());
        insert.push(", ").bind_optional(session);
        insert.push(", ").bind(kept);
        insert.push(", ").bind_optional(target);
        insert.push(", ").bind(now.saturating_add(BEGUN_FOR * 1_000)).push(")");
        statements.push(insert);
        self.database.execute(statements).await?;
        Ok(Leaving { departure, cookie })
    }

    /// Takes the sign-in with this state, for the browser with this cookie. A second answer does not find it again.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn take(&self, tenant: &str, kind: Kind, state: &str, cookie: &str) -> Result<Taken, StoreError> {
        let (state, browser) = (state.to_owned(), TokenDigest::of(cookie).to_string());
        let work = Taking { tenant: tenant.to_owned(), kind, state, browser };
        self.database.write(work).await.map_err(|failed| failed.error)
    }

    /// Marks names as used, each until a time in milliseconds. Returns `false` if one of the names was used before.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn use_once(&self, tenant: &str, names: &[(String, i64)]) -> Result<bool, StoreError> {
        if names.is_empty() {
            return Ok(true);
        }
        let dialect = self.database.dialect();
        let inserts = names.iter().map(|(name, expires)| replay(Statement::new(dialect), tenant, name, *expires));
        let changed = self.database.execute(inserts.collect()).await?;
        Ok(changed.iter().all(|rows| *rows == 1))
    }
}

fn replay(mut insert: Statement, tenant: &str, name: &str, expires: i64) -> Statement {
    // Stores a digest, because the name comes from outside and may be long.
    insert.push("INSERT INTO replay (tenant, id, expires) VALUES (").bind(tenant).push(", ");
    insert.bind(TokenDigest::of(name).to_string()).push(", ").bind(expires).push(") ON CONFLICT DO NOTHING");
    insert
}

struct Taking {
    tenant: String,
    kind: Kind,
    state: String,
    browser: String,
}

impl Work for Taking {
    type Output = Taken;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Taken, CommitError> {
        let now = Utc::now().timestamp_millis();
        let digest = TokenDigest::of(&self.state).to_string();
        let name = format!("sign-in:{digest}");
        let mut query = Statement::new(session.dialect());
        query.push("SELECT pending, session, target FROM sign_in WHERE digest = ").bind(digest.as_str());
        query.push(" AND tenant = ").bind(self.tenant.as_str()).push(" AND kind = ").bind(self.kind.as_str());
        query.push(" AND expires > ").bind(now);
        let Some(mut row) = session.rows(&query).await?.pop() else {
            let mut query = Statement::new(session.dialect());
            query.push("SELECT expires FROM replay WHERE tenant = ").bind(self.tenant.as_str()).push(" AND id = ");
            query.bind(TokenDigest::of(&name).to_string());
            let used = !session.rows(&query).await?.is_empty();
            return Ok(if used { Taken::Replayed } else { Taken::TooOld });
        };
        let kept: SignInState = read(&row.required_text(0)?)?;
        // A client that knows only the state must not use up the sign-in of another browser.
        if kept.browser != self.browser {
            return Ok(Taken::TooOld);
        }
        let mut delete = Statement::new(session.dialect());
        delete.push("DELETE FROM sign_in WHERE digest = ").bind(digest);
        if session.execute(&delete).await? == 0 {
            return Ok(Taken::Replayed);
        }
        let expires = now.saturating_add(BEGUN_FOR * 1_000);
        session.execute(&replay(Statement::new(session.dialect()), &self.tenant, &name, expires)).await?;
        Ok(Taken::Begun(Box::new(Begun {
            state: self.state.clone(),
            purpose: kept.purpose,
            version: kept.version,
            session: row.text(1)?,
            target: row.text(2)?,
            kept: kept.protocol,
        })))
    }
}
