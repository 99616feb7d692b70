//! How text is compared where case does not matter.
//!
//! One function, used by filters, sort keys, unique keys and whatever a store indexes: were they to differ, a name
//! could be unique to one and taken to the other. It knows nothing of attributes.

use std::{borrow::Cow, cmp::Ordering};

/// Folds the case of `text`, character by character with the simple rule of [`char::to_lowercase`].
///
/// Not `str::to_lowercase`: its rule for a final sigma makes the fold of a prefix differ from the prefix of the fold.
/// Folding twice changes nothing more. A store that keeps folded text must be able to compute it anew: Unicode grows.
///
/// ```
/// use scim_core::fold::fold;
///
/// assert_eq!(fold("BJensen@Example.com"), "bjensen@example.com");
/// assert_eq!(fold("ΟΔΟΣ"), "οδοσ");
/// ```
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    Cow::Owned(folded_chars(text).collect())
}

fn folded_chars(text: &str) -> impl Iterator<Item = char> + Clone + '_ {
    // A few capitals have a lower case that is itself a capital's base plus marks ('İ' becomes "i̇"): those marks are
    // lower case already, so one pass is stable.
    text.chars().flat_map(char::to_lowercase)
}

// Below, `text` is UTF-8 as bytes: that it is text has to be proved only where it is not ASCII, and most is.

/// Text as characters with their case folded; nothing for bytes that are not UTF-8.
fn folded_utf8(text: &[u8]) -> impl Iterator<Item = char> + Clone + '_ {
    folded_chars(std::str::from_utf8(text).unwrap_or_default())
}

/// Whether `text` folds to `folded`, which is folded already. Allocates nothing.
pub(crate) fn eq_folded(text: &[u8], folded: &str) -> bool {
    // Texts that differ in the case of ASCII letters only have one fold, whatever else is in them.
    text.eq_ignore_ascii_case(folded.as_bytes()) || !text.is_ascii() && folded_utf8(text).eq(folded.chars())
}

/// Whether the fold of `text` starts with `folded`. Allocates nothing.
pub(crate) fn starts_with_folded(text: &[u8], folded: &str) -> bool {
    if let (true, Some(head)) = (folded.is_ascii(), text.get(..folded.len()))
        && head.is_ascii()
    {
        return head.eq_ignore_ascii_case(folded.as_bytes());
    }
    let mut chars = folded_utf8(text);
    folded.chars().all(|expected| chars.next() == Some(expected))
}

/// Whether the fold of `text` ends with `folded`. Allocates nothing.
pub(crate) fn ends_with_folded(text: &[u8], folded: &str) -> bool {
    let tail = text.len().checked_sub(folded.len()).and_then(|start| text.get(start..));
    if let (true, Some(tail)) = (folded.is_ascii(), tail)
        && tail.is_ascii()
    {
        return tail.eq_ignore_ascii_case(folded.as_bytes());
    }
    let text = std::str::from_utf8(text).unwrap_or_default();
    let mut chars = text.chars().rev().flat_map(|char| char.to_lowercase().rev());
    folded.chars().rev().all(|expected| chars.next() == Some(expected))
}

/// Folded text to be looked for in other texts, in time linear in theirs whatever it is (Knuth, Morris and Pratt).
#[derive(Clone, Debug)]
pub(crate) struct Needle {
    folded: Box<[u8]>,
    /// For each length of a head of the needle, less one: how much of the needle's own start that head ends with.
    borders: Box<[usize]>,
}

impl Needle {
    /// Up to this many bytes it is faster to start over at each place of a text, and never much slower.
    const SHORT: usize = 16;

    /// Prepares `folded`, which is folded already, for [`Needle::is_in`].
    pub(crate) fn new(folded: &str) -> Self {
        let mut needle = Self { folded: folded.as_bytes().into(), borders: Box::new([]) };
        let mut borders = Vec::with_capacity(folded.len());
        let mut border = 0;
        for (index, byte) in folded.bytes().enumerate() {
            if index > 0 {
                border = needle.advance(&borders, border, byte);
            }
            borders.push(border);
        }
        needle.borders = borders.into_boxed_slice();
        needle
    }

