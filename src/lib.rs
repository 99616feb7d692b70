//! The protocol core of a SCIM 2.0 service provider (RFC 7643, RFC 7644).

pub mod error;
pub mod filter;
pub mod fold;
pub mod limits;
pub mod message;
pub mod patch;
pub mod path;
pub mod protocol;
pub mod provider;
pub mod quirks;
pub mod resource;
pub mod schema;
pub mod store;
pub mod value;

pub use crate::{
    error::Error,
    filter::Filter,
    limits::Limits,
    path::AttributePath,
    provider::ServiceProvider,
    quirks::{Quirk, Quirks},
    resource::Resource,
    schema::Registry,
    store::Store,
};
