//! Text whose case does not matter: one fold for filters, order, uniqueness and stored text (RFC 7643 §2.2
//! `caseExact`).

use std::{cmp::Ordering, collections::BTreeSet};

use crate::fixture::documents::{registry, resource};
use crate::fixture::host::{PATCH, USER, host, host_of};
use crate::fixture::unicode::folded;
use proptest::{collection::vec, prelude::*, sample::select};
use scim_core::{
    filter::Filter,
    fold::{data_version, fold},
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Resource, Sort},
    schema::{Attribute, AttributeType, Registry, ResourceType, Schema},
};
use serde_json::json;
use unicode_normalization::UnicodeNormalization;

/// Each line is one name in several spellings; the names of two lines are different.
const NAMES: &[&[&str]] = &[
    &["bjensen", "BJensen", "BJENSEN"],
    &["γιωργος", "ΓΙΩΡΓΟΣ", "Γιωργοσ", "γιωργοΣ"],
    &["γιώργος", "ΓΙΏΡΓΟΣ", "γιω\u{301}ργος", "ΓΙΩ\u{301}ΡΓΟΣ", "γι\u{1F7D}ργος"],
    &["jesse", "JESSE", "je\u{17F}\u{17F}e"],
    &["\u{B5}m", "\u{3BC}m", "\u{39C}M"],
    &["jos\u{E9}", "jose\u{301}", "JOS\u{C9}", "JOSE\u{301}"],
    &["jose", "JOSE"],
    &["kim", "KIM", "\u{212A}im"],
    &["\u{E5}sa", "\u{C5}SA", "\u{212B}sa", "A\u{30A}sa"],
    &["straße", "STRAẞE", "Straße"],
    &["strasse", "STRASSE"],
    // Case rules of one language are not simple folding: all four letters are different.
    &["istanbul", "ISTANBUL"],
    &["\u{131}stanbul"],
    &["\u{130}stanbul", "\u{130}STANBUL", "I\u{307}stanbul"],
    &["i\u{307}stanbul"],
    // Unicode has one lower-case character for these two characters, but no single upper-case character.
    &["\u{1F0}an", "J\u{30C}AN", "j\u{30C}an"],
    // The normalization of the lower-case form differs from the normalization of the upper-case form.
    &["\u{1E63}a", "\u{17F}\u{323}a", "S\u{323}A"],
    // Marks in another order.
    &["q\u{323}\u{307}", "q\u{307}\u{323}", "Q\u{307}\u{323}"],
    &["각", "\u{1100}\u{1161}\u{11A8}", "가\u{11A8}"],
    &["豈", "\u{F900}"],
    &["ꭰ", "Ꭰ"],
    &["𐐨", "𐐀"],
];

fn spellings() -> Vec<(usize, &'static str)> {
    NAMES.iter().enumerate().flat_map(|(name, spellings)| spellings.iter().map(move |text| (name, *text))).collect()
}

fn user(name: &str) -> Resource {
    let registry = registry();
    resource(registry.resource_type("User").unwrap(), &json!({"id": "1", "userName": name}))
}

/// 7643-7-08, 7643-4.1.1-01, 7644-3.4.2.3-08: the fold, the filter, the unique key and the order treat the same names
/// as equal.
#[test]
fn spellings_of_one_name_are_equal_everywhere() {
    let registry = registry();
    let resource_type = registry.resource_type("User").unwrap();
    let path: AttributePath = "userName".parse().unwrap();
    let sort = Sort::new(resource_type, path.as_ref(), false, &mut Tolerance::new(Quirks::default())).unwrap();
    for (left, text) in spellings() {
        let filter: Filter = format!("userName eq {}", json!(text)).parse().unwrap();
        let matcher = filter.compile(resource_type, &mut Tolerance::new(Quirks::default())).unwrap();
        let one = user(text);
        for (right, other) in spellings() {
            let (is_same, context) = (left == right, format!("{text:?} {other:?}"));
            let two = user(other);
            assert_eq!(fold(text) == fold(other), is_same, "{context}");
            assert_eq!(matcher.matches(two.root()), is_same, "{context}");
            assert_eq!(one.unique_keys() == two.unique_keys(), is_same, "{context}");
            assert_eq!(sort.compare(&one, &two), fold(text).cmp(&fold(other)), "{context}");
            assert_eq!(sort.key(&one).cmp(&sort.key(&two)) == Ordering::Equal, is_same, "{context}");
        }
    }
}

