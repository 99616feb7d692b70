//! Connections that read: some for look-ups, some for searches, opened on demand.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};
use scim_core::{
    sql::{Dialect, Statement, database::run_blocking},
    store::{CommitError, StoreError},
};

use super::{Fault, Files, connect, failure, rows};
use crate::database::{
    DatabaseError, Deadlines, Reads, Rows, Session, Shape, Work, lane::Lane, tell_plan, tells_plans,
};

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

    pub(super) async fn read<W: Work>(self: Arc<Self>, work: W) -> Result<W::Output, CommitError> {
        let turn = self.of(work.reads()).lane.turn(work.tenant()).await?;
        let abandoned = Arc::new(AtomicBool::new(false));
        let _abandon = Abandon(Arc::clone(&abandoned));
        let readers = Arc::clone(&self);
        let read = tokio::task::spawn_blocking(move || {
            // The turn ends with the queries and not with the future: until then the queries occupy a core.
            let _turn = turn;
            readers.read_now(&work, abandoned)
        });
        read.await.map_err(StoreError::backend)?
    }

    fn of(&self, lane: Reads) -> &Connections {
        match lane {
            Reads::LookUps => &self.look_ups,
            Reads::Searches => &self.searches,
        }
    }

    fn read_now<W: Work>(&self, work: &W, abandoned: Arc<AtomicBool>) -> Result<W::Output, CommitError> {
        let connections = self.of(work.reads());
        let idle = || connections.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = idle().pop();
        let mut connection = if let Some(connection) = reused {
            connection
        } else {
            // A new connection must not open another file than the existing connections.
            self.files.check()?;
            connect(self.files.path(), false).map_err(failure)?
        };
        let (lane, shape, deadline) = (work.reads(), work.shape(), connections.deadline);
        let mut reader = Reader { connection: &mut connection, lane, shape, deadline, abandoned, has_failed: false };
        let done = reader.run(work);
        // A failed connection is not reused: it may be the cause.
        if !reader.has_failed {
            idle().push(connection);
        }
        done
    }
}

/// A connection that reads.
struct Reader<'a> {
    connection: &'a mut Connection,
    lane: Reads,
    shape: Shape,
    /// The time that a query may take.
    deadline: Duration,
    abandoned: Arc<AtomicBool>,
    /// Whether a statement failed.
    has_failed: bool,
}

impl Reader<'_> {
    /// Runs the work, in a transaction unless it is a single query, so that its queries see one state of the database.
    fn run<W: Work>(&mut self, work: &W) -> Result<W::Output, CommitError> {
        if work.is_single() {
            return run_blocking(work, self);
        }
        self.batch("BEGIN")?;
        let done = run_blocking(work, self);
        if !self.has_failed {
            self.batch("ROLLBACK")?;
        }
        done
    }

    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.connection.execute_batch(sql).map_err(|error| {
            self.has_failed = true;
            failure(error)
        })
    }

    /// Does something within the time for a query.
    fn bounded<T>(&mut self, work: impl FnOnce(&Connection, Shape) -> Result<T, Fault>) -> Result<T, DatabaseError> {
        let (deadline, abandoned) = (Instant::now() + self.deadline, Arc::clone(&self.abandoned));
        let is_due = move || abandoned.load(Ordering::Relaxed) || Instant::now() >= deadline;
        let done = self.connection.progress_handler(INSTRUCTIONS, Some(is_due)).map_err(Fault::from);
        let done = done.and_then(|()| work(self.connection, self.shape));
        let done = done.and_then(|done| {
            self.connection.progress_handler(0, None::<fn() -> bool>)?;
            Ok(done)
        });
        done.map_err(|fault| {
            self.has_failed = true;
            match fault {
                Fault::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                    too_long(self.lane, deadline, error)
                }
                fault => fault.into(),
            }
        })
    }
}

impl Session for Reader<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&mut self, query: &Statement, found: Rows) -> Result<Rows, DatabaseError> {
        if tells_plans() {
            let explained = query.explained();
            let plan = self.bounded(|connection, _| rows(connection, &explained, Shape::Client, Rows::default()))?;
            tell_plan(query, plan).map_err(|error| DatabaseError::Other(error.into()))?;
        }
        self.bounded(|connection, shape| rows(connection, query, shape, found))
    }

    async fn execute(&mut self, _: &Statement) -> Result<u64, DatabaseError> {
        Err(DatabaseError::Other("expected work that only reads".into()))
    }
}

/// The error for an interrupted query.
fn too_long(lane: Reads, deadline: Instant, error: rusqlite::Error) -> DatabaseError {
    match lane {
        // A retry of the search would take as long.
        Reads::Searches if Instant::now() >= deadline => DatabaseError::TooMany,
        _ => DatabaseError::Unavailable { retry_after: Some(super::PATIENCE), source: error.into() },
    }
}
