//! The connection of a [`TableStore`](super::TableStore) to a host's database: one small trait that the host implements
//! for its driver.
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
use crate::store::{CommitError, StoreError};

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
pub trait Work: Send + Sync + 'static {
    /// The result of the work.
    type Output: Send + 'static;

    /// Does the work. After an error the transaction must be rolled back.
    fn run<S: Session>(&self, session: &mut S) -> impl Future<Output = Result<Self::Output, CommitError>> + Send;
}

/// A connection inside a transaction.
pub trait Session: Send {
    /// Returns the rows of a query in their order. `bytes` is the maximum [size](Rows::size) of the rows: the session
    /// adds rows to [`Rows::within`] until a row does not fit, and reads no further.
    ///
    /// # Errors
    ///
    /// When the database cannot run the query.
    fn query(&mut self, query: &Statement, bytes: usize) -> impl Future<Output = Result<Rows, DatabaseError>> + Send;

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
///     sql::{Statement, database::{DatabaseError, Rows, Session, Work, run_blocking}}, store::CommitError,
/// };
///
/// /// Stands for a connection of a blocking driver.
/// struct Connection;
///
/// impl Session for Connection {
///     async fn query(&mut self, _: &Statement, bytes: usize) -> Result<Rows, DatabaseError> {
///         Ok(Rows::within(bytes))
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
