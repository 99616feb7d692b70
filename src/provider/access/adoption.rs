//! The rule by which clients adopt resources that were not created through SCIM.

use std::{fmt, sync::Arc};

use super::policy::{Action, Proposal};
use crate::{
    error::{Error, ScimType},
    filter::{Condition, Filter, Matcher, Operator},
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::Resource,
    schema::{AttributeId, AttributeType, Mutability, Registry, ResourceType},
    store::RequestContext,
    value::Value,
};

/// Decides whether the rule applies to a caller.
type Callers = dyn Fn(&RequestContext) -> bool + Send + Sync;

/// Reviews an adoption.
type Review = dyn Fn(&RequestContext, &Proposal<'_>) -> Result<(), Error> + Send + Sync;

/// The rule by which clients adopt resources that were not created through SCIM, for
/// [`UnownedResources::Adoptable`](crate::provider::UnownedResources::Adoptable).
///
/// For each resource type the rule has a filter, the *condition*. An unowned resource that satisfies the condition is
/// *adoptable*: clients see it, and their first PUT or PATCH adopts it. The marker of
/// [`Ownership`](crate::provider::Ownership) is committed together with the change, and the event of the change has
/// [`Handover::Adopted`](crate::store::Handover::Adopted). A condition can use every stored attribute, also attributes
/// that no client sees: the policy hides the read-only attributes of the condition from clients. Write each part of a
/// condition so that a missing value fails: `administrator eq false` instead of `not (administrator eq true)`.
///
/// The condition decides about visibility, too. In each list the store evaluates `marker eq true or (condition)`, as
/// it evaluates the filters of clients. Without an index for this filter, a list without a filter examines the whole
/// type.
///
/// # Refused changes
///
/// - A DELETE adopts nothing. The client gets 403.
/// - The adopting change gives no new value to a *fixed* attribute; otherwise the client gets 400 `mutability`. By
///   default these are the unique attributes (`userName`), the addresses in `emails`, and the attributes that no
///   response shows (`password`). Otherwise a client could give an existing account an address of its own, and take the
///   account over by a reset of the password. A change can remove a value, and can spell it in another case if the
///   attribute is compared without case.
/// - With a [record](Self::with_record), the same holds for every later change of an adopted resource.
///
/// ```
/// use scim_core::{
///     provider::{AdoptionRule, Ownership, UnownedResources},
///     schema::{Attribute, AttributeType, Mutability, Registry, ResourceType, Schema},
/// };
///
/// const ORIGIN: &str = "urn:example:scim:schemas:origin:1.0:User";
///
/// let read_only = |name: &str| Attribute::new(name, AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
/// let names = ["madeByScim", "adopted", "mailVerified", "administrator"];
/// let origin = names.iter().map(|name| read_only(name)).fold(Schema::new(ORIGIN, "Origin"), Schema::with_attribute);
/// let user = ResourceType::builder("User", "Users", Schema::user()).extension(origin, false).build()?;
/// let registry = Registry::builder().resource_type(user).build()?;
///
/// let condition = format!("{ORIGIN}:mailVerified eq true and {ORIGIN}:administrator eq false");
/// let rule = AdoptionRule::new("User", condition.parse()?).with_record(&format!("{ORIGIN}:adopted"));
/// let ownership = Ownership::new(&registry, &format!("{ORIGIN}:madeByScim"), UnownedResources::Adoptable(rule))?;
/// // ServiceProvider::builder(registry, store).policy(ownership)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AdoptionRule {
    types: Vec<TypeRule>,
    callers: Option<Arc<Callers>>,
    review: Option<Arc<Review>>,
    record: Option<Box<str>>,
    pub(super) protects_others: bool,
}

/// The rule for one resource type, as the host states it.
#[derive(Clone, Debug)]
struct TypeRule {
    name: Box<str>,
    condition: Filter,
    fixed: Option<Vec<Box<str>>>,
}

