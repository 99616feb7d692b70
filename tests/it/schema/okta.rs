//! Okta's resource types Role and Entitlement: their discovery, their resources, and the users who hold them. The
//! requests are those of Okta's guide "Build a SCIM 2.0 server with entitlements" and of its file
//! `Okta-SCIM-20-Entitlements-Test.json` of November 2025.

use crate::fixture::host::{BASE, Host, LIST, USER, host_of, now};
use scim_core::{
    schema::{Attribute, AttributeType, OKTA_ENTITLEMENT, OKTA_ROLE, Registry, ResourceType, Schema},
    store::MemoryStore,
};
use serde_json::{Value as Json, json};

/// A host with two roles, a license and two profiles. The core enforces the references of a user.
fn enforcing() -> Host<MemoryStore> {
    let schema = Schema::user()
        .change("roles", |roles| roles.referring_to(["Role"]))
        .change("entitlements", |entitlements| entitlements.referring_to(["License", "Profile"]));
    let user = ResourceType::builder("User", "Users", schema).extension(Schema::enterprise_user(), false).relation(
        "groups",
        "Group",
        "members",
        "displayName",
    );
    let category = |name: &str, endpoint: &str| ResourceType::builder(name, endpoint, Schema::okta_entitlement());
    let builder = Registry::builder()
        .resource_type(user.build().unwrap())
        .resource_type(ResourceType::group().unwrap())
        .resource_type(ResourceType::okta_role().unwrap())
        .resource_type(category("License", "Licenses").build().unwrap())
        .resource_type(category("Profile", "Profiles").build().unwrap());
    host_of(builder.build().unwrap())
}

fn role(host: &Host<MemoryStore>, name: &str) -> String {
    let reply = host.post("/Roles", &json!({"schemas": [OKTA_ROLE], "displayName": name}));
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.id()
}

fn entitlement(host: &Host<MemoryStore>, endpoint: &str, type_of: &str, name: &str) -> String {
    let body = json!({"schemas": [OKTA_ENTITLEMENT], "type": type_of, "displayName": name});
    let reply = host.post(endpoint, &body);
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.id()
}

#[test]
fn okta_discovers_the_resource_types_and_their_schemas() {
    let host = host_of(Registry::okta());
    let types = host.get("/ResourceTypes").json();
    let of = |name: &str| {
        let all = types["Resources"].as_array().unwrap();
        all.iter().find(|entry| entry["name"] == name).cloned().unwrap()
    };
    for (name, endpoint, schema) in [("Role", "/Roles", OKTA_ROLE), ("Entitlement", "/Entitlements", OKTA_ENTITLEMENT)]
    {
        let found = of(name);
        assert_eq!(
            (&found["id"], &found["endpoint"], &found["schema"]),
            (&json!(name), &json!(endpoint), &json!(schema))
        );
        assert_eq!(found["meta"]["location"], format!("{BASE}/ResourceTypes/{name}"));
        assert!(!found["description"].as_str().unwrap().is_empty());
        let schema = host.get(&format!("/Schemas/{schema}")).json();
        let attributes = schema["attributes"].as_array().unwrap();
        let described = |it: &Json| !it["description"].as_str().unwrap().is_empty() || it["name"] == "externalId";
        assert!(attributes.iter().all(described), "{schema}");
        let required: Vec<&str> = attributes
            .iter()
            .filter(|attribute| attribute["required"] == true)
            .map(|attribute| attribute["name"].as_str().unwrap())
            .collect();
        let expected = if name == "Role" { &["displayName"][..] } else { &["type", "displayName"] };
        assert_eq!(required, expected);
    }
    // The standard types are unchanged, and the RFC's own schemas, too.
    assert_eq!(types["totalResults"], 4);
    let user = |registry: &Registry| registry.resource_type("User").unwrap().schema().clone();
    assert_eq!(user(&Registry::okta()), user(&Registry::standard()));
}

