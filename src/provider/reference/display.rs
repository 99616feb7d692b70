//! The names that references show: `members.display` is the name of the member (RFC 7643 §2.4, §4.2, §4.3).
//!
//! The core reads the names for each answer, so that a renamed member has its new name in every group at once. The
//! version of the group does not change with a name, just as the version of a user does not change with the names of
//! its groups.

use std::{borrow::Cow, collections::HashMap, slice, sync::Arc};

use crate::{
    error::{Error, ScimType},
    filter::Condition,
    provider::{answer::Added, service_provider::ServiceProvider},
    resource::{Displays, Resource},
    schema::{AttributeId, Display, ResourceType},
    store::{RequestContext, RequestedAttributes, Store},
    value::Value,
};

/// The ids in an answer of resources of one type, each id once, whatever the number of references with the id.
#[derive(Default)]
struct Ids<'a> {
    /// The only id, or the first of several ids. Most answers refer to one resource, such as a manager, or to many.
    first: Option<&'a str>,
    /// All ids, if there are several.
    several: Vec<&'a str>,
    /// The index of each id; empty while there are few ids.
    known: HashMap<&'a str, usize>,
}

impl<'a> Ids<'a> {
    /// The largest number of ids that [`Self::index_of`] compares one by one.
    const FEW: usize = 16;

    fn as_slice(&self) -> &[&'a str] {
        if self.several.is_empty() { self.first.as_slice() } else { &self.several }
    }

    fn index_of(&self, id: &str) -> Option<usize> {
        if self.known.is_empty() {
            self.as_slice().iter().position(|known| *known == id)
        } else {
            self.known.get(id).copied()
        }
    }

    /// Adds the id if it is new.
    fn add(&mut self, id: &'a str) {
        if self.index_of(id).is_some() {
            return;
        }
        let Some(first) = self.first else {
            self.first = Some(id);
            return;
        };
        if self.several.is_empty() {
            self.several.push(first);
        }
        self.several.push(id);
        if !self.known.is_empty() {
            self.known.insert(id, self.several.len() - 1);
        } else if self.several.len() > Self::FEW {
            self.known = self.several.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        }
    }
}

impl<S: Store> ServiceProvider<S> {
    /// Adds the names that resources of one type show in the sub-attributes for which `wanted` holds, each resource with
    /// its index in `added`. The store is called once for each type of resource to which the resources refer.
    ///
    /// A resource that does not exist for the caller has no name, and an attribute that is hidden from the caller
    /// gives no name.
    pub(in crate::provider) async fn name_references<'r>(
        &self,
        context: &RequestContext,
        resource_type: &ResourceType,
        resources: impl Iterator<Item = (usize, &'r Resource)> + Clone + Send,
        added: &mut [Added],
        wanted: impl Fn(AttributeId) -> bool + Send + Sync,
    ) -> Result<(), Error> {
        let displays = || self.displays(resource_type).iter().filter(|display| wanted(display.attribute()));
        let mut shows_names = false;
        for (index, resource) in resources.clone() {
            let Some(added) = added.get_mut(index) else { continue };
            let named = displayed(resource, displays());
            added.displays.extend(named.map(|(display, values)| Displays::unnamed(display.attribute(), values.len())));
            shows_names |= !added.displays.is_empty();
        }
        if !shows_names {
            return Ok(());
        }
        let limit = self.limits().answer;
        let mut room = limit;
        let targets = || displays().flat_map(Display::targets);
        for (index, referred) in targets().enumerate() {
            if targets().take(index).any(|earlier| earlier.name() == referred.name()) {
                continue;
            }
            let referring = |(display, values)| references(resource_type, display, values, referred);
            let mut ids = Ids::default();
            for (_, resource) in resources.clone() {
                displayed(resource, displays()).flat_map(referring).for_each(|(_, id)| ids.add(id));
            }
            if ids.as_slice().is_empty() {
                continue;
            }
            let Some(permit) = self.met(context, referred)? else { continue };
            let names = referred.names();
            if names.iter().all(|name| permit.hides(*name)) {
                continue;
            }
            let used = permit.scope().flat_map(Condition::attributes).map(|used| referred.top_level(used));
            let used: Vec<AttributeId> = used.collect();
            let used = if used.is_empty() { Cow::Borrowed(names) } else { Cow::Owned([&used, names].concat()) };
            let requested = RequestedAttributes::only(&used).with_byte_limit(limit);
            let found = self.get_many(context, referred, ids.as_slice(), &requested).await?;
            let name_of = |resource: &Option<Arc<Resource>>| {
                let resource = resource.as_ref().filter(|resource| permit.includes(resource))?;
                let mut visible = names.iter().filter(|name| !permit.hides(**name));
                visible.find_map(|name| match resource.root().get(*name) {
                    Some(Value::String(name)) if !name.is_empty() => Some(name.clone()),
                    _ => None,
                })
            };
            // Most ids occur once, so the next reference mostly has the next id.
            let mut next = 0;
            for (index, resource) in resources.clone() {
                let Some(added) = added.get_mut(index) else { continue };
                for (shown, displays) in displayed(resource, displays()).zip(&mut added.displays) {
                    for (value, id) in referring(shown) {
                        let is_next = ids.as_slice().get(next) == Some(&id);
                        let Some(index) = is_next.then_some(next).or_else(|| ids.index_of(id)) else { continue };
                        next += usize::from(is_next);
                        let Some(name) = found.get(index).and_then(name_of) else { continue };
                        // A long name in many references makes a long answer.
                        let left = room.checked_sub(name.len());
                        room = left.ok_or_else(|| too_many_names(&resource_type.path(displays.attribute()), limit))?;
                        displays.set(value, name);
                    }
                }
            }
        }
        Ok(())
    }

