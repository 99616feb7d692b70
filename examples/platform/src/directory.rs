//! Organizations and their API keys: the platform's own data next to the SCIM resources.
//!
//! Only digests of keys are stored (RFC 7644 §7.7). A key opens SCIM for one organization and nothing else. This module
//! knows neither how a key reaches the platform nor which requests follow.

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
    trust::{Trust, TrustedKey},
};
use crate::{identity_provider::IdentityProvider, log::with_causes, storage::Storage};

/// The maximum number of characters of a token. Longer tokens are not even looked up.
pub const TOKEN_CHARACTERS: usize = 1_024;

/// The number of a digest's digits that pages show; half of them are enough to name the key.
pub const SHOWN_DIGITS: usize = 12;

/// An operation on an organization or its keys failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The organization does not exist.
    #[error("no organization has the name `{0}`")]
    NoOrganization(Box<str>),
    /// The token was revoked, which is final.
    #[error("the token was revoked with its key {0}")]
    Revoked(Box<str>),
    /// The token has expired.
    #[error("the token has expired with its key {0}")]
    Expired(Box<str>),
    /// The token already opens another organization.
    #[error("the token belongs to another organization")]
    Taken,
    /// The form for the new key has already made a key.
    #[error("the form has already made a key")]
    Repeated,
    /// The connection of the organization is being removed, so SCIM stays off until the removal has ended.
    #[error("the connection of the organization is being removed: continue the removal on the page SCIM")]
    Removing,
    /// No key has a digest with this beginning.
    #[error("no key has a digest that starts with `{0}`")]
    NoKey(Box<str>),
    /// Several keys have digests with this beginning.
    #[error("{1} keys have a digest that starts with `{0}`")]
    Ambiguous(Box<str>, usize),
    /// The tables cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The name of an organization: a part of its SCIM URL, and its tenant. 1 to 64 lower-case letters, digits and
/// hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationName(Arc<str>);

impl OrganizationName {
    /// The organization of a server for which no organization is configured.
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

/// The text is not a valid name of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 lower-case letters, digits and hyphens")]
pub struct InvalidName;

/// The single sign-on of an organization that has not set any up.
const NO_SIGN_ON: &str = "none";

/// The single sign-on of an organization whose people another program signs in.
const EXTERNAL: &str = "external";

/// An organization.
#[derive(Clone, Debug)]
pub struct Organization {
    /// The name.
    pub name: String,
    /// The time of creation.
    pub created: DateTime<Utc>,
    /// Whether its SCIM URL answers.
    pub scim: bool,
    /// The name that pages show, if it has one.
    pub title: Option<String>,
    /// The identity provider, whose quirks the server tolerates.
    pub identity_provider: IdentityProvider,
    /// The single sign-on: `none`, `external`, `openid` or `saml`.
    pub sign_on: String,
    /// Whether the server refuses a second SCIM group of the same name.
    pub unique_groups: bool,
}

impl Organization {
    /// An organization as the command line makes it: SCIM is on, and another program handles single sign-on.
    pub fn new(name: &str, created: DateTime<Utc>) -> Self {
        let (name, sign_on) = (name.to_owned(), EXTERNAL.to_owned());
        let identity_provider = IdentityProvider::Other;
        Self { name, created, scim: true, title: None, identity_provider, sign_on, unique_groups: true }
    }

    /// Whether people can sign in, so that accounts from SCIM are of use.
    pub fn has_sign_on(&self) -> bool {
        self.sign_on != NO_SIGN_ON
    }

    /// The name that pages show.
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

/// A key as stored.
#[derive(Clone, Debug)]
pub struct Key {
    /// The digest of the token.
    pub digest: TokenDigest,
    /// The organization that the key opens.
    pub organization: String,
    /// The administrator's name for the key.
    pub name: String,
    /// The time of creation.
    pub created: DateTime<Utc>,
    /// The time from which the key is no longer valid.
    pub expires: Option<DateTime<Utc>>,
    /// The time at which an administrator revoked the key.
    pub revoked: Option<DateTime<Utc>>,
    /// The time of the last use, to the minute.
    pub used: Option<DateTime<Utc>>,
    /// The time at which the key was last sent after its end.
    pub refused: Option<DateTime<Utc>>,
    /// The address of the client that last used the key.
    pub address: Option<String>,
    /// The account of the administrator who made the key in the dashboard.
    pub made_by: Option<String>,
    /// The last characters of the token, by which its owner recognizes it; only for tokens that this program made.
    pub ending: Option<String>,
    /// The name of the form that made the key: the same form sent again makes no second key.
    pub form: Option<String>,
}

/// The number of a token's characters that stay readable: 16 of its 256 bits.
const ENDING: usize = 4;

impl Key {
    /// A key created now. Times are stored in milliseconds.
    pub fn new(organization: &OrganizationName, name: &str, digest: TokenDigest) -> Self {
        let (organization, name) = (organization.to_string(), name.to_owned());
        let created = Utc::now().trunc_subsecs(3);
        let (expires, revoked, used) = (None, None, None);
        let (refused, address, made_by, ending, form) = (None, None, None, None, None);
        Self { digest, organization, name, created, expires, revoked, used, refused, address, made_by, ending, form }
    }

