//! SAML 2.0 as a service provider: requests by HTTP-Redirect or HTTP-POST, responses by HTTP-POST.
//!
//! The crate `saml-rs` binds the signature to the values that are read. Its presets are lenient, so [`policy`]
//! names each rule. Encrypted assertions and logout are not supported.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};
use saml_rs::{
    AcsEndpoint, AssertionSignaturePolicy, AudienceValidationPolicy, AuthnRequest, BrowserInput, ClockSkew, EntityId,
    ForceAuthn, FormField, IdpDescriptor, MetadataTrustPolicy, Pending, PendingSnapshot, RelayStateParam, ReplayCache,
    ReplayKey, ReplayPolicy, ResponseSignaturePolicy, Saml, SamlError, SamlValidationContext, Sp, SpConfig,
    SpValidationPolicy, SsoResponse, SsoSession, StartSso, XmlSignatureProfile,
    constants::{Binding, CertUse},
    error::{SubjectConfirmationReason, TimeWindowField},
};
use serde::{Deserialize, Serialize};

use super::{
    Answer, By, Departure, Fault, Identity, Protocol, Reason, SamlSettings, SignOn, Signed, Start, read, written,
};

/// Milliseconds by which the clocks of the server and of the identity provider may differ.
const SKEW: i64 = 60_000;

/// The time for which a response without an end is remembered.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Seconds within which the person must have signed in again, where the answer must prove it.
const AGAIN: i64 = 5 * 60;

/// The maximum number of bytes of metadata.
const MOST: usize = 128 << 10;

/// The rules for responses, each named explicitly.
fn policy(signed: Signed) -> SpValidationPolicy {
    let (assertions, responses) = match signed {
        Signed::Assertion => (AssertionSignaturePolicy::RequireSigned, ResponseSignaturePolicy::RequireForEncryptedCbc),
        Signed::Response => {
            (AssertionSignaturePolicy::AllowUnsignedForCompatibility, ResponseSignaturePolicy::RequireSigned)
        }
    };
    SpValidationPolicy {
        assertions,
        responses,
        xml_signatures: XmlSignatureProfile::StrictRsaSha2,
        audience: AudienceValidationPolicy::Validate,
        ..SpValidationPolicy::recommended()
    }
}

/// SAML with the settings of one organization.
pub(super) struct SamlProtocol {
    service: Arc<Saml<Sp>>,
    provider: IdpDescriptor,
    settings: SamlSettings,
    entity_id: String,
    acs: String,
}

#[derive(Serialize, Deserialize)]
struct SamlState {
    id: String,
    request_binding: Option<String>,
    proven: bool,
}

fn service(entity_id: &str, acs: &str, signed: Signed) -> Result<Saml<Sp>, SamlError> {
    let config = SpConfig::builder(EntityId::try_new(entity_id)?)
        .acs_endpoint(AcsEndpoint::post(acs)?)
        .validation(policy(signed))
        .build()?;
    Saml::sp(config)
}

fn descriptor(metadata: &str) -> Result<IdpDescriptor, SamlError> {
    // The administrator vouches for the metadata, which was pasted or fetched by TLS. The server never reads it
    // again by itself.
    IdpDescriptor::from_metadata_xml(metadata, MetadataTrustPolicy::UnsignedForCompatibility)
}

impl SignOn {
    pub(super) fn saml(&self, tenant: &str, settings: &SamlSettings) -> Result<SamlProtocol, Fault> {
        let (entity_id, acs) = (self.entity_id(tenant), self.acs_address(tenant));
        let service = service(&entity_id, &acs, settings.signed).map_err(Fault::internal)?;
        let provider = descriptor(&settings.metadata).map_err(Fault::internal)?;
        Ok(SamlProtocol { service: Arc::new(service), provider, settings: settings.clone(), entity_id, acs })
    }

    /// Returns the metadata of the organization's service provider, as XML.
    ///
    /// # Errors
    ///
    /// When the URL of the server cannot be a part of the metadata.
    pub fn service_metadata(&self, tenant: &str) -> Result<String, Fault> {
        let service = service(&self.entity_id(tenant), &self.acs_address(tenant), Signed::Assertion);
        Ok(service.map_err(Fault::internal)?.metadata_xml().to_owned())
    }

