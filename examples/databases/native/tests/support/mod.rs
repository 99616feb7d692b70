//! Parts of several tests.

pub type Anything = Box<dyn std::error::Error>;

/// A pool of PostgreSQL whose connections see only a schema of their own, and the name of the schema. `None` if
/// `SCIM_TEST_POSTGRES` is not set.
pub async fn fresh_schema(name: &str) -> Result<Option<(deadpool_postgres::Pool, String)>, Anything> {
    let Ok(url) = std::env::var("SCIM_TEST_POSTGRES") else {
        eprintln!("skipped: SCIM_TEST_POSTGRES is not set");
        return Ok(None);
    };
    let schema = format!("{name}_{}", std::process::id());
    let mut config: tokio_postgres::Config = url.parse()?;
    config.options(format!("-c search_path={schema} -c statement_timeout=20s"));
    let manager = deadpool_postgres::Manager::new(config, tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(8).build()?;
    let client = pool.get().await?;
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).await?;
    Ok(Some((pool, schema)))
}
