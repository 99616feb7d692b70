//! The two external inputs of the core besides the store: the time and new ids.

use std::fmt;

use chrono::{DateTime, Utc};

use super::failure::broken_ids;
use crate::{error::Error, value::Text};

/// Gives the current time, for `meta.created` and `meta.lastModified`.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> DateTime<Utc>;
}

/// Makes the ids of new resources.
///
/// An id must never be used twice, even after its resource was deleted (RFC 7643 §3.1). Random ids and monotonically
/// increasing ids satisfy this. An id must not reveal anything about the resource.
pub trait IdSource: fmt::Debug + Send + Sync + 'static {
    /// Returns a new id: 1 to 64 bytes of letters, digits, `-` and `_`, without the reserved word `bulkId` (RFC 7643
    /// §3.1). The core asks for another id if an id breaks this rule, and answers 500 after three such ids.
    fn next(&self) -> Text;
}

/// Returns a new id that keeps the contract of [`IdSource::next`].
pub(super) fn new_id(source: &dyn IdSource) -> Result<Text, Error> {
    /// The number of ids to try. A random text may contain the reserved word by chance.
    const TRIES: usize = 3;
    const RESERVED: &[u8] = b"bulkId";
    let is_plain = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    // The search has the cheap test first: no UUID has a `k`.
    let is_reserved = |id: &[u8]| {
        id.iter().any(|byte| byte.eq_ignore_ascii_case(&b'k'))
            && id.windows(RESERVED.len()).any(|part| part.eq_ignore_ascii_case(RESERVED))
    };
    let is_id = |id: &Text| {
        let id = id.as_bytes();
        // The bytes are counted, without a branch for a byte: no processor can predict the bytes of a random id.
        (1..=64).contains(&id.len()) && id.iter().filter(is_plain).count() == id.len() && !is_reserved(id)
    };
    let found = std::iter::repeat_with(|| source.next()).take(TRIES).find(is_id);
    found.ok_or_else(broken_ids)
}

/// The clock of the machine, truncated to milliseconds, so that answers show the stored time exactly.
#[cfg(feature = "system")]
#[cfg_attr(docsrs, doc(cfg(feature = "system")))]
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings, and its name is its value")]
pub struct SystemClock;

#[cfg(feature = "system")]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        use chrono::SubsecRound;
        Utc::now().trunc_subsecs(3)
    }
}

/// Random UUIDs (RFC 9562 version 4).
#[cfg(feature = "system")]
#[cfg_attr(docsrs, doc(cfg(feature = "system")))]
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings, and its name is its value")]
pub struct RandomIds;

#[cfg(feature = "system")]
impl IdSource for RandomIds {
    fn next(&self) -> Text {
        let mut buffer = uuid::Uuid::encode_buffer();
        Text::from(&*uuid::Uuid::new_v4().as_hyphenated().encode_lower(&mut buffer))
    }
}