/// The one request of Okta's Entitlements test, for each endpoint.
#[test]
fn the_entitlements_test_of_okta_passes() {
    let host = host_of(Registry::okta());
    for name in ["Reader", "Writer"] {
        role(&host, name);
        entitlement(&host, "/Entitlements", "License", name);
    }
    let headers = [
        ("Accept-Charset", "utf-8"),
        ("Content-Type", "application/scim+json; charset=utf-8"),
        ("Accept", "application/scim+json"),
        ("User-Agent", "OKTA SCIM Integration"),
    ];
    for endpoint in ["/Roles", "/Entitlements"] {
        let reply = host.send("GET", &format!("{endpoint}?count=1&startIndex=1"), &headers, b"");
        let list = reply.json();
        assert_eq!(reply.status, 200);
        assert!(list["schemas"].as_array().unwrap().contains(&json!(LIST)));
        assert_eq!(list["Resources"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&list["itemsPerPage"], &list["startIndex"], &list["totalResults"]),
            (&json!(1), &json!(1), &json!(2))
        );
        // The mapping of the Integration Wizard: id, displayName.
        let first = &list["Resources"][0];
        assert!(first["id"].is_string() && first["displayName"].is_string(), "{first}");
    }
    // The whole catalog, page by page.
    let all = host.get("/Roles?startIndex=1&count=100").json();
    assert_eq!(all["Resources"].as_array().unwrap().len(), 2);
}

#[test]
fn roles_and_entitlements_are_created_changed_and_deleted() {
    let host = host_of(Registry::okta());
    for (endpoint, schema, type_of) in
        [("/Roles", OKTA_ROLE, None), ("/Entitlements", OKTA_ENTITLEMENT, Some("License"))]
    {
        let mut body = json!({"schemas": [schema], "displayName": "Reader", "description": "Reads all reports"});
        if let Some(type_of) = type_of {
            body["type"] = type_of.into();
        }
        let created = host.post(endpoint, &body);
        let (id, json) = (created.id(), created.json());
        assert_eq!((created.status, &json["schemas"], &json["displayName"]), (201, &json!([schema]), &json!("Reader")));
        let target = format!("{endpoint}/{id}");
        assert_eq!(json["meta"]["location"], format!("{BASE}{target}"));
        assert_eq!(host.get(&target).json(), json);

        let patch = json!([{"op": "replace", "path": "displayName", "value": "Auditor"}]);
        assert_eq!(host.patch(&target, &patch).json()["displayName"], "Auditor");
        body["displayName"] = "Editor".into();
        let replaced = host.put(&target, &body);
        assert_eq!((replaced.status, &replaced.json()["displayName"]), (200, &json!("Editor")));
        let found = host.get(&format!("{endpoint}?filter=displayName eq \"editor\"")).json();
        assert_eq!(found["Resources"][0]["id"], id);

        // A refused request changes nothing.
        let before = host.get(&target).json();
        let mut nameless = body.clone();
        nameless.as_object_mut().unwrap().remove("displayName");
        for refused in [host.put(&target, &nameless), host.post(endpoint, &nameless)] {
            assert_eq!(refused.error(), (400, "invalidValue".to_owned()));
        }
        assert_eq!(host.get(&target).json(), before);
        assert_eq!(host.get(endpoint).json()["totalResults"], 1);

        assert_eq!(host.delete(&target).status, 204);
        assert_eq!(host.get(&target).status, 404);
    }
    let untyped = host.post("/Entitlements", &json!({"schemas": [OKTA_ENTITLEMENT], "displayName": "Reader"}));
    assert_eq!(untyped.error(), (400, "invalidValue".to_owned()));
}

/// A user as in Okta's guide. The values of the standard schema are text: roles of another identity provider are kept.
#[test]
fn a_user_holds_roles_and_entitlements() {
    let host = host_of(Registry::okta());
    let (reader, license) = (role(&host, "Reader"), entitlement(&host, "/Entitlements", "License", "Gold"));
    let user = host.post(
        "/Users",
        &json!({
            "schemas": [USER], "userName": "bjensen",
            "entitlements": [{"value": license, "display": "Gold", "type": "License"}],
            "roles": [{"value": reader, "display": "Reader"}, {"value": "an-app-role-of-entra"}],
        }),
    );
    assert_eq!(user.status, 201, "{}", user.json());
    let json = user.json();
    assert_eq!(json["entitlements"], json!([{"value": license, "display": "Gold", "type": "License"}]));
    assert_eq!(json["roles"], json!([{"value": reader, "display": "Reader"}, {"value": "an-app-role-of-entra"}]));
    let holders = host.get(&format!("/Users?filter=roles.value eq \"{reader}\"")).json();
    assert_eq!(holders["Resources"][0]["id"], user.id());
}