    /// A key for a newly generated token that has not been handed out yet.
    pub fn generated(organization: &OrganizationName, name: &str, token: &Token) -> Self {
        let ending = token.reveal().chars().rev().take(ENDING).collect::<Vec<_>>();
        let ending = Some(ending.into_iter().rev().collect());
        Self { ending, ..Self::new(organization, name, token.digest()) }
    }

    /// Whether the key opens its organization at this time.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }

    /// The digits that name the key to administrators.
    pub fn shown(&self) -> String {
        format!("{:.SHOWN_DIGITS$}", self.digest.to_string())
    }
}

/// A caller that has shown a valid key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant of the caller's organization.
    pub tenant: TenantId,
    /// The administrator's name for the key.
    pub name: Arc<str>,
    /// The identity provider of the organization, whose quirks the server tolerates.
    pub identity_provider: IdentityProvider,
}

/// The reason for a refusal, for the organization's administrator. The caller does not learn it.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    /// The organization's key that was sent, if the token belongs to a key.
    pub key: Option<Key>,
    /// Whether SCIM is off, so that even a valid key opens nothing.
    pub is_off: bool,
}

/// The state of an organization that decides the validity of a key and the answer to a request.
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
    kept: Arc<Backend>,
    trust: Trust,
}

#[derive(Debug)]
enum Backend {
    Memory(Memory),
    Tables(Tables),
}

/// Calls the method of the variant. In memory there is nothing to wait for.
macro_rules! kept {
    ($kept:expr, $method:ident($($argument:expr),*)) => {
        match &*$kept {
            Backend::Memory(memory) => memory.$method($($argument),*),
            Backend::Tables(tables) => tables.$method($($argument),*).await?,
        }
    };
}

impl Directory {
    /// The organizations and keys in the storage.
    pub fn new(storage: &Storage) -> Self {
        let kept = match storage {
            Storage::Memory => Backend::Memory(Memory::default()),
            Storage::Database(database) => Backend::Tables(Tables::new(database.clone())),
        };
        Self { kept: Arc::new(kept), trust: Trust::default() }
    }

    /// Makes the organization, with SCIM switched on, if it does not exist; an existing one stays as it is.
    /// Returns the stored organization.
    pub async fn ensure_organization(&self, name: &OrganizationName) -> Result<Organization, DirectoryError> {
        self.ensure(Organization::new(name.as_str(), Utc::now().trunc_subsecs(3))).await
    }

    /// As [`Directory::ensure_organization`], for an organization whose administrator sets up SCIM and single
    /// sign-on in the browser: both are off.
    pub async fn ensure_bare_organization(&self, name: &OrganizationName) -> Result<Organization, DirectoryError> {
        let organization = Organization::new(name.as_str(), Utc::now().trunc_subsecs(3));
        self.ensure(Organization { scim: false, sign_on: NO_SIGN_ON.to_owned(), ..organization }).await
    }

    async fn ensure(&self, organization: Organization) -> Result<Organization, DirectoryError> {
        kept!(self.kept, add_organization(&organization));
        let found = kept!(self.kept, organization(&organization.name));
        found.ok_or_else(|| DirectoryError::NoOrganization(organization.name.into()))
    }

    /// The organization with this name.
    pub async fn organization(&self, name: &str) -> Result<Option<Organization>, DirectoryError> {
        Ok(kept!(self.kept, organization(name)))
    }

    /// All organizations, by name.
    pub async fn organizations(&self) -> Result<Vec<Organization>, DirectoryError> {
        Ok(kept!(self.kept, organizations()))
    }

