//! Events as JSON, for the rows of an outbox. Attributes are written by name, so that a row outlives the process.

use std::sync::Arc;

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Event, StateChange};
use crate::{
    patch::{Membership, ValueEdit},
    resource::Resource,
    schema::{AttributeId, Registry, ResourceType},
    store::{Handover, TenantId, Version},
    value::{Object, Text, Value, parse_date_time},
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    id: String,
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Box<str>>,
    resource_type: String,
    resource_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    time: String,
    state_change: Name,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
    /// The new value of `active` after an update that changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    memberships: Vec<Edit>,
    /// The added values of each list, as a resource that has only these lists.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    added: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    resource: Option<&'a RawValue>,
    /// The lists of references that `resource` leaves out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kept: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handover: Option<HandoverName>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum HandoverName {
    Adopted,
    Released,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Name {
    Created,
    Updated,
    Deleted,
}

#[derive(Serialize, Deserialize)]
struct Edit {
    attribute: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    clear: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
}

impl Event {
    /// The event as JSON, for a row that [`Event::from_json`] reads back. It contains no sensitive values.
    ///
    /// The format is meant only for [`Event::from_json`]: a later version of this crate may add members, and can read
    /// the rows of this version.
    pub fn to_json(&self) -> Vec<u8> {
        let added = self.added().map(|added| added.to_json());
        let resource = self.resource.as_ref().map(|resource| resource.to_json());
        let row = Row {
            id: self.id(),
            tenant: self.tenant.as_str().to_owned(),
            actor: self.actor.clone(),
            request_id: self.request_id.clone(),
            resource_type: self.resource_type.name().to_owned(),
            resource_id: self.resource_id.as_str().to_owned(),
            external_id: self.external_id.as_ref().map(|id| id.as_str().to_owned()),
            version: self.version.as_ref().map(|version| version.as_str().to_owned()),
            time: self.time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            state_change: match self.state_change {
                StateChange::Created => Name::Created,
                StateChange::Updated => Name::Updated,
                StateChange::Deleted => Name::Deleted,
            },
            attributes: self.attributes.clone(),
            secrets: self.secrets.clone(),
            active: self.active,
            memberships: self.memberships.iter().map(|membership| self.edit(membership)).collect(),
            added: added.as_deref().and_then(raw),
            resource: resource.as_deref().and_then(raw),
            kept: self.kept.iter().map(|list| self.resource_type.path(*list)).collect(),
            handover: self.handover.map(|handover| match handover {
                Handover::Adopted => HandoverName::Adopted,
                Handover::Released => HandoverName::Released,
            }),
        };
        // Cannot fail: the row has only strings and JSON that was just written.
        serde_json::to_vec(&row).unwrap_or_default()
    }

    /// Reads the JSON of [`Event::to_json`].
    ///
    /// # Errors
    ///
    /// When the JSON is not an event, or when the registry no longer has the type of the resource or one of its lists
    /// of references.
    ///
    /// ```
    /// use scim_core::{event::Event, schema::Registry, store::*};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered").clone();
    /// let delete = Change::Delete(Deletion {
    ///     resource_type: user, id: "2819".into(), expect: Expect::Exists, at: Default::default(), before: None,
    /// });
    /// let context = RequestContext::new(TenantId::single());
    /// let event = Event::of(&context, &delete, &ChangeOutcome::deleted()).expect("a change");
    /// let row = event.to_json();
    /// assert_eq!(Event::from_json(&registry, &row)?.id(), event.id());
    /// # Ok::<(), scim_core::event::EventError>(())
    /// ```
    pub fn from_json(registry: &Registry, json: &[u8]) -> Result<Self, EventError> {
        let json = str::from_utf8(json).map_err(|error| EventError::new("an event", error))?;
        let row: Row<'_> = serde_json::from_str(json).map_err(|error| EventError::new("an event", error))?;
        let missing = |what: &str| EventError::new(what, "there is none");
        let resource_type =
            registry.resource_type(&row.resource_type).ok_or_else(|| missing("a registered resource type"))?;
        let resource = |json: &RawValue| {
            Resource::from_json(resource_type, json.get().as_bytes())
                .map_err(|error| EventError::new("a resource", error))
        };
        let mut added = row.added.map(resource).transpose()?;
        let read = |edit: Edit| membership(resource_type, edit, added.as_mut());
        Ok(Self {
            memberships: row.memberships.into_iter().map(read).collect::<Result<_, _>>()?,
            tenant: TenantId::new(row.tenant).map_err(|error| EventError::new("a tenant", error))?,
            actor: row.actor,
            request_id: row.request_id,
            resource_type: Arc::clone(resource_type),
            resource_id: row.resource_id.into(),
            external_id: row.external_id.map(Text::from),
            version: row.version.map(Version::new).transpose().map_err(|error| EventError::new("a version", error))?,
            time: parse_date_time(&row.time).ok_or_else(|| missing("a time"))?,
            state_change: match row.state_change {
                Name::Created => StateChange::Created,
                Name::Updated => StateChange::Updated,
                Name::Deleted => StateChange::Deleted,
            },
            attributes: row.attributes,
            secrets: row.secrets,
            active: row.active,
            resource: row.resource.map(resource).transpose()?.map(Arc::new),
            kept: row.kept.into_iter().map(|list| list_of(resource_type, list)).collect::<Result<_, _>>()?,
            handover: row.handover.map(|handover| match handover {
                HandoverName::Adopted => Handover::Adopted,
                HandoverName::Released => Handover::Released,
            }),
        })
    }

    fn added(&self) -> Option<Resource> {
        let coming = self.memberships.iter().filter(|membership| !membership.edit.add.is_empty());
        let root: Object = coming
            .map(|Membership { attribute, edit }| {
                (*attribute, Value::List(edit.add.iter().cloned().map(Value::Complex).collect()))
            })
            .collect();
        (!root.is_empty()).then(|| Resource::from_object(Arc::clone(&self.resource_type), root))
    }

    fn edit(&self, Membership { attribute, edit }: &Membership) -> Edit {
        Edit {
            attribute: self.resource_type.path(*attribute),
            clear: edit.clear,
            removed: edit.remove.iter().map(|id| id.as_str().to_owned()).collect(),
        }
    }
}

fn membership(
    resource_type: &ResourceType,
    edit: Edit,
    added: Option<&mut Resource>,
) -> Result<Membership, EventError> {
    let attribute = list_of(resource_type, edit.attribute)?;
    let add = match added.and_then(|added| added.root_mut().remove(attribute)) {
        Some(Value::List(elements)) => elements.into_vec(),
        _ => Vec::new(),
    };
    let objects = add.into_iter().filter_map(|element| match element {
        Value::Complex(object) => Some(object),
        _ => None,
    });
    let remove = edit.removed.into_iter().map(Text::from).collect();
    Ok(Membership { attribute, edit: ValueEdit { clear: edit.clear, remove, add: objects.collect() } })
}

fn list_of(resource_type: &ResourceType, name: String) -> Result<AttributeId, EventError> {
    resource_type.child(AttributeId::ROOT, &name).ok_or_else(|| EventError::new("a list of the resource type", name))
}

/// JSON that was just written, for use inside other JSON.
fn raw(json: &[u8]) -> Option<&RawValue> {
    serde_json::from_str(str::from_utf8(json).ok()?).ok()
}

/// The error of [`Event::from_json`]: the JSON is not an event, or the registry does not know its resource type or its
/// lists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}: {found}")]
pub struct EventError {
    expected: Box<str>,
    found: Box<str>,
}

impl EventError {
    fn new(expected: &str, found: impl std::fmt::Display) -> Self {
        Self { expected: expected.into(), found: found.to_string().into() }
    }
}
