//! Queries, and the work that runs them.
//!
//! Each work owns its statements and its data, so that a blocking driver can run the work on another thread.

use std::{collections::HashMap, sync::Arc};

use scim_core::{
    schema::ResourceType,
    sql::{
        Dialect, Statement,
        database::{Rows, Session, Work},
        page,
    },
    store::{CommitError, Page, Referrer, RequestedAttributes, Scan, StoreError, Stored, Window},
    value::{Object, Text, Value},
};

use crate::rows::{Place, Types};

/// The approximate size of a member in memory, in bytes.
const MEMBER: usize = 96;

/// The key of an id. An id in another form, such as `007`, is the id of no row.
pub fn key(id: &str) -> Option<i64> {
    id.parse().ok().filter(|number: &i64| number.to_string() == id)
}

/// Adds that the column is one of these keys: one parameter, whatever their number.
pub fn push_among(statement: &mut Statement, column: &str, keys: impl IntoIterator<Item = i64>) {
    let keys: Vec<String> = keys.into_iter().map(|key| key.to_string()).collect();
    let keys = keys.join(",");
    if statement.dialect() == Dialect::Sqlite {
        statement.push(&format!("{column} IN (SELECT value FROM json_each(")).bind(format!("[{keys}]")).push("))");
    } else {
        statement.push(&format!("{column} = ANY (CAST(")).bind(format!("{{{keys}}}")).push(" AS bigint[]))");
    }
}

/// The teams of some accounts, each with the team's name. A member of a team is a member of the team's parent, too.
pub fn teams_of(dialect: Dialect, organization: i64, accounts: impl IntoIterator<Item = i64>) -> Statement {
    let mut query = Statement::new(dialect);
    query.push("WITH RECURSIVE membership (account, team) AS (SELECT m.account, m.team FROM team_member AS m WHERE ");
    push_among(&mut query, "m.account", accounts);
    query.push(" UNION SELECT membership.account, t.parent FROM membership JOIN team AS t ON t.id = membership.team");
    query.push(" WHERE t.parent IS NOT NULL) SELECT CAST(membership.account AS text), CAST(t.id AS text), t.name");
    query.push(" FROM membership JOIN team AS t ON t.id = membership.team WHERE t.organization = ").bind(organization);
    query
}

/// The answer to [`teams_of`].
pub fn referrers(rows: Rows) -> Result<Vec<Referrer>, StoreError> {
    if rows.is_cut() {
        return Err(StoreError::TooMany);
    }
    let mut found = Vec::new();
    for mut row in rows.into_rows() {
        if let (Some(account), Some(team)) = (row.text(0)?, row.text(1)?) {
            found.push(Referrer::new(account, team, row.text(2)?.map(Text::from)));
        }
    }
    Ok(found)
}

/// A query for any rows.
pub struct Query {
    pub statement: Statement,
    pub bytes: usize,
}

impl Work for Query {
    type Output = Rows;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Rows, CommitError> {
        Ok(session.query(&self.statement, Rows::within(self.bytes)).await?)
    }
}

/// A query for resources.
pub struct Fetch {
    /// The condition for the rows comes at its end.
    pub query: Statement,
    types: Arc<Types>,
    resource_type: Arc<ResourceType>,
    count: Option<Statement>,
    /// The maximum number of resources, and whether the query reads backward.
    window: Option<(usize, bool)>,
    reads_members: bool,
    list_limit: usize,
    bytes: usize,
}

