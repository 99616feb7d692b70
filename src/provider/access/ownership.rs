//! The rule that clients change only resources that were created through SCIM, and leave accounts made by hand alone.

use std::sync::Arc;

use super::policy::{Access, Action, Policy, Proposal};
use crate::{
    error::Error,
    filter::{Filter, Matcher},
    limits::Limits,
    path::AttributePath,
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{AttributeId, AttributeType, Mutability, Registry, ResourceType},
    store::RequestContext,
    value::{Object, Value},
};

/// The access of clients to resources that were not created through SCIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a client sees them or does not")]
pub enum UnownedResources {
    /// Clients do not see the resources: they are in no list and no total, a request for them gets 404, and clients
    /// cannot make them members of a group. If an administrator has put such a resource into a group, its id does
    /// show among the members.
    Invisible,
    /// Clients see the resources and can make them members of groups, but a change or a deletion of them gets 403.
    Protected,
}

/// A [`Policy`] that lets clients change only resources that were created through SCIM.
///
/// A marker distinguishes these resources: a boolean attribute that clients cannot set (`readOnly`), with the value
/// `true` on resources that were created through SCIM. This policy sets the marker on new resources and hides it from
/// clients. The host's own code creates resources without the marker, and hands a resource over to SCIM by setting
/// the marker. The rule applies to every resource type that has the marker.
///
/// With either variant of [`UnownedResources`], the name of a resource that was made by hand is taken: a client that
/// creates another resource with the same name gets 409 `uniqueness` and no access to the existing resource.
///
/// ```
/// use scim_core::{
///     provider::{Ownership, UnownedResources},
///     schema::{Attribute, AttributeType, Mutability, Registry, ResourceType, Schema},
/// };
///
/// let marker = Attribute::new("madeByScim", AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
/// let origin = Schema::new("urn:example:scim:schemas:origin:1.0:User", "Origin").with_attribute(marker);
/// let user = ResourceType::builder("User", "Users", Schema::user()).extension(origin, false).build()?;
/// let registry = Registry::builder().resource_type(user).build()?;
/// let ownership =
///     Ownership::new(&registry, "urn:example:scim:schemas:origin:1.0:User:madeByScim", UnownedResources::Invisible)?;
/// // ServiceProvider::builder(registry, store).policy(ownership)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ownership {
    others: UnownedResources,
    marked: Vec<MarkedType>,
}

/// A resource type with the marker.
#[derive(Clone, Debug)]
struct MarkedType {
    resource_type: Arc<ResourceType>,
    marker: AttributeId,
    path: Box<str>,
    made_by_scim: Arc<Matcher>,
}

impl Ownership {
    /// Returns the rule for every resource type of `registry` that has the attribute with the path `marker`.
    ///
    /// # Errors
    ///
    /// If no resource type has the attribute, or if a resource type has it as anything but a singular boolean that is
    /// `readOnly` and returned.
    pub fn new(registry: &Registry, marker: &str, others: UnownedResources) -> Result<Self, OwnershipError> {
        let path: AttributePath = marker.parse().map_err(|_| OwnershipError::Unknown(marker.into()))?;
        let mut marked = Vec::new();
        for resource_type in registry.resource_types() {
            let mut tolerance = Tolerance::new(Quirks::strict());
            let Ok(attribute) = resource_type.resolve(path.as_ref(), &mut tolerance) else { continue };
            let definition = resource_type.attribute(attribute);
            let parent = resource_type.parent(attribute);
            let fits = definition.data_type() == AttributeType::Boolean
                && !definition.is_multi_valued()
                && definition.mutability() == Mutability::ReadOnly
                && !resource_type.is_sensitive(attribute)
                && (parent == AttributeId::ROOT || resource_type.parent(parent) == AttributeId::ROOT)
                && !resource_type.attribute(parent).is_multi_valued();
            let filter =
                Filter::parse(&format!("{marker} eq true"), Reading::new(&Limits::default(), &mut tolerance)).ok();
            let matcher = filter.and_then(|filter| filter.compile(resource_type, &mut tolerance).ok());
            let Some(made_by_scim) = matcher.filter(|_| fits) else {
                return Err(OwnershipError::Unfit {
                    marker: marker.into(),
                    resource_type: resource_type.name().into(),
                });
            };
            marked.push(MarkedType {
                resource_type: Arc::clone(resource_type),
                marker: attribute,
                path: resource_type.path(attribute).into(),
                made_by_scim: Arc::new(made_by_scim),
            });
        }
        if marked.is_empty() { Err(OwnershipError::Unknown(marker.into())) } else { Ok(Self { others, marked }) }
    }

    /// Returns whether the resource was created through SCIM. Every resource of a type without the marker counts as
    /// such.
    pub fn is_made_by_scim(&self, resource: &Resource) -> bool {
        self.of(resource.resource_type()).is_none_or(|marked| marked.made_by_scim.matches(resource.root()))
    }

    fn of(&self, resource_type: &ResourceType) -> Option<&MarkedType> {
        self.marked.iter().find(|marked| marked.resource_type.name() == resource_type.name())
    }
}

impl Policy for Ownership {
    fn access(&self, _: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        let Some(marked) = self.of(resource_type) else { return Ok(Access::full()) };
        let access = Access::full().with_hidden(resource_type, &[&marked.path]);
        Ok(match self.others {
            UnownedResources::Invisible => access.with_scope(Arc::clone(&marked.made_by_scim)),
            UnownedResources::Protected => access,
        })
    }

    fn prepare(&self, _: &RequestContext, resource: &mut Resource) {
        let resource_type = Arc::clone(resource.resource_type());
        let Some(marked) = self.of(&resource_type) else { return };
        let parent = resource_type.parent(marked.marker);
        let root = resource.root_mut();
        if parent == AttributeId::ROOT {
            root.insert(marked.marker, Value::Boolean(true));
            return;
        }
        if !matches!(root.get(parent), Some(Value::Complex(_))) {
            root.insert(parent, Value::Complex(Object::new()));
        }
        if let Some(Value::Complex(object)) = root.get_mut(parent) {
            object.insert(marked.marker, Value::Boolean(true));
        }
    }

    fn review(&self, _: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        match proposal.before {
            Some(before) if !self.is_made_by_scim(before) => {
                let resource_type = proposal.resource_type.name();
                Err(Error::new(
                    403,
                    format!("the {resource_type} was not made by SCIM and cannot be changed through it"),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// The reason why a marker is unsuitable for [`Ownership`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnershipError {
    /// No resource type has the attribute.
    #[error("expected the path of an attribute that some resource type has: `{0:.80}`")]
    Unknown(Box<str>),
    /// The attribute is unsuitable: a client could set it, or no filter could use it.
    #[error("{resource_type}: expected a singular boolean attribute that is readOnly and returned: `{marker:.80}`")]
    Unfit {
        /// The path of the marker.
        marker: Box<str>,
        /// The name of the resource type.
        resource_type: Box<str>,
    },
}
