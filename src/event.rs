//! Events: what each committed write has changed, for audit logs, other systems and the end of sessions.
//!
//! An [`Event`] is a pure function of who asked, what was asked and what came of it. So a store can write it into an
//! outbox in the transaction that it is about, and an [`Observer`] is told the very same after it. What happened is
//! read off the resource before and after, never off the verb: a user who is deactivated is deactivated, by whatever
//! request. This module knows no requests, and reads nothing.

mod difference;
mod json;
mod observer;
mod security;

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use percent_encoding::utf8_percent_encode;

use self::difference::Difference;
pub use self::{
    json::EventError,
    observer::Observer,
    security::{EventUri, Issuance, SecurityEvent},
};
use crate::{
    patch::Membership,
    resource::{Resource, SEGMENT, url},
    schema::{AttributeId, AttributeType, ResourceType},
    store::{Change, Context, Done, TenantId, Version},
    value::{Object, Text},
};

/// What happened to a resource as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateChange {
    /// It is new.
    Created,
    /// It is there and was before.
    Updated,
    /// It is gone, and its id with it from every list of references in the tenant, such as the members of groups. Of
    /// those lists there are no events of their own.
    Deleted,
}

/// What one committed change did: who, when, to which resource, and what is different now.
///
/// It has no value that nobody may see, such as a password: of those it has the names. All else is there, also what
/// policies hide from some clients.
///
/// # Outbox
///
/// A process can end between a commit and what is to follow from it. A store that writes the events with the change
/// loses none; here, one with a transaction of its own around [`MemoryStore`](crate::store::MemoryStore) in which a
/// database would insert a row:
///
/// ```
/// use scim_core::{event::Event, store::{Change, CommitError, Context, Done, MemoryStore, Store}};
///
/// async fn commit(tables: &MemoryStore, outbox: &mut Vec<Vec<u8>>, cx: &Context, batch: &[Change])
///     -> Result<Vec<Done>, CommitError> {
///     let done = tables.commit(cx, batch).await?;
///     let events = batch.iter().zip(&done).filter_map(|(change, done)| Event::of(cx, change, done));
///     outbox.extend(events.map(|event| event.to_json()));
///     Ok(done)
/// }
/// ```
///
/// A worker reads the rows with [`Event::from_json`], and may do so more than once: [`Event::id`] tells.
///
/// # Replay
///
/// Events applied in their order to nothing give what there is: [`Event::resource`] takes the place of the resource,
/// except that the lists in [`Event::kept`] stay as they are; or else the [`Event::memberships`] are applied to it and [`Event::time`] becomes its `meta.lastModified` if that is
/// not later; what is deleted goes, from every list of references too.
#[derive(Clone)]
pub struct Event {
    tenant: TenantId,
    actor: Option<Box<str>>,
    request_id: Option<Box<str>>,
    kind: Arc<ResourceType>,
    resource_id: Text,
    external_id: Option<Text>,
    version: Option<Version>,
    time: DateTime<Utc>,
    state_change: StateChange,
    attributes: Vec<String>,
    secrets: Vec<String>,
    active: Option<bool>,
    memberships: Vec<Membership>,
    resource: Option<Arc<Resource>>,
    kept: Vec<AttributeId>,
}

