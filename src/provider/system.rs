//! The two things that the core needs from outside besides the store: the time and new ids.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::value::Text;

/// Tells the time, for `meta.created` and `meta.lastModified`.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// Makes the ids of new resources.
///
/// An id is never given twice, also not after a resource was deleted (RFC 7643 §3.1): with ids that are random or that
/// only grow that is so by itself. An id must not tell anything of the resource.
pub trait IdSource: fmt::Debug + Send + Sync + 'static {
    /// A new id: 1 to 64 bytes of letters, digits, `-` and `_`.
    fn next(&self) -> Text;
}

/// The clock of the machine, in milliseconds: what answers show is then what is stored.
#[cfg(feature = "system")]
#[cfg_attr(docsrs, doc(cfg(feature = "system")))]
#[derive(Clone, Copy, Debug, Default)]
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
pub struct RandomIds;

#[cfg(feature = "system")]
impl IdSource for RandomIds {
    fn next(&self) -> Text {
        let mut buffer = uuid::Uuid::encode_buffer();
        Text::from(&*uuid::Uuid::new_v4().as_hyphenated().encode_lower(&mut buffer))
    }
}
