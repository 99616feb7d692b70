//! What is read: one resource by its id, a page of many, and who refers to whom.

use std::{cmp::Ordering, fmt, sync::Arc};

use super::Version;
use crate::{
    filter::Condition,
    resource::{Position, Resource, Sort},
    schema::{AttributeId, ResourceType},
    value::Text,
};

/// Which resource of a tenant is meant.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a tenant's resources have a type and an id, and nothing else")]
pub struct Key<'a> {
    /// The resource's type.
    pub kind: &'a Arc<ResourceType>,
    /// The resource's id, compared exactly (RFC 7643 §3.1).
    pub id: &'a str,
}

/// A resource as a store has it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Stored {
    /// The resource. It may hold more than was [wanted](Wanted), and what is not wanted may be missing.
    pub resource: Arc<Resource>,
    /// The state that it is in. Always that of the whole resource, whatever part of it was read.
    pub version: Version,
    /// `false` when a wanted list of references was left out because it is longer than [`Wanted::list_limit`], or because
    /// the resource does not fit into [`Wanted::byte_limit`] with it.
    pub complete: bool,
}

impl Stored {
    /// A resource with all that was wanted of it.
    pub fn new(resource: impl Into<Arc<Resource>>, version: Version) -> Self {
        Self { resource: resource.into(), version, complete: true }
    }
}

/// Which attributes of a resource the caller will look at.
///
/// A store may leave out the others, and should where they cost it something: that is how a list of groups is read
/// without their members.
///
/// ```
/// use scim_core::{schema::Registry, store::Wanted};
///
/// let registry = Registry::standard();
/// let group = registry.resource_type("Group").expect("registered");
/// let members = group.reference_lists()[0];
/// assert!(Wanted::everything().includes(members));
/// assert!(!Wanted::without(group.reference_lists()).includes(members));
/// assert!(Wanted::only(&[members]).includes(members) && !Wanted::only(&[]).includes(members));
/// assert_eq!(Wanted::everything().limit(1_000).list_limit(), Some(1_000));
/// assert_eq!(Wanted::everything().within(1 << 20).byte_limit(), Some(1 << 20));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    only: Option<&'a [AttributeId]>,
    without: &'a [AttributeId],
    list_limit: Option<usize>,
    byte_limit: Option<usize>,
}

impl<'a> Wanted<'a> {
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

    /// Asks to leave out every list of references that has more than `values` values, and to say so by
    /// [`Stored::complete`].
    #[must_use]
    pub const fn limit(mut self, values: usize) -> Self {
        self.list_limit = Some(values);
        self
    }

    /// Bounds the memory of what is read to about `bytes`, as [`Resource::size`] counts them or as the store does: the
    /// length of the text that it keeps is as good.
    ///
    /// - A [page](super::Store::scan) ends before the resource that does not fit any more, and says by [`Page::more`] that
    ///   there are others. It has at least one resource.
    /// - A list of references that does not fit, of a single resource or of the first of a page, is left out; the resource
    ///   then is not [complete](Stored::complete).
    /// - [`get_many`](super::Store::get_many) fails with [`TooMany`](super::StoreError::TooMany).
    ///
    /// The store must not read everything first and drop it then: the bound is for the memory of the process.
    #[must_use]
    pub const fn within(mut self, bytes: usize) -> Self {
        self.byte_limit = Some(bytes);
        self
    }

    /// How many bytes what is read may have, about; `None` for any number.
    pub const fn byte_limit(&self) -> Option<usize> {
        self.byte_limit
    }

    /// How many of the resources that have these sizes, in the order of a page, fit into it: at least one.
    ///
    /// ```
    /// use scim_core::store::Wanted;
    ///
    /// let wanted = Wanted::everything().within(1_000);
    /// assert_eq!(wanted.fitting([400, 600, 1]), 2);
    /// assert_eq!((wanted.fitting([4_000, 1]), wanted.fitting([])), (1, 0));
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

    /// Whether the caller will look at this top-level attribute.
    pub fn includes(&self, attribute: AttributeId) -> bool {
        self.only.is_none_or(|only| only.contains(&attribute)) && !self.without.contains(&attribute)
    }

