//! The types of read requests and their answers: one resource by its id, a page of resources, and the referrers of a
//! resource.

use std::{cmp::Ordering, fmt, sync::Arc};

use super::Version;
use crate::{
    filter::Condition,
    resource::{Position, Resource, Sort},
    schema::{AttributeId, ResourceType},
    value::Text,
};

/// The address of a resource within its tenant.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a tenant's resources have a type and an id, and nothing else")]
pub struct Key<'a> {
    /// The resource's type.
    pub resource_type: &'a Arc<ResourceType>,
    /// The resource's id, compared exactly (RFC 7643 §3.1).
    pub id: &'a str,
}

/// A resource as a store returns it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Stored {
    /// The resource. It may hold more than the [requested attributes](RequestedAttributes), and attributes that were
    /// not requested may be missing.
    pub resource: Arc<Resource>,
    /// The version of the whole resource, even when only a part of the resource was read.
    pub version: Version,
    /// `false` when a requested list of references was left out, because it has more values than
    /// [`RequestedAttributes::list_limit`] or because the resource with this list does not fit into
    /// [`RequestedAttributes::byte_limit`].
    pub complete: bool,
}

impl Stored {
    /// A resource that has all requested attributes.
    pub fn new(resource: impl Into<Arc<Resource>>, version: Version) -> Self {
        Self { resource: resource.into(), version, complete: true }
    }
}

/// The requested attributes of a resource: those that the caller will read.
///
/// A store may leave out the other attributes, and should do so where reading them is expensive: a list of groups, for
/// example, is read without their members.
///
/// ```
/// use scim_core::{schema::Registry, store::RequestedAttributes};
///
/// let registry = Registry::standard();
/// let group = registry.resource_type("Group").expect("registered");
/// let members = group.reference_lists()[0];
/// assert!(RequestedAttributes::everything().includes(members));
/// assert!(!RequestedAttributes::without(group.reference_lists()).includes(members));
/// assert!(RequestedAttributes::only(&[members]).includes(members));
/// assert!(!RequestedAttributes::only(&[]).includes(members));
/// assert_eq!(RequestedAttributes::everything().with_list_limit(1_000).list_limit(), Some(1_000));
/// assert_eq!(RequestedAttributes::everything().with_byte_limit(1 << 20).byte_limit(), Some(1 << 20));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestedAttributes<'a> {
    only: Option<&'a [AttributeId]>,
    without: &'a [AttributeId],
    list_limit: Option<usize>,
    byte_limit: Option<usize>,
}

impl<'a> RequestedAttributes<'a> {
    /// All attributes.
    pub const fn everything() -> Self {
        Self { only: None, without: &[], list_limit: None, byte_limit: None }
    }

    /// The id and these top-level attributes. A complex attribute comes with its sub-attributes.
    pub const fn only(attributes: &'a [AttributeId]) -> Self {
        Self { only: Some(attributes), without: &[], list_limit: None, byte_limit: None }
    }

    /// All attributes but these top-level ones. A complex attribute is left out with its sub-attributes.
    pub const fn without(attributes: &'a [AttributeId]) -> Self {
        Self { only: None, without: attributes, list_limit: None, byte_limit: None }
    }

    /// Asks the store to leave out every list of references that has more than `values` values, and to report the
    /// omission in [`Stored::complete`].
    #[must_use]
    pub const fn with_list_limit(mut self, values: usize) -> Self {
        self.list_limit = Some(values);
        self
    }

    /// Bounds the memory of the resources that are read to about `bytes`. The store counts as [`Resource::size`] does,
    /// or by the length of the text that it keeps.
    ///
    /// - A [page](super::Store::scan) ends before the first resource that does not fit, and [`Page::more`] reports
    ///   that others follow. The page has at least one resource.
    /// - A list of references that does not fit, in a single resource or in the first resource of a page, is left out;
    ///   the resource is then not [complete](Stored::complete).
    /// - [`get_many`](super::Store::get_many) fails with [`TooMany`](super::StoreError::TooMany).
    ///
    /// The store must not read everything first and drop the excess: the bound protects the memory of the process.
    #[must_use]
    pub const fn with_byte_limit(mut self, bytes: usize) -> Self {
        self.byte_limit = Some(bytes);
        self
    }

