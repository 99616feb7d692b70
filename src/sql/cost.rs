//! The cost of the database's work: the units and the rules that both stores share.
//!
//! A unit is some 0.1 µs. The units agree with measurements of both databases. The stores know the numbers of rows and
//! bytes: this module knows neither tables nor statements.

use super::scalar::SEARCHED_BYTES;
use crate::{
    filter::{Comparand, Comparison, Condition, Operator},
    schema::{AttributeId, ResourceType},
};

/// Units of a look-up by an index, and of each row that an index finds.
pub(super) const LOOK_UP: u64 = 30;

/// Units of a term for each row, whatever the length of the value.
pub(super) const TERM: u64 = 4;

/// Additional units of a term on a list of values in PostgreSQL, for each row. PostgreSQL makes a table of the values,
/// and frees its kilobyte only at the end of the query.
pub(super) const UNNESTED: u64 = 56;

/// Bytes that a term processes per unit: of a singular value, and of a list, whose values it compares.
pub(super) const SINGULAR: u64 = 256;
pub(super) const LISTED: u64 = 64;

/// Bytes of long documents that PostgreSQL fetches per unit: for terms on singular attributes, and for a term on a
/// list, whose values it copies.
pub(super) const FETCHED: u64 = 48;
pub(super) const FETCHED_LIST: u64 = 16;

/// The maximum number of times that PostgreSQL fetches a long document for a condition that an index serves, and for
/// any other condition. With more terms it fetches the document once.
pub(super) const SERVED: u64 = 12;
pub(super) const APART: u64 = 3;

/// Bytes of long values times bytes of a `co`, per unit: a database may compare the text at each position of a value.
pub(super) const SEARCHED: u64 = 100;

/// Bytes of the sort key's document or column per unit: each value is read, kept and compared.
pub(super) const ORDERED: u64 = 12;

/// Bytes of a document without long values.
pub(super) const PLAIN: u64 = 1_500;

/// The maximum number of terms of a condition, apart from look-ups, whose rows an index is expected to find.
pub(super) const NARROW: usize = 4;

/// The place of an attribute: outside lists, in a list of values, or in a list of references.
pub(super) enum Place {
    Single,
    Values,
    References(AttributeId),
}

impl Place {
    pub(super) fn of(resource_type: &ResourceType, attribute: AttributeId) -> Self {
        let mut part = attribute;
        while part != AttributeId::ROOT {
            if resource_type.is_reference_list(part) {
                return Self::References(part);
            }
            if resource_type.attribute(part).is_multi_valued() {
                return Self::Values;
            }
            part = resource_type.parent(part);
        }
        Self::Single
    }
}

/// The bytes of a text that the database searches by `co`; 0 for any other comparison.
pub(super) fn searched(comparison: &Comparison) -> u64 {
    match comparison.operand() {
        Comparand::Exact(text) | Comparand::Folded(text) if comparison.operator() == Operator::Co => {
            u64::try_from(text.len().min(SEARCHED_BYTES)).unwrap_or(u64::MAX)
        }
        _ => 0,
    }
}

/// The attribute that a condition compares by `eq`, and the number of values, which all differ; `None` for any
/// other condition.
pub(super) fn look_ups_of(condition: &Condition) -> Option<(AttributeId, u64)> {
    let alternatives = match condition {
        Condition::Any(any) => any.as_slice(),
        condition => std::slice::from_ref(condition),
    };
    let named = alternatives.iter().map(|alternative| {
        let comparison = alternative.equality()?;
        match comparison.operand() {
            Comparand::Exact(text) | Comparand::Folded(text) => Some((comparison.attribute(), text.as_str())),
            _ => None,
        }
    });
    let named = named.collect::<Option<Vec<_>>>()?;
    let (attribute, _) = *named.first()?;
    let mut texts: Vec<&str> = named.iter().map(|(_, text)| *text).collect();
    texts.sort_unstable();
    texts.dedup();
    let differ = texts.len() == named.len() && named.iter().all(|(other, _)| *other == attribute);
    differ.then(|| u64::try_from(texts.len()).map(|number| (attribute, number)).ok())?
}

/// Whether the database looks up this number of values of an attribute. `has_key` if the attribute has an index of its own.
///
/// Each database estimates many look-ups to cost more than a walk of the type, and then compares every row with each
/// value. PostgreSQL assumes that the index of all values of documents finds one row in a hundred. Ids are an exception:
/// SQLite compares a row with all of them at once.
pub(super) fn looks_up(attribute: AttributeId, number: u64, has_key: impl FnOnce() -> bool) -> bool {
    const MOST: u64 = 512;
    const CONTAINED: u64 = 8;
    attribute == AttributeId::ID || number <= CONTAINED || (number <= MOST && has_key())
}
