//! The names of resources in the log.

use std::collections::HashMap;

use scim_core::{
    sql::{Dialect, Statement},
    store::StoreError,
};

use super::Entry;
use crate::database::Session;

/// The names of the accounts that the entries of one batch and organization are about, by id.
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Finds the names by one query for all entries.
    pub(super) async fn find<S: Session>(
        session: &mut S,
        tenant: &str,
        entries: &[&Entry],
    ) -> Result<Self, StoreError> {
        let mut ids: Vec<&str> = entries.iter().filter_map(|entry| entry.resource.as_deref()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        let mut query = Statement::new(session.dialect());
        if query.dialect() == Dialect::Postgres {
            query.push("SELECT r.id, r.name").look_up_each(ids, |query| {
                query.push("SELECT id, name FROM account WHERE tenant = ").bind(tenant).push(" AND id = e.id LIMIT 1");
            });
        } else {
            query.push("SELECT id, name FROM account WHERE tenant = ").bind(tenant).push(" AND ");
            query.is_one_of("id", ids);
        }
        let rows = session.rows(&query).await?.into_iter();
        rows.map(|mut row| Ok((row.required_text(0)?, row.required_text(1)?)))
            .collect::<Result<_, StoreError>>()
            .map(Self)
    }

    /// The name of the resource of an entry: the name of the account, the display name of any other resource, or the
    /// name that a refused request claimed.
    pub(super) async fn of<S: Session>(&self, session: &mut S, entry: &Entry) -> Result<Option<String>, StoreError> {
        let Some(resource) = &entry.resource else { return Ok(entry.claimed.clone()) };
        if let Some(name) = self.0.get(resource) {
            return Ok(Some(name.clone()));
        }
        let mut query = Statement::new(session.dialect());
        query.push("SELECT document FROM resource WHERE tenant = ").bind(entry.tenant.as_str()).push(" AND id = ");
        query.bind(resource.as_str());
        if let Some(mut row) = session.rows(&query).await?.pop() {
            let document: serde_json::Value =
                serde_json::from_str(&row.required_text(0)?).map_err(StoreError::backend)?;
            let texts = ["displayName", "userName"].into_iter().filter_map(|name| document.get(name)?.as_str());
            return Ok(texts.map(str::to_owned).next());
        }
        // The resource is gone: an earlier row has its name.
        let mut query = Statement::new(session.dialect());
        query.push("SELECT name FROM request WHERE tenant = ").bind(entry.tenant.as_str()).push(" AND resource = ");
        query.bind(resource.as_str()).push(" AND name IS NOT NULL ORDER BY position DESC LIMIT 1");
        let found = session.rows(&query).await?.pop().map(|mut row| row.required_text(0)).transpose()?;
        Ok(found.or_else(|| entry.claimed.clone()))
    }
}