impl Fetch {
    /// A query for rows of an organization.
    pub fn new(
        types: &Arc<Types>,
        resource_type: &Arc<ResourceType>,
        organization: i64,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Self, StoreError> {
        let reads_members = resource_type.name() == "Group" && requested.includes(types.members);
        Ok(Self {
            query: types.of(resource_type)?.select(organization, reads_members),
            types: Arc::clone(types),
            resource_type: Arc::clone(resource_type),
            count: None,
            window: None,
            reads_members,
            list_limit: requested.list_limit().unwrap_or(usize::MAX),
            bytes: requested.byte_limit().unwrap_or(usize::MAX),
        })
    }

    /// The query for a page of a list.
    pub fn page(types: &Arc<Types>, organization: i64, scan: &Scan<'_>) -> Result<Self, StoreError> {
        let place = types.of(scan.resource_type)?;
        let mut fetch = Self::new(types, scan.resource_type, organization, scan.requested)?;
        fetch.query.push(" AND ").filter(&place.mapping, scan.filter).map_err(StoreError::backend)?;
        // No row has a value of the other attributes, such as `schemas`: the order is then the order of the ids.
        let sort = scan.sort.filter(|sort| place.mapping.sorts(types.dialect, sort));
        fetch.query.window(&place.mapping, sort, scan.window).map_err(StoreError::backend)?;
        fetch.window = Some(match scan.window {
            Window::Offset { take, .. } | Window::After { take, .. } => (take, false),
            Window::Before { take, .. } => (take, true),
        });
        if scan.count {
            fetch.count = Some(count(place, organization, scan)?);
        }
        Ok(fetch)
    }
}

fn count(place: &Place, organization: i64, scan: &Scan<'_>) -> Result<Statement, StoreError> {
    let mut query = Statement::new(place.dialect());
    query.push("SELECT count(*) FROM ").push(place.table).push(" AS r WHERE r.organization = ").bind(organization);
    query.push(" AND ").filter(&place.mapping, scan.filter).map_err(StoreError::backend)?;
    Ok(query)
}

impl Work for Fetch {
    type Output = Page;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Page, CommitError> {
        let place = self.types.of(&self.resource_type)?;
        let total = match &self.count {
            Some(count) => first_number(session.query(count, Rows::default()).await?)?,
            None => None,
        };
        // The session ends the reading at the row that does not fit.
        let rows = session.query(&self.query, Rows::within(self.bytes)).await?;
        let (mut more, mut room) = (rows.is_cut(), self.bytes.saturating_sub(rows.size()));
        let mut rows = rows.into_rows();
        if let Some((take, _)) = self.window {
            let (kept, has_more) = page(rows, Window::Offset { skip: 0, take });
            (rows, more) = (kept, more || has_more);
        }
        let (mut items, mut wanted) = (Vec::with_capacity(rows.len()), Vec::new());
        for mut row in rows {
            let (resource, version) = place.resource(&mut row)?;
            let mut stored = Stored::new(resource, version);
            if self.reads_members {
                let members = usize::try_from(row.integer(6)?.unwrap_or_default()).unwrap_or(usize::MAX);
                let fits = members.saturating_mul(MEMBER) <= room;
                if members <= self.list_limit && !fits && !items.is_empty() {
                    more = true;
                    break;
                }
                stored.complete = members <= self.list_limit && fits;
                if stored.complete {
                    room -= members * MEMBER;
                    wanted.extend(key(stored.resource.id()));
                }
            }
            items.push(stored);
        }
        self.add_members(session, &wanted, &mut items).await?;
        if self.window.is_some_and(|(_, is_backward)| is_backward) {
            items.reverse();
        }
        Ok(Page::new(items, total, more))
    }
}

impl Fetch {
    /// Reads the members of the teams `wanted`, whose number was counted before, by one query.
    async fn add_members<S: Session>(
        &self,
        session: &mut S,
        wanted: &[i64],
        items: &mut [Stored],
    ) -> Result<(), StoreError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let mut query = Statement::new(self.types.dialect);
        query.push("SELECT CAST(m.team AS text), CAST(m.account AS text) FROM team_member AS m WHERE ");
        push_among(&mut query, "m.team", wanted.iter().copied());
        query.push(" ORDER BY m.team, m.account");
        let mut members: HashMap<String, Vec<Value>> = HashMap::new();
        for mut row in session.rows(&query).await? {
            if let (Some(team), Some(account)) = (row.text(0)?, row.text(1)?) {
                let member = Object::from_iter([(self.types.member, Value::from(account))]);
                members.entry(team).or_default().push(Value::Complex(member));
            }
        }
        for stored in items {
            if let Some(members) = members.remove(stored.resource.id()) {
                Arc::make_mut(&mut stored.resource).root_mut().insert(self.types.members, Value::List(members.into()));
            }
        }
        Ok(())
    }
}

/// The number in the first row.
pub fn first_number(rows: Rows) -> Result<Option<u64>, StoreError> {
    let number = rows.into_rows().first().map(|row| row.integer(0)).transpose()?.flatten();
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}
