//! The rule that clients change only resources that SCIM manages, and leave accounts made by hand alone.

use std::sync::Arc;

use super::{
    adoption::{AdoptionRule, CompiledRule, unowned},
    policy::{Access, Action, Policy, Proposal},
};
use crate::{
    error::Error,
    filter::{Filter, Matcher},
    limits::Limits,
    path::AttributePath,
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{AttributeId, AttributeType, Mutability, Registry, ResourceType},
    store::RequestContext,
    value::Value,
};

/// The access of clients to resources that were not created through SCIM.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a client sees them or does not, and changes them or does not")]
pub enum UnownedResources {
    /// Clients do not see the resources: they are in no list and no total, a request for them gets 404, and clients
    /// cannot make them members of a group. If an administrator has put such a resource into a group, its id does
    /// show among the members.
    Invisible,
    /// Clients see the resources and can make them members of groups, but a change or a deletion of them gets 403.
    Protected,
    /// Clients see the resources that satisfy the rule, and can make them members of groups. The first PUT or PATCH of
    /// such a resource hands it over to SCIM; a deletion gets 403. All other resources are invisible, or protected if
    /// the rule [says so](AdoptionRule::protecting_others).
    Adoptable(AdoptionRule),
}

/// A [`Policy`] that lets clients change only resources that were created through SCIM, or adopted by it.
///
/// A marker distinguishes these resources: a boolean attribute that clients cannot set (`readOnly`), with the value
/// `true` on resources that SCIM manages. This policy sets the marker on new and adopted resources and hides it from
/// clients. The host's own code creates resources without the marker. It hands a resource over to SCIM by setting the
/// marker, and takes it back with [`ServiceProvider::release`](crate::provider::ServiceProvider::release). The rule
/// applies to every resource type that has the marker.
///
/// With every variant of [`UnownedResources`], the name of a resource that was made by hand is taken: a client that
/// creates another resource with the same name gets 409 `uniqueness` and no access to the existing resource.
///
/// The guide [existing users](crate::manual::existing_users) compares the variants.
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
    made_by_scim: Arc<Matcher>,
    /// The attribute that records an adoption.
    record: Option<AttributeId>,
    /// The paths of the marker, of the record and of the read-only attributes that the rule uses.
    hidden: Vec<Box<str>>,
    rule: Option<CompiledRule>,
}

impl Ownership {
    /// Returns the rule for every resource type of `registry` that has the attribute with the path `marker`.
    ///
    /// # Errors
    ///
    /// If no resource type has the attribute, or if a resource type has it as anything but a singular boolean that is
    /// `readOnly` and returned. The same for the record of a rule. If the condition of a rule does not fit its type.
    pub fn new(registry: &Registry, marker: &str, others: UnownedResources) -> Result<Self, OwnershipError> {
        let path: AttributePath = marker.parse().map_err(|_| OwnershipError::Unknown(marker.into()))?;
        let rule = if let UnownedResources::Adoptable(rule) = &others { Some(rule) } else { None };
        let mut marked = Vec::new();
        for resource_type in registry.resource_types() {
            let mut tolerance = Tolerance::new(Quirks::strict());
            let Ok(attribute) = resource_type.resolve(path.as_ref(), &mut tolerance) else { continue };
            let filter =
                Filter::parse(&format!("{marker} eq true"), Reading::new(&Limits::default(), &mut tolerance)).ok();
            let matcher = filter.and_then(|filter| filter.compile(resource_type, &mut tolerance).ok());
            let Some(made_by_scim) = matcher.filter(|_| can_mark(resource_type, attribute)) else {
                return Err(unfit(marker, resource_type));
            };
            let compiled = rule.map(|rule| rule.compile(registry, resource_type, marker)).transpose();
            let compiled = compiled.map_err(|reason| misfit(resource_type.name(), &reason))?.flatten();
            let record = rule.and_then(AdoptionRule::record).filter(|_| compiled.is_some());
            let record = record.map(|record| record_of(resource_type, record)).transpose()?.flatten();
            let marks = [Some(attribute), record].into_iter().flatten();
            let mut hidden: Vec<Box<str>> = marks.map(|mark| resource_type.path(mark).into()).collect();
            hidden.extend(compiled.iter().flat_map(|compiled| compiled.hidden.iter().cloned()));
            marked.push(MarkedType {
                resource_type: Arc::clone(resource_type),
                marker: attribute,
                made_by_scim: Arc::new(made_by_scim),
                record,
                hidden,
                rule: compiled,
            });
        }
        if marked.is_empty() {
            return Err(OwnershipError::Unknown(marker.into()));
        }
        let is_unmarked = |name: &&str| marked.iter().all(|marked| marked.resource_type.name() != *name);
        if let Some(name) = rule.into_iter().flat_map(AdoptionRule::names).find(is_unmarked) {
            return Err(misfit(name, "the type has no marker"));
        }
        match rule.and_then(AdoptionRule::record) {
            Some(record) if marked.iter().all(|marked| marked.record.is_none()) => {
                return Err(OwnershipError::Unknown(record.into()));
            }
            _ => {}
        }
        Ok(Self { others, marked })
    }

