//! The protocol core of a SCIM 2.0 service provider (RFC 7643, RFC 7644).

pub mod fold;
pub mod limits;
pub mod patch;
pub mod quirks;
pub mod resource;
pub mod schema;
pub mod value;

pub use crate::{
    limits::Limits,
    quirks::{Quirk, Quirks},
    resource::Resource,
    schema::Registry,
};
