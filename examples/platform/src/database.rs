//! The databases that hold the platform's data: SQLite and PostgreSQL behind a common interface.
//!
//! This module runs statements, singly or as a transaction. It knows neither resources nor organizations: its
//! callers pass their writes as [`Work`], which is written only once for both databases.

mod keep;
mod lane;
mod migration;
mod postgres;
mod settings;
mod sqlite;

use std::path::Path;

use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError, TenantId},
};

pub use self::keep::{Found, Keep};
pub(crate) use self::migration::alone;
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
    pub async fn read(&self, queries: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        let (last, keep) = (None, Keep::default());
        let reading = Reading { queries, last, lane: Reads::LookUps, owner: None, shape: Shape::Own, keep };
        let found = self.run(reading).await?;
        if found.is_cut { Err(StoreError::TooMany) } else { Ok(found.rows) }
    }

    /// Runs queries that see one state of the database, in their lane. Returns the rows of each query that
    /// [`Reading::keep`] retains. When the future is dropped, the database stops working on the queries.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`] when a search takes longer than [`Deadlines::search`]; [`StoreError::Unavailable`] when
    /// the database does not answer, or all turns of the lane are taken for longer than [`Deadlines::wait`].
    pub async fn run(&self, reading: Reading) -> Result<Found, StoreError> {
        if tracing::enabled!(target: "platform::plan", tracing::Level::TRACE) {
            self.tell_plans(&reading).await?;
        }
        self.send(reading).await
    }

    async fn send(&self, reading: Reading) -> Result<Found, StoreError> {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.read(reading).await,
            Kind::Postgres(postgres) => postgres.read(reading).await,
        }
    }

    async fn tell_plans(&self, reading: &Reading) -> Result<(), StoreError> {
        let mut queries = reading.queries.clone();
        if let Some(choice) = &reading.last {
            let found = self.send(Reading { last: None, ..reading.clone() }).await?;
            queries.push(choice.after(&found.rows).clone());
        }
        let explained = queries.iter().map(Statement::explained).collect();
        let (last, keep) = (None, Keep::default());
        let explaining = Reading { queries: explained, last, shape: Shape::Client, keep, ..reading.clone() };
        let plans = self.send(explaining).await?.rows;
        let column = if self.dialect() == Dialect::Sqlite { 3 } else { 0 };
        for (query, rows) in queries.iter().zip(plans) {
            let lines = rows.into_iter().map(|mut row| row.text(column)).collect::<Result<Vec<_>, _>>()?;
            let plan = without_texts(&lines.join("\n"));
            tracing::trace!(target: "platform::plan", sql = query.text(), plan);
        }
        Ok(())
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
        self.read(vec![migration::every_table(self.dialect())]).await.map(drop)
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

/// Binds the text, or writes NULL if it is `None`.
pub(crate) fn optional<'a>(statement: &'a mut Statement, text: Option<&str>) -> &'a mut Statement {
    match text {
        Some(text) => statement.bind(text),
        None => statement.push("NULL"),
    }
}

/// Queries that see one state of the database.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The queries, in order.
    pub queries: Vec<Statement>,
    /// A query that follows them; the result of the last of `queries` chooses it.
    pub last: Option<Choice>,
    /// The connections that run them.
    pub lane: Reads,
    /// The organization on whose behalf the queries run. It gets only its share of the lane, so that others get
    /// their turns.
    pub owner: Option<TenantId>,
    /// Whether the statements stay prepared.
    pub shape: Shape,
    /// How many of the rows are kept.
    pub keep: Keep,
}

/// Two queries for the same page, of which only one runs. The query before them has counted the resources that a
/// filter selects, and the resources to select from: the databases estimate these numbers badly.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Finds all resources that the filter selects, and sorts them.
    pub find: Statement,
    /// Reads in the order of the list until the page is complete.
    pub walk: Statement,
    /// The number of selected resources that the page takes, including the skipped ones.
    pub take: u64,
}

