//! The values of attributes: a compact tree whose names are ids of a resource type.
//!
//! Each value has the type of its attribute: the code that makes a value checks the type (`resource` when it reads
//! JSON). This module does not know JSON, and knows only the ids of schema attributes.

mod date_time;
mod list;
mod number;
mod text;

pub(crate) use self::date_time::{parse_date_time, read_date_time, read_date_time_literal};
pub use self::{list::List, number::Decimal, text::Text};

use chrono::{DateTime, Utc};

use crate::schema::AttributeId;

/// The value of an attribute (RFC 7643 §2.3). There is no null: an attribute without a value is absent (§2.5).
// The tag is as wide as a word, so the payload is moved in words. Reading a resource moves values all the time.
#[repr(u64)]
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7643 §2.3 closes the set, and a store must handle each")]
pub enum Value {
    /// A boolean.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, kept as it was written.
    Decimal(Decimal),
    /// A string; also a binary value (base64) and a reference (URI).
    String(Text),
    /// A point in time.
    DateTime(DateTime<Utc>),
    /// The sub-attributes of one complex value.
    Complex(Object),
    /// The values of a multi-valued attribute; never empty in a resource. [`as_list`](Value::as_list) gives them as a
    /// slice, and `Value::List([value].into())` or `collect()` makes them.
    List(List),
}

impl Value {
    /// The text of a string, binary value or reference; `None` for a value of another type.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The truth of a boolean; `None` for a value of another type.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(truth) = self { Some(*truth) } else { None }
    }

    /// The whole number of an integer; `None` for a value of another type.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The number of a decimal value; `None` for a value of another type.
    pub fn as_decimal(&self) -> Option<&Decimal> {
        if let Self::Decimal(number) = self { Some(number) } else { None }
    }

    /// The point in time of a date; `None` for a value of another type.
    pub fn as_date_time(&self) -> Option<DateTime<Utc>> {
        if let Self::DateTime(time) = self { Some(*time) } else { None }
    }

    /// The values of a list; `None` for a value of another type.
    ///
    /// ```
    /// use scim_core::{chrono::DateTime, value::{Decimal, Value}};
    ///
    /// let list = Value::List([Value::Integer(7)].into());
    /// assert_eq!(list.as_list().and_then(|values| values[0].as_i64()), Some(7));
    /// assert_eq!((list.as_i64(), Value::Integer(7).as_list().is_none()), (None, true));
    /// let half = Value::Decimal(Decimal::parse("0.5").expect("a number"));
    /// assert!(half.as_decimal().is_some() && half.as_date_time().is_none());
    /// assert_eq!(Value::DateTime(DateTime::UNIX_EPOCH).as_date_time(), Some(DateTime::UNIX_EPOCH));
    /// ```
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(values) = self { Some(values) } else { None }
    }

    /// The sub-attributes of a complex value; `None` for a value of another type.
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Complex(object) = self { Some(object) } else { None }
    }

    /// Gives back room that was reserved for more values.
    pub(crate) fn shrink_to_fit(&mut self) {
        match self {
            Self::Complex(object) => object.shrink_to_fit(),
            Self::List(values) => values.shrink_to_fit(),
            _ => {}
        }
    }

    /// The values of a list; for any other value, a slice of that value alone.
    pub fn elements(&self) -> &[Self] {
        if let Self::List(values) = self { values } else { std::slice::from_ref(self) }
    }
}

/// Attributes with their values, in the order in which they were given.
///
/// Equality ignores the order (RFC 7643 §2.3.8). An attribute occurs at most once.
#[derive(Clone, Debug, Default)]
pub struct Object {
    members: Vec<(AttributeId, Value)>,
}

impl Object {
    /// An object without members.
    pub const fn new() -> Self {
        Self { members: Vec::new() }
    }

    /// An object without members, with room for `capacity` members.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { members: Vec::with_capacity(capacity) }
    }

    /// The value of `attribute`; `None` if the object has no such member.
    #[inline]
    pub fn get(&self, attribute: AttributeId) -> Option<&Value> {
        self.members.iter().find(|(id, _)| *id == attribute).map(|(_, value)| value)
    }

    /// The value of `attribute`, to be changed in place.
    pub fn get_mut(&mut self, attribute: AttributeId) -> Option<&mut Value> {
        self.members.iter_mut().find(|(id, _)| *id == attribute).map(|(_, value)| value)
    }

    /// Sets `attribute`. If the object had a value for it, the new value takes the same position and the old value
    /// is returned.
    pub fn insert(&mut self, attribute: AttributeId, value: Value) -> Option<Value> {
        if let Some(existing) = self.get_mut(attribute) {
            return Some(std::mem::replace(existing, value));
        }
        self.members.push((attribute, value));
        None
    }

    /// Adds a member that is known to be absent.
    pub(crate) fn push(&mut self, attribute: AttributeId, value: Value) {
        debug_assert!(self.get(attribute).is_none(), "an attribute occurs at most once");
        self.members.push((attribute, value));
    }

    /// Removes `attribute` and returns its value; `None` if the object has no such member.
    pub fn remove(&mut self, attribute: AttributeId) -> Option<Value> {
        let index = self.members.iter().position(|(id, _)| *id == attribute)?;
        Some(self.members.remove(index).1)
    }

    /// The members, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (AttributeId, &Value)> {
        self.members.iter().map(|(id, value)| (*id, value))
    }

    /// The members, in order, to be changed in place.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (AttributeId, &mut Value)> {
        self.members.iter_mut().map(|(id, value)| (*id, value))
    }

    /// Keeps the members for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(AttributeId, &mut Value) -> bool) {
        self.members.retain_mut(|(id, value)| keep(*id, value));
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the object has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Gives back room that was reserved for more members, here and in every value.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.members.iter_mut().for_each(|(_, value)| value.shrink_to_fit());
        self.members.shrink_to_fit();
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

impl FromIterator<(AttributeId, Value)> for Object {
    /// A later value of an attribute replaces an earlier one.
    fn from_iter<I: IntoIterator<Item = (AttributeId, Value)>>(members: I) -> Self {
        let mut object = Self::new();
        for (attribute, value) in members {
            object.insert(attribute, value);
        }
        object
    }
}

impl IntoIterator for Object {
    type Item = (AttributeId, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}
