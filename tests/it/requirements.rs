//! Every requirement of RFC 7643, 7644 and 9865 on a service provider, and the place that meets it.
//!
//! `requirements.tsv` has a line for each requirement: its id (RFC, section, number), its level, the part of the
//! protocol, the state, the place, the files that implement it (`-` for none), and the requirement in our words. The
//! states:
//!
//! - `test`: files under `tests/` or `src/` whose tests name the id;
//! - `type`: the code makes a violation impossible, and why;
//! - `host`: the host's duty, and the documentation that says so;
//! - `client`: a duty of clients, on which nothing here depends;
//! - `differs`: deliberately different, and why;
//! - `open`: still to be built, and the part that it belongs to.
//!
//! A page of the manual shows the files of each section, with the subjects of the sections from `sections.tsv`. To write
//! the page again: `SCIM_TEST_WRITE=1 cargo test --test it requirements`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

const TABLE: &str = include_str!("../requirements.tsv");
const SECTIONS: &str = include_str!("../sections.tsv");
/// The page of the manual.
const PAGE: &str = "src/manual/requirements.md";
/// The example host, which is not part of the package.
const PLATFORM: &str = "examples/platform/";

struct Requirement<'a> {
    id: &'a str,
    state: &'a str,
    place: &'a str,
    /// The files in which a reader finds the code that implements the requirement.
    files: Vec<&'a str>,
}

impl<'a> Requirement<'a> {
    /// The RFC and the section.
    fn section(&self) -> (&'a str, &'a str) {
        let (rfc, rest) = self.id.split_once('-').expect("an RFC");
        let (section, _) = rest.rsplit_once('-').expect("a number");
        (rfc, section)
    }
}

fn table() -> Vec<Requirement<'static>> {
    let lines = TABLE.lines().skip(1);
    let requirement = |line: &'static str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, level, part, state, place, files, text] = columns[..] else {
            panic!("expected seven columns: {line}")
        };
        assert!([level, part, files, text].iter().all(|column| !column.is_empty()), "an empty column: {line}");
        let files = files.split(", ").filter(|file| *file != "-").collect();
        Requirement { id, state, place, files }
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
    for Requirement { id, state, place, .. } in &table {
        assert!(["test", "type", "host", "client", "differs", "open"].contains(state), "{id}: {state}");
        assert!(!place.is_empty(), "{id}: expected where or why");
    }
}

#[test]
fn the_table_says_what_the_tests_say() {
    let named = named();
    let mut wrong = Vec::new();
    for Requirement { id, state, place, .. } in table() {
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
    for Requirement { id, state, place, .. } in table() {
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
        ("type", "guaranteed by the Rust types"),
        ("host", "the host's"),
        ("client", "a client's"),
        ("differs", "deliberately different"),
    ] {
        let count = table().iter().filter(|requirement| requirement.state == state).count();
        assert!(readme.contains(&format!("| {count} | {words}")), "{state}: {count}");
    }
    assert!(!table().iter().any(|requirement| requirement.state == "open"), "then the README has to say so");
}

/// The sections of RFCs in the comments of a Rust file, each with its RFC: the last RFC that a comment names before the
/// section.
fn cited(text: &str) -> BTreeSet<(String, String)> {
    let comments = text.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
    let comments: Vec<&str> = comments.map(|comment| comment.trim_start_matches(['/', '!']).trim()).collect();
    let comments = comments.join(" ");
    let (mut found, mut rfc, mut rest) = (BTreeSet::new(), "", &*comments);
    while let Some(at) = rest.find(['R', '§']) {
        rest = &rest[at..];
        let after = |mark: &str, is_part: fn(char) -> bool| {
            let text = rest.strip_prefix(mark)?;
            text.split(|c| !is_part(c)).next()
        };
        if let Some(number) = after("RFC ", |c| c.is_ascii_digit()) {
            rfc = number;
        } else if let Some(section) = after("§", |c| c.is_ascii_digit() || c == '.') {
            found.insert((rfc.to_owned(), section.trim_end_matches('.').to_owned()));
        }
        rest = rest.trim_start_matches(['R', '§']);
    }
    found
}

/// A reader who searches for a section of an RFC finds the code that implements the section.
#[test]
fn each_rule_has_a_file_that_cites_its_section() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let has_platform = root.join(PLATFORM).is_dir();
    let mut texts = BTreeMap::new();
    let mut wrong = Vec::new();
    for requirement in table() {
        let Requirement { id, state, files, .. } = &requirement;
        let (rfc, section) = requirement.section();
        if *state == "test" && files.is_empty() {
            wrong.push(format!("{id}: expected the file that implements the requirement"));
        }
        for file in files.iter().filter(|file| has_platform || !file.starts_with(PLATFORM)) {
            if !file.starts_with("src/") && !file.starts_with("examples/platform/src/") {
                wrong.push(format!("{id}: {file} is not a file of the library or the platform"));
            }
            let cited =
                texts.entry(*file).or_insert_with(|| fs::read_to_string(root.join(file)).map(|text| cited(&text)));
            match cited {
                Ok(cited) if cited.contains(&(rfc.to_owned(), section.to_owned())) => {}
                Ok(_) => wrong.push(format!("{id}: no comment in {file} cites RFC {rfc} §{section}")),
                Err(error) => wrong.push(format!("{id}: {file}: {error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The page of the manual with the files of each section.
fn page() -> String {
    let table = table();
    let mut page = "\
# From a section of an RFC to the code

Each line names a section of an RFC, its subject, and the files in which a reader finds the code that implements it: the
function that decides, not its callers. The file with the most rules comes first. In each file a comment cites the
section. `none` means that nothing in the code implements the section, because the section is about other programs or
the core deliberately does otherwise. Paths begin at the root of the repository; `examples/platform` is the example
host.

The table `tests/requirements.tsv` has the requirements of each section in our words, with the tests that show them. A
test writes this page from the table.
"
    .to_owned();
    let mut known = BTreeSet::new();
    let mut current = "";
    for line in SECTIONS.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [rfc, section, subject] = columns[..] else { panic!("expected three columns: {line}") };
        assert!(known.insert((rfc, section)), "RFC {rfc} §{section} stands twice");
        if rfc != current {
            current = rfc;
            write!(page, "\n## RFC {rfc}\n\n| section | subject | files |\n| --- | --- | --- |\n").unwrap();
        }
        // The file that implements the most requirements of the section comes first.
        let rules = table.iter().filter(|rule| rule.section() == (rfc, section));
        let mut counted: Vec<(usize, &str)> = Vec::new();
        for file in rules.flat_map(|rule| &rule.files) {
            match counted.iter_mut().find(|(_, known)| known == file) {
                Some((count, _)) => *count += 1,
                None => counted.push((1, file)),
            }
        }
        counted.sort_by_key(|(count, _)| Reverse(*count));
        let files: Vec<String> = counted.iter().map(|(_, file)| format!("`{file}`")).collect();
        let files = if files.is_empty() { "none".to_owned() } else { files.join(", ") };
        writeln!(page, "| §{section} | {subject} | {files} |").unwrap();
    }
    let sections: BTreeSet<(&str, &str)> = table.iter().map(Requirement::section).collect();
    assert_eq!(known, sections, "`sections.tsv` has each section of the table");
    page
}

#[test]
fn the_manual_shows_the_files_of_each_section() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if env::var_os("SCIM_TEST_WRITE").is_some() {
        fs::write(&path, page()).expect("a page that can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        written == page(),
        "{PAGE} differs from the table; write it again: SCIM_TEST_WRITE=1 cargo test --test it requirements"
    );
}
