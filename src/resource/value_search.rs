//! The search for a value in a list: whether the list already contains it (RFC 7644 §3.5.2.1), or whether a client
//! selects it.
//!
//! A hash of all sub-attributes together finds a value, so the time of a search does not grow with the number of
//! values that share a sub-attribute. Short searches compare value by value. The work is counted for the caller to
//! charge.

use std::collections::{HashMap, HashSet};

use super::same::{includes, part_hash, same};
use crate::{
    limits::Work,
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

/// The sub-attributes that a value has, in ascending order and without `primary`. Empty for a simple value.
type Shape = Vec<AttributeId>;

/// Finds the values of a list that include a given value. Whether a value is primary does not matter.
pub(crate) struct ValueSearch<'a> {
    resource_type: &'a ResourceType,
    attribute: AttributeId,
    primary: Option<AttributeId>,
    exact: bool,
    /// One index for each shape that was searched for; `None` for a search that is short without an index.
    indexes: Option<Vec<(Shape, Index)>>,
    units: u64,
}

/// The positions of values by the hash of the sub-attributes of one shape.
#[derive(Default)]
struct Index {
    positions: HashMap<u64, Vec<usize>>,
    /// The number of values of the list that are in the index or have another shape.
    seen: usize,
}

impl<'a> ValueSearch<'a> {
    /// A search in `list` for `lookups` values.
    pub(crate) fn new(resource_type: &'a ResourceType, attribute: AttributeId, list: &[Value], lookups: usize) -> Self {
        // An index costs about as much as a comparison of the list with a few values.
        const LOOKUPS: usize = 16;
        const FEW: usize = 2_048;
        let comparisons = list.len().saturating_add(lookups).saturating_mul(lookups);
        let indexes = (lookups > LOOKUPS && comparisons > FEW).then(Vec::new);
        Self {
            resource_type,
            attribute,
            primary: resource_type.conventional(attribute).primary,
            exact: false,
            indexes,
            units: 0,
        }
    }

    /// The same search, for values that are equal instead of values that include the given value.
    pub(crate) fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    /// The position in `list` of the first value that includes `given`. Between calls the list may only grow.
    pub(crate) fn position(&mut self, list: &[Value], given: &Value) -> Option<usize> {
        let is_bare = is_bare(given, self.primary);
        let (resource_type, attribute, primary, exact) = (self.resource_type, self.attribute, self.primary, self.exact);
        let is_known = |value: &Value| match (value, given) {
            // A value without sub-attributes but `primary` matches only other such values.
            (Value::Complex(_), Value::Complex(_)) if is_bare => self::is_bare(value, primary),
            (Value::Complex(object), Value::Complex(given)) if !exact => {
                includes(resource_type, object, given, primary)
            }
            (value, given) => same(resource_type, attribute, value, given),
        };
        let Some(indexes) = &mut self.indexes else {
            self.units += list.iter().map(text_units).sum::<u64>();
            return list.iter().position(is_known);
        };
        let shape = shape(given, primary);
        let at = indexes.iter().position(|(known, _)| *known == shape).unwrap_or_else(|| {
            indexes.push((shape, Index::default()));
            indexes.len() - 1
        });
        let (shape, index) = indexes.get_mut(at)?;
        // Equal values have the same shape, and a value without sub-attributes matches only such values.
        let whole = exact || is_bare;
        for (position, value) in list.iter().enumerate().skip(index.seen) {
            self.units += text_units(value);
            if let Some(hash) = projection(resource_type, attribute, value, shape, primary, whole) {
                index.positions.entry(hash).or_default().push(position);
            }
        }
        index.seen = list.len();
        self.units += text_units(given);
        let hash = projection(resource_type, attribute, given, shape, primary, true)?;
        let candidates = index.positions.get(&hash)?;
        candidates.iter().copied().find(|position| list.get(*position).is_some_and(is_known))
    }

    /// The units of work since the last call.
    pub(crate) fn take_units(&mut self) -> u64 {
        std::mem::take(&mut self.units)
    }
}

/// The values that a client lists to select elements.
pub(crate) struct Named<'a> {
    resource_type: &'a ResourceType,
    list: AttributeId,
    values: Vec<Value>,
    /// The values by the hash of their decisive sub-attributes.
    indexes: Vec<(Shape, HashMap<u64, Vec<usize>>)>,
}

impl<'a> Named<'a> {
    /// `decisive` returns the sub-attributes of a value that an element must share to be named.
    pub(crate) fn new(
        resource_type: &'a ResourceType,
        list: AttributeId,
        values: Vec<Value>,
        decisive: impl Fn(&Object) -> Vec<AttributeId>,
    ) -> Self {
        let mut indexes: Vec<(Shape, HashMap<u64, Vec<usize>>)> = Vec::new();
        for (position, value) in values.iter().enumerate() {
            let mut shape = value.as_object().map(&decisive).unwrap_or_default();
            shape.sort_unstable();
            if shape.is_empty() && value.as_object().is_some() {
                // A value without content names nothing.
                continue;
            }
            let Some(hash) = projection(resource_type, list, value, &shape, None, false) else { continue };
            match indexes.iter_mut().find(|(known, _)| *known == shape) {
                Some((_, index)) => index.entry(hash).or_default().push(position),
                None => indexes.push((shape, HashMap::from([(hash, vec![position])]))),
            }
        }
        Self { resource_type, list, values, indexes }
    }

