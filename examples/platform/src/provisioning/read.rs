//! Reading the log: a page of requests, one request with its changes, and the sums of hours and cycles.

use chrono::{DateTime, Utc};
use scim_core::{fold::fold, sql::Statement, store::StoreError};

use super::Outcome;
use crate::{
    account::{sort_name, user_name_key},
    database::{Database, Row},
    store::unique_value,
};

const COLUMNS: &str = "position, id, time, caller, address, operation, kind, resource, name, outcome, status, scim_type, \
                       detail, quirks, duration";

/// Rows that a page examines at most. A filter that few requests satisfy finds those among the newest.
const EXAMINED: i64 = 5_000;

/// People whose requests a page shows for one text.
const PEOPLE: i64 = 20;

const HOUR: i64 = 3_600_000;

/// The filter of a page.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Requests with this outcome only.
    pub outcome: Option<Outcome>,
    /// Requests that were refused or failed only. The filter then has no `outcome`.
    pub not_done: bool,
    /// Requests about resources of this type only.
    pub kind: Option<String>,
    /// Requests that were meant to change something, or that did not work.
    pub notable: bool,
    /// Requests about the people and groups whose name or user name begins with this text.
    pub person: Option<String>,
    /// Requests from this time on.
    pub from: Option<DateTime<Utc>>,
    /// Requests before this time.
    pub to: Option<DateTime<Utc>>,
    /// Requests before this position only: the page after another one.
    pub before: Option<i64>,
}

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
    /// The names of the habits that the core let pass, with commas.
    pub quirks: Option<String>,
    /// The time until the answer, in microseconds.
    pub duration: i64,
    /// The events of the changes, as JSON.
    pub events: Vec<String>,
    /// The body of the request, masked, if it was recorded.
    pub body: Option<String>,
}

/// A page of the log, the newest first.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The requests.
    pub lines: Vec<Line>,
    /// The position before which the next page begins, if there may be one.
    pub next: Option<i64>,
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

/// The hours and cycles of some time.
#[derive(Clone, Debug)]
pub struct Span {
    /// The hours, one for each, the oldest first; those without requests too.
    pub hours: Vec<Hour>,
    /// The cycles, the oldest first.
    pub cycles: Vec<Cycle>,
}

/// The log of all organizations.
#[derive(Clone, Debug)]
pub struct Log {
    database: Database,
}

