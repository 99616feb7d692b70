//! Operations on lists: on a list as a whole, and on the values that a condition selects.
//!
//! A list is taken out of the resource, changed and put back. An operation that fails does not put the list back,
//! which does no harm: the whole patch has failed then.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::{
    Op, PatchError, PatchErrorKind,
    apply::{Application, object_mut},
    given::named,
    path::Elements,
    value::{cleared, is_nothing},
};
use crate::{
    filter::{Condition, Expression, Filter, Literal, Operator},
    path::PathRef,
    quirks::Quirk,
    resource::{
        Known, List, Loss, keeps_stored, only_labels, read_element, read_list, read_selection, same, value_json,
    },
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Text, Value},
};

impl Application<'_> {
    /// Applies an operation to a list as a whole.
    pub(super) fn list(&mut self, op: Op, list: AttributeId, raw: Option<&RawValue>) -> Result<(), PatchError> {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else {
            return if op == Op::Add { Ok(()) } else { self.unassign(list) };
        };
        if op == Op::Remove {
            let given = read_selection(self.kind, list, raw, self.limits, self.tolerance)?;
            self.expect_nothing_secret(&given)?;
            let mut there = self.take(list);
            let given = named(self.kind, list, given);
            self.look_at(&there, given.lookups())?;
            there.retain(|element| !given.names(element));
            return self.put(list, there);
        }
        let List { values: given, loss, unpacked } = read_list(self.kind, list, raw, self.limits, self.tolerance)?;
        match op {
            Op::Add => {
                let there = self.take(list);
                self.append(list, there, given, &unpacked)
            }
            // The list gets exactly the values that the client sent.
            _ if !given.is_empty() => {
                let given = self.with_fixed_parts(list, given)?;
                self.take(list);
                self.put(list, given)
            }
            // The schema knows none of the values, so the operation is ignored, as an operation on an unknown
            // attribute is.
            _ if loss == Loss::Unknown => Ok(()),
            _ if loss == Loss::Void => Err(PatchError::value("expected values that are not empty")),
            // Every value in the list is unassigned.
            _ => self.unassign(list),
        }
    }

    /// Applies an operation to the values of a list that a condition selects, or to a sub-attribute of these values.
    pub(super) fn elements(&mut self, op: Op, elements: &Elements, raw: Option<&RawValue>) -> Result<(), PatchError> {
        let condition = elements.condition(self.kind, self.tolerance)?;
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
        let cleared = cleared(self.kind, list, raw, self.tolerance);
        Ok(match read_element(self.kind, list, raw, self.limits, self.tolerance)? {
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
            let object = RawValue::from_string(format!("{{\"{}\":{}}}", self.kind.attribute(sub).name(), raw.get()));
            let object = object.map_err(|error| PatchError::json(&error, "a reference"))?;
            return self.whole_element(Op::Add, list, &object);
        }
        // A `value` that holds JSON text may describe the whole element.
        if self.kind.is_element_value(sub) && raw.get().starts_with("\"{") {
            let list = self.kind.parent(sub);
            let object = RawValue::from_string(format!("{{\"{}\":{}}}", self.kind.attribute(sub).name(), raw.get()));
            let object = object.map_err(|error| PatchError::json(&error, "a value"))?;
            return self.whole_element(Op::Add, list, &object);
        }
        Ok(match self.read(sub, raw)? {
            Some(value) => {
                Change::Merge { object: Object::from_iter([(sub, value)]), cleared: Vec::new(), whole: false }
            }
            None => Change::Unset { sub },
        })
    }

    /// Handles a condition that no value satisfies (RFC 7644 §3.5.2.2, §3.5.2.3): an `add` or `replace` may create
    /// an element that satisfies the condition.
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
            (Change::Nothing | Change::Unset { .. } | Change::Remove, ..) if self.tolerance.allows(quirk) => {
                return self.put(list, there);
            }
            _ => return Err(PatchError::no_target()),
        };
        // A value without content creates no element. Only an operation without a `value` creates the described
        // element.
        let is_empty = object.iter().all(|(_, value)| value.as_str() == Some(""));
        if is_empty && has_value && self.tolerance.allows(quirk) {
            return self.put(list, there);
        }
        let mut element = self.described(list, filter).ok_or_else(PatchError::no_target)?;
        // Without a value the element must have more than labels, as an element of a list in a request body must.
        let has_no_value = object.is_empty() || self.kind.value_of(list).is_some_and(|value| cleared.contains(&value));
        for (sub, value) in object {
            element.insert(sub, value);
        }
        let is_nothing = has_no_value && only_labels(self.kind, list, &element);
        // The new element must satisfy the condition; otherwise each repetition of the operation would create
        // another element.
        let element = Value::Complex(element);
        if !condition.matches_element(&element) || !self.tolerance.allows(quirk) {
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
            Some(other) if !same(self.kind, sub, &other, &value) => None,
            _ => Some(()),
        }
    }

    /// The sub-attribute at `path`, if a client may set it.
    fn part_named(&self, list: AttributeId, path: PathRef<'_>) -> Option<AttributeId> {
        let sub = self.kind.resolve_below(list, path).filter(|sub| *sub != list)?;
        let settable =
            self.kind.attribute(sub).mutable() != Mutability::ReadOnly && self.reference_owner(sub).is_none();
        settable.then_some(sub)
    }

    /// Puts the sub-attributes of `object` into an element and removes those in `cleared`. `whole` means that the
    /// client sent an element, in which the type of a referenced resource is an echo.
    fn merge(
        &self,
        element: &mut Object,
        object: &Object,
        cleared: &[AttributeId],
        whole: bool,
    ) -> Result<(), PatchError> {
        for (sub, value) in object.iter() {
            if whole && self.kind.is_reference_type(sub) && element.contains(sub) {
                continue;
            }
            self.check_part(sub, element, Some(value))?;
            if element.get(sub).is_some_and(|stored| keeps_stored(self.kind, sub, stored, Some(value))) {
                continue;
            }
            element.insert(sub, value.clone());
        }
        for sub in cleared.iter().filter(|sub| self.kind.attribute(**sub).mutable() != Mutability::ReadOnly) {
            if element.contains(*sub) {
                self.check_part(*sub, element, None)?;
                element.remove(*sub);
            }
        }
        Ok(())
    }

    /// Checks that a sub-attribute of an element may get this value, or lose its value if `value` is `None`.
    fn check_part(&self, sub: AttributeId, element: &Object, value: Option<&Value>) -> Result<(), PatchError> {
        let definition = self.kind.attribute(sub);
        if value.is_none() && definition.is_required() {
            return Err(PatchError::mutability("expected a required sub-attribute to keep a value"));
        }
        let fixed = definition.mutable() == Mutability::Immutable;
        let keeps = |there: &Value| value.is_some_and(|value| same(self.kind, sub, there, value));
        if fixed && element.get(sub).is_some_and(|there| !keeps(there)) {
            return Err(PatchError::mutability("expected an immutable sub-attribute to keep its value"));
        }
        Ok(())
    }

    /// Adds values to a list that was taken out, and puts the list back. A value that the list already contains is
    /// not added again (RFC 7644 §3.5.2.1). The values in `unpacked` came as text that names a value without all
    /// of its sub-attributes.
    fn append(
        &mut self,
        list: AttributeId,
        mut there: Vec<Value>,
        given: Vec<Value>,
        unpacked: &[Text],
    ) -> Result<(), PatchError> {
        let is_reference = self.kind.is_reference_list(list);
        let (value_of, display) = (self.kind.value_of(list), self.kind.child(list, "display"));
        let before = there.len();
        let mut known = Known::new(self.kind, list, &there, given.len());
        let mut named = Known::new(self.kind, list, &there, unpacked.len());
        let mut primaries = Vec::new();
        for value in given {
            let is_primary = value.as_object().is_some_and(|object| self.is_primary(list, object));
            let is_unpacked = !unpacked.is_empty()
                && value.as_object().is_some_and(|object| {
                    let name = value_of.and_then(|id| object.get(id)?.as_str());
                    name.is_some_and(|name| unpacked.iter().any(|unpacked| unpacked.as_str() == name))
                        && object.iter().all(|(id, _)| Some(id) == value_of || Some(id) == display)
                });
            // The `value` identifies such an element, regardless of its other sub-attributes in the request body.
            let identity = value_of.filter(|_| is_reference || is_unpacked);
            let only_id = identity.and_then(|id| Some((id, value.as_object()?.get(id)?.clone())));
            let found = match (identity, only_id) {
                (_, Some(only_id)) => {
                    let only = Value::Complex(Object::from_iter([only_id]));
                    let found = if is_unpacked { &mut named } else { &mut known };
                    let among = if is_unpacked { there.len() } else { before };
                    found.position(there.get(..among).unwrap_or_default(), &only)
                }
                (Some(_), None) => None,
                // Only the stored values are compared: the order of the given values must not decide which of them
                // are added.
                (None, None) => known.position(there.get(..before).unwrap_or_default(), &value),
            };
            self.charge(known.take_units().saturating_add(named.take_units()))?;
            let position = found.unwrap_or(there.len());
            match (found, value) {
                (None, value) => there.push(value),
                (Some(position), Value::Complex(given)) if is_unpacked => {
                    if let Some(Value::Complex(element)) = there.get_mut(position) {
                        self.merge(element, &given, &[], true)?;
                    }
                }
                _ => {}
            }
            if is_primary {
                primaries.push(position);
            }
        }
        if !primaries.is_empty() {
            self.only_primary(list, &mut there, &primaries)?;
        }
        self.put(list, there)
    }

    /// Makes the value at the single position in `positions` the primary value (RFC 7644 §3.5.2).
    fn only_primary(&self, list: AttributeId, there: &mut [Value], positions: &[usize]) -> Result<(), PatchError> {
        let [position] = positions else { return Err(PatchError::value("expected at most one primary value")) };
        let Some(primary) = self.kind.conventional(list).primary else { return Ok(()) };
        for (at, value) in there.iter_mut().enumerate() {
            let Value::Complex(object) = value else { continue };
            if at == *position {
                object.insert(primary, Value::Boolean(true));
            } else if let Some(other @ Value::Boolean(true)) = object.get_mut(primary) {
                *other = Value::Boolean(false);
            }
        }
        Ok(())
    }

    fn is_primary(&self, list: AttributeId, object: &Object) -> bool {
        let primary = self.kind.conventional(list).primary.and_then(|primary| object.get(primary));
        primary.and_then(Value::as_bool) == Some(true)
    }

    /// Copies immutable sub-attributes and the resource's type to references that stay in a list, whether or not
    /// the client repeats them.
    fn with_fixed_parts(&self, list: AttributeId, mut given: Vec<Value>) -> Result<Vec<Value>, PatchError> {
        let identity = self.kind.value_of(list).filter(|_| self.kind.is_reference_list(list));
        let (Some(identity), Some(before)) = (identity, self.after.value(list)) else { return Ok(given) };
        let before = before.elements();
        let mut known = Known::new(self.kind, list, before, given.len());
        for value in &mut given {
            let Value::Complex(object) = value else { continue };
            let Some(id) = object.get(identity).cloned() else { continue };
            let found = known.position(before, &Value::Complex(Object::from_iter([(identity, id)])));
            self.charge(known.take_units())?;
            let Some(stored) = found.and_then(|position| before.get(position)?.as_object()) else { continue };
            for (sub, part) in stored.iter() {
                if keeps_stored(self.kind, sub, part, object.get(sub)) {
                    object.insert(sub, part.clone());
                }
            }
        }
        Ok(given)
    }

    /// Takes the values of a list out of the resource; an empty list keeps their position.
    fn take(&mut self, list: AttributeId) -> Vec<Value> {
        if self.after.value(list).is_none() {
            return Vec::new();
        }
        let object = object_mut(self.kind, self.after.root_mut(), self.kind.parent(list));
        match object.and_then(|object| object.get_mut(list)) {
            Some(Value::List(values)) => std::mem::take(values),
            _ => Vec::new(),
        }
    }

    /// Puts a list back. An empty list is unassigned.
    fn put(&mut self, list: AttributeId, values: Vec<Value>) -> Result<(), PatchError> {
        if values.is_empty() {
            return self.unassign(list);
        }
        // All operations together may add as many values as one request may have. `Fold` counts references.
        let most = self.limits.values;
        let before = self.before.value(list).map_or(0, |before| before.elements().len());
        if values.len() > before.saturating_add(most) && !self.kind.is_reference_list(list) {
            return Err(PatchError::new(PatchErrorKind::TooMany, format!("expected at most {most} values")));
        }
        if let Some(object) = object_mut(self.kind, self.after.root_mut(), self.kind.parent(list)) {
            object.insert(list, Value::List(values));
        }
        Ok(())
    }

    /// Notes that single values of a list were changed. The list is noted once, since a request may do so a
    /// thousand times.
    fn edit(&mut self, list: AttributeId) {
        if !self.edited.contains(&list) {
            self.edited.push(list);
        }
    }

    /// Drops a value that an operation made the same as another value. A value that no operation changed stays,
    /// even if it was the same as another value before. Of changed values that are the same, the first stays.
    /// Values in the same spelling cannot be told apart: the first of them counts as unchanged. The rest keep
    /// their order, which has no meaning to a client.
    pub(super) fn drop_doubles(&mut self, list: AttributeId) -> Result<(), PatchError> {
        let there = self.take(list);
        let mut known = Known::new(self.kind, list, &there, there.len()).exact();
        let mut seen = 0;
        let has_doubles = there.iter().any(|value| {
            seen += 1;
            known.position(there.get(..seen).unwrap_or_default(), value) != Some(seen - 1)
        });
        self.charge(known.take_units())?;
        let kept = if has_doubles { self.distinct(list, there)? } else { there };
        let object = object_mut(self.kind, self.after.root_mut(), self.kind.parent(list));
        if let Some(place) = object.filter(|_| !kept.is_empty()).and_then(|object| object.get_mut(list)) {
            *place = Value::List(kept);
        }
        Ok(())
    }

    fn distinct(&self, list: AttributeId, values: Vec<Value>) -> Result<Vec<Value>, PatchError> {
        let before = self.before.value(list).map(Value::elements).unwrap_or_default();
        let mut stored: HashMap<Spelling, usize> = HashMap::new();
        for value in before {
            *stored.entry(spelling(self.kind, list, value)).or_default() += 1;
        }
        // Each stored value accounts for one value: a second value in the same spelling counts as changed.
        let mut is_unchanged = |value: &Value| match stored.get_mut(&spelling(self.kind, list, value)) {
            Some(left @ 1..) => {
                *left -= 1;
                true
            }
            _ => false,
        };
        let values: Vec<(bool, Value)> = values.into_iter().map(|value| (is_unchanged(&value), value)).collect();
        let unchanged = values.iter().filter(|(is_unchanged, _)| *is_unchanged);
        let mut pool: Vec<Value> = unchanged.map(|(_, value)| value.clone()).collect();
        let mut known = Known::new(self.kind, list, &pool, values.len()).exact();
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
fn spelling(kind: &ResourceType, list: AttributeId, value: &Value) -> Spelling {
    let Value::Complex(object) = value else { return vec![(list, value_json(kind, list, value))] };
    let mut spelling: Spelling = object.iter().map(|(id, value)| (id, value_json(kind, id, value))).collect();
    spelling.sort_unstable_by_key(|(id, _)| *id);
    spelling
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