    /// The attributes that are wanted besides the id, where they are [named](Wanted::only): a store may read less of a
    /// resource then.
    pub const fn attributes(&self) -> Option<&'a [AttributeId]> {
        self.only
    }

    /// How many values a list of references may have to be wanted; `None` for any number.
    pub const fn list_limit(&self) -> Option<usize> {
        self.list_limit
    }
}

/// How far a store evaluates a condition. See [`Store::pushdown`](super::Store::pushdown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between all, some and none")]
pub enum Pushdown {
    /// It finds exactly the resources for which [`Condition::matches`] holds.
    Exact,
    /// It finds all of them, and may find others: the caller looks again.
    Superset,
    /// It does not evaluate the condition, and must not be given it.
    No,
}

/// What a store can do beyond the least that it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an ability of its own")]
#[non_exhaustive]
pub struct Capabilities {
    /// How many changes one commit may have. With 1, which is the default, no two writes are atomic together.
    pub max_batch: usize,
    /// Whether it can [sort](Scan::sort). Default `false`.
    pub sort: bool,
    /// Whether it can [count](Scan::count) exactly. Default `false`: then every list by index is walked from the start
    /// to be counted, and refused beyond [`Limits::scan`](crate::Limits::scan) resources.
    pub total: bool,
    /// Whether it can answer [`Window::Before`]. Default `false`: then pages by cursor lead forward only, where the core
    /// does not have the whole list at hand.
    pub backward: bool,
    /// Whether [`Store::get_many`](super::Store::get_many) is cheaper than a call for each resource. Default `false`: then
    /// references do not show the names of the resources that they refer to, such as `members.display`, unless the names
    /// are stored in them.
    pub get_many: bool,
    /// Whether a replacement may leave lists of references [as they are](super::Entry::kept). Default `false`: then a
    /// PATCH that touches no list reads and writes every list of the resource.
    pub partial: bool,
}

impl Capabilities {
    /// The least that a store must do.
    pub const fn new() -> Self {
        Self { max_batch: 1, sort: false, total: false, backward: false, get_many: false, partial: false }
    }

    /// Says whether a replacement may leave lists of references as they are.
    #[must_use]
    pub const fn with_partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }

    /// Sets how many changes one commit may have.
    #[must_use]
    pub const fn with_max_batch(mut self, changes: usize) -> Self {
        self.max_batch = changes;
        self
    }

    /// Says whether the store can sort.
    #[must_use]
    pub const fn with_sort(mut self, sort: bool) -> Self {
        self.sort = sort;
        self
    }

    /// Says whether the store can count exactly.
    #[must_use]
    pub const fn with_total(mut self, total: bool) -> Self {
        self.total = total;
        self
    }

    /// Says whether the store can read backward.
    #[must_use]
    pub const fn with_backward(mut self, backward: bool) -> Self {
        self.backward = backward;
        self
    }

    /// Says whether the store reads many resources in one call.
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

/// A question for many resources of one type (RFC 7644 §3.4.2).
///
/// A store does exactly what is asked, in this order: filter, sort, count, window. The page that the window shows ends early
/// where it reaches the [bound of its bytes](Wanted::within).
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a part would answer another question")]
pub struct Scan<'a> {
    /// The type of the resources.
    pub kind: &'a Arc<ResourceType>,
    /// What must all hold. Only what the store's [`pushdown`](super::Store::pushdown) accepts is in it.
    pub filter: &'a [&'a Condition],
    /// The order; ascending by id without. Asked only of a store that [can](Capabilities::sort).
    pub sort: Option<&'a Sort>,
    /// Which part of what was found is wanted.
    pub window: Window<'a>,
    /// Which attributes are wanted. Filter and sort may use others.
    pub wanted: &'a Wanted<'a>,
    /// Whether [`Page::total`] is wanted. A store that [cannot](Capabilities::total) ignores it.
    pub count: bool,
}

