//! The library's parser and the naive parser of [`reference`](super::reference) agree on random texts: which texts are
//! filters, the canonical text, the error with its offset, and the quirks that were met.

use scim_core::{
    filter::{Filter, FilterError},
    limits::Limits,
    path::{PathErrorKind, PathRef},
    quirks::{Quirk, Quirks, Reading, Tolerance},
};

use super::{
    agreement::Random,
    reference::{Settings, parts, read},
};

/// The number of random texts. A longer run:
/// `SCIM_TEST_FILTER_TEXTS=1000000 cargo test --release --test it filter::parsing`.
fn texts() -> usize {
    std::env::var("SCIM_TEST_FILTER_TEXTS").ok().and_then(|texts| texts.parse().ok()).unwrap_or(100_000)
}

/// Words that are filters only in a suitable order.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    " ", " ", " ", " ", "\t", "(", ")", ")", "[", "]", "]", "not", "not (", "NOT(", " and ", " or ", " AND ", "pr", " pr",
    " pr ", "eq", " eq ", " ne ", " Co ", "a", "b.c", "emails", "urn:x:1.0:y", "urn:", "\"", "\"x\"", "\"wo\\u0072k\"",
    "\\", "\\u0041", "\\ud83d", "\\ude00", "\\u0000", "\\n", "1", "-", "1.5e3", "0", ".", ":", "true", "null", "False",
    "é", "\n", "\0", "'", "@", "$", "_", "{", "}", ",", "a pr", "b eq \"\\n\"", "a[", "].c ", "a[b pr].c pr", "lke", "x",
    "e", "E+", "\u{7f}", "\u{85}", "😀", "1a", "--", "/", "#", "+",
];
#[rustfmt::skip]
const PATHS: &[&str] = &[
    "a", "userName", "NAME.familyName", "emails.type", "urn:x:2.0:y.z", "not", "and", "or", "pr", "$ref", "a-b_1",
    "https://x.example/a?b=1#c:d.e", "urn:a:b", "Not", "eq",
];
const WRONG_PATHS: &[&str] =
    &["1a", "a.b.c", "x:y", "a.", ".a", "a..b", "a@b", "é", "urn:x:", "a:b:c.d.e", "-", "urn::a", "a.1", ":a"];
const OPERATORS: &[&str] = &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "Eq", "CO"];
const WRONG_OPERATORS: &[&str] = &["lke", "eqq", "=", "e", "", "prx", "\"eq\"", "é"];
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "\"x\"", "\"\"", "\"\\\"\\u00e9\\/\\b\\f\\n\\r\\t\\\\\"", "\"\\ud83d\\ude00\"", "\"(not) [a] and 'or' pr\"", "\"é😀\"",
    "1", "-1.5e3", "0", "-0", "0.10", "1e400", "2E+7", "true", "false", "null", "\"\\u0001\u{7f}\"",
];
#[rustfmt::skip]
const WRONG_VALUES: &[&str] = &[
    "01", "1.", "1e", "-", "-x", "1.e3", "1.2.3", "2011-05-13", "True", "NULL", "\"open", "'x'", "x", "\"a\\q\"",
    "\"\\u00g0\"", "\"\\u+041\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\n\"", "\"\\ud83d\\u00g0\"",
    "\"\\ud83d\\u0041\"", "\"\\u0000\"", "\"\0\"", "\"\n\"", "{}", "[1]", "", "\"x\"y", "\"\\", "\"\\u00", "é", "\"\\ué\"",
];

/// One of `right`, seldom one of `wrong`.
fn one(random: &mut Random, right: &[&'static str], wrong: &[&'static str]) -> &'static str {
    let among = if random.below(80) == 0 { wrong } else { right };
    random.of::<&'static str>(among)
}

