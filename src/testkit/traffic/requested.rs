//! The attributes that the request of a step filters by or writes, derived from the request alone.

use std::borrow::Cow;

use super::{
    catalog::TypeEntry,
    json::{self, Json},
    step::Step,
};
use crate::{
    filter::{Expression, Filter, Literal, Operator},
    limits::Limits,
    path::PathRef,
    quirks::{Quirk, Quirks, Reading, Tolerance},
};

/// The filter of a request.
pub(super) struct Selection(Filter);

impl Selection {
    /// Parses the filter of a query or of a search request (RFC 7644 §3.4.2.2, §3.4.3); `None` if the request has no
    /// filter or an invalid filter.
    pub(super) fn of(step: &Step) -> Option<Self> {
        let (_, query) = step.target.split_once('?').unwrap_or_default();
        let in_query = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "filter");
        let text = match in_query {
            Some((_, text)) => text,
            None => Cow::Owned(member(&document(step)?, "filter")?.as_str()?.to_owned()),
        };
        parse(&text).map(Self)
    }

    /// The attributes in the filter that the resource type lacks.
    pub(super) fn missing(&self, entry: &TypeEntry) -> Vec<String> {
        let mut missing = Vec::new();
        collect(self.0.expression(), None, entry, &mut missing);
        missing
    }

    /// Whether the filter selects nothing when one of its attributes has no value. This holds for filters of `eq`,
    /// `pr` and `and`, such as those of identity providers.
    pub(super) fn needs_every_attribute(&self) -> bool {
        needs_every_attribute(self.0.expression())
    }
}

fn needs_every_attribute(expression: Expression<'_>) -> bool {
    match expression {
        Expression::And(operands) => operands.into_iter().all(needs_every_attribute),
        Expression::Compare { operator, value, .. } => operator == Operator::Eq && value != Literal::Null,
        Expression::Present { .. } => true,
        Expression::ValuePath { condition, .. } => needs_every_attribute(condition.expression()),
        Expression::Or(_) | Expression::Not(_) => false,
    }
}

fn parse(filter: &str) -> Option<Filter> {
    let every = Quirk::ALL.iter().copied().fold(Quirks::strict(), Quirks::with);
    Filter::parse(filter, Reading::new(&Limits::default(), &mut Tolerance::new(every))).ok()
}

/// Adds the attributes of an expression that the resource type lacks. `within` is the attribute before the brackets.
fn collect(expression: Expression<'_>, within: Option<&str>, entry: &TypeEntry, missing: &mut Vec<String>) {
    match expression {
        Expression::And(operands) | Expression::Or(operands) => {
            operands.into_iter().for_each(|operand| collect(operand, within, entry, missing));
        }
        Expression::Not(operand) => collect(operand.expression(), within, entry, missing),
        Expression::Compare { path, .. } | Expression::Present { path } => {
            let full = within.map_or_else(|| path.text().to_owned(), |outer| format!("{outer}.{}", path.text()));
            if !has_plain_path(&full, entry) && !missing.contains(&full) {
                missing.push(full);
            }
        }
        Expression::ValuePath { path, condition } => {
            collect(condition.expression(), Some(path.text()), entry, missing);
        }
    }
}

fn has_plain_path(path: &str, entry: &TypeEntry) -> bool {
    PathRef::parse(path).is_ok_and(|path| entry.has_path(path))
}

/// Whether the resource type has all attributes of a PATCH path: `emails[type eq "work"].value` has three names.
pub(super) fn has_path(path: &str, entry: &TypeEntry) -> bool {
    let (Some(open), Some(close)) = (path.find('['), path.rfind(']')) else { return has_plain_path(path, entry) };
    let part = |range| path.get(range).unwrap_or_default();
    let (outer, condition, sub) = (part(0..open), part(open + 1..close), part(close + 1..path.len()));
    let mut missing = Vec::new();
    if let Some(condition) = parse(condition) {
        collect(condition.expression(), Some(outer), entry, &mut missing);
    }
    missing.is_empty() && has_plain_path(&format!("{outer}{sub}"), entry)
}

/// An attribute that a PATCH operation writes.
pub(super) struct Target {
    /// The path, spelled as in the request.
    pub(super) path: String,
    /// The habit that a service provider without the attribute has to tolerate; `None` if the attribute is registered.
    pub(super) missing: Option<Quirk>,
}

/// The attributes that a PATCH request writes (RFC 7644 §3.5.2), without the common attributes.
pub(super) fn targets(step: &Step, entry: &TypeEntry) -> Vec<Target> {
    let body = if step.method == "PATCH" { document(step) } else { None };
    let operations = body.as_ref().and_then(|body| member(body, "Operations")).and_then(Json::as_array);
    let mut targets = Vec::new();
    for operation in operations.into_iter().flatten() {
        if let Some(path) = member(operation, "path").and_then(Json::as_str) {
            targets.push(target(path, Quirk::UnknownPath, entry));
            continue;
        }
        let value = match member(operation, "value") {
            // A client may pack the value into a string.
            Some(Json::String(packed)) => serde_json::from_str(packed).unwrap_or_default(),
            Some(value) => value.clone(),
            None => Json::Null,
        };
        for key in value.as_object().into_iter().flat_map(serde_json::Map::keys) {
            let is_name = PathRef::parse(key).is_ok_and(|path| path.attribute() == key);
            targets.push(target(key, if is_name { Quirk::UnknownAttribute } else { Quirk::UnknownPath }, entry));
        }
    }
    targets.retain(|target| !["schemas", "id", "meta"].iter().any(|name| target.path.eq_ignore_ascii_case(name)));
    targets
}

/// Whether a PUT sends back the document that it read, and changes unregistered attributes only.
pub(super) fn changes_nothing(step: &Step, entry: &TypeEntry) -> bool {
    let body = if step.method == "PUT" && step.echo.is_some() { document(step) } else { None };
    body.as_ref().and_then(Json::as_object).is_some_and(|body| body.keys().all(|name| !entry.has(&[name])))
}

fn target(path: &str, habit: Quirk, entry: &TypeEntry) -> Target {
    Target { path: path.to_owned(), missing: (!has_path(path, entry)).then_some(habit) }
}

/// The habits that a resource body shows to a service provider that lacks some of its attributes and schemas.
pub(super) fn habits_of_body(step: &Step, entry: &TypeEntry) -> Quirks {
    let mut habits = Quirks::strict();
    if !["POST", "PUT"].contains(&step.method.as_str()) {
        return habits;
    }
    let Some(body) = document(step) else { return habits };
    if body.as_object().is_some_and(|body| body.keys().any(|name| !entry.has(&[name]))) {
        habits = habits.with(Quirk::UnknownAttribute);
    }
    let mut schemas = json::elements(&body, "/schemas").iter().filter_map(Json::as_str);
    if schemas.any(|uri| !entry.has_schema(uri)) {
        habits = habits.with(Quirk::UnknownSchema);
    }
    habits
}

/// The body as in the data. The names in it stand within strings, so the body is JSON before the values are filled in.
fn document(step: &Step) -> Option<Json> {
    serde_json::from_str(step.body.as_deref()?).ok()
}

/// A member of an object; the case of the name does not matter.
fn member<'a>(object: &'a Json, name: &str) -> Option<&'a Json> {
    let mut members = object.as_object()?.iter();
    members.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
