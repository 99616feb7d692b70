//! The promises of [`Store`]. Each promise has a check that fails for a store which breaks the promise.

mod access;
mod batches;
mod bytes;
mod external_ids;
mod kit;
mod life;
mod lists;
mod new_ids;
mod other_users;
mod outbox;
mod races;
mod reading;
mod references;
mod replacements;
mod sign_in;
mod versions;

use std::{pin::Pin, sync::Arc};

use self::kit::{Kit, check, create, delete, edit, failed, held, replace, sorted};
pub use self::sign_in::SignIn;
use super::{
    random::{IdOf, Random},
    report::{Failure, Outcome, Report},
    samples::{Samples, moment},
};
use crate::{
    event::Event,
    patch::ValueEdit,
    provider::ServiceProviderBuilder,
    resource::Resource,
    schema::{Registry, ResourceType},
    store::{
        Change, ChangeOutcome, CommitError, Expect, Key, RequestContext, RequestedAttributes, Scan, Store, StoreError,
        Stored, TenantId, Version, Window,
    },
    value::Object,
};

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $text:literal with $run:path,)*) => {
        /// One promise of a [`Store`](trait@crate::store::Store).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Check { $($(#[$doc])* $name,)* }

        impl Check {
            /// All checks.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name of the check, for reports and for selecting a check.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        async fn run<S: Store>(kit: &Kit<'_, S>, check: Check) -> Result<(), Stop> {
            match check { $(Check::$name => $run(kit).await,)* }
        }
    };
}

checks! {
    /// No tenant reads, changes or counts the resources of another tenant, or collides with them.
    Tenants = "tenants" with batches::tenants,
    /// A commit that fails changes nothing, whichever of its changes failed, and names the failed change.
    AtomicBatches = "atomic-batches" with batches::atomic,
    /// The changes of a batch happen in their order. Each change sees the changes before it.
    BatchOrder = "batch-order" with batches::order,
    /// A commit whose future is dropped half-way has happened as a whole or not at all.
    Cancelled = "cancelled" with batches::cancelled,
    /// Each change gives a new version, an old version is refused, and no version comes again.
    Versions = "versions" with versions::versions,
    /// The version that a commit reports is the version of the resource, also if the store writes a list and the
    /// resource by separate statements.
    ReportedVersions = "reported-versions" with replacements::reported_versions,
    /// A replacement changes the resource in place: references to the resource stay, and the referrers do not change.
    Replacements = "replacements" with replacements::replacements,
    /// Booleans that only the service provider sets, such as the marker of [`Ownership`](crate::provider::Ownership),
    /// are true where the service provider wrote true, and nowhere else.
    ReadOnlyValues = "read-only-values" with replacements::read_only_values,
    /// A change without effect keeps the version and `meta.lastModified`.
    NoChange = "no-change" with versions::no_change,
    /// A missing resource is not found, not replaced and not deleted, and no second resource is created under a used
    /// id.
    Existence = "existence" with versions::existence,
    /// A unique key belongs to one resource, is free again when the resource is deleted, and does not affect other
    /// tenants.
    UniqueKeys = "unique-keys" with versions::unique_keys,
    /// When 20 requests create the same name at the same time, one succeeds.
    Creators = "racing-creators" with races::creators,
    /// When 20 requests write one version at the same time, one succeeds.
    Writers = "racing-writers" with races::writers,
    /// When 50 members are added at the same time, no member is lost.
    Members = "racing-members" with races::members,
    /// A resource is read exactly as it was written, with all attributes, even if its text is hard for databases.
    RoundTrip = "round-trip" with reading::round_trip,
    /// Requested attributes are present; others may be missing. A list over the limit is left out, and the store
    /// reports it.
    RequestedAttributes = "requested" with reading::requested,
    /// A read stays within its bound of bytes: pages end early, and lists that do not fit are left out.
    Bytes = "bytes" with bytes::bytes,
    /// Many resources are read by their ids. Each resource stands at the position of its id, in its present state. The
    /// position is empty for an id that no resource of the type has.
    GetMany = "get-many" with reading::get_many,
    /// A walk by position meets each resource that exists all the time exactly once, whatever is written meanwhile.
    Walks = "walks" with lists::walks,
    /// A sorted list has one order, the same for every way of paging; totals are exact.
    Orders = "orders" with lists::orders,
    /// An exact pushdown finds the same resources as the core; a superset pushdown finds at least all of them.
    Pushdown = "pushdown" with lists::pushdown,
    /// When a resource is deleted, its referrers lose the reference and get a new version.
    References = "references" with references::clean_up,
    /// A list refers only to existing resources of the types that it may refer to.
    BadReferences = "bad-references" with references::bad_references,
    /// An edit of a list of references has exactly the requested effect and reports that effect.
    Edits = "edits" with references::edits,
    /// The referrers of some ids, and the resource type of each id.
    Referrers = "referrers" with references::referrers,
    /// No tenant sees the references of another tenant, even if both have resources with the same ids.
    TenantReferences = "tenant-references" with references::of_tenants,
    /// Each change writes one event into the host's outbox, in the same transaction. Needs
    /// [`StoreKit::with_outbox`].
    Outbox = "outbox" with outbox::outbox,
    /// A list of 10,000 references: one reference is added and one is removed.
    ManyMembers = "many-members" with references::many,
    /// A creation changes and joins no other resource: neither a resource of another tenant with the same name, nor a
    /// resource of its own tenant with the same address.
    OtherUsers = "other-users" with other_users::other_users,
    /// An `externalId` is not an id, and a resource is found once, whatever external ids it has had.
    ExternalIds = "external-ids" with external_ids::external_ids,
    /// A user may sign in after a creation and a reactivation, and may not after a deactivation and a deletion, by
    /// every kind of request. Needs [`StoreKit::with_access`].
    Access = "access" with access::access,
    /// A user may sign in to one tenant only, and a change in another tenant neither ends nor grants access. Needs
    /// [`StoreKit::with_access`].
    TenantAccess = "tenant-access" with access::of_tenants,
    /// A store that gives the ids of new resources ([`Capabilities::new_ids`](crate::store::Capabilities::new_ids))
    /// gives each id once, also to requests at the same time and after deletions. A creation that is refused or
    /// abandoned leaves no resource.
    NewIds = "new-ids" with new_ids::new_ids,
}

