//! The places of the program's data in tests: each place is new, and is deleted with the test.

use std::{fmt, path::Path};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

/// A store that `--store` can name.
pub(crate) struct Place {
    /// The value of `--store`.
    pub(crate) url: String,
    kept: Kept,
}

enum Kept {
    Nothing,
    File(TempDir),
    /// A database of a server whose own database has this URL.
    Postgres {
        server: String,
        name: String,
    },
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// Every store that is available here.
pub(crate) fn stores() -> Vec<Place> {
    std::iter::once(memory()).chain(databases()).collect()
}

/// The stores that outlive a process.
pub(crate) fn databases() -> Vec<Place> {
    std::iter::once(sqlite()).chain(postgres()).collect()
}

pub(crate) fn memory() -> Place {
    Place { url: "memory".to_owned(), kept: Kept::Nothing }
}

pub(crate) fn sqlite() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("platform.db").display());
    Place { url, kept: Kept::File(directory) }
}

/// A new database on the PostgreSQL server that `SCIM_TEST_POSTGRES` names, `postgres://USER@HOST:PORT/DATABASE`.
/// `None` without that variable.
pub(crate) fn postgres() -> Option<Place> {
    let Ok(server) = std::env::var("SCIM_TEST_POSTGRES") else {
        eprintln!("skipped: SCIM_TEST_POSTGRES is not set");
        return None;
    };
    let name = format!("platform_{}", uuid::Uuid::new_v4().simple());
    run(&server, &format!("CREATE DATABASE {name}"));
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (scheme, rest) = base.split_once("://").expect("SCIM_TEST_POSTGRES is a URL");
    let authority = rest.split('/').next().unwrap();
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    Some(Place { url: format!("{scheme}://{authority}/{name}{query}"), kept: Kept::Postgres { server, name } })
}

/// A new database of the server that `SCIM_TEST_POSTGRES` names, behind the pooler that `SCIM_TEST_PGBOUNCER` names,
/// `postgres://USER@HOST:PORT`: a PgBouncer in transaction mode that forwards every database. `None` if either
/// variable is missing.
pub(crate) fn pgbouncer() -> Option<Place> {
    let Ok(pooler) = std::env::var("SCIM_TEST_PGBOUNCER") else {
        eprintln!("skipped: SCIM_TEST_PGBOUNCER is not set");
        return None;
    };
    let mut place = postgres()?;
    let name = place.url.rsplit('/').next().unwrap();
    place.url = format!("{}/{name}", pooler.trim_end_matches('/'));
    Some(place)
}

impl Place {
    /// A new place of the same kind.
    pub(crate) fn another(&self) -> Self {
        match &self.kept {
            Kept::Nothing => memory(),
            Kept::File(_) => sqlite(),
            Kept::Postgres { .. } => postgres().unwrap(),
        }
    }

    /// The file of an SQLite database.
    pub(crate) fn file(&self) -> &Path {
        Path::new(self.url.strip_prefix("sqlite:").unwrap())
    }

    /// Runs SQL directly in the database. Panics in memory.
    pub(crate) fn run(&self, sql: &str) {
        match &self.kept {
            Kept::Nothing => panic!("in memory there is no SQL"),
            Kept::File(directory) => {
                let connection = rusqlite::Connection::open(directory.path().join("platform.db")).unwrap();
                connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
            Kept::Postgres { .. } => run(&self.url, sql),
        }
    }

    /// Holds the writers' lock of an SQLite database until the connection is dropped.
    pub(crate) fn lock(&self) -> rusqlite::Connection {
        let Kept::File(directory) = &self.kept else { panic!("only SQLite has such a lock") };
        let connection = rusqlite::Connection::open(directory.path().join("platform.db")).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    }

    /// The bytes of the files of an SQLite database; empty for other stores.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Kept::File(directory) = &self.kept else { return Vec::new() };
        let files = std::fs::read_dir(directory.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Kept::Postgres { server, name } = &self.kept {
            run(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// In a separate thread: a runtime may run the test, and must not wait for another.
fn run(url: &str, sql: &str) {
    let work = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    std::thread::scope(|scope| scope.spawn(|| Runtime::new().unwrap().block_on(work)).join().unwrap());
}

/// The numbers in the first column of a query in PostgreSQL.
pub(crate) fn numbers(url: &str, sql: &str) -> Vec<i32> {
    try_numbers(url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The same, for a server that may be unavailable.
pub(crate) fn try_numbers(url: &str, sql: &str) -> Result<Vec<i32>, tokio_postgres::Error> {
    let work = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        let rows = client.query(sql, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    };
    std::thread::scope(|scope| scope.spawn(|| Runtime::new().unwrap().block_on(work)).join().unwrap())
}
