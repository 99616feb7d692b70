//! The rules that a resource as a whole obeys, in one place for every write operation: required attributes,
//! mutability, at most one primary value (RFC 7643 §2.2, §2.4, §7).
//!
//! Types are not checked here: reading has checked them.

use super::{
    Resource, ResourceError, ResourceErrorKind,
    defaults::is_assigned,
    pairs::Pairs,
    same::{keeps_stored, same},
    value_at,
};
use crate::{
    fold::eq_ignoring_case,
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Value},
};

/// Checks whether `after` may be stored, as the new state of `before` or as a new resource.
///
/// A new resource does not need the attributes that only the service provider sets (`id`, `meta`). The values of a
/// list are paired by their `value`, in any position: new values may be added and old values removed, but a value
/// that stays keeps its immutable sub-attributes.
///
/// # Errors
///
/// When a required attribute, or a required sub-attribute of a present value, has no value or is the empty string;
/// when a reference in a list has no `value`; when a read-only or immutable attribute differs from `before`; when
/// an attribute with a [default](crate::schema::Attribute::with_default_value) has lost its value; when a list has two
/// primary values; when a value is not canonical although its attribute is restricted to canonical values. The
/// first of these faults is reported.
///
/// ```
/// use scim_core::{limits::Limits, quirks::{Quirks, Reading, Tolerance}, resource::{Resource, judge}, schema::Registry};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let nameless = Resource::read(user, br#"{"displayName": "Babs"}"#, Reading::new(&Limits::default(), &mut tolerance))?;
/// assert_eq!(judge(None, &nameless).map_err(|error| error.path().to_owned()), Err("userName".to_owned()));
/// # Ok::<(), scim_core::resource::ResourceError>(())
/// ```
pub fn judge(before: Option<&Resource>, after: &Resource) -> Result<(), ResourceError> {
    let judge = Judge { resource_type: after.resource_type() };
    judge.extensions(after.root())?;
    if let Some(before) = before {
        for &attribute in judge.resource_type.defaults() {
            judge.default(attribute, before.value(attribute), after.root())?;
        }
    }
    judge.object(AttributeId::ROOT, before.map(Resource::root), after.root())
}

/// Checks by the rules of [`judge`] whether a resource with the top-level attributes `after` may be stored. The resource
/// differs from its old state at most in the attributes `changed` at the top of the resource. `changed` gives the old value
/// of each attribute. The values of other attributes were judged when they were stored.
pub(crate) fn judge_changes<'v>(
    resource_type: &ResourceType,
    changed: impl Iterator<Item = (AttributeId, Option<&'v Value>)> + Clone,
    after: &Object,
) -> Result<(), ResourceError> {
    let judge = Judge { resource_type };
    judge.extensions(after)?;
    for &attribute in resource_type.defaults() {
        let top = resource_type.top_level(attribute);
        if let Some((_, was)) = changed.clone().find(|(changed, _)| *changed == top) {
            judge.default(attribute, value_at(resource_type, attribute, |_| was), after)?;
        }
    }
    judge.required(AttributeId::ROOT, after)?;
    for (attribute, was) in changed {
        judge.member(attribute, false, || was, after.get(attribute))?;
    }
    Ok(())
}

/// Checks whether a new value of the multi-valued `list` may be stored, by the rules of [`judge`].
pub(crate) fn judge_element(
    resource_type: &ResourceType,
    list: AttributeId,
    element: &Object,
) -> Result<(), ResourceError> {
    let judge = Judge { resource_type };
    judge.refers(list, element)?;
    judge.element(list, None, element)
}

struct Judge<'a> {
    resource_type: &'a ResourceType,
}

