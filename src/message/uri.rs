//! The URIs that identify the messages of the protocol in `schemas` (RFC 7644 §3.1, §8.2).

/// The URI of BulkRequest (RFC 7644 §3.7).
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The URI of BulkResponse (RFC 7644 §3.7).
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// The URI of Error (RFC 7644 §3.12).
pub const ERROR: &str = crate::error::SCHEMA;
/// The URI of ListResponse (RFC 7644 §3.4.2).
///
/// ```
/// use scim_core::{
///     message::LIST_RESPONSE, protocol::Request, provider::ServiceProvider, schema::Registry,
///     store::{MemoryStore, RequestContext, TenantId},
/// };
/// # use std::{pin::pin, task::{Context as Task, Poll, Waker}};
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
/// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
/// # }
///
/// # #[cfg(feature = "system")] {
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
///     .build()?;
/// let context = RequestContext::new(TenantId::single());
/// let response = block_on(provider.handle(&context, &Request::new("GET", "/Users")));
/// let list: serde_json::Value = serde_json::from_slice(&response.body)?;
/// assert_eq!(list["schemas"], serde_json::json!([LIST_RESPONSE]));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The URI of PatchOp (RFC 7644 §3.5.2).
pub const PATCH_OP: &str = crate::patch::PATCH_OP;
/// The URI of SearchRequest (RFC 7644 §3.4.3).
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
