//! Reads the log: a page of requests, one request with its changes, and the sums of hours and cycles.

use chrono::{DateTime, Utc};
use scim_core::{sql::Statement, store::StoreError};

use super::{Filter, HOUR, Outcome, filter::Chosen, hour_of};
use crate::database::{Database, Row};

/// The columns of a [`Line`].
pub(super) const COLUMNS: &str = "position, id, time, caller, address, operation, kind, resource, name, outcome, status, scim_type, \
                       detail, quirks, duration";

/// The maximum number of rows that a page examines. A filter that few requests satisfy finds its matches among the
/// newest rows.
pub(super) const EXAMINED: i64 = 5_000;

/// The maximum number of events that a page shows for its requests.
const EVENTS: i64 = 2_000;

/// A request in the log.
#[derive(Clone, Debug)]
pub struct Line {
    /// The position in the log.
    pub position: i64,
    /// The name of the request.
    pub id: String,
    /// The time of the answer.
    pub time: DateTime<Utc>,
    /// The name of the key.
    pub caller: Option<String>,
    /// The address of the client.
    pub address: Option<String>,
    /// The method and the path.
    pub operation: String,
    /// The resource type.
    pub kind: Option<String>,
    /// The id of the resource.
    pub resource: Option<String>,
    /// The name of the resource at that time.
    pub name: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// The HTTP status.
    pub status: i64,
    /// The SCIM keyword of an error.
    pub scim_type: Option<String>,
    /// The sentence of an error.
    pub detail: Option<String>,
    /// The names of the quirks that the core tolerated, separated by commas.
    pub quirks: Option<String>,
    /// The time until the answer, in microseconds.
    pub duration: i64,
    /// The events of the changes, as JSON.
    pub events: Vec<String>,
    /// The request body, masked, if it was recorded.
    pub body: Option<String>,
}

/// A page of the log, the newest first.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The requests.
    pub lines: Vec<Line>,
    /// The position before which the next page begins, if there may be one.
    pub next: Option<i64>,
    /// Whether the page ends here because it has examined 5,000 requests.
    pub is_exhausted: bool,
    /// Whether older changes of these requests are left out.
    pub is_cut: bool,
}

/// The requests of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// The beginning of the hour, in milliseconds since 1970.
    pub start: i64,
    /// All requests.
    pub requests: i64,
    /// The requests that were refused.
    pub refused: i64,
    /// The requests that failed.
    pub failed: i64,
}

/// A run of requests without a pause of more than 5 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The first request, in milliseconds since 1970.
    pub started: i64,
    /// The last request so far.
    pub ended: i64,
    /// All requests.
    pub requests: i64,
    /// The requests that were refused or failed.
    pub failures: i64,
}

/// The hours and cycles of a time span.
#[derive(Clone, Debug)]
pub struct Span {
    /// The hours, the oldest first, including those without requests.
    pub hours: Vec<Hour>,
    /// The cycles, the oldest first.
    pub cycles: Vec<Cycle>,
}

/// The log of all organizations.
#[derive(Clone, Debug)]
pub struct Log {
    pub(super) database: Database,
}

