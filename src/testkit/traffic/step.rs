//! One request of a sequence, as data.

use super::expect::Expect;
use crate::quirks::Quirks;

/// The way in which a step reads a list of several pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Walk {
    /// By position: `{start}` in the target (RFC 7644 §3.4.2.4).
    Index,
    /// By cursor: `{cursor}` in the target (RFC 9865).
    Cursor,
}

impl Walk {
    /// The name in the target whose value changes with each page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Index => "start",
            Self::Cursor => "cursor",
        }
    }
}

/// A step of a [`Traffic`](super::Traffic): a request, or the requests for the pages of a list. The step also has the
/// event at the identity provider that causes the request, the expectations about the response, and the consequence of
/// another response.
#[derive(Clone, Debug)]
pub struct Step {
    pub(super) id: String,
    pub(super) from: Vec<String>,
    pub(super) when: String,
    pub(super) method: String,
    pub(super) target: String,
    /// The headers that override those of the sequence; `None` omits a header.
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) echo: Option<String>,
    pub(super) body: Option<String>,
    pub(super) expect: Expect,
    pub(super) otherwise: String,
    /// The values for later steps: the name and the JSON pointer into the response.
    pub(super) keep: Vec<(String, String)>,
    pub(super) quirks: Quirks,
    pub(super) walk: Option<Walk>,
}

impl Step {
    /// The name of the step within the sequence.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The numbers of the observations on which the step is based. In the sequences of this crate they are those of
    /// the authors' research; [`Step::when`] says the same in words. `Assumed` marks a step for which no source was
    /// found.
    pub fn from(&self) -> impl ExactSizeIterator<Item = &str> {
        self.from.iter().map(String::as_str)
    }

    /// The event at the identity provider that causes the request.
    pub fn when(&self) -> &str {
        &self.when
    }

    /// The consequence if the response is not as expected.
    pub fn otherwise(&self) -> &str {
        &self.otherwise
    }

    /// The HTTP method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The target as written in the data, with `{name}` for the values of a run.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The habits that a service provider has to tolerate for this step to pass: the habits of its own request and of
    /// the earlier requests that made the resources of this step.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }
}
