//! The values of a person's resource that only the page of the person shows.

use scim_core::{sql::Statement, store::StoreError};
use serde_json::Value as Json;

use super::Accounts;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The maximum number of characters of a value that are shown.
const SHOWN: usize = 512;

/// Values of a person that the identity provider maintains.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// The given name.
    pub given_name: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The department.
    pub department: Option<String>,
    /// The name of the manager, or the id if the manager has no account.
    pub manager: Option<String>,
    /// The profile, as the identity provider wrote it: it need not be an address.
    pub profile: Option<String>,
    /// The time at which the account was deactivated, in milliseconds since 1970; `None` if it is not known.
    pub deactivated: Option<i64>,
    /// The id of the administrator who deactivated the account; `None` where the identity provider deactivated it.
    pub deactivated_by: Option<String>,
}

impl Details {
    /// The profile, if it is a web address. No other value may become a link: `javascript:` would run with the
    /// reader's rights.
    pub fn link(&self) -> Option<&str> {
        let profile = self.profile.as_deref()?;
        let is_web = ["https://", "http://"]
            .iter()
            .any(|scheme| profile.get(..scheme.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme)));
        let is_plain = !profile.contains(|c: char| c.is_control() || c.is_whitespace());
        (is_web && is_plain).then_some(profile)
    }
}

impl Accounts {
    /// The details of a person from SCIM; for a person made by hand, only the deactivation.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn details(&self, tenant: &str, id: &str) -> Result<Details, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT document FROM resource WHERE kind = 'User' AND tenant = ").bind(tenant);
        query.push(" AND id = ").bind(id);
        let mut end = Statement::new(self.database.dialect());
        end.push("SELECT deactivated, deactivated_by FROM account WHERE tenant = ").bind(tenant);
        end.push(" AND id = ").bind(id);
        let mut found = self.database.look_up(vec![query, end]).await?.into_iter();
        let mut next = || found.next().unwrap_or_default().into_iter().next();
        let (row, end) = (next(), next());
        let (deactivated, deactivated_by) =
            end.map_or(Ok((None, None)), |mut row| Ok::<_, StoreError>((row.integer(0)?, row.text(1)?)))?;
        let Some(mut row) = row else { return Ok(Details { deactivated, deactivated_by, ..Details::default() }) };
        let document: Json = serde_json::from_str(&row.required_text(0)?).map_err(StoreError::backend)?;
        let text = |value: Option<&Json>| {
            let text = value?.as_str()?.trim();
            (!text.is_empty()).then(|| text.chars().take(SHOWN).collect::<String>().replace('\0', "\u{fffd}"))
        };
        let enterprise = document.get(ENTERPRISE);
        let manager = text(enterprise.and_then(|values| values.pointer("/manager/value")));
        let manager = match manager {
            Some(id) => Some(self.find(tenant, &id).await?.map_or(id, |account| account.name)),
            None => None,
        };
        Ok(Details {
            given_name: text(document.pointer("/name/givenName")),
            title: text(document.get("title")),
            department: text(enterprise.and_then(|values| values.get("department"))),
            manager,
            profile: text(document.get("profileUrl")),
            deactivated,
            deactivated_by,
        })
    }
}
