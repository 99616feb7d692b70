//! PostgreSQL by `tokio-postgres` and the pool `deadpool-postgres`.
//!
//! Statements are sent with their parameters in one round trip and are not prepared: the filters of clients make
//! many statements, and each prepared one would take memory in the database. Set `statement_timeout` in the
//! options of the connection, so that the database ends a statement that the client no longer waits for.

use std::error::Error;

use deadpool_postgres::{Pool, Transaction};
use futures_util::{TryStreamExt, pin_mut};
use scim_core::{
    sql::{
        Dialect, Param, Statement,
        database::{Cell, Database, DatabaseError, Row, Rows, Session, Work},
    },
    store::{CommitError, StoreError},
};
use tokio_postgres::{
    IsolationLevel,
    types::{ToSql, Type},
};

/// A pool of connections.
#[derive(Clone, Debug)]
pub struct Postgres(pub Pool);

impl Postgres {
    async fn run<W: Work>(&self, work: &W, writes: bool) -> Result<W::Output, CommitError> {
        let mut client = self.0.get().await.map_err(|_| StoreError::Unavailable { retry_after: None })?;
        let builder = client.build_transaction();
        let builder = if writes {
            builder.isolation_level(IsolationLevel::ReadCommitted)
        } else {
            builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true)
        };
        // A transaction that is dropped rolls back.
        let mut connected = Connected(builder.start().await.map_err(error)?);
        let output = work.run(&mut connected).await?;
        connected.0.commit().await.map_err(error)?;
        Ok(output)
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.run(&work, false).await
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.run(&work, true).await
    }
}

struct Connected<'a>(Transaction<'a>);

impl Session for Connected<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn query(&mut self, query: &Statement, mut found: Rows) -> Result<Rows, DatabaseError> {
        let stream = self.0.query_typed_raw(query.text(), typed(query.params())).await.map_err(error)?;
        pin_mut!(stream);
        while let Some(row) = stream.try_next().await.map_err(error)? {
            let cells = (0..row.len()).map(|column| cell(&row, column)).collect::<Result<_, _>>()?;
            if !found.add(Row::new(cells))? {
                break;
            }
        }
        Ok(found)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        let stream = self.0.query_typed_raw(statement.text(), typed(statement.params())).await.map_err(error)?;
        pin_mut!(stream);
        while stream.try_next().await.map_err(error)?.is_some() {}
        Ok(stream.rows_affected().unwrap_or_default())
    }
}

/// The values with the types that the library's casts expect.
fn typed(params: &[Param]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    let typed = params.iter().filter_map(|param| match param {
        Param::Text(text) => Some((text as &(dyn ToSql + Sync), Type::TEXT)),
        Param::Integer(number) => Some((number as &(dyn ToSql + Sync), Type::INT8)),
        Param::Boolean(truth) => Some((truth as &(dyn ToSql + Sync), Type::BOOL)),
        // A later version of the library may add a type. PostgreSQL then refuses the statement: a value is missing.
        _ => None,
    });
    typed.collect()
}

fn cell(row: &tokio_postgres::Row, column: usize) -> Result<Cell, DatabaseError> {
    let of = |cell: Option<Cell>| cell.unwrap_or(Cell::Null);
    let data_type = row.columns().get(column).map(tokio_postgres::Column::type_);
    Ok(match data_type {
        Some(&Type::BOOL) => of(row.try_get::<_, Option<bool>>(column).map_err(error)?.map(Cell::Boolean)),
        Some(&Type::INT8) => of(row.try_get::<_, Option<i64>>(column).map_err(error)?.map(Cell::Integer)),
        Some(&Type::INT4) => {
            of(row.try_get::<_, Option<i32>>(column).map_err(error)?.map(|number| Cell::Integer(number.into())))
        }
        _ => of(row.try_get::<_, Option<String>>(column).map_err(error)?.map(Cell::Text)),
    })
}

fn error(error: tokio_postgres::Error) -> DatabaseError {
    let Some(known) = error.as_db_error() else {
        // Without an answer of the database, the connection is broken.
        return if error.is_closed() || error.source().is_some_and(<dyn Error>::is::<std::io::Error>) {
            DatabaseError::unavailable(error)
        } else {
            DatabaseError::Other(error.into())
        };
    };
    let (code, constraint) = (known.code().code().to_owned(), known.constraint().map(str::to_owned));
    DatabaseError::from_sqlstate(&code, constraint.as_deref(), error)
}
