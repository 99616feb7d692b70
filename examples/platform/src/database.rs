//! The databases that hold the platform's data: SQLite and PostgreSQL behind a common interface.
//!
//! This module implements the library's [`Database`](sql::database::Database). It knows neither resources nor
//! organizations: its callers pass [`Work`], which is written only once for both databases.

mod lane;
mod migration;
mod postgres;
mod settings;
mod sqlite;

use std::path::Path;

pub use scim_core::sql::database::{Cell, DatabaseError, Reads, Row, Rows, Session, Shape, Work};
use scim_core::{
    sql::{self, Dialect, Statement},
    store::{CommitError, StoreError},
};

pub use self::settings::{Deadlines, Settings};
use self::{postgres::Postgres, sqlite::Sqlite};

/// A database with the platform's tables in it. Cheap to clone.
///
/// Each statement that the database runs is an event of the crate tracing, at the level `debug` under the target
/// `platform::sql`: its text and the number of rows read or changed, but no values. At the level `trace` under the
/// target `platform::plan`, the plan of each reading query precedes the query.
#[derive(Clone, Debug)]
pub struct Database(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// The reason why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no database.
    #[error("expected `sqlite:PATH` or `postgres://USER@HOST/DATABASE`, found `{0:.80}`")]
    Url(String),
    /// The database cannot be opened, or its tables cannot be created.
    #[error("the database cannot be opened")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A pooler such as PgBouncer is in front of PostgreSQL, and the connection does not suit it.
    #[error("{0}")]
    Pooler(&'static str),
    /// A later version of the program has upgraded the tables: this program does not know its changes.
    #[error("expected tables of version {known} or earlier, found version {found}: they were made by a later program")]
    Newer {
        /// The version that this program creates.
        known: i64,
        /// The version that the tables have.
        found: i64,
    },
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        CommitError::from(error).into()
    }
}

impl From<CommitError> for OpenError {
    fn from(failed: CommitError) -> Self {
        Self::Database(match failed.error {
            StoreError::Backend(source) => source,
            other => other.into(),
        })
    }
}

/// The location of a database.
enum Address<'a> {
    Sqlite(&'a Path),
    Postgres(&'a str),
}

impl<'a> Address<'a> {
    fn read(url: &'a str) -> Option<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return (!path.is_empty()).then(|| Self::Sqlite(Path::new(path)));
        }
        let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        is_postgres.then_some(Self::Postgres(url))
    }
}

impl Database {
    /// The statements that create the tables of each version from those of the previous version, the first version
    /// first. [`Database::open`] executes the statements that a database lacks; operators can read them here.
    pub fn migrations(dialect: Dialect) -> Vec<Vec<String>> {
        migration::steps(dialect)
    }

    /// Whether the URL has a form that [`Database::open`] accepts.
    pub fn is_url(url: &str) -> bool {
        Address::read(url).is_some()
    }

