//! Vaultwarden: global accounts, which an organization sees through memberships. The status of a membership is a code,
//! from which revoking subtracts 128.
//!
//! A SCIM user is a membership: its id is the membership's, groups refer to it, and deleting it keeps the account. A
//! creation links the account with the address, or makes an account. SCIM changes an account only if SCIM of this
//! organization made it and no other organization links it. The address is written in lower case, as the host does.
//!
//! `uuid` is `char(36)` in the host's tables for PostgreSQL. PostgreSQL compares `char(n)` with text, and with the
//! `varchar(36)` of `groups_users`, as text, for which no index of the column serves. Here all keys are `varchar(36)`.

use scim_core::{
    schema::{Registry, SchemaError},
    sql::{
        Dialect,
        layout::{Field, Initial, Join, Key, KeyType, Layout, Shared, Writes},
    },
};

/// The tables in PostgreSQL.
pub const POSTGRES: &str = r"
    CREATE TABLE users (
        uuid varchar(36) PRIMARY KEY,
        created_at timestamp NOT NULL,
        updated_at timestamp NOT NULL,
        email varchar(255) NOT NULL CONSTRAINT users_email_key UNIQUE,
        name text NOT NULL,
        password_hash bytea NOT NULL,
        salt bytea NOT NULL,
        password_iterations integer NOT NULL,
        akey text NOT NULL,
        security_stamp text NOT NULL,
        equivalent_domains text NOT NULL,
        excluded_globals text NOT NULL);
    CREATE TABLE organizations (
        uuid varchar(40) PRIMARY KEY,
        name text NOT NULL);
    CREATE TABLE users_organizations (
        uuid varchar(36) PRIMARY KEY,
        user_uuid varchar(36) NOT NULL REFERENCES users (uuid),
        org_uuid varchar(40) NOT NULL REFERENCES organizations (uuid),
        access_all boolean NOT NULL,
        akey text NOT NULL,
        status integer NOT NULL,
        atype integer NOT NULL,
        external_id text,
        UNIQUE (user_uuid, org_uuid));
    CREATE TABLE groups (
        uuid varchar(36) PRIMARY KEY,
        organizations_uuid varchar(40) NOT NULL REFERENCES organizations (uuid),
        name varchar(400) NOT NULL,
        access_all boolean NOT NULL,
        external_id text,
        creation_date timestamp NOT NULL,
        revision_date timestamp NOT NULL);
    CREATE TABLE groups_users (
        groups_uuid varchar(36) NOT NULL REFERENCES groups (uuid),
        users_organizations_uuid varchar(36) NOT NULL REFERENCES users_organizations (uuid),
        PRIMARY KEY (groups_uuid, users_organizations_uuid));
";

/// The tables in SQLite.
pub const SQLITE: &str = "
    CREATE TABLE users (
        uuid TEXT NOT NULL PRIMARY KEY,
        created_at DATETIME NOT NULL,
        updated_at DATETIME NOT NULL,
        email TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        password_hash BLOB NOT NULL,
        salt BLOB NOT NULL,
        password_iterations INTEGER NOT NULL,
        akey TEXT NOT NULL,
        security_stamp TEXT NOT NULL,
        equivalent_domains TEXT NOT NULL,
        excluded_globals TEXT NOT NULL);
    CREATE TABLE organizations (
        uuid TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL);
    CREATE TABLE users_organizations (
        uuid TEXT NOT NULL PRIMARY KEY,
        user_uuid TEXT NOT NULL REFERENCES users (uuid),
        org_uuid TEXT NOT NULL REFERENCES organizations (uuid),
        access_all BOOLEAN NOT NULL,
        akey TEXT NOT NULL,
        status INTEGER NOT NULL,
        atype INTEGER NOT NULL,
        external_id TEXT,
        UNIQUE (user_uuid, org_uuid));
    CREATE TABLE groups (
        uuid TEXT NOT NULL PRIMARY KEY,
        organizations_uuid TEXT NOT NULL REFERENCES organizations (uuid),
        name TEXT NOT NULL,
        access_all BOOLEAN NOT NULL,
        external_id TEXT,
        creation_date DATETIME NOT NULL,
        revision_date DATETIME NOT NULL);
    CREATE TABLE groups_users (
        groups_uuid TEXT NOT NULL REFERENCES groups (uuid),
        users_organizations_uuid TEXT NOT NULL REFERENCES users_organizations (uuid),
        PRIMARY KEY (groups_uuid, users_organizations_uuid));
";

/// Memberships as users, and groups.
pub fn registry() -> Result<Registry, SchemaError> {
    super::registry([super::full_user(true)?, super::group(super::text("displayName"))?])
}

/// The declaration of the tables; `None` if the registry has no users or groups.
pub fn layouts(registry: &Registry, dialect: Dialect) -> Option<Vec<Layout>> {
    let is_sqlite = dialect == Dialect::Sqlite;
    let (now, uuid, salt, none, names) = if is_sqlite {
        let uuid = "lower(hex(randomblob(16)))";
        let names = ["users.email", "users_organizations.user_uuid, users_organizations.org_uuid"];
        ("datetime('now')", uuid, "randomblob(64)", "x''", names)
    } else {
        let salt = "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())";
        (
            "now()",
            "gen_random_uuid()::text",
            salt,
            "''",
            ["users_email_key", "users_organizations_user_uuid_org_uuid_key"],
        )
    };
    let accounts = Shared::table("users", "uuid", KeyType::Text)
        .linked_by("user_uuid")
        .writes(Writes::SoleLink)
        .new_key(Initial::sql(uuid))
        .at_creation("created_at", Initial::sql(now))
        .at_creation("updated_at", Initial::sql(now))
        .at_creation("password_hash", Initial::sql(none))
        .at_creation("salt", Initial::sql(salt))
        .at_creation("password_iterations", 600_000)
        .at_creation("akey", "")
        .at_creation("security_stamp", Initial::secret())
        .at_creation("equivalent_domains", "[]")
        .at_creation("excluded_globals", "[]")
        .at_change("updated_at", now);
    let users = Layout::of(registry.resource_type("User")?, "users_organizations", Key::text("uuid"))
        .tenant("org_uuid", KeyType::Text)
        .shared(accounts)
        .field("userName", names.iter().fold(Field::text("u.email").lowercased(), |field, name| field.unique(name)))
        .joined_name(Field::text("u.name").not_null())
        .field("externalId", Field::text("external_id"))
        .field("active", Field::state("r.status >= 0", "status", "status + 128", "status - 128"))
        .at_creation("status", 0)
        .at_creation("atype", 2)
        .at_creation("akey", "")
        .at_creation("access_all", false)
        .side_table("scim_membership");
    let members = Join::table("groups_users").holder("groups_uuid").value("users_organizations_uuid", "User");
    let groups = Layout::of(registry.resource_type("Group")?, "groups", Key::text("uuid"))
        .tenant("organizations_uuid", KeyType::Text)
        .field("displayName", Field::text("name").lower())
        .searched("displayName")
        .field("externalId", Field::text("external_id"))
        .list("members", members)
        .at_creation("access_all", false)
        .at_creation("creation_date", Initial::sql(now))
        .at_creation("revision_date", Initial::sql(now))
        .at_change("revision_date", now)
        .side_table("scim_group");
    Some(vec![users, groups])
}
