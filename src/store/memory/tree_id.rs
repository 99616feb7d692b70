//! An id as the key of a tree.

use std::borrow::Borrow;

use super::index::Id;

/// An id with its first bytes beside it. A search in a tree compares an id with a dozen others, each of which is elsewhere
/// in memory. The first bytes, which are in the tree itself, decide most comparisons of two `TreeId`s.
///
/// The order is the order of the ids as text, so a tree can be searched with a text as well. Such a search reads the ids.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TreeId {
    /// The first eight bytes as a number. The bytes behind a shorter id are 0.
    start: u64,
    id: Id,
}

impl From<Id> for TreeId {
    fn from(id: Id) -> Self {
        let mut start = [0; 8];
        start.iter_mut().zip(id.bytes()).for_each(|(place, byte)| *place = byte);
        Self { start: u64::from_be_bytes(start), id }
    }
}

impl Borrow<str> for TreeId {
    fn borrow(&self) -> &str {
        &self.id
    }
}

impl TreeId {
    pub(super) fn id(&self) -> &Id {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Trees of these ids are searched with texts, so both must have one order.
        #[test]
        fn the_order_is_that_of_the_text(left in "[a\u{0}\u{1}é]{0,10}", right in "[a\u{0}\u{1}é]{0,10}") {
            let [a, b] = [&left, &right].map(|text| TreeId::from(Id::from(text.as_str())));
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        }
    }
}