/// 7643-4.1.1-01: POST, PUT and PATCH refuse a name that is taken in another spelling, and nothing changes.
#[test]
fn another_spelling_of_a_taken_name_is_refused() {
    for spellings in NAMES {
        let host = host();
        let (first, other) = (host.user(spellings[0]), host.user("somebody else"));
        for name in *spellings {
            let target = format!("/Users/{other}");
            let user = json!({"schemas": [USER], "userName": name}).to_string();
            let operation = json!({"op": "replace", "path": "userName", "value": name});
            let patch = json!({"schemas": [PATCH], "Operations": [operation]}).to_string();
            host.refused("POST", "/Users", user.as_bytes(), 409, "uniqueness");
            host.refused("PUT", &target, user.as_bytes(), 409, "uniqueness");
            host.refused("PATCH", &target, patch.as_bytes(), 409, "uniqueness");
        }
        // The user itself may change the spelling.
        for name in *spellings {
            let target = format!("/Users/{first}");
            let reply = host.put(&target, &json!({"schemas": [USER], "userName": name}));
            assert_eq!((reply.status, &reply.json()["userName"]), (200, &json!(name)));
        }
    }
}

/// Values of a list, and canonical values, are compared by the same rule as names.
#[test]
fn lists_and_canonical_values_compare_by_the_fold() {
    const BRANCH: &str = "urn:example:scim:schemas:branch:1.0:User";
    let branch =
        Attribute::new("branch", AttributeType::String).with_canonical_values(["ΑΘΉΝΑ", "M\u{fc}nchen"]).restricted();
    let user = ResourceType::builder("User", "Users", Schema::user());
    let user = user.extension(Schema::new(BRANCH, "Branch").with_attribute(branch), false).build().unwrap();
    let host = host_of(Registry::builder().resource_type(user).build().unwrap());
    let emails = json!([{"value": "ΓΙΏΡΓΟΣ@example.com", "type": "b\u{fc}ro"}]);
    let created = host.post("/Users", &json!({"schemas": [USER], "userName": "george", "emails": emails}));
    let target = format!("/Users/{}", created.id());
    for branch in ["ΑΘΉΝΑ", "αθήνα", "αθη\u{301}να", "MÜNCHEN", "mu\u{308}nchen"] {
        let path = format!("{BRANCH}:branch");
        let reply = host.patch(&target, &json!([{"op": "replace", "path": path, "value": branch}]));
        assert_eq!((reply.status, &reply.json()[BRANCH]["branch"]), (200, &json!(branch)));
    }
    for branch in ["αθηνα", "Munchen", "Muenchen"] {
        let operation = json!({"op": "replace", "path": format!("{BRANCH}:branch"), "value": branch});
        let patch = json!({"schemas": [PATCH], "Operations": [operation]}).to_string();
        host.refused("PATCH", &target, patch.as_bytes(), 400, "invalidValue");
    }
    let before = host.get(&target);
    let again = json!([{"op": "add", "path": "emails", "value": [{"value": "γιω\u{301}ργος@example.com", "type": "BU\u{308}RO"}]}]);
    let reply = host.patch(&target, &again);
    assert_eq!((reply.json()["emails"].clone(), reply.etag()), (emails, before.etag()));
    let remove = json!([{"op": "remove", "path": "emails[type eq \"BÜRO\" and value sw \"γιώργος@\"]"}]);
    assert_eq!(host.patch(&target, &remove).json().get("emails"), None);
}

