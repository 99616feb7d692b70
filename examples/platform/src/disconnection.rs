//! The removal of the connection between an organization and its identity provider.
//!
//! The first transaction turns SCIM off, ends all keys and OAuth clients, and records in the organization's row
//! that a removal runs. Then each [step](Disconnection::step) releases some accounts in its own transaction: an
//! account from SCIM becomes an account made by hand. When no account is left, the groups of the identity provider
//! and their mappings are deleted. Any caller of the next step continues the removal. So a removal survives the
//! end of the process and an outage of the database, and two administrators or two instances can continue the same
//! removal. SCIM cannot be turned on before the end.
//!
//! The provisioning log has a row for the removal, and the outbox has a row for its beginning, for each step and
//! for its end. These rows have the platform's own format, with a member `type`: a user whose account stays is not
//! *deleted*, which readers of the outbox would take for the end of access.

mod step;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError, TenantId},
};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub use self::step::Step;
use crate::{
    database::{Database, Session, Work},
    store::release,
};

/// The operation in the row of the provisioning log.
pub const OPERATION: &str = "REMOVE connection";

/// The number of attempts at a step that another transaction obstructs.
const ATTEMPTS: u32 = 5;

/// The limits for the parts of a removal.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The maximum number of accounts in one transaction.
    pub batch: u32,
    /// The time between the beginning and the end. Other instances of the server may trust a key for 2 seconds
    /// after its end, and the resources that they write in this time must be removed too.
    pub settle: TimeDelta,
    /// The time after which [`Disconnection::run`] begins no further step.
    pub time: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { batch: 500, settle: TimeDelta::seconds(3), time: Duration::from_secs(20) }
    }
}

/// The administrator who removes a connection.
#[derive(Clone, Debug)]
pub struct By {
    /// The id of the account.
    pub account: String,
    /// The name.
    pub name: String,
}

/// The outcome of [`Disconnection::begin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The removal runs: it has just begun, or another administrator began it earlier.
    Running,
    /// A removal has ended since the administrator saw the page. Nothing has changed.
    Outdated,
    /// The organization does not exist.
    Missing,
}

/// The removals of an organization, up to now.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Whether a removal runs.
    pub is_running: bool,
    /// The beginning of the current removal, or else of the last one.
    pub began: Option<DateTime<Utc>>,
    /// The id of the account of the administrator who began the removal.
    pub by: Option<String>,
    /// The end of the last removal.
    pub removed: Option<DateTime<Utc>>,
    /// Whether SCIM has users, groups or other resources.
    pub has_resources: bool,
    /// The number of accounts that still belong to SCIM.
    pub left: i64,
}

/// The removals of connections.
#[derive(Clone, Debug)]
pub struct Disconnection {
    database: Database,
}

impl Disconnection {
    /// The removals in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The progress of the removals of an organization.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn progress(&self, organization: &str) -> Result<Progress, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT removal, removal_began, removal_by, removed FROM organization WHERE name = ");
        query.bind(organization);
        let [any, left] = release::left(self.database.dialect(), &tenant(organization)?);
        let mut found = self.database.look_up(vec![query, any, left]).await?.into_iter();
        let mut next = || found.next().unwrap_or_default().into_iter().next();
        let mut progress = Progress::default();
        if let Some(mut row) = next() {
            progress.is_running = row.text(0)?.is_some();
            progress.began = time(row.integer(1)?);
            progress.by = row.text(2)?;
            progress.removed = time(row.integer(3)?);
        }
        progress.has_resources = next().is_some();
        progress.left = next().map_or(Ok(0), |row| row.required_integer(0))?;
        Ok(progress)
    }

    /// Whether the last connection was removed, and the organization has made no key and no OAuth client since.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn is_over(&self, organization: &str) -> Result<bool, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT 1 FROM organization AS o WHERE o.removed IS NOT NULL AND o.removal IS NULL AND o.name = ");
        query.bind(organization);
        query.push(
            " AND NOT EXISTS (SELECT 1 FROM api_key AS k WHERE k.organization = o.name AND k.created > o.removed)",
        );
        query.push(
            " AND NOT EXISTS (SELECT 1 FROM oauth_client AS c WHERE c.tenant = o.name AND c.created > o.removed)",
        );
        Ok(self.database.look_up(vec![query]).await?.into_iter().flatten().next().is_some())
    }

    /// Begins a removal. `seen` is the end of the last removal that the administrator knows of: a form that is
    /// older than a removal must not remove the connection that followed the removal.
    ///
    /// # Errors
    ///
    /// When the database does not answer. Then nothing has changed.
    pub async fn begin(&self, organization: &str, by: By, seen: Option<DateTime<Utc>>) -> Result<Begun, StoreError> {
        let seen = seen.map(|seen| seen.timestamp_millis());
        let beginning = Beginning { organization: organization.to_owned(), by, seen };
        self.database.write(beginning).await.map_err(|failed| failed.error)
    }

    /// Runs steps until the removal has ended or the time of the pace is over. Returns whether the removal has
    /// ended.
    ///
    /// # Errors
    ///
    /// When the database does not answer. The next call continues.
    pub async fn run(&self, organization: &str, pace: Pace) -> Result<bool, StoreError> {
        let end = Instant::now() + pace.time;
        let mut attempts = 1;
        loop {
            match self.step(organization, pace).await {
                Ok(Step::Over) => return Ok(true),
                Ok(Step::More) => attempts = 1,
                Ok(Step::Wait(time)) => sleep(time).await,
                Err(StoreError::Busy) if attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error),
            }
            if Instant::now() >= end {
                return Ok(false);
            }
        }
    }
}