    /// Opens the database that `url` names, `sqlite:PATH` or `postgres://…`, and creates or upgrades its tables.
    ///
    /// # Errors
    ///
    /// When the URL names no database, the database does not answer, or its tables are of a later version.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_with(url, Settings::default()).await
    }

    /// [`Database::open`] with other deadlines, or through a pooler.
    ///
    /// # Errors
    ///
    /// Those of [`Database::open`], and when a pooler refuses the connection.
    pub async fn open_with(url: &str, settings: Settings) -> Result<Self, OpenError> {
        let database = match Address::read(url) {
            Some(Address::Sqlite(path)) => Self(Kind::Sqlite(Sqlite::open(path, settings.deadlines)?)),
            Some(Address::Postgres(url)) => Self(Kind::Postgres(Postgres::open(url, settings).await?)),
            None => return Err(OpenError::Url(url.to_owned())),
        };
        migration::run(&database).await?;
        Ok(database)
    }

    /// The SQL dialect of the database.
    pub fn dialect(&self) -> Dialect {
        match self.0 {
            Kind::Sqlite(_) => Dialect::Sqlite,
            Kind::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs look-ups of the program itself: queries that see one state of the database. Returns the rows of each
    /// query.
    ///
    /// # Errors
    ///
    /// When the database cannot answer.
    pub async fn look_up(&self, queries: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        let found = self.read(LookUps { queries, keep: Rows::default() }).await.map_err(|failed| failed.error)?;
        let whole = |rows: Rows| if rows.is_cut() { Err(StoreError::TooMany) } else { Ok(rows.into_rows()) };
        found.into_iter().map(whole).collect()
    }

    /// Runs a look-up of the program itself. Returns the first rows, as many as `keep` has space for.
    ///
    /// # Errors
    ///
    /// When the database cannot answer.
    pub async fn first_rows(&self, query: Statement, keep: Rows) -> Result<Rows, StoreError> {
        let found = self.read(LookUps { queries: vec![query], keep }).await.map_err(|failed| failed.error)?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Runs work that only reads, in its lane: its statements see one state of the database. When the future is
    /// dropped, the database stops working on the queries.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`] when a query of a search takes longer than [`Deadlines::search`];
    /// [`StoreError::Unavailable`] when the database does not answer, or all turns of the lane are taken for longer than
    /// [`Deadlines::wait`]; the errors of the work.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.read(work).await,
            Kind::Postgres(postgres) => postgres.read(work).await,
        }
    }

    /// Checks that the database answers, that every table of the program exists, and that the SQLite file is still
    /// the file that was opened.
    ///
    /// # Errors
    ///
    /// When a check fails.
    pub async fn check(&self) -> Result<(), StoreError> {
        if let Kind::Sqlite(sqlite) = &self.0 {
            sqlite.check()?;
        }
        self.look_up(vec![migration::every_table(self.dialect())]).await.map(drop)
    }

    /// Runs statements as one transaction. Returns the number of rows that each statement changed.
    ///
    /// # Errors
    ///
    /// When a statement fails. Then nothing has changed.
    pub async fn execute(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        self.write(Statements(statements)).await.map_err(|failed| failed.error)
    }

    /// Runs a unit of work as one transaction: completely or not at all, even when the future is dropped.
    ///
    /// # Errors
    ///
    /// When the work fails or cannot be committed. Then nothing has changed, with one exception: if the connection
    /// is lost during the commit itself, the outcome is unknown and the error is [`StoreError::Unavailable`].
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.write(work).await,
            Kind::Postgres(postgres) => postgres.write(work).await,
        }
    }
}

impl sql::database::Database for Database {
    fn dialect(&self) -> Dialect {
        self.dialect()
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.read(work).await
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.write(work).await
    }
}

/// Look-ups of the program itself, which see one state of the database.
struct LookUps {
    queries: Vec<Statement>,
    /// The rows of each query that are kept.
    keep: Rows,
}

impl Work for LookUps {
    type Output = Vec<Rows>;

    fn is_single(&self) -> bool {
        self.queries.len() == 1
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<Rows>, CommitError> {
        let mut found = Vec::with_capacity(self.queries.len());
        for query in &self.queries {
            found.push(session.query(query, self.keep.clone()).await?);
        }
        Ok(found)
    }
}

/// Statements that run one after the other.
struct Statements(Vec<Statement>);

impl Work for Statements {
    type Output = Vec<u64>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<u64>, CommitError> {
        let mut changed = Vec::with_capacity(self.0.len());
        for statement in &self.0 {
            changed.push(session.execute(statement).await?);
        }
        Ok(changed)
    }
}

/// The plan without the texts in quotation marks: PostgreSQL shows values from the request in it.
fn without_texts(plan: &str) -> String {
    // A quotation mark within a text is doubled: the pair ends one text and begins another.
    let parts = plan.split('\'').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "'…'" }).collect()
}

/// Whether the plans of reading queries are recorded.
fn tells_plans() -> bool {
    tracing::enabled!(target: "platform::plan", tracing::Level::TRACE)
}

/// Emits the plan of a query, which is the result of [`Statement::explained`].
fn tell_plan(query: &Statement, explained: Rows) -> Result<(), StoreError> {
    let column = if query.dialect() == Dialect::Sqlite { 3 } else { 0 };
    let lines = explained.into_rows().into_iter().map(|mut row| row.required_text(column));
    let plan = without_texts(&lines.collect::<Result<Vec<_>, _>>()?.join("\n"));
    tracing::trace!(target: "platform::plan", sql = query.text(), plan);
    Ok(())
}

/// Emits the event of a statement, with the number of rows that it read or changed.
fn tell(sql: &str, rows: usize) {
    tracing::debug!(target: "platform::sql", sql, rows);
}
