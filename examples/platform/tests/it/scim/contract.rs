//! The stores keep the promises of the trait: the kit of scim-core runs on every store.

use crate::process::{Place, stores};
use platform::{
    registry,
    storage::{Location, Storage},
};
use scim_core::testkit::{Outcome, StoreKit};

async fn kit(place: &Place) {
    let location = Location::read(&place.url).unwrap();
    let registry = registry();
    let store = Storage::open(&location).await.unwrap().resources(&registry).await.unwrap();
    let report = StoreKit::new(store, registry, 1).run_all().await;
    println!("{place:?}\n{report}");
    assert!(report.is_passed(), "{place:?}\n{report}");
    assert!(report.iter().all(|(_, outcome)| *outcome == Outcome::Passed), "{place:?}\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_store_passes_the_kit() {
    for place in stores() {
        kit(&place).await;
    }
}
