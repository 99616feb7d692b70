//! Organizations and their API keys: what a platform knows beside what SCIM brings.
//!
//! Only digests of keys are kept. A key opens one organization, and SCIM for it: nothing else. It is not known here how
//! a key reaches the platform, nor what is done with it then.

mod memory;
mod tables;
mod trust;

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, SubsecRound as _, Utc};
use scim_core::{
    bearer::{Token, TokenDigest, bearer_token},
    store::{StoreError, TenantId},
};

use self::{
    memory::Memory,
    tables::Tables,
    trust::{Known, Trust},
};
use crate::{identity_provider::IdentityProvider, log::with_causes, storage::Storage};

/// The most characters that a token may have. What is longer is not even looked at.
pub const TOKEN_CHARACTERS: usize = 1_024;

/// Digits of a digest by which it is shown; half of them are enough to name it.
pub const SHOWN_DIGITS: usize = 12;

/// What went wrong with an organization or its keys.
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
    /// The token opens another organization already.
    #[error("expected a token of no other organization")]
    Taken,
    /// The form that asks for the key has made one before.
    #[error("expected a form that has made no key yet")]
    Repeated,
    /// The connection of the organization is being removed, so SCIM stays off until the removal has ended.
    #[error("expected an organization whose connection is not being removed: continue the removal on the page SCIM")]
    Removing,
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

/// The name of an organization: a part of its SCIM URL, and its tenant. 1 to 64 lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationName(Arc<str>);

impl OrganizationName {
    /// The organization of a server that was told none.
    pub fn demo() -> Self {
        Self("demo".into())
    }

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

/// Text that is no name of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 lower-case letters, digits and hyphens")]
pub struct InvalidName;

/// The single sign-on of an organization that has none yet.
const NO_SIGN_ON: &str = "none";

/// The single sign-on that something else than this program handles.
const EXTERNAL: &str = "external";

/// An organization.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Whether its SCIM URL answers.
    pub scim: bool,
    /// The name that pages show, if it has one.
    pub title: Option<String>,
    /// The identity provider, whose habits the server tolerates.
    pub identity_provider: IdentityProvider,
    /// The single sign-on: `none`, `external`, `openid` or `saml`.
    pub sign_on: String,
    /// Whether the server refuses a second SCIM group of the same name.
    pub unique_groups: bool,
}

impl Organization {
    /// An organization as the command line makes it: SCIM is on, and single sign-on is somebody else's matter.
    pub fn new(name: &str, created: DateTime<Utc>) -> Self {
        let (name, sign_on) = (name.to_owned(), EXTERNAL.to_owned());
        let identity_provider = IdentityProvider::Other;
        Self { name, created, scim: true, title: None, identity_provider, sign_on, unique_groups: true }
    }

    /// Whether people can sign in, so that accounts which SCIM makes are of use.
    pub fn has_sign_on(&self) -> bool {
        self.sign_on != NO_SIGN_ON
    }

    /// The name that pages show.
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct Key {
    /// What is kept of the token.
    pub digest: TokenDigest,
    /// The organization that it opens.
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
    /// When it was last sent after its end.
    pub refused: Option<DateTime<Utc>>,
    /// The address of the client that used it last.
    pub address: Option<String>,
    /// The account of the administrator who made it in the dashboard.
    pub made_by: Option<String>,
    /// The last characters of the token, by which its owner recognizes it; only of tokens that this program made.
    pub ending: Option<String>,
    /// The name of the form that made it: the same form sent again makes no second key.
    pub form: Option<String>,
}

/// The characters of a token that are kept readable: 16 of its 256 bits.
const ENDING: usize = 4;

impl Key {
    /// A key that is made now. Times are kept in milliseconds.
    pub fn new(organization: &OrganizationName, name: &str, digest: TokenDigest) -> Self {
        let (organization, name) = (organization.to_string(), name.to_owned());
        let created = Utc::now().trunc_subsecs(3);
        let (expires, revoked, used) = (None, None, None);
        let (refused, address, made_by, ending, form) = (None, None, None, None, None);
        Self { digest, organization, name, created, expires, revoked, used, refused, address, made_by, ending, form }
    }

