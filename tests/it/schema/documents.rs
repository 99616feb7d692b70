//! Reads resource types and schemas from JSON, and checks the places that errors name.

use proptest::prelude::*;
use scim_core::schema::{
    AttributeId, ENTERPRISE_USER, Registry, RegistryBuilder, Schema, USER, read_resource_types, read_schemas,
};
use serde_json::{Value as Json, json};

fn registry(schemas: &Json, resource_types: &Json) -> Registry {
    let schemas = read_schemas(&schemas.to_string()).unwrap();
    let resource_types = read_resource_types(&resource_types.to_string(), &schemas).unwrap();
    resource_types.into_iter().fold(Registry::builder(), RegistryBuilder::resource_type).build().unwrap()
}

/// The standard registry equals the registry that is read from the documents of RFC 7643 §8.6, except for `active`,
/// whose default has no place in the JSON.
#[test]
fn the_standard_resource_types_are_read() {
    let resource_types = json!({"totalResults": 2, "Resources": [
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "id": "User", "name": "User",
         "endpoint": "/Users", "description": "User Account", "schema": USER,
         "schemaExtensions": [{"schema": ENTERPRISE_USER, "required": true}],
         "meta": {"location": "https://example.com/v2/ResourceTypes/User", "resourceType": "ResourceType"}},
        {"id": "Group", "name": "Group", "endpoint": "Groups", "schema": "URN:ietf:params:scim:schemas:core:2.0:group",
         "description": null, "schemaExtensions": null},
    ]});
    let registry = registry(&json!([]), &resource_types);
    let user = registry.resource_type("User").unwrap();
    assert_eq!((user.endpoint(), user.description(), user.schema()), ("Users", "User Account", &Schema::user()));
    assert!(user.extension(ENTERPRISE_USER).unwrap().is_required());
    assert_eq!(registry.relations(user).len(), 1, "groups are derived from members");
    assert!(registry.endpoint("Groups").unwrap().extensions().is_empty());
}

/// A schema of the document takes precedence over the standard schema.
#[test]
fn own_schemas_replace_standard_ones() {
    let schemas = json!([{"id": USER, "name": "User", "attributes": [{"name": "userName", "required": true}]}]);
    let resource_types = json!([{"name": "User", "endpoint": "/Users", "schema": USER}]);
    let registry = registry(&schemas, &resource_types);
    let user = registry.resource_type("User").unwrap();
    assert!(user.child(AttributeId::ROOT, "userName").is_some() && user.child(AttributeId::ROOT, "name").is_none());
    assert!(registry.relations(user).is_empty());
}

#[test]
fn faults_have_their_place() {
    for (document, place) in [
        ("", "line 1, column 0"),
        ("7", "the document"),
        ("{}", "Resources"),
        (r#"{"Resources": 7}"#, "Resources"),
        (r#"{"Resources": [7]}"#, "Resources[0]"),
        ("[{}]", "[0].id"),
        (r#"[{"id": 7}]"#, "[0].id"),
        (r#"[{"id": "urn:x:y", "name": 7}]"#, "[0].name"),
        (r#"[{"id": "urn:x:y", "attributes": 7}]"#, "[0].attributes"),
        (r#"[{"id": "urn:x:y", "attributes": [7]}]"#, "[0].attributes[0]"),
        (r#"[{"id": "urn:x:y", "attributes": [{"type": "string"}]}]"#, "[0].attributes[0]"),
        (r#"[{"id": "urn:x:y", "attributes": [{"name": "a", "multiValued": 1}]}]"#, "[0].attributes[0].multiValued"),
        (
            r#"[{"id": "urn:x:y", "attributes": [{"name": "a"}, {"name": "b", "subAttributes": [{"name": "c", "returned": "x"}]}]}]"#,
            "[0].attributes[1].subAttributes[0].returned",
        ),
        (r#"[{"id": "urn:x:y"}, {"id": "URN:X:Y"}]"#, "[1].id"),
    ] {
        assert_eq!(read_schemas(document).unwrap_err().place(), place, "{document}");
    }
    let schemas = [Schema::new("urn:x:y", "Y")];
    for (document, place) in [
        (r#"[{"endpoint": "/A", "schema": "urn:x:y"}]"#, "[0].name"),
        (r#"[{"name": "A", "schema": "urn:x:y"}]"#, "[0].endpoint"),
        (r#"[{"name": "A", "endpoint": "/A"}]"#, "[0].schema"),
        (r#"[{"name": "A", "endpoint": "/A", "schema": "urn:x:z"}]"#, "[0].schema"),
        (r#"[{"name": "A", "endpoint": "/A", "schema": "urn:x:y", "description": 7}]"#, "[0].description"),
        (r#"[{"name": "A", "endpoint": "/A", "schema": "urn:x:y", "schemaExtensions": {}}]"#, "[0].schemaExtensions"),
        (
            r#"[{"name": "A", "endpoint": "/A", "schema": "urn:x:y", "schemaExtensions": [7]}]"#,
            "[0].schemaExtensions[0]",
        ),
        (r#"[{"name": "A", "endpoint": "/A/B", "schema": "urn:x:y"}]"#, "[0] (A)"),
    ] {
        assert_eq!(read_resource_types(document, &schemas).unwrap_err().place(), place, "{document}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r#"[\[\]{}":,a-z0-9 ]{0,60}"#) {
        let _ = read_schemas(&text);
        let _ = read_resource_types(&text, &[]);
    }
}
