//! The results that the host gets: the answer to an operation on one resource, and the page of a query.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

use crate::{
    limits::yield_now,
    message::{ListWriter, PageInfo},
    quirks::Quirks,
    resource::{Displays, Projection, Reference, Rendering, Resource, url},
    schema::{AttributeId, Registry, ResourceType},
    store::{Stored, Version},
};

/// One resource after an operation, and the client's view of it.
#[derive(Debug)]
pub struct Answer {
    pub(super) stored: Stored,
    pub(super) added: Added,
    pub(super) view: View,
    pub(super) quirks: Quirks,
    pub(super) changed: bool,
}

/// The derived lists of one resource.
pub(super) type Derived = Vec<(AttributeId, Vec<Reference>)>;

/// The values of an answer that are not stored with the resource: its derived lists and the names in its references.
#[derive(Clone, Debug, Default)]
pub(super) struct Added {
    pub(super) derived: Derived,
    pub(super) displays: Vec<Displays>,
}

/// The presentation of resources of one type to a client.
#[derive(Debug)]
pub(super) struct View {
    pub(super) registry: Registry,
    pub(super) base: Arc<str>,
    pub(super) projection: Projection,
    /// Whether the answer shows the resource. `false` in a bulk response.
    pub(super) written: bool,
}

impl View {
    /// Also shows these attributes, which have `returned: request`.
    pub(super) fn showing(mut self, requested: &[AttributeId]) -> Self {
        if !requested.is_empty() {
            self.projection = self.projection.with_requested(requested);
        }
        self
    }

    /// Returns the lists of references that are not shown, so that a store need not read them.
    pub(super) fn hidden_lists(&self, resource_type: &ResourceType) -> Vec<AttributeId> {
        resource_type.reference_lists().iter().copied().filter(|list| !self.projection.includes(*list)).collect()
    }

    /// Returns whether the attribute or a part of it is shown.
    pub(super) fn shows(&self, attribute: AttributeId) -> bool {
        self.written && self.projection.includes(attribute)
    }

    fn write(&self, out: &mut Vec<u8>, stored: &Stored, added: &Added, etag: &str) {
        let rendering = Rendering {
            registry: &self.registry,
            base: &self.base,
            projection: &self.projection,
            version: Some(etag),
            derived: &added.derived,
            displays: &added.displays,
        };
        stored.resource.write(out, &rendering);
    }
}

impl Answer {
    /// Returns the stored resource: without derived attributes, but with the attributes that the client may not see.
    ///
    /// A list of references may be missing if [`Answer::to_json`] does not show it.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.stored.resource
    }

    /// Returns the version of the resource.
    pub fn version(&self) -> &Version {
        &self.stored.version
    }

    /// Returns the version in the format of the `ETag` header (RFC 7644 §3.14).
    pub fn etag(&self) -> String {
        self.version().etag().into()
    }

    /// Returns the absolute URL of the resource: `meta.location`.
    pub fn location(&self) -> String {
        url(&self.view.base, self.resource().resource_type(), self.resource().id())
    }

    /// Returns whether the operation changed the resource. A write of the stored values changes neither the version
    /// nor `meta.lastModified`.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// Returns whether [`Answer::to_json`] shows the resource.
    pub(super) fn is_shown(&self) -> bool {
        self.stored.complete
    }

    /// Returns the quirks that the operation met and tolerated.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// Returns the resource as JSON, as the client sees it (RFC 7644 §3.4, §3.9). `None` after a patch of a list of
    /// references, if the list has more than [`Limits::members_in_answer`](crate::limits::Limits::members_in_answer) values,
    /// and after a change if the resource cannot be read for the answer: the limits do not allow the read, or the store
    /// fails. The answer to a create always has a resource.
    pub fn to_json(&self) -> Option<Vec<u8>> {
        self.to_json_with(&self.version().etag())
    }

    /// As [`Answer::to_json`], for a caller that also needs the entity tag.
    pub(crate) fn to_json_with(&self, etag: &str) -> Option<Vec<u8>> {
        self.stored.complete.then(|| {
            let mut out = Vec::with_capacity(2_048);
            self.view.write(&mut out, &self.stored, &self.added, etag);
            out
        })
    }
}

