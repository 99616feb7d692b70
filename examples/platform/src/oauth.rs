//! OAuth clients of organizations, as rows of the tables `oauth_client` and `oauth_secret`. Pages and the command
//! line create, list and revoke them.
//!
//! A client belongs to one organization, and its access tokens give access to SCIM of that organization only. The
//! tables store only digests of secrets. The module [`grant`] issues access tokens, and
//! [`Directory`](crate::directory::Directory) looks them up.
//!
//! A page that creates a client calls [`Clients::add_by_form`], shows the secret once with
//! `Cache-Control: no-store`, and shows the client's id, [`token_url`] and the SCIM URL next to it. Every method
//! for pages takes the organization of the page's reader and does not find clients of other organizations.

mod by_form;
mod federation;
pub mod grant;
mod key_sets;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use scim_core::{
    bearer::{NoRandomness, Token, TokenDigest},
    sql::Statement,
    store::StoreError,
};

pub use self::federation::{FederationSettings, InvalidFederation};
use crate::database::{Database, Row};

/// The default lifetime of a secret, in days. Microsoft's gallery asks for one to three years.
pub const SECRET_DAYS: i64 = 730;

/// The maximum lifetime of a secret, in days.
pub const MOST_SECRET_DAYS: i64 = 1_095;

/// The maximum number of clients of an organization that are not revoked.
pub const CLIENTS: usize = 50;

/// The maximum number of secrets of a client, including expired secrets.
pub const SECRETS: usize = 10;

/// The maximum number of clients in a list.
const LISTED: i64 = 1_000;

const CLIENT: &str = "c.id, c.tenant, c.name, c.created, c.made_by, c.revoked, c.used, c.federation";

/// Returns the URL of the token endpoint of an organization.
pub fn token_url(url: &str, organization: &str) -> String {
    format!("{}/oauth/token", issuer(url, organization))
}

/// Returns the issuer in the metadata of an organization (RFC 8414).
pub fn issuer(url: &str, organization: &str) -> String {
    format!("{}/scim/{organization}", url.trim_end_matches('/'))
}

/// An error of an operation on clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no organization of this name.
    #[error("no organization has the name `{0}`")]
    NoOrganization(Box<str>),
    /// The organization has no client with this id.
    #[error("no client has the id `{0}`")]
    NoClient(Box<str>),
    /// The client was revoked.
    #[error("the client {0} was revoked")]
    Revoked(Box<str>),
    /// No secret of the client has a digest with this prefix, or several have.
    #[error("no secret, or more than one, has a digest that starts with `{0}`")]
    NoSecret(Box<str>),
    /// The organization has the maximum number of clients, or the client has the maximum number of secrets.
    #[error("there are {0} of them already: revoke or delete one that is not used")]
    TooMany(usize),
    /// The lifetime of a secret is shorter than one day or longer than [`MOST_SECRET_DAYS`].
    #[error("expected a lifetime of 1 to {MOST_SECRET_DAYS} days")]
    Lifetime,
    /// The form has already created a client or a secret.
    #[error("the form was already used")]
    Repeated,
    /// The system has no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The tables cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A client that does not exist yet.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// The organization.
    pub organization: String,
    /// The name that administrators give the client.
    pub name: String,
    /// The id of the account that creates the client; `None` for the command line.
    pub made_by: Option<String>,
    /// The identity provider whose assertions prove that a caller is the client; `None` if only secrets prove this.
    pub federation: Option<FederationSettings>,
}

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// The id of the client, which the identity provider sends.
    pub id: String,
    /// The organization.
    pub organization: String,
    /// The name that administrators gave the client.
    pub name: String,
    /// The time at which the client was created.
    pub created: DateTime<Utc>,
    /// The id of the account that created the client; `None` for the command line.
    pub made_by: Option<String>,
    /// The time at which an administrator revoked the client.
    pub revoked: Option<DateTime<Utc>>,
    /// The time at which the client last got an access token.
    pub used: Option<DateTime<Utc>>,
    /// The identity provider whose assertions prove that a caller is the client.
    pub federation: Option<FederationSettings>,
    /// The secrets of the client, the oldest first.
    pub secrets: Vec<Secret>,
}

