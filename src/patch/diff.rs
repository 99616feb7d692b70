//! The operations that lead from one resource to another (RFC 7644 §3.5.2).
//!
//! The comparison goes through the attributes of the schema in order. Each attribute gives the shortest steps for
//! its change; at the end the steps are divided into requests. The receiver may be any service provider, so only
//! shapes that the RFC itself describes are used, and this module knows no quirk.

mod element;
mod error;
mod form;
mod list;
mod references;
mod replacement;
mod request;
mod state;
mod step;

use std::sync::Arc;

pub use self::error::{DiffError, DiffErrorKind};
use self::{
    form::Form,
    replacement::wanted,
    request::Requests,
    step::{Step, size},
};
use super::{Op, Patch};
use crate::{
    limits::Limits,
    path::PathRef,
    quirks::{Quirks, Tolerance},
    resource::{Resource, ResourceErrorKind, missing_form, same, value_json},
    schema::{AttributeId, Extension, Mutability, ResourceType},
    value::{Object, Value},
};

/// The shortest patches that, applied in order, have the effect on `before` of replacing it by `after` (RFC 7644
/// §3.5.1, §3.5.2); empty when the replacement changes nothing.
///
/// `limits` are those of the service provider that receives the patches. Each patch obeys them: `body`,
/// `patch_operations`, `path_bytes`, `filter_terms`, `string`, and for each attribute `values`. Changes that do
/// not fit into one request are divided. After each request the resource obeys its schemas, but only after the
/// last request is it equal to `after`. Only shapes that the RFC describes are used, so a service provider needs
/// no quirk to read them.
///
/// Only attributes that a client may change and can know are compared. Read-only attributes are ignored, and so is
/// each `$ref` that is derived from the `value` next to it. If `after` has no value for an attribute that is
/// write-only (a password), is immutable or has a [default](crate::schema::Attribute::with_default_value), the value in
/// `before` stays, as in [`Resource::replaced_by`]: a missing value asserts nothing. Texts that differ in case only
/// count as different, unless the attribute is immutable. Lists are sets (RFC 7643 §2.4): neither order nor
/// duplicates count. Values that the schema compares as the same, or that differ in `primary` only, count as one
/// value. A `primary` of `false` counts as absent.
///
/// Changes take these forms:
///
/// - an attribute, by its path; several sub-attributes of one complex attribute in one operation where that is shorter;
///   a new extension as a whole where that is shorter;
/// - a value of a complex list, through a value path that selects it alone (`emails[value eq "b@x.com"].type`); the
///   list as a whole where no such path exists or where that is shorter. Making a value primary takes `primary` from
///   the other values without a further operation (RFC 7644 §3.5.2);
/// - a list of references such as `members` value by value, unless no value is left.
///
/// Takes time in proportion to the two resources.
///
/// # Errors
///
/// When the resources are of different types; when a rule of the schemas prevents `before` from becoming `after`,
/// such as an immutable attribute with another value; when no operation can express a change; or when a single
/// new value is over the limits or lacks the form of its type, such as a URI with a blank that a client was once
/// allowed to send. See [`DiffErrorKind`].
///
/// ```
/// use scim_core::{limits::Limits, patch::diff, resource::Resource, schema::Registry};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let before = Resource::from_json(user, br#"{"id": "1", "userName": "bjensen", "title": "Guide",
///     "emails": [{"value": "b@x.com", "type": "work"}, {"value": "b@y.com", "type": "home"}]}"#)?;
/// let after = Resource::from_json(user, br#"{"userName": "babs",
///     "emails": [{"value": "b@y.com", "type": "home"}, {"value": "b@x.com", "type": "other"}]}"#)?;
///
/// let patches = diff(&before, &after, &Limits::default())?;
/// assert_eq!(patches.len(), 1, "it fits into one request");
/// let operations: Vec<_> = patches[0].operations().iter().map(|it| (it.op().name(), it.path(), it.value())).collect();
/// assert_eq!(operations, [
///     ("replace", Some("userName"), Some(r#""babs""#)),
///     ("remove", Some("title"), None),
///     ("replace", Some(r#"emails[value eq "b@x.com"].type"#), Some(r#""other""#)),
/// ]);
/// assert!(diff(&before, &before, &Limits::default())?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diff(before: &Resource, after: &Resource, limits: &Limits) -> Result<Vec<Patch>, DiffError> {
    let resource_type = before.resource_type();
    if !is_one_type(resource_type, after.resource_type()) {
        return Err(DiffError::new(DiffErrorKind::ResourceType, ""));
    }
    if before == after {
        // This includes a resource that already breaks a rule.
        return Ok(Vec::new());
    }
    let wanted = wanted(before, after)?;
    let comparison = Comparison { resource_type, limits };
    let mut requests = Requests::new(resource_type, limits);
    for step in comparison.object(AttributeId::ROOT, Some(before.root()), wanted.root())? {
        requests.step(step)?;
    }
    Ok(requests.finish())
}

