include!("registry.rs");

use std::sync::Arc;

use chrono::{DateTime, Utc};
use scim_core::{resource::{Resource, ResourceError}, value::Value};

/// A row of `account`; the tenant and the id are its key.
#[derive(Clone, Default)]
struct Account {
    login: String,
    full_name: Option<String>,
    enabled: bool,
    external_id: Option<String>,
    provisioned: bool,
    created: DateTime<Utc>,
    changed: DateTime<Utc>,
    version: u64,
    /// A column that SCIM does not know.
    locale: String,
}

impl Account {
    fn to_resource(&self, resource_type: &Arc<ResourceType>, id: &str) -> Result<Resource, ResourceError> {
        let mut user = Resource::new(Arc::clone(resource_type));
        user.set("id", id)?;
        user.set("userName", self.login.as_str())?;
        set_some(&mut user, "displayName", self.full_name.as_deref())?;
        user.set("active", self.enabled)?;
        set_some(&mut user, "externalId", self.external_id.as_deref())?;
        set_some(&mut user, &format!("{ORIGIN}:provisioned"), self.provisioned.then_some(true))?;
        user.set("meta.created", self.created)?;
        user.set("meta.lastModified", self.changed)?;
        Ok(user)
    }

    /// `UPDATE account SET …` of the columns that SCIM knows. The other columns stay.
    fn update(&mut self, user: &Resource) {
        self.login = text(user, "userName").unwrap_or_default();
        self.full_name = text(user, "displayName");
        self.enabled = user.get("active").and_then(Value::as_bool) == Some(true);
        self.external_id = text(user, "externalId");
        self.provisioned = user.get(&format!("{ORIGIN}:provisioned")).and_then(Value::as_bool) == Some(true);
        self.created = user.created().unwrap_or_default();
        self.changed = user.last_modified().unwrap_or_default();
    }
}

/// Sets the attribute unless the column is NULL: an attribute without a value is absent.
fn set_some(resource: &mut Resource, path: &str, value: Option<impl Into<Value>>) -> Result<(), ResourceError> {
    value.map_or(Ok(()), |value| resource.set(path, value).map(drop))
}

fn text(resource: &Resource, path: &str) -> Option<String> {
    resource.get(path).and_then(Value::as_str).map(str::to_owned)
}
