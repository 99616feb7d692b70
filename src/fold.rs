//! Comparison of text where case does not matter (RFC 7643 §2.2, `caseExact`). The fold replaces the preparation of
//! RFC 7644 §5 and §7.8.
//!
//! One function, [`fold`], serves filters, sort keys, unique keys and indexed text. Two functions would disagree on
//! some name: free by the unique key, and taken by the filter. This module knows nothing of attributes.

mod simple;

use std::{borrow::Cow, cmp::Ordering};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc, is_nfc_quick};

use self::simple::simple;

/// The form of text for comparisons that ignore case: Unicode's Normalization Form C, then simple case folding
/// (`CaseFolding.txt`, status C and S), then Form C again.
///
/// - Canonically equivalent texts have one fold: `é` as one character, and as `e` with a combining accent.
/// - The fold of a fold is the same fold. The second normalization ensures this: `J` with a caron is two characters,
///   `ǰ` is one.
/// - Simple folding looks at no neighbors and replaces one character by one: `Σ` and the final `ς` fold to `σ`, `ſ` to
///   `s`, the Kelvin sign to `k`, `ẞ` to `ß`. `ß` and `ss` stay different, and so do `İ`, `i` and `ı`.
/// - `fold(a) + fold(b)` is the fold of `a + b`, unless `b` begins with a character that combines with the end of `a`.
///   The prefix `jose` of `jose\u{301}` thus folds to no prefix of its fold `josé`. Filters search the folds, so `sw`,
///   `co` and `ew` find `é` by `é` however it is encoded, and never by `e`.
///
/// A store that keeps folds must also keep their [`data_version`].
///
/// ```
/// use scim_core::fold::fold;
///
/// assert_eq!(fold("BJensen@Example.com"), "bjensen@example.com");
/// assert_eq!(fold("ΓΙΩΡΓΟΣ"), fold("γιωργος"));
/// assert_eq!(fold("jose\u{301}"), fold("JOS\u{c9}"));
/// assert_ne!(fold("straße"), fold("strasse"));
/// ```
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    Cow::Owned(fold_beyond_ascii(text))
}

/// The [`fold`] of a text that is not ASCII.
pub(crate) fn fold_beyond_ascii<T: FromIterator<char> + From<String>>(text: &str) -> T {
    if is_composed(text) { folded_chars(text).collect() } else { normalized(text).into() }
}

/// The fold of any text.
fn normalized(text: &str) -> String {
    let folded: String = text.nfc().map(simple).collect();
    if is_nfc(&folded) { folded } else { folded.nfc().collect() }
}

/// Names the rule of [`fold`] and the versions of its Unicode data.
///
/// Folds made under one name can be compared with each other. A store that keeps folds, in columns, unique keys or an
/// index, keeps this name next to them, and derives all of them again from the original texts when it finds another
/// name. With feature `sql`, `sql::representation` contains this name.
///
/// ```
/// assert!(scim_core::fold::data_version().starts_with("nfc-"));
/// ```
pub fn data_version() -> String {
    let (normalization, folding) = (unicode_normalization::UNICODE_VERSION, simple::UNICODE_VERSION);
    let dotted = |(major, minor, update): (u8, u8, u8)| format!("{major}.{minor}.{update}");
    format!("nfc-{}+simple-{}", dotted(normalization), dotted(folding))
}

/// The part of `text` whose fold occurs in the fold of every longer text that contains `text`.
///
/// `leads` means that `text` is the start of the longer text, `trails` that `text` is the end. Characters at any other
/// border may combine with their neighbors in the longer text, so they are left out.
#[cfg(any(feature = "sql", test))]
pub(crate) fn inner(text: &str, leads: bool, trails: bool) -> &str {
    let mut borders = text.char_indices().filter(|(_, char)| is_border(*char)).map(|(index, _)| index);
    let start = if leads { Some(0) } else { borders.clone().next() };
    let end = if trails { Some(text.len()) } else { borders.next_back() };
    start.zip(end).and_then(|(start, end)| text.get(start..end)).unwrap_or_default()
}

/// Whether normalization never combines the character with those before it.
#[cfg(any(feature = "sql", test))]
fn is_border(char: char) -> bool {
    use unicode_normalization::char::canonical_combining_class;

    is_nfc_quick(std::iter::once(char)) == IsNormalized::Yes && canonical_combining_class(char) == 0
}

/// Whether the fold of `text` consists of the simple folds of its characters, because no character has to be
/// normalized. `false` may be wrong, and costs an allocation.
fn is_composed(text: &str) -> bool {
    // Simple folding keeps such text in Form C: no fold combines with the character before it.
    is_nfc_quick(text.chars().map(|char| if is_inert(char) { 'a' } else { char })) == IsNormalized::Yes
}

