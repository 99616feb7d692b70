//! The user groups of an organization: the platform grants permissions by them.
//!
//! An administrator names them, assigns people to them by hand, and maps groups of the identity provider to them.
//! SCIM commits maintain the assignments of mapped groups: see `store/assignments.rs`.

mod assignment;
mod mapping;

use chrono::Utc;
use scim_core::{
    fold::fold,
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};
use uuid::Uuid;

pub use self::{
    assignment::{Assigned, Assignment, Member, Members, Reason},
    mapping::{Mapped, ScimGroup, ScimGroups},
};
use crate::{
    database::{Database, Row, Session, Work},
    store::assignments,
};

/// A user group.
#[derive(Clone, Debug)]
pub struct UserGroup {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The permissions of its people, in words.
    pub purpose: Option<String>,
    /// The number of its people, counted up to one more than [`UserGroups::COUNTED`].
    pub people: i64,
    /// The number of assignments among the first [`UserGroups::COUNTED`] that follow from mappings.
    pub mapped: i64,
}

/// The reason why a user group is not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserGroupError {
    /// Another user group has the name, in some spelling.
    #[error("another user group has this name")]
    NameTaken,
    /// The organization has the maximum number of user groups.
    #[error("expected at most {} user groups", UserGroups::MOST)]
    TooMany,
    /// The user group, or the group of the identity provider that is mapped to it, has been removed.
    #[error("the user group or the group of the identity provider is not there")]
    Gone,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All user groups.
#[derive(Clone, Debug)]
pub struct UserGroups {
    database: Database,
}

impl UserGroups {
    /// The maximum number of user groups of an organization: pages offer all of them in one form.
    pub const MOST: usize = 100;

    /// The number up to which people are counted.
    pub const COUNTED: i64 = 1_000;

    /// The maximum number of characters of a name.
    pub const NAME: usize = 64;

    /// The user groups in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The user groups of an organization, by name.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn all(&self, tenant: &str) -> Result<Vec<UserGroup>, StoreError> {
        let mut query = self.select(tenant);
        query.push(" ORDER BY g.sort_name, g.id LIMIT ").bind(i64::try_from(Self::MOST).unwrap_or(i64::MAX));
        let rows = self.database.look_up(vec![query]).await?;
        rows.into_iter().flatten().map(|mut row| user_group(&mut row)).collect()
    }

    /// The user group with this id.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find(&self, tenant: &str, id: &str) -> Result<Option<UserGroup>, StoreError> {
        // PostgreSQL has no text with a NUL character.
        if id.contains('\0') {
            return Ok(None);
        }
        let mut query = self.select(tenant);
        query.push(" AND g.id = ").bind(id);
        let rows = self.database.look_up(vec![query]).await?;
        rows.into_iter().flatten().next().map(|mut row| user_group(&mut row)).transpose()
    }

    fn select(&self, tenant: &str) -> Statement {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT g.id, g.name, g.purpose, ");
        for selected in ["count(DISTINCT s.account)", "COALESCE(sum(CASE WHEN s.source = '' THEN 0 ELSE 1 END), 0)"] {
            query.push("(SELECT ");
            query.push(selected);
            query.push(if self.database.dialect() == Dialect::Postgres { "::bigint" } else { "" });
            query.push(" FROM (SELECT u.account, u.source FROM user_group_member AS u WHERE u.tenant = g.tenant ");
            query.push("AND u.user_group = g.id LIMIT ").bind(Self::COUNTED + 1).push(") AS s), ");
        }
        query.push("g.created FROM user_group AS g WHERE g.tenant = ").bind(tenant);
        query
    }

    /// Makes a user group. Returns its id.
    ///
    /// # Errors
    ///
    /// When the name is taken or there are too many; when the database does not answer.
    pub async fn add(
        &self,
        tenant: &str,
        name: &str,
        purpose: Option<&str>,
        by: &str,
    ) -> Result<String, UserGroupError> {
        let id = Uuid::new_v4().to_string();
        let definition = Definition::new(tenant, &id, name, purpose, Some(by));
        self.write(definition).await.map(|()| id)
    }

    /// Changes the name and the purpose of a user group.
    ///
    /// # Errors
    ///
    /// When the name is taken or the user group is gone; when the database does not answer.
    pub async fn rename(
        &self,
        tenant: &str,
        id: &str,
        name: &str,
        purpose: Option<&str>,
    ) -> Result<(), UserGroupError> {
        self.write(Definition::new(tenant, id, name, purpose, None)).await
    }

    /// Removes a user group with its assignments and mappings. People keep their other user groups.
    ///
    /// # Errors
    ///
    /// When the user group is gone; when the database does not answer.
    pub async fn remove(&self, tenant: &str, id: &str) -> Result<(), UserGroupError> {
        self.write(Removal { tenant: tenant.to_owned(), id: id.replace('\0', "") }).await
    }

    /// Runs work that may return a refusal. A refused unit of work has changed nothing.
    async fn write<T: Send + 'static>(
        &self,
        work: impl Work<Output = Result<T, UserGroupError>>,
    ) -> Result<T, UserGroupError> {
        self.database.write(work).await.map_err(|failed| failed.error)?
    }
}