/// Ids of attributes mean the same in both types only if the schemas are the same.
fn is_one_type(left: &Arc<ResourceType>, right: &Arc<ResourceType>) -> bool {
    let is_same =
        || left.name() == right.name() && left.schema() == right.schema() && left.extensions() == right.extensions();
    Arc::ptr_eq(left, right) || is_same()
}

/// Whether a client sets the attribute: it is not read-only, not `schemas`, and not a `$ref` that is derived from
/// an id.
fn is_writable(resource_type: &ResourceType, attribute: AttributeId) -> bool {
    resource_type.attribute(attribute).mutability() != Mutability::ReadOnly
        && resource_type.referred_id(attribute).is_none()
        && attribute != AttributeId::SCHEMAS
}

/// A comparison of two resources of one type, attribute by attribute. The target resource (`wanted`) has been
/// judged and stripped.
struct Comparison<'a> {
    resource_type: &'a ResourceType,
    limits: &'a Limits,
}

impl Comparison<'_> {
    /// The steps for the attributes of the resource, or of an extension.
    fn object(&self, parent: AttributeId, before: Option<&Object>, wanted: &Object) -> Result<Vec<Step>, DiffError> {
        let mut steps = Vec::new();
        for attribute in
            self.resource_type.children(parent).iter().copied().filter(|it| is_writable(self.resource_type, *it))
        {
            let (was, now) = (before.and_then(|before| before.get(attribute)), wanted.get(attribute));
            let extension = self.resource_type.extensions().iter().find(|extension| extension.attribute() == attribute);
            let changes = match extension {
                Some(extension) => self.extension(extension, was, now)?,
                None => self.attribute(attribute, was, now)?,
            };
            steps.extend(changes);
        }
        Ok(steps)
    }

    fn extension(
        &self,
        extension: &Extension,
        before: Option<&Value>,
        wanted: Option<&Value>,
    ) -> Result<Vec<Step>, DiffError> {
        let attribute = extension.attribute();
        let before = before.and_then(Value::as_object).filter(|before| self.has_values(before));
        let empty = Object::new();
        let parts = |wanted| self.object(attribute, before, wanted);
        match (before, wanted.and_then(Value::as_object)) {
            (None, None) => Ok(Vec::new()),
            (Some(was), None) => {
                // The RFC has paths for attributes only, but a required attribute can be removed only together
                // with its extension.
                let is_required =
                    |id| self.resource_type.attribute(id).is_required() && is_writable(self.resource_type, id);
                if was.iter().any(|(id, _)| is_required(id)) {
                    let uri = extension.schema().id().to_owned();
                    return Ok(vec![Step::One { at: attribute, op: Op::Remove, path: uri, value: None }]);
                }
                parts(&empty)
            }
            (None, Some(now)) => {
                let single = parts(now)?;
                if single.len() < 2 {
                    return Ok(single);
                }
                let value = format!(
                    r#"{{"{}":{}}}"#,
                    self.resource_type.attribute(attribute).name(),
                    self.json(attribute, &wanted_value(now))?
                );
                let whole = vec![Step::One { at: attribute, op: Op::Add, path: String::new(), value: Some(value) }];
                Ok(self.shortest([single, whole], now))
            }
            (Some(_), Some(now)) => parts(now),
        }
    }

    fn attribute(
        &self,
        attribute: AttributeId,
        before: Option<&Value>,
        wanted: Option<&Value>,
    ) -> Result<Vec<Step>, DiffError> {
        let definition = self.resource_type.attribute(attribute);
        // `wanted` has been judged: an immutable attribute with a value keeps it.
        if definition.mutability() == Mutability::Immutable && before.is_some() {
            return Ok(Vec::new());
        }
        if definition.is_multi_valued() {
            return self.list(attribute, before, wanted);
        }
        match (before, wanted) {
            (Some(Value::Complex(_)), _) | (_, Some(Value::Complex(_))) => {
                let before = before.and_then(Value::as_object).filter(|before| self.has_values(before));
                self.complex(attribute, before, wanted.and_then(Value::as_object))
            }
            (None, None) => Ok(Vec::new()),
            (Some(was), Some(now)) if was == now => Ok(Vec::new()),
            (was, Some(now)) => {
                let op = if was.is_some() { Op::Replace } else { Op::Add };
                Ok(vec![self.set(attribute, op, now)?])
            }
            (Some(_), None) => Ok(vec![self.unset(attribute)?]),
        }
    }

    fn complex(
        &self,
        attribute: AttributeId,
        before: Option<&Object>,
        wanted: Option<&Object>,
    ) -> Result<Vec<Step>, DiffError> {
        let (was, now) = match (before, wanted) {
            (None, None) => return Ok(Vec::new()),
            (Some(_), None) => return Ok(vec![self.unset(attribute)?]),
            (was, Some(now)) => (was, now),
        };
        if was.is_none() && self.resource_type.attribute(attribute).mutability() == Mutability::Immutable {
            // An immutable attribute accepts no sub-attribute later.
            let value = Some(self.whole_json(attribute, &wanted_value(now))?);
            return Ok(vec![Step::One { at: attribute, op: Op::Add, path: self.path(attribute)?, value }]);
        }
        let (mut set, mut gone, mut fixed) = (Object::new(), Vec::new(), false);
        let (mut single, mut removed) = (Vec::new(), Vec::new());
        for sub in self.resource_type.children(attribute).iter().copied() {
            let (there, value) = (was.and_then(|was| was.get(sub)), now.get(sub));
            // Removing the whole value would also remove sub-attributes that only the service provider sets or knows.
            fixed |= there.is_some() && self.resource_type.attribute(sub).mutability() == Mutability::ReadOnly;
            fixed |= self.resource_type.is_sensitive(sub);
            if !is_writable(self.resource_type, sub) {
                continue;
            }
            if self.resource_type.attribute(sub).mutability() == Mutability::Immutable && there.is_some() {
                let keeps = there.zip(value).is_some_and(|(there, value)| same(self.resource_type, sub, there, value));
                if !keeps {
                    return Err(DiffError::rule(ResourceErrorKind::Immutable, self.resource_type, sub));
                }
                fixed = true;
                continue;
            }
            let steps = self.attribute(sub, there, value)?;
            match value {
                _ if steps.is_empty() => {}
                Some(value) => {
                    set.insert(sub, value.clone());
                    single.extend(steps);
                }
                None => {
                    gone.push(sub);
                    removed.extend(steps);
                }
            }
        }
        if set.is_empty() {
            single = removed;
        } else {
            let op = if was.is_some() { Op::Replace } else { Op::Add };
            let mut merged = vec![self.set(attribute, op, &wanted_value(&set))?];
            merged.extend(removed.iter().cloned());
            single.extend(removed);
            single = self.shortest([single, merged], &set);
        }
        if gone.is_empty() || fixed || self.resource_type.attribute(attribute).is_required() {
            return Ok(single);
        }
        // A sub-attribute that stays may have a text that no request may contain.
        let Ok(value) = self.set(attribute, Op::Add, &wanted_value(now)) else { return Ok(single) };
        let anew = vec![self.unset(attribute)?, value];
        Ok(self.shortest([single, anew], now))
    }

    /// The shorter of two ways. The second way, which sends `whole` in one operation, must fit into a request.
    fn shortest(&self, [parts, other]: [Vec<Step>; 2], whole: &Object) -> Vec<Step> {
        let lists_fit = whole.iter().all(|(_, value)| self.lists_fit(value));
        let fits = || other.iter().all(|step| Requests::fits_alone(step, self.limits));
        if lists_fit && size(&other) < size(&parts) && fits() { other } else { parts }
    }

    fn lists_fit(&self, value: &Value) -> bool {
        match value {
            Value::List(values) => values.len() <= self.limits.values && values.iter().all(|it| self.lists_fit(it)),
            Value::Complex(object) => object.iter().all(|(_, value)| self.lists_fit(value)),
            _ => true,
        }
    }

    /// Whether the object contains a value that a client sets.
    fn has_values(&self, object: &Object) -> bool {
        object.iter().any(|(id, value)| {
            is_writable(self.resource_type, id)
                && match value {
                    Value::Complex(object) => self.has_values(object),
                    Value::List(values) => !values.is_empty(),
                    _ => true,
                }
        })
    }

    fn set(&self, at: AttributeId, op: Op, value: &Value) -> Result<Step, DiffError> {
        Ok(Step::One { at, op, path: self.path(at)?, value: Some(self.json(at, value)?) })
    }

    fn unset(&self, at: AttributeId) -> Result<Step, DiffError> {
        Ok(Step::One { at, op: Op::Remove, path: self.path(at)?, value: None })
    }

    /// The attribute's path. The URI of an extension need not have the form that a path requires.
    fn path(&self, attribute: AttributeId) -> Result<String, DiffError> {
        let path = self.resource_type.path(attribute);
        let mut strict = Tolerance::new(Quirks::strict());
        let resolved = PathRef::parse(&path).ok().and_then(|path| self.resource_type.resolve(path, &mut strict).ok());
        if resolved == Some(attribute) {
            return Ok(path);
        }
        Err(DiffError::new(DiffErrorKind::Inexpressible, path))
    }

    /// A value as JSON, if its texts may be sent.
    fn json(&self, attribute: AttributeId, value: &Value) -> Result<String, DiffError> {
        self.check_texts(attribute, value)?;
        Ok(value_json(self.resource_type, attribute, value))
    }

    /// As [`Comparison::json`], for a value whose lists cannot be divided among requests.
    fn whole_json(&self, attribute: AttributeId, value: &Value) -> Result<String, DiffError> {
        if self.lists_fit(value) {
            return self.json(attribute, value);
        }
        Err(DiffError::new(DiffErrorKind::TooLarge, self.resource_type.path(attribute)))
    }

    fn check_texts(&self, attribute: AttributeId, value: &Value) -> Result<(), DiffError> {
        match value {
            Value::String(text) if text.len() > self.limits.string => {
                Err(DiffError::rule(ResourceErrorKind::TooLong(self.limits.string), self.resource_type, attribute))
            }
            Value::String(text) if text.as_bytes().contains(&0) => {
                Err(DiffError::rule(ResourceErrorKind::NulCharacter, self.resource_type, attribute))
            }
            // A service provider without quirks refuses a URI with a blank, which `before` and `after` may have.
            Value::String(text) => match missing_form(self.resource_type.attribute(attribute).data_type(), text) {
                Some(form) => Err(DiffError::rule(ResourceErrorKind::Form(form), self.resource_type, attribute)),
                None => Ok(()),
            },
            Value::Complex(object) => object.iter().try_for_each(|(id, value)| self.check_texts(id, value)),
            Value::List(values) => values.iter().try_for_each(|value| self.check_texts(attribute, value)),
            _ => Ok(()),
        }
    }
}

fn wanted_value(object: &Object) -> Value {
    Value::Complex(object.clone())
}