    /// The approximate number of bytes that the read resources may take; `None` without a bound.
    pub const fn byte_limit(&self) -> Option<usize> {
        self.byte_limit
    }

    /// How many resources of these sizes, in the order of the page, fit into [`RequestedAttributes::byte_limit`]: at
    /// least one, if there are any.
    ///
    /// ```
    /// use scim_core::store::RequestedAttributes;
    ///
    /// let requested = RequestedAttributes::everything().with_byte_limit(1_000);
    /// assert_eq!(requested.fitting([400, 600, 1]), 2);
    /// assert_eq!((requested.fitting([4_000, 1]), requested.fitting([])), (1, 0));
    /// ```
    pub fn fitting(&self, sizes: impl IntoIterator<Item = usize>) -> usize {
        let mut room = self.byte_limit.unwrap_or(usize::MAX);
        let fits = |(index, size): &(usize, usize)| {
            let left = room.checked_sub(*size);
            room = left.unwrap_or_default();
            *index == 0 || left.is_some()
        };
        sizes.into_iter().enumerate().take_while(fits).count()
    }

    /// Whether the caller will read this top-level attribute.
    pub fn includes(&self, attribute: AttributeId) -> bool {
        self.only.is_none_or(|only| only.contains(&attribute)) && !self.without.contains(&attribute)
    }

    /// The requested attributes besides the id, if they were [named](RequestedAttributes::only): a store may then read
    /// less of a resource. `None` otherwise.
    pub const fn attributes(&self) -> Option<&'a [AttributeId]> {
        self.only
    }

    /// The number of values up to which a list of references is returned; `None` without a bound.
    pub const fn list_limit(&self) -> Option<usize> {
        self.list_limit
    }
}

/// How far a store evaluates a condition. See [`Store::pushdown`](super::Store::pushdown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between all, some and none")]
pub enum Pushdown {
    /// The store finds exactly the resources for which [`Condition::matches`] holds.
    Exact,
    /// The store finds all matching resources and may find others: the core evaluates the condition again.
    Superset,
    /// The store does not evaluate the condition and must not receive it.
    No,
}

/// The optional abilities of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an ability of its own")]
#[non_exhaustive]
pub struct Capabilities {
    /// The maximum number of changes in one commit. With 1, the default, no two writes are atomic together.
    pub max_batch: usize,
    /// Whether the store can [sort](Scan::sort). Default `false`.
    pub sort: bool,
    /// Whether the store can [count](Scan::count) exactly. Default `false`: the core then reads every list by index
    /// from the start to count it, and refuses the request beyond [`Limits::scan`](crate::limits::Limits::scan) resources.
    pub total: bool,
    /// Whether the store can answer [`Window::Before`]. Default `false`: pages by cursor then lead forward only,
    /// unless the core has the whole list in memory.
    pub backward: bool,
    /// Whether [`Store::get_many`](super::Store::get_many) is cheaper than a call for each resource. Default `false`:
    /// references then do not show the names of the resources that they refer to, such as `members.display`, unless
    /// the names are stored in the references.
    pub get_many: bool,
    /// Whether a replacement may leave lists of references [unchanged](super::Entry::kept). Default `false`: a PATCH
    /// that changes no list then reads and writes every list of the resource.
    pub partial: bool,
    /// Whether the store gives the ids of new resources, some or all: the core then calls
    /// [`Store::id_of_new`](super::Store::id_of_new) before each creation. Default `false`.
    pub new_ids: bool,
}

impl Capabilities {
    /// No optional ability, and one change per commit.
    pub const fn new() -> Self {
        Self {
            max_batch: 1,
            sort: false,
            total: false,
            backward: false,
            get_many: false,
            partial: false,
            new_ids: false,
        }
    }

    /// Sets whether the store gives the ids of new resources.
    #[must_use]
    pub const fn with_new_ids(mut self, new_ids: bool) -> Self {
        self.new_ids = new_ids;
        self
    }

