//! Reading JSON as a resource, in one pass that the schema of the service provider drives (RFC 7643 §2, §3;
//! RFC 7644 §3.1).
//!
//! Names become ids and values get their attribute's type while the text is read; no other tree is made in between.
//! An unassigned attribute (`null`, `[]`, an object without members) leaves no trace (§2.5). Rules that need more
//! than one value, such as mutability, are in `rules`.

mod element;
mod field;
mod form;
mod number;
mod seen;
mod text;
mod value;

use std::sync::Arc;

use serde::de::DeserializeSeed;
use serde_json::{Deserializer, value::RawValue};

pub(crate) use self::element::{Loss, only_labels};
pub(crate) use self::form::missing_form;
pub(crate) use self::text::{body_text, is_deeper, json_fault_at};
use self::{
    field::Body,
    seen::Previous,
    text::json_fault,
    value::{Mode, OfAttribute, Place},
};
use super::{Resource, ResourceError, ResourceErrorKind};
use crate::{
    limits::Limits,
    quirks::{Quirk, Quirks, Reading, Tolerance},
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Text, Value},
};

impl Resource {
    /// Reads the request body that creates or replaces a resource (RFC 7644 §3.3, §3.5.1).
    ///
    /// Read-only attributes are dropped: only the service provider sets them. A `$ref` to a resource is dropped as
    /// well; if `value` is missing, it is taken from `$ref`. Exact duplicates in a list are dropped, and so is the
    /// second reference to one resource. Required attributes depend on the operation and are not checked here; see
    /// [`judge`].
    ///
    /// [`judge`]: super::judge
    ///
    /// # Errors
    ///
    /// When the text is not a JSON object, a name occurs twice, a value has another type than its attribute or is
    /// over a limit, or `schemas` does not fit and that is not tolerated.
    ///
    /// ```
    /// use scim_core::{limits::Limits, quirks::{Quirks, Reading, Tolerance}, resource::Resource, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let body = br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "USERNAME": "bjensen", "id": "mine"}"#;
    /// let resource = Resource::read(user, body, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default())))?;
    /// assert_eq!(resource.id(), "", "the service provider gives it");
    /// assert_eq!(resource.root().len(), 1);
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    pub fn read(
        resource_type: &Arc<ResourceType>,
        body: &[u8],
        mut reading: Reading<'_>,
    ) -> Result<Self, ResourceError> {
        let longest = reading.limits.body;
        if body.len() > longest {
            return Err(ResourceError::new(ResourceErrorKind::BodyTooLong(longest), ""));
        }
        let mut reader = Reader::new(resource_type, &mut reading);
        let root = reader.body(body)?;
        reader.check_schemas()?;
        Ok(Self { resource_type: Arc::clone(resource_type), root })
    }

    /// Reads the output of [`Resource::to_json`]: all data that a store keeps, read-only attributes included.
    ///
    /// Attributes that the resource type no longer has are dropped. No limit applies: the store has bounded its
    /// own data.
    ///
    /// # Errors
    ///
    /// When the text is not a JSON object, a name occurs twice, or a value has another type than its attribute.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let stored = Resource::from_json(user, br#"{"id": "1", "userName": "bjensen", "password": "t1meMa$heen"}"#)?;
    /// assert_eq!(Resource::from_json(user, &stored.to_json())?, stored);
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    pub fn from_json(resource_type: &Arc<ResourceType>, json: &[u8]) -> Result<Self, ResourceError> {
        let limits = Limits { string: usize::MAX, values: usize::MAX, json_depth: usize::MAX, ..Limits::default() };
        // A stored URI may contain a blank if a client was once allowed to send one.
        let mut tolerance = Tolerance::new(Quirks::default().with(Quirk::UriWithBlank).without(Quirk::NumberForString));
        let mut reading = Reading::new(&limits, &mut tolerance);
        let mut reader = Reader::new(resource_type, &mut reading);
        (reader.purpose, reader.keeps_read_only) = (Purpose::Stored, true);
        Ok(Self { resource_type: Arc::clone(resource_type), root: reader.body(json)? })
    }
}

/// Reads the value of `attribute` from a part of a request body: a list for a multi-valued attribute. `None` when
/// the JSON means no value, or when a client may set no part of it.
pub(crate) fn read_value(
    resource_type: &Arc<ResourceType>,
    attribute: AttributeId,
    raw: &RawValue,
    reading: &mut Reading<'_>,
) -> Result<Option<Value>, ResourceError> {
    Reader::new(resource_type, reading).part(attribute, Mode::of(resource_type, attribute), raw)
}

/// Reads one value of the multi-valued `attribute`, as [`read_value`] does.
pub(crate) fn read_element(
    resource_type: &Arc<ResourceType>,
    attribute: AttributeId,
    raw: &RawValue,
    reading: &mut Reading<'_>,
) -> Result<Option<Value>, ResourceError> {
    Reader::new(resource_type, reading).part(attribute, Mode::One, raw)
}

/// The values of a multi-valued attribute in a part of a request body.
pub(crate) struct List {
    pub(crate) values: Vec<Value>,
    /// The kind of elements that were ignored.
    pub(crate) loss: Loss,
    /// The `value` of each element that the client packed into text.
    pub(crate) unpacked: Vec<Text>,
}

/// Reads the values of the multi-valued `attribute`, as [`read_value`] does.
pub(crate) fn read_list(
    resource_type: &Arc<ResourceType>,
    attribute: AttributeId,
    raw: &RawValue,
    reading: &mut Reading<'_>,
) -> Result<List, ResourceError> {
    let mut reader = Reader::new(resource_type, reading);
    let values = reader.elements(attribute, raw)?;
    Ok(List { values, loss: reader.loss, unpacked: reader.unpacked })
}

