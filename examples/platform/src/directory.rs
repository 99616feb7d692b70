//! Organisations and their API keys: what a platform knows beside what SCIM brings.
//!
//! Only digests of keys are kept. A key opens one organisation, and SCIM for it: nothing else. It is not known here how
//! a key reaches the platform, nor what is done with it then.

mod memory;
mod tables;
mod trust;

use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use scim_core::{
    bearer::{TokenDigest, bearer_token},
    store::{StoreError, TenantId},
};

use self::{memory::Memory, tables::Tables, trust::Trust};
use crate::{log::with_causes, storage::Storage};

/// The most characters that a token may have. What is longer is not even looked at.
pub const TOKEN_CHARACTERS: usize = 1_024;

/// Digits of a digest by which it is shown; half of them are enough to name it.
pub const SHOWN_DIGITS: usize = 12;

/// What went wrong with an organisation or its keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// There is none of this name.
    #[error("expected an organization that exists, found `{0}`")]
    NoOrganization(Box<str>),
    /// The token is one that is not valid any more, and that it will never be again.
    #[error("expected a token that was not revoked: its key {0} was")]
    Revoked(Box<str>),
    /// The token is one whose time is over.
    #[error("expected a token that has not expired: its key {0} has")]
    Expired(Box<str>),
    /// The token opens another organisation already.
    #[error("expected a token of no other organization")]
    Taken,
    /// No key has a digest that starts so.
    #[error("expected the start of a key's digest, found `{0}`, with which none starts")]
    NoKey(Box<str>),
    /// Several keys have a digest that starts so.
    #[error("expected more of a key's digest, found `{0}`, with which {1} of them start")]
    Ambiguous(Box<str>, usize),
    /// The tables cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The name of an organisation: a part of its SCIM URL, and its tenant. 1 to 64 lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationName(Arc<str>);

impl OrganizationName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for OrganizationName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        if is_name { Ok(Self(text.into())) } else { Err(InvalidName) }
    }
}

impl std::fmt::Display for OrganizationName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is no name of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 lower-case letters, digits and hyphens")]
pub struct InvalidName;

/// An organisation.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Whether its SCIM URL answers.
    pub scim: bool,
}

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct Key {
    /// What is kept of the token.
    pub digest: TokenDigest,
    /// The organisation that it opens.
    pub organization: String,
    /// What the administrator calls it.
    pub name: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// From when on it is not valid any more.
    pub expires: Option<DateTime<Utc>>,
    /// When an administrator has ended it.
    pub revoked: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub used: Option<DateTime<Utc>>,
}

impl Key {
    /// A key that is made now. Times are kept in milliseconds.
    pub fn new(organization: &OrganizationName, name: &str, digest: TokenDigest) -> Self {
        let (organization, name) = (organization.to_string(), name.to_owned());
        let created = Utc::now().trunc_subsecs(3);
        Self { digest, organization, name, created, expires: None, revoked: None, used: None }
    }

    /// Whether who has the token is let in at this time.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }

    /// The digits by which administrators name the key.
    pub fn shown(&self) -> String {
        format!("{:.SHOWN_DIGITS$}", self.digest.to_string())
    }
}

/// A caller that has shown a valid key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The organisation that it may work on.
    pub tenant: TenantId,
    /// What the administrator calls the key.
    pub name: Arc<str>,
}

/// The organisations and their keys.
#[derive(Debug)]
pub struct Directory {
    kept: Arc<Kept>,
    trust: Trust,
}

#[derive(Debug)]
enum Kept {
    Memory(Memory),
    Tables(Tables),
}

/// Calls a method of whichever it is. In memory nothing has to be waited for.
macro_rules! kept {
    ($kept:expr, $method:ident($($argument:expr),*)) => {
        match &*$kept {
            Kept::Memory(memory) => memory.$method($($argument),*),
            Kept::Tables(tables) => tables.$method($($argument),*).await?,
        }
    };
}

impl Directory {
    /// The organisations and keys that are kept there.
    pub fn new(storage: &Storage) -> Self {
        let kept = match storage {
            Storage::Memory => Kept::Memory(Memory::default()),
            Storage::Database(database) => Kept::Tables(Tables::new(database.clone())),
        };
        Self { kept: Arc::new(kept), trust: Trust::default() }
    }

    /// Makes the organisation, with SCIM switched on, if it is not there; one that is there stays as it is. Gives what
    /// is there then.
    pub async fn ensure_organization(&self, name: &OrganizationName) -> Result<Organization, DirectoryError> {
        let now = Utc::now().trunc_subsecs(3);
        kept!(self.kept, add_organization(name.as_str(), now));
        let all = self.organizations().await?;
        let found = all.into_iter().find(|organization| organization.name == name.as_str());
        found.ok_or_else(|| DirectoryError::NoOrganization(name.as_str().into()))
    }

    /// All organisations, by name.
    pub async fn organizations(&self) -> Result<Vec<Organization>, DirectoryError> {
        Ok(kept!(self.kept, organizations()))
    }

