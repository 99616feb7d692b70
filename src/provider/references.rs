//! References to resources of several types: which type each is of (RFC 7643 §4.2 `members.type`).
//!
//! Clients send only ids. The type is needed for `$ref`, and asking for it shows which ids are of nothing at all.

use std::{collections::HashMap, sync::Arc};

use super::{ServiceProvider, failure::no_such_reference};
use crate::{
    error::Error,
    resource::Resource,
    schema::{AttributeId, ResourceType},
    store::{Context, Store},
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
