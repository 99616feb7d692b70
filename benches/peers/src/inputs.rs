//! The inputs of all contenders: filters, users, groups, patches and bulk requests, the same in every run.

mod bulk;
mod filters;
mod groups;
mod patches;
mod random;
mod users;

pub use self::{
    bulk::bulk,
    filters::{FilterInput, filters},
    groups::{GroupInput, group, member_id, new_member},
    patches::{PATCHES, PatchInput, message},
    random::Random,
    users::{UserInput, users},
};

/// The base URL in all `$ref`s and locations.
pub const BASE: &str = "https://example.com/scim/v2";

/// The URI of the enterprise extension (RFC 7643 §4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
