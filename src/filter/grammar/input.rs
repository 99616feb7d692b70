//! The unread text of a filter as an input of nom.
//!
//! Every input of one text refers to the same [`State`], so a parser needs no further argument for it.

use std::{
    iter::{Copied, Enumerate},
    slice,
};

use nom::{Err, IResult, Needed, Offset, Parser};

use super::state::State;
use crate::filter::{FilterError, FilterErrorKind};

/// The result of a parser: the unread text and the parsed value.
///
/// The error is empty, so that a failed alternative costs nothing. `Err::Error` means that another alternative may
/// accept the text. `Err::Failure` means that the text is refused and that the state has the [`FilterError`].
pub(super) type Parsed<'a, T> = IResult<Input<'a>, T, ()>;

/// The unread text, or a part of the text that a parser recognized.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) rest: &'a [u8],
    pub(super) state: &'a State<'a>,
}

impl<'a> Input<'a> {
    pub(super) fn first(self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The offset of the unread text. For a recognized part of the text the offset has no meaning, because text follows
    /// the part.
    pub(super) fn offset(self) -> usize {
        self.state.source().len().saturating_sub(self.rest.len())
    }

    /// Refuses the text: the fault is at the start of the unread text.
    #[cold]
    pub(super) fn fail<T>(self, kind: FilterErrorKind) -> Parsed<'a, T> {
        self.refuse(FilterError::new(kind, self.offset()))
    }

    /// Refuses the text.
    #[cold]
    pub(super) fn refuse<T>(self, error: FilterError) -> Parsed<'a, T> {
        self.state.refuse(error);
        Err(Err::Failure(()))
    }
}

/// Parses the whole text of `state`.
pub(super) fn parse<'a, T>(
    state: &'a State<'a>,
    parser: impl FnOnce(Input<'a>) -> Parsed<'a, T>,
) -> Result<T, FilterError> {
    let parsed = parser(Input { rest: state.source().as_bytes(), state });
    parsed.map(|(_, value)| value).map_err(|_| state.error())
}

/// Refuses each text that `parser` does not accept: the fault is at the start of that text.
pub(super) fn expect<'a, T>(
    kind: FilterErrorKind,
    mut parser: impl Parser<Input<'a>, Output = T, Error = ()>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, T> {
    move |input| match parser.parse_complete(input) {
        Err(Err::Error(())) => input.fail(kind),
        parsed => parsed,
    }
}

impl<'a> nom::Input for Input<'a> {
    type Item = u8;
    type Iter = Copied<slice::Iter<'a, u8>>;
    type IterIndices = Enumerate<Self::Iter>;

    #[inline]
    fn input_len(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn take(&self, index: usize) -> Self {
        Self { rest: self.rest.get(..index).unwrap_or(self.rest), ..*self }
    }

    #[inline]
    fn take_from(&self, index: usize) -> Self {
        Self { rest: self.rest.get(index..).unwrap_or_default(), ..*self }
    }

    #[inline]
    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    #[inline]
    fn position<P: Fn(u8) -> bool>(&self, predicate: P) -> Option<usize> {
        self.rest.iter().position(|byte| predicate(*byte))
    }

    #[inline]
    fn iter_elements(&self) -> Self::Iter {
        self.rest.iter().copied()
    }

    #[inline]
    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }

    #[inline]
    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if count <= self.rest.len() { Ok(count) } else { Err(Needed::new(count - self.rest.len())) }
    }
}

impl Offset for Input<'_> {
    #[inline]
    fn offset(&self, second: &Self) -> usize {
        self.rest.len().saturating_sub(second.rest.len())
    }
}
