//! Events: the effect of each committed write, for audit logs, for other systems and for ending sessions.
//!
//! An [`Event`] is a pure function of the caller, the change and its result. A store can therefore write the event
//! into an outbox in the transaction of the change, and an [`Observer`] receives the same event afterward. The event
//! is derived from the resource before and after the change, never from the HTTP method: a user who becomes inactive
//! is reported as deactivated, whatever the request. This module knows no requests and performs no reads.

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
    store::{Change, ChangeOutcome, Deletion, Handover, ListEdit, Replacement, RequestContext, TenantId, Version},
    value::{Object, Text},
};

/// The effect of a change on the resource as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateChange {
    /// The resource is new.
    Created,
    /// The resource existed and was changed.
    Updated,
    /// The resource was deleted, and its id was removed from every list of references in the tenant, such as the
    /// members of groups. The changes of those lists have no events of their own.
    Deleted,
}

/// The effect of one committed change: the caller, the time, the resource and the differences.
///
/// It omits sensitive values, such as passwords, but has the names of their attributes. It has all other values,
/// including values that policies hide from some clients.
///
/// # Outbox
///
/// A process can end between a commit and the actions that must follow it. A store that writes the events together
/// with the change loses no event. The example is a store with a transaction of its own around
/// [`MemoryStore`](crate::store::MemoryStore); a database would insert a row instead:
///
/// ```
/// use scim_core::{event::Event, store::{Change, ChangeOutcome, CommitError, MemoryStore, RequestContext, Store}};
///
/// async fn commit(tables: &MemoryStore, outbox: &mut Vec<Vec<u8>>, context: &RequestContext, batch: &[Change])
///     -> Result<Vec<ChangeOutcome>, CommitError> {
///     let done = tables.commit(context, batch).await?;
///     let events = batch.iter().zip(&done).filter_map(|(change, done)| Event::of(context, change, done));
///     outbox.extend(events.map(|event| event.to_json()));
///     Ok(done)
/// }
/// ```
///
/// A worker reads the rows with [`Event::from_json`]. It may read a row more than once: [`Event::id`] identifies
/// duplicates.
///
/// # Replay
///
/// Applied in their order to an empty state, events reproduce the current state. [`Event::resource`] replaces the
/// resource, except that the lists in [`Event::kept`] stay unchanged. Without [`Event::resource`], the
/// [`Event::memberships`] are applied to the resource, and [`Event::time`] becomes its `meta.lastModified` if the old
/// `meta.lastModified` is not later. A deleted resource is removed, also from every list of references.
#[derive(Clone)]
pub struct Event {
    tenant: TenantId,
    actor: Option<Box<str>>,
    request_id: Option<Box<str>>,
    resource_type: Arc<ResourceType>,
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
    handover: Option<Handover>,
}

