//! The command line.
//!
//! This module checks secrets (a token, a key, the password in a database's URL) itself: clap shows a value that it
//! refuses.

mod bounds;
mod oauth;
mod sign_on;

use std::{fmt, net::SocketAddr, path::PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use scim_core::{provider::CursorKey, schema::Registry};
use tracing_subscriber::EnvFilter;

use self::bounds::BoundArguments;
pub use self::{
    oauth::{ClientCommand, FederationArguments, OauthCommand},
    sign_on::SingleSignOn,
};
use crate::{
    database,
    directory::{OrganizationName, TOKEN_CHARACTERS},
    identity_provider::IdentityProvider,
    registry::{RegistryError, read_registry},
    server::{Bounds, Certificate},
    storage::Location,
};

/// The minimum number of digest digits by which a command names a key.
const PREFIX_DIGITS: usize = 8;

/// A shorter token may have been chosen by a person, so that others can guess the token.
const SHORT_TOKEN: usize = 20;

/// Serves SCIM for organizations, each under its own URL and with its own API keys.
///
/// Without a command it serves until SIGINT or SIGTERM. It prints `SCIM URL …`, the URL that an identity provider
/// needs, and logs to standard error as lines of JSON.
#[derive(Debug, Parser)]
#[command(name = "platform", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// The command to run instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options for serving.
    #[command(flatten)]
    pub serve: Serve,
}

/// The options for serving.
#[derive(Args, Debug)]
pub struct Serve {
    /// The address to listen at; port 0 chooses a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The location of the data.
    #[command(flatten)]
    pub store: StoreArgument,
    /// The organization that is created if it does not exist, with SCIM on and single sign-on handled elsewhere.
    /// Without `--organization` and `--token`, the organization `demo` is created for its administrator, who sets
    /// everything up in the browser
    #[arg(long, value_name = "NAME")]
    pub organization: Option<OrganizationName>,
    /// An API key of the organization. Without this option, an organization that has no valid key gets a new one,
    /// which is shown. Prefer PLATFORM_TOKEN: other users of the machine can read a command line
    #[arg(long, env = "PLATFORM_TOKEN", hide_env_values = true, value_parser = secret)]
    pub token: Option<Secret>,
    /// The identity provider of the organization, whose habits the server tolerates: only `entra` may contradict the
    /// RFC. A new organization has `other`; without this option an organization keeps its provider
    #[arg(long, value_name = "PROVIDER", value_enum)]
    pub identity_provider: Option<IdentityProvider>,
    /// The single sign-on of the organization: `external` if something else handles it, or `oidc:ISSUER,CLIENT_ID`
    /// with the client's secret in PLATFORM_SIGN_ON_SECRET: the server looks for the provider at its start, and an
    /// administrator tests the sign-in in the dashboard before people use it. An organization that `--organization`
    /// creates has `external`; with `oidc` it has no single sign-on until that test. Without this option an
    /// organization keeps its single sign-on
    #[arg(long, value_name = "SIGN_ON")]
    pub single_sign_on: Option<SingleSignOn>,
    /// The secret of the OpenID client that `--single-sign-on` names
    #[arg(long, env = "PLATFORM_SIGN_ON_SECRET", hide = true, hide_env_values = true, value_parser = secret)]
    pub sign_on_secret: Option<Secret>,
    /// The URL under which clients see this server, if it differs from the URL that it listens at:
    /// `https://example.com`
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The certificate of the server with its issuers' certificates, in PEM: clients must then use TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Custom schemas, in the JSON of `/Schemas`: a ListResponse or a list
    #[arg(long, value_name = "FILE")]
    schemas: Option<PathBuf>,
    /// Resource types, in the JSON of `/ResourceTypes`: they are added to users and groups, and a type with the
    /// name of one of these replaces it
    #[arg(long, value_name = "FILE")]
    resource_types: Option<PathBuf>,
    /// The secrets that seal cursors, each 32 random bytes as 64 hexadecimal digits: several instances that serve
    /// the same clients need the same secrets. The first secret seals new cursors. Without this option, the process
    /// creates its own secret, and its cursors end with the process
    #[arg(long, value_name = "HEX32", env = "PLATFORM_CURSOR_KEY", hide_env_values = true, value_delimiter = ',', value_parser = secret)]
    cursor_key: Vec<Secret>,
    /// Bounds on clients.
    #[command(flatten)]
    bounds: BoundArguments,
    /// The log level: `info` logs a line for each request, `warn` only problems, `off` nothing
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: EnvFilter,
}

/// The location of the data.
#[derive(Args, Clone, Debug)]
pub struct StoreArgument {
    /// The location of the data: `memory`, `sqlite:PATH`, or the URL of a PostgreSQL database, `postgres://…`
    #[arg(long, value_name = "URL", env = "PLATFORM_STORE", hide_env_values = true, default_value = "sqlite:platform.db", value_parser = secret)]
    store: Secret,
    /// The URL belongs to a pooler, such as PgBouncer in transaction mode: each transaction then sets its time
    /// limits by statements, and no statement stays prepared
    #[arg(long, env = "PLATFORM_POOLER")]
    pooler: bool,
}

