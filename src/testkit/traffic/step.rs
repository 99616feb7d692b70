//! One request of a sequence, as data.

use super::expect::Expect;
use crate::quirks::Quirks;

/// How a step reads a list that has several pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Walk {
    /// By position: `{start}` in the target (RFC 7644 §3.4.2.4).
    Index,
    /// By cursor: `{cursor}` in the target (RFC 9865).
    Cursor,
}

impl Walk {
    /// The name in the target that is another one for each page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Index => "start",
            Self::Cursor => "cursor",
        }
    }
}

/// A step of a [`Traffic`](super::Traffic): a request, or the requests for the pages of a list, what happens at the
/// identity provider that makes it send it, what it needs in the answer, and what it does otherwise.
#[derive(Clone, Debug)]
pub struct Step {
    pub(super) id: String,
    pub(super) from: Vec<String>,
    pub(super) when: String,
    pub(super) method: String,
    pub(super) target: String,
    /// In place of those of the sequence; `None` leaves one out.
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) echo: Option<String>,
    pub(super) body: Option<String>,
    pub(super) expect: Expect,
    pub(super) otherwise: String,
    /// What later steps use: its name, and where it stands in the answer.
    pub(super) keep: Vec<(String, String)>,
    pub(super) quirks: Quirks,
    pub(super) walk: Option<Walk>,
}

impl Step {
    /// The step's name within the sequence.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The numbers of the observations behind it. In the sequences of this crate they are those of the authors' research;
    /// [`Step::when`] says the same in words. `Assumed` marks a step for which no source was found.
    pub fn from(&self) -> impl ExactSizeIterator<Item = &str> {
        self.from.iter().map(String::as_str)
    }

    /// The event at the identity provider that makes it send this.
    pub fn when(&self) -> &str {
        &self.when
    }

    /// The consequence when the answer is not the one that the identity provider needs.
    pub fn otherwise(&self) -> &str {
        &self.otherwise
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The target as it is written in the data, with `{name}` for what a run knows.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The habits that a service provider has to tolerate for this step to pass: those of its own request, and those of
    /// earlier ones that have made what it looks at.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }
}
