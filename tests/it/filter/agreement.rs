//! Two evaluations of random filters over random documents agree: the crate's, and a naive evaluation that walks the
//! JSON document and knows only the type of each attribute and whether case counts (7644-3.4.2.2-02, 7643-7-08).

use crate::fixture::documents::{BADGE, registry, resource};
use crate::fixture::unicode::folded;
use scim_core::{
    filter::Filter,
    quirks::{Quirks, Tolerance},
    schema::AttributeId,
};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Text that folds, sorts, escapes or contains other text in surprising ways.
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "b",
    "ab",
    "AB",
    "aB",
    "aab",
    "ba",
    "abab",
    "%",
    "_",
    "a%b",
    "a_b",
    "\\",
    "\"",
    "a\\",
    "a\"b",
    "'",
    "--",
    "ß",
    "ẞ",
    "ss",
    "SS",
    "straße",
    "STRASSE",
    "σ",
    "ς",
    "Σ",
    "ΟΔΟΣ",
    "οδος",
    "οδοσ",
    "ΓΙΩΡΓΟΣ",
    "γιωργος",
    "µ",
    "μ",
    "Μ",
    "i",
    "I",
    "İ",
    "ı",
    "i\u{307}",
    "é",
    "e\u{301}",
    "E\u{301}",
    "É",
    "\u{301}",
    "\u{307}",
    "I\u{307}",
    "ǰ",
    "J",
    "\u{30c}",
    "ᾳ",
    "ᾼ",
    "\u{345}",
    "\u{1100}",
    "\u{1161}",
    "가",
    "\u{212A}",
    "k",
    "K",
    "ſ",
    "\u{323}",
    "ṣ",
    "s",
    "😀",
    "😀a",
    "\u{7f}",
    "\u{2028}",
    "\t",
    "\n",
    " ",
    "Ⱥ",
    "ⱥ",
    "ǅ",
    "ǆ",
    "\u{ffff}",
    "\u{10ffff}",
    "zz",
    "a😀",
    "true",
    "null",
    "5",
];
const INSTANTS: &[&str] = &[
    "2010-01-01T00:00:00Z",
    "2010-01-01T01:00:00+01:00",
    "2010-01-01T00:00:00.001Z",
    "2009-12-31T23:59:59.999999999Z",
    "2010-01-01T00:00:00",
    "1969-07-20T20:17:40Z",
];
const NUMBERS: &[&str] =
    &["0", "-0", "0.0", "5", "5.0", "5e0", "0.5e1", "5.5", "-5", "-5.5", "1e3", "1000", "0.001", "1e-3"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Fold,
    Exact,
    Boolean,
    Number,
    Instant,
    Binary,
}

/// A path in filters, the keys to its values, its type.
struct FilterPath {
    path: &'static str,
    keys: &'static [&'static str],
    kind: Type,
}

