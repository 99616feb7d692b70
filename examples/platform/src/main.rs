//! A complete host of scim-core: organizations, each with its SCIM URL and API keys, over a store in memory, SQLite or
//! PostgreSQL.
//!
//! ```console
//! $ cargo run -p platform
//! API key scim_… (shown once)
//! SCIM URL http://127.0.0.1:8080/scim/demo/v2
//! ```

use std::{error::Error, io::Write as _, process::ExitCode, sync::Arc};

use chrono::Utc;
use platform::{
    administration,
    arguments::{Arguments, Secret, Serve, SingleSignOn},
    console::Console,
    directory::{Directory, DirectoryError, Key, OrganizationName},
    invitation::Earlier,
    log, provisioning,
    server::{self, Ending},
    sign_on::{Claim, Kind, OpenIdSettings, Settings},
    storage::{Location, Storage},
};
use scim_core::{
    bearer::{Token, TokenDigest},
    provider::CursorKey,
};
use tokio::{net::TcpListener, runtime::Runtime};

/// Returns freed memory to the system within seconds, unlike glibc's allocator.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let done = runtime().map_err(Into::into).and_then(|runtime| runtime.block_on(run(arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platform: {}", log::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// A thread checks the events of its sockets after at most three tasks. With the default, 61, as many long searches
/// of about a millisecond each could run before a new request is even read.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(3).build()
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let (location, settings) = (arguments.store().location()?, arguments.store().settings());
    if arguments.needs_store()
        && let Some(path) = location.missing_file()
    {
        return Err(format!("--store: expected a database, there is no file {}", path.display()).into());
    }
    let storage = Storage::open_with(&location, settings).await?;
    let Some(command) = arguments.command else { return serve(arguments.serve, storage, &location).await };
    match storage {
        Storage::Database(database) => {
            let directory = Directory::new(&Storage::Database(database.clone()));
            administration::run(command, &directory, &database, &mut std::io::stdout()).await
        }
        Storage::Memory => Err("with memory there is nothing to administrate".into()),
    }
}

async fn serve(arguments: Serve, storage: Storage, location: &Location) -> Result<(), Box<dyn Error>> {
    log::start(arguments.log.clone())?;
    let ending = Ending::watch()?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| format!("expected to listen at {}: {error}", arguments.listen))?;
    let address = listener.local_addr()?;
    let mut cursor_keys = arguments.cursor_keys()?;
    if cursor_keys.is_empty() {
        cursor_keys.push(random_key()?);
    }
    let certificate = arguments.certificate()?;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let url = arguments.public_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
    let directory = Arc::new(Directory::new(&storage));
    let registry = arguments.registry()?;
    let settings = server::Settings { url, cursor_keys, bounds: arguments.bounds(), registry };
    let resources = storage.resources(&settings.registry).await?;
    let mut ending_log = None;
    let console = storage.database().map(|database| {
        let (writer, ended) = provisioning::start(database.clone());
        ending_log = Some(ended);
        Console::new(database, Arc::clone(&directory), writer, &settings.url, &location.shown())
    });
    let router = server::router(Arc::clone(&directory), &resources, console.clone(), &settings)?;
    let organization = arguments.organization();

    if arguments.public_url.is_none() && arguments.listen.ip().is_unspecified() {
        tracing::warn!("clients and browsers are told URLs that they cannot call: expected --public-url");
    }

    let mut out = std::io::stdout();
    match &console {
        Some(console) if arguments.is_for_administrator() => {
            directory.ensure_bare_organization(&organization).await?;
            configure(&arguments, &organization, &directory).await?;
            let tested = set_sign_on(&arguments, &organization, console).await?;
            if let Some(token) = &arguments.token {
                add_token(token, &arguments, &organization, &directory).await?;
            }
            if !tested {
                let path = Console::path(organization.as_str(), "sign-on");
                writeln!(out, "Single sign-on {}{path} (waits for a test sign-in)", console.url)?;
            }
            writeln!(out, "Dashboard {}{}", console.url, Console::path(organization.as_str(), ""))?;
            if arguments.single_sign_on.is_none() && !has_sign_on(&directory, &organization).await? {
                writeln!(out, "To try SCIM without single sign-on, start with --single-sign-on external")?;
            }
            if !console.accounts.has_administrator(organization.as_str()).await? {
                let (user_name, name) = ("administrator", "Administrator");
                let (database, url) = (&console.database, &console.url);
                let link = administration::invite(database, &organization, user_name, name, url, Earlier::Stay);
                writeln!(out, "Administrator's link {} (works once, within 24 hours)", link.await?)?;
            }
        }
        _ => {
            if let Some(token) = admit(&arguments, &organization, &directory).await? {
                writeln!(out, "API key {} (shown once)", token.reveal())?;
            }
        }
    }
    writeln!(out, "SCIM URL {}", server::scim_url(&settings.url, organization.as_str()))?;
    out.flush()?;

    tracing::info!(%address, "listening");
    drop(console);
    server::serve(listener, certificate, router, &settings.bounds, ending).await;
    // The router was dropped, and with it the last sender to the log: the task writes the waiting entries, and
    // ends.
    if let Some(ended) = ending_log {
        ended.await?;
    }
    Ok(())
}

