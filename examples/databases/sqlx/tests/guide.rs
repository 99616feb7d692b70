//! The store kit on the tables of the guide, in SQLite and in PostgreSQL.

#[path = "../../native/tests/support/guide.rs"]
mod the_guide;

use scim_core::{
    sql::{Dialect, TableStore},
    testkit::StoreKit,
};
use scim_core_sqlx::{postgres::PostgresPool, sqlite::SqlitePools};
use sqlx::{
    Executor, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use the_guide::{layouts, registry, tables};

type Anything = Box<dyn std::error::Error>;

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
