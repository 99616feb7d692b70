//! The JSON form of areas, cases and steps.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::template;

/// Names for URNs that the cases use often.
pub(super) const WORDS: [(&str, &str); 9] = [
    ("User", "urn:ietf:params:scim:schemas:core:2.0:User"),
    ("Group", "urn:ietf:params:scim:schemas:core:2.0:Group"),
    ("Enterprise", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"),
    // The extension of `tests/it/field.rs`.
    ("Workplace", "urn:example:scim:schemas:workplace:1.0:User"),
    ("PatchOp", "urn:ietf:params:scim:api:messages:2.0:PatchOp"),
    ("ListResponse", "urn:ietf:params:scim:api:messages:2.0:ListResponse"),
    ("SearchRequest", "urn:ietf:params:scim:api:messages:2.0:SearchRequest"),
    ("BulkRequest", "urn:ietf:params:scim:api:messages:2.0:BulkRequest"),
    ("Error", "urn:ietf:params:scim:api:messages:2.0:Error"),
];

/// The source of the requests of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Evidence {
    /// The requirements of the RFCs and of this project.
    #[default]
    Rule,
    /// A public report of a fault in some service provider or client.
    Report,
    /// A recorded request.
    Wire,
    /// The client's documentation.
    Vendor,
    /// The client's source code.
    Code,
    /// A test of another service provider.
    Fixture,
    /// No client is known to send it.
    Probe,
}

/// The least tolerant set of quirks under which a case passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Preset {
    #[default]
    Lenient,
    Entra,
}

/// A condition that not every transport fulfills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Need {
    /// A server: the library never sees the request.
    Http,
    /// The library: the HTTP library of a server refuses the request.
    Library,
    /// The extension `{Workplace}`.
    Extension,
}

/// One file of cases.
#[derive(Debug)]
pub(crate) struct Area {
    pub(crate) name: String,
    pub(crate) cases: Vec<Case>,
}

/// Requests in order, with the expected answers.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The values of its row of the tables; empty without tables.
    pub(crate) row: String,
    pub(crate) evidence: Evidence,
    pub(crate) preset: Preset,
    pub(crate) needs: Option<Need>,
    pub(super) headers: BTreeMap<String, Json>,
    pub(super) steps: Vec<Step>,
}

