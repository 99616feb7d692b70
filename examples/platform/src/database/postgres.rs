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
use tokio_postgres::{Error, IsolationLevel, RowStream, error::SqlState};

use self::{
    connect::{Bounds, CLIENT_CHECK, Server},
    rows::{Fault, RETRY, failure, rows, typed_values, values},
    tls::Tls,
};
use super::{
    DatabaseError, OpenError, Reads, Rows, Session, Settings, Shape, Work,
    lane::{Lane, Turn},
    tell, tell_plan, tells_plans,
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
            PoolError::Backend(error) => failure(error).into(),
            PoolError::Timeout(TimeoutType::Wait) => {
                StoreError::Unavailable { retry_after: Some(Duration::from_secs(1)) }
            }
            PoolError::Timeout(_) => silent().into(),
            other => StoreError::backend(other),
        })?;
        if client.statement_cache.size() > PREPARED {
            client.statement_cache.clear();
        }
        let pooler = connections.bounds.are_set_by_statement();
        let (is_committing, tls) = (AtomicBool::new(false), self.0.tls.clone());
        Ok(Lease { client: Some(client), turn: Some(turn), wait: self.0.wait, pooler, is_committing, tls })
    }

    pub(super) async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let connections = match work.reads() {
            Reads::LookUps => &self.0.look_ups,
            Reads::Searches => &self.0.searches,
        };
        let mut lease = self.lease(connections, work.tenant()).await?;
        let bounds = &connections.bounds;
        let run = Run { deadline: Some(bounds.statement()), lane: Some(work.reads()), bounds, shape: work.shape() };
        let (client, _) = lease.parts()?;
        let (done, is_cut) = if work.is_single() && !bounds.are_set_by_statement() {
            run.alone(client, &work).await
        } else {
            run.together(client, &work).await
        };
        // The server may still be sending rows that are not kept: dropping the lease stops it.
        if !is_cut {
            self.end(lease, done.as_ref().err().map(|failed| &failed.error));
        }
        done
    }

    /// Runs work that writes. Each statement has a deadline unless the work [is long](Work::is_long).
    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let connections = &self.0.writes;
        let mut lease = self.lease(connections, work.tenant()).await?;
        let bounds = &connections.bounds;
        let deadline = (!work.is_long()).then(|| bounds.statement());
        let run = Run { deadline, lane: None, bounds, shape: work.shape() };
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
}

impl Run<'_> {
    /// Runs a single query. Returns also whether some of its rows were left out.
    async fn alone<W: Work>(self, client: &Client, work: &W) -> (Result<W::Output, CommitError>, bool) {
        let mut session = PostgresSession { connected: Connected::Alone(client), run: self, is_cut: false };
        let done = work.run(&mut session).await;
        (done, session.is_cut)
    }

    /// Runs queries that see one state of the database. Returns also whether rows of some query were left out.
    async fn together<W: Work>(self, client: &mut Client, work: &W) -> (Result<W::Output, CommitError>, bool) {
        let mut session = match self.begin(client, IsolationLevel::RepeatableRead, true).await {
            Ok(session) => session,
            Err(error) => return (Err(error.into()), false),
        };
        let done = work.run(&mut session).await;
        let is_cut = session.is_cut;
        // A dropped session is rolled back.
        if done.is_ok()
            && !is_cut
            && let Err(error) = session.commit().await
        {
            return (Err(error.into()), false);
        }
        (done, is_cut)
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
        session.commit().await?;
        Ok(output)
    }

    async fn begin<'a>(
        self,
        client: &'a mut Client,
        isolation: IsolationLevel,
        read_only: bool,
    ) -> Result<PostgresSession<'a>, DatabaseError>
    where
        Self: 'a,
    {
        let transaction = client.build_transaction().isolation_level(isolation).read_only(read_only);
        let transaction = self.bounded(transaction.start()).await?;
        if self.bounds.are_set_by_statement() {
            self.bounded(transaction.batch_execute(&self.bounds.statements())).await?;
        }
        Ok(PostgresSession { connected: Connected::Together(transaction), run: self, is_cut: false })
    }

    /// Behind a pooler the next transaction has another connection, which has no prepared statements.
    fn stays_prepared(self) -> bool {
        self.shape == Shape::Own && !self.bounds.are_set_by_statement()
    }

    /// Waits for the server, a little longer than the server itself may take.
    async fn bounded<T, E: Into<Fault>>(self, answer: impl Future<Output = Result<T, E>>) -> Result<T, DatabaseError> {
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
                    Fault::Row(error) => return error,
                };
                let is_too_long = error.code() == Some(&SqlState::QUERY_CANCELED) && start.elapsed() >= deadline;
                // A retry of the search would take as long.
                if is_too_long && self.lane == Some(Reads::Searches) { DatabaseError::TooMany } else { failure(error) }
            }),
            Err(_) => Err(silent()),
        }
    }
}

