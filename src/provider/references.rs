//! References to resources of several types: which type each is of (RFC 7643 §4.2 `members.type`).
//!
//! Clients send only ids, and what else they say of a reference is not believed. The type is needed for `$ref`, and
//! asking for it shows which ids are of nothing at all.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{ServiceProvider, failure::no_such_reference, permit::Permit, write::Created};
use crate::{
    error::Error,
    resource::Resource,
    schema::{AttributeId, ResourceType},
    store::{Context, Key, Store, Wanted, referred},
    value::{Object, Value},
};

impl<S: Store> ServiceProvider<S> {
    /// Gives every reference in the lists of `resource` that `before` does not have the type of what it refers to,
    /// whatever the client says it is.
    ///
    /// # Errors
    ///
    /// 400 when one refers to nothing.
    pub(super) async fn type_references(
        &self,
        cx: &Context,
        before: Option<&Resource>,
        resource: &mut Resource,
        own: &Created,
    ) -> Result<(), Error> {
        let kind = Arc::clone(resource.kind());
        for &list in kind.reference_lists() {
            let known = before.into_iter().flat_map(|before| elements_of(before, list));
            let known: HashSet<&str> = known.filter_map(|known| referred(&kind, list, known)).collect();
            let Some(Value::List(elements)) = resource.root_mut().get_mut(list) else { continue };
            let elements = elements.iter_mut().filter_map(|element| match element {
                Value::Complex(element) => Some(element),
                _ => None,
            });
            let new = elements.filter(|element| referred(&kind, list, element).is_none_or(|id| !known.contains(id)));
            let new = new.collect();
            self.type_elements(cx, &kind, list, new, own).await?;
        }
        Ok(())
    }

    /// The same for some elements of one list.
    pub(super) async fn type_elements(
        &self,
        cx: &Context,
        kind: &ResourceType,
        list: AttributeId,
        mut elements: Vec<&mut Object>,
        own: &Created,
    ) -> Result<(), Error> {
        let conventional = kind.conventional(list);
        let (Some(reference), Some(type_of)) = (conventional.reference, conventional.kind) else { return Ok(()) };
        let names = kind.attribute(reference).references();
        let kinds: Vec<Arc<ResourceType>> =
            names.iter().filter_map(|name| self.registry().resource_type(name)).cloned().collect();
        // With one possible type nothing depends on being told which it is.
        if let [only] = &*kinds {
            for element in elements.iter_mut().filter(|element| element.contains(type_of)) {
                element.insert(type_of, Value::String(only.name().into()));
            }
        }
        if kinds.len() < 2 {
            return Ok(());
        }
        elements.retain_mut(|element| match referred(kind, list, element).map(|id| own.get(id)) {
            Some(Some(created)) => {
                element.insert(type_of, Value::String(created.name().into()));
                false
            }
            known => known.is_some(),
        });
        let mut ids: Vec<Box<str>> = Vec::with_capacity(elements.len());
        let mut places: HashMap<Box<str>, usize> = HashMap::with_capacity(elements.len());
        for element in &elements {
            let id = referred(kind, list, element).unwrap_or_default();
            if !places.contains_key(id) {
                places.insert(id.into(), ids.len());
                ids.push(id.into());
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let asked: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
        let located = self.locate(cx, kind, &kinds, &asked).await?;
        for element in elements {
            let id = referred(kind, list, element).unwrap_or_default();
            let found = places.get(id).and_then(|place| *located.get(*place)?).and_then(|index| kinds.get(index));
            let said = element.get(type_of).and_then(Value::as_str);
            // What is not there yet may be by the time of the commit, and then the store says whether it is.
            let expected = kinds.iter().find(|kind| said.is_some_and(|said| said.eq_ignore_ascii_case(kind.name())));
            let Some(found) = found.or(expected) else { return Err(no_such_reference(kind, list, id)) };
            element.insert(type_of, Value::String(found.name().into()));
        }
        Ok(())
    }
}

/// References to what does not exist for the caller.
impl<S: Store> ServiceProvider<S> {
    /// Refuses a reference that `before` does not have to a resource that the caller may not read.
    ///
    /// # Errors
    ///
    /// 400, as for one that refers to nothing.
    pub(super) async fn check_references(
        &self,
        cx: &Context,
        before: Option<&Resource>,
        after: &Resource,
        own: &Created,
    ) -> Result<(), Error> {
        if self.inner.policies.is_empty() {
            return Ok(());
        }
        let kind = after.kind();
        for &list in kind.reference_lists() {
            let before = before.into_iter().flat_map(|before| elements_of(before, list));
            let known: HashSet<&str> = before.filter_map(|element| referred(kind, list, element)).collect();
            let is_new = |element: &&Object| {
                referred(kind, list, element).is_some_and(|id| !known.contains(id) && !own.contains_key(id))
            };
            let new: Vec<&Object> = elements_of(after, list).filter(is_new).collect();
            self.check_elements(cx, kind, list, &new).await?;
        }
        Ok(())
    }

    /// The same for elements of one list.
    pub(super) async fn check_elements(
        &self,
        cx: &Context,
        kind: &ResourceType,
        list: AttributeId,
        elements: &[&Object],
    ) -> Result<(), Error> {
        if self.inner.policies.is_empty() || elements.is_empty() {
            return Ok(());
        }
        let conventional = kind.conventional(list);
        let names = conventional.reference.map(|reference| kind.attribute(reference).references());
        let kinds: Vec<&Arc<ResourceType>> =
            names.unwrap_or_default().iter().filter_map(|name| self.registry().resource_type(name)).collect();
        let mut permits = Vec::with_capacity(kinds.len());
        for kind in &kinds {
            permits.push(self.met(cx, kind)?);
        }
        if permits.iter().all(|permit| permit.as_ref().is_some_and(Permit::is_unbounded)) {
            return Ok(());
        }
        for element in elements {
            let Some(id) = referred(kind, list, element) else { continue };
            let name = conventional.kind.and_then(|kind| element.get(kind)).and_then(Value::as_str);
            let mut exists = false;
            for (kind, permit) in kinds.iter().zip(&permits) {
                if name.is_some_and(|name| name != kind.name()) {
                    continue;
                }
                if let Some(permit) = permit {
                    exists |= self.exists(cx, permit, id).await?;
                }
            }
            if !exists {
                return Err(no_such_reference(kind, list, id));
            }
        }
        Ok(())
    }

    /// Whether there is such a resource for the caller.
    pub(super) async fn exists(&self, cx: &Context, permit: &Permit, id: &str) -> Result<bool, Error> {
        let lists = permit.unused(permit.kind.reference_lists());
        let found = self.read(cx, Key { kind: &permit.kind, id }, &Wanted::without(&lists)).await?;
        Ok(found.is_some_and(|found| permit.includes(&found.resource)))
    }
}

/// The elements of a list of references.
pub(super) fn elements_of(resource: &Resource, list: AttributeId) -> impl Iterator<Item = &Object> {
    resource.root().get(list).map(Value::elements).unwrap_or_default().iter().filter_map(Value::as_object)
}
