//! SQLite by `sqlx`.
//!
//! Use one pool of one connection for writing and one pool for reading, both with WAL and a `busy_timeout`.

use futures_util::TryStreamExt;
use scim_core::{
    sql::{
        Dialect, Param, Statement,
        database::{Cell, Database, DatabaseError, Row, Rows, Session, Work},
    },
    store::{CommitError, StoreError},
};
use sqlx::{
    Row as _, Sqlite, SqlitePool, Transaction, TypeInfo, ValueRef,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

/// Two pools for one database file.
#[derive(Clone, Debug)]
pub struct SqlitePools {
    /// One connection, which writes.
    pub writer: SqlitePool,
    /// Some connections, which read.
    pub readers: SqlitePool,
}

impl SqlitePools {
    /// Runs the work as a task of its own. If the future of a request is dropped while sqlx begins a transaction, the
    /// connection goes back to its pool in the middle of the transaction, and the next transaction fails.
    async fn run<W: Work>(work: W, pool: &SqlitePool, begin: &'static str) -> Result<W::Output, CommitError> {
        let pool = pool.clone();
        let task = tokio::spawn(async move {
            // A transaction that is dropped rolls back.
            let mut connected = Connected(pool.begin_with(begin).await.map_err(error)?);
            let output = work.run(&mut connected).await?;
            connected.0.commit().await.map_err(error)?;
            Ok(output)
        });
        task.await.unwrap_or_else(|failed| Err(StoreError::backend(failed).into()))
    }
}

impl Database for SqlitePools {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        Self::run(work, &self.readers, "BEGIN").await
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        Self::run(work, &self.writer, "BEGIN IMMEDIATE").await
    }
}

struct Connected(Transaction<'static, Sqlite>);

impl Session for Connected {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&mut self, query: &Statement, mut found: Rows) -> Result<Rows, DatabaseError> {
        let mut stream = bound(query)?.fetch(&mut *self.0);
        while let Some(row) = stream.try_next().await.map_err(error)? {
            if !found.add(cells(&row)?)? {
                break;
            }
        }
        Ok(found)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        Ok(bound(statement)?.execute(&mut *self.0).await.map_err(error)?.rows_affected())
    }
}

fn bound(statement: &Statement) -> Result<Query<'_, Sqlite, SqliteArguments<'_>>, DatabaseError> {
    let mut query = sqlx::query(statement.text()).persistent(false);
    for param in statement.params() {
        query = match param {
            Param::Text(text) => query.bind(text),
            Param::Integer(number) => query.bind(number),
            Param::Boolean(truth) => query.bind(truth),
            _ => return Err(DatabaseError::Other("a parameter of a later version of the library".into())),
        };
    }
    Ok(query)
}

fn cells(row: &SqliteRow) -> Result<Row, DatabaseError> {
    let cell = |index: usize| {
        // The type of the value: an expression has no declared type.
        let data_type = row.try_get_raw(index).map_err(error)?.type_info().name().to_owned();
        let value = match data_type.as_str() {
            "INTEGER" | "BOOLEAN" => row.try_get::<Option<i64>, _>(index).map(|number| number.map(Cell::Integer)),
            "REAL" => row.try_get::<Option<f64>, _>(index).map(|number| number.map(|it| Cell::Text(it.to_string()))),
            _ => row.try_get::<Option<String>, _>(index).map(|text| text.map(Cell::Text)),
        };
        value.map(|cell| cell.unwrap_or(Cell::Null)).map_err(error)
    };
    Ok(Row::new((0..row.len()).map(cell).collect::<Result<_, _>>()?))
}

fn error(error: sqlx::Error) -> DatabaseError {
    match &error {
        sqlx::Error::Database(known) => {
            let code = known.code().and_then(|code| code.parse().ok()).unwrap_or_default();
            let message = known.message().to_owned();
            DatabaseError::from_sqlite(code, &message, error)
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            DatabaseError::unavailable(error)
        }
        _ => DatabaseError::Other(error.into()),
    }
}
