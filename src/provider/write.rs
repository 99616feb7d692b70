//! Creating, replacing, patching and deleting one resource (RFC 7644 §3.3, §3.5, §3.6).
//!
//! A replacement or a patch reads the stored resource, computes the new resource, and commits it on the condition
//! that no other writer was faster. After a lost race the change is computed again from the new state, at most
//! `Limits::write_retries` times; a precondition that named the old version then fails.

mod commit;
mod create;
mod delete;
mod membership;
mod patch;
mod replace;
mod requested;
