//! What a replay found, for people who read test output.

use std::fmt;

use super::{super::report::Failure, exchange::Exchange, step::Step};
use crate::quirks::Quirks;

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The identity provider got what it needs.
    Passed,
    /// It was not sent, and why: an earlier step that it builds on was not answered as it should have been.
    Skipped(String),
    /// What the identity provider needs and did not get.
    Failed(Vec<Failure>),
}

/// A step, what was sent and answered, and the verdict.
#[derive(Clone, Debug)]
pub struct Replayed {
    step: Step,
    exchanges: Vec<Exchange>,
    verdict: Verdict,
    switched_off: Quirks,
}

impl Replayed {
    pub(super) fn new(step: Step, exchanges: Vec<Exchange>, verdict: Verdict, switched_off: Quirks) -> Self {
        Self { step, exchanges, verdict, switched_off }
    }

    /// The step.
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// What was sent and answered: mostly one request; one for each page of a list; a second one that reads what an
    /// answer without a body has not shown; none when the step was skipped.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// The verdict.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What was expected and not found; empty unless the step failed.
    pub fn failures(&self) -> &[Failure] {
        match &self.verdict {
            Verdict::Failed(failures) => failures,
            Verdict::Passed | Verdict::Skipped(_) => &[],
        }
    }

    /// Which of the habits that the step relies on the service provider does not tolerate. Through a transport that is
    /// not known, and this is empty.
    pub fn switched_off(&self) -> Quirks {
        self.switched_off
    }
}

/// What came of a replay, step by step. Printed, it tells what was sent, what was answered and what the identity
/// provider would have made of it.
#[derive(Clone, Debug)]
pub struct Replay {
    name: String,
    run: u64,
    steps: Vec<Replayed>,
}

impl Replay {
    pub(super) fn new(name: &str, run: u64) -> Self {
        Self { name: name.to_owned(), run, steps: Vec::new() }
    }

    pub(super) fn add(&mut self, step: Replayed) {
        self.steps.push(step);
    }

    /// The steps, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Replayed> {
        self.steps.iter()
    }

    /// The steps that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Replayed> {
        self.steps.iter().filter(|step| matches!(step.verdict, Verdict::Failed(_)))
    }

    /// Whether the identity provider got all that it needs: no step failed and none was skipped.
    pub fn is_passed(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| step.verdict == Verdict::Passed)
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, exchanges, verdict, switched_off } = self;
        write!(f, "{}: {}", step.id(), step.when())?;
        let from: Vec<&str> = step.from().collect();
        let from = if from.is_empty() { String::new() } else { format!(" [{}]", from.join(", ")) };
        writeln!(f, "{from}")?;
        exchanges.iter().try_for_each(|exchange| exchange.fmt(f))?;
        match verdict {
            Verdict::Passed => return writeln!(f, "    passed"),
            Verdict::Skipped(why) => writeln!(f, "    skipped: {why}")?,
            Verdict::Failed(failures) => {
                failures.iter().try_for_each(|failure| writeln!(f, "    FAILED: {failure}"))?;
            }
        }
        writeln!(f, "    otherwise: {}", step.otherwise())?;
        if !switched_off.is_empty() {
            return writeln!(f, "    needs, and is switched off: {switched_off}");
        }
        if step.quirks().is_empty() { Ok(()) } else { writeln!(f, "    relies on the quirks: {}", step.quirks()) }
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.steps.iter().filter(|step| matches!(step.verdict, Verdict::Skipped(_))).count();
        let (all, failed) = (self.steps.len(), self.failed().count());
        writeln!(f, "{}, run {}: {all} steps, {failed} failed, {skipped} skipped", self.name, self.run)?;
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "\n{:3}. {step}", index + 1)?;
        }
        Ok(())
    }
}
