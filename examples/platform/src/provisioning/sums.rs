//! The sums of the log: the requests of each hour, the cycles of the provider, and the state of the connection.
//!
//! Most requests of a batch succeed and follow one another, so a batch changes few rows, each of them once. Every batch
//! writes the rows of an organization in the same order, so that two instances never wait for each other in a circle.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use scim_core::{sql::Statement, store::StoreError};

use super::{Entry, Outcome, hour_of};
use crate::database::Session;

/// The time without a request, in milliseconds, that ends a cycle.
const PAUSE: i64 = 5 * 60 * 1_000;

/// The time for which an instance may trust a key that has ended, with a margin.
const SLACK: TimeDelta = TimeDelta::minutes(1);

/// The changes of an organization's sums by the entries of one batch.
pub(super) struct Sums<'a> {
    tenant: &'a str,
    /// By the beginning of the hour.
    hours: BTreeMap<i64, Counts>,
    /// The time of the last request with each closed key, by its digest.
    closed: BTreeMap<&'a str, i64>,
    cycles: Vec<Cycle>,
    connection: Vec<Signal<'a>>,
}

#[derive(Default)]
struct Counts {
    requests: i64,
    refused: i64,
    failed: i64,
}

/// Requests that follow one another without a pause.
struct Cycle {
    first: i64,
    last: i64,
    requests: i64,
    failures: i64,
}

/// A change of the state of the connection.
enum Signal<'a> {
    /// Requests that succeeded, with the times of the first and the last of them.
    Worked { first: i64, last: i64 },
    /// A request that did not succeed.
    Fault(&'a Entry),
}

impl<'a> Sums<'a> {
    /// The sums of entries in the order of their responses.
    pub(super) fn of(tenant: &'a str, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let (hours, closed) = (BTreeMap::new(), BTreeMap::new());
        let mut sums = Self { tenant, hours, closed, cycles: Vec::new(), connection: Vec::new() };
        for entry in entries {
            sums.add(entry);
        }
        sums
    }

    /// Adds the request to its hour, to its cycle and to the state of the connection.
    fn add(&mut self, entry: &'a Entry) {
        let (time, outcome) = (entry.time.timestamp_millis(), entry.outcome());
        if entry.caller.is_none() && entry.closed.is_none() {
            // Any client can send a request without a key, so the request must not count as a request of the provider.
            return self.signal(entry, time);
        }
        let (refused, failed) = (i64::from(outcome == Outcome::Refused), i64::from(outcome == Outcome::Failed));
        let hour = self.hours.entry(hour_of(time)).or_default();
        hour.requests += 1;
        hour.refused += refused;
        hour.failed += failed;
        if let Some(key) = &entry.closed {
            // If an administrator has turned SCIM off, the refusal is not a failure of the connection.
            if key.ended.is_some() {
                self.closed.insert(&key.digest, time);
                self.signal(entry, time);
            }
            return;
        }
        match self.cycles.last_mut() {
            Some(cycle) if cycle.last > time - PAUSE => {
                cycle.last = time;
                cycle.requests += 1;
                cycle.failures += refused + failed;
            }
            _ => self.cycles.push(Cycle { first: time, last: time, requests: 1, failures: refused + failed }),
        }
        self.signal(entry, time);
    }

    fn signal(&mut self, entry: &'a Entry, time: i64) {
        if entry.outcome() != Outcome::Done {
            self.connection.push(Signal::Fault(entry));
        } else if let Some(Signal::Worked { last, .. }) = self.connection.last_mut() {
            *last = time;
        } else {
            self.connection.push(Signal::Worked { first: time, last: time });
        }
    }

    /// Writes the sums.
    pub(super) async fn write<S: Session>(&self, session: &mut S) -> Result<(), StoreError> {
        for (hour, Counts { requests, refused, failed }) in &self.hours {
            let mut upsert = Statement::new(session.dialect());
            upsert.push("INSERT INTO request_hour (tenant, hour, requests, refused, failed) VALUES (");
            upsert.bind(self.tenant).push(", ").bind(*hour).push(", ").bind(*requests).push(", ");
            upsert.bind(*refused).push(", ").bind(*failed);
            upsert.push(") ON CONFLICT (tenant, hour) DO UPDATE SET ");
            upsert.push("requests = request_hour.requests + excluded.requests, ");
            upsert.push("refused = request_hour.refused + excluded.refused, ");
            session.execute(upsert.push("failed = request_hour.failed + excluded.failed")).await?;
        }
        for (digest, time) in &self.closed {
            let mut update = Statement::new(session.dialect());
            update.push("UPDATE api_key SET refused = ").bind(*time).push(" WHERE digest = ").bind(*digest);
            session.execute(&update).await?;
        }
        for cycle in &self.cycles {
            self.write_cycle(session, cycle).await?;
        }
        for signal in &self.connection {
            let upsert = match signal {
                Signal::Worked { first, last } => self.worked(session, *first, *last),
                Signal::Fault(entry) => self.fault(session, entry),
            };
            session.execute(&upsert).await?;
        }
        Ok(())
    }

