//! The messages of the protocol that are not resources (RFC 7644 §3.4.2, §3.4.3, §3.7; RFC 7643 §5, §6, §7; RFC 9865).
//!
//! This module defines the form of the messages only, not the origin of their contents.

mod bulk;
mod config;
mod definition;
mod list;
mod members;
mod patch_op;
mod search;
mod uri;

pub use self::{
    bulk::{BulkOperation, BulkOutcome, BulkRequest, BulkResponse},
    config::{AuthenticationScheme, AuthenticationType},
    search::{SearchRequest, SortOrder},
    uri::{BULK_REQUEST, BULK_RESPONSE, ERROR, LIST_RESPONSE, PATCH_OP, SEARCH_REQUEST},
};
pub(crate) use self::{
    config::ServiceProviderConfig,
    definition::{resource_type_document, schema_document},
    list::{ListWriter, PageInfo},
};
