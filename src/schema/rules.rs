//! The rules that follow from the characteristics of an attribute and from its place in the schema: how its values are
//! compared, which of them are derived, and which of them no client may learn (RFC 7643 §2.2, §2.4, §7).
//!
//! This module knows neither paths nor values.

use super::{AttributeId, AttributeType, Mutability, ResourceType, Returned};

impl ResourceType {
    /// Whether the empty string means that a singular attribute has no value. This holds for every type except string,
    /// and for the id in a singular reference to a resource, because no resource has an empty id.
    pub(crate) fn has_no_empty_text(&self, id: AttributeId) -> bool {
        let parent = self.parent(id);
        self.attribute(id).data_type() != AttributeType::String
            || self.is_id(id) && !self.attribute(parent).is_multi_valued()
    }

    /// Whether the attribute is the `value` of the elements of a list. References do not count: their `value` is an
    /// id, and an empty id is an error.
    pub(crate) fn is_element_value(&self, id: AttributeId) -> bool {
        let parent = self.parent(id);
        self.attribute(parent).is_multi_valued() && self.value_of(parent) == Some(id) && !self.is_id(id)
    }

    /// Whether the attribute is the `type` of a reference to a resource. The service provider knows the type of each
    /// resource and ignores the client's value.
    pub(crate) fn is_reference_type(&self, id: AttributeId) -> bool {
        let conventional = self.conventional(self.parent(id));
        conventional.type_of == Some(id)
            && conventional.reference.is_some_and(|reference| self.referred_id(reference).is_some())
    }

    /// Whether the attribute shows the name of a referenced resource, such as `members.display` and
    /// `manager.displayName`. Such a name is not stored.
    pub(crate) fn is_reference_name(&self, id: AttributeId) -> bool {
        let definition = self.attribute(id);
        let reference = self.conventional(self.parent(id)).reference;
        definition.mutability() == Mutability::ReadOnly
            && ["display", "displayName"].iter().any(|name| definition.name().eq_ignore_ascii_case(name))
            && reference.is_some_and(|reference| self.referred_id(reference).is_some())
    }

    /// Whether the attribute is the id in a reference to a resource.
    fn is_id(&self, id: AttributeId) -> bool {
        let parent = self.parent(id);
        self.value_of(parent) == Some(id)
            && self.conventional(parent).reference.is_some_and(|reference| self.referred_id(reference).is_some())
    }

    /// Whether comparisons of the attribute distinguish upper and lower case. The id in a reference to a resource is
    /// compared exactly whatever the schema says, like `id` itself (RFC 7643 §3.1). Schema URIs are compared without
    /// case (RFC 7644 §3.10).
    pub(crate) fn compares_exactly(&self, id: AttributeId) -> bool {
        if id == AttributeId::SCHEMAS {
            return false;
        }
        self.attribute(id).is_case_exact() || self.is_id(id)
    }

    /// Returns the `value` next to a `$ref` to a resource: the `$ref` is not stored but made from that id. `None` for
    /// other attributes.
    pub(crate) fn referred_id(&self, reference: AttributeId) -> Option<AttributeId> {
        let parent = self.parent(reference);
        let conventional = self.conventional(parent);
        let to_resources =
            || self.attribute(reference).reference_types().iter().any(|name| !matches!(&**name, "external" | "uri"));
        if parent != AttributeId::ROOT && conventional.reference == Some(reference) && to_resources() {
            return conventional.value;
        }
        None
    }

    /// Whether no client may learn the attribute's value, not even through the result of a query.
    pub(crate) fn is_sensitive(&self, id: AttributeId) -> bool {
        let attribute = self.attribute(id);
        attribute.returned() == Returned::Never
            || attribute.mutability() == Mutability::WriteOnly
            || id != AttributeId::ROOT && self.is_sensitive(self.parent(id))
    }
}
