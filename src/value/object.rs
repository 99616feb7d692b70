//! An object: attributes with their values, in one allocation of the exact size.

use std::mem;

use super::Value;
use crate::schema::AttributeId;

/// Attributes with their values, in the order in which they were given.
///
/// Equality ignores the order (RFC 7643 §2.3.8). An attribute occurs at most once.
///
/// ```
/// use scim_core::{schema::AttributeId, value::{Object, Value}};
///
/// let mut object = Object::from_iter([(AttributeId::ID, Value::String("2819c223".into()))]);
/// assert_eq!(object.insert(AttributeId::EXTERNAL_ID, Value::String("701984".into())), None);
/// let ids: Vec<_> = object.iter().filter_map(|(_, value)| value.as_str()).collect();
/// assert_eq!(ids, ["2819c223", "701984"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Object {
    // Objects are read and copied more often than changed, and a store keeps them: room to grow would be paid for
    // in each of them.
    members: Box<[(AttributeId, Value)]>,
}

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// An object of members whose attributes are known to differ.
    pub(crate) fn of_distinct(members: Vec<(AttributeId, Value)>) -> Self {
        Self { members: members.into() }
    }

    /// The value of `attribute`; `None` if the object has no such member.
    #[inline]
    pub fn get(&self, attribute: AttributeId) -> Option<&Value> {
        self.members.iter().find(|(id, _)| *id == attribute).map(|(_, value)| value)
    }

    /// As [`get`](Self::get), for many objects of one form. `place` is the place of the attribute in an earlier object, which
    /// is tried first. A search of the whole object follows, and sets `place` if the object has the attribute.
    #[inline]
    pub(crate) fn get_near(&self, attribute: AttributeId, place: &mut usize) -> Option<&Value> {
        if let Some((id, value)) = self.members.get(*place)
            && *id == attribute
        {
            return Some(value);
        }
        let found = self.members.iter().position(|(id, _)| *id == attribute)?;
        *place = found;
        self.members.get(found).map(|(_, value)| value)
    }

    /// The value of `attribute`, to be changed in place.
    pub fn get_mut(&mut self, attribute: AttributeId) -> Option<&mut Value> {
        self.members.iter_mut().find(|(id, _)| *id == attribute).map(|(_, value)| value)
    }

    /// Sets `attribute`. If the object had a value for it, the new value takes the same position and the old value
    /// is returned. A new member moves the others: [`from_iter`](Self::from_iter) makes an object of many members.
    pub fn insert(&mut self, attribute: AttributeId, value: Value) -> Option<Value> {
        if let Some(existing) = self.get_mut(attribute) {
            return Some(mem::replace(existing, value));
        }
        let mut members = mem::take(&mut self.members).into_vec();
        members.reserve_exact(1);
        members.push((attribute, value));
        self.members = members.into();
        None
    }

    /// Removes `attribute` and returns its value; `None` if the object has no such member.
    pub fn remove(&mut self, attribute: AttributeId) -> Option<Value> {
        let index = self.members.iter().position(|(id, _)| *id == attribute)?;
        let mut members = mem::take(&mut self.members).into_vec();
        let (_, removed) = members.remove(index);
        self.members = members.into();
        Some(removed)
    }

    /// The members, in order.
    pub fn iter(&self) -> Members<'_> {
        Members(self.members.iter())
    }

    /// The members, ordered by attribute.
    pub(crate) fn sorted(&self) -> Vec<(AttributeId, &Value)> {
        let mut members: Vec<_> = self.iter().collect();
        members.sort_unstable_by_key(|(id, _)| *id);
        members
    }

    /// The members, in order, to be changed in place.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (AttributeId, &mut Value)> {
        self.members.iter_mut().map(|(id, value)| (*id, value))
    }

    /// Keeps the members for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(AttributeId, &mut Value) -> bool) {
        let mut members = mem::take(&mut self.members).into_vec();
        members.retain_mut(|(id, value)| keep(*id, value));
        self.members = members.into();
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the object has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether `attribute` has a value.
    pub fn contains(&self, attribute: AttributeId) -> bool {
        self.get(attribute).is_some()
    }
}

impl Eq for Object {}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        if self.members.len() != other.members.len() {
            return false;
        }
        for (index, ((left, a), (right, b))) in self.members.iter().zip(&other.members).enumerate() {
            if left != right {
                // The orders differ from here on.
                let mut rest = self.members.iter().skip(index);
                return rest.all(|(id, value)| other.get(*id) == Some(value));
            }
            // An attribute occurs once, so no other value of it can be equal.
            if a != b {
                return false;
            }
        }
        true
    }
}

impl Extend<(AttributeId, Value)> for Object {
    /// [Inserts](Self::insert) each member. The first new member makes room for all members that `more` announces.
    fn extend<I: IntoIterator<Item = (AttributeId, Value)>>(&mut self, more: I) {
        let mut more = more.into_iter();
        let mut members = mem::take(&mut self.members).into_vec();
        let mut has_room = false;
        while let Some((attribute, value)) = more.next() {
            if let Some((_, existing)) = members.iter_mut().find(|(id, _)| *id == attribute) {
                *existing = value;
                continue;
            }
            if !has_room {
                members.reserve_exact(more.size_hint().0.saturating_add(1));
                has_room = true;
            }
            members.push((attribute, value));
        }
        self.members = members.into();
    }
}

impl FromIterator<(AttributeId, Value)> for Object {
    /// A later value of an attribute replaces an earlier one.
    fn from_iter<I: IntoIterator<Item = (AttributeId, Value)>>(members: I) -> Self {
        let mut object = Self::new();
        object.extend(members);
        object
    }
}

impl IntoIterator for Object {
    type Item = (AttributeId, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = (AttributeId, &'a Value);
    type IntoIter = Members<'a>;

    fn into_iter(self) -> Members<'a> {
        self.iter()
    }
}

/// The members of an [`Object`], in order.
#[derive(Clone, Debug)]
pub struct Members<'a>(std::slice::Iter<'a, (AttributeId, Value)>);

impl<'a> Iterator for Members<'a> {
    type Item = (AttributeId, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(id, value)| (*id, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Members<'_> {}
