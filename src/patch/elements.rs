//! Operations on the elements of a list that a condition selects, and on a sub-attribute of these elements.
//!
//! The list is taken out of the resource and put back, as in [`list`](super::list).

use serde_json::value::RawValue;

use super::{
    Op, PatchError,
    application::Application,
    path::Elements,
    value::{cleared, is_nothing, object_of},
};
use crate::{
    filter::{Condition, Expression, Filter, Literal, Operator},
    path::PathRef,
    quirks::Quirk,
    resource::{only_labels, read_element, same},
    schema::{AttributeId, Mutability},
    value::{Object, Value},
};

impl Application<'_> {
    /// Applies an operation to the values of a list that a condition selects, or to a sub-attribute of these values
    /// (RFC 7644 §3.5.2.2, §3.5.2.3).
    pub(super) fn elements(&mut self, op: Op, elements: &Elements, raw: Option<&RawValue>) -> Result<(), PatchError> {
        let condition = elements.condition(self.resource_type, self.reading.tolerance)?;
        let list = elements.list;
        let mut there = self.take(list);
        let (terms, searches) = condition.as_ref().map_or((1, 0), Condition::comparisons);
        if searches < terms {
            self.look_at(&there, terms - searches)?;
        }
        self.search(&there, searches)?;
        let selected = |element: &Value| condition.as_ref().is_none_or(|condition| condition.matches_element(element));
        let positions: Vec<usize> = (0..).zip(&there).filter(|(_, it)| selected(it)).map(|(at, _)| at).collect();

        let change = match (op, elements.sub, raw) {
            (Op::Remove, None, _) => Change::Remove,
            (Op::Remove, Some(sub), _) => Change::Unset { sub },
            // The condition describes the element, which needs no other value.
            (Op::Add, None, None) => Change::Merge { object: Object::new(), cleared: Vec::new(), whole: true },
            (_, _, None) => Change::Nothing,
            (_, None, Some(raw)) => self.whole_element(op, list, raw)?,
            (_, Some(sub), Some(raw)) => self.part_of_element(sub, raw)?,
        };
        if positions.is_empty() {
            return self.without_match(op, elements, condition.as_ref(), change, raw.is_some(), there);
        }
        if !matches!(change, Change::Nothing | Change::Remove) {
            self.edit(list);
        }
        match change {
            Change::Nothing => {}
            Change::Remove => {
                let mut at = 0;
                let mut rest = positions.iter().copied().peekable();
                there.retain(|_| {
                    let selected = rest.next_if_eq(&at).is_some();
                    at += 1;
                    !selected
                });
            }
            Change::Unset { sub } => {
                for at in &positions {
                    let Some(Value::Complex(element)) = there.get_mut(*at) else { continue };
                    if element.contains(sub) {
                        self.check_part(sub, element, None)?;
                        element.remove(sub);
                    }
                }
                there.retain(|element| !is_void(element));
            }
            Change::Merge { object, cleared, whole } => {
                let becomes_primary = self.is_primary(list, &object);
                for at in &positions {
                    if let Some(Value::Complex(element)) = there.get_mut(*at) {
                        self.merge(element, &object, &cleared, whole)?;
                    }
                }
                if becomes_primary {
                    self.only_primary(list, &mut there, &positions)?;
                }
                there.retain(|element| !is_void(element));
            }
            Change::Put(value) => {
                for at in &positions {
                    if let Some(element) = there.get_mut(*at) {
                        *element = value.clone();
                    }
                }
            }
        }
        self.put(list, there)
    }

    /// The effect of an `add` or `replace` on a whole element: a complex value merges into it, as into any complex
    /// attribute.
    fn whole_element(&mut self, op: Op, list: AttributeId, raw: &RawValue) -> Result<Change, PatchError> {
        let cleared = cleared(self.resource_type, list, raw, self.reading.tolerance);
        Ok(match read_element(self.resource_type, list, raw, &mut self.reading)? {
            Some(Value::Complex(object)) => Change::Merge { object, cleared, whole: true },
            Some(value) => Change::Put(value),
            None if op == Op::Replace && is_nothing(raw) => Change::Remove,
            None if is_nothing(raw) => Change::Nothing,
            None => Change::Merge { object: Object::new(), cleared, whole: true },
        })
    }

    /// The effect of an `add` or `replace` on one sub-attribute of an element.
    fn part_of_element(&mut self, sub: AttributeId, raw: &RawValue) -> Result<Change, PatchError> {
        if let Some(list) = self.reference_owner(sub) {
            let object = object_of(self.resource_type, sub, raw, "a reference")?;
            return self.whole_element(Op::Add, list, &object);
        }
        // A `value` that holds JSON text may describe the whole element.
        if self.resource_type.is_element_value(sub) && raw.get().starts_with("\"{") {
            let list = self.resource_type.parent(sub);
            let object = object_of(self.resource_type, sub, raw, "a value")?;
            return self.whole_element(Op::Add, list, &object);
        }
        Ok(match self.read(sub, raw)? {
            Some(value) => {
                Change::Merge { object: Object::from_iter([(sub, value)]), cleared: Vec::new(), whole: false }
            }
            None => Change::Unset { sub },
        })
    }

    /// Handles a condition that no value satisfies (RFC 7644 §3.5.2.1, §3.5.2.2, §3.5.2.3): an `add` or `replace` may
    /// create an element that satisfies the condition.
    fn without_match(
        &mut self,
        op: Op,
        elements: &Elements,
        condition: Option<&Condition>,
        change: Change,
        has_value: bool,
        mut there: Vec<Value>,
    ) -> Result<(), PatchError> {
        let list = elements.list;
        let quirk = match op {
            Op::Remove => return self.put(list, there),
            Op::Add => Quirk::AddCreatesElement,
            Op::Replace => Quirk::ReplaceCreatesElement,
        };
        let (object, cleared, condition, filter) = match (change, condition, &elements.filter) {
            (Change::Merge { object, cleared, .. }, Some(condition), Some(filter)) => {
                (object, cleared, condition, filter)
            }
            (Change::Nothing | Change::Unset { .. }, ..) if op == Op::Add => return self.put(list, there),
            // The operation assigns no value, and no value is selected: nothing has to change.
            (Change::Nothing | Change::Unset { .. } | Change::Remove, ..) if self.reading.allows(quirk) => {
                return self.put(list, there);
            }
            _ => return Err(PatchError::no_target()),
        };
        // A value without content creates no element. Only an operation without a `value` creates the described
        // element.
        let is_empty = object.iter().all(|(_, value)| value.as_str() == Some(""));
        if is_empty && has_value && self.reading.allows(quirk) {
            return self.put(list, there);
        }
        let mut element = self.described(list, filter).ok_or_else(PatchError::no_target)?;
        // Without a value the element must have more than labels, as an element of a list in a request body must.
        let has_no_value =
            object.is_empty() || self.resource_type.value_of(list).is_some_and(|value| cleared.contains(&value));
        for (sub, value) in object {
            element.insert(sub, value);
        }
        let is_nothing = has_no_value && only_labels(self.resource_type, list, &element);
        // The new element must satisfy the condition; otherwise each repetition of the operation would create
        // another element.
        let element = Value::Complex(element);
        if !condition.matches_element(&element) || !self.reading.allows(quirk) {
            return Err(PatchError::no_target());
        }
        if is_nothing {
            return self.put(list, there);
        }
        let becomes_primary = element.as_object().is_some_and(|object| self.is_primary(list, object));
        there.push(element);
        if becomes_primary {
            let newest = [there.len() - 1];
            self.only_primary(list, &mut there, &newest)?;
        }
        self.edit(list);
        self.put(list, there)
    }

    /// The element that a condition describes; `None` unless the condition consists of `eq` joined by `and`.
    fn described(&mut self, list: AttributeId, filter: &Filter) -> Option<Object> {
        let mut element = Object::new();
        match filter.expression() {
            Expression::And(operands) => {
                for operand in operands {
                    self.describe(list, operand, &mut element)?;
                }
            }
            expression => self.describe(list, expression, &mut element)?,
        }
        Some(element)
    }

    fn describe(&mut self, list: AttributeId, expression: Expression<'_>, element: &mut Object) -> Option<()> {
        let Expression::Compare { path, operator: Operator::Eq, value } = expression else { return None };
        let sub = self.part_named(list, path)?;
        let json = match value {
            Literal::String(text) => serde_json::to_string(text).ok()?,
            Literal::Number(text) => text.to_owned(),
            Literal::Boolean(truth) => truth.to_string(),
            Literal::Null => return None,
        };
        let value = self.read(sub, &RawValue::from_string(json).ok()?).ok()??;
        match element.insert(sub, value.clone()) {
            Some(other) if !same(self.resource_type, sub, &other, &value) => None,
            _ => Some(()),
        }
    }

    /// The sub-attribute at `path`, if a client may set it.
    fn part_named(&self, list: AttributeId, path: PathRef<'_>) -> Option<AttributeId> {
        let sub = self.resource_type.resolve_below(list, path).filter(|sub| *sub != list)?;
        let settable = self.resource_type.attribute(sub).mutability() != Mutability::ReadOnly
            && self.reference_owner(sub).is_none();
        settable.then_some(sub)
    }
}

/// Whether a value has lost all its sub-attributes, so that no value is left.
fn is_void(value: &Value) -> bool {
    value.as_object().is_some_and(Object::is_empty)
}

/// The effect of an operation on the selected values of a list.
enum Change {
    Nothing,
    /// Removes the values.
    Remove,
    /// Removes a sub-attribute of the values.
    Unset {
        sub: AttributeId,
    },
    /// Sets the sub-attributes of `object` and removes those in `cleared`.
    Merge {
        object: Object,
        cleared: Vec<AttributeId>,
        /// Whether the client sent an element, not one sub-attribute of it.
        whole: bool,
    },
    /// Replaces the values by this value of a simple type.
    Put(Value),
}
