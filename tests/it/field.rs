//! The field cases, replayed without a network: requests of real clients, and the answers that they need.
//!
//! `examples/platform/tests/it/scim/field.rs` replays the same cases over HTTP against every store.

mod engine;

use std::{collections::BTreeSet, path::Path};

use crate::fixture::host::{BASE, Host, host_with};
use engine::{Answer, Area, Case, Evidence, Preset, Report, Transport, Wire, areas, replay};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::{Registry, ResourceType, Schema},
    store::MemoryStore,
};

/// A list of references in the base schema of a user.
const MENTORS: &str = r#"{"name": "mentors", "type": "complex", "multiValued": true, "subAttributes": [
    {"name": "value", "caseExact": true},
    {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
    {"name": "display", "mutability": "readOnly"}
]}"#;

/// An extension with the kinds of lists that the standard extension lacks.
const WORKPLACE: &str = r#"{"id": "urn:example:scim:schemas:workplace:1.0:User", "name": "Workplace", "attributes": [
    {"name": "desk"},
    {"name": "codes", "multiValued": true, "caseExact": true},
    {"name": "badges", "type": "complex", "multiValued": true, "subAttributes": [
        {"name": "value"}, {"name": "type"}, {"name": "display"}, {"name": "primary", "type": "boolean"}
    ]},
    {"name": "advisers", "type": "complex", "multiValued": true, "subAttributes": [
        {"name": "value", "caseExact": true},
        {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
        {"name": "display", "mutability": "readOnly"}
    ]}
]}"#;

/// Users with a list of references and two extensions, and groups.
fn registry() -> Registry {
    let schema = Schema::user().with_attribute(serde_json::from_str(MENTORS).unwrap());
    let user = ResourceType::builder("User", "Users", schema)
        .extension(Schema::enterprise_user(), false)
        .extension(serde_json::from_str(WORKPLACE).unwrap(), false)
        .relation("groups", "Group", "members", "displayName")
        .build()
        .unwrap();
    Registry::builder().resource_type(user).resource_type(ResourceType::group().unwrap()).build().unwrap()
}

struct InProcess(Host<MemoryStore>);

impl Transport for InProcess {
    fn base(&self) -> &str {
        BASE
    }

    fn send(&self, request: &Wire) -> Result<Answer, String> {
        let headers: Vec<(&str, &str)> = request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let reply =
            self.0.send(&request.method, &request.target, &headers, request.body.as_deref().unwrap_or_default());
        Ok(Answer { status: reply.status, headers: reply.headers, body: reply.body })
    }
}

fn host(registry: Registry, preset: Preset) -> InProcess {
    let quirks = match preset {
        Preset::Lenient => Quirks::default(),
        Preset::Entra => Quirks::entra(),
    };
    InProcess(host_with(registry, MemoryStore::new(), Limits::default(), quirks))
}

fn all() -> Vec<Area> {
    areas(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/field")))
}

/// Replays the cases that `selects` selects on one host: each case meets the resources of the others.
fn replay_all(registry: &dyn Fn() -> Registry, extension: bool, preset: Preset, selects: impl Fn(&Case) -> bool) {
    let (mut report, host) = (Report::default(), host(registry(), preset));
    for area in all() {
        for case in area.cases.iter().filter(|case| case.runs(false, extension) && selects(case)) {
            report.replay(&area, case, &host);
        }
    }
    report.assert_passed(&format!("{preset:?}"));
}

#[test]
fn every_case_passes_with_the_entra_preset() {
    replay_all(&Registry::standard, false, Preset::Entra, |_| true);
}

#[test]
fn every_case_without_a_preset_passes_with_the_default() {
    replay_all(&Registry::standard, false, Preset::Lenient, |case| case.preset == Preset::Lenient);
}

#[test]
fn every_case_passes_with_a_further_extension() {
    replay_all(&registry, true, Preset::Entra, |_| true);
    replay_all(&registry, true, Preset::Lenient, |case| case.preset == Preset::Lenient);
}

/// A change of a request.
type Fault = dyn Fn(&mut Wire) + Sync;

/// A service provider that reads requests wrongly.
struct Faulty<'a>(&'a InProcess, &'a Fault);

impl Transport for Faulty<'_> {
    fn base(&self) -> &str {
        BASE
    }

    fn send(&self, request: &Wire) -> Result<Answer, String> {
        let mut request = request.clone();
        self.1(&mut request);
        self.0.send(&request)
    }
}

fn ignores(method: &'static str) -> impl Fn(&mut Wire) + Sync {
    move |request| {
        if request.method == method {
            "GET".clone_into(&mut request.method);
            request.body = None;
        }
    }
}

fn ignores_parameter(name: &'static str) -> impl Fn(&mut Wire) + Sync {
    move |request| request.target = request.target.replace(&format!("{name}="), "other=")
}

/// Reads the first operation of a PATCH only.
fn first_operation(request: &mut Wire) {
    let body = request.body.as_deref().and_then(|body| serde_json::from_slice::<serde_json::Value>(body).ok());
    if let (Some(mut body), "PATCH") = (body, &*request.method) {
        if let Some(operations) = body.get_mut("Operations").and_then(serde_json::Value::as_array_mut) {
            operations.truncate(1);
        }
        request.body = Some(body.to_string().into_bytes());
    }
}

/// Checks the cases and the engine: each fault fails a case in each of these areas.
#[test]
fn faults_are_noticed() {
    let right = host(Registry::standard(), Preset::Entra);
    let areas = all();
    let mut passed = Vec::new();
    for area in &areas {
        let cases = area.cases.iter().filter(|case| case.evidence != Evidence::Rule && case.runs(false, false));
        passed.extend(cases.filter(|case| replay(case, &right).is_ok()).map(|case| (&*area.name, case)));
    }
    let faults: [(&Fault, &[&str]); 7] = [
        (&ignores("PATCH"), &["members", "patch", "entra", "okta", "clients_groups", "concurrency"]),
        (&ignores("PUT"), &["members", "onelogin", "users"]),
        (&ignores("DELETE"), &["members", "concurrency"]),
        (&ignores_parameter("filter"), &["filters", "lists", "entra_lists", "okta", "concurrency", "bulk"]),
        (&ignores_parameter("excludedAttributes"), &["lists"]),
        (&ignores_parameter("sortBy"), &["lists"]),
        (&first_operation, &["members", "patch", "entra"]),
    ];
    for (index, (fault, expected)) in faults.into_iter().enumerate() {
        for area in expected {
            let mut cases = passed.iter().filter(|(known, _)| *known == format!("cases/{area}"));
            let noticed = cases.any(|(_, case)| replay(case, &Faulty(&right, fault)).is_err());
            assert!(noticed, "no case of {area} notices fault {index}");
        }
    }
}

/// A case of a real client that passes with the default, too, must not name another preset.
#[test]
fn no_case_of_a_client_names_a_preset_without_need() {
    for area in all() {
        let named = |case: &&Case| case.preset == Preset::Entra && case.evidence != Evidence::Rule;
        for case in area.cases.iter().filter(named) {
            let outcome = replay(case, &host(Registry::standard(), Preset::Lenient));
            assert!(outcome.is_err(), "{}: {} passes with the default quirks", area.name, case.name);
        }
    }
}

#[test]
fn no_two_cases_have_the_same_name_and_row() {
    let mut known = BTreeSet::new();
    for area in all() {
        for case in area.cases {
            let name = format!("{} {}", case.name, case.row);
            assert!(known.insert(name.clone()), "{}: the name '{name}' is taken", area.name);
        }
    }
}