/// A stored secret of a client.
#[derive(Clone, Copy, Debug)]
pub struct Secret {
    /// The digest.
    pub digest: TokenDigest,
    /// The time at which the secret was created.
    pub created: DateTime<Utc>,
    /// The time at which the secret expires.
    pub expires: DateTime<Utc>,
    /// The time at which the secret last got an access token.
    pub used: Option<DateTime<Utc>>,
}

impl Secret {
    /// Returns the 12 digits by which pages and lists name the secret.
    pub fn shown(&self) -> String {
        format!("{:.12}", self.digest.to_string())
    }

    /// Whether the secret is valid at the time `now`.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        now < self.expires
    }
}

/// The clients of all organizations.
#[derive(Clone, Debug)]
pub struct Clients {
    database: Database,
}

impl Client {
    /// Whether the client can get an access token at the time `now`: the client is not revoked, and has a federated
    /// identity or a valid secret.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        let proves = self.federation.is_some() || self.secrets.iter().any(|secret| secret.is_valid(now));
        self.revoked.is_none() && proves
    }
}

impl Clients {
    /// Returns the clients in the tables of this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Creates a client without a secret.
    ///
    /// # Errors
    ///
    /// When the organization does not exist, or has [`CLIENTS`] clients.
    pub async fn add(&self, new: NewClient) -> Result<Client, ClientError> {
        let (client, insert) = self.prepare(new, None).await?;
        self.database.execute(vec![insert]).await?;
        Ok(client)
    }

    /// Checks a new client. Returns the client, and the statement that inserts it unless the form has already
    /// created a client.
    async fn prepare(&self, new: NewClient, form: Option<&str>) -> Result<(Client, Statement), ClientError> {
        let NewClient { organization, name, made_by, federation } = new;
        let mut found = self.statement("SELECT name FROM organization WHERE name = ");
        found.bind(organization.as_str());
        let mut count = self.statement("SELECT id FROM oauth_client WHERE revoked IS NULL AND tenant = ");
        count.bind(organization.as_str()).push(" LIMIT ").bind(number(CLIENTS));
        let [found, count] = self.two(found, count).await?;
        if found.is_empty() {
            return Err(ClientError::NoOrganization(organization.into()));
        }
        if count.len() >= CLIENTS {
            return Err(ClientError::TooMany(CLIENTS));
        }
        let (id, created) = (uuid::Uuid::new_v4().to_string(), Utc::now().trunc_subsecs(3));
        let mut insert =
            self.statement("INSERT INTO oauth_client (id, tenant, name, created, made_by, federation, form) VALUES (");
        insert.bind(id.as_str()).push(", ").bind(organization.as_str()).push(", ").bind(name.as_str()).push(", ");
        insert.bind(created.timestamp_millis()).push(", ");
        insert.bind_optional(made_by.as_deref()).push(", ");
        insert.bind_optional(federation.as_ref().map(FederationSettings::to_json).as_deref()).push(", ");
        insert.bind_optional(form).push(") ON CONFLICT DO NOTHING");
        let (revoked, used, secrets) = (None, None, Vec::new());
        Ok((Client { id, organization, name, created, made_by, revoked, used, federation, secrets }, insert))
    }

    /// Creates an additional secret for a client, valid for `lifetime`. Only this call returns the secret.
    ///
    /// # Errors
    ///
    /// When the organization has no client with this id, the client was revoked or has [`SECRETS`] secrets, or the
    /// lifetime is not allowed.
    pub async fn add_secret(&self, organization: &str, id: &str, lifetime: TimeDelta) -> Result<Token, ClientError> {
        let (token, insert) = self.prepare_secret(organization, id, lifetime, None).await?;
        self.database.execute(vec![insert]).await?;
        Ok(token)
    }

    /// Checks a new secret of a client. Returns the secret, and the statement that inserts it.
    async fn prepare_secret(
        &self,
        organization: &str,
        id: &str,
        lifetime: TimeDelta,
        form: Option<&str>,
    ) -> Result<(Token, Statement), ClientError> {
        let client = self.find(organization, id).await?;
        if client.revoked.is_some() {
            return Err(ClientError::Revoked(client.id.into()));
        }
        if client.secrets.len() >= SECRETS {
            return Err(ClientError::TooMany(SECRETS));
        }
        self.new_secret(id, lifetime, form)
    }