fn silent() -> DatabaseError {
    let fact = "PostgreSQL does not answer";
    tracing::error!("{fact}");
    DatabaseError::Unavailable { retry_after: Some(RETRY), source: fact.into() }
}

/// A connection, with or without a transaction.
enum Connected<'a> {
    Alone(&'a Client),
    Together(Transaction<'a>),
}

impl Connected<'_> {
    /// The rows of a query, which stays prepared.
    async fn prepared(&self, query: &Statement) -> Result<RowStream, Error> {
        match self {
            Self::Alone(client) => {
                let prepared = client.prepare_cached(query.text()).await?;
                client.query_raw(&prepared, values(query)).await
            }
            Self::Together(transaction) => {
                let prepared = transaction.prepare_cached(query.text()).await?;
                transaction.query_raw(&prepared, values(query)).await
            }
        }
    }

    /// The rows of a query, which is prepared for this use only.
    async fn unprepared(&self, query: &Statement) -> Result<RowStream, Error> {
        match self {
            Self::Alone(client) => client.query_typed_raw(query.text(), typed_values(query)).await,
            Self::Together(transaction) => transaction.query_typed_raw(query.text(), typed_values(query)).await,
        }
    }
}

struct PostgresSession<'a> {
    connected: Connected<'a>,
    run: Run<'a>,
    /// Whether rows of a query were left out.
    is_cut: bool,
}

impl PostgresSession<'_> {
    async fn commit(self) -> Result<(), DatabaseError> {
        match self.connected {
            Connected::Alone(_) => Ok(()),
            Connected::Together(transaction) => self.run.bounded(transaction.commit()).await,
        }
    }

    async fn read(&self, query: &Statement, stays_prepared: bool, found: Rows) -> Result<Rows, DatabaseError> {
        let found = self.run.bounded(async {
            let connected = &self.connected;
            let stream =
                if stays_prepared { connected.prepared(query).await? } else { connected.unprepared(query).await? };
            let found = rows(query, stream, found).await?;
            if let (Connected::Alone(client), false) = (connected, stays_prepared || found.is_cut())
                && query.text().len() > LONG
            {
                // The server keeps an unnamed statement until the next statement; a simple query ends it.
                client.batch_execute("").await?;
            }
            Ok::<_, Fault>(found)
        });
        found.await
    }
}

impl Session for PostgresSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn query(&mut self, query: &Statement, found: Rows) -> Result<Rows, DatabaseError> {
        if self.run.lane.is_some() && tells_plans() {
            let plan = self.read(&query.explained(), false, Rows::default()).await?;
            tell_plan(query, plan).map_err(|error| DatabaseError::Other(error.into()))?;
        }
        let found = self.read(query, self.run.stays_prepared(), found).await?;
        self.is_cut |= found.is_cut();
        Ok(found)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        let Connected::Together(transaction) = &self.connected else {
            return Err(DatabaseError::Other("expected work that only reads".into()));
        };
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
