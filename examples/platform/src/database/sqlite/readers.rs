//! Connections that read: some for look-ups, some for searches, opened on demand.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};
use scim_core::store::StoreError;

use super::{Files, connect, failure, rows};
use crate::database::{Deadlines, Found, Reading, Reads, lane::Lane};

/// The number of instructions of SQLite's virtual machine between two checks of the clock: some microseconds of
/// work.
const INSTRUCTIONS: i32 = 4_000;

/// The number of concurrent searches, and the number for one organization. A search that scans occupies a core.
const SEARCHES: (usize, usize) = (4, 2);

/// The readers of a database.
#[derive(Debug)]
pub(super) struct Readers {
    files: Arc<Files>,
    look_ups: Connections,
    searches: Connections,
}

/// The connections of one lane.
#[derive(Debug)]
struct Connections {
    lane: Lane,
    idle: Mutex<Vec<Connection>>,
    /// The time that a query may take.
    deadline: Duration,
}

/// Marks queries as abandoned when the future that waits for them is dropped.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Readers {
    pub(super) fn new(files: Arc<Files>, deadlines: Deadlines) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let turns = cores.saturating_mul(2).max(4);
        let connections = |turns, share, deadline| Connections {
            lane: Lane::new(turns, share, deadlines.wait),
            idle: Mutex::default(),
            deadline,
        };
        let (searches, share) = SEARCHES;
        Self {
            files,
            look_ups: connections(turns, turns.saturating_sub(1), deadlines.look_up),
            searches: connections(searches.max(cores), share.max(cores / 2), deadlines.search),
        }
    }

    pub(super) async fn read(self: Arc<Self>, reading: Reading) -> Result<Found, StoreError> {
        let turn = self.of(reading.lane).lane.turn(reading.owner.as_ref()).await?;
        let abandoned = Arc::new(AtomicBool::new(false));
        let _abandon = Abandon(Arc::clone(&abandoned));
        let readers = Arc::clone(&self);
        let read = tokio::task::spawn_blocking(move || {
            // The turn ends with the queries and not with the future: until then the queries occupy a core.
            let _turn = turn;
            readers.read_now(&reading, &abandoned)
        });
        read.await.map_err(StoreError::backend)?
    }

    fn of(&self, lane: Reads) -> &Connections {
        match lane {
            Reads::LookUps => &self.look_ups,
            Reads::Searches => &self.searches,
        }
    }

    fn read_now(&self, reading: &Reading, abandoned: &Arc<AtomicBool>) -> Result<Found, StoreError> {
        let connections = self.of(reading.lane);
        let idle = || connections.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = idle().pop();
        let mut connection = if let Some(connection) = reused {
            connection
        } else {
            // A new connection must not open another file than the existing connections.
            self.files.check()?;
            connect(self.files.path(), false).map_err(failure)?
        };
        // The times of all queries are added up; it does not matter which query needs more than its part.
        let queries = u32::try_from(reading.queries.len() + usize::from(reading.last.is_some())).unwrap_or(u32::MAX);
        let deadline = Instant::now() + connections.deadline.saturating_mul(queries);
        let abandoned = Arc::clone(abandoned);
        let is_due = move || abandoned.load(Ordering::Relaxed) || Instant::now() >= deadline;
        connection.progress_handler(INSTRUCTIONS, Some(is_due)).map_err(failure)?;
        let found = run(&mut connection, reading).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => too_long(reading.lane, deadline),
            _ => failure(error),
        });
        // A failed connection is not reused: it may be the cause.
        if found.is_ok() {
            connection.progress_handler(0, None::<fn() -> bool>).map_err(failure)?;
            idle().push(connection);
        }
        found
    }
}

/// Runs the queries; several queries run in a transaction, so that they see one state of the database.
fn run(connection: &mut Connection, reading: &Reading) -> rusqlite::Result<Found> {
    let mut found = Found::default();
    let keep = |found: &mut Found, connection: &Connection, query| -> rusqlite::Result<bool> {
        let (rows, is_cut) = rows(connection, query, reading.shape, &reading.keep)?;
        found.rows.push(rows);
        found.is_cut = is_cut;
        Ok(!is_cut)
    };
    match (reading.queries.as_slice(), &reading.last) {
        ([query], None) => {
            keep(&mut found, connection, query)?;
        }
        (several, last) => {
            let transaction = connection.transaction()?;
            for query in several {
                if !keep(&mut found, &transaction, query)? {
                    return Ok(found);
                }
            }
            if let Some(choice) = last {
                let query = choice.after(&found.rows).clone();
                keep(&mut found, &transaction, &query)?;
            }
        }
    }
    Ok(found)
}

/// The error for an interrupted query.
fn too_long(lane: Reads, deadline: Instant) -> StoreError {
    match lane {
        // A retry of the search would take as long.
        Reads::Searches if Instant::now() >= deadline => StoreError::TooMany,
        _ => StoreError::Unavailable { retry_after: Some(super::PATIENCE) },
    }
}
