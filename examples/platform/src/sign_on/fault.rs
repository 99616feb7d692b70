//! Sign-ins that do not succeed, in words: for the person, only the reason; for the administrator, the remedy too.

use std::fmt;

use scim_core::store::StoreError;

/// The reason, as far as it concerns the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The person, or the identity provider, called the sign-in off.
    Cancelled,
    /// The sign-in began too long ago, in another browser or with other settings.
    TooOld,
    /// The answer was used already.
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
    /// The event in one sentence.
    pub sentence: String,
    /// The value that came.
    pub found: Option<String>,
    /// The value that was expected.
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

    /// The sign-in that the answer belongs to is not there, or not for this browser.
    pub fn too_old() -> Self {
        let sentence = "The sign-in is older than 10 minutes, or it began in another browser.";
        Self::new(Reason::TooOld, sentence, "Test again, and don't wait at the provider.")
    }

    /// The answer was used already.
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
