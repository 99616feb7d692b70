//! The state of the connection between an organization and its identity provider, derived from the requests so
//! far.
//!
//! This module only reads: the provisioning log writes the rows. The table `connection` has one row for each
//! organization that has received a request: `first` and `last` are the times of the first and the last request,
//! `worked` is the time of the last successful request, `failing` is the time of the first failure since then, and
//! `fault` is the last failure as JSON. Where a third of the requests fails, the next success clears `failing`, so
//! the runs of requests count too. The requests include those without a valid key, which any client can send.

mod fault;
mod finding;
pub mod quarantine;

use chrono::{DateTime, TimeDelta, Utc};
use scim_core::{
    sql::Statement,
    store::{StoreError, TenantId},
};

use self::quarantine::{Numbers, Risk};
pub use self::{
    fault::{Advice, Cause, Fault},
    finding::{Finding, Holder},
};
use crate::{
    account::Accounts,
    database::{Database, Row},
    directory::Key,
    identity_provider::IdentityProvider,
    store,
};

/// The time between the starts of two of Entra's cycles.
pub const CYCLE: TimeDelta = TimeDelta::minutes(40);

/// The number of cycles that are examined: those of a day, and some more.
const CYCLES: u32 = 50;

/// The number of hours whose requests the page counts.
pub const HOURS: i64 = 48;

/// The longest time between two runs of one series of failures: in quarantine, Entra tries once a day.
const PAUSE: TimeDelta = TimeDelta::hours(25);

/// The number of failures in a run whose last request succeeded from which the page calls the connection failing.
const SEVERAL: u64 = 10;

/// The time for which requests with an unknown key must continue before the page attributes them to the provider:
/// a stranger can send such a request too.
const INSISTENCE: TimeDelta = CYCLE;

/// The percentage of a run's requests from which failures make the page call the connection failing: a single
/// refused request among many is a matter for the log.
const TOLERABLE: u64 = 10;

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The organization has no single sign-on, so SCIM cannot be activated.
    NotAvailable,
    /// There is no valid key.
    NotConnected,
    /// An administrator has turned SCIM off.
    Off,
    /// The provider has not called yet.
    Waiting,
    /// The provider calls, or has nothing to send.
    Connected {
        /// The time of the last request.
        last: DateTime<Utc>,
    },
    /// So many requests fail that Entra is about to pause.
    CloseToQuarantine {
        /// The time of the first failure.
        since: DateTime<Utc>,
    },
    /// Requests fail.
    Failing {
        /// The time of the first failure.
        since: DateTime<Utc>,
    },
}

/// A run of requests without a pause of more than 5 minutes. For Entra, a run is a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The time of the first request.
    pub started: DateTime<Utc>,
    /// The number of requests.
    pub requests: u64,
    /// The number of requests that were refused or failed.
    pub failures: u64,
}

impl Run {
    /// Whether so many of the requests failed that the log alone is not enough.
    fn is_bad(&self) -> bool {
        self.failures > 0 && self.failures.saturating_mul(100) >= self.requests.saturating_mul(TOLERABLE)
    }
}

/// The facts that determine the state.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The identity provider.
    pub identity_provider: IdentityProvider,
    /// Whether SCIM is on.
    pub scim: bool,
    /// Whether single sign-on is set up, so that people can sign in.
    pub has_sign_on: bool,
    /// Whether the organization has a key or an OAuth client that is valid.
    pub has_credentials: bool,
    /// Whether the organization ever had a key or an OAuth client.
    pub had_credentials: bool,
    /// The time of the last request.
    pub last: Option<DateTime<Utc>>,
    /// The time of the last successful request.
    pub worked: Option<DateTime<Utc>>,
    /// The time of the first failure since the last successful request.
    pub failing: Option<DateTime<Utc>>,
    /// The last failure.
    pub fault: Option<Fault>,
    /// The last runs of requests, the latest first.
    pub runs: Vec<Run>,
    /// The number of requests in the last [`HOURS`].
    pub requests: u64,
    /// The number of these requests that were refused or failed.
    pub failures: u64,
    /// The number of people made by SCIM.
    pub people: i64,
    /// The beginning of this connection, if another one preceded it: earlier requests do not count.
    pub begun: Option<DateTime<Utc>>,
    /// The causes for which people and groups are refused, the most frequent first. While the connection as a
    /// whole fails, they include the causes of that failure.
    pub findings: Vec<Finding>,
}

