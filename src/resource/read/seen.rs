//! The attributes of the objects that a reader has seen: to find a name that occurs twice, to predict the next name, and to
//! note the members that left no trace.

use crate::schema::AttributeId;

/// The first attributes of an object, in their order.
type Order = [AttributeId; 8];

/// The form of the object that was read before.
pub(super) struct Previous {
    pub(super) parent: AttributeId,
    /// The number of its members.
    pub(super) members: usize,
    /// The order of its names, including those of which no member was made.
    pub(super) order: Order,
}

/// The members of an object that left no trace.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// A member was dropped: the schema does not have it, or only the service provider sets it.
    pub(super) lost: bool,
    /// A member was `null`, `[]` or `""`: unassigned (RFC 7643 §2.5).
    pub(super) unassigned: bool,
    /// The member `value` was unassigned.
    pub(super) no_value: bool,
}

/// The attributes that one object has had so far.
pub(super) struct Seen {
    low: [u64; 4],
    high: Vec<AttributeId>,
    order: Order,
    count: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { low: [0; 4], high: Vec::new(), order: [AttributeId::ROOT; 8], count: 0 }
    }
}

impl Seen {
    /// Adds an attribute; returns `false` if the object already had it.
    pub(super) fn insert(&mut self, attribute: AttributeId) -> bool {
        if let Some(place) = self.order.get_mut(self.count) {
            *place = attribute;
        }
        self.count += 1;
        let index = attribute.index();
        if let Some(word) = self.low.get_mut(index / 64) {
            let bit = 1 << (index % 64);
            let new = *word & bit == 0;
            *word |= bit;
            return new;
        }
        let new = !self.high.contains(&attribute);
        if new {
            self.high.push(attribute);
        }
        new
    }

    /// The number of attributes.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The form of the object of `parent`, of which `members` members were made.
    pub(super) fn into_previous(self, parent: AttributeId, members: usize) -> Previous {
        Previous { parent, members, order: self.order }
    }
}
