//! The kits, and the special rules of each application, on the tables of real applications.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

#[path = "applications/application.rs"]
mod application;
#[path = "applications/client.rs"]
mod client;
#[path = "applications/host.rs"]
mod host;
#[path = "applications/kits.rs"]
mod kits;
#[path = "applications/plans.rs"]
mod plans;
#[path = "applications/rules.rs"]
mod rules;
#[path = "applications/shared.rs"]
mod shared;

use rusqlite as _;

type Anything = Box<dyn std::error::Error + Send + Sync>;
