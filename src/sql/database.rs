//! The connection of a [`TableStore`](super::TableStore) or a [`DocumentStore`](super::DocumentStore) to a host's
//! database: one small trait that the host implements for its driver.
//!
//! The library sends only [`Statement`]s, and receives [`Row`]s whose cells are text, whole numbers and booleans. Every
//! expression that the library selects has one of these three types, so an adapter converts nothing else.

mod error;
mod row;

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

pub use self::{
    error::DatabaseError,
    row::{Cell, Row, Rows},
};
use super::statement::{Dialect, Statement};
use crate::{
    filter::Comparison,
    schema::AttributeId,
    store::{CommitError, Scan, StoreError, TenantId},
};

/// A host's database, which runs units of work in transactions. The examples `adapters` in the repository implement
/// the trait for `rusqlite`, `tokio-postgres` and `sqlx`.
///
/// [`Database::read`] and [`Database::write`] begin a transaction, [run the work](Work::run) with a [`Session`] of this
/// transaction, and end the transaction:
///
/// - `read` uses a transaction that only reads. Its statements see one state of the database: `BEGIN` in SQLite,
///   `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY` in PostgreSQL.
/// - `write` commits if the work succeeds, and otherwise rolls back. In SQLite it begins with `BEGIN IMMEDIATE`.
/// - If the future is dropped, the transaction rolls back before the connection serves other work.
pub trait Database: Send + Sync + 'static {
    /// The SQL dialect of the database.
    fn dialect(&self) -> Dialect;

    /// Runs work that only reads.
    ///
    /// # Errors
    ///
    /// Those of the work, and [`StoreError::Unavailable`] when there is no connection.
    fn read<W: Work>(&self, work: W) -> impl Future<Output = Result<W::Output, CommitError>> + Send;

    /// Runs work that writes.
    ///
    /// # Errors
    ///
    /// Those of the work, [`StoreError::Unavailable`] when there is no connection, and the
    /// [conversion](DatabaseError::into_commit_error) of the error of `COMMIT`.
    fn write<W: Work>(&self, work: W) -> impl Future<Output = Result<W::Output, CommitError>> + Send;
}

/// A unit of work in one transaction. It owns all its data, so that an adapter for a blocking driver can move it to
/// another thread, and its method [`run`](Work::run) can be called again after a lost race.
///
/// The other methods describe the work. An adapter may ignore them.
pub trait Work: Send + Sync + 'static {
    /// The result of the work.
    type Output: Send + 'static;

    /// The tenant on whose behalf the work runs; `None` for work of the host itself. An adapter can give each tenant its
    /// share of the connections.
    fn tenant(&self) -> Option<&TenantId> {
        None
    }

    /// The class of work that only reads. An adapter can run searches on connections of their own, so that look-ups do not
    /// wait for searches.
    fn reads(&self) -> Reads {
        Reads::LookUps
    }

    /// The author of the texts of the statements. An adapter can keep the statements of the program prepared.
    fn shape(&self) -> Shape {
        Shape::Own
    }

    /// Whether the work runs at most one statement. An adapter can run work that only reads without a transaction.
    fn is_single(&self) -> bool {
        false
    }

    /// Whether the work may take minutes: when a program starts, it may rewrite whole tables. An adapter can lift the
    /// deadlines of its statements.
    fn is_long(&self) -> bool {
        false
    }

    /// Does the work. After an error the transaction must be rolled back.
    fn run<S: Session>(&self, session: &mut S) -> impl Future<Output = Result<Self::Output, CommitError>> + Send;
}

/// The class of work that only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the cost of a query depends on the rows that it names, or on all rows")]
pub enum Reads {
    /// Queries that an index answers: their cost depends on the rows that they name.
    LookUps,
    /// Queries that may examine every resource of a type.
    Searches,
}