impl Facts {
    /// The facts of an organization that has received no request.
    pub fn new(identity_provider: IdentityProvider, scim: bool, has_sign_on: bool) -> Self {
        Self {
            identity_provider,
            scim,
            has_sign_on,
            has_credentials: false,
            had_credentials: false,
            last: None,
            worked: None,
            failing: None,
            fault: None,
            runs: Vec::new(),
            requests: 0,
            failures: 0,
            people: 0,
            begun: None,
            findings: Vec::new(),
        }
    }

    /// Forgets the failures of earlier connections. `removed` is the end of the last removal: without credentials
    /// since then, any request comes from the removed connection.
    fn forget_others(&mut self, removed: Option<DateTime<Utc>>) {
        if let Some(begun) = self.begun {
            self.runs.retain(|run| run.started > begun);
            self.fault.take_if(|fault| fault.at <= begun);
            self.failing.take_if(|failing| *failing <= begun);
        }
        if removed.is_some() && !self.had_credentials {
            (self.last, self.worked, self.failing, self.fault) = (None, None, None, None);
        }
    }

    /// The largest run of the last day, by its failures.
    pub fn numbers(&self, now: DateTime<Utc>) -> Numbers {
        let recent = self.runs.iter().filter(|run| now - run.started < TimeDelta::days(1));
        let largest = recent.max_by_key(|run| run.failures);
        // The log counts only requests, so every failure counts as a failure of a person or group: the warning
        // comes early.
        largest.map_or_else(Numbers::default, |run| Numbers {
            requests: run.requests,
            failures: run.failures,
            references: 0,
        })
    }

    /// The risk that Entra pauses. Other providers have no quarantine.
    pub fn risk(&self, now: DateTime<Utc>) -> Risk {
        if self.identity_provider != IdentityProvider::Entra {
            return Risk::None;
        }
        quarantine::risk(self.numbers(now), self.is_refused(), self.failing_since().map(|since| now - since))
    }

    /// The time of the first failure, if so many requests fail that the connection as a whole does not work; else
    /// `None`.
    pub fn failing_since(&self) -> Option<DateTime<Utc>> {
        let run = self.runs.first();
        let is_failing = match (self.failing, &self.fault) {
            // The provider does not change its key by itself, but strangers try keys.
            (Some(failing), Some(Fault { at, cause: Cause::KeyUnknown, .. })) => {
                self.worked.is_none() || *at - failing >= INSISTENCE
            }
            (Some(_), Some(fault)) if fault.counts_at_once() => true,
            (Some(_), _) => run.is_none_or(Run::is_bad),
            (None, _) => {
                let several = run.filter(|run| run.failures >= SEVERAL);
                self.identity_provider.has_cycles() && several.is_some_and(Run::is_bad)
            }
        };
        // Only a provider with cycles repeats a failed request, so only its runs form a series.
        let has_series = self.identity_provider.has_cycles() && !self.is_refused();
        let first_bad_run = if has_series { self.first_bad_run() } else { None };
        is_failing.then(|| self.failing.into_iter().chain(first_bad_run).min()).flatten()
    }

    /// Whether the last failure affects all requests: a failure of the key or of the address.
    pub fn is_refused(&self) -> bool {
        self.failing.is_some() && self.fault.as_ref().is_some_and(Fault::counts_at_once)
    }

    /// The beginning of the series of bad runs that lasts until now.
    fn first_bad_run(&self) -> Option<DateTime<Utc>> {
        let mut first = None;
        for run in self.runs.iter().take_while(|run| run.is_bad()) {
            if first.is_some_and(|first| first - run.started > PAUSE) {
                break;
            }
            first = Some(run.started);
        }
        first
    }

    /// The beginning of Entra's next cycle, if the last cycle is less than a day old: Entra sends nothing when
    /// nothing changes, so after a long silence the rhythm is unknown.
    pub fn next_cycle(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let last = self.runs.first().filter(|_| self.identity_provider.has_cycles())?;
        let passed = now.signed_duration_since(last.started);
        if passed >= TimeDelta::days(1) {
            return None;
        }
        let cycles = i32::try_from(passed.num_minutes().div_euclid(CYCLE.num_minutes()) + 1).ok()?;
        Some(last.started + CYCLE * cycles)
    }
}

