//! The tree of a filter: the links between its nodes, by index.
//!
//! Children precede their parents, so the last node is the root and a subtree is a range that ends in its root.

use std::fmt;

use super::{
    Expression, Filter, Literal,
    nodes::{Join, Node, Nodes, PathSpan, Slot, Value, narrow},
};
use crate::path::PathRef;

/// A finished subtree, with the levels of parentheses, `not` and brackets in its printed form.
///
/// One number moves in one register: see [`Shape`](crate::path::Shape).
#[derive(Clone, Copy)]
pub(super) struct Subtree(u64);

impl Subtree {
    #[inline]
    pub(super) fn new(index: u32, height: u16) -> Self {
        Self(u64::from(index) << 16 | u64::from(height))
    }

    /// The index of the root.
    #[inline]
    pub(super) fn index(self) -> u32 {
        // The index has 32 bits, so nothing is lost.
        u32::try_from(self.0 >> 16).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(super) fn height(self) -> u16 {
        let [first, second, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([first, second])
    }
}

/// Adds a node.
#[inline]
pub(super) fn push(nodes: &mut Nodes, node: Node, height: u16) -> Subtree {
    Subtree::new(narrow(nodes.push(node)), height)
}

/// The operands of an `and` or `or` under construction.
pub(super) struct Chain {
    join: Join,
    /// The first operand, with its own height: the height if it remains the only operand and needs no parentheses.
    first: Subtree,
    /// The index of the last operand, and the number of operands: as wide as a register, as in a [`Subtree`].
    last: usize,
    len: usize,
    height: u16,
}

impl Chain {
    pub(super) fn new(join: Join) -> Self {
        Self { join, first: Subtree::new(0, 0), last: 0, len: 0, height: 0 }
    }

    /// Adds an operand, which must be the newest subtree. An operand with the same join is replaced by its own
    /// operands: `a and (b and c)` prints as `a and b and c`, and parsing that text gives an equal filter.
    pub(super) fn add(&mut self, nodes: &mut Nodes, part: Subtree) {
        let (mut first, mut last, mut len, mut height) = (part.index(), part.index(), 1, part.height());
        if let Some(&Node::Join { join, first: inner_first, last: inner_last, len: inner_len }) = nodes.last() {
            if join == self.join {
                (first, last, len) = (inner_first, inner_last, inner_len);
                nodes.pop();
            } else if join == Join::Or {
                height += 1;
            }
        }
        if self.len == 0 {
            self.first = Subtree::new(first, part.height());
        } else {
            nodes.link(self.last, first);
        }
        self.last = last as usize;
        self.len += len as usize;
        self.height = self.height.max(height);
    }

    /// Returns the chain as one subtree, or its only operand. The chain is empty then.
    pub(super) fn finish(&mut self, nodes: &mut Nodes) -> Subtree {
        let (first, last, len, height) = (self.first, narrow(self.last), narrow(self.len), self.height);
        (self.len, self.height) = (0, 0);
        if len == 1 {
            return first;
        }
        push(nodes, Node::Join { join: self.join, first: first.index(), last, len }, height)
    }
}

pub(super) fn root(filter: &Filter) -> Operand<'_> {
    Operand { filter, index: filter.nodes.root() }
}

pub(super) fn conjuncts(filter: &Filter) -> impl ExactSizeIterator<Item = Operand<'_>> {
    match root(filter).expression() {
        Expression::And(operands) => operands.links(),
        _ => Links { filter, next: root(filter).index, left: 1 },
    }
}

/// The two or more operands of an `and` or `or`.
#[derive(Clone, Copy)]
pub struct Operands<'a> {
    filter: &'a Filter,
    index: u32,
    first: u32,
    len: u32,
}

impl<'a> Operands<'a> {
    /// The number of operands.
    #[expect(clippy::len_without_is_empty, reason = "there are always two or more")]
    pub fn len(self) -> usize {
        self.len as usize
    }

    fn links(self) -> Links<'a> {
        Links { filter: self.filter, next: self.first, left: self.len() }
    }
}

impl<'a> IntoIterator for Operands<'a> {
    type Item = Expression<'a>;
    type IntoIter = OperandIter<'a>;

    fn into_iter(self) -> OperandIter<'a> {
        OperandIter { links: self.links() }
    }
}

/// The operands of an `and` or `or`, in the order of the filter's text.
#[derive(Clone, Debug)]
pub struct OperandIter<'a> {
    links: Links<'a>,
}

impl<'a> Iterator for OperandIter<'a> {
    type Item = Expression<'a>;

    fn next(&mut self) -> Option<Expression<'a>> {
        self.links.next().map(Operand::expression)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.links.size_hint()
    }
}

impl ExactSizeIterator for OperandIter<'_> {}

#[derive(Clone)]
struct Links<'a> {
    filter: &'a Filter,
    next: u32,
    left: usize,
}

