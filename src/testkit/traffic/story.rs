//! The results of a replay, for readers of test output.

use std::fmt;

use super::{super::report::Failure, discovery::SchemaSource, exchange::Exchange, step::Step};
use crate::quirks::Quirks;

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The response met all expectations.
    Passed,
    /// The step was not sent, for this reason: an earlier step did not get the response that this step needs.
    Skipped(String),
    /// The service provider has not registered the attributes, or the resource type, of the step; the text names them.
    /// The request was sent unless it needs a value of another such step, and the response met the other expectations.
    NotApplicable(String),
    /// The expectations that the response did not meet.
    Failed(Vec<Failure>),
}

/// A step, its requests and responses, and the verdict.
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

    /// The requests and their responses. Usually one exchange; one exchange for each page of a list; two if a response
    /// without a body made the replay read the resource; empty if the step was not sent.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// The verdict.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The failed expectations; empty unless the step failed.
    pub fn failures(&self) -> &[Failure] {
        match &self.verdict {
            Verdict::Failed(failures) => failures,
            Verdict::Passed | Verdict::Skipped(_) | Verdict::NotApplicable(_) => &[],
        }
    }

    /// The unregistered attributes and schemas that the identity provider expects in the response and that this replay
    /// left out: `emails`, or `urn:…:User:manager.value`. Empty if all of them are registered.
    pub fn left_out(&self) -> impl ExactSizeIterator<Item = &str> {
        self.left_out.iter().map(String::as_str)
    }

    /// The habits that the step relies on and that the service provider does not tolerate. Empty through a transport,
    /// where the tolerated habits are not known.
    pub fn switched_off(&self) -> Quirks {
        self.switched_off
    }
}

/// The result of a replay, step by step. `Display` prints the requests, the responses, and the verdict of the identity
/// provider.
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
    /// provider does not send these steps to this service provider, and the replay does not judge them.
    pub fn not_applicable(&self) -> impl Iterator<Item = &Replayed> {
        self.steps.iter().filter(|step| matches!(step.verdict, Verdict::NotApplicable(_)))
    }

    /// The source of the attributes that the service provider has registered.
    pub fn schema_source(&self) -> &SchemaSource {
        &self.source
    }

    /// Whether the service provider meets all needs of the identity provider: no step failed, no step was skipped, and
    /// at least one step passed.
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
