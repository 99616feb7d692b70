//! Lists: value by value where a condition can select each value alone, or as a whole.
//!
//! Lists of references are in `references`.

use std::collections::{HashMap, HashSet};

use super::{
    Comparison, DiffError, DiffErrorKind, Form, Requests, Step,
    element::{Element, SubAttributeChange, distinct},
    replacement::can_be_added,
    size,
    state::{State, identifying},
    step::{escaped, operation_size},
};
use crate::{
    patch::Op,
    resource::value_json,
    schema::{AttributeId, AttributeType, Mutability},
    value::{Object, Value},
};

impl Comparison<'_> {
    pub(super) fn list(
        &self,
        list: AttributeId,
        before: Option<&Value>,
        wanted: Option<&Value>,
    ) -> Result<Vec<Step>, DiffError> {
        let there = before.map_or(&[][..], Value::elements);
        let before = distinct(self.resource_type, list, there);
        let wanted = distinct(self.resource_type, list, wanted.map_or(&[][..], Value::elements));
        if wanted.is_empty() {
            return if before.is_empty() { Ok(Vec::new()) } else { Ok(vec![self.unset(list)?]) };
        }
        let path = self.path(list)?;
        if before.is_empty() {
            return Ok(vec![self.whole(list, path, Op::Add, &wanted)?]);
        }
        if let Some(value) = self.resource_type.value_of(list).filter(|_| self.resource_type.is_reference_list(list)) {
            return self.references(list, value, &path, &before, &wanted);
        }
        if self.resource_type.attribute(list).data_type() != AttributeType::Complex {
            return self.simple(list, path, &before, &wanted);
        }
        let one_by_one = self.one_by_one(list, &path, there, &before, &wanted)?;
        if one_by_one.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        // If a value occurs twice, the effect of an operation on the second copy is unknown.
        let one_by_one = one_by_one.filter(|_| before.len() == there.len());
        // A value that stays may have a text that no request may contain: the list as a whole cannot be sent then.
        let whole = self.whole(list, path, Op::Replace, &wanted).map(|step| vec![step]);
        // A sub-attribute that is never returned may have a value that the client does not know. Replacing the list
        // would remove that value.
        let hides = self.resource_type.children(list).iter().any(|sub| self.resource_type.is_sensitive(*sub));
        let is_best = |steps: &Vec<Step>| hides || whole.as_ref().map_or(true, |whole| size(steps) <= size(whole));
        one_by_one.filter(is_best).map_or(whole, Ok)
    }

    /// One step that sends all values at once.
    fn whole(&self, list: AttributeId, path: String, op: Op, wanted: &[Element<'_>]) -> Result<Step, DiffError> {
        let values: Result<Vec<String>, _> = wanted.iter().map(|element| self.element_json(list, *element)).collect();
        let values = values?;
        if self.resource_type.attribute(list).mutability() != Mutability::Immutable {
            return Ok(Step::Values { list, op, path, values });
        }
        // Nothing can be added to an immutable list later.
        if values.len() > self.limits.values {
            return Err(DiffError::new(DiffErrorKind::TooLarge, path));
        }
        Ok(Step::One { at: list, op, path, value: Some(format!("[{}]", values.join(","))) })
    }

    /// The steps for a list of simple values. The RFC has value paths for complex values only, so a value is
    /// removed by replacing the list, unless the list takes more than one request.
    fn simple(
        &self,
        list: AttributeId,
        path: String,
        before: &[Element<'_>],
        wanted: &[Element<'_>],
    ) -> Result<Vec<Step>, DiffError> {
        let form = Form { resource_type: self.resource_type, exact: true };
        let forms = |elements: &[Element<'_>]| -> HashSet<String> {
            elements.iter().map(|element| form.of(list, element.value)).collect()
        };
        let (was, now) = (forms(before), forms(wanted));
        let is_in = |forms: &HashSet<String>, element: &Element<'_>| forms.contains(&form.of(list, element.value));
        let new: Result<Vec<_>, _> =
            wanted.iter().filter(|it| !is_in(&was, it)).map(|it| self.element_json(list, *it)).collect();
        let new = new?;
        let gone: Vec<_> = before.iter().filter(|it| !is_in(&now, it)).collect();
        let mut steps = Vec::new();
        if !gone.is_empty() {
            let whole = self.whole(list, path.clone(), Op::Replace, wanted);
            let is_sayable =
                |it: &&Element<'_>| it.value.as_str().is_none_or(|it| !it.is_empty() && !it.contains('\0'));
            let can_be_named =
                !self.resource_type.is_sensitive(list) && gone.len() < before.len() && gone.iter().all(is_sayable);
            if whole.as_ref().is_ok_and(|whole| Requests::fits_alone(whole, self.limits)) || !can_be_named {
                return whole.map(|step| vec![step]);
            }
            let conditions =
                gone.iter().map(|it| (format!("value eq {}", value_json(self.resource_type, list, it.value)), 1));
            steps.push(Step::Gone { list, path: path.clone(), conditions: conditions.collect() });
        }
        if !new.is_empty() {
            steps.push(Step::Values { list, op: Op::Add, path, values: new });
        }
        Ok(steps)
    }

    /// The steps for a list of complex values, value by value: first removals, then changes, then additions.
    /// `None` if no value stays, or if no condition can tell a value from the others.
    fn one_by_one(
        &self,
        list: AttributeId,
        path: &str,
        there: &[Value],
        before: &[Element<'_>],
        wanted: &[Element<'_>],
    ) -> Result<Option<Vec<Step>>, DiffError> {
        let mut state = State::new(self.resource_type, self.limits, list);
        there.iter().filter_map(Value::as_object).for_each(|object| state.add(object));
        let pairs = self.pairs(list, before, wanted);
        let mut stays = vec![false; before.len()];
        let (mut staying, mut coming) = (Vec::new(), Vec::new());
        for (element, pair) in wanted.iter().zip(pairs) {
            let paired = match pair.and_then(|index| Some((index, before.get(index)?))) {
                Some((index, was)) => self.worth_changing(list, path, &state, *was, *element)?.map(|it| (index, it)),
                None => None,
            };
            match (paired, pair.and_then(|index| Some((index, before.get(index)?)))) {
                (Some((index, parts)), Some((_, was))) => {
                    if let Some(stays) = stays.get_mut(index) {
                        *stays = true;
                    }
                    staying.push((*was, *element, parts));
                }
                _ => coming.push(*element),
            }
        }
        if staying.is_empty() {
            return Ok(None);
        }

        let going: Vec<&Object> =
            before.iter().zip(&stays).filter(|(_, stays)| !**stays).filter_map(|(was, _)| was.object()).collect();
        let conditions: Option<Vec<_>> = going.iter().map(|object| state.condition(object)).collect();
        let Some(conditions) = conditions else { return Ok(None) };
        for object in going {
            state.remove(object);
        }
        let mut steps = Vec::new();
        if !conditions.is_empty() {
            steps.push(Step::Gone { list, path: path.to_owned(), conditions });
        }

        let mut said = coming.iter().any(|element| element.is_primary);
        for (was, now, parts) in staying.iter().filter(|(_, _, parts)| !parts.is_empty()) {
            let Some(object) = was.object() else { return Ok(None) };
            let Some((changes, says)) = self.change(list, path, &mut state, (object, *now), parts)? else {
                return Ok(None);
            };
            steps.extend(changes);
            said |= says;
        }
        let primaries: Vec<_> = staying.iter().map(|(was, now, _)| (was.is_primary, *now)).collect();
        let Some(primary) = self.primary(list, path, &state, &primaries, said) else { return Ok(None) };
        // `primary` changes before new values are added: a condition that selects one value now may later select a
        // new value as well.
        steps.extend(primary);
        if !coming.is_empty() {
            let kept = staying.iter().map(|(_, now, _)| now.value.clone()).collect();
            if !can_be_added(self.resource_type, list, kept, coming.iter().map(|element| element.value)) {
                return Ok(None);
            }
            let values: Result<Vec<String>, _> = coming.iter().map(|it| self.element_json(list, *it)).collect();
            steps.push(Step::Values { list, op: Op::Add, path: path.to_owned(), values: values? });
        }
        Ok(Some(steps))
    }

    /// The index in `before` of each value of `wanted`: of the same value, or else of the only value with the same
    /// `value`, `type` or other sub-attribute.
    fn pairs(&self, list: AttributeId, before: &[Element<'_>], wanted: &[Element<'_>]) -> Vec<Option<usize>> {
        let exact = Form { resource_type: self.resource_type, exact: true };
        let mut same: HashMap<String, usize> =
            (0..).zip(before).map(|(index, element)| (exact.of(list, element.value), index)).collect();
        let mut pairs: Vec<Option<usize>> =
            wanted.iter().map(|element| same.remove(&exact.of(list, element.value))).collect();
        let mut free = vec![true; before.len()];
        let take = |free: &mut Vec<bool>, index: usize| {
            if let Some(free) = free.get_mut(index) {
                *free = false;
            }
        };
        pairs.iter().flatten().for_each(|index| take(&mut free, *index));

        let form = Form { resource_type: self.resource_type, exact: false };
        for part in identifying(self.resource_type, list) {
            let key = |element: &Element<'_>| Some(form.of(part, element.object()?.get(part)?));
            // A key that occurs twice identifies nothing.
            let only = |keys: &mut dyn Iterator<Item = (usize, String)>| {
                let mut found: HashMap<String, Option<usize>> = HashMap::new();
                keys.for_each(|(index, key)| {
                    found.entry(key).and_modify(|only| *only = None).or_insert(Some(index));
                });
                found
            };
            let was = (0..).zip(before).zip(&free).filter(|(_, free)| **free).map(|(it, _)| it);
            let was = only(&mut was.filter_map(|(index, element)| Some((index, key(element)?))));
            let now = (0..).zip(wanted).zip(&pairs).filter(|(_, pair)| pair.is_none()).map(|(it, _)| it);
            let now = only(&mut now.filter_map(|(index, element)| Some((index, key(element)?))));
            for (key, index) in now {
                let (Some(index), Some(Some(was))) = (index, was.get(&key)) else { continue };
                if let Some(pair) = pairs.get_mut(index) {
                    *pair = Some(*was);
                    take(&mut free, *was);
                }
            }
        }
        pairs
    }

    /// The sub-attributes in which a value has to change; `None` if the change is not allowed, or if removing the
    /// value and adding it again is shorter.
    fn worth_changing<'v>(
        &self,
        list: AttributeId,
        path: &str,
        state: &State<'_>,
        was: Element<'_>,
        now: Element<'v>,
    ) -> Result<Option<Vec<SubAttributeChange<'v>>>, DiffError> {
        let (Some(object), Some(to)) = (was.object(), now.object()) else { return Ok(None) };
        let Some(parts) = self.parts(list, object, to) else { return Ok(None) };
        if parts.is_empty() {
            return Ok(Some(parts));
        }
        let Some((condition, _)) = state.condition(object) else { return Ok(Some(parts)) };
        let brackets = escaped(path) + escaped(&condition) + "[]".len();
        let (mut one_by_one, mut at_once) = (0, Some(0));
        for (id, value) in &parts {
            let name = brackets + 1 + self.resource_type.attribute(*id).name().len();
            one_by_one += 1 + match value {
                Some(value) => operation_size(Op::Replace, name, Some(self.json(*id, value)?.len())),
                None => operation_size(Op::Remove, name, None),
            };
            at_once = at_once.filter(|_| value.is_some());
        }
        // A sub-attribute that stays may have a text that no request may contain.
        let Ok(value) = self.element_json(list, now).map(|json| json.len()) else { return Ok(Some(parts)) };
        let at_once = at_once.map_or(usize::MAX, |_| operation_size(Op::Replace, brackets, Some(value)) + 1);
        let anew = operation_size(Op::Remove, brackets, None)
            + operation_size(Op::Add, escaped(path), Some(value + "[]".len()))
            + 2;
        Ok((one_by_one.min(at_once) <= anew).then_some(parts))
    }
}