impl Judge<'_> {
    fn refuse(&self, attribute: AttributeId, kind: ResourceErrorKind) -> ResourceError {
        ResourceError::of(kind, self.resource_type, attribute)
    }

    /// Checks that a resource has its required extensions.
    fn extensions(&self, root: &Object) -> Result<(), ResourceError> {
        let mut required = self.resource_type.extensions().iter().filter(|extension| extension.is_required());
        match required.find(|extension| !root.contains(extension.attribute())) {
            Some(missing) => Err(self.refuse(missing.attribute(), ResourceErrorKind::Required)),
            None => Ok(()),
        }
    }

    /// Checks that an attribute with a default has not lost its value. `root` is the resource after the change.
    fn default(&self, attribute: AttributeId, was: Option<&Value>, root: &Object) -> Result<(), ResourceError> {
        let now = || value_at(self.resource_type, attribute, |top| root.get(top));
        if is_assigned(was) && !is_assigned(now()) {
            return Err(self.refuse(attribute, ResourceErrorKind::Default));
        }
        Ok(())
    }

    /// Checks that the object of `parent` has its required attributes (RFC 7644 §3.3; RFC 7643 §6 for extensions).
    fn required(&self, parent: AttributeId, object: &Object) -> Result<(), ResourceError> {
        let mut required = self.resource_type.required_children(parent).iter();
        match required.find(|attribute| object.get(**attribute).is_none_or(is_empty)) {
            Some(missing) => Err(self.refuse(*missing, ResourceErrorKind::Required)),
            None => Ok(()),
        }
    }

    /// Checks the object of `parent`: its required attributes and its values. `before` is its old state.
    fn object(&self, parent: AttributeId, before: Option<&Object>, after: &Object) -> Result<(), ResourceError> {
        self.required(parent, after)?;
        // Most values can break no rule.
        let has_fixed = before.is_some() && self.resource_type.has_fixed_child(parent);
        if !has_fixed && !self.resource_type.has_ruled_child(parent) {
            return Ok(());
        }
        for (attribute, value) in after {
            self.member(attribute, before.is_none(), || before?.get(attribute), Some(value))?;
        }
        for (attribute, was) in before.into_iter().flat_map(Object::iter) {
            if has_fixed && self.resource_type.is_fixed(attribute) && !after.contains(attribute) {
                self.changed(attribute, Some(was), None)?;
            }
        }
        Ok(())
    }

    /// Checks one attribute of an object. `was` finds its old value, which counts unless the object is new. Most attributes
    /// have no rule, so their old values are not searched.
    #[inline]
    fn member<'v>(
        &self,
        attribute: AttributeId,
        is_new: bool,
        was: impl FnOnce() -> Option<&'v Value>,
        after: Option<&Value>,
    ) -> Result<(), ResourceError> {
        let is_fixed = !is_new && self.resource_type.is_fixed(attribute);
        if !is_fixed && !self.resource_type.is_ruled(attribute) {
            return Ok(());
        }
        let was = was();
        if is_fixed {
            self.changed(attribute, was, after)?;
        }
        after.map_or(Ok(()), |after| self.value(attribute, was, after))
    }

    /// Checks whether an attribute of an existing object may change from one value to the other.
    fn changed(
        &self,
        attribute: AttributeId,
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Result<(), ResourceError> {
        let refused = match self.resource_type.attribute(attribute).mutability() {
            Mutability::ReadWrite | Mutability::WriteOnly => return Ok(()),
            Mutability::ReadOnly => ResourceErrorKind::ReadOnly,
            Mutability::Immutable if before.is_none() => return Ok(()),
            Mutability::Immutable => ResourceErrorKind::Immutable,
        };
        let is_same = match (before, after) {
            (Some(before), Some(after)) => same(self.resource_type, attribute, before, after),
            (before, after) => before.is_none() && after.is_none(),
        };
        if is_same { Ok(()) } else { Err(self.refuse(attribute, refused)) }
    }

    /// Checks a present value and its parts. A restricted attribute has a canonical value (RFC 7643 §2.3.1).
    fn value(&self, attribute: AttributeId, before: Option<&Value>, after: &Value) -> Result<(), ResourceError> {
        match after {
            Value::Complex(after) => {
                let before = before.and_then(Value::as_object).filter(|before| self.is_one(attribute, before, after));
                self.object(attribute, before, after)
            }
            Value::List(values) => self.list(attribute, before.map_or(&[], Value::elements), values),
            Value::String(text) => {
                let definition = self.resource_type.attribute(attribute);
                if !definition.is_restricted() {
                    return Ok(());
                }
                let exact = definition.is_case_exact();
                let is_it = |canonical: &str| {
                    canonical == &**text || !exact && eq_ignoring_case(canonical.as_bytes(), text.as_bytes())
                };
                if definition.canonical_values().iter().any(|canonical| is_it(canonical)) {
                    return Ok(());
                }
                Err(self.refuse(attribute, ResourceErrorKind::Canonical))
            }
            _ => Ok(()),
        }
    }

    /// Whether two complex values are the same entity: they have the same `value`, if the attribute has a `value`.
    fn is_one(&self, attribute: AttributeId, before: &Object, after: &Object) -> bool {
        self.resource_type.value_of(attribute).is_none_or(|value| before.get(value) == after.get(value))
    }

    fn list(&self, attribute: AttributeId, before: &[Value], after: &[Value]) -> Result<(), ResourceError> {
        let primary = self.resource_type.conventional(attribute).primary;
        let id = self
            .resource_type
            .value_of(attribute)
            .filter(|_| !before.is_empty() && self.resource_type.has_immutable_child(attribute));
        let mut pairs = id.map(|id| Pairs::new(self.resource_type, id, before));
        let mut primaries = 0;
        for (index, value) in after.iter().enumerate() {
            let in_value = |error: ResourceError| error.in_value(Some(index));
            let Value::Complex(object) = value else {
                self.value(attribute, None, value).map_err(in_value)?;
                continue;
            };
            if primary.and_then(|primary| object.get(primary)) == Some(&Value::Boolean(true)) {
                primaries += 1;
                if primaries > 1 {
                    return Err(self.refuse(attribute, ResourceErrorKind::Primary));
                }
            }
            self.refers(attribute, object).map_err(in_value)?;
            let was = pairs.as_mut().and_then(|pairs| pairs.find(index, object));
            self.element(attribute, was, object).map_err(in_value)?;
        }
        Ok(())
    }

    /// Refuses a reference without a `value`: no client could address it again.
    fn refers(&self, list: AttributeId, element: &Object) -> Result<(), ResourceError> {
        match self.resource_type.value_of(list).filter(|_| self.resource_type.is_reference_list(list)) {
            Some(id) if element.get(id).is_none_or(is_empty) => Err(self.refuse(id, ResourceErrorKind::Required)),
            _ => Ok(()),
        }
    }

    /// Checks one value of a list, such as a member of a group (RFC 7643 §4.2). Read-only sub-attributes are not
    /// compared: the service provider rewrites them.
    fn element(&self, list: AttributeId, before: Option<&Object>, after: &Object) -> Result<(), ResourceError> {
        self.object(list, None, after)?;
        let Some(before) = before else { return Ok(()) };
        for (part, value) in after {
            // A missing sub-attribute is not compared: the value may have been removed and added again.
            if self.resource_type.attribute(part).mutability() == Mutability::Immutable {
                self.changed(part, before.get(part), Some(value))?;
            }
        }
        Ok(())
    }
}

