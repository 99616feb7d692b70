//! SQLite: one thread that writes, and some connections that read in parallel.
//!
//! SQLite has one writer at a time, and a commit waits for the disk. So all work that waits when the writer is
//! free goes into one commit, each unit of work in its own savepoint: a failed unit rolls back only itself. No
//! caller gets an answer before everything is on disk.

mod file;
mod readers;
mod writer;

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, params_from_iter, types::ValueRef};
use scim_core::{
    sql::{Param, Statement},
    store::{CommitError, StoreError},
};

use self::{file::Files, readers::Readers, writer::Writer};
use super::{Cell, DatabaseError, Deadlines, OpenError, Row, Rows, Shape, Work, tell};

/// The time to wait for another process that writes to the same file.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time after which a retry is reasonable after a fault of the disk or the file.
const RETRY_AFTER_FAULT: Duration = Duration::from_secs(30);

/// The number of the program's own statements that each connection keeps prepared: all of them.
const PREPARED: usize = 128;

/// The page cache in KiB: of the writer's connection, and of a reader's connection. The system caches the file.
const CACHE: (i64, i64) = (65_536, 16_384);

#[derive(Clone, Debug)]
pub(super) struct Sqlite {
    files: Arc<Files>,
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Sqlite {
    pub(super) fn open(path: &Path, deadlines: Deadlines) -> Result<Self, OpenError> {
        let fault = |error: std::io::Error| OpenError::Database(format!("{}: {error}", path.display()).into());
        let files = Arc::new(Files::open(path).map_err(fault)?);
        let connection = connect(path, true).map_err(|error| OpenError::Database(error.into()))?;
        let writer = Writer::start(connection, Arc::clone(&files), deadlines).map_err(fault)?;
        let readers = Readers::new(Arc::clone(&files), deadlines);
        Ok(Self { files, writer: Arc::new(writer), readers: Arc::new(readers) })
    }

    /// Checks that the file exists and the writer runs.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if !self.writer.is_running() {
            return Err(StoreError::Unavailable { retry_after: None });
        }
        self.files.check()
    }

    pub(super) async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        Arc::clone(&self.readers).read(work).await
    }

    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.writer.write(work).await
    }
}

fn connect(path: &Path, writes: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // A commit survives a power failure, not only the end of the process.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A plan does not depend on the values: otherwise each statement would be planned again whenever a value is
    // bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let (writer_cache, reader_cache) = CACHE;
    connection.pragma_update(None, "cache_size", if writes { -writer_cache } else { -reader_cache })?;
    if writes {
        write_ahead(&connection)?;
    } else {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(connection)
}

/// Lets readers continue during a write. The loop is needed because SQLite itself does not wait here for another
/// process that opens the same new file.
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

/// Adds the rows of a query. A query with a client's shape is prepared for this use only.
///
/// Fails with [`TooMany`](DatabaseError::TooMany) if the query yields more than `bytes` bytes of text.
fn rows(connection: &Connection, query: &Statement, shape: Shape, rows: Rows, bytes: usize) -> Result<Rows, Fault> {
    match shape {
        Shape::Own => rows_of(&mut *connection.prepare_cached(query.text())?, query, rows, bytes),
        Shape::Client => rows_of(&mut connection.prepare(query.text())?, query, rows, bytes),
    }
}

fn rows_of(
    prepared: &mut rusqlite::Statement<'_>,
    query: &Statement,
    mut kept: Rows,
    mut bytes: usize,
) -> Result<Rows, Fault> {
    let columns = prepared.column_count();
    let mut rows = prepared.query(params_from_iter(values(query)))?;
    while let Some(row) = rows.next()? {
        let mut cell = |column| {
            let value = row.get_ref(column)?;
            let unexpected = |cause| rusqlite::Error::FromSqlConversionFailure(column, value.data_type(), cause);
            match value {
                ValueRef::Null => Ok(Cell::Null),
                ValueRef::Integer(number) => Ok(Cell::Integer(number)),
                ValueRef::Text(text) => {
                    bytes = bytes.checked_sub(text.len()).ok_or(Fault::Row(DatabaseError::TooMany))?;
                    let text = String::from_utf8(text.to_vec()).map_err(|error| unexpected(error.into()))?;
                    Ok(Cell::Text(text))
                }
                ValueRef::Real(_) | ValueRef::Blob(_) => Err(unexpected("expected text or a number".into()).into()),
            }
        };
        // SQLite has not computed the rows after this one.
        if !kept.add(Row::new((0..columns).map(&mut cell).collect::<Result<_, Fault>>()?))? {
            break;
        }
    }
    tell(query.text(), kept.len());
    Ok(kept)
}

/// The reason why rows cannot be read.
enum Fault {
    Sqlite(rusqlite::Error),
    Row(DatabaseError),
}

impl Fault {
    /// Whether the query reached a bound, or met the lock of another process: the connection works.
    fn is_of_bound(&self) -> bool {
        const OF_BOUND: [ErrorCode; 4] =
            [ErrorCode::OperationInterrupted, ErrorCode::TooBig, ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked];
        match self {
            Self::Sqlite(error) => error.sqlite_error_code().is_some_and(|code| OF_BOUND.contains(&code)),
            Self::Row(error) => matches!(error, DatabaseError::TooMany),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<DatabaseError> for Fault {
    fn from(error: DatabaseError) -> Self {
        Self::Row(error)
    }
}

impl From<Fault> for DatabaseError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sqlite(error) => failure(error),
            Fault::Row(error) => error,
        }
    }
}

fn values(statement: &Statement) -> impl Iterator<Item = Box<dyn rusqlite::ToSql + '_>> {
    statement.params().iter().map(|param| -> Box<dyn rusqlite::ToSql + '_> {
        match param {
            Param::Text(text) => Box::new(text.as_str()),
            Param::Integer(number) => Box::new(*number),
            Param::Boolean(truth) => Box::new(*truth),
            // NULL compares equal to nothing, so that no wrong row is found.
            _ => Box::new(rusqlite::types::Null),
        }
    })
}

fn failure(error: rusqlite::Error) -> DatabaseError {
    let unavailable = |retry_after, error: rusqlite::Error| DatabaseError::Unavailable {
        retry_after: Some(retry_after),
        source: error.into(),
    };
    match error.sqlite_error_code() {
        // The statement has already waited: an immediate retry would only take longer.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => unavailable(PATIENCE, error),
        Some(ErrorCode::DiskFull | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
            tracing::error!(%error, "SQLite cannot work");
            unavailable(RETRY_AFTER_FAULT, error)
        }
        _ => match &error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let (code, message) = (failure.extended_code, message.clone().unwrap_or_default());
                DatabaseError::from_sqlite(code, &message, error)
            }
            _ => DatabaseError::Other(error.into()),
        },
    }
}
