//! The start of the store: the names of indexes, and documents of megabytes that are derived again.

use scim_core::{
    limits::Limits,
    protocol::Request,
    provider::ServiceProvider,
    schema::{Attribute, AttributeType, Registry, ResourceType, Schema, SchemaError, Uniqueness},
    sql::{Dialect, DocumentStore, Statement},
    store::{RequestContext, TenantId},
};

use super::{Anything, Host};

const DEVICE: &str = "urn:example:Device";
const LONG: &str = "urn:example:params:scim:schemas:extension:a:name:of:more:than:sixty:three:bytes:2.0:Device";

/// Devices whose unique attributes have names of the store's own indexes, long paths, and paths that differ in
/// punctuation. `is_exact` changes the comparable documents.
fn devices(is_exact: bool) -> Result<Registry, SchemaError> {
    let unique = |name| {
        let attribute = Attribute::new(name, AttributeType::String).with_uniqueness(Uniqueness::Server);
        if is_exact { attribute.case_exact() } else { attribute }
    };
    let mut device = Schema::new(DEVICE, "Device").with_attribute(Attribute::new("note", AttributeType::String));
    for name in ["kind", "modified", "contains", "pkey", "serial-number", "serial_number"] {
        device = device.with_attribute(unique(name));
    }
    let long = Schema::new(LONG, "Long").with_attribute(unique("first")).with_attribute(unique("second"));
    let device = ResourceType::builder("Device", "Devices", device).extension(long, false).build()?;
    Registry::builder().resource_type(device).build()
}

async fn indexes(host: &Host, dialect: Dialect) -> Result<Vec<String>, Anything> {
    let mut query = Statement::new(dialect);
    query.push(match dialect {
        Dialect::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'resource' ORDER BY name"
        }
        _ => {
            "SELECT indexname::text FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'resource' \
             ORDER BY indexname"
        }
    });
    let names = host.rows(query).await?.into_iter().map(|mut row| row.required_text(0));
    Ok(names.collect::<Result<_, _>>()?)
}

async fn every_attribute_has_an_index_of_its_own(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = Host::fresh(dialect, "document_indexes").await? else { return Ok(()) };
    DocumentStore::open(host.clone(), &devices(false)?).await?;
    let names = indexes(&host, dialect).await?;
    let own = ["resource_kind", "resource_modified"].map(str::to_owned);
    assert!(own.iter().all(|name| names.contains(name)), "{names:?}");
    // The eight unique attributes, and `externalId`.
    assert_eq!(names.iter().filter(|name| name.starts_with("resource_by_")).count(), 9, "{names:?}");
    assert!(names.iter().all(|name| name.len() < 64), "{names:?}");
    DocumentStore::open(host.clone(), &devices(false)?).await?;
    assert_eq!(indexes(&host, dialect).await?, names, "another start changes no index");
    host.remove().await
}

/// More documents than a query returns at once: the process must still start after a change of the schema.
async fn long_documents_are_derived_again(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = Host::fresh(dialect, "document_lengths").await? else { return Ok(()) };
    let mut limits = Limits::default();
    limits.string = 8 << 20;
    let send = async |is_exact, method, target: &str, body: &str| -> Result<_, Anything> {
        let registry = devices(is_exact)?;
        let store = DocumentStore::open(host.clone(), &registry).await?;
        let provider = ServiceProvider::builder(registry, store, "https://platform.example/scim");
        let provider = provider.limits(limits.clone()).build()?;
        let context = RequestContext::new(TenantId::new("acme")?);
        let request = Request::new(method, target).with_headers([("content-type", "application/scim+json")]);
        let response = provider.handle(&context, &request.with_body(body.as_bytes())).await;
        Ok((response.status, String::from_utf8(response.body)?))
    };
    let note = "x".repeat(4_000_000);
    for number in 0..20 {
        let body = format!(r#"{{"schemas":["{DEVICE}"],"pkey":"Device {number}","note":"{note}"}}"#);
        let (status, body) = send(false, "POST", "/Devices", &body).await?;
        assert_eq!(status, 201, "{body:.200}");
    }
    let find = r#"/Devices?filter=pkey+eq+"device+19"&attributes=pkey"#;
    let (_, body) = send(false, "GET", find, "").await?;
    assert!(body.contains(r#""totalResults":1"#), "{body}");
    let (_, body) = send(true, "GET", find, "").await?;
    assert!(body.contains(r#""totalResults":0"#), "the new comparable text has its case: {body}");
    let (_, body) = send(true, "GET", r#"/Devices?filter=pkey+eq+"Device+19"&attributes=pkey"#, "").await?;
    assert!(body.contains(r#""totalResults":1"#), "{body}");
    host.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attribute_has_an_index_of_its_own_on_sqlite() -> Result<(), Anything> {
    every_attribute_has_an_index_of_its_own(Dialect::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attribute_has_an_index_of_its_own_on_postgresql() -> Result<(), Anything> {
    every_attribute_has_an_index_of_its_own(Dialect::Postgres).await
}

#[tokio::test(flavor = "multi_thread")]
async fn long_documents_are_derived_again_on_sqlite() -> Result<(), Anything> {
    long_documents_are_derived_again(Dialect::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn long_documents_are_derived_again_on_postgresql() -> Result<(), Anything> {
    long_documents_are_derived_again(Dialect::Postgres).await
}