/// With `referring_to`, the core refuses unknown roles, shows the current names, and takes a deleted role from users.
#[test]
fn references_to_roles_and_entitlements_are_enforced() {
    let host = enforcing();
    let (reader, writer) = (role(&host, "Reader"), role(&host, "Writer"));
    let license = entitlement(&host, "/Licenses", "License", "Gold");
    let profile = entitlement(&host, "/Profiles", "Profile", "Sales");
    let user = host.post(
        "/Users",
        &json!({
            "schemas": [USER], "userName": "bjensen",
            "entitlements": [{"value": license, "display": "First Entitlement", "type": "License"},
                {"value": profile, "type": "Profile"}],
            "roles": [{"value": reader, "display": "sent by Okta"}],
        }),
    );
    assert_eq!(user.status, 201, "{}", user.json());
    let target = format!("/Users/{}", user.id());
    let of = |id: &str, endpoint: &str, name: &str, type_of: &str| json!({"value": id, "$ref": format!("{BASE}/{endpoint}/{id}"), "display": name, "type": type_of});
    let held = host.get(&target).json();
    let entitlements =
        json!([of(&license, "Licenses", "Gold", "License"), of(&profile, "Profiles", "Sales", "Profile")]);
    assert_eq!(held["entitlements"], entitlements);
    assert_eq!((&held["roles"][0]["value"], &held["roles"][0]["display"]), (&json!(reader), &json!("Reader")));
    assert_eq!(held["roles"][0]["$ref"], format!("{BASE}/Roles/{reader}"));

    // A new name of the role shows at once.
    let rename = json!([{"op": "replace", "path": "displayName", "value": "Auditor"}]);
    host.patch(&format!("/Roles/{reader}"), &rename);
    assert_eq!(host.get(&target).json()["roles"][0]["display"], "Auditor");

    // Values that are no ids of roles, or ids of another type, change nothing.
    let before = host.get(&target).json();
    for (list, value) in [("roles", "nobody"), ("roles", license.as_str()), ("entitlements", reader.as_str())] {
        let add = json!([{"op": "add", "path": list, "value": [{"value": value}]}]);
        assert_eq!(host.patch(&target, &add).error(), (400, "invalidValue".to_owned()), "{list} {value}");
        let post = json!({"schemas": [USER], "userName": "other", list: [{"value": value}]});
        assert_eq!(host.post("/Users", &post).error(), (400, "invalidValue".to_owned()), "{list} {value}");
    }
    assert_eq!(host.get(&target).json(), before);
    assert_eq!(host.get("/Users").json()["totalResults"], 1);

    // Okta assigns and removes by PATCH.
    let patch = json!([
        {"op": "add", "path": "roles", "value": [{"value": writer}]},
        {"op": "remove", "path": format!("entitlements[value eq \"{profile}\"]")},
    ]);
    assert_eq!(host.patch(&target, &patch).status, 200);
    let held = host.get(&target).json();
    assert_eq!((held["roles"].as_array().unwrap().len(), held["entitlements"].as_array().unwrap().len()), (2, 1));
    assert_eq!(host.delete(&format!("/Roles/{reader}")).status, 204);
    let held = host.get(&target).json();
    assert_eq!(held["roles"].as_array().unwrap().len(), 1);
    assert_eq!(held["roles"][0]["value"], writer);
}

#[test]
fn only_complex_attributes_become_references() {
    let text = Attribute::new("nick", AttributeType::String);
    assert_eq!(text.clone().referring_to(["Role"]), text);
    let roles = Schema::user().find("roles").unwrap().clone().referring_to(["Role"]);
    // The second call replaces the targets.
    let again = roles.clone().referring_to(["Profile"]);
    assert_eq!(again.sub_attributes().len(), roles.sub_attributes().len());
    let reference = again.sub_attributes().iter().find(|part| part.name() == "$ref").unwrap();
    assert_eq!(reference.reference_types(), [Box::from("Profile")]);
}

#[cfg(feature = "testkit")]
#[test]
fn a_store_with_the_resource_types_of_okta_passes_the_kits() {
    use scim_core::{
        quirks::Quirks,
        testkit::{StoreKit, Traffic},
    };

    let report = now(StoreKit::new(MemoryStore::new(), Registry::okta(), 1).with_many(300).run_all());
    assert!(report.is_passed(), "{report}");
    let host = crate::fixture::host::host_with(
        Registry::okta(),
        MemoryStore::new(),
        scim_core::limits::Limits::default(),
        Quirks::entra(),
    );
    for (run, traffic) in (1..).zip([Traffic::okta(), Traffic::entra()]) {
        let replay = now(traffic.replay(&host.provider, &host.context, run));
        assert!(replay.is_passed(), "{replay}");
    }
}
