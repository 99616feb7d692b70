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

/// Whether `text` folds to `folded`, which is folded already. Allocates nothing.
pub(crate) fn eq_folded(text: &str, folded: &str) -> bool {
    if text.is_ascii() {
        return text.len() == folded.len()
            && text.bytes().zip(folded.bytes()).all(|(byte, expected)| byte.to_ascii_lowercase() == expected);
    }
    folded_chars(text).eq(folded.chars())
}

/// Whether the fold of `text` starts with `folded`. Allocates nothing.
pub(crate) fn starts_with_folded(text: &str, folded: &str) -> bool {
    if let (true, Some(head)) = (folded.is_ascii(), text.as_bytes().get(..folded.len()))
        && head.is_ascii()
    {
        return head.eq_ignore_ascii_case(folded.as_bytes());
    }
    let mut chars = folded_chars(text);
    folded.chars().all(|expected| chars.next() == Some(expected))
}

/// Whether the fold of `text` ends with `folded`. Allocates nothing.
pub(crate) fn ends_with_folded(text: &str, folded: &str) -> bool {
    if text.is_ascii() && folded.is_ascii() {
        let start = text.len().checked_sub(folded.len());
        let tail = start.and_then(|start| text.as_bytes().get(start..));
        return tail.is_some_and(|tail| tail.eq_ignore_ascii_case(folded.as_bytes()));
    }
    // The fold can be longer than the text, so the tail is found by counting folded characters.
    let extra = folded_chars(text).count().checked_sub(folded.chars().count());
    extra.is_some_and(|extra| folded_chars(text).skip(extra).eq(folded.chars()))
}

/// Whether the fold of `text` contains `folded`. Allocates nothing.
pub(crate) fn contains_folded(text: &str, folded: &str) -> bool {
    let Some(first) = folded.bytes().next() else { return true };
    if text.is_ascii() && folded.is_ascii() {
        return text.len() >= folded.len()
            && text.as_bytes().windows(folded.len()).any(|window| {
                window.first().is_some_and(|byte| byte.to_ascii_lowercase() == first)
                    && window.eq_ignore_ascii_case(folded.as_bytes())
            });
    }
    let mut rest = folded_chars(text);
    loop {
        let mut here = rest.clone();
        if folded.chars().all(|expected| here.next() == Some(expected)) {
            return true;
        }
        if rest.next().is_none() {
            return false;
        }
    }
}

/// The order of the fold of `text` and of `folded`, by code point.
pub(crate) fn cmp_folded(text: &str, folded: &str) -> Ordering {
    if text.is_ascii() {
        return text.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(folded.bytes());
    }
    folded_chars(text).cmp(folded.chars())
}

/// The order of two texts when case does not matter, by code point of their folds.
pub(crate) fn cmp_ignoring_case(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.bytes().map(|b| b.to_ascii_lowercase()).cmp(right.bytes().map(|b| b.to_ascii_lowercase()));
    }
    folded_chars(left).cmp(folded_chars(right))
}

/// Whether two texts are equal when case does not matter.
pub(crate) fn eq_ignoring_case(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    folded_chars(left).eq(folded_chars(right))
}
