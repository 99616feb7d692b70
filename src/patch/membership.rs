//! A change of a list of references as a delta: the values to remove and to add, never the list (RFC 7644 §3.5.2).
//!
//! Adding one member to a group of 100,000 must cost one row. A store applies a [`ValueEdit`] to its rows; a store
//! that keeps whole resources calls [`ValueEdit::apply`]. This file does not know stores.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use serde_json::value::RawValue;

use super::{
    Op, Patch, PatchError, PatchErrorKind,
    members::members,
    path::{Elements, Target},
    value::{is_nothing, unpacked},
};
use crate::{
    filter::{Expression, Literal, Operator},
    quirks::{Quirk, Reading},
    resource::{Resource, judge_element, read_selection, read_value},
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Text, Value},
};

/// A change of one list of references by the `value`s in it. Returned by [`Patch::membership`] for a patch that
/// makes no other change, and reported by an [`Event`](crate::event::Event).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// The list.
    pub attribute: AttributeId,
    /// The values to remove and to add.
    pub edit: ValueEdit,
}

/// The values to remove from a list of references (`members` of a group) and the values to add.
///
/// The values are a set under their sub-attribute `value`, compared exactly. Steps apply in the order of the
/// fields. A value that the list already contains is not added again and keeps its sub-attributes, even when the
/// same edit clears or removes the value: replacing a list by itself changes nothing.
///
/// ```
/// use std::sync::Arc;
/// use scim_core::{patch::ValueEdit, resource::Resource, schema::{AttributeId, ResourceType}, value::{Object, Value}};
///
/// let resource_type = Arc::new(ResourceType::group()?);
/// let members = resource_type.child(AttributeId::ROOT, "members").expect("a group has members");
/// let value = resource_type.value_of(members).expect("a member has a value");
/// let member = |id: &str| Object::from_iter([(value, Value::String(id.into()))]);
///
/// let mut group = Resource::new(resource_type);
/// let edit = ValueEdit { add: vec![member("a"), member("b")], ..ValueEdit::default() };
/// assert_eq!(edit.apply(members, &mut group), Some(edit.clone()));
/// assert_eq!(edit.apply(members, &mut group), None, "both are members already");
/// # Ok::<(), scim_core::schema::SchemaError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a new step would lose members")]
pub struct ValueEdit {
    /// Whether to remove first every value that is not in `add`.
    pub clear: bool,
    /// The `value` of each value to remove.
    pub remove: Vec<Text>,
    /// The values to add, each with its sub-attribute `value`.
    pub add: Vec<Object>,
}

impl ValueEdit {
    /// Whether the edit has no step, so that it changes no list.
    pub fn is_empty(&self) -> bool {
        !self.clear && self.remove.is_empty() && self.add.is_empty()
    }

    /// Changes the list `attribute` of `resource`. Returns the effect: the values that were really removed and
    /// those that were really added; `None` when nothing changed. A list that becomes empty is unassigned.
    ///
    /// Takes time in proportion to the list and the edit together. For stores that keep a resource as one piece.
    pub fn apply(&self, attribute: AttributeId, resource: &mut Resource) -> Option<Self> {
        let value = resource.resource_type().value_of(attribute)?;
        self.apply_in(resource.root_mut(), attribute, value)
    }

    /// As [`ValueEdit::apply`], on the list in `root`. `value` is the sub-attribute that identifies the elements.
    pub(super) fn apply_in(&self, root: &mut Object, attribute: AttributeId, value: AttributeId) -> Option<Self> {
        let mut list = match root.get_mut(attribute) {
            Some(Value::List(list)) => std::mem::take(list).into_vec(),
            _ => Vec::new(),
        };
        let effect = self.apply_to(value, &mut list);
        match root.get_mut(attribute) {
            _ if list.is_empty() => drop(root.remove(attribute)),
            Some(there) => *there = Value::List(list.into()),
            None => drop(root.insert(attribute, Value::List(list.into()))),
        }
        effect
    }

    /// As [`ValueEdit::apply`], on the list itself. `value` is the sub-attribute that identifies the elements. An
    /// element that is already there is not added again (RFC 7644 §3.5.2.1), and a missing element is not removed
    /// (§3.5.2.2).
    fn apply_to(&self, value: AttributeId, list: &mut Vec<Value>) -> Option<Self> {
        let mut effect = Self::default();
        let coming = Positions::new(self.add.iter().filter_map(|element| key(element, value)));
        let going = Positions::new(self.remove.iter().map(Text::as_str));
        let mut there = vec![false; coming.count];
        let before = list.len();
        list.retain(|element| {
            let key = element.as_object().and_then(|object| key(object, value));
            if let Some(there) = key.and_then(|key| coming.get(key)).and_then(|position| there.get_mut(position)) {
                *there = true;
                return true;
            }
            let stays = !self.clear && key.is_none_or(|key| going.get(key).is_none());
            if let Some(key) = key.filter(|_| !stays) {
                effect.remove.push(key.into());
            }
            stays
        });
        let removed = list.len() != before;
        for element in &self.add {
            let position = key(element, value).and_then(|key| coming.get(key));
            if let Some(there @ false) = position.and_then(|position| there.get_mut(position)) {
                *there = true;
                list.push(Value::Complex(element.clone()));
                effect.add.push(element.clone());
            }
        }
        (removed || !effect.add.is_empty()).then_some(effect)
    }
}

