include!("reads.rs");

use scim_core::{filter::Condition, resource::UniqueKey, store::Pushdown};

/// What identity providers look up by, each with an index.
const LOOKED_UP: [&str; 4] = ["id", "externalId", "userName", "displayName"];

/// `WHERE tenant = $1 AND login_folded = $2`: what to compare with is folded already, where case does not count.
fn pushdown(resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
    let Condition::Compare(comparison) = conjunct else { return Pushdown::No };
    let path = resource_type.path(comparison.attribute());
    // The key that such a resource has; there is none for other operators than `eq`, for booleans and for no text.
    let is_key = UniqueKey::compared(comparison).is_some() && LOOKED_UP.contains(&&*path);
    if is_key || path == format!("{ORIGIN}:provisioned") { Pushdown::Exact } else { Pushdown::No }
}
