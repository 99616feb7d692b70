//! Schemas and resource types that an operator defines in JSON, without Rust.

use crate::process;
use std::path::PathBuf;

use crate::process::{Server, TOKEN, USER, databases, sqlite};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const BADGE: &str = "urn:example:scim:schemas:badge:1.0:User";
const DEVICE: &str = "urn:example:scim:schemas:device:1.0:Device";

fn schemas() -> Json {
    json!([
        {"id": BADGE, "name": "Badge", "attributes": [
            {"name": "number", "type": "integer", "required": true, "uniqueness": "server"},
            {"name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value"}, {"name": "until", "type": "dateTime"},
            ]},
        ]},
        {"id": DEVICE, "name": "Device", "attributes": [
            {"name": "serial", "required": true, "uniqueness": "server", "caseExact": true},
            {"name": "owner", "type": "complex", "subAttributes": [
                {"name": "value"}, {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
            ]},
        ]},
    ])
}

fn resource_types() -> Json {
    json!([
        {"name": "User", "endpoint": "/Users", "schema": USER, "schemaExtensions": [
            {"schema": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "required": false},
            {"schema": BADGE, "required": false},
        ]},
        {"name": "Device", "endpoint": "/Devices", "description": "Devices", "schema": DEVICE},
    ])
}

struct Files {
    _directory: TempDir,
    schemas: PathBuf,
    resource_types: PathBuf,
}

fn files(schemas: &str, resource_types: &str) -> Files {
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = ["schemas.json", "types.json"].map(|name| directory.path().join(name));
    std::fs::write(&one, schemas).unwrap();
    std::fs::write(&other, resource_types).unwrap();
    Files { _directory: directory, schemas: one, resource_types: other }
}

fn arguments<'a>(store: &'a str, files: &'a Files) -> [&'a str; 10] {
    let [schemas, types] = [&files.schemas, &files.resource_types].map(|path| path.to_str().unwrap());
    ["--store", store, "--organization", "acme", "--token", TOKEN, "--schemas", schemas, "--resource-types", types]
}

#[test]
fn an_extension_and_a_resource_type_are_served() {
    // A list, or a ListResponse like that of the endpoints.
    let message =
        |list: &Json| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "Resources": list});
    let forms = [
        files(&schemas().to_string(), &resource_types().to_string()),
        files(&message(&schemas()).to_string(), &message(&resource_types()).to_string()),
    ];
    for (place, files) in databases().into_iter().zip(forms.iter().cycle()) {
        let server = Server::start(&arguments(&place.url, files));
        let names: Vec<Json> = server.request("GET", "/ResourceTypes", None).json["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|resource_type| resource_type["name"].clone())
            .collect();
        assert_eq!(names, ["User", "Group", "Device"]);
        assert_eq!(server.request("GET", &format!("/Schemas/{BADGE}"), None).json["name"], "Badge");

        let user = json!({"schemas": [USER, BADGE], "userName": "ann", "password": "secret", BADGE: {"number": 7, "doors": [{"value": "A"}]}});
        let made = server.request("POST", "/Users", Some(&user));
        assert_eq!((made.status, &made.json[BADGE]["number"]), (201, &json!(7)), "{}", made.text);
        assert!(!place.bytes().windows(8).any(|bytes| bytes == b"\"secret\""), "no password is kept");
        let id = made.json["id"].as_str().unwrap();
        let again = json!({"schemas": [USER, BADGE], "userName": "ben", BADGE: {"number": 7}});
        assert_eq!(server.request("POST", "/Users", Some(&again)).status, 409);
        let without = json!({"schemas": [USER, BADGE], "userName": "ben", BADGE: {"doors": []}});
        assert!([201, 400].contains(&server.request("POST", "/Users", Some(&without)).status));
        let change = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
            {"op": "replace", "path": format!("{BADGE}:doors[value eq \"A\"].until"), "value": "2030-01-01T00:00:00Z"},
        ]});
        let changed = server.request("PATCH", &format!("/Users/{id}"), Some(&change));
        assert_eq!(changed.status, 200, "{}", changed.text);
        let device = json!({"schemas": [DEVICE], "serial": "S1", "owner": {"value": id}});
        assert_eq!(server.request("POST", "/Devices", Some(&device)).status, 201);
        assert_eq!(server.request("POST", "/Devices", Some(&device)).status, 409);
        assert_eq!(server.request("POST", "/Devices", Some(&json!({"schemas": [DEVICE]}))).status, 400);
        drop(server);

        let server = Server::start(&arguments(&place.url, files));
        for filter in ["serial%20eq%20%22S1%22", "serial%20sw%20%22S%22"] {
            let found = server.request("GET", &format!("/Devices?filter={filter}"), None);
            assert_eq!(found.json["totalResults"], 1, "{}", found.text);
        }
        let found = server.request("GET", &format!("/Users?filter={BADGE}:number%20eq%207"), None);
        assert_eq!(
            found.json["Resources"][0][BADGE]["doors"][0]["until"], "2030-01-01T00:00:00.000Z",
            "{}",
            found.text
        );
    }
}

