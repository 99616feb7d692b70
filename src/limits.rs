//! All bounds of the service provider in one struct, so that the advertised bounds are the enforced bounds.
//!
//! This module contains numbers only. The code that does the bounded work takes a `&Limits` and refuses *before* it
//! does work in proportion to the excess.

#[cfg(feature = "sql")]
mod spent;
mod work;

use std::time::Duration;

#[cfg(feature = "sql")]
pub(crate) use self::spent::Spent;
pub(crate) use self::work::yield_now;
pub use self::work::{Work, WorkExceeded};

/// The bounds that the service provider enforces.
///
/// Each bound has a default that fits the traffic of real identity providers. The advertised bounds appear in
/// ServiceProviderConfig (RFC 7643 §5; RFC 7644 §3.7.4 for bulk requests) with exactly these values.
///
/// ```
/// use scim_core::limits::Limits;
///
/// let mut limits = Limits::default();
/// limits.page_max = 200;
/// assert_eq!(limits.filter_terms, 1_024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request body. Over it: 413. Default 4 MiB, which holds a group of 10,000 members.
    pub body: usize,
    /// Operations in one bulk request (`bulk.maxOperations`, RFC 7643 §5). Over it: 413. Default 1,000; 0 switches bulk
    /// off.
    pub bulk_operations: usize,
    /// Bytes of the body of a bulk request (`bulk.maxPayloadSize`). Over it: 413. Default 4 MiB.
    pub bulk_payload: usize,
    /// Levels of nested objects and arrays in a request body. Over it: 400 `invalidSyntax`. Default 64.
    pub json_depth: usize,
    /// Bytes of one string value, or digits of a number. Over it: 400 `invalidValue`. Default 64 KiB.
    pub string: usize,
    /// Values of one multi-valued attribute in one request, across all operations of a PATCH. Over it: 400 `tooMany`.
    /// Default 10,000.
    pub values: usize,
    /// Bytes of a filter. Over it: 400 `invalidFilter`. Default 64 KiB, which holds 1,024 lookups by id.
    pub filter_bytes: usize,
    /// Levels of parentheses, `not` and brackets in a filter. Over it: 400 `invalidFilter`. Default 32.
    pub filter_depth: usize,
    /// Comparisons and presence tests in a filter. Over it: 400 `invalidFilter`. Default 1,024.
    pub filter_terms: usize,
    /// Bytes of a PATCH path. Over it: 400 `invalidPath`. Default 1,024.
    pub path_bytes: usize,
    /// Operations in one PATCH request. Over it: 400 `tooMany`. Default 1,000.
    pub patch_operations: usize,
    /// Units of [work](Work) of one request, all its parts together: values examined, bytes compared, rows read. Over
    /// it: 400 `tooMany`, or 413 for a bulk request as a whole; the request then changes nothing. Default 10 million.
    pub work: u64,
    /// Names in `attributes` or `excludedAttributes`. Over it: 400 `invalidValue`. Default 100.
    pub attribute_names: usize,
    /// Bytes of a resource id in a path. A resource with a longer id does not exist: 404. Default 128.
    pub id_bytes: usize,
    /// Resources on a page when the client sends no `count`. Default 100.
    pub page_default: usize,
    /// Maximum number of resources on a page (`filter.maxResults`, RFC 7643 §5); a larger `count` is reduced to it.
    /// Default 1,000.
    pub page_max: usize,
    /// Resources of one type that a query may read when the store cannot answer the query alone: it cannot evaluate
    /// the filter, sort or, for paging by index, [count](crate::store::Capabilities::total). Over it: 400 `tooMany`
    /// (RFC 7644 §3.4.2.1), or a shorter page if the query is paged by cursor and the store sorts. Default 10,000.
    pub scan: usize,
    /// Approximate bytes of the resources that are in memory for one response: see
    /// [`Resource::size`](crate::resource::Resource::size). The store reads no more than this. Default 32 MiB.
    ///
    /// - A page by index over it is refused with 400 `tooMany` and the `count` that fits, since clients advance by the
    ///   `count` that they requested. A page by cursor ends early (RFC 9865 §2). A page has at least one resource.
    /// - A list of references that does not fit, such as `members`, is never left out silently. A read is refused with
    ///   400 `tooMany` unless the client excludes the list; so is a PUT or PATCH that has to read the list. A PATCH
    ///   that adds and removes single values does not read the list, and its response omits the resource.
    /// - A write that would make a resource larger than a quarter of this bound is refused with 400 `tooMany`; lists
    ///   of references are not counted.
    pub answer: usize,
    /// The lifetime of a cursor, advertised as `cursorTimeout` in whole seconds (RFC 9865 §4). Each page has new
    /// cursors. Over it: 400 `expiredCursor`. Default one hour.
    pub cursor_timeout: Duration,
    /// How often a write without `If-Match` is retried after a lost race, and an operation is retried when the store
    /// is busy. Over it: 503. Default 10.
    pub write_retries: usize,
    /// Number of members up to which a PATCH of a group's membership is answered with the group (200). Beyond it the
    /// answer is 204 and the members are never read. Default 1,000.
    pub members_in_answer: usize,
}

impl Limits {
    /// The number of resources of the maximum size that fit into a response, without their lists of references.
    pub(crate) const RESOURCES: usize = 4;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 4 << 20,
            bulk_operations: 1_000,
            bulk_payload: 4 << 20,
            json_depth: 64,
            string: 64 << 10,
            values: 10_000,
            filter_bytes: 64 << 10,
            filter_depth: 32,
            filter_terms: 1_024,
            path_bytes: 1_024,
            patch_operations: 1_000,
            work: 10_000_000,
            attribute_names: 100,
            id_bytes: 128,
            page_default: 100,
            page_max: 1_000,
            scan: 10_000,
            answer: 32 << 20,
            cursor_timeout: Duration::from_secs(3_600),
            write_retries: 10,
            members_in_answer: 1_000,
        }
    }
}