    /// A key for a token that was generated, and is not known to anybody yet.
    pub fn generated(organization: &OrganizationName, name: &str, token: &Token) -> Self {
        let ending = token.reveal().chars().rev().take(ENDING).collect::<Vec<_>>();
        let ending = Some(ending.into_iter().rev().collect());
        Self { ending, ..Self::new(organization, name, token.digest()) }
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
    /// The organization that it may work on.
    pub tenant: TenantId,
    /// What the administrator calls the key.
    pub name: Arc<str>,
    /// The identity provider of the organization, whose habits are tolerated.
    pub identity_provider: IdentityProvider,
}

/// The reason for which somebody is not let in, for the organization's administrator. Whoever asks is not told.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    /// The key of the organization that was sent, if it is one.
    pub key: Option<Key>,
    /// Whether SCIM is off, so that the key opens nothing although it may be valid.
    pub is_off: bool,
}

/// The state of an organization on which the validity of a key, and the answer to a request, depend.
#[derive(Clone, Copy, Debug)]
struct Standing {
    scim: bool,
    /// Whether the key stands for an access token of an OAuth client.
    is_token: bool,
    identity_provider: IdentityProvider,
}

/// The organizations and their keys.
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
    /// The organizations and keys that are kept there.
    pub fn new(storage: &Storage) -> Self {
        let kept = match storage {
            Storage::Memory => Kept::Memory(Memory::default()),
            Storage::Database(database) => Kept::Tables(Tables::new(database.clone())),
        };
        Self { kept: Arc::new(kept), trust: Trust::default() }
    }

    /// Makes the organization, with SCIM switched on, if it is not there; one that is there stays as it is. Gives what
    /// is there then.
    pub async fn ensure_organization(&self, name: &OrganizationName) -> Result<Organization, DirectoryError> {
        self.ensure(Organization::new(name.as_str(), Utc::now().trunc_subsecs(3))).await
    }

    /// As [`Directory::ensure_organization`], for an organization whose administrator sets SCIM and single sign-on up in
    /// the browser: both are off.
    pub async fn ensure_bare_organization(&self, name: &OrganizationName) -> Result<Organization, DirectoryError> {
        let organization = Organization::new(name.as_str(), Utc::now().trunc_subsecs(3));
        self.ensure(Organization { scim: false, sign_on: NO_SIGN_ON.to_owned(), ..organization }).await
    }

    async fn ensure(&self, organization: Organization) -> Result<Organization, DirectoryError> {
        kept!(self.kept, add_organization(&organization));
        let found = kept!(self.kept, organization(&organization.name));
        found.ok_or_else(|| DirectoryError::NoOrganization(organization.name.into()))
    }

    /// The organization of this name.
    pub async fn organization(&self, name: &str) -> Result<Option<Organization>, DirectoryError> {
        Ok(kept!(self.kept, organization(name)))
    }

    /// All organizations, by name.
    pub async fn organizations(&self) -> Result<Vec<Organization>, DirectoryError> {
        Ok(kept!(self.kept, organizations()))
    }

