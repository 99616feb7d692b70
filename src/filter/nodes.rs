//! The representation of a filter: nodes in one slice, with spans into one text.
//!
//! [`tree`](super::tree) makes and follows the links between the nodes.

use super::Operator;
use crate::path::Shape;

/// Converts an offset in a text or the index of a node. A parsed text is at most 1 GiB long, a built text is refused beyond 4
/// GiB, and a node takes about four bytes of its text, so these numbers fit.
#[inline]
pub(super) fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// A part of a filter's text: the start and the length, in one number as in a [`Shape`].
#[derive(Clone, Copy)]
pub(super) struct Span(u64);

impl Span {
    #[inline]
    pub(super) fn new(start: u32, len: u32) -> Self {
        Self(u64::from(start) | u64::from(len) << 32)
    }

    /// The part of `text`. `text` is the text from which the parser made this span.
    pub(super) fn within(self, text: &str) -> &str {
        // Both parts have 32 bits, so nothing is lost on a machine whose addresses have as many.
        let whole = |part: u64| usize::try_from(part).unwrap_or(usize::MAX);
        let (start, len) = (whole(self.0 & u64::from(u32::MAX)), whole(self.0 >> 32));
        text.get(start..start.saturating_add(len)).unwrap_or_default()
    }
}

/// A path within a filter's text.
#[derive(Clone, Copy)]
pub(super) struct PathSpan {
    pub(super) start: u32,
    pub(super) shape: Shape,
}

impl PathSpan {
    /// The path, which is a part of `text`. `text` is the text from which the parser made this span.
    pub(super) fn within(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start + usize::from(self.shape.len())).unwrap_or_default()
    }
}

/// The value of a comparison.
///
/// The tag takes as many bytes as the payload, and the tag of a [`Node`] takes four, so that a move reads the parts in the
/// widths in which they were written: see [`Shape`].
#[derive(Clone, Copy)]
#[repr(u64)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Number(Span),
    String(Span),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Node {
    Join { join: Join, first: u32, last: u32, len: u32 },
    Not { child: u32 },
    Compare { operator: Operator, path: PathSpan, value: Value },
    Present { path: PathSpan },
    ValuePath { path: PathSpan, condition: u32 },
}

/// A node, and the index of the next operand of the same `and` or `or`. The last operand's index has no meaning.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) node: Node,
    pub(super) next: u32,
}

impl Slot {
    const EMPTY: Self = Self { node: Node::Not { child: 0 }, next: 0 };
}

/// The nodes of a filter. Most filters of identity providers are one comparison: one node needs no allocation.
#[derive(Clone)]
pub(super) enum Nodes {
    AtMostOne {
        slot: Option<Slot>,
        /// The number of nodes for which the vector will have room, if a second node follows.
        room: usize,
    },
    Many(Vec<Slot>),
}

impl Nodes {
    /// No node yet. A second node allocates a vector for `room` nodes.
    pub(super) fn with_room(room: usize) -> Self {
        Self::AtMostOne { slot: None, room }
    }

    pub(super) fn as_slice(&self) -> &[Slot] {
        match self {
            Self::AtMostOne { slot, .. } => slot.as_slice(),
            Self::Many(slots) => slots,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// The index of the last node, which is the root of all nodes.
    pub(super) fn root(&self) -> u32 {
        narrow(self.len()).wrapping_sub(1)
    }

    /// Makes room for `more` nodes.
    pub(super) fn reserve(&mut self, more: usize) {
        match self {
            Self::AtMostOne { slot, room } => *room = (*room).max(slot.as_slice().len() + more),
            Self::Many(slots) => slots.reserve(more),
        }
    }

    /// Adds a node at the end; returns its index.
    #[inline]
    pub(super) fn push(&mut self, node: Node) -> usize {
        let index = self.len();
        // The parts of the node are written to their place. A node that is made elsewhere would be read again.
        if let Some(slot) = self.next() {
            slot.node = node;
        }
        index
    }

    /// The place of one more node, which has an empty node; never `None`.
    fn next(&mut self) -> Option<&mut Slot> {
        if let Self::AtMostOne { slot: Some(first), room } = self {
            let mut slots = Vec::with_capacity(*room);
            slots.push(*first);
            *self = Self::Many(slots);
        }
        match self {
            Self::AtMostOne { slot, .. } => Some(slot.insert(Slot::EMPTY)),
            Self::Many(slots) => {
                slots.push(Slot::EMPTY);
                slots.last_mut()
            }
        }
    }

    /// The node that was added last.
    #[inline]
    pub(super) fn last(&self) -> Option<&Node> {
        let last = match self {
            Self::Many(slots) => slots.last(),
            Self::AtMostOne { slot, .. } => slot.as_ref(),
        };
        last.map(|slot| &slot.node)
    }

    /// Sets the index of the operand that follows the operand at `index`.
    #[inline]
    pub(super) fn link(&mut self, index: usize, next: u32) {
        let slot = match self {
            Self::Many(slots) => slots.get_mut(index),
            Self::AtMostOne { slot, .. } => slot.as_mut(),
        };
        if let Some(slot) = slot {
            slot.next = next;
        }
    }

    pub(super) fn pop(&mut self) -> Option<Slot> {
        match self {
            Self::AtMostOne { slot, .. } => slot.take(),
            Self::Many(slots) => slots.pop(),
        }
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Self::with_room(2)
    }
}
