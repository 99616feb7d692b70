//! The settings of single sign-on as rows of the table `sign_on`, and the choice of the settings in use.
//!
//! A row has two sets of settings: the set that the administrator sees and tests, and the set with which people
//! sign in. Turning single sign-on on copies the first set to the second, and only after a test sign-in has
//! succeeded. Untested settings therefore never keep people out.

use chrono::Utc;
use scim_core::{
    sql::Statement,
    store::{CommitError, StoreError},
};
use serde::{Deserialize, Serialize};

use super::{By, Kind, OpenIdSettings, SignOn, read, written};
use crate::{
    database::{Session, Work},
    session::random,
};

/// The settings of one protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Settings {
    /// The settings of OpenID Connect.
    OpenId(OpenIdSettings),
    /// The settings of SAML.
    Saml(SamlSettings),
}

impl Settings {
    /// Returns the protocol of the settings.
    pub fn kind(&self) -> Kind {
        match self {
            Self::OpenId(_) => Kind::OpenId,
            Self::Saml(_) => Kind::Saml,
        }
    }

    /// Returns the property of an account by which a sign-in finds the account.
    pub fn by(&self) -> By {
        match self {
            Self::OpenId(settings) => settings.claim.by(),
            Self::Saml(settings) => settings.by,
        }
    }

    /// Returns the name of the identity provider: the host for OpenID Connect, the entity id for SAML.
    pub fn provider(&self) -> &str {
        match self {
            Self::OpenId(settings) => settings.host(),
            Self::Saml(settings) => &settings.entity_id,
        }
    }
}

/// The part of a SAML response that must have a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signed {
    /// The assertion about the person.
    Assertion,
    /// The response around it.
    Response,
}

/// The settings of SAML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlSettings {
    /// The metadata of the identity provider, as XML.
    pub metadata: String,
    /// The entity id of the identity provider, from the metadata.
    pub entity_id: String,
    /// The part that must have a signature.
    pub signed: Signed,
    /// The property of accounts that is compared with `NameID`.
    pub by: By,
}

/// The result of a test sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether it succeeded.
    pub passed: bool,
    /// The time of the test, in milliseconds since 1970.
    pub time: i64,
    /// The administrator who tested.
    pub person: String,
    /// The result in one sentence.
    pub sentence: String,
    /// More lines: a label, a text, and whether the text is a value from the provider.
    pub lines: Vec<(String, String, bool)>,
}

/// The settings of an organization for one protocol.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The settings that the administrator sees and tests.
    pub settings: Settings,
    /// The version of the settings. Each change creates a new version.
    pub version: String,
    /// The time of the last test sign-in that succeeded with them.
    pub tested: Option<i64>,
    /// The last test sign-in with them.
    pub outcome: Option<Outcome>,
    /// The settings with which people sign in, and their version, once they were turned on.
    pub used: Option<(Settings, String)>,
}

impl Configuration {
    /// Whether people sign in with the settings that the administrator sees, once single sign-on is on.
    pub fn is_used(&self) -> bool {
        self.used.as_ref().is_some_and(|(_, version)| *version == self.version)
    }

    /// Returns the settings of this version; `None` if they are neither the settings to test nor the settings in
    /// use.
    pub fn of_version(&self, version: &str) -> Option<&Settings> {
        if self.version == version {
            return Some(&self.settings);
        }
        self.used.as_ref().filter(|(_, used)| used == version).map(|(settings, _)| settings)
    }
}

impl SignOn {
    /// Reads the organization's settings for a protocol; `None` if it has no settings for the protocol.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn configuration(&self, tenant: &str, kind: Kind) -> Result<Option<Configuration>, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT settings, version, tested, outcome, used, used_version FROM sign_on WHERE tenant = ");
        query.bind(tenant).push(" AND kind = ").bind(kind.as_str());
        let rows = self.database.look_up(vec![query]).await?;
        let Some(mut row) = rows.into_iter().flatten().next() else { return Ok(None) };
        let settings = read(&row.required_text(0)?)?;
        let (version, tested) = (row.required_text(1)?, row.integer(2)?);
        let outcome = row.text(3)?.map(|json| read(&json)).transpose()?;
        let used = row.text(4)?.map(|json| read(&json)).transpose()?;
        let used = used.zip(row.text(5)?);
        Ok(Some(Configuration { settings, version, tested, outcome, used }))
    }

    /// Stores settings. People sign in with them only after a test and after they were turned on.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn save(&self, tenant: &str, settings: &Settings) -> Result<(), StoreError> {
        let mut insert = Statement::new(self.database.dialect());
        insert.push("INSERT INTO sign_on (tenant, kind, settings, version) VALUES (").bind(tenant).push(", ");
        insert.bind(settings.kind().as_str()).push(", ").bind(written(settings)?).push(", ").bind(random()?);
        insert.push(") ON CONFLICT (tenant, kind) DO UPDATE SET settings = excluded.settings, ");
        insert.push("version = excluded.version, tested = NULL, outcome = NULL");
        self.database.execute(vec![insert]).await.map(drop)
    }

    /// Stores the result of a test sign-in with the settings of this version. The result is lost if the settings
    /// have changed.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn record(&self, tenant: &str, kind: Kind, version: &str, outcome: &Outcome) -> Result<(), StoreError> {
        let mut update = Statement::new(self.database.dialect());
        update.push("UPDATE sign_on SET outcome = ").bind(written(outcome)?);
        if outcome.passed {
            update.push(", tested = ").bind(Utc::now().timestamp_millis());
        }
        update.push(" WHERE tenant = ").bind(tenant).push(" AND kind = ").bind(kind.as_str());
        update.push(" AND version = ").bind(version);
        self.database.execute(vec![update]).await.map(drop)
    }

    /// Lets people sign in with the settings of this version. Returns `false`, and changes nothing, if there are
    /// newer settings or no test sign-in has succeeded.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn turn_on(&self, tenant: &str, kind: Kind, version: &str) -> Result<bool, StoreError> {
        let work = TurningOn { tenant: tenant.to_owned(), kind, version: version.to_owned() };
        self.database.write(work).await.map_err(|failed| failed.error)
    }

    /// Turns single sign-on off. Returns `false`, and changes nothing, while SCIM is on: people from SCIM could not
    /// sign in.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn turn_off(&self, tenant: &str) -> Result<bool, StoreError> {
        let mut update = Statement::new(self.database.dialect());
        update.push("UPDATE organization SET sign_on = 'none' WHERE name = ").bind(tenant).push(" AND scim = 0");
        let changed: u64 = self.database.execute(vec![update]).await?.iter().sum();
        Ok(changed == 1)
    }
}

struct TurningOn {
    tenant: String,
    kind: Kind,
    version: String,
}

impl Work for TurningOn {
    type Output = bool;

    async fn run<S: Session>(&self, session: &mut S) -> Result<bool, CommitError> {
        let (tenant, kind) = (self.tenant.as_str(), self.kind.as_str());
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE sign_on SET used = settings, used_version = version WHERE tenant = ").bind(tenant);
        update.push(" AND kind = ").bind(kind).push(" AND version = ").bind(self.version.as_str());
        update.push(" AND tested IS NOT NULL");
        if session.execute(&update).await? == 0 {
            return Ok(false);
        }
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE organization SET sign_on = ").bind(kind).push(" WHERE name = ").bind(tenant);
        session.execute(&update).await?;
        Ok(true)
    }
}
