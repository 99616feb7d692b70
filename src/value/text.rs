//! Text that is usually short: most values of a resource are a few letters, and an allocation for each value would
//! be most of the cost of reading a resource.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    fmt::{self, Write},
    hash::{Hash, Hasher},
    ops::Deref,
};

use crate::fold::fold_beyond_ascii;

/// Text, owned and immutable.
///
/// Dereferences to `str`. The representation may change: do not rely on its size.
#[derive(Clone)]
pub struct Text(Kept);

/// The number of bytes that fit next to the tag and the length, without an allocation.
const SHORT: usize = 22;

/// The bit in the length of a short text that is known to be plain.
const PLAIN: u8 = 0x80;

#[derive(Clone)]
enum Kept {
    Short { length: u8, bytes: [u8; SHORT] },
    Long { plain: bool, text: Box<str> },
}

impl Kept {
    fn long(text: impl Into<Box<str>>) -> Self {
        Self::Long { plain: false, text: text.into() }
    }
}

/// The number of bytes of a short text.
#[inline]
fn length_in(length: u8) -> usize {
    usize::from(length & !PLAIN)
}

impl Text {
    pub(crate) const EMPTY: Self = Self(Kept::Short { length: 0, bytes: [0; SHORT] });

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // The bytes were UTF-8 when stored; validating them again is cheaper than an allocation.
            Kept::Short { length, bytes } => {
                let bytes = bytes.get(..length_in(*length)).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or_default()
            }
            Kept::Long { text, .. } => text,
        }
    }

    /// The text in UTF-8, without the validation in [`Text::as_str`].
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kept::Short { length, bytes } => bytes.get(..length_in(*length)).unwrap_or_default(),
            Kept::Long { text, .. } => text.as_bytes(),
        }
    }

    /// Adds the text to the end of `out`. A short text is copied with the zeros behind it, which are then cut off: a copy of
    /// a fixed size needs no call.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Kept::Short { length, bytes } => {
                let end = out.len() + length_in(*length);
                out.extend_from_slice(bytes);
                out.truncate(end);
            }
            Kept::Long { text, .. } => out.extend_from_slice(text.as_bytes()),
        }
    }

    /// The number of bytes in UTF-8.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the text has no characters.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Whether the text is known to be plain: it is the same in JSON, without an escape. Another text may be plain as well.
    #[inline]
    pub(crate) fn is_known_plain(&self) -> bool {
        match &self.0 {
            Kept::Short { length, .. } => length & PLAIN != 0,
            Kept::Long { plain, .. } => *plain,
        }
    }

    /// Replaces the text, which must be empty: the bytes behind a short text stay 0. There is no copy on the way. The new
    /// text is plain: JSON has no escape in it.
    #[inline]
    pub(crate) fn fill_plain(&mut self, text: &str) {
        debug_assert!(self.is_empty(), "the text to replace is empty");
        debug_assert!(!text.contains(|char| char < ' ' || char == '"' || char == '\\'), "the text is plain");
        if self.fill_short(text, PLAIN).is_none() {
            self.0 = Kept::Long { plain: true, text: text.into() };
        }
    }

    /// Replaces the empty text; `None` if the new text is too long for it. `plain` is [`PLAIN`] or 0.
    #[inline]
    fn fill_short(&mut self, text: &str, plain: u8) -> Option<()> {
        let Kept::Short { length, bytes } = &mut self.0 else { return None };
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        *length = u8::try_from(text.len()).ok()? | plain;
        Some(())
    }

    /// The text of a number or of other values, without an allocation if it is short.
    pub(crate) fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut short = ShortWriter::default();
        match short.write_fmt(arguments) {
            Ok(()) => short.into_text(),
            Err(fmt::Error) => arguments.to_string().into(),
        }
    }

    /// The [`fold`](crate::fold::fold) of the text. Neither a text in ASCII nor a short fold needs an allocation.
    pub(crate) fn folded(mut self) -> Self {
        if !self.is_ascii() {
            return fold_beyond_ascii(&self);
        }
        match &mut self.0 {
            // The bytes behind the text are 0.
            Kept::Short { bytes, .. } => bytes.make_ascii_lowercase(),
            Kept::Long { text, .. } => text.make_ascii_lowercase(),
        }
        self
    }

    #[inline]
    fn short(text: &str) -> Option<Self> {
        let mut short = Self::EMPTY;
        short.fill_short(text, 0)?;
        Some(short)
    }
}

/// Writes a text that is short, and fails at one that is not.
#[derive(Default)]
struct ShortWriter {
    length: u8,
    bytes: [u8; SHORT],
}

impl ShortWriter {
    fn into_text(self) -> Text {
        Text(Kept::Short { length: self.length, bytes: self.bytes })
    }
}

impl Write for ShortWriter {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let start = usize::from(self.length);
        let end = start + part.len();
        self.bytes.get_mut(start..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
        self.length = u8::try_from(end).map_err(|_| fmt::Error)?;
        Ok(())
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        Self::short(text).unwrap_or_else(|| Self(Kept::long(text)))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::short(&text).unwrap_or_else(|| Self(Kept::long(text)))
    }
}

impl From<Box<str>> for Text {
    fn from(text: Box<str>) -> Self {
        Self::short(&text).unwrap_or_else(|| Self(Kept::long(text)))
    }
}

impl FromIterator<char> for Text {
    fn from_iter<I: IntoIterator<Item = char>>(chars: I) -> Self {
        let mut short = ShortWriter::default();
        let mut chars = chars.into_iter();
        while let Some(next) = chars.next() {
            if short.write_char(next).is_err() {
                let mut long = String::from(short.into_text());
                long.push(next);
                long.extend(chars);
                return long.into();
            }
        }
        short.into_text()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text.0 {
            Kept::Short { .. } => text.as_str().to_owned(),
            Kept::Long { text, .. } => text.into(),
        }
    }
}

// `str` and its UTF-8 bytes compare alike, so compare bytes.

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    /// Hashes as `str` does: a map with keys of this type can be searched with a `str`.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;

    #[test]
    fn short_and_long_text_is_text() {
        for length in 0..60 {
            for unit in ["a", "Z", "é", "É", "李", "😀"] {
                let text = unit.repeat(length);
                let (start, end) = text.split_at(unit.len() * (length / 2));
                let mut filled = Text::EMPTY;
                filled.fill_plain(&text);
                let texts = [
                    filled,
                    Text::from(text.as_str()),
                    Text::from(text.clone()),
                    Text::from(text.clone().into_boxed_str()),
                    Text::of(format_args!("{start}{end}")),
                    text.chars().collect(),
                ];
                for own in &texts {
                    assert_eq!((own.as_str(), own.as_bytes()), (text.as_str(), text.as_bytes()));
                    assert!(*own == texts[0] && *own == *text && *own == own.clone());
                    assert_eq!(own.cmp(&Text::from("b")), text.as_str().cmp("b"));
                    assert_eq!((own.to_string(), format!("{own:?}")), (text.clone(), format!("{text:?}")));
                    assert_eq!(own.clone().folded().as_str(), fold(&text));
                    let mut out = b"before ".to_vec();
                    own.append_to(&mut out);
                    assert_eq!(out, format!("before {text}").into_bytes());
                    if let Kept::Short { length, bytes } = &own.0 {
                        assert!(bytes[length_in(*length)..].iter().all(|byte| *byte == 0));
                    }
                }
            }
        }
        assert_eq!(Text::default(), "");
        assert_eq!(size_of::<Text>(), 24);
        assert_eq!(size_of::<crate::value::Value>(), 24, "a value has no tag of its own");
    }
}