    /// Reads the metadata of an identity provider. The argument `given` is the metadata itself or its address.
    ///
    /// # Errors
    ///
    /// When the metadata cannot be read or lacks a part. The error is worded for the administrator.
    pub async fn read_metadata(&self, given: &str, signed: Signed, by: By) -> Result<SamlSettings, Fault> {
        let wrong = |sentence: String| Fault::invalid(sentence, "Download the metadata at the provider again.");
        if given.is_empty() {
            return Err(wrong("Enter the address of the metadata, or paste the file.".to_owned()));
        }
        let metadata = if given.starts_with("https://") || given.starts_with("http://") {
            self.providers.text(given).await.map_err(wrong)?
        } else {
            given.to_owned()
        };
        if metadata.len() > MOST {
            return Err(wrong(format!("The metadata has more than {} kB. Enter that of one provider.", MOST >> 10)));
        }
        let found = descriptor(&metadata)
            .map_err(|error| wrong(format!("This isn’t the metadata of an identity provider: {error}.")))?;
        if found.metadata().x509_certificates(CertUse::Signing).is_empty() {
            return Err(wrong("The metadata has no signing certificate.".to_owned()));
        }
        let bindings = [Binding::Redirect, Binding::Post];
        let addresses = bindings.iter().filter_map(|binding| found.metadata().get_single_sign_on_service(*binding));
        let mut addresses = addresses.peekable();
        if addresses.peek().is_none() {
            return Err(wrong("The metadata has no sign-in address for HTTP-Redirect or HTTP-POST.".to_owned()));
        }
        for address in addresses {
            self.providers.allow(&address).map_err(wrong)?;
        }
        let entity_id = found.entity_id().as_str().to_owned();
        Ok(SamlSettings { metadata, entity_id, signed, by })
    }
}

impl Protocol for SamlProtocol {
    async fn begin(&self, start: Start<'_>) -> Result<(Departure, String), Fault> {
        let redirects = self.provider.metadata().get_single_sign_on_service(Binding::Redirect).is_some();
        let mut options = if redirects { StartSso::redirect() } else { StartSso::post() };
        options = options.relay_state(RelayStateParam::try_from_option(Some(start.state)).map_err(Fault::internal)?);
        if start.again {
            options = options.force_authn(ForceAuthn::Required);
        }
        let started = self.service.start_sso(&self.provider, options).map_err(Fault::internal)?;
        let departure = if redirects {
            Departure::Address(started.outbound.redirect_url().map_err(Fault::internal)?.to_owned())
        } else {
            let form = started.outbound.post_form().map_err(Fault::internal)?;
            let fields = form.fields().iter().map(|field| (field.name().to_owned(), field.value().to_owned()));
            Departure::Form { address: form.action().as_str().to_owned(), fields: fields.collect() }
        };
        let snapshot = started.pending.snapshot();
        let kept = SamlState { id: snapshot.id, request_binding: snapshot.request_binding, proven: start.proven };
        Ok((departure, written(&kept)?))
    }

    async fn finish(&self, kept: &str, state: &str, answer: &Answer) -> Result<Identity, Fault> {
        let kept: SamlState = read(kept)?;
        let relay_state = RelayStateParam::try_from_option(Some(state)).map_err(Fault::internal)?;
        let peer = self.provider.entity_id().as_str();
        let mut snapshot =
            PendingSnapshot::<AuthnRequest>::authn_request(kept.id, relay_state, peer, "post", &*self.acs, "post");
        snapshot.request_binding = kept.request_binding;
        let pending = Pending::<AuthnRequest>::from_snapshot(snapshot).map_err(Fault::internal)?;
        let (service, provider) = (Arc::clone(&self.service), self.provider.clone());
        let fields = answer.fields().iter().map(|(name, value)| FormField::new(&**name, &**value)).collect();
        // The sender determines the cost of processing the XML, which must not delay other requests.
        let checked = tokio::task::spawn_blocking(move || {
            let mut recorded = Recorded::default();
            let context = SamlValidationContext::new(SystemTime::now(), ReplayPolicy::RequireCache(&mut recorded))
                .with_replay_retention(RETENTION)
                .with_clock_skew(ClockSkew::from_millis(-SKEW, SKEW));
            let session = service.finish_sso(&provider, &pending, BrowserInput::<SsoResponse>::post(fields), context);
            session.map(|session| (session, recorded.0))
        });
        let (session, once) = checked.await.map_err(Fault::internal)?.map_err(|error| self.fault(&error))?;
        if kept.proven {
            proven(&session)?;
        }
        let value = session.name_id().value().trim().to_owned();
        if value.is_empty() {
            let remedy = "At the provider, choose the user name or e-mail as name ID.";
            return Err(Fault::invalid("The answer of the provider has no NameID.", remedy));
        }
        Ok(Identity { source: "NameID", value, by: self.settings.by, once })
    }
}

/// Records the names of the response and its assertions. The caller marks them as used in the table that all
/// instances share.
#[derive(Default)]
struct Recorded(Vec<(String, i64)>);

