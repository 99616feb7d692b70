//! A change of a list of references as a delta: what goes and what comes, never the list (RFC 7644 §3.5.2).
//!
//! Adding one member to a group of 100,000 must cost one row. A store applies a [`ValueEdit`] to its rows; one that
//! keeps whole resources calls [`ValueEdit::apply`]. This file knows nothing of stores.

use std::collections::HashMap;

use crate::{
    resource::Resource,
    schema::AttributeId,
    value::{Object, Text, Value},
};

/// Which values of a list of references go and which come (`members` of a group).
///
/// The values are a set under their sub-attribute `value`, compared exactly. Steps apply in the order of the fields. A
/// value that is there already is not added again and keeps what it has, also when it is cleared or removed in the same
/// edit: so replacing a list by itself changes nothing.
///
/// ```
/// use std::sync::Arc;
/// use scim_core::{Resource, patch::ValueEdit, schema::{AttributeId, ResourceType}, value::{Object, Value}};
///
/// let kind = Arc::new(ResourceType::group()?);
/// let members = kind.child(AttributeId::ROOT, "members").expect("a group has members");
/// let value = kind.value_of(members).expect("a member has a value");
/// let member = |id: &str| Object::from_iter([(value, Value::String(id.into()))]);
///
/// let mut group = Resource::new(kind);
/// let edit = ValueEdit { add: vec![member("a"), member("b")], ..ValueEdit::default() };
/// assert!(edit.apply(members, &mut group));
/// assert!(!edit.apply(members, &mut group), "both are members already");
/// # Ok::<(), scim_core::schema::SchemaError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a new step would lose members")]
pub struct ValueEdit {
    /// Whether every value goes first that is not in `add`.
    pub clear: bool,
    /// The `value` of each value that goes.
    pub remove: Vec<Text>,
    /// The values that come, each with its sub-attribute `value`.
    pub add: Vec<Object>,
}

impl ValueEdit {
    /// Whether the edit changes no list at all.
    pub fn is_empty(&self) -> bool {
        !self.clear && self.remove.is_empty() && self.add.is_empty()
    }

    /// Changes the list `attribute` of `resource`; whether anything changed. A list that becomes empty is unassigned.
    ///
    /// Takes time in proportion to the list and the edit together. For stores that keep a resource as one piece.
    pub fn apply(&self, attribute: AttributeId, resource: &mut Resource) -> bool {
        let Some(value) = resource.kind().value_of(attribute) else { return false };
        let root = resource.root_mut();
        let mut list = match root.get_mut(attribute) {
            Some(Value::List(list)) => std::mem::take(list),
            _ => Vec::new(),
        };
        let changed = self.apply_to(value, &mut list);
        match root.get_mut(attribute) {
            _ if list.is_empty() => drop(root.remove(attribute)),
            Some(there) => *there = Value::List(list),
            None => root.push(attribute, Value::List(list)),
        }
        changed
    }

    /// As [`ValueEdit::apply`], on the list itself. `value` is the sub-attribute by which its elements are told apart.
    pub(super) fn apply_to(&self, value: AttributeId, list: &mut Vec<Value>) -> bool {
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
            !self.clear && key.is_none_or(|key| going.get(key).is_none())
        });
        let removed = list.len() != before;
        let kept = list.len();
        for element in &self.add {
            let position = key(element, value).and_then(|key| coming.get(key));
            if let Some(there @ false) = position.and_then(|position| there.get_mut(position)) {
                *there = true;
                list.push(Value::Complex(element.clone()));
            }
        }
        removed || list.len() != kept
    }
}

fn key(element: &Object, value: AttributeId) -> Option<&str> {
    element.get(value)?.as_str()
}

/// Where a text is among some texts. A few are searched one by one, since most edits name one member.
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
