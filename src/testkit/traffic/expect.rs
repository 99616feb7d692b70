//! The separate conditions that an identity provider places on a response.

use std::fmt;

use super::{
    super::report::Failure,
    exchange::{TrafficResponse, start},
    json::{self, Json},
    template::{self, Unknown, Values},
};

/// The type of a JSON value.
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

/// A condition on the value at a JSON pointer (RFC 6901) in the body.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) at: String,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    /// Exactly this value.
    Equals(Json),
    /// No value.
    Absent,
    /// Any value of this type.
    Is(Kind),
    /// An array of this length; a missing array has length 0.
    Count(usize),
    /// An array with an element that fits the value; see [`json::fits`].
    Contains(Json),
    /// No value, or an array without an element that fits the value.
    Without(Json),
    /// An array whose elements fit these values, in any order, without further elements; a missing array has none.
    Exactly(Vec<Json>),
}

impl Condition {
    /// Fills in the values of a run.
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
            Test::Is(data_type) => found.is_some_and(|found| data_type.is(found)),
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

/// The expectation in words.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::Equals(value) => write!(f, "expected {} to be {value}", self.at),
            Test::Absent => write!(f, "expected no {}", self.at),
            Test::Is(data_type) => {
                write!(f, "expected {} to be of the type {}", self.at, format!("{data_type:?}").to_lowercase())
            }
            Test::Count(count) => write!(f, "expected {} to have {count} values", self.at),
            Test::Contains(value) => write!(f, "expected {} to contain {value}", self.at),
            Test::Without(value) => write!(f, "expected {} not to contain {value}", self.at),
            Test::Exactly(all) => write!(f, "expected {} to have exactly {}", self.at, Json::Array(all.clone())),
        }
    }
}

/// The version that a response must show.
#[derive(Clone, Debug)]
pub(super) enum VersionOf {
    /// The version of another step: the resource did not change in between.
    Same(String),
    /// Any version except that of another step.
    Other(String),
}

impl VersionOf {
    pub(super) fn step(&self) -> &str {
        match self {
            Self::Same(step) | Self::Other(step) => step,
        }
    }
}

/// The expectations about the response to a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect {
    pub(super) status: Vec<u16>,
    /// The headers by name; `*` is any value.
    pub(super) headers: Vec<(String, String)>,
    /// The conditions that each page of a walk must meet as well.
    pub(super) shape: Vec<Condition>,
    pub(super) conditions: Vec<Condition>,
    pub(super) version: Option<VersionOf>,
}

impl Expect {
    /// Whether the identity provider reads the body of the response.
    pub(super) fn reads_body(&self) -> bool {
        !self.shape.is_empty() || !self.conditions.is_empty()
    }

    /// The names in the expectations that a run replaces by values.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let conditions = self.shape.iter().chain(&self.conditions).flat_map(Condition::names);
        conditions.chain(self.headers.iter().flat_map(|(_, value)| template::names(value).map(str::to_owned)))
    }

    /// Checks the status, and that a body is JSON with a matching `Content-Type` (RFC 7644 §3.1). Returns the body.
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

    /// Returns a failure for each header that the response does not meet.
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

/// Returns a failure for each condition that the document does not meet.
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
