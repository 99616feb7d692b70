//! SQLite: one thread that writes, and some connections that read beside it.
//!
//! SQLite has one writer at a time, and a commit waits for the disk. So everything that waits to be written when the
//! writer is free goes into one commit, each in a savepoint of its own: what fails takes back only itself. Nobody has an
//! answer before the disk has it all.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, ffi, params_from_iter, types::ValueRef};
use scim_core::{
    sql::{Dialect, Param, Statement},
    store::{CommitError, StoreError},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Cell, OpenError, Row, Session, Work, tell};

/// How many writes may wait; beyond, who writes waits to wait.
const WAITING: usize = 1_024;

/// The most that goes into one commit.
const TOGETHER: usize = 128;

/// How long another process that writes the same file is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many statements each connection keeps prepared. Clients choose filters, so there is no end of others.
const PREPARED: usize = 128;

#[derive(Clone)]
pub(super) struct Sqlite {
    writer: mpsc::Sender<Box<dyn Job>>,
    readers: Arc<Readers>,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.readers.path).finish_non_exhaustive()
    }
}

/// Connections that read, opened when they are needed.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// How many may be read with at the same time.
    turns: Arc<Semaphore>,
}

impl Sqlite {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let fault = |error: rusqlite::Error| OpenError::Database(error.into());
        create(path).map_err(|error| OpenError::Database(format!("{}: {error}", path.display()).into()))?;
        let mut connection = connect(path, true).map_err(fault)?;
        let (writer, mut jobs) = mpsc::channel::<Box<dyn Job>>(WAITING);
        let work = move || {
            while let Some(first) = jobs.blocking_recv() {
                let mut together = vec![first];
                while together.len() < TOGETHER
                    && let Ok(next) = jobs.try_recv()
                {
                    together.push(next);
                }
                commit(&mut connection, together);
            }
        };
        let spawned = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(work);
        spawned.map_err(|error| OpenError::Database(error.into()))?;
        let turns = thread::available_parallelism().map_or(4, |cores| cores.get().saturating_mul(2).max(4));
        let readers = Readers { path: path.to_owned(), idle: Mutex::default(), turns: Arc::new(Semaphore::new(turns)) };
        Ok(Self { writer, readers: Arc::new(readers) })
    }

    pub(super) async fn read(&self, queries: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        if self.writer.is_closed() {
            // Whoever asks for health is to know.
            return Err(StoreError::Unavailable { retry_after: None });
        }
        let readers = Arc::clone(&self.readers);
        let turn = Arc::clone(&readers.turns).acquire_owned().await.map_err(StoreError::backend)?;
        let read = tokio::task::spawn_blocking(move || {
            // A query goes on when nobody waits for it any more, and its turn with it.
            let _turn = turn;
            readers.read(&queries)
        });
        read.await.map_err(StoreError::backend)?
    }

    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let gone = || CommitError::from(StoreError::Unavailable { retry_after: None });
        let (reply, answer) = oneshot::channel();
        self.writer.send(Box::new(Order { work, output: None, reply })).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Readers {
    fn read(&self, queries: &[Statement]) -> Result<Vec<Vec<Row>>, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = idle().pop();
        let mut connection = match reused {
            Some(connection) => connection,
            None => connect(&self.path, false).map_err(failure)?,
        };
        let rows = match queries {
            [query] => rows(&connection, query).map(|rows| vec![rows]),
            several => together(&mut connection, several),
        };
        // One that failed is not used again: it may be what failed.
        if rows.is_ok() {
            idle().push(connection);
        }
        rows
    }
}

/// Several queries of one state.
fn together(connection: &mut Connection, queries: &[Statement]) -> Result<Vec<Vec<Row>>, StoreError> {
    let transaction = connection.transaction().map_err(failure)?;
    queries.iter().map(|query| rows(&transaction, query)).collect()
}

/// Makes the file if it is not there, for nobody else to read: it has personal data in it. What SQLite puts beside it is
/// as it is.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn connect(path: &Path, writes: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // What is committed outlives a loss of power, not only of the process.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A plan does not depend on the values: otherwise each statement is planned again whenever a value is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    if writes {
        write_ahead(&connection)?;
    } else {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(connection)
}

/// Lets readers go on while something is written. SQLite itself does not wait here for another process that opens the
/// same new file.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

/// Work that waits to be written.
trait Job: Send {
    /// Does it. An error takes it back.
    fn run(&mut self, connection: &mut Connection) -> Result<(), ()>;

    /// Keeps an error instead of what came of it.
    fn fail(&mut self, error: StoreError);

    /// Tells who waits.
    fn answer(self: Box<Self>);
}

