//! Filters that a host builds without text: values need no quotes, so a host cannot forget to quote a value.

use super::{
    BuildError, BuildErrorKind, Filter, Operator,
    grammar::is_number,
    nodes::{Join, Node, Nodes, PathSpan, Slot, Span, Value, narrow},
    tree::{Chain, Operand, Subtree, push},
};
use crate::path::{AttributePath, PathRef};

/// The owned value of a comparison: a string, an integer, a boolean, [`LiteralBuf::number`] or [`LiteralBuf::NULL`].
///
/// ```
/// use scim_core::filter::{Filter, LiteralBuf, Operator};
///
/// let filter = Filter::compare("title".parse()?, Operator::Ne, LiteralBuf::NULL)?;
/// assert_eq!(filter.to_string(), "title ne null");
/// let filter = Filter::compare("score".parse()?, Operator::Ge, LiteralBuf::number("2.50")?)?;
/// assert_eq!(filter.to_string(), "score ge 2.50");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiteralBuf(Repr);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Repr {
    Null,
    Boolean(bool),
    Number(Box<str>),
    String(Box<str>),
}

impl LiteralBuf {
    /// `null`, which means no value (RFC 7643 §2.5).
    pub const NULL: Self = Self(Repr::Null);

    /// Returns a number from its text, with all its digits.
    ///
    /// # Errors
    ///
    /// [`BuildErrorKind::Number`] if `text` is not a JSON number (RFC 8259 §6).
    pub fn number(text: &str) -> Result<Self, BuildError> {
        if is_number(text) { Ok(Self(Repr::Number(text.into()))) } else { Err(BuildError::new(BuildErrorKind::Number)) }
    }
}

impl From<&str> for LiteralBuf {
    fn from(text: &str) -> Self {
        Self(Repr::String(text.into()))
    }
}

impl From<String> for LiteralBuf {
    fn from(text: String) -> Self {
        Self(Repr::String(text.into()))
    }
}

impl From<bool> for LiteralBuf {
    fn from(value: bool) -> Self {
        Self(Repr::Boolean(value))
    }
}

impl From<i64> for LiteralBuf {
    fn from(value: i64) -> Self {
        Self(Repr::Number(value.to_string().into()))
    }
}

impl From<i32> for LiteralBuf {
    fn from(value: i32) -> Self {
        i64::from(value).into()
    }
}

impl Filter {
    /// Builds `path operator value`.
    ///
    /// # Errors
    ///
    /// [`BuildErrorKind::Nul`] if `value` is a string with U+0000, which filters cannot contain;
    /// [`BuildErrorKind::TooLong`].
    ///
    /// ```
    /// use scim_core::filter::{Filter, Operator};
    ///
    /// let filter = Filter::compare("userName".parse()?, Operator::Eq, r#"b"jensen"#)?;
    /// assert_eq!(filter.to_string(), r#"userName eq "b\"jensen""#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a builder takes what it is given: callers end in `parse()?`")]
    pub fn compare(path: AttributePath, operator: Operator, value: impl Into<LiteralBuf>) -> Result<Self, BuildError> {
        let mut builder = Builder::default();
        let path = builder.path(path.as_ref());
        let value = match value.into().0 {
            Repr::Null => Value::Null,
            Repr::Boolean(value) => Value::Boolean(value),
            Repr::Number(text) => Value::Number(builder.span(&text)),
            Repr::String(text) if text.contains('\0') => return Err(BuildError::new(BuildErrorKind::Nul)),
            Repr::String(text) => Value::String(builder.span(&text)),
        };
        let root = push(&mut builder.nodes, Node::Compare { path, operator, value }, 0);
        builder.finish(root)
    }

    /// Builds `path pr`.
    ///
    /// ```
    /// use scim_core::filter::Filter;
    ///
    /// assert_eq!(Filter::present("title".parse()?).to_string(), "title pr");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "as in `compare`")]
    pub fn present(path: AttributePath) -> Self {
        let mut builder = Builder::default();
        let path = builder.path(path.as_ref());
        push(&mut builder.nodes, Node::Present { path }, 0);
        Self { text: builder.text.into(), nodes: builder.nodes, height: 0, brackets: false }
    }

    /// Builds `path[condition]`: `condition` holds for at least one of the attribute's values.
    ///
    /// # Errors
    ///
    /// [`BuildErrorKind::NestedBrackets`] if `condition` itself has brackets, [`BuildErrorKind::TooDeep`] beyond
    /// [`Filter::MAX_DEPTH`], [`BuildErrorKind::TooLong`].
    #[expect(clippy::needless_pass_by_value, reason = "as in `compare`")]
    pub fn value_path(path: AttributePath, condition: Self) -> Result<Self, BuildError> {
        if condition.brackets {
            return Err(BuildError::new(BuildErrorKind::NestedBrackets));
        }
        let mut builder = Builder::default();
        let condition = builder.absorb(&condition);
        let path = builder.path(path.as_ref());
        let node = Node::ValuePath { path, condition: condition.index() };
        let root = push(&mut builder.nodes, node, condition.height() + 1);
        builder.brackets = true;
        builder.finish(root)
    }

