//! OpenID Connect: the authorization code flow with PKCE, a nonce, and the issuer checked in the callback.
//!
//! The metadata and keys of a provider are read on first use and cached for a while, so the server can also start
//! while the provider is down.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::Utc;
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, DiscoveryError, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SubjectIdentifier, TokenResponse as _,
    core::{
        CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenClaims,
        CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
    },
};
use serde::{Deserialize, Serialize};

use super::{
    Answer, By, Departure, Fault, Identity, Protocol, Reason, Start,
    fetch::{Fetch, FetchError},
    read, written,
};
use crate::session::random;

/// The time for which the server uses the metadata and keys of a provider without reading them again.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// The age after which the server reads the metadata again if a signature does not fit: the provider may have new
/// keys.
const STALE: Duration = Duration::from_secs(30);

/// The maximum number of cached providers; beyond it the cache is cleared.
const PROVIDERS: usize = 256;

/// Seconds within which the person must have signed in again, where the answer must prove it.
const AGAIN: i64 = 5 * 60;

/// The maximum number of characters of a code or of another value in the callback.
const LONGEST: usize = 8 << 10;

/// The algorithms of ID tokens: those with public keys. Every party that knows the client's secret could create a
/// token with a `MAC`.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The claim by which a sign-in finds the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// The name with which the person signs in at the provider.
    PreferredUsername,
    /// The e-mail address, if the provider has verified it.
    Email,
    /// The provider's own identifier of the person.
    Sub,
}

impl Claim {
    /// Returns the name of the claim in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreferredUsername => "preferred_username",
            Self::Email => "email",
            Self::Sub => "sub",
        }
    }

    /// Returns the claim with this name.
    pub fn named(text: &str) -> Option<Self> {
        [Self::PreferredUsername, Self::Email, Self::Sub].into_iter().find(|claim| claim.as_str() == text)
    }

    fn scope(self) -> Option<&'static str> {
        match self {
            Self::PreferredUsername => Some("profile"),
            Self::Email => Some("email"),
            Self::Sub => None,
        }
    }

    pub(super) fn by(self) -> By {
        match self {
            Self::PreferredUsername | Self::Email => By::UserName,
            Self::Sub => By::ExternalId,
        }
    }
}

/// The settings of OpenID Connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdSettings {
    /// The issuer: the address by which the provider identifies itself.
    pub issuer: String,
    /// The id of this client at the provider.
    pub client_id: String,
    /// The secret of this client.
    pub client_secret: String,
    /// The claim by which a sign-in finds the account.
    pub claim: Claim,
    /// The number of keys that the provider had when the settings were stored.
    pub keys: usize,
}

