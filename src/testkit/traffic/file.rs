//! The JSON form of a sequence, and everything that can be wrong with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Traffic,
    expect::{Condition, Expect, Kind, Test, VersionOf},
    json::{self, Json},
    step::{Step, Walk},
    template,
};
use crate::quirks::{Quirk, Quirks};

/// An error in the JSON of a sequence, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct TrafficError {
    place: String,
    what: String,
}

impl TrafficError {
    fn new(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self { place: place.into(), what: what.to_string() }
    }

    /// The place of the error: `the sequence`, or the step.
    pub fn place(&self) -> &str {
        &self.place
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SequenceForm {
    name: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    values: BTreeMap<String, String>,
    #[serde(default)]
    shapes: BTreeMap<String, Conditions>,
    steps: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TogetherForm<'a> {
    #[serde(borrow)]
    together: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepForm {
    id: String,
    #[serde(default)]
    from: Vec<String>,
    when: String,
    send: String,
    /// `null` leaves out a header of the sequence.
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    echo: Option<String>,
    body: Option<Box<RawValue>>,
    expect: ExpectForm,
    otherwise: String,
    #[serde(default)]
    keep: BTreeMap<String, String>,
    #[serde(default)]
    quirks: Vec<String>,
    walk: Option<Walk>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectForm {
    status: Json,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    shape: Option<String>,
    same_version: Option<String>,
    other_version: Option<String>,
    #[serde(default)]
    body: Conditions,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Conditions {
    has: BTreeMap<String, Json>,
    lacks: Vec<String>,
    is: BTreeMap<String, Kind>,
    count: BTreeMap<String, usize>,
    contains: BTreeMap<String, Vec<Json>>,
    without: BTreeMap<String, Vec<Json>>,
    exactly: BTreeMap<String, Vec<Json>>,
}

impl Conditions {
    fn list(self) -> Result<Vec<Condition>, String> {
        let mut tests: Vec<(String, Test)> = Vec::new();
        tests.extend(self.has.into_iter().map(|(at, value)| (at, Test::Equals(value))));
        tests.extend(self.lacks.into_iter().map(|at| (at, Test::Absent)));
        tests.extend(self.is.into_iter().map(|(at, resource_type)| (at, Test::Is(resource_type))));
        tests.extend(self.count.into_iter().map(|(at, count)| (at, Test::Count(count))));
        tests.extend(self.exactly.into_iter().map(|(at, all)| (at, Test::Exactly(all))));
        for (at, values) in self.contains {
            tests.extend(values.into_iter().map(|value| (at.clone(), Test::Contains(value))));
        }
        for (at, values) in self.without {
            tests.extend(values.into_iter().map(|value| (at.clone(), Test::Without(value))));
        }
        tests.iter().try_for_each(|(at, _)| pointer(at))?;
        Ok(tests.into_iter().map(|(at, test)| Condition { at, test }).collect())
    }
}

fn pointer(text: &str) -> Result<(), String> {
    if text.is_empty() || text.starts_with('/') {
        return Ok(());
    }
    Err(format!("expected a JSON pointer, which begins with '/', found '{text}'"))
}

fn statuses(json: &Json) -> Result<Vec<u16>, String> {
    let one = |json: &Json| json.as_u64().and_then(|status| u16::try_from(status).ok());
    let found: Option<Vec<u16>> = match json.as_array() {
        Some(all) => all.iter().map(one).collect(),
        None => one(json).map(|status| vec![status]),
    };
    let valid = |found: &Vec<u16>| !found.is_empty() && found.iter().all(|status| (100..600).contains(status));
    found.filter(valid).ok_or_else(|| format!("expected a status from 100 to 599 or an array of them, found {json}"))
}

/// The names that the steps read so far provide.
struct ProvidedNames {
    ids: BTreeSet<String>,
    values: BTreeSet<String>,
    shapes: BTreeMap<String, Vec<Condition>>,
}

impl ProvidedNames {
    fn add_value(&mut self, name: &str) -> Result<(), String> {
        if !template::is_name(name) {
            return Err(format!("expected a name that has a letter and then letters, digits and '_', found '{name}'"));
        }
        if RESERVED.contains(&name) || !self.values.insert(name.to_owned()) {
            return Err(format!("expected a name that is not taken, found '{name}'"));
        }
        Ok(())
    }
}

/// Names whose value differs for each response or request.
const RESERVED: [&str; 3] = ["status", "start", "cursor"];

pub(super) fn read(text: &str) -> Result<Traffic, TrafficError> {
    let whole = |what: String| TrafficError::new("the sequence", what);
    let form: SequenceForm = serde_json::from_str(text).map_err(|error| whole(error.to_string()))?;
    if form.steps.is_empty() {
        return Err(whole("expected at least one step, found none".to_owned()));
    }
    let mut known = ProvidedNames { ids: BTreeSet::new(), values: ["run".to_owned()].into(), shapes: BTreeMap::new() };
    for (name, value) in &form.values {
        if let Some(other) = template::names(value).find(|name| *name != "run") {
            return Err(whole(format!("the value '{name}': expected no name but {{run}}, found {{{other}}}")));
        }
    }
    form.values.keys().try_for_each(|name| known.add_value(name)).map_err(whole)?;
    for (name, shape) in form.shapes {
        let shape = shape.list().map_err(|what| whole(format!("the shape '{name}': {what}")))?;
        known.shapes.insert(name, shape);
    }
    let mut acts = Vec::new();
    for (index, entry) in form.steps.iter().enumerate() {
        acts.push(act(entry, &format!("step {}", index + 1), &mut known)?);
    }
    let pairs = |map: BTreeMap<String, String>| map.into_iter().collect();
    Ok(Traffic { name: form.name, headers: pairs(form.headers), values: pairs(form.values), acts })
}

/// A step, or several steps that are sent together. Steps that are sent together do not see each other's values.
fn act(entry: &RawValue, place: &str, known: &mut ProvidedNames) -> Result<Vec<Step>, TrafficError> {
    let wrong = |what: &dyn fmt::Display| TrafficError::new(place, what);
    let json: Json = serde_json::from_str(entry.get()).map_err(|error| wrong(&error))?;
    let entries = if json.get("together").is_some() {
        let form: TogetherForm<'_> = serde_json::from_str(entry.get()).map_err(|error| wrong(&error))?;
        if form.together.len() < 2 {
            return Err(wrong(&"expected at least two steps together"));
        }
        form.together
    } else {
        vec![entry]
    };
    let mut steps = Vec::new();
    for entry in &entries {
        let form: StepForm = serde_json::from_str(entry.get()).map_err(|error| wrong(&error))?;
        let id = form.id.clone();
        let step = step(form, known).map_err(|what| TrafficError::new(format!("{place}, '{id}'"), what))?;
        steps.push(step);
    }
    for step in &steps {
        let wrong = |what: String| TrafficError::new(format!("{place}, '{}'", step.id), what);
        if !known.ids.insert(step.id.clone()) {
            return Err(wrong("expected an id that is not taken".to_owned()));
        }
        step.keep.iter().try_for_each(|(name, _)| known.add_value(name)).map_err(wrong)?;
    }
    Ok(steps)
}

fn step(form: StepForm, known: &ProvidedNames) -> Result<Step, String> {
    let Some((method, target)) = form.send.split_once(' ').filter(|(_, target)| target.starts_with('/')) else {
        return Err(format!("expected a method, a space and a target that begins with '/', found '{}'", form.send));
    };
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("expected a method in capitals, found '{method}'"));
    }
    let body = form.body.map(|body| json::compact(body.get()));
    check_sent(&form.headers, method, target, form.walk, (form.echo.as_deref(), body.as_deref()), known)?;

    let version = match (form.expect.same_version, form.expect.other_version) {
        (Some(_), Some(_)) => return Err("expected same_version or other_version, found both".to_owned()),
        (Some(step), None) => Some(VersionOf::Same(step)),
        (None, Some(step)) => Some(VersionOf::Other(step)),
        (None, None) => None,
    };
    if let Some(step) = version.as_ref().map(VersionOf::step).filter(|step| !known.ids.contains(*step)) {
        return Err(format!("expected the version of an earlier step, found '{step}'"));
    }
    let shape = match form.expect.shape {
        Some(name) => known
            .shapes
            .get(&name)
            .cloned()
            .ok_or_else(|| format!("expected a shape of the sequence's, found '{name}'"))?,
        None => Vec::new(),
    };
    let conditions = form.expect.body.list()?;
    form.keep.values().try_for_each(|at| pointer(at))?;
    let quirk = |name: &String| {
        let quirk = Quirk::ALL.iter().find(|quirk| quirk.name() == name);
        quirk.copied().ok_or_else(|| format!("expected the name of a quirk, found '{name}'"))
    };
    let quirks =
        form.quirks.iter().map(quirk).try_fold(Quirks::strict(), |all, quirk| Ok::<_, String>(all.with(quirk?)))?;
    let expect = Expect {
        status: statuses(&form.expect.status)?,
        headers: form.expect.headers.into_iter().collect(),
        shape,
        conditions,
        version,
    };
    // An expectation may use the values of its own response.
    let own = |name: &str| form.keep.contains_key(name) || name == "status" || known.values.contains(name);
    if let Some(name) = expect.names().find(|name| !own(name)) {
        return Err(unknown(&name));
    }
    Ok(Step {
        id: form.id,
        from: form.from,
        when: form.when,
        method: method.to_owned(),
        target: target.to_owned(),
        headers: form.headers.into_iter().collect(),
        echo: form.echo,
        body,
        expect,
        otherwise: form.otherwise,
        keep: form.keep.into_iter().collect(),
        quirks,
        walk: form.walk,
    })
}

/// Whether every name in a request is known at this step.
fn check_sent(
    headers: &BTreeMap<String, Option<String>>,
    method: &str,
    target: &str,
    walk: Option<Walk>,
    (echo, body): (Option<&str>, Option<&str>),
    known: &ProvidedNames,
) -> Result<(), String> {
    let page = walk.map(Walk::name);
    let walks = |page: &&str| method == "GET" && body.is_none() && template::names(target).any(|name| name == *page);
    if let Some(page) = page.filter(|page| !walks(page)) {
        return Err(format!("expected a GET with {{{page}}} in its target, for a walk"));
    }
    let used = template::names(target).filter(|name| Some(*name) != page);
    let used = used.chain(headers.values().flatten().flat_map(|value| template::names(value)));
    let mut used = used.chain(body.into_iter().flat_map(template::names)).chain(echo);
    used.find(|name| !known.values.contains(*name)).map_or(Ok(()), |name| Err(unknown(name)))
}

fn unknown(name: &str) -> String {
    format!("expected a value that an earlier step keeps, found {{{name}}}")
}
