//! A fresh database with the tables of the guide, and the host's own statements.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use scim_core::{
    fold::fold,
    sql::{
        Dialect, Statement,
        database::{Cell, Database, Rows, Work},
    },
    store::{CommitError, RequestContext, StoreError, TenantId},
    testkit::SignIn,
};
use scim_core_native::{rusqlite::Sqlite, tokio_postgres::Postgres};

use crate::{
    read::Query,
    store::organization,
    support::{Anything, fresh_schema},
    tables::{register_fold, tables},
};

/// A database of its own: a file, or a schema of PostgreSQL, which stays after a failure.
#[derive(Clone)]
pub enum Host {
    Sqlite(Sqlite, #[expect(dead_code, reason = "the folder exists as long as its database")] Arc<tempfile::TempDir>),
    Postgres(Postgres, String),
}

impl Host {
    /// The tables before SCIM; `None` without a server of PostgreSQL.
    pub async fn fresh(dialect: Dialect, name: &str) -> Result<Option<Self>, Anything> {
        let host = if dialect == Dialect::Sqlite {
            let folder = tempfile::tempdir()?;
            Self::Sqlite(Sqlite::open_with(&folder.path().join("host.db"), 2, register_fold)?, folder.into())
        } else {
            let Some((pool, schema)) = fresh_schema(name).await? else { return Ok(None) };
            Self::Postgres(Postgres(pool), schema)
        };
        host.execute(tables(dialect)).await?;
        Ok(Some(host))
    }

    /// Executes statements of the host.
    pub async fn execute(&self, sql: &str) -> Result<(), Anything> {
        match self {
            Self::Sqlite(sqlite, _) => sqlite.execute_batch(sql).map_err(|error| format!("{error}: {sql:.200}"))?,
            Self::Postgres(postgres, _) => {
                let client = postgres.0.get().await?;
                client.batch_execute(sql).await.map_err(|error| format!("{error:?}: {sql:.200}"))?;
            }
        }
        Ok(())
    }

    /// The first column of a query of the host, as texts.
    pub async fn texts(&self, sql: &str) -> Result<Vec<String>, Anything> {
        let mut statement = Statement::new(self.dialect());
        statement.push(sql);
        let rows = self.rows(statement).await?;
        let texts = rows.into_rows().into_iter().map(|mut row| match row.take(0) {
            Cell::Null => "-".to_owned(),
            Cell::Text(text) => text,
            Cell::Integer(number) => number.to_string(),
            Cell::Boolean(truth) => truth.to_string(),
        });
        Ok(texts.collect())
    }

    pub async fn rows(&self, statement: Statement) -> Result<Rows, StoreError> {
        self.read(Query { statement, bytes: usize::MAX }).await.map_err(|failed| failed.error)
    }

    /// The query of the sign-in page.
    pub async fn admits(&self, sign_in: &SignIn) -> Result<bool, StoreError> {
        let mut query = Statement::new(self.dialect());
        query.push("SELECT CAST(id AS text) FROM account WHERE organization = ");
        query.bind(organization(sign_in.context())?).push(" AND fold(email) = ");
        query.bind(&*fold(sign_in.user_name())).push(" AND NOT disabled");
        Ok(!self.rows(query).await?.into_rows().is_empty())
    }

    pub async fn remove(&self) -> Result<(), Anything> {
        if let Self::Postgres(_, schema) = self {
            self.execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
        }
        Ok(())
    }
}

impl Database for Host {
    fn dialect(&self) -> Dialect {
        if matches!(self, Self::Sqlite(..)) { Dialect::Sqlite } else { Dialect::Postgres }
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        match self {
            Self::Sqlite(sqlite, _) => sqlite.read(work).await,
            Self::Postgres(postgres, _) => postgres.read(work).await,
        }
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        match self {
            Self::Sqlite(sqlite, _) => sqlite.write(work).await,
            Self::Postgres(postgres, _) => postgres.write(work).await,
        }
    }
}

/// The context of the organization for a tenant of the kit.
pub fn context(tenant: &TenantId) -> RequestContext {
    let mut hasher = DefaultHasher::new();
    tenant.hash(&mut hasher);
    RequestContext::new(TenantId::new((hasher.finish() >> 1).to_string()).unwrap_or_else(|_| TenantId::single()))
}
