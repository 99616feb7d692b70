//! The modules and the files use each other in one direction only, and no module of the library reaches outside.

mod arrows;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use self::arrows::{Arrows, Library};

/// From the bottom to the top: a module uses itself and the modules before it.
const LAYERS: &[&str] = &[
    "limits", "quirks", "fold", "schema", "value", "path", "filter", "resource", "patch", "error", "message", "store",
    "event", "sql", "provider", "protocol", "http", "bearer", "oauth", "testkit", "manual",
];

/// The files and folders of `provider/`, from the bottom to the top: each uses itself and those before it.
const WINGS: &[&str] = &[
    "failure",
    "rest",
    "base",
    "system",
    "options",
    "seal",
    "target",
    "type_ref",
    "access",
    "service_provider",
    "builder",
    "discovery",
    "retry",
    "storage",
    "call",
    "answer",
    "reference",
    "read",
    "list",
    "write",
    "handover",
    "bulk",
];

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("UTF-8");
                found.push((path, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &mut found);
    for (path, _) in &mut found {
        *path = path.strip_prefix(&root).expect("below src").to_owned();
    }
    found.sort();
    found
}

/// The code without comments and without the unit tests at the end of a file.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn layer(path: &Path) -> String {
    let first = path.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of the crate that code names: `crate::name` and each of `crate::{name, …}`.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if !rest.starts_with('{') {
            names.push(word(rest));
            continue;
        }
        let (mut depth, mut start) = (0, true);
        for (index, char) in rest.char_indices() {
            match char {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => start = true,
                _ if depth == 1 && start && char.is_alphabetic() => {
                    names.push(word(&rest[index..]));
                    start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    names
}

#[test]
fn modules_use_only_what_is_below_them() {
    let sources = sources();
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (path, text) in &sources {
        let own = layer(path);
        if own == "lib" {
            continue;
        }
        let height = |name: &str| LAYERS.iter().position(|layer| *layer == name);
        let own_height = height(&own).unwrap_or_else(|| panic!("{} belongs to no layer", path.display()));
        for name in named(&code(text)) {
            // A type exported at the top, such as `crate::Limits`, would hide its module.
            match height(&name) {
                Some(height) if height <= own_height => *uses.entry(own.clone()).or_default() += 1,
                _ => wrong.push(format!("{} uses crate::{name}", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Proves that the search finds uses: every module uses another, except three of the lowest, `bearer`, and the manual,
    // which is text.
    let idle: Vec<&&str> = LAYERS.iter().filter(|layer| !uses.contains_key(**layer)).collect();
    assert_eq!(idle, [&"limits", &"fold", &"schema", &"bearer", &"manual"]);
}

fn library() -> Library {
    let sources: Vec<_> = sources().into_iter().map(|(path, text)| (path, code(&text))).collect();
    Library::new(&sources)
}

/// The arrows of imports and of method calls.
fn all_arrows(library: &Library) -> Arrows {
    let mut arrows = library.imports();
    for (file, called) in library.calls() {
        arrows.entry(file).or_default().extend(called);
    }
    arrows
}

/// The files that can be reached from a file, with that file.
fn reached<'a>(arrows: &'a Arrows, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        let used = arrows.get(file).into_iter().flatten().map(String::as_str);
        open.extend(used.filter(|used| reached.insert(used)));
    }
    reached
}

/// Proves that the search finds arrows: through a re-export, by a path in the code, and by a method.
#[test]
fn arrows_are_found() {
    let library = library();
    let (imports, calls) = (library.imports(), library.calls());
    for (arrows, from, to) in [
        (&imports, "provider/write/patch.rs", "patch/application.rs"),
        (&imports, "filter/compile.rs", "schema/resource_type.rs"),
        (&imports, "sql/narrow.rs", "sql/scalar.rs"),
        (&imports, "oauth/keys.rs", "oauth/jwt.rs"),
        (&calls, "provider/write/patch.rs", "provider/read.rs"),
        (&calls, "provider/read.rs", "provider/storage.rs"),
        (&calls, "provider/list/walk.rs", "provider/storage.rs"),
        (&calls, "provider/bulk.rs", "provider/write/replace.rs"),
        (&calls, "patch/apply.rs", "patch/elements.rs"),
    ] {
        assert!(arrows.get(from).is_some_and(|used| used.contains(to)), "{from} -> {to}");
    }
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let arrows = all_arrows(&library());
    let mut circles: Vec<String> = Vec::new();
    for (file, used) in &arrows {
        let back = used.iter().filter(|used| reached(&arrows, used).contains(file.as_str()));
        circles.extend(back.map(|used| format!("{file} uses {used}, which leads back")));
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn the_wings_of_the_provider_use_only_what_is_below_them() {
    let height = |file: &str| {
        let inside = file.strip_prefix("provider/")?;
        let wing = inside.split('/').next()?.trim_end_matches(".rs");
        Some(WINGS.iter().position(|known| *known == wing).unwrap_or_else(|| panic!("{file} belongs to no wing")))
    };
    let arrows = all_arrows(&library());
    let mut wrong = Vec::new();
    for (file, used) in &arrows {
        let Some(own) = height(file) else { continue };
        let above = used.iter().filter(|used| height(used).is_some_and(|height| height > own));
        wrong.extend(above.map(|used| format!("{file} uses {used}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A GET needs none of the code that changes resources.
#[test]
fn reading_reaches_no_file_of_writing() {
    let arrows = all_arrows(&library());
    let reached = reached(&arrows, "provider/read.rs");
    assert!(reached.contains("provider/storage.rs"));
    let writing: Vec<_> = reached.iter().filter(|file| file.starts_with("provider/write")).collect();
    assert!(writing.is_empty(), "{writing:?}");
}

/// Names that a library without I/O does not need; each with the files that may still use it.
#[test]
fn nothing_reaches_outside() {
    const FOREIGN: &[(&str, &[&str])] = &[
        ("std::net", &[]),
        ("std::fs", &[]),
        ("std::env", &[]),
        ("std::process", &[]),
        ("std::thread", &[]),
        ("SystemTime", &[]),
        ("Instant::now", &[]),
        ("println!", &[]),
        ("Utc::now", &["provider/system.rs"]),
        ("new_v4", &["provider/system.rs"]),
        (
            "nom::",
            &[
                "filter/grammar/expression.rs",
                "filter/grammar/number.rs",
                "filter/grammar/patch_path.rs",
                "filter/grammar/state.rs",
                "filter/grammar/string.rs",
                "filter/grammar/value.rs",
                "filter/grammar/word.rs",
            ],
        ),
        // One fold: no other module normalizes text or maps its case. A column that the host writes in lower case is
        // written by the host's rule.
        ("unicode_normalization::", &["fold.rs"]),
        ("to_lowercase()", &["sql/layout/field.rs", "testkit/traffic/expect.rs"]),
        // Values that the library keeps have a schema. Only the traffic kit reads answers as a client does, a key set is
        // not SCIM, and the JSON of a schema has no schema yet.
        ("serde_json::Value", &["oauth/keys.rs", "schema/shipped.rs", "testkit/traffic/json.rs"]),
    ];
    let sources = sources();
    for (word, homes) in FOREIGN {
        let found: Vec<String> = sources
            .iter()
            .filter(|(_, text)| code(text).contains(word))
            .map(|(path, _)| path.to_string_lossy().replace('\\', "/"))
            .collect();
        assert_eq!(found, *homes, "{word}");
    }
}
