//! Defaults: values that a resource has although no client sent them (RFC 7644 §3.3, §3.5.1). They are stored, so that
//! filters compare the value that clients see (§3.4.2.2).
//!
//! `rules` keeps the values that are assigned here.

use std::sync::Arc;

use super::Resource;
use crate::{schema::DefaultValue, value::Value};

impl Resource {
    /// Gives each attribute that has a [default](crate::schema::Attribute::with_default_value) and no value its
    /// default. Returns whether there was such an attribute.
    ///
    /// [`ServiceProvider::create`](crate::provider::ServiceProvider::create) does this for every new resource. A host calls
    /// this method for resources that the host stores itself, and for resources that were stored before their type
    /// had the default.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let mut stored = Resource::from_json(user, br#"{"id": "1", "userName": "bjensen"}"#)?;
    /// assert!(stored.assign_defaults());
    /// assert_eq!(stored.get("active").and_then(|active| active.as_bool()), Some(true));
    /// assert!(!stored.assign_defaults(), "nothing is missing any more");
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    pub fn assign_defaults(&mut self) -> bool {
        let resource_type = Arc::clone(&self.resource_type);
        let mut missed = false;
        for &attribute in resource_type.defaults() {
            let Some(default) = resource_type.attribute(attribute).default_value() else { continue };
            if !is_assigned(self.value(attribute)) {
                missed = true;
                self.assign(attribute, Some(value(default)));
            }
        }
        missed
    }
}

/// Whether there is a value that prevents a default. An empty string does not: it is no value for a required
/// attribute and for `pr` either.
pub(crate) fn is_assigned(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_str().is_none_or(|text| !text.is_empty()))
}

fn value(default: &DefaultValue) -> Value {
    match default {
        DefaultValue::Boolean(truth) => Value::Boolean(*truth),
        DefaultValue::Integer(number) => Value::Integer(*number),
        DefaultValue::String(text) => Value::String((&**text).into()),
    }
}
