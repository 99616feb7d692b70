//! Events as the claims of security event tokens (RFC 9967, RFC 8417). This module makes the claims; the host signs
//! and delivers the token.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{Event, StateChange};
use crate::{
    patch::{Membership, Patch, PatchBuilder},
    resource::{Projection, Rendering, url},
    schema::{Registry, ResourceType},
    store::{Handover, Version},
    value::Value,
};

/// The events of RFC 9967 that this crate can report (RFC 9967 §2.3, §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EventUri {
    /// A resource is now part of the event feed (§2.3.1).
    FeedAdd,
    /// A resource is no longer part of the event feed (§2.3.2).
    FeedRemove,
    /// A resource was created; the event has the names of its attributes (§2.4.1).
    CreateNotice,
    /// A resource was created; the event has the whole resource (§2.4.1).
    CreateFull,
    /// A part of a resource was changed; the event has the names of attributes (§2.4.2).
    PatchNotice,
    /// A part of a resource was changed; the event has the change (§2.4.2).
    PatchFull,
    /// A resource was updated; the event has the names of attributes (§2.4.3).
    PutNotice,
    /// A resource was updated; the event has the whole resource (§2.4.3).
    PutFull,
    /// A resource was deleted (§2.4.4).
    Delete,
    /// A resource is ready for use (§2.4.5).
    Activate,
    /// A resource is out of use (§2.4.6).
    Deactivate,
}

impl EventUri {
    /// The URI.
    ///
    /// ```
    /// use scim_core::event::EventUri;
    ///
    /// assert_eq!(EventUri::PutNotice.as_str(), "urn:ietf:params:scim:event:prov:put:notice");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FeedAdd => "urn:ietf:params:scim:event:feed:add",
            Self::FeedRemove => "urn:ietf:params:scim:event:feed:remove",
            Self::CreateNotice => "urn:ietf:params:scim:event:prov:create:notice",
            Self::CreateFull => "urn:ietf:params:scim:event:prov:create:full",
            Self::PatchNotice => "urn:ietf:params:scim:event:prov:patch:notice",
            Self::PatchFull => "urn:ietf:params:scim:event:prov:patch:full",
            Self::PutNotice => "urn:ietf:params:scim:event:prov:put:notice",
            Self::PutFull => "urn:ietf:params:scim:event:prov:put:full",
            Self::Delete => "urn:ietf:params:scim:event:prov:delete",
            Self::Activate => "urn:ietf:params:scim:event:prov:activate",
            Self::Deactivate => "urn:ietf:params:scim:event:prov:deactivate",
        }
    }
}

impl fmt::Display for EventUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<EventUri> for Box<str> {
    fn from(uri: EventUri) -> Self {
        uri.as_str().into()
    }
}

/// The part of a security event token that describes a resource: the claims `sub_id`, `txn` and `events` (RFC 9967
/// §2).
///
/// An update is reported as `put` if the event has the whole resource, whatever the request was: a PATCH with many
/// operations is stored as one new state. A change of only a list of references, such as the members of a group, is
/// reported as `patch`, since the resource is not read for it. So is an update that [keeps](Event::kept) lists of
/// references unread. If `active` changed, the same token also has `activate` or `deactivate` (§2.1: one state change,
/// several event URIs). If a client [adopted](Event::handover) the resource, the token also has `feed:add`, and after a
/// release `feed:remove`: the feed reports the resources that SCIM manages (§2.3). The token contains no sensitive
/// values.
///
/// ```
/// use scim_core::{event::{Event, Issuance, SecurityEvent}, resource::Resource, schema::Registry, store::*};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let resource = Resource::from_json(user, br#"{"id": "44f6142d", "externalId": "jdoe", "userName": "jdoe"}"#)?;
/// let change = Change::Create(Entry::new(resource));
/// let outcome = ChangeOutcome::written(Version::from(1));
/// let event = Event::of(&RequestContext::new(TenantId::single()), &change, &outcome).expect("a change");
///
/// let claims = SecurityEvent::notice(&event).claims(&Issuance {
///     issuer: "https://scim.example.com",
///     audience: &["https://scim.example.com/Feeds/98d52461fa5bbc879593b7754"],
///     token_id: "4d3559ec67504aaba65d40b0363faad8",
///     issued_at: "2016-03-20T17:53:24Z".parse()?,
/// });
/// let claims: serde_json::Value = serde_json::from_slice(&claims)?;
/// assert_eq!(claims["sub_id"]["uri"], "/Users/44f6142d");
/// let payload = &claims["events"]["urn:ietf:params:scim:event:prov:create:notice"];
/// assert_eq!(payload["attributes"], serde_json::json!(["id", "externalId", "userName"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SecurityEvent {
    uri: Box<str>,
    external_id: Option<Box<str>>,
    transaction: Option<Box<str>>,
    /// Each URI once.
    events: Vec<(EventUri, Box<RawValue>)>,
}

