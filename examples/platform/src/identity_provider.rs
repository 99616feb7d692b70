//! The identity providers that the platform knows by name, and the habits of each that the server tolerates.
//!
//! It is not known here how an organization gets its provider, nor how the habits are met: that is [`scim_core::quirks`].

use clap::ValueEnum;
use scim_core::Quirks;

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
    /// All of them, in the order in which pages offer them.
    pub const ALL: [Self; 3] = [Self::Okta, Self::Entra, Self::Other];

    /// The name in tables, forms and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Other => "other",
        }
    }

    /// The provider of this name. A name that this version does not know, because a later one wrote it, gets the default
    /// tolerance.
    pub fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|provider| provider.name() == name).unwrap_or(Self::Other)
    }

    /// The habits that requests of an organization with this provider may have.
    ///
    /// ```
    /// use platform::identity_provider::IdentityProvider;
    /// use scim_core::{Quirk, Quirks};
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

    /// The name of the product, as its maker writes it.
    pub fn product(self) -> &'static str {
        match self {
            Self::Okta => "Okta",
            Self::Entra => "Microsoft Entra ID",
            Self::Other => "Another provider",
        }
    }

    /// The name in the middle of a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::Okta => "Okta",
            Self::Entra => "Entra",
            Self::Other => "your provider",
        }
    }

    /// The name at the beginning of a sentence.
    pub fn subject(self) -> &'static str {
        match self {
            Self::Other => "Your provider",
            named => named.label(),
        }
    }

    /// Whether it collects changes and sends them in cycles, about every 40 minutes.
    pub fn has_cycles(self) -> bool {
        self == Self::Entra
    }
}