/// Why a check ended early.
enum Stop {
    Failed(Failure),
    Skipped(&'static str),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Makes the context of a tenant.
type ContextOf = dyn Fn(TenantId) -> RequestContext + Send + Sync;

/// The events in a host's outbox.
type Events<'a> = Pin<Box<dyn Future<Output = Result<Vec<Event>, StoreError>> + Send + 'a>>;

/// Reads the outbox of a tenant.
type OutboxOf = dyn for<'a> Fn(&'a RequestContext) -> Events<'a> + Send + Sync;

/// The answer of the host's own sign-in query.
type MaySignIn = Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send>>;

/// The host's own sign-in query.
type AccessOf = dyn Fn(SignIn) -> MaySignIn + Send + Sync;

/// Completes the service provider of the checks that send requests.
type Complete<S> = dyn Fn(ServiceProviderBuilder<Arc<S>>) -> ServiceProviderBuilder<Arc<S>> + Send + Sync;

/// Runs the [`Check`]s against a store.
///
/// ```
/// # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
/// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
/// # }
/// use scim_core::{schema::Registry, store::MemoryStore, testkit::StoreKit};
///
/// // The last number tells runs against one database apart.
/// let report = block_on(StoreKit::new(MemoryStore::new(), Registry::standard(), 1).run_all());
/// assert!(report.is_passed(), "{report}");
/// ```
///
/// # Mistakes that the checks find
///
/// Each of these mistakes was made by an application with SCIM over its own tables. `tests/it/store/mistakes.rs` and
/// `tests/it/store/access.rs` in the repository have a store that makes the mistake.
///
/// | mistake | check |
/// | --- | --- |
/// | A creation with the user name of another tenant's user joins that user to the tenant, or renames the user. | [`other-users`](Check::OtherUsers) |
/// | The refusal of such a creation shows the id or the name of the other user. | none is needed for the response: [`StoreError::NotUnique`] has no place for them; [`tenant-access`](Check::TenantAccess) tests the response |
/// | A creation takes over an account with the same address and changes its address or name. | [`other-users`](Check::OtherUsers); [`unique-keys`](Check::UniqueKeys) for the same user name |
/// | DELETE in one tenant deletes the account that several tenants share. | [`tenant-access`](Check::TenantAccess); [`tenants`](Check::Tenants) if the other resource disappears, too |
/// | A numeric `externalId` is taken for an internal id. | [`external-ids`](Check::ExternalIds) |
/// | A request that deactivates a user gets 404, or the user disappears from reads and lists. | [`access`](Check::Access) |
/// | A read shows a deactivated user as active. | [`access`](Check::Access); [`round-trip`](Check::RoundTrip) if every read does |
/// | A creation after a deletion gets 409 for ever. | [`unique-keys`](Check::UniqueKeys); [`access`](Check::Access) if the user was inactive |
/// | Of parallel additions of members, the last one wins. | [`racing-members`](Check::Members) |
/// | The parallel addition of one member by two requests fails with 500. | [`racing-members`](Check::Members) |
/// | Parallel creations of one user fail with 500. | [`racing-creators`](Check::Creators) |
/// | A group accepts members of another tenant. | [`tenants`](Check::Tenants) |
/// | A revoked membership grants access, because a join forgets its status. | [`access`](Check::Access) |
/// | The sign-in query forgets the tenant. | [`tenant-access`](Check::TenantAccess) |
/// | A second identity row hides a user from lists, or shows the user twice. | [`external-ids`](Check::ExternalIds) |
/// | The id of a new resource is the greatest id plus one: two requests at once get one id, and the id of a deleted user goes to another person. | [`new-ids`](Check::NewIds) |
/// | The store reserves an id by an empty row, which stays if the creation fails. | [`new-ids`](Check::NewIds) |
/// | Blanks around a user name make a twin of a user, who then cannot sign in, or can sign in for ever. | [`access`](Check::Access) |
pub struct StoreKit<S> {
    store: Arc<S>,
    registry: Registry,
    run: u64,
    context: Box<ContextOf>,
    outbox: Option<Box<OutboxOf>>,
    access: Option<Box<AccessOf>>,
    complete: Box<Complete<S>>,
    many: usize,
    are_names_global: bool,
    is_single: bool,
    is_ascii: bool,
    ids: Option<Arc<IdOf>>,
}

impl<S> std::fmt::Debug for StoreKit<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreKit").field("run", &self.run).finish_non_exhaustive()
    }
}

