//! The people of an organization as rows of the table `account`: made by hand in the dashboard, or by SCIM.
//!
//! A person made by hand has no SCIM resource, so SCIM can neither see nor change the account. The account claims its
//! user name in the table `unique_key`, so a SCIM request for a user of that name is refused with 409.

mod change;
mod details;
mod list;
mod password;
mod removal;

use chrono::Utc;
use scim_core::{
    fold::fold,
    sql::Statement,
    store::{CommitError, StoreError},
};
use uuid::Uuid;

use crate::{
    database::{Database, Row, Session, Work},
    sign_on::By,
    store::unique_value,
};

pub(crate) use self::password::digest;
pub use self::{
    change::Changed,
    details::Details,
    list::{Counts, Listing, People, Tab},
};

const COLUMNS: &str =
    "id, origin, user_name, name, email, active, assigned, role, password, created, made_by, department, released";

/// The condition of the people who wait for a user group, word for word as in the index. They come from SCIM, or
/// came from SCIM before the connection was removed.
const UNASSIGNED: &str = " AND (origin = 'scim' OR released IS NOT NULL) AND active = 1 AND assigned = 0";

/// The origin of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An administrator made it in the dashboard.
    Hand,
    /// The identity provider made it by SCIM.
    Scim,
}

/// A person of an organization.
#[derive(Clone, Debug)]
pub struct Account {
    /// The id: for a person made by SCIM, the id of the SCIM resource.
    pub id: String,
    /// The origin of the account.
    pub origin: Origin,
    /// The user name.
    pub user_name: String,
    /// The name that pages show.
    pub name: String,
    /// The e-mail address, if there is one.
    pub email: Option<String>,
    /// Whether the person may sign in.
    pub active: bool,
    /// The number of memberships in user groups, where a group counts once for each reason.
    pub assigned: i64,
    /// The time of creation, in milliseconds since 1970.
    pub created: i64,
    /// The administrator who made the account.
    pub made_by: Option<String>,
    /// The department, if SCIM provides it.
    pub department: Option<String>,
    /// The time at which an account from SCIM became an account made by hand, in milliseconds since 1970.
    pub released: Option<i64>,
    role: String,
    password: Option<String>,
}

impl Account {
    /// Whether the person may see the pages of the organization.
    pub fn is_administrator(&self) -> bool {
        self.role == ADMINISTRATOR
    }

    /// Whether the identity provider made the account, and alone changes it.
    pub fn is_from_scim(&self) -> bool {
        self.origin == Origin::Scim
    }

    /// Whether the person waits for a user group.
    pub fn is_unassigned(&self) -> bool {
        (self.is_from_scim() || self.released.is_some()) && self.active && self.assigned == 0
    }

    /// Whether the person has chosen a password; only administrators do.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    fn of(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.required_text(0)?,
            origin: if row.required_text(1)? == "hand" { Origin::Hand } else { Origin::Scim },
            user_name: row.required_text(2)?,
            name: row.required_text(3)?,
            email: row.text(4)?,
            active: row.required_integer(5)? != 0,
            assigned: row.required_integer(6)?,
            role: row.required_text(7)?,
            password: row.text(8)?,
            created: row.required_integer(9)?,
            made_by: row.text(10)?,
            department: row.text(11)?,
            released: row.integer(12)?,
        })
    }
}

const ADMINISTRATOR: &str = "administrator";

/// An account to make by hand.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The organization.
    pub tenant: String,
    /// The user name, which no other person of the organization may have in any spelling.
    pub user_name: String,
    /// The name that pages show.
    pub name: String,
    /// The e-mail address, if there is one.
    pub email: Option<String>,
    /// Whether the person is an administrator.
    pub administrator: bool,
    /// The administrator who makes the account; `None` for the command line.
    pub made_by: Option<String>,
}

/// The user name as compared and looked up: folded; a digest replaces the end of a name that is too long for an
/// index.
pub fn user_name_key(user_name: &str) -> String {
    const LONGEST: usize = 512;
    let folded = fold(user_name).replace('\0', "\u{fffd}");
    if folded.len() <= LONGEST {
        return folded;
    }
    let fits = |(start, c): &(usize, char)| start + c.len_utf8() <= LONGEST;
    let beginning: String = folded.char_indices().take_while(fits).map(|(_, c)| c).collect();
    beginning + &unique_value(&folded)
}

/// The name as lists order it and searches compare it.
pub(crate) fn sort_name(name: &str) -> String {
    const CHARACTERS: usize = 128;
    fold(name).chars().take(CHARACTERS).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}

/// All accounts.
#[derive(Clone, Debug)]
pub struct Accounts {
    database: Database,
}

