//! The last error of a connection, as stored in the table `connection` and as shown on a page.
//!
//! A page shows the cause first and then the remedy, in the terms of the provider. The log has the rest.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::{calendar::on_day, directory::Key, identity_provider::IdentityProvider};

/// The last error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The time of the last failed request.
    pub at: DateTime<Utc>,
    /// The number of people, groups or requests that failed for this cause; 0 where they are not counted.
    pub count: usize,
    /// The digest of the key that was sent, if it is an ended key of the organization.
    pub key: Option<String>,
    /// The cause.
    pub cause: Cause,
}

/// The cause of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A key that has expired.
    KeyExpired {
        /// The name of the key.
        key: String,
        /// The end of the key.
        expired: DateTime<Utc>,
    },
    /// A key that does not belong to the organization.
    KeyUnknown,
    /// A key that an administrator has revoked.
    KeyRevoked {
        /// The name of the key.
        key: String,
        /// The time of the revocation.
        revoked: DateTime<Utc>,
    },
    /// A path that the server does not have.
    WrongAddress,
    /// The user name of an account that was made by hand.
    TakenByHand {
        /// The last such user name.
        user_name: String,
    },
    /// The user name of an account made by SCIM.
    TakenByScim {
        /// The user name.
        user_name: String,
    },
    /// A person or group without a required value.
    ValueMissing {
        /// The attribute.
        attribute: String,
    },
    /// A person or group that does not exist.
    Gone {
        /// Whether it is a group.
        group: bool,
    },
    /// The name of another group.
    GroupNameTaken {
        /// The name.
        name: String,
    },
    /// Any other request that the server refused.
    Refused {
        /// The detail of the response.
        detail: String,
    },
    /// The server failed; the request is not the cause.
    Ours,
}

/// A failed request as stored by the provisioning log.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Noted {
    status: u16,
    scim_type: Option<String>,
    detail: Option<String>,
    kind: Option<String>,
    /// The user name or display name in the request body.
    name: Option<String>,
    time: i64,
    /// The digest of a key that has ended.
    key: Option<String>,
}

/// The end of scim-core's error detail for a required attribute without a value. The name of the attribute precedes it.
const REQUIRED: &str = "` is required and has no value";

impl Cause {
    /// The cause for a key that has ended.
    pub(super) fn of_key(key: &Key) -> Option<Self> {
        let name = key.name.clone();
        match (key.revoked, key.expires) {
            (Some(revoked), _) => Some(Cause::KeyRevoked { key: name, revoked }),
            (None, Some(expired)) => Some(Cause::KeyExpired { key: name, expired }),
            (None, None) => None,
        }
    }

    /// The cause, as far as it follows from the failed request alone.
    pub(super) fn of(
        status: u16,
        scim_type: Option<&str>,
        detail: Option<String>,
        kind: Option<&str>,
        name: Option<String>,
    ) -> Self {
        let is_group = kind == Some("Group");
        let (detail, name) = (detail.unwrap_or_default(), name.unwrap_or_default());
        match status {
            500.. => Cause::Ours,
            401 => Cause::KeyUnknown,
            404 if kind.is_none() => Cause::WrongAddress,
            404 => Cause::Gone { group: is_group },
            409 if scim_type == Some("uniqueness") && !name.is_empty() => {
                if is_group {
                    Cause::GroupNameTaken { name }
                } else {
                    Cause::TakenByScim { user_name: name }
                }
            }
            _ => match detail.strip_suffix(REQUIRED).and_then(|rest| rest.strip_prefix('`')) {
                Some(attribute) => Cause::ValueMissing { attribute: attribute.to_owned() },
                None => Cause::Refused { detail },
            },
        }
    }
}

/// A cause in words, with its remedies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The first sentence.
    pub sentence: String,
    /// A further explanation of the reason, if there is more to say.
    pub reason: Option<String>,
    /// The remedies, each of which is sufficient.
    pub remedies: Vec<String>,
}

impl Fault {
    /// Reads the value of the column `fault`; `None` if it cannot be parsed. The cause follows from the request
    /// alone: whether a key was once valid, and which account has a user name, is not known here.
    pub fn read(text: &str) -> Option<Self> {
        let noted: Noted = serde_json::from_str(text).ok()?;
        let at = DateTime::from_timestamp_millis(noted.time)?;
        let (scim_type, kind) = (noted.scim_type.as_deref(), noted.kind.as_deref());
        let cause = Cause::of(noted.status, scim_type, noted.detail, kind, noted.name);
        Some(Self { at, count: 0, key: noted.key, cause })
    }

    /// Whether Entra pauses provisioning at once for this cause, regardless of the number of failures.
    pub fn counts_at_once(&self) -> bool {
        use Cause::{KeyExpired, KeyRevoked, KeyUnknown, WrongAddress};
        matches!(self.cause, KeyExpired { .. } | KeyUnknown | KeyRevoked { .. } | WrongAddress)
    }

