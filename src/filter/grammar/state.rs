//! The state of a parse: the nodes so far, the decoded strings, the budgets and the error.
//!
//! The parsers are functions of the state and of the unread bytes. Without the state in their input, the input is a
//! slice, which a call passes in registers.
//!
//! Alternatives of the grammar share the state, and a failed alternative does not undo its changes. A parser therefore
//! changes the state only after the text has decided the alternative.

use std::cell::{Cell, RefCell};

use nom::{Err, IResult, Parser};

use crate::{
    filter::{
        Filter, FilterError, FilterErrorKind,
        nodes::{Node, Nodes, PathSpan, narrow},
        tree::{Chain, Subtree, push},
    },
    limits::Limits,
    path::Shape,
    quirks::{Quirk, Tolerance},
};

/// The maximum length of a filter in bytes, independent of `Limits`: a quarter of the range of `u32` offsets, because
/// decoded strings follow the source.
const MAX_BYTES: usize = 1 << 30;

/// The result of a parser: the unread bytes and the parsed value.
///
/// The error is empty, so that a failed alternative costs nothing. `Err::Error` means that another alternative may
/// accept the text. `Err::Failure` means that the text is refused and that the state has the [`FilterError`].
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

pub(super) struct State<'a> {
    source: &'a str,
    /// Each method borrows the nodes for one call into `tree`, which knows no state: no two borrows overlap.
    nodes: RefCell<Nodes>,
    /// Strings without their escapes, which follow the source in the filter's text.
    decoded: Cell<String>,
    in_brackets: Cell<bool>,
    /// Whether the filter has brackets.
    brackets: Cell<bool>,
    depth: Cell<usize>,
    max_depth: usize,
    terms: Cell<usize>,
    max_terms: usize,
    tolerance: &'a Cell<Tolerance>,
    error: Cell<FilterError>,
}

impl<'a> State<'a> {
    pub(super) fn new(
        source: &'a str,
        max_bytes: usize,
        limits: &Limits,
        tolerance: &'a mut Tolerance,
    ) -> Result<Self, FilterError> {
        let max_bytes = max_bytes.min(MAX_BYTES);
        if source.len() > max_bytes {
            return Err(FilterError::new(FilterErrorKind::TooLong(max_bytes), max_bytes));
        }
        Ok(Self {
            source,
            // A node takes at least about four bytes of text and usually twenty, so the vector grows at most once.
            nodes: RefCell::new(Nodes::with_room(source.len() / 8 + 2)),
            decoded: Cell::default(),
            in_brackets: Cell::new(false),
            brackets: Cell::new(false),
            depth: Cell::new(0),
            max_depth: limits.filter_depth.min(Filter::MAX_DEPTH),
            terms: Cell::new(0),
            max_terms: limits.filter_terms,
            tolerance: Cell::from_mut(tolerance),
            error: Cell::new(FilterError::new(FilterErrorKind::Expression, 0)),
        })
    }

    /// Moves the nodes and the decoded strings into a filter with this root. Its text begins with a copy of the source.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the parts of the filter are written to their place: see `Shape`")]
    pub(super) fn take_filter(&self, root: Subtree) -> Filter {
        let decoded = self.decoded.take();
        let text = if decoded.is_empty() { self.source.into() } else { [self.source, &*decoded].concat().into() };
        Filter { text, nodes: self.nodes.take(), height: root.height(), brackets: self.brackets.get() }
    }

