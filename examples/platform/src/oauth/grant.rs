//! Issues access tokens to clients that have proved their identity, and stores digests of the tokens in the table
//! `oauth_token`.

use chrono::{DateTime, Utc};
use scim_core::{
    oauth::{ClientSecret, Credential, IssueError, Issued, TokenEndpoint, TokenError, TokenErrorKind, TokenRequest},
    sql::{Dialect, Statement},
    store::{CommitError, StoreError, TenantId},
};

use super::{FederationSettings, key_sets::KeySets, time};
use crate::{
    database::{Database, Session, Work},
    log::with_causes,
};

/// The scopes of access tokens (RFC 7644 §2.1). Each scope means all of SCIM; Entra ID sends one of the two.
pub const SCOPES: [&str; 2] = ["scim", "scim.readwrite"];

/// The maximum number of valid tokens of a client. When the client asks for more, the oldest tokens end.
const TOKENS: i64 = 200;

/// The maximum number of expired rows that a request for a token removes.
const SWEPT: i64 = 50;

/// The error of a request that gets no access token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The request is not valid.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<IssueError> for GrantError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Token(error) => Self::Token(error),
            other => Self::Store(StoreError::backend(other.to_string())),
        }
    }
}

/// The token endpoint of all organizations, without HTTP.
#[derive(Debug)]
pub struct Grants {
    database: Database,
    endpoint: TokenEndpoint,
    keys: KeySets,
}

/// The client of a request and its organization, from the tables.
struct ClientRow {
    federation: Option<FederationSettings>,
    scim: bool,
    secrets: Vec<ClientSecret>,
}

impl Grants {
    /// Issues tokens in the tables of this database; `url` is the URL under which clients see the server.
    ///
    /// # Errors
    ///
    /// When the system offers no TLS for the requests to identity providers.
    pub fn new(database: Database, url: &str) -> Result<Self, reqwest::Error> {
        Ok(Self { database, endpoint: TokenEndpoint::new(SCOPES), keys: KeySets::new(url)? })
    }

    /// Issues a token to the client of a request, if it is a client of the organization and proves its identity.
    ///
    /// # Errors
    ///
    /// When the client does not prove its identity or must not have a token, or the database does not answer.
    pub async fn grant(&self, organization: &TenantId, request: &TokenRequest) -> Result<Issued, GrantError> {
        // A client that does not exist has no secrets.
        let found = self.find(organization, request.client_id()).await?;
        let secrets = found.as_ref().map_or(&[][..], |found| &found.secrets);
        let (secret, replay) = match request.credential() {
            Credential::Assertion(assertion) => {
                let settings = found.as_ref().and_then(|found| found.federation.as_ref());
                let settings = settings.ok_or_else(|| request.unknown())?;
                let keys = self.keys.of(settings.keys(), assertion).await;
                let verified = settings.rules().verify(assertion, &keys, Utc::now()).map_err(|error| {
                    tracing::warn!(
                        client = request.client_id(),
                        error = with_causes(&error),
                        "an assertion was refused"
                    );
                    error.token_error()
                })?;
                (None, verified.replay_key().map(|key| (format!("assertion {key}"), verified.expires())))
            }
            _ => (Some(request.authenticate(secrets, Utc::now())?.digest().to_string()), None),
        };
        if !found.is_some_and(|found| found.scim) {
            return Err(TokenError::new(TokenErrorKind::UnauthorizedClient, "SCIM is off for the organization").into());
        }
        let now = Utc::now();
        let issued = self.endpoint.issue(request, now)?;
        let keeping = Keeping {
            tenant: organization.clone(),
            client: request.client_id().to_owned(),
            secret,
            replay,
            digest: issued.token().digest().to_string(),
            expires: issued.expires(),
            now,
        };
        match self.database.write(keeping).await.map_err(|failed| failed.error)? {
            IssueOutcome::Stored => Ok(issued),
            IssueOutcome::Gone => Err(request.unknown().into()),
            IssueOutcome::Replayed => {
                let detail = "the client assertion was used before";
                Err(TokenError::new(TokenErrorKind::InvalidClient, detail).into())
            }
        }
    }

