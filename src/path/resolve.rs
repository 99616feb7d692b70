//! What a path means under a resource type: which attribute, the way to its values, and how those compare.
//!
//! It knows schemas and no values; filters, sorting, projections and PATCH all come here with their names.

use super::PathRef;
use crate::{
    quirks::{Quirk, Tolerance},
    schema::{AttributeId, AttributeType, Extension, Mutability, ResourceType, Returned},
};

/// An attribute together with the way to its values: from the resource, or from a value of a complex attribute that it
/// belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    attribute: AttributeId,
    /// Filled from the end, so that a route is a tail of the array.
    route: [AttributeId; 3],
    length: u8,
}

impl Place {
    /// The way from `base` down to `attribute`, which is below it or is it itself.
    pub(crate) fn new(kind: &ResourceType, base: AttributeId, attribute: AttributeId) -> Self {
        let mut place = Self { attribute, route: [AttributeId::ROOT; 3], length: 0 };
        let mut at = attribute;
        // An extension's object, a complex attribute and a sub-attribute: no attribute is deeper (RFC 7643 §2.3.8).
        for slot in place.route.iter_mut().rev() {
            if at == base || at == AttributeId::ROOT {
                break;
            }
            *slot = at;
            place.length += 1;
            at = kind.parent(at);
        }
        place
    }

    /// The attribute whose values are meant.
    pub fn attribute(&self) -> AttributeId {
        self.attribute
    }

    /// The attributes to pass through on the way, the meant one last: for `manager.value` the Enterprise User
    /// extension's object, `manager` and `value`. Empty for the value of a simple element itself.
    #[inline]
    pub fn route(&self) -> &[AttributeId] {
        self.route.get(self.route.len() - usize::from(self.length)..).unwrap_or_default()
    }
}

impl ResourceType {
    /// The attribute that `path` names (RFC 7644 §3.10). All names are compared without case.
    ///
    /// A path without a schema URI names an attribute of the base schema, or with [`Quirk::BareExtensionAttribute`]
    /// that of the only extension that has it. The URI of an extension alone names the object of its attributes, the
    /// base schema's URI alone the resource: [`AttributeId::ROOT`].
    ///
    /// ```
    /// use scim_core::{Quirks, path::AttributePath, quirks::Tolerance, schema::Registry};
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
    /// When there is no such attribute.
    pub fn resolve(&self, path: PathRef<'_>, tolerance: &mut Tolerance) -> Result<AttributeId, UnknownAttribute> {
        self.named(path, tolerance).ok_or_else(|| UnknownAttribute { path: path.text().into() })
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
        // Nothing tells a schema's URI from an attribute's path but the schemas: `…:2.0:User` has the form of both,
        // also where one schema's URI continues another's.
        let whole = path.text();
        if self.schema().id().eq_ignore_ascii_case(whole) {
            return Some(AttributeId::ROOT);
        }
        self.extension(whole).map(Extension::attribute)
    }

    /// What a path in the brackets behind `base` names: a sub-attribute or, as `value`, a value that has no parts.
    pub(crate) fn resolve_below(&self, base: AttributeId, path: PathRef<'_>) -> Option<AttributeId> {
        let (None, name) = (path.schema(), path.attribute()) else { return None };
        if self.attribute(base).kind() != AttributeType::Complex {
            return (name.eq_ignore_ascii_case("value") && path.sub_attribute().is_none()).then_some(base);
        }
        let attribute = self.child(base, name)?;
        path.sub_attribute().map_or(Some(attribute), |sub| self.child(attribute, sub))
    }

    /// Whether the empty string says that a singular attribute has no value: for what is no text, and for the id in a
    /// reference to a resource, since no resource has such an id.
    pub(crate) fn has_no_empty_text(&self, id: AttributeId) -> bool {
        let parent = self.parent(id);
        self.attribute(id).kind() != AttributeType::String
            || self.is_id(id) && !self.attribute(parent).is_multi_valued()
    }

    /// Whether the attribute is the `value` of the elements of a list. An element that is a reference does not count: its
    /// `value` is an id, and an empty id is an error.
    pub(crate) fn is_element_value(&self, id: AttributeId) -> bool {
        let parent = self.parent(id);
        self.attribute(parent).is_multi_valued() && self.value_of(parent) == Some(id) && !self.is_id(id)
    }

    /// Whether the attribute is the `type` of a reference to a resource: the service provider knows the type of each
    /// resource and does not believe a client.
    pub(crate) fn is_reference_type(&self, id: AttributeId) -> bool {
        let conventional = self.conventional(self.parent(id));
        conventional.kind == Some(id)
            && conventional.reference.is_some_and(|reference| self.referred_id(reference).is_some())
    }

    /// Whether the attribute is the name that the service provider shows of a referenced resource, as `members.display` and
    /// `manager.displayName`. Such a name is not stored.
    pub(crate) fn is_reference_name(&self, id: AttributeId) -> bool {
        let definition = self.attribute(id);
        let reference = self.conventional(self.parent(id)).reference;
        definition.mutable() == Mutability::ReadOnly
            && ["display", "displayName"].iter().any(|name| definition.name().eq_ignore_ascii_case(name))
            && reference.is_some_and(|reference| self.referred_id(reference).is_some())
    }

    /// Whether the attribute is the id in a reference to a resource.
    fn is_id(&self, id: AttributeId) -> bool {
        let parent = self.parent(id);
        self.value_of(parent) == Some(id)
            && self.conventional(parent).reference.is_some_and(|reference| self.referred_id(reference).is_some())
    }

    /// Whether upper and lower case differ in comparisons of the attribute. The id in a reference to a resource is
    /// exact whatever the schema says, as the id itself is (RFC 7643 §3.1); schema URIs are not (RFC 7644 §3.10).
    pub(crate) fn compares_exactly(&self, id: AttributeId) -> bool {
        if id == AttributeId::SCHEMAS {
            return false;
        }
        self.attribute(id).is_case_exact() || self.is_id(id)
    }

    /// The `value` beside a `$ref` to a resource: the id that the `$ref`, which is not stored, is made from.
    pub(crate) fn referred_id(&self, reference: AttributeId) -> Option<AttributeId> {
        let parent = self.parent(reference);
        let conventional = self.conventional(parent);
        let to_resources =
            || self.attribute(reference).references().iter().any(|name| !matches!(&**name, "external" | "uri"));
        if parent != AttributeId::ROOT && conventional.reference == Some(reference) && to_resources() {
            return conventional.value;
        }
        None
    }

    /// Whether nobody may learn the attribute's value, not by its effect on a query either.
    pub(crate) fn is_sensitive(&self, id: AttributeId) -> bool {
        let attribute = self.attribute(id);
        attribute.return_rule() == Returned::Never
            || attribute.mutable() == Mutability::WriteOnly
            || id != AttributeId::ROOT && self.is_sensitive(self.parent(id))
    }
}

/// A path that names no attribute of the resource type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an attribute of the schema: `{path:.60}`")]
pub struct UnknownAttribute {
    path: Box<str>,
}

impl UnknownAttribute {
    /// The path as it was given.
    pub fn path(&self) -> &str {
        &self.path
    }
}