    /// Builds `a and b and …`; a single filter is returned unchanged.
    ///
    /// # Errors
    ///
    /// [`BuildErrorKind::Empty`] without any filter, [`BuildErrorKind::TooDeep`] beyond [`Filter::MAX_DEPTH`],
    /// [`BuildErrorKind::TooLong`].
    ///
    /// ```
    /// use scim_core::filter::Filter;
    ///
    /// let either = Filter::or(["title pr".parse::<Filter>()?, "nickName pr".parse()?])?;
    /// let filter = Filter::and([either, "active eq true".parse()?])?;
    /// assert_eq!(filter.to_string(), "(title pr or nickName pr) and active eq true");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn and(filters: impl IntoIterator<Item = Self>) -> Result<Self, BuildError> {
        join(Join::And, filters)
    }

    /// Builds `a or b or …`; a single filter is returned unchanged.
    ///
    /// # Errors
    ///
    /// The same as for [`Filter::and`].
    pub fn or(filters: impl IntoIterator<Item = Self>) -> Result<Self, BuildError> {
        join(Join::Or, filters)
    }

    /// Builds `not (filter)`.
    ///
    /// # Errors
    ///
    /// [`BuildErrorKind::TooDeep`] beyond [`Filter::MAX_DEPTH`].
    pub fn negate(mut self) -> Result<Self, BuildError> {
        let child = self.nodes.root();
        let root = push(&mut self.nodes, Node::Not { child }, self.height + 1);
        Builder { text: self.text.into(), nodes: self.nodes, brackets: self.brackets }.finish(root)
    }
}

fn join(join: Join, filters: impl IntoIterator<Item = Filter>) -> Result<Filter, BuildError> {
    let mut builder = Builder::default();
    let mut chain = Chain::new(join);
    let mut empty = true;
    for filter in filters {
        empty = false;
        let part = builder.absorb(&filter);
        chain.add(&mut builder.nodes, part);
        builder.check_length()?;
    }
    if empty {
        return Err(BuildError::new(BuildErrorKind::Empty));
    }
    let root = chain.finish(&mut builder.nodes);
    builder.finish(root)
}

impl Operand<'_> {
    /// Copies the part to a separate filter.
    pub fn to_filter(self) -> Filter {
        let (filter, first, slots) = self.nodes();
        let mut builder = Builder::default();
        builder.copy(filter, slots, first);
        let brackets = slots.iter().any(|slot| matches!(slot.node, Node::ValuePath { .. }));
        // The height of the whole filter is an upper bound for the height of its part.
        Filter { text: builder.text.into(), nodes: builder.nodes, height: filter.height, brackets }
    }
}

#[derive(Default)]
struct Builder {
    text: String,
    nodes: Nodes,
    brackets: bool,
}

impl Builder {
    /// Adds the text, and returns its start and its length.
    fn add(&mut self, text: &str) -> (u32, u32) {
        // `check_length` refuses a longer text later.
        let added = (narrow(self.text.len()), narrow(text.len()));
        self.text.push_str(text);
        added
    }

    fn span(&mut self, text: &str) -> Span {
        let (start, len) = self.add(text);
        Span::new(start, len)
    }

    fn path(&mut self, path: PathRef<'_>) -> PathSpan {
        PathSpan { start: self.add(path.text()).0, shape: path.shape() }
    }

    /// Appends all nodes of `filter`.
    fn absorb(&mut self, filter: &Filter) -> Subtree {
        self.copy(filter, filter.nodes.as_slice(), 0);
        self.brackets |= filter.brackets;
        Subtree::new(self.nodes.root(), filter.height)
    }

    /// Appends `slots` of `filter` with their texts. `first` is the index of the first of them in `filter`.
    fn copy(&mut self, filter: &Filter, slots: &[Slot], first: u32) {
        let base = narrow(self.nodes.len());
        let moved = |index: u32| index.wrapping_sub(first).wrapping_add(base);
        self.nodes.reserve(slots.len() + 1);
        for slot in slots {
            let mut path =
                |span: PathSpan| PathSpan { start: self.add(span.within(&filter.text)).0, shape: span.shape };
            let node = match slot.node {
                Node::Join { join, first, last, len } => {
                    Node::Join { join, first: moved(first), last: moved(last), len }
                }
                Node::Not { child } => Node::Not { child: moved(child) },
                Node::Present { path: span } => Node::Present { path: path(span) },
                Node::ValuePath { path: span, condition } => {
                    Node::ValuePath { path: path(span), condition: moved(condition) }
                }
                Node::Compare { path: span, operator, value } => {
                    let path = path(span);
                    let value = match value {
                        Value::Number(span) => Value::Number(self.span(span.within(&filter.text))),
                        Value::String(span) => Value::String(self.span(span.within(&filter.text))),
                        Value::Null | Value::Boolean(_) => value,
                    };
                    Node::Compare { path, operator, value }
                }
            };
            let index = self.nodes.push(node);
            self.nodes.link(index, moved(slot.next));
        }
    }

    fn check_length(&self) -> Result<(), BuildError> {
        match (u32::try_from(self.text.len()), u32::try_from(self.nodes.len())) {
            (Ok(_), Ok(_)) => Ok(()),
            _ => Err(BuildError::new(BuildErrorKind::TooLong)),
        }
    }

    fn finish(self, root: Subtree) -> Result<Filter, BuildError> {
        self.check_length()?;
        if usize::from(root.height()) > Filter::MAX_DEPTH {
            return Err(BuildError::new(BuildErrorKind::TooDeep));
        }
        let Self { text, nodes, brackets } = self;
        Ok(Filter { text: text.into(), nodes, height: root.height(), brackets })
    }
}
