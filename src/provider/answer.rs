//! What an operation on one resource, or a query, returns to the host.

use std::sync::Arc;

use super::hydrate::{Derived, etag};
use crate::{
    message::write_list,
    quirks::Quirks,
    resource::{Projection, Rendering, Resource, url},
    schema::{AttributeId, Registry, ResourceType},
    store::{Stored, Version},
};

/// One resource as an operation left or found it, and how the client wants to see it.
#[derive(Debug)]
pub struct Answer {
    pub(super) row: Row,
    pub(super) view: View,
    pub(super) quirks: Quirks,
    pub(super) changed: bool,
}

/// A resource with what is derived for it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) stored: Stored,
    pub(super) derived: Derived,
}

/// How resources of one type are shown.
#[derive(Debug)]
pub(super) struct View {
    pub(super) registry: Registry,
    pub(super) base: Box<str>,
    pub(super) projection: Projection,
}

impl View {
    /// Shows also these attributes, which are returned only on request.
    pub(super) fn showing(mut self, requested: &[AttributeId]) -> Self {
        if !requested.is_empty() {
            self.projection = self.projection.with_requested(requested);
        }
        self
    }

    /// The lists of references that are not shown: a store need not read them.
    pub(super) fn hidden_lists(&self, kind: &ResourceType) -> Vec<AttributeId> {
        kind.reference_lists().iter().copied().filter(|list| !self.projection.includes(*list)).collect()
    }

    fn write(&self, out: &mut Vec<u8>, row: &Row) {
        let etag = etag(row.stored.version.as_str());
        let rendering = Rendering {
            registry: &self.registry,
            base: &self.base,
            projection: &self.projection,
            version: Some(&etag),
            derived: &row.derived,
        };
        row.stored.resource.write(out, &rendering);
    }
}

impl Answer {
    /// The resource as it is stored: without what is derived, with what a client may not see.
    ///
    /// Where [`Answer::to_json`] gives nothing, a list of references may be missing.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.row.stored.resource
    }

    /// The resource's version.
    pub fn version(&self) -> &Version {
        &self.row.stored.version
    }

    /// The version as the `ETag` header has it (RFC 7644 §3.14).
    pub fn etag(&self) -> String {
        etag(self.version().as_str())
    }

    /// The absolute URL of the resource: `meta.location`.
    pub fn location(&self) -> String {
        url(&self.view.base, self.resource().kind(), self.resource().id())
    }

    /// Whether the operation changed anything. A write of what is there already changes nothing: neither the version
    /// nor `meta.lastModified`.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// The habits of identity providers that the operation showed and that were tolerated.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// The resource as the client sees it (RFC 7644 §3.4, §3.9); `None` for a list of references that is longer than
    /// [`Limits::members_in_answer`](crate::Limits::members_in_answer) after a patch that changed only that list.
    pub fn to_json(&self) -> Option<Vec<u8>> {
        self.row.stored.complete.then(|| {
            let mut out = Vec::with_capacity(1_024);
            self.view.write(&mut out, &self.row);
            out
        })
    }
}

/// A page of the resources that a query found (RFC 7644 §3.4.2).
#[derive(Debug)]
pub struct Listing {
    pub(super) kind: Arc<ResourceType>,
    pub(super) rows: Vec<Row>,
    pub(super) total: u64,
    pub(super) start_index: u64,
    pub(super) view: View,
    pub(super) quirks: Quirks,
}

impl Listing {
    /// The type of the resources.
    pub fn kind(&self) -> &Arc<ResourceType> {
        &self.kind
    }

    /// How many resources the query matches, of which this is a page: `totalResults`.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The place in the whole result of the first resource here, 1 being the first: `startIndex`.
    pub fn start_index(&self) -> u64 {
        self.start_index
    }

    /// The resources on this page as they are stored, with their versions. Lists of references that the client does
    /// not want may be missing.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = (&Arc<Resource>, &Version)> {
        self.rows.iter().map(|row| (&row.stored.resource, &row.stored.version))
    }

    /// The habits of identity providers that the query showed and that were tolerated.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// The ListResponse as the client sees it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + 1_024 * self.rows.len());
        write_list(&mut out, self.total, self.start_index, &self.rows, |out, row| self.view.write(out, row));
        out
    }
}
