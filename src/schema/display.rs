//! References that show the name of the resource that they refer to: `members.display`, `manager.displayName`
//! (RFC 7643 §2.4, §4.3).

use std::sync::Arc;

use super::{Attribute, AttributeId, AttributeType, Mutability, ResourceType, Returned, SchemaError, SchemaErrorKind};

/// The attribute that names a resource, unless its type has others: the one for display to people (RFC 7643 §4.1.1, §4.2).
/// `userName` would show a login to those who see the groups. scim2-tester refuses it, too: its users have no
/// `displayName`, and it expects references to them as it has sent them.
const NAME: &str = "displayName";

/// A read-only sub-attribute that has the name of the resource that its complex attribute refers to.
#[derive(Clone, Debug)]
pub(crate) struct Display {
    attribute: AttributeId,
    reference: AttributeId,
    kinds: Vec<Arc<ResourceType>>,
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

    /// The resource types that it may refer to.
    pub(crate) fn kinds(&self) -> &[Arc<ResourceType>] {
        &self.kinds
    }

    /// All of `kind`, in a registry of these `types`.
    ///
    /// A reference has `value` and a `$ref` to resource types that are registered. Its name is in `display`, or in
    /// `displayName` as in `manager`. Where clients may set that sub-attribute, it keeps what they set.
    pub(super) fn all_of(kind: &ResourceType, types: &[Arc<ResourceType>]) -> Vec<Self> {
        let display_of = |reference: AttributeId| {
            let conventional = kind.conventional(reference);
            let (_, target) = conventional.value.zip(conventional.reference)?;
            let name = ["display", "displayName"].into_iter().find_map(|name| kind.child(reference, name))?;
            let definition = kind.attribute(name);
            let is_derived = is_name(definition) && definition.mutable() == Mutability::ReadOnly;
            let names = kind.attribute(target).references();
            let kinds = names.iter().filter_map(|name| types.iter().find(|known| *known.name() == **name).cloned());
            let kinds: Vec<_> = kinds.collect();
            (is_derived && !kinds.is_empty()).then_some(Self { attribute: name, reference, kinds })
        };
        // A list that is derived as a whole has its names from the store's `holders`.
        let is_relation = |attribute: AttributeId| {
            let name = kind.attribute(attribute).name();
            kind.declared_relations().iter().any(|[derived, ..]| derived.eq_ignore_ascii_case(name))
                && kind.parent(attribute) == AttributeId::ROOT
        };
        kind.attributes().filter(|attribute| !is_relation(*attribute)).filter_map(display_of).collect()
    }
}

/// The attributes that name a resource of the type, in order of preference; `chosen` are those that the host named.
pub(super) fn names_of(kind: &ResourceType, chosen: Option<&[Box<str>]>) -> Result<Vec<AttributeId>, SchemaError> {
    let find = |name: &str| {
        let attribute = kind.child(AttributeId::ROOT, name)?;
        is_name(kind.attribute(attribute)).then_some(attribute)
    };
    let Some(chosen) = chosen else {
        // A name that an answer shows on request only is not shown in every reference, unless the host says so.
        let is_shown =
            |name: &AttributeId| matches!(kind.attribute(*name).return_rule(), Returned::Always | Returned::Default);
        return Ok(find(NAME).into_iter().filter(is_shown).collect());
    };
    let refused = |name: &str| SchemaError::new(SchemaErrorKind::Display, format!("{}.{name}", kind.name()));
    chosen.iter().map(|name| find(name).ok_or_else(|| refused(name))).collect()
}

/// Whether the attribute can have a name: one readable text.
fn is_name(attribute: &Attribute) -> bool {
    attribute.kind() == AttributeType::String && !attribute.is_multi_valued() && is_readable(attribute)
}

fn is_readable(attribute: &Attribute) -> bool {
    attribute.return_rule() != Returned::Never && attribute.mutable() != Mutability::WriteOnly
}