/// Whether the character is a letter of a frequent script that needs no look-up, since normalization changes neither
/// the letter nor the characters before it: Latin, Greek, Cyrillic, kana, ideographs, and syllables of Hangul.
fn is_inert(char: char) -> bool {
    matches!(
        char,
        '\0'..'\u{300}'
            | '\u{388}'..='\u{482}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fa}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
    )
}

// Below, `text` is UTF-8 as bytes. Validation is needed only for text beyond ASCII, which is rare.

/// Text whose characters, folded one by one, are the fold of `text`; empty for bytes that are not UTF-8. Allocates only
/// where characters may have to be normalized.
fn composed(text: &[u8]) -> Cow<'_, str> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    if text.is_ascii() || is_composed(text) { Cow::Borrowed(text) } else { Cow::Owned(normalized(text)) }
}

fn folded_chars(composed: &str) -> impl DoubleEndedIterator<Item = char> + '_ {
    composed.chars().map(simple)
}

/// Whether `text` folds to `folded`, which is folded already.
pub(crate) fn eq_folded(text: &[u8], folded: &str) -> bool {
    if text.is_ascii() {
        return text.eq_ignore_ascii_case(folded.as_bytes());
    }
    text == folded.as_bytes() || folded_chars(&composed(text)).eq(folded.chars())
}

/// Whether two texts have the same fold.
pub(crate) fn eq_ignoring_case(left: &[u8], right: &[u8]) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left == right || folded_chars(&composed(left)).eq(folded_chars(&composed(right)))
}

/// Whether the fold of `text` starts with `folded`.
pub(crate) fn starts_with_folded(text: &[u8], folded: &str) -> bool {
    if let (true, Some((head, rest))) = (folded.is_ascii(), text.split_at_checked(folded.len()))
        && head.is_ascii()
        // Otherwise the last character of the head may combine with the next.
        && rest.first().is_none_or(u8::is_ascii)
    {
        return head.eq_ignore_ascii_case(folded.as_bytes());
    }
    let composed = composed(text);
    let mut chars = folded_chars(&composed);
    folded.chars().all(|expected| chars.next() == Some(expected))
}

/// Whether the fold of `text` ends with `folded`.
pub(crate) fn ends_with_folded(text: &[u8], folded: &str) -> bool {
    let tail = text.len().checked_sub(folded.len()).and_then(|start| text.get(start..));
    // ASCII combines with nothing before it.
    if let (true, Some(tail)) = (folded.is_ascii(), tail)
        && tail.is_ascii()
    {
        return tail.eq_ignore_ascii_case(folded.as_bytes());
    }
    let composed = composed(text);
    let mut chars = folded_chars(&composed).rev();
    folded.chars().rev().all(|expected| chars.next() == Some(expected))
}

/// Folded text to search for in other texts, in time linear in their length for every needle (Knuth, Morris and
/// Pratt).
#[derive(Clone, Debug)]
pub(crate) struct Needle {
    folded: Box<[u8]>,
    /// For each head of the needle, by its length less one: the length of the longest start of the needle that ends
    /// the head.
    borders: Box<[usize]>,
}

impl Needle {
    /// Up to this many bytes, starting over at each position of a text is faster, and never much slower.
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

    /// Whether the fold of `text` contains the needle.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        let Some(first) = self.folded.first() else { return true };
        let ascii = text.is_ascii();
        if ascii && text.len() < self.folded.len() {
            return false;
        }
        if ascii && self.folded.len() <= Self::SHORT {
            // The first byte, in either case, shows the candidates; only there is the rest compared.
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
        folded_chars(&composed(text)).any(|char| char.encode_utf8(&mut [0; 4]).bytes().any(&mut is_end))
    }

