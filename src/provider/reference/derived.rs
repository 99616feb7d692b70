//! Derived attributes, which are not stored: lists such as a user's `groups`, `meta.location` and `meta.version` (RFC
//! 7643 §3.1, §4.1.2).

use std::{collections::HashMap, slice, sync::Arc};

use crate::{
    error::Error,
    provider::{
        answer::{Added, Derived},
        service_provider::ServiceProvider,
    },
    resource::{Reference, Resource, url},
    schema::{AttributeId, Relation, ResourceType},
    store::{Referrer, RequestContext, Store, Stored},
    value::{Object, Text, Value},
};

impl<S: Store> ServiceProvider<S> {
    /// Adds the derived lists of resources of one type, each resource with its index in `added`, limited to the lists for
    /// which `wanted` holds. The store is called once for each list, whatever the number of resources.
    pub(in crate::provider) async fn derive<'r>(
        &self,
        context: &RequestContext,
        resource_type: &ResourceType,
        resources: impl Iterator<Item = (usize, &'r Resource)> + Clone + Send,
        added: &mut [Added],
        wanted: impl Fn(AttributeId) -> bool + Send + Sync,
    ) -> Result<(), Error> {
        let relations = self.registry().relations(resource_type);
        let mut rest = resources.clone();
        let Some((first, resource)) = rest.next() else { return Ok(()) };
        if !relations.iter().any(|relation| wanted(relation.attribute())) {
            return Ok(());
        }
        let only = resource.id();
        // Most often there is one resource, which needs neither a list nor a map.
        let ids: Vec<&str> = match rest.next() {
            Some(_) => resources.clone().map(|(_, resource)| resource.id()).collect(),
            None => Vec::new(),
        };
        let ids = if ids.is_empty() { slice::from_ref(&only) } else { &ids };
        let mut places = HashMap::new();
        for relation in relations {
            if !wanted(relation.attribute()) {
                continue;
            }
            let mut found = self.referrers(context, resource_type, relation, ids).await?;
            self.show_referrers(context, relation, &mut found).await?;
            if ids.len() > 1 && places.is_empty() && !found.is_empty() {
                places.extend(resources.clone().map(|(index, resource)| (resource.id(), index)));
            }
            let index_of =
                |id: &str| if ids.len() == 1 { (id == only).then_some(first) } else { places.get(id).copied() };
            for Referrer { value, id, display, .. } in found {
                let added = index_of(&value).and_then(|index| added.get_mut(index));
                let Some(lists) = added.map(|added| &mut added.derived) else { continue };
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
        meta.insert(AttributeId::META_VERSION, Value::String(stored.version.etag()));
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