fn tenant(organization: &str) -> Result<TenantId, StoreError> {
    TenantId::new(organization).map_err(StoreError::backend)
}

fn time(milliseconds: Option<i64>) -> Option<DateTime<Utc>> {
    milliseconds.and_then(DateTime::from_timestamp_millis)
}

/// The current removal, from the organization's row.
struct Running {
    removal: Option<String>,
    began: i64,
    by: String,
    accounts: i64,
    resources: i64,
    removed: Option<i64>,
}

/// Reads the organization's row and locks it against other removals until the commit.
async fn lock<S: Session>(session: &mut S, organization: &str) -> Result<Option<Running>, StoreError> {
    let mut query = Statement::new(session.dialect());
    query.push("SELECT removal, removal_began, removal_by, removal_accounts, removal_resources, removed ");
    query.push("FROM organization WHERE name = ").bind(organization);
    query.push(if session.dialect() == Dialect::Postgres { " FOR NO KEY UPDATE" } else { "" });
    let Some(mut row) = session.rows(&query).await?.pop() else { return Ok(None) };
    Ok(Some(Running {
        removal: row.text(0)?,
        began: row.integer(1)?.unwrap_or_default(),
        by: row.text(2)?.unwrap_or_default(),
        accounts: row.required_integer(3)?,
        resources: row.required_integer(4)?,
        removed: row.integer(5)?,
    }))
}

/// Writes a row of the outbox, with the members that all these rows have.
async fn tell<S: Session>(
    session: &mut S,
    organization: &str,
    removal: &str,
    kind: &str,
    by: &str,
    mut body: Json,
) -> Result<(), StoreError> {
    let now = Utc::now();
    let id = format!("{organization}/connection/{}", Uuid::new_v4());
    if let Some(members) = body.as_object_mut() {
        let time = now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        for (name, value) in
            [("id", &*id), ("type", kind), ("tenant", organization), ("actor", by), ("requestId", removal)]
        {
            members.insert(name.to_owned(), value.into());
        }
        members.insert("time".to_owned(), time.into());
    }
    let mut insert = Statement::new(session.dialect());
    insert.push("INSERT INTO event (tenant, id, time, body, request) VALUES (").bind(organization).push(", ");
    insert.bind(id).push(", ").bind(now.timestamp_millis()).push(", ").bind(body.to_string()).push(", ");
    insert.bind(removal).push(")");
    Ok(session.execute(&insert).await.map(drop)?)
}

struct Beginning {
    organization: String,
    by: By,
    seen: Option<i64>,
}

impl Work for Beginning {
    type Output = Begun;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Begun, CommitError> {
        let organization = self.organization.as_str();
        match lock(session, organization).await? {
            None => return Ok(Begun::Missing),
            Some(found) if found.removal.is_some() => return Ok(Begun::Running),
            Some(found) if found.removed != self.seen => return Ok(Begun::Outdated),
            Some(_) => {}
        }
        let (removal, now) = (Uuid::new_v4().to_string(), Utc::now().timestamp_millis());
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE organization SET scim = 0, removal_accounts = 0, removal_resources = 0, removal = ");
        update.bind(removal.as_str()).push(", removal_began = ").bind(now).push(", removal_by = ");
        update.bind(self.by.account.as_str()).push(" WHERE name = ").bind(organization);
        session.execute(&update).await?;
        self.revoke(session, now).await?;
        self.log(session, &removal, now).await?;
        tell(session, organization, &removal, "connectionRemovalBegan", &self.by.account, json!({})).await?;
        Ok(Begun::Running)
    }
}

impl Beginning {
    /// Revokes all keys, OAuth clients and access tokens. Deletes secrets and federated identities.
    async fn revoke<S: Session>(&self, session: &mut S, now: i64) -> Result<(), StoreError> {
        let organization = self.organization.as_str();
        let mut keys = Statement::new(session.dialect());
        keys.push("UPDATE api_key SET revoked = ").bind(now);
        keys.push(" WHERE revoked IS NULL AND organization = ").bind(organization);
        session.execute(&keys).await?;
        for table in ["oauth_token", "oauth_secret"] {
            let mut delete = Statement::new(session.dialect());
            delete
                .push("DELETE FROM ")
                .push(table)
                .push(" WHERE client IN (SELECT id FROM oauth_client WHERE tenant = ");
            session.execute(delete.bind(organization).push(")")).await?;
        }
        let mut clients = Statement::new(session.dialect());
        clients.push("UPDATE oauth_client SET federation = NULL, revoked = COALESCE(revoked, ").bind(now);
        clients.push(") WHERE tenant = ").bind(organization);
        Ok(session.execute(&clients).await.map(drop)?)
    }

    /// Writes the row of the provisioning log. The row does not count as a request of the provider.
    async fn log<S: Session>(&self, session: &mut S, removal: &str, now: i64) -> Result<(), StoreError> {
        let mut insert = Statement::new(session.dialect());
        insert.push(
            "INSERT INTO request (tenant, id, time, caller, operation, name, outcome, notable, status, duration) ",
        );
        insert.push("VALUES (").bind(self.organization.as_str()).push(", ").bind(removal).push(", ").bind(now);
        insert.push(", ").bind(self.by.name.replace('\0', "\u{fffd}")).push(", ").bind(OPERATION);
        insert.push(", 'the connection', 'done', 1, 200, 0)");
        Ok(session.execute(&insert).await.map(drop)?)
    }
}