impl AdoptionRule {
    /// Returns the rule that unowned resources of the type with this name are adoptable if they satisfy the condition.
    /// A resource of another type is not adoptable, and invisible.
    pub fn new(resource_type: &str, condition: Filter) -> Self {
        let rule = Self { types: Vec::new(), callers: None, review: None, record: None, protects_others: false };
        rule.with_type(resource_type, condition)
    }

    /// Adds the condition of another resource type.
    #[must_use]
    pub fn with_type(mut self, resource_type: &str, condition: Filter) -> Self {
        self.types.retain(|known| &*known.name != resource_type);
        self.types.push(TypeRule { name: resource_type.into(), condition, fixed: None });
        self
    }

    /// Replaces the fixed attributes of a resource type that the rule has. A complex attribute stands for all its
    /// sub-attributes. Attributes in lists of references cannot be fixed. For example, with `active` no adopting change
    /// can deactivate the account.
    ///
    /// ```
    /// use scim_core::provider::AdoptionRule;
    ///
    /// let rule = AdoptionRule::new("User", "externalId pr".parse()?).with_fixed("User", &["userName", "active"]);
    /// # Ok::<(), scim_core::filter::FilterError>(())
    /// ```
    #[must_use]
    pub fn with_fixed<P: AsRef<str>>(mut self, resource_type: &str, paths: &[P]) -> Self {
        for known in self.types.iter_mut().filter(|known| &*known.name == resource_type) {
            known.fixed = Some(paths.iter().map(|path| path.as_ref().into()).collect());
        }
        self
    }

    /// Limits the rule to callers for which `applies` holds, such as those of tenants whose administrator has turned
    /// adoption on. For other callers no resource is adoptable. The function must not block: the host puts the data
    /// that it needs into the [`RequestContext`] during authentication.
    ///
    /// ```
    /// use scim_core::provider::AdoptionRule;
    ///
    /// struct Organization { adopts: bool }
    ///
    /// let rule = AdoptionRule::new("User", "externalId pr".parse()?)
    ///     .with_callers(|context| context.host::<Organization>().is_some_and(|organization| organization.adopts));
    /// # Ok::<(), scim_core::filter::FilterError>(())
    /// ```
    #[must_use]
    pub fn with_callers(mut self, applies: impl Fn(&RequestContext) -> bool + Send + Sync + 'static) -> Self {
        self.callers = Some(Arc::new(applies));
        self
    }

    /// Adds a last check of each adoption, with the caller and the resource before and after the change. The check can
    /// only refuse: a resource that the condition excludes stays invisible or protected. A refused resource stays
    /// visible, so state in the condition everything that decides about visibility.
    ///
    /// ```
    /// use scim_core::{error::Error, provider::AdoptionRule, value::Value};
    ///
    /// // The first write of an adoptable account cannot deactivate it.
    /// let rule = AdoptionRule::new("User", "externalId pr".parse()?).with_review(|_, proposal| {
    ///     match proposal.after.and_then(|after| after.get("active")).and_then(Value::as_bool) {
    ///         Some(false) => Err(Error::new(403, "an account is not deactivated by its adoption")),
    ///         _ => Ok(()),
    ///     }
    /// });
    /// # Ok::<(), scim_core::filter::FilterError>(())
    /// ```
    #[must_use]
    pub fn with_review(
        mut self,
        review: impl Fn(&RequestContext, &Proposal<'_>) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.review = Some(Arc::new(review));
        self
    }

    /// Names an attribute that records the adoption, under the same rules as the marker. The adoption makes it `true`,
    /// and a release removes it. The fixed attributes of a resource with the record never get a new value through
    /// SCIM. Without a record only the adopting change is checked, and the next request can change the address.
    #[must_use]
    pub fn with_record(mut self, path: &str) -> Self {
        self.record = Some(path.into());
        self
    }

    /// Makes all other unowned resources [protected](crate::provider::UnownedResources::Protected) instead of
    /// [invisible](crate::provider::UnownedResources::Invisible).
    #[must_use]
    pub fn protecting_others(mut self) -> Self {
        self.protects_others = true;
        self
    }

    /// Returns the path of the attribute that records adoptions.
    pub(super) fn record(&self) -> Option<&str> {
        self.record.as_deref()
    }

    /// Returns the names of the resource types that have a condition.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(|known| &*known.name)
    }