const KNOWN: &[FilterPath] = &[
    FilterPath { path: "userName", keys: &["userName"], kind: Type::Fold },
    FilterPath { path: "title", keys: &["title"], kind: Type::Fold },
    FilterPath { path: "externalId", keys: &["externalId"], kind: Type::Exact },
    FilterPath { path: "profileUrl", keys: &["profileUrl"], kind: Type::Exact },
    FilterPath { path: "active", keys: &["active"], kind: Type::Boolean },
    FilterPath { path: "meta.created", keys: &["meta", "created"], kind: Type::Instant },
    FilterPath { path: "NAME.familyname", keys: &["name", "familyName"], kind: Type::Fold },
    FilterPath { path: "emails", keys: &["emails", "value"], kind: Type::Fold },
    FilterPath { path: "emails.value", keys: &["emails", "value"], kind: Type::Fold },
    FilterPath { path: "emails.type", keys: &["emails", "type"], kind: Type::Fold },
    FilterPath { path: "emails.primary", keys: &["emails", "primary"], kind: Type::Boolean },
    FilterPath { path: "x509Certificates", keys: &["x509Certificates", "value"], kind: Type::Binary },
    FilterPath {
        path: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        keys: &[ENTERPRISE, "department"],
        kind: Type::Fold,
    },
    FilterPath {
        path: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        keys: &[ENTERPRISE, "manager", "value"],
        kind: Type::Exact,
    },
    FilterPath { path: "manager.displayName", keys: &[ENTERPRISE, "manager", "displayName"], kind: Type::Fold },
    FilterPath {
        path: "urn:example:scim:schemas:badge-7:2.10:User:number",
        keys: &[BADGE, "number"],
        kind: Type::Number,
    },
    FilterPath {
        path: "urn:example:scim:schemas:badge-7:2.10:User:weight",
        keys: &[BADGE, "weight"],
        kind: Type::Number,
    },
    FilterPath {
        path: "urn:example:scim:schemas:badge-7:2.10:User:issued",
        keys: &[BADGE, "issued"],
        kind: Type::Instant,
    },
    FilterPath { path: "urn:example:scim:schemas:badge-7:2.10:User:zones", keys: &[BADGE, "zones"], kind: Type::Fold },
    FilterPath {
        path: "urn:example:scim:schemas:badge-7:2.10:User:floors",
        keys: &[BADGE, "floors"],
        kind: Type::Number,
    },
];
/// The attributes that may precede brackets, and the attributes inside.
const BRACKETS: &[(&str, &[&str], &[FilterPath])] = &[
    (
        "emails",
        &["emails"],
        &[
            FilterPath { path: "value", keys: &["value"], kind: Type::Fold },
            FilterPath { path: "type", keys: &["type"], kind: Type::Fold },
            FilterPath { path: "primary", keys: &["primary"], kind: Type::Boolean },
        ],
    ),
    (
        "name",
        &["name"],
        &[
            FilterPath { path: "familyName", keys: &["familyName"], kind: Type::Fold },
            FilterPath { path: "givenName", keys: &["givenName"], kind: Type::Fold },
        ],
    ),
    (
        "urn:example:scim:schemas:badge-7:2.10:User:zones",
        &[BADGE, "zones"],
        &[FilterPath { path: "value", keys: &[], kind: Type::Fold }],
    ),
    (
        "urn:example:scim:schemas:badge-7:2.10:User:floors",
        &[BADGE, "floors"],
        &[FilterPath { path: "value", keys: &[], kind: Type::Number }],
    ),
];

enum Tree {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Present(&'static FilterPath),
    Compare(&'static FilterPath, &'static str, Value),
    Brackets(&'static str, &'static [&'static str], Box<Self>),
}

/// Xorshift: the same numbers on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    pub(super) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn text(&mut self) -> String {
        let pieces = self.below(3);
        (0..=pieces).map(|_| *self.of(TEXTS)).collect()
    }

    fn some(&mut self, kind: Type) -> Value {
        match kind {
            Type::Boolean => json!(self.below(2) == 0),
            Type::Number => serde_json::from_str(self.of::<&str>(NUMBERS)).unwrap(),
            Type::Instant => json!(*self.of(INSTANTS)),
            _ => json!(self.text()),
        }
    }

    fn document(&mut self) -> Value {
        let mut document = json!({"id": "1"});
        for known in KNOWN.iter().filter(|known| known.keys[0] != "emails" && known.keys[0] != "x509Certificates") {
            if self.below(3) == 0 {
                continue;
            }
            let whole = [BADGE, "floors"] == *known.keys || [BADGE, "number"] == *known.keys;
            let some = |random: &mut Self| match known.kind {
                Type::Number if whole => json!(*random.of(&[-5_i64, 0, 5, 6, 1000, i64::MIN, i64::MAX])),
                Type::Instant => json!(*random.of(&INSTANTS[..4])),
                kind => random.some(kind),
            };
            let value = match known.keys.last() {
                Some(&"zones" | &"floors") => json!((0..=self.below(2)).map(|_| some(self)).collect::<Vec<_>>()),
                _ => some(self),
            };
            let mut at = &mut document;
            for key in known.keys {
                at = &mut at[*key];
            }
            *at = value;
        }
        let mut emails = Vec::new();
        for _ in 0..self.below(4) {
            let mut email = json!({"display": "x"});
            for (name, kind) in [("value", Type::Fold), ("type", Type::Fold), ("primary", Type::Boolean)] {
                if self.below(3) > 0 {
                    email[name] = self.some(kind);
                }
            }
            emails.push(email);
        }
        if !emails.is_empty() {
            document["emails"] = json!(emails);
        }
        if self.below(2) == 0 {
            document["x509Certificates"] = json!([{"value": self.text()}]);
        }
        document
    }

    fn tree(&mut self, depth: usize, among: &'static [FilterPath]) -> Tree {
        match self.below(if depth == 0 { 6 } else { 10 }) {
            0 => Tree::Present(self.of(among)),
            6 => Tree::And((0..2 + self.below(2)).map(|_| self.tree(depth - 1, among)).collect()),
            7 => Tree::Or((0..2 + self.below(2)).map(|_| self.tree(depth - 1, among)).collect()),
            8 => Tree::Not(Box::new(self.tree(depth - 1, among))),
            9 if among.len() == KNOWN.len() => {
                let (path, keys, inside) = self.of(BRACKETS);
                Tree::Brackets(path, keys, Box::new(self.tree(depth - 1, inside)))
            }
            _ => {
                let known = self.of(among);
                let operators: &[&str] = match known.kind {
                    Type::Fold | Type::Exact => &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"],
                    Type::Number | Type::Instant => &["eq", "ne", "gt", "ge", "lt", "le"],
                    Type::Boolean | Type::Binary => &["eq", "ne"],
                };
                let operator: &str = self.of::<&str>(operators);
                let literal = if matches!(operator, "eq" | "ne") && self.below(8) == 0 {
                    Value::Null
                } else {
                    self.some(known.kind)
                };
                Tree::Compare(known, operator, literal)
            }
        }
    }
}

impl Tree {
    fn text(&self) -> String {
        let joined = |trees: &[Self], word: &str| {
            let parts: Vec<_> = trees.iter().map(|tree| format!("({})", tree.text())).collect();
            parts.join(word)
        };
        match self {
            Self::And(trees) => joined(trees, " and "),
            Self::Or(trees) => joined(trees, " or "),
            Self::Not(tree) => format!("not ({})", tree.text()),
            Self::Present(known) => format!("{} pr", known.path),
            Self::Compare(known, operator, literal) => format!("{} {operator} {literal}", known.path),
            Self::Brackets(path, _, tree) => format!("{path}[{}]", tree.text()),
        }
    }

