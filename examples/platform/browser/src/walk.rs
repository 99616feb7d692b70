//! The story of an administrator as steps, which the walks of Okta and of Entra ID share. Each step begins on the page
//! where a person would begin, and continues by links and buttons.

mod keys;
mod log;
mod people;
mod session;
mod setup;

pub use self::setup::{at_provider, first_key, scim_is_locked, sign_on_by_openid, sign_on_by_saml};
use crate::{Browser, Node, Scim, Stage};

/// The administrator who walks through the story.
pub struct Walk<'a> {
    /// The platform.
    pub stage: &'a Stage,
    /// The provider's name on pages.
    pub provider: &'static str,
    /// The administrator's browser.
    pub admin: Browser,
    /// The identity provider for sign-ins.
    pub node: Node,
    /// The provider's SCIM client.
    pub scim: Scim,
}
