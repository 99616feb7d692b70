//! OAuth clients of organizations, as rows of the tables `oauth_client` and `oauth_secret`: made, listed, and ended by
//! pages and by the command line.
//!
//! A client belongs to one organization, and its access tokens open SCIM of that organization and nothing else. Only
//! digests of secrets are kept. Access tokens themselves are made in [`grant`] and looked up by
//! [`Directory`](crate::directory::Directory).
//!
//! A page that makes a client calls [`Clients::add_by_form`], shows the secret once with `Cache-Control: no-store`, and
//! names the client's id, [`token_url`] and the SCIM URL beside it. Every method of a page takes the organization of its
//! reader: clients of other organizations do not exist for it.

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
use crate::database::{Database, Row, optional};

/// Days that a secret is valid unless said otherwise. Microsoft's gallery asks for one to three years.
pub const SECRET_DAYS: i64 = 730;

/// The most days that a secret may be valid.
pub const MOST_SECRET_DAYS: i64 = 1_095;

/// The most clients of an organization that are not revoked.
pub const CLIENTS: usize = 50;

/// The most secrets of a client, expired ones included.
pub const SECRETS: usize = 10;

/// The most clients that a list has.
const LISTED: i64 = 1_000;

const CLIENT: &str = "c.id, c.tenant, c.name, c.created, c.made_by, c.revoked, c.used, c.federation";

/// The URL of the token endpoint of an organization.
pub fn token_url(url: &str, organization: &str) -> String {
    format!("{}/oauth/token", issuer(url, organization))
}

/// The issuer in the metadata of an organization (RFC 8414).
pub fn issuer(url: &str, organization: &str) -> String {
    format!("{}/scim/{organization}", url.trim_end_matches('/'))
}

/// What went wrong with a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no organization of this name.
    #[error("expected an organization that exists, found `{0}`")]
    NoOrganization(Box<str>),
    /// The organization has no client with this id.
    #[error("expected the id of a client, found `{0}`")]
    NoClient(Box<str>),
    /// The client was revoked.
    #[error("expected a client that was not revoked: {0} was")]
    Revoked(Box<str>),
    /// No secret of the client has a digest that starts so, or several have.
    #[error("expected the start of one secret's digest, found `{0}`")]
    NoSecret(Box<str>),
    /// The organization has as many clients, or the client has as many secrets, as may be.
    #[error("expected fewer than {0} of them: revoke or delete one that is not used")]
    TooMany(usize),
    /// The lifetime of a secret is too long or none.
    #[error("expected a lifetime of 1 to {MOST_SECRET_DAYS} days")]
    Lifetime,
    /// The form that asks for the client or for the secret has made one before.
    #[error("expected a form that has made nothing yet")]
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
    /// The name that administrators give it.
    pub name: String,
    /// The id of the account that makes it; `None` for the command line.
    pub made_by: Option<String>,
    /// The identity provider whose assertions prove that a caller is the client, if not only secrets do.
    pub federation: Option<FederationSettings>,
}

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id, which the identity provider sends.
    pub id: String,
    /// The organization.
    pub organization: String,
    /// The name that administrators gave it.
    pub name: String,
    /// The time at which it was made.
    pub created: DateTime<Utc>,
    /// The id of the account that made it; `None` for the command line.
    pub made_by: Option<String>,
    /// The time at which an administrator ended it.
    pub revoked: Option<DateTime<Utc>>,
    /// The time at which it last got an access token.
    pub used: Option<DateTime<Utc>>,
    /// The identity provider whose assertions prove that a caller is the client.
    pub federation: Option<FederationSettings>,
    /// Its secrets, the oldest first.
    pub secrets: Vec<Secret>,
}

/// A secret of a client, as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Secret {
    /// The digest.
    pub digest: TokenDigest,
    /// The time at which it was made.
    pub created: DateTime<Utc>,
    /// The time from which on it is not valid.
    pub expires: DateTime<Utc>,
    /// The time at which it last got an access token.
    pub used: Option<DateTime<Utc>>,
}

impl Secret {
    /// The digits by which administrators name the secret.
    pub fn shown(&self) -> String {
        format!("{:.12}", self.digest.to_string())
    }

    /// Whether it is valid at this time.
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
    /// Whether something that the identity provider can have gets an access token at this time.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        let proves = self.federation.is_some() || self.secrets.iter().any(|secret| secret.is_valid(now));
        self.revoked.is_none() && proves
    }
}

impl Clients {
    /// The clients in these tables.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Makes a client without a secret.
    ///
    /// # Errors
    ///
    /// When there is no such organization, or it has [`CLIENTS`] of them.
    pub async fn add(&self, new: NewClient) -> Result<Client, ClientError> {
        let (client, insert) = self.prepare(new, None).await?;
        self.database.execute(vec![insert]).await?;
        Ok(client)
    }

