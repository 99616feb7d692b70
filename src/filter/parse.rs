//! The grammar of filters (RFC 7644 §3.4.2.2).
//!
//! The next byte or word alone decides the parse, and no input is read twice: `rest` only gets shorter.
//! [`Filter::MAX_DEPTH`] bounds the recursion.

mod patch_path;

pub(crate) use self::patch_path::{PatchPathParts, parse_patch_path};

use super::{
    Filter, FilterError, FilterErrorKind,
    literal::read_escape,
    tree::{Chain, Join, Node, Part, PathSpan, Slot, Span, Value, push},
    word::{self, Word},
};
use crate::{
    limits::Limits,
    path::{PathErrorKind, Shape, is_path_byte},
    quirks::{Quirk, Tolerance},
};

/// The end of a group of expressions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Close {
    End,
    Parenthesis,
    Bracket,
}

pub(super) fn parse_filter(text: &str, limits: &Limits, tolerance: &mut Tolerance) -> Result<Filter, FilterError> {
    let mut parser = Parser::new(text, limits.filter_bytes, limits, tolerance)?;
    let root = parser.group(Close::End)?;
    Ok(parser.finish(root))
}

/// Converts an offset. Texts are at most [`MAX_BYTES`] long, so their offsets fit.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// The maximum length of a filter in bytes, independent of `Limits`: a quarter of the range of `u32` offsets, because
/// decoded strings follow the source.
const MAX_BYTES: usize = 1 << 30;

struct Parser<'a, 't> {
    source: &'a str,
    rest: &'a [u8],
    nodes: Vec<Slot>,
    /// Strings without their escapes, which follow the source in the filter's text.
    decoded: String,
    in_brackets: bool,
    brackets: bool,
    depth: usize,
    max_depth: usize,
    terms: usize,
    max_terms: usize,
    tolerance: &'t mut Tolerance,
}

impl<'a, 't> Parser<'a, 't> {
    fn new(
        source: &'a str,
        max_bytes: usize,
        limits: &Limits,
        tolerance: &'t mut Tolerance,
    ) -> Result<Self, FilterError> {
        let max_bytes = max_bytes.min(MAX_BYTES);
        if source.len() > max_bytes {
            return Err(FilterError::new(FilterErrorKind::TooLong(max_bytes), max_bytes));
        }
        Ok(Self {
            source,
            rest: source.as_bytes(),
            // A node takes at least about four bytes of text and usually twenty, so the vector grows at most once.
            nodes: Vec::with_capacity(source.len() / 8 + 2),
            decoded: String::new(),
            in_brackets: false,
            brackets: false,
            depth: 0,
            max_depth: limits.filter_depth.min(Filter::MAX_DEPTH),
            terms: 0,
            max_terms: limits.filter_terms,
            tolerance,
        })
    }

    fn finish(self, root: Part) -> Filter {
        let text =
            if self.decoded.is_empty() { self.source.into() } else { [self.source, &*self.decoded].concat().into() };
        Filter { text, nodes: self.nodes, height: root.height, brackets: self.brackets }
    }

    fn offset(&self) -> usize {
        self.source.len() - self.rest.len()
    }

    fn error(&self, kind: FilterErrorKind) -> FilterError {
        FilterError::new(kind, self.offset())
    }

