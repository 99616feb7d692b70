//! Resources and operations for the model, made from the fuzzer's decisions.

use serde_json::{Map, Value as Json, json};

use super::model::{Condition, Kind, List, Op, Operation, Target};
use crate::{choice::Choices, host::USER, samples::ENTERPRISE};

const TEXTS: &[&str] = &["a", "A", "b", "work", "Work", "c@x", "home"];
const SIMPLE: &[&[&str]] = &[
    &["title"],
    &["displayName"],
    &["userName"],
    &["active"],
    &["name", "givenName"],
    &["name", "familyName"],
    &[ENTERPRISE, "department"],
    &[ENTERPRISE, "costCenter"],
    &[ENTERPRISE, "manager", "value"],
];

fn text(choices: &mut Choices<'_>) -> Json {
    choices.pick(TEXTS).into()
}

fn element(choices: &mut Choices<'_>, list: &List) -> Json {
    let mut element = Map::new();
    for name in list.texts {
        if choices.one_in(2) {
            element.insert((*name).to_owned(), text(choices));
        }
    }
    if !list.references && choices.one_in(4) {
        element.insert("primary".to_owned(), choices.pick(&[true, false]).into());
    }
    if element.is_empty() {
        element.insert(list.texts[0].to_owned(), text(choices));
    }
    if list.references && choices.one_in(3) {
        element.insert("type".to_owned(), "User".into());
    }
    element.into()
}

fn elements(choices: &mut Choices<'_>, list: &List) -> Vec<Json> {
    (0..choices.below(5)).map(|_| element(choices, list)).collect()
}

/// An element of a request: in one of six cases without content, or with an empty member.
fn sent(choices: &mut Choices<'_>, list: &List) -> Json {
    let mut sent = element(choices, list);
    if choices.one_in(6) {
        match choices.below(5) {
            0 => sent = json!({}),
            1 => sent = json!({"unknown": "x"}),
            2 => sent["unknown"] = "x".into(),
            3 => sent[choices.pick(list.subs)] = Json::Null,
            _ => sent[list.texts[0]] = "".into(),
        }
    }
    sent
}

/// A stored resource.
pub(super) fn stored(choices: &mut Choices<'_>, kind: Kind) -> Json {
    let mut document = match kind {
        Kind::User => json!({"id": "1", "userName": "u"}),
        Kind::Group => json!({"id": "1", "displayName": "d"}),
    };
    for list in kind.lists() {
        let mut unique: Vec<Json> = Vec::new();
        for mut element in elements(choices, list) {
            if unique.iter().any(|known| known["primary"] == true) && element["primary"] == true {
                element["primary"] = false.into();
            }
            if unique.iter().all(|known| !list.is_same(known, &element)) {
                unique.push(element);
            }
        }
        if !unique.is_empty() {
            document[list.name] = unique.into();
        }
    }
    if kind == Kind::User {
        if choices.one_in(2) {
            document["active"] = choices.pick(&[true, false]).into();
        }
        for path in SIMPLE {
            if path != &["active"] && choices.one_in(3) {
                let at = path.iter().fold(&mut document, |at, name| &mut at[name]);
                *at = text(choices);
            }
        }
    }
    document
}

