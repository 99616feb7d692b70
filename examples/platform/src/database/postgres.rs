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
    Config, Error, IsolationLevel, NoTls,
    error::SqlState,
    types::{ToSql, Type},
};

use super::{Cell, OpenError, Row, Session, Work, tell};
use crate::log::with_causes;

/// How many connections a process uses at the most.
const CONNECTIONS: usize = 16;

/// How long is waited for one of them, and for the server to take a new one.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a statement waits for a row that another has, and how long it and a transaction between two of them may take:
/// one that stands still must not hold up all others. What the URL says of it counts instead.
const BOUNDS: &str = "-c lock_timeout=1s -c statement_timeout=30s -c idle_in_transaction_session_timeout=30s";

/// How many statements each connection keeps prepared. Clients choose filters, so there is no end of others.
const PREPARED: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(super) fn open(url: &str) -> Result<Self, OpenError> {
        // The URL has the password: what is wrong with it is told without it.
        let mut config = Config::from_str(url).map_err(|error| OpenError::Database(error.into()))?;
        let given = config.get_options().unwrap_or_default().to_owned();
        config.options(format!("{BOUNDS} {given}").trim_end());
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
        let mut lease = Lease(Some(self.client().await?));
        let found = match queries.as_slice() {
            [query] => one(lease.client()?, query).await.map(|rows| vec![rows]),
            several => together(lease.client()?, several).await,
        };
        lease.end();
        found
    }

    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let mut lease = Lease(Some(self.client().await?));
        let done = transact(lease.client()?, &work).await;
        lease.end();
        done
    }
}

/// A connection that is used. Where its user goes away in the middle of something, it is closed and not given to others:
/// they would wait until the server has done what nobody waits for any more.
struct Lease(Option<Object>);

impl Lease {
    fn client(&mut self) -> Result<&mut Client, StoreError> {
        self.0.as_mut().ok_or_else(|| StoreError::backend("expected a connection"))
    }

    /// Gives the connection back: all that was asked has been answered.
    fn end(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

/// Several queries of one state.
async fn together(client: &mut Client, queries: &[Statement]) -> Result<Vec<Vec<Row>>, StoreError> {
    let transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let mut session = PostgresSession(transaction.start().await.map_err(failure)?);
    let mut found = Vec::with_capacity(queries.len());
    for query in queries {
        found.push(session.query(query).await?);
    }
    session.0.commit().await.map_err(failure)?;
    Ok(found)
}

async fn transact<W: Work>(client: &mut Client, work: &W) -> Result<W::Output, CommitError> {
    // Said, since a server may have another default: at REPEATABLE READ a deletion would not see who became a member
    // while it waited.
    let transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
    let mut session = PostgresSession(transaction.start().await.map_err(failure)?);
    // A session that is dropped, after an error or with this future, is rolled back.
    let output = work.run(&mut session).await?;
    session.0.commit().await.map_err(failure)?;
    Ok(output)
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
        let cause = std::error::Error::source(&error);
        if error.is_closed() || cause.is_some_and(<dyn std::error::Error>::is::<std::io::Error>) {
            tracing::error!(error = with_causes(&error), "PostgreSQL is not there");
            return StoreError::Unavailable { retry_after: Some(Duration::from_secs(5)) };
        }
        return StoreError::backend(error);
    };
    let busy = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    // A server that only reads has become a replica. The others: connection exceptions, no resources, an operator's hand,
    // a failure of the server's system.
    let only_reads = *state == SqlState::READ_ONLY_SQL_TRANSACTION;
    let away = ["08", "53", "57", "58"];
    if busy.contains(state) {
        StoreError::Busy
    } else if only_reads || away.iter().any(|class| state.code().starts_with(class)) {
        tracing::error!(error = with_causes(&error), "PostgreSQL cannot work");
        StoreError::Unavailable { retry_after: Some(Duration::from_secs(5)) }
    } else {
        StoreError::backend(error)
    }
}