impl Event {
    /// The event for a committed `change` with the result `done`; `None` when the change had no effect.
    ///
    /// Takes time in proportion to the change: to the edit for [`Change::EditValues`], to the size of the resource for
    /// a whole resource.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use scim_core::{event::{Event, StateChange}, resource::Resource, schema::Registry, store::*};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let [before, after] = [
    ///     br#"{"id": "2819", "userName": "bjensen", "active": true, "password": "t1meMa$heen"}"#.as_slice(),
    ///     br#"{"id": "2819", "userName": "bjensen", "active": false, "name": {"givenName": "Babs"}}"#,
    /// ].map(|json| Resource::from_json(user, json));
    /// let (before, entry) = (Arc::new(before?), Entry::new(after?));
    ///
    /// let context = RequestContext::new(TenantId::new("acme")?).with_actor("okta");
    /// let change = Change::Replace(Replacement { entry, before, expect: Expect::Version(Version::from(6)) });
    /// let event = Event::of(&context, &change, &ChangeOutcome::written(Version::from(7))).expect("a change");
    /// assert_eq!((event.state_change(), event.actor()), (StateChange::Updated, Some("okta")));
    /// assert_eq!(event.attributes(), ["active", "name.givenName", "password"]);
    /// assert_eq!(event.secrets(), ["password"]);
    /// assert!(event.is_deactivated());
    /// assert_eq!(event.id(), "acme/Users/2819/7");
    ///
    /// assert!(Event::of(&context, &change, &ChangeOutcome::kept(Version::from(6))).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(context: &RequestContext, change: &Change, done: &ChangeOutcome) -> Option<Self> {
        if !done.changed {
            return None;
        }
        let resource_type = change.resource_type();
        let mut event = Self {
            tenant: context.tenant().clone(),
            actor: context.actor().map(Box::from),
            request_id: context.request_id().map(Box::from),
            resource_type: Arc::clone(resource_type),
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
            handover: None,
        };
        match change {
            Change::Create(entry) => {
                event.state_change = StateChange::Created;
                event.compare(None, &entry.resource);
            }
            Change::Replace(Replacement { entry, before, .. }) => {
                event.compare(Some(before), &entry.resource);
                event.kept.clone_from(&entry.kept);
                event.handover = entry.handover;
            }
            Change::EditValues(ListEdit { attribute, edit, modified, .. }) => {
                event.time = *modified;
                event.attributes.push(resource_type.path(*attribute));
                let edit = done.edit.as_ref().unwrap_or(edit).clone();
                event.add_membership(Membership { attribute: *attribute, edit });
            }
            Change::Delete(Deletion { at, before, .. }) => {
                event.state_change = StateChange::Deleted;
                event.time = *at;
                event.external_id = before.as_ref().and_then(|before| before.external_id()).map(Text::from);
                return Some(event);
            }
        }
        event.version = Some(done.version.clone()?);
        Some(event)
    }

    /// Records the differences between the resource before and after a create or a replacement.
    fn compare(&mut self, before: Option<&Resource>, after: &Arc<Resource>) {
        let nothing = Object::new();
        let (resource_type, was) = (Arc::clone(&self.resource_type), before.map_or(&nothing, Resource::root));
        let changed = Difference::between(&resource_type, was, after.root());
        self.attributes = changed.attributes.iter().map(|attribute| resource_type.path(*attribute)).collect();
        if before.is_some() {
            let secret = changed.attributes.iter().filter(|attribute| resource_type.is_sensitive(**attribute));
            self.secrets = secret.map(|attribute| resource_type.path(*attribute)).collect();
            self.active = difference::active(&resource_type, was, after.root());
        }
        changed.lists.into_iter().for_each(|list| self.add_membership(list));
        let external_id = after.external_id().or_else(|| before.and_then(Resource::external_id));
        self.external_id = external_id.map(Text::from);
        self.time = after.last_modified().unwrap_or(DateTime::UNIX_EPOCH);
        self.resource = Some(difference::without_secrets(after));
    }

    fn add_membership(&mut self, mut membership: Membership) {
        if !membership.edit.is_empty() && !self.resource_type.is_sensitive(membership.attribute) {
            difference::strip(&self.resource_type, membership.attribute, &mut membership.edit.add);
            self.memberships.push(membership);
        }
    }

    /// The identifier of this event. It is the same whenever and wherever the event is made, so that a consumer
    /// recognizes duplicates. It is the `txn` of a [`SecurityEvent`].
    ///
    /// It consists of the tenant, the endpoint, the resource id and the version. A store never reuses a version. For a
    /// deletion the identifier ends in `!deleted/` and the time of the deletion in microseconds: a host that
    /// [restores](crate::store::Store::id_of_new) resources under their old ids can delete a resource again. No
    /// version has `!`, since each part is percent-encoded.
    pub fn id(&self) -> String {
        let part = |text| utf8_percent_encode(text, SEGMENT);
        let (tenant, id) = (part(self.tenant.as_str()), part(&self.resource_id));
        let resource = format!("{tenant}/{}/{id}", self.resource_type.endpoint());
        match &self.version {
            Some(version) => format!("{resource}/{}", part(version.as_str())),
            None => format!("{resource}!deleted/{}", self.time.timestamp_micros()),
        }
    }

    /// The tenant of the resource.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The name of the caller, if the [`RequestContext`] has it.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// The id of the request, if the [`RequestContext`] has it.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The type of the resource.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    /// The id of the resource (RFC 7643 §3.1).
    pub fn resource_id(&self) -> &str {
        &self.resource_id
    }

    /// The client's id of the resource (RFC 7643 §3.1), if the event knows this id. The id is unknown after a change
    /// of only a list of references, and usually after a deletion.
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// The path of the resource under the service provider's base URL: `/Users/2819`.
    pub fn uri(&self) -> String {
        url("", &self.resource_type, &self.resource_id)
    }

    /// The version that the resource has now; `None` after it was deleted.
    pub fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    /// The time of the change, by the clock of the service provider.
    pub fn time(&self) -> DateTime<Utc> {
        self.time
    }

    /// The effect on the resource as a whole.
    pub fn state_change(&self) -> StateChange {
        self.state_change
    }

    /// The paths of the attributes whose values changed, in the spelling of the schemas (RFC 7644 §3.10): `userName`,
    /// `name.givenName`, `emails`. A list is named as a whole; `meta` is never named. After a create these are all
    /// attributes that have a value; after a delete the list is empty.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// The sensitive attributes among [`Event::attributes`], such as `password`, after an update. Empty after a
    /// create, which sets such attributes but does not change them.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Whether an update made `active` true, after it was false or had no value (RFC 7643 §4.1.1).
    ///
    /// A missing value counts as the [default](crate::schema::Attribute::with_default_value), here and in
    /// [`Event::is_deactivated`]. By the default of the standard user, a user who was stored without `active` is
    /// already active, and setting `active` to true then is not an activation.
    pub fn is_activated(&self) -> bool {
        self.active == Some(true)
    }

    /// Whether an update made `active` false, after it was true or had no value (RFC 7643 §4.1.1). To end sessions and
    /// to revoke tokens, use [`Event::ends_access`].
    pub fn is_deactivated(&self) -> bool {
        self.active == Some(false)
    }

    /// Whether the resource has lost its access: an update [deactivated](Event::is_deactivated) it, whatever the
    /// request, or it was deleted. The host should then end its sessions and revoke its tokens.
    ///
    /// A resource of any type can be deleted, including groups: [`Event::resource_type`] is the type. The creation of
    /// an inactive user ends no access, since the user had no access before.
    ///
    /// No request can remove the value of an `active` that has a
    /// [default](crate::schema::Attribute::with_default_value). If the host has removed the default, a request can. No
    /// value then states that the user may sign in, so this counts as an end of access, too.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use scim_core::{event::Event, resource::Resource, schema::Registry, store::*};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let user_with = |active: bool| {
    ///     let json = format!(r#"{{"id": "2819", "userName": "bjensen", "active": {active}}}"#);
    ///     Resource::from_json(user, json.as_bytes()).map(Arc::new)
    /// };
    /// let (active, inactive) = (user_with(true)?, user_with(false)?);
    /// let context = RequestContext::new(TenantId::new("acme")?);
    /// let outcome = ChangeOutcome::written(Version::from(7));
    /// let event = |change: &Change| Event::of(&context, change, &outcome).expect("a change");
    /// let replace = |before: &Arc<Resource>, after: &Arc<Resource>| {
    ///     let (entry, before) = (Entry::new(Arc::clone(after)), Arc::clone(before));
    ///     event(&Change::Replace(Replacement { entry, before, expect: Expect::Version(Version::from(6)) }))
    /// };
    /// assert!(replace(&active, &inactive).ends_access());
    /// assert!(!replace(&inactive, &active).ends_access());
    /// assert!(!event(&Change::Create(Entry::new(inactive))).ends_access());
    ///
    /// let (resource_type, id) = (Arc::clone(user), "2819".into());
    /// let (expect, at, before) = (Expect::Exists, Default::default(), None);
    /// let delete = Change::Delete(Deletion { resource_type, id, expect, at, before });
    /// assert!(event(&delete).ends_access());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ends_access(&self) -> bool {
        self.state_change == StateChange::Deleted || self.is_deactivated() || self.has_lost_active()
    }

    /// Whether an update removed the value of `active`, which has no default.
    fn has_lost_active(&self) -> bool {
        let active = self.resource_type.child(AttributeId::ROOT, "active");
        let is_unsaid = |active| {
            let definition = self.resource_type.attribute(active);
            let has_value = self.resource.as_ref().is_none_or(|resource| resource.value(active).is_some());
            definition.data_type() == AttributeType::Boolean && definition.default_value().is_none() && !has_value
        };
        // The resource of the event omits sensitive values, including a sensitive `active` that became true.
        self.state_change == StateChange::Updated
            && !self.is_activated()
            && active.is_some_and(is_unsaid)
            && self.attributes.iter().any(|path| path.eq_ignore_ascii_case("active"))
    }

    /// The lists of references whose values changed, such as the members of a group, each with the removed and the
    /// added values. A value is not listed if only sub-attributes other than `value` changed.
    ///
    /// `clear` is set only if the store could not report the effective edit of a [`Change::EditValues`]
    /// ([`ChangeOutcome::edit`]). The edit is then the requested edit. Some of its values may have been in the list, or
    /// missing from it, before.
    pub fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    /// The change of the party that manages the resource, if an update made such a change: a client
    /// [adopted](crate::provider::AdoptionRule) a resource that was not created through SCIM, or the host
    /// [took it back](crate::provider::ServiceProvider::release).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use scim_core::{event::Event, resource::Resource, schema::Registry, store::*};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let before = Arc::new(Resource::from_json(user, br#"{"id": "2819", "userName": "bjensen"}"#)?);
    /// let entry = Entry::new(Arc::clone(&before)).with_handover(Handover::Adopted);
    /// let change = Change::Replace(Replacement { entry, before, expect: Expect::Exists });
    /// let outcome = ChangeOutcome::written(Version::from(7));
    /// let event = Event::of(&RequestContext::new(TenantId::single()), &change, &outcome).expect("a change");
    /// assert_eq!(event.handover(), Some(Handover::Adopted));
    /// assert_eq!(Event::from_json(&registry, &event.to_json())?.handover(), Some(Handover::Adopted));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn handover(&self) -> Option<Handover> {
        self.handover
    }

    /// The lists of references that [`Event::resource`] omits, because the write neither read nor changed them.
    pub fn kept(&self) -> &[AttributeId] {
        &self.kept
    }

    /// The resource after the change, without sensitive values and without the lists that are [kept](Self::kept).
    /// `None` after a change of only a list of references, which does not read the resource, and after a delete.
    pub fn resource(&self) -> Option<&Arc<Resource>> {
        self.resource.as_ref()
    }
}

impl fmt::Debug for Event {
    /// Names the caller, the resource and the changed attributes, without any value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |Membership { attribute, edit }: &Membership| {
            (self.resource_type.path(*attribute), edit.remove.len(), edit.add.len())
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
