//! Sub-attributes that show the name of the resource to which a reference points: `members.display`,
//! `manager.displayName` (RFC 7643 §2.4, §4.3).

use std::sync::Arc;

use super::{Attribute, AttributeId, AttributeType, Mutability, ResourceType, Returned, SchemaError, SchemaErrorKind};

/// The attribute that names a resource unless the host chooses others (RFC 7643 §4.1.1, §4.2). `userName` would show
/// logins to the readers of a group. scim2-tester also refuses `userName`: its users have no `displayName`, and it
/// expects their references back as it sent them.
const NAME: &str = "displayName";

/// A read-only sub-attribute with the name of the resource to which its complex attribute refers.
#[derive(Clone, Debug)]
pub(crate) struct Display {
    attribute: AttributeId,
    reference: AttributeId,
    resource_types: Vec<Arc<ResourceType>>,
}

impl Display {
    /// The sub-attribute, such as `members.display`.
    pub(crate) fn attribute(&self) -> AttributeId {
        self.attribute
    }

    /// The complex attribute with the references, such as `members`.
    pub(crate) fn reference(&self) -> AttributeId {
        self.reference
    }

    /// The resource types to which the references may point.
    pub(crate) fn targets(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// Returns all such sub-attributes of `resource_type`, in a registry of these `types`.
    ///
    /// The complex attribute must have `value` and a `$ref` to registered resource types. The name is in its `display`
    /// or, as in `manager`, its `displayName`. If clients may set that sub-attribute, it keeps the client's value
    /// instead.
    pub(super) fn all_of(resource_type: &ResourceType, types: &[Arc<ResourceType>]) -> Vec<Self> {
        let display_of = |reference: AttributeId| {
            let conventional = resource_type.conventional(reference);
            let (_, target) = conventional.value.zip(conventional.reference)?;
            let name = ["display", "displayName"].into_iter().find_map(|name| resource_type.child(reference, name))?;
            let definition = resource_type.attribute(name);
            let is_derived = is_name(definition) && definition.mutability() == Mutability::ReadOnly;
            let names = resource_type.attribute(target).reference_types();
            let resource_types =
                names.iter().filter_map(|name| types.iter().find(|known| *known.name() == **name).cloned());
            let resource_types: Vec<_> = resource_types.collect();
            (is_derived && !resource_types.is_empty()).then_some(Self { attribute: name, reference, resource_types })
        };
        // The store's `referrers` supplies the names in a list that is derived as a whole.
        let is_relation = |attribute: AttributeId| {
            let name = resource_type.attribute(attribute).name();
            resource_type.declared_relations().iter().any(|[derived, ..]| derived.eq_ignore_ascii_case(name))
                && resource_type.parent(attribute) == AttributeId::ROOT
        };
        resource_type.attributes().filter(|attribute| !is_relation(*attribute)).filter_map(display_of).collect()
    }
}

/// Returns the attributes that name a resource of the type, the preferred attribute first. `chosen` is the host's
/// choice.
pub(super) fn names_of(
    resource_type: &ResourceType,
    chosen: Option<&[Box<str>]>,
) -> Result<Vec<AttributeId>, SchemaError> {
    let find = |name: &str| {
        let attribute = resource_type.child(AttributeId::ROOT, name)?;
        is_name(resource_type.attribute(attribute)).then_some(attribute)
    };
    let Some(chosen) = chosen else {
        // An attribute that is returned on request only would appear in every reference, so it needs the host's
        // choice.
        let is_shown = |name: &AttributeId| {
            matches!(resource_type.attribute(*name).returned(), Returned::Always | Returned::Default)
        };
        return Ok(find(NAME).into_iter().filter(is_shown).collect());
    };
    let refused = |name: &str| SchemaError::new(SchemaErrorKind::Display, format!("{}.{name}", resource_type.name()));
    chosen.iter().map(|name| find(name).ok_or_else(|| refused(name))).collect()
}

/// Whether the attribute can name a resource: a singular, readable string.
fn is_name(attribute: &Attribute) -> bool {
    attribute.data_type() == AttributeType::String && !attribute.is_multi_valued() && is_readable(attribute)
}

fn is_readable(attribute: &Attribute) -> bool {
    attribute.returned() != Returned::Never && attribute.mutability() != Mutability::WriteOnly
}