    /// Switches SCIM on or off for an organization. While SCIM is off, its keys open nothing; the provisioned
    /// resources stay.
    ///
    /// # Errors
    ///
    /// When the organization does not exist, or SCIM is to be on while the connection is being removed.
    pub async fn set_scim(&self, name: &OrganizationName, on: bool) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_scim(name.as_str(), on));
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Sets the identity provider of an organization. Other instances tolerate the quirks of the former provider a
    /// little longer.
    pub async fn set_identity_provider(
        &self,
        name: &OrganizationName,
        provider: IdentityProvider,
    ) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_identity_provider(name.as_str(), provider));
        self.trust.forget_all_of(name.as_str());
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Records that another program signs in the people of an organization.
    pub async fn set_external_sign_on(&self, name: &OrganizationName) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_sign_on(name.as_str(), EXTERNAL));
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Sets whether a second SCIM group of the same name is refused. Groups that already share a name stay.
    pub async fn set_unique_groups(&self, name: &OrganizationName, unique: bool) -> Result<(), DirectoryError> {
        let found = kept!(self.kept, set_unique_groups(name.as_str(), unique));
        if found { Ok(()) } else { Err(DirectoryError::NoOrganization(name.as_str().into())) }
    }

    /// Adds a key to the organization. If the same key already exists, under whatever name, that is no error.
    ///
    /// # Errors
    ///
    /// When the organization does not exist, or the token was revoked, has expired or belongs to another
    /// organization: a token that has ended does not become valid again.
    pub async fn add_key(&self, key: Key) -> Result<(), DirectoryError> {
        if self.organization(&key.organization).await?.is_none() {
            return Err(DirectoryError::NoOrganization(key.organization.into()));
        }
        kept!(self.kept, add_key(&key));
        // Another instance may have written the key first: the stored key counts.
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

    /// The keys of one organization or of all, including those that are no longer valid: by organization, the
    /// oldest first.
    pub async fn keys(&self, organization: Option<&OrganizationName>) -> Result<Vec<Key>, DirectoryError> {
        let mut keys = kept!(self.kept, keys(organization.map(OrganizationName::as_str)));
        keys.sort_by(|one, other| (&one.organization, one.created).cmp(&(&other.organization, other.created)));
        Ok(keys)
    }

    /// Revokes the key whose digest starts with `prefix`, and returns it. A key that was revoked before stays as
    /// it is.
    ///
    /// This instance refuses the key at once; other instances may trust it a little longer.
    ///
    /// # Errors
    ///
    /// When no digest starts with `prefix`, or several do.
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

    /// Revokes all keys and all OAuth clients of an organization.
    ///
    /// This instance refuses them at once; other instances may trust them a little longer.
    pub async fn revoke_all(&self, organization: &OrganizationName) -> Result<(), DirectoryError> {
        kept!(self.kept, revoke_all(organization.as_str(), Utc::now().trunc_subsecs(3)));
        self.trust.forget_all_of(organization.as_str());
        Ok(())
    }

    /// Forgets the trusted keys and access tokens of an organization, some of which have just ended: the next
    /// request looks them up again.
    pub fn distrust(&self, organization: &str) {
        self.trust.forget_all_of(organization);
    }

    /// The caller who sends this `Authorization` header from this address to the organization's SCIM URL; `None`
    /// if the caller is refused, for whatever reason.
    pub async fn authenticate(
        &self,
        organization: &str,
        header: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, DirectoryError> {
        Ok(self.admit(organization, header, address).await?.ok())
    }

    /// As [`Directory::authenticate`], with the reason for a refusal, as far as it concerns the organization
    /// itself.
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
        // The look-up uses the digest, which a caller cannot choose: its timing reveals nothing about how much of
        // a token was right.
        let name = digest.to_string();
        let now = Utc::now();
        let known = match self.valid_key(&digest, &name, now).await? {
            Ok(known) => known,
            // The key of another organization must not be revealed to the administrator of this one.
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
            // The request does not wait for this write and does not fail because of it.
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
    ) -> Result<Result<Arc<TrustedKey>, Refused>, DirectoryError> {
        // The key may have expired since the look-up.
        if let Some(known) = self.trust.get(name).filter(|known| known.key.is_valid(now)) {
            return Ok(Ok(known));
        }
        let found = kept!(self.kept, find(digest));
        match found.filter(|(key, _)| key.digest == *digest) {
            Some((key, of)) if of.scim && key.is_valid(now) => {
                Ok(Ok(self.trust.put(name, TrustedKey { key, identity_provider: of.identity_provider })))
            }
            found => {
                self.trust.forget(name);
                // A provider renews its access tokens by itself, so the end of a token does not concern an
                // administrator.
                let own = found.filter(|(_, of)| !of.is_token);
                Ok(Err(own.map_or_else(Refused::default, |(key, of)| Refused { key: Some(key), is_off: !of.scim })))
            }
        }
    }

    /// Checks that the keys can be looked up at the moment.
    pub async fn answers(&self) -> Result<(), DirectoryError> {
        kept!(self.kept, answers());
        Ok(())
    }
}

impl Backend {
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