    fn text(&self, span: PathSpan) -> &'a str {
        let start = span.start as usize;
        self.source.get(start..start + usize::from(span.shape.len)).unwrap_or_default()
    }

    fn advance(&mut self, rest: &'a [u8]) {
        debug_assert!(rest.len() <= self.rest.len(), "nothing is read twice");
        self.rest = rest;
    }

    fn skip(&mut self, bytes: usize) {
        self.advance(self.rest.get(bytes..).unwrap_or_default());
    }

    fn take<T>(&mut self, word: impl Fn(&'a [u8]) -> Word<'a, T>, expected: FilterErrorKind) -> Result<T, FilterError> {
        let (rest, taken) = word(self.rest).map_err(|_| self.error(expected))?;
        self.advance(rest);
        Ok(taken)
    }

    fn blanks(&mut self) {
        let blanks = self.rest.iter().take_while(|byte| word::is_blank(**byte)).count();
        self.skip(blanks);
    }

    /// Runs `read` one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, FilterError>) -> Result<T, FilterError> {
        if self.depth == self.max_depth {
            return Err(self.error(FilterErrorKind::TooDeep(self.max_depth)));
        }
        self.depth += 1;
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }

    /// `FILTER` or `valFilter`, with its end: operands joined by `and`, and those groups joined by `or`.
    fn group(&mut self, close: Close) -> Result<Part, FilterError> {
        let mut any = Chain::new(Join::Or);
        let mut all = Chain::new(Join::And);
        loop {
            let operand = self.operand()?;
            all.add(&mut self.nodes, operand);
            match self.join_or_close(close)? {
                Some(Join::And) => {}
                joined => {
                    let part = all.finish(&mut self.nodes);
                    any.add(&mut self.nodes, part);
                    if joined.is_none() {
                        return Ok(any.finish(&mut self.nodes));
                    }
                    all = Chain::new(Join::And);
                }
            }
        }
    }

    fn join_or_close(&mut self, close: Close) -> Result<Option<Join>, FilterError> {
        self.blanks();
        let expected = match (self.rest.first(), close) {
            (None, Close::End) => return Ok(None),
            (Some(b')'), Close::Parenthesis) | (Some(b']'), Close::Bracket) => {
                self.skip(1);
                return Ok(None);
            }
            (_, Close::End) => FilterErrorKind::End,
            (_, Close::Parenthesis) => FilterErrorKind::Parenthesis,
            (_, Close::Bracket) => FilterErrorKind::Bracket,
        };
        self.take(word::join, expected).map(Some)
    }

    /// `attrExp`, `valuePath`, or a group with or without `not`.
    fn operand(&mut self) -> Result<Part, FilterError> {
        self.blanks();
        if self.rest.first() == Some(&b'(') {
            return self.nested(|parser| {
                parser.skip(1);
                parser.group(Close::Parenthesis)
            });
        }
        let path = self.path(FilterErrorKind::Expression)?;
        self.blanks();
        match self.rest.first() {
            Some(b'(') if self.is_word(path, "not") => self.nested(|parser| {
                parser.skip(1);
                let child = parser.group(Close::Parenthesis)?;
                Ok(push(&mut parser.nodes, Node::Not { child: child.index }, child.height + 1))
            }),
            Some(b'[') => self.value_path(path),
            _ => self.comparison(path),
        }
    }

    /// No keyword is reserved: in `NOT pr` the name `not` is an attribute, because an operator follows.
    fn is_word(&self, path: PathSpan, word: &str) -> bool {
        self.text(path).eq_ignore_ascii_case(word)
    }

    fn path(&mut self, expected: FilterErrorKind) -> Result<PathSpan, FilterError> {
        let start = self.offset();
        let shape = Shape::scan(self.rest).map_err(|error| {
            if *error.kind() == PathErrorKind::Name && error.offset() == 0 {
                FilterError::new(expected, start)
            } else {
                FilterError::in_path(error, start)
            }
        })?;
        self.skip(shape.len.into());
        match self.rest.first() {
            Some(byte) if !word::is_blank(*byte) && !matches!(byte, b'(' | b')' | b'[' | b']') => {
                Err(self.error(FilterErrorKind::Path(PathErrorKind::Character)))
            }
            _ => Ok(PathSpan { start: narrow(start), shape }),
        }
    }

    /// `attrExp` after its path.
    fn comparison(&mut self, path: PathSpan) -> Result<Part, FilterError> {
        if self.terms == self.max_terms {
            return Err(FilterError::new(FilterErrorKind::TooManyTerms(self.max_terms), path.start as usize));
        }
        self.terms += 1;
        let Some(operator) = self.take(word::operator, FilterErrorKind::Operator).map_err(|error| {
            if self.is_word(path, "not") {
                FilterError::new(FilterErrorKind::Not, error.offset())
            } else if self.is_word(path, "and") || self.is_word(path, "or") {
                FilterError::new(FilterErrorKind::Expression, path.start as usize)
            } else {
                error
            }
        })?
        else {
            return Ok(push(&mut self.nodes, Node::Present { path }, 0));
        };
        self.blanks();
        let value = self.value()?;
        Ok(push(&mut self.nodes, Node::Compare { path, operator, value }, 0))
    }

    /// `valuePath` after its path, with a sub-attribute and a comparison as Entra appends them:
    /// `emails[type eq "work"].value eq "x"` is `emails[type eq "work" and value eq "x"]`.
    fn value_path(&mut self, path: PathSpan) -> Result<Part, FilterError> {
        let mut condition = self.brackets()?;
        if self.rest.first() == Some(&b'.') {
            if !self.tolerance.allows(Quirk::ValuePathComparison) {
                return Err(self.error(FilterErrorKind::AfterBrackets));
            }
            let place = self.offset();
            let mut all = Chain::new(Join::And);
            all.add(&mut self.nodes, condition);
            let sub = self.sub_attribute()?;
            self.blanks();
            let comparison = self.comparison(sub)?;
            all.add(&mut self.nodes, comparison);
            condition = all.finish(&mut self.nodes);
            // An `or` in the brackets gets parentheses, which the source does not have: check the depth again.
            if self.depth + 1 + usize::from(condition.height) > self.max_depth {
                return Err(FilterError::new(FilterErrorKind::TooDeep(self.max_depth), place));
            }
        }
        let node = Node::ValuePath { path, condition: condition.index };
        Ok(push(&mut self.nodes, node, condition.height + 1))
    }

    /// `"[" valFilter "]"`.
    fn brackets(&mut self) -> Result<Part, FilterError> {
        if self.in_brackets {
            return Err(self.error(FilterErrorKind::NestedBrackets));
        }
        self.nested(|parser| {
            parser.skip(1);
            parser.in_brackets = true;
            let condition = parser.group(Close::Bracket)?;
            parser.in_brackets = false;
            parser.brackets = true;
            Ok(condition)
        })
    }

    /// `subAttr`: a dot and a name.
    fn sub_attribute(&mut self) -> Result<PathSpan, FilterError> {
        self.skip(1);
        let start = self.offset();
        let shape = Shape::scan(self.rest).map_err(|error| FilterError::in_path(error, start))?;
        self.skip(shape.len.into());
        if !shape.is_name() {
            return Err(FilterError::new(FilterErrorKind::Path(PathErrorKind::SubAttributes), start));
        }
        Ok(PathSpan { start: narrow(start), shape })
    }

    /// `compValue`.
    fn value(&mut self) -> Result<Value, FilterError> {
        match self.rest.first() {
            Some(b'"') => return self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => return self.number().map(Value::Number),
            Some(b'\'' | 0x80..) => return Err(self.error(FilterErrorKind::Quotes)),
            Some(_) | None => {}
        }
        let place = self.offset();
        let kind = match self.take(word::word, FilterErrorKind::Value)? {
            b"true" => return Ok(Value::Boolean(true)),
            b"false" => return Ok(Value::Boolean(false)),
            b"null" => return Ok(Value::Null),
            b"" => FilterErrorKind::Value,
            other if ["true", "false", "null"].iter().any(|name| other.eq_ignore_ascii_case(name.as_bytes())) => {
                FilterErrorKind::LowerCase
            }
            _ => FilterErrorKind::Quotes,
        };
        Err(FilterError::new(kind, place))
    }

    fn number(&mut self) -> Result<Span, FilterError> {
        let start = self.offset();
        let text = self.take(word::number, FilterErrorKind::Number)?;
        if self.rest.first().is_some_and(|byte| is_path_byte(*byte)) {
            return Err(self.error(FilterErrorKind::Number));
        }
        Ok(Span { start: narrow(start), len: narrow(text.len()) })
    }

    fn string(&mut self) -> Result<Span, FilterError> {
        self.skip(1);
        let start = self.offset();
        let mut end = self.plain_end()?;
        let span = if self.rest.first() == Some(&b'"') {
            Span { start: narrow(start), len: narrow(end - start) }
        } else {
            let decoded = self.decoded.len();
            if decoded == 0 {
                // An escape is never shorter than its character, so this capacity suffices for all further strings.
                self.decoded.reserve(self.rest.len() + end - start);
            }
            self.decoded.push_str(self.source.get(start..end).unwrap_or_default());
            while self.rest.first() == Some(&b'\\') {
                let (c, len) = read_escape(self.rest.get(1..).unwrap_or_default()).map_err(|kind| self.error(kind))?;
                self.decoded.push(c);
                self.skip(1 + len);
                let start = self.offset();
                end = self.plain_end()?;
                self.decoded.push_str(self.source.get(start..end).unwrap_or_default());
            }
            Span { start: narrow(self.source.len() + decoded), len: narrow(self.decoded.len() - decoded) }
        };
        self.skip(1);
        if self.rest.first().is_some_and(|byte| is_path_byte(*byte)) {
            return Err(self.error(FilterErrorKind::Space));
        }
        Ok(span)
    }

    /// Reads up to a quote or a backslash and returns its offset.
    fn plain_end(&mut self) -> Result<usize, FilterError> {
        self.take(word::plain, FilterErrorKind::ClosingQuote)?;
        match self.rest.first() {
            Some(b'"' | b'\\') => Ok(self.offset()),
            Some(b'\0') => Err(self.error(FilterErrorKind::Nul)),
            Some(_) => Err(self.error(FilterErrorKind::Control)),
            None => Err(self.error(FilterErrorKind::ClosingQuote)),
        }
    }
}
