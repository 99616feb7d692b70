//! The command line.
//!
//! What is secret (a token, a key, the password in a database's URL) is checked here and not by clap, which shows a
//! value that it refuses.

mod bounds;
mod oauth;
mod sign_on;

use std::{fmt, net::SocketAddr, path::PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use scim_core::{Registry, provider::CursorKey};
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

/// The fewest digits of a digest by which a key can be named.
const PREFIX_DIGITS: usize = 8;

/// A token that is shorter than this may have been thought of by a person, and be guessed by others.
const SHORT_TOKEN: usize = 20;

/// Serves SCIM for organizations, each under its own URL and with its own API keys.
///
/// Without a command it serves until SIGINT or SIGTERM. It prints `SCIM URL …`, which is what an identity provider
/// needs to know, and logs to standard error as lines of JSON.
#[derive(Debug, Parser)]
#[command(name = "platform", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What is to be done beside serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

/// How to serve.
#[derive(Args, Debug)]
pub struct Serve {
    /// Where to listen; with port 0 at any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the data is.
    #[command(flatten)]
    pub store: StoreArgument,
    /// The organization that is made if it does not exist, with SCIM on and single sign-on handled elsewhere. Without
    /// `--organization` and `--token`, the organization `demo` is made for its administrator, who sets everything up in
    /// the browser
    #[arg(long, value_name = "NAME")]
    pub organization: Option<OrganizationName>,
    /// An API key that the organization has. Without, one is made and shown if it has none that is valid. Better given
    /// as PLATFORM_TOKEN: what is on a command line, others on the machine can read
    #[arg(long, env = "PLATFORM_TOKEN", hide_env_values = true, value_parser = secret)]
    pub token: Option<Secret>,
    /// The identity provider of the organization, whose habits the server tolerates: only `entra` may contradict the
    /// RFC. A new organization has `other`; without this option an organization keeps its provider
    #[arg(long, value_name = "PROVIDER", value_enum)]
    pub identity_provider: Option<IdentityProvider>,
    /// The single sign-on of the organization: `external` if something else handles it, or
    /// `oidc:ISSUER,CLIENT_ID` with the client's secret as PLATFORM_SIGN_ON_SECRET: the server looks for the provider at
    /// its start, and an administrator tests the sign-in in the dashboard before people use it. An organization that
    /// `--organization` makes has `external`, with `oidc` none until then; without this option an organization keeps its
    /// single sign-on
    #[arg(long, value_name = "SIGN_ON")]
    pub single_sign_on: Option<SingleSignOn>,
    /// The secret of the OpenID client that `--single-sign-on` names
    #[arg(long, env = "PLATFORM_SIGN_ON_SECRET", hide = true, hide_env_values = true, value_parser = secret)]
    pub sign_on_secret: Option<Secret>,
    /// The URL under which clients see this server, if it is not the one that it listens at: `https://example.com`
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The certificate of the server, with those of its issuers, in PEM: clients then have to speak TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Schemas of your own, in the JSON of `/Schemas`: a ListResponse or a list
    #[arg(long, value_name = "FILE")]
    schemas: Option<PathBuf>,
    /// Resource types, in the JSON of `/ResourceTypes`: they are added to users and groups, and one with such a name
    /// replaces it
    #[arg(long, value_name = "FILE")]
    resource_types: Option<PathBuf>,
    /// Secrets that cursors are sealed with, each 32 random bytes as 64 hexadecimal digits: several instances that
    /// answer for each other need the same. New cursors get the first one. Without any, the process makes its own, and
    /// a walk through a list does not outlive it
    #[arg(long, value_name = "HEX32", env = "PLATFORM_CURSOR_KEY", hide_env_values = true, value_delimiter = ',', value_parser = secret)]
    cursor_key: Vec<Secret>,
    /// Bounds on clients.
    #[command(flatten)]
    bounds: BoundArguments,
    /// What is logged: `info` is a line a request, `warn` is what goes wrong, `off` nothing
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: EnvFilter,
}

/// Where the data is.
#[derive(Args, Clone, Debug)]
pub struct StoreArgument {
    /// Where the data is: `memory`, `sqlite:PATH`, or the URL of a PostgreSQL database, `postgres://…`
    #[arg(long, value_name = "URL", env = "PLATFORM_STORE", hide_env_values = true, default_value = "sqlite:platform.db", value_parser = secret)]
    store: Secret,
    /// The URL is that of a pooler, such as PgBouncer in transaction mode: time limits are then set by statements in
    /// each transaction, and no statement stays prepared
    #[arg(long, env = "PLATFORM_POOLER")]
    pooler: bool,
}

/// What an administrator does, also while the server runs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// API keys: made, listed, revoked
    Key {
        /// What to do.
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Organizations: made, listed, SCIM switched on and off
    Organization {
        /// What to do.
        #[command(subcommand)]
        command: OrganizationCommand,
    },
    /// OAuth 2.0 for identity providers: clients and their secrets
    Oauth {
        /// What to do.
        #[command(subcommand)]
        command: OauthCommand,
    },
    /// Administrators of an organization: invited by a one-time link
    Administrator {
        /// What to do.
        #[command(subcommand)]
        command: AdministratorCommand,
    },
    /// Prints what has changed for an organization: its events, a line of JSON each, the oldest first
    ///
    /// In PostgreSQL an event whose transaction took long may appear behind others that were printed before.
    Events {
        /// The organization
        #[arg(long, value_name = "NAME")]
        organization: OrganizationName,
        /// Only events behind this position, that of the last one that was read
        #[arg(long, value_name = "POSITION", default_value_t = 0)]
        after: i64,
        /// No more events than this
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// Where the data is.
        #[command(flatten)]
        store: StoreArgument,
    },
}

/// The actions on administrators.
#[derive(Debug, Subcommand)]
pub enum AdministratorCommand {
    /// Makes an administrator, or takes the one of this user name, and prints a link that works once within 24 hours
    Invite {
        /// The organization
        #[arg(long, value_name = "NAME")]
        organization: OrganizationName,
        /// The administrator's user name, such as an e-mail address
        #[arg(long, value_name = "NAME", default_value = "administrator", value_parser = label)]
        user_name: String,
        /// The name that pages show; the user name unless given
        #[arg(long, value_name = "NAME", value_parser = label)]
        name: Option<String>,
        /// The URL under which browsers see the server: `https://example.com`
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
        public_url: String,
        /// Where the data is.
        #[command(flatten)]
        store: StoreArgument,
    },
}

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Makes one more key for an organization and shows it, this once
    New {
        /// The organization
        #[arg(long, value_name = "NAME")]
        organization: OrganizationName,
        /// What the key is called, in lists and in the log
        #[arg(long, value_name = "LABEL", default_value = "key", value_parser = label)]
        name: String,
        /// Days until the key is not valid any more; without, it is until it is revoked
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=36_500))]
        expires_days: Option<i64>,
        /// Where the data is.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Lists keys by the digests of their tokens, with what became of them and when they were last used
    List {
        /// Only those of this organization
        #[arg(long, value_name = "NAME")]
        organization: Option<OrganizationName>,
        /// Where the data is.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Ends a key for good. Servers that run trust a key that they know for 2 seconds more
    Revoke {
        /// The first digits of the key's digest, as the list shows them: 8 at least
        #[arg(long, value_name = "PREFIX", value_parser = prefix)]
        digest: String,
        /// Where the data is.
        #[command(flatten)]
        store: StoreArgument,
    },
}