    /// A client that may be made, and the statement that makes it unless the form has made one before.
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
        optional(&mut insert, made_by.as_deref()).push(", ");
        optional(&mut insert, federation.as_ref().map(FederationSettings::to_json).as_deref()).push(", ");
        optional(&mut insert, form).push(") ON CONFLICT DO NOTHING");
        let (revoked, used, secrets) = (None, None, Vec::new());
        Ok((Client { id, organization, name, created, made_by, revoked, used, federation, secrets }, insert))
    }

    /// Makes one more secret for a client, valid for this time. The secret is gone when the caller does not show it.
    ///
    /// # Errors
    ///
    /// When the organization has no such client, it was revoked or has [`SECRETS`] of them, or the lifetime is not
    /// allowed.
    pub async fn add_secret(&self, organization: &str, id: &str, lifetime: TimeDelta) -> Result<Token, ClientError> {
        let (token, insert) = self.prepare_secret(organization, id, lifetime, None).await?;
        self.database.execute(vec![insert]).await?;
        Ok(token)
    }

    /// A secret that may be made for a client, and the statement that makes it.
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

    /// A secret, and the statement that makes it if there is such a client, and the form has made none before.
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
        optional(&mut insert, form).push(" AS TEXT) FROM oauth_client WHERE id = ").bind(id);
        insert.push(" ON CONFLICT DO NOTHING");
        Ok((token, insert))
    }

    /// Deletes the secret of a client whose digest starts with `prefix`, and ends the access tokens that it got: other
    /// instances of the server may accept them for 2 seconds more.
    ///
    /// # Errors
    ///
    /// When the organization has no such client, or it has no such secret or several.
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

    /// Replaces the identity provider whose assertions prove that a caller is the client, and ends the access tokens that
    /// assertions got.
    ///
    /// # Errors
    ///
    /// When the organization has no such client.
    pub async fn set_federation(
        &self,
        organization: &str,
        id: &str,
        federation: Option<&FederationSettings>,
    ) -> Result<(), ClientError> {
        let mut update = self.statement("UPDATE oauth_client SET federation = ");
        optional(&mut update, federation.map(FederationSettings::to_json).as_deref()).push(" WHERE id = ").bind(id);
        update.push(" AND tenant = ").bind(organization);
        let mut tokens = self.statement("DELETE FROM oauth_token WHERE secret IS NULL AND client = ");
        tokens.bind(id).push(" AND tenant = ").bind(organization);
        let changed = self.database.execute(vec![update, tokens]).await?;
        if changed.first() == Some(&1) { Ok(()) } else { Err(ClientError::NoClient(id.into())) }
    }

    /// Ends a client for good, and returns it as it was before: no secret and no assertion gets a token, and the tokens
    /// that it has are refused, by other instances of the server after 2 seconds.
    ///
    /// # Errors
    ///
    /// When the organization has no such client.
    pub async fn revoke(&self, organization: &str, id: &str) -> Result<Client, ClientError> {
        let client = self.find(organization, id).await?;
        let mut update = self.statement("UPDATE oauth_client SET revoked = ");
        update.bind(Utc::now().timestamp_millis()).push(" WHERE revoked IS NULL AND id = ").bind(id);
        let mut tokens = self.statement("DELETE FROM oauth_token WHERE client = ");
        tokens.bind(id);
        self.database.execute(vec![update, tokens]).await?;
        Ok(client)
    }

    /// The client of an organization.
    ///
    /// # Errors
    ///
    /// When the organization has none with this id.
    pub async fn find(&self, organization: &str, id: &str) -> Result<Client, ClientError> {
        let found = self.named(id).await?.filter(|client| client.organization == organization);
        found.ok_or_else(|| ClientError::NoClient(id.into()))
    }

    /// The client with this id, of whichever organization: for the command line.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn find_anywhere(&self, id: &str) -> Result<Client, ClientError> {
        self.named(id).await?.ok_or_else(|| ClientError::NoClient(id.into()))
    }

    /// The clients of an organization, revoked ones too, or those of all for the command line: by organization, the
    /// oldest first.
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
            let owner = row.text(0)?;
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
        let mut found = self.database.read(vec![one, other]).await?.into_iter();
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
    let optional = |column| row.optional_integer(column)?.map(time).transpose();
    let (created, revoked, used) = (time(row.integer(3)?)?, optional(5)?, optional(6)?);
    let (id, organization, name) = (row.text(0)?, row.text(1)?, row.text(2)?);
    let (made_by, federation) = (row.optional_text(4)?, row.optional_text(7)?);
    let federation = federation.as_deref().map(FederationSettings::from_json).transpose()?;
    Ok(Client { id, organization, name, created, made_by, revoked, used, federation, secrets: Vec::new() })
}

fn secret(mut row: Row) -> Result<Secret, StoreError> {
    let digest = row.text(1)?.parse().map_err(StoreError::backend)?;
    let used = row.optional_integer(4)?.map(time).transpose()?;
    Ok(Secret { digest, created: time(row.integer(2)?)?, expires: time(row.integer(3)?)?, used })
}

fn time(millis: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| StoreError::backend("expected a time in milliseconds"))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
