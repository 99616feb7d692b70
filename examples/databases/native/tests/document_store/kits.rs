//! Both kits on both databases.

use std::sync::Arc;

use scim_core::{
    event::Event,
    provider::ServiceProvider,
    quirks::Quirks,
    sql::{Dialect, DocumentStore, Statement},
    store::{RequestContext, StoreError, TenantId},
    testkit::{StoreKit, Traffic},
};

use super::{Anything, Host, hooks::Rules, registry};

async fn store_kit(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = Host::fresh(dialect, "document_kit").await? else { return Ok(()) };
    let registry = registry()?;
    let store = DocumentStore::open_with(host.clone(), &registry, Rules::default()).await?;
    let (outbox, types) = (host.clone(), Arc::new(registry.clone()));
    let kit = StoreKit::new(store, registry, 1).with_many(2_000).with_outbox(move |context| {
        let (outbox, types, tenant) = (outbox.clone(), Arc::clone(&types), context.tenant().clone());
        Box::pin(async move {
            let mut query = Statement::new(dialect);
            query.push("SELECT event FROM outbox WHERE tenant = ").bind(tenant.as_str()).push(" ORDER BY number");
            let event = |json: String| Event::from_json(&types, json.as_bytes()).map_err(StoreError::backend);
            outbox.rows(query).await?.into_iter().map(|mut row| event(row.required_text(0)?)).collect()
        })
    });
    let report = kit.run_all().await;
    println!("DocumentStore on {dialect:?}:\n{report}");
    assert!(report.is_passed(), "{report}");
    host.remove().await
}

/// Replays the sequences of identity providers, each in a tenant of its own, twice.
async fn traffic_kit(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = Host::fresh(dialect, "document_traffic").await? else { return Ok(()) };
    for (number, traffic) in Traffic::all().into_iter().enumerate() {
        let quirks = match traffic.name() {
            "Okta" => Quirks::okta(),
            "Microsoft Entra ID" => Quirks::entra(),
            _ => traffic.quirks(),
        };
        let store = DocumentStore::open(host.clone(), &registry()?).await?;
        let builder = ServiceProvider::builder(registry()?, store, "https://platform.example/scim").quirks(quirks);
        let (provider, context) = (builder.build()?, RequestContext::new(TenantId::new(format!("traffic{number}"))?));
        for run in 1..=2 {
            let replay = traffic.replay(&provider, &context, run).await;
            assert!(replay.is_passed(), "{dialect:?}\n{replay}");
        }
    }
    host.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_kit_passes_on_sqlite() -> Result<(), Anything> {
    store_kit(Dialect::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_kit_passes_on_postgresql() -> Result<(), Anything> {
    store_kit(Dialect::Postgres).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_traffic_of_identity_providers_passes_on_sqlite() -> Result<(), Anything> {
    traffic_kit(Dialect::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_traffic_of_identity_providers_passes_on_postgresql() -> Result<(), Anything> {
    traffic_kit(Dialect::Postgres).await
}
