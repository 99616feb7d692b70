//! The task that writes entries: in batches, one transaction for each, in parallel with the requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::Utc;
use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel, error::TrySendError},
    time::{Instant, sleep_until, timeout_at},
};

use super::{Entry, HOUR, names::Names, sums::Sums, trouble};
use crate::{
    database::{Database, Session, Work},
    log::with_causes,
};

/// The maximum number of waiting entries. Beyond it, entries are lost rather than requests delayed.
const WAITING: usize = 10_000;

/// The maximum number of entries in one transaction of SQLite, which writes them in about 15 ms. Other writes wait for this
/// time. A smaller batch costs more for each entry, since each transaction writes most pages of the indexes.
const BATCH_IN_PROCESS: usize = 1_000;

/// The maximum number of entries in one transaction of PostgreSQL, where each entry takes several round trips. A second
/// instance waits for the row of the organization in this time, and gives up after a second.
const BATCH_OVER_NETWORK: usize = 200;

/// The maximum time for which an entry waits for others.
const PATIENCE: Duration = Duration::from_millis(200);

/// The time between two deletions of old rows.
const PURGE: Duration = Duration::from_secs(600);

/// The number of days for which a row is kept.
pub const KEPT_DAYS: i64 = 30;

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
    let most = if database.dialect() == Dialect::Sqlite { BATCH_IN_PROCESS } else { BATCH_OVER_NETWORK };
    let mut purge = Instant::now();
    while let Some(first) = receiver.recv().await {
        let end = Instant::now() + PATIENCE;
        let mut batch = vec![first];
        while batch.len() < most {
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

/// Entries that are written in one transaction.
pub(super) struct Batch(pub(super) Vec<Arc<Entry>>);

impl Work for Batch {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), CommitError> {
        // A fixed order prevents a deadlock of two instances.
        let mut tenants: Vec<&str> = self.0.iter().map(|entry| &*entry.tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        for tenant in tenants {
            let entries: Vec<&Entry> =
                self.0.iter().map(|entry| &**entry).filter(|entry| entry.tenant == tenant).collect();
            // The sums come first: an organization has one row of `connection`, where a second instance waits before it
            // takes the rows of people, whose order differs.
            Sums::of(tenant, entries.iter().copied()).write(session).await?;
            let names = Names::find(session, tenant, &entries).await?;
            for entry in entries {
                let name = names.of(session, entry).await?;
                insert(session, entry, name.as_deref()).await?;
                trouble::note(session, entry, name.as_deref()).await?;
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
