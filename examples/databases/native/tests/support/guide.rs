//! The tables of the guide, and their layouts.

use std::sync::Arc;

use scim_core::{
    schema::{Attribute, AttributeType, GROUP, Mutability, Registry, ResourceType, Schema, SchemaError},
    sql::{
        Dialect,
        layout::{Field, Join, Key, KeyType, Layout},
    },
};

/// Groups with users as members.
pub fn registry() -> Result<Registry, SchemaError> {
    let value = Attribute::new("value", AttributeType::String).case_exact().with_mutability(Mutability::Immutable);
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let group = Schema::new(GROUP, "Group")
        .with_attribute(Attribute::new("displayName", AttributeType::String).required())
        .with_attribute(Attribute::complex("members", [value, reference]).multi_valued());
    let group = ResourceType::builder("Group", "Groups", group);
    let user = ResourceType::builder("User", "Users", Schema::user().without("password"))
        .extension(Schema::enterprise_user(), false)
        .relation("groups", "Group", "members", "displayName");
    Registry::builder().resource_type(user.build()?).resource_type(group.build()?).build()
}

pub fn layouts(registry: &Registry, dialect: Dialect) -> Result<[Layout; 2], Box<dyn std::error::Error>> {
    let of = |name: &str| registry.resource_type(name).map(Arc::clone).ok_or("registered");
    let constraint = if dialect == Dialect::Sqlite { "account.tenant, account.login_folded" } else { "account_login" };
    let users = Layout::of(&of("User")?, "account", Key::text("id"))
        .tenant("tenant", KeyType::Text)
        .field("userName", Field::text("login").folded("login_folded").unique(constraint))
        .field("displayName", Field::text("full_name").folded("full_name_folded"))
        .field("active", Field::inverted("disabled"))
        .side_table("scim_account");
    let groups = Layout::of(&of("Group")?, "team", Key::text("id"))
        .tenant("tenant", KeyType::Text)
        .field("displayName", Field::text("name").folded("name_folded"))
        .list("members", Join::table("team_member").tenant("tenant").holder("team").value("account", "User"))
        .side_table("scim_team");
    Ok([users, groups])
}

pub fn tables(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => {
            r#"
            CREATE TABLE account (tenant text NOT NULL, id text NOT NULL, login text NOT NULL,
                login_folded text COLLATE "C" NOT NULL, full_name text, full_name_folded text COLLATE "C",
                disabled boolean NOT NULL, locale text, PRIMARY KEY (tenant, id),
                CONSTRAINT account_login UNIQUE (tenant, login_folded));
            CREATE TABLE team (tenant text NOT NULL, id text NOT NULL, name text NOT NULL,
                name_folded text COLLATE "C" NOT NULL, PRIMARY KEY (tenant, id));
            CREATE TABLE team_member (tenant text NOT NULL, team text NOT NULL, account text NOT NULL,
                role text NOT NULL DEFAULT 'member', PRIMARY KEY (tenant, team, account),
                FOREIGN KEY (tenant, team) REFERENCES team, FOREIGN KEY (tenant, account) REFERENCES account)
            "#
        }
        _ => {
            "
            CREATE TABLE account (tenant TEXT NOT NULL, id TEXT NOT NULL, login TEXT NOT NULL,
                login_folded TEXT NOT NULL, full_name TEXT, full_name_folded TEXT,
                disabled INTEGER NOT NULL, locale TEXT, PRIMARY KEY (tenant, id), UNIQUE (tenant, login_folded));
            CREATE TABLE team (tenant TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
                name_folded TEXT NOT NULL, PRIMARY KEY (tenant, id));
            CREATE TABLE team_member (tenant TEXT NOT NULL, team TEXT NOT NULL, account TEXT NOT NULL,
                role TEXT NOT NULL DEFAULT 'member', PRIMARY KEY (tenant, team, account),
                FOREIGN KEY (tenant, team) REFERENCES team, FOREIGN KEY (tenant, account) REFERENCES account)
            "
        }
    }
}