    /// Sets whether a replacement may leave lists of references unchanged.
    #[must_use]
    pub const fn with_partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }

    /// Sets the maximum number of changes in one commit.
    #[must_use]
    pub const fn with_max_batch(mut self, changes: usize) -> Self {
        self.max_batch = changes;
        self
    }

    /// Sets whether the store can sort.
    #[must_use]
    pub const fn with_sort(mut self, sort: bool) -> Self {
        self.sort = sort;
        self
    }

    /// Sets whether the store can count exactly.
    #[must_use]
    pub const fn with_total(mut self, total: bool) -> Self {
        self.total = total;
        self
    }

    /// Sets whether the store can read backward.
    #[must_use]
    pub const fn with_backward(mut self, backward: bool) -> Self {
        self.backward = backward;
        self
    }

    /// Sets whether the store reads many resources in one call.
    #[must_use]
    pub const fn with_get_many(mut self, get_many: bool) -> Self {
        self.get_many = get_many;
        self
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::new()
    }
}

/// A query for resources of one type (RFC 7644 §3.4.2).
///
/// A store evaluates the query in this order: filter, sort, count, window. The page ends early where it reaches its
/// [bound of bytes](RequestedAttributes::with_byte_limit).
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a part would answer another question")]
pub struct Scan<'a> {
    /// The type of the resources.
    pub resource_type: &'a Arc<ResourceType>,
    /// Conditions that must all hold. They are only conditions that the store's [`pushdown`](super::Store::pushdown)
    /// accepts.
    pub filter: &'a [&'a Condition],
    /// The order; `None` means ascending by id. The core sets an order only if the store [can
    /// sort](Capabilities::sort).
    pub sort: Option<&'a Sort>,
    /// The part of the matching resources to return.
    pub window: Window<'a>,
    /// The requested attributes. Filter and sort may use other attributes.
    pub requested: &'a RequestedAttributes<'a>,
    /// Whether to fill [`Page::total`]. A store that [cannot count](Capabilities::total) ignores this field.
    pub count: bool,
}

/// The part of the matching resources that a [`Scan`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must know each")]
pub enum Window<'a> {
    /// The resources at an offset (RFC 7644 §3.4.2.4).
    Offset {
        /// The number of resources before the window.
        skip: u64,
        /// The maximum number of resources to return; 0 to count only.
        take: usize,
    },
    /// The resources behind a sort position. The order is that of [`Scan::sort`], or else ascending by id, compared
    /// byte by byte. A caller that reads page after page meets a resource with an unchanged sort position once,
    /// whatever commits happen in between.
    ///
    /// The position is compared, not looked up: the resource that it was taken from may have changed or been deleted.
    /// Without a sort, the store ignores its [key](Position::key).
    After {
        /// The last known sort position; `None` for the start.
        last: Option<Position<'a>>,
        /// The maximum number of resources to return.
        take: usize,
    },
    /// The resources right before a sort position: the last `take` of them, in the order of the list. The core
    /// requests this window only from a store that [can](Capabilities::backward) read backward.
    Before {
        /// The first known sort position; `None` for the end.
        first: Option<Position<'a>>,
        /// The maximum number of resources to return.
        take: usize,
    },
}

impl<'a> Window<'a> {
    /// The window behind an id, in a list that is ordered by id; `None` for the start of the list.
    pub fn behind(id: Option<&'a str>, take: usize) -> Self {
        Self::After { last: id.map(Position::of_id), take }
    }
}