/// Which part of what a [`Scan`] found is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must know each")]
pub enum Window<'a> {
    /// The part at a position (RFC 7644 §3.4.2.4).
    Offset {
        /// How many come before.
        skip: u64,
        /// How many are wanted at the most; 0 to count only.
        take: usize,
    },
    /// The part behind a position of the order, which is [`Scan::sort`]'s or else ascending by id compared byte by
    /// byte: what is walked so is met once, whatever is written meanwhile.
    ///
    /// The position is compared, not looked up: the resource that it was taken from may have changed or gone. Without a
    /// sort its [key](Position::key) means nothing.
    After {
        /// The last place that is known; `None` for the start.
        last: Option<Position<'a>>,
        /// How many are wanted at the most.
        take: usize,
    },
    /// The part that ends right before a position: of all that come before it the last ones, in the order of the list.
    /// Asked only of a store that [can](Capabilities::backward).
    Before {
        /// The first place that is known; `None` for the end.
        first: Option<Position<'a>>,
        /// How many are wanted at the most.
        take: usize,
    },
}

impl<'a> Window<'a> {
    /// The part behind an id, in a list that is ordered by id.
    pub fn behind(id: Option<&'a str>, take: usize) -> Self {
        Self::After { last: id.map(Position::of_id), take }
    }
}

impl Scan<'_> {
    /// The page that this asks for, out of all the tenant's resources of the type: filtered, sorted, counted and cut.
    ///
    /// For stores that have them at hand. One that leaves its filtering to this may call every condition on stored
    /// attributes [`Pushdown::Exact`].
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
        let page = Page { items: found.into_iter().skip(skip).take(take).collect(), total, more };
        self.bounded(page)
    }

    /// The page up to the [bound of its bytes](Wanted::within): it loses the resources that are furthest from where the
    /// window begins. For stores whose resources are in memory anyway.
    pub fn bounded(&self, mut page: Page) -> Page {
        let all = page.items.len();
        let size = |stored: &Stored| stored.resource.size();
        if matches!(self.window, Window::Before { .. }) {
            let fitting = self.wanted.fitting(page.items.iter().rev().map(size));
            page.items.drain(..all.saturating_sub(fitting));
        } else {
            page.items.truncate(self.wanted.fitting(page.items.iter().map(size)));
        }
        page.more |= page.items.len() < all;
        page
    }

    /// Whether a resource is before or behind a position, in the order that is asked for.
    pub fn compare_to(&self, resource: &Resource, position: Position<'_>) -> Ordering {
        match self.sort {
            Some(sort) => sort.compare_to(resource, position),
            None => resource.id().cmp(position.id),
        }
    }
}

impl fmt::Debug for Scan<'_> {
    /// Without what the filter compares with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes: Vec<String> = self
            .filter
            .iter()
            .flat_map(|condition| condition.attributes())
            .map(|attribute| self.kind.path(attribute))
            .collect();
        f.debug_struct("Scan")
            .field("kind", &self.kind.name())
            .field("filter", &attributes)
            .field("sort", &self.sort.map(|sort| self.kind.path(sort.attribute())))
            .field("window", &self.window)
            .field("wanted", &self.wanted)
            .field("count", &self.count)
            .finish()
    }
}

/// The answer to a [`Scan`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Page {
    /// The resources in the window.
    pub items: Vec<Stored>,
    /// How many resources satisfy the filter, in and outside the window, if that was asked for and the store can say.
    pub total: Option<u64>,
    /// Whether there are resources behind the last of these, in the window or behind it; of [`Window::Before`], before the
    /// first.
    pub more: bool,
}

/// A resource that refers to another one: a group that has a user as its member.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Holder {
    /// The id that is referred to.
    pub value: Text,
    /// The id of the resource that refers to it.
    pub id: Text,
    /// What names the resource that refers to it to people, if it has that.
    pub display: Option<Text>,
}

impl Holder {
    /// About how many bytes it takes in memory.
    pub fn size(&self) -> usize {
        let texts = [Some(&self.value), Some(&self.id), self.display.as_ref()];
        size_of::<Self>() + texts.into_iter().flatten().map(Text::len).sum::<usize>()
    }
}

impl fmt::Debug for Holder {
    /// Without the name, which is a value of a resource.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").field("value", &self.value).field("id", &self.id).finish_non_exhaustive()
    }
}