impl Choice {
    /// The query that reads fewer resources, given the row with the two counts.
    fn after(&self, found: &[Vec<Row>]) -> &Statement {
        let row = found.last().and_then(|rows| rows.first());
        let number = |column| row.and_then(|row| row.integer(column).ok()).map_or(0, i128::from);
        let (selected, all) = (number(0), number(1));
        // A walk reads `take * all / selected` resources if the selected ones are evenly distributed.
        if selected * selected > i128::from(self.take) * all { &self.walk } else { &self.find }
    }
}

/// The two lanes of queries. Each has connections of its own, so that searches do not delay look-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Queries that an index answers: their cost depends on the rows that they name.
    LookUps,
    /// Queries that may examine every resource of a type.
    Searches,
}

/// The author of a statement's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The program. It has few statements, so connections keep them prepared.
    Own,
    /// The client, by its filter. The number of texts is unlimited, and a text can take megabytes, so no text is
    /// kept prepared.
    Client,
}

/// A unit of work that runs in one transaction.
pub trait Work: Send + Sync + 'static {
    /// The result of the work.
    type Output: Send + 'static;

    /// The organization on whose behalf the work runs. It gets only its share of the turns to write.
    fn owner(&self) -> Option<&TenantId> {
        None
    }

    /// Whether the work has no deadline: when the program starts, it may rewrite whole tables.
    fn is_unbounded(&self) -> bool {
        false
    }

    /// Does the work. After an error nothing has changed.
    fn run<S: Session>(&self, session: &mut S) -> impl Future<Output = Result<Self::Output, CommitError>> + Send;
}

/// A connection inside a transaction.
pub trait Session: Send {
    /// The SQL dialect of the connection.
    fn dialect(&self) -> Dialect;

    /// Returns the rows that a query finds; [`StoreError::TooMany`] when they take more than [`Keep::default`].
    fn query(&mut self, query: &Statement) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// Executes a statement. Returns the number of rows that it changed.
    fn execute(&mut self, statement: &Statement) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Adds to the cost of the transaction. A session that counts no cost ignores the call.
    fn spend(&mut self, _units: u64) {}
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

/// Emits the event of a statement, with the number of rows that it read or changed.
fn tell(sql: &str, rows: usize) {
    tracing::debug!(target: "platform::sql", sql, rows);
}

/// A row of a query's result.
#[derive(Debug)]
pub struct Row(Vec<Cell>);

/// A value in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Null,
    Text(String),
    /// An integer, or a Boolean as 0 or 1.
    Integer(i64),
}

impl Row {
    /// The approximate size of the row in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.0.len() * size_of::<Cell>() + self.text_from(0)
    }

    /// The bytes of the texts in this column and in the columns after it.
    pub(crate) fn text_from(&self, column: usize) -> usize {
        let cells = self.0.iter().skip(column);
        cells.map(|cell| if let Cell::Text(text) = cell { text.len() } else { 0 }).sum()
    }

    /// Puts a text, or NULL, into a column.
    ///
    /// # Errors
    ///
    /// When the row has no such column.
    pub fn set(&mut self, column: usize, text: Option<String>) -> Result<(), StoreError> {
        *self.0.get_mut(column).ok_or_else(|| unexpected(column))? = text.map_or(Cell::Null, Cell::Text);
        Ok(())
    }

    /// Takes the text in a column out of the row.
    ///
    /// # Errors
    ///
    /// When the column holds no text: the tables are not as the program made them.
    pub fn text(&mut self, column: usize) -> Result<String, StoreError> {
        self.optional_text(column)?.ok_or_else(|| unexpected(column))
    }

    /// Takes the text in a column out of the row; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the column holds a number: the tables are not as the program made them.
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
    /// When the column holds no number: the tables are not as the program made them.
    pub fn integer(&self, column: usize) -> Result<i64, StoreError> {
        self.optional_integer(column)?.ok_or_else(|| unexpected(column))
    }

    /// The number in a column; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the column holds text: the tables are not as the program made them.
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
