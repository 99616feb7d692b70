//! The host's own rules and writes in the transaction of a commit.

use std::fmt;

use super::super::statement::{Dialect, Statement};
use crate::{
    event::Event,
    store::{Change, RequestContext},
};

/// The host's own checks and writes, in the transaction of each commit of a [`TableStore`](super::TableStore).
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
pub trait Hooks: fmt::Debug + Send + Sync + 'static {
    /// Queries that refuse a change: if one of them returns a row, the commit fails with
    /// [`StoreError::Denied`](crate::store::StoreError::Denied), 403, and nothing has changed. They run before the
    /// change, and see the changes before it in the batch.
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
}

/// No hooks.
#[derive(Debug)]
pub(super) struct NoHooks;

impl Hooks for NoHooks {}
