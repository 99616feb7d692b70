//! Every requirement of RFC 7643, 7644 and 9865 on a service provider, and the place that meets it.
//!
//! `requirements.tsv` has a line for each requirement: its id (RFC, section, number), its level, the part of the
//! protocol, the state, the place, and the requirement in our words. The states:
//!
//! - `test`: files under `tests/` or `src/` whose tests name the id;
//! - `type`: the code makes a violation impossible, and why;
//! - `host`: the host's duty, and the documentation that says so;
//! - `client`: a duty of clients, on which nothing here depends;
//! - `differs`: deliberately different, and why;
//! - `open`: still to be built, and the part that it belongs to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const TABLE: &str = include_str!("../requirements.tsv");

struct Requirement<'a> {
    id: &'a str,
    state: &'a str,
    place: &'a str,
}

fn table() -> Vec<Requirement<'static>> {
    let lines = TABLE.lines().skip(1);
    let requirement = |line: &'static str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, level, part, state, place, text] = columns[..] else { panic!("expected six columns: {line}") };
        assert!([level, part, text].iter().all(|column| !column.is_empty()), "an empty column: {line}");
        Requirement { id, state, place }
    };
    lines.map(requirement).collect()
}

/// The ids that each file under `tests/` and `src/` names, by the file's path.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    fn collect(root: &Path, directory: &Path, found: &mut BTreeMap<String, BTreeSet<String>>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(root, &path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("UTF-8");
                let name = path.strip_prefix(root).expect("below").to_string_lossy().replace('\\', "/");
                found.insert(name, ids(&text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for directory in ["tests", "src"] {
        collect(root, &root.join(directory), &mut found);
    }
    // The ids in this file are examples.
    found.remove("tests/it/requirements.rs");
    found
}

/// All ids of the form `7644-3.5.2.1-03`.
fn ids(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '.');
    let candidates = text.split(|c| !is_part(c)).map(|word| word.trim_matches(['-', '.']));
    let is_id = |word: &&str| {
        let parts: Vec<&str> = word.split('-').collect();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        matches!(parts[..], ["7643" | "7644" | "9865" | "9967", section, number]
            if section.split('.').all(digits) && number.len() == 2 && digits(number))
    };
    candidates.filter(is_id).map(str::to_owned).collect()
}

#[test]
fn the_table_is_whole() {
    let table = table();
    let ids: BTreeSet<&str> = table.iter().map(|requirement| requirement.id).collect();
    assert_eq!(ids.len(), table.len(), "an id stands twice");
    // The number of requirements was counted in the RFCs, and does not change with the code.
    assert_eq!(table.len(), 487);
    for Requirement { id, state, place } in &table {
        assert!(["test", "type", "host", "client", "differs", "open"].contains(state), "{id}: {state}");
        assert!(!place.is_empty(), "{id}: expected where or why");
    }
}

#[test]
fn the_table_says_what_the_tests_say() {
    let named = named();
    let mut wrong = Vec::new();
    for Requirement { id, state, place } in table() {
        let files: Vec<&str> =
            named.iter().filter(|(_, ids)| ids.contains(id)).map(|(file, _)| file.as_str()).collect();
        match state {
            "test" if place != files.join(", ") => {
                wrong.push(format!("{id}: {place}, but named in {}", files.join(", ")));
            }
            // A test may name a requirement that it cannot prove completely, but no test may name an open requirement.
            "open" if !files.is_empty() => wrong.push(format!("{id}: open, but named in {}", files.join(", "))),
            _ => {}
        }
    }
    let known: BTreeSet<&str> = table().iter().map(|requirement| requirement.id).collect();
    for (file, ids) in &named {
        let unknown = ids.iter().filter(|id| !known.contains(id.as_str()));
        wrong.extend(unknown.map(|id| format!("{file} names {id}, which there is not")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file of the documentation that the table refers to exists.
#[test]
fn the_documentation_is_there() {
    for Requirement { id, state, place } in table() {
        if state == "host" {
            let file = place.split([':', ' ']).next().unwrap_or_default();
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(), "{id}: {place}");
        }
    }
}

/// The README has the right number of requirements in each state.
#[test]
fn the_readme_counts_right() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README");
    for (state, words) in [
        ("test", "shown by tests"),
        ("type", "cannot be otherwise"),
        ("host", "the host's"),
        ("client", "a client's"),
        ("differs", "deliberately different"),
    ] {
        let count = table().iter().filter(|requirement| requirement.state == state).count();
        assert!(readme.contains(&format!("| {count} | {words}")), "{state}: {count}");
    }
    assert!(!table().iter().any(|requirement| requirement.state == "open"), "then the README has to say so");
}