impl Log {
    /// The log in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// A page of at most `count` requests, with the events of their changes.
    ///
    /// The page examines the newest 5,000 requests that the first condition of the filter finds by an index, and
    /// shows at most 2,000 changes; the fields of [`Listed`] say whether the page ended for one of these reasons.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn list(&self, tenant: &str, filter: &Filter, count: usize) -> Result<Listed, StoreError> {
        let chosen = self.choose(tenant, filter).await?;
        let mut query = self.statement("SELECT ");
        query.push(COLUMNS).push(" FROM ");
        chosen.push_newest(&mut query, tenant, filter.before, EXAMINED);
        query.push(" WHERE 1 = 1");
        chosen.push_rest(&mut query);
        let limit = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
        query.push(" ORDER BY position DESC LIMIT ").bind(limit);
        let rows = self.rows(query).await?;
        let mut lines = rows.into_iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let more = lines.len() > count;
        lines.truncate(count);
        let mut next = lines.last().map(|line| line.position).filter(|_| more);
        let last = if more { None } else { self.last_examined(tenant, filter, &chosen).await? };
        if let Some(last) = last {
            lines.retain(|line| line.position >= last);
            next = Some(last);
        }
        let mut is_cut = false;
        if !lines.is_empty() {
            is_cut = self.add_events(tenant, &mut lines).await?;
            self.add_bodies(tenant, &mut lines).await?;
        }
        Ok(Listed { lines, next, is_exhausted: last.is_some(), is_cut })
    }

    /// The position of the oldest request that a page examines, if the page reaches its limit of examined
    /// requests.
    async fn last_examined(&self, tenant: &str, filter: &Filter, chosen: &Chosen) -> Result<Option<i64>, StoreError> {
        let mut query = self.statement("SELECT position FROM ");
        chosen.push_newest(&mut query, tenant, filter.before, EXAMINED);
        query.push(" ORDER BY position DESC LIMIT 1 OFFSET ").bind(EXAMINED - 1);
        self.rows(query).await?.pop().map(|row| row.required_integer(0)).transpose()
    }

    /// Adds the newest events of these requests to the lines. Returns whether older events are left out.
    async fn add_events(&self, tenant: &str, lines: &mut [Line]) -> Result<bool, StoreError> {
        let mut query = self.statement("SELECT request, body FROM event");
        push_requests(&mut query, tenant, lines.iter().map(|line| &*line.id));
        query.push(" ORDER BY position DESC LIMIT ").bind(EVENTS + 1);
        let mut rows = self.rows(query).await?;
        let most = usize::try_from(EVENTS).unwrap_or(usize::MAX);
        let is_cut = rows.len() > most;
        rows.truncate(most);
        for mut row in rows {
            let request = row.required_text(0)?;
            if let Some(line) = lines.iter_mut().find(|line| line.id == request) {
                line.events.push(row.required_text(1)?);
            }
        }
        // The query returns the newest events first, so that the limit leaves out the oldest.
        for line in lines {
            line.events.reverse();
        }
        Ok(is_cut)
    }

    /// Adds the recorded bodies of these requests to the lines.
    async fn add_bodies(&self, tenant: &str, lines: &mut [Line]) -> Result<(), StoreError> {
        let mut query = self.statement("SELECT request, body FROM recorded_body");
        push_requests(&mut query, tenant, lines.iter().map(|line| &*line.id));
        for mut row in self.rows(query).await? {
            let request = row.required_text(0)?;
            if let Some(line) = lines.iter_mut().find(|line| line.id == request) {
                line.body = row.text(1)?;
            }
        }
        Ok(())
    }

    /// The hours and cycles up to now.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn span(&self, tenant: &str, now: DateTime<Utc>, hours: u16) -> Result<Span, StoreError> {
        let last = hour_of(now.timestamp_millis());
        let first = last - HOUR * (i64::from(hours) - 1);
        let mut query = self.statement("SELECT hour, requests, refused, failed FROM request_hour WHERE tenant = ");
        query.bind(tenant).push(" AND hour >= ").bind(first);
        let mut all: Vec<Hour> =
            (0..i64::from(hours)).map(|hour| Hour { start: first + hour * HOUR, ..Hour::default() }).collect();
        for row in self.rows(query).await? {
            let start = row.required_integer(0)?;
            if let Some(hour) = all.iter_mut().find(|hour| hour.start == start) {
                *hour = Hour {
                    start,
                    requests: row.required_integer(1)?,
                    refused: row.required_integer(2)?,
                    failed: row.required_integer(3)?,
                };
            }
        }
        let mut query = self.statement("SELECT started, ended, requests, failures FROM request_cycle WHERE tenant = ");
        query.bind(tenant).push(" AND started >= ").bind(first).push(" ORDER BY started LIMIT 1000");
        let cycle = |row: Row| {
            let (started, ended) = (row.required_integer(0)?, row.required_integer(1)?);
            Ok(Cycle { started, ended, requests: row.required_integer(2)?, failures: row.required_integer(3)? })
        };
        let cycles = self.rows(query).await?.into_iter().map(cycle).collect::<Result<_, StoreError>>()?;
        Ok(Span { hours: all, cycles })
    }

    pub(super) fn statement(&self, sql: &str) -> Statement {
        let mut statement = Statement::new(self.database.dialect());
        statement.push(sql);
        statement
    }

    pub(super) async fn rows(&self, query: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(self.database.look_up(vec![query]).await?.into_iter().flatten().collect())
    }
}

/// Ends a statement with the condition that selects the rows of these requests.
pub(super) fn push_requests<'a>(query: &mut Statement, tenant: &str, ids: impl Iterator<Item = &'a str>) {
    query.push(" WHERE tenant = ").bind(tenant).push(" AND request IN (");
    for (index, id) in ids.enumerate() {
        query.push(if index > 0 { ", " } else { "" }).bind(id);
    }
    query.push(")");
}

pub(super) fn line(mut row: Row) -> Result<Line, StoreError> {
    let outcome = Outcome::read(&row.required_text(9)?).unwrap_or(Outcome::Failed);
    Ok(Line {
        position: row.required_integer(0)?,
        id: row.required_text(1)?,
        time: DateTime::from_timestamp_millis(row.required_integer(2)?).unwrap_or_default(),
        caller: row.text(3)?,
        address: row.text(4)?,
        operation: row.required_text(5)?,
        kind: row.text(6)?,
        resource: row.text(7)?,
        name: row.text(8)?,
        outcome,
        status: row.required_integer(10)?,
        scim_type: row.text(11)?,
        detail: row.text(12)?,
        quirks: row.text(13)?,
        duration: row.required_integer(14)?,
        events: Vec::new(),
        body: None,
    })
}
