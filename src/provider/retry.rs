//! Trying again after a lost race, or while the store is busy.

use super::{failure::contention, service_provider::ServiceProvider};
use crate::{
    error::Error,
    store::{CommitError, RequestContext, Store, StoreError},
};

/// An error after which the same attempt may succeed.
pub(super) trait Transient {
    fn is_transient(&self) -> bool;
}

impl Transient for StoreError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Busy)
    }
}

impl Transient for CommitError {
    fn is_transient(&self) -> bool {
        self.error.is_transient()
    }
}

/// The reason why an attempt to change a resource has no result.
pub(super) enum Failed {
    /// Another writer was faster, or the store was busy. The change must be computed again.
    LostRace,
    Refused(Error),
}

impl Transient for Failed {
    fn is_transient(&self) -> bool {
        matches!(self, Self::LostRace)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::LostRace => contention(),
            Failed::Refused(error) => error,
        }
    }
}

/// The attempts that are left to an operation: at most `Limits::write_retries` after the first.
pub(super) struct Attempts {
    left: usize,
}

impl Attempts {
    /// Takes another attempt after a transient error.
    ///
    /// # Errors
    ///
    /// The error itself, if it is not transient or no attempt is left.
    pub(super) fn again<E: Transient>(&mut self, context: &RequestContext, error: E) -> Result<(), E> {
        if self.left == 0 || !error.is_transient() {
            return Err(error);
        }
        self.left -= 1;
        context.count_retry();
        Ok(())
    }
}

impl<S: Store> ServiceProvider<S> {
    /// Returns the attempts of one operation.
    pub(super) fn attempts(&self) -> Attempts {
        Attempts { left: self.limits().write_retries }
    }

    /// Makes a call to the store again while its error is transient.
    pub(super) async fn retry<T, E: Transient, F: Future<Output = Result<T, E>>>(
        &self,
        context: &RequestContext,
        mut call: impl FnMut() -> F,
    ) -> Result<T, E> {
        let mut attempts = self.attempts();
        loop {
            match call().await {
                Err(error) => attempts.again(context, error)?,
                done => return done,
            }
        }
    }
}