    /// Returns whether SCIM manages the resource: the resource was created through SCIM or adopted by it. Every resource
    /// of a type without the marker counts as such.
    pub fn is_made_by_scim(&self, resource: &Resource) -> bool {
        self.of(resource.resource_type()).is_none_or(|marked| marked.made_by_scim.matches(resource.root()))
    }

    /// Returns whether the next PUT or PATCH of this caller would adopt the resource, unless it is refused.
    /// [`ServiceProvider::adoptable`](crate::provider::ServiceProvider::adoptable) lists such resources.
    pub fn is_adoptable(&self, context: &RequestContext, resource: &Resource) -> bool {
        !self.is_made_by_scim(resource) && self.rule_for(context, resource).is_some()
    }

    /// Removes the marker and the record of an adoption from the resource. Returns whether the resource had the marker.
    /// For hosts that write the resource themselves; otherwise use
    /// [`ServiceProvider::release`](crate::provider::ServiceProvider::release).
    ///
    /// ```
    /// use scim_core::{
    ///     provider::{Ownership, UnownedResources}, resource::Resource,
    ///     schema::{Attribute, AttributeType, Mutability, Registry, ResourceType, Schema},
    /// };
    ///
    /// let marker = Attribute::new("madeByScim", AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
    /// let user = ResourceType::builder("User", "Users", Schema::user().with_attribute(marker)).build()?;
    /// let registry = Registry::builder().resource_type(user).build()?;
    /// let ownership = Ownership::new(&registry, "madeByScim", UnownedResources::Protected)?;
    /// let user = registry.resource_type("User").expect("registered");
    /// let mut account = Resource::from_json(user, br#"{"userName": "bjensen", "madeByScim": true}"#)?;
    /// assert!(ownership.release(&mut account) && !ownership.is_made_by_scim(&account));
    /// assert!(!ownership.release(&mut account));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release(&self, resource: &mut Resource) -> bool {
        let resource_type = Arc::clone(resource.resource_type());
        let Some(marked) = self.of(&resource_type) else { return false };
        let is_managed = marked.made_by_scim.matches(resource.root());
        [Some(marked.marker), marked.record].into_iter().flatten().for_each(|mark| drop(resource.assign(mark, None)));
        is_managed
    }

    /// Returns the condition of the adoptable resources of a type; `None` if the caller can adopt none.
    pub(in crate::provider) fn adoptable(
        &self,
        context: &RequestContext,
        resource_type: &ResourceType,
    ) -> Option<&Arc<Matcher>> {
        let UnownedResources::Adoptable(rule) = &self.others else { return None };
        let compiled = self.of(resource_type)?.rule.as_ref().filter(|_| rule.applies_to(context))?;
        Some(&compiled.adoptable)
    }

    fn of(&self, resource_type: &ResourceType) -> Option<&MarkedType> {
        self.marked.iter().find(|marked| marked.resource_type.name() == resource_type.name())
    }

    /// Returns the rule by which the caller may adopt the unowned resource.
    fn rule_for(&self, context: &RequestContext, resource: &Resource) -> Option<(&AdoptionRule, &CompiledRule)> {
        let UnownedResources::Adoptable(rule) = &self.others else { return None };
        let compiled = self.of(resource.resource_type())?.rule.as_ref()?;
        (compiled.includes(resource) && rule.applies_to(context)).then_some((rule, compiled))
    }
}

