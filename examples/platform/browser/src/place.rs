//! The location of the platform's data in a test. Each place is new, and is removed after the test.

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

/// A location for `--store`.
pub struct Place {
    /// The value of `--store`.
    pub url: String,
    kept: Kept,
}

enum Kept {
    File(#[expect(dead_code, reason = "dropped to remove it")] TempDir),
    Postgres { server: String, name: String },
}

impl Place {
    /// Creates a place in an SQLite file.
    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("platform.db").display());
        Self { url, kept: Kept::File(directory) }
    }

    /// Creates a new database on the server in `SCIM_TEST_POSTGRES`, `postgres://USER@HOST:PORT/DATABASE`; `None`
    /// if the variable is not set.
    pub fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("SCIM_TEST_POSTGRES") else {
            eprintln!("skipped: SCIM_TEST_POSTGRES is not set");
            return None;
        };
        let nanoseconds = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let name = format!("browser_{}_{nanoseconds}", std::process::id());
        execute(&server, &format!("CREATE DATABASE {name}"));
        let (base, query) = server.split_once('?').map_or((&*server, None), |(base, query)| (base, Some(query)));
        let (scheme, rest) = base.split_once("://").expect("SCIM_TEST_POSTGRES is a URL");
        let authority = rest.split('/').next().unwrap();
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("{scheme}://{authority}/{name}{query}");
        Some(Self { url, kept: Kept::Postgres { server, name } })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Kept::Postgres { server, name } = &self.kept {
            execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

fn execute(server: &str, sql: &str) {
    Runtime::new().unwrap().block_on(async {
        let (client, connection) = tokio_postgres::connect(server, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    });
}