    /// Whether the fold of `text` contains the needle. Allocates nothing.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        let Some(first) = self.folded.first() else { return true };
        let ascii = text.is_ascii();
        if ascii && text.len() < self.folded.len() {
            return false;
        }
        if ascii && self.folded.len() <= Self::SHORT {
            // Where it may begin is seen by one byte in either case; the rest is compared only there.
            let upper = first.to_ascii_uppercase();
            let begins = text.len() - self.folded.len() + 1;
            let mut from = 0;
            while let Some(rest) = text.get(from..begins) {
                let Some(found) = rest.iter().position(|byte| byte == first || *byte == upper) else { return false };
                let at = from + found;
                if text.get(at..at + self.folded.len()).is_some_and(|part| part.eq_ignore_ascii_case(&self.folded)) {
                    return true;
                }
                from = at + 1;
            }
            return false;
        }
        let mut matched = 0;
        let mut is_end = |byte| {
            matched = self.advance(&self.borders, matched, byte);
            matched == self.folded.len()
        };
        if ascii {
            return text.iter().any(|byte| is_end(byte.to_ascii_lowercase()));
        }
        // UTF-8 is self-synchronizing: bytes that match are characters that match.
        folded_utf8(text).any(|char| char.encode_utf8(&mut [0; 4]).bytes().any(&mut is_end))
    }

    /// How much of the needle is matched after `byte`, when `matched` was before.
    #[inline]
    fn advance(&self, borders: &[usize], mut matched: usize, byte: u8) -> usize {
        loop {
            if self.folded.get(matched) == Some(&byte) {
                return matched + 1;
            }
            match matched.checked_sub(1).and_then(|last| borders.get(last)) {
                Some(border) => matched = *border,
                None => return 0,
            }
        }
    }
}

/// The order of the fold of `text` and of `folded`, by code point.
pub(crate) fn cmp_folded(text: &[u8], folded: &str) -> Ordering {
    if text.is_ascii() {
        return text.iter().map(u8::to_ascii_lowercase).cmp(folded.bytes());
    }
    folded_utf8(text).cmp(folded.chars())
}

/// The order of two texts when case does not matter, by code point of their folds.
pub(crate) fn cmp_ignoring_case(left: &[u8], right: &[u8]) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.iter().map(u8::to_ascii_lowercase).cmp(right.iter().map(u8::to_ascii_lowercase));
    }
    folded_utf8(left).cmp(folded_utf8(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every function that works on the fold without making it, against the same on the fold itself.
    #[test]
    fn agrees_with_the_fold_itself() {
        let alphabets: [&[char]; 3] =
            [&['a', 'B'], &['a', 'A', 'ß', 'ẞ', '@'], &['Σ', 'ς', 'İ', 'i', '\u{307}', 'Ⱥ', '😀', '\u{212A}']];
        let mut seed = 1_u64;
        let mut below = |bound: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap_or(0) % bound
        };
        for round in 0..60_000 {
            let alphabet = alphabets[round % 3];
            let length = below(60);
            let text: String = (0..length).map(|_| alphabet[below(alphabet.len())]).collect();
            // Half of the parts are from the text, so that long ones are found, too.
            let part: String = if round % 2 == 0 {
                let length = below(5);
                (0..length).map(|_| alphabet[below(alphabet.len())]).collect()
            } else {
                let skip = below(length + 1);
                text.chars().skip(skip).take(below(40)).chain((below(4) == 0).then_some('a')).collect()
            };
            let (whole, folded) = (fold(&text), fold(&part));
            let context = format!("{text:?} {part:?}");
            assert_eq!(Needle::new(&folded).is_in(text.as_bytes()), whole.contains(&*folded), "{context}");
            assert_eq!(starts_with_folded(text.as_bytes(), &folded), whole.starts_with(&*folded), "{context}");
            assert_eq!(ends_with_folded(text.as_bytes(), &folded), whole.ends_with(&*folded), "{context}");
            assert_eq!(eq_folded(text.as_bytes(), &folded), whole == folded, "{context}");
            assert_eq!(cmp_folded(text.as_bytes(), &folded), whole.cmp(&folded), "{context}");
            assert_eq!(cmp_ignoring_case(text.as_bytes(), part.as_bytes()), whole.cmp(&folded), "{context}");
        }
    }
}
