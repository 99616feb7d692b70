//! A complete host of scim-core: organisations, each with its SCIM URL and API keys, over a store in memory, SQLite or
//! PostgreSQL.
//!
//! ```console
//! $ cargo run -p platform
//! SCIM URL http://127.0.0.1:8080/scim/demo/v2
//! API key scim_… (shown once)
//! ```

mod directory;
mod server;

use std::{error::Error, net::SocketAddr, process::ExitCode};

use clap::Parser;
use scim_core::bearer::{Token, TokenDigest};
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use crate::{
    directory::{Database, Directory},
    server::Platform,
};

/// Serves SCIM for organisations, each under its own URL and with its own API keys.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the data is: `memory`, `sqlite:PATH`, or the URL of a PostgreSQL database, `postgres://…`.
    #[arg(long, default_value = "sqlite:platform.db")]
    store: String,
    /// The organisation that is made if it is not there, with SCIM switched on.
    #[arg(long, default_value = "demo")]
    organization: String,
    /// The API key that the organisation has. Without, one is made and shown if it has none yet. Better given as
    /// PLATFORM_TOKEN: what is on a command line, others on the machine can read.
    #[arg(long, env = "PLATFORM_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The URL under which clients see this server, if it is not the one that it listens at: `https://example.com`.
    #[arg(long)]
    public_url: Option<String>,
    /// What is logged: `info` is a line a request, `warn` is what goes wrong, `off` nothing.
    #[arg(long, default_value = "info")]
    log: EnvFilter,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platform: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // Standard output is for people and scripts, so the log goes to standard error.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_events(FmtSpan::CLOSE)
        .with_env_filter(arguments.log)
        .with_writer(std::io::stderr)
        .init();
    let database = Database::open(&arguments.store).await?;
    let directory = Directory::new(database);
    let listener = TcpListener::bind(arguments.listen).await?;
    let url = arguments.public_url.unwrap_or_else(|| match listener.local_addr() {
        Ok(address) => format!("http://{address}"),
        Err(_) => format!("http://{}", arguments.listen),
    });
    let platform = Platform::new(directory, &url)?;
    let name = &arguments.organization;
    platform.directory().ensure_organization(name).await?;
    if let Some(token) = &arguments.token {
        platform.directory().add_key(name, "command line", TokenDigest::of(token)).await?;
    } else if !platform.directory().has_keys(name).await? {
        let token = Token::generate()?;
        platform.directory().add_key(name, "first key", token.digest()).await?;
        println!("API key {} (shown once)", token.reveal());
    }
    println!("SCIM URL {url}/scim/{name}/v2");
    server::serve(listener, platform).await?;
    Ok(())
}
