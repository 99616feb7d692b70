//! The tests of the library through its public API, in modules by subject. They are one program: it links once, and
//! its tests run in parallel. Tests that count the allocations of their process, or that set a subscriber for it, are
//! separate programs.

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

mod adoption {
    mod host_side;
    mod table;
    mod visibility;
    mod writes;
}
mod bulk {
    mod requests;
}
mod event {
    mod access;
    mod records;
    mod security_events;
}
#[allow(dead_code, reason = "the platform uses other parts of its engine")]
mod field;
mod filter {
    mod agreement;
    mod evaluation;
    mod folding;
    mod grammar;
    mod limits;
    mod many;
    mod parsing;
    mod reference;
}
/// The helpers that several modules share: hosts, stores and documents.
mod fixture {
    pub(crate) mod documents;
    pub(crate) mod forgery;
    pub(crate) mod forward;
    pub(crate) mod host;
    pub(crate) mod modest;
    #[cfg(feature = "testkit")]
    pub(crate) mod sign_in;
    pub(crate) mod small_host;
    pub(crate) mod stores;
    pub(crate) mod unicode;
    pub(crate) mod unowned;
}
mod ipsie;
mod layering;
mod list {
    mod cursor_walks;
    mod cursors;
    mod queries;
    mod root_search;
    mod sorting;
}
mod manual;
mod patch {
    mod attacks;
    mod diff;
    mod fixtures;
    mod named_elements;
    mod partial_writes;
    mod properties;
    mod remove_model;
    mod table;
}
mod prose;
mod protocol {
    mod http;
    #[cfg(feature = "tower")]
    mod http_types;
    mod lost_reads;
    mod me;
    mod messages;
    mod promises;
    mod resource_types;
}
mod requirements;
mod resource {
    mod defaults;
    mod display;
    mod etags;
    mod ids;
    mod judgment;
    mod projection;
    mod reading;
    mod same_twice;
    mod shared_lists;
    mod typed;
}
mod schema {
    mod definitions;
    mod discovery;
    mod documents;
    mod okta;
}
mod security {
    #[cfg(feature = "bearer")]
    mod bearer;
    mod hidden_values;
    mod hostile;
    #[cfg(feature = "oauth")]
    mod oauth_assertions;
    #[cfg(feature = "oauth")]
    mod oauth_requests;
    mod policy;
    mod stretches;
    mod visibility;
    mod work;
}
mod store {
    #[cfg(feature = "testkit")]
    mod access;
    #[cfg(feature = "sql")]
    mod charges;
    #[cfg(feature = "sql")]
    mod layouts;
    mod memory;
    #[cfg(feature = "testkit")]
    mod mistakes;
    mod model;
    mod races;
    mod reading;
    mod restoration;
    #[cfg(feature = "sql")]
    mod sql;
    #[cfg(feature = "testkit")]
    mod testkit;
    mod types;
    mod unique;
}
#[cfg(feature = "testkit")]
mod traffic {
    mod answers;
    mod denied;
    mod habits;
    mod hosts;
    mod own;
    mod registered;
    mod sequences;
    mod shapes;
}