impl Reads {
    /// The class of a scan: a scan by `eq` for an id or for a unique value is a look-up, any other scan is a search.
    pub fn of(scan: &Scan<'_>) -> Self {
        let is_unique = |attribute| scan.resource_type.is_unique(attribute);
        if equality(scan).is_some_and(is_unique) { Self::LookUps } else { Self::Searches }
    }
}

/// The author of a statement's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a text has a bounded or an unbounded number of forms")]
pub enum Shape {
    /// The program: the number of texts is small.
    Own,
    /// The client, by its filter: the number of texts is unlimited, and a text can take megabytes.
    Client,
}

impl Shape {
    /// The author of the text of a scan. Every client sends the lists without a filter and the scans by one `eq`. They
    /// have few texts, as long as they name no order.
    pub fn of(scan: &Scan<'_>) -> Self {
        let is_own = scan.sort.is_none() && (scan.filter.is_empty() || equality(scan).is_some());
        if is_own { Self::Own } else { Self::Client }
    }
}

/// The attribute that the only condition of a scan compares by `eq`.
fn equality(scan: &Scan<'_>) -> Option<AttributeId> {
    let [condition] = scan.filter else { return None };
    condition.equality().map(Comparison::attribute)
}

/// A connection inside a transaction.
pub trait Session: Send {
    /// The SQL dialect of the database.
    fn dialect(&self) -> Dialect;

    /// Adds the rows of a query to `rows`, in their order, until [`Rows::add`] returns `false`, and reads no further.
    ///
    /// # Errors
    ///
    /// When the database cannot run the query, and the errors of [`Rows::add`].
    fn query(&mut self, query: &Statement, rows: Rows) -> impl Future<Output = Result<Rows, DatabaseError>> + Send;

    /// Returns all rows of a query.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::TooMany`] when the rows take more than [`Rows::default`] keeps, and the errors of
    /// [`query`](Session::query).
    fn rows(&mut self, query: &Statement) -> impl Future<Output = Result<Vec<Row>, DatabaseError>> + Send {
        async {
            let found = self.query(query, Rows::default()).await?;
            if found.is_cut() { Err(DatabaseError::TooMany) } else { Ok(found.into_rows()) }
        }
    }

    /// Executes a statement. Returns the number of rows that the statement changed.
    ///
    /// # Errors
    ///
    /// When the database cannot execute the statement.
    fn execute(&mut self, statement: &Statement) -> impl Future<Output = Result<u64, DatabaseError>> + Send;
}

/// Runs a unit of work with the session of a blocking driver, whose futures are ready at once. For adapters that run
/// work on a thread of its own.
///
/// # Errors
///
/// Those of the work; [`StoreError::Backend`] when a future of the session waits.
///
/// ```
/// use scim_core::{
///     sql::{Dialect, Statement, database::{DatabaseError, Rows, Session, Work, run_blocking}}, store::CommitError,
/// };
///
/// /// Stands for a connection of a blocking driver.
/// struct Connection;
///
/// impl Session for Connection {
///     fn dialect(&self) -> Dialect {
///         Dialect::Sqlite
///     }
///     async fn query(&mut self, _: &Statement, rows: Rows) -> Result<Rows, DatabaseError> {
///         Ok(rows)
///     }
///     async fn execute(&mut self, _: &Statement) -> Result<u64, DatabaseError> {
///         Ok(1)
///     }
/// }
///
/// struct Nothing;
///
/// impl Work for Nothing {
///     type Output = u64;
///     async fn run<S: Session>(&self, _: &mut S) -> Result<u64, CommitError> {
///         Ok(7)
///     }
/// }
///
/// assert_eq!(run_blocking(&Nothing, &mut Connection)?, 7);
/// # Ok::<(), CommitError>(())
/// ```
pub fn run_blocking<W: Work, S: Session>(work: &W, session: &mut S) -> Result<W::Output, CommitError> {
    match pin!(work.run(session)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => Err(StoreError::backend("a session of a blocking driver has to answer at once").into()),
    }
}