    pub(super) fn applies_to(&self, context: &RequestContext) -> bool {
        self.callers.as_ref().is_none_or(|applies| applies(context))
    }

    /// Returns the rule for the type, compiled; `None` if the rule has no condition for the type. An error states the
    /// fault of the rule.
    pub(super) fn compile(
        &self,
        registry: &Registry,
        resource_type: &Arc<ResourceType>,
        marker: &str,
    ) -> Result<Option<CompiledRule>, String> {
        let rule = self.types.iter().find(|known| &*known.name == resource_type.name());
        rule.map(|rule| CompiledRule::new(rule, registry, resource_type, marker)).transpose()
    }

    /// Reviews a change of an adoptable resource. `adopts` states whether `proposal.after` has the marker.
    pub(super) fn review(
        &self,
        compiled: &CompiledRule,
        context: &RequestContext,
        proposal: &Proposal<'_>,
        adopts: bool,
    ) -> Result<(), Error> {
        let name = proposal.resource_type.name();
        match (proposal.before, proposal.after) {
            (Some(before), Some(after)) if adopts => compiled.check_fixed(before, after)?,
            _ if proposal.action == Action::Delete => {
                return Err(Error::new(
                    403,
                    format!("the {name} was not made by SCIM, and a deletion does not adopt it"),
                ));
            }
            _ => return Err(unowned(proposal.resource_type)),
        }
        self.review.as_ref().map_or(Ok(()), |review| review(context, proposal))
    }
}

impl fmt::Debug for AdoptionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdoptionRule")
            .field("types", &self.types)
            .field("record", &self.record)
            .field("protects_others", &self.protects_others)
            .finish_non_exhaustive()
    }
}

/// 403: the resource was not made by SCIM, and the client cannot change it.
pub(super) fn unowned(resource_type: &ResourceType) -> Error {
    let name = resource_type.name();
    Error::new(403, format!("the {name} was not made by SCIM and cannot be changed through it"))
}

/// The rule for one resource type, compiled.
#[derive(Clone, Debug)]
pub(super) struct CompiledRule {
    condition: Arc<Matcher>,
    /// The resources that SCIM manages, and the adoptable resources.
    pub(super) visible: Arc<Matcher>,
    /// The adoptable resources.
    pub(super) adoptable: Arc<Matcher>,
    fixed: Vec<AttributeId>,
    /// The paths of the read-only attributes that the condition uses.
    pub(super) hidden: Vec<Box<str>>,
}

impl CompiledRule {
    fn new(
        rule: &TypeRule,
        registry: &Registry,
        resource_type: &Arc<ResourceType>,
        marker: &str,
    ) -> Result<Self, String> {
        let mut tolerance = Tolerance::new(Quirks::strict());
        let mut compile = |filter: &Filter| filter.compile(resource_type, &mut tolerance).map(Arc::new);
        let condition = compile(&rule.condition).map_err(|error| error.to_string())?;
        let used: Vec<AttributeId> = condition.conditions().iter().flat_map(Condition::attributes).collect();
        if let Some(derived) = used.iter().find(|used| registry.is_derived(resource_type, **used)) {
            return Err(format!("`{}` is not stored", resource_type.path(*derived)));
        }
        used.iter().try_for_each(|used| check_list(resource_type, *used))?;
        let is_marked = |operator| {
            let path: AttributePath = marker.parse().map_err(|error| format!("{error}"))?;
            Filter::compare(path, operator, true).map_err(|error| error.to_string())
        };
        let visible =
            Filter::or([is_marked(Operator::Eq)?, rule.condition.clone()]).map_err(|error| error.to_string())?;
        let adoptable =
            Filter::and([is_marked(Operator::Ne)?, rule.condition.clone()]).map_err(|error| error.to_string())?;
        let fixed = match &rule.fixed {
            Some(paths) => named(resource_type, paths)?,
            None => fixed_by_default(resource_type),
        };
        let is_hidden = |used: &&AttributeId| resource_type.attribute(**used).mutability() == Mutability::ReadOnly;
        Ok(Self {
            visible: compile(&visible).map_err(|error| error.to_string())?,
            adoptable: compile(&adoptable).map_err(|error| error.to_string())?,
            hidden: used.iter().filter(is_hidden).map(|used| resource_type.path(*used).into()).collect(),
            condition,
            fixed,
        })
    }

