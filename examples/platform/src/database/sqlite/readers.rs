//! Connections that read: some for look-ups, some for searches, opened on demand.
//!
//! A look-up takes some microseconds, and a hand-over to another thread takes ten times as long. So a look-up first runs
//! on the thread of its caller, within bounds on its instructions and its text. If the look-up needs more, or has to wait
//! for another process, the look-up starts again on a thread for blocking work. The bounds do not count the pages that the
//! system has to read from the disk.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, limits::Limit};
use scim_core::{
    sql::{Dialect, Statement, database::run_blocking},
    store::{CommitError, StoreError},
};

use super::{Fault, Files, PATIENCE, connect, failure, rows};
use crate::database::{
    DatabaseError, Deadlines, Reads, Rows, Session, Shape, Work, lane::Lane, tell_plan, tells_plans,
};

/// The number of instructions of SQLite's virtual machine between two checks: some microseconds of work. A prepared
/// statement counts its instructions in all its runs, so the first check in a run can come at any time.
const INSTRUCTIONS: i32 = 4_000;

/// The maximum number of bytes of a text, and of all texts, that a look-up reads on the thread of its caller.
const AT_ONCE: u16 = 60_000;

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
        if let Some(done) = self.read_at_once(&work) {
            return done;
        }
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

    /// Runs a single look-up on this thread. `None` if the look-up has to run on another thread: no connection is idle,
    /// or the look-up would occupy this thread for too long. After any other failure, the look-up runs again on the other
    /// thread, which reports the failure.
    fn read_at_once<W: Work>(&self, work: &W) -> Option<Result<W::Output, CommitError>> {
        let is_short = work.reads() == Reads::LookUps && work.shape() == Shape::Own && work.is_single();
        if !is_short || tells_plans() {
            return None;
        }
        let mut connection = self.look_ups.idle().pop()?;
        // Without a timeout, the connection does not wait for another process. SQLite fetches no text beyond the limit.
        connection.busy_timeout(Duration::ZERO).ok()?;
        let longest = connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::from(AT_ONCE)).ok()?;
        let mut reader = Reader::new(&mut connection, work, Bound::Instructions);
        let done = reader.run(work);
        let end = reader.end;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest).ok()?;
        connection.busy_timeout(PATIENCE).ok()?;
        if end != End::Failed {
            self.look_ups.idle().push(connection);
        }
        (end == End::Done).then_some(done)
    }

    fn read_now<W: Work>(&self, work: &W, abandoned: Arc<AtomicBool>) -> Result<W::Output, CommitError> {
        let connections = self.of(work.reads());
        let reused = connections.idle().pop();
        let mut connection = if let Some(connection) = reused {
            connection
        } else {
            // A new connection must not open another file than the existing connections.
            self.files.check()?;
            connect(self.files.path(), false).map_err(failure)?
        };
        let mut reader = Reader::new(&mut connection, work, Bound::Time { deadline: connections.deadline, abandoned });
        let done = reader.run(work);
        // A failed connection is not reused: it may be the cause.
        if reader.end == End::Done {
            connections.idle().push(connection);
        }
        done
    }
}

impl Connections {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bound on a query.
enum Bound {
    /// At most twice [`INSTRUCTIONS`] instructions, and [`AT_ONCE`] bytes.
    Instructions,
    /// The time that the query may take, and whether its caller has left.
    Time { deadline: Duration, abandoned: Arc<AtomicBool> },
}

/// The end of the statements so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// A statement reached its bound, or met the lock of another process. The connection works.
    Stopped,
    /// A statement failed.
    Failed,
}

/// A connection that reads.
struct Reader<'a> {
    connection: &'a mut Connection,
    lane: Reads,
    shape: Shape,
    bound: Bound,
    end: End,
}

impl<'a> Reader<'a> {
    fn new<W: Work>(connection: &'a mut Connection, work: &W, bound: Bound) -> Self {
        Self { connection, lane: work.reads(), shape: work.shape(), bound, end: End::Done }
    }
}

