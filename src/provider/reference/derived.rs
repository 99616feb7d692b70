//! Derived attributes, which are not stored: lists such as a user's `groups`, `meta.location` and `meta.version` (RFC
//! 7643 §3.1, §4.1.2).

use std::{collections::HashMap, sync::Arc};

use crate::{
    error::Error,
    provider::{answer::Derived, service_provider::ServiceProvider},
    resource::{Reference, Resource, url},
    schema::{AttributeId, Relation, ResourceType},
    store::{Referrer, RequestContext, Store, Stored},
    value::{Object, Text, Value},
};

impl<S: Store> ServiceProvider<S> {
    /// Adds to `derived` the derived lists of resources of one type, in the order of `ids`, limited to the lists for which
    /// `wanted` holds. The store is called once for each list, whatever the number of resources.
    pub(in crate::provider) async fn derive(
        &self,
        context: &RequestContext,
        resource_type: &ResourceType,
        ids: &[&str],
        derived: &mut [Derived],
        wanted: impl Fn(AttributeId) -> bool + Send + Sync,
    ) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let many = if ids.len() > 1 { ids } else { &[] };
        let places: HashMap<&str, usize> = many.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        let place = |id: &str| if let [only] = ids { (*only == id).then_some(0) } else { places.get(id).copied() };
        for relation in self.registry().relations(resource_type) {
            if !wanted(relation.attribute()) {
                continue;
            }
            let mut found = self.referrers(context, resource_type, relation, ids).await?;
            self.show_referrers(context, relation, &mut found).await?;
            for Referrer { value, id, display, .. } in found {
                let Some(lists) = place(&value).and_then(|index| derived.get_mut(index)) else { continue };
                let reference = Reference::new(id, relation.referrer().clone(), display);
                match lists.last_mut() {
                    Some((attribute, list)) if *attribute == relation.attribute() => list.push(reference),
                    _ => lists.push((relation.attribute(), vec![reference])),
                }
            }
        }
        Ok(())
    }
}

impl<S: Store> ServiceProvider<S> {
    /// Keeps only the referrers that exist for the caller, and removes hidden names.
    async fn show_referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        found: &mut Vec<Referrer>,
    ) -> Result<(), Error> {
        if self.inner.policies.is_empty() || found.is_empty() {
            return Ok(());
        }
        let Some(permit) = self.met(context, relation.referrer())? else {
            found.clear();
            return Ok(());
        };
        if permit.hides(relation.list()) {
            found.clear();
        }
        if permit.hides(relation.display()) {
            for referrer in found.iter_mut() {
                referrer.display = None;
            }
        }
        if !permit.is_unbounded() {
            let mut known: HashMap<Text, bool> = HashMap::new();
            for referrer in found.iter() {
                if !known.contains_key(&referrer.id) {
                    let exists = self.exists(context, &permit, &referrer.id).await?;
                    known.insert(referrer.id.clone(), exists);
                }
            }
            found.retain(|referrer| known.get(&referrer.id) == Some(&true));
        }
        Ok(())
    }
}

/// Returns the attributes of a stored resource that conditions and an order use, including derived attributes. Other
/// attributes are left out: a copy of each large resource of a page would double the memory of a query.
pub(in crate::provider) fn hydrated(stored: &Stored, derived: &Derived, base: &str, used: &[AttributeId]) -> Resource {
    let resource = &stored.resource;
    let resource_type = resource.resource_type();
    let kept =
        [AttributeId::ID, AttributeId::META].into_iter().chain(used.iter().map(|used| resource_type.top_level(*used)));
    let mut root = Object::default();
    for attribute in kept {
        if root.get(attribute).is_none()
            && let Some(value) = resource.root().get(attribute)
        {
            root.insert(attribute, value.clone());
        }
    }
    if let Some(Value::Complex(meta)) = root.get_mut(AttributeId::META) {
        let location = url(base, resource_type, resource.id());
        meta.insert(AttributeId::META_LOCATION, Value::String(location.into()));
        meta.insert(AttributeId::META_VERSION, Value::String(stored.version.etag().into()));
    }
    for (attribute, references) in derived {
        let [value, display] = ["value", "display"].map(|name| resource_type.child(*attribute, name));
        let elements = references.iter().map(|reference| {
            let text = |attribute, text: Option<&str>| Some((attribute?, Value::String(text?.into())));
            let members = [
                text(value, Some(reference.id())),
                text(display, reference.display()),
                text(resource_type.conventional(*attribute).type_of, Some(Reference::DIRECT)),
            ];
            Value::Complex(members.into_iter().flatten().collect())
        });
        root.insert(*attribute, Value::List(elements.collect()));
    }
    Resource::from_object(Arc::clone(resource_type), root)
}
