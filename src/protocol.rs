//! From a request to a response: methods, paths, parameters, ETags and media types (RFC 7644 §3), without an HTTP
//! library.
//!
//! A host makes a [`Request`] of what its HTTP server received, below the base URL, calls [`ServiceProvider::handle`] and
//! sends the [`Response`]. What an operation does is [`provider`](crate::provider)'s business, not known here. There is
//! no 401 here: a call needs a [`Context`](crate::store::Context), and only a host that knows who is calling has one.
//!
//! [`ServiceProvider::handle`]: crate::ServiceProvider::handle

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
