//! What an identity provider needs in an answer, each thing on its own.

use std::fmt;

use super::{
    super::report::Failure,
    exchange::{TrafficResponse, start},
    json::{self, Json},
    template::{self, Unknown, Values},
};

/// What a value of a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    String,
    Integer,
    Boolean,
    Array,
    Object,
}

impl Kind {
    fn is(self, value: &Json) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_u64() || value.is_i64(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// Something at a place of the body, which is a JSON pointer (RFC 6901).
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) at: String,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    /// Exactly this value.
    Equals(Json),
    /// Nothing.
    Absent,
    /// Some value of a kind.
    Is(Kind),
    /// An array of so many elements; one that is not there has none.
    Count(usize),
    /// An array, one of whose elements is this or more.
    Contains(Json),
    /// Nothing, or an array of which no element is this or more.
    Without(Json),
    /// An array whose elements are these or more, in any order, and no others; one that is not there has none.
    Exactly(Vec<Json>),
}

impl Condition {
    /// The same with the values of a run.
    fn filled(&self, values: &Values) -> Result<Self, Unknown> {
        let fill = |template: &Json| template::document(template, values);
        let test = match &self.test {
            Test::Equals(value) => Test::Equals(fill(value)?),
            Test::Contains(value) => Test::Contains(fill(value)?),
            Test::Without(value) => Test::Without(fill(value)?),
            Test::Exactly(all) => Test::Exactly(all.iter().map(fill).collect::<Result<_, _>>()?),
            test @ (Test::Absent | Test::Is(_) | Test::Count(_)) => test.clone(),
        };
        Ok(Self { at: self.at.clone(), test })
    }

    fn holds(&self, document: &Json) -> bool {
        let found = document.pointer(&self.at);
        let elements = json::elements(document, &self.at);
        match &self.test {
            Test::Equals(wanted) => found == Some(wanted),
            Test::Absent => found.is_none(),
            Test::Is(kind) => found.is_some_and(|found| kind.is(found)),
            Test::Count(wanted) => elements.len() == *wanted && found.is_none_or(Json::is_array),
            Test::Contains(wanted) => elements.iter().any(|found| json::fits(found, wanted)),
            Test::Without(wanted) => !elements.iter().any(|found| json::fits(found, wanted)),
            Test::Exactly(wanted) => json::fits_all(elements, wanted) && found.is_none_or(Json::is_array),
        }
    }

    fn names(&self) -> Vec<String> {
        let texts: Vec<&Json> = match &self.test {
            Test::Equals(value) | Test::Contains(value) | Test::Without(value) => vec![value],
            Test::Exactly(all) => all.iter().collect(),
            Test::Absent | Test::Is(_) | Test::Count(_) => Vec::new(),
        };
        texts
            .iter()
            .flat_map(|text| template::names(&text.to_string()).map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

/// What is expected, in words.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::Equals(value) => write!(f, "expected {} to be {value}", self.at),
            Test::Absent => write!(f, "expected no {}", self.at),
            Test::Is(kind) => {
                write!(f, "expected {} to be of the type {}", self.at, format!("{kind:?}").to_lowercase())
            }
            Test::Count(count) => write!(f, "expected {} to have {count} values", self.at),
            Test::Contains(value) => write!(f, "expected {} to contain {value}", self.at),
            Test::Without(value) => write!(f, "expected {} not to contain {value}", self.at),
            Test::Exactly(all) => write!(f, "expected {} to have exactly {}", self.at, Json::Array(all.clone())),
        }
    }
}

/// Which version an answer must show.
#[derive(Clone, Debug)]
pub(super) enum VersionOf {
    /// That of another step: nothing was written in between.
    Same(String),
    /// Another one.
    Other(String),
}

impl VersionOf {
    pub(super) fn step(&self) -> &str {
        match self {
            Self::Same(step) | Self::Other(step) => step,
        }
    }
}

/// What the answer to a step must be.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect {
    pub(super) status: Vec<u16>,
    /// By name; `*` is any value.
    pub(super) headers: Vec<(String, String)>,
    /// What holds for each page of a walk as well.
    pub(super) shape: Vec<Condition>,
    pub(super) conditions: Vec<Condition>,
    pub(super) version: Option<VersionOf>,
}

impl Expect {
    /// Whether the identity provider looks at the body of the answer.
    pub(super) fn reads_body(&self) -> bool {
        !self.shape.is_empty() || !self.conditions.is_empty()
    }

    /// The names in it that a run gives values to.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let conditions = self.shape.iter().chain(&self.conditions).flat_map(Condition::names);
        conditions.chain(self.headers.iter().flat_map(|(_, value)| template::names(value).map(str::to_owned)))
    }

    /// The status, and that what there is of a body is JSON and says so (RFC 7644 §3.1); the body.
    pub(super) fn body_of(&self, response: &TrafficResponse) -> Result<Json, Failure> {
        if !self.status.contains(&response.status()) {
            let expected: Vec<String> = self.status.iter().map(u16::to_string).collect();
            let what = format!("expected the status {}", expected.join(" or "));
            return Err(Failure::new(what, format!("found {}", response.status())));
        }
        if response.bytes().is_empty() {
            return Ok(Json::Null);
        }
        if response.status() == 204 {
            return Err(Failure::new("expected no body with the status 204", "found one"));
        }
        let media_type = response.header_value("Content-Type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !["application/scim+json", "application/json"].iter().any(|known| known.eq_ignore_ascii_case(essence)) {
            let what = "expected the Content-Type application/scim+json or application/json";
            return Err(Failure::new(what, format!("found '{media_type:.60}'")));
        }
        serde_json::from_slice(response.bytes())
            .map_err(|error| Failure::new("expected a body of JSON", format!("found what is none: {error}")))
    }

    /// The headers of an answer.
    pub(super) fn unmet_headers(&self, response: &TrafficResponse, values: &Values) -> Result<Vec<Failure>, Unknown> {
        let mut failures = Vec::new();
        for (name, wanted) in &self.headers {
            let (wanted, found) = (template::plain(wanted, values)?, response.header_value(name));
            if !found.is_some_and(|found| wanted == "*" || wanted == found) {
                let wanted = if wanted == "*" { "to be there" } else { &format!("to be {wanted}") };
                let found = found.map_or_else(|| "found none".to_owned(), |found| format!("found {found}"));
                failures.push(Failure::new(format!("expected the header {name} {wanted}"), found));
            }
        }
        Ok(failures)
    }
}

/// Which of the conditions a document does not meet.
pub(super) fn unmet(conditions: &[Condition], document: &Json, values: &Values) -> Result<Vec<Failure>, Unknown> {
    let mut failures = Vec::new();
    for condition in conditions {
        let condition = condition.filled(values)?;
        if !condition.holds(document) {
            let found = document.pointer(&condition.at).map_or_else(|| "nothing".to_owned(), shortened);
            failures.push(Failure::new(condition.to_string(), format!("found {found}")));
        }
    }
    Ok(failures)
}

fn shortened(value: &Json) -> String {
    let text = value.to_string();
    start(&text, 200).map(|start| format!("{start}…")).unwrap_or(text)
}
