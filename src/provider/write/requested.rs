//! The attributes with `returned: request` that the answer to a write shows (RFC 7643 §7).

use crate::{resource::Resource, schema::AttributeId};

/// Returns the attributes with `returned: request` for which the client sent a value. Such a value counts as a
/// request for the attribute (RFC 7643 §7).
pub(super) fn present_on_request(resource: &Resource) -> Vec<AttributeId> {
    let on_request = resource.resource_type().on_request().iter().copied();
    on_request.filter(|attribute| !resource.values_of(*attribute).is_empty()).collect()
}

/// Returns the attributes with `returned: request` that a patch changed.
pub(super) fn changed_on_request(before: &Resource, after: &Resource) -> Vec<AttributeId> {
    let on_request = after.resource_type().on_request().iter().copied();
    on_request.filter(|attribute| before.values_of(*attribute) != after.values_of(*attribute)).collect()
}
