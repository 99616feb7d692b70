//! Decisions drawn from the bytes of the fuzzer. Without bytes left every decision is the first possible one, so each
//! input ends.

use arbitrary::Unstructured;

pub(crate) struct Choices<'a>(Unstructured<'a>);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `end`, which is at most 256: one byte for each decision, so that a mutation changes one decision.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.0.arbitrary::<u8>().unwrap_or(0)) % end.max(1)
    }

    /// True in one of `times` cases; false without bytes.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// A few of the following bytes as they are.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let len = self.below(most).min(self.0.len());
        self.0.bytes(len).unwrap_or_default()
    }

    /// A few of the following bytes as text.
    pub(crate) fn text(&mut self, most: usize) -> String {
        String::from_utf8_lossy(self.bytes(most)).into_owned()
    }
}
