//! The rights of a caller: the host's policies, the permit that they give for one operation, and the caller's own
//! resource (RFC 7644 §2, §3.11, §7.2).
//!
//! This wing decides and hides; it reads no resource and knows no store.

mod adoption;
mod ownership;
mod permit;
mod policy;
mod subject;

pub use self::{
    adoption::AdoptionRule,
    ownership::{Ownership, OwnershipError, UnownedResources},
    policy::{Access, Action, Policy, Proposal},
    subject::Subject,
};
pub(super) use self::{
    permit::{Permit, Policies},
    subject::Subjects,
};