/// The state that follows from the facts. Silence alone is no failure: a provider sends nothing when nothing changes.
pub fn state(facts: &Facts, now: DateTime<Utc>) -> State {
    if !facts.scim {
        return match () {
            () if !facts.has_sign_on => State::NotAvailable,
            () if facts.had_credentials || facts.last.is_some() => State::Off,
            () => State::NotConnected,
        };
    }
    if let Some(since) = facts.failing_since() {
        return if facts.risk(now) == Risk::Near {
            State::CloseToQuarantine { since }
        } else {
            State::Failing { since }
        };
    }
    match facts.last {
        _ if !facts.has_credentials => State::NotConnected,
        Some(last) => State::Connected { last },
        None => State::Waiting,
    }
}

/// Completes `facts` with the facts that follow from the requests. `keys` are all keys of the organization,
/// including the ended ones; `removed` is the end of the last removal of a connection.
///
/// # Errors
///
/// When the database does not answer.
pub async fn read(
    database: &Database,
    organization: &str,
    keys: &[Key],
    removed: Option<DateTime<Utc>>,
    mut facts: Facts,
    now: DateTime<Utc>,
) -> Result<Facts, StoreError> {
    let statement = |sql: &str| {
        let mut query = Statement::new(database.dialect());
        query.push(sql).bind(organization);
        query
    };
    let connection = statement("SELECT last, worked, failing, fault FROM connection WHERE tenant = ");
    let mut runs = statement("SELECT started, requests, failures FROM request_cycle WHERE tenant = ");
    runs.push(" ORDER BY started DESC LIMIT ").bind(i64::from(CYCLES));
    let mut hours = statement("SELECT requests, refused + failed FROM request_hour WHERE tenant = ");
    hours.push(" AND hour > ").bind((now - TimeDelta::hours(HOURS)).timestamp_millis());
    let tenant = TenantId::new(organization).map_err(StoreError::backend)?;
    let people = store::total(database.dialect(), &tenant, "User");
    let begun = {
        let mut query = Statement::new(database.dialect());
        query.push("SELECT provider_since FROM organization WHERE name = ").bind(organization);
        query
    };
    let mut troubles = Statement::new(database.dialect());
    finding::troubles(&mut troubles, organization, now);
    let mut found = database.look_up(vec![connection, runs, hours, people, begun, troubles]).await?.into_iter();
    let mut next = || found.next().unwrap_or_default();

    if let Some(mut row) = next().into_iter().next() {
        facts.last = time(&row, 0)?;
        facts.worked = time(&row, 1)?;
        facts.failing = time(&row, 2)?;
        facts.fault = row.text(3)?.as_deref().and_then(Fault::read);
    }
    for row in next() {
        let Some(started) = time(&row, 0)? else { continue };
        facts.runs.push(Run { started, requests: count(&row, 1)?, failures: count(&row, 2)? });
    }
    for row in next() {
        facts.requests += count(&row, 0)?;
        facts.failures += count(&row, 1)?;
    }
    facts.people = next().first().map_or(Ok(0), |row| row.required_integer(0))?;
    let since = next().first().map_or(Ok(None), |row| time(row, 0))?;
    facts.begun = since.max(removed);
    facts.forget_others(removed);
    if let Some(fault) = &mut facts.fault {
        fault.name_key(keys);
    }
    let mut findings = finding::found(next(), facts.begun, now)?;
    findings.add_keys(keys, facts.begun, now);
    let is_failing = facts.failing_since().is_some();
    if is_failing {
        if !facts.is_refused()
            && let Some(run) = facts.runs.first()
        {
            finding::add_general(&mut findings, database, organization, run.started).await?;
        }
        explain(database, organization, &mut facts).await?;
    }
    facts.findings = findings.sorted(facts.fault.as_ref().filter(|_| is_failing));
    Ok(facts)
}

/// Completes the last failure with data from the accounts.
async fn explain(database: &Database, organization: &str, facts: &mut Facts) -> Result<(), StoreError> {
    let Some(fault) = &mut facts.fault else { return Ok(()) };
    let Cause::TakenByScim { user_name } = &fault.cause else { return Ok(()) };
    match Accounts::new(database.clone()).conflicting(organization, user_name).await? {
        Some(account) if !account.is_from_scim() => {
            fault.cause = Cause::TakenByHand { user_name: user_name.clone() };
        }
        Some(_) => {}
        // No account has the user name any more.
        None => facts.fault = None,
    }
    Ok(())
}

fn time(row: &Row, column: usize) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(row.integer(column)?.and_then(DateTime::from_timestamp_millis))
}

fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    row.required_integer(column).map(|number| u64::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests;
