//! The guides of the manual show the files that the tests compile and run.

use std::{fs, path::Path};

/// The code of a text, line by line, without the indentation and without empty lines.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The blocks of a guide in this language.
fn blocks<'a>(guide: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("\n```{language}\n");
    guide.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// The tests of `examples/databases` run the files with the kit, on SQLite and PostgreSQL. The package of the examples is
/// not part of the published crate.
#[test]
fn the_guide_to_own_stores_shows_the_example_to_the_letter() {
    const GUIDE: &str = include_str!("../../src/manual/write_your_own_store.md");
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/databases/native");
    let Ok(folder) = fs::read_dir(package.join("examples/own_store")) else {
        println!("skipped: examples/databases is missing, as in the published package");
        return;
    };
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.extend(["src/rusqlite.rs", "tests/own_store/checks.rs"].map(|path| package.join(path)));
    let files: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut shown = 0;
    for block in ["rust,ignore", "sql"].into_iter().flat_map(|language| blocks(GUIDE, language)) {
        let block_lines = lines(block);
        let is_in = |file: &String| lines(file).windows(block_lines.len()).any(|part| part == block_lines);
        assert!(block_lines.len() > 2 || block.contains("const"), "{block}");
        assert!(files.iter().any(is_in), "no file has this text:\n{block}");
        shown += 1;
    }
    assert!(shown > 14, "{shown} blocks");
}

/// The store that keeps deleted accounts is tested in `store::restoration`.
#[test]
fn the_guide_to_existing_users_shows_its_store_to_the_letter() {
    const GUIDE: &str = include_str!("../../src/manual/existing_users.md");
    let store = include_str!("../manual/keeping.rs");
    assert!(GUIDE.contains(&format!("# fn main() {{}}\n{store}```\n")), "the guide shows another `keeping.rs`");
}

/// The package of the hosts is not part of the published crate.
#[test]
fn the_readme_and_the_front_page_show_the_host_for_axum_to_the_letter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(host) = fs::read_to_string(root.join("examples/hosts/src/bin/axum.rs")) else {
        println!("skipped: examples/hosts is missing, as in the published package");
        return;
    };
    let shown = host.split("\n#[cfg(test)]").next().unwrap().trim_end();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains(&format!("```rust,ignore\n{shown}\n```\n")), "README.md");
    let lines: Vec<String> = shown.lines().map(|line| format!("//! {line}").trim_end().to_owned()).collect();
    let front_page = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    assert!(front_page.contains(&format!("//! ```ignore\n{}\n//! ```\n", lines.join("\n"))), "src/lib.rs");
}
