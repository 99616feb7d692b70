//! References to resources of several types: which type each is of (RFC 7643 §4.2 `members.type`).
//!
//! Clients send only ids. The type is needed for `$ref`, and asking for it shows which ids are of nothing at all.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{ServiceProvider, failure::no_such_reference, permit::Permit};
use crate::{
    error::Error,
    resource::Resource,
    schema::{AttributeId, ResourceType},
    store::{Context, Key, Store, Wanted},
    value::{Object, Value},
};

impl<S: Store> ServiceProvider<S> {
    /// Gives every reference in the lists of `resource` its type where it has none.
    ///
    /// # Errors
    ///
    /// 400 when one without a type refers to nothing.
    pub(super) async fn type_references(&self, cx: &Context, resource: &mut Resource) -> Result<(), Error> {
        let kind = Arc::clone(resource.kind());
        for &list in kind.reference_lists() {
            let Some(Value::List(elements)) = resource.root_mut().get_mut(list) else { continue };
            let elements = elements.iter_mut().filter_map(|element| match element {
                Value::Complex(element) => Some(element),
                _ => None,
            });
            self.type_elements(cx, &kind, list, elements.collect()).await?;
        }
        Ok(())
    }

    /// The same for some elements of one list.
    pub(super) async fn type_elements(
        &self,
        cx: &Context,
        kind: &ResourceType,
        list: AttributeId,
        elements: Vec<&mut Object>,
    ) -> Result<(), Error> {
        let conventional = kind.conventional(list);
        let (Some(value), Some(reference), Some(type_of)) =
            (conventional.value, conventional.reference, conventional.kind)
        else {
            return Ok(());
        };
        let names = kind.attribute(reference).references();
        let kinds: Vec<Arc<ResourceType>> =
            names.iter().filter_map(|name| self.registry().resource_type(name)).cloned().collect();
        // With one possible type nothing depends on being told which it is.
        if kinds.len() < 2 {
            return Ok(());
        }
        let mut unknown: Vec<&mut Object> =
            elements.into_iter().filter(|element| !element.contains(type_of) && element.contains(value)).collect();
        let mut ids: Vec<Box<str>> = Vec::with_capacity(unknown.len());
        let mut places: HashMap<Box<str>, usize> = HashMap::with_capacity(unknown.len());
        for element in &unknown {
            let id = element.get(value).and_then(Value::as_str).unwrap_or_default();
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
        for element in &mut unknown {
            let id = element.get(value).and_then(Value::as_str).unwrap_or_default();
            let found = places.get(id).and_then(|place| *located.get(*place)?);
            let Some(found) = found.and_then(|index| kinds.get(index)) else {
                return Err(no_such_reference(kind, list, id));
            };
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
    ) -> Result<(), Error> {
        if self.inner.policies.is_empty() {
            return Ok(());
        }
        let kind = after.kind();
        for &list in kind.reference_lists() {
            let Some(value) = kind.value_of(list) else { continue };
            let id = |element: &&Object| element.get(value).and_then(Value::as_str).map(Box::<str>::from);
            let before = before.into_iter().flat_map(|before| elements_of(before, list));
            let known: HashSet<Box<str>> = before.filter_map(|element| id(&element)).collect();
            let is_new = |element: &&Object| id(element).is_some_and(|id| !known.contains(&id));
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
        let (Some(value), conventional) = (kind.value_of(list), kind.conventional(list)) else { return Ok(()) };
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
            let Some(id) = element.get(value).and_then(Value::as_str) else { continue };
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

fn elements_of(resource: &Resource, list: AttributeId) -> impl Iterator<Item = &Object> {
    resource.root().get(list).map(Value::elements).unwrap_or_default().iter().filter_map(Value::as_object)
}