/// The commands of an administrator, which also work while the server runs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// API keys: create, list, revoke
    Key {
        /// The command for keys.
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Organizations: create, list, switch SCIM on and off
    Organization {
        /// The command for organizations.
        #[command(subcommand)]
        command: OrganizationCommand,
    },
    /// OAuth 2.0 for identity providers: clients and their secrets
    Oauth {
        /// The command for OAuth.
        #[command(subcommand)]
        command: OauthCommand,
    },
    /// Administrators of an organization: invite by a one-time link
    Administrator {
        /// The command for administrators.
        #[command(subcommand)]
        command: AdministratorCommand,
    },
    /// Prints the events of an organization, one line of JSON each, the oldest first
    ///
    /// In PostgreSQL, an event of a long transaction may appear behind events that were printed before.
    Events {
        /// The organization
        #[arg(long, value_name = "NAME")]
        organization: OrganizationName,
        /// Only events behind this position, which is the position of the last event that was read
        #[arg(long, value_name = "POSITION", default_value_t = 0)]
        after: i64,
        /// The maximum number of events
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
}

/// The commands for administrators.
#[derive(Debug, Subcommand)]
pub enum AdministratorCommand {
    /// Creates an administrator, or takes the one with this user name, and prints a link that works once within 24
    /// hours
    Invite {
        /// The organization
        #[arg(long, value_name = "NAME")]
        organization: OrganizationName,
        /// The administrator's user name, such as an e-mail address
        #[arg(long, value_name = "NAME", default_value = "administrator", value_parser = label)]
        user_name: String,
        /// The name that pages show; by default the user name
        #[arg(long, value_name = "NAME", value_parser = label)]
        name: Option<String>,
        /// The URL under which browsers see the server: `https://example.com`
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
        public_url: String,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
}

/// The commands for keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Creates an additional key for an organization and shows it only now
    New {
        /// The organization
        #[arg(long, value_name = "NAME")]
        organization: OrganizationName,
        /// The name of the key in lists and in the log
        #[arg(long, value_name = "LABEL", default_value = "key", value_parser = label)]
        name: String,
        /// Days until the key expires; by default it is valid until it is revoked
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=36_500))]
        expires_days: Option<i64>,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Lists keys by the digests of their tokens, with their status and last use
    List {
        /// Only keys of this organization
        #[arg(long, value_name = "NAME")]
        organization: Option<OrganizationName>,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Revokes a key permanently. Running servers may accept a key that they know for 2 more seconds
    Revoke {
        /// The first digits of the key's digest, at least 8, as in the list
        #[arg(long, value_name = "PREFIX", value_parser = prefix)]
        digest: String,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
}

/// The commands for organizations.
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Creates an organization, with SCIM switched on and no key
    New(OneOrganization),
    /// Decides whether the server refuses a second SCIM group of the same name. Groups that already share a name
    /// stay
    GroupNames {
        /// The organization
        #[arg(value_name = "NAME")]
        name: OrganizationName,
        /// `unique` refuses the second group, `any` accepts it
        #[arg(value_name = "RULE", value_enum)]
        rule: GroupNames,
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Lists the organizations
    List {
        /// The location of the data.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Switches SCIM on
    Enable(OneOrganization),
    /// Switches SCIM off: no key gives access to it; provisioned resources stay
    Disable(OneOrganization),
}

/// The rule for the names of SCIM groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum GroupNames {
    /// Two groups of an organization never share a name.
    Unique,
    /// Groups of an organization may share a name.
    Any,
}

/// An organization.
#[derive(Args, Debug)]
pub struct OneOrganization {
    /// The organization
    #[arg(value_name = "NAME")]
    pub name: OrganizationName,
    /// The location of the data.
    #[command(flatten)]
    store: StoreArgument,
}

/// A secret text, which `Debug` does not show.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

impl Arguments {
    /// Reads the command line and the environment.
    ///
    /// # Errors
    ///
    /// The message to print, for wrong arguments and also for `--help`.
    pub fn read<T: Into<std::ffi::OsString> + Clone>(words: impl IntoIterator<Item = T>) -> Result<Self, clap::Error> {
        let arguments = Self::try_parse_from(words)?;
        let location = arguments.store().location()?;
        let serve = &arguments.serve;
        if arguments.command.is_some() {
            if location == Location::Memory {
                return Err(invalid("--store: with memory there is nothing to administrate: it ends with its process"));
            }
            return Ok(arguments);
        }
        // A comma would separate two headers.
        let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b',';
        if let Some(token) = serve.token.as_ref().map(Secret::reveal)
            && !((1..=TOKEN_CHARACTERS).contains(&token.len()) && token.bytes().all(is_visible))
        {
            let expected = "visible ASCII characters other than a comma";
            return Err(invalid(&format!("--token: expected 1 to {TOKEN_CHARACTERS} {expected}")));
        }
        let is_plain = serve.public_url.as_ref().is_some_and(|url| !url.starts_with("https://"));
        if serve.tls_certificate.is_some() && is_plain {
            return Err(invalid("--public-url: expected an https URL, since --tls-certificate is given"));
        }
        serve.cursor_keys()?;
        if matches!(serve.single_sign_on, Some(SingleSignOn::OpenId { .. })) && serve.sign_on_secret.is_none() {
            return Err(invalid("--single-sign-on: expected the client's secret in PLATFORM_SIGN_ON_SECRET"));
        }
        if serve.bounds().deadline < serve.bounds().request {
            return Err(invalid("--request-deadline: expected no less than --request-timeout"));
        }
        Ok(arguments)
    }

    /// Whether the command needs an existing store. Serving creates a store, and so does the command for a new
    /// organization.
    pub fn needs_store(&self) -> bool {
        !matches!(self.command, None | Some(Command::Organization { command: OrganizationCommand::New(_) }))
    }

    /// The location of the data, for each command and for serving.
    pub fn store(&self) -> &StoreArgument {
        match &self.command {
            None => &self.serve.store,
            Some(
                Command::Events { store, .. }
                | Command::Administrator { command: AdministratorCommand::Invite { store, .. } },
            ) => store,
            Some(Command::Oauth { command }) => command.store(),
            Some(Command::Key { command }) => match command {
                KeyCommand::New { store, .. } | KeyCommand::List { store, .. } | KeyCommand::Revoke { store, .. } => {
                    store
                }
            },
            Some(Command::Organization { command }) => match command {
                OrganizationCommand::List { store } | OrganizationCommand::GroupNames { store, .. } => store,
                OrganizationCommand::New(one)
                | OrganizationCommand::Enable(one)
                | OrganizationCommand::Disable(one) => &one.store,
            },
        }
    }
}

impl StoreArgument {
    /// The location of the data.
    pub fn location(&self) -> Result<Location, clap::Error> {
        let expected = "--store: expected `memory`, `sqlite:PATH` or `postgres://…`";
        let location = Location::read(self.store.reveal()).ok_or_else(|| invalid(expected))?;
        if self.pooler && !location.is_postgres() {
            return Err(invalid("--pooler: expected `postgres://…` in --store"));
        }
        Ok(location)
    }

    /// The settings for access to the data.
    pub fn settings(&self) -> database::Settings {
        database::Settings { pooler: self.pooler, ..database::Settings::default() }
    }
}

impl Serve {
    /// The organization to serve first.
    pub fn organization(&self) -> OrganizationName {
        self.organization.clone().unwrap_or_else(OrganizationName::demo)
    }

    /// Whether an administrator sets the organization up in the browser instead of the command line. An OpenID provider
    /// needs a test sign-in.
    pub fn is_for_administrator(&self) -> bool {
        let is_openid = matches!(self.single_sign_on, Some(SingleSignOn::OpenId { .. }));
        is_openid || self.organization.is_none() && self.token.is_none()
    }

    /// The secrets that seal cursors; empty without `--cursor-key`.
    pub fn cursor_keys(&self) -> Result<Vec<CursorKey>, clap::Error> {
        let key = |secret: &Secret| {
            let bytes = bytes(secret.reveal()).filter(|bytes| bytes.len() == CursorKey::MIN_BYTES)?;
            CursorKey::new(&bytes).ok()
        };
        let expected = || invalid("--cursor-key: expected 64 hexadecimal digits, or several times so with commas");
        self.cursor_key.iter().map(|secret| key(secret).ok_or_else(expected)).collect()
    }

    /// The certificate of the listener; `None` without `--tls-certificate`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the key does not belong to the certificate.
    pub fn certificate(&self) -> Result<Option<Certificate>, Box<dyn std::error::Error>> {
        let files = self.tls_certificate.as_deref().zip(self.tls_key.as_deref());
        files.map(|(certificate, key)| Certificate::read(certificate, key)).transpose()
    }

    /// The resource types to serve.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or has no schemas or resource types that fit together.
    pub fn registry(&self) -> Result<Registry, RegistryError> {
        read_registry(self.schemas.as_deref(), self.resource_types.as_deref())
    }

    /// Bounds on clients.
    pub fn bounds(&self) -> Bounds {
        self.bounds.bounds()
    }

    /// Whether the token is short enough to be guessed.
    pub fn has_short_token(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.reveal().len() < SHORT_TOKEN)
    }
}

fn invalid(message: &str) -> clap::Error {
    Arguments::command().error(ErrorKind::ValueValidation, message)
}

#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result, and would show what is refused")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret(text.to_owned()))
}

fn label(text: &str) -> Result<String, &'static str> {
    let is_label = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_label { Ok(text.to_owned()) } else { Err("expected 1 to 64 characters without control characters") }
}

fn prefix(text: &str) -> Result<String, &'static str> {
    let is_prefix = (PREFIX_DIGITS..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_prefix { Ok(text.to_owned()) } else { Err("expected 8 to 64 hexadecimal digits") }
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, rest) = hexadecimal.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
