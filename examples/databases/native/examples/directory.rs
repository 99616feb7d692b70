//! A complete store on existing tables: the tables, the layouts, the migration, and requests of an identity provider.
//!
//!     cargo run --manifest-path examples/databases/Cargo.toml --example directory

use std::path::Path;

use scim_core::{
    protocol::Request,
    provider::{Ownership, ServiceProvider, UnownedResources},
    schema::{Attribute, AttributeType, GROUP, Mutability, Registry, ResourceType, Schema, SchemaError},
    sql::{
        Dialect, TableStore,
        layout::{Field, Initial, Join, Key, KeyType, Layout},
    },
    store::{RequestContext, TenantId},
};
use scim_core_native::rusqlite::Sqlite;

/// The tables of the host, which existed before SCIM.
const TABLES: &str = "
    CREATE TABLE account (id INTEGER PRIMARY KEY, organization INTEGER NOT NULL, email TEXT NOT NULL COLLATE NOCASE UNIQUE,
        full_name TEXT, disabled INTEGER NOT NULL, api_secret TEXT NOT NULL, locale TEXT NOT NULL DEFAULT 'en');
    CREATE TABLE team (id INTEGER PRIMARY KEY, organization INTEGER NOT NULL, name TEXT NOT NULL);
    CREATE TABLE team_member (team INTEGER NOT NULL REFERENCES team, account INTEGER NOT NULL REFERENCES account,
        role TEXT NOT NULL DEFAULT 'member', PRIMARY KEY (team, account));
    INSERT INTO account (id, organization, email, disabled, api_secret) VALUES (1, 7, 'root@example.com', 0, 'x');";

/// The attribute that marks the accounts of SCIM. No client can set it.
const ORIGIN: &str = "urn:example:scim:schemas:origin:1.0:User";

/// The standard users, and groups whose members are users.
fn registry() -> Result<Registry, SchemaError> {
    let provisioned = Attribute::new("provisioned", AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
    let user = ResourceType::builder("User", "Users", Schema::user().without("password"))
        .extension(Schema::new(ORIGIN, "Origin").with_attribute(provisioned), false)
        .relation("groups", "Group", "members", "displayName");
    let value = Attribute::new("value", AttributeType::String).case_exact().with_mutability(Mutability::Immutable);
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let group = Schema::new(GROUP, "Group")
        .with_attribute(Attribute::new("displayName", AttributeType::String).required())
        .with_attribute(Attribute::complex("members", [value, reference]).multi_valued());
    let group = ResourceType::builder("Group", "Groups", group);
    Registry::builder().resource_type(user.build()?).resource_type(group.build()?).build()
}

/// The location of each value.
fn layouts(registry: &Registry) -> Option<[Layout; 2]> {
    let users = Layout::of(registry.resource_type("User")?, "account", Key::integer("id").numbered())
        .tenant("organization", KeyType::Integer)
        .field("userName", Field::text("email").nocase().unique("account.email"))
        .field("active", Field::inverted("disabled"))
        .joined_name(Field::text("full_name"))
        .at_creation("api_secret", Initial::secret())
        .searched(&format!("{ORIGIN}:provisioned"))
        .side_table("scim_account");
    let groups = Layout::of(registry.resource_type("Group")?, "team", Key::integer("id").numbered())
        .tenant("organization", KeyType::Integer)
        .field("displayName", Field::text("name").nocase())
        .list("members", Join::table("team_member").holder("team").value("account", "User"))
        .side_table("scim_team");
    Some([users, groups])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("directory-{}.db", std::process::id()));
    let done = run(&file).await;
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{end}", file.display())).ok();
    }
    done
}

async fn run(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let database = Sqlite::open(file, 2)?;
    database.execute_batch(TABLES)?;
    let registry = registry()?;
    let layouts = || layouts(&registry).ok_or("the registry has users and groups");
    // Once, in the migrations of the host.
    for statement in TableStore::<()>::migrations(Dialect::Sqlite, layouts()?)? {
        database.execute_batch(&statement)?;
    }

    let store = TableStore::open(database, layouts()?).await?;
    let ownership = Ownership::new(&registry, &format!("{ORIGIN}:provisioned"), UnownedResources::Invisible)?;
    let provider = ServiceProvider::builder(registry.clone(), store, "https://platform.example/scim/v2")
        .policy(ownership)
        .build()?;
    let context = RequestContext::new(TenantId::new("7")?);
    for (method, target, body) in [
        (
            "POST",
            "/Users",
            r#"{"userName": "ann@example.com", "externalId": "a-1", "name": {"givenName": "Ann", "familyName": "Doe"}}"#,
        ),
        ("GET", "/Users?filter=userName%20eq%20%22ANN@example.com%22", ""),
        ("POST", "/Groups", r#"{"displayName": "Designers", "members": [{"value": "2"}]}"#),
        (
            "PATCH",
            "/Users/2",
            r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "active", "value": false}]}"#,
        ),
        // An account that an administrator created by hand.
        ("GET", "/Users/1", ""),
        ("POST", "/Users", r#"{"userName": "root@example.com"}"#),
        ("DELETE", "/Users/2", ""),
    ] {
        let answer = provider.handle(&context, &Request::new(method, target).with_body(body.as_bytes())).await;
        println!("{method} {target}: {}\n  {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(())
}
