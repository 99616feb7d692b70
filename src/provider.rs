//! The service provider: the operations of the protocol as functions, over the host's store (RFC 7644 §3).
//!
//! This module contains the rules that hold for every transport: which attributes a client may change, which
//! attributes an answer shows, how a query is divided between the store and the core, and how concurrent writes are
//! resolved. HTTP belongs to [`protocol`](crate::protocol).

// The parts of the service provider stand at the bottom, and the operations above them in wings: `access` decides
// about callers, `reference` about references, `read` reads one resource, `list` answers queries, `write` changes one
// resource, and `bulk` executes many operations. A wing uses only the wings before it; a test states the order.
mod access;
mod answer;
mod base;
mod builder;
mod bulk;
mod call;
mod discovery;
mod failure;
mod handover;
mod list;
mod options;
mod read;
mod reference;
mod rest;
mod retry;
mod seal;
mod service_provider;
mod storage;
mod system;
mod target;
mod type_ref;
mod write;

#[cfg(feature = "signed-cursors")]
pub use self::seal::{CursorKey, InvalidCursorKey};
#[cfg(feature = "system")]
pub use self::system::{RandomIds, SystemClock};
pub(crate) use self::target::{Target, check_id, segments};
pub use self::{
    access::{Access, Action, AdoptionRule, Ownership, OwnershipError, Policy, Proposal, Subject, UnownedResources},
    answer::{Answer, Listing},
    builder::{ConfigurationError, ServiceProviderBuilder},
    handover::AdoptablePage,
    options::{Options, Precondition},
    service_provider::ServiceProvider,
    system::{Clock, IdSource},
    type_ref::ResourceTypeRef,
};
