//! The naive model of PATCH: JSON documents, and the rules of RFC 7644 §3.5.2 with the decisions that the RFC leaves
//! to a service provider. It does not use the library.

mod lists;

use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value as Json, json};

use crate::{host::USER, samples::ENTERPRISE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

/// A multi-valued complex attribute. `texts` are its sub-attributes of type string, the first of which identifies a
/// reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) name: &'static str,
    pub(super) references: bool,
    pub(super) texts: &'static [&'static str],
    pub(super) subs: &'static [&'static str],
}

static EMAILS: List = List {
    name: "emails",
    references: false,
    texts: &["value", "type", "display"],
    subs: &["value", "type", "display", "primary"],
};
static ADDRESSES: List = List {
    name: "addresses",
    references: false,
    texts: &["type", "locality", "country"],
    subs: &["type", "locality", "country", "primary"],
};
/// The service provider decides the type of a member: a `type` in a request is an echo, which the model leaves out.
static MEMBERS: List = List { name: "members", references: true, texts: &["value"], subs: &["value"] };
static USER_LISTS: &[&List] = &[&EMAILS, &ADDRESSES];
static GROUP_LISTS: &[&List] = &[&MEMBERS];

impl Kind {
    pub(super) fn lists(self) -> &'static [&'static List] {
        match self {
            Self::User => USER_LISTS,
            Self::Group => GROUP_LISTS,
        }
    }

    fn required(self) -> &'static str {
        match self {
            Self::User => "userName",
            Self::Group => "displayName",
        }
    }
}

/// The tolerated quirks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preset {
    Default,
    Entra,
    Strict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Replace,
    Remove,
}

