//! The last error of a connection, as the table `connection` keeps it and as a page says it.
//!
//! A page says the cause first, then the remedy, in the words of the provider. The log has the rest.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::{calendar::on_day, directory::Key, identity_provider::IdentityProvider};

/// The time for which an instance may trust a key that has ended, with some room.
const SLACK: TimeDelta = TimeDelta::minutes(1);

/// The last error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The time of the last failed request.
    pub at: DateTime<Utc>,
    /// The people whose requests failed for this cause in the last run; 0 where they are not counted.
    pub count: usize,
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
    /// A key that is none of the organization's.
    KeyUnknown,
    /// A key that an administrator has revoked.
    KeyRevoked {
        /// The name of the key.
        key: String,
        /// The time of the revocation.
        revoked: DateTime<Utc>,
    },
    /// An address that the server does not have.
    WrongAddress,
    /// The user name of an account that was made by hand.
    TakenByHand {
        /// The last such user name.
        user_name: String,
    },
    /// The user name of an account that SCIM made.
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
    /// Any other request that the server refuses.
    Refused {
        /// The detail of the response.
        detail: String,
    },
    /// The server, and not the request.
    Ours,
}

/// A failed request as the provisioning log notes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Noted {
    status: u16,
    scim_type: Option<String>,
    detail: Option<String>,
    kind: Option<String>,
    /// The user name or display name in the body.
    name: Option<String>,
    time: i64,
}

/// The end of the detail that scim-core gives when a required attribute has no value.
const REQUIRED: &str = ": expected a value, since it is required";

impl Noted {
    fn cause(self) -> Cause {
        let is_group = self.kind.as_deref() == Some("Group");
        let detail = self.detail.unwrap_or_default();
        let name = self.name.unwrap_or_default();
        match self.status {
            500.. => Cause::Ours,
            401 => Cause::KeyUnknown,
            404 if self.kind.is_none() => Cause::WrongAddress,
            404 => Cause::Gone { group: is_group },
            409 if self.scim_type.as_deref() == Some("uniqueness") && !name.is_empty() => {
                if is_group {
                    Cause::GroupNameTaken { name }
                } else {
                    Cause::TakenByScim { user_name: name }
                }
            }
            _ => match detail.strip_suffix(REQUIRED) {
                Some(attribute) => Cause::ValueMissing { attribute: attribute.to_owned() },
                None => Cause::Refused { detail },
            },
        }
    }
}

/// A cause in words, and the remedies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The first sentence.
    pub sentence: String,
    /// More about the reason, if there is more to say.
    pub reason: Option<String>,
    /// The remedies, each of which helps.
    pub remedies: Vec<String>,
}

impl Fault {
    /// The fault of the column `fault`, as far as the request alone tells it: whether a key was valid once, and who has a
    /// user name, is not known here.
    pub fn read(text: &str) -> Option<Self> {
        let noted: Noted = serde_json::from_str(text).ok()?;
        let at = DateTime::from_timestamp_millis(noted.time)?;
        Some(Self { at, count: 0, cause: noted.cause() })
    }

    /// Whether Entra pauses provisioning at once for this cause, whatever the numbers are.
    pub fn counts_at_once(&self) -> bool {
        use Cause::{KeyExpired, KeyRevoked, KeyUnknown, WrongAddress};
        matches!(self.cause, KeyExpired { .. } | KeyUnknown | KeyRevoked { .. } | WrongAddress)
    }

    /// Names the key that was sent, if it is one that has ended: the one that ended last, and not long before the last
    /// request that worked.
    pub(super) fn name_key(&mut self, keys: &[Key], worked: Option<DateTime<Utc>>) {
        if self.cause != Cause::KeyUnknown {
            return;
        }
        let ended = keys.iter().filter_map(|key| Some((key.revoked.or(key.expires)?, key)));
        let ended = ended.filter(|(end, key)| key.used.is_some() && *end <= self.at);
        let ended = ended.filter(|(end, _)| worked.is_none_or(|worked| *end + SLACK >= worked));
        let Some((end, key)) = ended.max_by_key(|(end, _)| *end) else { return };
        self.cause = match key.revoked {
            Some(revoked) => Cause::KeyRevoked { key: key.name.clone(), revoked },
            None => Cause::KeyExpired { key: key.name.clone(), expired: end },
        };
    }

    /// The fault in words.
    pub fn advice(&self, provider: IdentityProvider, now: DateTime<Utc>) -> Advice {
        let (it, subject) = (provider.label(), provider.subject());
        let when = |at: DateTime<Utc>| on_day(at, now);
        let advice = |sentence: String, remedy: String| Advice { sentence, reason: None, remedies: vec![remedy] };
        match &self.cause {
            Cause::KeyExpired { key, expired } => advice(
                format!("The key “{key}” expired {}.", when(*expired)),
                format!("Make a new key and paste it into {it}."),
            ),
            Cause::KeyUnknown => advice(
                format!("{subject} sends a key that we don’t know."),
                "Copy the key again as a whole, or make a new one.".to_owned(),
            ),
            Cause::KeyRevoked { key, revoked } => advice(
                format!("{subject} still sends “{key}”, which was revoked {}.", when(*revoked)),
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
                reason: Some(format!(
                    "{subject} asks us for their user names, but SCIM never takes over an account made by hand. The last \
                     one was {user_name}."
                )),
                remedies: vec!["Remove that account, or take the person out of the application.".to_owned()],
            },
            Cause::TakenByScim { user_name } => advice(
                format!("{subject} asks to create {user_name}, who is here already."),
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
                let what = if *group { "group" } else { "person" };
                advice(
                    format!("{subject} changes a {what} that we no longer have."),
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
                advice(format!("A group named “{name}” is here already."), format!("Rename one of them in {it}."))
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