impl Policy for Ownership {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        let Some(marked) = self.of(resource_type) else { return Ok(Access::full()) };
        let access = Access::full().with_hidden(resource_type, &marked.hidden);
        let made_by_scim = || Arc::clone(&marked.made_by_scim);
        Ok(match &self.others {
            UnownedResources::Invisible => access.with_scope(made_by_scim()),
            UnownedResources::Protected => access,
            UnownedResources::Adoptable(rule) => {
                let compiled = marked.rule.as_ref().filter(|_| rule.applies_to(context));
                let access = if compiled.is_some() { access.with_adoption() } else { access };
                match compiled {
                    _ if rule.protects_others => access,
                    Some(compiled) => access.with_scope(Arc::clone(&compiled.visible)),
                    None => access.with_scope(made_by_scim()),
                }
            }
        })
    }

    fn prepare(&self, _: &RequestContext, resource: &mut Resource) {
        let resource_type = Arc::clone(resource.resource_type());
        if let Some(marked) = self.of(&resource_type) {
            resource.assign(marked.marker, Some(Value::Boolean(true)));
        }
    }

    fn adopt(&self, context: &RequestContext, before: &Resource, after: &mut Resource) -> bool {
        let Some(marked) = self.of(before.resource_type()).filter(|_| self.is_adoptable(context, before)) else {
            return false;
        };
        [Some(marked.marker), marked.record]
            .into_iter()
            .flatten()
            .for_each(|mark| drop(after.assign(mark, Some(Value::Boolean(true)))));
        true
    }

    fn review(&self, context: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        let Some(before) = proposal.before else { return Ok(()) };
        if !self.is_made_by_scim(before) {
            let Some((rule, compiled)) = self.rule_for(context, before) else {
                return Err(unowned(proposal.resource_type));
            };
            let adopts = proposal.after.is_some_and(|after| self.is_made_by_scim(after));
            return rule.review(compiled, context, proposal, adopts);
        }
        let Some((marked, after)) = self.of(before.resource_type()).zip(proposal.after) else { return Ok(()) };
        match &marked.rule {
            Some(compiled) if marked.record.is_some_and(|record| is_set(before, record)) => {
                compiled.check_fixed(before, after)
            }
            _ => Ok(()),
        }
    }
}

fn is_set(resource: &Resource, mark: AttributeId) -> bool {
    resource.value(mark).and_then(Value::as_bool) == Some(true)
}

/// Returns whether the attribute is a singular boolean that clients cannot set and that filters can use.
fn can_mark(resource_type: &ResourceType, attribute: AttributeId) -> bool {
    let definition = resource_type.attribute(attribute);
    let parent = resource_type.parent(attribute);
    definition.data_type() == AttributeType::Boolean
        && !definition.is_multi_valued()
        && definition.mutability() == Mutability::ReadOnly
        && !resource_type.is_sensitive(attribute)
        && (parent == AttributeId::ROOT || resource_type.parent(parent) == AttributeId::ROOT)
        && !resource_type.attribute(parent).is_multi_valued()
}

/// Returns the attribute that records adoptions; `None` if the type does not have the attribute.
fn record_of(resource_type: &ResourceType, path: &str) -> Result<Option<AttributeId>, OwnershipError> {
    let parsed: AttributePath = path.parse().map_err(|_| OwnershipError::Unknown(path.into()))?;
    let mut tolerance = Tolerance::new(Quirks::strict());
    match resource_type.resolve(parsed.as_ref(), &mut tolerance) {
        Ok(attribute) if can_mark(resource_type, attribute) => Ok(Some(attribute)),
        Ok(_) => Err(unfit(path, resource_type)),
        Err(_) => Ok(None),
    }
}

fn misfit(resource_type: &str, reason: &str) -> OwnershipError {
    OwnershipError::Rule { resource_type: resource_type.into(), reason: reason.into() }
}

fn unfit(marker: &str, resource_type: &ResourceType) -> OwnershipError {
    OwnershipError::Unfit { marker: marker.into(), resource_type: resource_type.name().into() }
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
        /// The path of the marker or of the record.
        marker: Box<str>,
        /// The name of the resource type.
        resource_type: Box<str>,
    },
    /// The adoption rule does not fit the resource type.
    #[error("{resource_type}: expected an adoption rule that fits the type: {reason}")]
    Rule {
        /// The name of the resource type.
        resource_type: Box<str>,
        /// The fault.
        reason: Box<str>,
    },
}
