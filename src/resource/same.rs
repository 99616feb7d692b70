//! Which values are the same, as the schema compares them: strings with or without case (RFC 7643 §2.2 `caseExact`).

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    fold::{eq_ignoring_case, fold},
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Value},
};

/// Whether two values of `attribute` are the same.
pub(crate) fn same(kind: &ResourceType, attribute: AttributeId, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            left == right || !kind.compares_exactly(attribute) && eq_ignoring_case(left.as_bytes(), right.as_bytes())
        }
        (Value::Complex(left), Value::Complex(right)) => left.len() == right.len() && includes(kind, left, right, None),
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(kind, attribute, left, right))
        }
        (left, right) => left == right,
    }
}

/// Whether `object` has every member of `given`, `ignored` left aside.
pub(crate) fn includes(kind: &ResourceType, object: &Object, given: &Object, ignored: Option<AttributeId>) -> bool {
    let mut compared = given.iter().filter(|(id, _)| Some(*id) != ignored);
    compared.all(|(id, value)| object.get(id).is_some_and(|own| same(kind, id, own, value)))
}

/// Whether the stored value of an attribute stays where a client sends `given`, or nothing: the type of a referenced
/// resource, which the service provider knows, and an immutable value that the client repeats in any spelling.
pub(crate) fn keeps_stored(kind: &ResourceType, attribute: AttributeId, stored: &Value, given: Option<&Value>) -> bool {
    kind.is_reference_type(attribute)
        || kind.attribute(attribute).mutable() == Mutability::Immutable
            && given.is_none_or(|given| same(kind, attribute, stored, given))
}

/// Which of a list's values includes a given one (RFC 7644 §3.5.2.1 "already contains").
///
/// Long lists are indexed by each of their parts, so that finding one takes about as long as there are values that
/// share the rarest part.
pub(crate) struct Known<'a> {
    kind: &'a ResourceType,
    attribute: AttributeId,
    primary: Option<AttributeId>,
    exact: bool,
    index: Option<HashMap<u64, Vec<usize>>>,
    indexed: usize,
    /// The first value that has no part but `primary`: it is like others of that kind only.
    bare: Option<usize>,
}

impl<'a> Known<'a> {
    /// To look for `lookups` values.
    pub(crate) fn new(kind: &'a ResourceType, attribute: AttributeId, list: &[Value], lookups: usize) -> Self {
        // An index costs about as much as looking through the list for a few values.
        const LOOKUPS: usize = 16;
        const FEW: usize = 2_048;
        let comparisons = list.len().saturating_add(lookups).saturating_mul(lookups);
        let index = (lookups > LOOKUPS && comparisons > FEW).then(HashMap::new);
        Self {
            kind,
            attribute,
            primary: kind.conventional(attribute).primary,
            exact: false,
            index,
            indexed: 0,
            bare: None,
        }
    }

    /// The same, for values that are equal instead.
    pub(crate) fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    /// The position in `list` of a value that includes `given`; whether either is the primary one does not matter.
    /// Between calls the list may only grow.
    pub(crate) fn position(&mut self, list: &[Value], given: &Value) -> Option<usize> {
        let (kind, attribute, primary, exact) = (self.kind, self.attribute, self.primary, self.exact);
        let only_primary = |value: &Value| match value {
            Value::Complex(object) => object.iter().all(|(id, _)| Some(id) == primary),
            _ => false,
        };
        let is_bare = only_primary(given);
        let is_known = |value: &Value, given: &Value| match (value, given) {
            (Value::Complex(object), Value::Complex(given)) if !exact => includes(kind, object, given, primary),
            (value, given) => same(kind, attribute, value, given),
        };
        let Some(index) = &mut self.index else {
            return list.iter().position(|value| if is_bare { only_primary(value) } else { is_known(value, given) });
        };
        for (position, value) in list.iter().enumerate().skip(self.indexed) {
            let mut bare = true;
            for part in parts(kind, attribute, primary, value) {
                bare = false;
                index.entry(part).or_default().push(position);
            }
            if bare {
                self.bare.get_or_insert(position);
            }
        }
        self.indexed = list.len();
        if is_bare {
            return self.bare;
        }
        let rarest = parts(kind, attribute, primary, given)
            .map(|part| index.get(&part).map_or(&[][..], Vec::as_slice))
            .min_by_key(|positions| positions.len())?;
        let mut candidates = rarest.iter().filter_map(|position| Some((*position, list.get(*position)?)));
        candidates.find(|(_, value)| is_known(value, given)).map(|(position, _)| position)
    }
}

/// A hash of each part of a value but `primary`: of its sub-attributes, or of the value itself. What is the same has
/// the same hash.
pub(crate) fn parts<'v>(
    kind: &'v ResourceType,
    attribute: AttributeId,
    primary: Option<AttributeId>,
    value: &'v Value,
) -> impl Iterator<Item = u64> + 'v {
    let (object, simple) = match value {
        Value::Complex(object) => (Some(object), None),
        value => (None, Some((attribute, value))),
    };
    let members = object.into_iter().flat_map(Object::iter).filter(move |(id, _)| Some(*id) != primary);
    members.chain(simple).map(|(id, value)| {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        hash(kind, id, value, &mut hasher);
        hasher.finish()
    })
}

fn hash(kind: &ResourceType, attribute: AttributeId, value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::String(text) if kind.compares_exactly(attribute) => text.hash(hasher),
        Value::String(text) => fold(text).hash(hasher),
        Value::Boolean(truth) => truth.hash(hasher),
        Value::Integer(number) => number.hash(hasher),
        Value::DateTime(time) => time.hash(hasher),
        // Equal numbers can be written differently.
        Value::Decimal(number) => number.canonical().hash(hasher),
        Value::List(values) => values.iter().for_each(|value| hash(kind, attribute, value, hasher)),
        // No sub-attribute is complex (RFC 7643 §2.3.8).
        Value::Complex(_) => {}
    }
}