impl Log {
    /// The log in these tables.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// A page of at most `count` requests, with the events of their changes.
    ///
    /// The page examines the newest 5,000 requests that the first condition of the filter finds by an index.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn list(&self, tenant: &str, filter: &Filter, count: usize) -> Result<Listed, StoreError> {
        let people = match &filter.person {
            Some(text) => Some(self.people(tenant, text).await?),
            None => None,
        };
        let bounds = [self.position(tenant, filter.from).await?, self.position(tenant, filter.to).await?];
        let end = [bounds[1], filter.before].into_iter().flatten().min();
        // One condition is for an index; the others examine the rows that the index finds.
        let mut rest = Vec::new();
        let mut sources = vec![filter.outcome];
        if people.is_some() {
            rest.extend(filter.outcome.map(Condition::Outcome));
            rest.extend(filter.not_done.then_some(Condition::NotDone));
        } else if filter.not_done {
            sources = vec![Some(Outcome::Refused), Some(Outcome::Failed)];
        }
        rest.extend(filter.kind.clone().map(Condition::Kind));
        if filter.notable {
            rest.push(Condition::Notable);
        }
        let mut query = self.statement("SELECT ");
        query.push(COLUMNS).push(" FROM (");
        for (index, outcome) in sources.into_iter().enumerate() {
            query.push(if index > 0 { " UNION ALL " } else { "" }).push("SELECT * FROM (SELECT * FROM request");
            query.push(" WHERE tenant = ").bind(tenant);
            if let Some(position) = bounds[0] {
                query.push(" AND position >= ").bind(position);
            }
            if let Some(position) = end {
                query.push(" AND position < ").bind(position);
            }
            if let Some(people) = &people {
                query.push(" AND resource IN (");
                for (index, id) in people.iter().enumerate() {
                    query.push(if index > 0 { ", " } else { "" }).bind(id.as_str());
                }
                query.push(if people.is_empty() { "NULL)" } else { ")" });
            } else if let Some(outcome) = outcome {
                query.push(" AND outcome = ").bind(outcome.name());
            } else if filter.notable {
                query.push(" AND notable = 1");
            }
            query.push(" ORDER BY position DESC LIMIT ").bind(EXAMINED).push(") AS found");
        }
        query.push(") AS newest WHERE 1 = 1");
        for condition in rest {
            match condition {
                Condition::Outcome(outcome) => query.push(" AND outcome = ").bind(outcome.name()),
                Condition::Kind(kind) => query.push(" AND kind = ").bind(kind),
                Condition::Notable => query.push(" AND notable = 1"),
                Condition::NotDone => query.push(" AND outcome <> 'done'"),
            };
        }
        let limit = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
        query.push(" ORDER BY position DESC LIMIT ").bind(limit);
        let rows = self.rows(query).await?;
        let mut lines = rows.into_iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let more = lines.len() > count;
        lines.truncate(count);
        self.add_events(tenant, &mut lines).await?;
        let next = lines.last().map(|line| line.position).filter(|_| more);
        Ok(Listed { lines, next })
    }

    /// The ids of the people and groups whose name or user name begins with the text, and the text itself as an id.
    async fn people(&self, tenant: &str, text: &str) -> Result<Vec<String>, StoreError> {
        let text = text.trim();
        // The text that follows all texts with this beginning.
        let end = |beginning: &str| format!("{beginning}\u{10ffff}");
        let mut found = vec![text.to_owned()];
        for (column, beginning) in [("sort_name", sort_name(text)), ("user_name_key", user_name_key(text))] {
            let mut query = self.statement("SELECT id FROM account WHERE tenant = ");
            query.bind(tenant).push(" AND ").push(column).push(" >= ").bind(beginning.as_str());
            query.push(" AND ").push(column).push(" < ").bind(end(&beginning)).push(" LIMIT ").bind(PEOPLE);
            for mut row in self.rows(query).await? {
                found.push(row.text(0)?);
            }
        }
        let mut query = self.statement("SELECT id FROM unique_key WHERE tenant = ");
        query.bind(tenant).push(" AND kind = 'Group' AND attribute = 'displayName' AND value >= ");
        let name = unique_value(&fold(text));
        query.bind(name.as_str()).push(" AND value < ").bind(end(&name)).push(" LIMIT ").bind(PEOPLE);
        for mut row in self.rows(query).await? {
            found.push(row.text(0)?);
        }
        Ok(found)
    }

    /// The first position from a time on; behind all positions if there is none.
    async fn position(&self, tenant: &str, time: Option<DateTime<Utc>>) -> Result<Option<i64>, StoreError> {
        let Some(time) = time else { return Ok(None) };
        let mut query = self.statement("SELECT position FROM request WHERE tenant = ");
        query.bind(tenant).push(" AND time >= ").bind(time.timestamp_millis()).push(" ORDER BY time, position LIMIT 1");
        let found = self.rows(query).await?.pop().map(|row| row.integer(0)).transpose()?;
        Ok(Some(found.unwrap_or(i64::MAX)))
    }

    async fn add_events(&self, tenant: &str, lines: &mut [Line]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        for (table, limit) in [
            ("SELECT request, body FROM event", " ORDER BY position DESC LIMIT 2000"),
            ("SELECT request, body FROM recorded_body", ""),
        ] {
            let mut query = self.statement(table);
            query.push(" WHERE tenant = ").bind(tenant).push(" AND request IN (");
            for (index, line) in lines.iter().enumerate() {
                query.push(if index > 0 { ", " } else { "" }).bind(line.id.as_str());
            }
            query.push(")").push(limit);
            for mut row in self.rows(query).await? {
                let (request, body) = (row.text(0)?, row.text(1)?);
                let Some(line) = lines.iter_mut().find(|line| line.id == request) else { continue };
                if limit.is_empty() { line.body = Some(body) } else { line.events.push(body) }
            }
        }
        // The newest events come first, so that the bound leaves out the oldest.
        for line in lines {
            line.events.reverse();
        }
        Ok(())
    }

    /// The hours and cycles up to now.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn span(&self, tenant: &str, now: DateTime<Utc>, hours: u16) -> Result<Span, StoreError> {
        let last = now.timestamp_millis() - now.timestamp_millis().rem_euclid(HOUR);
        let first = last - HOUR * (i64::from(hours) - 1);
        let mut query = self.statement("SELECT hour, requests, refused, failed FROM request_hour WHERE tenant = ");
        query.bind(tenant).push(" AND hour >= ").bind(first);
        let mut all: Vec<Hour> =
            (0..i64::from(hours)).map(|hour| Hour { start: first + hour * HOUR, ..Hour::default() }).collect();
        for row in self.rows(query).await? {
            let start = row.integer(0)?;
            if let Some(hour) = all.iter_mut().find(|hour| hour.start == start) {
                *hour = Hour { start, requests: row.integer(1)?, refused: row.integer(2)?, failed: row.integer(3)? };
            }
        }
        let mut query = self.statement("SELECT started, ended, requests, failures FROM request_cycle WHERE tenant = ");
        query.bind(tenant).push(" AND started >= ").bind(first).push(" ORDER BY started LIMIT 1000");
        let cycle = |row: Row| {
            let (started, ended) = (row.integer(0)?, row.integer(1)?);
            Ok(Cycle { started, ended, requests: row.integer(2)?, failures: row.integer(3)? })
        };
        let cycles = self.rows(query).await?.into_iter().map(cycle).collect::<Result<_, StoreError>>()?;
        Ok(Span { hours: all, cycles })
    }

    fn statement(&self, sql: &str) -> Statement {
        let mut statement = Statement::new(self.database.dialect());
        statement.push(sql);
        statement
    }

    async fn rows(&self, query: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(self.database.read(vec![query]).await?.into_iter().flatten().collect())
    }
}

/// A condition that examines the rows of another one.
enum Condition {
    Outcome(Outcome),
    Kind(String),
    Notable,
    NotDone,
}

fn line(mut row: Row) -> Result<Line, StoreError> {
    let outcome = Outcome::read(&row.text(9)?).unwrap_or(Outcome::Failed);
    Ok(Line {
        position: row.integer(0)?,
        id: row.text(1)?,
        time: DateTime::from_timestamp_millis(row.integer(2)?).unwrap_or_default(),
        caller: row.optional_text(3)?,
        address: row.optional_text(4)?,
        operation: row.text(5)?,
        kind: row.optional_text(6)?,
        resource: row.optional_text(7)?,
        name: row.optional_text(8)?,
        outcome,
        status: row.integer(10)?,
        scim_type: row.optional_text(11)?,
        detail: row.optional_text(12)?,
        quirks: row.optional_text(13)?,
        duration: row.integer(14)?,
        events: Vec::new(),
        body: None,
    })
}