/// What is done with organizations.
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Makes an organization, with SCIM switched on and no key
    New(OneOrganization),
    /// Decides whether the server refuses a second SCIM group of the same name. Groups that share a name already stay
    GroupNames {
        /// The organization
        #[arg(value_name = "NAME")]
        name: OrganizationName,
        /// `unique` refuses the second group, `any` lets it in
        #[arg(value_name = "RULE", value_enum)]
        rule: GroupNames,
        /// Where the data is.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Lists the organizations
    List {
        /// Where the data is.
        #[command(flatten)]
        store: StoreArgument,
    },
    /// Switches SCIM on
    Enable(OneOrganization),
    /// Switches SCIM off: no key opens it any more; what was provisioned stays
    Disable(OneOrganization),
}

/// The rule for the names of SCIM groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum GroupNames {
    /// Two groups of an organization never share a name.
    Unique,
    /// They may.
    Any,
}

/// An organization.
#[derive(Args, Debug)]
pub struct OneOrganization {
    /// The organization
    #[arg(value_name = "NAME")]
    pub name: OrganizationName,
    /// Where the data is.
    #[command(flatten)]
    store: StoreArgument,
}

/// Text that is shown nowhere.
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
    /// What is to be printed, for wrong arguments and for `--help` too.
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

    /// Whether the command needs a store that exists: serving makes one, and so does the command for a new organization.
    pub fn needs_store(&self) -> bool {
        !matches!(self.command, None | Some(Command::Organization { command: OrganizationCommand::New(_) }))
    }

    /// Where the data is, whatever is to be done.
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
    /// Where the data is.
    pub fn location(&self) -> Result<Location, clap::Error> {
        let expected = "--store: expected `memory`, `sqlite:PATH` or `postgres://…`";
        let location = Location::read(self.store.reveal()).ok_or_else(|| invalid(expected))?;
        if self.pooler && !location.is_postgres() {
            return Err(invalid("--pooler: expected `postgres://…` in --store"));
        }
        Ok(location)
    }

    /// How the data is reached.
    pub fn settings(&self) -> database::Settings {
        database::Settings { pooler: self.pooler, ..database::Settings::default() }
    }
}

impl Serve {
    /// The organization to serve first.
    pub fn organization(&self) -> OrganizationName {
        self.organization.clone().unwrap_or_else(OrganizationName::demo)
    }

    /// Whether an administrator sets the organization up in the browser, instead of the command line: an OpenID provider
    /// needs a test sign-in.
    pub fn is_for_administrator(&self) -> bool {
        let is_openid = matches!(self.single_sign_on, Some(SingleSignOn::OpenId { .. }));
        is_openid || self.organization.is_none() && self.token.is_none()
    }

    /// The secrets that cursors are sealed with; none if none were given.
    pub fn cursor_keys(&self) -> Result<Vec<CursorKey>, clap::Error> {
        let key = |secret: &Secret| {
            let bytes = bytes(secret.reveal()).filter(|bytes| bytes.len() == CursorKey::MIN_BYTES)?;
            CursorKey::new(&bytes).ok()
        };
        let expected = || invalid("--cursor-key: expected 64 hexadecimal digits, or several times so with commas");
        self.cursor_key.iter().map(|secret| key(secret).ok_or_else(expected)).collect()
    }

    /// The certificate of the listener, if it has one.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the key is not that of the certificate.
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

    /// Whether the token looks as if it could be guessed.
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
