//! PostgreSQL and servers with a compatible protocol: pools of connections, and transactions that the server
//! isolates.
//!
//! Units of work run at READ COMMITTED and lock the rows that they depend on, so that only a deadlock requires a
//! retry. On a server that makes every transaction SERIALIZABLE (CockroachDB) the same statements run, and end
//! more often in 40001, which is [`StoreError::Busy`] like a deadlock: the core retries the operation.
//!
//! Look-ups, searches and writes have separate connections, so that no kind waits for another. The server ends a
//! statement that takes too long; a little later the client stops waiting for a silent server.

mod connect;
mod hosts;
mod rows;
mod tls;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::{Client, Object, Pool, PoolError, TimeoutType, Transaction};
use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError, TenantId},
};
use tokio::{runtime::Handle, time::timeout};
use tokio_postgres::{IsolationLevel, error::SqlState};

use self::{
    connect::{Bounds, CLIENT_CHECK, Server},
    rows::{Fault, RETRY, failure, rows, typed_values, values},
    tls::Tls,
};
use super::{
    Choice, Found, Keep, OpenError, Reading, Reads, Row, Session, Settings, Shape, Work,
    lane::{Lane, Turn},
    tell,
};

/// The number of connections for look-ups, searches and writes in a process, and how many of them one organization
/// may occupy.
const LOOK_UPS: (usize, usize) = (6, 5);
const SEARCHES: (usize, usize) = (4, 2);
const WRITES: (usize, usize) = (6, 5);

/// The number of the program's own statements that each connection keeps prepared.
const PREPARED: usize = 256;

/// The time that the client waits in addition to the server's own limit. After that the server counts as silent.
const MARGIN: Duration = Duration::from_secs(2);

/// The time that an abandoned commit may take before its turn is given to another transaction.
const COMMIT_ALONE: Duration = Duration::from_secs(10);

/// The length of a statement, in bytes, from which its plan is worth freeing at once.
const LONG: usize = 4 << 10;

#[derive(Clone, Debug)]
pub(super) struct Postgres(Arc<Pools>);

#[derive(Debug)]
struct Pools {
    look_ups: Connections,
    searches: Connections,
    writes: Connections,
    /// The time that the server may take to accept a connection, including a connection for a cancel request.
    wait: Duration,
    /// The encryption of connections, including those for cancel requests.
    tls: Tls,
}

/// The connections of one lane.
#[derive(Debug)]
struct Connections {
    pool: Pool,
    lane: Lane,
    bounds: Bounds,
}

impl Postgres {
    pub(super) async fn open(url: &str, settings: Settings) -> Result<Self, OpenError> {
        let server = Server::read(url, settings)?;
        let checks_client = server.probe(settings.pooler).await?;
        let deadlines = settings.deadlines;
        let connections = |(size, share), statement| {
            let bounds = Bounds::new(statement, settings.pooler, checks_client);
            let pool = server.pool(size, &bounds)?;
            Ok::<_, OpenError>(Connections { pool, lane: Lane::new(size, share, deadlines.wait), bounds })
        };
        let pools = Pools {
            look_ups: connections(LOOK_UPS, deadlines.look_up)?,
            searches: connections(SEARCHES, deadlines.search)?,
            writes: connections(WRITES, deadlines.write)?,
            wait: deadlines.wait,
            tls: server.tls.clone(),
        };
        Ok(Self(Arc::new(pools)))
    }

