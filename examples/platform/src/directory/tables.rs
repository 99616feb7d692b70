//! Organisations and keys in the tables `organization` and `api_key`. Times are milliseconds since 1970 in UTC.

use chrono::{DateTime, Utc};
use scim_core::{bearer::TokenDigest, sql::Statement, store::StoreError};

use super::{Key, Organization, trust::USE_RESOLUTION};
use crate::database::{Database, Row};

const KEY: &str = "k.digest, k.organization, k.name, k.created, k.expires, k.revoked, k.used";

#[derive(Debug)]
pub(super) struct Tables {
    database: Database,
}

impl Tables {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    pub(super) async fn add_organization(&self, name: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut insert = self.statement("INSERT INTO organization (name, created, scim) VALUES (");
        insert.bind(name).push(", ").bind(now.timestamp_millis()).push(", ").bind(1).push(") ON CONFLICT DO NOTHING");
        self.database.execute(vec![insert]).await?;
        Ok(())
    }

    pub(super) async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let select = self.statement("SELECT name, created, scim FROM organization ORDER BY name");
        let read = |mut row: Row| {
            let (created, scim) = (time(row.integer(1)?)?, row.integer(2)? != 0);
            Ok(Organization { name: row.text(0)?, created, scim })
        };
        self.select(select).await?.into_iter().map(read).collect()
    }

    /// Whether there is such an organisation.
    pub(super) async fn set_scim(&self, name: &str, on: bool) -> Result<bool, StoreError> {
        let mut update = self.statement("UPDATE organization SET scim = ");
        update.bind(i64::from(on)).push(" WHERE name = ").bind(name);
        Ok(self.database.execute(vec![update]).await?.iter().sum::<u64>() > 0)
    }

    pub(super) async fn add_key(&self, key: &Key) -> Result<(), StoreError> {
        let mut insert = self.statement("INSERT INTO api_key (digest, organization, name, created, expires) VALUES (");
        insert.bind(key.digest.to_string()).push(", ").bind(key.organization.as_str()).push(", ");
        insert.bind(key.name.as_str()).push(", ").bind(key.created.timestamp_millis()).push(", ");
        match key.expires {
            Some(expires) => insert.bind(expires.timestamp_millis()),
            None => insert.push("NULL"),
        };
        insert.push(") ON CONFLICT DO NOTHING");
        self.database.execute(vec![insert]).await?;
        Ok(())
    }

    /// The key, and whether SCIM is switched on for its organisation.
    pub(super) async fn find(&self, digest: &TokenDigest) -> Result<Option<(Key, bool)>, StoreError> {
        let mut select = self.statement("SELECT ");
        select.push(KEY).push(", o.scim FROM api_key AS k JOIN organization AS o ON o.name = k.organization");
        select.push(" WHERE k.digest = ").bind(digest.to_string());
        let Some(row) = self.select(select).await?.pop() else { return Ok(None) };
        let scim = row.integer(7)? != 0;
        Ok(Some((key(row)?, scim)))
    }

    pub(super) async fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let mut select = self.statement("SELECT ");
        select.push(KEY).push(" FROM api_key AS k");
        self.select(select).await?.into_iter().map(key).collect()
    }

    pub(super) async fn revoke(&self, digest: &TokenDigest, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut update = self.statement("UPDATE api_key SET revoked = ");
        update.bind(at.timestamp_millis()).push(" WHERE revoked IS NULL AND digest = ").bind(digest.to_string());
        self.database.execute(vec![update]).await?;
        Ok(())
    }

    pub(super) async fn was_used(&self, digest: &TokenDigest, at: DateTime<Utc>) -> Result<(), StoreError> {
        // Other instances write it too: one write a minute is enough for all of them.
        let resolution = i64::try_from(USE_RESOLUTION.as_millis()).unwrap_or(i64::MAX);
        let before = at.timestamp_millis().saturating_sub(resolution);
        let mut update = self.statement("UPDATE api_key SET used = ");
        update.bind(at.timestamp_millis()).push(" WHERE digest = ").bind(digest.to_string());
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
        Ok(self.database.read(vec![query]).await?.pop().unwrap_or_default())
    }
}

fn key(mut row: Row) -> Result<Key, StoreError> {
    let digest = row.text(0)?.parse().map_err(StoreError::backend)?;
    let optional = |column| row.optional_integer(column)?.map(time).transpose();
    let (created, expires, revoked, used) = (time(row.integer(3)?)?, optional(4)?, optional(5)?, optional(6)?);
    Ok(Key { digest, organization: row.text(1)?, name: row.text(2)?, created, expires, revoked, used })
}

fn time(millis: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| StoreError::backend("expected a time in milliseconds"))
}
