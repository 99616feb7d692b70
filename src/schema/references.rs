//! Lists of values that become lists of references to resources (RFC 7643 §2.3.7, §2.4).

use super::{Attribute, AttributeType, Mutability};

impl Attribute {
    /// Makes the values of a multi-valued attribute, such as `roles`, references to resources of these types (RFC 7643
    /// §2.3.7, §2.4):
    ///
    /// - `value` is the `id` of a resource. The core refuses an id that no resource has with 400 `invalidValue`, and a
    ///   deletion of the resource removes its references.
    /// - `$ref` is new: the URL of the resource.
    /// - `type` is the name of the resource type.
    /// - `display` is read-only: the current [name](super::ResourceType::names) of the resource.
    ///
    /// The method does nothing to an attribute that is not complex. Without this method the values are text, as in the
    /// standard schema, and any client may send any text.
    ///
    /// ```
    /// use scim_core::schema::{Registry, ResourceType, Schema};
    ///
    /// let schema = Schema::user().change("roles", |roles| roles.referring_to(["Role"]));
    /// let user = ResourceType::builder("User", "Users", schema).build()?;
    /// assert_eq!(user.reference_lists().len(), 1);
    /// let registry = Registry::builder().resource_type(user).resource_type(ResourceType::okta_role()?).build()?;
    /// # let _ = registry;
    /// # Ok::<(), scim_core::schema::SchemaError>(())
    /// ```
    #[must_use]
    pub fn referring_to<T: Into<Box<str>>>(self, resource_types: impl IntoIterator<Item = T>) -> Self {
        if self.data_type() != AttributeType::Complex {
            return self;
        }
        let types: Vec<Box<str>> = resource_types.into_iter().map(Into::into).collect();
        let mut attribute = self
            .change("value", |value| value.case_exact().with_mutability(Mutability::Immutable))
            .change("display", |display| display.with_mutability(Mutability::ReadOnly))
            .change("type", |type_of| type_of.with_canonical_values(types.iter().cloned()));
        attribute.sub_attributes.retain(|part| !part.name().eq_ignore_ascii_case("$ref"));
        let reference = Self::new("$ref", AttributeType::Reference)
            .case_exact()
            .with_mutability(Mutability::Immutable)
            .with_description("Link to the resource")
            .with_reference_types(types);
        attribute.sub_attributes.push(reference);
        attribute
    }
}
