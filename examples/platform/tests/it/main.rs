//! The tests of the platform, in modules by subject: one program, which links once. Tests that measure time, memory or
//! the statements of their process, or that end a database, are separate programs next to this directory: nothing else
//! runs at the same time.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_push_string,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

mod balancer;
mod browser;
mod console {
    mod accounts;
    mod administration;
    mod conflicts;
    mod directory;
    mod exports;
    mod people;
    mod people_pages;
    mod removal;
    mod removal_interrupted;
    mod scim_clients;
    mod scim_page;
    mod scim_state;
    mod ways;
}
#[path = "../../../../tests/it/field/engine/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the library uses other parts of it")]
mod engine;
mod fake;
mod identity;
#[allow(dead_code, unused_imports, reason = "the programs beside this one use other parts of it")]
mod process;
mod providers;
mod scim {
    mod bulk_costs;
    pub(crate) mod contract;
    mod field;
    mod instances;
    mod oauth;
    mod own_schemas;
    mod refusals;
    mod traffic;
    mod validator;
}
mod server {
    mod intruder;
    mod pooler;
    mod serving;
    mod tables;
    mod tls;
}
mod sign_on {
    mod command_line;
    mod oidc;
    mod saml;
    mod two_instances;
}
