//! The discovery documents (RFC 7644 §4). They are made from the objects that the service provider works with.

use serde::Serialize;

use super::service_provider::ServiceProvider;
use crate::{
    message::{ListWriter, PageInfo, ServiceProviderConfig, resource_type_document, schema_document},
    schema::{ResourceType, Schema},
    store::{RequestContext, Store},
};

impl<S: Store> ServiceProvider<S> {
    /// Returns ServiceProviderConfig as JSON (RFC 7643 §5): the supported features, with the enforced limits.
    pub fn configuration_json(&self, context: &RequestContext) -> Vec<u8> {
        let base = self.inner.base.of(context.tenant());
        json(&ServiceProviderConfig {
            limits: &self.inner.limits,
            schemes: &self.inner.schemes,
            documentation: self.inner.documentation.as_deref(),
            passwords: self.sets_passwords(),
            security_events: self.inner.security_events.as_deref(),
            location: &format!("{base}/ServiceProviderConfig"),
        })
    }

    /// Returns all resource types as a ListResponse (RFC 7643 §6).
    pub fn resource_types_json(&self, context: &RequestContext) -> Vec<u8> {
        let base = self.inner.base.of(context.tenant());
        list(self.registry().resource_types(), |resource_type| json(&resource_type_document(resource_type, &base)))
    }

    /// Returns the resource type with this name as JSON; `None` if no resource type has the name.
    pub fn resource_type_json(&self, context: &RequestContext, name: &str) -> Option<Vec<u8>> {
        let base = self.inner.base.of(context.tenant());
        let resource_type: &ResourceType = self.registry().resource_type(name)?;
        Some(json(&resource_type_document(resource_type, &base)))
    }

    /// Returns all schemas as a ListResponse (RFC 7643 §7): the same schemas by which requests are read.
    pub fn schemas_json(&self, context: &RequestContext) -> Vec<u8> {
        let base = self.inner.base.of(context.tenant());
        let schemas: Vec<&Schema> = self.registry().schemas().collect();
        list(&schemas, |schema| json(&schema_document(schema, &base)))
    }

    /// Returns the schema with this URI as JSON; `None` if no schema has the URI.
    pub fn schema_json(&self, context: &RequestContext, uri: &str) -> Option<Vec<u8>> {
        let base = self.inner.base.of(context.tenant());
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
    // The document has only strings, numbers and booleans under string keys, so writing it cannot fail.
    serde_json::to_vec(document).unwrap_or_default()
}
