//! The stores keep the promises of the trait: the kit of scim-core runs on every store.

use crate::process::{Place, stores};
use platform::{
    registry,
    storage::{Location, Storage},
    store::outbox,
};
use scim_core::{
    event::Event,
    store::StoreError,
    testkit::{Check, Outcome, StoreKit},
};

/// Runs the kit on a new storage, with the events in its outbox. Only checks that do not apply may be skipped.
pub(crate) async fn keeps_every_promise(storage: &Storage, place: &Place) {
    let registry = registry();
    let mut kit = StoreKit::new(storage.resources(&registry).await.unwrap(), registry.clone(), 1);
    // The accounts table, and no attribute, says which users are from SCIM.
    let mut skipped = vec![Check::ReadOnlyValues.name()];
    match storage.database().cloned() {
        Some(database) => {
            kit = kit.with_outbox(move |context| {
                let (database, registry, tenant) = (database.clone(), registry.clone(), context.tenant().clone());
                Box::pin(async move {
                    let rows = outbox(&database, &tenant, 0, 1_000).await?;
                    let event = |body: &str| Event::from_json(&registry, body.as_bytes());
                    rows.iter().map(|row| event(&row.body).map_err(StoreError::backend)).collect()
                })
            });
        }
        None => skipped.push(Check::Outbox.name()),
    }
    let report = kit.run_all().await;
    println!("{place:?}\n{report}");
    assert!(report.is_passed(), "{place:?}\n{report}");
    let is_skipped = |(_, outcome): &(&'static str, &Outcome)| matches!(outcome, Outcome::Skipped(_));
    let found: Vec<&str> = report.iter().filter(is_skipped).map(|(name, _)| name).collect();
    assert_eq!(found, skipped, "{place:?}\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_store_passes_the_kit() {
    for place in stores() {
        let storage = Storage::open(&Location::read(&place.url).unwrap()).await.unwrap();
        keeps_every_promise(&storage, &place).await;
    }
}
