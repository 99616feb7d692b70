//! Reading JSON as a resource, in one pass that the schema drives (RFC 7643 §2, §3).
//!
//! Names become ids and values get their attribute's type while the text is read; no other tree is made in between.
//! What is unassigned (`null`, `[]`, an object without members) leaves no trace (§2.5). What needs more than one value
//! to be judged, such as mutability, is in `rules`.

mod field;
mod value;

use std::sync::Arc;

use serde::de::DeserializeSeed;
use serde_json::{Deserializer, value::RawValue};

use self::{
    field::Body,
    value::{Mode, OfAttribute, Place},
};
use super::{Resource, ResourceError, ResourceErrorKind};
use crate::{
    limits::Limits,
    quirks::{Quirk, Quirks, Tolerance},
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Value},
};

impl Resource {
    /// Reads what a client sends to create or replace a resource (RFC 7644 §3.3, §3.5.1).
    ///
    /// Read-only attributes are left out: they are the service provider's. So is `$ref` where it points to a resource;
    /// it gives `value` if that is missing. Exact duplicates in a list are dropped, and so is the second reference to
    /// one resource. Which attributes must be there depends on the operation and is not checked here; see [`judge`].
    ///
    /// [`judge`]: super::judge
    ///
    /// # Errors
    ///
    /// When the text is no JSON object, a name occurs twice, a value has another type than its attribute or is over a
    /// limit, or `schemas` does not fit and that is not tolerated.
    ///
    /// ```
    /// use scim_core::{Limits, Quirks, Resource, quirks::Tolerance, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let body = br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "USERNAME": "bjensen", "id": "mine"}"#;
    /// let resource = Resource::read(user, body, &Limits::default(), &mut Tolerance::new(Quirks::default()))?;
    /// assert_eq!(resource.id(), "", "the service provider gives it");
    /// assert_eq!(resource.root().len(), 1);
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    pub fn read(
        kind: &Arc<ResourceType>,
        body: &[u8],
        limits: &Limits,
        tolerance: &mut Tolerance,
    ) -> Result<Self, ResourceError> {
        if body.len() > limits.body {
            return Err(ResourceError::new(ResourceErrorKind::BodyTooLong(limits.body), ""));
        }
        let mut reader = Reader::new(kind, limits, tolerance);
        let root = reader.body(body)?;
        reader.check_schemas()?;
        Ok(Self { kind: Arc::clone(kind), root })
    }

    /// Reads what [`Resource::to_json`] wrote: everything that a store keeps, read-only attributes included.
    ///
    /// What the resource type no longer has is left out, and no limit applies.
    ///
    /// # Errors
    ///
    /// When the text is no JSON object, a name occurs twice, or a value has another type than its attribute.
    ///
    /// ```
    /// use scim_core::{Resource, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let stored = Resource::from_json(user, br#"{"id": "1", "userName": "bjensen", "password": "t1meMa$heen"}"#)?;
    /// assert_eq!(Resource::from_json(user, &stored.to_json())?, stored);
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    pub fn from_json(kind: &Arc<ResourceType>, json: &[u8]) -> Result<Self, ResourceError> {
        let limits = Limits { string: usize::MAX, values: usize::MAX, ..Limits::default() };
        let mut tolerance = Tolerance::new(Quirks::default());
        let mut reader = Reader::new(kind, &limits, &mut tolerance);
        (reader.stored, reader.keeps_read_only) = (true, true);
        Ok(Self { kind: Arc::clone(kind), root: reader.body(json)? })
    }
}

/// Reads the value of `attribute` from a part of a request: a list for a multi-valued attribute. `None` when it says
/// that there is none, or when nothing of it may be set by a client.
pub(crate) fn read_value(
    kind: &Arc<ResourceType>,
    attribute: AttributeId,
    raw: &RawValue,
    limits: &Limits,
    tolerance: &mut Tolerance,
) -> Result<Option<Value>, ResourceError> {
    Reader::new(kind, limits, tolerance).part(attribute, Mode::of(kind, attribute), raw)
}

