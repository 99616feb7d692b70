//! Groups of the identity provider, and the user groups that each of them fills.

use std::collections::HashMap;

use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

use super::{UserGroupError, UserGroups, lock};
use crate::{
    account::sort_name,
    database::{Row, Session, Work},
    store::assignments::{follow_members, unmap},
};

/// The number of groups on a page.
const PAGE: usize = 50;

/// A group of the identity provider.
#[derive(Clone, Debug)]
pub struct ScimGroup {
    /// The id of the resource.
    pub id: String,
    /// The name.
    pub name: String,
    /// The number of its members, counted up to one more than [`UserGroups::COUNTED`].
    pub people: i64,
    /// The user groups that the group fills, as ids and names, by name.
    pub fills: Vec<(String, String)>,
}

/// The outcome of a changed mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// The number of people who joined a user group.
    pub joined: usize,
    /// The number of people who left a user group.
    pub left: usize,
}

/// A part of the groups of the identity provider.
#[derive(Clone, Debug)]
pub struct ScimGroups {
    /// The groups, by name.
    pub groups: Vec<ScimGroup>,
    /// Whether more groups follow.
    pub more: bool,
}

impl UserGroups {
    /// The part of the groups of the identity provider whose names begin with `search` that follows the group with
    /// the id `after`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn scim_groups(&self, tenant: &str, search: &str, after: Option<&str>) -> Result<ScimGroups, StoreError> {
        let mut query = self.select_scim(tenant);
        let search = sort_name(search.replace('\0', "").trim());
        if !search.is_empty() {
            query.push(" AND g.sort_name >= ").bind(search.as_str()).push(" AND g.sort_name < ");
            query.bind(format!("{search}\u{10ffff}"));
        }
        if let Some(after) = after {
            let mut position = Statement::new(self.database.dialect());
            position.push("SELECT sort_name, id FROM scim_group WHERE tenant = ").bind(tenant).push(" AND id = ");
            position.bind(after.replace('\0', ""));
            if let Some(mut row) = self.database.look_up(vec![position]).await?.into_iter().flatten().next() {
                query
                    .push(" AND (g.sort_name, g.id) > (")
                    .bind(row.required_text(0)?)
                    .push(", ")
                    .bind(row.required_text(1)?)
                    .push(")");
            }
        }
        query.push(" ORDER BY g.sort_name, g.id LIMIT ").bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX));
        let mut groups = self.found_scim(tenant, query).await?;
        let more = groups.len() > PAGE;
        groups.truncate(PAGE);
        Ok(ScimGroups { groups, more })
    }

    /// The group of the identity provider with this id.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn scim_group(&self, tenant: &str, id: &str) -> Result<Option<ScimGroup>, StoreError> {
        let mut query = self.select_scim(tenant);
        query.push(" AND g.id = ").bind(id.replace('\0', ""));
        Ok(self.found_scim(tenant, query).await?.into_iter().next())
    }

    /// The names of the first groups of the identity provider that fill each user group, by the id of the user
    /// group.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn filled_by(&self, tenant: &str) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT m.user_group, s.name FROM user_group_mapping AS m, scim_group AS s WHERE m.tenant = ");
        query
            .bind(tenant)
            .push(" AND s.tenant = m.tenant AND s.id = m.scim_group ORDER BY m.user_group, m.scim_group ");
        query.push("LIMIT 1000");
        self.names(query).await
    }

    /// Maps a group of the identity provider to the user groups in `add`, and removes its mappings to those in
    /// `remove`. Its members join and leave at once.
    ///
    /// # Errors
    ///
    /// When the group or a user group to fill is gone; when the database does not answer.
    pub async fn map(
        &self,
        tenant: &str,
        scim_group: &str,
        add: Vec<String>,
        remove: Vec<String>,
    ) -> Result<Mapped, UserGroupError> {
        let (tenant, scim_group) = (tenant.to_owned(), scim_group.replace('\0', ""));
        self.write(Mapping { tenant, scim_group, add, remove }).await
    }

    fn select_scim(&self, tenant: &str) -> Statement {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT g.id, g.name, (SELECT count(*) FROM (SELECT 1 FROM member AS r WHERE r.tenant = g.tenant ");
        query.push("AND r.holder = g.id AND r.list = 'members' LIMIT ").bind(Self::COUNTED + 1).push(") AS counted) ");
        query.push("FROM scim_group AS g WHERE g.tenant = ").bind(tenant);
        query
    }

    async fn found_scim(&self, tenant: &str, query: Statement) -> Result<Vec<ScimGroup>, StoreError> {
        let rows = self.database.look_up(vec![query]).await?;
        let group = |mut row: Row| {
            Ok(ScimGroup {
                id: row.required_text(0)?,
                name: row.required_text(1)?,
                people: row.required_integer(2)?,
                fills: Vec::new(),
            })
        };
        let mut groups = rows.into_iter().flatten().map(group).collect::<Result<Vec<_>, StoreError>>()?;
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT m.scim_group, u.id, u.name FROM user_group_mapping AS m, user_group AS u WHERE m.tenant = ");
        query.bind(tenant).push(" AND u.tenant = m.tenant AND u.id = m.user_group AND ");
        query.is_one_of("m.scim_group", groups.iter().map(|group| group.id.as_str()));
        query.push(" ORDER BY u.sort_name");
        let mut fills: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for mut row in self.database.look_up(vec![query]).await?.into_iter().flatten() {
            fills.entry(row.required_text(0)?).or_default().push((row.required_text(1)?, row.required_text(2)?));
        }
        for group in &mut groups {
            group.fills = fills.remove(&group.id).unwrap_or_default();
        }
        Ok(groups)
    }

    async fn names(&self, query: Statement) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        for mut row in self.database.look_up(vec![query]).await?.into_iter().flatten() {
            names.entry(row.required_text(0)?).or_default().push(row.required_text(1)?);
        }
        Ok(names)
    }
}

