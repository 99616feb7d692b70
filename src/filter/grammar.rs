//! The grammar of filters (RFC 7644 §3.4.2.2) and of PATCH paths (RFC 7644 §3.5.2), in nom.
//!
//! Each production is a parser below its ABNF. The next byte or word alone decides between alternatives, and each
//! failed alternative reads at most one word, so the time is linear. [`Filter::MAX_DEPTH`](super::Filter::MAX_DEPTH)
//! bounds the recursion.

mod expression;
mod number;
mod patch_path;
mod state;
mod string;
mod value;
mod word;

pub(crate) use self::patch_path::parse_patch_path;
pub(super) use self::{expression::parse_filter, number::is_number};
