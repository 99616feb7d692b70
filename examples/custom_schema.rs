//! A custom attribute, extension and resource type: shown at `/Schemas`, and enforced.
#![allow(clippy::print_stdout, clippy::allow_attributes, reason = "a program that prints")]

use std::{
    error::Error,
    pin::pin,
    task::{Context as Task, Poll, Waker},
};

use scim_core::{
    protocol::Request,
    provider::ServiceProvider,
    schema::{Attribute, AttributeType, Registry, ResourceType, Schema, Uniqueness},
    store::{MemoryStore, RequestContext, TenantId},
};

/// An extension in code: the badge of an employee.
fn badge() -> Schema {
    Schema::new("urn:example:scim:schemas:badge:1.0:User", "Badge")
        .with_description("The badge that opens the doors")
        .with_attribute(
            Attribute::new("number", AttributeType::Integer).required().with_description("Printed on the badge"),
        )
        .with_attribute(
            Attribute::new("color", AttributeType::String)
                .with_description("Which doors it opens")
                .with_canonical_values(["red", "blue"])
                .restricted(),
        )
}

/// A resource type in JSON, which a service can read when it starts: a device with its owners.
const DEVICE: &str = r#"{
    "id": "urn:example:scim:schemas:device:1.0:Device", "name": "Device", "description": "What people work with",
    "attributes": [
        {"name": "serial", "description": "Engraved on it", "required": true, "caseExact": true, "uniqueness": "server"},
        {"name": "bought", "type": "dateTime", "description": "When it was bought"},
        {"name": "owners", "type": "complex", "multiValued": true, "description": "Who uses it", "subAttributes": [
            {"name": "value", "description": "The id of a user", "caseExact": true},
            {"name": "$ref", "type": "reference", "referenceTypes": ["User"], "description": "The URL of the user"}
        ]}
    ]
}"#;

fn registry() -> Result<Registry, Box<dyn Error>> {
    // The standard schema with an additional attribute and an additional required attribute.
    let user = Schema::user()
        .with_attribute(Attribute::new("deskNumber", AttributeType::String).with_description("Where to find the user"))
        .change("displayName", Attribute::required);
    let user = ResourceType::builder("User", "Users", user)
        .description("People who use the service")
        .extension(Schema::enterprise_user(), false)
        .extension(badge(), false)
        .relation("groups", "Group", "members", "displayName");
    let device = ResourceType::builder("Device", "Devices", serde_json::from_str(DEVICE)?).description("Devices");
    let builder = Registry::builder().resource_type(user.build()?).resource_type(ResourceType::group()?);
    Ok(builder.resource_type(device.build()?).build()?)
}

struct Host {
    provider: ServiceProvider<MemoryStore>,
    context: RequestContext,
}

impl Host {
    /// Prints a request and its response. The response must have this status and contain `part`. Returns the id in it.
    fn ask(&self, method: &str, target: &str, body: &str, status: u16, part: &str) -> Result<String, Box<dyn Error>> {
        println!("> {method} {target}");
        if !body.is_empty() {
            println!("> {body}");
        }
        let request = Request::new(method, target).with_body(body.as_bytes());
        let response = now(self.provider.handle(&self.context, &request)).ok_or("it waits for nothing")?;
        let text = String::from_utf8(response.body)?;
        println!("< {} {}\n", response.status, text.chars().take(700).collect::<String>());
        if response.status != status || !text.contains(part) {
            return Err(format!("expected {status} and `{part}`, found {} and `{text}`", response.status).into());
        }
        let json: serde_json::Value = serde_json::from_str(&text)?;
        Ok(json.get("id").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let provider =
        ServiceProvider::builder(registry()?, MemoryStore::new(), "https://platform.example/scim").build()?;
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };

    host.ask("GET", "/ResourceTypes/Device", "", 200, r#""endpoint":"/Devices""#)?;
    host.ask("GET", "/Schemas/urn:example:scim:schemas:badge:1.0:User", "", 200, r#""name":"color""#)?;

    let user = host.ask(
        "POST",
        "/Users",
        r#"{"userName": "bjensen", "displayName": "Babs", "deskNumber": "B3", "urn:example:scim:schemas:badge:1.0:User": {"number": 7, "color": "red"}}"#,
        201,
        r#""deskNumber":"B3""#,
    )?;
    host.ask("POST", "/Users", r#"{"userName": "nameless"}"#, 400, "displayName")?;
    let target = format!("/Users/{user}");
    let green = r#"{"Operations": [{"op": "replace", "path": "urn:example:scim:schemas:badge:1.0:User:color", "value": "green"}]}"#;
    host.ask("PATCH", &target, green, 400, "urn:example:scim:schemas:badge:1.0:User:color")?;
    let blue = green.replace("green", "blue");
    host.ask("PATCH", &target, &blue, 200, r#""color":"blue""#)?;
    let found = "/Users?filter=urn:example:scim:schemas:badge:1.0:User:number%20gt%206&attributes=deskNumber";
    host.ask("GET", found, "", 200, r#""totalResults":1"#)?;

    let device = format!(r#"{{"serial": "A-1", "bought": "2026-01-31T09:00:00Z", "owners": [{{"value": "{user}"}}]}}"#);
    host.ask("POST", "/Devices", &device, 201, &format!(r#""$ref":"https://platform.example/scim/Users/{user}""#))?;
    host.ask("POST", "/Devices", &device, 409, "uniqueness")?;
    host.ask("POST", "/Devices", r#"{"serial": "A-2", "owners": [{"value": "nobody"}]}"#, 400, "nobody")?;
    host.ask("GET", "/Devices?filter=bought%20lt%20%222027-01-01T00:00:00Z%22", "", 200, r#""totalResults":1"#)?;
    println!("All of it shown, and all of it enforced.");
    // Not needed for the example, but shows that a schema is checked when it is registered.
    let twice = ResourceType::builder(
        "Thing",
        "Things",
        Schema::new("urn:x:y", "Thing")
            .with_attribute(Attribute::new("flag", AttributeType::Boolean).with_uniqueness(Uniqueness::Server)),
    );
    println!("A boolean that is unique: {}", twice.build().err().ok_or("it cannot be")?);
    Ok(())
}

/// The job of your runtime. The store in memory never waits.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
