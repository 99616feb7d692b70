//! The store kit on the tables of the guide, in SQLite and in PostgreSQL.

use std::sync::Arc;

use scim_core::{
    schema::{Attribute, AttributeType, GROUP, Mutability, Registry, ResourceType, Schema, SchemaError},
    sql::{
        Dialect, TableStore,
        layout::{Field, Join, Key, KeyType, Layout},
    },
    testkit::StoreKit,
};
use scim_core_sqlx::{postgres::PostgresPool, sqlite::SqlitePools};
use sqlx::{
    Executor, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

type Anything = Box<dyn std::error::Error>;

/// Groups with users as members.
fn registry() -> Result<Registry, SchemaError> {
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

fn layouts(registry: &Registry, dialect: Dialect) -> Result<[Layout; 2], Anything> {
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

fn tables(dialect: Dialect) -> &'static str {
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

#[tokio::test(flavor = "multi_thread")]
async fn the_store_kit_passes_on_sqlite() -> Result<(), Anything> {
    let folder = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("guide.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(std::time::Duration::from_secs(5));
    let writer: SqlitePool = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    let registry = registry()?;
    writer.execute(tables(Dialect::Sqlite)).await?;
    for statement in TableStore::<()>::migrations(Dialect::Sqlite, layouts(&registry, Dialect::Sqlite)?)? {
        writer.execute(&*statement).await?;
    }
    let readers = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
    let store = TableStore::open(SqlitePools { writer, readers }, layouts(&registry, Dialect::Sqlite)?).await?;
    let report = StoreKit::new(store, registry, 1).with_many(300).run_all().await;
    assert!(report.is_passed(), "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_kit_passes_on_postgresql() -> Result<(), Anything> {
    let Ok(url) = std::env::var("SCIM_TEST_POSTGRES") else {
        eprintln!("skipped: SCIM_TEST_POSTGRES is not set");
        return Ok(());
    };
    let schema = format!("sqlx_{}", std::process::id());
    let options: sqlx::postgres::PgConnectOptions = url.parse()?;
    let options = options.options([("search_path", schema.as_str()), ("statement_timeout", "20s")]);
    let pool: PgPool = PgPoolOptions::new().max_connections(8).connect_with(options).await?;
    pool.execute(&*format!("CREATE SCHEMA {schema}")).await?;
    let registry = registry()?;
    pool.execute(tables(Dialect::Postgres)).await?;
    for statement in TableStore::<()>::migrations(Dialect::Postgres, layouts(&registry, Dialect::Postgres)?)? {
        pool.execute(&*statement).await?;
    }
    let store = TableStore::open(PostgresPool(pool.clone()), layouts(&registry, Dialect::Postgres)?).await?;
    let report = StoreKit::new(store, registry, 1).with_many(300).run_all().await;
    pool.execute(&*format!("DROP SCHEMA {schema} CASCADE")).await?;
    assert!(report.is_passed(), "{report}");
    Ok(())
}