/// Appends an expression.
fn expression(random: &mut Random, depth: usize, in_brackets: bool, text: &mut String) {
    match random.below(if depth == 0 { 5 } else { 12 }) {
        0..=4 => term(random, text),
        5 | 6 => {
            expression(random, depth - 1, in_brackets, text);
            *text += one(random, &[" and ", " or ", " AND  ", "\tOr "], &["and", " xor ", " ", " && "]);
            expression(random, depth - 1, in_brackets, text);
        }
        7 => {
            *text += one(random, &["(", "( ", "(("], &["", "()"]);
            expression(random, depth - 1, in_brackets, text);
            *text += one(random, &[")", " )"], &["", "))", "]"]);
        }
        8 | 9 => {
            *text += one(random, &["not (", "not(", "NOT\t("], &["not ", "no("]);
            expression(random, depth - 1, in_brackets, text);
            *text += ")";
        }
        _ if in_brackets && random.below(40) > 0 => term(random, text),
        _ => {
            *text += one(random, PATHS, WRONG_PATHS);
            *text += one(random, &["[", " [", "[ "], &["[]", "(["]);
            expression(random, depth - 1, true, text);
            *text += one(random, &["]", " ]"], &["", ")", "]]"]);
            if random.below(3) == 0 {
                *text += one(random, &[".value eq \"x\"", ".$ref pr"], &[".a.b pr", ". pr", ".urn:a:b pr", ".1 pr"]);
            }
        }
    }
}

fn term(random: &mut Random, text: &mut String) {
    *text += one(random, PATHS, WRONG_PATHS);
    *text += one(random, &[" ", " ", "  ", "\t"], &["", "\n"]);
    if random.below(3) == 0 {
        *text += one(random, &["pr", "PR", "Pr"], WRONG_OPERATORS);
        return;
    }
    *text += one(random, OPERATORS, WRONG_OPERATORS);
    *text += one(random, &[" ", " ", "  "], &["", "\u{a0}"]);
    *text += one(random, VALUES, WRONG_VALUES);
}

/// A text that is almost a filter, or an arbitrary order of words.
fn text(random: &mut Random) -> String {
    let mut text = String::new();
    if random.below(5) == 0 {
        (0..random.below(20)).for_each(|_| text += random.of::<&str>(WORDS));
        return text;
    }
    let depth = random.below(5);
    expression(random, depth, false, &mut text);
    if random.below(6) == 0 {
        let mut place = random.below(text.len() + 1);
        while !text.is_char_boundary(place) {
            place -= 1;
        }
        match random.below(3) {
            0 => text.truncate(place),
            _ => text.insert_str(place, random.of::<&str>(WORDS)),
        }
    }
    text
}

#[test]
fn random_texts_agree_with_a_naive_parser() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut accepted = 0;
    let texts = texts();
    for _ in 0..texts {
        let text = text(&mut random);
        let tight = random.below(4) == 0;
        let settings = Settings {
            max_depth: if tight { random.below(6) } else { Filter::MAX_DEPTH },
            max_terms: if tight { random.below(8) } else { 1_024 },
            tolerant: random.below(3) > 0,
        };
        let mut limits = Limits::default();
        (limits.filter_depth, limits.filter_terms) = (settings.max_depth, settings.max_terms);
        let quirks = if settings.tolerant { Quirks::default() } else { Quirks::strict() };
        let mut tolerance = Tolerance::new(quirks);

        let found = Filter::parse(&text, Reading::new(&limits, &mut tolerance));
        let (expected, met) = read(&text, settings);
        let found =
            found.as_ref().map(Filter::to_string).map_err(|error: &FilterError| (*error.kind(), error.offset()));
        accepted += usize::from(found.is_ok());
        assert_eq!(found, expected.map(|tree| tree.print()), "{text:?} with {settings:?}");
        assert_eq!(tolerance.applied().contains(Quirk::ValuePathComparison), met, "{text:?} with {settings:?}");
    }
    assert!(accepted * 3 > texts && accepted * 3 < texts * 2, "half-way balanced: {accepted} of {texts}");
}

#[test]
fn random_paths_agree_with_a_naive_parser() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let pieces: &[&str] =
        &["a", "B", "$", "1", "-", "_", ".", ".", ":", ":", "urn", "+", "/", "@", "%", "2.0", "~", "!", "name", "x.y"];
    for _ in 0..texts() {
        let text: String = (0..random.below(9)).map(|_| *random.of::<&str>(pieces)).collect();
        let found = PathRef::parse(&text).map_err(|error| (*error.kind(), error.offset()));
        let found = found.map(|path| [Some(path.attribute()), path.sub_attribute()].into_iter().flatten().collect());
        assert_eq!(found, parts(&text), "{text}");
        if let Some(end) = text.find(['/', '@']) {
            let outside = [&text[..end], ",", &text[end..]].concat();
            let found = PathRef::parse(&outside).map(|_| ()).map_err(|error| (*error.kind(), error.offset()));
            let expected = parts(&outside[..end]).and(Err((PathErrorKind::Character, end)));
            assert_eq!(found, expected, "{outside}");
        }
    }
}
