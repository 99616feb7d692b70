//! The part of the command line about OAuth clients.

use clap::{Args, Subcommand};

use super::{StoreArgument, label, prefix};
use crate::{
    directory::OrganizationName,
    oauth::{FederationSettings, InvalidFederation, MOST_SECRET_DAYS, SECRET_DAYS},
};

/// The commands for OAuth.
#[derive(Debug, Subcommand)]
pub enum OauthCommand {
    /// Clients and their secrets: create, list, revoke
    Client {
        /// The command for clients.
        #[command(subcommand)]
        command: ClientCommand,
    },
}

/// The commands for clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Creates a client of an organization and shows its secret only now; with a federated identity there is no
    /// secret
    New {
        /// The organization
        #[arg(long, value_name = "NAME")]
        organization: OrganizationName,
        /// The name in lists and in the log
        #[arg(long, value_name = "LABEL", default_value = "client", value_parser = label)]
        name: String,
        /// Days for which the secret is valid
        #[arg(long, value_name = "N", default_value_t = SECRET_DAYS, value_parser = clap::value_parser!(i64).range(1..=MOST_SECRET_DAYS))]
        expires_days: i64,
        /// The federated identity.
        #[command(flatten)]
        federation: Option<FederationArguments>,
        /// The URL under which clients see the server: `https://example.com`
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
        public_url: String,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Lists clients and their secrets
    List {
        /// Only clients of this organization
        #[arg(long, value_name = "NAME")]
        organization: Option<OrganizationName>,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Revokes a client permanently. Running servers may accept its access tokens for 2 more seconds
    Revoke {
        /// The id of the client
        #[arg(long, value_name = "ID")]
        client: String,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Creates an additional secret for a client and shows it only now; or deletes a secret
    Secret {
        /// The id of the client
        #[arg(long, value_name = "ID")]
        client: String,
        /// Days for which the secret is valid
        #[arg(long, value_name = "N", default_value_t = SECRET_DAYS, value_parser = clap::value_parser!(i64).range(1..=MOST_SECRET_DAYS))]
        expires_days: i64,
        /// Deletes the secret whose digest starts with these digits, and the access tokens that were issued for it,
        /// instead of creating a secret
        #[arg(long, value_name = "PREFIX", value_parser = prefix)]
        delete: Option<String>,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
}

/// The identity provider whose assertions prove that a caller is the client.
#[derive(Args, Debug)]
#[group(multiple = true)]
pub struct FederationArguments {
    /// The issuer of the assertions: `iss`
    #[arg(long, value_name = "URL", required = false, requires_all = ["audience", "subject", "keys"])]
    issuer: String,
    /// The audience of the assertions: `aud`
    #[arg(long, value_name = "TEXT", required = false, requires = "issuer")]
    audience: String,
    /// The subject of the assertions: `sub`
    #[arg(long, value_name = "TEXT", required = false, requires = "issuer")]
    subject: String,
    /// The URL of the issuer's keys (a JWKS)
    #[arg(long, value_name = "URL", required = false, requires = "issuer")]
    keys: String,
}

impl FederationArguments {
    /// The settings.
    ///
    /// # Errors
    ///
    /// When a value is not valid.
    pub fn settings(&self) -> Result<FederationSettings, InvalidFederation> {
        FederationSettings::new(&self.issuer, &self.audience, &self.subject, &self.keys)
    }
}

impl OauthCommand {
    pub(super) fn store(&self) -> &StoreArgument {
        let Self::Client { command } = self;
        match command {
            ClientCommand::New { store, .. }
            | ClientCommand::List { store, .. }
            | ClientCommand::Revoke { store, .. }
            | ClientCommand::Secret { store, .. } => store,
        }
    }
}
