//! Discovery: the configuration, the resource types and the schemas (RFC 7643 §5, §6, §7; RFC 7644 §4).

use crate::fixture::host;
use std::collections::BTreeSet;

use crate::fixture::host::{BASE, ENTERPRISE, GROUP, LIST, USER, host, host_with};
use scim_core::{
    limits::Limits,
    message::AuthenticationScheme,
    protocol::Request,
    provider::ServiceProvider,
    quirks::Quirks,
    schema::{Attribute, AttributeType, Registry, ResourceType, Schema},
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::{Value as Json, json};

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// 7643-5-01, 7643-5-02, 7643-5-03, 7643-5-04, 7643-5-05, 7643-5-06, 7643-5-08, 7644-4-01.
#[test]
fn the_configuration_is_what_is_enforced() {
    let mut limits = Limits::default();
    limits.page_max = 7;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    let reply = host.get("/ServiceProviderConfig");
    let config = reply.json();
    assert_eq!((reply.status, &config["schemas"]), (200, &json!([CONFIG])));
    for (name, supported) in
        [("patch", true), ("bulk", true), ("filter", true), ("changePassword", true), ("sort", true), ("etag", true)]
    {
        assert_eq!(config[name]["supported"], supported, "{name}");
    }
    assert!(config["bulk"]["maxOperations"].is_u64() && config["bulk"]["maxPayloadSize"].is_u64());
    // The advertised limit is enforced.
    assert_eq!(config["filter"]["maxResults"], 7);
    for n in 0..9 {
        host.user(&format!("user{n}"));
    }
    assert_eq!(host.get("/Users?count=100").json()["itemsPerPage"], 7);
    let schemes = config["authenticationSchemes"].as_array().unwrap();
    let types = ["oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest"];
    assert!(!schemes.is_empty());
    for scheme in schemes {
        assert!(types.contains(&scheme["type"].as_str().unwrap()));
        assert!(["name", "description"].iter().all(|part| scheme[part].as_str().is_some_and(|text| !text.is_empty())));
    }
    assert_eq!(config["meta"]["location"], format!("{BASE}/ServiceProviderConfig"));
    assert_eq!(config["meta"]["resourceType"], "ServiceProviderConfig");
    assert_eq!(config["id"], Json::Null);
}

/// 9865-4-01, 9865-4-02, 9865-4-03, 9865-4-04, 9865-4-05.
#[test]
fn both_ways_of_paging_are_advertised() {
    let mut limits = Limits::default();
    (limits.page_default, limits.page_max) = (9, 7);
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    let pagination = json!({"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 7,
        "maxPageSize": 7, "cursorTimeout": 3600});
    assert_eq!(host.get("/ServiceProviderConfig").json()["pagination"], pagination);
    for n in 0..9 {
        host.user(&format!("user{n}"));
    }
    assert_eq!(host.get("/Users").json()["itemsPerPage"], 7);
    assert_eq!(host.get("/Users?cursor").json()["itemsPerPage"], 7);
}

#[test]
fn a_host_says_how_clients_authenticate() {
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .authentication_scheme(AuthenticationScheme::bearer())
        .documentation("https://example.com/help")
        .build()
        .unwrap();
    let context = RequestContext::new(TenantId::single());
    let response = host::now(provider.handle(&context, &Request::new("GET", "/ServiceProviderConfig")));
    let config: Json = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(config["documentationUri"], "https://example.com/help");
    assert_eq!(config["authenticationSchemes"].as_array().unwrap().len(), 1);
}

/// 7643-6-01, 7643-6-02, 7643-6-03, 7643-6-04, 7643-6-05, 7643-6-08, 7644-4-04, 7644-4-05, 7643-3.2-01, 7643-3.3-05.
#[test]
fn resource_types_are_published() {
    let host = host();
    let list = host.get("/ResourceTypes").json();
    assert_eq!((&list["schemas"], &list["totalResults"]), (&json!([LIST]), &json!(2)));
    let schemas = host.get("/Schemas").json();
    let known: BTreeSet<&str> =
        schemas["Resources"].as_array().unwrap().iter().map(|schema| schema["id"].as_str().unwrap()).collect();
    for resource_type in list["Resources"].as_array().unwrap() {
        let name = resource_type["name"].as_str().unwrap();
        assert_eq!(host.get(&format!("/ResourceTypes/{name}")).json(), *resource_type);
        assert!(known.contains(resource_type["schema"].as_str().unwrap()));
        for extension in resource_type["schemaExtensions"].as_array().into_iter().flatten() {
            assert!(known.contains(extension["schema"].as_str().unwrap()));
            assert!(extension["required"].is_boolean());
        }
        assert!(resource_type["description"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(host.get(resource_type["endpoint"].as_str().unwrap()).status, 200);
    }
    let user = &list["Resources"][0];
    assert_eq!((&user["name"], &user["endpoint"], &user["schema"]), (&json!("User"), &json!("/Users"), &json!(USER)));
    assert_eq!(user["schemaExtensions"], json!([{"schema": ENTERPRISE, "required": false}]));
    assert_eq!(user["meta"]["location"], format!("{BASE}/ResourceTypes/User"));
    let id = host.user("bjensen");
    assert_eq!(host.get(&format!("/Users/{id}")).json()["meta"]["resourceType"], user["name"]);
}

/// Checks the definition of an attribute and of its sub-attributes. Returns their number.
fn check(attribute: &Json, types: &[&str]) -> usize {
    let text = |name: &str| attribute[name].as_str().unwrap_or_else(|| panic!("{name}: {attribute}"));
    assert!(types.contains(&text("type")), "{attribute}");
    assert!(!text("description").is_empty(), "{attribute}");
    assert!(["readOnly", "readWrite", "immutable", "writeOnly"].contains(&text("mutability")));
    assert!(["always", "never", "default", "request"].contains(&text("returned")));
    assert!(attribute["multiValued"].is_boolean() && attribute["required"].is_boolean());
    assert_eq!(text("type") == "reference", attribute["referenceTypes"].is_array(), "{attribute}");
    assert_eq!(text("type") == "complex", attribute["subAttributes"].is_array(), "{attribute}");
    let parts = attribute["subAttributes"].as_array().into_iter().flatten();
    1 + parts.map(|part| check(part, types)).sum::<usize>()
}

/// 7643-7-01, 7643-7-02, 7643-7-03, 7643-7-05, 7643-7-06, 7643-8.7.2-01, 7644-4-02, 7644-4-03, 7644-3.1-03.
#[test]
fn schemas_are_published() {
    let host = host();
    let list = host.get("/Schemas").json();
    let schemas = list["Resources"].as_array().unwrap();
    assert_eq!(list["totalResults"], schemas.len());
    let ids: Vec<&str> = schemas.iter().map(|schema| schema["id"].as_str().unwrap()).collect();
    assert!([USER, GROUP, ENTERPRISE, CONFIG].iter().all(|id| ids.contains(id)), "{ids:?}");
    assert!(!ids.iter().any(|id| id.contains(":api:")), "messages are no resources");
    let types = ["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"];
    let mut attributes = 0;
    for schema in schemas {
        let id = schema["id"].as_str().unwrap();
        assert_eq!(host.get(&format!("/Schemas/{id}")).json(), *schema);
        assert_eq!(schema["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]));
        assert_eq!(schema["meta"]["resourceType"], "Schema");
        assert_eq!(schema["meta"]["location"], format!("{BASE}/Schemas/{id}"));
        assert!(["name", "description"].iter().all(|part| schema[part].as_str().is_some_and(|text| !text.is_empty())));
        attributes += schema["attributes"].as_array().unwrap().iter().map(|it| check(it, &types)).sum::<usize>();
    }
    assert!(attributes > 100, "{attributes}");
}

/// The attribute `name` of a schema, as `/Schemas` shows it.
fn published(host: &host::Host<MemoryStore>, schema: &str, name: &str) -> Vec<Json> {
    let schema = host.get(&format!("/Schemas/{schema}")).json();
    let attributes = schema["attributes"].as_array().unwrap().clone();
    attributes.into_iter().filter(|it| it["name"].as_str().unwrap().eq_ignore_ascii_case(name)).collect()
}

/// 7643-3.1-11, 7643-3-05: identity providers look for `externalId` in the schema of a resource type when they map
/// attributes, so the base schema of each type has it, once, with the characteristics that are enforced.
#[test]
fn external_id_is_in_the_base_schema_of_each_type() {
    let expected = json!({"name": "externalId", "type": "string", "multiValued": false, "required": false,
        "caseExact": true, "mutability": "readWrite", "returned": "default", "uniqueness": "none"});
    let characteristics = |mut attribute: Json| {
        assert!(attribute["description"].as_str().is_some_and(|text| !text.is_empty()), "{attribute}");
        attribute.as_object_mut().unwrap().remove("description");
        attribute
    };
    let host = host();
    for schema in [USER, GROUP] {
        let found = published(&host, schema, "externalId");
        assert_eq!(found.into_iter().map(characteristics).collect::<Json>(), json!([expected]), "{schema}");
    }
    // Nothing else is added: an extension and the schemas of discovery do not describe a resource type.
    let spc = "urn:ietf:params:scim:schemas:core:2.0";
    for schema in [ENTERPRISE, CONFIG, &format!("{spc}:Schema"), &format!("{spc}:ResourceType")] {
        assert_eq!(published(&host, schema, "externalId"), Vec::<Json>::new(), "{schema}");
    }
    for (schema, standard) in [(USER, Schema::user()), (GROUP, Schema::group())] {
        let shown = host.get(&format!("/Schemas/{schema}")).json();
        let names: Vec<&str> =
            shown["attributes"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
        let standard = standard.attributes().iter().map(Attribute::name).chain(["externalId"]).collect::<Vec<_>>();
        assert_eq!(names, standard);
    }
    // The list and the single document agree, and a published attribute is accepted.
    for schema in host.get("/Schemas").json()["Resources"].as_array().unwrap() {
        assert_eq!(host.get(&format!("/Schemas/{}", schema["id"].as_str().unwrap())).json(), *schema);
    }
    let made = host.post("/Users", &json!({"userName": "a", "externalId": "Ex"}));
    assert_eq!(made.json()["externalId"], "Ex");
    assert_eq!(host.get("/Users?filter=externalId eq \"ex\"").json()["totalResults"], 0, "caseExact");
}

/// 7643-3.1-11: a host's schema that lists common attributes is published with the characteristics that are enforced
/// and with the host's description, also where two types share it or another type has it as an extension.
#[test]
fn common_attributes_keep_their_characteristics_in_a_hosts_schema() {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let robot = Schema::new("urn:example:scim:schemas:robot:1.0:Robot", "Robot")
        .with_description("A machine")
        .with_attribute(text("ID").with_description("Serial number"))
        .with_attribute(text("EXTERNALID").required().with_description("What the factory calls it"))
        .with_attribute(text("model").with_description("What it is"));
    let resource_type = |name: &str, schema: &Schema| ResourceType::builder(name, &format!("{name}s"), schema.clone());
    let crane = Schema::new("urn:example:scim:schemas:crane:1.0:Crane", "Crane").with_attribute(text("height"));
    // An extension has its own `externalId`, which is not the common attribute.
    let paint = Schema::new("urn:example:scim:schemas:paint:1.0:Paint", "Paint")
        .with_attribute(text("externalId").required())
        .with_attribute(text("color"));
    let registry = Registry::builder()
        .resource_type(resource_type("Robot", &robot).build().unwrap())
        .resource_type(resource_type("Android", &robot).extension(paint.clone(), false).build().unwrap())
        .resource_type(resource_type("Crane", &crane).extension(robot.clone(), false).build().unwrap())
        .build()
        .unwrap();
    let host = host::host_of(registry);
    assert_eq!(host.get("/Schemas").json()["totalResults"], 6);
    for (attribute, name, description, always) in
        [("externalId", "externalId", "What the factory calls it", false), ("id", "id", "Serial number", true)]
    {
        let found = published(&host, robot.id(), attribute);
        assert_eq!(found.len(), 1, "{attribute}");
        let found = &found[0];
        assert_eq!((&found["name"], &found["description"]), (&json!(name), &json!(description)));
        assert_eq!((&found["required"], &found["caseExact"]), (&json!(false), &json!(true)));
        assert_eq!(found["returned"], if always { "always" } else { "default" });
        assert_eq!(found["mutability"], if always { "readOnly" } else { "readWrite" });
    }
    assert_eq!(published(&host, crane.id(), "externalId").len(), 1);
    assert_eq!(published(&host, paint.id(), "externalId")[0]["required"], true);
    // As published: the attribute is not required, and the comparison is exact.
    for endpoint in ["Robots", "Androids", "Cranes"] {
        assert_eq!(host.post(&format!("/{endpoint}"), &json!({})).status, 201, "{endpoint}");
        let made = host.post(&format!("/{endpoint}"), &json!({"externalId": "Ex"}));
        assert_eq!(made.json()["externalId"], "Ex");
        let found = |id: &str| host.get(&format!("/{endpoint}?filter=externalId eq \"{id}\"")).json();
        assert_eq!((&found("Ex")["totalResults"], &found("ex")["totalResults"]), (&json!(1), &json!(0)));
    }
    host.refused(
        "POST",
        "/Androids",
        json!({paint.id(): {"color": "red"}}).to_string().as_bytes(),
        400,
        "invalidValue",
    );
    // A client that builds its registry from the published schemas gets the same schemas.
    let read: Schema = serde_json::from_value(host.get(&format!("/Schemas/{}", robot.id())).json()).unwrap();
    let again = Registry::builder().resource_type(resource_type("Robot", &read).build().unwrap()).build().unwrap();
    assert_eq!(again.schema(robot.id()), Some(&read));
}

/// A host's own attributes are shown and enforced: one object feeds both.
#[test]
fn the_shown_schema_is_the_enforced_schema() {
    let robots = Schema::new("urn:example:scim:schemas:robot:1.0:Robot", "Robot")
        .with_description("A machine that works")
        .with_attribute(Attribute::new("serial", AttributeType::Integer).required().with_description("On its back"));
    let registry = Registry::builder()
        .resource_type(ResourceType::builder("Robot", "Robots", robots).description("Machines").build().unwrap())
        .build()
        .unwrap();
    let host = host::host_of(registry);
    let shown = host.get("/Schemas/urn:example:scim:schemas:robot:1.0:Robot").json();
    assert_eq!(shown["attributes"][0]["name"], "serial");
    assert_eq!(host.get("/ServiceProviderConfig").json()["changePassword"]["supported"], false);
    host.refused("POST", "/Robots", br#"{"serial": "1"}"#, 400, "invalidValue");
    host.refused("POST", "/Robots", b"{}", 400, "invalidValue");
    host.refused("GET", "/Users", b"", 404, "");
    assert_eq!(host.post("/Robots", &json!({"serial": 1})).json()["serial"], 1);
}

/// 7644-4-06, 7644-4-07.
#[test]
fn discovery_ignores_parameters_but_refuses_filters() {
    let host = host();
    for target in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
        let whole = host.get(target).json();
        assert_eq!(
            host.get(&format!("{target}?startIndex=2&count=1&sortBy=id&attributes=id&cursor=x&x=y")).json(),
            whole
        );
        host.refused("GET", &format!("{target}?filter=id eq \"x\""), b"", 403, "");
    }
    let search = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "id pr"}"#;
    host.refused("POST", "/Schemas/.search", search, 403, "");
    host.refused("POST", "/ResourceTypes/.search", search, 403, "");
}
