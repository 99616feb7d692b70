//! Guides for hosts, on topics that span several items.
//!
//! - [`declared_store`]: a store on the tables of a platform, by a declaration (feature `sql`).
//! - [`write_your_own_store`]: a [`Store`](trait@crate::store::Store) with your own SQL, from one part to everything.
//! - [`providers`]: Okta, Microsoft Entra ID and the other identity providers: their presets and their deviations.
//! - [`existing_users`]: accounts that exist before SCIM: migration, adoption, soft deletion and restoration.
//! - [`attributes`]: the attributes that a host registers, their characteristics and their defaults.
//! - [`passwords`]: whether to register `password`, and how to store it.
//! - [`errors`]: each message of the service provider: its cause and its remedy.
//! - [`observability`]: logs, spans, counters and alerts.
//! - [`ci`]: the kits in the tests of your host.
//! - [`going_live`]: the requirements of the Okta Integration Network and of the gallery of Microsoft Entra.
//! - [`ipsie`]: the levels of the IPSIE profile for SCIM: built in, the host's part, or not supported.
//! - [`scale_out`]: several instances of a service on one database.
//! - [`upgrades`]: the upgrade policy of this crate, and the steps of an upgrade.
//! - [`requirements`]: the files that implement each section of the RFCs, for readers of this crate's code.
//!
//! There is no code in this module. The code in the guides is compiled and run with the tests.

#[cfg(feature = "sql")]
pub mod declared_store {
    #![doc = include_str!("manual/declared_store.md")]
}

pub mod write_your_own_store {
    #![doc = include_str!("manual/write_your_own_store.md")]
}

pub mod providers {
    #![doc = include_str!("manual/providers.md")]
}

pub mod existing_users {
    #![doc = include_str!("manual/existing_users.md")]
}

pub mod attributes {
    #![doc = include_str!("manual/attributes.md")]
}

pub mod passwords {
    #![doc = include_str!("manual/passwords.md")]
}

pub mod errors {
    #![doc = include_str!("manual/errors.md")]
}

pub mod observability {
    #![doc = include_str!("manual/observability.md")]
}

pub mod ci {
    #![doc = include_str!("manual/ci.md")]
}

pub mod going_live {
    #![doc = include_str!("manual/going_live.md")]
}

pub mod ipsie {
    #![doc = include_str!("manual/ipsie.md")]
}

pub mod scale_out {
    #![doc = include_str!("manual/scale_out.md")]
}

pub mod upgrades {
    #![doc = include_str!("manual/upgrades.md")]
}

pub mod requirements {
    #![doc = include_str!("manual/requirements.md")]
}
