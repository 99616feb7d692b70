//! `DocumentStore` in SQLite and in PostgreSQL: both kits, the host's hooks, and the start.

#[path = "document_store/hooks.rs"]
mod hooks;
#[path = "document_store/kits.rs"]
mod kits;
#[path = "support/standard.rs"]
mod standard;
#[path = "document_store/start.rs"]
mod start;
mod support;

use std::sync::Arc;

use scim_core::{
    sql::{
        Dialect, DocumentStore, Statement,
        database::{Database, DatabaseError, Row, Session, Work},
    },
    store::{CommitError, StoreError},
};
use scim_core_native::{rusqlite::Sqlite, tokio_postgres::Postgres};
use standard::registry;
use support::{Anything, fresh_schema};

/// The host's own table: the events of all changes.
const OUTBOX: &str = "CREATE TABLE outbox (tenant text NOT NULL, number INTEGER NOT NULL, event text NOT NULL)";

/// A database with the tables of the store and of the host.
#[derive(Clone)]
enum Host {
    /// The last copy removes the folder.
    Sqlite {
        database: Sqlite,
        _folder: Arc<tempfile::TempDir>,
    },
    Postgres(Postgres, String),
}

impl Host {
    /// A new database; `None` if the server of the dialect does not run.
    async fn fresh(dialect: Dialect, name: &str) -> Result<Option<Self>, Anything> {
        let host = if dialect == Dialect::Sqlite {
            let folder = tempfile::tempdir()?;
            let database = Sqlite::open(&folder.path().join("host.db"), 2)?;
            Self::Sqlite { database, _folder: Arc::new(folder) }
        } else {
            let Some((pool, schema)) = fresh_schema(name).await? else { return Ok(None) };
            Self::Postgres(Postgres(pool), schema)
        };
        for statement in DocumentStore::<()>::migrations(dialect) {
            host.execute(&statement).await.map_err(|error| format!("{statement}: {error}"))?;
        }
        host.execute(OUTBOX).await?;
        Ok(Some(host))
    }

    async fn execute(&self, sql: &str) -> Result<(), Anything> {
        match self {
            Self::Sqlite { database, .. } => database.execute_batch(sql)?,
            Self::Postgres(postgres, _) => postgres.0.get().await?.batch_execute(sql).await?,
        }
        Ok(())
    }

    async fn rows(&self, query: Statement) -> Result<Vec<Row>, StoreError> {
        self.read(Query(query)).await.map_err(|failed| failed.error)
    }

    async fn remove(&self) -> Result<(), Anything> {
        match self {
            Self::Sqlite { .. } => Ok(()),
            Self::Postgres(_, schema) => self.execute(&format!("DROP SCHEMA {schema} CASCADE")).await,
        }
    }
}

impl Database for Host {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { database, .. } => database.dialect(),
            Self::Postgres(postgres, _) => postgres.dialect(),
        }
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        match self {
            Self::Sqlite { database, .. } => database.read(work).await,
            Self::Postgres(postgres, _) => postgres.read(work).await,
        }
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        match self {
            Self::Sqlite { database, .. } => database.write(work).await,
            Self::Postgres(postgres, _) => postgres.write(work).await,
        }
    }
}

/// A query of the host.
struct Query(Statement);

impl Work for Query {
    type Output = Vec<Row>;

    fn is_single(&self) -> bool {
        true
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<Row>, CommitError> {
        session.rows(&self.0).await.map_err(DatabaseError::into_commit_error)
    }
}
