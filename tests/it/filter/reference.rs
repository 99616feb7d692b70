//! A naive parser of filters, written from RFC 7644 §3.4.2.2 without the parser of the library: it searches and copies
//! text freely, asks serde_json about numbers and strings, and prints its tree. It refuses a text with the same error
//! and the same offset as the library.

use scim_core::{filter::FilterErrorKind as Kind, path::PathErrorKind};
use serde_json::value::RawValue;

/// The settings of one parse.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) max_depth: usize,
    pub(super) max_terms: usize,
    /// Whether a comparison may follow brackets.
    pub(super) tolerant: bool,
}

pub(super) enum Tree {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(String),
    Brackets(String, Box<Self>),
}

type Read<T> = Result<T, (Kind, usize)>;

/// Parses a filter. The second result is whether a comparison after brackets was met and tolerated.
pub(super) fn read(text: &str, settings: Settings) -> (Read<Tree>, bool) {
    let mut reader = Reader { text, at: 0, depth: 0, terms: 0, in_brackets: false, met: false, settings };
    let tree = reader.any(None);
    (tree, reader.met)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    terms: usize,
    in_brackets: bool,
    met: bool,
    settings: Settings,
}

impl<'a> Reader<'a> {
    fn next(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.text[self.at..].trim_start_matches([' ', '\t']).len();
    }

    /// The longest text without blanks, brackets, quotes, commas, control characters and non-ASCII characters.
    fn word(&self) -> &'a str {
        let rest = &self.text[self.at..];
        let is_end = |c: char| !c.is_ascii() || c <= ' ' || c == '\u{7f}' || "\"'()[]{},".contains(c);
        rest.split(is_end).next().unwrap_or_default()
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.blanks();
        let is_next = self.word().eq_ignore_ascii_case(keyword);
        self.at += if is_next { keyword.len() } else { 0 };
        is_next
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= self.settings.max_depth {
            return Err((Kind::TooDeep(self.settings.max_depth), self.at));
        }
        (self.depth, self.at) = (self.depth + 1, self.at + 1);
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// Operands of `or` up to the closing character.
    fn any(&mut self, close: Option<char>) -> Read<Tree> {
        let mut trees = vec![self.all()?];
        while self.keyword("or") {
            trees.push(self.all()?);
        }
        if self.next() != close {
            let kind = match close {
                None => Kind::End,
                Some(')') => Kind::Parenthesis,
                Some(_) => Kind::Bracket,
            };
            return Err((kind, self.at));
        }
        self.at += close.map_or(0, char::len_utf8);
        Ok(Tree::or(trees))
    }

    /// Operands of `and`.
    fn all(&mut self) -> Read<Tree> {
        let mut trees = vec![self.one()?];
        while self.keyword("and") {
            trees.push(self.one()?);
        }
        Ok(Tree::and(trees))
    }

    fn one(&mut self) -> Read<Tree> {
        self.blanks();
        if self.next() == Some('(') {
            return self.deeper(|reader| reader.any(Some(')')));
        }
        let start = self.at;
        let path = self.path(Kind::Expression)?;
        self.blanks();
        match self.next() {
            Some('(') if path.eq_ignore_ascii_case("not") => {
                Ok(Tree::Not(Box::new(self.deeper(|reader| reader.any(Some(')')))?)))
            }
            Some('[') => self.brackets(path),
            _ => self.term(path, start),
        }
    }

