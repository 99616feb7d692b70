//! A resource: a tree of values under a resource type (RFC 7643 §3).
//!
//! A resource has been read under its schema: names are ids, values have their attribute's type, no value is null.
//! This module knows JSON and the rules of attributes; it does not know HTTP, PATCH or storage.

mod access;
mod defaults;
mod error;
mod hidden;
mod lead;
mod order;
mod pairs;
mod projection;
mod read;
mod rendering;
mod rules;
mod same;
mod size;
mod typed;
mod unique;
mod value_search;
mod write;

use std::{fmt, mem, sync::Arc};

use chrono::{DateTime, Utc};

#[cfg(feature = "testkit")]
pub(crate) use self::access::assign;
#[cfg(feature = "sql")]
pub(crate) use self::order::main_element;
pub(crate) use self::{
    defaults::is_assigned,
    hidden::strip,
    lead::SortLead,
    order::compare_keys,
    read::{
        List, Loss, body_text, is_deeper, json_fault_at, missing_form, only_labels, read_element, read_list,
        read_selection, read_value,
    },
    rules::{judge_changes, judge_element},
    same::{keeps_stored, same},
    value_search::{Named, ValueSearch, search_units, text_units},
    write::{SEGMENT, url},
};
pub use self::{
    error::{ResourceError, ResourceErrorKind},
    order::{Position, Sort, SortError, SortErrorKind, SortKey},
    projection::{Projection, ProjectionError},
    rendering::{Displays, Reference, Rendering},
    rules::judge,
    typed::{Element, EnterpriseUser, Group, Member, Name, User, WrongSchema},
    unique::UniqueKey,
    write::value_json,
};

use crate::{
    schema::{AttributeId, ResourceType},
    value::{Object, Text, Value},
};

/// A user, a group or any other resource of the service provider (RFC 7643 §3).
///
/// It holds the stored attributes: those of its schemas, `id`, `externalId`, `meta.created` and
/// `meta.lastModified`. Derived attributes are not in it and are added when an answer is written: `schemas`,
/// `meta.resourceType`, `meta.location`, `meta.version`, each `$ref` to a resource, and lists such as a user's
/// `groups`.
#[derive(Clone)]
pub struct Resource {
    resource_type: Arc<ResourceType>,
    root: Object,
}

impl Resource {
    /// A resource without any value.
    pub fn new(resource_type: Arc<ResourceType>) -> Self {
        Self { resource_type, root: Object::new() }
    }

    /// A resource with these top-level attributes. The values must have the types that the schema gives them.
    pub fn from_object(resource_type: Arc<ResourceType>, root: Object) -> Self {
        Self { resource_type, root }
    }

    /// The resource's type.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    /// The top-level attributes. Those of an extension are in the object under [`Extension::attribute`].
    ///
    /// [`Extension::attribute`]: crate::schema::Extension::attribute
    pub fn root(&self) -> &Object {
        &self.root
    }

    /// The top-level attributes, to be changed by a store that assembles a resource from rows. The values must
    /// have the types that the schema gives.
    pub fn root_mut(&mut self) -> &mut Object {
        &mut self.root
    }

    /// The resource's type, and the top-level attributes to be changed.
    pub(crate) fn parts_mut(&mut self) -> (&Arc<ResourceType>, &mut Object) {
        (&self.resource_type, &mut self.root)
    }

    /// The identifier that the service provider assigned to the resource; empty before the assignment (RFC 7643 §3.1).
    pub fn id(&self) -> &str {
        self.root.get(AttributeId::ID).and_then(Value::as_str).unwrap_or_default()
    }

    /// The identifier that the client assigned to the resource (RFC 7643 §3.1).
    pub fn external_id(&self) -> Option<&str> {
        self.root.get(AttributeId::EXTERNAL_ID).and_then(Value::as_str)
    }

    /// The time when the resource was created (RFC 7643 §3.1).
    pub fn created(&self) -> Option<DateTime<Utc>> {
        self.meta(AttributeId::META_CREATED)
    }

    /// The time when the resource last changed (RFC 7643 §3.1).
    pub fn last_modified(&self) -> Option<DateTime<Utc>> {
        self.meta(AttributeId::META_LAST_MODIFIED)
    }

    fn meta(&self, attribute: AttributeId) -> Option<DateTime<Utc>> {
        match self.root.get(AttributeId::META)?.as_object()?.get(attribute)? {
            Value::DateTime(time) => Some(*time),
            _ => None,
        }
    }

