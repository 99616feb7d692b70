//! The types of references to resources of several types (RFC 7643 §4.2 `members.type`).
//!
//! A client sends ids; the service provider does not trust the client's other statements about a reference. The
//! `$ref` needs the type, and the search for the type also finds the ids that belong to no resource.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    error::Error,
    provider::{access::Permit, call::Call, failure::no_such_reference, service_provider::ServiceProvider},
    quirks::{Quirk, Tolerance},
    resource::Resource,
    schema::{AttributeId, ResourceType},
    store::{Key, RequestContext, RequestedAttributes, Store, referred},
    value::{Object, Text, Value},
};

/// The resources that one request creates: their ids and types. References may point to them before they are
/// committed.
pub(in crate::provider) type Created = HashMap<Text, Arc<ResourceType>>;

impl<S: Store> ServiceProvider<S> {
    /// Gives every reference in the lists of `resource` the type of the resource to which it refers, whatever the
    /// client says (RFC 7643 §2.4). Refuses a new reference to a missing resource (§2.3.7), or to a resource that the
    /// caller may not read. The types of the references in `before` are known; the store is asked about the others.
    /// `own` contains the resources that the same request creates.
    ///
    /// # Errors
    ///
    /// 400 for a refused reference, unless [`Quirk::MissingReference`] drops it.
    pub(in crate::provider) async fn settle_references(
        &self,
        call: &mut Call<'_>,
        before: Option<&Resource>,
        resource: &mut Resource,
        own: &Created,
    ) -> Result<(), Error> {
        let resource_type = Arc::clone(resource.resource_type());
        for &list in resource_type.reference_lists() {
            let Some(Value::List(elements)) = resource.root_mut().get_mut(list) else { continue };
            if let Some(Value::List(stored)) = before.and_then(|before| before.root().get(list))
                && elements.shares(stored)
            {
                // The request has left the list as it was.
                continue;
            }
            let type_of = resource_type.conventional(list).type_of;
            let known = before.into_iter().flat_map(|before| elements_of(before, list)).enumerate();
            let known: HashMap<&str, (usize, &Object)> =
                known.filter_map(|(at, known)| Some((referred(&resource_type, list, known)?, (at, known)))).collect();
            let elements = elements.make_mut();
            let place = |element: &Value| {
                let id = element.as_object().and_then(|element| referred(&resource_type, list, element));
                id.and_then(|id| known.get(id)).map_or(usize::MAX, |(at, _)| *at)
            };
            // A list of references has no order of its own: stored references keep their places, and new ones follow.
            if !known.is_empty() && !elements.is_sorted_by_key(place) {
                elements.sort_by_cached_key(place);
            }
            let mut new = Vec::new();
            for element in elements {
                let Value::Complex(element) = element else { continue };
                match referred(&resource_type, list, element).and_then(|id| known.get(id)) {
                    None => new.push(element),
                    Some((_, stored)) => {
                        if let Some(type_of) = type_of.filter(|type_of| resource_type.is_reference_type(*type_of))
                            && let Some(stored) = stored.get(type_of)
                            && element.get(type_of) != Some(stored)
                        {
                            element.insert(type_of, stored.clone());
                        }
                    }
                }
            }
            let missing = self.settle_elements(call, list, new, own).await?;
            drop_missing(&resource_type, list, resource, &missing);
        }
        Ok(())
    }

    /// As [`Self::settle_references`], for new elements of one list. Returns the ids of the references to drop.
    pub(in crate::provider) async fn settle_elements(
        &self,
        call: &mut Call<'_>,
        list: AttributeId,
        mut elements: Vec<&mut Object>,
        own: &Created,
    ) -> Result<Missing, Error> {
        let mut missing = Missing::new();
        let unsettled = elements.iter_mut().map(|element| &mut **element).collect();
        self.type_elements(call, list, unsettled, own, &mut missing).await?;
        let resource_type = &call.permit.resource_type;
        elements.retain(|element| referred(resource_type, list, element).is_some_and(|id| !own.contains_key(id)));
        self.check_elements(call, list, &elements, &mut missing).await?;
        Ok(missing)
    }

