//! The ids that the store gives to the creations of a bulk request. They must be known before the references to the new
//! resources are resolved.

use std::{collections::HashSet, sync::Arc};

use super::step::{GivenIds, Step, Work};
use crate::{
    error::Error,
    provider::{access::Action, service_provider::ServiceProvider},
    quirks::{Reading, Tolerance},
    resource::Resource,
    schema::ResourceType,
    store::{RequestContext, Store},
};

/// Asks the store about each creation. An operation that is refused anyway is left out.
pub(super) async fn given_ids<S: Store>(
    provider: &ServiceProvider<S>,
    context: &RequestContext,
    steps: &[Step<'_>],
) -> GivenIds {
    let (mut given, mut taken) = (GivenIds::new(), HashSet::new());
    if !provider.inner.store.capabilities().new_ids {
        return given;
    }
    for (index, step) in steps.iter().enumerate() {
        let Work::Create { resource_type, data } = &step.work else { continue };
        context.pause().await;
        let Ok(resource) = resource_to_create(provider, context, resource_type, data) else { continue };
        match provider.id_of_new(context, &resource).await {
            // Of two operations that restore one resource, the second creates a new resource with an id of the core's.
            Ok(Some(id)) if taken.insert(id.clone()) => drop(given.insert(index, Ok(id))),
            Ok(_) => {}
            Err(error) => drop(given.insert(index, Err(error))),
        }
    }
    given
}

/// Returns the resource of an operation, as its creation will prepare it.
fn resource_to_create<S: Store>(
    provider: &ServiceProvider<S>,
    context: &RequestContext,
    resource_type: &Arc<ResourceType>,
    data: &str,
) -> Result<Resource, Error> {
    let mut tolerance = Tolerance::new(provider.quirks());
    let mut resource = Resource::read(resource_type, data.as_bytes(), Reading::new(provider.limits(), &mut tolerance))?;
    let permit = provider.permit(context, Action::Create, resource_type)?;
    permit.read(&mut resource, &mut tolerance)?;
    provider.inner.policies.prepare(context, &mut resource);
    resource.assign_defaults();
    Ok(resource)
}
