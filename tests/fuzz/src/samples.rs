//! The registry, presets and resources that several targets use.

use std::sync::{Arc, LazyLock};

use scim_core::{
    limits::Limits,
    quirks::Quirks,
    resource::Resource,
    schema::{Registry, ResourceType},
};

pub(crate) static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::standard);
pub(crate) static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A preset of quirks chosen by one byte, which may be an ASCII digit.
pub(crate) fn quirks(setting: u8) -> Quirks {
    [Quirks::default(), Quirks::entra(), Quirks::strict()][usize::from(setting % 3)]
}

pub(crate) fn user() -> &'static Arc<ResourceType> {
    REGISTRY.resource_type("User").expect("a standard type")
}

pub(crate) fn group() -> &'static Arc<ResourceType> {
    REGISTRY.resource_type("Group").expect("a standard type")
}

pub(crate) static USERS: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let documents = [
        r#"{"id": "1", "userName": "ann"}"#.to_owned(),
        r#"{"id": "2", "userName": "Bob", "active": false, "title": "", "emails": [{"value": "B@X"}],
            "meta": {"created": "2011-05-13T04:42:34Z", "lastModified": "2020-02-29T23:59:59.5+01:00"}}"#
            .to_owned(),
        format!(
            r#"{{"id": "3", "externalId": "e", "userName": "straße", "displayName": "İé", "active": true,
            "name": {{"givenName": "Barbara", "familyName": "Jensen"}}, "password": "secret",
            "emails": [{{"value": "b@work.com", "type": "work", "primary": true}}, {{"value": "b@home.com", "type": "home"}}],
            "addresses": [{{"type": "work", "locality": "Rome"}}], "profileUrl": "https://example.com/b",
            "x509Certificates": [{{"value": "AAAA"}}],
            "{ENTERPRISE}": {{"department": "Tours", "manager": {{"value": "2"}}}}}}"#
        ),
    ];
    documents.iter().map(|json| Resource::from_json(user(), json.as_bytes()).expect("a user")).collect()
});

pub(crate) static GROUPS: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let documents = [
        r#"{"id": "g", "displayName": "empty"}"#,
        r#"{"id": "h", "displayName": "Guides", "members": [{"value": "1", "type": "User"}, {"value": "g", "type": "Group"}]}"#,
    ];
    documents.iter().map(|json| Resource::from_json(group(), json.as_bytes()).expect("a group")).collect()
});

/// The resource types with sample resources.
pub(crate) fn types() -> [(&'static Arc<ResourceType>, &'static [Resource]); 2] {
    [(user(), &USERS), (group(), &GROUPS)]
}
