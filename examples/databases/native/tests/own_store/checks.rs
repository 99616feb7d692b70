//! The store kit, with both stores on both databases.

use std::sync::Arc;

use scim_core::{
    event::Event,
    schema::Registry,
    sql::{Dialect, Statement, TableStore, database::Database},
    store::{Store, StoreError},
    testkit::{Outcome, Report, StoreKit},
};

use crate::{
    host::{Host, context},
    layers::{Rules, WithParents, layouts},
    rows::registry,
    store::{Directory, organization},
    support::Anything,
    tables::migration,
};

/// The kit for integer keys, and addresses that are unique in the whole platform.
fn kit<S: Store>(store: S, registry: &Registry, host: &Host) -> StoreKit<S> {
    let door = host.clone();
    StoreKit::new(store, registry.clone(), 1)
        .with_many(2_000)
        .with_ids(|number| (number >> 1).to_string())
        .with_global_names()
        .with_context(|tenant| context(&tenant))
        .with_access(move |sign_in| {
            let door = door.clone();
            async move { door.admits(&sign_in).await }
        })
}

fn skipped(report: &Report) -> Vec<&str> {
    let is_skipped = |(_, outcome): &(&'static str, &Outcome)| matches!(outcome, Outcome::Skipped(_));
    report.iter().filter(is_skipped).map(|(name, _)| name).collect()
}

/// Each check passes: the store skips none.
async fn own_sql(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = Host::fresh(dialect, "own_sql").await? else { return Ok(()) };
    host.execute(&migration(dialect)).await?;
    let registry = registry()?;
    let store = Directory::new(host.clone(), &registry).ok_or("registered")?;
    let (outbox, types) = (host.clone(), Arc::new(registry.clone()));
    let kit = kit(store, &registry, &host).with_outbox(move |context| {
        let (outbox, types) = (outbox.clone(), Arc::clone(&types));
        Box::pin(async move {
            let mut query = Statement::new(outbox.dialect());
            query.push("SELECT event FROM scim_outbox WHERE organization = ").bind(organization(context)?);
            let rows = outbox.rows(query.push(" ORDER BY id").clone()).await?.into_rows();
            let event = |json: String| Event::from_json(&types, json.as_bytes()).map_err(StoreError::backend);
            rows.into_iter().map(|mut row| event(row.text(0)?.unwrap_or_default())).collect()
        })
    });
    let report = kit.run_all().await;
    println!("own SQL on {dialect:?}:\n{report}");
    assert!(report.is_passed() && skipped(&report).is_empty(), "{report}");
    host.remove().await
}

/// The index over `lower(email)` is the host's own: it knows the case of ASCII, or of all letters by another rule.
async fn layered(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = Host::fresh(dialect, "layered").await? else { return Ok(()) };
    let registry = registry()?;
    for statement in TableStore::<()>::migrations(dialect, layouts(&registry, dialect).ok_or("registered")?)? {
        host.execute(&statement).await?;
    }
    // The sign-in page of the other tests calls `fold`.
    if dialect == Dialect::Postgres {
        host.execute(&crate::tables::fold_of_postgres()).await?;
    }
    let store = TableStore::open(host.clone(), layouts(&registry, dialect).ok_or("registered")?).await?;
    let store = WithParents(store.with_hooks(Rules));
    let report = kit(store, &registry, &host).with_ascii_folding().run_all().await;
    println!("layers on {dialect:?}:\n{report}");
    assert!(report.is_passed(), "{report}");
    assert_eq!(skipped(&report), ["outbox"], "{report}");
    host.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn own_sql_passes_the_kit_on_sqlite() -> Result<(), Anything> {
    own_sql(Dialect::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn own_sql_passes_the_kit_on_postgresql() -> Result<(), Anything> {
    own_sql(Dialect::Postgres).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layers_pass_the_kit_on_sqlite() -> Result<(), Anything> {
    layered(Dialect::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layers_pass_the_kit_on_postgresql() -> Result<(), Anything> {
    layered(Dialect::Postgres).await
}
