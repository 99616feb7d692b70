//! Hooks with a session: an outbox, claims of group names that a tenant may share, and derived data.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use scim_core::{
    event::Event,
    fold::fold,
    protocol::Request,
    provider::ServiceProvider,
    resource::{Resource, UniqueKey},
    schema::{Attribute, AttributeId, AttributeType, GROUP, Mutability, Registry, ResourceType, Schema, SchemaError},
    sql::{
        Dialect, DocumentStore, Hooks, Statement,
        database::Session,
        document_store::{DocumentHooks, Taken, total},
    },
    store::{Change, ChangeOutcome, RequestContext, StoreError, TenantId},
};

use super::{Anything, Host, registry};

/// The rules of the host in these tests.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    committed: Arc<AtomicUsize>,
    derived: Arc<AtomicUsize>,
}

impl Hooks for Rules {
    async fn before<S: Session>(
        &self,
        session: &mut S,
        context: &RequestContext,
        change: &Change,
    ) -> Result<(), StoreError> {
        // The last resource of a type stays in the tenant `guarded`.
        if context.tenant().as_str() != "guarded" || !matches!(change, Change::Delete(_)) {
            return Ok(());
        }
        let count = total(session.dialect(), context.tenant(), change.resource_type().name());
        let left = session.rows(&count).await?.first().map(|row| row.required_integer(0)).transpose()?;
        if left > Some(1) { Ok(()) } else { Err(StoreError::Denied) }
    }

    async fn after<S: Session>(
        &self,
        session: &mut S,
        context: &RequestContext,
        change: &Change,
        _: &ChangeOutcome,
        event: &Event,
    ) -> Result<(), StoreError> {
        // The tenant `refusing` has no groups.
        if context.tenant().as_str() == "refusing" && change.resource_type().name() == "Group" {
            return Err(StoreError::Denied);
        }
        let mut last = Statement::new(session.dialect());
        last.push("SELECT CAST(COALESCE(max(number), 0) AS BIGINT) FROM outbox WHERE tenant = ");
        last.bind(context.tenant().as_str());
        let last = session.rows(&last).await?.first().map(|row| row.required_integer(0)).transpose()?;
        let mut insert = Statement::new(session.dialect());
        insert.push("INSERT INTO outbox (tenant, number, event) VALUES (").bind(context.tenant().as_str());
        insert.push(", CAST(").bind(last.unwrap_or_default() + 1).push(" AS BIGINT), ");
        insert.bind(String::from_utf8(event.to_json()).map_err(StoreError::backend)?).push(")");
        session.execute(&insert).await?;
        Ok(())
    }

    fn committed(&self, _: &RequestContext, batch: &[Change]) {
        self.committed.fetch_add(batch.len(), Ordering::Relaxed);
    }
}

impl DocumentHooks for Rules {
    fn claims(&self, resource: &Resource) -> Vec<UniqueKey> {
        let attribute = name_of_group(resource.resource_type());
        let name = attribute.and_then(|attribute| Some((attribute, resource.value(attribute)?.as_str()?)));
        let key = |(attribute, name)| UniqueKey { attribute, folded: fold(name).into_owned().into() };
        name.map(key).into_iter().collect()
    }

    async fn taken<S: Session>(
        &self,
        _: &mut S,
        context: &RequestContext,
        resource: &Resource,
        key: &UniqueKey,
    ) -> Result<Taken, StoreError> {
        let is_shared = context.tenant().as_str() != "strict";
        let is_name = name_of_group(resource.resource_type()) == Some(key.attribute);
        Ok(if is_shared && is_name { Taken::Shared } else { Taken::Refused })
    }

    async fn derive<S: Session>(
        &self,
        _: &mut S,
        _: &TenantId,
        _: &Resource,
        shared: &[AttributeId],
    ) -> Result<(), StoreError> {
        self.derived.fetch_add(1 + 100 * shared.len(), Ordering::Relaxed);
        Ok(())
    }
}

fn name_of_group(resource_type: &ResourceType) -> Option<AttributeId> {
    resource_type.child(AttributeId::ROOT, "displayName").filter(|_| resource_type.name() == "Group")
}

/// Groups whose `displayName` is case-exact, which changes the comparable documents.
fn changed_registry() -> Result<Registry, SchemaError> {
    let user = ResourceType::builder("User", "Users", Schema::user().without("password"));
    let value = Attribute::new("value", AttributeType::String).case_exact().with_mutability(Mutability::Immutable);
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User", "Group"]);
    let group = Schema::new(GROUP, "Group")
        .with_attribute(Attribute::new("displayName", AttributeType::String).required().case_exact())
        .with_attribute(Attribute::complex("members", [value, reference]).multi_valued());
    let group = ResourceType::builder("Group", "Groups", group);
    Registry::builder().resource_type(user.build()?).resource_type(group.build()?).build()
}

/// Sends a request to a service provider with the store of the host. Returns the status and the body.
async fn send(
    host: &Host,
    (registry, rules): (Registry, &Rules),
    tenant: &str,
    (method, target, body): (&str, &str, &str),
) -> Result<(u16, String), Anything> {
    let store = DocumentStore::open_with(host.clone(), &registry, rules.clone()).await?;
    let provider = ServiceProvider::builder(registry, store, "https://platform.example/scim").build()?;
    let context = RequestContext::new(TenantId::new(tenant)?);
    let request = Request::new(method, target).with_headers([("content-type", "application/scim+json")]);
    let response = provider.handle(&context, &request.with_body(body.as_bytes())).await;
    Ok((response.status, String::from_utf8(response.body)?))
}