    /// Switches SCIM on or off for an organisation. Switched off, its keys open nothing; what was provisioned stays.
    pub async fn set_scim(&self, name: &OrganizationName, on: bool) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_scim(name.as_str(), on));
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Gives the organisation one more key. That the same key is there already is no error, whatever it is called.
    ///
    /// # Errors
    ///
    /// When there is no such organisation, or the token was revoked, has expired or is another organisation's: a token
    /// that has ended does not come back.
    pub async fn add_key(&self, key: Key) -> Result<(), DirectoryError> {
        let organizations = self.organizations().await?;
        if !organizations.iter().any(|organization| organization.name == key.organization) {
            return Err(DirectoryError::NoOrganization(key.organization.into()));
        }
        kept!(self.kept, add_key(&key));
        // Whoever was first: what is there now is what counts.
        let Some((found, _)) = kept!(self.kept, find(&key.digest)) else {
            return Err(StoreError::backend("a key that was written is not there").into());
        };
        match found {
            found if found.organization != key.organization => Err(DirectoryError::Taken),
            found if found.revoked.is_some() => Err(DirectoryError::Revoked(found.shown().into())),
            found if !found.is_valid(Utc::now()) => Err(DirectoryError::Expired(found.shown().into())),
            _ => Ok(()),
        }
    }

    /// All keys, of one organisation or of all, those that are not valid any more too: by organisation, the oldest
    /// first.
    pub async fn keys(&self, organization: Option<&OrganizationName>) -> Result<Vec<Key>, DirectoryError> {
        let mut keys = kept!(self.kept, keys());
        if let Some(organization) = organization {
            keys.retain(|key| key.organization == organization.as_str());
        }
        keys.sort_by(|one, other| (&one.organization, one.created).cmp(&(&other.organization, other.created)));
        Ok(keys)
    }

    /// Ends the key whose digest starts with `prefix`, and gives it. One that has ended before stays as it is.
    ///
    /// This instance knows it at once; others may trust the key for a little longer.
    ///
    /// # Errors
    ///
    /// When no key's digest starts so, or several do.
    pub async fn revoke(&self, prefix: &str) -> Result<Key, DirectoryError> {
        let mut keys = self.keys(None).await?;
        keys.retain(|key| key.digest.to_string().starts_with(&prefix.to_ascii_lowercase()));
        let count = keys.len();
        let key = keys.pop().ok_or_else(|| DirectoryError::NoKey(prefix.into()))?;
        if count > 1 {
            return Err(DirectoryError::Ambiguous(prefix.into(), count));
        }
        kept!(self.kept, revoke(&key.digest, Utc::now().trunc_subsecs(3)));
        self.trust.forget(&key.digest.to_string());
        Ok(key)
    }

    /// Who calls the organisation's SCIM URL with this `Authorization` header; `None` for everybody who is not to be
    /// let in, for whatever reason.
    pub async fn authenticate(&self, organization: &str, header: &str) -> Result<Option<Caller>, DirectoryError> {
        let Some(token) = bearer_token(header).filter(|token| token.len() <= TOKEN_CHARACTERS) else {
            return Ok(None);
        };
        let digest = TokenDigest::of(token);
        // Looked up by what nobody can choose: a digest tells nothing of how much of a token was right.
        let name = digest.to_string();
        let now = Utc::now();
        let Some(key) = self.valid_key(&digest, &name, now).await? else { return Ok(None) };
        // It may have expired since it was looked up.
        if key.organization != organization || !key.is_valid(now) {
            return Ok(None);
        }
        let Ok(tenant) = TenantId::new(organization) else { return Ok(None) };
        if self.trust.use_is_due(&name) {
            let kept = Arc::clone(&self.kept);
            // Nobody waits for it, and no request fails because of it.
            tokio::spawn(async move {
                if let Err(error) = kept.was_used(&digest, now).await {
                    tracing::warn!(error = with_causes(&error), "the use of a key could not be written down");
                }
            });
        }
        Ok(Some(Caller { tenant, name: key.name.as_str().into() }))
    }

    async fn valid_key(
        &self,
        digest: &TokenDigest,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<Key>>, DirectoryError> {
        if let Some(key) = self.trust.get(name) {
            return Ok(Some(key));
        }
        let found = kept!(self.kept, find(digest));
        let valid = found.filter(|(key, scim)| *scim && key.digest == *digest && key.is_valid(now));
        let valid = valid.map(|(key, _)| self.trust.put(name, key));
        if valid.is_none() {
            self.trust.forget(name);
        }
        Ok(valid)
    }

    /// Whether the keys can be looked up at the moment.
    pub async fn answers(&self) -> Result<(), DirectoryError> {
        kept!(self.kept, answers());
        Ok(())
    }
}

impl Kept {
    async fn was_used(&self, digest: &TokenDigest, at: DateTime<Utc>) -> Result<(), DirectoryError> {
        kept!(self, was_used(digest, at));
        Ok(())
    }
}
