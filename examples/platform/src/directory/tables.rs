//! Organizations and keys in the tables `organization`, `api_key` and `oauth_token`. Times are milliseconds since
//! 1970 in UTC.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use scim_core::{bearer::TokenDigest, sql::Statement, store::StoreError};

use super::{DirectoryError, Key, Organization, Standing, trust::USE_RESOLUTION};
use crate::{
    database::{Database, Row},
    identity_provider::IdentityProvider,
};

const KEY: &str = "k.digest, k.organization, k.name, k.created, k.expires, k.revoked, k.used, k.address, k.made_by, \
                   k.ending, k.form, k.refused";

const ORGANIZATION: &str = "name, created, scim, title, identity_provider, sign_on, unique_groups";

#[derive(Debug)]
pub(super) struct Tables {
    database: Database,
}

impl Tables {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    pub(super) async fn add_organization(&self, organization: &Organization) -> Result<(), StoreError> {
        let mut insert = self.statement("INSERT INTO organization (name, created, scim, sign_on) VALUES (");
        insert.bind(organization.name.as_str()).push(", ").bind(organization.created.timestamp_millis()).push(", ");
        insert.bind(i64::from(organization.scim)).push(", ").bind(organization.sign_on.as_str());
        insert.push(") ON CONFLICT DO NOTHING");
        self.database.execute(vec![insert]).await.map(drop)
    }

