//! The references: the same work by hand, without schemas, limits or checks.

pub(crate) mod conditions;
pub(crate) mod filter;
pub(crate) mod json;
pub(crate) mod raw_group;
pub(crate) mod typed;