impl OpenIdSettings {
    /// The host of the provider.
    pub fn host(&self) -> &str {
        let rest = self.issuer.split_once("://").map_or(&*self.issuer, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

/// The cached metadata of providers, and the client that reads it.
#[derive(Debug)]
pub(super) struct Providers {
    fetch: Fetch,
    known: Mutex<HashMap<String, (Instant, CoreProviderMetadata)>>,
}

impl Providers {
    pub(super) fn new(fetch: Fetch) -> Self {
        Self { fetch, known: Mutex::default() }
    }

    /// Reads the metadata of a provider again. Returns the number of the provider's keys.
    pub(super) async fn check(&self, settings: &OpenIdSettings) -> Result<usize, Fault> {
        let metadata = self.discover(&settings.issuer).await?;
        let keys = metadata.jwks().keys().len();
        if keys == 0 {
            return Err(unavailable("The provider has no keys, so its answers can't be checked.".to_owned()));
        }
        client(metadata, settings, "https://platform.example.com/")?;
        Ok(keys)
    }

    /// Reads the text at an address.
    #[cfg(feature = "saml")]
    pub(super) async fn text(&self, address: &str) -> Result<String, String> {
        self.fetch.text(address).await.map_err(|error| format!("{error}."))
    }

    /// Checks that browsers may be sent to an address.
    #[cfg(feature = "saml")]
    pub(super) fn allow(&self, address: &str) -> Result<(), String> {
        let url = openidconnect::url::Url::parse(address).map_err(|_| format!("“{address:.200}” is no address."))?;
        self.fetch.allow(&url).map_err(|error| format!("{error}."))
    }

    async fn metadata(&self, issuer: &str, within: Duration) -> Result<(CoreProviderMetadata, Duration), Fault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
        if let Some((since, metadata)) = known.filter(|(since, _)| since.elapsed() < within) {
            return Ok((metadata, since.elapsed()));
        }
        Ok((self.discover(issuer).await?, Duration::ZERO))
    }

    async fn discover(&self, issuer: &str) -> Result<CoreProviderMetadata, Fault> {
        let address = IssuerUrl::new(issuer.to_owned())
            .map_err(|_| unavailable(format!("“{issuer:.200}” is no address. An issuer begins with https://.")))?;
        let found = CoreProviderMetadata::discover_async(address, &self.fetch).await;
        let metadata = found.map_err(|error| not_discovered(issuer, error))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PROVIDERS {
            known.clear();
        }
        known.insert(issuer.to_owned(), (Instant::now(), metadata.clone()));
        Ok(metadata)
    }
}

fn unavailable(sentence: String) -> Fault {
    Fault::new(Reason::Unavailable, sentence, "Compare the issuer with the one that the provider shows.")
}

fn not_discovered(issuer: &str, error: DiscoveryError<FetchError>) -> Fault {
    let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    unavailable(match error {
        DiscoveryError::Request(error) => format!("The provider doesn't answer: {error}."),
        DiscoveryError::Response(status, ..) if !status.is_success() => {
            format!("There is no OpenID provider: {document} answers {}.", status.as_u16())
        }
        DiscoveryError::Response(..) | DiscoveryError::Parse(_) => {
            format!("There is no OpenID provider: {document} isn't the description of one.")
        }
        DiscoveryError::Validation(message) => match message.split('`').nth(1) {
            Some(name) => format!("The provider calls itself {name}. Enter exactly that."),
            None => format!("The description of the provider isn't valid: {message}."),
        },
        other => format!("The description of the provider can't be read: {other}."),
    })
}

fn client(metadata: CoreProviderMetadata, settings: &OpenIdSettings, return_to: &str) -> Result<Client, Fault> {
    let methods = metadata.token_endpoint_auth_methods_supported().cloned();
    if metadata.token_endpoint().is_none() {
        return Err(unavailable("The provider has no token endpoint, which sign-in with a code needs.".to_owned()));
    }
    let (id, secret) = (settings.client_id.clone(), settings.client_secret.clone());
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(id), Some(ClientSecret::new(secret)));
    let in_body = methods.is_some_and(|methods| {
        !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
            && methods.contains(&CoreClientAuthMethod::ClientSecretPost)
    });
    let client = if in_body { client.set_auth_type(AuthType::RequestBody) } else { client };
    Ok(client.set_redirect_uri(RedirectUrl::new(return_to.to_owned()).map_err(Fault::internal)?))
}

/// OpenID Connect with the settings of one organization.
pub(super) struct OpenId<'a> {
    providers: &'a Providers,
    settings: &'a OpenIdSettings,
    return_to: String,
}

#[derive(Serialize, Deserialize)]
struct OpenIdState {
    nonce: String,
    verifier: String,
    proven: bool,
}

impl<'a> OpenId<'a> {
    pub(super) fn new(providers: &'a Providers, settings: &'a OpenIdSettings, return_to: String) -> Self {
        Self { providers, settings, return_to }
    }

    async fn client(&self, within: Duration) -> Result<(Client, Duration), Fault> {
        let (metadata, age) = self.providers.metadata(&self.settings.issuer, within).await?;
        Ok((client(metadata, self.settings, &self.return_to)?, age))
    }

    /// Verifies the ID token and returns its claims. If the signature does not fit, the provider's keys are read
    /// again once.
    async fn claims(&self, tokens: &CoreTokenResponse, nonce: &Nonce) -> Result<CoreIdTokenClaims, Fault> {
        let (client, age) = self.client(FRESH).await?;
        match verified(&client, tokens, nonce) {
            Err(NotVerified::Claims(ClaimsVerificationError::SignatureVerification(_))) if age > STALE => {
                let (client, _) = self.client(Duration::ZERO).await?;
                verified(&client, tokens, nonce)
            }
            other => other,
        }
        .map_err(|error| self.not_verified(error))
    }

