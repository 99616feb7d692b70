//! The expectations of a step that apply to a service provider with fewer registered attributes than the identity
//! provider can send.
//!
//! The request stays unchanged, since the identity provider sends it in any case. Every expectation about a registered
//! attribute stays as well. A step without such an expectation is not applicable.

use super::{
    catalog::{Catalog, TypeEntry},
    expect::{Condition, Expect, Test, VersionOf},
    json::Json,
    requested::{self, Selection},
    step::Step,
};
use crate::quirks::Quirks;

/// The refusals that an identity provider would never meet, since no administrator maps an attribute or a resource
/// type that the service provider does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Never,
    /// 400: the filter names an unregistered attribute.
    Filter,
    /// Any 4xx, and 501: the endpoint does not exist.
    Endpoint,
}

impl Refusal {
    pub(super) fn covers(self, status: u16) -> bool {
        match self {
            Self::Never => false,
            Self::Filter => status == 400,
            Self::Endpoint => (400..500).contains(&status) || status == 501,
        }
    }
}

/// The expectations of a step for one service provider.
#[derive(Clone, Debug)]
pub(super) struct Adapted {
    pub(super) expect: Expect,
    /// The unregistered attributes and schemas of the expectations that were left out, in the order of the
    /// expectations.
    pub(super) left_out: Vec<String>,
    /// The reason why the step is not applicable.
    pub(super) not_applicable: Option<String>,
    pub(super) refusal: Refusal,
    /// The habits that the request shows only to a service provider without these attributes.
    pub(super) quirks: Quirks,
    /// Names of kept values that a response without unregistered attributes cannot give.
    pub(super) not_kept: Vec<String>,
}

