//! The state of the connection between an organization and its identity provider, as the requests so far tell it.
//!
//! Only the reading side is here: the provisioning log writes the rows. The table `connection` has one row for an
//! organization that was called: `first` and `last` are the times of the first and the last request, `worked` that of the
//! last one that was done, `failing` that of the first failure since then, and `fault` the last failure as JSON. Where a
//! third of the requests fails the next success clears `failing`, so the runs of requests count too. Requests without a
//! valid key are among them, which anybody can send.

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

/// The time between the beginnings of two of Entra's cycles.
pub const CYCLE: TimeDelta = TimeDelta::minutes(40);

/// Cycles that are looked at: those of a day, and some more.
const CYCLES: u32 = 50;

/// Hours whose requests the page counts.
pub const HOURS: i64 = 48;

/// The longest time between two runs of one series of failures: in quarantine, Entra tries once a day.
const PAUSE: TimeDelta = TimeDelta::hours(25);

/// Failures of a run whose last request worked, from which on the page calls the connection failing.
const SEVERAL: u64 = 10;

/// The time for which requests with an unknown key must go on before the page takes them for the provider's: a stranger can
/// send one too.
const INSISTENCE: TimeDelta = CYCLE;

/// Of the requests of a run, in percent, so many may fail before the page calls the connection failing: one refused
/// request among many is a matter for the log.
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
    /// The provider calls, or has nothing to tell.
    Connected {
        /// The time of the last request.
        last: DateTime<Utc>,
    },
    /// So much fails that Entra is about to pause.
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

/// A run of requests without a pause of more than 5 minutes. For Entra that is a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first request.
    pub started: DateTime<Utc>,
    /// The requests.
    pub requests: u64,
    /// Those that were refused or failed.
    pub failures: u64,
}

impl Run {
    /// Whether too many of the requests failed to leave them to the log.
    fn is_bad(&self) -> bool {
        self.failures > 0 && self.failures.saturating_mul(100) >= self.requests.saturating_mul(TOLERABLE)
    }
}

/// Everything that the state depends on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The identity provider.
    pub identity_provider: IdentityProvider,
    /// Whether SCIM is on.
    pub scim: bool,
    /// Whether people can sign in.
    pub has_sign_on: bool,
    /// Whether the provider can have a key or an OAuth client that is valid.
    pub has_credentials: bool,
    /// Whether there ever was a key or an OAuth client.
    pub had_credentials: bool,
    /// The last request.
    pub last: Option<DateTime<Utc>>,
    /// The last request that was done.
    pub worked: Option<DateTime<Utc>>,
    /// The first failure since the last request that was done.
    pub failing: Option<DateTime<Utc>>,
    /// The last failure.
    pub fault: Option<Fault>,
    /// The last runs of requests, the latest first.
    pub runs: Vec<Run>,
    /// The requests of the last [`HOURS`].
    pub requests: u64,
    /// Those of them that were refused or failed.
    pub failures: u64,
    /// The people that SCIM made.
    pub people: i64,
    /// The beginning of this connection, if another one was before: nothing from before it counts.
    pub begun: Option<DateTime<Utc>>,
    /// The causes for which people and groups are refused, the most frequent first. While the connection as a whole fails,
    /// the causes of that are among them.
    pub findings: Vec<Finding>,
}

impl Facts {
    /// The facts of an organization that nobody has called.
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

    /// Forgets the failures of the connections before this one. `removed` is the end of the last removal: without
    /// credentials since then, whoever still calls is the connection that is gone.
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
        // The log counts requests only, so all failures pass for failures of people and groups: a warning comes early.
        largest.map_or_else(Numbers::default, |run| Numbers {
            requests: run.requests,
            failures: run.failures,
            references: 0,
        })
    }

    /// The risk that Entra pauses. Other providers know no quarantine.
    pub fn risk(&self, now: DateTime<Utc>) -> Risk {
        if self.identity_provider != IdentityProvider::Entra {
            return Risk::None;
        }
        quarantine::risk(self.numbers(now), self.is_refused(), self.failing_since().map(|since| now - since))
    }

    /// The first failure, if so much fails that the connection as a whole does not work.
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
        // Only a provider with cycles tries the same again, so only its runs are a series.
        let has_series = self.identity_provider.has_cycles() && !self.is_refused();
        let first_bad_run = if has_series { self.first_bad_run() } else { None };
        is_failing.then(|| self.failing.into_iter().chain(first_bad_run).min()).flatten()
    }

    /// Whether the last failure is one of all requests: of the key or the address.
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

    /// The beginning of Entra's next cycle, if the last one is not long ago: Entra sends nothing when nothing changes, so
    /// after a long silence nobody here knows the beat.
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

/// Reads the facts that the requests tell, into those that are known already. `keys` are all keys of the organization, the
/// ended ones too; `removed` is the end of the last removal of a connection.
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
    let mut found = database.read(vec![connection, runs, hours, people, begun, troubles]).await?.into_iter();
    let mut next = || found.next().unwrap_or_default();

    if let Some(mut row) = next().into_iter().next() {
        facts.last = time(&row, 0)?;
        facts.worked = time(&row, 1)?;
        facts.failing = time(&row, 2)?;
        facts.fault = row.optional_text(3)?.as_deref().and_then(Fault::read);
    }
    for row in next() {
        let Some(started) = time(&row, 0)? else { continue };
        facts.runs.push(Run { started, requests: count(&row, 1)?, failures: count(&row, 2)? });
    }
    for row in next() {
        facts.requests += count(&row, 0)?;
        facts.failures += count(&row, 1)?;
    }
    facts.people = next().first().map_or(Ok(0), |row| row.integer(0))?;
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

/// Completes the last failure by the accounts.
async fn explain(database: &Database, organization: &str, facts: &mut Facts) -> Result<(), StoreError> {
    let Some(fault) = &mut facts.fault else { return Ok(()) };
    let Cause::TakenByScim { user_name } = &fault.cause else { return Ok(()) };
    match Accounts::new(database.clone()).conflicting(organization, user_name).await? {
        Some(account) if !account.is_from_scim() => {
            fault.cause = Cause::TakenByHand { user_name: user_name.clone() };
        }
        Some(_) => {}
        // Nobody has the user name any more.
        None => facts.fault = None,
    }
    Ok(())
}

fn time(row: &Row, column: usize) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(row.optional_integer(column)?.and_then(DateTime::from_timestamp_millis))
}

fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    row.integer(column).map(|number| u64::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests;