    pub(super) async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let select = self.statement(&format!("SELECT {ORGANIZATION} FROM organization ORDER BY name"));
        self.select(select).await?.into_iter().map(organization).collect()
    }

    pub(super) async fn organization(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let mut select = self.statement(&format!("SELECT {ORGANIZATION} FROM organization WHERE name = "));
        select.bind(name);
        self.select(select).await?.pop().map(organization).transpose()
    }

    /// Returns whether the organization exists.
    pub(super) async fn set_scim(&self, name: &str, on: bool) -> Result<bool, DirectoryError> {
        let mut update = self.statement("UPDATE organization SET scim = ");
        update.bind(i64::from(on)).push(" WHERE name = ").bind(name);
        // While a removal runs, SCIM can only be off.
        update.push(if on { " AND removal IS NULL" } else { "" });
        let changed = self.database.execute(vec![update]).await?.iter().sum::<u64>() > 0;
        if !changed && on && self.organization(name).await?.is_some() {
            return Err(DirectoryError::Removing);
        }
        Ok(changed)
    }

    /// Returns whether the organization exists.
    pub(super) async fn set_identity_provider(
        &self,
        name: &str,
        provider: IdentityProvider,
    ) -> Result<bool, StoreError> {
        // The faults of the former provider do not apply to the new provider. The provisioning log takes the rows in
        // this order, too.
        let mut forget = vec![
            self.statement("UPDATE connection SET failing = NULL, fault = NULL WHERE tenant = "),
            self.statement("DELETE FROM trouble WHERE tenant = "),
        ];
        for statement in &mut forget {
            statement.bind(name).push(" AND EXISTS (SELECT 1 FROM organization WHERE name = ").bind(name);
            statement.push(" AND identity_provider <> ").bind(provider.name()).push(")");
        }
        let mut update = self.statement("UPDATE organization SET provider_since = CASE WHEN identity_provider = ");
        update.bind(provider.name()).push(" THEN provider_since ELSE ").bind(Utc::now().timestamp_millis());
        update.push(" END, identity_provider = ").bind(provider.name()).push(" WHERE name = ").bind(name);
        forget.push(update);
        Ok(self.database.execute(forget).await?.last().is_some_and(|changed| *changed > 0))
    }

    /// Returns whether the organization exists.
    pub(super) async fn set_sign_on(&self, name: &str, sign_on: &str) -> Result<bool, StoreError> {
        let mut update = self.statement("UPDATE organization SET sign_on = ");
        self.change(name, update.bind(sign_on)).await
    }

    /// Returns whether the organization exists.
    pub(super) async fn set_unique_groups(&self, name: &str, unique: bool) -> Result<bool, StoreError> {
        let mut update = self.statement("UPDATE organization SET unique_groups = ");
        self.change(name, update.bind(i64::from(unique))).await
    }

    async fn change(&self, name: &str, update: &mut Statement) -> Result<bool, StoreError> {
        update.push(" WHERE name = ").bind(name);
        Ok(self.database.execute(vec![update.clone()]).await?.iter().sum::<u64>() > 0)
    }

    pub(super) async fn add_key(&self, key: &Key) -> Result<(), StoreError> {
        let mut insert = self.statement("INSERT INTO api_key (digest, organization, name, created, ");
        insert.push("expires, made_by, ending, form) VALUES (");
        insert.bind(key.digest.to_string()).push(", ").bind(key.organization.as_str()).push(", ");
        insert.bind(key.name.as_str()).push(", ").bind(key.created.timestamp_millis()).push(", ");
        match key.expires {
            Some(expires) => insert.bind(expires.timestamp_millis()),
            None => insert.push("NULL"),
        };
        for text in [&key.made_by, &key.ending, &key.form] {
            insert.push(", ");
            match text {
                Some(text) => insert.bind(text.as_str()),
                None => insert.push("NULL"),
            };
        }
        insert.push(") ON CONFLICT DO NOTHING");
        self.database.execute(vec![insert]).await?;
        Ok(())
    }

    /// The key, and the state of its organization.
    pub(super) async fn find(&self, digest: &TokenDigest) -> Result<Option<(Key, Standing)>, StoreError> {
        let mut select = self.statement("SELECT ");
        select
            .push(KEY)
            .push(", o.scim, o.identity_provider FROM api_key AS k JOIN organization AS o ON o.name = k.organization");
        select.push(" WHERE k.digest = ").bind(digest.to_string());
        if let Some(mut row) = self.select(select).await?.pop() {
            let identity_provider = IdentityProvider::of(&row.required_text(13)?);
            let standing = Standing { scim: row.required_integer(12)? != 0, is_token: false, identity_provider };
            return Ok(Some((key(row)?, standing)));
        }
        self.find_token(digest).await
    }

    /// An access token of an OAuth client, as a key with the name of the client. Its `revoked` is the revocation
    /// of the client.
    async fn find_token(&self, digest: &TokenDigest) -> Result<Option<(Key, Standing)>, StoreError> {
        let mut select = self.statement("SELECT t.digest, t.tenant, c.name, c.created, t.expires, c.revoked, c.used, ");
        let none = "CAST(NULL AS TEXT)";
        select.push(&format!("{none}, {none}, {none}, {none}, CAST(NULL AS BIGINT), o.scim, o.identity_provider"));
        select.push(" FROM oauth_token AS t JOIN oauth_client AS c ON c.id = t.client");
        select.push(" JOIN organization AS o ON o.name = t.tenant WHERE t.digest = ").bind(digest.to_string());
        let Some(mut row) = self.select(select).await?.pop() else { return Ok(None) };
        let identity_provider = IdentityProvider::of(&row.required_text(13)?);
        let standing = Standing { scim: row.required_integer(12)? != 0, is_token: true, identity_provider };
        Ok(Some((key(row)?, standing)))
    }

    pub(super) async fn keys(&self, organization: Option<&str>) -> Result<Vec<Key>, StoreError> {
        let mut select = self.statement("SELECT ");
        select.push(KEY).push(" FROM api_key AS k");
        if let Some(organization) = organization {
            select.push(" WHERE k.organization = ").bind(organization);
        }
        self.select(select).await?.into_iter().map(key).collect()
    }

    pub(super) async fn revoke(&self, digest: &TokenDigest, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut update = self.statement("UPDATE api_key SET revoked = ");
        update.bind(at.timestamp_millis()).push(" WHERE revoked IS NULL AND digest = ").bind(digest.to_string());
        self.database.execute(vec![update]).await?;
        Ok(())
    }

    pub(super) async fn revoke_all(&self, organization: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut update = self.statement("UPDATE api_key SET revoked = ");
        update.bind(at.timestamp_millis()).push(" WHERE revoked IS NULL AND organization = ").bind(organization);
        let mut tokens = self.statement("DELETE FROM oauth_token WHERE client IN (SELECT id FROM oauth_client");
        tokens.push(" WHERE revoked IS NULL AND tenant = ").bind(organization).push(")");
        let mut clients = self.statement("UPDATE oauth_client SET revoked = ");
        clients.bind(at.timestamp_millis()).push(" WHERE revoked IS NULL AND tenant = ").bind(organization);
        self.database.execute(vec![update, tokens, clients]).await?;
        Ok(())
    }

    pub(super) async fn was_used(
        &self,
        digest: &TokenDigest,
        at: DateTime<Utc>,
        address: Option<IpAddr>,
    ) -> Result<(), StoreError> {
        // Other instances write the time too: one write per minute is enough for all of them.
        let resolution = i64::try_from(USE_RESOLUTION.as_millis()).unwrap_or(i64::MAX);
        let before = at.timestamp_millis().saturating_sub(resolution);
        let mut update = self.statement("UPDATE api_key SET used = ");
        update.bind(at.timestamp_millis()).push(", address = ");
        match address {
            Some(address) => update.bind(address.to_string()),
            None => update.push("NULL"),
        };
        update.push(" WHERE digest = ").bind(digest.to_string());
        update.push(" AND (used IS NULL OR used <= ").bind(before).push(")");
        self.database.execute(vec![update]).await?;
        Ok(())
    }

    pub(super) async fn answers(&self) -> Result<(), StoreError> {
        self.database.check().await
    }

    fn statement(&self, sql: &str) -> Statement {
        let mut statement = Statement::new(self.database.dialect());
        statement.push(sql);
        statement
    }

    async fn select(&self, query: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(self.database.look_up(vec![query]).await?.pop().unwrap_or_default())
    }
}

fn organization(mut row: Row) -> Result<Organization, StoreError> {
    Ok(Organization {
        name: row.required_text(0)?,
        created: time(row.required_integer(1)?)?,
        scim: row.required_integer(2)? != 0,
        title: row.text(3)?,
        identity_provider: IdentityProvider::of(&row.required_text(4)?),
        sign_on: row.required_text(5)?,
        unique_groups: row.required_integer(6)? != 0,
    })
}

fn key(mut row: Row) -> Result<Key, StoreError> {
    let digest = row.required_text(0)?.parse().map_err(StoreError::backend)?;
    let optional = |column| row.integer(column)?.map(time).transpose();
    let (created, expires, revoked, used) = (time(row.required_integer(3)?)?, optional(4)?, optional(5)?, optional(6)?);
    let (organization, name, address) = (row.required_text(1)?, row.required_text(2)?, row.text(7)?);
    let (made_by, ending, form) = (row.text(8)?, row.text(9)?, row.text(10)?);
    let refused = row.integer(11)?.map(time).transpose()?;
    Ok(Key { digest, organization, name, created, expires, revoked, used, refused, address, made_by, ending, form })
}

fn time(millis: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| StoreError::backend("expected a time in milliseconds"))
}