/// The body of the response, and the resource type whose attributes the body contains.
enum Answer<'a> {
    Resource(&'a TypeEntry),
    List(&'a TypeEntry),
    /// `/Schemas`
    Schemas,
    /// `/Schemas/{uri}`
    Schema(&'a str),
    /// `/ResourceTypes`
    ResourceTypes,
    /// An endpoint of a resource type that is not registered.
    Unregistered(&'a str),
    /// Everything else: an error, the configuration, a list of all types.
    Other,
}

fn answer<'a>(step: &'a Step, catalog: &'a Catalog) -> Answer<'a> {
    let (path, _) = step.target.split_once('?').unwrap_or((&step.target, ""));
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        ["Schemas"] => Answer::Schemas,
        ["Schemas", uri] => Answer::Schema(uri),
        ["ResourceTypes"] => Answer::ResourceTypes,
        [] | [".search" | "ServiceProviderConfig" | "Bulk" | "Me" | "Schemas" | "ResourceTypes", ..] => Answer::Other,
        [endpoint, rest @ ..] => match (catalog.endpoint(endpoint), rest) {
            (None, _) => Answer::Unregistered(endpoint),
            (Some(entry), [".search"]) => Answer::List(entry),
            (Some(entry), []) if step.method == "GET" => Answer::List(entry),
            (Some(entry), _) => Answer::Resource(entry),
        },
    }
}

/// Returns the part of a step that applies to a service provider with these attributes. `standard` has the attributes
/// of the RFCs. A negative expectation about one of those concerns the attribute; any other negative expectation
/// concerns a name that no service should store.
pub(super) fn adapt(step: &Step, catalog: &Catalog, standard: &Catalog) -> Adapted {
    let answer = answer(step, catalog);
    let refused = step.expect.status.iter().all(|status| *status >= 400);
    let absent = match answer {
        Answer::Unregistered(endpoint) => Some(format!("no resource type is registered at /{endpoint}")),
        Answer::Schema(uri) if is_absent(uri, catalog, standard) => Some(format!("{uri} is not registered")),
        _ => None,
    };
    if let Some(reason) = absent.filter(|_| !refused) {
        let expect = Expect { status: step.expect.status.clone(), ..Expect::default() };
        return Adapted { not_applicable: Some(reason), refusal: Refusal::Endpoint, ..Adapted::new(expect) };
    }
    let standard = match answer {
        Answer::Resource(entry) | Answer::List(entry) => standard.endpoint(entry.endpoint()),
        _ => None,
    };
    let mut pruning =
        Pruning { answer: &answer, catalog, standard, left_out: Names::default(), purpose: Purpose::default() };
    let expect = if refused { step.expect.clone() } else { pruning.expect(&step.expect) };
    let Pruning { left_out, purpose, .. } = pruning;
    let mut adapted = Adapted { left_out: left_out.0, ..Adapted::new(expect) };
    if !purpose.registered && !purpose.unregistered.0.is_empty() {
        let reason = format!("it looks only at unregistered attributes: {}", purpose.unregistered.0.join(", "));
        adapted.not_applicable = Some(reason);
    }
    adapted.not_kept = not_kept(step, &answer);
    match answer {
        Answer::List(entry) if !refused => adapted.apply_filter(step, entry),
        Answer::Resource(entry) => adapted.apply_request(step, entry, standard, refused),
        _ => {}
    }
    let stays = matches!(answer, Answer::Resource(entry) if requested::changes_nothing(step, entry));
    if adapted.not_applicable.is_some() || stays {
        // The request changes no registered attribute, so the version stays.
        adapted.expect.version = adapted.expect.version.take().filter(|version| matches!(version, VersionOf::Same(_)));
    }
    if stays && refused && adapted.not_applicable.is_none() {
        // The version that the request names is still the present one, if the change before it had no effect either.
        adapted.not_applicable = Some("it writes only unregistered attributes".to_owned());
        adapted.expect = Expect { status: [&step.expect.status[..], &[200, 204]].concat(), ..Expect::default() };
    }
    adapted
}

/// Whether a schema of the RFCs belongs to no registered resource type.
fn is_absent(uri: &str, catalog: &Catalog, standard: &Catalog) -> bool {
    catalog.with_schema(uri).next().is_none() && standard.with_schema(uri).next().is_some()
}

impl Adapted {
    /// Returns the expectations unchanged.
    pub(super) fn new(expect: Expect) -> Self {
        Self {
            expect,
            left_out: Vec::new(),
            not_applicable: None,
            refusal: Refusal::Never,
            quirks: Quirks::strict(),
            not_kept: Vec::new(),
        }
    }

    /// Whether the service provider may refuse the request with this status although the step expects another status.
    pub(super) fn may_be_refused_with(&self, status: u16) -> bool {
        self.refusal.covers(status) && !self.expect.status.contains(&status)
    }

    /// Adapts a step that filters by an unregistered attribute.
    fn apply_filter(&mut self, step: &Step, entry: &TypeEntry) {
        let Some(selection) = Selection::of(step) else { return };
        let missing = selection.missing(entry);
        if missing.is_empty() {
            return;
        }
        self.not_applicable = Some(format!("it filters by unregistered attributes: {}", missing.join(", ")));
        self.refusal = Refusal::Filter;
        self.not_kept = step.keep.iter().map(|(name, _)| name.clone()).collect();
        self.expect.conditions.clear();
        if selection.needs_every_attribute() {
            // A service that ignores such a filter would return a resource of another person.
            let none = Condition { at: "/totalResults".to_owned(), test: Test::Equals(Json::from(0)) };
            self.expect.conditions.push(none);
        }
    }

    /// Adapts a step that writes unregistered attributes.
    fn apply_request(&mut self, step: &Step, entry: &TypeEntry, standard: Option<&TypeEntry>, refused: bool) {
        let known = |path: &str| standard.is_some_and(|standard| requested::has_path(path, standard));
        let targets = requested::targets(step, entry);
        let missing = targets.iter().filter_map(|target| target.missing);
        self.quirks = missing.fold(requested::habits_of_body(step, entry), Quirks::with);
        let none_registered = !targets.is_empty() && targets.iter().all(|target| target.missing.is_some());
        if none_registered && targets.iter().any(|target| known(&target.path)) {
            let mut paths = Names::default();
            for target in &targets {
                paths.add(&target.path);
            }
            self.not_applicable = Some(format!("it writes only unregistered attributes: {}", paths.0.join(", ")));
            if refused {
                // The value that deserves a refusal belongs to an attribute that the service provider does not read.
                self.expect = Expect { status: [&self.expect.status[..], &[200, 204]].concat(), ..Expect::default() };
            }
        }
    }
}

/// Returns the names of kept values whose attributes are unregistered.
fn not_kept(step: &Step, answer: &Answer<'_>) -> Vec<String> {
    let is_missing = |at: &str| match (answer, route(at).as_slice()) {
        (Answer::List(entry), ["Resources", route @ ..]) | (Answer::Resource(entry), route) => !entry.has(route),
        _ => false,
    };
    step.keep.iter().filter(|(_, at)| is_missing(at)).map(|(name, _)| name.clone()).collect()
}

/// The members in a JSON pointer, without positions in arrays, which do not name attributes.
fn route(pointer: &str) -> Vec<&str> {
    let tokens = pointer.split('/').skip(1);
    tokens.filter(|token| token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

/// A route as a path: `addresses.postalCode`, or `urn:…:User:manager.value`.
fn path(route: &[&str]) -> String {
    match route.split_first() {
        Some((uri, rest)) if uri.contains(':') && !rest.is_empty() => format!("{uri}:{}", rest.join(".")),
        _ => route.join("."),
    }
}

/// Distinct names in the order of their first occurrence.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn add(&mut self, name: &str) {
        if !self.0.iter().any(|known| known == name) {
            self.0.push(name.to_owned());
        }
    }
}

/// The attributes that the conditions of a step concern. The status, the id and similar values concern no attribute.
#[derive(Default)]
struct Purpose {
    /// Whether some attribute is registered, or a condition concerns a list as a whole.
    registered: bool,
    unregistered: Names,
}

struct Pruning<'a> {
    answer: &'a Answer<'a>,
    catalog: &'a Catalog,
    standard: Option<&'a TypeEntry>,
    left_out: Names,
    purpose: Purpose,
}

impl Pruning<'_> {
    fn expect(&mut self, expect: &Expect) -> Expect {
        // A shape applies to every response of a kind, so it is not the purpose of a step.
        let shape = expect.shape.iter().filter_map(|condition| self.condition(condition)).collect();
        self.purpose = Purpose::default();
        let conditions = expect.conditions.iter().filter_map(|condition| self.condition(condition)).collect();
        Expect { shape, conditions, ..expect.clone() }
    }

    fn condition(&mut self, condition: &Condition) -> Option<Condition> {
        let route = route(&condition.at);
        match (self.answer, route.as_slice()) {
            (Answer::Resource(entry), route) => self.of_resource(entry, route, condition),
            (Answer::List(entry), ["Resources"]) => self.of_resource(entry, &[], condition),
            (Answer::List(entry), ["Resources", rest @ ..]) => self.of_resource(entry, rest, condition),
            (Answer::Schemas, ["Resources"]) => {
                let catalog = self.catalog;
                self.of_elements(condition, "id", |uri| catalog.with_schema(uri).next().is_some())
            }
            (Answer::ResourceTypes, ["Resources"]) => {
                let catalog = self.catalog;
                let registered = |endpoint: &str| catalog.endpoint(endpoint.trim_start_matches('/')).is_some();
                self.of_elements(condition, "endpoint", registered)
            }
            (Answer::Schema(uri), ["attributes"]) => {
                let catalog = self.catalog;
                let defines = |name: &str| catalog.with_schema(uri).any(|entry| entry.defines(uri, name));
                self.of_elements(condition, "name", defines)
            }
            _ => {
                self.purpose.registered = true;
                Some(condition.clone())
            }
        }
    }

    /// Checks a condition about the elements of a discovery list, which have a name.
    fn of_elements(&mut self, condition: &Condition, name: &str, is_there: impl Fn(&str) -> bool) -> Option<Condition> {
        if let Test::Contains(wanted) = &condition.test
            && let Some(named) = wanted.get(name).and_then(Json::as_str)
            && !is_there(named)
        {
            self.leave_out(named);
            return None;
        }
        self.purpose.registered = true;
        Some(condition.clone())
    }

    fn of_resource(&mut self, entry: &TypeEntry, route: &[&str], condition: &Condition) -> Option<Condition> {
        let requires_nothing = match &condition.test {
            Test::Absent | Test::Without(_) | Test::Count(0) => true,
            Test::Exactly(all) => all.is_empty(),
            Test::Equals(_) | Test::Is(_) | Test::Count(_) | Test::Contains(_) => false,
        };
        if !entry.has(route) {
            if !requires_nothing {
                self.leave_out(&path(route));
                return None;
            }
            // The condition is still checked but shows nothing: the attribute is absent in any case.
            if self.standard.is_some_and(|standard| standard.has(route)) {
                self.purpose.unregistered.add(&path(route));
            }
            return Some(condition.clone());
        }
        let mut prune = |value: &Json| self.value(entry, route, value);
        let test = match &condition.test {
            Test::Equals(value) => Test::Equals(prune(value)?),
            Test::Contains(value) => Test::Contains(prune(value)?),
            // With fewer members the condition would exclude unrelated elements.
            Test::Without(value) => Test::Without(prune(value).filter(|pruned| pruned == value)?),
            Test::Exactly(all) if all.is_empty() => Test::Exactly(Vec::new()),
            Test::Exactly(all) => match prune(&Json::Array(all.clone()))? {
                Json::Array(all) => Test::Exactly(all),
                _ => return None,
            },
            test @ (Test::Absent | Test::Is(_) | Test::Count(_)) => test.clone(),
        };
        if !matches!(route, ["schemas" | "id" | "meta", ..]) {
            self.purpose.registered = true;
        }
        Some(Condition { at: condition.at.clone(), test })
    }

    /// An expected value without its unregistered members; `None` if the value becomes empty.
    fn value(&mut self, entry: &TypeEntry, route: &[&str], value: &Json) -> Option<Json> {
        match value {
            Json::Object(members) if !members.is_empty() => {
                let mut kept = serde_json::Map::new();
                for (name, member) in members {
                    let below: Vec<&str> = route.iter().copied().chain([name.as_str()]).collect();
                    if entry.has(&below) {
                        kept.extend(self.value(entry, &below, member).map(|member| (name.clone(), member)));
                    } else {
                        self.leave_out(&path(&below));
                    }
                }
                (!kept.is_empty()).then_some(Json::Object(kept))
            }
            Json::Array(elements) if !elements.is_empty() => {
                let kept: Vec<Json> = elements.iter().filter_map(|element| self.value(entry, route, element)).collect();
                // The response then has fewer `schemas`, but the same number of elements in any other list.
                let complete = kept.len() == elements.len() || (route == ["schemas"] && !kept.is_empty());
                complete.then_some(Json::Array(kept))
            }
            Json::String(uri) if route == ["schemas"] && !entry.has_schema(uri) => {
                self.leave_out(uri);
                None
            }
            other => Some(other.clone()),
        }
    }

    fn leave_out(&mut self, name: &str) {
        self.left_out.add(name);
        self.purpose.unregistered.add(name);
    }
}
