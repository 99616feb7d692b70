//! Checks that a host runs against what it has built: the promises of its [`Store`](trait@crate::Store), one by one, and
//! what identity providers send and need, step by step.
//!
//! They are plain futures that any runtime and any test runner takes. [`StoreKit`] needs nothing but the store: each
//! check works in tenants of its own and leaves behind what it wrote there. [`Traffic`] asks a
//! [`ServiceProvider`](crate::ServiceProvider), or a running server through any transport, as Okta, Entra ID and others
//! do, and reports what each of them would have seen. Nothing here is for production.

mod contract;
mod futures;
mod random;
mod report;
mod samples;
mod traffic;

pub use self::{
    contract::{Check, StoreKit},
    report::{Failure, Outcome, Report},
    traffic::{
        Exchange, Replay, Replayed, SchemaSource, Step, Traffic, TrafficError, TrafficRequest, TrafficResponse, Verdict,
    },
};
