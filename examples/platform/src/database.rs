//! The databases that the platform keeps its data in: SQLite and PostgreSQL behind one face.
//!
//! What is here runs statements, one by one or as a transaction. It knows neither resources nor organisations: what is
//! written is said by who asks, as [`Work`], once for both databases.

mod migration;
mod postgres;
mod sqlite;

use std::path::Path;

use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

pub(crate) use self::migration::alone;
use self::{postgres::Postgres, sqlite::Sqlite};

/// A database with the platform's tables in it. Cheap to clone.
///
/// Each statement that it runs is an event of the crate tracing, at the level `debug` under the target `platform::sql`:
/// its text, how many rows it read or changed, and no value. At the level `trace` under the target `platform::plan` the
/// plan of each query that reads comes before it.
#[derive(Clone, Debug)]
pub struct Database(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What was given names none.
    #[error("expected `sqlite:PATH` or `postgres://USER@HOST/DATABASE`, found `{0:.80}`")]
    Url(String),
    /// It cannot be opened, or its tables cannot be made.
    #[error("the database cannot be opened")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A later version of the program has been here: what it changed is not known.
    #[error("expected tables of version {known} or earlier, found version {found}: they were made by a later program")]
    Newer {
        /// The version that this program makes.
        known: i64,
        /// The version that the tables have.
        found: i64,
    },
}

impl From<CommitError> for OpenError {
    fn from(failed: CommitError) -> Self {
        Self::Database(match failed.error {
            StoreError::Backend(source) => source,
            other => other.into(),
        })
    }
}

/// Where a database is.
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
    /// Whether a URL names a database that [`Database::open`] can be asked for.
    pub fn is_url(url: &str) -> bool {
        Address::read(url).is_some()
    }

    /// Opens the database that `url` names, `sqlite:PATH` or `postgres://…`, and makes or upgrades its tables.
    ///
    /// # Errors
    ///
    /// When the URL names none, the database does not answer, or its tables are of a later version.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let database = match Address::read(url) {
            Some(Address::Sqlite(path)) => Self(Kind::Sqlite(Sqlite::open(path)?)),
            Some(Address::Postgres(url)) => Self(Kind::Postgres(Postgres::open(url)?)),
            None => return Err(OpenError::Url(url.to_owned())),
        };
        migration::run(&database).await?;
        Ok(database)
    }

    /// The SQL that the database speaks.
    pub fn dialect(&self) -> Dialect {
        match self.0 {
            Kind::Sqlite(_) => Dialect::Sqlite,
            Kind::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs queries that see one state of the database, and gives the rows of each.
    ///
    /// # Errors
    ///
    /// When the database cannot answer.
    pub async fn read(&self, queries: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        if tracing::enabled!(target: "platform::plan", tracing::Level::TRACE) {
            self.tell_plans(&queries).await?;
        }
        self.run(queries).await
    }

    async fn run(&self, queries: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.read(queries).await,
            Kind::Postgres(postgres) => postgres.read(queries).await,
        }
    }

    async fn tell_plans(&self, queries: &[Statement]) -> Result<(), StoreError> {
        let plans = self.run(queries.iter().map(Statement::explained).collect()).await?;
        let column = if self.dialect() == Dialect::Sqlite { 3 } else { 0 };
        for (query, rows) in queries.iter().zip(plans) {
            let lines = rows.into_iter().map(|mut row| row.text(column)).collect::<Result<Vec<_>, _>>()?;
            let plan = without_texts(&lines.join("\n"));
            tracing::trace!(target: "platform::plan", sql = query.text(), plan);
        }
        Ok(())
    }

    /// Runs statements as one transaction, and gives how many rows each has changed.
    ///
    /// # Errors
    ///
    /// When one of them fails. Then nothing has changed.
    pub async fn execute(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        self.write(Statements(statements)).await.map_err(|failed| failed.error)
    }

    /// Does work as one transaction: as a whole, or not at all, also when the future is dropped.
    ///
    /// # Errors
    ///
    /// When the work fails or cannot be committed. Then nothing has changed; only where the connection is lost in the
    /// very moment of the commit nobody can tell, and the error is [`StoreError::Unavailable`].
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.write(work).await,
            Kind::Postgres(postgres) => postgres.write(work).await,
        }
    }
}

/// What is done in one transaction.
pub trait Work: Send + Sync + 'static {
    /// What comes of it.
    type Output: Send + 'static;

    /// Does it. After an error nothing of it has happened.
    fn run<S: Session>(&self, session: &mut S) -> impl Future<Output = Result<Self::Output, CommitError>> + Send;
}

/// A connection, inside of a transaction.
pub trait Session: Send {
    /// The SQL that it speaks.
    fn dialect(&self) -> Dialect;

    /// The rows that a query finds.
    fn query(&mut self, query: &Statement) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// How many rows a statement changes.
    fn execute(&mut self, statement: &Statement) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// Statements one after the other.
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

/// A plan without the texts in quotation marks: PostgreSQL shows the values that a client has sent.
fn without_texts(plan: &str) -> String {
    // A quotation mark within a text is doubled: it ends one text and begins another.
    let parts = plan.split('\'').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "'…'" }).collect()
}

/// Tells who watches what was run, and how many rows that read or changed.
fn tell(sql: &str, rows: usize) {
    tracing::debug!(target: "platform::sql", sql, rows);
}

/// A row that a query has found.
#[derive(Debug)]
pub struct Row(Vec<Cell>);

/// A value in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Null,
    Text(String),
    /// A whole number, or a truth as 0 or 1.
    Integer(i64),
}

impl Row {
    /// The text in a column, which is taken out of the row.
    ///
    /// # Errors
    ///
    /// When there is none: the tables are not as they were made.
    pub fn text(&mut self, column: usize) -> Result<String, StoreError> {
        self.optional_text(column)?.ok_or_else(|| unexpected(column))
    }

    /// The text in a column, which is taken out of the row; `None` for null.
    ///
    /// # Errors
    ///
    /// When it is a number: the tables are not as they were made.
    pub fn optional_text(&mut self, column: usize) -> Result<Option<String>, StoreError> {
        match self.0.get_mut(column).map(|cell| std::mem::replace(cell, Cell::Null)) {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            _ => Err(unexpected(column)),
        }
    }

    /// The number in a column.
    ///
    /// # Errors
    ///
    /// When there is none: the tables are not as they were made.
    pub fn integer(&self, column: usize) -> Result<i64, StoreError> {
        self.optional_integer(column)?.ok_or_else(|| unexpected(column))
    }

    /// The number in a column; `None` for null.
    ///
    /// # Errors
    ///
    /// When it is text: the tables are not as they were made.
    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Cell::Integer(number)) => Ok(Some(*number)),
            Some(Cell::Null) => Ok(None),
            _ => Err(unexpected(column)),
        }
    }
}

fn unexpected(column: usize) -> StoreError {
    StoreError::backend(format!("column {column} of a row has another type than was expected"))
}