impl Accounts {
    /// The accounts in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The account with this id.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find(&self, tenant: &str, id: &str) -> Result<Option<Account>, StoreError> {
        // PostgreSQL has no text with a NUL character.
        if id.contains('\0') {
            return Ok(None);
        }
        let mut query = self.select(tenant);
        query.push(" AND id = ").bind(id);
        self.one(query).await
    }

    /// The account made by hand with this user name, in any spelling.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_made_by_hand(&self, tenant: &str, user_name: &str) -> Result<Option<Account>, StoreError> {
        let mut query = self.select(tenant);
        query.push(" AND origin = 'hand' AND user_name_key = ").bind(user_name_key(user_name));
        self.one(query).await
    }

    /// The account that has this user name in any spelling, which makes the name unavailable: a refusal names this
    /// account. An account made by hand comes first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn conflicting(&self, tenant: &str, user_name: &str) -> Result<Option<Account>, StoreError> {
        let mut query = self.select(tenant);
        query.push(" AND user_name_key = ").bind(user_name_key(user_name)).push(" ORDER BY origin LIMIT 1");
        self.one(query).await
    }

    /// The accounts that a value from the identity provider names, at most two: those with the user name in any
    /// spelling, or with the `externalId`, which only accounts made by SCIM have. An account keeps its
    /// `externalId` when an administrator removes the connection, so that the person can still sign in; an account
    /// of the next connection with the same `externalId` takes precedence.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_at_sign_on(&self, tenant: &str, by: By, value: &str) -> Result<Vec<Account>, StoreError> {
        let mut query = self.select(tenant);
        match by {
            By::UserName => query.push(" AND user_name_key = ").bind(user_name_key(value)),
            // No row has a NUL character, and PostgreSQL accepts no text with it.
            By::ExternalId if value.contains('\0') => return Ok(Vec::new()),
            By::ExternalId => query.push(" AND external_id = ").bind(value),
        };
        // The accounts of SCIM come first.
        query.push(" ORDER BY origin DESC LIMIT 2");
        let mut found = self.all(query).await?;
        if by == By::ExternalId && found.iter().any(Account::is_from_scim) {
            found.retain(Account::is_from_scim);
        }
        Ok(found)
    }

    /// Up to three active administrators of the organization, whom a person may ask.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn administrators(&self, tenant: &str) -> Result<Vec<Account>, StoreError> {
        let mut query = self.select(tenant);
        query.push(" AND role = 'administrator' AND active = 1 LIMIT 3");
        let rows = self.database.look_up(vec![query]).await?;
        rows.into_iter().flatten().map(|mut row| Account::of(&mut row)).collect()
    }

    /// Whether the organization has an active administrator who has chosen a password.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn has_administrator(&self, tenant: &str) -> Result<bool, StoreError> {
        let mut query = self.select(tenant);
        query.push(" AND role = 'administrator' AND active = 1 AND password IS NOT NULL LIMIT 1");
        Ok(self.one(query).await?.is_some())
    }

    /// Makes an account by hand. Returns its id.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotUnique`] when another person of the organization has the user name; when the database does not
    /// answer.
    pub async fn add(&self, account: NewAccount) -> Result<String, StoreError> {
        self.database.write(Addition(account)).await.map_err(|failed| failed.error)
    }

    /// Whether this is the password of the account. The check takes the same time if the account does not exist.
    ///
    /// # Errors
    ///
    /// When the process cannot compute the digest.
    pub async fn has_this_password(&self, account: Option<&Account>, password: &str) -> Result<bool, StoreError> {
        let digest = account.and_then(|account| account.password.clone());
        password::is_of(digest, password.to_owned()).await
    }

    /// The number of people from SCIM, now or before, who belong to no user group, counted up to 1,000.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn unassigned(&self, tenant: &str) -> Result<i64, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT count(*) FROM (SELECT 1 FROM account WHERE tenant = ").bind(tenant).push(UNASSIGNED);
        query.push(" LIMIT 1000) AS waiting");
        let rows = self.database.look_up(vec![query]).await?;
        rows.into_iter().flatten().next().map_or(Ok(0), |row| row.required_integer(0))
    }

    fn select(&self, tenant: &str) -> Statement {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT ").push(COLUMNS).push(" FROM account WHERE tenant = ").bind(tenant);
        query
    }

    async fn one(&self, query: Statement) -> Result<Option<Account>, StoreError> {
        Ok(self.all(query).await?.into_iter().next())
    }

    async fn all(&self, query: Statement) -> Result<Vec<Account>, StoreError> {
        let rows = self.database.look_up(vec![query]).await?;
        rows.into_iter().flatten().map(|mut row| Account::of(&mut row)).collect()
    }
}

struct Addition(NewAccount);

impl Work for Addition {
    type Output = String;

    async fn run<S: Session>(&self, session: &mut S) -> Result<String, CommitError> {
        let NewAccount { tenant, user_name, name, email, administrator, made_by } = &self.0;
        let id = Uuid::new_v4().to_string();
        let mut claim = Statement::new(session.dialect());
        claim.push("INSERT INTO unique_key (tenant, kind, attribute, value, id) VALUES (").bind(tenant.as_str());
        claim.push(", 'User', 'userName', ").bind(unique_value(&fold(user_name))).push(", ").bind(id.as_str());
        claim.push(") ON CONFLICT DO NOTHING");
        if session.execute(&claim).await? == 0 {
            return Err(StoreError::NotUnique { attribute: scim_core::schema::AttributeId::ROOT }.into());
        }
        let mut insert = Statement::new(session.dialect());
        insert.push("INSERT INTO account (tenant, id, origin, user_name, user_name_key, name, sort_name, email, ");
        insert.push("active, role, created, made_by) VALUES (").bind(tenant.as_str()).push(", ").bind(id.as_str());
        insert.push(", 'hand', ").bind(user_name.as_str()).push(", ").bind(user_name_key(user_name)).push(", ");
        insert.bind(name.as_str()).push(", ").bind(sort_name(name)).push(", ");
        insert.bind_optional(email.as_deref());
        insert.push(", 1, ").bind(if *administrator { ADMINISTRATOR } else { "member" }).push(", ");
        insert.bind(Utc::now().timestamp_millis()).push(", ");
        insert.bind_optional(made_by.as_deref());
        session.execute(insert.push(")")).await?;
        Ok(id)
    }
}