impl Event {
    /// What `change` did, of which `done` came; `None` when it changed nothing.
    ///
    /// Takes time in proportion to the change: for [`Change::EditValues`] to the edit, for a whole resource to that.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use scim_core::{Registry, Resource, event::{Event, StateChange}, store::*};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let [before, after] = [
    ///     br#"{"id": "2819", "userName": "bjensen", "active": true, "password": "t1meMa$heen"}"#.as_slice(),
    ///     br#"{"id": "2819", "userName": "bjensen", "active": false, "name": {"givenName": "Babs"}}"#,
    /// ].map(|json| Resource::from_json(user, json));
    /// let (before, entry) = (Arc::new(before?), Entry::new(after?));
    ///
    /// let cx = Context::new(TenantId::new("acme")?).with_actor("okta");
    /// let change = Change::Replace { entry, before, expect: Expect::Version(Version::from(6)) };
    /// let event = Event::of(&cx, &change, &Done::written(Version::from(7))).expect("a change");
    /// assert_eq!((event.state_change(), event.actor()), (StateChange::Updated, Some("okta")));
    /// assert_eq!(event.attributes(), ["active", "name.givenName", "password"]);
    /// assert_eq!(event.secrets(), ["password"]);
    /// assert!(event.is_deactivated());
    /// assert_eq!(event.id(), "acme/Users/2819/7");
    ///
    /// assert!(Event::of(&cx, &change, &Done::kept(Version::from(6))).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(cx: &Context, change: &Change, done: &Done) -> Option<Self> {
        if !done.changed {
            return None;
        }
        let kind = change.kind();
        let mut event = Self {
            tenant: cx.tenant().clone(),
            actor: cx.actor().map(Box::from),
            request_id: cx.request_id().map(Box::from),
            kind: Arc::clone(kind),
            resource_id: change.id().into(),
            external_id: None,
            version: None,
            time: DateTime::UNIX_EPOCH,
            state_change: StateChange::Updated,
            attributes: Vec::new(),
            secrets: Vec::new(),
            active: None,
            memberships: Vec::new(),
            resource: None,
            kept: Vec::new(),
        };
        match change {
            Change::Create { entry } => {
                event.state_change = StateChange::Created;
                event.compare(None, &entry.resource);
            }
            Change::Replace { entry, before, .. } => {
                event.compare(Some(before), &entry.resource);
                event.kept.clone_from(&entry.kept);
            }
            Change::EditValues { attribute, edit, modified, .. } => {
                event.time = *modified;
                event.attributes.push(kind.path(*attribute));
                let edit = done.edit.as_ref().unwrap_or(edit).clone();
                event.add_membership(Membership { attribute: *attribute, edit });
            }
            Change::Delete { at, before, .. } => {
                event.state_change = StateChange::Deleted;
                event.time = *at;
                event.external_id = before.as_ref().and_then(|before| before.external_id()).map(Text::from);
                return Some(event);
            }
        }
        event.version = Some(done.version.clone()?);
        Some(event)
    }

    /// Takes in what a whole resource has become.
    fn compare(&mut self, before: Option<&Resource>, after: &Arc<Resource>) {
        let nothing = Object::new();
        let (kind, was) = (Arc::clone(&self.kind), before.map_or(&nothing, Resource::root));
        let changed = Difference::between(&kind, was, after.root());
        self.attributes = changed.attributes.iter().map(|attribute| kind.path(*attribute)).collect();
        if before.is_some() {
            let secret = changed.attributes.iter().filter(|attribute| kind.is_sensitive(**attribute));
            self.secrets = secret.map(|attribute| kind.path(*attribute)).collect();
            self.active = difference::active(&kind, was, after.root());
        }
        changed.lists.into_iter().for_each(|list| self.add_membership(list));
        let external_id = after.external_id().or_else(|| before.and_then(Resource::external_id));
        self.external_id = external_id.map(Text::from);
        self.time = after.last_modified().unwrap_or(DateTime::UNIX_EPOCH);
        self.resource = Some(difference::without_secrets(after));
    }

    fn add_membership(&mut self, mut membership: Membership) {
        if !membership.edit.is_empty() && !self.kind.is_sensitive(membership.attribute) {
            difference::strip(&self.kind, membership.attribute, &mut membership.edit.add);
            self.memberships.push(membership);
        }
    }

    /// What tells this event from every other: the same whenever and wherever the event is made, so that who meets it
    /// twice knows. It is the `txn` of a [`SecurityEvent`].
    ///
    /// It is put together from tenant, endpoint, resource id and version. A store never gives a version twice, and an
    /// id is given to one resource only, which is deleted once: then the id ends in `!deleted`, which no version does,
    /// since each part is percent-encoded.
    pub fn id(&self) -> String {
        let part = |text| utf8_percent_encode(text, SEGMENT);
        let (tenant, id) = (part(self.tenant.as_str()), part(&self.resource_id));
        match &self.version {
            Some(version) => format!("{tenant}/{}/{id}/{}", self.kind.endpoint(), part(version.as_str())),
            None => format!("{tenant}/{}/{id}!deleted", self.kind.endpoint()),
        }
    }

    /// Whose resource it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Who did it, if the [`Context`] says so.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// In which request, if the [`Context`] says so.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The type of the resource.
    pub fn kind(&self) -> &Arc<ResourceType> {
        &self.kind
    }

    /// The id of the resource (RFC 7643 §3.1).
    pub fn resource_id(&self) -> &str {
        &self.resource_id
    }

    /// What the client calls the resource (RFC 7643 §3.1), where that is known: after a change of nothing but a list
    /// of references, and mostly after a deletion, it is not.
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// The path of the resource under the service provider's base URL: `/Users/2819`.
    pub fn uri(&self) -> String {
        url("", &self.kind, &self.resource_id)
    }

    /// The version that the resource has now; `None` after it was deleted.
    pub fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    /// When it happened, by the clock of the service provider.
    pub fn time(&self) -> DateTime<Utc> {
        self.time
    }

    /// What happened to the resource as a whole.
    pub fn state_change(&self) -> StateChange {
        self.state_change
    }

    /// The paths of the attributes that have another value now, as the schemas spell them (RFC 7644 §3.10):
    /// `userName`, `name.givenName`, `emails`. A list is named as a whole, `meta` not at all. After a create these are
    /// all that have a value; after a delete there are none.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Those of [`Event::attributes`] that nobody may see, such as `password`, after an update: a create sets them and
    /// changes none.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Whether an update made `active` true, which was false or had no value (RFC 7643 §4.1.1).
    ///
    /// No value counts as the [default](crate::schema::Attribute::default_value), here and in
    /// [`Event::is_deactivated`]: by the default of the standard user, a user who was stored without `active` is active
    /// already, and setting `active` to true then activates nobody.
    pub fn is_activated(&self) -> bool {
        self.active == Some(true)
    }

    /// Whether an update made `active` false, which was true or had no value (RFC 7643 §4.1.1). To end sessions and to
    /// revoke tokens, ask [`Event::ends_access`].
    pub fn is_deactivated(&self) -> bool {
        self.active == Some(false)
    }

    /// Whether the resource has lost its access: an update [deactivated](Event::is_deactivated) it, whatever the request,
    /// or it was deleted. This is the time to end its sessions and to revoke its tokens.
    ///
    /// A resource of any type can be deleted, groups too: [`Event::kind`] is the type. The creation of a user who is not
    /// active ends no access, since there was none before.
    ///
    /// No request takes the value of an `active` away that has a [default](crate::schema::Attribute::default_value). Where
    /// the host has switched the default off, a request can, and then nothing states that the user may sign in: that is
    /// an end of access, too.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use scim_core::{Registry, Resource, event::Event, store::*};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let user_with = |active: bool| {
    ///     let json = format!(r#"{{"id": "2819", "userName": "bjensen", "active": {active}}}"#);
    ///     Resource::from_json(user, json.as_bytes()).map(Arc::new)
    /// };
    /// let (active, inactive) = (user_with(true)?, user_with(false)?);
    /// let cx = Context::new(TenantId::new("acme")?);
    /// let event = |change: &Change| Event::of(&cx, change, &Done::written(Version::from(7))).expect("a change");
    /// let replace = |before: &Arc<Resource>, after: &Arc<Resource>| {
    ///     let (entry, before) = (Entry::new(Arc::clone(after)), Arc::clone(before));
    ///     event(&Change::Replace { entry, before, expect: Expect::Version(Version::from(6)) })
    /// };
    /// assert!(replace(&active, &inactive).ends_access());
    /// assert!(!replace(&inactive, &active).ends_access());
    /// assert!(!event(&Change::Create { entry: Entry::new(inactive) }).ends_access());
    ///
    /// let (kind, id) = (Arc::clone(user), "2819".into());
    /// let delete = Change::Delete { kind, id, expect: Expect::Exists, at: Default::default(), before: None };
    /// assert!(event(&delete).ends_access());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ends_access(&self) -> bool {
        self.state_change == StateChange::Deleted || self.is_deactivated() || self.has_lost_active()
    }

    /// Whether an update took the value of `active` away, and no default stands for it.
    fn has_lost_active(&self) -> bool {
        let active = self.kind.child(AttributeId::ROOT, "active");
        let is_unsaid = |active| {
            let definition = self.kind.attribute(active);
            let has_value = self.resource.as_ref().is_none_or(|resource| resource.value(active).is_some());
            definition.kind() == AttributeType::Boolean && definition.default().is_none() && !has_value
        };
        // The resource here is without secrets: a hidden `active` that became true is not there either.
        self.state_change == StateChange::Updated
            && !self.is_activated()
            && active.is_some_and(is_unsaid)
            && self.attributes.iter().any(|path| path.eq_ignore_ascii_case("active"))
    }

    /// The lists of references that have other values now, each with those that went and those that came, such as the
    /// members of a group. Values that only differ in something else are not told here.
    ///
    /// `clear` is set only where a store could not tell what [`Change::EditValues`] did ([`Done::edit`]); then the edit
    /// is what was meant, and what it names may have been there or gone before.
    pub fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    /// The lists of references that [`Event::resource`] leaves out, because the write neither read nor changed them.
    pub fn kept(&self) -> &[AttributeId] {
        &self.kept
    }

    /// The resource as it is now, without what nobody may see and without the lists that are [kept](Self::kept); `None` after a change of nothing but a list of
    /// references, which does not read the resource, and after a delete.
    pub fn resource(&self) -> Option<&Arc<Resource>> {
        self.resource.as_ref()
    }
}

impl fmt::Debug for Event {
    /// Who did what to which resource, without any value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |Membership { attribute, edit }: &Membership| {
            (self.kind.path(*attribute), edit.remove.len(), edit.add.len())
        };
        f.debug_struct("Event")
            .field("id", &self.id())
            .field("actor", &self.actor)
            .field("request_id", &self.request_id)
            .field("state_change", &self.state_change)
            .field("time", &self.time)
            .field("attributes", &self.attributes)
            .field("active", &self.active)
            .field("memberships", &self.memberships.iter().map(count).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
