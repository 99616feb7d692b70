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

/// Pseudo-random numbers (xorshift64*). The same seed gives the same numbers.
pub struct Numbers(u64);

#[allow(dead_code, reason = "not every test needs numbers")]
impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap_or_default() % end
    }

    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn choose<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
