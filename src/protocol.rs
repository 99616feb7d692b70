//! Turns requests into responses: methods, paths, parameters, ETags and media types (RFC 7644 §3), without an HTTP
//! library.
//!
//! A host makes a [`Request`] from its HTTP server's request, with the path below the base URL, calls
//! [`ServiceProvider::handle`] and sends the [`Response`]. [`provider`](crate::provider) implements the operations.
//! This module never answers 401: each call needs a [`RequestContext`](crate::store::RequestContext), which a host
//! makes only for a caller that it has authenticated.
//!
//! [`ServiceProvider::handle`]: crate::provider::ServiceProvider::handle

mod handle;
mod media;
mod request;
mod response;
mod route;
mod trace;

pub use self::{
    request::Request,
    response::{CONTENT_TYPE, Response},
};
