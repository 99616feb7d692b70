//! The lead of a sort key: a few bytes that usually decide between two resources, so that a sort looks at each resource
//! once and not at every comparison.
//!
//! This file knows only the start of a key. [`Sort::compare`] decides between resources with the same lead.

use super::Sort;
use crate::{
    fold,
    value::{Object, Value},
};

/// The number of bytes of a text in its lead.
const BYTES: usize = 16;

/// The start of the sort key of a resource. Two resources with different leads have the order of their leads. The order
/// of two resources with the same lead is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortLead {
    is_missing: bool,
    head: u64,
    tail: u64,
}

impl Sort {
    /// The lead of the resource with these attributes, in the direction of the sort. Allocates only for text beyond
    /// ASCII.
    pub(crate) fn lead(&self, root: &Object) -> SortLead {
        let SortLead { is_missing, head, tail } = match self.value(root) {
            Some(value) => self.lead_of(value),
            None => SortLead { is_missing: true, head: 0, tail: 0 },
        };
        if self.is_descending() {
            SortLead { is_missing: !is_missing, head: !head, tail: !tail }
        } else {
            SortLead { is_missing, head, tail }
        }
    }

    fn lead_of(&self, value: &Value) -> SortLead {
        let (head, tail) = match value {
            Value::Boolean(truth) => (u64::from(*truth), 0),
            Value::Integer(number) => (ordered(*number), 0),
            Value::DateTime(time) => (ordered(time.timestamp()), u64::from(time.timestamp_subsec_nanos())),
            Value::String(text) if self.is_case_exact() => words(text.as_bytes()),
            Value::String(text) => {
                // A character after the lead may combine with the last character of the lead, if it is not ASCII.
                let bytes = text.as_bytes();
                let start = bytes.get(..=BYTES).unwrap_or(bytes);
                if start.is_ascii() {
                    let (head, tail) = words(start);
                    (lower_case(head), lower_case(tail))
                } else {
                    words(fold::fold(text).as_bytes())
                }
            }
            // Numbers with a fraction have no such bytes.
            Value::Decimal(_) | Value::Complex(_) | Value::List(_) => (0, 0),
        };
        SortLead { is_missing: false, head, tail }
    }
}

/// The number with the same order among numbers without a sign.
fn ordered(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

/// The first bytes of a text as two numbers. Zeros stand for missing bytes.
fn words(text: &[u8]) -> (u64, u64) {
    let mut bytes = [0; BYTES];
    for (byte, given) in bytes.iter_mut().zip(text) {
        *byte = *given;
    }
    let all = u128::from_be_bytes(bytes);
    // Both halves fit: the shift leaves 64 bits, and the cast takes the other 64 bits.
    #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
    ((all >> 64) as u64, all as u64)
}

/// The bytes of ASCII text in lower case.
fn lower_case(word: u64) -> u64 {
    u64::from_be_bytes(word.to_be_bytes().map(|byte| byte.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use crate::{
        path::AttributePath,
        quirks::{Quirks, Tolerance},
        resource::{Resource, Sort},
        schema::Registry,
        value::Value,
    };

    fn sort(path: &str, descending: bool) -> Sort {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        let path: AttributePath = path.parse().unwrap();
        Sort::new(user, path.as_ref(), descending, &mut Tolerance::new(Quirks::default())).unwrap()
    }

    fn user(path: &str, value: Option<Value>) -> Resource {
        let registry = Registry::standard();
        let mut user = Resource::new(registry.resource_type("User").unwrap().clone());
        user.set("id", "1").unwrap();
        match value {
            Some(Value::DateTime(time)) => user.set_times(Some(time), time),
            Some(value) => drop(user.root_mut().insert(sort(path, false).attribute(), value)),
            None => {}
        }
        user
    }

    fn agrees(path: &str, left: Option<Value>, right: Option<Value>) {
        let (left, right) = (user(path, left), user(path, right));
        for descending in [false, true] {
            let sort = sort(path, descending);
            let by_lead = sort.lead(left.root()).cmp(&sort.lead(right.root()));
            let order = sort.compare(&left, &right);
            assert!(by_lead == Ordering::Equal || by_lead == order, "{path}: {by_lead:?}, not {order:?}");
        }
    }

    proptest! {
        #[test]
        fn leads_of_text_have_the_order_of_the_resources(
            left in proptest::option::of("[aAbBéÉ\u{301}ǰJ\u{30c}\u{0}zZ]{0,20}"),
            right in proptest::option::of("[aAbBéÉ\u{301}ǰJ\u{30c}\u{0}zZ]{0,20}"),
            common in "[aA]{0,18}",
        ) {
            let text = |text: Option<String>| text.map(|text| Value::String(format!("{common}{text}").as_str().into()));
            for path in ["userName", "externalId"] {
                agrees(path, text(left.clone()), text(right.clone()));
            }
        }

        #[test]
        fn leads_of_times_have_the_order_of_the_resources(left: i64, right: i64) {
            let time = |nanos| Some(Value::DateTime(chrono::DateTime::from_timestamp_nanos(nanos)));
            agrees("meta.created", time(left), time(right));
            agrees("meta.created", time(left), time(left.wrapping_add(1)));
        }

        #[test]
        fn leads_of_booleans_have_the_order_of_the_resources(left: Option<bool>, right: Option<bool>) {
            agrees("active", left.map(Value::Boolean), right.map(Value::Boolean));
        }
    }

    #[test]
    fn the_lead_of_a_text_usually_decides() {
        let lead = |name: &str| sort("userName", false).lead(user("userName", Some(Value::String(name.into()))).root());
        assert!(lead("alice@example.com") < lead("Bob@example.com"));
        assert_eq!(lead("ALICE"), lead("alice"));
        let nobody = sort("userName", false).lead(user("userName", None).root());
        assert!(lead("zoe") < nobody, "a resource without a value is last");
    }
}