#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A value without a path.
    Whole,
    /// A singular attribute, a sub-attribute of one, an extension, or the attributes of the core schema.
    Singular(&'static [&'static str]),
    List(&'static List),
    /// Elements of a list, all without a condition; a sub-attribute of them.
    Elements {
        list: &'static List,
        condition: Option<Condition>,
        sub: Option<&'static str>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    Equal(&'static str, Json),
    NotEqual(&'static str, Json),
    Contains(&'static str, &'static str),
    Present(&'static str),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) op: Op,
    pub(super) target: Target,
    pub(super) value: Option<Json>,
    /// The path is in capitals, which have the same meaning.
    pub(super) capitals: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Mutability,
    NoTarget,
    InvalidValue,
    InvalidSyntax,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |all: &[Self], joint: &str| {
            let all: Vec<_> = all.iter().map(|it| format!("({it})")).collect();
            all.join(joint)
        };
        match self {
            Self::Equal(name, value) => write!(f, "{name} eq {value}"),
            Self::NotEqual(name, value) => write!(f, "{name} ne {value}"),
            Self::Contains(name, text) => write!(f, "{name} co \"{text}\""),
            Self::Present(name) => write!(f, "{name} pr"),
            Self::All(all) => f.write_str(&joined(all, " and ")),
            Self::Any(all) => f.write_str(&joined(all, " or ")),
            Self::Not(one) => write!(f, "not ({one})"),
        }
    }
}

impl Operation {
    pub(super) fn json(&self) -> Json {
        let path = match &self.target {
            Target::Whole => None,
            Target::Singular(path) => Some(match path.split_first() {
                Some((&ENTERPRISE, [])) => ENTERPRISE.to_owned(),
                Some((&ENTERPRISE, rest)) => format!("{ENTERPRISE}:{}", rest.join(".")),
                _ => path.join("."),
            }),
            Target::List(list) => Some(list.name.to_owned()),
            Target::Elements { list, condition, sub } => {
                let condition = condition.as_ref().map(|it| format!("[{it}]")).unwrap_or_default();
                let sub = sub.map(|sub| format!(".{sub}")).unwrap_or_default();
                Some(format!("{}{condition}{sub}", list.name))
            }
        };
        let op = match self.op {
            Op::Add => "add",
            Op::Replace => "replace",
            Op::Remove => "remove",
        };
        let mut operation = json!({"op": op});
        if let Some(mut path) = path {
            if self.capitals && !path.contains('[') {
                path = path.to_ascii_uppercase();
            }
            operation["path"] = path.into();
        }
        if let Some(value) = &self.value {
            operation["value"] = value.clone();
        }
        operation
    }
}

impl List {
    /// Strings compare without case, but ids exactly.
    fn equal(&self, sub: &str, left: &Json, right: &Json) -> bool {
        match (left, right) {
            (Json::String(left), Json::String(right)) => {
                left == right || !(self.references && sub == "value") && left.eq_ignore_ascii_case(right)
            }
            _ => left == right,
        }
    }

    /// Whether the element has all given sub-attributes except `primary`. An element that has only `primary` is like
    /// others of that kind.
    fn includes(&self, element: &Json, given: &Json) -> bool {
        let rest = |it: &Json| it.as_object().is_some_and(|it| it.keys().any(|name| name != "primary"));
        if self.references {
            return element["value"] == given["value"];
        }
        if !rest(given) {
            return !rest(element);
        }
        let given = given.as_object().into_iter().flatten();
        given.filter(|(name, _)| *name != "primary").all(|(name, value)| self.equal(name, &element[name], value))
    }

    /// Whether two elements are the same value.
    pub(super) fn is_same(&self, left: &Json, right: &Json) -> bool {
        let count = |it: &Json| it.as_object().map(Map::len);
        if self.references {
            return left["value"] == right["value"];
        }
        let mut members = left.as_object().into_iter().flatten();
        count(left) == count(right) && members.all(|(name, value)| self.equal(name, &right[name], value))
    }

    /// Whether two elements are equal after single elements were changed: all elements that have only `primary` are
    /// equal.
    fn are_one(&self, left: &Json, right: &Json) -> bool {
        let only_primary = |it: &Json| it.as_object().is_some_and(|it| it.keys().all(|name| name == "primary"));
        self.is_same(left, right) || only_primary(left) && only_primary(right)
    }

    /// Whether a `remove` with this value names the element: by `value` if it is given, and then by `type` too;
    /// otherwise by all given sub-attributes. A sub-attribute that is unknown or empty selects nothing.
    fn names(&self, element: &Json, given: &Json) -> bool {
        if self.references {
            return element["value"] == given["value"];
        }
        let given = given.as_object().expect("an object");
        let says_nothing = |name: &str, value: &Json| value.is_null() || name == "value" && value == "";
        if given.iter().any(|(name, value)| !self.subs.contains(&name.as_str()) || says_nothing(name, value)) {
            return false;
        }
        let decides = |name: &str| !given.contains_key("value") || ["value", "type"].contains(&name);
        given.iter().filter(|(name, _)| decides(name)).all(|(name, value)| self.equal(name, &element[name], value))
    }
}

impl Condition {
    fn holds(&self, list: &List, element: &Json) -> bool {
        match self {
            Self::Equal(name, value) => list.equal(name, &element[*name], value),
            Self::NotEqual(name, value) => !list.equal(name, &element[*name], value),
            Self::Contains(name, text) => element[*name].as_str().is_some_and(|own| {
                if list.references && *name == "value" {
                    return own.contains(text);
                }
                own.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
            }),
            Self::Present(name) => !element[*name].is_null() && element[*name] != "",
            Self::All(all) => all.iter().all(|it| it.holds(list, element)),
            Self::Any(all) => all.iter().any(|it| it.holds(list, element)),
            Self::Not(one) => !one.holds(list, element),
        }
    }

    /// The element that the condition describes: `eq` joined by `and`, without contradiction.
    fn described(&self, list: &List) -> Option<Map<String, Json>> {
        match self {
            Self::Equal(name, value) => Some(Map::from_iter([((*name).to_owned(), value.clone())])),
            Self::All(all) => {
                let mut element = Map::new();
                for it in all {
                    for (name, value) in it.described(list)? {
                        match element.insert(name.clone(), value.clone()) {
                            Some(other) if !list.equal(&name, &other, &value) => return None,
                            _ => {}
                        }
                    }
                }
                Some(element)
            }
            _ => None,
        }
    }
}

/// A resource during a patch.
pub(super) struct Model {
    kind: Kind,
    preset: Preset,
    before: Json,
    after: Json,
    edited: BTreeSet<&'static str>,
}

type Result = std::result::Result<(), Refusal>;

impl Model {
    pub(super) fn new(kind: Kind, preset: Preset, before: Json) -> Self {
        Self { kind, preset, after: before.clone(), before, edited: BTreeSet::new() }
    }

    pub(super) fn document(&self) -> Json {
        self.after.clone()
    }

    /// All operations, or a refusal of the whole patch.
    pub(super) fn apply(&mut self, operations: &[Operation]) -> Result {
        operations.iter().try_for_each(|operation| self.well_formed(operation))?;
        operations.iter().try_for_each(|operation| self.operation(operation))?;
        self.finish()
    }

    /// `remove` needs a path; `add` and `replace` need a value (§3.5.2). Except in the strict preset, the condition of
    /// an `add` describes the value.
    fn well_formed(&self, operation: &Operation) -> Result {
        let describes = self.preset != Preset::Strict
            && matches!(operation.target, Target::Elements { condition: Some(_), sub: None, .. });
        match operation.op {
            Op::Remove if matches!(operation.target, Target::Whole) => Err(Refusal::NoTarget),
            Op::Remove => Ok(()),
            Op::Add if describes => Ok(()),
            _ if operation.value.is_none() => Err(Refusal::InvalidValue),
            _ => Ok(()),
        }
    }

    fn operation(&mut self, operation: &Operation) -> Result {
        let Operation { op, target, value, .. } = operation;
        let value = value.as_ref().filter(|value| !value.is_null());
        if *op == Op::Remove && value.is_some() && self.preset == Preset::Strict {
            return Err(Refusal::InvalidValue);
        }
        match target {
            Target::Whole => self.members(*op, value),
            Target::Singular([USER]) => match value {
                Some(_) => self.members(*op, value),
                None if *op == Op::Add => Ok(()),
                // The attributes of a resource cannot all be removed.
                None => Err(Refusal::NoTarget),
            },
            Target::Singular(path) => self.singular(*op, path, value),
            Target::List(list) => self.list(*op, list, value),
            Target::Elements { list, condition, sub } => {
                self.elements(*op, list, condition.as_ref(), *sub, operation.value.as_ref())
            }
        }
    }

    fn members(&mut self, op: Op, value: Option<&Json>) -> Result {
        let members = value.and_then(Json::as_object).into_iter().flatten();
        members.into_iter().try_for_each(|(name, value)| self.member(op, name, value))
    }

    /// A member of an object of attributes is a separate operation.
    fn member(&mut self, op: Op, name: &str, value: &Json) -> Result {
        let value = Some(value).filter(|value| !value.is_null());
        match self.kind.lists().iter().find(|list| list.name == name) {
            Some(list) => self.list(op, list, value),
            None => self.singular(op, &[name], value),
        }
    }

    fn singular(&mut self, op: Op, path: &[&str], value: Option<&Json>) -> Result {
        match (path, value) {
            // Nothing is added to an extension.
            ([ENTERPRISE], None) if op == Op::Add => return Ok(()),
            // A `remove` removes the attributes that the object names, whatever their values.
            ([ENTERPRISE], Some(Json::Object(members))) => {
                return members.iter().try_for_each(|(name, value)| match name.as_str() {
                    "unknown" if self.preset == Preset::Strict => Err(Refusal::InvalidSyntax),
                    "unknown" => Ok(()),
                    _ => self.singular(op, &[ENTERPRISE, name], Some(value).filter(|value| !value.is_null())),
                });
            }
            _ => {}
        }
        match (path, value.filter(|_| op != Op::Remove)) {
            // A complex value is merged; a null member is removed.
            (_, Some(Json::Object(members))) => {
                let (gone, set): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| value.is_null());
                for (name, value) in set.into_iter().chain(gone) {
                    let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
                    self.singular(op, &path, Some(value).filter(|value| !value.is_null()))?;
                }
                Ok(())
            }
            (_, Some(value)) => {
                let place = path.iter().fold(&mut self.after, |at, name| &mut at[*name]);
                *place = value.clone();
                Ok(())
            }
            (_, None) => self.unassign(op, path),
        }
    }

    fn unassign(&mut self, op: Op, path: &[&str]) -> Result {
        let place = path.iter().fold(&self.after, |at, name| &at[*name]);
        if place.is_null() {
            return Ok(());
        }
        match path {
            [name] if *name == self.kind.required() => return Err(Refusal::Mutability),
            // The attribute has a default, and an omission keeps the stored value.
            ["active"] if op == Op::Remove => return Err(Refusal::Mutability),
            ["active"] => return Ok(()),
            _ => {}
        }
        // A parent without other members is removed, too.
        for len in (1..=path.len()).rev() {
            let parent = path[..len - 1].iter().fold(&mut self.after, |at, name| &mut at[*name]);
            let parent = parent.as_object_mut().expect("an object");
            parent.remove(path[len - 1]);
            if !parent.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Whether this text counts as no value: the empty `value` of an element, except in the strict preset.
    fn is_no_text(&self, list: &List, sub: &str, value: &Json) -> bool {
        self.preset != Preset::Strict && !list.references && sub == "value" && value == ""
    }

    fn take(&self, list: &List) -> Vec<Json> {
        self.after[list.name].as_array().cloned().unwrap_or_default()
    }

    fn put(&mut self, list: &List, elements: Vec<Json>) {
        let document = self.after.as_object_mut().expect("an object");
        if elements.is_empty() {
            document.remove(list.name);
            self.edited.remove(list.name);
        } else {
            document.insert(list.name.to_owned(), elements.into());
        }
    }
}
