//! Assignments of people to user groups by hand, and the people of a user group, each with a reason.

use std::collections::HashMap;

use chrono::Utc;
use scim_core::{
    sql::Statement,
    store::{CommitError, StoreError},
};

use super::{UserGroupError, UserGroups, lock};
use crate::{
    database::{Session, Work},
    store::assignments::{BY_HAND, count, lock_accounts},
};

/// The number of members on a page.
const PAGE: usize = 50;

/// A change by hand of the user groups of some people. It contains only differences, so that the concurrent
/// changes of two administrators both take effect.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// The ids of the people.
    pub people: Vec<String>,
    /// The user groups that they join.
    pub join: Vec<String>,
    /// The user groups that they leave, unless a mapping assigns them.
    pub leave: Vec<String>,
    /// The administrator who makes the change.
    pub by: String,
}

/// The outcome of an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The number of people in the change who exist.
    pub people: usize,
}

/// The reason why a person belongs to a user group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An administrator has assigned the person.
    ByHand,
    /// The person is in the group of the identity provider with this name.
    Mapping(String),
}

/// A person's assignment to a user group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The id of the account.
    pub account: String,
    /// The name of the person.
    pub name: String,
    /// The id of the user group.
    pub user_group: String,
    /// The name of the user group.
    pub group_name: String,
    /// The permissions of the people of the user group, in words.
    pub purpose: Option<String>,
    /// The reason.
    pub reason: Reason,
    source: String,
}

/// A part of the people of a user group.
#[derive(Clone, Debug)]
pub struct Members {
    /// The people; those assigned by hand come first. A person with several reasons occurs several times.
    pub members: Vec<Member>,
    /// The position after which the next part begins; `None` at the end.
    pub next: Option<(String, String)>,
}

impl UserGroups {
    /// Assigns people to user groups by hand, and removes them, completely or not at all.
    ///
    /// # Errors
    ///
    /// When a user group to join is gone; when the database does not answer.
    pub async fn assign(&self, tenant: &str, assignment: Assignment) -> Result<Assigned, UserGroupError> {
        self.write(Assigning { tenant: tenant.to_owned(), assignment }).await
    }

    /// The user groups of a person, each with its reason.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn of_person(&self, tenant: &str, account: &str) -> Result<Vec<Member>, StoreError> {
        let mut query = self.members();
        query.push(" WHERE u.tenant = ").bind(tenant).push(" AND u.account = ").bind(account);
        query.push(" ORDER BY g.sort_name, u.source LIMIT 1000");
        self.found(query).await
    }

    /// The names of the user groups of some people, by the id of the account. A name occurs once, whatever the
    /// number of reasons.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn of_people(&self, tenant: &str, accounts: &[&str]) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT DISTINCT u.account, g.sort_name, g.name FROM user_group_member AS u, user_group AS g ");
        query.push("WHERE u.tenant = ").bind(tenant).push(" AND g.tenant = u.tenant AND g.id = u.user_group AND ");
        query.is_one_of("u.account", accounts.iter().copied());
        query.push(" ORDER BY 1, 2");
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        for mut row in self.database.look_up(vec![query]).await?.into_iter().flatten() {
            names.entry(row.required_text(0)?).or_default().push(row.required_text(2)?);
        }
        Ok(names)
    }

    /// The part of the people of a user group that follows the position `after`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn people(
        &self,
        tenant: &str,
        user_group: &str,
        after: Option<(&str, &str)>,
    ) -> Result<Members, StoreError> {
        let mut query = self.members();
        query.push(" WHERE u.tenant = ").bind(tenant).push(" AND u.user_group = ").bind(user_group);
        if let Some((source, account)) = after {
            query.push(" AND (u.source, u.account) > (").bind(source.replace('\0', "")).push(", ");
            query.bind(account.replace('\0', "")).push(")");
        }
        query.push(" ORDER BY u.source, u.account LIMIT ").bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX));
        let mut members = self.found(query).await?;
        let more = members.len() > PAGE;
        members.truncate(PAGE);
        let next = members.last().filter(|_| more).map(|last| (last.source.clone(), last.account.clone()));
        Ok(Members { members, next })
    }

    fn members(&self) -> Statement {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT u.account, a.name, u.user_group, g.name, g.purpose, u.source, COALESCE(s.name, u.source) ");
        query.push("FROM user_group_member AS u JOIN account AS a ON a.tenant = u.tenant AND a.id = u.account ");
        query.push("JOIN user_group AS g ON g.tenant = u.tenant AND g.id = u.user_group ");
        query.push("LEFT JOIN scim_group AS s ON s.tenant = u.tenant AND s.id = u.source");
        query
    }

    async fn found(&self, query: Statement) -> Result<Vec<Member>, StoreError> {
        let rows = self.database.look_up(vec![query]).await?;
        let member = |mut row: crate::database::Row| {
            let source = row.required_text(5)?;
            let reason = if source == BY_HAND { Reason::ByHand } else { Reason::Mapping(row.required_text(6)?) };
            Ok(Member {
                account: row.required_text(0)?,
                name: row.required_text(1)?,
                user_group: row.required_text(2)?,
                group_name: row.required_text(3)?,
                purpose: row.text(4)?,
                reason,
                source,
            })
        };
        rows.into_iter().flatten().map(member).collect()
    }
}

struct Assigning {
    tenant: String,
    assignment: Assignment,
}

impl Work for Assigning {
    type Output = Result<Assigned, UserGroupError>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, CommitError> {
        let tenant = self.tenant.as_str();
        let Assignment { people, join, leave, by } = &self.assignment;
        let mut groups: Vec<&str> = join.iter().map(String::as_str).collect();
        groups.sort_unstable();
        groups.dedup();
        if lock(session, tenant, &groups, "KEY SHARE").await? < groups.len() {
            return Ok(Err(UserGroupError::Gone));
        }
        // An account that is being deleted at this moment is either gone here, or is deleted together with the
        // rows written here.
        let people = lock_accounts(session, tenant, people).await?;
        let ids = || people.iter().map(String::as_str);
        if !groups.is_empty() {
            let mut insert = Statement::new(session.dialect());
            insert.push("INSERT INTO user_group_member (tenant, account, user_group, source, added, made_by) ");
            insert.push("SELECT a.tenant, a.id, g.id, '', CAST(").bind(Utc::now().timestamp_millis());
            insert.push(" AS BIGINT), CAST(").bind(by.as_str()).push(" AS TEXT) FROM account AS a, user_group AS g ");
            insert.push("WHERE a.tenant = ").bind(tenant).push(" AND g.tenant = a.tenant AND ");
            insert.is_one_of("a.id", ids());
            insert.push(" AND ").is_one_of("g.id", groups.iter().copied());
            insert.push(" ORDER BY 2, 3 ON CONFLICT DO NOTHING");
            count(session, tenant, insert, 1).await?;
        }
        if !leave.is_empty() {
            let mut delete = Statement::new(session.dialect());
            delete.push("DELETE FROM user_group_member WHERE source = '' AND tenant = ").bind(tenant);
            delete.push(" AND ").is_one_of("account", ids());
            delete.push(" AND ").is_one_of("user_group", leave.iter().map(String::as_str));
            count(session, tenant, delete, -1).await?;
        }
        Ok(Ok(Assigned { people: people.len() }))
    }
}