    fn brackets(&mut self, path: &str) -> Read<Tree> {
        if self.in_brackets {
            return Err((Kind::NestedBrackets, self.at));
        }
        let mut condition = self.deeper(|reader| {
            reader.in_brackets = true;
            let condition = reader.any(Some(']'));
            reader.in_brackets = false;
            condition
        })?;
        if self.next() == Some('.') {
            let dot = self.at;
            if !self.settings.tolerant {
                return Err((Kind::AfterBrackets, dot));
            }
            self.met = true;
            self.at += 1;
            let start = self.at;
            let word = self.word();
            let parts = parts(word).map_err(|(kind, at)| (Kind::Path(kind), start + at))?;
            if parts.len() != 1 || word.contains(':') {
                return Err((Kind::Path(PathErrorKind::SubAttributes), start));
            }
            self.at += word.len();
            self.blanks();
            condition = Tree::and(vec![condition, self.term(word, start)?]);
            if self.depth + 1 + condition.height() > self.settings.max_depth {
                return Err((Kind::TooDeep(self.settings.max_depth), dot));
            }
        }
        Ok(Tree::Brackets(path.to_owned(), Box::new(condition)))
    }

    fn path(&mut self, nothing: Kind) -> Read<&'a str> {
        let (start, word) = (self.at, self.word());
        parts(word).map_err(|(kind, at)| match (kind, at) {
            (PathErrorKind::Name, 0) => (nothing, start),
            _ => (Kind::Path(kind), start + at),
        })?;
        self.at += word.len();
        match self.next() {
            None | Some(' ' | '\t' | '(' | ')' | '[' | ']') => Ok(word),
            Some(_) => Err((Kind::Path(PathErrorKind::Character), self.at)),
        }
    }

    fn term(&mut self, path: &str, start: usize) -> Read<Tree> {
        if self.terms == self.settings.max_terms {
            return Err((Kind::TooManyTerms(self.terms), start));
        }
        self.terms += 1;
        let operator = self.word().to_ascii_lowercase();
        if operator == "pr" {
            self.at += 2;
            return Ok(Tree::Term(format!("{path} pr")));
        }
        if !["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"].contains(&&*operator) {
            return Err(match &*path.to_ascii_lowercase() {
                "not" => (Kind::Not, self.at),
                "and" | "or" => (Kind::Expression, start),
                _ => (Kind::Operator, self.at),
            });
        }
        self.at += 2;
        self.blanks();
        let value = self.value()?;
        Ok(Tree::Term(format!("{path} {operator} {value}")))
    }

    fn value(&mut self) -> Read<String> {
        let (start, word) = (self.at, self.word());
        let is = |name: &&str| word.eq_ignore_ascii_case(name);
        match self.next() {
            Some('"') => return self.string(),
            Some('-' | '0'..='9') => {
                let is_number = |text: &&str| serde_json::from_str::<&RawValue>(text).is_ok();
                let prefixes = (1..=word.len()).rev().map(|end| &word[..end]);
                let number = prefixes.into_iter().find(is_number).unwrap_or_default();
                if number.len() < word.len() || number.is_empty() {
                    return Err((Kind::Number, start + number.len()));
                }
                self.at += number.len();
                return Ok(number.to_owned());
            }
            Some('\'' | '\u{80}'..) => return Err((Kind::Quotes, start)),
            _ => {}
        }
        if ["true", "false", "null"].contains(&word) {
            self.at += word.len();
            return Ok(word.to_owned());
        }
        Err(match word {
            "" => (Kind::Value, start),
            _ if ["true", "false", "null"].iter().any(is) => (Kind::LowerCase, start),
            _ => (Kind::Quotes, start),
        })
    }

    /// Finds the end of a string; serde_json decodes the string and writes it with the required escapes only.
    fn string(&mut self) -> Read<String> {
        let start = self.at;
        let hex =
            |at: usize| u32::from_str_radix(self.text.get(at..at + 4).filter(|it| !it.starts_with('+'))?, 16).ok();
        let mut at = start + 1;
        loop {
            let Some(c) = self.text[at..].chars().next() else { return Err((Kind::ClosingQuote, at)) };
            at += match c {
                '"' => break,
                '\0' => return Err((Kind::Nul, at)),
                '\x01'..='\x1f' => return Err((Kind::Control, at)),
                '\\' => match self.text[at + 1..].chars().next() {
                    Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => 2,
                    Some('u') => match hex(at + 2).ok_or((Kind::Escape, at))? {
                        0 => return Err((Kind::Nul, at)),
                        0xd800..=0xdbff if self.text[at + 6..].starts_with("\\u") => {
                            match hex(at + 8).ok_or((Kind::Escape, at))? {
                                0xdc00..=0xdfff => 12,
                                _ => return Err((Kind::Surrogate, at)),
                            }
                        }
                        0xd800..=0xdfff => return Err((Kind::Surrogate, at)),
                        _ => 6,
                    },
                    _ => return Err((Kind::Escape, at)),
                },
                other => other.len_utf8(),
            };
        }
        self.at = at + 1;
        if !self.word().is_empty() {
            return Err((Kind::Space, self.at));
        }
        let text: String = serde_json::from_str(&self.text[start..self.at]).expect("a string of JSON");
        Ok(serde_json::to_string(&text).expect("a string of JSON"))
    }
}

