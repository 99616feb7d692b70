//! PostgreSQL by `sqlx`.
//!
//! Statements are not prepared for a second use: the filters of clients make many statements, and each prepared one
//! would take memory in the database. Set `statement_timeout` in the options of the pool, so that the database ends a
//! statement that the client no longer waits for.

use futures_util::TryStreamExt;
use scim_core::{
    sql::{
        Dialect, Param, Statement,
        database::{Cell, Database, DatabaseError, Row, Rows, Session, Work},
    },
    store::CommitError,
};
use sqlx::{
    Column, PgPool, Postgres, Row as _, Transaction, TypeInfo,
    postgres::{PgArguments, PgRow},
    query::Query,
};

/// A pool of connections.
#[derive(Clone, Debug)]
pub struct PostgresPool(pub PgPool);

impl PostgresPool {
    async fn run<W: Work>(&self, work: &W, begin: &'static str) -> Result<W::Output, CommitError> {
        // A transaction that is dropped rolls back.
        let mut connected = Connected(self.0.begin_with(begin).await.map_err(error)?);
        let output = work.run(&mut connected).await?;
        connected.0.commit().await.map_err(error)?;
        Ok(output)
    }
}

impl Database for PostgresPool {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.run(&work, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.run(&work, "BEGIN").await
    }
}

struct Connected(Transaction<'static, Postgres>);

impl Session for Connected {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
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

fn bound(statement: &Statement) -> Result<Query<'_, Postgres, PgArguments>, DatabaseError> {
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

fn cells(row: &PgRow) -> Result<Row, DatabaseError> {
    let cell = |index: usize| {
        let value = match row.column(index).type_info().name() {
            "BOOL" => row.try_get::<Option<bool>, _>(index).map(|truth| truth.map(Cell::Boolean)),
            "INT8" => row.try_get::<Option<i64>, _>(index).map(|number| number.map(Cell::Integer)),
            "INT4" => row.try_get::<Option<i32>, _>(index).map(|number| number.map(|it| Cell::Integer(it.into()))),
            _ => row.try_get::<Option<String>, _>(index).map(|text| text.map(Cell::Text)),
        };
        value.map(|cell| cell.unwrap_or(Cell::Null)).map_err(error)
    };
    Ok(Row::new((0..row.len()).map(cell).collect::<Result<_, _>>()?))
}

fn error(error: sqlx::Error) -> DatabaseError {
    match &error {
        sqlx::Error::Database(known) => {
            let code = known.code().unwrap_or_default().into_owned();
            let constraint = known.constraint().map(str::to_owned);
            DatabaseError::from_sqlstate(&code, constraint.as_deref(), error)
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            DatabaseError::unavailable(error)
        }
        _ => DatabaseError::Other(error.into()),
    }
}
