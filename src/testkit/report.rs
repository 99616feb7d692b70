//! The results of the checks, for readers of test output.

use std::fmt;

/// A broken promise: the operation with its expected result, and the observed result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {found}")]
pub struct Failure {
    what: String,
    found: String,
}

impl Failure {
    pub(super) fn new(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), found: found.into() }
    }

    /// The operation and the expected result.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The observed result.
    pub fn found(&self) -> &str {
        &self.found
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The store kept the promise.
    Passed,
    /// The check does not apply, for this reason: the registry has no suitable type, or the store does not make the
    /// promise.
    Skipped(&'static str),
    /// The store broke the promise.
    Failed(Failure),
}

/// The results of several checks with their names. `Display` prints one line for each check.
#[derive(Clone, Debug, Default)]
pub struct Report {
    lines: Vec<(&'static str, Outcome)>,
}

impl Report {
    pub(super) fn add(&mut self, name: &'static str, outcome: Outcome) {
        self.lines.push((name, outcome));
    }

    /// The name and the result of each check, in the order of execution.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &Outcome)> {
        self.lines.iter().map(|(name, outcome)| (*name, outcome))
    }

    /// Whether no check failed.
    pub fn is_passed(&self) -> bool {
        !self.lines.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.lines {
            match outcome {
                Outcome::Passed => writeln!(f, "passed   {name}")?,
                Outcome::Skipped(why) => writeln!(f, "skipped  {name}: {why}")?,
                Outcome::Failed(failure) => writeln!(f, "failed   {name}: {failure}")?,
            }
        }
        Ok(())
    }
}
