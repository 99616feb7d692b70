//! The language of comments: each file names things by nouns, and names the actor.

use std::{fs, path::Path};

/// The maximum number of the word in 1,000 comment lines of the library.
const WHAT: usize = 6;

/// Phrases that hide a noun or an actor, or that English does not use.
const AVOIDED: &[&str] = &[
    "all the same",
    "anew",
    "anybody",
    "as the RFC has it",
    "hands on",
    "is none",
    "is told",
    "nobody",
    "sees to it",
    "somebody",
    "tells of",
    "there is none",
    "whoever",
];

/// The comment lines of all Rust files in a directory, with their places. Examples in a comment are code.
fn comments(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            comments(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_example = false;
            for (number, line) in text.lines().enumerate() {
                if let Some(comment) = line.trim_start().strip_prefix("//") {
                    let comment = comment.trim_start_matches(['/', '!']).trim().to_owned();
                    is_example ^= comment.starts_with("```");
                    if is_example {
                        continue;
                    }
                    found.push((format!("{}:{}", path.display(), number + 1), comment));
                }
            }
        }
    }
}

/// Whether the text has the phrase as whole words.
fn has(text: &str, phrase: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let lower = text.to_lowercase();
    let mut places = lower.match_indices(phrase);
    places.any(|(at, _)| {
        let (before, after) = (lower[..at].chars().next_back(), lower[at + phrase.len()..].chars().next());
        !is_word(before) && !is_word(after)
    })
}

#[test]
fn comments_name_things_by_nouns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    comments(&root.join("src"), &mut found);
    assert!(found.len() > 5_000, "{} comment lines", found.len());
    let what: Vec<_> = found.iter().filter(|(_, text)| has(text, "what")).collect();
    assert!(what.len() * 1_000 <= WHAT * found.len(), "{} of {}: {what:#?}", what.len(), found.len());
    let avoided: Vec<_> = found.iter().filter(|(_, text)| AVOIDED.iter().any(|phrase| has(text, phrase))).collect();
    assert!(avoided.is_empty(), "{avoided:#?}");
}

#[test]
fn phrases_are_found_as_whole_words() {
    assert!(has("What a client sends", "what") && has("that is none.", "is none"));
    assert!(!has("whatever", "what") && !has("a somewhat long line", "what") && !has("is nonempty", "is none"));
}