    /// Sets the cause to the ended key that was sent, if `keys` contains it.
    pub(super) fn name_key(&mut self, keys: &[Key]) {
        let Some(digest) = &self.key else { return };
        if let Some(ended) = keys.iter().find(|key| key.digest.to_string() == *digest).and_then(Cause::of_key) {
            self.cause = ended;
        }
    }

    /// The fault in words.
    pub fn advice(&self, provider: IdentityProvider, now: DateTime<Utc>) -> Advice {
        let (it, subject) = (provider.label(), provider.subject());
        let when = |at: DateTime<Utc>| on_day(at, now);
        let advice = |sentence: String, remedy: String| Advice { sentence, reason: None, remedies: vec![remedy] };
        match &self.cause {
            Cause::KeyExpired { key, expired } => advice(
                format!("{subject} still sends the key “{key}”, which expired {}.", when(*expired)),
                format!("Make a new key and paste it into {it}."),
            ),
            Cause::KeyUnknown => advice(
                format!("{subject} sends a key that we don’t know."),
                "Copy the key again as a whole, or make a new one.".to_owned(),
            ),
            Cause::KeyRevoked { key, revoked } => advice(
                format!("{subject} still sends the key “{key}”, which was revoked {}.", when(*revoked)),
                format!("Paste a valid key into {it}."),
            ),
            Cause::WrongAddress => advice(
                format!("{subject} asks for an address that we don’t have."),
                format!("Copy the SCIM URL into {it} again. It ends in /v2."),
            ),
            Cause::TakenByHand { user_name } => Advice {
                sentence: match self.count {
                    0 | 1 => format!("{user_name} already has an account that was made by hand."),
                    count => format!("{count} people already have an account that was made by hand."),
                },
                reason: Some(match self.count {
                    0 | 1 => format!(
                        "{subject} asks us for this user name, but SCIM never takes over an account made by hand."
                    ),
                    _ => format!(
                        "{subject} asks us for their user names, but SCIM never takes over an account made by hand. The \
                         last one was {user_name}."
                    ),
                }),
                remedies: vec!["Remove that account, or take the person out of the application.".to_owned()],
            },
            Cause::TakenByScim { user_name } => advice(
                match self.count {
                    0 | 1 => format!("{subject} asks to create {user_name}, who is here already."),
                    count => format!("{subject} asks to create {count} people who are here already, {user_name} last."),
                },
                match provider {
                    IdentityProvider::Entra => {
                        "In Entra, run Provision on demand for this person; it then finds the account.".to_owned()
                    }
                    IdentityProvider::Okta => {
                        "In Okta, take the person out of the application and assign them again.".to_owned()
                    }
                    IdentityProvider::Other => {
                        "Let your provider look people up by userName before it creates them.".to_owned()
                    }
                },
            ),
            Cause::ValueMissing { attribute } => {
                let named = if attribute == "userName" { "user name" } else { attribute };
                let sentence = match self.count {
                    0 | 1 => format!("A request has no {named} from {it}."),
                    count => format!("{count} people have no {named} in {it}."),
                };
                advice(sentence, format!("In {it}{} mapping, choose a source for {attribute}.", genitive(it)))
            }
            Cause::Gone { group } => {
                let (what, many) = if *group { ("group", "groups") } else { ("person", "people") };
                advice(
                    match self.count {
                        0 | 1 => format!("{subject} changes a {what} that we no longer have."),
                        count => format!("{subject} changes {count} {many} that we no longer have."),
                    },
                    match provider {
                        IdentityProvider::Entra => "In Entra, restart provisioning.".to_owned(),
                        IdentityProvider::Okta if *group => "In Okta, push the group again.".to_owned(),
                        IdentityProvider::Okta => {
                            "In Okta, take the person out of the application and assign them again.".to_owned()
                        }
                        IdentityProvider::Other => format!("Let your provider create the {what} again."),
                    },
                )
            }
            Cause::GroupNameTaken { name } => {
                let sentence = match self.count {
                    0 | 1 => format!("A group named “{name}” is here already."),
                    count => format!("{count} groups have the name of another group, “{name}” last."),
                };
                advice(sentence, format!("Rename one of them in {it}."))
            }
            Cause::Refused { detail } => Advice {
                sentence: format!("{subject} sends requests that we refuse."),
                reason: Some(format!("The last answer was: {detail}")),
                remedies: vec![format!("Open the log to see each request, then correct the mapping in {it}.")],
            },
            Cause::Ours => advice(
                "Our database was busy.".to_owned(),
                format!("Nothing; {it} tries again. If it lasts, tell the operator."),
            ),
        }
    }
}

fn genitive(name: &str) -> &'static str {
    if name.ends_with('s') { "’" } else { "’s" }
}

#[cfg(test)]
mod tests;