/// 7643-7-08: `sw`, `co` and `ew` search the fold of the value for the fold of the operand.
#[test]
fn searches_compare_whole_normalized_characters() {
    let registry = registry();
    let resource_type = registry.resource_type("User").unwrap();
    let cases = [
        ("jose\u{301} garcia", "sw", "JOS\u{C9}", true),
        ("jos\u{E9} garcia", "sw", "JOSE\u{301}", true),
        // The last letter of the operand differs from the letter in the value, however the value is encoded.
        ("jose\u{301} garcia", "sw", "jose", false),
        ("jos\u{E9} garcia", "sw", "jose", false),
        ("jose\u{301} garcia", "sw", "jos", true),
        ("garcia jose\u{301}", "ew", "\u{E9}", true),
        ("garcia jose\u{301}", "ew", "\u{301}", false),
        ("garcia jose\u{301}", "ew", "e\u{301}", true),
        ("garcia jose\u{301}", "co", "\u{301}", false),
        ("garcia jose\u{301} b", "co", "SE\u{301} ", true),
        ("garcia jose\u{301} b", "co", "se", false),
        ("ΓΙΩΡΓΟΣ", "sw", "γιωργος", true),
        ("ΓΙΩΡΓΟΣ", "ew", "ς", true),
        ("ΓΙΩΡΓΟΣ ΠΑΠΠΑΣ", "co", "ος π", true),
        ("\u{212A}im", "sw", "k", true),
        ("je\u{17F}\u{17F}e", "co", "SS", true),
        ("straße", "co", "ss", false),
    ];
    for (name, operator, operand, expected) in cases {
        let filter: Filter = format!("userName {operator} {}", json!(operand)).parse().unwrap();
        let matcher = filter.compile(resource_type, &mut Tolerance::new(Quirks::default())).unwrap();
        assert_eq!(matcher.matches(user(name).root()), expected, "{name:?} {operator} {operand:?}");
    }
}

/// Characters of every kind that folding or normalization treats differently.
const CHARS: &[char] = &[
    'a',
    'A',
    'e',
    'E',
    'i',
    'I',
    'j',
    'J',
    'k',
    's',
    'S',
    'ß',
    'ẞ',
    'ſ',
    'ẛ',
    'é',
    'É',
    'İ',
    'ı',
    'µ',
    'μ',
    'Μ',
    '\u{212A}',
    '\u{212B}',
    'å',
    'σ',
    'ς',
    'Σ',
    'α',
    'Α',
    'ᾳ',
    'ᾼ',
    'ᾷ',
    'ΐ',
    '\u{1FD3}',
    '\u{1FBE}',
    'ι',
    'Ι',
    'ϱ',
    'ρ',
    'Ρ',
    '\u{300}',
    '\u{301}',
    '\u{307}',
    '\u{308}',
    '\u{30A}',
    '\u{30C}',
    '\u{313}',
    '\u{314}',
    '\u{323}',
    '\u{331}',
    '\u{342}',
    '\u{345}',
    '\u{344}',
    '\u{1100}',
    '\u{1161}',
    '\u{11A8}',
    '가',
    '각',
    '\u{F900}',
    'Ꭰ',
    'ꭰ',
    '\u{10400}',
    '\u{1D15E}',
    '\u{1D165}',
    '\u{958}',
    '\u{93C}',
    '\u{9C7}',
    '\u{9BE}',
    '😀',
    '@',
    ' ',
    '5',
];

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(select(CHARS), 0..12).prop_map(String::from_iter),
        vec(any::<char>(), 0..6).prop_map(String::from_iter),
        vec(prop_oneof![select(CHARS), any::<char>()], 0..8).prop_map(String::from_iter),
    ]
}

