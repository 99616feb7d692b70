//! Checks that a host runs against its own code: the promises of its [`Store`](trait@crate::store::Store), one by one, and
//! the requests and expectations of identity providers, step by step.
//!
//! The checks are plain futures for any runtime and any test runner. [`StoreKit`] needs only the store, and the host's
//! sign-in query for the checks of access: each check works in its own tenants and leaves its resources behind. [`Traffic`] sends the requests of Okta, Entra ID and
//! others to a [`ServiceProvider`](crate::provider::ServiceProvider), or to a running server through any transport, and reports
//! the effect for each of them. This module is not for production.

mod contract;
mod futures;
mod random;
mod report;
mod samples;
mod traffic;

pub use self::{
    contract::{Check, SignIn, StoreKit},
    report::{Failure, Outcome, Report},
    traffic::{
        Exchange, Replay, Replayed, SchemaSource, Step, Traffic, TrafficError, TrafficRequest, TrafficResponse, Verdict,
    },
};
