//! The store kit on tables whose rows are documents, in SQLite and in PostgreSQL.

#[path = "support/standard.rs"]
mod standard;
mod support;

use std::sync::Arc;

use scim_core::{
    schema::Registry,
    sql::{
        Dialect, TableStore,
        layout::{Field, Join, Key, KeyType, Layout},
    },
    testkit::StoreKit,
};
use scim_core_native::{rusqlite::Sqlite, tokio_postgres::Postgres};
use standard::registry;
use support::{Anything, fresh_schema};

fn layouts(registry: &Registry, dialect: Dialect) -> Result<[Layout; 2], Anything> {
    let of = |name: &str| registry.resource_type(name).map(Arc::clone).ok_or("registered");
    let constraint = if dialect == Dialect::Sqlite { "person.tenant, person.user_name_key" } else { "person_name" };
    let people = Layout::of(&of("User")?, "person", Key::text("id"))
        .tenant("tenant", KeyType::Text)
        .field("userName", Field::text("user_name").folded("user_name_key").unique(constraint))
        .documents("document", "comparable")
        .version_by_store("version");
    let join = |table: &str, value: &str, resource_type: &str| {
        Join::table(table).tenant("tenant").holder("crew").value(value, resource_type)
    };
    let crews = Layout::of(&of("Group")?, "crew", Key::text("id"))
        .tenant("tenant", KeyType::Text)
        .list("members", join("crew_person", "person", "User"))
        .list("members", join("crew_crew", "inner_crew", "Group"))
        .documents("document", "comparable")
        .searched("displayName")
        .version_by_store("version");
    Ok([people, crews])
}

fn tables(dialect: Dialect) -> String {
    let (text, json) = match dialect {
        Dialect::Postgres => ("text COLLATE \"C\"", "jsonb"),
        _ => ("TEXT", "TEXT"),
    };
    format!(
        "CREATE TABLE person (tenant {text} NOT NULL, id {text} NOT NULL, user_name {text} NOT NULL,
            user_name_key {text} NOT NULL, version text NOT NULL, document text, comparable {json},
            PRIMARY KEY (tenant, id), CONSTRAINT person_name UNIQUE (tenant, user_name_key));
        CREATE TABLE crew (tenant {text} NOT NULL, id {text} NOT NULL, version text NOT NULL, document text,
            comparable {json}, PRIMARY KEY (tenant, id));
        CREATE TABLE crew_person (tenant {text} NOT NULL, crew {text} NOT NULL, person {text} NOT NULL,
            PRIMARY KEY (tenant, crew, person), FOREIGN KEY (tenant, crew) REFERENCES crew,
            FOREIGN KEY (tenant, person) REFERENCES person);
        CREATE INDEX crew_person_person ON crew_person (tenant, person);
        CREATE TABLE crew_crew (tenant {text} NOT NULL, crew {text} NOT NULL, inner_crew {text} NOT NULL,
            PRIMARY KEY (tenant, crew, inner_crew), FOREIGN KEY (tenant, crew) REFERENCES crew,
            FOREIGN KEY (tenant, inner_crew) REFERENCES crew);
        CREATE INDEX crew_crew_inner ON crew_crew (tenant, inner_crew)"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_kit_passes_on_sqlite() -> Result<(), Anything> {
    let folder = tempfile::tempdir()?;
    let database = Sqlite::open(&folder.path().join("documents.db"), 2)?;
    let registry = registry()?;
    database.execute_batch(&tables(Dialect::Sqlite))?;
    for statement in TableStore::<()>::migrations(Dialect::Sqlite, layouts(&registry, Dialect::Sqlite)?)? {
        // The store sets the versions.
        assert!(!statement.contains("TRIGGER"), "{statement}");
        database.execute_batch(&statement).map_err(|error| format!("{statement}: {error}"))?;
    }
    let store = TableStore::open(database, layouts(&registry, Dialect::Sqlite)?).await?;
    let report = StoreKit::new(store, registry, 1).with_many(2_000).run_all().await;
    assert!(report.is_passed(), "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_kit_passes_on_postgresql() -> Result<(), Anything> {
    let Some((pool, schema)) = fresh_schema("documents").await? else { return Ok(()) };
    let client = pool.get().await?;
    let registry = registry()?;
    client.batch_execute(&tables(Dialect::Postgres)).await?;
    for statement in TableStore::<()>::migrations(Dialect::Postgres, layouts(&registry, Dialect::Postgres)?)? {
        assert!(!statement.contains("TRIGGER"), "{statement}");
        client.batch_execute(&statement).await.map_err(|error| format!("{statement}: {error:?}"))?;
    }
    let store = TableStore::open(Postgres(pool.clone()), layouts(&registry, Dialect::Postgres)?).await?;
    let report = StoreKit::new(store, registry, 1).with_many(2_000).run_all().await;
    client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
    assert!(report.is_passed(), "{report}");
    Ok(())
}
