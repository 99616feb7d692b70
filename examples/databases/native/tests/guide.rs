//! The store kit on the tables of the guide, in SQLite and in PostgreSQL.

mod support;
#[path = "support/guide.rs"]
mod the_guide;

use scim_core::{
    sql::{Dialect, TableStore},
    testkit::StoreKit,
};
use scim_core_native::{rusqlite::Sqlite, tokio_postgres::Postgres};
use support::{Anything, fresh_schema};
use the_guide::{layouts, registry, tables};

#[tokio::test(flavor = "multi_thread")]
async fn the_store_kit_passes_on_sqlite() -> Result<(), Anything> {
    let folder = tempfile::tempdir()?;
    let database = Sqlite::open(&folder.path().join("guide.db"), 2)?;
    let registry = registry()?;
    database.execute_batch(tables(Dialect::Sqlite))?;
    let migrations = TableStore::<()>::migrations(Dialect::Sqlite, layouts(&registry, Dialect::Sqlite)?)?;
    for statement in &migrations {
        database.execute_batch(statement).map_err(|error| format!("{statement}: {error}"))?;
    }
    let store = TableStore::open(database, layouts(&registry, Dialect::Sqlite)?).await?;
    let report = StoreKit::new(store, registry, 1).with_many(2_000).run_all().await;
    assert!(report.is_passed(), "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_kit_passes_on_postgresql() -> Result<(), Anything> {
    let Some((pool, schema)) = fresh_schema("guide").await? else { return Ok(()) };
    let client = pool.get().await?;
    let registry = registry()?;
    client.batch_execute(tables(Dialect::Postgres)).await?;
    for statement in TableStore::<()>::migrations(Dialect::Postgres, layouts(&registry, Dialect::Postgres)?)? {
        client.batch_execute(&statement).await.map_err(|error| format!("{statement}: {error:?}"))?;
    }
    let store = TableStore::open(Postgres(pool.clone()), layouts(&registry, Dialect::Postgres)?).await?;
    let report = StoreKit::new(store, registry, 1).with_many(2_000).run_all().await;
    client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
    assert!(report.is_passed(), "{report}");
    Ok(())
}