    /// Returns a secret, and the statement that inserts it if the client exists and the form has not already
    /// created a secret.
    fn new_secret(&self, id: &str, lifetime: TimeDelta, form: Option<&str>) -> Result<(Token, Statement), ClientError> {
        if !(TimeDelta::days(1)..=TimeDelta::days(MOST_SECRET_DAYS)).contains(&lifetime) {
            return Err(ClientError::Lifetime);
        }
        let (token, created) = (Token::generate()?, Utc::now().timestamp_millis());
        let mut insert =
            self.statement("INSERT INTO oauth_secret (client, digest, created, expires, form) SELECT id, ");
        insert.push("CAST(").bind(token.digest().to_string()).push(" AS TEXT), CAST(").bind(created);
        insert.push(" AS BIGINT), CAST(").bind(created.saturating_add(lifetime.num_milliseconds()));
        insert.push(" AS BIGINT), CAST(");
        insert.bind_optional(form).push(" AS TEXT) FROM oauth_client WHERE id = ").bind(id);
        insert.push(" ON CONFLICT DO NOTHING");
        Ok((token, insert))
    }

    /// Deletes the secret of a client whose digest starts with `prefix`, and ends the access tokens that were
    /// issued for it. Other instances of the server may accept these tokens for 2 more seconds.
    ///
    /// # Errors
    ///
    /// When the organization has no client with this id, or the client has no secret or several secrets with this
    /// prefix.
    pub async fn delete_secret(&self, organization: &str, id: &str, prefix: &str) -> Result<Secret, ClientError> {
        let client = self.find(organization, id).await?;
        let prefix = prefix.to_ascii_lowercase();
        let mut found = client.secrets.into_iter().filter(|secret| secret.digest.to_string().starts_with(&prefix));
        let (Some(secret), None) = (found.next(), found.next()) else {
            return Err(ClientError::NoSecret(prefix.into()));
        };
        let digest = secret.digest.to_string();
        let mut delete = self.statement("DELETE FROM oauth_secret WHERE client = ");
        delete.bind(id).push(" AND digest = ").bind(digest.as_str());
        let mut tokens = self.statement("DELETE FROM oauth_token WHERE client = ");
        tokens.bind(id).push(" AND secret = ").bind(digest.as_str());
        self.database.execute(vec![delete, tokens]).await?;
        Ok(secret)
    }

    /// Replaces the identity provider whose assertions prove that a caller is the client, and ends the access
    /// tokens that were issued for assertions.
    ///
    /// # Errors
    ///
    /// When the organization has no client with this id.
    pub async fn set_federation(
        &self,
        organization: &str,
        id: &str,
        federation: Option<&FederationSettings>,
    ) -> Result<(), ClientError> {
        let mut update = self.statement("UPDATE oauth_client SET federation = ");
        update.bind_optional(federation.map(FederationSettings::to_json).as_deref()).push(" WHERE id = ").bind(id);
        update.push(" AND tenant = ").bind(organization);
        let mut tokens = self.statement("DELETE FROM oauth_token WHERE secret IS NULL AND client = ");
        tokens.bind(id).push(" AND tenant = ").bind(organization);
        let changed = self.database.execute(vec![update, tokens]).await?;
        if changed.first() == Some(&1) { Ok(()) } else { Err(ClientError::NoClient(id.into())) }
    }

    /// Revokes a client permanently, and returns its state before. No secret and no assertion gets a token any
    /// more, and the server refuses the client's existing tokens; other instances of the server refuse them after 2
    /// seconds.
    ///
    /// # Errors
    ///
    /// When the organization has no client with this id.
    pub async fn revoke(&self, organization: &str, id: &str) -> Result<Client, ClientError> {
        let client = self.find(organization, id).await?;
        let mut update = self.statement("UPDATE oauth_client SET revoked = ");
        update.bind(Utc::now().timestamp_millis()).push(" WHERE revoked IS NULL AND id = ").bind(id);
        let mut tokens = self.statement("DELETE FROM oauth_token WHERE client = ");
        tokens.bind(id);
        self.database.execute(vec![update, tokens]).await?;
        Ok(client)
    }

