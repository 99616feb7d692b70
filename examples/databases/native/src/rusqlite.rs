//! SQLite by `rusqlite`, a blocking driver, in a host that uses `tokio`.
//!
//! One connection writes and some connections read. Each unit of work runs on a thread for blocking calls. If the
//! client leaves, the work still ends by a commit or a rollback.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Statement as Prepared, types::ValueRef};
use scim_core::{
    sql::{
        Dialect, Param, Statement,
        database::{Cell, Database, DatabaseError, Row, Rows, Session, Work, run_blocking},
    },
    store::{CommitError, StoreError},
};

/// A database file.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: Arc<Mutex<Connection>>,
    readers: Arc<Vec<Mutex<Connection>>>,
    next: Arc<std::sync::atomic::AtomicUsize>,
}

impl Sqlite {
    /// Opens or creates the database file, with this number of connections for reading.
    pub fn open(path: &Path, readers: usize) -> rusqlite::Result<Self> {
        Self::open_with(path, readers, |_| Ok(()))
    }

    /// The same, with a function that prepares each connection, for example registers functions of SQL.
    pub fn open_with(
        path: &Path,
        readers: usize,
        prepare: impl Fn(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Self> {
        let open = || {
            let connection = Connection::open_with_flags(path, OpenFlags::default())?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            // Filters of clients make many statements: keep few of them.
            connection.set_prepared_statement_cache_capacity(32);
            prepare(&connection)?;
            Ok(connection)
        };
        let writer = Arc::new(Mutex::new(open()?));
        let readers = (0..readers.max(1)).map(|_| open().map(Mutex::new)).collect::<rusqlite::Result<_>>()?;
        Ok(Self { writer, readers: Arc::new(readers), next: Arc::default() })
    }

    /// Executes statements, such as those of a migration.
    pub fn execute_batch(&self, sql: &str) -> rusqlite::Result<()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).execute_batch(sql)
    }

    async fn run<W: Work>(&self, work: W, writes: bool) -> Result<W::Output, CommitError> {
        let database = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let connection = if writes {
                &*database.writer
            } else {
                let turn = database.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                // The remainder is less than the length, which is at least 1.
                &database.readers[turn % database.readers.len()]
            };
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let mut connected = Connected(&mut connection);
            connected.0.execute_batch(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" }).map_err(error)?;
            let output = run_blocking(&work, &mut connected)?;
            connected.0.execute_batch("COMMIT").map_err(error)?;
            Ok(output)
        });
        done.await.unwrap_or_else(|failed| Err(StoreError::backend(failed).into()))
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.run(work, false).await
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.run(work, true).await
    }
}

/// A connection in a transaction, which rolls back unless it was committed.
struct Connected<'a>(&'a mut Connection);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // If the rollback fails, SQLite has rolled back already, or the next `BEGIN` fails.
            drop(self.0.execute_batch("ROLLBACK"));
        }
    }
}

impl Session for Connected<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&mut self, query: &Statement, mut found: Rows) -> Result<Rows, DatabaseError> {
        let mut prepared = self.0.prepare_cached(query.text()).map_err(error)?;
        bind(&mut prepared, query.params()).map_err(error)?;
        let columns = prepared.column_count();
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(error)? {
            let cells = (0..columns).map(|column| row.get_ref(column).map(cell));
            if !found.add(Row::new(cells.collect::<rusqlite::Result<_>>().map_err(error)?))? {
                break;
            }
        }
        Ok(found)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        let mut prepared = self.0.prepare_cached(statement.text()).map_err(error)?;
        bind(&mut prepared, statement.params()).map_err(error)?;
        let changed = prepared.raw_execute().map_err(error)?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }
}

fn bind(prepared: &mut Prepared<'_>, params: &[Param]) -> rusqlite::Result<()> {
    for (index, param) in (1..).zip(params) {
        match param {
            Param::Text(text) => prepared.raw_bind_parameter(index, text)?,
            Param::Integer(number) => prepared.raw_bind_parameter(index, number)?,
            Param::Boolean(truth) => prepared.raw_bind_parameter(index, truth)?,
            _ => return Err(rusqlite::Error::InvalidParameterName(format!("?{index}"))),
        }
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Text(number.to_string()),
        ValueRef::Text(text) | ValueRef::Blob(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
    }
}

fn error(error: rusqlite::Error) -> DatabaseError {
    match &error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let message = message.clone().unwrap_or_default();
            DatabaseError::from_sqlite(failure.extended_code, &message, error)
        }
        _ => DatabaseError::Other(error.into()),
    }
}
