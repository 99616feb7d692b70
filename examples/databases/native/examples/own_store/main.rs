//! A store with its own SQL for everything, on tables that existed before SCIM: integer keys, email addresses that are
//! unique in the whole platform, times in seconds. The files show the guide "write your own store", and the tests of
//! this package run the kit with them, on SQLite and PostgreSQL.
//!
//!     cargo run --manifest-path examples/databases/Cargo.toml --example own_store

// The program uses the store; the tests use the layers as well.
#[allow(dead_code, reason = "`layers` is another way to the same tables, which the tests use")]
mod layers;
mod read;
mod rows;
mod store;
mod tables;
mod write;

use std::path::Path;

use scim_core::{
    protocol::Request,
    provider::{Ownership, ServiceProvider, UnownedResources},
    sql::Dialect,
    store::{RequestContext, TenantId},
};
use scim_core_native::rusqlite::Sqlite;
use store::Directory;
use tables::{migration, register_fold, tables};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("own-store-{}.db", std::process::id()));
    let done = run(&file).await;
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{end}", file.display())).ok();
    }
    done
}

async fn run(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let database = Sqlite::open_with(file, 2, register_fold)?;
    database.execute_batch(tables(Dialect::Sqlite))?;
    // An account of another organization, and an account that an administrator created by hand.
    database.execute_batch(
        "INSERT INTO account (id, organization, email, api_secret, created_at, updated_at)
         VALUES (1, 6, 'ZOË@example.com', 'x', 1500000000, 1600000000), (2, 7, 'root@example.com', 'y', 1, 1)",
    )?;
    database.execute_batch(&migration(Dialect::Sqlite))?;

    let registry = rows::registry()?;
    let store = Directory::new(database, &registry).ok_or("the registry has users and groups")?;
    let ownership = Ownership::new(&registry, &format!("{}:provisioned", rows::ORIGIN), UnownedResources::Invisible)?;
    let provider =
        ServiceProvider::builder(registry, store, "https://platform.example/scim/v2").policy(ownership).build()?;
    let context = RequestContext::new(TenantId::new("7")?);
    for (method, target, body) in [
        ("POST", "/Users", r#"{"userName": "ÅSA@example.com", "displayName": "Åsa", "externalId": "a-1"}"#),
        ("GET", "/Users?filter=userName%20eq%20%22%C3%A5sa@EXAMPLE.com%22", ""),
        ("POST", "/Groups", r#"{"displayName": "Designers", "members": [{"value": "3"}]}"#),
        ("GET", "/Users/3", ""),
        // The address belongs to an account of another organization.
        ("POST", "/Users", r#"{"userName": "zoë@example.com"}"#),
        ("GET", "/Users/2", ""),
        ("DELETE", "/Users/3", ""),
        ("GET", "/Groups/1", ""),
    ] {
        let answer = provider.handle(&context, &Request::new(method, target).with_body(body.as_bytes())).await;
        println!("{method} {target}: {}\n  {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(())
}
