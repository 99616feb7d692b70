//! The fuzz targets of scim-core. Each is a function of bytes that panics when the library breaks a promise, so that
//! libFuzzer (`targets/*.rs`) and the replay of the corpus (`tests/corpus.rs`) run the same code.

mod choice;
mod cursors;
mod documents;
mod filter;
#[path = "../../it/fixture/forward.rs"]
mod forward;
#[expect(dead_code, reason = "the tests use other parts of their host")]
#[path = "../../it/fixture/host.rs"]
mod host;
mod observed;
mod patch;
mod path;
mod requests;
mod resource;
mod samples;

pub use self::{cursors::cursors, filter::filter, patch::patch, path::path, requests::requests, resource::resource};

/// A fuzz target: a function that panics when the library breaks a promise for these bytes.
pub type Target = fn(&[u8]);

/// The targets by name. `corpus/<name>` holds the inputs of each.
pub const TARGETS: [(&str, Target); 6] = [
    ("filter", filter),
    ("path", path),
    ("resource", resource),
    ("patch", patch),
    ("requests", requests),
    ("cursors", cursors),
];
