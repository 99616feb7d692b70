include!("reads.rs");

use scim_core::{filter::Condition, resource::UniqueKey, store::Pushdown};

/// The attributes by which identity providers look up resources, each with an index.
const LOOKED_UP: [&str; 4] = ["id", "externalId", "userName", "displayName"];

/// `WHERE tenant = $1 AND login_folded = $2`: the core has folded the text already if the attribute ignores case.
fn pushdown(resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
    let Condition::Compare(comparison) = conjunct else { return Pushdown::No };
    let path = resource_type.path(comparison.attribute());
    // The key of a matching resource; `None` for operators other than `eq`, for booleans and for the empty string.
    let is_key = UniqueKey::compared(comparison).is_some() && LOOKED_UP.contains(&&*path);
    if is_key || path == format!("{ORIGIN}:provisioned") { Pushdown::Exact } else { Pushdown::No }
}
