//! What came of the checks, for people who read test output.

use std::fmt;

/// A promise that was not kept: what was done, what was expected and what was found.
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

    /// What was done and expected.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What was found instead.
    pub fn found(&self) -> &str {
        &self.found
    }
}

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The promise was kept.
    Passed,
    /// It does not apply, and why: the registry has nothing to check it with, or the store does not promise it.
    Skipped(&'static str),
    /// It was not kept.
    Failed(Failure),
}

/// What came of several checks, by their names. Printed, it is a line a check.
#[derive(Clone, Debug, Default)]
pub struct Report {
    lines: Vec<(&'static str, Outcome)>,
}

impl Report {
    pub(super) fn add(&mut self, name: &'static str, outcome: Outcome) {
        self.lines.push((name, outcome));
    }

    /// The names of the checks and what came of each, in the order in which they were run.
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