/// The claims of a token that the host chooses (RFC 8417 §2.2).
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a token without one of these would be another token")]
pub struct Issuance<'a> {
    /// The issuer: `iss`.
    pub issuer: &'a str,
    /// The audience: `aud`. The claim is omitted if the list is empty.
    pub audience: &'a [&'a str],
    /// The identifier of the token: `jti`. Each token needs a new identifier, even a token that repeats an event;
    /// `txn` identifies the event.
    pub token_id: &'a str,
    /// The time of issue: `iat`.
    pub issued_at: DateTime<Utc>,
}

impl SecurityEvent {
    /// Reports the change and the names of the attributes: `notice` (RFC 9967 §2.4). A receiver reads the resource to
    /// learn more.
    pub fn notice(event: &Event) -> Self {
        Self::of(event, None)
    }

    /// Reports the new state: `full` (RFC 9967 §2.4). `data` is the resource as in a response to a client that
    /// requests no particular attributes, without lists that are derived from other resources. After a change of only
    /// lists of references, `data` is a PatchOp message with the changes. Every `$ref` and `meta.location` in `data`
    /// is relative to the base URL, as `sub_id` is. If the event [keeps](Event::kept) lists, the result is a
    /// [notice](Self::notice).
    ///
    /// `registry` must be the registry that the event was made with.
    pub fn full(event: &Event, registry: &Registry) -> Self {
        Self::of(event, Some(registry))
    }

    /// Reports that the resource of this type and id is now part of the event feed (RFC 9967 §2.3.1).
    ///
    /// ```
    /// use scim_core::{event::{EventUri, SecurityEvent}, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let added = SecurityEvent::feed_add(user, "2b2f880a").with_external_id("jdoe").with_transaction("b7b953f1");
    /// assert!(added.uris().eq([EventUri::FeedAdd]));
    /// ```
    pub fn feed_add(resource_type: &ResourceType, id: &str) -> Self {
        Self::feed(resource_type, id, EventUri::FeedAdd)
    }

    /// Reports that the resource is no longer part of the event feed (RFC 9967 §2.3.2). Not needed after a deletion,
    /// which implies this (§2.4.4).
    pub fn feed_remove(resource_type: &ResourceType, id: &str) -> Self {
        Self::feed(resource_type, id, EventUri::FeedRemove)
    }

    fn feed(resource_type: &ResourceType, id: &str, uri: EventUri) -> Self {
        let events = vec![alone(uri)];
        Self { uri: url("", resource_type, id).into(), external_id: None, transaction: None, events }
    }

