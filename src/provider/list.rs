//! Lists of resources: queries, their pages, and cursors (RFC 7644 §3.4.2, §3.4.3; RFC 9865).
//!
//! `search` interprets a request, `plan` divides its conditions between the store and the core, `query` is the result
//! for one resource type, `part` and `walk` read the resources of one type, and `paging` makes one page of them.

mod collector;
mod cursor;
mod paging;
mod plan;
mod query;
mod search;
mod segment;
mod walk;

pub(super) use self::{plan::Plan, walk::STRIDE};
