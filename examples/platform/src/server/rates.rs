//! Limits on the number of requests of an organization, of a key and of clients without a valid key, and the time that
//! a client must wait beyond a limit (RFC 9865 §5.3 for requests with a cursor).
//!
//! Each process counts separately. A quota refills steadily; a client that was silent may send a burst.

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore, keyed::HashMapStateStore},
};
use scim_core::{error::Error, store::TenantId};

/// The seconds whose requests a silent client may send at once.
const BURST_SECONDS: u32 = 5;

/// The number of checks after which a meter forgets the keys whose quota is full.
const CHECKS_PER_SWEEP: u32 = 4_096;

/// The number of places for clients without a valid key: 8 bytes each, regardless of the number of clients. Clients
/// that share a place share a quota.
const PLACES: usize = 1 << 14;

/// The limits on requests; `None` means no limit.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Requests per second of an organization.
    pub organization: Option<NonZeroU32>,
    /// Requests per second of a key.
    pub key: Option<NonZeroU32>,
    /// Requests per minute without a valid key, from one address and with one token.
    pub failures: Option<NonZeroU32>,
}

/// The counts of all organizations, keys and clients without a valid key.
pub(super) struct Rates {
    organizations: Option<Meter<TenantId>>,
    keys: Option<Meter<u64>>,
    strangers: Option<Strangers>,
    hasher: RandomState,
}

/// A key of an organization, as a number that only this process can compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Rates {
    pub(super) fn new(quotas: Quotas) -> Self {
        Self {
            organizations: quotas.organization.map(Meter::new),
            keys: quotas.key.map(Meter::new),
            strangers: quotas.failures.map(Strangers::new),
            hasher: RandomState::new(),
        }
    }

    /// Returns the fingerprint of the header `Authorization` of a request to an organization.
    pub(super) fn fingerprint(&self, organization: &str, header: &str) -> Fingerprint {
        // 0 marks an empty place.
        Fingerprint(self.hasher.hash_one((organization, header)) | 1)
    }

    /// Counts a request before its key is looked up. A key that was valid the last time is not counted, so that
    /// clients without a valid key cannot lock it out.
    pub(super) fn knock(&self, address: Option<IpAddr>, shown: Option<Fingerprint>) -> Result<(), Error> {
        let Some(strangers) = &self.strangers else { return Ok(()) };
        if shown.is_some_and(|shown| strangers.remembers(shown)) {
            return Ok(());
        }
        let address = address.map(|address| self.hasher.hash_one(network(address)));
        let token = shown.map(|Fingerprint(token)| strangers.tokens.check(token));
        let wait = token.into_iter().chain(address.map(|address| strangers.addresses.check(address))).flatten().max();
        wait.map_or(Ok(()), |wait| Err(too_many("too many requests without a valid API key", wait)))
    }

    /// Counts an attempt to sign in at a page. Returns the time to wait if the address has made too many attempts.
    pub(super) fn attempt(&self, address: Option<IpAddr>) -> Option<Duration> {
        let address = self.hasher.hash_one(network(address?));
        self.strangers.as_ref()?.forms.check(address)
    }

    /// Stores whether the key was valid.
    pub(super) fn known(&self, shown: Fingerprint, valid: bool) {
        if let Some(strangers) = &self.strangers {
            strangers.remember(shown, valid);
        }
    }

    /// Counts a request of an admitted caller.
    pub(super) fn count(&self, organization: &TenantId, key: Fingerprint) -> Result<(), Error> {
        if let Some(wait) = self.keys.as_ref().and_then(|keys| keys.check(&key.0)) {
            return Err(too_many("too many requests with this API key", wait));
        }
        if let Some(wait) = self.organizations.as_ref().and_then(|organizations| organizations.check(organization)) {
            return Err(too_many("too many requests for this organization", wait));
        }
        Ok(())
    }
}

/// Rounds up to whole seconds: a client that comes back too early is refused again.
fn too_many(detail: &'static str, wait: Duration) -> Error {
    Error::new(429, detail)
        .with_retry_after(Duration::from_secs(wait.as_millis().div_ceil(1_000).try_into().unwrap_or(1)))
}

/// An IPv6 client can use a network of 2^64 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

fn quota(per_second: NonZeroU32) -> Quota {
    Quota::per_second(per_second)
        .allow_burst(per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1)))
}

/// A quota for each key. Only admitted callers have a quota, and idle quotas are forgotten, which bounds the
/// memory.
struct Meter<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, HashMapStateStore<K>, DefaultClock>,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Meter<K> {
    fn new(per_second: NonZeroU32) -> Self {
        let limiter = RateLimiter::new(quota(per_second), HashMapStateStore::default(), DefaultClock::default());
        Self { limiter, checks: AtomicU32::new(0) }
    }

    /// Counts a request. Returns the time to wait if the quota is exhausted.
    fn check(&self, key: &K) -> Option<Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_PER_SWEEP == CHECKS_PER_SWEEP - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let refused = self.limiter.check_key(key).err()?;
        Some(refused.wait_time_from(self.limiter.clock().now()))
    }
}

/// Quotas of clients without a valid key, and the keys that were valid.
struct Strangers {
    addresses: Places,
    tokens: Places,
    /// Sign-ins at pages, by address.
    forms: Places,
    /// Fingerprints, each at its own place; a later fingerprint replaces an earlier one at the same place.
    valid: Box<[AtomicU64]>,
}

