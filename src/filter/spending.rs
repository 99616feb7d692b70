//! The work of an evaluation, counted without atomics and charged to the request at the end.

use std::cell::Cell;

use crate::{
    limits::{Work, WorkExceeded},
    value::Value,
};

/// The units that an evaluation may still spend. After the units are exceeded, every charge fails, so the evaluation
/// ends without examining more values.
#[derive(Debug)]
pub(crate) struct Spending {
    start: u64,
    left: Cell<u64>,
    exceeded: Cell<bool>,
}

impl Spending {
    /// Returns a spending without a bound, for an evaluation outside a request.
    pub(crate) const fn unlimited() -> Self {
        Self::up_to(u64::MAX)
    }

    const fn up_to(units: u64) -> Self {
        Self { start: units, left: Cell::new(units), exceeded: Cell::new(false) }
    }

    /// Returns the spending for an evaluation without a pause: a stretch of units, or the remaining units if fewer.
    pub(crate) fn stretch(work: Option<&Work>) -> Self {
        Self::up_to(work.map_or(Work::STRETCH, |work| work.left().min(Work::STRETCH)))
    }

    /// Returns the spending for an evaluation that is a part of `work`.
    pub(crate) fn of(work: Option<&Work>) -> Self {
        work.map_or(Self::unlimited(), |work| Self::up_to(work.left()))
    }

    /// Charges the examination of the value; `false` if the units do not suffice.
    #[inline]
    pub(crate) fn allows(&self, value: &Value) -> bool {
        self.allows_units(match value {
            Value::String(text) => Work::of_text(text.len()),
            _ => 1,
        })
    }

    /// Like [`Spending::allows`], for a substring search in the value.
    #[inline]
    pub(crate) fn allows_search(&self, value: &Value) -> bool {
        self.allows_units(match value {
            Value::String(text) => Work::of_search(text.len()),
            _ => 1,
        })
    }

    #[inline]
    pub(crate) fn allows_units(&self, units: u64) -> bool {
        if let Some(left) = self.left.get().checked_sub(units) {
            self.left.set(left);
            return true;
        }
        self.left.set(0);
        self.exceeded.set(true);
        false
    }

    /// Whether the evaluation needed more units than allowed. Its result then has no meaning.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.exceeded.get()
    }

    /// Charges the units of a stretch to `work`, whether or not they were sufficient.
    ///
    /// # Errors
    ///
    /// When another part of the request spent the units first.
    pub(crate) fn charge(&self, work: Option<&Work>) -> Result<(), WorkExceeded> {
        work.map_or(Ok(()), |work| work.charge(self.start - self.left.get()))
    }

    /// Charges the units to `work`.
    ///
    /// # Errors
    ///
    /// When the evaluation was not completed, or another part of the request spent the units first.
    pub(crate) fn settle(&self, work: Option<&Work>) -> Result<(), WorkExceeded> {
        if self.exceeded.get() {
            // The charge is larger than the remaining units, so that `work` itself reports the error.
            return work.map_or(Ok(()), |work| work.charge(u64::MAX));
        }
        self.charge(work)
    }
}