/// The names of a path after its URI.
pub(super) fn parts(path: &str) -> Result<Vec<&str>, (PathErrorKind, usize)> {
    if path.len() > 65_535 {
        return Err((PathErrorKind::TooLong, 65_535));
    }
    let names = match path.rsplit_once(':') {
        Some((uri, names)) => {
            let is_uri = uri.split_once(':').is_some_and(|(scheme, rest)| {
                scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                    && !rest.is_empty()
            });
            if !is_uri {
                return Err((PathErrorKind::Uri, 0));
            }
            names
        }
        None => path,
    };
    let mut at = path.len() - names.len();
    let names: Vec<_> = names.split('.').collect();
    for (index, name) in names.iter().enumerate() {
        if index == 2 {
            return Err((PathErrorKind::SubAttributes, at - 1));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$') {
            return Err((PathErrorKind::Name, at));
        }
        if let Some(place) = name.find(|c: char| !c.is_ascii_alphanumeric() && !"$-_".contains(c)) {
            return Err((PathErrorKind::Character, at + place));
        }
        at += name.len() + 1;
    }
    Ok(names)
}

impl Tree {
    fn and(trees: Vec<Self>) -> Self {
        let inner = |tree| match tree {
            Self::And(inner) => inner,
            other => vec![other],
        };
        let mut trees: Vec<_> = trees.into_iter().flat_map(inner).collect();
        if trees.len() == 1 { trees.remove(0) } else { Self::And(trees) }
    }

    fn or(trees: Vec<Self>) -> Self {
        let inner = |tree| match tree {
            Self::Or(inner) => inner,
            other => vec![other],
        };
        let mut trees: Vec<_> = trees.into_iter().flat_map(inner).collect();
        if trees.len() == 1 { trees.remove(0) } else { Self::Or(trees) }
    }

    /// The levels of parentheses, `not` and brackets in the printed form.
    fn height(&self) -> usize {
        match self {
            Self::And(trees) => {
                let height = |tree: &Self| tree.height() + usize::from(matches!(tree, Self::Or(_)));
                trees.iter().map(height).max().unwrap_or_default()
            }
            Self::Or(trees) => trees.iter().map(Self::height).max().unwrap_or_default(),
            Self::Not(tree) | Self::Brackets(_, tree) => tree.height() + 1,
            Self::Term(_) => 0,
        }
    }

    pub(super) fn print(&self) -> String {
        let part = |tree: &Self| match tree {
            Self::Or(_) => format!("({})", tree.print()),
            _ => tree.print(),
        };
        match self {
            Self::And(trees) => trees.iter().map(part).collect::<Vec<_>>().join(" and "),
            Self::Or(trees) => trees.iter().map(part).collect::<Vec<_>>().join(" or "),
            Self::Not(tree) => format!("not ({})", tree.print()),
            Self::Term(text) => text.clone(),
            Self::Brackets(path, tree) => format!("{path}[{}]", tree.print()),
        }
    }
}