    /// Returns the value of the claim. Some providers have it only at their userinfo endpoint.
    async fn value(&self, client: &Client, claims: &CoreIdTokenClaims, token: &AccessToken) -> Result<String, Fault> {
        let claim = self.settings.claim;
        let found = match claim {
            Claim::Sub => Some(claims.subject().to_string()),
            Claim::PreferredUsername => claims.preferred_username().map(|name| name.to_string()),
            Claim::Email => self.email(claims.email().map(|email| &***email), claims.email_verified())?,
        };
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            return Ok(found);
        }
        let more = self.more(client, claims.subject(), token).await?;
        let found = match (claim, &more) {
            (Claim::PreferredUsername, Some(more)) => more.preferred_username().map(|name| name.to_string()),
            (Claim::Email, Some(more)) => self.email(more.email().map(|email| &***email), more.email_verified())?,
            _ => None,
        };
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            return Ok(found);
        }
        let unverified = claims.email().or_else(|| more.as_ref().and_then(|more| more.email()));
        Err(match unverified.filter(|_| claim == Claim::Email) {
            Some(email) => self.not_verified_email(email, "no email_verified"),
            None => self.without(claim),
        })
    }

    fn without(&self, claim: Claim) -> Fault {
        let sentence = format!("The answer of {} has no {}.", self.settings.host(), claim.as_str());
        Fault::invalid(sentence, "At the provider, let the application read it, or find people by another value.")
    }

    fn email(&self, email: Option<&str>, verified: Option<bool>) -> Result<Option<String>, Fault> {
        match (email, verified) {
            (Some(email), Some(true)) => Ok(Some(email.to_owned())),
            (Some(email), Some(false)) => Err(self.not_verified_email(email, "email_verified = false")),
            // The userinfo endpoint may have both claims.
            (Some(_) | None, None) | (None, Some(_)) => Ok(None),
        }
    }

    fn not_verified_email(&self, email: &str, found: &str) -> Fault {
        let sentence = format!("{} hasn't verified the e-mail address {email:.200}.", self.settings.host());
        let remedy = "Verify it at the provider, or find people by preferred_username or sub.";
        Fault::invalid(sentence, remedy).found(found).expected("email_verified = true")
    }

    async fn more(
        &self,
        client: &Client,
        subject: &SubjectIdentifier,
        token: &AccessToken,
    ) -> Result<Option<CoreUserInfoClaims>, Fault> {
        let Ok(request) = client.user_info(token.clone(), Some(subject.clone())) else { return Ok(None) };
        let answer: Result<CoreUserInfoClaims, _> = request.request_async(&self.providers.fetch).await;
        answer.map(Some).map_err(|error| {
            tracing::info!(error = crate::log::with_causes(&error), "the userinfo endpoint is of no use");
            let sentence = "The provider doesn't tell more about the person at its userinfo endpoint.";
            Fault::new(Reason::Unavailable, sentence, "Find people by sub, or put the value into the ID token.")
        })
    }

    fn not_verified(&self, error: NotVerified) -> Fault {
        let check = "Compare issuer and client ID with the ones that the provider shows.";
        match error {
            NotVerified::Missing => Fault::invalid("The answer of the provider has no ID token.", check),
            NotVerified::Hash => Fault::invalid("The tokens of the provider don't belong together.", check),
            NotVerified::Claims(error) => {
                let sentence = match &error {
                    ClaimsVerificationError::InvalidIssuer(_) => "The ID token comes from another issuer.",
                    ClaimsVerificationError::InvalidAudience(_) => "The ID token was meant for another application.",
                    ClaimsVerificationError::InvalidNonce(_) => "The ID token belongs to another sign-in.",
                    ClaimsVerificationError::Expired(_) => "The ID token has expired.",
                    ClaimsVerificationError::SignatureVerification(_) => {
                        "The ID token isn't signed with a key of the provider."
                    }
                    _ => "The ID token isn't valid.",
                };
                let fault = Fault::invalid(format!("{sentence} So we refused it."), check).found(error.to_string());
                match error {
                    ClaimsVerificationError::InvalidIssuer(_) => fault.expected(&self.settings.issuer),
                    ClaimsVerificationError::InvalidAudience(_) => fault.expected(&self.settings.client_id),
                    _ => fault,
                }
            }
        }
    }
}

enum NotVerified {
    Missing,
    Hash,
    Claims(ClaimsVerificationError),
}

