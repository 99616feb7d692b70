//! The values of one list, and the steps that turn one value into another.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
};

use super::{Comparison, Form, Step, is_writable, size, state::State};
use crate::{
    patch::{DiffError, Op},
    resource::same,
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Value},
};

/// A value of a list, with whether it is primary. Duplicates count as one value, which is primary if any duplicate
/// is primary.
#[derive(Clone, Copy)]
pub(super) struct Element<'v> {
    pub(super) value: &'v Value,
    pub(super) is_primary: bool,
}

impl<'v> Element<'v> {
    pub(super) fn object(self) -> Option<&'v Object> {
        self.value.as_object()
    }

    /// The value, with `primary` set from `is_primary`.
    pub(super) fn to_value(self, resource_type: &ResourceType, list: AttributeId) -> Cow<'v, Value> {
        match (self.object(), resource_type.conventional(list).primary) {
            (Some(object), Some(primary)) if self.is_primary != is_primary(resource_type, list, object) => {
                let mut object = object.clone();
                object.insert(primary, Value::Boolean(self.is_primary));
                Cow::Owned(Value::Complex(object))
            }
            _ => Cow::Borrowed(self.value),
        }
    }
}

/// A sub-attribute and its new value; `None` removes the sub-attribute.
pub(super) type SubAttributeChange<'v> = (AttributeId, Option<&'v Value>);

/// The values of a list without duplicates; in a list of references, one value for each resource.
pub(super) fn distinct<'v>(resource_type: &ResourceType, list: AttributeId, values: &'v [Value]) -> Vec<Element<'v>> {
    let id = resource_type.value_of(list).filter(|_| resource_type.is_reference_list(list));
    let form = Form { resource_type, exact: false };
    let mut known: HashMap<(bool, Cow<'v, str>), usize> = HashMap::with_capacity(values.len());
    let mut elements: Vec<Element<'v>> = Vec::with_capacity(values.len());
    let idle =
        resource_type.conventional(list).primary.filter(|primary| !resource_type.attribute(*primary).is_required());
    for value in values {
        let says_nothing = |object: &Object| {
            let mut parts = object.iter().filter(|(id, _)| is_writable(resource_type, *id));
            parts.all(|(id, value)| Some(id) == idle && *value == Value::Boolean(false))
        };
        if value.as_object().is_some_and(says_nothing) {
            continue;
        }
        let is_primary = value.as_object().is_some_and(|object| is_primary(resource_type, list, object));
        let reference = id.and_then(|id| value.as_object()?.get(id)?.as_str());
        let key = match reference {
            Some(reference) => (true, Cow::Borrowed(reference)),
            None => (false, Cow::Owned(form.of(list, value))),
        };
        match known.entry(key) {
            Entry::Vacant(new) => {
                new.insert(elements.len());
                elements.push(Element { value, is_primary });
            }
            Entry::Occupied(there) => {
                if let Some(first) = elements.get_mut(*there.get()) {
                    first.is_primary |= is_primary;
                }
            }
        }
    }
    elements
}

pub(super) fn is_primary(resource_type: &ResourceType, list: AttributeId, object: &Object) -> bool {
    let primary = resource_type.conventional(list).primary.filter(|primary| is_writable(resource_type, *primary));
    primary.and_then(|primary| object.get(primary)?.as_bool()) == Some(true)
}