    /// Finds the client; `None` if it was revoked or belongs to another organization.
    async fn find(&self, organization: &TenantId, id: &str) -> Result<Option<ClientRow>, StoreError> {
        let mut select = Statement::new(self.database.dialect());
        select.push("SELECT c.federation, o.scim, s.digest, s.expires FROM oauth_client AS c ");
        select.push("JOIN organization AS o ON o.name = c.tenant LEFT JOIN oauth_secret AS s ON s.client = c.id ");
        select
            .push("WHERE c.revoked IS NULL AND c.id = ")
            .bind(id)
            .push(" AND c.tenant = ")
            .bind(organization.as_str());
        let rows = self.database.look_up(vec![select]).await?.pop().unwrap_or_default();
        let mut found: Option<ClientRow> = None;
        for mut row in rows {
            let federation = row.text(0)?;
            let federation = federation.as_deref().map(FederationSettings::from_json).transpose()?;
            let scim = row.required_integer(1)? != 0;
            let client = found.get_or_insert(ClientRow { federation, scim, secrets: Vec::new() });
            if let (Some(digest), Some(expires)) = (row.text(2)?, row.integer(3)?) {
                let digest = digest.parse().map_err(StoreError::backend)?;
                client.secrets.push(ClientSecret::new(digest, time(expires)?));
            }
        }
        Ok(found)
    }
}

/// Stores a token in one transaction with the use of its secret or assertion.
struct Keeping {
    tenant: TenantId,
    client: String,
    /// The digest of the secret; `None` for an assertion.
    secret: Option<String>,
    /// The replay key of the assertion, and the time at which the assertion expires.
    replay: Option<(String, DateTime<Utc>)>,
    digest: String,
    expires: DateTime<Utc>,
    now: DateTime<Utc>,
}

enum IssueOutcome {
    Stored,
    /// The client was revoked, or its secret was deleted, after the look-up.
    Gone,
    /// The assertion was used before.
    Replayed,
}

impl Work for Keeping {
    type Output = IssueOutcome;

    fn tenant(&self) -> Option<&TenantId> {
        Some(&self.tenant)
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<IssueOutcome, CommitError> {
        let dialect = session.dialect();
        let statement = |sql: &str| {
            let mut statement = Statement::new(dialect);
            statement.push(sql);
            statement
        };
        let now = self.now.timestamp_millis();
        if let Some((key, end)) = &self.replay {
            let mut insert = statement("INSERT INTO replay (tenant, id, expires) VALUES (");
            insert.bind(self.tenant.as_str()).push(", ").bind(key.as_str()).push(", ").bind(end.timestamp_millis());
            insert.push(") ON CONFLICT DO NOTHING");
            if session.execute(&insert).await? == 0 {
                return Ok(IssueOutcome::Replayed);
            }
        }
        // The updated rows stay locked until the commit: a revocation waits, and then ends the token too.
        let mut used = statement("UPDATE oauth_client SET used = ");
        used.bind(now).push(" WHERE revoked IS NULL AND id = ").bind(self.client.as_str());
        if session.execute(&used).await? == 0 {
            return Ok(IssueOutcome::Gone);
        }
        if let Some(secret) = &self.secret {
            let mut used = statement("UPDATE oauth_secret SET used = ");
            used.bind(now)
                .push(" WHERE client = ")
                .bind(self.client.as_str())
                .push(" AND digest = ")
                .bind(secret.as_str());
            if session.execute(&used).await? == 0 {
                return Ok(IssueOutcome::Gone);
            }
        }
        let mut insert = statement("INSERT INTO oauth_token (digest, client, tenant, expires, secret) VALUES (");
        insert.bind(self.digest.as_str()).push(", ").bind(self.client.as_str()).push(", ");
        insert.bind(self.tenant.as_str()).push(", ").bind(self.expires.timestamp_millis()).push(", ");
        insert.bind_optional(self.secret.as_deref()).push(")");
        session.execute(&insert).await?;
        // Skip rows that another transaction is removing at the same time.
        let end = if dialect == Dialect::Sqlite { ")" } else { " FOR UPDATE SKIP LOCKED)" };
        let mut oldest =
            statement("DELETE FROM oauth_token WHERE digest IN (SELECT digest FROM oauth_token WHERE client = ");
        oldest.bind(self.client.as_str()).push(" ORDER BY expires DESC LIMIT ").bind(SWEPT).push(" OFFSET ");
        oldest.bind(TOKENS).push(end);
        session.execute(&oldest).await?;
        let mut expired =
            statement("DELETE FROM oauth_token WHERE digest IN (SELECT digest FROM oauth_token WHERE expires <= ");
        expired.bind(now).push(" ORDER BY expires LIMIT ").bind(SWEPT).push(end);
        session.execute(&expired).await?;
        let mut expired =
            statement("DELETE FROM replay WHERE (tenant, id) IN (SELECT tenant, id FROM replay WHERE expires <= ");
        expired.bind(now).push(" ORDER BY expires LIMIT ").bind(SWEPT).push(end);
        session.execute(&expired).await?;
        Ok(IssueOutcome::Stored)
    }
}