impl Reader<'_> {
    /// Runs the work, in a transaction unless it is a single query, so that its queries see one state of the database.
    fn run<W: Work>(&mut self, work: &W) -> Result<W::Output, CommitError> {
        if work.is_single() {
            return run_blocking(work, self);
        }
        self.batch("BEGIN")?;
        let done = run_blocking(work, self);
        if self.end == End::Done {
            self.batch("ROLLBACK")?;
        }
        done
    }

    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.connection.execute_batch(sql).map_err(|error| {
            self.end = End::Failed;
            failure(error)
        })
    }

    /// Does something within the bound of a query.
    fn bounded<T>(&mut self, work: impl FnOnce(&Connection, Shape) -> Result<T, Fault>) -> Result<T, DatabaseError> {
        let mut deadline = None;
        let installed = match &self.bound {
            Bound::Instructions => {
                let mut checks = 0;
                let is_due = move || {
                    checks += 1;
                    checks > 1
                };
                self.connection.progress_handler(INSTRUCTIONS, Some(is_due))
            }
            Bound::Time { deadline: time, abandoned } => {
                let (end, abandoned) = (Instant::now() + *time, Arc::clone(abandoned));
                deadline = Some(end);
                let is_due = move || abandoned.load(Ordering::Relaxed) || Instant::now() >= end;
                self.connection.progress_handler(INSTRUCTIONS, Some(is_due))
            }
        };
        let done = installed.map_err(Fault::from);
        let done = done.and_then(|()| work(self.connection, self.shape));
        let removed = self.connection.progress_handler(0, None::<fn() -> bool>).map_err(Fault::from);
        done.and_then(|done| removed.map(|()| done)).map_err(|fault| match (fault, &self.bound) {
            // The other thread reports the fault.
            (fault, Bound::Instructions) => {
                self.end = if fault.is_of_bound() { End::Stopped } else { End::Failed };
                DatabaseError::TooMany
            }
            (fault, Bound::Time { .. }) => {
                self.end = End::Failed;
                match fault {
                    Fault::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                        too_long(self.lane, deadline, error)
                    }
                    fault => fault.into(),
                }
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
            let plan =
                self.bounded(|connection, _| rows(connection, &explained, Shape::Client, Rows::default(), usize::MAX))?;
            tell_plan(query, plan).map_err(|error| DatabaseError::Other(error.into()))?;
        }
        let bytes = if matches!(self.bound, Bound::Instructions) { usize::from(AT_ONCE) } else { usize::MAX };
        self.bounded(|connection, shape| rows(connection, query, shape, found, bytes))
    }

    async fn execute(&mut self, _: &Statement) -> Result<u64, DatabaseError> {
        Err(DatabaseError::Other("expected work that only reads".into()))
    }
}

/// The error for an interrupted query.
fn too_long(lane: Reads, deadline: Option<Instant>, error: rusqlite::Error) -> DatabaseError {
    match lane {
        // A retry of the search would take as long.
        Reads::Searches if deadline.is_some_and(|deadline| Instant::now() >= deadline) => DatabaseError::TooMany,
        _ => DatabaseError::Unavailable { retry_after: Some(PATIENCE), source: error.into() },
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use super::*;
    use crate::database::{Database, Row};

    /// Runs a query, and notes the thread.
    struct Noted {
        sql: &'static str,
        reads: Reads,
        shape: Shape,
    }

    impl Work for Noted {
        type Output = (Vec<Row>, ThreadId);

        fn reads(&self) -> Reads {
            self.reads
        }

        fn shape(&self) -> Shape {
            self.shape
        }

        fn is_single(&self) -> bool {
            true
        }

        async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, CommitError> {
            let mut query = Statement::new(Dialect::Sqlite);
            Ok((session.rows(query.push(self.sql)).await?, thread::current().id()))
        }
    }

    #[tokio::test]
    async fn a_short_look_up_runs_on_the_thread_of_its_caller() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("look_ups.db").display());
        let database = Database::open(&url).await.unwrap();
        let counted =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i) FROM n";
        let long = "SELECT hex(zeroblob(100000)) AS text";
        let many = "SELECT hex(zeroblob(20000)) AS text UNION ALL SELECT hex(zeroblob(20001))";
        for (sql, reads, shape, stays) in [
            // The first look-up opens a connection.
            ("SELECT 7", Reads::LookUps, Shape::Own, false),
            ("SELECT 7", Reads::LookUps, Shape::Own, true),
            (counted, Reads::LookUps, Shape::Own, false),
            (long, Reads::LookUps, Shape::Own, false),
            (many, Reads::LookUps, Shape::Own, false),
            ("SELECT 7", Reads::Searches, Shape::Own, false),
            ("SELECT 7", Reads::LookUps, Shape::Client, false),
            ("SELECT 7", Reads::LookUps, Shape::Own, true),
        ] {
            let (mut rows, place) = database.read(Noted { sql, reads, shape }).await.unwrap();
            assert_eq!(place == thread::current().id(), stays, "{sql}, {reads:?}, {shape:?}");
            let mut row = rows.pop().unwrap();
            match sql {
                "SELECT 7" => assert_eq!(row.required_integer(0).unwrap(), 7),
                sql if sql == counted => assert_eq!(row.required_integer(0).unwrap(), 100_000),
                sql if sql == long => assert_eq!(row.required_text(0).unwrap().len(), 200_000),
                _ => assert_eq!((row.required_text(0).unwrap().len(), rows.len()), (40_002, 1)),
            }
        }
        // A prepared statement counts its instructions in all its runs.
        let some = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT max(i) FROM n";
        for _ in 0..200 {
            let some = Noted { sql: some, reads: Reads::LookUps, shape: Shape::Own };
            assert_eq!(database.read(some).await.unwrap().1, thread::current().id());
        }
        let failed =
            database.read(Noted { sql: "SELECT 7 FROM missing", reads: Reads::LookUps, shape: Shape::Own }).await;
        assert!(failed.is_err(), "an error of the database stays an error");
    }
}
