//! The parts of a path as positions in its text (`attrPath` of RFC 7644 §3.4.2.2).
//!
//! One pass over the bytes finds the end of a path and its parts. This file knows neither filters nor schemas.

use super::{PathError, PathErrorKind};

/// The positions of the parts of a path in its text, in 16 bits each: the length, the start of the attribute, the end of
/// the attribute.
///
/// One number moves in one register. A processor waits when it reads a value with another width than the parts had at their
/// write just before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape(u64);

impl Shape {
    /// Finds the path at the start of `text`. The path ends before the first byte that cannot be
    /// [part of a path](is_path_byte), or with `text`.
    ///
    /// The text is read in segments that end with a colon. URNs contain dots and digits, so only the *last* segment
    /// has to consist of names.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a caller would read the result in memory with another width than its write"
    )]
    pub(crate) fn scan(text: &[u8]) -> Result<Self, PathError> {
        let first = name(text, 0);
        match first.map(|(end, next)| (u16::try_from(end), next)) {
            // Most paths are one name.
            Ok((Ok(len), Class::Outside)) => Ok(Self::name(len)),
            _ => Self::scan_parts(text, first),
        }
    }

    /// Finds the path at the start of `text`, after its first name.
    fn scan_parts(text: &[u8], first: Result<(usize, Class), PathError>) -> Result<Self, PathError> {
        let (mut attribute, mut name) = (0, first);
        loop {
            let names = names(text, name);
            let end = segment_end(text, names.map_or_else(|error| error.offset(), |(_, end)| end));
            if text.get(end) == Some(&b':') {
                attribute = end + 1;
                name = self::name(text, attribute);
                continue;
            }
            let Ok(len) = u16::try_from(end) else {
                return Err(PathError::new(PathErrorKind::TooLong, usize::from(u16::MAX)));
            };
            if attribute > 0 && !is_uri(text.get(..attribute - 1).unwrap_or_default()) {
                return Err(PathError::new(PathErrorKind::Uri, 0));
            }
            let (attribute_end, _) = names?;
            // Both positions are at most `len`, which fits in 16 bits.
            let narrow = |position: usize| u16::try_from(position).unwrap_or(len);
            return Ok(Self::new(len, narrow(attribute), narrow(attribute_end)));
        }
    }

    #[inline]
    fn new(len: u16, attribute: u16, attribute_end: u16) -> Self {
        Self(u64::from(len) | u64::from(attribute) << 16 | u64::from(attribute_end) << 32)
    }

    /// The shape of a name of `len` bytes.
    #[inline]
    pub(crate) fn name(len: u16) -> Self {
        Self::new(len, 0, len)
    }

    /// The part in the 16 bits from `bit`.
    fn part(self, bit: u32) -> u16 {
        let [first, second, ..] = (self.0 >> bit).to_le_bytes();
        u16::from_le_bytes([first, second])
    }

    pub(crate) fn len(self) -> u16 {
        self.part(0)
    }

    /// The start of the attribute.
    pub(super) fn attribute(self) -> u16 {
        self.part(16)
    }

    pub(super) fn attribute_end(self) -> u16 {
        self.part(32)
    }

    /// Whether the path has neither a URI nor a sub-attribute.
    pub(crate) fn is_name(self) -> bool {
        self.attribute() == 0 && self.attribute_end() == self.len()
    }

    /// The shape without the sub-attribute.
    pub(super) fn parent(self) -> Self {
        Self::new(self.attribute_end(), self.attribute(), self.attribute_end())
    }

    /// Returns the start of the sub-attribute and its own shape; `None` if the path has no sub-attribute.
    pub(crate) fn sub_attribute(self) -> Option<(u16, Self)> {
        let start = self.attribute_end() + u16::from(self.attribute_end() < self.len());
        (start < self.len()).then(|| (start, Self::name(self.len() - start)))
    }
}

/// The role of a byte in a path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Any byte of a name can be this byte.
    First,
    /// Any byte of a name except the first can be this byte.
    Inner,
    Dot,
    /// Only a URI can contain the byte.
    Uri,
    Colon,
    /// No path contains the byte.
    Outside,
}

/// The class of each byte. One load replaces several comparisons.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
static CLASSES: [Class; 256] = {
    let mut classes = [Class::Outside; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'$' => Class::First,
            b'0'..=b'9' | b'-' | b'_' => Class::Inner,
            b'.' => Class::Dot,
            b':' => Class::Colon,
            b'"' | b'\'' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' => Class::Outside,
            _ => Class::Uri,
        };
        byte += 1;
    }
    classes
};

#[inline]
fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Outside)
}

/// Whether `byte` can be part of a path, including its URI: printable ASCII except the bytes that end a word in a
/// filter.
#[inline]
pub(crate) fn is_path_byte(byte: u8) -> bool {
    class(byte) != Class::Outside
}

/// Returns the ends of both names in a segment: `ATTRNAME *1subAttr`. Without a sub-attribute, both ends are equal.
/// `first` is the end of the first name, with the class of the byte there.
#[inline]
fn names(text: &[u8], first: Result<(usize, Class), PathError>) -> Result<(usize, usize), PathError> {
    let (attribute_end, mut class) = first?;
    let mut end = attribute_end;
    if class == Class::Dot {
        (end, class) = name(text, attribute_end + 1)?;
    }
    match class {
        Class::Colon | Class::Outside => Ok((attribute_end, end)),
        Class::Dot => Err(PathError::new(PathErrorKind::SubAttributes, end)),
        Class::First | Class::Inner | Class::Uri => Err(PathError::new(PathErrorKind::Character, end)),
    }
}

/// `ATTRNAME = ALPHA *(nameChar)`: returns the end of the name that starts at `start`, and the class of the byte there.
#[inline]
fn name(text: &[u8], start: usize) -> Result<(usize, Class), PathError> {
    let name = text.get(start..).unwrap_or_default();
    if name.first().is_none_or(|first| class(*first) != Class::First) {
        return Err(PathError::new(PathErrorKind::Name, start));
    }
    let len = name.iter().position(|byte| class(*byte) > Class::Inner).unwrap_or(name.len());
    Ok((start + len, name.get(len).map_or(Class::Outside, |byte| class(*byte))))
}

/// Returns the position of the first colon at or after `from`, or the end of the path.
#[inline]
fn segment_end(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| class(*byte) >= Class::Colon).unwrap_or(rest.len())
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
