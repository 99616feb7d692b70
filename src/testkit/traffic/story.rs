//! What a replay found, for people who read test output.

use std::fmt;

use super::{super::report::Failure, discovery::SchemaSource, exchange::Exchange, step::Step};
use crate::quirks::Quirks;

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The identity provider got what it needs.
    Passed,
    /// It was not sent, and why: an earlier step that it builds on was not answered as it should have been.
    Skipped(String),
    /// The service provider has not registered the attributes, or the resource type, that the step is about; the text
    /// names them. The request was sent unless it needs a value of another such step, and the rest of the answer was as
    /// the identity provider needs it.
    NotApplicable(String),
    /// What the identity provider needs and did not get.
    Failed(Vec<Failure>),
}

/// A step, what was sent and answered, and the verdict.
#[derive(Clone, Debug)]
pub struct Replayed {
    step: Step,
    exchanges: Vec<Exchange>,
    verdict: Verdict,
    left_out: Vec<String>,
    switched_off: Quirks,
}

impl Replayed {
    pub(super) fn new(step: Step, exchanges: Vec<Exchange>, verdict: Verdict, switched_off: Quirks) -> Self {
        Self { step, exchanges, verdict, left_out: Vec::new(), switched_off }
    }

    pub(super) fn leaving_out(mut self, left_out: Vec<String>) -> Self {
        self.left_out = left_out;
        self
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
            Verdict::Passed | Verdict::Skipped(_) | Verdict::NotApplicable(_) => &[],
        }
    }

    /// The unregistered attributes and schemas that the identity provider looks at in the answer and that this replay
    /// left out: `emails`, or `urn:…:User:manager.value`. Empty where everything is registered.
    pub fn left_out(&self) -> impl ExactSizeIterator<Item = &str> {
        self.left_out.iter().map(String::as_str)
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
    source: SchemaSource,
    steps: Vec<Replayed>,
}

impl Replay {
    pub(super) fn new(name: &str, run: u64, source: SchemaSource) -> Self {
        Self { name: name.to_owned(), run, source, steps: Vec::new() }
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

    /// The steps about attributes or resource types that the service provider has not registered. The identity
    /// provider does not use them with this service provider, and the replay says nothing about them.
    pub fn not_applicable(&self) -> impl Iterator<Item = &Replayed> {
        self.steps.iter().filter(|step| matches!(step.verdict, Verdict::NotApplicable(_)))
    }

    /// The source of the attributes that the service provider has registered.
    pub fn schema_source(&self) -> &SchemaSource {
        &self.source
    }

    /// Whether the identity provider got all that it needs: no step failed and none was skipped, and at least one
    /// applies to the service provider.
    pub fn is_passed(&self) -> bool {
        let fine = |step: &Replayed| matches!(step.verdict, Verdict::Passed | Verdict::NotApplicable(_));
        self.steps.iter().all(fine) && self.count(|verdict| *verdict == Verdict::Passed) > 0
    }

    fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        self.steps.iter().filter(|step| is(&step.verdict)).count()
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, exchanges, verdict, left_out, switched_off } = self;
        writeln!(f, "{}: {}", step.id(), step.when())?;
        exchanges.iter().try_for_each(|exchange| exchange.fmt(f))?;
        if !left_out.is_empty() {
            writeln!(f, "    not checked, since not registered: {}", left_out.join(", "))?;
        }
        match verdict {
            Verdict::Passed => return writeln!(f, "    passed"),
            Verdict::NotApplicable(why) => return writeln!(f, "    not applicable: {why}"),
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
        let all = self.steps.len();
        let passed = self.count(|verdict| *verdict == Verdict::Passed);
        let (failed, not_applicable) = (self.failed().count(), self.not_applicable().count());
        let skipped = self.count(|verdict| matches!(verdict, Verdict::Skipped(_)));
        write!(f, "{}, run {}: {all} steps, {passed} passed, {failed} failed, ", self.name, self.run)?;
        writeln!(f, "{skipped} skipped, {not_applicable} not applicable")?;
        writeln!(f, "{}", self.source)?;
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "\n{:3}. {step}", index + 1)?;
        }
        Ok(())
    }
}