impl<S: Store> StoreKit<S> {
    /// Returns the kit for a store with the resource types of `registry`. Some type must have a unique attribute that
    /// is a string, such as `userName`. The checks of lists of references are skipped if no type has such a list.
    ///
    /// `run` must not have been used with the same database before: the names of tenants and the ids are made from it,
    /// and nothing is cleaned up. The same number makes the same test data.
    pub fn new(store: S, registry: Registry, run: u64) -> Self {
        Self {
            store: Arc::new(store),
            registry,
            run,
            context: Box::new(RequestContext::new),
            outbox: None,
            access: None,
            complete: Box::new(|builder| builder),
            many: 10_000,
            are_names_global: false,
            is_single: false,
            is_ascii: false,
            ids: None,
        }
    }

    /// Replaces [`RequestContext::new`] as the source of contexts: for a store that needs more than the tenant, or must
    /// register a tenant before its use.
    ///
    /// The kit calls `context` several times with the same name. For each name, `context` returns a context of a tenant of
    /// its own, which is empty at the first call. The tenant can have another name, such as the key of its row.
    ///
    /// ```
    /// # use scim_core::{schema::Registry, store::{MemoryStore, RequestContext, TenantId}, testkit::StoreKit};
    /// # struct Database;
    /// # impl Database { fn key_of(&self, _: &str) -> i64 { 7 } }
    /// # let database = Database;
    /// let kit = StoreKit::new(MemoryStore::new(), Registry::standard(), 1).with_context(move |tenant| {
    ///     // INSERT INTO organization (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = $1 RETURNING id
    ///     let key = database.key_of(tenant.as_str());
    ///     RequestContext::new(TenantId::new(key.to_string()).expect("digits"))
    /// });
    /// # drop(kit);
    /// ```
    #[must_use]
    pub fn with_context(mut self, context: impl Fn(TenantId) -> RequestContext + Send + Sync + 'static) -> Self {
        self.context = Box::new(context);
        self
    }