/// One operation, with a value that mostly fits.
pub(super) fn operation(choices: &mut Choices<'_>, kind: Kind) -> Operation {
    let op = choices.pick(&[Op::Add, Op::Replace, Op::Remove]);
    let target = match kind {
        Kind::Group if choices.one_in(6) => Target::Singular(&["displayName"]),
        _ => match choices.below(10) {
            0..=2 if kind == Kind::User => Target::Singular(choices.pick(SIMPLE)),
            3 if kind == Kind::User => {
                Target::Singular(choices.pick(&[&["name"][..], &[ENTERPRISE, "manager"], &[ENTERPRISE], &[USER]]))
            }
            4 => Target::Whole,
            5 | 6 => Target::List(choices.pick(kind.lists())),
            _ => {
                let list = choices.pick(kind.lists());
                let condition = (!choices.one_in(8)).then(|| condition(choices, list, 2));
                let sub = condition.is_none() || choices.one_in(2);
                Target::Elements { list, condition, sub: sub.then(|| choices.pick(list.subs)) }
            }
        },
    };
    let value = match &target {
        Target::Whole => Some(whole(choices, kind)),
        Target::Singular([USER]) => (!choices.one_in(8)).then(|| whole(choices, kind)),
        Target::Singular(path) => singular(choices, path),
        Target::List(list) => list_value(choices, list),
        Target::Elements { list, sub, .. } => match (choices.below(8), sub) {
            (0, _) => None,
            (1, _) => Some(Json::Null),
            (_, Some("primary")) => Some(choices.pick(&[true, false]).into()),
            (2, Some(_)) if !list.references => Some("".into()),
            (_, Some(_)) => Some(text(choices)),
            // A merge clears a sub-attribute that is null.
            (_, None) => Some(sent(choices, list)),
        },
    };
    // A `remove` has a value only for a list and for an object of attributes.
    let is_narrowed = matches!(target, Target::List(_) | Target::Singular([ENTERPRISE] | [USER]));
    let value = value.filter(|_| op != Op::Remove || is_narrowed || choices.one_in(8));
    Operation { op, target, value, capitals: choices.one_in(8) }
}

fn singular(choices: &mut Choices<'_>, path: &[&str]) -> Option<Json> {
    let object = |choices: &mut Choices<'_>, names: &[&str]| {
        let mut object = Map::new();
        for name in names {
            match choices.below(4) {
                0 | 1 => {}
                2 => drop(object.insert((*name).to_owned(), text(choices))),
                _ => drop(object.insert((*name).to_owned(), Json::Null)),
            }
        }
        Json::Object(object)
    };
    match (choices.below(12), path) {
        (0, _) => Some(Json::Null),
        (1, _) => None,
        (2, ["title" | "userName" | "displayName"] | [.., "department"]) => Some("".into()),
        (_, ["active"]) => Some(choices.pick(&[true, false]).into()),
        (_, ["name"]) => Some(object(choices, &["givenName", "familyName"])),
        (_, [.., "manager"]) => Some(json!({"value": text(choices)})),
        (_, [ENTERPRISE]) => {
            let mut extension = object(choices, &["department", "costCenter"]);
            if choices.one_in(4) {
                extension["manager"] = Json::Null;
            }
            if choices.one_in(8) {
                extension["unknown"] = "x".into();
            }
            Some(extension)
        }
        _ => Some(text(choices)),
    }
}

fn list_value(choices: &mut Choices<'_>, list: &List) -> Option<Json> {
    match choices.below(10) {
        0 => None,
        1 => Some(Json::Null),
        _ => Some((0..choices.below(5)).map(|_| sent(choices, list)).collect()),
    }
}

fn whole(choices: &mut Choices<'_>, kind: Kind) -> Json {
    let mut object = Map::new();
    for _ in 0..=choices.below(3) {
        let (name, value) = match (kind, choices.below(4)) {
            (Kind::User, 0) => {
                let path = choices.pick(&[&["title"], &["userName"], &["active"], &["name"], &[ENTERPRISE]]);
                (path[0], singular(choices, path))
            }
            _ => {
                let list = choices.pick(kind.lists());
                (list.name, list_value(choices, list))
            }
        };
        object.insert(name.to_owned(), value.unwrap_or_default());
    }
    object.into()
}

fn condition(choices: &mut Choices<'_>, list: &List, depth: usize) -> Condition {
    let nested = |choices: &mut Choices<'_>| (0..2).map(|_| condition(choices, list, depth - 1)).collect();
    let name = choices.pick(list.texts);
    let word = choices.pick(TEXTS);
    match choices.below(if depth == 0 { 9 } else { 12 }) {
        0..=4 => Condition::Equal(name, word.into()),
        5 if !list.references => Condition::Equal("primary", choices.pick(&[true, false]).into()),
        6 => Condition::NotEqual(name, word.into()),
        7 => Condition::Present(name),
        8 => Condition::Contains(name, word),
        9 | 10 => Condition::All(nested(choices)),
        11 if choices.one_in(2) => Condition::Not(Box::new(condition(choices, list, 0))),
        11 => Condition::Any(nested(choices)),
        _ => Condition::Equal(name, word.into()),
    }
}