/// The empty string is no value for a required attribute: RFC 7643 §4.1.1 states this for `userName`.
fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty)
}

impl Resource {
    /// The resource that replaces this resource when a client sends `incoming` (RFC 7644 §3.5.1). An attribute
    /// that the client does not send is unassigned, unless the client cannot know or change it. Read-only
    /// attributes keep their values. Attributes that are write-only or immutable, or have a
    /// [default](crate::schema::Attribute::with_default_value), keep their values where `incoming` has no value.
    ///
    /// An immutable value keeps its stored spelling if `incoming` repeats it in another spelling. A reference
    /// keeps its stored type: the service provider knows the type of each resource. [`judge`] decides whether the
    /// result may be stored.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let stored = Resource::from_json(user, br#"{"id": "1", "userName": "babs", "title": "Guide", "password": "s"}"#)?;
    /// let incoming = Resource::from_json(user, br#"{"userName": "barbara"}"#)?;
    /// let expected = Resource::from_json(user, br#"{"id": "1", "userName": "barbara", "password": "s"}"#)?;
    /// assert_eq!(stored.replaced_by(incoming), expected);
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    #[must_use]
    pub fn replaced_by(&self, incoming: Self) -> Self {
        let mut after = incoming;
        keep(&self.resource_type, AttributeId::ROOT, &self.root, &mut after.root);
        after
    }
}

/// Copies to `after` the values of `before` that stay; both are objects of `parent`. `externalId` is the client's alone
/// (RFC 7643 §3.1): it does not stay.
fn keep(resource_type: &ResourceType, parent: AttributeId, before: &Object, after: &mut Object) {
    for (attribute, was) in before {
        let definition = resource_type.attribute(attribute);
        let stays = match definition.mutability() {
            Mutability::ReadOnly => true,
            Mutability::WriteOnly => !after.contains(attribute),
            Mutability::Immutable | Mutability::ReadWrite => {
                let given = after.get(attribute);
                definition.default_value().is_some() && !is_assigned(given)
                    || keeps_stored(resource_type, attribute, was, given)
            }
        };
        if stays {
            after.insert(attribute, was.clone());
            continue;
        }
        match (was, after.get_mut(attribute)) {
            (Value::Complex(was), Some(Value::Complex(now)))
                if resource_type.value_of(attribute).is_none_or(|value| was.get(value) == now.get(value)) =>
            {
                keep(resource_type, attribute, was, now);
            }
            (Value::Complex(was), None) if is_extension(resource_type, parent, attribute) => {
                let mut rest = Object::new();
                keep(resource_type, attribute, was, &mut rest);
                if !rest.is_empty() {
                    after.insert(attribute, Value::Complex(rest));
                }
            }
            (Value::List(was), Some(Value::List(now))) => {
                let Some(id) = resource_type.value_of(attribute) else { continue };
                let mut pairs = Pairs::new(resource_type, id, was);
                for (index, value) in now.make_mut().iter_mut().enumerate() {
                    if let Value::Complex(now) = value
                        && let Some(was) = pairs.find(index, now)
                    {
                        keep(resource_type, attribute, was, now);
                    }
                }
            }
            _ => {}
        }
    }
}

/// An extension is not an attribute: if its object is missing, each of its attributes is missing.
fn is_extension(resource_type: &ResourceType, parent: AttributeId, attribute: AttributeId) -> bool {
    parent == AttributeId::ROOT && resource_type.extensions().iter().any(|extension| extension.attribute() == attribute)
}