async fn has_sign_on(directory: &Directory, organization: &OrganizationName) -> Result<bool, DirectoryError> {
    let found = directory.organization(organization.as_str()).await?;
    Ok(found.is_some_and(|organization| organization.has_sign_on()))
}

/// Applies the options of the command line for the organization, except its OpenID provider. Settings without an
/// option stay unchanged.
async fn configure(
    arguments: &Serve,
    organization: &OrganizationName,
    directory: &Directory,
) -> Result<(), Box<dyn Error>> {
    if let Some(provider) = arguments.identity_provider {
        directory.set_identity_provider(organization, provider).await?;
    }
    match &arguments.single_sign_on {
        None | Some(SingleSignOn::OpenId { .. }) => Ok(()),
        Some(SingleSignOn::External) => Ok(directory.set_external_sign_on(organization).await?),
    }
}

/// Stores the OpenID provider from the command line, unless it is already stored. People sign in with it only after
/// an administrator has tested it in the dashboard and turned it on. Returns whether it is tested; also `true` when
/// the command line has no OpenID provider.
async fn set_sign_on(
    arguments: &Serve,
    organization: &OrganizationName,
    console: &Console,
) -> Result<bool, Box<dyn Error>> {
    let Some(SingleSignOn::OpenId { issuer, client_id }) = &arguments.single_sign_on else { return Ok(true) };
    let secret = arguments.sign_on_secret.as_ref().map(|secret| secret.reveal().trim()).filter(|it| !it.is_empty());
    let secret = secret.ok_or("--single-sign-on oidc: expected the client's secret as PLATFORM_SIGN_ON_SECRET")?;
    let before = console.sign_on.configuration(organization.as_str(), Kind::OpenId).await?;
    let mut settings = OpenIdSettings {
        issuer: issuer.clone(),
        client_id: client_id.clone(),
        client_secret: secret.to_owned(),
        claim: Claim::PreferredUsername,
        keys: 0,
    };
    if let Some((configuration, Settings::OpenId(stored))) = before.as_ref().map(|it| (it, &it.settings)) {
        // An administrator may have chosen another claim.
        (settings.claim, settings.keys) = (stored.claim, stored.keys);
        if settings == *stored {
            return Ok(configuration.tested.is_some());
        }
    }
    settings.keys = console.sign_on.check_openid(&settings).await.map_err(|fault| {
        let remedy = fault.remedy;
        format!("--single-sign-on oidc: expected an OpenID provider at {issuer}. {} {remedy}", fault.sentence)
    })?;
    console.sign_on.save(organization.as_str(), &Settings::OpenId(settings)).await?;
    tracing::info!(%organization, issuer, "the settings of single sign-on were stored");
    Ok(false)
}

/// Ensures that the organization exists and has a key. Returns the token of a newly created key.
async fn admit(
    arguments: &Serve,
    organization: &OrganizationName,
    directory: &Directory,
) -> Result<Option<Token>, Box<dyn Error>> {
    if matches!(arguments.single_sign_on, Some(SingleSignOn::OpenId { .. })) {
        return Err("--single-sign-on oidc: expected a database, in memory nobody signs in".into());
    }
    let is_on = directory.ensure_organization(organization).await?.scim;
    configure(arguments, organization, directory).await?;
    if !is_on {
        let remedy = format!("platform organization enable {organization}");
        tracing::warn!(%organization, remedy, "SCIM is off for the organization: the server refuses its requests");
    }
    if let Some(token) = &arguments.token {
        add_token(token, arguments, organization, directory).await?;
        return Ok(None);
    }
    let now = Utc::now();
    let keys = directory.keys(Some(organization)).await?;
    if keys.iter().any(|key| key.is_valid(now)) {
        return Ok(None);
    }
    administration::new_key(directory, organization, "first key", None).await.map(Some)
}

async fn add_token(
    token: &Secret,
    arguments: &Serve,
    organization: &OrganizationName,
    directory: &Directory,
) -> Result<(), DirectoryError> {
    if arguments.has_short_token() {
        tracing::warn!("the token is short and could be guessed: expected 20 characters or more, at random");
    }
    directory.add_key(Key::new(organization, "command line", TokenDigest::of(token.reveal()))).await
}

fn random_key() -> Result<CursorKey, Box<dyn Error>> {
    let mut bytes = [0; CursorKey::MIN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| format!("expected random bytes from the system: {error}"))?;
    Ok(CursorKey::new(&bytes)?)
}