impl ReplayCache for Recorded {
    fn check_and_store(&mut self, key: ReplayKey, expires_at: SystemTime) -> Result<(), SamlError> {
        let until = expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.push((key.cache_key(), i64::try_from(until.as_millis()).unwrap_or(i64::MAX)));
        Ok(())
    }
}

fn proven(session: &SsoSession) -> Result<(), Fault> {
    let instant = session.authn_session().authn_instant().map(|instant| instant.as_str().to_owned());
    let time = instant.and_then(|instant| DateTime::parse_from_rfc3339(&instant).ok());
    if time.is_none_or(|time| Utc::now().timestamp() - time.timestamp() > AGAIN) {
        let sentence = "The provider doesn’t prove that you signed in again just now.";
        return Err(Fault::invalid(sentence, "At the provider, honor ForceAuthn for this application."));
    }
    Ok(())
}

impl SamlProtocol {
    fn fault(&self, error: &SamlError) -> Fault {
        use SamlError as E;
        let wrong = |sentence: &str, remedy: &str| Fault::invalid(format!("{sentence} So we refused it."), remedy);
        let audience = "At the provider, paste our audience URI as audience or entity ID.";
        let address = "At the provider, paste our single sign-on URL as reply URL, recipient and destination.";
        let keys = "Download the metadata at the provider again, and save it here.";
        let again = "Test again, from this page. We take no answer that we didn’t ask for.";
        match error {
            E::AudienceMismatch { .. } | E::UnmatchAudience => {
                wrong("The answer was meant for another application.", audience).expected(&self.entity_id)
            }
            E::DestinationMismatch { actual, .. } => wrong("The answer was meant for another address.", address)
                .found(actual.clone().unwrap_or_default())
                .expected(&self.acs),
            E::SubjectConfirmationInvalid { reason: SubjectConfirmationReason::RecipientMismatch } => {
                wrong("The answer was meant for another recipient.", address).expected(&self.acs)
            }
            E::SubjectConfirmationInvalid { reason: SubjectConfirmationReason::InResponseToMismatch }
            | E::InResponseToMismatch { .. }
            | E::InvalidInResponseTo
            | E::RelayStateMismatch { .. } => wrong("The answer belongs to another sign-in.", again),
            E::IssuerMismatch { actual, .. } => wrong("The answer comes from another provider.", keys)
                .found(actual.clone().unwrap_or_default())
                .expected(&self.settings.entity_id),
            E::TimeWindowInvalid { field: TimeWindowField::ReplayExpiration | TimeWindowField::Conditions }
            | E::TimeWindowInvalid { .. }
            | E::SubjectConfirmationInvalid { reason: SubjectConfirmationReason::TimeWindowInvalid }
            | E::ExpiredSession => wrong(
                "The answer has expired, or the clocks differ.",
                "Compare the clock of the provider with ours. They may differ by one minute.",
            )
            .expected(format!("about {}", Utc::now().format("%-I:%M:%S %p UTC"))),
            E::ReplayDetected { .. } => Fault::replayed(),
            E::StatusNotSuccess { top, second } => status(second.as_deref().unwrap_or(top)),
            E::FailedStatus { top, second } => status(if second.is_empty() { top } else { second }),
            E::AssertionSignatureRequired | E::SignatureMissing | E::SignedReferenceMismatch => {
                let part = match self.settings.signed {
                    Signed::Assertion => "assertion",
                    Signed::Response => "response",
                };
                wrong(
                    &format!("The {part} of the answer isn’t signed."),
                    &format!("At the provider, sign the {part}, or choose the part that it signs below."),
                )
            }
            E::AlgorithmUnsupported => wrong(
                "The answer is signed with an algorithm that isn’t safe.",
                "At the provider, choose RSA-SHA256 as signature and SHA256 as digest algorithm.",
            )
            .found(error.to_string()),
            E::SignatureVerification { .. }
            | E::NoTrustedCertificate
            | E::CertificateMismatch
            | E::UnmatchCertificate
            | E::FailedToVerifySignature
            | E::FailedMessageSignatureVerification => {
                wrong("The answer isn’t signed with the key in the metadata.", keys).found(error.to_string())
            }
            other => wrong("The answer isn’t valid.", again).found(other.to_string()),
        }
    }
}

fn status(code: &str) -> Fault {
    let name = code.rsplit(':').next().unwrap_or(code);
    if matches!(name, "AuthnFailed" | "RequestDenied") {
        let remedy = "At the provider, assign the application to the person, and test again.";
        return Fault::new(Reason::Cancelled, "The sign-in was cancelled at the provider.", remedy).found(name);
    }
    let sentence = format!("The provider refused the sign-in: {}.", name.chars().take(100).collect::<String>());
    Fault::invalid(sentence, "Look the error up in the log of the provider.")
}