    /// Returns whether the resource satisfies the condition.
    pub(super) fn includes(&self, resource: &Resource) -> bool {
        self.condition.matches(resource.root())
    }

    /// Refuses a new value of a fixed attribute (RFC 7644 §3.12, `mutability`).
    pub(super) fn check_fixed(&self, before: &Resource, after: &Resource) -> Result<(), Error> {
        let Some(changed) = self.fixed.iter().find(|fixed| has_new_value(**fixed, before, after)) else {
            return Ok(());
        };
        let resource_type = after.resource_type();
        let path = resource_type.path(*changed);
        let detail = format!("{path}: SCIM cannot give a new value to a {} that it has adopted", resource_type.name());
        Err(Error::bad(ScimType::Mutability, detail).with_attribute(path))
    }
}

/// Returns whether the attribute has a value after the change that no value before the change is equal to, as filters
/// compare.
fn has_new_value(attribute: AttributeId, before: &Resource, after: &Resource) -> bool {
    let has = |resource: &Resource, value: bool| {
        resource.values_of(attribute).iter().any(|known| matches!(known, Value::Boolean(known) if *known == value))
    };
    let has_new_boolean = [true, false].into_iter().any(|value| has(after, value) && !has(before, value));
    has_new_boolean || {
        let known = before.keys_of(attribute);
        after.keys_of(attribute).iter().any(|key| known.binary_search(key).is_err())
    }
}

/// Returns the attributes that identify an account or that its owner signs in with: the unique attributes, the
/// addresses in `emails`, and the attributes that no response shows.
fn fixed_by_default(resource_type: &ResourceType) -> Vec<AttributeId> {
    let emails = resource_type.child(AttributeId::ROOT, "emails");
    let address = emails.and_then(|emails| resource_type.conventional(emails).value);
    let secrets = resource_type.attributes().filter(|attribute| {
        resource_type.is_sensitive(*attribute)
            && resource_type.attribute(*attribute).data_type() != AttributeType::Complex
    });
    resource_type.unique_attributes().iter().copied().chain(address).chain(secrets).collect()
}

/// Returns the simple attributes with these paths.
fn named(resource_type: &ResourceType, paths: &[Box<str>]) -> Result<Vec<AttributeId>, String> {
    let mut found = Vec::new();
    for path in paths {
        let parsed: AttributePath = path.parse().map_err(|_| format!("`{path:.80}` is not an attribute path"))?;
        let mut tolerance = Tolerance::new(Quirks::strict());
        let attribute =
            resource_type.resolve(parsed.as_ref(), &mut tolerance).map_err(|error| format!("`{path:.80}`: {error}"))?;
        check_list(resource_type, attribute)?;
        match resource_type.attribute(attribute).data_type() {
            AttributeType::Complex => found.extend(resource_type.children(attribute)),
            _ => found.push(attribute),
        }
    }
    Ok(found)
}

/// Refuses an attribute in a list of references: the core changes such a list without reading it.
fn check_list(resource_type: &ResourceType, attribute: AttributeId) -> Result<(), String> {
    if resource_type.reference_list_of(attribute).is_some() {
        return Err(format!("`{}` is in a list of references", resource_type.path(attribute)));
    }
    Ok(())
}