impl Comparison<'_> {
    /// A value of a list as JSON.
    pub(super) fn element_json(&self, list: AttributeId, element: Element<'_>) -> Result<String, DiffError> {
        self.whole_json(list, &element.to_value(self.resource_type, list))
    }

    /// The sub-attributes in which `now` differs from `was`, except `primary`; removals come last. `None` if a
    /// sub-attribute differs that cannot change.
    pub(super) fn parts<'v>(
        &self,
        list: AttributeId,
        was: &Object,
        now: &'v Object,
    ) -> Option<Vec<SubAttributeChange<'v>>> {
        let primary = self.resource_type.conventional(list).primary;
        let counts = |id: AttributeId| Some(id) != primary && is_writable(self.resource_type, id);
        let is_fixed = |id: AttributeId| self.resource_type.attribute(id).mutability() == Mutability::Immutable;
        let mut parts = Vec::new();
        for (id, value) in now.iter().filter(|(id, _)| counts(*id)) {
            match was.get(id) {
                Some(there) if is_fixed(id) && !same(self.resource_type, id, there, value) => return None,
                Some(_) if is_fixed(id) => {}
                Some(there) if self.is_equal(id, there, value) => {}
                _ => parts.push((id, Some(value))),
            }
        }
        let stays = self.resource_type.is_reference_list(list);
        for (id, _) in was.iter().filter(|(id, _)| counts(*id) && !now.contains(*id)) {
            if is_fixed(id) && stays {
                // The reference keeps an immutable sub-attribute that the client does not repeat.
                continue;
            }
            if is_fixed(id) || self.resource_type.attribute(id).is_required() {
                return None;
            }
            parts.push((id, None));
        }
        Some(parts)
    }

    fn is_equal(&self, attribute: AttributeId, left: &Value, right: &Value) -> bool {
        let form = Form { resource_type: self.resource_type, exact: true };
        match (left, right) {
            (Value::List(_), Value::List(_)) => form.of(attribute, left) == form.of(attribute, right),
            _ => left == right,
        }
    }

    /// The steps that turn `was`, a value of the list, into `now`, and whether the steps set `primary`. `None` if
    /// at some step no condition selects the value alone.
    pub(super) fn change(
        &self,
        list: AttributeId,
        path: &str,
        state: &mut State<'_>,
        (was, now): (&Object, Element<'_>),
        parts: &[SubAttributeChange<'_>],
    ) -> Result<Option<(Vec<Step>, bool)>, DiffError> {
        let Some(condition) = state.condition(was) else { return Ok(None) };
        // An operation may replace a value or merge into it: the RFC allows both readings, and without removals
        // both have the same result. For a value path the RFC defines `replace`, but not `add`.
        let adds = parts.iter().all(|(_, value)| value.is_some());
        // A sub-attribute that stays may have a text that no request may contain.
        let value = if adds { self.element_json(list, now).ok() } else { None };
        let whole = value.map(|value| {
            let path = format!("{path}[{}]", condition.0);
            Step::One { at: list, op: Op::Replace, path, value: Some(value) }
        });
        let mut steps = Vec::with_capacity(parts.len());
        let mut current = was.clone();
        for (id, value) in parts {
            let Some((condition, _)) = state.condition(&current) else { return Ok(None) };
            let path = format!("{path}[{condition}].{}", self.resource_type.attribute(*id).name());
            state.remove(&current);
            steps.push(if let Some(value) = value {
                current.insert(*id, (*value).clone());
                Step::One { at: *id, op: Op::Replace, path, value: Some(self.whole_json(*id, value)?) }
            } else {
                current.remove(*id);
                Step::One { at: *id, op: Op::Remove, path, value: None }
            });
            // A request may end here, and the service provider would drop one of two values that are the same.
            if state.has(&current) {
                return Ok(None);
            }
            state.add(&current);
        }
        match whole {
            Some(whole) if whole.size() < size(&steps) => Ok(Some((vec![whole], now.is_primary))),
            _ => Ok(Some((steps, false))),
        }
    }

    /// The steps that make the right value primary, among the values that stay. `said` means that another step
    /// does so. `None` if `primary` is immutable, or if no condition selects a value alone.
    pub(super) fn primary(
        &self,
        list: AttributeId,
        path: &str,
        state: &State<'_>,
        staying: &[(bool, Element<'_>)],
        said: bool,
    ) -> Option<Vec<Step>> {
        let Some(primary) = self.resource_type.conventional(list).primary else { return Some(Vec::new()) };
        let definition = self.resource_type.attribute(primary);
        let gains = staying.iter().find(|(was, now)| !was && now.is_primary);
        let losers = staying.iter().filter(|(was, now)| *was && !now.is_primary);
        if gains.is_none() && losers.clone().next().is_none() {
            return Some(Vec::new());
        }
        if definition.mutability() == Mutability::Immutable {
            return None;
        }
        let at = |element: Element<'_>| {
            let (condition, _) = state.condition(element.object()?)?;
            Some(format!("{path}[{condition}].{}", definition.name()))
        };
        let set = |element: Element<'_>, truth: bool| {
            Some(Step::One { at: primary, op: Op::Replace, path: at(element)?, value: Some(truth.to_string()) })
        };
        match gains {
            // The new primary value takes `primary` from the others.
            _ if said => Some(Vec::new()),
            Some((_, now)) => Some(vec![set(*now, true)?]),
            None if definition.is_required() => losers.map(|(_, now)| set(*now, false)).collect(),
            None => losers
                .map(|(_, now)| Some(Step::One { at: primary, op: Op::Remove, path: at(*now)?, value: None }))
                .collect(),
        }
    }
}