    /// Sets the number of members in the large list of [`Check::ManyMembers`]; 10,000 by default.
    #[must_use]
    pub fn with_many(mut self, members: usize) -> Self {
        self.many = members;
        self
    }

    /// Declares that a unique value, such as `userName`, is unique in the whole database and not only in its tenant. No
    /// check then needs a name in two tenants; [`OtherUsers`](Check::OtherUsers) and
    /// [`TenantAccess`](Check::TenantAccess) accept the refusal of such a name. Without this declaration, the check
    /// [`Tenants`](Check::Tenants) fails for such a store, and names the attribute and the tenant.
    #[must_use]
    pub fn with_global_names(mut self) -> Self {
        self.are_names_global = true;
        self
    }

    /// Declares that the store serves [`TenantId::single`] only. The checks of several tenants are then skipped, and all
    /// other checks use this tenant.
    ///
    /// Each check needs an empty database: make a fresh database and a kit for each check of [`Check::ALL`], and
    /// [run](Self::run) the check.
    #[must_use]
    pub fn with_single_tenant(mut self) -> Self {
        self.is_single = true;
        self
    }

    /// Declares that the host's own unique index decides which names are one name, and that it ignores the case of
    /// letters in ASCII only, or the case of other letters by a rule of its own: `NOCASE`, `lower()`, a text that the
    /// host writes in lower case. The kit then leaves out names that differ in letters beyond ASCII only, and text that
    /// is equal to text in ASCII by the [fold](crate::fold::fold) of the core.
    #[must_use]
    pub fn with_ascii_folding(mut self) -> Self {
        self.is_ascii = true;
        self
    }

    /// Sets the form of ids: `ids` makes an id from a random number. Without this declaration the kit uses random UUIDs.
    ///
    /// ```
    /// # use scim_core::{schema::Registry, store::MemoryStore, testkit::StoreKit};
    /// // Whole numbers that a column of 64 bits has place for.
    /// let kit = StoreKit::new(MemoryStore::new(), Registry::standard(), 1).with_ids(|number| (number >> 1).to_string());
    /// # let _ = kit;
    /// ```
    #[must_use]
    pub fn with_ids(mut self, ids: impl Fn(u64) -> String + Send + Sync + 'static) -> Self {
        self.ids = Some(Arc::new(ids));
        self
    }