    /// Finds a client of an organization by its id.
    ///
    /// # Errors
    ///
    /// When the organization has no client with this id.
    pub async fn find(&self, organization: &str, id: &str) -> Result<Client, ClientError> {
        let found = self.named(id).await?.filter(|client| client.organization == organization);
        found.ok_or_else(|| ClientError::NoClient(id.into()))
    }

    /// Finds a client of any organization by its id, for the command line.
    ///
    /// # Errors
    ///
    /// When no client has this id.
    pub async fn find_anywhere(&self, id: &str) -> Result<Client, ClientError> {
        self.named(id).await?.ok_or_else(|| ClientError::NoClient(id.into()))
    }

    /// Lists clients including revoked clients: those of one organization, or those of all organizations for the
    /// command line. The order is by organization, the oldest client first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn list(&self, organization: Option<&str>) -> Result<Vec<Client>, ClientError> {
        let select = |columns: &str, from: &str| {
            let mut select = self.statement(&format!("SELECT {columns} FROM {from}"));
            if let Some(organization) = organization {
                select.push(" WHERE c.tenant = ").bind(organization);
            }
            select
        };
        let mut clients = select(CLIENT, "oauth_client AS c");
        clients.push(" ORDER BY c.tenant, c.created, c.id LIMIT ").bind(LISTED);
        self.with_secrets(clients, select(SECRET, SECRETS_OF_CLIENTS)).await
    }

    async fn named(&self, id: &str) -> Result<Option<Client>, ClientError> {
        let mut client = self.statement(&format!("SELECT {CLIENT} FROM oauth_client AS c WHERE c.id = "));
        client.bind(id);
        let mut secrets = self.statement(&format!("SELECT {SECRET} FROM {SECRETS_OF_CLIENTS} WHERE c.id = "));
        secrets.bind(id);
        Ok(self.with_secrets(client, secrets).await?.pop())
    }

    async fn with_secrets(&self, clients: Statement, secrets: Statement) -> Result<Vec<Client>, ClientError> {
        let [clients, secrets] = self.two(clients, secrets).await?;
        let mut clients = clients.into_iter().map(client).collect::<Result<Vec<_>, _>>()?;
        for mut row in secrets {
            let owner = row.required_text(0)?;
            let secret = secret(row)?;
            if let Some(client) = clients.iter_mut().find(|client| client.id == owner) {
                client.secrets.push(secret);
            }
        }
        for client in &mut clients {
            client.secrets.sort_by_key(|secret| secret.created);
        }
        Ok(clients)
    }

    async fn two(&self, one: Statement, other: Statement) -> Result<[Vec<Row>; 2], StoreError> {
        let mut found = self.database.look_up(vec![one, other]).await?.into_iter();
        Ok([found.next().unwrap_or_default(), found.next().unwrap_or_default()])
    }

    fn statement(&self, sql: &str) -> Statement {
        let mut statement = Statement::new(self.database.dialect());
        statement.push(sql);
        statement
    }
}

const SECRET: &str = "s.client, s.digest, s.created, s.expires, s.used";

const SECRETS_OF_CLIENTS: &str = "oauth_client AS c JOIN oauth_secret AS s ON s.client = c.id";

fn client(mut row: Row) -> Result<Client, StoreError> {
    let optional = |column| row.integer(column)?.map(time).transpose();
    let (created, revoked, used) = (time(row.required_integer(3)?)?, optional(5)?, optional(6)?);
    let (id, organization, name) = (row.required_text(0)?, row.required_text(1)?, row.required_text(2)?);
    let (made_by, federation) = (row.text(4)?, row.text(7)?);
    let federation = federation.as_deref().map(FederationSettings::from_json).transpose()?;
    Ok(Client { id, organization, name, created, made_by, revoked, used, federation, secrets: Vec::new() })
}

fn secret(mut row: Row) -> Result<Secret, StoreError> {
    let digest = row.required_text(1)?.parse().map_err(StoreError::backend)?;
    let used = row.integer(4)?.map(time).transpose()?;
    Ok(Secret { digest, created: time(row.required_integer(2)?)?, expires: time(row.required_integer(3)?)?, used })
}

fn time(millis: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| StoreError::backend("expected a time in milliseconds"))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