impl Strangers {
    fn new(per_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute);
        let valid = std::iter::repeat_with(AtomicU64::default).take(PLACES).collect();
        Self { addresses: Places::new(quota), tokens: Places::new(quota), forms: Places::new(quota), valid }
    }

    fn remembers(&self, shown: Fingerprint) -> bool {
        at(&self.valid, shown.0).is_some_and(|place| place.load(Ordering::Relaxed) == shown.0)
    }

    fn remember(&self, shown: Fingerprint, valid: bool) {
        let Some(place) = at(&self.valid, shown.0) else { return };
        if valid {
            place.store(shown.0, Ordering::Relaxed);
        } else {
            // The place of another key stays unchanged.
            let _ = place.compare_exchange(shown.0, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

struct Places(RateLimiter<u64, Table, DefaultClock>);

impl Places {
    fn new(quota: Quota) -> Self {
        let table = Table(std::iter::repeat_with(InMemoryState::default).take(PLACES).collect());
        Self(RateLimiter::new(quota, table, DefaultClock::default()))
    }

    fn check(&self, hash: u64) -> Option<Duration> {
        let refused = self.0.check_key(&hash).err()?;
        Some(refused.wait_time_from(self.0.clock().now()))
    }
}

/// A fixed number of counts.
struct Table(Box<[InMemoryState]>);

impl StateStore for Table {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, count: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match at(&self.0, *key) {
            Some(place) => place.measure_and_replace(&NotKeyed::NonKey, count),
            None => count(None).map(|(done, _)| done),
        }
    }
}

fn at<T>(places: &[T], hash: u64) -> Option<&T> {
    // The lowest bit of a fingerprint is always 1.
    usize::try_from(hash >> 1).ok().and_then(|hash| places.get(hash.checked_rem(places.len())?))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn rates(organization: u32, key: u32, failures: u32) -> Rates {
        let [organization, key, failures] = [organization, key, failures].map(NonZeroU32::new);
        Rates::new(Quotas { organization, key, failures })
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    /// The number of requests that are accepted before the first refusal, and the error of the refusal.
    fn taken(mut take: impl FnMut() -> Result<(), Error>) -> (usize, Error) {
        for count in 0..100_000 {
            if let Err(error) = take() {
                return (count, error);
            }
        }
        panic!("nothing is refused");
    }

    #[test]
    fn keys_and_organizations_have_their_own_quotas() {
        let rates = rates(3, 2, 1);
        let [one, two] = ["one", "two"].map(|key| rates.fingerprint("acme", key));
        let (count, error) = taken(|| rates.count(&tenant("acme"), one));
        assert_eq!((count, error.status(), error.detail()), (10, 429, "too many requests with this API key"));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
        let (count, error) = taken(|| rates.count(&tenant("acme"), two));
        assert_eq!((count, error.detail()), (5, "too many requests for this organization"));
        assert!(rates.count(&tenant("other"), rates.fingerprint("other", "one")).is_ok());
    }

    #[test]
    fn no_quota_is_no_limit() {
        let rates = rates(0, 0, 0);
        let key = rates.fingerprint("acme", "one");
        assert!((0..10_000).all(|_| rates.count(&tenant("acme"), key).is_ok() && rates.knock(None, Some(key)).is_ok()));
    }

    /// Limits apply by address and by token, but not to a key that is known to be valid.
    #[test]
    fn strangers_wait_and_known_keys_do_not() {
        let rates = rates(0, 0, 3);
        let valid = rates.fingerprint("acme", "valid");
        rates.known(valid, true);
        let address: IpAddr = [192, 0, 2, 1].into();
        let (count, error) = taken(|| rates.knock(Some(address), None));
        assert_eq!((count, error.status(), error.retry_after()), (3, 429, Some(Duration::from_secs(20))));
        assert!(rates.knock(Some(address), Some(valid)).is_ok());
        let other = |last| IpAddr::from([198, 51, 100, last]);
        let wrong = rates.fingerprint("acme", "wrong");
        let mut last = 0;
        let (count, _) = taken(|| {
            last += 1;
            rates.knock(Some(other(last)), Some(wrong))
        });
        assert_eq!(count, 3, "one token from many addresses");
        rates.known(valid, false);
        assert!(rates.knock(Some(address), Some(valid)).is_err(), "a revoked key is a stranger's");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let rates = rates(0, 0, 3);
        let mut last = 0;
        let (count, _) = taken(|| {
            last += 1;
            rates.knock(Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 1, 2, 3, last).into()), None)
        });
        assert_eq!(count, 3);
    }

    /// The memory grows neither with the number of clients without a key, nor with callers that have left.
    #[test]
    fn memory_is_bounded() {
        let rates = rates(1_000_000, 1_000_000, 3);
        for number in 0..100_000_u32 {
            let key = rates.fingerprint("acme", &number.to_string());
            let _ = rates.knock(Some(IpAddr::from(number.to_be_bytes())), Some(key));
            rates.count(&tenant("acme"), key).unwrap();
        }
        let strangers = rates.strangers.as_ref().unwrap();
        assert_eq!([strangers.valid.len(), PLACES], [PLACES; 2]);
        let kept = rates.keys.as_ref().unwrap().limiter.len();
        assert!(kept <= 2 * CHECKS_PER_SWEEP as usize, "{kept}");
    }
}
