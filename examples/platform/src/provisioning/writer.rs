//! The task that writes entries: in batches, one transaction for each, in parallel with the requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use scim_core::{
    sql::Statement,
    store::{CommitError, StoreError},
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel, error::TrySendError},
    time::{Instant, sleep_until, timeout_at},
};

use super::{Entry, Outcome, trouble};
use crate::{
    database::{Database, Session, Work},
    log::with_causes,
};

/// The maximum number of waiting entries. Beyond it, entries are lost rather than requests delayed.
const WAITING: usize = 10_000;

/// The maximum number of entries in one transaction.
const BATCH: usize = 200;

/// The maximum time for which an entry waits for others.
const PATIENCE: Duration = Duration::from_millis(200);

/// The time between two deletions of old rows.
const PURGE: Duration = Duration::from_secs(600);

/// The number of days for which a row is kept.
pub const KEPT_DAYS: i64 = 30;

const HOUR: i64 = 3_600_000;

/// The time without a request, in milliseconds, that ends a cycle.
const PAUSE: i64 = 5 * 60 * 1_000;

/// The time for which an instance may trust a key that has ended, with a margin.
const SLACK: TimeDelta = TimeDelta::minutes(1);

/// The number of consecutive failures after which the rest of a batch is given up.
const ATTEMPTS: usize = 3;

/// The sender of entries to the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    entries: Sender<Entry>,
    /// The number of lost entries.
    lost: Arc<AtomicU64>,
}

impl Writer {
    /// Passes on an entry without waiting. If too many entries wait, this entry is lost.
    pub fn add(&self, entry: Entry) {
        match self.entries.try_send(entry) {
            Err(TrySendError::Full(entry)) => {
                let lost = self.lost.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                // A flood of requests must not become a flood of lines.
                if lost.is_power_of_two() {
                    let tenant = entry.tenant;
                    tracing::warn!(tenant, lost, "the provisioning log loses requests: too many wait");
                }
            }
            Ok(()) | Err(TrySendError::Closed(_)) => {}
        }
    }
}

/// Starts the task. The task ends when the last [`Writer`] is dropped, after it has written all entries; the
/// handle waits for that end.
pub fn start(database: Database) -> (Writer, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = channel(WAITING);
    (Writer { entries: sender, lost: Arc::default() }, tokio::spawn(run(database, receiver)))
}

async fn run(database: Database, mut receiver: Receiver<Entry>) {
    let mut purge = Instant::now();
    while let Some(first) = receiver.recv().await {
        let end = Instant::now() + PATIENCE;
        let mut batch = vec![first];
        while batch.len() < BATCH {
            match timeout_at(end, receiver.recv()).await {
                Ok(Some(entry)) => batch.push(entry),
                _ => break,
            }
        }
        write(&database, batch.into_iter().map(Arc::new).collect()).await;
        if purge.elapsed() >= PURGE {
            purge = Instant::now();
            if let Err(error) = database.execute(old(&database)).await {
                tracing::warn!(error = with_causes(&error), "old rows of the provisioning log stay");
            }
        }
    }
}

/// Writes a batch in one transaction. If the transaction fails, each entry gets its own transaction: an entry that
/// the database refuses must not discard the entries of other organizations.
async fn write(database: &Database, batch: Vec<Arc<Entry>>) {
    if database.write(Batch(batch.clone())).await.is_ok() {
        return;
    }
    // The database gets time to recover.
    sleep_until(Instant::now() + PATIENCE).await;
    let (mut lost, mut in_a_row) = (0_usize, 0_usize);
    let mut cause = None;
    for entry in batch {
        // After several consecutive failures the database is unavailable, and more attempts would only delay later
        // entries.
        if in_a_row < ATTEMPTS {
            match database.write(Batch(vec![entry])).await {
                Ok(()) => {
                    in_a_row = 0;
                    continue;
                }
                Err(failed) => cause = Some(with_causes(&failed.error)),
            }
        }
        in_a_row = in_a_row.saturating_add(1);
        lost = lost.saturating_add(1);
    }
    if lost > 0 {
        tracing::warn!(error = cause, count = lost, "the provisioning log loses requests");
    }
}

/// The statements that delete old rows.
fn old(database: &Database) -> Vec<Statement> {
    let now = Utc::now().timestamp_millis();
    let removal = |sql: &str, before: i64| {
        let mut delete = Statement::new(database.dialect());
        delete.push(sql).bind(before);
        delete
    };
    vec![
        removal("DELETE FROM request WHERE time < ", now - KEPT_DAYS * 24 * HOUR),
        removal("DELETE FROM recorded_body WHERE expires < ", now),
        removal("DELETE FROM recording WHERE until < ", now),
        removal("DELETE FROM trouble WHERE time < ", now - trouble::KEPT_DAYS * 24 * HOUR),
    ]
}

