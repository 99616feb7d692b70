//! The roles and entitlements of an application, as Okta discovers and assigns them.
#![allow(clippy::print_stdout, clippy::allow_attributes, reason = "a program that prints")]

use std::{
    error::Error,
    pin::pin,
    sync::Arc,
    task::{Context as Task, Poll, Waker},
};

use scim_core::{
    error::Error as Refusal,
    protocol::Request,
    provider::{Access, Action, Options, Policy, ServiceProvider},
    resource::Resource,
    schema::{OKTA_ROLE, Registry, ResourceType, Schema},
    store::{MemoryStore, RequestContext, TenantId},
};

/// The host's own code, which creates the roles and the licenses.
const HOST: &str = "the host";

/// Okta reads roles and licenses, and does not change them.
#[derive(Debug)]
struct Catalog;

impl Policy for Catalog {
    fn access(&self, caller: &RequestContext, action: Action, of: &Arc<ResourceType>) -> Result<Access, Refusal> {
        let is_catalog = matches!(of.name(), "Role" | "License");
        if is_catalog && !matches!(action, Action::Read | Action::Search) && caller.actor() != Some(HOST) {
            return Err(Refusal::new(403, "the application alone changes its roles and licenses"));
        }
        Ok(Access::full())
    }
}

/// Users whose roles and entitlements refer to resources: the core refuses unknown ones.
fn registry() -> Result<Registry, Box<dyn Error>> {
    let schema = Schema::user()
        .change("roles", |roles| roles.referring_to(["Role"]))
        .change("entitlements", |entitlements| entitlements.referring_to(["License"]));
    let user = ResourceType::builder("User", "Users", schema).extension(Schema::enterprise_user(), false).relation(
        "groups",
        "Group",
        "members",
        "displayName",
    );
    // Okta shows the name of the resource type as a category on the tab Governance.
    let license = ResourceType::builder("License", "Licenses", Schema::okta_entitlement()).description("Paid seats");
    let builder = Registry::builder().resource_type(user.build()?).resource_type(ResourceType::group()?);
    Ok(builder.resource_type(ResourceType::okta_role()?).resource_type(license.build()?).build()?)
}

struct Host {
    provider: ServiceProvider<MemoryStore>,
    okta: RequestContext,
}

impl Host {
    /// Creates a role or a license, as the host's start-up code does. Returns the id.
    fn offer(&self, type_name: &str, json: &str) -> Result<String, Box<dyn Error>> {
        let resource_type = self.provider.registry().resource_type(type_name).ok_or("registered")?;
        let resource = Resource::from_json(resource_type, json.as_bytes())?;
        let own = RequestContext::new(self.okta.tenant().clone()).with_actor(HOST);
        let created = now(self.provider.create(&own, resource, &Options::default())).ok_or("it waits for nothing")?;
        Ok(created?.resource().id().to_owned())
    }

    /// Prints a request of Okta and its response. The response must have this status and contain `part`. Returns the id
    /// in it.
    fn ask(&self, method: &str, target: &str, body: &str, status: u16, part: &str) -> Result<String, Box<dyn Error>> {
        println!("> {method} {target}");
        if !body.is_empty() {
            println!("> {body}");
        }
        let request = Request::new(method, target).with_body(body.as_bytes());
        let response = now(self.provider.handle(&self.okta, &request)).ok_or("it waits for nothing")?;
        let text = String::from_utf8(response.body)?;
        println!("< {} {}\n", response.status, text.chars().take(500).collect::<String>());
        if response.status != status || !text.contains(part) {
            return Err(format!("expected {status} and `{part}`, found {} and `{text}`", response.status).into());
        }
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        Ok(json.get("id").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let provider = ServiceProvider::builder(registry()?, MemoryStore::new(), "https://platform.example/scim")
        .policy(Catalog)
        .build()?;
    let host = Host { provider, okta: RequestContext::new(TenantId::new("acme")?).with_actor("okta") };
    let reader = host.offer("Role", r#"{"displayName": "Reader", "description": "Reads all reports"}"#)?;
    let gold = host.offer("License", r#"{"type": "License", "displayName": "Gold"}"#)?;

    // Discovery, and the request of Okta's Entitlements test for each endpoint.
    host.ask("GET", "/ResourceTypes", "", 200, OKTA_ROLE)?;
    host.ask("GET", "/Roles?count=1&startIndex=1", "", 200, r#""totalResults":1"#)?;
    host.ask("GET", "/Licenses?count=1&startIndex=1", "", 200, r#""displayName":"Gold""#)?;
    host.ask("DELETE", &format!("/Roles/{reader}"), "", 403, "the application alone")?;

    // An administrator assigns a license and a role.
    let entitlements = format!(r#"[{{"value": "{gold}", "display": "Gold", "type": "License"}}]"#);
    let user = format!(r#"{{"userName": "bjensen", "active": true, "entitlements": {entitlements}}}"#);
    let user = host.ask("POST", "/Users", &user, 201, r#""display":"Gold""#)?;
    let add =
        |id: &str| format!(r#"{{"Operations": [{{"op": "add", "path": "roles", "value": [{{"value": "{id}"}}]}}]}}"#);
    let target = format!("/Users/{user}");
    host.ask("PATCH", &target, &add(&reader), 200, r#""display":"Reader""#)?;
    host.ask("PATCH", &target, &add("unknown"), 400, "unknown")?;
    host.ask("GET", &format!("/Users?filter=roles.value%20eq%20%22{reader}%22"), "", 200, r#""totalResults":1"#)?;
    println!("Okta knows the catalog, and no user has a role that does not exist.");
    Ok(())
}

/// The job of your runtime. The store in memory never waits.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
