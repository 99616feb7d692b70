//! A client of an application's service provider.

use scim_core::{
    protocol::Request,
    provider::ServiceProvider,
    quirks::Quirks,
    sql::{Dialect, TableStore},
    store::RequestContext,
};
use serde_json::{Value as Json, json};

use super::{Anything, application::Application, host::Host};

/// A client of one tenant.
pub struct Client {
    pub host: Host,
    provider: ServiceProvider<TableStore<Host>>,
    context: RequestContext,
}

/// An answer: status, version, document.
pub type Answer = (u16, String, Json);

impl Client {
    /// The client of an application in a fresh database; `None` without a server.
    pub async fn of(application: &Application, dialect: Dialect) -> Result<Option<Self>, Anything> {
        let Some(host) = application.host(dialect).await? else { return Ok(None) };
        Ok(Some(Self::on(application, &host, "one").await?))
    }

    /// The client of a tenant in a database.
    pub async fn on(application: &Application, host: &Host, tenant: &str) -> Result<Self, Anything> {
        let provider = application.provider(host, Quirks::default()).await?;
        Ok(Self { host: host.clone(), provider, context: application.context(host, tenant)? })
    }

    /// The id of the tenant.
    pub fn tenant(&self) -> &str {
        self.context.tenant().as_str()
    }

    pub async fn send(&self, method: &str, target: &str, body: Json) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let headers = [("Content-Type", "application/scim+json")];
        let request = Request::new(method, target).with_headers(headers).with_body(&body);
        let response = self.provider.handle(&self.context, &request).await;
        let document: Json = serde_json::from_slice(response.body.as_ref()).unwrap_or_default();
        let version = document["meta"]["version"].as_str().unwrap_or_default().to_owned();
        (response.status, version, document)
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, Json::Null).await
    }

    /// Creates a user. Returns the id.
    pub async fn user(&self, name: &str, more: Json) -> String {
        let mut body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let (status, _, document) = self.send("POST", "/Users", body).await;
        assert_eq!(status, 201, "{document}");
        document["id"].as_str().unwrap().to_owned()
    }

    /// Creates a group with members. Returns the id.
    pub async fn group(&self, name: &str, members: &[&str]) -> String {
        let (status, _, document) = self.send("POST", "/Groups", group(name, members)).await;
        assert_eq!(status, 201, "{document}");
        document["id"].as_str().unwrap().to_owned()
    }

    /// Replaces one attribute by a PATCH.
    pub async fn patch(&self, target: &str, path: &str, value: Json) -> Answer {
        let operation = json!({"op": "replace", "path": path, "value": value});
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        self.send("PATCH", target, json!({"schemas": schemas, "Operations": [operation]})).await
    }

    /// The only row of the host's query.
    pub async fn row(&self, sql: &str) -> String {
        let rows = self.host.rows(sql).await.unwrap();
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows[0].clone()
    }

    pub async fn execute(&self, sql: &str) {
        self.host.execute(sql).await.unwrap();
    }

    /// The ids of the members of a group.
    pub async fn members(&self, id: &str) -> Vec<String> {
        let (_, _, document) = self.get(&format!("/Groups/{id}")).await;
        let members = document["members"].as_array().cloned().unwrap_or_default();
        members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
    }
}

/// The document of a group.
pub fn group(name: &str, members: &[&str]) -> Json {
    let members: Vec<Json> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members})
}