struct Batch(Vec<Arc<Entry>>);

impl Work for Batch {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), CommitError> {
        // A fixed order prevents a deadlock of two instances.
        let mut tenants: Vec<&str> = self.0.iter().map(|entry| &*entry.tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        for tenant in tenants {
            for entry in self.0.iter().filter(|entry| entry.tenant == tenant) {
                let name = name(session, entry).await?;
                insert(session, entry, name.as_deref()).await?;
                trouble::note(session, entry, name.as_deref()).await?;
                count(session, entry).await?;
            }
        }
        Ok(())
    }
}

async fn insert<S: Session>(session: &mut S, entry: &Entry, name: Option<&str>) -> Result<(), StoreError> {
    let detail = entry.conflict().or_else(|| entry.detail.clone());
    let mut insert = Statement::new(session.dialect());
    insert.push(
        "INSERT INTO request (tenant, id, time, operation, outcome, notable, status, duration, caller, address, ",
    );
    insert.push("kind, resource, name, scim_type, detail, quirks) VALUES (").bind(entry.tenant.as_str()).push(", ");
    insert.bind(entry.id.as_str()).push(", ").bind(entry.time.timestamp_millis()).push(", ");
    insert.bind(entry.operation.as_str()).push(", ").bind(entry.outcome().name()).push(", ");
    insert.bind(i64::from(entry.is_notable())).push(", ").bind(i64::from(entry.status)).push(", ");
    insert.bind(entry.duration);
    let before = [&entry.caller, &entry.address, &entry.kind, &entry.resource].map(Option::as_deref);
    let after = [&entry.scim_type, &detail, &entry.quirks].map(Option::as_deref);
    for text in before.into_iter().chain([name]).chain(after) {
        insert.push(", ");
        insert.bind_optional(text);
    }
    session.execute(insert.push(")")).await?;
    if let Some(body) = &entry.body {
        let mut insert = Statement::new(session.dialect());
        insert
            .push("INSERT INTO recorded_body (tenant, request, body, expires) SELECT tenant, ")
            .bind(entry.id.as_str());
        insert.push(", ").bind(body.as_str()).push(", until + ").bind(HOUR).push(" FROM recording WHERE tenant = ");
        insert.bind(entry.tenant.as_str());
        session.execute(&insert).await?;
    }
    Ok(())
}

/// The name of the resource: the name of the account, the display name of any other resource, or the name that a
/// refused request claimed.
async fn name<S: Session>(session: &mut S, entry: &Entry) -> Result<Option<String>, StoreError> {
    let Some(resource) = &entry.resource else { return Ok(entry.claimed.clone()) };
    let mut query = Statement::new(session.dialect());
    query.push("SELECT name FROM account WHERE tenant = ").bind(entry.tenant.as_str()).push(" AND id = ");
    query.bind(resource.as_str());
    if let Some(mut row) = session.rows(&query).await?.pop() {
        return row.text(0);
    }
    let mut query = Statement::new(session.dialect());
    query.push("SELECT document FROM resource WHERE tenant = ").bind(entry.tenant.as_str()).push(" AND id = ");
    query.bind(resource.as_str());
    if let Some(mut row) = session.rows(&query).await?.pop() {
        let document: serde_json::Value = serde_json::from_str(&row.required_text(0)?).map_err(StoreError::backend)?;
        let texts = ["displayName", "userName"].into_iter().filter_map(|name| document.get(name)?.as_str());
        return Ok(texts.map(str::to_owned).next());
    }
    // The resource is gone: an earlier row has its name.
    let mut query = Statement::new(session.dialect());
    query.push("SELECT name FROM request WHERE tenant = ").bind(entry.tenant.as_str()).push(" AND resource = ");
    query.bind(resource.as_str()).push(" AND name IS NOT NULL ORDER BY position DESC LIMIT 1");
    let found = session.rows(&query).await?.pop().map(|mut row| row.required_text(0)).transpose()?;
    Ok(found.or_else(|| entry.claimed.clone()))
}

