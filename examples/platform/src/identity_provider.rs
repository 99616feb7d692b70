//! The identity providers that the platform knows by name, and the quirks that the server tolerates for each.
//!
//! This module neither assigns a provider to an organization nor handles the quirks: that is [`scim_core::quirks`].

use clap::ValueEnum;
use scim_core::quirks::Quirks;

/// The product that creates, updates and deactivates the people of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum IdentityProvider {
    /// Okta.
    Okta,
    /// Microsoft Entra ID. Only its requests may contradict the RFC.
    Entra,
    /// Any other product that speaks SCIM 2.0.
    Other,
}

impl IdentityProvider {
    /// All identity providers, in the order in which pages offer them.
    pub const ALL: [Self; 3] = [Self::Okta, Self::Entra, Self::Other];

    /// Returns the name in tables, in forms and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Other => "other",
        }
    }

    /// Returns the provider with this name. A name that this version does not know, because a later version wrote
    /// it, gets the default tolerance.
    pub fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|provider| provider.name() == name).unwrap_or(Self::Other)
    }

    /// Returns the quirks that requests of an organization with this provider may have.
    ///
    /// ```
    /// use platform::identity_provider::IdentityProvider;
    /// use scim_core::quirks::{Quirk, Quirks};
    ///
    /// assert!(IdentityProvider::Entra.quirks().contains(Quirk::NoOperations));
    /// assert!(!IdentityProvider::Okta.quirks().contains(Quirk::NoOperations));
    /// assert_eq!(IdentityProvider::Other.quirks(), Quirks::default());
    /// ```
    pub fn quirks(self) -> Quirks {
        match self {
            Self::Okta => Quirks::okta(),
            Self::Entra => Quirks::entra(),
            Self::Other => Quirks::default(),
        }
    }

    /// Returns the name of the product, as its maker writes it.
    pub fn product(self) -> &'static str {
        match self {
            Self::Okta => "Okta",
            Self::Entra => "Microsoft Entra ID",
            Self::Other => "Another provider",
        }
    }

    /// Returns the name in the middle of a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::Okta => "Okta",
            Self::Entra => "Entra",
            Self::Other => "your provider",
        }
    }

    /// Returns the name at the beginning of a sentence.
    pub fn subject(self) -> &'static str {
        match self {
            Self::Other => "Your provider",
            named => named.label(),
        }
    }

    /// Whether the provider collects changes and sends them in cycles, about every 40 minutes.
    pub fn has_cycles(self) -> bool {
        self == Self::Entra
    }
}