fn check_fold(text: &str) {
    let fold_of = fold(text);
    assert_eq!(fold_of, folded(text), "{text:?}: as defined");
    assert_eq!(fold(&fold_of), fold_of, "{text:?}: idempotent");
    assert_eq!(fold_of, fold_of.nfc().collect::<String>(), "{text:?}: in Form C");
    assert_eq!(fold(&text.nfc().collect::<String>()), fold_of, "{text:?}: as Form C");
    assert_eq!(fold(&text.nfd().collect::<String>()), fold_of, "{text:?}: as Form D");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folds_are_stable_and_the_same_for_equivalent_texts(text in texts()) {
        check_fold(&text);
    }

    /// The fold of a text is the fold of its parts in sequence, except where a character combines with the character
    /// before it.
    #[test]
    fn the_fold_of_a_text_consists_of_the_folds_of_its_parts(left in texts(), right in texts(), middle in "[ -~]") {
        let whole = format!("{left}{middle}{right}");
        prop_assert_eq!(fold(&whole), fold(&left).into_owned() + &fold(&format!("{middle}{right}")));
    }

    /// Upper and lower case of characters that have exactly one counterpart.
    #[test]
    fn case_of_letters_does_not_matter(letters in vec(any::<char>(), 0..8)) {
        let pairs = letters.into_iter().filter_map(|letter| {
            let lower = letter.to_lowercase().next()?;
            let is_pair = letter.to_lowercase().eq([lower]) && lower.to_uppercase().eq([letter]);
            is_pair.then_some((letter, lower))
        });
        let (upper, lower): (String, String) = pairs.unzip();
        prop_assert_eq!(fold(&upper), fold(&lower));
    }
}

/// Every character alone, and every character that folds or decomposes before every character that combines.
#[test]
fn all_characters_fold_as_defined() {
    let all = || '\0'..=char::MAX;
    for char in all() {
        let text = char.to_string();
        // Most characters have no case and no other form, so they need no further check.
        if fold(&text) != text || folded(&text) != text || !text.nfd().eq(text.chars()) {
            check_fold(&text);
        }
    }
    let composed = all().filter(|char| char.to_string().nfd().count() > 1 && !('가'..='힣').contains(char));
    let marks: BTreeSet<char> = composed.flat_map(|char| char.to_string().nfd().skip(1).collect::<Vec<_>>()).collect();
    let cased = all().filter(|char| fold(&char.to_string()) != char.to_string());
    let mut pairs = 0;
    for char in cased {
        for mark in &marks {
            let text = String::from_iter([char, *mark]);
            let fold_of = fold(&text);
            assert_eq!(fold_of, folded(&text), "{text:?}");
            assert_eq!(fold(&fold_of), fold_of, "{text:?}");
            pairs += 1;
        }
    }
    assert!(marks.len() > 50 && pairs > 100_000, "{} marks, {pairs} pairs", marks.len());
}

#[test]
fn ascii_and_text_without_case_are_themselves() {
    for text in ["", "bjensen@example.com", "5", "李", "ß", "jos\u{E9}", "한국어"] {
        assert_eq!(fold(text), text);
    }
}

/// The time for a run of combining characters, which normalization sorts, is proportional to its length, not to its
/// square.
#[test]
fn long_runs_of_combining_characters_fold_fast() {
    let marks = ["\u{323}", "\u{301}", "\u{345}", "\u{327}"];
    let text: String = std::iter::once("e").chain((0..200_000).map(|n| marks[n % marks.len()])).collect();
    let started = std::time::Instant::now();
    let folded = fold(&text);
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(folded.starts_with("\u{229}") && folded.ends_with('\u{3b9}'));
}

/// A store that finds another data version derives its folds again.
#[test]
fn the_data_version_names_both_sources() {
    let (major, minor, update) = unicode_normalization::UNICODE_VERSION;
    let folding = include_str!("../../unicode/CaseFolding.txt").lines().next().unwrap();
    let folding = folding.trim_start_matches("# CaseFolding-").trim_end_matches(".txt");
    assert_eq!(data_version(), format!("nfc-{major}.{minor}.{update}+simple-{folding}"));
}