/// A server can read the documents that it shows.
#[test]
fn the_own_documents_are_read_again() {
    let place = sqlite();
    let files = files(&schemas().to_string(), &resource_types().to_string());
    let server = Server::start(&arguments(&place.url, &files));
    let [schemas, resource_types] = ["/Schemas", "/ResourceTypes"].map(|path| server.request("GET", path, None));
    drop(server);
    let copies = self::files(&schemas.text, &resource_types.text);
    let place = sqlite();
    let server = Server::start(&arguments(&place.url, &copies));
    let [same_schemas, same_kinds] = ["/Schemas", "/ResourceTypes"].map(|path| server.request("GET", path, None));
    let ids = |answer: &process::Answer| -> Vec<Json> {
        answer.json["Resources"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
    };
    assert_eq!((ids(&schemas), ids(&resource_types)), (ids(&same_schemas), ids(&same_kinds)));
}

#[test]
fn errors_name_the_file_and_the_place() {
    let place = sqlite();
    let with = |pointer: &str, value: Json, of: fn() -> Json| {
        let mut document = of();
        *document.pointer_mut(pointer).unwrap() = value;
        document.to_string()
    };
    let (right_schemas, right_kinds) = (schemas().to_string(), resource_types().to_string());
    for (schemas, resource_types, expected) in [
        (
            with("/0/attributes/0/type", json!("int"), schemas),
            right_kinds.clone(),
            "schemas.json: [0].attributes[0].type: ",
        ),
        (
            with("/0/attributes/1/subAttributes/1/type", json!(7), schemas),
            right_kinds.clone(),
            "schemas.json: [0].attributes[1].subAttributes[1].type: ",
        ),
        (with("/1/id", json!(BADGE), schemas), right_kinds.clone(), "schemas.json: [1].id: expected each schema once"),
        (with("/1/id", json!(null), schemas), right_kinds.clone(), "schemas.json: [1].id: expected a text"),
        (with("/1", json!("x"), schemas), right_kinds.clone(), "schemas.json: [1]: expected an object"),
        ("{".to_owned(), right_kinds.clone(), "schemas.json: line 1, column 1: expected JSON"),
        ("{}".to_owned(), right_kinds.clone(), "schemas.json: Resources: expected a list"),
        (
            right_schemas.clone(),
            with("/1/schema", json!("urn:x:y"), resource_types),
            "types.json: [1].schema: expected the URI of a schema, found `urn:x:y`",
        ),
        (
            right_schemas.clone(),
            with("/0/schemaExtensions/1/required", json!("no"), resource_types),
            "types.json: [0].schemaExtensions[1].required: expected true or false",
        ),
        (
            right_schemas.clone(),
            with("/1/endpoint", json!("a b"), resource_types),
            "types.json: [1] (Device): expected a unique name",
        ),
        (
            right_schemas.clone(),
            with("/1/endpoint", json!(null), resource_types),
            "types.json: [1].endpoint: expected a text",
        ),
        (
            right_schemas.clone(),
            with("/1/endpoint", json!("/Users"), resource_types),
            "fit together: expected an endpoint",
        ),
        (
            right_schemas.clone(),
            with("/1", json!({"name": "Device", "endpoint": "/Devices", "schema": USER}), resource_types),
            "schemas.json: expected a resource type with the schema urn:example:scim:schemas:device",
        ),
    ] {
        let files = files(&schemas, &resource_types);
        let refused = Server::try_start(&arguments(&place.url, &files)).err().unwrap_or_else(|| panic!("{expected}"));
        assert!(refused.stderr.contains(expected), "{expected}: {}", refused.stderr);
    }
    let nowhere = Server::try_start(&["--store", &place.url, "--schemas", "/nowhere.json"]).err().unwrap();
    assert!(nowhere.stderr.contains("/nowhere.json: "), "{}", nowhere.stderr);
}
