//! The meaning of a path under a resource type: its attribute, and the route to the values.
//!
//! This module knows schemas but no values. Filters, sorting, projections and PATCH resolve their names here.

use super::PathRef;
use crate::{
    quirks::{Quirk, Tolerance},
    schema::{AttributeId, AttributeType, Extension, ResourceType},
};

/// An attribute with the route to its values: from the resource, or from a value of the complex attribute to which the
/// attribute belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    attribute: AttributeId,
    /// Filled from the end, so that a route is the tail of the array.
    route: [AttributeId; 3],
    length: u8,
}

impl Place {
    /// Returns the route from `base` down to `attribute`. `attribute` is below `base` or is `base` itself.
    pub(crate) fn new(resource_type: &ResourceType, base: AttributeId, attribute: AttributeId) -> Self {
        let mut place = Self { attribute, route: [AttributeId::ROOT; 3], length: 0 };
        let mut at = attribute;
        // An extension's object, a complex attribute and a sub-attribute: no attribute is deeper (RFC 7643 §2.3.8).
        for slot in place.route.iter_mut().rev() {
            if at == base || at == AttributeId::ROOT {
                break;
            }
            *slot = at;
            place.length += 1;
            at = resource_type.parent(at);
        }
        place
    }

    /// The attribute whose values are at the end of the route.
    pub fn attribute(&self) -> AttributeId {
        self.attribute
    }

    /// The attributes on the route, ending with the attribute itself. For example, the route to `manager.value` is the
    /// Enterprise User extension's object, `manager` and `value`. Empty for the value of a simple element itself.
    #[inline]
    pub fn route(&self) -> &[AttributeId] {
        self.route.get(self.route.len() - usize::from(self.length)..).unwrap_or_default()
    }
}

impl ResourceType {
    /// Returns the attribute that `path` names (RFC 7644 §3.10). All names are compared without case.
    ///
    /// A path without a schema URI names an attribute of the base schema. With [`Quirk::BareExtensionAttribute`] it
    /// can also name an attribute of an extension, if only that extension has the attribute. The URI of an extension
    /// alone names the object of its attributes. The URI of the base schema alone names the resource:
    /// [`AttributeId::ROOT`].
    ///
    /// ```
    /// use scim_core::{path::AttributePath, quirks::{Quirks, Tolerance}, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let mut tolerance = Tolerance::new(Quirks::default());
    /// let path: AttributePath = "manager.value".parse()?;
    /// let found = user.resolve(path.as_ref(), &mut tolerance)?;
    /// assert_eq!(user.path(found), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the resource type does not have the attribute.
    pub fn resolve(&self, path: PathRef<'_>, tolerance: &mut Tolerance) -> Result<AttributeId, UnknownAttribute> {
        let unknown = || UnknownAttribute { path: path.text().into(), resource_type: self.name().into() };
        self.named(path, tolerance).ok_or_else(unknown)
    }

    fn named(&self, path: PathRef<'_>, tolerance: &mut Tolerance) -> Option<AttributeId> {
        let below = |parent, name: &str| {
            let attribute = self.child(parent, name)?;
            path.sub_attribute().map_or(Some(attribute), |sub| self.child(attribute, sub))
        };
        let Some(uri) = path.schema() else {
            return below(AttributeId::ROOT, path.attribute()).or_else(|| {
                let mut found = self.extensions().iter().filter_map(|it| below(it.attribute(), path.attribute()));
                let only = found.next().filter(|_| found.next().is_none())?;
                tolerance.allows(Quirk::BareExtensionAttribute).then_some(only)
            });
        };
        let owner = if self.schema().id().eq_ignore_ascii_case(uri) {
            Some(AttributeId::ROOT)
        } else {
            self.extension(uri).map(Extension::attribute)
        };
        if let Some(found) = owner.and_then(|owner| below(owner, path.attribute())) {
            return Some(found);
        }
        // A schema's URI such as `…:2.0:User` has the form of an attribute's path, even if one schema's URI extends
        // another's. Only the schemas distinguish the two.
        let whole = path.text();
        if self.schema().id().eq_ignore_ascii_case(whole) {
            return Some(AttributeId::ROOT);
        }
        self.extension(whole).map(Extension::attribute)
    }

    /// Returns the attribute that a path in the brackets after `base` names: a sub-attribute or, as `value`, a simple
    /// value itself.
    pub(crate) fn resolve_below(&self, base: AttributeId, path: PathRef<'_>) -> Option<AttributeId> {
        let (None, name) = (path.schema(), path.attribute()) else { return None };
        if self.attribute(base).data_type() != AttributeType::Complex {
            return (name.eq_ignore_ascii_case("value") && path.sub_attribute().is_none()).then_some(base);
        }
        let attribute = self.child(base, name)?;
        path.sub_attribute().map_or(Some(attribute), |sub| self.child(attribute, sub))
    }
}

/// The error for a path that does not name an attribute of the resource type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path:.60}` is not an attribute of {resource_type}")]
pub struct UnknownAttribute {
    path: Box<str>,
    /// The name of the resource type.
    resource_type: Box<str>,
}

impl UnknownAttribute {
    /// The path as written.
    pub fn path(&self) -> &str {
        &self.path
    }
}
