//! The terms under which the input of a client is read.

use super::{Quirk, Tolerance};
use crate::limits::Limits;

/// The terms under which the input of a client is read: the limits, and the quirks that are tolerated and recorded.
///
/// ```
/// use scim_core::{filter::Filter, limits::Limits, quirks::{Quirk, Quirks, Reading, Tolerance}};
///
/// let limits = Limits::default();
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let filter = Filter::parse(r#"emails[type eq "work"].value sw "b""#, Reading::new(&limits, &mut tolerance))?;
/// assert!(tolerance.applied().contains(Quirk::ValuePathComparison), "no production of RFC 7644 has this form");
/// # Ok::<(), scim_core::filter::FilterError>(())
/// ```
#[derive(Debug)]
pub struct Reading<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) tolerance: &'a mut Tolerance,
}

impl<'a> Reading<'a> {
    /// Returns the terms of these limits and quirks. `tolerance` records the quirks that the input has.
    #[inline]
    pub fn new(limits: &'a Limits, tolerance: &'a mut Tolerance) -> Self {
        Self { limits, tolerance }
    }

    /// Returns the same terms for an attempt that records its quirks in `met` only.
    #[inline]
    pub(crate) fn on_trial<'t>(&self, met: &'t mut Tolerance) -> Reading<'t>
    where
        'a: 't,
    {
        Reading { limits: self.limits, tolerance: met }
    }

    /// Whether `quirk` is tolerated. If so, the quirk is recorded as met.
    #[inline]
    pub(crate) fn allows(&mut self, quirk: Quirk) -> bool {
        self.tolerance.allows(quirk)
    }

    /// Whether `quirk` is tolerated; records nothing.
    #[inline]
    pub(crate) fn tolerates(&self, quirk: Quirk) -> bool {
        self.tolerance.tolerated().contains(quirk)
    }
}
