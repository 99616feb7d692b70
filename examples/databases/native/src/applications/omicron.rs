//! omicron: silos as tenants, UUIDs, rows that a deletion only marks, and users of other kinds in the same table.
//!
//! The host runs on CockroachDB, by the protocol of PostgreSQL; the tables in SQLite show that the declaration is the
//! same there. SCIM sees the live rows of the kind `scim`, and a new row gets this kind. No table of the library's is
//! needed: each attribute has a column, and the version is a column that the host adds, `rowversion`. A deleted user's
//! name is free, because the unique index has only live rows.

use scim_core::{
    schema::{Registry, SchemaError},
    sql::{
        Dialect,
        layout::{Field, Initial, Join, Key, KeyType, Layout},
    },
};

/// The tables in PostgreSQL.
pub const POSTGRES: &str = "
    CREATE TYPE user_provision_type AS ENUM ('api_only', 'jit', 'scim');
    CREATE TABLE silo_user (
        id uuid PRIMARY KEY,
        time_created timestamptz NOT NULL,
        time_modified timestamptz NOT NULL,
        time_deleted timestamptz,
        silo_id uuid NOT NULL,
        external_id text,
        user_provision_type user_provision_type,
        user_name text,
        active boolean,
        rowversion bigint);
    CREATE UNIQUE INDEX lookup_silo_user_by_silo_and_user_name_lower ON silo_user (silo_id, lower(user_name))
        WHERE time_deleted IS NULL AND user_provision_type = 'scim';
    CREATE UNIQUE INDEX lookup_silo_user_by_silo_and_external_id ON silo_user (silo_id, external_id)
        WHERE time_deleted IS NULL AND user_provision_type IN ('api_only', 'jit');
    CREATE TABLE silo_group (
        id uuid PRIMARY KEY,
        time_created timestamptz NOT NULL,
        time_modified timestamptz NOT NULL,
        time_deleted timestamptz,
        silo_id uuid NOT NULL,
        external_id text,
        user_provision_type user_provision_type,
        display_name text,
        rowversion bigint);
    CREATE TABLE silo_group_membership (
        silo_group_id uuid NOT NULL,
        silo_user_id uuid NOT NULL,
        PRIMARY KEY (silo_group_id, silo_user_id));
";

/// The tables in SQLite, with times in microseconds.
pub const SQLITE: &str = "
    CREATE TABLE silo_user (
        id TEXT PRIMARY KEY,
        time_created INTEGER NOT NULL,
        time_modified INTEGER NOT NULL,
        time_deleted INTEGER,
        silo_id TEXT NOT NULL,
        external_id TEXT,
        user_provision_type TEXT,
        user_name TEXT,
        active INTEGER,
        rowversion INTEGER);
    CREATE UNIQUE INDEX lookup_silo_user_by_silo_and_user_name_lower ON silo_user (silo_id, lower(user_name))
        WHERE time_deleted IS NULL AND user_provision_type = 'scim';
    CREATE UNIQUE INDEX lookup_silo_user_by_silo_and_external_id ON silo_user (silo_id, external_id)
        WHERE time_deleted IS NULL AND user_provision_type IN ('api_only', 'jit');
    CREATE TABLE silo_group (
        id TEXT PRIMARY KEY,
        time_created INTEGER NOT NULL,
        time_modified INTEGER NOT NULL,
        time_deleted INTEGER,
        silo_id TEXT NOT NULL,
        external_id TEXT,
        user_provision_type TEXT,
        display_name TEXT,
        rowversion INTEGER);
    CREATE TABLE silo_group_membership (
        silo_group_id TEXT NOT NULL,
        silo_user_id TEXT NOT NULL,
        PRIMARY KEY (silo_group_id, silo_user_id));
";

/// Users with the three attributes that the host has, and groups.
pub fn registry() -> Result<Registry, SchemaError> {
    super::registry([super::small_user()?, super::group(super::text("displayName"))?])
}

/// The declaration of the tables; `None` if the registry has no users or groups.
pub fn layouts(registry: &Registry, dialect: Dialect) -> Option<Vec<Layout>> {
    let is_sqlite = dialect == Dialect::Sqlite;
    let (time, now) = if is_sqlite {
        (Field::microseconds as fn(&str) -> Field, "unixepoch() * 1000000")
    } else {
        (Field::timestamp as fn(&str) -> Field, "now()")
    };
    let index = "lookup_silo_user_by_silo_and_user_name_lower";
    let constraint = if is_sqlite { format!("index '{index}'") } else { index.to_owned() };
    let layout = |name: &str, table: &str| {
        let layout = Layout::of(registry.resource_type(name)?, table, Key::uuid("id"))
            .tenant("silo_id", KeyType::Uuid)
            .only("r.user_provision_type = 'scim'")
            .at_creation("user_provision_type", Initial::sql("'scim'"))
            .soft_delete("r.time_deleted IS NULL", [("time_deleted", now)])
            .version("rowversion")
            .field("externalId", Field::text("external_id"))
            .field("meta.created", time("time_created"))
            .field("meta.lastModified", time("time_modified"));
        Some(layout)
    };
    let users = layout("User", "silo_user")?
        .field("userName", Field::text("user_name").lower().unique(&constraint))
        .field("active", Field::flag("active"));
    let members = Join::table("silo_group_membership").holder("silo_group_id").value("silo_user_id", "User");
    let groups = layout("Group", "silo_group")?
        .field("displayName", Field::text("display_name").lower())
        .searched("displayName")
        .list("members", members);
    Some(vec![users, groups])
}