impl<'a> Iterator for Links<'a> {
    type Item = Operand<'a>;

    fn next(&mut self) -> Option<Operand<'a>> {
        self.left = self.left.checked_sub(1)?;
        let operand = Operand { filter: self.filter, index: self.next };
        self.next = self.filter.nodes.as_slice().get(self.next as usize)?.next;
        Some(operand)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Links<'_> {}

/// A part of a filter: the operand of `not`, a condition in brackets, or a conjunct.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    filter: &'a Filter,
    index: u32,
}

impl<'a> Operand<'a> {
    /// Returns the part's outermost expression.
    pub fn expression(self) -> Expression<'a> {
        let Self { filter, index } = self;
        let path = |span| path(filter, span);
        let operand = |index| Operand { filter, index };
        match filter.nodes.as_slice().get(index as usize).map(|slot| slot.node) {
            Some(Node::Join { join: Join::And, first, len, .. }) => {
                Expression::And(Operands { filter, index, first, len })
            }
            Some(Node::Join { join: Join::Or, first, len, .. }) => {
                Expression::Or(Operands { filter, index, first, len })
            }
            Some(Node::Not { child }) => Expression::Not(operand(child)),
            Some(Node::Compare { path: span, operator, value }) => {
                Expression::Compare { path: path(span), operator, value: literal(filter, value) }
            }
            Some(Node::Present { path: span }) => Expression::Present { path: path(span) },
            Some(Node::ValuePath { path: span, condition }) => {
                Expression::ValuePath { path: path(span), condition: operand(condition) }
            }
            // Every link points to an existing node, and a node is removed only together with the nodes that link to
            // it. If this were ever wrong, an `or` without operands is the filter that matches no resource.
            None => Expression::Or(Operands { filter, index, first: 0, len: 0 }),
        }
    }

    /// Returns the nodes of the part, with the filter to which they belong and the index of the first of them.
    pub(super) fn nodes(self) -> (&'a Filter, u32, &'a [Slot]) {
        let first = first_of(self.filter, self.index);
        (self.filter, first, self.filter.nodes.as_slice().get(first as usize..=self.index as usize).unwrap_or_default())
    }
}

/// Returns the first node of the subtree with the root `index`.
fn first_of(filter: &Filter, index: u32) -> u32 {
    let mut first = index;
    while let Some(
        Slot { node: Node::Join { first: child, .. } | Node::Not { child }, .. }
        | Slot { node: Node::ValuePath { condition: child, .. }, .. },
    ) = filter.nodes.as_slice().get(first as usize)
    {
        first = *child;
    }
    first
}

/// Whether two subtrees are equal. Children precede their parents, in order and without gaps, so equal nodes with
/// equal numbers of operands imply equal structure.
fn same(left: Operand<'_>, right: Operand<'_>) -> bool {
    let paths = |a: PathSpan, b: PathSpan| path(left.filter, a) == path(right.filter, b);
    let nodes = |a: &Slot, b: &Slot| match (a.node, b.node) {
        (Node::Join { join: a, len: a_len, .. }, Node::Join { join: b, len: b_len, .. }) => a == b && a_len == b_len,
        (Node::Not { .. }, Node::Not { .. }) => true,
        (Node::Present { path: a }, Node::Present { path: b })
        | (Node::ValuePath { path: a, .. }, Node::ValuePath { path: b, .. }) => paths(a, b),
        (
            Node::Compare { path: a, operator: a_operator, value: a_value },
            Node::Compare { path: b, operator: b_operator, value: b_value },
        ) => a_operator == b_operator && paths(a, b) && literal(left.filter, a_value) == literal(right.filter, b_value),
        _ => false,
    };
    let ((_, _, a), (_, _, b)) = (left.nodes(), right.nodes());
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nodes(a, b))
}

fn path(filter: &Filter, span: PathSpan) -> PathRef<'_> {
    PathRef::new(span.within(&filter.text), span.shape)
}

fn literal(filter: &Filter, value: Value) -> Literal<'_> {
    match value {
        Value::Null => Literal::Null,
        Value::Boolean(value) => Literal::Boolean(value),
        Value::Number(span) => Literal::Number(span.within(&filter.text)),
        Value::String(span) => Literal::String(span.within(&filter.text)),
    }
}

impl PartialEq for Operands<'_> {
    fn eq(&self, other: &Self) -> bool {
        same(Operand { filter: self.filter, index: self.index }, Operand { filter: other.filter, index: other.index })
    }
}

impl Eq for Operands<'_> {}

impl PartialEq for Operand<'_> {
    fn eq(&self, other: &Self) -> bool {
        same(*self, *other)
    }
}

impl Eq for Operand<'_> {}

impl fmt::Debug for Operands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl fmt::Debug for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression().fmt(f)
    }
}

impl fmt::Debug for Links<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