    async fn lease(&self, connections: &Connections, owner: Option<&TenantId>) -> Result<Lease, StoreError> {
        let turn = connections.lane.turn(owner).await?;
        let client = connections.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => failure(error),
            PoolError::Timeout(TimeoutType::Wait) => {
                StoreError::Unavailable { retry_after: Some(Duration::from_secs(1)) }
            }
            PoolError::Timeout(_) => silent(),
            other => StoreError::backend(other),
        })?;
        if client.statement_cache.size() > PREPARED {
            client.statement_cache.clear();
        }
        let pooler = connections.bounds.are_set_by_statement();
        let (is_committing, tls) = (AtomicBool::new(false), self.0.tls.clone());
        Ok(Lease { client: Some(client), turn: Some(turn), wait: self.0.wait, pooler, is_committing, tls })
    }

    pub(super) async fn read(&self, reading: Reading) -> Result<Found, StoreError> {
        let connections = match reading.lane {
            Reads::LookUps => &self.0.look_ups,
            Reads::Searches => &self.0.searches,
        };
        let mut lease = self.lease(connections, reading.owner.as_ref()).await?;
        let bounds = &connections.bounds;
        let deadline = Some(bounds.statement());
        let run = Run { deadline, lane: Some(reading.lane), bounds, shape: reading.shape, keep: &reading.keep };
        let found = match (reading.queries.as_slice(), &reading.last) {
            ([query], None) if !bounds.are_set_by_statement() => run.one(lease.parts()?.0, query).await,
            (several, last) => run.together(lease.parts()?.0, several, last.as_ref()).await,
        };
        // The server may still be sending rows that are not kept: dropping the lease stops it.
        if !found.as_ref().is_ok_and(|found| found.is_cut) {
            self.end(lease, found.as_ref().err());
        }
        found
    }

    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let connections = &self.0.writes;
        let mut lease = self.lease(connections, work.owner()).await?;
        let bounds = &connections.bounds;
        let deadline = (!work.is_unbounded()).then(|| bounds.statement());
        let run = Run { deadline, lane: None, bounds, shape: Shape::Own, keep: &Keep::default() };
        let (client, is_committing) = lease.parts()?;
        let done = run.transact(client, &work, is_committing).await;
        self.end(lease, done.as_ref().err().map(|failed| &failed.error));
        done
    }

    /// Returns a connection to the pool, unless the server was silent: then a statement may still run, and all
    /// idle connections are discarded, because they would be as silent to their next users.
    fn end(&self, mut lease: Lease, failed: Option<&StoreError>) {
        if matches!(failed, Some(StoreError::Unavailable { .. })) {
            let Pools { look_ups, searches, writes, .. } = &*self.0;
            for connections in [look_ups, searches, writes] {
                connections.pool.retain(|_, _| false);
            }
        } else {
            drop(lease.client.take());
        }
    }
}

/// A connection in use. If the lease is dropped in the middle of a statement, the server is asked to stop, and the
/// connection is closed instead of reused: its next user would wait for the rest of the statement.
///
/// A commit is never canceled. The server would stop waiting for its replica and make the commit visible. A client
/// that repeats its request would then learn that the requested state is stored, and lose that state with the
/// server.
struct Lease {
    client: Option<Object>,
    turn: Option<Turn>,
    wait: Duration,
    pooler: bool,
    is_committing: AtomicBool,
    tls: Tls,
}

impl Lease {
    /// The connection, and the flag that its transaction sets before the commit.
    fn parts(&mut self) -> Result<(&mut Client, &AtomicBool), StoreError> {
        let client = self.client.as_mut().ok_or_else(|| StoreError::backend("expected a connection"))?;
        Ok((client, &self.is_committing))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.client.take() else { return };
        let (client, turn, wait, pooler) = (Object::take(connection), self.turn.take(), self.wait, self.pooler);
        let connector = self.tls.connector.clone();
        let Ok(runtime) = Handle::try_current() else { return };
        let is_committing = self.is_committing.load(Ordering::Relaxed);
        // The turn ends with the statement: otherwise a client that connects and disconnects would start one
        // statement after another.
        runtime.spawn(async move {
            if is_committing {
                // The server answers this request after the commit.
                if timeout(COMMIT_ALONE, client.batch_execute("")).await.is_err() {
                    tracing::debug!("a commit goes on without a user");
                }
            } else if pooler {
                // PgBouncer closes the server's connection together with the client's, and the server notices
                // that. No cancel request is sent: PgBouncer 1.18 ends with "bad client state" when such a request
                // comes and goes.
                // request comes and goes.
                drop(client);
                tokio::time::sleep(CLIENT_CHECK).await;
            } else {
                match timeout(wait, client.cancel_token().cancel_query(connector)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "a statement could not be canceled"),
                    Err(_) => tracing::debug!("a statement could not be canceled: the server is silent"),
                }
            }
            drop(turn);
        });
    }
}

/// The conditions under which statements run.
#[derive(Clone, Copy)]
struct Run<'a> {
    /// The time that the server may take for each statement; `None` for no limit.
    deadline: Option<Duration>,
    lane: Option<Reads>,
    bounds: &'a Bounds,
    shape: Shape,
    keep: &'a Keep,
}

