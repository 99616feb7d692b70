//! Estimates from the requests when Microsoft Entra ID puts the provisioning of an organization into quarantine.
//!
//! Microsoft documents the numbers and says that they may change, so pages say "about". Entra counts the people
//! and groups that failed, which a server sees as the failed requests of a cycle. Each of them is tried again in
//! later cycles, so a sum over cycles would count it repeatedly. Only Entra has the exact state.

use chrono::TimeDelta;

/// The number of failures below which Entra does not evaluate the share at all.
pub const FEWEST: u64 = 5_000;

/// The share of failures, in percent, beyond which Entra pauses.
pub const SHARE: u64 = 40;

/// The number of failures beyond which Entra pauses regardless of the share. Failures of references, which are
/// members and managers, do not count.
pub const MOST: u64 = 40_000;

/// The number of failures, including those of references, beyond which Entra pauses.
pub const MOST_WITH_REFERENCES: u64 = 60_000;

/// The number of days in quarantine after which Entra turns provisioning off.
pub const DAYS: i64 = 28;

/// The percentage of a limit from which the page warns.
const WARNING: u64 = 80;

/// The largest cycle of the last day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The number of all requests.
    pub requests: u64,
    /// The number of failed requests about people and groups.
    pub failures: u64,
    /// The number of failed requests about members and managers, where they can be distinguished.
    pub references: u64,
}

impl Numbers {
    /// The share of failures in percent, rounded down.
    pub fn share(self) -> u64 {
        self.failures.saturating_mul(100).checked_div(self.requests).unwrap_or(0)
    }

    fn exceed(self, percent: u64) -> bool {
        let scaled = |limit: u64| limit * percent / 100;
        let is_large_share =
            self.failures.saturating_mul(10_000) > self.requests.saturating_mul(SHARE).saturating_mul(percent);
        self.failures >= scaled(FEWEST) && is_large_share
            || self.failures > scaled(MOST)
            || self.failures.saturating_add(self.references) > scaled(MOST_WITH_REFERENCES)
    }
}

/// The risk of quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Nothing fails.
    None,
    /// Some requests fail, fewer than Entra evaluates.
    Small,
    /// The numbers are close to a limit.
    Near,
    /// A limit is reached, or the failure is of a kind that counts at once.
    Reached,
    /// The failures last so long that Entra has turned provisioning off.
    TurnedOff,
}

/// The risk, given the numbers, whether a failure counts `at_once`, and the time since the first failure.
pub fn risk(numbers: Numbers, at_once: bool, failing: Option<TimeDelta>) -> Risk {
    let Some(failing) = failing else { return Risk::None };
    let is_reached = at_once || numbers.exceed(100);
    match () {
        () if is_reached && failing >= TimeDelta::days(DAYS) => Risk::TurnedOff,
        () if is_reached => Risk::Reached,
        () if numbers.exceed(WARNING) => Risk::Near,
        () if numbers.failures == 0 && numbers.references == 0 => Risk::None,
        () => Risk::Small,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_quarantine() {
        let hour = Some(TimeDelta::hours(1));
        let (before, after) = (Some(TimeDelta::days(28) - TimeDelta::seconds(1)), Some(TimeDelta::days(28)));
        for (requests, failures, references, at_once, failing, expected) in [
            // Without a failure, silence is not a risk, however long it lasts.
            (0, 0, 0, false, None, Risk::None),
            (100_000, 0, 0, false, None, Risk::None),
            // Microsoft's own examples: 4,000 failures are too few; 30,000 of 35,000 exceed the share; 20,000 of
            // 120,000 do not.
            (4_000, 4_000, 0, false, hour, Risk::Near),
            (4_000, 3_999, 0, false, hour, Risk::Small),
            (35_000, 30_000, 0, false, hour, Risk::Reached),
            (120_000, 20_000, 0, false, hour, Risk::Small),
            // 40 % is the highest allowed share, and 32 % the highest without a warning.
            (12_500, 5_000, 0, false, hour, Risk::Near),
            (12_499, 5_000, 0, false, hour, Risk::Reached),
            (12_498, 4_999, 0, false, hour, Risk::Near),
            (15_625, 5_000, 0, false, hour, Risk::Small),
            (15_624, 5_000, 0, false, hour, Risk::Near),
            // The absolute numbers, without and with references.
            (1_000_000, 32_000, 0, false, hour, Risk::Small),
            (1_000_000, 32_001, 0, false, hour, Risk::Near),
            (1_000_000, 40_000, 0, false, hour, Risk::Near),
            (1_000_000, 40_001, 0, false, hour, Risk::Reached),
            (1_000_000, 0, 48_000, false, hour, Risk::Small),
            (1_000_000, 0, 48_001, false, hour, Risk::Near),
            (1_000_000, 20_000, 40_000, false, hour, Risk::Near),
            (1_000_000, 20_000, 40_001, false, hour, Risk::Reached),
            // Refused credentials count at once, even for a small organization.
            (1, 1, 0, false, hour, Risk::Small),
            (1, 1, 0, true, hour, Risk::Reached),
            (0, 0, 0, true, hour, Risk::Reached),
            // After 28 days Entra gives up, if it had paused.
            (1, 1, 0, true, before, Risk::Reached),
            (1, 1, 0, true, after, Risk::TurnedOff),
            (1, 1, 0, false, after, Risk::Small),
        ] {
            let numbers = Numbers { requests, failures, references };
            assert_eq!(risk(numbers, at_once, failing), expected, "{numbers:?} {at_once} {failing:?}");
        }
    }
}
