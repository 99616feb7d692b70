//! Attribute paths, `[urn:…:]attribute[.sub-attribute]`, as text (RFC 7644 §3.10).
//!
//! A path here is only well formed. The schemas decide whether its attribute exists.

mod error;
mod resolve;

use std::{borrow::Cow, fmt, hash, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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
/// use scim_core::AttributePath;
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
/// use scim_core::{Filter, filter::Expression};
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
        let end = text.bytes().position(|byte| !is_path_byte(byte)).unwrap_or(text.len());
        let shape = Shape::of(text.as_bytes().get(..end).unwrap_or_default())?;
        if end < text.len() {
            return Err(PathError::new(PathErrorKind::Character, end));
        }
        Ok(Self { text, shape })
    }

    /// Combines `text` with its shape, which must be the result of [`Shape::of`] for `text`.
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
        self.text.get(..usize::from(self.shape.attribute).checked_sub(1)?)
    }

    /// The attribute's name.
    pub fn attribute(self) -> &'a str {
        self.text.get(self.shape.attribute.into()..self.shape.attribute_end()).unwrap_or_default()
    }

    /// The sub-attribute's name; `None` if the path has no sub-attribute.
    pub fn sub_attribute(self) -> Option<&'a str> {
        self.text.get(self.shape.attribute_end() + 1..)
    }

    /// Returns an owned copy.
    pub fn to_path(self) -> AttributePath {
        AttributePath { text: self.text.into(), shape: self.shape }
    }

    /// The path without its sub-attribute.
    pub(crate) fn parent(self) -> Self {
        let end = self.shape.attribute_end();
        let text = self.text.get(..end).unwrap_or_default();
        Self { text, shape: Shape { len: self.shape.attribute_end, ..self.shape } }
    }
}

/// The positions of the parts of a path in its text, in 16 bits each, because a filter holds a shape for each term.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) len: u16,
    pub(crate) attribute: u16,
    pub(crate) attribute_end: u16,
}

impl Shape {
    /// Finds the parts of `token`, whose bytes all [belong to paths](is_path_byte).
    ///
    /// URNs contain dots and digits, so the attribute's name starts after the *last* colon.
    #[inline]
    pub(crate) fn of(token: &[u8]) -> Result<Self, PathError> {
        let Ok(len) = u16::try_from(token.len()) else {
            return Err(PathError::new(PathErrorKind::TooLong, usize::from(u16::MAX)));
        };
        let attribute = match token.iter().rposition(|byte| *byte == b':') {
            Some(colon) if is_uri(token.get(..colon).unwrap_or_default()) => colon + 1,
            Some(_) => return Err(PathError::new(PathErrorKind::Uri, 0)),
            None => 0,
        };
        let attribute_end = name_end(token, attribute)?;
        if attribute_end < token.len() {
            let end = name_end(token, attribute_end + 1)?;
            if end < token.len() {
                return Err(PathError::new(PathErrorKind::SubAttributes, end));
            }
        }
        // Both positions are at most `len`, which fits in 16 bits.
        let narrow = |position: usize| u16::try_from(position).unwrap_or(len);
        Ok(Self { len, attribute: narrow(attribute), attribute_end: narrow(attribute_end) })
    }

    fn attribute_end(self) -> usize {
        self.attribute_end.into()
    }

    /// The shape of a name of `len` bytes.
    pub(crate) const fn name(len: u16) -> Self {
        Self { len, attribute: 0, attribute_end: len }
    }

    /// Whether the path has neither a URI nor a sub-attribute.
    pub(crate) fn is_name(self) -> bool {
        self.attribute == 0 && self.attribute_end == self.len
    }

    /// Returns the start of the sub-attribute and its own shape; `None` if the path has no sub-attribute.
    pub(crate) fn sub_attribute(self) -> Option<(u16, Self)> {
        let start = self.attribute_end + u16::from(self.attribute_end < self.len);
        (start < self.len).then(|| (start, Self::name(self.len - start)))
    }
}

/// Returns the end of the name that starts at `start`: a dot, or the end of `token`.
#[inline]
fn name_end(token: &[u8], start: usize) -> Result<usize, PathError> {
    let name = token.get(start..).unwrap_or_default();
    if !name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'$') {
        return Err(PathError::new(PathErrorKind::Name, start));
    }
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'-' | b'_');
    match name.iter().position(|byte| !in_name(*byte)) {
        None => Ok(token.len()),
        Some(end) if name.get(end) == Some(&b'.') => Ok(start + end),
        Some(end) => Err(PathError::new(PathErrorKind::Character, start + end)),
    }
}

/// Whether `prefix` has a scheme, a colon and at least one more byte (RFC 3986 §3). The bytes after the scheme are not
/// checked.
fn is_uri(prefix: &[u8]) -> bool {
    let scheme = prefix.iter().position(|byte| *byte == b':').and_then(|colon| prefix.split_at_checked(colon));
    let in_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.is_some_and(|(scheme, rest)| {
        scheme.first().is_some_and(u8::is_ascii_alphabetic) && scheme.iter().all(in_scheme) && rest.len() > 1
    })
}

/// Whether `byte` can be part of a path, including its URI: printable ASCII except the bytes that end a word in a
/// filter.
#[inline]
pub(crate) fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',')
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
