//! Sign-ins that do not succeed, in words: the person sees only the reason, the administrator also the remedy.

use std::fmt;

use scim_core::store::StoreError;

/// The reason, as far as the person sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The person or the identity provider canceled the sign-in.
    Cancelled,
    /// The sign-in began too long ago, in another browser or with other settings.
    TooOld,
    /// The answer was already used.
    Replayed,
    /// The identity provider does not answer.
    Unavailable,
    /// The answer of the identity provider is not valid.
    Invalid,
    /// The server itself failed.
    Internal,
}

/// A sign-in that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The reason.
    pub reason: Reason,
    /// The failure in one sentence.
    pub sentence: String,
    /// The value in the answer.
    pub found: Option<String>,
    /// The expected value.
    pub expected: Option<String>,
    /// The administrator's next step.
    pub remedy: String,
}

impl Fault {
    pub(super) fn new(reason: Reason, sentence: impl Into<String>, remedy: &str) -> Self {
        Self { reason, sentence: sentence.into(), found: None, expected: None, remedy: remedy.to_owned() }
    }

    pub(super) fn invalid(sentence: impl Into<String>, remedy: &str) -> Self {
        Self::new(Reason::Invalid, sentence, remedy)
    }

    pub(super) fn internal(cause: impl fmt::Display) -> Self {
        Self::new(Reason::Internal, format!("The server failed: {cause}."), "Tell the operator of the server.")
    }

    /// Returns the fault for an answer whose sign-in does not exist, is too old, or belongs to another browser.
    pub fn too_old() -> Self {
        let sentence = "The sign-in is older than 10 minutes, or it began in another browser.";
        Self::new(Reason::TooOld, sentence, "Test again, and don't wait at the provider.")
    }

    /// Returns the fault for an answer that was already used.
    pub fn replayed() -> Self {
        let sentence = "The answer of the provider was used already, so we refused it.";
        Self::new(Reason::Replayed, sentence, "Test again. Don't reload the page to which the provider sends you.")
    }

    #[cfg(not(feature = "saml"))]
    pub(super) fn without_saml() -> Self {
        Self::internal("it was built without SAML")
    }

    pub(super) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into()).filter(|found| !found.is_empty());
        self
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::internal(crate::log::with_causes(&error))
    }
}