    /// Continues the newest cycle, or begins a cycle after a pause.
    async fn write_cycle<S: Session>(&self, session: &mut S, cycle: &Cycle) -> Result<(), StoreError> {
        let Cycle { first, last, requests, failures } = *cycle;
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE request_cycle SET ended = ").bind(last).push(", requests = requests + ").bind(requests);
        update.push(", failures = failures + ").bind(failures).push(" WHERE tenant = ").bind(self.tenant);
        update.push(" AND started = (SELECT MAX(started) FROM request_cycle WHERE tenant = ").bind(self.tenant);
        update.push(") AND ended > ").bind(first - PAUSE);
        if session.execute(&update).await? > 0 {
            return Ok(());
        }
        let mut begin = Statement::new(session.dialect());
        begin.push("INSERT INTO request_cycle (tenant, started, ended, requests, failures) VALUES (");
        begin.bind(self.tenant).push(", ").bind(first).push(", ").bind(last).push(", ").bind(requests).push(", ");
        // Another instance may have begun the same cycle.
        begin.bind(failures).push(") ON CONFLICT (tenant, started) DO UPDATE SET ended = excluded.ended, ");
        begin.push("requests = request_cycle.requests + excluded.requests, ");
        begin.push("failures = request_cycle.failures + excluded.failures");
        Ok(session.execute(&begin).await.map(drop)?)
    }

    /// The beginning of a statement about the connection, up to the value of `last`.
    fn connection<S: Session>(&self, session: &S, first: i64, last: i64) -> Statement {
        let mut upsert = Statement::new(session.dialect());
        upsert.push("INSERT INTO connection (tenant, first, last, worked, failing, fault) VALUES (");
        upsert.bind(self.tenant).push(", ").bind(first).push(", ").bind(last);
        upsert
    }

    fn worked<S: Session>(&self, session: &S, first: i64, last: i64) -> Statement {
        let mut upsert = self.connection(session, first, last);
        upsert.push(", ").bind(last).push(", NULL, NULL) ON CONFLICT (tenant) DO UPDATE SET last = excluded.last, ");
        upsert.push("worked = excluded.worked, failing = NULL, ");
        // A stranger's fault says nothing about a provider whose key works.
        upsert.push("fault = CASE WHEN connection.fault LIKE '%\"caller\":null%' THEN NULL ELSE connection.fault END");
        upsert
    }

