//! The service provider: the operations of the protocol as functions, over the host's store (RFC 7644 §3).
//!
//! This module contains the rules that hold for every transport: which attributes a client may change, which
//! attributes an answer shows, how a query is divided between the store and the core, and how concurrent writes are
//! resolved. HTTP belongs to [`protocol`](crate::protocol).

mod answer;
mod base;
mod builder;
mod bulk;
mod calls;
mod cursor;
mod discovery;
mod display;
mod failure;
mod hydrate;
mod kept;
mod membership;
mod options;
mod ownership;
mod paging;
mod part;
mod permit;
mod plan;
mod policy;
mod query;
mod references;
mod rest;
mod subject;
mod system;
mod write;

#[cfg(feature = "signed-cursors")]
pub use self::cursor::{CursorKey, InvalidCursorKey};
#[cfg(feature = "system")]
pub use self::system::{RandomIds, SystemClock};
pub use self::{
    answer::{Answer, Listing},
    builder::{ConfigurationError, ServiceProvider, ServiceProviderBuilder},
    options::{Options, Precondition},
    ownership::{Others, Ownership, OwnershipError},
    policy::{Access, Action, Policy, Proposal},
    subject::Subject,
    system::{Clock, IdSource},
};
