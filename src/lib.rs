//! The protocol core of a SCIM 2.0 service provider (RFC 7643, RFC 7644).

pub mod filter;
pub mod fold;
pub mod limits;
pub mod patch;
pub mod path;
pub mod quirks;
pub mod resource;
pub mod schema;
pub mod store;
pub mod value;

pub use crate::{
    filter::Filter,
    limits::Limits,
    path::AttributePath,
    quirks::{Quirk, Quirks},
    resource::Resource,
    schema::Registry,
    store::Store,
};
