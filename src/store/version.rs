//! The versions of resources (RFC 7644 §3.14).

use std::fmt;

use crate::value::Text;

/// The version of a resource, as the store named it (RFC 7644 §3.14).
///
/// Only the store interprets a version; every other component only compares it. A store gives a resource a new version
/// whenever the resource changes, and never reuses a version, even for a resource that is created again under the same
/// id. A resource that a commit changes twice gets two versions. The version becomes the entity tag `W/"…"` and
/// `meta.version`, and distinguishes [events](crate::event::Event::id).
///
/// ```
/// use scim_core::store::Version;
///
/// assert_eq!(Version::from(42), Version::new("42")?);
/// assert!(Version::new("no \"quotes\"").is_err());
/// # Ok::<(), scim_core::store::InvalidVersion>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(Text);

impl Version {
    /// The maximum length of a version in bytes.
    pub const MAX_BYTES: usize = 64;

    /// The version with this text.
    ///
    /// # Errors
    ///
    /// When the text is empty, longer than [`Version::MAX_BYTES`], or has a character that an entity tag cannot have
    /// (RFC 9110 §8.8.3): only visible ASCII without `"` is safe everywhere.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidVersion> {
        let text = text.into();
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
            return Ok(Self(text.into()));
        }
        Err(InvalidVersion { bytes: text.len() })
    }

    /// The text, without the quotes of an entity tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The entity tag for the `ETag` header and `meta.version` (RFC 7643 §3.1). It is weak, since two responses for
    /// the same version may show different attributes.
    pub(crate) fn etag(&self) -> Text {
        Text::of(format_args!("W/\"{}\"", self.as_str()))
    }
}

impl From<u64> for Version {
    /// The decimal digits of `count`, for stores that number their writes.
    fn from(count: u64) -> Self {
        Self(Text::of(format_args!("{count}")))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The error for a text that cannot be a [`Version`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a version of 1 to {} visible ASCII characters without quotes, found {bytes} bytes",
    Version::MAX_BYTES
)]
pub struct InvalidVersion {
    bytes: usize,
}