    /// Refuses a filter that uses the names of other resources. The evaluation would have to read every list of
    /// references of every resource, and each name in the list.
    ///
    /// # Errors
    ///
    /// 400 `invalidFilter`: the combination of attribute and comparison is not supported (RFC 7644 §3.12).
    pub(in crate::provider) fn check_filter(
        &self,
        resource_type: &ResourceType,
        conditions: &[Condition],
    ) -> Result<(), Error> {
        let is_name = |attribute| self.name_among(resource_type, [attribute]).is_some();
        match conditions.iter().find_map(|condition| condition.find(is_name)).map(|name| resource_type.path(name)) {
            Some(path) => Err(Error::bad(
                ScimType::InvalidFilter,
                format!(
                    "filter: `{path}` has the name of another resource and cannot be compared; compare its `value`"
                ),
            )
            .with_attribute(path)),
            None => Ok(()),
        }
    }

    /// Refuses an order by the names of other resources.
    ///
    /// # Errors
    ///
    /// 400 `invalidValue`.
    pub(in crate::provider) fn check_order(
        &self,
        resource_type: &ResourceType,
        attribute: Option<AttributeId>,
    ) -> Result<(), Error> {
        match self.name_among(resource_type, attribute) {
            Some(path) => Err(Error::bad(
                ScimType::InvalidValue,
                format!("sortBy: `{path}` has the name of another resource and gives no order"),
            )
            .with_attribute(path)),
            None => Ok(()),
        }
    }

    fn name_among(
        &self,
        resource_type: &ResourceType,
        attributes: impl IntoIterator<Item = AttributeId>,
    ) -> Option<String> {
        let displays = self.displays(resource_type);
        let is_name = |attribute: &AttributeId| displays.iter().any(|display| display.attribute() == *attribute);
        attributes.into_iter().find(is_name).map(|attribute| resource_type.path(attribute))
    }
}

/// The sub-attributes that show names in this resource, each with the values that refer to other resources.
fn displayed<'a>(
    resource: &'a Resource,
    displays: impl Iterator<Item = &'a Display>,
) -> impl Iterator<Item = (&'a Display, &'a [Value])> {
    let values = displays.map(|display| (display, values_of(resource, display.reference())));
    values.filter(|(_, values)| !values.is_empty())
}

/// The references among `values` to resources of the type `referred`: the index of each value, and the id in it.
fn references<'a>(
    resource_type: &ResourceType,
    display: &Display,
    values: &'a [Value],
    referred: &ResourceType,
) -> impl Iterator<Item = (usize, &'a str)> {
    let is_target = |name: &str| display.targets().iter().any(|resource_type| resource_type.name() == name);
    let conventional = resource_type.conventional(display.reference());
    let text = |value: &'a Value, part: Option<AttributeId>| value.as_object()?.get(part?)?.as_str();
    let values = if is_target(referred.name()) { values } else { &[] };
    values.iter().enumerate().filter_map(move |(index, value)| {
        // Without a known type, the id is looked up in each possible type, since only one resource has the id.
        let name = text(value, conventional.type_of);
        if name.is_some_and(|name| name != referred.name() && is_target(name)) {
            return None;
        }
        Some((index, text(value, conventional.value).filter(|id| !id.is_empty())?))
    })
}

/// 400 `tooMany`: the names in the sub-attribute `path` do not fit into an answer.
fn too_many_names(path: &str, limit: usize) -> Error {
    let detail = format!("{path}: the names have more than {limit} bytes; exclude it, or ask for fewer resources");
    Error::bad(ScimType::TooMany, detail).with_attribute(path.to_owned())
}

/// Returns the values of a complex attribute. A singular attribute has at most one value.
fn values_of(resource: &Resource, attribute: AttributeId) -> &[Value] {
    match resource.value(attribute) {
        Some(Value::List(values)) => values,
        Some(value) => slice::from_ref(value),
        None => &[],
    }
}
