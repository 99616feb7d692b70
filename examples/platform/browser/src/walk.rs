//! The story of issue 12 as steps, which the walks of Okta and of Entra ID share. Each step begins on the page on which a
//! person would begin, and goes on by links and buttons.

mod keys;
mod log;
mod people;
mod session;
mod setup;

pub use self::setup::{at_provider, first_key, scim_is_locked, sign_on_by_openid, sign_on_by_saml};
use crate::{Browser, Node, Scim, Stage};

/// The administrator on the way through the story.
pub struct Walk<'a> {
    /// The platform.
    pub stage: &'a Stage,
    /// The provider as pages name it.
    pub provider: &'static str,
    /// The administrator's browser.
    pub admin: Browser,
    /// The provider of sign-ins.
    pub node: Node,
    /// The client of SCIM that the provider has.
    pub scim: Scim,
}