    /// Sets the receiver's id of the resource, which may be known to the host alone.
    #[must_use]
    pub fn with_external_id(mut self, id: impl Into<Box<str>>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// Sets the transaction of the event: `txn`. For an [`Event`] the default is [`Event::id`].
    #[must_use]
    pub fn with_transaction(mut self, id: impl Into<Box<str>>) -> Self {
        self.transaction = Some(id.into());
        self
    }

    /// Removes the events that the receiver has not requested; `None` when no event remains.
    ///
    /// ```
    /// use scim_core::{event::{EventUri, SecurityEvent}, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let added = SecurityEvent::feed_add(user, "2b2f880a");
    /// assert!(added.only(&[EventUri::Deactivate]).is_none());
    /// ```
    pub fn only(mut self, requested: &[EventUri]) -> Option<Self> {
        self.events.retain(|(uri, _)| requested.contains(uri));
        (!self.events.is_empty()).then_some(self)
    }

    /// The URIs of the reported events.
    pub fn uris(&self) -> impl Iterator<Item = EventUri> {
        self.events.iter().map(|(uri, _)| *uri)
    }

    /// The claims of a token, as JSON that is ready to be signed (RFC 8417 §2).
    pub fn claims(&self, issuance: &Issuance<'_>) -> Vec<u8> {
        let claims = Claims {
            iss: issuance.issuer,
            iat: issuance.issued_at.timestamp(),
            jti: issuance.token_id,
            aud: issuance.audience,
            txn: self.transaction.as_deref(),
            sub_id: Subject { format: "scim", uri: &self.uri, external_id: self.external_id.as_deref() },
            events: Payloads(&self.events),
        };
        // Cannot fail: the claims have only strings, a number, and JSON under string keys.
        serde_json::to_vec(&claims).unwrap_or_default()
    }

    fn of(event: &Event, registry: Option<&Registry>) -> Self {
        let version = event.version().map(Version::etag);
        let handover = event.handover().map(|handover| match handover {
            Handover::Adopted => EventUri::FeedAdd,
            Handover::Released => EventUri::FeedRemove,
        });
        let names = match (event.state_change(), event.resource()) {
            (StateChange::Deleted, _) => None,
            (StateChange::Created, _) => Some((EventUri::CreateNotice, EventUri::CreateFull)),
            (StateChange::Updated, Some(_)) if event.kept().is_empty() => {
                Some((EventUri::PutNotice, EventUri::PutFull))
            }
            (StateChange::Updated, _) => Some((EventUri::PatchNotice, EventUri::PatchFull)),
        };
        let change = match names {
            None => alone(EventUri::Delete),
            Some((notice, full)) => {
                let version = version.as_deref();
                let data = registry.and_then(|registry| data(event, registry, version));
                let attributes = data.is_none().then(|| event.attributes());
                let uri = if data.is_some() { full } else { notice };
                (uri, Payload { version, attributes, data: data.as_deref() }.json())
            }
        };
        let activation = if event.is_activated() {
            Some(EventUri::Activate)
        } else {
            event.is_deactivated().then_some(EventUri::Deactivate)
        };
        let events = handover.map(alone).into_iter().chain([change]).chain(activation.map(alone)).collect();
        Self {
            uri: event.uri().into(),
            external_id: event.external_id().map(Box::from),
            transaction: Some(event.id().into()),
            events,
        }
    }
}

impl fmt::Debug for SecurityEvent {
    /// Omits the payloads, which have values of a resource.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityEvent")
            .field("uri", &self.uri)
            .field("transaction", &self.transaction)
            .field("events", &self.uris().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
    jti: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aud: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<&'a str>,
    sub_id: Subject<'a>,
    events: Payloads<'a>,
}

/// The object that has the payload of each event under its URI.
struct Payloads<'a>(&'a [(EventUri, Box<RawValue>)]);

impl Serialize for Payloads<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(uri, payload)| (uri.as_str(), payload)))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subject<'a> {
    format: &'static str,
    uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
}

/// The payload of an event: either `data` or the names of attributes (RFC 9967 §2.2).
#[derive(Default, Serialize)]
struct Payload<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// An event whose URI alone is the report.
fn alone(uri: EventUri) -> (EventUri, Box<RawValue>) {
    (uri, Payload::default().json())
}

impl Payload<'_> {
    fn json(&self) -> Box<RawValue> {
        // Cannot fail, as for the claims.
        to_raw_value(self).unwrap_or_default()
    }
}

/// The `data` of a `full` event; `None` if the event has no complete data, and then only the names of attributes are
/// reported.
fn data(event: &Event, registry: &Registry, version: Option<&str>) -> Option<Box<RawValue>> {
    let projection = Projection::default_of(event.resource_type());
    let rendering = Rendering { registry, base: "", projection: &projection, version, derived: &[], displays: &[] };
    if !event.kept().is_empty() {
        // A receiver would take a resource without its lists for the whole resource.
        return None;
    }
    if let Some(resource) = event.resource() {
        let mut out = Vec::with_capacity(1_024);
        resource.write(&mut out, &rendering);
        return raw(out);
    }
    let operations = |patch, membership| operations(patch, event.resource_type(), membership, &rendering);
    let patch = event.memberships().iter().fold(Patch::builder(), operations);
    to_raw_value(&patch.build().ok()?).ok()
}

/// Adds the operations by which a client would request this change of a list of references (RFC 7644 §3.5.2).
fn operations(
    mut patch: PatchBuilder,
    resource_type: &ResourceType,
    Membership { attribute, edit }: &Membership,
    rendering: &Rendering<'_>,
) -> PatchBuilder {
    let path = resource_type.path(*attribute);
    if let Some(value) = resource_type.value_of(*attribute) {
        for id in &edit.remove {
            let id = serde_json::to_string(id.as_str()).unwrap_or_default();
            patch = patch.remove(&format!("{path}[{} eq {id}]", resource_type.attribute(value).name()));
        }
    }
    let added = Value::List(edit.add.iter().cloned().map(Value::Complex).collect());
    let mut out = Vec::new();
    rendering.value(&mut out, resource_type, *attribute, &added);
    match (raw(out), edit.clear) {
        (Some(added), true) => patch.replace(&path, added),
        (Some(added), false) => patch.add(&path, added),
        (None, true) => patch.remove(&path),
        (None, false) => patch,
    }
}

/// JSON that was just written, for use inside other JSON.
fn raw(json: Vec<u8>) -> Option<Box<RawValue>> {
    RawValue::from_string(String::from_utf8(json).ok()?).ok()
}
