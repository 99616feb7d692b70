//! The store charges the work of the database, before a search begins and after each commit.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

#[path = "charges/bulk.rs"]
mod bulk;
#[path = "charges/host.rs"]
mod host;
#[path = "charges/observed.rs"]
mod observed;
#[path = "charges/searches.rs"]
mod searches;
mod support;
#[path = "support/guide.rs"]
mod the_guide;
