//! IronClaw: one organization, accounts with a status of three texts, and a table of identities, by which an identity
//! provider finds the account. The host has no groups.
//!
//! A SCIM user is a row of the table of identities whose provider is `scim`; its id is the provider's id of the user,
//! which the host's sign-in looks up. The identities of other providers are invisible. Deleting the SCIM user removes
//! this identity and keeps the account: a host that must end the access at once adds a hook. The organization's own
//! provider may change all accounts ([`Writes::Always`]). A suspended account that SCIM activates becomes `active`; an
//! account that waits for its first sign-in, `invited`, stays so.

use scim_core::{
    schema::{Registry, SchemaError},
    sql::{
        Dialect,
        layout::{Field, Initial, Key, KeyType, Layout, Shared, Writes},
    },
};

/// The tables in PostgreSQL.
pub const POSTGRES: &str = r"
    CREATE TABLE users (
        id text PRIMARY KEY,
        email text CONSTRAINT users_email_key UNIQUE,
        display_name text NOT NULL,
        status text NOT NULL DEFAULT 'active',
        role text NOT NULL DEFAULT 'member',
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        last_login_at timestamptz,
        metadata jsonb NOT NULL DEFAULT '{}');
    CREATE TABLE user_identities (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        provider text NOT NULL,
        provider_user_id text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT user_identities_once UNIQUE (provider, provider_user_id));
    CREATE UNIQUE INDEX user_identities_scim ON user_identities (user_id) WHERE provider = 'scim';
";

/// The tables in SQLite.
pub const SQLITE: &str = "
    CREATE TABLE users (
        id TEXT PRIMARY KEY,
        email TEXT UNIQUE,
        display_name TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'active',
        role TEXT NOT NULL DEFAULT 'member',
        created_at TEXT NOT NULL DEFAULT (datetime('now')),
        updated_at TEXT NOT NULL DEFAULT (datetime('now')),
        last_login_at TEXT,
        metadata TEXT NOT NULL DEFAULT '{}');
    CREATE TABLE user_identities (
        id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        provider TEXT NOT NULL,
        provider_user_id TEXT NOT NULL,
        created_at TEXT NOT NULL DEFAULT (datetime('now')),
        UNIQUE (provider, provider_user_id));
    CREATE UNIQUE INDEX user_identities_scim ON user_identities (user_id) WHERE provider = 'scim';
";

/// Users only.
pub fn registry() -> Result<Registry, SchemaError> {
    super::registry([super::full_user(false)?])
}

/// The declaration of the tables; `None` if the registry has no users.
pub fn layouts(registry: &Registry, dialect: Dialect) -> Option<Vec<Layout>> {
    let is_sqlite = dialect == Dialect::Sqlite;
    let (key, now, uuid) = if is_sqlite {
        (Key::text("id"), "datetime('now')", "lower(hex(randomblob(16)))")
    } else {
        (Key::uuid("id"), "now()", "gen_random_uuid()::text")
    };
    let names = if is_sqlite {
        ["users.email", "user_identities.user_id"]
    } else {
        ["users_email_key", "user_identities_scim"]
    };
    let accounts = Shared::table("users", "id", KeyType::Text)
        .linked_by("user_id")
        .writes(Writes::Always)
        .new_key(Initial::sql(uuid))
        .at_creation("status", "invited")
        .at_change("updated_at", now);
    let status = Field::state(
        "u.status <> 'suspended'",
        "u.status",
        "CASE u.status WHEN 'suspended' THEN 'active' ELSE u.status END",
        "'suspended'",
    );
    let users = Layout::of(registry.resource_type("User")?, "user_identities", key.shown_as_text("provider_user_id"))
        .only("r.provider = 'scim'")
        .at_creation("provider", "scim")
        .shared(accounts)
        .field("userName", names.iter().fold(Field::text("u.email").lowercased(), |field, name| field.unique(name)))
        .joined_name(Field::text("u.display_name").not_null())
        .field("active", status)
        .side_table("scim_identity");
    Some(vec![users])
}
