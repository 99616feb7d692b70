//! Creates connections: time limits, keepalive, pools, and the cause when the first connection fails.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::time::timeout;
use tokio_postgres::{Error, types::Type};

use super::{hosts::Hosts, tls::Tls};
use crate::database::{OpenError, Settings};

/// The idle time after which the system checks that the server's machine is reachable, the interval of the checks,
/// and their number.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);

/// The time for which sent bytes may stay without an acknowledgment from the server's machine.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// The time for which a statement waits for a row that another transaction has locked.
const LOCK: Duration = Duration::from_secs(1);

/// The interval in which the server checks, while it works on a statement, that the client is still connected.
pub(super) const CLIENT_CHECK: Duration = Duration::from_millis(500);

/// The time for which a transaction may be idle: a stalled client must not hold up all others.
const IDLE: Duration = Duration::from_secs(30);

const CLIENT_CHECK_PARAMETER: &str = "client_connection_check_interval";

const START_WITH_POOLER: &str = "a pooler is in front of PostgreSQL and refuses the startup parameter `options`, by which \
                                 the platform sets time limits: start the platform with `--pooler`";
const LIMITS_ARE_IGNORED: &str = "the server ignores the startup parameter `options`, by which the platform sets time \
                                  limits. A pooler in front of PostgreSQL does so: start the platform with `--pooler`";
const NO_OPTIONS: &str = "expected a URL without `options`: a pooler refuses them";

/// The settings of every connection. A query must not take several processors at once. The compilation of a filter's
/// terms takes longer than the query, and hundreds of megabytes.
const PLANNER: [(&str, u128); 2] = [("max_parallel_workers_per_gather", 0), ("jit", 0)];

/// The time limits of the connections of one lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    statement: Duration,
    by_statement: bool,
    /// Whether the server can check that the client is still connected: PostgreSQL from 14 on.
    checks_client: bool,
}

impl Bounds {
    /// Bounds with this limit for a statement. Behind a pooler, connections are shared, so that each transaction
    /// must set the limits by a statement.
    pub(super) fn new(statement: Duration, pooler: bool, checks_client: bool) -> Self {
        Self { statement, by_statement: pooler, checks_client }
    }

    /// The time for which the server works on a statement.
    pub(super) fn statement(&self) -> Duration {
        self.statement
    }

    pub(super) fn are_set_by_statement(&self) -> bool {
        self.by_statement
    }

    /// The statements that set the limits for the rest of a transaction.
    pub(super) fn statements(&self) -> String {
        let set = self.parameters().map(|(name, value)| format!("SET LOCAL {name} = {value}"));
        set.collect::<Vec<_>>().join("; ")
    }

    /// The startup parameter that sets the limits for a connection.
    fn options(&self) -> String {
        let set = self.parameters().map(|(name, value)| format!("-c {name}={value}"));
        set.collect::<Vec<_>>().join(" ")
    }

    fn parameters(&self) -> impl Iterator<Item = (&'static str, u128)> {
        let check = self.checks_client.then_some((CLIENT_CHECK_PARAMETER, CLIENT_CHECK));
        let limits = [
            ("lock_timeout", LOCK),
            ("statement_timeout", self.statement),
            ("idle_in_transaction_session_timeout", IDLE),
        ];
        limits.into_iter().chain(check).map(|(name, time)| (name, time.as_millis())).chain(PLANNER)
    }
}

/// A server as described by its URL, or several servers of which one accepts writes.
pub(super) struct Server {
    hosts: Hosts,
    /// The encryption that the URL requests.
    pub(super) tls: Tls,
    /// The options of the URL. They override the platform's options.
    options: String,
    wait: Duration,
}

impl Server {
    pub(super) fn read(url: &str, settings: Settings) -> Result<Self, OpenError> {
        let wait = settings.deadlines.wait;
        let (tls, url) = Tls::of_url(url)?;
        // The URL contains the password: the error describes the problem without the URL.
        let hosts = Hosts::read(&url, wait, &tls).map_err(|error| OpenError::Database(error.into()))?;
        let options = hosts.settings().get_options().unwrap_or_default().to_owned();
        if settings.pooler && !options.is_empty() {
            return Err(OpenError::Pooler(NO_OPTIONS));
        }
        let (idle, interval, retries) = KEEPALIVE;
        let share = hosts.share();
        let hosts = hosts.with(|config| {
            if config.get_keepalives() {
                if !url.contains("keepalives_idle") {
                    config.keepalives_idle(idle);
                }
                config.keepalives_interval(config.get_keepalives_interval().unwrap_or(interval));
                config.keepalives_retries(config.get_keepalives_retries().unwrap_or(retries));
            }
            config.tcp_user_timeout(config.get_tcp_user_timeout().copied().unwrap_or(UNACKNOWLEDGED));
            // The timeout applies to each address of a server, and to a server whose machine is gone.
            config.connect_timeout(config.get_connect_timeout().copied().unwrap_or(share));
        });
        Ok(Self { hosts, tls, options, wait })
    }

    fn hosts(&self, bounds: &Bounds) -> Hosts {
        let options = format!("{} {}", bounds.options(), self.options);
        self.hosts.clone().with(|config| {
            if !bounds.are_set_by_statement() {
                config.options(options.trim_end());
            }
        })
    }

    /// A pool of `size` connections with these limits.
    pub(super) fn pool(&self, size: usize, bounds: &Bounds) -> Result<Pool, OpenError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let hosts = self.hosts(bounds);
        let pool = Pool::builder(Manager::from_connect(hosts.settings().clone(), hosts, recycling))
            .max_size(size)
            .wait_timeout(Some(self.wait))
            .create_timeout(Some(self.wait))
            .recycle_timeout(Some(self.wait))
            .runtime(Runtime::Tokio1)
            .build();
        pool.map_err(|error| OpenError::Database(error.into()))
    }

    /// Connects once, to report why the server cannot be used: a pool would only report that the connection
    /// failed. Returns whether the server can check that a client is still connected.
    pub(super) async fn probe(&self, pooler: bool) -> Result<bool, OpenError> {
        let silent = || OpenError::Database(format!("the server is silent for {} s", self.wait.as_secs_f32()).into());
        let probe = async {
            let bounds = Bounds::new(self.wait, pooler, false);
            let (client, _) = self.hosts(&bounds).connect().await.map_err(refusal)?;
            let settings = "SELECT current_setting('statement_timeout'), current_setting($1, true)";
            let rows = client.query_typed(settings, &[(&CLIENT_CHECK_PARAMETER, Type::TEXT)]).await.map_err(refusal)?;
            let Some(row) = rows.first() else { return Ok(false) };
            let limit: String = row.try_get(0).map_err(refusal)?;
            if limit == "0" && !pooler && !self.options.contains("statement_timeout") {
                return Err(OpenError::Pooler(LIMITS_ARE_IGNORED));
            }
            Ok(row.try_get::<_, Option<String>>(1).map_err(refusal)?.is_some())
        };
        timeout(self.wait, probe).await.unwrap_or_else(|_| Err(silent()))
    }
}

fn refusal(error: Error) -> OpenError {
    let refused = "unsupported startup parameter";
    if error.as_db_error().is_some_and(|error| error.message().contains(refused)) {
        return OpenError::Pooler(START_WITH_POOLER);
    }
    OpenError::Database(error.into())
}
