//! Values of a list that the operations made the same: one of them stays.

use std::collections::HashMap;

use super::{PatchError, application::Application};
use crate::{
    resource::{ValueSearch, value_json},
    schema::{AttributeId, ResourceType},
    value::Value,
};

impl Application<'_> {
    /// Drops a value that an operation made the same as another value. A value that no operation changed stays,
    /// even if it was the same as another value before. Of changed values that are the same, the first stays.
    /// Values in the same spelling cannot be told apart: the first of them counts as unchanged. The rest keep
    /// their order, which has no meaning to a client.
    pub(super) fn drop_doubles(&mut self, list: AttributeId) -> Result<(), PatchError> {
        let there = self.draft.value(list).and_then(Value::as_list).unwrap_or_default();
        let mut known = ValueSearch::new(self.resource_type, list, there, there.len()).exact();
        let mut seen = 0;
        let has_doubles = there.iter().any(|value| {
            seen += 1;
            known.position(there.get(..seen).unwrap_or_default(), value) != Some(seen - 1)
        });
        self.charge(known.take_units())?;
        if !has_doubles {
            return Ok(());
        }
        let there = self.take(list);
        let kept = self.distinct(list, there)?;
        self.put(list, kept)
    }

    fn distinct(&self, list: AttributeId, values: Vec<Value>) -> Result<Vec<Value>, PatchError> {
        let before = self.draft.value_before(list).map(Value::elements).unwrap_or_default();
        let mut stored: HashMap<Spelling, usize> = HashMap::new();
        for value in before {
            *stored.entry(spelling(self.resource_type, list, value)).or_default() += 1;
        }
        // Each stored value accounts for one value: a second value in the same spelling counts as changed.
        let mut is_unchanged = |value: &Value| match stored.get_mut(&spelling(self.resource_type, list, value)) {
            Some(left @ 1..) => {
                *left -= 1;
                true
            }
            _ => false,
        };
        let values: Vec<(bool, Value)> = values.into_iter().map(|value| (is_unchanged(&value), value)).collect();
        let unchanged = values.iter().filter(|(is_unchanged, _)| *is_unchanged);
        let mut pool: Vec<Value> = unchanged.map(|(_, value)| value.clone()).collect();
        let mut known = ValueSearch::new(self.resource_type, list, &pool, values.len()).exact();
        let mut kept = Vec::with_capacity(values.len());
        for (is_unchanged, value) in values {
            if is_unchanged {
                kept.push(value);
                continue;
            }
            let is_new = known.position(&pool, &value).is_none();
            self.charge(known.take_units())?;
            if is_new {
                pool.push(value.clone());
                kept.push(value);
            }
        }
        Ok(kept)
    }
}

/// The JSON text of a value, by sub-attribute.
type Spelling = Vec<(AttributeId, String)>;

/// The spelling of a list's value. The order of its sub-attributes has no meaning (RFC 7643 §2.4).
fn spelling(resource_type: &ResourceType, list: AttributeId, value: &Value) -> Spelling {
    let Value::Complex(object) = value else { return vec![(list, value_json(resource_type, list, value))] };
    object.sorted().into_iter().map(|(id, value)| (id, value_json(resource_type, id, value))).collect()
}