    /// Whether the values name this element.
    pub(crate) fn names(&self, element: &Value) -> bool {
        self.indexes.iter().any(|(shape, index)| {
            let hash = projection(self.resource_type, self.list, element, shape, None, false);
            let candidates = hash.and_then(|hash| index.get(&hash));
            candidates
                .into_iter()
                .flatten()
                .any(|position| self.values.get(*position).is_some_and(|given| self.agrees(shape, element, given)))
        })
    }

    /// The number of lookups for one element.
    pub(crate) fn lookups(&self) -> usize {
        self.indexes.len()
    }

    fn agrees(&self, shape: &[AttributeId], element: &Value, given: &Value) -> bool {
        match (element, given) {
            (Value::Complex(element), Value::Complex(given)) => shape.iter().all(|id| {
                element
                    .get(*id)
                    .zip(given.get(*id))
                    .is_some_and(|(own, given)| same(self.resource_type, *id, own, given))
            }),
            (element, given) => same(self.resource_type, self.list, element, given),
        }
    }
}

fn shape(value: &Value, primary: Option<AttributeId>) -> Shape {
    let members = value.as_object().into_iter().flat_map(Object::iter);
    let mut shape: Shape = members.map(|(id, _)| id).filter(|id| Some(*id) != primary).collect();
    shape.sort_unstable();
    shape
}

/// Whether a complex value has no sub-attribute except perhaps `primary`.
fn is_bare(value: &Value, primary: Option<AttributeId>) -> bool {
    value.as_object().is_some_and(|object| object.iter().all(|(id, _)| Some(id) == primary))
}

/// A hash of the sub-attributes of `shape`, or of a simple value; `None` if the value lacks a sub-attribute of
/// `shape`. With `whole`, also `None` if the value has other sub-attributes than those and `primary`.
fn projection(
    resource_type: &ResourceType,
    attribute: AttributeId,
    value: &Value,
    shape: &[AttributeId],
    primary: Option<AttributeId>,
    whole: bool,
) -> Option<u64> {
    let Value::Complex(object) = value else { return Some(part_hash(resource_type, attribute, value)) };
    if whole && object.iter().filter(|(id, _)| Some(*id) != primary).count() != shape.len() {
        return None;
    }
    // A sum does not depend on the order of the sub-attributes.
    shape.iter().try_fold(0_u64, |sum, id| Some(sum.wrapping_add(part_hash(resource_type, *id, object.get(*id)?))))
}

/// The units of work for a comparison with a value.
pub(crate) fn text_units(value: &Value) -> u64 {
    units(value, &Work::of_text)
}

/// The units of work for a substring search in a value.
pub(crate) fn search_units(value: &Value) -> u64 {
    units(value, &Work::of_search)
}

fn units(value: &Value, of_text: &impl Fn(usize) -> u64) -> u64 {
    match value {
        Value::String(text) => of_text(text.len()),
        Value::Complex(object) => 1 + object.iter().map(|(_, value)| units(value, of_text)).sum::<u64>(),
        Value::List(values) => 1 + values.iter().map(|value| units(value, of_text)).sum::<u64>(),
        _ => 1,
    }
}

/// Keeps the first of equal values (RFC 7643 §2.4), and in a list of references the first reference to each resource.
pub(crate) fn drop_doubles(resource_type: &ResourceType, attribute: AttributeId, values: &mut Vec<Value>) {
    const FEW: usize = 16;
    let id = resource_type.value_of(attribute).filter(|_| resource_type.is_reference_list(attribute));
    if let Some(id) = id {
        let mut seen = HashSet::with_capacity(values.len());
        let reference = |value: &Value| value.as_object().and_then(|object| object.get(id)?.as_str().map(Box::from));
        values.retain(|value| reference(value).is_none_or(|id: Box<str>| seen.insert(id)));
    } else if values.len() <= FEW {
        for last in (1..values.len()).rev() {
            let (earlier, rest) = values.split_at(last);
            let is_double =
                rest.first().is_some_and(|it| earlier.iter().any(|other| same(resource_type, attribute, it, other)));
            if is_double {
                values.remove(last);
            }
        }
    } else {
        let mut known = ValueSearch::new(resource_type, attribute, &[], values.len()).exact();
        let mut kept = Vec::with_capacity(values.len());
        for value in values.drain(..) {
            if known.position(&kept, &value).is_none() {
                kept.push(value);
            }
        }
        *values = kept;
    }
}
