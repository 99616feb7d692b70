//! PATCH: changing a resource by operations (RFC 7644 §3.5.2).

mod membership;

pub use self::membership::ValueEdit;