/// Reads one value of the multi-valued `attribute`, as [`read_value`] does.
pub(crate) fn read_element(
    kind: &Arc<ResourceType>,
    attribute: AttributeId,
    raw: &RawValue,
    limits: &Limits,
    tolerance: &mut Tolerance,
) -> Result<Option<Value>, ResourceError> {
    Reader::new(kind, limits, tolerance).part(attribute, Mode::One, raw)
}

/// What is read, under which rules, and what went wrong.
struct Reader<'a> {
    kind: &'a ResourceType,
    limits: &'a Limits,
    tolerance: &'a mut Tolerance,
    /// It was written by the service provider itself.
    stored: bool,
    keeps_read_only: bool,
    base_schema_named: bool,
    /// Objects and arrays that are open.
    depth: usize,
    /// Which value of a multi-valued attribute is being read.
    index: Option<usize>,
    /// The error of serde has no room for it.
    fault: Option<ResourceError>,
}

impl<'a> Reader<'a> {
    fn new(kind: &'a ResourceType, limits: &'a Limits, tolerance: &'a mut Tolerance) -> Self {
        Self {
            kind,
            limits,
            tolerance,
            stored: false,
            keeps_read_only: false,
            base_schema_named: false,
            depth: 0,
            index: None,
            fault: None,
        }
    }

    fn body(&mut self, json: &[u8]) -> Result<Object, ResourceError> {
        // Checked once as a whole, which is faster than string by string.
        let text = std::str::from_utf8(json)
            .map_err(|error| ResourceError::new(ResourceErrorKind::Syntax(error.to_string().into()), ""))?;
        let mut deserializer = Deserializer::from_str(text);
        let read = Body(self).deserialize(&mut deserializer);
        let whole = read.and_then(|object| deserializer.end().map(|()| object));
        whole.map_err(|error| {
            let position = (error.line() > 0).then(|| (error.line(), error.column()));
            self.failed(&error).at(position)
        })
    }

    fn part(&mut self, attribute: AttributeId, mode: Mode, raw: &RawValue) -> Result<Option<Value>, ResourceError> {
        self.keeps_read_only = self.kind.attribute(attribute).mutable() == Mutability::ReadOnly;
        let mut deserializer = Deserializer::from_str(raw.get());
        let mut value = None;
        let place = Place::Alone(&mut value);
        let read = OfAttribute { reader: self, attribute, mode, place }.deserialize(&mut deserializer);
        read.map(|()| value).map_err(|error| self.failed(&error))
    }

    fn failed(&mut self, error: &serde_json::Error) -> ResourceError {
        let syntax = || {
            // The position is said apart from it.
            let text = error.to_string();
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            // What was found stands first, in full; a client knows what it sent.
            let text = match text.rsplit_once(", expected ") {
                Some((_, expected)) if error.is_data() => expected,
                _ => text,
            };
            ResourceError::new(ResourceErrorKind::Syntax(text.into()), "")
        };
        self.fault.take().unwrap_or_else(syntax)
    }

    /// Notes what is wrong and gives what stops serde.
    fn fail<E: serde::de::Error>(&mut self, attribute: AttributeId, kind: ResourceErrorKind) -> E {
        self.fault = Some(ResourceError::of(kind, self.kind, attribute).in_value(self.index));
        E::custom("")
    }

    fn check_schemas(&mut self) -> Result<(), ResourceError> {
        if self.base_schema_named || self.tolerance.allows(Quirk::MissingSchema) {
            return Ok(());
        }
        let kind = ResourceErrorKind::MissingSchema(self.kind.schema().id().into());
        Err(ResourceError::of(kind, self.kind, AttributeId::SCHEMAS))
    }
}

/// Whether objects and arrays are nested deeper than `limit` in JSON. Without meaning where it is not well-formed.
pub(crate) fn is_deeper(json: &[u8], limit: usize) -> bool {
    // No deeper than there are brackets, which most texts have few of, and counting is fast.
    let brackets = json.iter().map(|byte| usize::from(matches!(byte, b'{' | b'['))).sum::<usize>();
    brackets > limit && nesting(json) > limit
}

fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
