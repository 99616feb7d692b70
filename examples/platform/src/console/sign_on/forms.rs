//! The forms for the settings, and the errors next to their fields.

use serde::Deserialize;

use crate::sign_on::{By, Claim, Configuration, OpenIdSettings, SamlSettings, Settings, SignOn, Signed};

/// The maximum number of characters of a field, except metadata.
const LONGEST: usize = 2_000;

/// Errors: the name of a field, and a sentence.
pub(super) type Errors = Vec<(&'static str, String)>;

/// The form for OpenID Connect.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct OpenIdForm {
    pub(super) issuer: String,
    pub(super) client_id: String,
    /// Empty to keep the stored secret.
    #[serde(default)]
    pub(super) client_secret: String,
    #[serde(default)]
    pub(super) claim: String,
}

impl OpenIdForm {
    /// Fills the form with settings, except the secret.
    pub(super) fn of(settings: &OpenIdSettings) -> Self {
        let (issuer, client_id) = (settings.issuer.clone(), settings.client_id.clone());
        Self { issuer, client_id, client_secret: String::new(), claim: settings.claim.as_str().to_owned() }
    }

    /// Returns the settings after the provider was found.
    pub(super) async fn settings(
        &self,
        sign_on: &SignOn,
        before: Option<&Configuration>,
    ) -> Result<OpenIdSettings, Errors> {
        let (issuer, client_id) = (self.issuer.trim(), self.client_id.trim());
        let mut errors = Errors::new();
        for (name, value) in [("issuer", issuer), ("client_id", client_id), ("client_secret", &*self.client_secret)] {
            if value.len() > LONGEST {
                errors.push((name, "This is too long.".to_owned()));
            }
        }
        if issuer.is_empty() {
            errors.push(("issuer", "Enter the issuer. The provider shows it beside the client ID.".to_owned()));
        }
        if client_id.is_empty() {
            errors.push(("client_id", "Enter the client ID.".to_owned()));
        }
        let Some(claim) = Claim::named(&self.claim) else {
            errors.push(("claim", "Choose a value by which we find people.".to_owned()));
            return Err(errors);
        };
        let client_secret = match (self.client_secret.trim(), before.map(|before| &before.settings)) {
            // The secret of a provider must not go to another provider.
            ("", Some(Settings::OpenId(kept))) if kept.issuer == issuer && kept.client_id == client_id => {
                kept.client_secret.clone()
            }
            ("", Some(_)) => {
                errors.push((
                    "client_secret",
                    "Enter the secret of this client: issuer or client ID are new.".to_owned(),
                ));
                String::new()
            }
            ("", None) => {
                errors.push(("client_secret", "Enter the client secret.".to_owned()));
                String::new()
            }
            (given, _) => given.to_owned(),
        };
        let (issuer, client_id) = (issuer.to_owned(), client_id.to_owned());
        let mut settings = OpenIdSettings { issuer, client_id, client_secret, claim, keys: 0 };
        if errors.is_empty() {
            match sign_on.check_openid(&settings).await {
                Ok(keys) => settings.keys = keys,
                Err(fault) => errors.push(("issuer", fault.sentence)),
            }
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }
}

/// The form for SAML.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct SamlForm {
    /// The metadata of the provider, or its address.
    pub(super) metadata: String,
    #[serde(default)]
    pub(super) signed: String,
    #[serde(default)]
    pub(super) by: String,
}

impl SamlForm {
    /// Fills the form with settings.
    pub(super) fn of(settings: &SamlSettings) -> Self {
        let signed = if settings.signed == Signed::Assertion { "assertion" } else { "response" };
        let by = if settings.by == By::UserName { "user_name" } else { "external_id" };
        Self { metadata: settings.metadata.clone(), signed: signed.to_owned(), by: by.to_owned() }
    }

    /// Returns the settings after the metadata was read.
    pub(super) async fn settings(&self, sign_on: &SignOn) -> Result<SamlSettings, Errors> {
        let mut errors = Errors::new();
        let signed = match &*self.signed {
            "assertion" => Signed::Assertion,
            "response" => Signed::Response,
            _ => {
                errors.push(("signed", "Choose the part that the provider signs.".to_owned()));
                Signed::Assertion
            }
        };
        let by = match &*self.by {
            "user_name" => By::UserName,
            "external_id" => By::ExternalId,
            _ => {
                errors.push(("by", "Choose a value by which we find people.".to_owned()));
                By::UserName
            }
        };
        match sign_on.read_metadata(self.metadata.trim(), signed, by).await {
            Ok(settings) if errors.is_empty() => return Ok(settings),
            Ok(_) => {}
            Err(fault) => errors.push(("metadata", fault.sentence)),
        }
        Err(errors)
    }
}
