//! Checks that a host runs against what it has built: the promises of its [`Store`](trait@crate::Store), one by one.
//!
//! They are plain futures that any runtime and any test runner takes, and they need nothing but the store: each works in
//! tenants of its own and leaves behind what it wrote there. Nothing here is for production.

mod contract;
mod futures;
mod random;
mod report;
mod samples;

pub use self::{
    contract::{Check, StoreKit},
    report::{Failure, Outcome, Report},
};