impl Scan<'_> {
    /// The page for this query, out of all the tenant's resources of the type: filtered, sorted, counted and cut.
    ///
    /// For stores that have all the resources in memory. A store that leaves its filtering to this function may answer
    /// [`Pushdown::Exact`] for every condition on stored attributes.
    pub fn select(&self, all: impl IntoIterator<Item = Stored>) -> Page {
        let fits = |stored: &Stored| self.filter.iter().all(|condition| condition.matches(stored.resource.root()));
        let mut found: Vec<Stored> = all.into_iter().filter(fits).collect();
        let order = |left: &Stored, right: &Stored| -> Ordering {
            match self.sort {
                Some(sort) => sort.compare(&left.resource, &right.resource),
                None => left.resource.id().cmp(right.resource.id()),
            }
        };
        found.sort_unstable_by(order);
        let total = u64::try_from(found.len()).ok().filter(|_| self.count);
        let place = |position| found.partition_point(|stored| self.compare_to(&stored.resource, position).is_lt());
        let (skip, take, more) = match self.window {
            Window::Offset { skip, take } => {
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                (skip, take, found.len().saturating_sub(skip) > take)
            }
            Window::After { last, take } => {
                let is_known =
                    |stored: &Stored| last.is_some_and(|last| self.compare_to(&stored.resource, last).is_le());
                let skip = found.partition_point(is_known);
                (skip, take, found.len().saturating_sub(skip) > take)
            }
            Window::Before { first, take } => {
                let end = first.map_or(found.len(), place);
                (end.saturating_sub(take), take.min(end), end > take)
            }
        };
        let page = Page::new(found.into_iter().skip(skip).take(take).collect(), total, more);
        self.bounded(page)
    }

    /// The page, cut to its [bound of bytes](RequestedAttributes::with_byte_limit). The last resources of the page are dropped;
    /// for [`Window::Before`], the first. For stores whose resources are in memory anyway.
    pub fn bounded(&self, mut page: Page) -> Page {
        let all = page.items.len();
        let size = |stored: &Stored| stored.resource.size();
        if matches!(self.window, Window::Before { .. }) {
            let fitting = self.requested.fitting(page.items.iter().rev().map(size));
            page.items.drain(..all.saturating_sub(fitting));
        } else {
            page.items.truncate(self.requested.fitting(page.items.iter().map(size)));
        }
        page.more |= page.items.len() < all;
        page
    }

    /// The order of a resource relative to a sort position, in the order of this query.
    pub fn compare_to(&self, resource: &Resource, position: Position<'_>) -> Ordering {
        match self.sort {
            Some(sort) => sort.compare_to(resource, position),
            None => resource.id().cmp(position.id),
        }
    }
}

impl fmt::Debug for Scan<'_> {
    /// Omits the values of the filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes: Vec<String> = self
            .filter
            .iter()
            .flat_map(|condition| condition.attributes())
            .map(|attribute| self.resource_type.path(attribute))
            .collect();
        f.debug_struct("Scan")
            .field("resource_type", &self.resource_type.name())
            .field("filter", &attributes)
            .field("sort", &self.sort.map(|sort| self.resource_type.path(sort.attribute())))
            .field("window", &self.window)
            .field("requested", &self.requested)
            .field("count", &self.count)
            .finish()
    }
}

/// The answer to a [`Scan`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The resources in the window.
    pub items: Vec<Stored>,
    /// The number of resources that satisfy the filter, in and outside the window, if the query asked for it and the
    /// store can count.
    pub total: Option<u64>,
    /// Whether more resources follow the last item; for [`Window::Before`], whether more come before the first item.
    pub more: bool,
}

impl Page {
    /// Returns a page of these resources. `total` is the number of all resources that satisfy the filter, and `more`
    /// states whether more resources follow.
    pub fn new(items: Vec<Stored>, total: Option<u64>, more: bool) -> Self {
        Self { items, total, more }
    }
}

/// A referrer: a resource that refers to another one, such as a group that has a user as its member.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Referrer {
    /// The id of the resource that is referred to.
    pub value: Text,
    /// The id of the referrer.
    pub id: Text,
    /// The display name of the referrer, if it has one.
    pub display: Option<Text>,
}

impl Referrer {
    /// Returns a reference from the resource `id`, which has this display name, to the resource `value`.
    pub fn new(value: impl Into<Text>, id: impl Into<Text>, display: Option<Text>) -> Self {
        Self { value: value.into(), id: id.into(), display }
    }

    /// The approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        let texts = [Some(&self.value), Some(&self.id), self.display.as_ref()];
        size_of::<Self>() + texts.into_iter().flatten().map(Text::len).sum::<usize>()
    }
}

impl fmt::Debug for Referrer {
    /// Omits the display name, which is a value of a resource.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Referrer").field("value", &self.value).field("id", &self.id).finish_non_exhaustive()
    }
}
