//! The representation of a filter: nodes in one slice, with spans into one text.
//!
//! [`tree`](super::tree) makes and follows the links between the nodes.

use super::Operator;
use crate::path::Shape;

/// A part of a filter's text.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
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
        text.get(start..start + usize::from(self.shape.len)).unwrap_or_default()
    }
}

/// The value of a comparison.
///
/// The tags of this enumeration and of [`Node`] take four bytes, so that each payload begins at a multiple of four bytes. A
/// processor waits when a read of a value has another width than the write just before.
#[derive(Clone, Copy)]
#[repr(u32)]
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
    Compare { path: PathSpan, operator: Operator, value: Value },
    Present { path: PathSpan },
    ValuePath { path: PathSpan, condition: u32 },
}

/// A node, and the index of the next operand of the same `and` or `or`. The last operand's index has no meaning.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) node: Node,
    pub(super) next: u32,
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

    /// Makes room for `more` nodes.
    pub(super) fn reserve(&mut self, more: usize) {
        match self {
            Self::AtMostOne { slot, room } => *room = (*room).max(slot.as_slice().len() + more),
            Self::Many(slots) => slots.reserve(more),
        }
    }

    /// Adds a node at the end; returns its index.
    #[inline]
    pub(super) fn push(&mut self, added: Slot) -> usize {
        match self {
            Self::Many(slots) => {
                slots.push(added);
                slots.len() - 1
            }
            Self::AtMostOne { slot: slot @ None, .. } => {
                *slot = Some(added);
                0
            }
            Self::AtMostOne { slot: Some(first), room } => {
                let mut slots = Vec::with_capacity(*room);
                slots.extend([*first, added]);
                *self = Self::Many(slots);
                1
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
    pub(super) fn link(&mut self, index: u32, next: u32) {
        // A single node has no operand beside it.
        if let Self::Many(slots) = self
            && let Some(slot) = slots.get_mut(index as usize)
        {
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
