//! Single sign-on: people of an organization sign in at its identity provider, by OpenID Connect or SAML 2.0.
//!
//! A sign-in leaves the server as a [`Departure`] and comes back as an [`Answer`]; in between it waits as a row of
//! the table `sign_in`. The trait `Protocol` hides the protocols: an implementation knows neither pages nor
//! accounts, and no other module knows the protocol. This module does not decide who may sign in: [`Identity`] has
//! the value by which the account is found.

mod fault;
mod fetch;
mod openid;
mod pending;
#[cfg(feature = "saml")]
mod saml;
mod settings;

use std::sync::Arc;

use scim_core::store::StoreError;
use serde::{Deserialize, Serialize};

pub use self::{
    fault::{Fault, Reason},
    openid::{Claim, OpenIdSettings},
    pending::{BEGUN_FOR, Beginning, Begun, Leaving, Purpose, Taken},
    settings::{Configuration, Outcome, SamlSettings, Settings, Signed},
};
use self::{fetch::Fetch, openid::Providers};
use crate::database::Database;

/// A protocol of single sign-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// OpenID Connect.
    OpenId,
    /// SAML 2.0.
    Saml,
}

impl Kind {
    /// Returns the name of the protocol in tables and paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Saml => "saml",
        }
    }

    /// Returns the protocol with the name that [`Kind::as_str`] returns.
    pub fn named(text: &str) -> Option<Self> {
        [Self::OpenId, Self::Saml].into_iter().find(|kind| kind.as_str() == text)
    }

    /// Returns the name of the protocol for pages.
    pub fn title(self) -> &'static str {
        match self {
            Self::OpenId => "OpenID Connect",
            Self::Saml => "SAML 2.0",
        }
    }

    /// Whether this program was built with support for the protocol.
    pub fn is_supported(self) -> bool {
        self == Self::OpenId || cfg!(feature = "saml")
    }
}

/// The property of an account by which a sign-in finds the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The user name, regardless of case.
    UserName,
    /// The `externalId` that the identity provider sent by SCIM. An account created by hand has no `externalId`,
    /// unless SCIM created the account and the connection was removed later.
    ExternalId,
}

/// The person in the answer of the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the value at the identity provider: `preferred_username` or `NameID`.
    pub source: &'static str,
    /// The value that the identity provider sent.
    pub value: String,
    /// The property of an account that the value is compared with.
    pub by: By,
    /// Names that must not be used twice, each with the time in milliseconds until which the server would accept
    /// it.
    pub once: Vec<(String, i64)>,
}

/// The way in which a browser leaves for the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The browser follows a redirect to an address.
    Address(String),
    /// The browser posts a form.
    Form {
        /// The address that receives the form.
        address: String,
        /// The hidden fields.
        fields: Vec<(String, String)>,
    },
}

impl Departure {
    /// Returns the address without its query.
    pub fn address(&self) -> &str {
        let (Self::Address(address) | Self::Form { address, .. }) = self;
        address.split('?').next().unwrap_or_default()
    }
}

/// The fields with which a browser comes back.
#[derive(Clone, Debug, Default)]
pub struct Answer(Vec<(String, String)>);

impl Answer {
    /// Reads the fields of a query or of a form.
    pub fn read(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Returns the value of a field that occurs exactly once. A field that occurs twice counts as missing, so that
    /// no two readers take different values.
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| &**value);
        values.next().filter(|_| values.next().is_none())
    }

    /// Returns all fields.
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }
}

/// A sign-in that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The secret that the answer must bring back.
    pub state: &'a str,
    /// Whether the identity provider must ask the person again, though it knows the browser.
    pub again: bool,
    /// Whether the answer must prove that the identity provider asked the person again.
    pub proven: bool,
}

