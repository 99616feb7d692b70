//! Reads from the source text which file of the library uses which other file.
//!
//! An arrow leads from a file to the file that defines a name, through every re-export on the way. A parent file uses
//! its own children by definition, since it is their face: such arrows are left out. Calls of methods are arrows too
//! where several files add methods to one type.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// The path of a module below the crate, such as `provider`, `list`, `part`.
type Module = Vec<String>;

/// The arrows from each file, by path below `src`, such as `provider/list/segment.rs`.
pub(super) type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The types to which several files add methods: the head of their blocks, their folder, and the name of their values.
const SHARED: [(&str, &str, &str); 2] = [
    ("impl<S: Store> ServiceProvider<S> {", "provider", "provider."),
    ("impl Application<'_> {", "patch", "application."),
];

struct File {
    name: String,
    module: Module,
    /// The code without comments, tests and visibilities.
    code: String,
    /// The names that the file imports or exports, with their paths below the crate.
    names: Vec<(String, Module)>,
}

pub(super) struct Library {
    files: Vec<File>,
}

impl Library {
    /// Reads the files. `sources` has their paths below `src` and their code without comments and tests.
    pub(super) fn new(sources: &[(PathBuf, String)]) -> Self {
        let mut files: Vec<File> = sources
            .iter()
            .map(|(path, code)| {
                let name = path.to_string_lossy().replace('\\', "/");
                let module = match name.trim_end_matches(".rs") {
                    "lib" => Module::new(),
                    stem => stem.split('/').map(str::to_owned).collect(),
                };
                File { name, module, code: without_visibilities(code), names: Vec::new() }
            })
            .collect();
        let modules: BTreeSet<Module> = files.iter().map(|file| file.module.clone()).collect();
        for file in &mut files {
            for statement in uses(&file.code) {
                for (alias, path) in tree(statement) {
                    if let Some(path) = absolute(&modules, &file.module, &path) {
                        file.names.push((alias, path));
                    }
                }
            }
        }
        Self { files }
    }

    /// The arrows of imports and of paths in the code.
    pub(super) fn imports(&self) -> Arrows {
        let modules: BTreeSet<Module> = self.files.iter().map(|file| file.module.clone()).collect();
        let mut arrows = Arrows::new();
        for file in &self.files {
            let inline = paths(&file.code).into_iter().filter_map(|path| absolute(&modules, &file.module, &path));
            let imported = file.names.iter().map(|(_, path)| path.clone());
            let used = arrows.entry(file.name.clone()).or_default();
            for path in imported.chain(inline) {
                let Some(target) = self.definition(&path, 0) else { continue };
                if target.name != file.name && !target.module.starts_with(&file.module) {
                    used.insert(target.name.clone());
                }
            }
        }
        arrows
    }

    /// The arrows of method calls on the types whose methods stand in several files.
    pub(super) fn calls(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (head, folder, names) in SHARED {
            let mut homes: BTreeMap<&str, &str> = BTreeMap::new();
            for file in &self.files {
                for block in blocks(&file.code, head) {
                    homes.extend(block.match_indices("fn ").map(|(at, _)| (word(&block[at + 3..]), &*file.name)));
                }
            }
            for file in self.files.iter().filter(|file| file.name.starts_with(folder)) {
                let flat: String = file.code.lines().map(str::trim).collect();
                let own: String = blocks(&file.code, head).flat_map(str::lines).map(str::trim).collect();
                let used = arrows.entry(file.name.clone()).or_default();
                for (code, receiver) in [(&own, "self."), (&flat, names)] {
                    let called = code.match_indices(receiver).map(|(at, on)| &code[at + on.len()..]);
                    let called = called.filter(|rest| rest[word(rest).len()..].starts_with('('));
                    let homes = called.filter_map(|rest| homes.get(word(rest))).filter(|home| **home != file.name);
                    used.extend(homes.map(|home| (*home).to_owned()));
                }
            }
        }
        arrows
    }

    /// The file that defines the item at this path.
    fn definition(&self, path: &[String], depth: usize) -> Option<&File> {
        let inside = |file: &&File| path.starts_with(&file.module);
        let file = self.files.iter().filter(inside).max_by_key(|file| file.module.len())?;
        let Some(item) = path.get(file.module.len()) else { return Some(file) };
        let exported = file.names.iter().find(|(name, _)| name == item);
        match exported {
            // A file that imports a module and names an item of it exports nothing; the depth bounds such paths.
            Some((_, target)) if depth < 8 => {
                let rest = path.get(file.module.len() + 1..).unwrap_or_default();
                self.definition(&[target, rest].concat(), depth + 1)
            }
            _ => Some(file),
        }
    }
}

/// The blocks of methods that begin with `head`.
fn blocks<'a>(code: &'a str, head: &'a str) -> impl Iterator<Item = &'a str> {
    code.split(head).skip(1).map(|rest| rest.split("\n}").next().unwrap_or_default())
}

fn without_visibilities(code: &str) -> String {
    let mut parts = code.split("pub(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "pub" + part.split_once(')').map_or("", |(_, rest)| rest))
}

/// The import statements, without `use` and `;`.
fn uses(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].lines().next_back().unwrap_or_default();
        let starts_line = code[..at].is_empty() || code[..at].ends_with('\n') || before.trim().is_empty();
        if starts_line || before.trim() == "pub" {
            found.push(code[at + 4..].split(';').next().unwrap_or_default());
        }
    }
    found
}

/// The paths of an import, each with the name that it has in the file.
fn tree(text: &str) -> Vec<(String, Module)> {
    let text = text.trim();
    let Some((head, group)) = text.split_once('{') else {
        let (path, alias) = text.split_once(" as ").unwrap_or((text, ""));
        let path: Module = path.split("::").map(|part| part.trim().to_owned()).collect();
        let name = if alias.is_empty() { path.last().cloned().unwrap_or_default() } else { alias.trim().to_owned() };
        return vec![(name, path)];
    };
    let head: Module = head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(&group[start..]);
    let members = members.into_iter().filter(|member| !member.trim().is_empty()).flat_map(tree);
    members
        .map(|(name, path)| match &*path {
            // `{self}` names the module itself.
            [only] if only == "self" => (head.last().cloned().unwrap_or_default(), head.clone()),
            _ => (name, [head.clone(), path].concat()),
        })
        .collect()
}

/// The paths in the code that is no import: words joined by `::`.
fn paths(code: &str) -> Vec<Module> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = code;
    while let Some(at) = rest.find("::") {
        let start = rest[..at].rfind(|c: char| !is_word(c)).map_or(0, |at| at + 1);
        let mut path = vec![rest[start..at].to_owned()];
        rest = &rest[at..];
        while let Some(after) = rest.strip_prefix("::") {
            let name = word(after);
            path.push(name.to_owned());
            rest = &after[name.len()..];
        }
        path.retain(|part| !part.is_empty());
        found.push(path);
    }
    found
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The path below the crate; `None` for a path into another crate.
fn absolute(modules: &BTreeSet<Module>, own: &Module, path: &[String]) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match &**first {
        "crate" => Some(rest.to_vec()),
        "self" => Some([own, rest].concat()),
        "super" => {
            let up = path.iter().take_while(|part| *part == "super").count();
            let outer = own.get(..own.len().checked_sub(up)?)?;
            Some([outer, &path[up..]].concat())
        }
        name => {
            let child = [own.as_slice(), &[name.to_owned()]].concat();
            modules.contains(&child).then(|| [child.as_slice(), rest].concat())
        }
    }
}
