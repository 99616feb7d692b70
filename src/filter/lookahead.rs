//! The evaluation of many resources. Resources are fetched into the processor's cache some at a time, before they are
//! evaluated: a read that waits for no other read costs a fraction of a read that does, and a table of many resources is
//! larger than the cache.
//!
//! This file reads values and compares none: [`matcher`](super::matcher) evaluates a resource.

use std::{borrow::Borrow, hint::black_box, iter};

use super::Condition;
use crate::{
    schema::{AttributeId, AttributeType, ResourceType},
    value::{Object, Value},
};

/// The number of resources that are fetched at a time.
pub(crate) const FETCHED: usize = 32;

/// The number of members of a resource that are fetched, before it is known where an attribute is.
const MEMBERS: usize = 16;

/// The number of attributes whose values are fetched.
const ATTRIBUTES: usize = 4;

/// The number of values of a list, and of sub-attributes of each of them, that are fetched.
const VALUES: usize = 4;

/// The top-level attributes whose values an evaluation reads, or the first few of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lookahead {
    attributes: [Option<Ahead>; ATTRIBUTES],
}

/// A top-level attribute whose value is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ahead {
    attribute: AttributeId,
    is_list: bool,
}

impl Lookahead {
    /// The attributes that the conditions use, and those that `more` names, for example the attribute of a sort.
    pub(crate) fn new<C: Borrow<Condition>>(
        resource_type: &ResourceType,
        conditions: &[C],
        more: impl IntoIterator<Item = AttributeId>,
    ) -> Self {
        let mut lookahead = Self::default();
        let mut lacks_room = |attribute| {
            let ahead = Ahead::new(resource_type, attribute);
            ahead.is_some_and(|ahead| !lookahead.add(ahead))
        };
        let is_full = conditions.iter().any(|condition| condition.borrow().uses(&mut lacks_room));
        let _ = is_full || more.into_iter().any(lacks_room);
        lookahead
    }

    /// Adds an attribute; `false` if there is no room.
    fn add(&mut self, ahead: Ahead) -> bool {
        let mut places = self.attributes.iter_mut();
        let place = places.find(|place| place.is_none_or(|known| known == ahead));
        place.map(|place| *place = Some(ahead)).is_some()
    }

    /// Fetches the values of the attributes from the first [`FETCHED`] resources with these top-level attributes. The work
    /// for a resource is that of a few comparisons, however long its lists are.
    pub(crate) fn fetch<'r>(&self, roots: &(impl Iterator<Item = &'r Object> + Clone)) {
        // Each loop reads the memory whose addresses the loop before it has fetched.
        read(roots.clone().map(Object::len));
        read(roots.clone().map(|root| start_of_object(root, MEMBERS)));
        for Ahead { attribute, is_list } in self.attributes.into_iter().flatten() {
            let (mut found, mut near) = ([None; FETCHED], 0);
            for (value, root) in found.iter_mut().zip(roots.clone()) {
                *value = root.get_near(attribute, &mut near);
            }
            let values = || found.iter().copied().flatten();
            read(values().map(start));
            if is_list {
                let elements = || values().filter_map(Value::as_list).flat_map(|list| list.iter().take(VALUES));
                read(elements().map(start));
                let members = elements().filter_map(Value::as_object).flat_map(|object| object.iter().take(VALUES));
                read(members.map(|(_, value)| start(value)));
            }
        }
    }
}

impl Ahead {
    /// The top-level attribute of `attribute`; `None` if its value points to no other memory.
    fn new(resource_type: &ResourceType, attribute: AttributeId) -> Option<Self> {
        let attribute = resource_type.top_level(attribute);
        let definition = resource_type.attribute(attribute);
        let is_list = definition.is_multi_valued();
        let is_small =
            matches!(definition.data_type(), AttributeType::Boolean | AttributeType::Integer | AttributeType::DateTime);
        (is_list || !is_small).then_some(Self { attribute, is_list })
    }
}

/// Makes the compiler keep reads whose results have no use.
fn read(results: impl Iterator<Item = usize>) {
    black_box(results.fold(0, usize::wrapping_add));
}

/// Reads the start of the memory to which a value points.
fn start(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_bytes().first().copied().map_or(0, usize::from),
        Value::Complex(object) => start_of_object(object, VALUES),
        Value::List(values) => values.len(),
        Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_) | Value::DateTime(_) => 0,
    }
}

/// Reads the first members of an object, of which two share a line of the cache.
fn start_of_object(object: &Object, most: usize) -> usize {
    object.iter().take(most).step_by(2).map(|(id, _)| id.index()).fold(0, usize::wrapping_add)
}

/// The items whose resources satisfy all conditions. `root` gives the top-level attributes of an item's resource.
pub(crate) fn matching<T, C: Borrow<Condition>>(
    resource_type: &ResourceType,
    conditions: &[C],
    items: impl IntoIterator<Item = T>,
    root: impl Fn(&T) -> &Object,
) -> impl Iterator<Item = T> {
    let lookahead = Lookahead::new(resource_type, conditions, []);
    let mut items = items.into_iter().fuse();
    let (mut fetched, mut next) = ([const { None }; FETCHED], FETCHED);
    iter::from_fn(move || {
        loop {
            if next == FETCHED {
                for place in &mut fetched {
                    *place = items.next();
                }
                lookahead.fetch(&fetched.iter().map_while(Option::as_ref).map(&root));
                next = 0;
            }
            let item = fetched.get_mut(next)?.take()?;
            next += 1;
            if conditions.iter().all(|condition| condition.borrow().matches(root(&item))) {
                return Some(item);
            }
        }
    })
}
