//! The provisioning log: a row for each SCIM request, with sums for the pages.
//!
//! The server passes on an [`Entry`] after it has answered; a separate task writes entries in batches, so that no
//! request waits for its row. An administrator can record request bodies for an hour. The log never influences a
//! request.

pub mod chart;
mod conflict;
mod export;
mod filter;
mod names;
mod read;
mod recording;
mod repeats;
mod sums;
mod trouble;
mod writer;

use chrono::{DateTime, Utc};

pub use self::{
    conflict::{Conflict, Conflicts, RequestNotes},
    export::Export,
    filter::Filter,
    read::{Cycle, Hour, Line, Listed, Log, Span},
    recording::{Recording, masked},
    repeats::Repeats,
    trouble::{KEPT_DAYS as TROUBLE_DAYS, OTHER_DAYS as OTHER_TROUBLE_DAYS},
    writer::{KEPT_DAYS, Writer, start},
};

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// The beginning of the hour of a time, in milliseconds.
fn hour_of(time: i64) -> i64 {
    time - time.rem_euclid(HOUR)
}

/// The result of a request, for the organization's administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The identity provider got a successful answer: a status below 400.
    Done,
    /// The identity provider, or its administrator, must change something: a status from 400 to 499.
    Refused,
    /// The platform failed: a status from 500.
    Failed,
}

impl Outcome {
    /// The outcome of a request with this HTTP status.
    pub fn of(status: u16) -> Self {
        match status {
            0..400 => Self::Done,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// The text in rows and in the addresses of pages: `done`, `refused` or `failed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Parses the text of [`Outcome::name`]; `None` for any other text.
    pub fn read(name: &str) -> Option<Self> {
        [Self::Done, Self::Refused, Self::Failed].into_iter().find(|outcome| outcome.name() == name)
    }
}

/// A key of the organization that opens nothing.
#[derive(Clone, Debug)]
pub struct ClosedKey {
    /// The digest.
    pub digest: String,
    /// The end of the key; `None` while SCIM is off.
    pub ended: Option<DateTime<Utc>>,
}

/// An answered request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The organization.
    pub tenant: String,
    /// The id of the request, as in the log of the process and in the events of its changes.
    pub id: String,
    /// The time of the answer.
    pub time: DateTime<Utc>,
    /// The name of the key, if the key is known.
    pub caller: Option<String>,
    /// The key of the organization that was sent although it opens nothing, if the request had such a key.
    pub closed: Option<ClosedKey>,
    /// The address of the client.
    pub address: Option<String>,
    /// The method, and the path below the SCIM URL without its query: `PATCH /Users/2819`.
    pub operation: String,
    /// The resource type, if the path names one.
    pub kind: Option<String>,
    /// The id of the resource that the request names or created, if there is such a resource.
    pub resource: Option<String>,
    /// The user name or the display name in the body of a refused request.
    pub claimed: Option<String>,
    /// The accounts made by hand that obstructed the request, or operations of a bulk request.
    pub conflicts: Vec<Conflict>,
    /// The HTTP status.
    pub status: u16,
    /// The SCIM keyword of an error.
    pub scim_type: Option<String>,
    /// The sentence of an error.
    pub detail: Option<String>,
    /// The names of the provider's quirks that the core tolerated, separated by commas.
    pub quirks: Option<String>,
    /// The time until the answer, in microseconds.
    pub duration: i64,
    /// The request body, masked, while the organization records bodies.
    pub body: Option<String>,
}

impl Entry {
    /// The outcome.
    pub fn outcome(&self) -> Outcome {
        Outcome::of(self.status)
    }

    /// The sentence about the accounts made by hand that have the user names, if the server refused an operation
    /// because of them.
    fn conflict(&self) -> Option<String> {
        let named = self.conflicts.iter().map(|conflict| &*conflict.name).collect::<Vec<_>>().join(", ");
        match self.status {
            _ if named.is_empty() => None,
            409 => Some(format!("The user name belongs to {named}, an account made by hand.")),
            // A bulk request: each operation has its own status.
            0..400 => Some(format!(
                "The server refused operations, because accounts made by hand have the user names: {named}."
            )),
            _ => None,
        }
    }

    /// Whether administrators want to see the request first: it was meant to change a resource, or did not
    /// succeed.
    pub fn is_notable(&self) -> bool {
        !self.reads() || self.outcome() != Outcome::Done
    }

    /// Whether the request was not meant to change anything.
    fn reads(&self) -> bool {
        self.operation.starts_with("GET ") || self.operation.contains("/.search")
    }

    /// The failure as stored in the tables. By `name`, the page finds the account made by hand.
    fn fault(&self, name: Option<&str>) -> serde_json::Value {
        // Entra pauses at once for these statuses.
        let at_once = self.status == 401 || (self.status == 404 && self.kind.is_none());
        serde_json::json!({
            "status": self.status, "scimType": self.scim_type, "detail": self.detail, "caller": self.caller,
            "operation": self.operation, "kind": self.kind, "name": name, "time": self.time.timestamp_millis(),
            "atOnce": at_once, "key": self.closed.as_ref().map(|key| &key.digest),
        })
    }
}