/// Serializes the JSON of [`Answer::to_json`], and `null` where that function returns `None`. To write bytes,
/// `to_json` is faster: this implementation parses its result again.
///
/// ```
/// # use std::{pin::pin, task::{Context as Task, Poll, Waker}};
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
/// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
/// # }
/// # #[cfg(feature = "system")] {
/// use scim_core::{
///     message::SearchRequest, provider::{Options, ServiceProvider}, resource::User, schema::Registry,
///     store::{MemoryStore, RequestContext, TenantId},
/// };
///
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
///     .build()?;
/// let context = RequestContext::new(TenantId::single());
/// let user = User::new(provider.registry().resource_type("User").expect("registered"), "bjensen")?;
/// let created = block_on(provider.create(&context, user.into(), &Options::default()))?;
/// assert_eq!(serde_json::to_value(&created)?["userName"], "bjensen");
/// let listing = block_on(provider.search(&context, "User", &SearchRequest::default()))?;
/// assert_eq!(serde_json::to_value(&listing)?["totalResults"], 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.to_json() {
            Some(json) => serialize_json(json, serializer),
            None => serializer.serialize_none(),
        }
    }
}

fn serialize_json<S: Serializer>(json: Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = String::from_utf8(json).map_err(S::Error::custom)?;
    RawValue::from_string(text).map_err(S::Error::custom)?.serialize(serializer)
}

/// A page of the resources that a query found, of one type or of several types (RFC 7644 §3.4.2).
#[derive(Debug)]
pub struct Listing {
    /// The resources, each with the index of its view.
    pub(super) items: Vec<(usize, Stored)>,
    /// The values of each resource that are not stored with it, in the order of the resources.
    pub(super) added: Vec<Added>,
    /// One view for each queried type.
    pub(super) views: Vec<View>,
    pub(super) total: Option<u64>,
    pub(super) start_index: Option<u64>,
    pub(super) next: Option<Box<str>>,
    pub(super) previous: Option<Box<str>>,
    pub(super) quirks: Quirks,
}

impl Listing {
    /// Returns the number of resources that match the query: `totalResults`. `None` on a page by cursor, including
    /// the first page, unless the total became known while the page was read (RFC 9865 §2).
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Returns the index of the page's first resource in the whole result: `startIndex`. The index starts at 1.
    /// `None` on a page by cursor.
    pub fn start_index(&self) -> Option<u64> {
        self.start_index
    }

    /// Returns the cursor of the next page (RFC 9865 §2); `None` on the last page, or if the query was paged by
    /// index.
    pub fn next_cursor(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Returns the cursor of the previous page; `None` on the first page, if the store cannot [read
    /// backward](crate::store::Capabilities::backward), or if the query was paged by index.
    pub fn previous_cursor(&self) -> Option<&str> {
        self.previous.as_deref()
    }

    /// Returns the stored resources of this page with their versions. Lists of references that the client did not
    /// request may be missing.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = (&Arc<Resource>, &Version)> {
        self.items.iter().map(|(_, stored)| (&stored.resource, &stored.version))
    }

    /// Returns the quirks that the query met and tolerated.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// Returns the ListResponse as JSON, as the client sees it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut list = self.begin();
        for (item, added) in self.items.iter().zip(&self.added) {
            self.add(&mut list, item, added);
        }
        list.finish()
    }

    /// As [`Listing::to_json`], with pauses, since a page may have many megabytes. Each resource is dropped once it
    /// is written.
    pub(crate) async fn into_json(mut self) -> Vec<u8> {
        /// The number of bytes to write between two pauses.
        const STRETCH: usize = 512 << 10;
        let mut list = self.begin();
        let mut paused = 0;
        let (items, added) = (std::mem::take(&mut self.items), std::mem::take(&mut self.added));
        let count = items.len();
        for (written, (item, added)) in (1..).zip(items.into_iter().zip(added)) {
            self.add(&mut list, &item, &added);
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
        ListWriter::new(page, self.items.len())
    }

    fn add(&self, list: &mut ListWriter, (view, stored): &(usize, Stored), added: &Added) {
        if let Some(view) = self.views.get(*view) {
            let etag = stored.version.etag();
            list.add(|out| view.write(out, stored, added, &etag));
        }
    }
}

/// Serializes the JSON of [`Listing::to_json`]. To write bytes, `to_json` is faster: this implementation parses its
/// result again.
impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_json(self.to_json(), serializer)
    }
}