    fn holds(&self, document: &Value) -> bool {
        match self {
            Self::And(trees) => trees.iter().all(|tree| tree.holds(document)),
            Self::Or(trees) => trees.iter().any(|tree| tree.holds(document)),
            Self::Not(tree) => !tree.holds(document),
            // `emails pr` tests the attribute, `emails eq "x"` its value: only the comparison has the key `value`.
            Self::Present(known) | Self::Compare(known, _, Value::Null) => {
                let whole = matches!(known.path, "emails" | "x509Certificates") || known.path.ends_with(":manager");
                let keys = if whole { &known.keys[..known.keys.len() - 1] } else { known.keys };
                let present = values(document, keys).into_iter().any(is_present);
                present != matches!(self, Self::Compare(_, "eq", _))
            }
            Self::Compare(known, operator, literal) => {
                let positive = if *operator == "ne" { "eq" } else { operator };
                let found = values(document, known.keys);
                found.into_iter().any(|value| compare(known.kind, value, positive, literal)) != (*operator == "ne")
            }
            Self::Brackets(_, keys, tree) => values(document, keys).into_iter().any(|element| tree.holds(element)),
        }
    }
}

/// The values at the end of the keys, through arrays.
fn values<'a>(document: &'a Value, keys: &[&str]) -> Vec<&'a Value> {
    let elements = match document {
        Value::Array(elements) => elements.iter().collect(),
        single => vec![single],
    };
    let Some((first, rest)) = keys.split_first() else { return elements };
    elements.into_iter().filter_map(|element| element.get(first)).flat_map(|value| values(value, rest)).collect()
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn compare(kind: Type, value: &Value, operator: &str, literal: &Value) -> bool {
    let text = |json: &Value| match kind {
        Type::Fold => folded(json.as_str().unwrap()),
        _ => json.as_str().unwrap().to_owned(),
    };
    let instant = |json: &Value| {
        let text = json.as_str().unwrap().to_owned();
        let zoned = if text.len() == 19 { text + "Z" } else { text };
        chrono::DateTime::parse_from_rfc3339(&zoned).unwrap()
    };
    let order = match kind {
        Type::Boolean => value.as_bool().cmp(&literal.as_bool()),
        Type::Number => value.as_f64().partial_cmp(&literal.as_f64()).unwrap(),
        Type::Instant => instant(value).cmp(&instant(literal)),
        _ => {
            let (value, literal) = (text(value), text(literal));
            match operator {
                "co" => return value.contains(&literal),
                "sw" => return value.starts_with(&literal),
                "ew" => return value.ends_with(&literal),
                _ => value.chars().cmp(literal.chars()),
            }
        }
    };
    match operator {
        "eq" => order.is_eq(),
        "gt" => order.is_gt(),
        "ge" => order.is_ge(),
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        _ => panic!("{operator}"),
    }
}

