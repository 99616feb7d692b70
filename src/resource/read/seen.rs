//! The attributes of the objects that a reader has seen: to find a name that occurs twice, and to predict the next name.

use crate::{schema::AttributeId, value::Object};

/// The form of the object that was read before.
pub(super) struct Previous {
    pub(super) parent: AttributeId,
    pub(super) members: usize,
    /// Its first attributes, in their order.
    pub(super) order: [AttributeId; 8],
}

impl Previous {
    pub(super) fn new(parent: AttributeId, object: &Object) -> Self {
        let mut order = [AttributeId::ROOT; 8];
        for (place, (attribute, _)) in order.iter_mut().zip(object.iter()) {
            *place = attribute;
        }
        Self { parent, members: object.len(), order }
    }
}

/// The attributes that one object has had so far.
#[derive(Default)]
pub(super) struct Seen {
    low: [u64; 4],
    high: Vec<AttributeId>,
}

impl Seen {
    /// Adds an attribute; returns `false` if the object already had it.
    pub(super) fn insert(&mut self, attribute: AttributeId) -> bool {
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
}