    fn fault<S: Session>(&self, session: &S, entry: &Entry) -> Statement {
        let time = entry.time.timestamp_millis();
        // The page finds the account by its user name.
        let name = entry.conflicts.first().map(|conflict| &conflict.user_name).or(entry.claimed.as_ref());
        let fault = entry.fault(name.map(String::as_str));
        // Where the provider is refused as a whole, an earlier failure of a single person is a separate matter.
        let begins = fault.get("atOnce") == Some(&serde_json::Value::Bool(true));
        let mut upsert = self.connection(session, time, time);
        upsert.push(", NULL, ").bind(time).push(", ").bind(fault.to_string());
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
        upsert
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use scim_core::{
        sql::Dialect,
        store::{CommitError, TenantId},
    };

    use super::*;
    use crate::{
        database::{Database, DatabaseError, Row, Rows, Work},
        provisioning::{ClosedKey, writer::Batch},
    };

    /// Writes the sums of entries, in batches of this size.
    struct Batches {
        entries: Vec<Entry>,
        size: usize,
    }

    impl Work for Batches {
        type Output = ();

        fn tenant(&self) -> Option<&TenantId> {
            None
        }

        async fn run<S: Session>(&self, session: &mut S) -> Result<(), CommitError> {
            for batch in self.entries.chunks(self.size) {
                Sums::of("acme", batch).write(session).await?;
            }
            Ok(())
        }
    }

    /// A request at this time, in milliseconds. The numbers choose its status and its key.
    fn entry(time: i64, status: usize, key: usize) -> Entry {
        let ended =
            |at: i64| ClosedKey { digest: format!("digest {}", at % 2), ended: DateTime::from_timestamp_millis(at) };
        let off = ClosedKey { digest: "digest".to_owned(), ended: None };
        let (caller, closed) = match key % 8 {
            0 => (None, None),
            1 => (None, Some(ended(time - 600_000))),
            2 => (None, Some(off)),
            _ => (Some("key".to_owned()), None),
        };
        let status = if caller.is_none() { 401 } else { [200, 200, 201, 204, 400, 409, 500][status % 7] };
        Entry {
            tenant: "acme".to_owned(),
            id: String::new(),
            time: DateTime::from_timestamp_millis(time).unwrap(),
            caller,
            closed,
            address: None,
            operation: "POST /Users".to_owned(),
            kind: Some("User".to_owned()),
            resource: None,
            claimed: Some(format!("user {time}")),
            conflicts: Vec::new(),
            status,
            scim_type: None,
            detail: None,
            quirks: None,
            duration: 1,
            body: None,
        }
    }

    async fn tables(entries: &[Entry], size: usize) -> Vec<Vec<Row>> {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&format!("sqlite:{}", directory.path().join("sums.db").display())).await.unwrap();
        database.write(Batches { entries: entries.to_vec(), size }).await.unwrap();
        let rows = |columns: &str, table: &str| {
            let mut query = Statement::new(database.dialect());
            query.push("SELECT ").push(columns).push(" FROM ").push(table).push(" ORDER BY 1, 2");
            query
        };
        let queries = vec![
            rows("hour, requests, refused, failed", "request_hour"),
            rows("started, ended, requests, failures", "request_cycle"),
            rows("first, last, worked, failing, fault", "connection"),
        ];
        database.look_up(queries).await.unwrap()
    }

    #[tokio::test]
    async fn the_sums_of_a_batch_are_those_of_its_entries() {
        // A generator with a fixed seed: the same entries in each run.
        let mut seed = 7_643_u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..12 {
            let mut time = 1_800_000_000_000;
            let entries: Vec<Entry> = (0..60)
                .map(|_| {
                    // Often at once, sometimes after a pause, and sometimes with a clock that goes backward.
                    time += [0, 1, 40, 299_999, 300_000, 3_600_000, -20][next(7)];
                    entry(time, next(7), next(8))
                })
                .collect();
            let single = tables(&entries, 1).await;
            for size in [2, 7, 60] {
                assert_eq!(format!("{:?}", tables(&entries, size).await), format!("{single:?}"), "batches of {size}");
            }
            assert!(single.iter().all(|rows| !rows.is_empty()));
        }
    }

    /// Notes the statements.
    struct Noted(Vec<String>);

    impl Session for Noted {
        fn dialect(&self) -> Dialect {
            Dialect::Postgres
        }

        async fn query(&mut self, _: &Statement, rows: Rows) -> Result<Rows, DatabaseError> {
            Ok(rows)
        }

        async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
            self.0.push(statement.text().to_owned());
            Ok(1)
        }
    }

    #[tokio::test]
    async fn a_batch_of_successful_requests_writes_each_sum_once() {
        let entries: Vec<Entry> = (0..200).map(|n| entry(1_800_000_000_000 + n, 0, 7)).collect();
        let mut session = Noted(Vec::new());
        Sums::of("acme", &entries).write(&mut session).await.unwrap();
        assert_eq!(session.0.len(), 3, "the hour, the cycle and the connection");
    }

    #[tokio::test]
    async fn a_batch_takes_the_row_of_the_connection_before_the_rows_of_people() {
        let entries = (0..20).map(|n| Arc::new(entry(1_800_000_000_000 + n, 5, 7))).collect();
        let mut session = Noted(Vec::new());
        Batch(entries).run(&mut session).await.unwrap();
        let first = |table: &str| session.0.iter().position(|text| text.starts_with(&format!("INSERT INTO {table} ")));
        let (connection, person) = (first("connection").unwrap(), first("trouble").unwrap());
        assert!(connection < person, "{:?}", session.0);
    }
}