/// One protocol, with the settings of one organization.
trait Protocol {
    /// Makes the request to the identity provider. The caller keeps the returned text until the answer arrives.
    fn begin(&self, start: Start<'_>) -> impl Future<Output = Result<(Departure, String), Fault>> + Send;

    /// Reads the answer to the request for which [`Protocol::begin`] returned the text `kept`.
    fn finish(&self, kept: &str, state: &str, answer: &Answer) -> impl Future<Output = Result<Identity, Fault>> + Send;
}

/// Single sign-on of all organizations.
#[derive(Clone, Debug)]
pub struct SignOn {
    database: Database,
    url: Arc<str>,
    providers: Arc<Providers>,
}

impl SignOn {
    /// Returns single sign-on for the tables of this database; `url` is the URL under which browsers see the
    /// server.
    pub fn new(database: Database, url: &str) -> Self {
        let providers = Arc::new(Providers::new(Fetch::new(url)));
        Self { database, url: url.into(), providers }
    }

    /// Returns the address to which OpenID Connect sends browsers back.
    pub fn return_address(&self, tenant: &str) -> String {
        format!("{}/o/{tenant}/sign-on/return", self.url)
    }

    /// Returns the address to which SAML sends browsers back: the assertion consumer service.
    pub fn acs_address(&self, tenant: &str) -> String {
        format!("{}/o/{tenant}/sign-on/acs", self.url)
    }

    /// Returns the entity id of the organization's service provider in SAML, which is also the address of its
    /// metadata.
    pub fn entity_id(&self, tenant: &str) -> String {
        format!("{}/o/{tenant}/sign-on/metadata", self.url)
    }

    /// Looks for the identity provider of these settings. Returns the number of the provider's keys.
    ///
    /// # Errors
    ///
    /// When the identity provider cannot be found. The error is worded for the administrator.
    pub async fn check_openid(&self, settings: &OpenIdSettings) -> Result<usize, Fault> {
        self.providers.check(settings).await
    }

    /// Makes the request to the identity provider. Returns the departure of the browser, and the text that
    /// [`SignOn::arrive`] needs.
    ///
    /// # Errors
    ///
    /// When the identity provider cannot be found.
    pub async fn depart(
        &self,
        tenant: &str,
        settings: &Settings,
        start: Start<'_>,
    ) -> Result<(Departure, String), Fault> {
        match settings {
            Settings::OpenId(settings) => {
                openid::OpenId::new(&self.providers, settings, self.return_address(tenant)).begin(start).await
            }
            #[cfg(feature = "saml")]
            Settings::Saml(settings) => self.saml(tenant, settings)?.begin(start).await,
            #[cfg(not(feature = "saml"))]
            Settings::Saml(_) => Err(Fault::without_saml()),
        }
    }

    /// Reads the answer of the identity provider.
    ///
    /// # Errors
    ///
    /// When the answer is not valid, or says that the person did not sign in.
    pub async fn arrive(
        &self,
        tenant: &str,
        settings: &Settings,
        begun: &Begun,
        answer: &Answer,
    ) -> Result<Identity, Fault> {
        let (kept, state) = (&*begun.kept, &*begun.state);
        match settings {
            Settings::OpenId(settings) => {
                let protocol = openid::OpenId::new(&self.providers, settings, self.return_address(tenant));
                protocol.finish(kept, state, answer).await
            }
            #[cfg(feature = "saml")]
            Settings::Saml(settings) => self.saml(tenant, settings)?.finish(kept, state, answer).await,
            #[cfg(not(feature = "saml"))]
            Settings::Saml(_) => Err(Fault::without_saml()),
        }
    }
}

#[cfg(not(feature = "saml"))]
impl SignOn {
    /// Returns an error: this program was built without SAML.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn service_metadata(&self, _tenant: &str) -> Result<String, Fault> {
        Err(Fault::without_saml())
    }

    /// Returns an error: this program was built without SAML.
    ///
    /// # Errors
    ///
    /// Always.
    pub async fn read_metadata(&self, _given: &str, _signed: Signed, _by: By) -> Result<SamlSettings, Fault> {
        Err(Fault::without_saml())
    }
}

fn read<T: for<'a> Deserialize<'a>>(json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(StoreError::backend)
}

fn written(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::backend)
}
