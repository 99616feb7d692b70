//! Exports all requests that a filter selects to a file, some at a time, so that the memory use is bounded.

use std::collections::VecDeque;

use scim_core::store::StoreError;

use super::{
    Filter, Line, Log,
    filter::Chosen,
    read::{COLUMNS, line, push_requests},
};
use crate::database::Rows;

/// The number of requests that a query examines.
const EXAMINED: i64 = 500;

/// The maximum number of requests whose events are read together.
const TOGETHER: usize = 50;

/// The maximum number of events that a query reads.
const EVENTS: i64 = 2_000;

/// The maximum number of bytes of events that a query reads.
const BYTES: usize = 4 << 20;

/// An export in progress.
#[derive(Debug)]
pub struct Export {
    log: Log,
    tenant: String,
    chosen: Chosen,
    /// Whether the file contains the changes of each request.
    changes: bool,
    /// The position before which the next query begins.
    before: Option<i64>,
    /// Whether no further query is needed.
    is_read: bool,
    /// Requests that were read, but have no events yet.
    waiting: VecDeque<Line>,
}

/// An event of a request.
struct EventRow {
    position: i64,
    request: String,
    body: String,
}

impl Log {
    /// Exports all requests that a filter selects; `changes` says whether with the events of their changes.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn export(&self, tenant: &str, filter: &Filter, changes: bool) -> Result<Export, StoreError> {
        let chosen = self.choose(tenant, filter).await?;
        let (log, tenant, before) = (self.clone(), tenant.to_owned(), filter.before);
        Ok(Export { log, tenant, chosen, changes, before, is_read: false, waiting: VecDeque::new() })
    }
}

impl Export {
    /// The next requests, the newest first. An empty list marks the end.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn next(&mut self) -> Result<Vec<Line>, StoreError> {
        while self.waiting.is_empty() && !self.is_read {
            self.read().await?;
        }
        if !self.changes {
            return Ok(self.waiting.drain(..).collect());
        }
        let mut count = self.waiting.len().min(TOGETHER);
        let (mut events, mut is_whole) = self.events(count, 0).await?;
        while !is_whole && count > 1 {
            count /= 2;
            (events, is_whole) = self.events(count, 0).await?;
        }
        // A single request has more events than a query reads.
        while !is_whole {
            let after = events.last().map_or(0, |event| event.position);
            let (more, is_last) = self.events(count, after).await?;
            events.extend(more);
            is_whole = is_last;
        }
        let mut lines: Vec<Line> = self.waiting.drain(..count).collect();
        for event in events {
            if let Some(line) = lines.iter_mut().find(|line| line.id == event.request) {
                line.events.push(event.body);
            }
        }
        Ok(lines)
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let mut query = self.log.statement("SELECT ");
        query.push(COLUMNS).push(", CASE WHEN 1 = 1");
        self.chosen.push_rest(&mut query);
        query.push(" THEN 1 ELSE 0 END FROM ");
        self.chosen.push_newest(&mut query, &self.tenant, self.before, EXAMINED);
        query.push(" ORDER BY position DESC LIMIT ").bind(EXAMINED);
        let rows = self.log.rows(query).await?;
        self.is_read = i64::try_from(rows.len()).is_ok_and(|count| count < EXAMINED);
        for row in rows {
            self.before = Some(row.required_integer(0)?);
            // The column after those of a line.
            if row.required_integer(15)? == 1 {
                self.waiting.push_back(line(row)?);
            }
        }
        Ok(())
    }

    /// The events of the first `count` waiting requests after a position, and whether these are all.
    async fn events(&self, count: usize, after: i64) -> Result<(Vec<EventRow>, bool), StoreError> {
        if count == 0 {
            return Ok((Vec::new(), true));
        }
        let mut query = self.log.statement("SELECT position, request, body FROM event");
        push_requests(&mut query, &self.tenant, self.waiting.iter().take(count).map(|line| &*line.id));
        // This order makes the database use the index by request, and not the index by position, which has all
        // events.
        query.push(" AND position > ").bind(after).push(" ORDER BY request, position LIMIT ").bind(EVENTS);
        let found = self.log.database.first_rows(query, Rows::within(BYTES)).await?;
        let is_cut = found.is_cut();
        let events = found.into_rows().into_iter().map(|mut row| {
            Ok(EventRow {
                position: row.required_integer(0)?,
                request: row.required_text(1)?,
                body: row.required_text(2)?,
            })
        });
        let events = events.collect::<Result<Vec<_>, StoreError>>()?;
        let is_whole = !is_cut && i64::try_from(events.len()).is_ok_and(|count| count < EVENTS);
        Ok((events, is_whole))
    }
}
