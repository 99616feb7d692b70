//! A fresh database of an application, and the host's own statements.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use scim_core::{
    sql::{
        Dialect, Statement,
        database::{Cell, Database, DatabaseError, Row, Rows, Session, Work},
    },
    store::CommitError,
};
use scim_core_native::{rusqlite::Sqlite, tokio_postgres::Postgres};

use super::Anything;

/// A query with its plan.
pub type Plan = (String, String);

/// A database of its own, in a file or in a schema of PostgreSQL.
#[derive(Clone)]
pub struct Host {
    driver: Driver,
    plans: Arc<Mutex<Option<Vec<Plan>>>>,
}

#[derive(Clone)]
enum Driver {
    Sqlite(Sqlite, #[expect(dead_code, reason = "the folder exists as long as its database")] Arc<tempfile::TempDir>),
    Postgres(Postgres, String),
}

impl Host {
    /// A fresh database; `None` without a server. `options` are options of the connections to PostgreSQL.
    pub async fn fresh(dialect: Dialect, options: &str) -> Result<Option<Self>, Anything> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let driver = if dialect == Dialect::Sqlite {
            let folder = tempfile::tempdir()?;
            Driver::Sqlite(Sqlite::open(&folder.path().join("host.db"), 2)?, Arc::new(folder))
        } else {
            let Ok(url) = std::env::var("SCIM_TEST_POSTGRES") else {
                eprintln!("skipped: SCIM_TEST_POSTGRES is not set");
                return Ok(None);
            };
            let schema = format!("app_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let mut config: tokio_postgres::Config = url.parse()?;
            config.options(format!("-c search_path={schema} -c statement_timeout=20s {options}"));
            let manager = deadpool_postgres::Manager::new(config, tokio_postgres::NoTls);
            let pool = deadpool_postgres::Pool::builder(manager).max_size(8).build()?;
            let reset = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
            pool.get().await?.batch_execute(&reset).await?;
            Driver::Postgres(Postgres(pool), schema)
        };
        Ok(Some(Self { driver, plans: Arc::default() }))
    }

    /// Executes the host's own statements, separated by semicolons.
    pub async fn execute(&self, sql: &str) -> Result<(), Anything> {
        match &self.driver {
            Driver::Sqlite(sqlite, _) => sqlite.execute_batch(sql).map_err(|error| format!("{sql}: {error}"))?,
            Driver::Postgres(postgres, _) => {
                let client = postgres.0.get().await?;
                client.batch_execute(sql).await.map_err(|error| format!("{sql}: {error:?}"))?;
            }
        }
        Ok(())
    }

    /// The rows of the host's own query, each as the texts of its columns, joined by `|`.
    pub async fn rows(&self, sql: &str) -> Result<Vec<String>, Anything> {
        let mut query = Statement::new(self.dialect());
        query.push(sql);
        Ok(self.write(Raw(query)).await.map_err(|error| format!("{sql}: {error:?}"))?)
    }

    /// Records the plans of all queries until [`Host::take_plans`].
    pub fn record_plans(&self) {
        *self.plans.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    pub fn take_plans(&self) -> Vec<Plan> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// Removes the schema. A file is removed with its folder.
    pub async fn remove(&self) -> Result<(), Anything> {
        if let Driver::Postgres(_, schema) = &self.driver {
            self.execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
        }
        Ok(())
    }
}

impl Database for Host {
    fn dialect(&self) -> Dialect {
        match self.driver {
            Driver::Sqlite(..) => Dialect::Sqlite,
            Driver::Postgres(..) => Dialect::Postgres,
        }
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let work = Recorded { work, plans: Arc::clone(&self.plans) };
        match &self.driver {
            Driver::Sqlite(sqlite, _) => sqlite.read(work).await,
            Driver::Postgres(postgres, _) => postgres.read(work).await,
        }
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let work = Recorded { work, plans: Arc::clone(&self.plans) };
        match &self.driver {
            Driver::Sqlite(sqlite, _) => sqlite.write(work).await,
            Driver::Postgres(postgres, _) => postgres.write(work).await,
        }
    }
}

struct Recorded<W> {
    work: W,
    plans: Arc<Mutex<Option<Vec<Plan>>>>,
}

impl<W: Work> Work for Recorded<W> {
    type Output = W::Output;

    async fn run<S: Session>(&self, session: &mut S) -> Result<W::Output, CommitError> {
        self.work.run(&mut Recording { session, plans: &self.plans }).await
    }
}

struct Recording<'a, S> {
    session: &'a mut S,
    plans: &'a Mutex<Option<Vec<Plan>>>,
}

impl<S: Session> Recording<'_, S> {
    async fn record(&mut self, statement: &Statement) -> Result<(), DatabaseError> {
        let is_on = self.plans.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if !is_on {
            return Ok(());
        }
        let column = if statement.dialect() == Dialect::Sqlite { 3 } else { 0 };
        let rows = self.session.query(&statement.explained(), Rows::default()).await?.into_rows();
        let lines: Vec<String> = rows.into_iter().filter_map(|mut row| row.text(column).ok().flatten()).collect();
        if let Some(plans) = &mut *self.plans.lock().unwrap_or_else(PoisonError::into_inner) {
            plans.push((statement.text().to_owned(), lines.join("\n")));
        }
        Ok(())
    }
}

impl<S: Session> Session for Recording<'_, S> {
    fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    async fn query(&mut self, query: &Statement, rows: Rows) -> Result<Rows, DatabaseError> {
        self.record(query).await?;
        self.session.query(query, rows).await
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        self.record(statement).await?;
        self.session.execute(statement).await
    }
}

/// The number of columns of a query without subqueries.
fn columns_of(sql: &str) -> usize {
    let selected = sql.split(" FROM ").next().unwrap_or_default();
    let mut depth = 0_i32;
    let mut columns = 1;
    for char in selected.chars() {
        depth += i32::from(char == '(') - i32::from(char == ')');
        columns += usize::from(char == ',' && depth == 0);
    }
    columns
}

struct Raw(Statement);

impl Work for Raw {
    type Output = Vec<String>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<String>, CommitError> {
        let rows = session.rows(&self.0).await?;
        let columns = columns_of(self.0.text());
        let text = |cell: Cell| match cell {
            Cell::Null => "-".to_owned(),
            Cell::Text(text) => text,
            Cell::Integer(number) => number.to_string(),
            Cell::Boolean(truth) => i64::from(truth).to_string(),
        };
        let line = |mut row: Row| (0..columns).map(|column| text(row.take(column))).collect::<Vec<_>>().join("|");
        Ok(rows.into_iter().map(line).collect())
    }
}
