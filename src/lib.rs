//! The protocol core of a SCIM 2.0 service provider (RFC 7643, RFC 7644).

pub mod limits;
pub mod quirks;

pub use crate::{
    limits::Limits,
    quirks::{Quirk, Quirks},
};
