//! Groups with many members.

use super::{BASE, Random};

/// One group.
#[derive(Debug)]
pub struct GroupInput {
    /// The group as a response of the service provider.
    pub stored: String,
    /// The ids of the members, in their order.
    pub ids: Vec<String>,
}

/// A group with `count` members.
pub fn group(count: usize) -> GroupInput {
    let ids: Vec<String> = (0..count).map(member_id).collect();
    let members = ids.iter().map(|id| member(id)).collect::<Vec<_>>().join(",");
    let stored = format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"e9e30dba-f08f-4109-8486-d5c6a331660a","displayName":"Tour Guides","members":[{members}],"meta":{{"resourceType":"Group","created":"2024-11-30T09:15:00.000Z","lastModified":"2025-03-04T05:06:07.000Z","location":"{BASE}/Groups/e9e30dba-f08f-4109-8486-d5c6a331660a","version":"W/\"1\""}}}}"#
    );
    GroupInput { stored, ids }
}

/// The id of member `n`, the same in every group.
pub fn member_id(n: usize) -> String {
    Random::new(n as u64).id()
}

/// A member as the service provider returns it.
fn member(id: &str) -> String {
    format!(r#"{{"value":"{id}","$ref":"{BASE}/Users/{id}","type":"User","display":"Barbara Jensen"}}"#)
}

/// A member as a client adds it: the service provider alone sets `display`.
pub fn new_member(id: &str) -> String {
    format!(r#"{{"value":"{id}","$ref":"{BASE}/Users/{id}","type":"User"}}"#)
}
