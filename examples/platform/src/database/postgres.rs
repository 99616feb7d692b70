//! PostgreSQL, and what speaks its language: a pool of connections, and transactions that the server keeps apart.
//!
//! Work runs at READ COMMITTED with the rows locked that it depends on, so that nothing has to be tried again but after
//! a deadlock. On a server that makes every transaction SERIALIZABLE (CockroachDB) the same statements run, and more
//! often end in 40001, which is [`StoreError::Busy`] like a deadlock: the core tries the operation again.

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{
    Client, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType, Transaction,
};
use scim_core::{
    sql::{Dialect, Param, Statement},
    store::{CommitError, StoreError},
};
use tokio_postgres::{
    Config, Error, NoTls,
    error::SqlState,
    types::{ToSql, Type},
};

use super::{Cell, OpenError, Row, Session, Work, tell};

/// How many connections a process uses at the most.
const CONNECTIONS: usize = 16;

/// How long is waited for one of them, and for the server to take a new one.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many statements each connection keeps prepared. Clients choose filters, so there is no end of others.
const PREPARED: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(super) fn open(url: &str) -> Result<Self, OpenError> {
        // The URL has the password: what is wrong with it is told without it.
        let config = Config::from_str(url).map_err(|error| OpenError::Database(error.into()))?;
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .build();
        Ok(Self { pool: pool.map_err(|error| OpenError::Database(error.into()))? })
    }

    async fn client(&self) -> Result<Object, StoreError> {
        let client = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => failure(error),
            PoolError::Timeout(TimeoutType::Wait) => {
                StoreError::Unavailable { retry_after: Some(Duration::from_secs(1)) }
            }
            PoolError::Timeout(_) => {
                tracing::error!(%error, "PostgreSQL does not answer");
                StoreError::Unavailable { retry_after: Some(Duration::from_secs(5)) }
            }
            other => StoreError::backend(other),
        })?;
        if client.statement_cache.size() > PREPARED {
            client.statement_cache.clear();
        }
        Ok(client)
    }

    pub(super) async fn read(&self, queries: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        let mut client = self.client().await?;
        if let [query] = queries.as_slice() {
            return Ok(vec![one(&client, query).await?]);
        }
        let transaction = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await
            .map_err(failure)?;
        let mut session = PostgresSession(transaction);
        let mut found = Vec::with_capacity(queries.len());
        for query in &queries {
            found.push(session.query(query).await?);
        }
        session.0.commit().await.map_err(failure)?;
        Ok(found)
    }

    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(failure)?;
        let mut session = PostgresSession(transaction);
        // A session that is dropped, after an error or with this future, is rolled back.
        let output = work.run(&mut session).await?;
        session.0.commit().await.map_err(failure)?;
        Ok(output)
    }
}

async fn one(client: &Client, query: &Statement) -> Result<Vec<Row>, StoreError> {
    let prepared = client.prepare_cached(query.text()).await.map_err(failure)?;
    let found = client.query(&prepared, &values(query)).await.map_err(failure)?;
    rows(query, &found)
}

struct PostgresSession<'a>(Transaction<'a>);

impl Session for PostgresSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn query(&mut self, query: &Statement) -> Result<Vec<Row>, StoreError> {
        let prepared = self.0.prepare_cached(query.text()).await.map_err(failure)?;
        let found = self.0.query(&prepared, &values(query)).await.map_err(failure)?;
        rows(query, &found)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, StoreError> {
        let prepared = self.0.prepare_cached(statement.text()).await.map_err(failure)?;
        let changed = self.0.execute(&prepared, &values(statement)).await.map_err(failure)?;
        tell(statement.text(), usize::try_from(changed).unwrap_or(usize::MAX));
        Ok(changed)
    }
}

fn values(statement: &Statement) -> Vec<&(dyn ToSql + Sync)> {
    statement.params().iter().map(value).collect()
}

fn value(param: &Param) -> &(dyn ToSql + Sync) {
    match param {
        Param::Text(text) => text,
        Param::Integer(number) => number,
        Param::Boolean(truth) => truth,
        // Bound as null it compares with nothing: no row is found that should not be.
        _ => &None::<String>,
    }
}

fn rows(query: &Statement, found: &[tokio_postgres::Row]) -> Result<Vec<Row>, StoreError> {
    tell(query.text(), found.len());
    found.iter().map(row).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let text = |text: Option<String>| text.map_or(Cell::Null, Cell::Text);
    let number = |number: Option<i64>| number.map_or(Cell::Null, Cell::Integer);
    let cell = |(index, column): (usize, &tokio_postgres::Column)| {
        let cell = match *column.type_() {
            Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get(index).map(text),
            Type::INT8 => row.try_get(index).map(number),
            Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|it| number(it.map(i64::from))),
            Type::BOOL => row.try_get::<_, Option<bool>>(index).map(|it| number(it.map(i64::from))),
            _ => return Err(StoreError::backend("expected text or a number")),
        };
        cell.map_err(StoreError::backend)
    };
    Ok(Row(row.columns().iter().enumerate().map(cell).collect::<Result<_, _>>()?))
}

/// What an error means for who asked. Its text is for the log alone.
fn failure(error: Error) -> StoreError {
    let Some(state) = error.code() else {
        // Without a state it is not the server that speaks: the connection is lost.
        tracing::error!(error = %source(&error), "PostgreSQL is not there");
        return StoreError::Unavailable { retry_after: Some(Duration::from_secs(5)) };
    };
    let busy = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    // Connection exceptions, no resources, an operator's hand, a failure of the server's system.
    let away = ["08", "53", "57", "58"];
    if busy.contains(state) {
        StoreError::Busy
    } else if away.iter().any(|class| state.code().starts_with(class)) {
        tracing::error!(error = %source(&error), "PostgreSQL cannot work");
        StoreError::Unavailable { retry_after: Some(Duration::from_secs(5)) }
    } else {
        StoreError::backend(error)
    }
}

/// The error with its cause, which says more.
fn source(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