impl Run<'_> {
    async fn one(self, client: &Client, query: &Statement) -> Result<Found, StoreError> {
        let found = self.bounded(async {
            if self.stays_prepared() {
                let prepared = client.prepare_cached(query.text()).await?;
                return rows(query, client.query_raw(&prepared, values(query)).await?, self.keep).await;
            }
            let stream = client.query_typed_raw(query.text(), typed_values(query)).await?;
            let (found, is_cut) = rows(query, stream, self.keep).await?;
            if !is_cut && query.text().len() > LONG {
                // The server keeps an unnamed statement until the next statement; a simple query ends it.
                client.batch_execute("").await?;
            }
            Ok((found, is_cut))
        });
        let (rows, is_cut) = found.await?;
        Ok(Found { rows: vec![rows], is_cut })
    }

    /// Runs several queries that see one state of the database.
    async fn together(
        self,
        client: &mut Client,
        queries: &[Statement],
        last: Option<&Choice>,
    ) -> Result<Found, StoreError> {
        let session = self.begin(client, IsolationLevel::RepeatableRead, true).await?;
        let mut found = Found::default();
        for query in queries {
            let (rows, is_cut) = session.rows(query).await?;
            found.rows.push(rows);
            if is_cut {
                return Ok(Found { is_cut, ..found });
            }
        }
        if let Some(choice) = last {
            let (rows, is_cut) = session.rows(choice.after(&found.rows)).await?;
            found.rows.push(rows);
            if is_cut {
                return Ok(Found { is_cut, ..found });
            }
        }
        self.bounded(session.transaction.commit()).await?;
        Ok(found)
    }

    async fn transact<W: Work>(
        self,
        client: &mut Client,
        work: &W,
        is_committing: &AtomicBool,
    ) -> Result<W::Output, CommitError> {
        // The level is explicit, since a server may have another default: at REPEATABLE READ, a deletion would not
        // see members that were added while it waited.
        let mut session = self.begin(client, IsolationLevel::ReadCommitted, false).await?;
        // A dropped session, after an error or together with this future, is rolled back.
        let output = work.run(&mut session).await?;
        is_committing.store(true, Ordering::Relaxed);
        self.bounded(session.transaction.commit()).await?;
        Ok(output)
    }

    async fn begin<'a>(
        self,
        client: &'a mut Client,
        isolation: IsolationLevel,
        read_only: bool,
    ) -> Result<PostgresSession<'a>, StoreError>
    where
        Self: 'a,
    {
        let transaction = client.build_transaction().isolation_level(isolation).read_only(read_only);
        let transaction = self.bounded(transaction.start()).await?;
        if self.bounds.are_set_by_statement() {
            self.bounded(transaction.batch_execute(&self.bounds.statements())).await?;
        }
        Ok(PostgresSession { transaction, run: self })
    }

    /// Behind a pooler the next transaction has another connection, which has no prepared statements.
    fn stays_prepared(self) -> bool {
        self.shape == Shape::Own && !self.bounds.are_set_by_statement()
    }

    /// Waits for the server, a little longer than the server itself may take.
    async fn bounded<T, E: Into<Fault>>(self, answer: impl Future<Output = Result<T, E>>) -> Result<T, StoreError> {
        let start = Instant::now();
        let deadline = self.deadline.unwrap_or(Duration::MAX);
        let answer = match self.deadline {
            Some(deadline) => timeout(deadline + MARGIN, answer).await,
            None => Ok(answer.await),
        };
        match answer {
            Ok(answer) => answer.map_err(|error| {
                let error = match error.into() {
                    Fault::Server(error) => error,
                    Fault::Store(error) => return error,
                };
                let is_too_long = error.code() == Some(&SqlState::QUERY_CANCELED) && start.elapsed() >= deadline;
                // A retry of the search would take as long.
                if is_too_long && self.lane == Some(Reads::Searches) { StoreError::TooMany } else { failure(error) }
            }),
            Err(_) => Err(silent()),
        }
    }
}

fn silent() -> StoreError {
    tracing::error!("PostgreSQL does not answer");
    StoreError::Unavailable { retry_after: Some(RETRY) }
}

struct PostgresSession<'a> {
    transaction: Transaction<'a>,
    run: Run<'a>,
}

impl PostgresSession<'_> {
    /// The rows of a query that are kept, and whether more rows were found.
    async fn rows(&self, query: &Statement) -> Result<(Vec<Row>, bool), StoreError> {
        let transaction = &self.transaction;
        let found = self.run.bounded(async {
            let stream = if self.run.stays_prepared() {
                let prepared = transaction.prepare_cached(query.text()).await?;
                transaction.query_raw(&prepared, values(query)).await?
            } else {
                transaction.query_typed_raw(query.text(), typed_values(query)).await?
            };
            rows(query, stream, self.run.keep).await
        });
        found.await
    }
}

impl Session for PostgresSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn query(&mut self, query: &Statement) -> Result<Vec<Row>, StoreError> {
        let (rows, is_cut) = self.rows(query).await?;
        if is_cut { Err(StoreError::TooMany) } else { Ok(rows) }
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, StoreError> {
        let transaction = &self.transaction;
        let changed = self.run.bounded(async {
            if self.run.stays_prepared() {
                let prepared = transaction.prepare_cached(statement.text()).await?;
                return transaction.execute(&prepared, &values(statement)).await;
            }
            transaction.execute_typed(statement.text(), &typed_values(statement)).await
        });
        let changed = changed.await?;
        tell(statement.text(), usize::try_from(changed).unwrap_or(usize::MAX));
        Ok(changed)
    }
}