/// See [`Patch::membership`].
pub(super) fn membership(
    patch: &Patch,
    resource_type: &Arc<ResourceType>,
    reading: &mut Reading<'_>,
) -> Result<Option<Membership>, PatchError> {
    if resource_type.reference_lists().is_empty() {
        return Ok(None);
    }
    // Quirks are recorded only if the patch is a membership change.
    let mut met = *reading.tolerance;
    let mut trial = reading.on_trial(&mut met);
    let mut found: Option<(AttributeId, Fold)> = None;
    for (index, operation) in patch.operations.iter().enumerate() {
        let key;
        let (name, raw) = match (&operation.path, &operation.value) {
            (Some(path), raw) => (&**path, raw.as_deref()),
            (None, Some(raw)) => match members(raw).as_deref() {
                Ok([(name, raw)]) if resource_type.child(AttributeId::ROOT, name).is_some() => {
                    key = name.clone();
                    (&*key, Some(*raw))
                }
                _ => return Ok(None),
            },
            (None, None) => return Ok(None),
        };
        let Ok(target) = Target::parse(resource_type, name, &mut trial) else { return Ok(None) };
        let Some(value) = target.list().and_then(|list| foldable(resource_type, list)) else { return Ok(None) };
        let (attribute, fold) = found.get_or_insert_with(|| (target.attribute(), Fold::new(value)));
        if *attribute != target.attribute() {
            return Ok(None);
        }
        let raw = raw.map(|raw| unpacked(resource_type, &target, raw, &mut trial));
        let folded = fold.operation(resource_type, operation.op, &target, raw.as_deref(), &mut trial);
        if !folded.map_err(|error| error.in_operation(index).at(name))? {
            return Ok(None);
        }
    }
    *reading.tolerance = met;
    Ok(found.map(|(attribute, fold)| Membership { attribute, edit: fold.into_edit() }))
}

/// The sub-attribute `value` of a list of references that a delta can change; `None` unless clients may write the
/// list, the list may be empty, and its ids compare exactly.
pub(super) fn foldable(resource_type: &ResourceType, list: AttributeId) -> Option<AttributeId> {
    let value = resource_type.value_of(list)?;
    let definition = resource_type.attribute(list);
    let usable = resource_type.is_reference_list(list)
        && !definition.is_required()
        && definition.mutability() == Mutability::ReadWrite
        && resource_type.attribute(value).mutability() != Mutability::ReadOnly
        && resource_type.compares_exactly(value);
    usable.then_some(value)
}

/// Operations on one list of references, folded into their joint effect: the last operation on a value decides.
#[derive(Debug)]
pub(super) struct Fold {
    value: AttributeId,
    clear: bool,
    /// Each value once, in the order in which it was first named, with its element if the value is to be added.
    slots: Vec<(Text, Option<Object>)>,
    positions: HashMap<Text, usize>,
}

impl Fold {
    pub(super) fn new(value: AttributeId) -> Self {
        Self { value, clear: false, slots: Vec::new(), positions: HashMap::new() }
    }

    /// Folds the operation; `false` if its effect depends on the stored list.
    pub(super) fn operation(
        &mut self,
        resource_type: &Arc<ResourceType>,
        op: Op,
        target: &Target,
        raw: Option<&RawValue>,
        reading: &mut Reading<'_>,
    ) -> Result<bool, PatchError> {
        let raw = raw.filter(|raw| op != Op::Remove || raw.get() != "null");
        if op == Op::Remove && raw.is_some() && !reading.tolerates(Quirk::RemoveWithValue) {
            return Ok(false);
        }
        match (target, op, raw) {
            (Target::Elements(elements), Op::Remove, _) => {
                let Some(ids) = named(elements) else { return Ok(false) };
                for id in ids {
                    self.remove(id);
                }
                if raw.is_some() {
                    reading.allows(Quirk::RemoveWithValue);
                }
            }
            (Target::Elements(elements), Op::Add, None) => {
                let ids = named(elements).unwrap_or_default();
                let [id] = *ids else { return Ok(false) };
                let element = Object::from_iter([(self.value, Value::String(id.into()))]);
                if judge_element(resource_type, elements.list, &element).is_err()
                    || !reading.allows(Quirk::AddCreatesElement)
                {
                    return Ok(false);
                }
                self.add(element);
            }
            (Target::Attribute(_), Op::Remove, None) => self.clear(),
            (Target::Attribute(list), Op::Remove, Some(raw)) => {
                reading.allows(Quirk::RemoveWithValue);
                for element in read_selection(resource_type, *list, raw, reading)? {
                    if let Some(id) = element.as_object().and_then(|object| key(object, self.value)) {
                        self.remove(id);
                    }
                }
            }
            (Target::Attribute(list), _, Some(raw)) => {
                let mut met = *reading.tolerance;
                let Some(elements) = self.elements(resource_type, *list, raw, &mut reading.on_trial(&mut met))? else {
                    return Ok(false);
                };
                // A delta is committed without reading the resource, so no element may break a rule.
                if !elements.iter().all(|element| judge_element(resource_type, *list, element).is_ok()) {
                    return Ok(false);
                }
                if op == Op::Replace {
                    if !self.is_settled(resource_type, *list) || elements.is_empty() && !is_nothing(raw) {
                        return Ok(false);
                    }
                    self.clear();
                }
                *reading.tolerance = met;
                for element in elements {
                    self.add(element);
                }
            }
            _ => return Ok(false),
        }
        if self.slots.len() > reading.limits.values {
            let message = format!("expected at most {} values", reading.limits.values);
            return Err(PatchError::new(PatchErrorKind::TooMany, message));
        }
        Ok(true)
    }

