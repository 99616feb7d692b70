//! What an operation on one resource, or a query, returns to the host.

use std::sync::Arc;

use super::hydrate::Derived;
use crate::{
    limits::yield_now,
    message::{ListWriter, PageInfo},
    quirks::Quirks,
    resource::{Displays, Projection, Rendering, Resource, url},
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
    pub(super) displays: Vec<Displays>,
}

/// How resources of one type are shown.
#[derive(Debug)]
pub(super) struct View {
    pub(super) registry: Registry,
    pub(super) base: Box<str>,
    pub(super) projection: Projection,
    /// Whether the resource is written at all. In a bulk response it is not.
    pub(super) written: bool,
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

    /// Whether the attribute, or something of it, is shown.
    pub(super) fn shows(&self, attribute: AttributeId) -> bool {
        self.written && self.projection.includes(attribute)
    }

    fn write(&self, out: &mut Vec<u8>, row: &Row) {
        let etag = row.stored.version.etag();
        let rendering = Rendering {
            registry: &self.registry,
            base: &self.base,
            projection: &self.projection,
            version: Some(&etag),
            derived: &row.derived,
            displays: &row.displays,
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
        self.version().etag()
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

    /// Whether [`Answer::to_json`] gives anything.
    pub(super) fn is_shown(&self) -> bool {
        self.row.stored.complete
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

/// A page of the resources that a query found, of one type or of several (RFC 7644 §3.4.2).
#[derive(Debug)]
pub struct Listing {
    /// The resources, each with the position of its view.
    pub(super) rows: Vec<(usize, Row)>,
    /// One for each type that was asked for.
    pub(super) views: Vec<View>,
    pub(super) total: Option<u64>,
    pub(super) start_index: Option<u64>,
    pub(super) next: Option<Box<str>>,
    pub(super) previous: Option<Box<str>>,
    pub(super) quirks: Quirks,
}

impl Listing {
    /// How many resources the query matches, of which this is a page: `totalResults`. `None` on a page that a cursor
    /// leads to, the first one included, unless all of them were read for it (RFC 9865 §2).
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The place in the whole result of the first resource here, 1 being the first: `startIndex`. `None` on a page that
    /// a cursor leads to.
    pub fn start_index(&self) -> Option<u64> {
        self.start_index
    }

    /// The cursor of the page that follows (RFC 9865 §2); `None` when none does, or the query was paged by index.
    pub fn next_cursor(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The cursor of the page before this one; `None` on the first page, or where the store cannot
    /// [read backward](crate::store::Capabilities::backward).
    pub fn previous_cursor(&self) -> Option<&str> {
        self.previous.as_deref()
    }

    /// The resources on this page as they are stored, with their versions. Lists of references that the client does
    /// not want may be missing.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = (&Arc<Resource>, &Version)> {
        self.rows.iter().map(|(_, row)| (&row.stored.resource, &row.stored.version))
    }

    /// The habits of identity providers that the query showed and that were tolerated.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// The ListResponse as the client sees it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut list = self.begin();
        for row in &self.rows {
            self.add(&mut list, row);
        }
        list.finish()
    }

    /// As [`Listing::to_json`], with pauses: a page may have many megabytes. Each resource goes when it is written.
    pub(crate) async fn into_json(mut self) -> Vec<u8> {
        /// Bytes that are written between two pauses.
        const STRETCH: usize = 512 << 10;
        let mut list = self.begin();
        let mut paused = 0;
        let count = self.rows.len();
        let rows = std::mem::take(&mut self.rows);
        for (written, row) in (1..).zip(rows) {
            self.add(&mut list, &row);
            if list.len() - paused > STRETCH {
                paused = list.len();
                list.reserve_for(count - written, list.len() / written);
                yield_now().await;
            }
        }
        list.finish()
    }

    fn begin(&self) -> ListWriter {
        let page = PageInfo {
            total: self.total,
            start_index: self.start_index,
            next_cursor: self.next.as_deref(),
            previous_cursor: self.previous.as_deref(),
        };
        ListWriter::new(page, self.rows.len())
    }

    fn add(&self, list: &mut ListWriter, (view, row): &(usize, Row)) {
        if let Some(view) = self.views.get(*view) {
            list.add(|out| view.write(out, row));
        }
    }
}
