//! Tabby: one organization, SQLite, keys that SQLite numbers, e-mail addresses that compare by `NOCASE`.
//!
//! SCIM sees all users and all groups. `userName` is the e-mail address; the name is in one column. A new user gets a
//! fresh `auth_token`. `is_admin`, the password and `is_group_admin` are never changed. Group names are unique in the
//! host letter by letter, and identity providers search them in any case: the declaration adds an index for that.

use scim_core::{
    schema::{Registry, SchemaError, Uniqueness},
    sql::layout::{Field, Initial, Join, Key, Layout},
};

/// The tables.
pub const SQLITE: &str = "
    CREATE TABLE users (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        email VARCHAR(150) NOT NULL COLLATE NOCASE,
        name VARCHAR(255),
        is_admin BOOLEAN NOT NULL DEFAULT 0,
        active BOOLEAN NOT NULL DEFAULT 1,
        password_encrypted VARCHAR(128),
        auth_token VARCHAR(128) NOT NULL,
        created_at TIMESTAMP DEFAULT (DATETIME('now')),
        updated_at TIMESTAMP DEFAULT (DATETIME('now')),
        UNIQUE (email),
        UNIQUE (auth_token));
    CREATE TABLE user_groups (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name VARCHAR(255) NOT NULL,
        created_at TIMESTAMP NOT NULL DEFAULT (DATETIME('now')),
        updated_at TIMESTAMP NOT NULL DEFAULT (DATETIME('now')),
        UNIQUE (name));
    CREATE TABLE user_group_memberships (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        user_group_id INTEGER NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
        is_group_admin BOOLEAN NOT NULL DEFAULT FALSE,
        created_at TIMESTAMP NOT NULL DEFAULT (DATETIME('now')),
        UNIQUE (user_id, user_group_id));
";

/// Users and groups.
pub fn registry() -> Result<Registry, SchemaError> {
    let name = super::text("displayName").with_uniqueness(Uniqueness::Server);
    super::registry([super::full_user(true)?, super::group(name)?])
}

/// The declaration of the tables; `None` if the registry has no users or groups.
pub fn layouts(registry: &Registry) -> Option<Vec<Layout>> {
    let users = Layout::of(registry.resource_type("User")?, "users", Key::integer("id").numbered())
        .field("userName", Field::text("email").nocase().unique("users.email"))
        .joined_name(Field::text("name"))
        .field("active", Field::flag("active"))
        .at_creation("auth_token", Initial::secret())
        .at_change("updated_at", "DATETIME('now')")
        .side_table("scim_user");
    let members = Join::table("user_group_memberships").holder("user_group_id").value("user_id", "User");
    let groups = Layout::of(registry.resource_type("Group")?, "user_groups", Key::integer("id").numbered())
        .field("displayName", Field::text("name").nocase().unique("user_groups.name"))
        .searched("displayName")
        .list("members", members)
        .at_change("updated_at", "DATETIME('now')")
        .side_table("scim_group");
    Some(vec![users, groups])
}