    pub(super) fn source(&self) -> &'a str {
        self.source
    }

    #[inline]
    pub(super) fn push(&self, node: Node, height: u16) -> Subtree {
        push(&mut self.nodes.borrow_mut(), node, height)
    }

    /// Adds the newest subtree to the operands of `chain`.
    pub(super) fn add(&self, chain: &mut Chain, part: Subtree) {
        chain.add(&mut self.nodes.borrow_mut(), part);
    }

    pub(super) fn finish(&self, chain: &mut Chain) -> Subtree {
        chain.finish(&mut self.nodes.borrow_mut())
    }

    /// Moves the decoded strings out of the state; [`State::set_decoded`] moves them back.
    pub(super) fn take_decoded(&self) -> String {
        self.decoded.take()
    }

    pub(super) fn set_decoded(&self, decoded: String) {
        self.decoded.set(decoded);
    }

    /// Adds a name that the source does not contain.
    pub(super) fn add_name(&self, name: &'static str) -> PathSpan {
        let mut decoded = self.take_decoded();
        let start = narrow(self.source.len() + decoded.len());
        decoded.push_str(name);
        self.set_decoded(decoded);
        PathSpan { start, shape: Shape::name(u16::try_from(name.len()).unwrap_or(u16::MAX)) }
    }

    /// Counts a comparison.
    pub(super) fn count_term(&self) -> Result<(), FilterErrorKind> {
        let terms = self.terms.get();
        if terms == self.max_terms {
            return Err(FilterErrorKind::TooManyTerms(terms));
        }
        self.terms.set(terms + 1);
        Ok(())
    }

    /// Enters one more level of parentheses, `not` or brackets.
    pub(super) fn enter(&self) -> Result<(), FilterErrorKind> {
        let depth = self.depth.get();
        self.check_height(0)?;
        self.depth.set(depth + 1);
        Ok(())
    }

    pub(super) fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }

    /// Enters brackets, apart from their [level](State::enter).
    pub(super) fn enter_brackets(&self) -> Result<(), FilterErrorKind> {
        if self.in_brackets.replace(true) { Err(FilterErrorKind::NestedBrackets) } else { Ok(()) }
    }

    pub(super) fn leave_brackets(&self) {
        self.in_brackets.set(false);
        self.brackets.set(true);
    }

    /// Checks that one more level, with `height` levels inside, is not too deep.
    pub(super) fn check_height(&self, height: u16) -> Result<(), FilterErrorKind> {
        if self.depth.get() + usize::from(height) < self.max_depth {
            Ok(())
        } else {
            Err(FilterErrorKind::TooDeep(self.max_depth))
        }
    }

    /// Whether `quirk` is tolerated; records that the text shows it.
    pub(super) fn allows(&self, quirk: Quirk) -> bool {
        let mut tolerance = self.tolerance.get();
        let allowed = tolerance.allows(quirk);
        self.tolerance.set(tolerance);
        allowed
    }

    /// The offset of the unread bytes.
    pub(super) fn offset(&self, unread: &[u8]) -> usize {
        self.source.len().saturating_sub(unread.len())
    }

    /// The text between two positions, each given by its unread bytes.
    pub(super) fn between(&self, start: &[u8], end: &[u8]) -> &'a str {
        self.source.get(self.offset(start)..self.offset(end)).unwrap_or_default()
    }

    /// Parses the whole text.
    pub(super) fn parse<T>(&self, parser: impl FnOnce(&Self, &'a [u8]) -> Parsed<'a, T>) -> Result<T, FilterError> {
        parser(self, self.source.as_bytes()).map(|(_, value)| value).map_err(|_| self.error.get())
    }

    /// Refuses each text that `parser` does not accept: the fault is at the start of that text.
    pub(super) fn expect<T>(
        &self,
        kind: FilterErrorKind,
        mut parser: impl Parser<&'a [u8], Output = T, Error = ()>,
    ) -> impl FnMut(&'a [u8]) -> Parsed<'a, T> {
        move |input| match parser.parse_complete(input) {
            Err(Err::Error(())) => self.fail(input, kind),
            parsed => parsed,
        }
    }

    /// Refuses the text: the fault is at the start of the unread bytes.
    #[cold]
    pub(super) fn fail<T>(&self, unread: &[u8], kind: FilterErrorKind) -> Parsed<'a, T> {
        self.refuse(FilterError::new(kind, self.offset(unread)))
    }

    /// Refuses the text.
    #[cold]
    pub(super) fn refuse<T>(&self, error: FilterError) -> Parsed<'a, T> {
        self.error.set(error);
        Err(Err::Failure(()))
    }
}