struct Order<W: Work> {
    work: W,
    output: Option<Result<W::Output, CommitError>>,
    reply: oneshot::Sender<Result<W::Output, CommitError>>,
}

impl<W: Work> Job for Order<W> {
    fn run(&mut self, connection: &mut Connection) -> Result<(), ()> {
        let mut session = SqliteSession(connection);
        // Nothing is waited for here: each statement is done when its future is first asked.
        let output = match pin!(self.work.run(&mut session)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => Err(StoreError::backend("expected work that waits for nothing but statements").into()),
        };
        let outcome = if output.is_ok() { Ok(()) } else { Err(()) };
        self.output = Some(output);
        outcome
    }

    fn fail(&mut self, error: StoreError) {
        // What has failed on its own has its own reason.
        if !matches!(self.output, Some(Err(_))) {
            self.output = Some(Err(error.into()));
        }
    }

    fn answer(self: Box<Self>) {
        if let Some(output) = self.output {
            // Who is not there any more has dropped the future: what was done is done.
            let _ = self.reply.send(output);
        }
    }
}

/// Does all the work in one commit, and tells who waits for it.
fn commit(connection: &mut Connection, mut jobs: Vec<Box<dyn Job>>) {
    if let Err(error) = write(connection, &mut jobs) {
        for job in &mut jobs {
            job.fail(match failure_of(&error) {
                // An error is one person's; its text is all's.
                StoreError::Backend(_) => StoreError::backend(error.to_string()),
                other => other,
            });
        }
    }
    jobs.into_iter().for_each(Job::answer);
}

fn write(connection: &mut Connection, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    if !connection.is_autocommit() {
        run(connection, "ROLLBACK")?;
    }
    run(connection, "BEGIN IMMEDIATE")?;
    let written = write_each(connection, jobs).and_then(|()| run(connection, "COMMIT"));
    if written.is_err() && !connection.is_autocommit() {
        run(connection, "ROLLBACK")?;
    }
    written
}

fn write_each(connection: &mut Connection, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    for job in jobs {
        run(connection, "SAVEPOINT job")?;
        if job.run(connection).is_err() {
            // A full disk makes SQLite take back everything by itself.
            if connection.is_autocommit() {
                return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), None));
            }
            run(connection, "ROLLBACK TO job")?;
        }
        run(connection, "RELEASE job")?;
    }
    Ok(())
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}

struct SqliteSession<'a>(&'a mut Connection);

impl Session for SqliteSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&mut self, query: &Statement) -> Result<Vec<Row>, StoreError> {
        rows(self.0, query)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, StoreError> {
        let mut prepared = self.0.prepare_cached(statement.text()).map_err(failure)?;
        let changed = prepared.execute(params_from_iter(values(statement))).map_err(failure)?;
        tell(statement.text(), changed);
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }
}

fn rows(connection: &Connection, query: &Statement) -> Result<Vec<Row>, StoreError> {
    let mut prepared = connection.prepare_cached(query.text()).map_err(failure)?;
    let columns = prepared.column_count();
    let mut found = Vec::new();
    let mut rows = prepared.query(params_from_iter(values(query))).map_err(failure)?;
    while let Some(row) = rows.next().map_err(failure)? {
        let cell = |column| {
            Ok(match row.get_ref(column).map_err(failure)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Text(text) => Cell::Text(String::from_utf8(text.to_vec()).map_err(StoreError::backend)?),
                ValueRef::Real(_) | ValueRef::Blob(_) => return Err(StoreError::backend("expected text or a number")),
            })
        };
        found.push(Row((0..columns).map(cell).collect::<Result<_, StoreError>>()?));
    }
    tell(query.text(), found.len());
    Ok(found)
}

fn values(statement: &Statement) -> impl Iterator<Item = Box<dyn rusqlite::ToSql + '_>> {
    statement.params().iter().map(|param| -> Box<dyn rusqlite::ToSql + '_> {
        match param {
            Param::Text(text) => Box::new(text.as_str()),
            Param::Integer(number) => Box::new(*number),
            Param::Boolean(truth) => Box::new(*truth),
            // Bound as null it compares with nothing: no row is found that should not be.
            _ => Box::new(rusqlite::types::Null),
        }
    })
}

fn failure(error: rusqlite::Error) -> StoreError {
    match failure_of(&error) {
        StoreError::Backend(_) => StoreError::backend(error),
        other => other,
    }
}

fn failure_of(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        // It was waited for already: to try again at once would only take longer.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Unavailable { retry_after: Some(PATIENCE) }
        }
        Some(ErrorCode::DiskFull | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
            tracing::error!(%error, "SQLite cannot work");
            StoreError::Unavailable { retry_after: Some(Duration::from_secs(30)) }
        }
        _ => StoreError::backend(error.to_string()),
    }
}