#[test]
fn random_filters_agree_with_a_naive_evaluation() {
    let registry = registry();
    let kind = registry.resource_type("User").unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let documents: Vec<Value> = (0..40).map(|_| random.document()).collect();
    let resources: Vec<_> = documents.iter().map(|document| resource(kind, document)).collect();
    let (mut hits, mut total) = (0, 0);
    for _ in 0..6_000 {
        let tree = random.tree(3, KNOWN);
        let text = tree.text();
        let filter: Filter = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let compiled = filter.compile(kind, &mut Tolerance::new(Quirks::default()));
        let matcher = compiled.unwrap_or_else(|error| panic!("{text}: {error}"));
        let together: Vec<_> = matcher.matching(&resources, |resource| resource.root()).collect();
        let alone: Vec<_> = resources.iter().filter(|resource| matcher.matches(resource.root())).collect();
        assert_eq!(together, alone, "{text}");
        for (document, resource) in documents.iter().zip(&resources) {
            let expected = tree.holds(document);
            assert_eq!(matcher.matches(resource.root()), expected, "{text}\n{document}");
            hits += usize::from(expected);
            total += 1;
        }
    }
    assert!(hits * 5 > total && hits * 5 < total * 4, "half-way balanced: {hits} of {total}");
}

/// `eq` and uniqueness agree: two values have the same unique key exactly when a filter calls them equal.
#[test]
fn values_equal_for_a_filter_have_one_unique_key() {
    let registry = registry();
    let kind = registry.resource_type("User").unwrap();
    let badge = kind.extension(BADGE).unwrap().attribute();
    let texts: Vec<Value> = TEXTS.iter().filter(|text| !text.is_empty()).map(|text| json!(text)).collect();
    let numbers: Vec<Value> = NUMBERS.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let whole: Vec<Value> = [-5_i64, 0, 5, i64::MAX].iter().map(|number| json!(number)).collect();
    for (parent, name, values) in [
        (AttributeId::ROOT, "userName", &texts),
        (badge, "serial", &texts),
        (badge, "zones", &texts),
        (badge, "weight", &numbers),
        (badge, "number", &whole),
    ] {
        let id = kind.child(parent, name).unwrap();
        let with = |value: &Value| {
            let value = if name == "zones" { json!([value]) } else { value.clone() };
            let document = if parent == badge { json!({BADGE: {name: value}}) } else { json!({name: value}) };
            resource(kind, &document)
        };
        for left in values {
            let keys = with(left).unique_keys();
            assert!(matches!(&keys[..], [key] if key.attribute == id), "{name} {left}");
            let filter: Filter = format!("{} eq {left}", kind.path(id)).parse().unwrap();
            let matcher = filter.compile(kind, &mut Tolerance::new(Quirks::default())).unwrap();
            for right in values {
                let other = with(right);
                assert_eq!(keys == other.unique_keys(), matcher.matches(other.root()), "{name}: {left} {right}");
            }
        }
    }
}

#[test]
fn each_value_of_a_list_has_a_unique_key() {
    let registry = registry();
    let kind = registry.resource_type("User").unwrap();
    let document = json!({"id": "1", "userName": "Ann", BADGE: {"zones": ["b", "A", "a", ""], "serial": "S"}});
    let keys = resource(kind, &document).unique_keys();
    let keys: Vec<_> = keys.iter().map(|key| (kind.attribute(key.attribute).name(), &*key.folded)).collect();
    assert_eq!(keys, [("userName", "ann"), ("serial", "S"), ("zones", "a"), ("zones", "b")]);
}
