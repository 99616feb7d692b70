//! Reads the schemas whose JSON is part of the crate.

use serde::Deserialize;
use serde_json::Value as Json;

use super::Schema;

/// Returns a schema from a file of this crate.
///
/// The file becomes a [`Json`] first, as an element of a document does: a second way to read schemas would be 16,000
/// lines of code for the compiler.
#[expect(clippy::expect_used, reason = "the text is part of the crate, and a test reads each of the files")]
pub(super) fn shipped(json: &str) -> Schema {
    let schema = serde_json::from_str(json).and_then(|schema: Json| Schema::deserialize(&schema));
    schema.expect("a schema that the crate ships is JSON of a schema")
}