    /// Switches SCIM on or off for an organization. Switched off, its keys open nothing; what was provisioned stays.
    ///
    /// # Errors
    ///
    /// When there is no such organization, or SCIM is to be on while its connection is being removed.
    pub async fn set_scim(&self, name: &OrganizationName, on: bool) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_scim(name.as_str(), on));
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Sets the identity provider of an organization. Other instances tolerate the habits of the former one for a little
    /// longer.
    pub async fn set_identity_provider(
        &self,
        name: &OrganizationName,
        provider: IdentityProvider,
    ) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_identity_provider(name.as_str(), provider));
        self.trust.forget_all_of(name.as_str());
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Notes that something else than this program signs the people of an organization in.
    pub async fn set_external_sign_on(&self, name: &OrganizationName) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_sign_on(name.as_str(), EXTERNAL));
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Decides whether a second SCIM group of the same name is refused. Groups that share a name already stay.
    pub async fn set_unique_groups(&self, name: &OrganizationName, unique: bool) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_unique_groups(name.as_str(), unique));
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Gives the organization one more key. That the same key is there already is no error, whatever it is called.
    ///
    /// # Errors
    ///
    /// When there is no such organization, or the token was revoked, has expired or is another organization's: a token
    /// that has ended does not come back.
    pub async fn add_key(&self, key: Key) -> Result<(), DirectoryError> {
        if self.organization(&key.organization).await?.is_none() {
            return Err(DirectoryError::NoOrganization(key.organization.into()));
        }
        kept!(self.kept, add_key(&key));
        // Whoever was first: what is there now is what counts.
        let Some((found, _)) = kept!(self.kept, find(&key.digest)) else {
            if key.form.is_some() {
                return Err(DirectoryError::Repeated);
            }
            return Err(StoreError::backend("a key that was written is not there").into());
        };
        match found {
            found if found.organization != key.organization => Err(DirectoryError::Taken),
            found if found.revoked.is_some() => Err(DirectoryError::Revoked(found.shown().into())),
            found if !found.is_valid(Utc::now()) => Err(DirectoryError::Expired(found.shown().into())),
            _ => Ok(()),
        }
    }

    /// All keys, of one organization or of all, those that are not valid any more too: by organization, the oldest
    /// first.
    pub async fn keys(&self, organization: Option<&OrganizationName>) -> Result<Vec<Key>, DirectoryError> {
        let mut keys = kept!(self.kept, keys(organization.map(OrganizationName::as_str)));
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

    /// Ends all keys and all OAuth clients of an organization at once.
    ///
    /// This instance knows it at once; others may trust them for a little longer.
    pub async fn revoke_all(&self, organization: &OrganizationName) -> Result<(), DirectoryError> {
        kept!(self.kept, revoke_all(organization.as_str(), Utc::now().trunc_subsecs(3)));
        self.trust.forget_all_of(organization.as_str());
        Ok(())
    }

    /// Looks the keys and access tokens of an organization up again: some have just ended.
    pub fn distrust(&self, organization: &str) {
        self.trust.forget_all_of(organization);
    }

    /// Who calls the organization's SCIM URL from this address with this `Authorization` header; `None` for everybody who
    /// is not to be let in, for whatever reason.
    pub async fn authenticate(
        &self,
        organization: &str,
        header: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, DirectoryError> {
        Ok(self.admit(organization, header, address).await?.ok())
    }

    /// As [`Directory::authenticate`], with the reason of a refusal, as far as it is the organization's own matter.
    pub async fn admit(
        &self,
        organization: &str,
        header: &str,
        address: Option<IpAddr>,
    ) -> Result<Result<Caller, Refused>, DirectoryError> {
        let Some(token) = bearer_token(header).filter(|token| token.len() <= TOKEN_CHARACTERS) else {
            return Ok(Err(Refused::default()));
        };
        let digest = TokenDigest::of(token);
        // Looked up by what nobody can choose: a digest tells nothing of how much of a token was right.
        let name = digest.to_string();
        let now = Utc::now();
        let known = match self.valid_key(&digest, &name, now).await? {
            Ok(known) => known,
            // The key of another organization tells this one's administrator nothing.
            Err(refused) => {
                let is_own = refused.key.as_ref().is_some_and(|key| key.organization == organization);
                return Ok(Err(if is_own { refused } else { Refused::default() }));
            }
        };
        let (key, identity_provider) = (&known.key, known.identity_provider);
        if key.organization != organization {
            return Ok(Err(Refused::default()));
        }
        let Ok(tenant) = TenantId::new(organization) else { return Ok(Err(Refused::default())) };
        if self.trust.use_is_due(&name) {
            let kept = Arc::clone(&self.kept);
            // Nobody waits for it, and no request fails because of it.
            tokio::spawn(async move {
                if let Err(error) = kept.was_used(&digest, now, address).await {
                    tracing::warn!(error = with_causes(&error), "the use of a key could not be written down");
                }
            });
        }
        Ok(Ok(Caller { tenant, name: key.name.as_str().into(), identity_provider }))
    }

    async fn valid_key(
        &self,
        digest: &TokenDigest,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<Arc<Known>, Refused>, DirectoryError> {
        // It may have expired since it was looked up.
        if let Some(known) = self.trust.get(name).filter(|known| known.key.is_valid(now)) {
            return Ok(Ok(known));
        }
        let found = kept!(self.kept, find(digest));
        match found.filter(|(key, _)| key.digest == *digest) {
            Some((key, of)) if of.scim && key.is_valid(now) => {
                Ok(Ok(self.trust.put(name, Known { key, identity_provider: of.identity_provider })))
            }
            found => {
                self.trust.forget(name);
                // A provider gets new access tokens by itself, so the end of one is no matter of an administrator.
                let own = found.filter(|(_, of)| !of.is_token);
                Ok(Err(own.map_or_else(Refused::default, |(key, of)| Refused { key: Some(key), is_off: !of.scim })))
            }
        }
    }

    /// Whether the keys can be looked up at the moment.
    pub async fn answers(&self) -> Result<(), DirectoryError> {
        kept!(self.kept, answers());
        Ok(())
    }
}

impl Kept {
    async fn was_used(
        &self,
        digest: &TokenDigest,
        at: DateTime<Utc>,
        address: Option<IpAddr>,
    ) -> Result<(), DirectoryError> {
        kept!(self, was_used(digest, at, address));
        Ok(())
    }
}