fn verified(client: &Client, tokens: &CoreTokenResponse, nonce: &Nonce) -> Result<CoreIdTokenClaims, NotVerified> {
    let token = tokens.id_token().ok_or(NotVerified::Missing)?;
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    let claims = token.claims(&verifier, nonce).map_err(NotVerified::Claims)?;
    if let Some(expected) = claims.access_token_hash() {
        let algorithm = token.signing_alg().map_err(|_| NotVerified::Hash)?;
        let key = token.signing_key(&verifier).map_err(|_| NotVerified::Hash)?;
        let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
        if !hash.is_ok_and(|hash| hash == *expected) {
            return Err(NotVerified::Hash);
        }
    }
    Ok(claims.clone())
}

impl Protocol for OpenId<'_> {
    async fn begin(&self, start: Start<'_>) -> Result<(Departure, String), Fault> {
        let (client, _) = self.client(FRESH).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = random()?;
        let (state, token) = (start.state.to_owned(), nonce.clone());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client.authorize_url(flow, || CsrfToken::new(state), || Nonce::new(token));
        request = request.set_pkce_challenge(challenge);
        if let Some(scope) = self.settings.claim.scope() {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        if start.again {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        if start.proven {
            request = request.set_max_age(Duration::ZERO);
        }
        let (url, _, _) = request.url();
        // Browsers are sent to this address, so an unsafe address from the provider's metadata must not pass.
        if let Err(error) = self.providers.fetch.allow(&url) {
            return Err(unavailable(format!("The sign-in address of the provider is of no use: {error}.")));
        }
        let kept = OpenIdState { nonce, verifier: verifier.into_secret(), proven: start.proven };
        Ok((Departure::Address(url.into()), written(&kept)?))
    }

    async fn finish(&self, kept: &str, _state: &str, answer: &Answer) -> Result<Identity, Fault> {
        let kept: OpenIdState = read(kept)?;
        let issuer = &*self.settings.issuer;
        if let Some(found) = answer.one("iss").filter(|found| *found != issuer) {
            let remedy = "Test again. If this returns, somebody mixes the answers of two providers.";
            let fault = Fault::invalid("The answer comes from another issuer, so we refused it.", remedy);
            return Err(fault.found(found).expected(issuer));
        }
        if let Some(code) = answer.one("error") {
            return Err(refused(code, answer.one("error_description").unwrap_or_default()));
        }
        let code = answer.one("code").filter(|code| code.len() <= LONGEST).ok_or_else(|| {
            Fault::invalid("The answer of the provider has no code.", "Test again, and use the redirect address below.")
        })?;
        let (client, _) = self.client(FRESH).await?;
        let request = client.exchange_code(AuthorizationCode::new(code.to_owned())).map_err(Fault::internal)?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(kept.verifier));
        let tokens = request.request_async(&self.providers.fetch).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(answer) => {
                let description = answer.error_description().cloned().unwrap_or_default();
                refused(answer.error().as_ref(), &description)
            }
            RequestTokenError::Request(error) => unavailable(format!("The provider doesn't answer: {error}.")),
            other => unavailable(format!("The provider's answer at its token endpoint can't be read: {other}.")),
        })?;
        let claims = self.claims(&tokens, &Nonce::new(kept.nonce)).await?;
        if kept.proven {
            let signed_in = claims.auth_time().map(|time| time.timestamp());
            if signed_in.is_none_or(|time| Utc::now().timestamp() - time > AGAIN) {
                let sentence = "The provider doesn't prove that you signed in again just now.";
                return Err(Fault::invalid(sentence, "At the provider, add the claim auth_time to the ID token."));
            }
        }
        let value = self.value(&client, &claims, tokens.access_token()).await?;
        let claim = self.settings.claim;
        Ok(Identity { source: claim.as_str(), value, by: claim.by(), once: Vec::new() })
    }
}

fn refused(code: &str, description: &str) -> Fault {
    if code == "access_denied" {
        let remedy = "At the provider, assign the application to the person, and test again.";
        let fault = Fault::new(Reason::Cancelled, "The sign-in was cancelled at the provider.", remedy);
        return fault.found(shortened(description));
    }
    let remedy = match code {
        "invalid_client" | "unauthorized_client" => "Copy the client ID and the secret from the provider again.",
        "invalid_grant" => "Test again. Compare the redirect address at the provider with the one below.",
        "invalid_scope" => "At the provider, allow the scopes openid, profile and email.",
        _ => "Look the error up in the log of the provider.",
    };
    let fault = Fault::invalid(format!("The provider refused the sign-in: {}.", shortened(code)), remedy);
    fault.found(shortened(description))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(300).collect()
}