struct Mapping {
    tenant: String,
    scim_group: String,
    add: Vec<String>,
    remove: Vec<String>,
}

impl Work for Mapping {
    type Output = Result<Mapped, UserGroupError>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, CommitError> {
        let (tenant, dialect) = (self.tenant.as_str(), session.dialect());
        // A commit that changes the group's members takes the same lock: one of the two sees all changes of the
        // other.
        let mut query = Statement::new(dialect);
        query.push("SELECT id FROM resource WHERE kind = 'Group' AND tenant = ").bind(tenant).push(" AND id = ");
        query.bind(self.scim_group.as_str());
        query.push(if dialect == Dialect::Postgres { " FOR NO KEY UPDATE" } else { "" });
        if session.rows(&query).await?.is_empty() {
            return Ok(Err(UserGroupError::Gone));
        }
        let mut add: Vec<&str> = self.add.iter().map(String::as_str).collect();
        add.sort_unstable();
        add.dedup();
        if lock(session, tenant, &add, "KEY SHARE").await? < add.len() {
            return Ok(Err(UserGroupError::Gone));
        }
        let mut mapped = Mapped::default();
        if !self.remove.is_empty() {
            mapped.left = unmap(session, tenant, &self.scim_group, &self.remove).await?;
        }
        if !add.is_empty() {
            let (each, cast) = match dialect {
                Dialect::Sqlite => ("json_each(", ") AS e"),
                _ => ("jsonb_array_elements_text(", "::text::jsonb) AS e (value)"),
            };
            let mut insert = Statement::new(dialect);
            insert.push("INSERT INTO user_group_mapping (tenant, scim_group, user_group) SELECT CAST(").bind(tenant);
            insert.push(" AS TEXT), CAST(").bind(self.scim_group.as_str()).push(" AS TEXT), e.value FROM ").push(each);
            insert.bind_array(add.iter().copied()).push(cast).push(" WHERE 1 = 1 ON CONFLICT DO NOTHING");
            session.execute(&insert).await?;
            mapped.joined = follow_members(session, tenant, &self.scim_group).await?;
        }
        Ok(Ok(mapped))
    }
}
