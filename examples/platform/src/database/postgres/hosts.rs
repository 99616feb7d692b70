//! The servers that a URL names: they are tried one after the other until a server accepts the connection.
//!
//! The driver does the same, but a silent server uses up the time for all of them: a paused machine would keep the
//! platform from its successor.

use std::{
    pin::Pin,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::Connect;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, Config, Error, config::LoadBalanceHosts};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::Tls;

/// The servers of a URL, with the same settings for each.
#[derive(Clone)]
pub(super) struct Hosts {
    /// One configuration for each server; empty where the driver has to choose.
    each: Vec<Config>,
    /// All servers, as in the URL.
    whole: Config,
    /// The index of the server that accepted the last connection. It is tried first.
    latest: Arc<AtomicUsize>,
    /// The time for which a server may be silent before the next one is tried.
    share: Duration,
    connector: MakeRustlsConnect,
}

impl Hosts {
    /// Reads a URL. All of its servers share the time `wait` and the encryption.
    pub(super) fn read(url: &str, wait: Duration, tls: &Tls) -> Result<Self, Error> {
        let whole = Config::from_str(url)?;
        let each = alone(url).iter().map(|url| Config::from_str(url)).collect::<Result<Vec<_>, _>>()?;
        let is_split = each.len() == whole.get_hosts().len()
            && whole.get_hostaddrs().is_empty()
            && whole.get_load_balance_hosts() == LoadBalanceHosts::Disable;
        let servers = u32::try_from(whole.get_hosts().len()).unwrap_or(u32::MAX).max(1);
        let each = if is_split { each } else { Vec::new() };
        let hosts =
            Self { each, whole, latest: Arc::default(), share: wait / servers, connector: tls.connector.clone() };
        Ok(hosts.with(|config| {
            config.ssl_mode(tls.mode);
        }))
    }

    /// The settings that all servers share.
    pub(super) fn settings(&self) -> &Config {
        &self.whole
    }

    /// The time that one server may take.
    pub(super) fn share(&self) -> Duration {
        self.share
    }

    /// The same servers with other settings.
    pub(super) fn with(mut self, change: impl Fn(&mut Config)) -> Self {
        self.each.iter_mut().chain([&mut self.whole]).for_each(change);
        self
    }

    /// Connects to the first server that accepts the connection. The function has no deadline: the last server may
    /// be silent for as long as the caller waits. The connection runs as a task.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let count = self.each.len();
        let from_latest = self.each.iter().enumerate().cycle().skip(self.latest.load(Ordering::Relaxed));
        let mut order: Vec<_> = from_latest.take(count).collect();
        let (last, last_config) = order.pop().unwrap_or((0, &self.whole));
        for (index, config) in order {
            match timeout(self.share, config.connect(self.connector.clone())).await {
                Ok(Ok((client, connection))) => return Ok(self.connected(index, client, connection)),
                Ok(Err(error)) => tracing::debug!(%error, "a server of PostgreSQL takes no connection"),
                Err(_) => tracing::debug!("a server of PostgreSQL is silent"),
            }
        }
        let (client, connection) = last_config.connect(self.connector.clone()).await?;
        Ok(self.connected(last, client, connection))
    }

    fn connected<C>(&self, index: usize, client: Client, connection: C) -> (Client, JoinHandle<()>)
    where
        C: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.latest.store(index, Ordering::Relaxed);
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL has ended");
            }
        });
        (client, task)
    }
}

impl Connect for Hosts {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(self.connect())
    }
}

/// The URL, once for each server between the credentials and the path.
fn alone(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let (credentials, rest) = rest.split_once('@').map_or(("", rest), |(user, rest)| (user, rest));
    let at = if credentials.is_empty() { "" } else { "@" };
    let (hosts, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    hosts.split(',').map(|host| format!("{scheme}://{credentials}{at}{host}{path}")).collect()
}
