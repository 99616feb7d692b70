//! A `remove` with a `value`: which values it names, and what must not be named (RFC 7644 §3.5.2.2 has no such value).

use std::collections::HashMap;

use super::{PatchError, apply::Application};
use crate::{
    quirks::Quirk,
    resource::{includes, parts, same},
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

impl Application<'_> {
    pub(super) fn expect_no_value(&mut self) -> Result<(), PatchError> {
        if self.tolerance.allows(Quirk::RemoveWithValue) {
            return Ok(());
        }
        Err(PatchError::value("expected no `value` for `remove`"))
    }

    /// As [`Application::expect_no_value`]; and where a value is tolerated, none that nobody may read: whether it was
    /// removed would tell whether it was guessed.
    pub(super) fn expect_nothing_secret(&mut self, given: &[Value]) -> Result<(), PatchError> {
        self.expect_no_value()?;
        if given.iter().any(|value| self.holds_secret(value)) {
            return Err(PatchError::value("expected no `value` that may not be read"));
        }
        Ok(())
    }

    /// Whether a part of a complex value is never returned.
    pub(super) fn holds_secret(&self, value: &Value) -> bool {
        let mut parts = value.as_object().into_iter().flat_map(Object::iter);
        parts.any(|(id, _)| self.kind.is_sensitive(id))
            || matches!(value, Value::List(values) if values.iter().any(|value| self.holds_secret(value)))
    }
}

/// The values of a list that a `remove` names.
///
/// Many are indexed by the rarest part of each, so that finding out about an element takes about as long as there are
/// values that share one with it.
pub(super) struct Given<'a> {
    kind: &'a ResourceType,
    list: AttributeId,
    values: Vec<Value>,
    index: Option<HashMap<u64, Vec<usize>>>,
}

impl<'a> Given<'a> {
    pub(super) fn new(kind: &'a ResourceType, list: AttributeId, values: Vec<Value>) -> Self {
        const FEW: usize = 16;
        let index = (values.len() > FEW).then(|| Self::index(kind, list, &values));
        Self { kind, list, values, index }
    }

    fn index(kind: &ResourceType, list: AttributeId, values: &[Value]) -> HashMap<u64, Vec<usize>> {
        let identity = kind.value_of(list);
        // Only by its `value`, where it has one, does it have to be like an element.
        let decisive = |value: &Value| -> Vec<u64> {
            let object = value.as_object();
            match identity.and_then(|id| Some((id, object?.get(id)?))) {
                Some((id, own)) => {
                    parts(kind, list, None, &Value::Complex(Object::from_iter([(id, own.clone())]))).collect()
                }
                None => parts(kind, list, None, value).collect(),
            }
        };
        let decisive: Vec<Vec<u64>> = values.iter().map(decisive).collect();
        let mut count: HashMap<u64, usize> = HashMap::new();
        for part in decisive.iter().flatten() {
            *count.entry(*part).or_default() += 1;
        }
        let mut index: HashMap<u64, Vec<usize>> = HashMap::with_capacity(values.len());
        for (position, own) in decisive.iter().enumerate() {
            if let Some(rarest) = own.iter().min_by_key(|part| count.get(part)) {
                index.entry(*rarest).or_default().push(position);
            }
        }
        index
    }

    /// Whether an element of the list is named.
    pub(super) fn names(&self, element: &Value) -> bool {
        let Some(index) = &self.index else { return self.values.iter().any(|given| self.is(element, given)) };
        let mut candidates = parts(self.kind, self.list, None, element).filter_map(|part| index.get(&part)).flatten();
        candidates.any(|position| self.values.get(*position).is_some_and(|given| self.is(element, given)))
    }

    /// Whether a given value names the element: by `value` where it has one, and then by `type` too if that is given;
    /// else by all that is given.
    fn is(&self, element: &Value, given: &Value) -> bool {
        let (Value::Complex(element), Value::Complex(given)) = (element, given) else {
            return same(self.kind, self.list, element, given);
        };
        let conventional = self.kind.conventional(self.list);
        let Some(id) = conventional.value.filter(|id| given.contains(*id)) else {
            return !given.is_empty() && includes(self.kind, element, given, None);
        };
        let is_reference = self.kind.is_reference_list(self.list);
        let compared = [Some(id), conventional.kind.filter(|_| !is_reference)];
        compared.into_iter().flatten().all(|id| match (element.get(id), given.get(id)) {
            (_, None) => true,
            (Some(own), Some(given)) => same(self.kind, id, own, given),
            (None, Some(_)) => false,
        })
    }
}
