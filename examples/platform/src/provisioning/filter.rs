//! The filter of the log, and the conditions by which a query finds the selected requests.

use chrono::{DateTime, Utc};
use scim_core::{fold::fold, sql::Statement, store::StoreError};

use super::{Log, Outcome};
use crate::{
    account::{sort_name, user_name_key},
    store::unique_value,
};

/// The maximum number of people whose requests are found for one text.
const PEOPLE: i64 = 20;

/// The filter of a page.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Requests with this outcome only.
    pub outcome: Option<Outcome>,
    /// Requests that were refused or failed only. The filter then has no `outcome`.
    pub not_done: bool,
    /// Requests about resources of this type only.
    pub kind: Option<String>,
    /// Only requests that were meant to change something, or that did not succeed.
    pub notable: bool,
    /// Requests about the people and groups whose name or user name begins with this text.
    pub person: Option<String>,
    /// Requests from this time on.
    pub from: Option<DateTime<Utc>>,
    /// Requests before this time.
    pub to: Option<DateTime<Utc>>,
    /// Only requests before this position: the page that follows another page.
    pub before: Option<i64>,
}

/// A filter after the look-up of its people and times.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    filter: Filter,
    /// The ids of the people and groups.
    people: Option<Vec<String>>,
    /// The first position.
    from: Option<i64>,
    /// The position after the last request.
    end: Option<i64>,
}

impl Log {
    /// Looks up the people and the times of a filter.
    pub(super) async fn choose(&self, tenant: &str, filter: &Filter) -> Result<Chosen, StoreError> {
        let people = match &filter.person {
            Some(text) => Some(self.people(tenant, text).await?),
            None => None,
        };
        let (from, end) = (self.position(tenant, filter.from).await?, self.position(tenant, filter.to).await?);
        Ok(Chosen { filter: filter.clone(), people, from, end })
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
                found.push(row.required_text(0)?);
            }
        }
        let mut query = self.statement("SELECT id FROM unique_key WHERE tenant = ");
        query.bind(tenant).push(" AND kind = 'Group' AND attribute = 'displayName' AND value >= ");
        let name = unique_value(&fold(text));
        query.bind(name.as_str()).push(" AND value < ").bind(end(&name)).push(" LIMIT ").bind(PEOPLE);
        for mut row in self.rows(query).await? {
            found.push(row.required_text(0)?);
        }
        Ok(found)
    }

    /// The first position from a time on; a position after all others if no request is that recent. `None` without
    /// a time.
    async fn position(&self, tenant: &str, time: Option<DateTime<Utc>>) -> Result<Option<i64>, StoreError> {
        let Some(time) = time else { return Ok(None) };
        let mut query = self.statement("SELECT position FROM request WHERE tenant = ");
        query.bind(tenant).push(" AND time >= ").bind(time.timestamp_millis()).push(" ORDER BY time, position LIMIT 1");
        let found = self.rows(query).await?.pop().map(|row| row.required_integer(0)).transpose()?;
        Ok(Some(found.unwrap_or(i64::MAX)))
    }
}

impl Chosen {
    /// Adds the table `newest`: at most `examined` of the newest requests before a position that one condition of
    /// the filter finds by an index.
    pub(super) fn push_newest(&self, query: &mut Statement, tenant: &str, before: Option<i64>, examined: i64) {
        let sources = match &self.filter {
            filter if self.people.is_none() && filter.not_done => vec![Some(Outcome::Refused), Some(Outcome::Failed)],
            filter => vec![filter.outcome],
        };
        let end = [self.end, before].into_iter().flatten().min();
        query.push("(");
        for (index, outcome) in sources.into_iter().enumerate() {
            query.push(if index > 0 { " UNION ALL " } else { "" }).push("SELECT * FROM (SELECT * FROM request");
            query.push(" WHERE tenant = ").bind(tenant);
            if let Some(position) = self.from {
                query.push(" AND position >= ").bind(position);
            }
            if let Some(position) = end {
                query.push(" AND position < ").bind(position);
            }
            if let Some(people) = &self.people {
                query.push(" AND resource IN (");
                for (index, id) in people.iter().enumerate() {
                    query.push(if index > 0 { ", " } else { "" }).bind(id.as_str());
                }
                query.push(if people.is_empty() { "NULL)" } else { ")" });
            } else if let Some(outcome) = outcome {
                query.push(" AND outcome = ").bind(outcome.name());
            } else if self.filter.notable {
                query.push(" AND notable = 1");
            }
            query.push(" ORDER BY position DESC LIMIT ").bind(examined).push(") AS found");
        }
        query.push(") AS newest");
    }

    /// Adds the remaining conditions, which examine the rows of `newest`.
    pub(super) fn push_rest(&self, query: &mut Statement) {
        let Filter { outcome, not_done, kind, notable, .. } = &self.filter;
        if self.people.is_some() {
            if let Some(outcome) = outcome {
                query.push(" AND outcome = ").bind(outcome.name());
            }
            query.push(if *not_done { " AND outcome <> 'done'" } else { "" });
        }
        if let Some(kind) = kind {
            query.push(" AND kind = ").bind(kind.as_str());
        }
        query.push(if *notable { " AND notable = 1" } else { "" });
    }
}