    /// Sets the function that reads the host's outbox: all events of the context's tenant, in the order of their
    /// commits, as [`Event::of`] made them. [`Check::Outbox`] needs the function.
    ///
    /// ```
    /// # use scim_core::{event::Event, schema::Registry, store::MemoryStore, testkit::StoreKit};
    /// # async fn rows(tenant: &str) -> Vec<Vec<u8>> { Vec::new() }
    /// use scim_core::store::StoreError;
    ///
    /// let registry = Registry::standard();
    /// let kit = StoreKit::new(MemoryStore::new(), registry.clone(), 1).with_outbox(move |context| {
    ///     let registry = registry.clone();
    ///     Box::pin(async move {
    ///         let rows = rows(context.tenant().as_str()).await; // SELECT event FROM outbox WHERE tenant = $1 ORDER BY id
    ///         rows.iter().map(|row| Event::from_json(&registry, row).map_err(StoreError::backend)).collect()
    ///     })
    /// });
    /// # let _ = kit;
    /// ```
    #[must_use]
    pub fn with_outbox(
        mut self,
        outbox: impl for<'a> Fn(
            &'a RequestContext,
        ) -> Pin<Box<dyn Future<Output = Result<Vec<Event>, StoreError>> + Send + 'a>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.outbox = Some(Box::new(outbox));
        self
    }

    /// Sets the host's own sign-in query: whether the user of a [`SignIn`] may sign in now. [`Check::Access`] and
    /// [`Check::TenantAccess`] need the query. They create, deactivate, reactivate and delete users by requests of a
    /// client, and call the query after each request.
    ///
    /// The query must be the query of the host's sign-in page, and not a copy: a copy has other mistakes. If a user has
    /// access by other ways, such as a session, an access token or a membership, the query asks about each way, and
    /// returns `true` if one of them is open.
    ///
    /// ```
    /// # use scim_core::{schema::Registry, store::{MemoryStore, StoreError}, testkit::StoreKit};
    /// # #[derive(Clone)] struct Accounts;
    /// # impl Accounts {
    /// #     async fn may_sign_in(&self, _: &str, _: &str) -> Result<bool, StoreError> { Ok(true) }
    /// #     fn may_sign_in_blocking(&self, _: &str, _: &str) -> Result<bool, StoreError> { Ok(true) }
    /// # }
    /// # let accounts = Accounts;
    /// let host = accounts.clone();
    /// let kit = StoreKit::new(MemoryStore::new(), Registry::standard(), 1).with_access(move |sign_in| {
    ///     let host = host.clone();
    ///     async move { host.may_sign_in(sign_in.tenant().as_str(), sign_in.user_name()).await }
    /// });
    /// // A query that blocks needs no future of its own.
    /// let kit = kit.with_access(move |sign_in| {
    ///     std::future::ready(accounts.may_sign_in_blocking(sign_in.tenant().as_str(), sign_in.user_name()))
    /// });
    /// # let _ = kit;
    /// ```
    #[must_use]
    pub fn with_access<F>(mut self, access: impl Fn(SignIn) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<bool, StoreError>> + Send + 'static,
    {
        self.access = Some(Box::new(move |sign_in| Box::pin(access(sign_in))));
        self
    }

    /// Completes the service provider through which [`Check::Access`] and [`Check::TenantAccess`] send their requests:
    /// with the host's policies, quirks and limits. Without this call the service provider has the defaults. The kit
    /// sets the clock and the source of ids.
    ///
    /// ```
    /// use scim_core::{quirks::Quirks, schema::Registry, store::MemoryStore, testkit::StoreKit};
    ///
    /// let kit = StoreKit::new(MemoryStore::new(), Registry::standard(), 1)
    ///     .with_provider(|builder| builder.quirks(Quirks::strict()));
    /// # let _ = kit;
    /// ```
    #[must_use]
    pub fn with_provider(
        mut self,
        complete: impl Fn(ServiceProviderBuilder<Arc<S>>) -> ServiceProviderBuilder<Arc<S>> + Send + Sync + 'static,
    ) -> Self {
        self.complete = Box::new(complete);
        self
    }

    /// Runs one check.
    pub async fn run(&self, check: Check) -> Outcome {
        let Some(mut samples) = Samples::new(&self.registry) else {
            return Outcome::Skipped("no resource type has a unique attribute that is a string");
        };
        let needs_tenants =
            matches!(check, Check::Tenants | Check::TenantReferences | Check::TenantAccess | Check::OtherUsers);
        if self.is_single && needs_tenants {
            return Outcome::Skipped("not applicable: the store serves a single tenant");
        }
        samples.is_ascii = self.is_ascii;
        let position = Check::ALL.iter().position(|other| *other == check).unwrap_or_default();
        let seed = self.run.wrapping_mul(1_000).wrapping_add(u64::try_from(position).unwrap_or_default());
        if self.are_names_global {
            samples.suffix = format!(" {} {}", self.run, check.name());
        }
        let kit = Kit { whole: self, samples, check, seed };
        match run(&kit, check).await {
            Ok(()) => Outcome::Passed,
            Err(Stop::Skipped(why)) => Outcome::Skipped(why),
            Err(Stop::Failed(failure)) => Outcome::Failed(failure),
        }
    }

    /// Runs all checks, one after the other.
    pub async fn run_all(&self) -> Report {
        let mut report = Report::default();
        for &check in Check::ALL {
            report.add(check.name(), self.run(check).await);
        }
        report
    }
}