    /// The number of needle bytes that match after `byte`, when `matched` bytes matched before.
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

/// Compares the fold of `text` with `folded`, by code point.
pub(crate) fn cmp_folded(text: &[u8], folded: &str) -> Ordering {
    if text.is_ascii() {
        return text.iter().map(u8::to_ascii_lowercase).cmp(folded.bytes());
    }
    folded_chars(&composed(text)).cmp(folded.chars())
}

/// Compares the folds of two texts, by code point.
pub(crate) fn cmp_ignoring_case(left: &[u8], right: &[u8]) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.iter().map(u8::to_ascii_lowercase).cmp(right.iter().map(u8::to_ascii_lowercase));
    }
    folded_chars(&composed(left)).cmp(folded_chars(&composed(right)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters that fold, combine, decompose or reorder, alone and with each other.
    const ALPHABETS: [&[char]; 6] = [
        &['a', 'B'],
        &['a', 'A', 'ß', 'ẞ', '@', 'é', '\u{301}'],
        &['Σ', 'ς', 'İ', 'i', 'I', '\u{307}', '\u{323}', 'Ⱥ', '😀', '\u{212A}'],
        &['j', 'J', 'ſ', 's', 'S', '\u{30C}', '\u{307}', '\u{323}', 'ẛ', '\u{E000}'],
        &['α', 'Α', 'ᾳ', 'ᾼ', '\u{345}', '\u{301}', '\u{342}', '\u{308}', 'ϒ', 'µ', '\u{1FBE}', 'ϱ', '\u{314}'],
        &[
            '\u{1100}',
            '\u{1161}',
            '\u{11A8}',
            '가',
            '각',
            'क',
            '\u{93C}',
            '\u{958}',
            '豈',
            '\u{F900}',
            'a',
            '\u{1D15E}',
        ],
    ];

    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap_or(0) % bound
        }

        fn text(&mut self, alphabet: &[char], longest: usize) -> String {
            let length = self.below(longest);
            (0..length).map(|_| alphabet[self.below(alphabet.len())]).collect()
        }
    }

    /// Every function that works without the whole fold gives the same result as the same operation on the fold.
    #[test]
    fn functions_agree_with_the_fold_itself() {
        let mut random = Random(1);
        for round in 0..10_000 {
            let alphabet = ALPHABETS[round % ALPHABETS.len()];
            let text = random.text(alphabet, 60);
            // Half of the parts come from the text, so that long parts match, too.
            let part: String = if random.below(2) == 0 {
                random.text(alphabet, 5)
            } else {
                let skip = random.below(text.chars().count() + 1);
                let more = (random.below(4) == 0).then_some('a');
                text.chars().skip(skip).take(random.below(40)).chain(more).collect()
            };
            let (whole, folded) = (fold(&text), fold(&part));
            let context = format!("{text:?} {part:?}");
            assert_eq!(Needle::new(&folded).is_in(text.as_bytes()), whole.contains(&*folded), "{context}");
            assert_eq!(starts_with_folded(text.as_bytes(), &folded), whole.starts_with(&*folded), "{context}");
            assert_eq!(ends_with_folded(text.as_bytes(), &folded), whole.ends_with(&*folded), "{context}");
            for text in [&*text, &*part, &*whole] {
                let whole = fold(text);
                assert_eq!(eq_folded(text.as_bytes(), &folded), whole == folded, "{context}");
                assert_eq!(eq_ignoring_case(text.as_bytes(), part.as_bytes()), whole == folded, "{context}");
                assert_eq!(cmp_folded(text.as_bytes(), &folded), whole.cmp(&folded), "{context}");
                assert_eq!(cmp_ignoring_case(text.as_bytes(), part.as_bytes()), whole.cmp(&folded), "{context}");
            }
        }
    }

    /// A store that searches folds for an inner part misses no text that has the whole part.
    #[test]
    fn the_fold_of_a_text_has_the_fold_of_its_inner_parts() {
        let mut random = Random(2);
        for round in 0..30_000 {
            let alphabet = ALPHABETS[round % ALPHABETS.len()];
            let [before, part, after] = [0; 3].map(|_| random.text(alphabet, 6));
            let context = format!("{before:?} {part:?} {after:?}");
            let found = |text: &str, part: &str, find: fn(&str, &str) -> bool| find(&fold(text), &fold(part));
            let (start, end) = (inner(&part, true, false), inner(&part, false, true));
            assert!(found(&format!("{part}{after}"), start, |text, part| text.starts_with(part)), "{context}");
            assert!(found(&format!("{before}{part}"), end, |text, part| text.ends_with(part)), "{context}");
            let inside = inner(&part, false, false);
            assert!(found(&format!("{before}{part}{after}"), inside, |text, part| text.contains(part)), "{context}");
        }
        let parts = ["jose", "\u{301}jose\u{301}a", "", "\u{301}", "e"];
        let inside = parts.map(|part| (inner(part, true, false), inner(part, false, true), inner(part, false, false)));
        let expected = [
            ("jos", "jose", "jos"),
            ("\u{301}jose\u{301}", "jose\u{301}a", "jose\u{301}"),
            ("", "", ""),
            ("", "", ""),
            ("", "e", ""),
        ];
        assert_eq!(inside, expected);
    }

    /// The assumptions of [`is_composed`] about the data hold for every character.
    #[test]
    fn folding_makes_no_character_that_combines_with_the_one_before() {
        for char in '\0'..=char::MAX {
            assert!(!is_inert(char) || is_border(char), "{char:?}");
            let folded = simple(char);
            let is_normal = is_composed(char.encode_utf8(&mut [0; 4]));
            assert!(folded == char || !is_normal || is_border(folded), "{char:?}");
            assert_eq!(simple(folded), folded, "{char:?}");
        }
    }
}
