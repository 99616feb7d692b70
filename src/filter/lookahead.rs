//! The evaluation of more resources than the processor's cache holds. The values that a filter uses are read from several
//! resources before the first of these resources is evaluated: reads that do not wait for each other overlap.
//!
//! This file reads values and compares none: [`matcher`](super::matcher) evaluates a resource.

use std::{borrow::Borrow, hint::black_box, iter};

use super::{Condition, Matcher};
use crate::{
    schema::{AttributeId, AttributeType, ResourceType},
    value::{Object, Value},
};

/// The number of resources that are fetched at a time.
pub(crate) const FETCHED: usize = 32;

/// The number of members of a resource that are fetched before an attribute is searched.
const MEMBERS: usize = 16;

/// The number of attributes whose values are fetched.
const ATTRIBUTES: usize = 4;

/// The number of values of a list that are fetched, and the number of sub-attributes of a complex value.
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

    /// Fetches the values of the attributes from the first [`FETCHED`] resources of which these are the top-level attributes.
    /// The work for a resource is bounded, however long its lists are.
    pub(crate) fn fetch<'r>(&self, resources: impl Iterator<Item = &'r Object>) {
        let nothing = Object::new();
        let (mut roots, mut count) = ([&nothing; FETCHED], 0);
        for (place, root) in roots.iter_mut().zip(resources) {
            *place = root;
            count += 1;
        }
        let roots = roots.get(..count).unwrap_or_default();
        if roots.len() < 2 {
            // The reads of a single resource overlap with no other reads.
            return;
        }
        // Each loop reads the memory whose addresses the loop before it has fetched.
        read(roots.iter().map(|root| root.len()));
        read(roots.iter().map(|root| start_of_object(root, MEMBERS)));
        for Ahead { attribute, is_list } in self.attributes.into_iter().flatten() {
            let (mut found, mut near) = ([None; FETCHED], 0);
            for (value, root) in found.iter_mut().zip(roots) {
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
    /// The top-level attribute of `attribute`; `None` if an evaluation rarely reads memory outside the object for its value.
    fn new(resource_type: &ResourceType, attribute: AttributeId) -> Option<Self> {
        let attribute = resource_type.top_level(attribute);
        let definition = resource_type.attribute(attribute);
        let is_list = definition.is_multi_valued();
        let is_small = matches!(
            definition.data_type(),
            AttributeType::Boolean | AttributeType::Integer | AttributeType::Decimal | AttributeType::DateTime
        );
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
    object.iter().take(most).step_by(2).map(|(id, _)| id.index()).sum()
}

impl Matcher {
    /// The items whose resources satisfy the filter, in their order. For a host that has more resources in memory than the
    /// processor's cache holds: the values that the filter uses are read from 32 resources before the first of these
    /// resources is evaluated, so that the reads overlap. For resources in the cache, [`Matcher::matches`] takes less time.
    ///
    /// `root` gives the top-level attributes of an item's resource, and is called twice for each item, so `root` should only
    /// return a reference. The resource must be of the type [`Matcher::resource_type`]; for another type the result has no
    /// meaning. The returned iterator contains up to 32 items, which should therefore be references, and reads up to 31 items
    /// ahead. Its drop drops these items.
    ///
    /// ```
    /// use scim_core::{
    ///     filter::Filter, quirks::{Quirks, Tolerance}, resource::Resource, schema::{AttributeId, Registry}, value::Value,
    /// };
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let user_name = user.child(AttributeId::ROOT, "userName").expect("defined");
    /// let users: Vec<Resource> = ["bjensen", "jsmith", "babs"]
    ///     .into_iter()
    ///     .map(|name| {
    ///         let mut resource = Resource::new(user.clone());
    ///         resource.root_mut().insert(user_name, Value::String(name.into()));
    ///         resource
    ///     })
    ///     .collect();
    ///
    /// let filter: Filter = r#"userName sw "B""#.parse()?;
    /// let matcher = filter.compile(user, &mut Tolerance::new(Quirks::default()))?;
    /// let found = matcher.matching(&users, |user| user.root());
    /// let names: Vec<_> = found.filter_map(|user| user.root().get(user_name)?.as_str()).collect();
    /// assert_eq!(names, ["bjensen", "babs"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn matching<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        root: impl Fn(&T) -> &Object,
    ) -> impl Iterator<Item = T> {
        let lookahead = Lookahead::new(self.resource_type(), self.conditions(), []);
        let mut items = items.into_iter().fuse();
        let (mut fetched, mut next) = ([const { None }; FETCHED], FETCHED);
        iter::from_fn(move || {
            loop {
                if next == FETCHED {
                    for place in &mut fetched {
                        *place = items.next();
                    }
                    lookahead.fetch(fetched.iter().flatten().map(&root));
                    next = 0;
                }
                let item = fetched.get_mut(next)?.take()?;
                next += 1;
                if self.matches(root(&item)) {
                    return Some(item);
                }
            }
        })
    }
}
