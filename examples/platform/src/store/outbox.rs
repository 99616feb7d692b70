//! The outbox: events as rows that are committed with the changes that they describe, for a worker that forwards
//! them.

use scim_core::{
    event::Event,
    sql::{Dialect, Statement},
    store::{StoreError, TenantId},
};

use crate::database::Database;

/// The row of an event.
pub(super) fn insert(dialect: Dialect, event: &Event) -> Statement {
    let mut insert = Statement::new(dialect);
    insert.push("INSERT INTO event (tenant, id, time, body, request) VALUES (").bind(event.tenant().as_str());
    insert.push(", ");
    insert.bind(event.id()).push(", ").bind(event.time().timestamp_millis()).push(", ");
    // The event is JSON, which is always UTF-8 text.
    insert.bind(String::from_utf8(event.to_json()).unwrap_or_default()).push(", ");
    match event.request_id() {
        Some(request) => insert.bind(request),
        None => insert.push("NULL"),
    };
    insert.push(")");
    insert
}

/// An event in the outbox.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// The position of the row. Positions grow, with gaps. In PostgreSQL a row that is committed late may appear
    /// before rows that were already read, so a worker takes rows and deletes them instead of remembering a
    /// position.
    pub position: i64,
    /// The event as JSON, which [`Event::from_json`] reads.
    pub body: String,
}

/// Returns the events of a tenant after a position, the oldest first.
///
/// # Errors
///
/// When the database cannot answer.
pub async fn outbox(
    database: &Database,
    tenant: &TenantId,
    after: i64,
    limit: u32,
) -> Result<Vec<OutboxRow>, StoreError> {
    let mut query = Statement::new(database.dialect());
    query.push("SELECT position, body FROM event WHERE tenant = ").bind(tenant.as_str());
    query.push(" AND position > ").bind(after).push(" ORDER BY position LIMIT ").bind(i64::from(limit));
    let found = database.look_up(vec![query]).await?;
    let row = |mut row: crate::database::Row| {
        Ok(OutboxRow { position: row.required_integer(0)?, body: row.required_text(1)? })
    };
    found.into_iter().flatten().map(row).collect()
}