    /// Sets the id, `meta.created` and `meta.lastModified` of a new resource.
    pub(crate) fn set_identity(&mut self, id: Text, created: DateTime<Utc>) {
        let meta = self.take_meta_with(Some(created), created);
        self.root.extend([(AttributeId::ID, Value::String(id)), (AttributeId::META, Value::Complex(meta))]);
    }

    /// Removes the values that [`set_identity`](Self::set_identity) sets.
    pub(crate) fn remove_identity(&mut self) {
        self.root.retain(|attribute, value| match (attribute, value) {
            (AttributeId::ID, _) => false,
            (AttributeId::META, Value::Complex(meta)) => {
                let times = [AttributeId::META_CREATED, AttributeId::META_LAST_MODIFIED];
                meta.retain(|attribute, _| !times.contains(&attribute));
                !meta.is_empty()
            }
            _ => true,
        });
    }

    /// Sets `meta.lastModified`, and `meta.created` unless `created` is `None`.
    pub(crate) fn set_times(&mut self, created: Option<DateTime<Utc>>, modified: DateTime<Utc>) {
        let meta = self.take_meta_with(created, modified);
        self.root.insert(AttributeId::META, Value::Complex(meta));
    }

    /// Takes `meta` out of the resource, with these times. The caller puts it back.
    fn take_meta_with(&mut self, created: Option<DateTime<Utc>>, modified: DateTime<Utc>) -> Object {
        let mut meta = match self.root.get_mut(AttributeId::META) {
            Some(Value::Complex(meta)) => mem::take(meta),
            _ => Object::new(),
        };
        let created = created.map(|created| (AttributeId::META_CREATED, Value::DateTime(created)));
        meta.extend(created.into_iter().chain([(AttributeId::META_LAST_MODIFIED, Value::DateTime(modified))]));
        meta
    }

    /// The value of a singular attribute, or the list of a multi-valued attribute. `None` for a sub-attribute of a
    /// list's elements, which has no single value.
    pub fn value(&self, attribute: AttributeId) -> Option<&Value> {
        value_at(&self.resource_type, attribute, |top| self.root.get(top))
    }

    /// Whether the resource has data of the extension with this URI.
    pub fn has_extension(&self, uri: &str) -> bool {
        self.resource_type.extension(uri).is_some_and(|extension| self.root.contains(extension.attribute()))
    }
}

/// The value of an attribute in a resource whose top-level attributes have the values that `top` returns; `None` for a
/// sub-attribute of a list's elements, which has no single value.
pub(crate) fn value_at<'v>(
    resource_type: &ResourceType,
    attribute: AttributeId,
    top: impl Fn(AttributeId) -> Option<&'v Value> + Copy,
) -> Option<&'v Value> {
    match resource_type.parent(attribute) {
        AttributeId::ROOT => top(attribute),
        parent => value_at(resource_type, parent, top)?.as_object()?.get(attribute),
    }
}

impl Eq for Resource {}

impl PartialEq for Resource {
    /// Same type, same values; the order of attributes does not matter (RFC 7643 §2.3.8).
    fn eq(&self, other: &Self) -> bool {
        self.resource_type.name() == other.resource_type.name() && self.root == other.root
    }
}

impl fmt::Debug for Resource {
    /// Shows the names of the schema, and masks passwords and other values that are not returned: many people can
    /// read logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource_type.name())?;
        f.write_str(" ")?;
        Shown { resource_type: &self.resource_type, object: &self.root }.fmt(f)
    }
}

struct Shown<'a> {
    resource_type: &'a ResourceType,
    object: &'a Object,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (attribute, value) in self.object {
            // `format_args!` leaves out the quotation marks of a text.
            map.key(&format_args!("{}", self.resource_type.attribute(attribute).name()));
            if self.resource_type.is_sensitive(attribute) {
                map.value(&format_args!("(not shown)"));
            } else {
                map.value(&ShownValue { resource_type: self.resource_type, value });
            }
        }
        map.finish()
    }
}

struct ShownValue<'a> {
    resource_type: &'a ResourceType,
    value: &'a Value,
}

impl fmt::Debug for ShownValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Value::Complex(object) => Shown { resource_type: self.resource_type, object }.fmt(f),
            Value::List(values) => f
                .debug_list()
                .entries(values.iter().map(|value| Self { resource_type: self.resource_type, value }))
                .finish(),
            Value::String(text) => text.fmt(f),
            Value::Boolean(truth) => truth.fmt(f),
            Value::Integer(number) => number.fmt(f),
            Value::Decimal(number) => number.fmt(f),
            Value::DateTime(time) => time.fmt(f),
        }
    }
}