fn user_group(row: &mut Row) -> Result<UserGroup, StoreError> {
    Ok(UserGroup {
        id: row.required_text(0)?,
        name: row.required_text(1)?,
        purpose: row.text(2)?,
        people: row.required_integer(3)?,
        mapped: row.required_integer(4)?,
    })
}

/// A new user group, or a new name for an existing one.
struct Definition {
    tenant: String,
    id: String,
    name: String,
    purpose: Option<String>,
    /// The administrator who makes a new user group; `None` for an existing one.
    made_by: Option<String>,
}

impl Definition {
    fn new(tenant: &str, id: &str, name: &str, purpose: Option<&str>, made_by: Option<&str>) -> Self {
        let clean = |text: &str| text.replace('\0', "");
        Self {
            tenant: tenant.to_owned(),
            id: clean(id),
            name: clean(name).chars().take(UserGroups::NAME).collect(),
            purpose: purpose.map(clean),
            made_by: made_by.map(str::to_owned),
        }
    }
}

impl Work for Definition {
    type Output = Result<(), UserGroupError>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, CommitError> {
        let (tenant, dialect) = (self.tenant.as_str(), session.dialect());
        // One definition at a time, so that the names differ and the number is exact.
        let mut lock = Statement::new(dialect);
        lock.push("SELECT name FROM organization WHERE name = ").bind(tenant);
        lock.push(if dialect == Dialect::Postgres { " FOR NO KEY UPDATE" } else { "" });
        session.rows(&lock).await?;
        let key = fold(&self.name).into_owned();
        let mut query = Statement::new(dialect);
        query.push("SELECT id, sort_name FROM user_group WHERE tenant = ").bind(tenant);
        let rows =
            session.rows(&query).await?.into_iter().map(|mut row| Ok((row.required_text(0)?, row.required_text(1)?)));
        let all = rows.collect::<Result<Vec<_>, StoreError>>()?;
        if all.iter().any(|(id, sort_name)| *sort_name == key && *id != self.id) {
            return Ok(Err(UserGroupError::NameTaken));
        }
        let mut write = Statement::new(dialect);
        if let Some(made_by) = &self.made_by {
            if all.len() >= UserGroups::MOST {
                return Ok(Err(UserGroupError::TooMany));
            }
            write.push("INSERT INTO user_group (tenant, id, name, sort_name, created, made_by, purpose) VALUES (");
            write.bind(tenant).push(", ").bind(self.id.as_str()).push(", ").bind(self.name.as_str()).push(", ");
            write.bind(key).push(", ").bind(Utc::now().timestamp_millis()).push(", ").bind(made_by.as_str()).push(", ");
            write.bind_optional(self.purpose.as_deref());
            write.push(")");
        } else {
            if !all.iter().any(|(id, _)| *id == self.id) {
                return Ok(Err(UserGroupError::Gone));
            }
            write.push("UPDATE user_group SET name = ").bind(self.name.as_str()).push(", sort_name = ").bind(key);
            write.push(", purpose = ").bind_optional(self.purpose.as_deref());
            write.push(" WHERE tenant = ").bind(tenant).push(" AND id = ").bind(self.id.as_str());
        }
        // Another administrator may have removed the user group at this moment.
        let written = session.execute(&write).await?;
        Ok(if written == 0 { Err(UserGroupError::Gone) } else { Ok(()) })
    }
}

struct Removal {
    tenant: String,
    id: String,
}

impl Work for Removal {
    type Output = Result<(), UserGroupError>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, CommitError> {
        let (tenant, id) = (self.tenant.as_str(), self.id.as_str());
        if lock(session, tenant, &[id], "UPDATE").await? == 0 {
            return Ok(Err(UserGroupError::Gone));
        }
        let about = |session: &S, sql: &str, column: &str| {
            let mut statement = Statement::new(session.dialect());
            statement.push(sql).push(" WHERE tenant = ").bind(tenant).push(" AND ").push(column).push(" = ").bind(id);
            statement
        };
        // The mappings first: a commit that assigns by a mapping has locked it, so its rows are visible after this
        // deletion.
        session.execute(&about(session, "DELETE FROM user_group_mapping", "user_group")).await?;
        assignments::count(session, tenant, about(session, "DELETE FROM user_group_member", "user_group"), -1).await?;
        session.execute(&about(session, "DELETE FROM user_group", "id")).await?;
        Ok(Ok(()))
    }
}

/// Locks the user groups against removal until the commit. Returns how many of them exist.
async fn lock<S: Session>(session: &mut S, tenant: &str, ids: &[&str], strength: &str) -> Result<usize, StoreError> {
    let mut query = Statement::new(session.dialect());
    query.push("SELECT id FROM user_group WHERE tenant = ").bind(tenant).push(" AND ");
    query.is_one_of("id", ids.iter().copied());
    if session.dialect() == Dialect::Postgres {
        query.push(" ORDER BY id FOR ").push(strength);
    }
    Ok(session.rows(&query).await?.len())
}
