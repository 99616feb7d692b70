//! The target of a PATCH path in a resource of one type (RFC 7644 §3.5.2, §3.10).
//!
//! This file turns text into ids. It knows neither values nor the effect of an operation.

use std::borrow::Cow;

use crate::{
    filter::{CompileError, CompileErrorKind, Condition, Filter, parse_patch_path},
    path::{PathErrorKind, PathRef},
    quirks::{Quirk, Reading, Tolerance},
    schema::{AttributeId, Mutability, ResourceType},
};

use super::{Operation, PatchError, PatchErrorKind, members::members};

/// The target of an operation.
#[derive(Debug)]
pub(super) enum Target {
    /// An attribute as a whole: a singular attribute, a list, an extension's object, or the resource (`ROOT`).
    Attribute(AttributeId),
    /// Values of a list, or a sub-attribute of these values.
    Elements(Elements),
}

/// Values of a list.
#[derive(Debug)]
pub(super) struct Elements {
    pub(super) list: AttributeId,
    /// The condition on the values; `None` selects all values.
    pub(super) filter: Option<Filter>,
    /// The addressed sub-attribute of the values; `None` addresses the values themselves.
    pub(super) sub: Option<AttributeId>,
}

impl Target {
    /// Reads a path.
    pub(super) fn parse(
        resource_type: &ResourceType,
        text: &str,
        reading: &mut Reading<'_>,
    ) -> Result<Self, PatchError> {
        // Most paths are a name. The URI of an extension need not have the form of a path.
        if let Some(attribute) = resource_type.child(AttributeId::ROOT, text) {
            return Ok(Self::Attribute(attribute));
        }
        let unknown = |text: &str| {
            let message = format!("`{text:.60}` is not an attribute of {}", resource_type.name());
            PatchError::new(PatchErrorKind::InvalidPath, message).at(text)
        };
        let resolve = |path: PathRef<'_>, tolerance: &mut Tolerance| {
            resource_type.resolve(path, tolerance).map_err(|unresolved| unknown(unresolved.path()))
        };
        if !may_have_condition(text) {
            let path = PathRef::parse(text).map_err(|error| {
                let message = match error.kind() {
                    PathErrorKind::TooLong => format!("expected a path of at most {} bytes", u16::MAX),
                    kind => format!("{kind} at byte {}", error.offset()),
                };
                PatchError::new(PatchErrorKind::InvalidPath, message).at(text)
            })?;
            return Ok(Self::whole(resource_type, resolve(path, reading.tolerance)?));
        }
        let parts = parse_patch_path(text, Reading::new(reading.limits, reading.tolerance))
            .map_err(|error| PatchError::in_path(&error, text))?;
        let attribute = resolve(parts.path, reading.tolerance)?;
        let Some(filter) = parts.condition else { return Ok(Self::whole(resource_type, attribute)) };
        if !resource_type.attribute(attribute).is_multi_valued() {
            let message = "expected an attribute with many values before the brackets";
            return Err(PatchError::new(PatchErrorKind::InvalidPath, message).at(text));
        }
        let sub = match parts.sub_attribute {
            Some(name) => Some(resource_type.child(attribute, name).ok_or_else(|| unknown(text))?),
            None => None,
        };
        Ok(Self::Elements(Elements { list: attribute, filter: Some(filter), sub }))
    }

    /// Whether the path is well-formed and names, possibly in its brackets, an attribute that the schema does not have.
    pub(super) fn is_unknown(resource_type: &ResourceType, text: &str, reading: &Reading<'_>) -> bool {
        let mut met = *reading.tolerance;
        if !may_have_condition(text) {
            return PathRef::parse(text).is_ok_and(|path| resource_type.resolve(path, &mut met).is_err());
        }
        let Ok(parts) = parse_patch_path(text, Reading::new(reading.limits, &mut met)) else { return false };
        let Ok(attribute) = resource_type.resolve(parts.path, &mut met) else { return true };
        let is_unknown = |error: CompileError| error.kind() == CompileErrorKind::UnknownAttribute;
        let condition = parts.condition.map(|condition| condition.compile_element(resource_type, attribute, &mut met));
        condition.and_then(Result::err).is_some_and(is_unknown)
            || parts.sub_attribute.is_some_and(|sub| resource_type.child(attribute, sub).is_none())
    }

    /// Reads a member's name in a value without path, or in an extension's object; `None` if the schema has no
    /// such attribute and unknown attributes are tolerated.
    pub(super) fn parse_key(
        resource_type: &ResourceType,
        parent: AttributeId,
        key: &str,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Self>, PatchError> {
        if let Some(attribute) = resource_type.child(parent, key) {
            return Ok(Some(Self::Attribute(attribute)));
        }
        if parent == AttributeId::ROOT
            && resource_type.schema().id().eq_ignore_ascii_case(key)
            && reading.allows(Quirk::CoreSchemaObject)
        {
            return Ok(Some(Self::Attribute(AttributeId::ROOT)));
        }
        let is_path = key.contains(['.', ':', '[', ' ']);
        if !is_path || reading.tolerates(Quirk::PathKeys) {
            let mut met = *reading.tolerance;
            let path = Self::path_of_key(resource_type, parent, key);
            match Self::parse(resource_type, &path, &mut reading.on_trial(&mut met)) {
                // The resource is not one of its own attributes, and an extension is not inside another extension.
                Ok(target) if target.attribute() == AttributeId::ROOT => {}
                Ok(target) if parent != AttributeId::ROOT && !target.is_below(resource_type, parent) => {}
                Ok(target) => {
                    *reading.tolerance = met;
                    if is_path {
                        reading.allows(Quirk::PathKeys);
                    }
                    return Ok(Some(target));
                }
                // A malformed path, unlike an unknown name, is not ignored.
                Err(error) if key.contains('[') && !Self::is_unknown(resource_type, &path, reading) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        if reading.allows(Quirk::UnknownAttribute) {
            return Ok(None);
        }
        Err(PatchError::syntax(format!("`{key:.60}` is not an attribute of {}", resource_type.name())).at(key))
    }

    /// The path of the member `key` of the object of `parent`.
    pub(super) fn path_of_key<'k>(resource_type: &ResourceType, parent: AttributeId, key: &'k str) -> Cow<'k, str> {
        match resource_type.extension_of(parent) {
            Some(extension) => Cow::Owned(format!("{}:{key}", extension.schema().id())),
            None => Cow::Borrowed(key),
        }
    }

    /// The target of a path without brackets. A sub-attribute of a list addresses that sub-attribute of all values.
    fn whole(resource_type: &ResourceType, attribute: AttributeId) -> Self {
        let parent = resource_type.parent(attribute);
        if resource_type.attribute(parent).is_multi_valued() {
            return Self::Elements(Elements { list: parent, filter: None, sub: Some(attribute) });
        }
        Self::Attribute(attribute)
    }

    /// The attribute whose values the path addresses.
    pub(super) fn attribute(&self) -> AttributeId {
        match self {
            Self::Attribute(attribute) => *attribute,
            Self::Elements(elements) => elements.sub.unwrap_or(elements.list),
        }
    }

    fn is_below(&self, resource_type: &ResourceType, object: AttributeId) -> bool {
        let mut attribute = resource_type.parent(self.attribute());
        while attribute != AttributeId::ROOT && attribute != object {
            attribute = resource_type.parent(attribute);
        }
        attribute == object
    }

    /// The attribute that the path addresses as a whole or by its values; `None` for a sub-attribute of list values.
    pub(super) fn list(&self) -> Option<AttributeId> {
        match self {
            Self::Attribute(attribute) => Some(*attribute),
            Self::Elements(elements) => elements.sub.is_none().then_some(elements.list),
        }
    }

    /// Whether only the service provider may change the target.
    pub(super) fn is_read_only(&self, resource_type: &ResourceType) -> bool {
        let mut attribute = self.attribute();
        while attribute != AttributeId::ROOT {
            if resource_type.attribute(attribute).mutability() == Mutability::ReadOnly {
                return true;
            }
            attribute = resource_type.parent(attribute);
        }
        false
    }
}