impl Case {
    /// Whether a host with these properties can answer the case.
    pub(crate) fn runs(&self, http: bool, extension: bool) -> bool {
        match self.needs {
            None => true,
            Some(Need::Http) => http,
            Some(Need::Library) => !http,
            Some(Need::Extension) => extension,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AreaForm {
    about: String,
    cases: Vec<CaseForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseForm {
    name: String,
    why: String,
    #[serde(default)]
    from: Vec<String>,
    client: Option<String>,
    #[serde(default)]
    evidence: Evidence,
    #[serde(default)]
    preset: Preset,
    needs: Option<Need>,
    #[serde(default)]
    headers: BTreeMap<String, Json>,
    #[serde(default)]
    each: Vec<Map<String, Json>>,
    #[serde(default)]
    across: Vec<Map<String, Json>>,
    steps: Vec<Json>,
}

/// One request, or several equal requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    user: Option<String>,
    group: Option<String>,
    set: Map<String, Json>,
    members: Vec<String>,
    get: Option<String>,
    pub(super) send: String,
    pub(super) query: Map<String, Json>,
    pub(super) headers: BTreeMap<String, Json>,
    #[serde(deserialize_with = "present")]
    pub(super) body: Option<Json>,
    patch: Option<Json>,
    pub(super) raw: Option<String>,
    pub(super) hex: Option<String>,
    status: Option<Statuses>,
    #[serde(deserialize_with = "present")]
    pub(super) answer: Option<Json>,
    pub(super) answer_headers: BTreeMap<String, String>,
    pub(super) text: Option<String>,
    pub(super) without_text: Option<String>,
    pub(super) bare: bool,
    pub(super) keep: BTreeMap<String, String>,
    pub(super) state: Option<Json>,
    pub(super) state_of: Option<String>,
    pub(super) repeat: Option<u64>,
    pub(super) parallel: Option<u64>,
    pub(super) statuses: Option<BTreeMap<u16, u64>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Statuses {
    One(u16),
    Several(Vec<u16>),
}

/// Tells `null` from an absent member.
fn present<'de, D: serde::Deserializer<'de>>(json: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(json).map(Some)
}

impl Step {
    /// The step with its abbreviations replaced by a method, a target and a body.
    fn expanded(mut self) -> Result<Self, String> {
        let forms = [self.user.is_some(), self.group.is_some(), self.get.is_some(), !self.send.is_empty()];
        if forms.iter().filter(|is| **is).count() != 1 {
            return Err("expected one of user, group, get and send".to_owned());
        }
        let mut body = None;
        if let Some(name) = self.user.take() {
            body = Some(serde_json::json!({"schemas": ["{User}"], "userName": format!("{name}-{{run}}@example.org")}));
            "POST /Users".clone_into(&mut self.send);
            self.keep.insert(name, "/id".to_owned());
        }
        if let Some(name) = self.group.take() {
            let mut group = serde_json::json!({"schemas": ["{Group}"], "displayName": format!("{name} {{run}}")});
            if !self.members.is_empty() {
                let member = |name: &String| serde_json::json!({"value": format!("{{{name}}}")});
                group["members"] = self.members.iter().map(member).collect();
            }
            body = Some(group);
            "POST /Groups".clone_into(&mut self.send);
            self.keep.insert(name, "/id".to_owned());
        }
        if let Some(Json::Object(body)) = &mut body {
            body.append(&mut self.set);
        }
        if let Some(target) = self.get.take() {
            self.send = format!("GET {target}");
        }
        if let Some(operations) = self.patch.take() {
            body = Some(serde_json::json!({"schemas": ["{PatchOp}"], "Operations": operations}));
        }
        let bodies = [self.body.is_some(), self.raw.is_some(), self.hex.is_some(), body.is_some()];
        if bodies.iter().filter(|is| **is).count() > 1 || !self.set.is_empty() {
            return Err("expected one body".to_owned());
        }
        self.body = self.body.or(body);
        if self.method().is_empty() || !self.target().starts_with('/') || self.target().contains(' ') {
            return Err(format!("expected a method, a blank and a target without blanks, found '{}'", self.send));
        }
        Ok(self)
    }

    pub(super) fn method(&self) -> &str {
        self.send.split_once(' ').map_or("", |(method, _)| method)
    }

    pub(super) fn target(&self) -> &str {
        self.send.split_once(' ').map_or("", |(_, target)| target)
    }

    /// The statuses that the step accepts.
    pub(super) fn accepted(&self) -> Vec<u16> {
        match (&self.status, self.method()) {
            (Some(Statuses::One(status)), _) => vec![*status],
            (Some(Statuses::Several(all)), _) => all.clone(),
            (None, "POST") => vec![201],
            (None, "PATCH") => vec![200, 204],
            (None, "DELETE") => vec![204],
            (None, _) => vec![200],
        }
    }
}

/// The areas below a directory, by the paths of their files.
pub(crate) fn areas(directory: &Path) -> Vec<Area> {
    let mut areas = Vec::new();
    collect(directory, "", &mut areas);
    areas.sort_by(|one, other| one.name.cmp(&other.name));
    areas
}

fn collect(directory: &Path, prefix: &str, areas: &mut Vec<Area>) {
    for entry in fs::read_dir(directory).expect("the directory of the field cases") {
        let path = entry.expect("an entry").path();
        let name = format!("{prefix}{}", path.file_stem().expect("a name").to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), areas);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let cases = read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            areas.push(Area { name, cases });
        }
    }
}

fn read(text: &str) -> Result<Vec<Case>, String> {
    let form: AreaForm = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if form.about.is_empty() || form.cases.is_empty() {
        return Err("expected a description and at least one case".to_owned());
    }
    let mut cases = Vec::new();
    for form in form.cases {
        let name = form.name.clone();
        cases.extend(rows(form).map_err(|error| format!("{name}: {error}"))?);
    }
    Ok(cases)
}

/// The case for each row of its tables.
fn rows(form: CaseForm) -> Result<Vec<Case>, String> {
    if form.name.is_empty() || form.why.is_empty() || form.client.is_some_and(|client| client.is_empty()) {
        return Err("expected a name, a reason and, if there is one, the name of the client".to_owned());
    }
    if form.from.is_empty() && form.evidence != Evidence::Rule && form.evidence != Evidence::Probe {
        return Err("expected a source".to_owned());
    }
    let or_one = |rows: Vec<Map<String, Json>>| if rows.is_empty() { vec![Map::new()] } else { rows };
    let (each, across) = (or_one(form.each), or_one(form.across));
    let mut cases = Vec::new();
    for row in &each {
        for other in &across {
            let mut row = row.clone();
            let own = row.clone();
            let value = |value: &Json| template::replace(value, &|name| own.get(name).cloned());
            row.extend(other.iter().map(|(name, other)| (name.clone(), value(other))));
            let shown = if row.is_empty() { String::new() } else { Json::Object(row.clone()).to_string() };
            let step = |step: &Json| {
                let step = template::replace(step, &|name| row.get(name).cloned());
                let step: Step = serde_json::from_value(step.clone()).map_err(|error| format!("{error}: {step}"))?;
                step.expanded()
            };
            cases.push(Case {
                name: form.name.clone(),
                row: shown,
                evidence: form.evidence,
                preset: form.preset,
                needs: form.needs,
                headers: form.headers.clone(),
                steps: form.steps.iter().map(step).collect::<Result<_, _>>()?,
            });
        }
    }
    Ok(cases)
}
