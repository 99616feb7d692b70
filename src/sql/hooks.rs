//! The host's own rules and writes in the transaction of a commit.

use std::{fmt, future::Future};

use super::{
    database::Session,
    statement::{Dialect, Statement},
};
use crate::{
    event::Event,
    store::{Change, ChangeOutcome, RequestContext, StoreError},
};

/// The host's own checks and writes, in the transaction of each commit of a [`TableStore`](super::TableStore) or a
/// [`DocumentStore`](super::DocumentStore).
///
/// The store runs a whole batch again after a lost race. So the hooks write by the session only; [`committed`](Hooks::committed)
/// runs once.
///
/// A host whose rules are plain statements implements [`refusals`](Hooks::refusals) and [`writes`](Hooks::writes):
///
/// ```
/// use scim_core::{
///     event::Event, sql::{Dialect, Hooks, Statement}, store::{Change, RequestContext},
/// };
///
/// /// Keeps the last owner, ends sessions, and fills the outbox.
/// #[derive(Debug)]
/// struct Platform;
///
/// impl Hooks for Platform {
///     fn refusals(&self, context: &RequestContext, change: &Change, dialect: Dialect) -> Vec<Statement> {
///         let Change::Delete(deletion) = change else { return Vec::new() };
///         let mut query = Statement::new(dialect);
///         query.push("SELECT 1 FROM membership WHERE role = 'owner' AND organization = ").bind(context.tenant().as_str());
///         query.push(" AND id = ").bind(&*deletion.id);
///         vec![query]
///     }
///
///     fn writes(&self, context: &RequestContext, event: &Event, dialect: Dialect) -> Vec<Statement> {
///         let mut outbox = Statement::new(dialect);
///         outbox.push("INSERT INTO outbox (organization, event) VALUES (").bind(context.tenant().as_str());
///         outbox.push(", ").bind(&*String::from_utf8_lossy(&event.to_json())).push(")");
///         let mut sessions = Statement::new(dialect);
///         sessions.push("DELETE FROM session WHERE account = ").bind(event.resource_id());
///         if event.ends_access() { vec![outbox, sessions] } else { vec![outbox] }
///     }
/// }
/// ```
///
/// A host whose writes depend on rows that it first reads implements [`before`](Hooks::before) and
/// [`after`](Hooks::after) with the session of the transaction:
///
/// ```
/// use scim_core::{
///     event::Event, sql::{Hooks, Statement, database::Session}, store::{Change, ChangeOutcome, RequestContext, StoreError},
/// };
///
/// /// Gives the seat of a person who loses access to the first person who waits.
/// #[derive(Debug)]
/// struct Seats;
///
/// impl Hooks for Seats {
///     async fn after<S: Session>(
///         &self,
///         session: &mut S,
///         context: &RequestContext,
///         _: &Change,
///         _: &ChangeOutcome,
///         event: &Event,
///     ) -> Result<(), StoreError> {
///         if !event.ends_access() {
///             return Ok(());
///         }
///         let mut first = Statement::new(session.dialect());
///         first.push("SELECT account FROM waiting WHERE organization = ").bind(context.tenant().as_str());
///         first.push(" ORDER BY since LIMIT 1");
///         let Some(mut row) = session.rows(&first).await?.pop() else { return Ok(()) };
///         let mut seat = Statement::new(session.dialect());
///         seat.push("UPDATE seat SET account = ").bind(row.required_text(0)?);
///         seat.push(" WHERE account = ").bind(event.resource_id());
///         session.execute(&seat).await?;
///         Ok(())
///     }
/// }
/// ```
pub trait Hooks: fmt::Debug + Send + Sync + 'static {
    /// Queries that refuse a change: if one of them returns a row, the commit fails with [`StoreError::Denied`], 403,
    /// and nothing has changed. They run before the change, and see the changes before it in the batch.
    fn refusals(&self, context: &RequestContext, change: &Change, dialect: Dialect) -> Vec<Statement> {
        let _ = (context, change, dialect);
        Vec::new()
    }

    /// Statements that follow a change that had an effect, for example into an outbox. They commit with the change, or
    /// not at all.
    fn writes(&self, context: &RequestContext, event: &Event, dialect: Dialect) -> Vec<Statement> {
        let _ = (context, event, dialect);
        Vec::new()
    }

    /// Runs before each change, in its transaction. The default runs the queries of [`refusals`](Hooks::refusals).
    ///
    /// # Errors
    ///
    /// An error refuses the change, and nothing has changed. [`StoreError::Denied`] gives the client 403.
    fn before<S: Session>(
        &self,
        session: &mut S,
        context: &RequestContext,
        change: &Change,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move {
            for query in self.refusals(context, change, session.dialect()) {
                if !session.rows(&query).await?.is_empty() {
                    return Err(StoreError::Denied);
                }
            }
            Ok(())
        }
    }

    /// Runs after each change that had an effect, in its transaction. `done` is the outcome of the change, and `event`
    /// describes its effect. The default executes the statements of [`writes`](Hooks::writes).
    ///
    /// # Errors
    ///
    /// An error refuses the change, and nothing has changed.
    fn after<S: Session>(
        &self,
        session: &mut S,
        context: &RequestContext,
        change: &Change,
        done: &ChangeOutcome,
        event: &Event,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = (change, done);
        async move {
            for statement in self.writes(context, event, session.dialect()) {
                session.execute(&statement).await?;
            }
            Ok(())
        }
    }

    /// Is called after each commit, before the client gets its answer: for counters, not for writes. The database has
    /// the changes.
    fn committed(&self, context: &RequestContext, batch: &[Change]) {
        let _ = (context, batch);
    }
}

/// No hooks.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a host names it as the value of a type without hooks")]
pub struct NoHooks;

impl Hooks for NoHooks {}