impl Elements {
    /// The condition that the addressed values must satisfy; `None` if the path has no condition.
    pub(super) fn condition(
        &self,
        resource_type: &ResourceType,
        tolerance: &mut Tolerance,
    ) -> Result<Option<Condition>, PatchError> {
        let compile = |filter: &Filter| filter.compile_element(resource_type, self.list, tolerance);
        let condition =
            self.filter.as_ref().map(compile).transpose().map_err(|error| PatchError::in_condition(&error))?;
        let is_name = |attribute| resource_type.is_reference_name(attribute);
        match condition.as_ref().and_then(|condition| condition.find(is_name)) {
            // A condition on a value that is not stored would match nothing, without notice to the client.
            Some(name) => Err(PatchError::new(
                PatchErrorKind::InvalidFilter,
                format!("expected a condition on a stored attribute, found `{}`", resource_type.path(name)),
            )),
            None => Ok(condition),
        }
    }
}

/// Whether the text has a bracket or a blank, which only a path with a condition can have.
fn may_have_condition(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.contains(&b'[') || bytes.contains(&b' ')
}

/// The top-level attributes that an operation touches; `None` if it may touch any attribute.
pub(super) fn touched(
    resource_type: &ResourceType,
    operation: &Operation,
    reading: &mut Reading<'_>,
) -> Option<Vec<AttributeId>> {
    let top = |target: &Target| resource_type.top_level(target.attribute());
    let is_one = |attribute: &AttributeId| *attribute != AttributeId::ROOT;
    if let Some(path) = operation.path() {
        let attribute = Target::parse(resource_type, path, reading).ok().map(|target| top(&target))?;
        return is_one(&attribute).then(|| vec![attribute]);
    }
    let members = members(operation.value.as_deref()?).ok()?;
    let named = members.iter().map(|(key, _)| {
        // An unknown key is ignored, or refused before the patch writes anything.
        match Target::parse_key(resource_type, AttributeId::ROOT, key, reading) {
            Ok(Some(target)) => Some(top(&target)).filter(is_one),
            Ok(None) => Some(AttributeId::SCHEMAS),
            Err(_) => None,
        }
    });
    named.collect()
}