/// Reads the elements of the multi-valued `attribute` that a `remove` selects by its `value`.
///
/// A sub-attribute that a client cannot set still selects: its value is compared like the others. In a list of
/// references an element without a usable `value` is an error. In another list an element with a sub-attribute
/// that is null or unknown selects nothing and is dropped.
pub(crate) fn read_selection(
    resource_type: &Arc<ResourceType>,
    attribute: AttributeId,
    raw: &RawValue,
    reading: &mut Reading<'_>,
) -> Result<Vec<Value>, ResourceError> {
    let mut reader = Reader::new(resource_type, reading);
    reader.purpose = Purpose::Selection;
    reader.elements(attribute, raw)
}

/// The origin and the use of the JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A client sent the JSON to be stored.
    Request,
    /// A client sent the JSON to select stored elements.
    Selection,
    /// The service provider wrote the JSON.
    Stored,
}

/// The state of a reader: its rules, its position in the JSON, and its fault.
struct Reader<'a> {
    resource_type: &'a ResourceType,
    limits: &'a Limits,
    tolerance: &'a mut Tolerance,
    purpose: Purpose,
    keeps_read_only: bool,
    base_schema_named: bool,
    /// Whether the reader is inside the object under the URN of the core schema.
    in_core_object: bool,
    /// The number of open objects and arrays.
    depth: usize,
    /// The index of the current value of a multi-valued attribute.
    index: Option<usize>,
    /// The object that was read before.
    previous: Option<Previous>,
    /// The kind of elements that were ignored.
    loss: Loss,
    /// The `value` of each element that the client packed into text.
    unpacked: Vec<Text>,
    /// The room in which the values of each list are collected.
    collected: Vec<Value>,
    /// The members of the open objects: those of an inner object behind those of the object around it.
    members: Vec<(AttributeId, Value)>,
    /// The fault, for which serde's error has no room.
    fault: Option<ResourceError>,
}

impl<'a> Reader<'a> {
    fn new(resource_type: &'a ResourceType, reading: &'a mut Reading<'_>) -> Self {
        Self {
            resource_type,
            limits: reading.limits,
            tolerance: &mut *reading.tolerance,
            purpose: Purpose::Request,
            keeps_read_only: false,
            base_schema_named: false,
            in_core_object: false,
            depth: 0,
            index: None,
            previous: None,
            loss: Loss::None,
            unpacked: Vec::new(),
            collected: Vec::new(),
            members: Vec::new(),
            fault: None,
        }
    }

    fn is_stored(&self) -> bool {
        self.purpose == Purpose::Stored
    }

    fn selects(&self) -> bool {
        self.purpose == Purpose::Selection
    }

    fn body(&mut self, json: &[u8]) -> Result<Object, ResourceError> {
        let text = body_text(json, self.tolerance)
            .map_err(|fault| ResourceError::new(ResourceErrorKind::Syntax(fault.into()), ""))?;
        let mut deserializer = Deserializer::from_str(text);
        let read = Body(self).deserialize(&mut deserializer);
        let whole = read.and_then(|object| deserializer.end().map(|()| object));
        whole.map_err(|error| {
            // At the end of a line, serde counts the column as 0.
            let position = (error.line() > 0).then(|| (error.line(), error.column().max(1)));
            self.failed(&error, "an object of attributes").at(position)
        })
    }

    fn part(&mut self, attribute: AttributeId, mode: Mode, raw: &RawValue) -> Result<Option<Value>, ResourceError> {
        self.keeps_read_only =
            self.selects() || self.resource_type.attribute(attribute).mutability() == Mutability::ReadOnly;
        let mut deserializer = Deserializer::from_str(raw.get());
        let mut value = None;
        let place = Place::Alone(&mut value);
        let read = OfAttribute::new(self, attribute, mode, place).deserialize(&mut deserializer);
        read.map(|()| value).map_err(|error| self.failed(&error, "a value of the attribute"))
    }

    fn elements(&mut self, attribute: AttributeId, raw: &RawValue) -> Result<Vec<Value>, ResourceError> {
        Ok(match self.part(attribute, Mode::List, raw)? {
            Some(Value::List(values)) => values.into_vec(),
            Some(value) => vec![value],
            None => Vec::new(),
        })
    }

    /// The fault that was set aside, or else the fault in the JSON itself. `expected` names the JSON that belongs here.
    fn failed(&mut self, error: &serde_json::Error, expected: &str) -> ResourceError {
        let syntax = || ResourceError::new(ResourceErrorKind::Syntax(json_fault(error, expected).into()), "");
        self.fault.take().unwrap_or_else(syntax)
    }

    /// Keeps the fault and returns the error that stops serde.
    fn fail<E: serde::de::Error>(&mut self, attribute: AttributeId, kind: ResourceErrorKind) -> E {
        self.fault = Some(ResourceError::of(kind, self.resource_type, attribute).in_value(self.index));
        E::custom("")
    }

    /// Refuses a body whose `schemas` lacks the base schema (RFC 7643 §2.1, §3), unless that is tolerated.
    fn check_schemas(&mut self) -> Result<(), ResourceError> {
        if self.base_schema_named || self.tolerance.allows(Quirk::MissingSchema) {
            return Ok(());
        }
        let kind = ResourceErrorKind::MissingSchema(self.resource_type.schema().id().into());
        Err(ResourceError::of(kind, self.resource_type, AttributeId::SCHEMAS))
    }
}