    async fn type_elements(
        &self,
        call: &mut Call<'_>,
        list: AttributeId,
        mut elements: Vec<&mut Object>,
        own: &Created,
        missing: &mut Missing,
    ) -> Result<(), Error> {
        let Call { context, permit, tolerance } = call;
        let resource_type = &permit.resource_type;
        let conventional = resource_type.conventional(list);
        let (Some(reference), Some(type_of)) = (conventional.reference, conventional.type_of) else { return Ok(()) };
        let names = resource_type.attribute(reference).reference_types();
        let resource_types: Vec<Arc<ResourceType>> =
            names.iter().filter_map(|name| self.registry().resource_type(name)).cloned().collect();
        // With one possible type, the client's statement about the type does not matter.
        if let [only] = &*resource_types {
            for element in elements.iter_mut().filter(|element| element.contains(type_of)) {
                element.insert(type_of, Value::String(only.name().into()));
            }
        }
        // The store refuses a missing reference at the commit, so a search is worth a call only if it finds out more.
        if resource_types.len() < 2 && !tolerance.tolerated().contains(Quirk::MissingReference) {
            return Ok(());
        }
        elements.retain_mut(|element| match referred(resource_type, list, element).map(|id| own.get(id)) {
            Some(Some(created)) => {
                element.insert(type_of, Value::String(created.name().into()));
                false
            }
            known => known.is_some(),
        });
        let mut ids: Vec<Box<str>> = Vec::with_capacity(elements.len());
        let mut places: HashMap<Box<str>, usize> = HashMap::with_capacity(elements.len());
        for element in &elements {
            let id = referred(resource_type, list, element).unwrap_or_default();
            if !places.contains_key(id) {
                places.insert(id.into(), ids.len());
                ids.push(id.into());
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let asked: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
        let located = self.locate(context, resource_type, &resource_types, &asked).await?;
        for element in elements {
            let id = referred(resource_type, list, element).unwrap_or_default();
            let found =
                places.get(id).and_then(|place| *located.get(*place)?).and_then(|index| resource_types.get(index));
            let said = element.get(type_of).and_then(Value::as_str);
            // A resource that is missing now may exist at the time of the commit. The store then checks the
            // reference.
            let expected = resource_types
                .iter()
                .find(|resource_type| said.is_some_and(|said| said.eq_ignore_ascii_case(resource_type.name())));
            let tolerated = tolerance.tolerated().contains(Quirk::MissingReference);
            match found.or(expected.filter(|_| !tolerated)) {
                Some(found) if resource_types.len() > 1 || element.contains(type_of) => {
                    element.insert(type_of, Value::String(found.name().into()));
                }
                Some(_) => {}
                None => miss(resource_type, list, id, tolerance, missing)?,
            }
        }
        Ok(())
    }
}

/// References to resources that do not exist for the caller.
impl<S: Store> ServiceProvider<S> {
    async fn check_elements(
        &self,
        call: &mut Call<'_>,
        list: AttributeId,
        elements: &[&mut Object],
        missing: &mut Missing,
    ) -> Result<(), Error> {
        if self.inner.policies.is_empty() || elements.is_empty() {
            return Ok(());
        }
        let Call { context, permit, tolerance } = call;
        let resource_type = &permit.resource_type;
        let conventional = resource_type.conventional(list);
        let names = conventional.reference.map(|reference| resource_type.attribute(reference).reference_types());
        let resource_types: Vec<&Arc<ResourceType>> =
            names.unwrap_or_default().iter().filter_map(|name| self.registry().resource_type(name)).collect();
        let mut permits = Vec::with_capacity(resource_types.len());
        for resource_type in &resource_types {
            permits.push(self.met(context, resource_type)?);
        }
        if permits.iter().all(|permit| permit.as_ref().is_some_and(Permit::is_unbounded)) {
            return Ok(());
        }
        for element in elements {
            let Some(id) = referred(resource_type, list, element).filter(|id| !missing.contains(*id)) else { continue };
            let name = conventional.type_of.and_then(|type_of| element.get(type_of)).and_then(Value::as_str);
            let mut exists = false;
            for (resource_type, permit) in resource_types.iter().zip(&permits) {
                if name.is_some_and(|name| name != resource_type.name()) {
                    continue;
                }
                if let Some(permit) = permit {
                    exists |= self.exists(context, permit, id).await?;
                }
            }
            if !exists {
                miss(resource_type, list, id, tolerance, missing)?;
            }
        }
        Ok(())
    }

    /// Returns whether the resource exists for the caller.
    pub(in crate::provider) async fn exists(
        &self,
        context: &RequestContext,
        permit: &Permit,
        id: &str,
    ) -> Result<bool, Error> {
        let lists = permit.unused(permit.resource_type.reference_lists());
        let found = self
            .read(context, Key { resource_type: &permit.resource_type, id }, &RequestedAttributes::without(&lists))
            .await?;
        Ok(found.is_some_and(|found| permit.includes(&found.resource)))
    }
}

/// The ids of references to missing resources. These references are dropped.
pub(in crate::provider) type Missing = HashSet<Box<str>>;

/// Records a reference to a missing resource if [`Quirk::MissingReference`] is tolerated; otherwise refuses the
/// reference.
fn miss(
    resource_type: &ResourceType,
    list: AttributeId,
    id: &str,
    tolerance: &mut Tolerance,
    missing: &mut Missing,
) -> Result<(), Error> {
    if !tolerance.allows(Quirk::MissingReference) {
        return Err(no_such_reference(resource_type, list, id));
    }
    missing.insert(id.into());
    Ok(())
}

fn drop_missing(resource_type: &ResourceType, list: AttributeId, resource: &mut Resource, missing: &Missing) {
    if missing.is_empty() {
        return;
    }
    let Some(Value::List(elements)) = resource.root_mut().get_mut(list) else { return };
    let is_missing = |element: &Object| referred(resource_type, list, element).is_some_and(|id| missing.contains(id));
    elements.retain(|element| !element.as_object().is_some_and(is_missing));
    if elements.is_empty() {
        resource.root_mut().remove(list);
    }
}

/// Returns the elements of a list of references.
pub(in crate::provider) fn elements_of(resource: &Resource, list: AttributeId) -> impl Iterator<Item = &Object> {
    resource.root().get(list).map(Value::elements).unwrap_or_default().iter().filter_map(Value::as_object)
}
