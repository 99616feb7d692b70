//! What the service provider tells of itself (RFC 7644 §4): from the objects that it really works with.

use serde::Serialize;

use super::ServiceProvider;
use crate::{
    message::{ListWriter, PageInfo, ServiceProviderConfig, resource_type_document, schema_document},
    schema::{ResourceType, Schema},
    store::{Context, Store},
};

impl<S: Store> ServiceProvider<S> {
    /// ServiceProviderConfig as JSON (RFC 7643 §5): what is supported, with the limits that are enforced.
    pub fn configuration_json(&self, cx: &Context) -> Vec<u8> {
        let base = self.inner.base.of(cx.tenant());
        json(&ServiceProviderConfig {
            limits: &self.inner.limits,
            schemes: &self.inner.schemes,
            documentation: self.inner.documentation.as_deref(),
            passwords: self.sets_passwords(),
            security_events: self.inner.security_events.as_deref(),
            location: &format!("{base}/ServiceProviderConfig"),
        })
    }

    /// All resource types as a ListResponse (RFC 7643 §6).
    pub fn resource_types_json(&self, cx: &Context) -> Vec<u8> {
        let base = self.inner.base.of(cx.tenant());
        list(self.registry().resource_types(), |kind| json(&resource_type_document(kind, &base)))
    }

    /// One resource type, by its name; `None` if there is none of that name.
    pub fn resource_type_json(&self, cx: &Context, name: &str) -> Option<Vec<u8>> {
        let base = self.inner.base.of(cx.tenant());
        let kind: &ResourceType = self.registry().resource_type(name)?;
        Some(json(&resource_type_document(kind, &base)))
    }

    /// All schemas as a ListResponse (RFC 7643 §7): the very ones that requests are read under.
    pub fn schemas_json(&self, cx: &Context) -> Vec<u8> {
        let base = self.inner.base.of(cx.tenant());
        let schemas: Vec<&Schema> = self.registry().schemas().collect();
        list(&schemas, |schema| json(&schema_document(schema, &base)))
    }

    /// One schema, by its URI; `None` if there is none.
    pub fn schema_json(&self, cx: &Context, uri: &str) -> Option<Vec<u8>> {
        let base = self.inner.base.of(cx.tenant());
        Some(json(&schema_document(self.registry().schema(uri)?, &base)))
    }
}

fn list<T>(documents: &[T], write: impl Fn(&T) -> Vec<u8>) -> Vec<u8> {
    let page = PageInfo { total: u64::try_from(documents.len()).ok(), start_index: Some(1), ..PageInfo::default() };
    let mut list = ListWriter::new(page, documents.len());
    for document in documents {
        list.add(|out| out.extend_from_slice(&write(document)));
    }
    list.finish()
}

fn json(document: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and booleans under string keys: nothing in it can fail to be written.
    serde_json::to_vec(document).unwrap_or_default()
}