/// Adds the request to its hour, to its cycle and to the state of the connection.
async fn count<S: Session>(session: &mut S, entry: &Entry) -> Result<(), StoreError> {
    let (tenant, time) = (entry.tenant.as_str(), entry.time.timestamp_millis());
    let outcome = entry.outcome();
    if entry.caller.is_none() && entry.closed.is_none() {
        // Any client can send a request without a key, so the request must not count as a request of the provider.
        return connection(session, entry, time).await;
    }
    let (refused, failed) = (i64::from(outcome == Outcome::Refused), i64::from(outcome == Outcome::Failed));
    let mut hour = Statement::new(session.dialect());
    hour.push("INSERT INTO request_hour (tenant, hour, requests, refused, failed) VALUES (").bind(tenant).push(", ");
    hour.bind(time - time.rem_euclid(HOUR)).push(", 1, ").bind(refused).push(", ").bind(failed);
    hour.push(") ON CONFLICT (tenant, hour) DO UPDATE SET requests = request_hour.requests + 1, ");
    hour.push("refused = request_hour.refused + excluded.refused, failed = request_hour.failed + excluded.failed");
    session.execute(&hour).await?;
    if let Some(key) = &entry.closed {
        if key.ended.is_none() {
            // An administrator has turned SCIM off, so the refusal is not a failure of the connection.
            return Ok(());
        }
        let mut sent = Statement::new(session.dialect());
        sent.push("UPDATE api_key SET refused = ").bind(time).push(" WHERE digest = ").bind(key.digest.as_str());
        session.execute(&sent).await?;
        return connection(session, entry, time).await;
    }

    let mut cycle = Statement::new(session.dialect());
    cycle
        .push("UPDATE request_cycle SET ended = ")
        .bind(time)
        .push(", requests = requests + 1, failures = failures + ");
    cycle.bind(refused + failed).push(" WHERE tenant = ").bind(tenant);
    cycle.push(" AND started = (SELECT MAX(started) FROM request_cycle WHERE tenant = ").bind(tenant);
    cycle.push(") AND ended > ").bind(time - PAUSE);
    if session.execute(&cycle).await? == 0 {
        let mut begin = Statement::new(session.dialect());
        begin.push("INSERT INTO request_cycle (tenant, started, ended, requests, failures) VALUES (").bind(tenant);
        begin.push(", ").bind(time).push(", ").bind(time).push(", 1, ").bind(refused + failed);
        session.execute(begin.push(") ON CONFLICT DO NOTHING")).await?;
    }
    connection(session, entry, time).await
}

async fn connection<S: Session>(session: &mut S, entry: &Entry, time: i64) -> Result<(), StoreError> {
    let mut upsert = Statement::new(session.dialect());
    upsert.push("INSERT INTO connection (tenant, first, last, worked, failing, fault) VALUES (");
    upsert.bind(entry.tenant.as_str()).push(", ").bind(time).push(", ").bind(time).push(", ");
    if entry.outcome() == Outcome::Done {
        upsert.bind(time).push(", NULL, NULL) ON CONFLICT (tenant) DO UPDATE SET last = excluded.last, ");
        upsert.push("worked = excluded.worked, failing = NULL, ");
        // A stranger's fault says nothing about a provider whose key works.
        upsert.push("fault = CASE WHEN connection.fault LIKE '%\"caller\":null%' THEN NULL ELSE connection.fault END");
    } else {
        // The page finds the account by its user name.
        let name = entry.conflicts.first().map(|conflict| &conflict.user_name).or(entry.claimed.as_ref());
        let fault = entry.fault(name.map(String::as_str));
        // Where the provider is refused as a whole, an earlier failure of a single person is a separate matter.
        let begins = fault.get("atOnce") == Some(&serde_json::Value::Bool(true));
        upsert.push("NULL, ").bind(time).push(", ").bind(fault.to_string());
        upsert.push(") ON CONFLICT (tenant) DO UPDATE SET last = excluded.last, fault = excluded.fault, failing = ");
        upsert.push(if begins {
            "CASE WHEN connection.fault LIKE '%\"atOnce\":true%' THEN COALESCE(connection.failing, excluded.failing) \
             ELSE excluded.failing END"
        } else {
            "COALESCE(connection.failing, excluded.failing)"
        });
        if let Some(ended) = entry.closed.as_ref().and_then(|key| key.ended) {
            // Another key works: the connection does not fail, and the page warns about this key by the key's own
            // row.
            upsert.push(" WHERE connection.worked IS NULL OR connection.worked <= ");
            upsert.bind((ended + SLACK).timestamp_millis());
        }
    }
    Ok(session.execute(&upsert).await.map(drop)?)
}