    /// The elements in JSON; `None` if an element has no `value` or has a `primary`, which may affect other values.
    fn elements(
        &self,
        resource_type: &Arc<ResourceType>,
        list: AttributeId,
        raw: &RawValue,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Vec<Object>>, PatchError> {
        let primary = resource_type.conventional(list).primary;
        let elements = match read_value(resource_type, list, raw, reading)? {
            Some(Value::List(elements)) => elements,
            Some(_) => return Ok(None),
            None => return Ok(Some(Vec::new())),
        };
        let plain = |element| match element {
            Value::Complex(object) => {
                let is_primary = primary.is_some_and(|primary| object.contains(primary));
                (key(&object, self.value).is_some() && !is_primary).then_some(object)
            }
            _ => None,
        };
        Ok(elements.into_iter().map(plain).collect())
    }

    /// Whether a value of the list can only be added and removed, so that replacing a value by itself changes nothing.
    fn is_settled(&self, resource_type: &ResourceType, list: AttributeId) -> bool {
        let fixed = |id: &AttributeId| {
            matches!(resource_type.attribute(*id).mutability(), Mutability::Immutable | Mutability::ReadOnly)
                || resource_type.referred_id(*id).is_some()
        };
        resource_type.children(list).iter().all(|id| *id == self.value || fixed(id))
    }

    fn clear(&mut self) {
        self.clear = true;
        self.slots.clear();
        self.positions.clear();
    }

    fn remove(&mut self, id: &str) {
        if let Some((_, element)) = self.positions.get(id).and_then(|position| self.slots.get_mut(*position)) {
            *element = None;
            return;
        }
        self.positions.insert(id.into(), self.slots.len());
        self.slots.push((id.into(), None));
    }

    fn add(&mut self, element: Object) {
        let Some(id) = key(&element, self.value) else { return };
        match self.positions.entry(id.into()) {
            Entry::Vacant(vacant) => {
                let id = vacant.key().clone();
                vacant.insert(self.slots.len());
                self.slots.push((id, Some(element)));
            }
            Entry::Occupied(there) => {
                if let Some((_, comes @ None)) = self.slots.get_mut(*there.get()) {
                    *comes = Some(element);
                }
            }
        }
    }

    pub(super) fn into_edit(self) -> ValueEdit {
        let mut edit = ValueEdit { clear: self.clear, ..ValueEdit::default() };
        for (id, element) in self.slots {
            match element {
                Some(element) => edit.add.push(element),
                // A cleared list has nothing left to remove.
                None if self.clear => {}
                None => edit.remove.push(id),
            }
        }
        edit
    }
}

/// The ids in `members[value eq "1" or value eq "2"]`; `None` if the brackets hold anything else.
fn named(elements: &Elements) -> Option<Vec<&str>> {
    fn id(expression: Expression<'_>) -> Option<&str> {
        match expression {
            Expression::Compare { path, operator: Operator::Eq, value: Literal::String(id) } => {
                path.text().eq_ignore_ascii_case("value").then_some(id)
            }
            _ => None,
        }
    }
    match elements.filter.as_ref().filter(|_| elements.sub.is_none())?.expression() {
        Expression::Or(operands) => operands.into_iter().map(id).collect(),
        expression => Some(vec![id(expression)?]),
    }
}

fn key(element: &Object, value: AttributeId) -> Option<&str> {
    element.get(value)?.as_str()
}

/// The positions of some texts. A few texts are searched one by one, since most edits name one member.
struct Positions<'a> {
    few: Vec<&'a str>,
    many: HashMap<&'a str, usize>,
    count: usize,
}

impl<'a> Positions<'a> {
    const FEW: usize = 8;

    fn new(texts: impl Iterator<Item = &'a str>) -> Self {
        let few: Vec<&'a str> = texts.collect();
        let count = few.len();
        if count <= Self::FEW {
            return Self { few, many: HashMap::new(), count };
        }
        let mut many = HashMap::with_capacity(count);
        for (position, text) in few.into_iter().enumerate() {
            many.entry(text).or_insert(position);
        }
        Self { few: Vec::new(), many, count }
    }

    fn get(&self, text: &str) -> Option<usize> {
        if self.many.is_empty() {
            return self.few.iter().position(|known| *known == text);
        }
        self.many.get(text).copied()
    }
}
