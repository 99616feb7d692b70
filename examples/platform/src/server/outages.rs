//! Failures that every request would report: logged once at their beginning, and once after their end.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use scim_core::store::TenantId;

/// An outage has ended when a call succeeds after this time without failures. The time is longer than a key is
/// trusted without a look at the database.
const QUIET: Duration = Duration::from_secs(5);

/// The minimum time between two log lines of an outage whose cause has changed.
const NEXT_LINE: Duration = Duration::from_secs(10);

/// The part of the platform that does not work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// The requests of an organization.
    Organization(TenantId),
    /// The look-up of keys.
    Keys,
    /// The database, as `/health` sees it.
    Database,
}

impl Scope {
    fn failure(&self) -> &'static str {
        match self {
            Self::Organization(_) => "a request failed",
            Self::Keys => "a key could not be looked up",
            Self::Database => "the database does not answer",
        }
    }

    fn recovery(&self) -> &'static str {
        match self {
            Self::Organization(_) => "requests succeed again",
            Self::Keys => "keys can be looked up again",
            Self::Database => "the database answers again",
        }
    }

    fn organization(&self) -> Option<&str> {
        match self {
            Self::Organization(tenant) => Some(tenant.as_str()),
            Self::Keys | Self::Database => None,
        }
    }
}

/// The outages at this time. The organizations are those with valid keys, so their number is bounded.
#[derive(Debug, Default)]
pub(super) struct Outages {
    current: Mutex<HashMap<Scope, Outage>>,
    /// The number of outages, which can be read without a lock.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Outage {
    began: Instant,
    failed: Instant,
    logged: Instant,
    failures: u64,
    cause: String,
}

impl Outages {
    /// Reports a failure, and logs it if a line is due.
    pub(super) fn failed(&self, scope: &Scope, cause: &str) {
        if let Some(failures) = self.note_failure(scope, cause, Instant::now()) {
            let organization = scope.organization();
            tracing::error!(organization, error = cause, failures, "{}", scope.failure());
        }
    }

    /// Reports a success, and logs the end of an outage.
    pub(super) fn worked(&self, scope: &Scope) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        if let Some((failures, seconds)) = self.note_success(scope, Instant::now()) {
            let organization = scope.organization();
            tracing::info!(organization, failures, seconds, "{}", scope.recovery());
        }
    }

    /// The number of failures so far, if a line is due.
    fn note_failure(&self, scope: &Scope, cause: &str, now: Instant) -> Option<u64> {
        let mut current = self.locked();
        let Some(outage) = current.get_mut(scope) else {
            let (began, failed, logged) = (now, now, now);
            current.insert(scope.clone(), Outage { began, failed, logged, failures: 1, cause: cause.to_owned() });
            self.count.store(current.len(), Ordering::Relaxed);
            return Some(1);
        };
        outage.failures += 1;
        outage.failed = now;
        if outage.cause == cause || now.duration_since(outage.logged) < NEXT_LINE {
            return None;
        }
        cause.clone_into(&mut outage.cause);
        outage.logged = now;
        Some(outage.failures)
    }

    /// The number of failures and the seconds of the outage that this success ends; `None` if it ends no outage.
    fn note_success(&self, scope: &Scope, now: Instant) -> Option<(u64, u64)> {
        let mut current = self.locked();
        if now.duration_since(current.get(scope)?.failed) < QUIET {
            return None;
        }
        let outage = current.remove(scope)?;
        self.count.store(current.len(), Ordering::Relaxed);
        Some((outage.failures, outage.failed.duration_since(outage.began).as_secs()))
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Scope, Outage>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_one_line_and_so_is_its_end() {
        let outages = Outages::default();
        let acme = Scope::Organization(TenantId::new("acme").unwrap());
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(outages.note_success(&acme, at(0)), None, "nothing has failed");
        assert_eq!(outages.note_failure(&acme, "gone", at(0)), Some(1));
        assert_eq!(outages.note_failure(&Scope::Keys, "gone", at(0)), Some(1), "each scope has its line");
        for millis in 1..1_000 {
            assert_eq!(outages.note_failure(&acme, "gone", at(millis)), None);
            assert_eq!(outages.note_success(&acme, at(millis)), None, "one success among failures is no recovery");
        }
        assert_eq!(outages.note_failure(&acme, "full", at(9_999)), None);
        assert_eq!(outages.note_failure(&acme, "full", at(10_000)), Some(1_002), "another cause");
        assert_eq!(outages.note_success(&acme, at(15_000)), Some((1_002, 10)));
        assert_eq!(outages.note_success(&acme, at(15_001)), None);
        assert_eq!(outages.note_failure(&acme, "gone", at(16_000)), Some(1), "the next outage");
    }
}