fn group(name: &str) -> String {
    format!(r#"{{"schemas":["{GROUP}"],"displayName":"{name}"}}"#)
}

async fn hooks_run(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = Host::fresh(dialect, "document_hooks").await? else { return Ok(()) };
    let rules = Rules::default();
    let post = async |tenant, name: &str| {
        send(&host, (registry()?, &rules), tenant, ("POST", "/Groups", &group(name))).await.map(|(status, _)| status)
    };
    assert_eq!(post("strict", "Staff").await?, 201);
    assert_eq!(post("strict", "staff").await?, 409, "the tenant shares no names");
    assert_eq!(post("relaxed", "Staff").await?, 201);
    assert_eq!(post("relaxed", "staff").await?, 201);
    assert_eq!(rules.committed.load(Ordering::Relaxed), 3);
    assert_eq!(rules.derived.load(Ordering::Relaxed), 0, "nothing is derived again for the same rules");

    // Both tenants have an event for each group.
    let mut events = Statement::new(dialect);
    events.push("SELECT tenant FROM outbox ORDER BY tenant");
    let events = host.rows(events).await?.into_iter().map(|mut row| row.required_text(0));
    assert_eq!(events.collect::<Result<Vec<_>, _>>()?, ["relaxed", "relaxed", "strict"]);

    // With another schema everything is derived once again, and the shared name is reported.
    let list = async |registry| send(&host, (registry, &rules), "relaxed", ("GET", "/Groups", "")).await;
    let (status, body) = list(changed_registry()?).await?;
    assert!(status == 200 && body.contains(r#""totalResults":2"#), "{body}");
    assert_eq!(rules.derived.load(Ordering::Relaxed), 103, "three groups, and one shared name");
    list(changed_registry()?).await?;
    assert_eq!(rules.derived.load(Ordering::Relaxed), 103);
    let find = r#"/Groups?filter=displayName+eq+"staff""#;
    let (_, body) = send(&host, (changed_registry()?, &rules), "relaxed", ("GET", find, "")).await?;
    assert!(body.contains(r#""totalResults":1"#), "the new comparable text has its case: {body}");

    // The check before a change sees the rows of the transaction.
    assert_eq!(post("guarded", "Staff").await?, 201);
    let (_, body) = send(&host, (registry()?, &rules), "guarded", ("GET", "/Groups", "")).await?;
    let id = body.split(r#""id":""#).nth(1).and_then(|rest| rest.split('"').next()).ok_or("an id")?;
    let (status, body) =
        send(&host, (registry()?, &rules), "guarded", ("DELETE", &format!("/Groups/{id}"), "")).await?;
    assert_eq!(status, 403, "{body}");
    host.remove().await
}

/// A hook refuses a change after the store has written its rows. The rows cost the request as much as rows that stay, so
/// a bulk request ends.
async fn refused_changes_are_charged(dialect: Dialect) -> Result<(), Anything> {
    const MEMBERS: usize = 1_000;
    let Some(host) = Host::fresh(dialect, "document_refusals").await? else { return Ok(()) };
    let rules = Rules::default();
    let bulk = async |operations: Vec<String>| {
        let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
        let body = format!(r#"{{"schemas":["{schema}"],"Operations":[{}]}}"#, operations.join(","));
        send(&host, (registry()?, &rules), "refusing", ("POST", "/Bulk", &body)).await
    };
    let operation = |target: &str, data: String| {
        let id = data.len();
        format!(r#"{{"method":"POST","path":"{target}","bulkId":"b{id}","data":{data}}}"#)
    };
    let mut ids: Vec<String> = Vec::new();
    for part in 0..MEMBERS / 100 {
        let user = |number: usize| {
            let data =
                format!(r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u{number}"}}"#);
            operation("/Users", data).replace(r#""bulkId":"b"#, &format!(r#""bulkId":"n{number}b"#))
        };
        let (status, body) = bulk((part * 100..(part + 1) * 100).map(user).collect()).await?;
        assert_eq!(status, 200, "{body:.200}");
        let found = body.split("/Users/").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
        ids.extend(found);
    }
    assert_eq!(ids.len(), MEMBERS);
    let members: Vec<String> = ids.iter().map(|id| format!(r#"{{"value":"{id}"}}"#)).collect();
    let group = |number: usize| {
        let data =
            format!(r#"{{"schemas":["{GROUP}"],"displayName":"g{number:02}","members":[{}]}}"#, members.join(","));
        operation("/Groups", data).replace(r#""bulkId":"b"#, &format!(r#""bulkId":"g{number}b"#))
    };
    let (status, body) = bulk((0..20).map(group).collect()).await?;
    let (refused, ended) = (body.matches("is not permitted").count(), body.matches("tooMany").count());
    assert!(status == 200 && refused > 1 && ended > 1 && refused + ended == 20, "{refused} {ended} {body:.400}");
    let (_, body) = send(&host, (registry()?, &rules), "refusing", ("GET", "/Groups", "")).await?;
    assert!(body.contains(r#""totalResults":0"#), "{body}");
    host.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_changes_are_charged_on_sqlite() -> Result<(), Anything> {
    refused_changes_are_charged(Dialect::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_changes_are_charged_on_postgresql() -> Result<(), Anything> {
    refused_changes_are_charged(Dialect::Postgres).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_in_the_transaction_on_sqlite() -> Result<(), Anything> {
    hooks_run(Dialect::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_in_the_transaction_on_postgresql() -> Result<(), Anything> {
    hooks_run(Dialect::Postgres).await
}
