//! Attribute paths, `[urn:…:]attribute[.sub-attribute]`, as text (RFC 7644 §3.10).
//!
//! A path here is only well formed. The schemas decide whether its attribute exists.

mod error;
mod resolve;
mod shape;

use std::{borrow::Cow, fmt, hash, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(crate) use self::shape::{Shape, is_path_byte};
pub use self::{
    error::{PathError, PathErrorKind},
    resolve::{Place, UnknownAttribute},
};

/// An owned attribute path: `userName`, `name.givenName` or
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName` (RFC 7644 §3.10).
///
/// A path keeps its spelling, and is compared and hashed without regard to ASCII case (RFC 7643 §2.1).
///
/// ```
/// use scim_core::path::AttributePath;
///
/// let path: AttributePath = "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName".parse()?;
/// assert_eq!(path.schema(), Some("urn:ietf:params:scim:schemas:core:2.0:User"));
/// assert_eq!(path.attribute(), "name");
/// assert_eq!(path.sub_attribute(), Some("givenName"));
/// assert_eq!("username".parse::<AttributePath>()?, "userName".parse::<AttributePath>()?);
/// # Ok::<(), scim_core::path::PathError>(())
/// ```
#[derive(Clone)]
pub struct AttributePath {
    text: Box<str>,
    shape: Shape,
}

impl AttributePath {
    /// The URI before the attribute's name; `None` if the path has no URI.
    pub fn schema(&self) -> Option<&str> {
        self.as_ref().schema()
    }

    /// The attribute's name.
    pub fn attribute(&self) -> &str {
        self.as_ref().attribute()
    }

    /// The sub-attribute's name; `None` if the path has no sub-attribute.
    pub fn sub_attribute(&self) -> Option<&str> {
        self.as_ref().sub_attribute()
    }

    /// Returns a borrowed view of the path. This is not the method of the trait `AsRef`, because a [`PathRef`] is not
    /// a reference.
    pub fn as_ref(&self) -> PathRef<'_> {
        PathRef { text: &self.text, shape: self.shape }
    }
}

impl FromStr for AttributePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        PathRef::parse(text).map(PathRef::to_path)
    }
}

/// A borrowed attribute path, from an [`AttributePath`] or from a filter.
///
/// ```
/// use scim_core::filter::{Expression, Filter};
///
/// let filter: Filter = "name.familyName pr".parse()?;
/// if let Expression::Present { path } = filter.expression() {
///     assert_eq!((path.attribute(), path.sub_attribute()), ("name", Some("familyName")));
/// }
/// # Ok::<(), scim_core::filter::FilterError>(())
/// ```
#[derive(Clone, Copy)]
pub struct PathRef<'a> {
    text: &'a str,
    shape: Shape,
}

impl<'a> PathRef<'a> {
    /// Parses a path.
    ///
    /// # Errors
    ///
    /// A [`PathError`] if `text` is not an `attrPath` of RFC 7644 §3.4.2.2.
    pub fn parse(text: &'a str) -> Result<Self, PathError> {
        let shape = Shape::scan(text.as_bytes())?;
        let end = usize::from(shape.len());
        if end < text.len() {
            return Err(PathError::new(PathErrorKind::Character, end));
        }
        Ok(Self { text, shape })
    }

    /// Combines `text` with its shape, which must be the result of [`Shape::scan`] for `text`.
    pub(crate) fn new(text: &'a str, shape: Shape) -> Self {
        Self { text, shape }
    }

    pub(crate) fn shape(self) -> Shape {
        self.shape
    }

    /// The whole path, as written.
    pub fn text(self) -> &'a str {
        self.text
    }

    /// The URI before the attribute's name; `None` if the path has no URI.
    pub fn schema(self) -> Option<&'a str> {
        self.text.get(..usize::from(self.shape.attribute()).checked_sub(1)?)
    }

    /// The attribute's name.
    pub fn attribute(self) -> &'a str {
        self.text.get(self.shape.attribute().into()..self.shape.attribute_end().into()).unwrap_or_default()
    }

    /// The sub-attribute's name; `None` if the path has no sub-attribute.
    pub fn sub_attribute(self) -> Option<&'a str> {
        self.text.get(usize::from(self.shape.attribute_end()) + 1..)
    }

    /// Returns an owned copy.
    pub fn to_path(self) -> AttributePath {
        AttributePath { text: self.text.into(), shape: self.shape }
    }

    /// The path without its sub-attribute.
    pub(crate) fn parent(self) -> Self {
        let shape = self.shape.parent();
        Self { text: self.text.get(..shape.len().into()).unwrap_or_default(), shape }
    }
}

impl PartialEq for PathRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(other.text)
    }
}

impl Eq for PathRef<'_> {}

impl hash::Hash for PathRef<'_> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        for byte in self.text.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl fmt::Display for PathRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl fmt::Debug for PathRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathRef({})", self.text)
    }
}

impl PartialEq for AttributePath {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for AttributePath {}

impl hash::Hash for AttributePath {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttributePath({})", self.text)
    }
}

impl Serialize for AttributePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for AttributePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
