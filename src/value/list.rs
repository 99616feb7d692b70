//! The values of one multi-valued attribute, shared between the states of a resource: a PATCH copies the resource, and
//! changes one list of many.

use std::{fmt, mem, ops::Deref, sync::Arc};

use super::Value;

/// The values of a multi-valued attribute (RFC 7643 §2.4), in order. Dereferences to a slice.
///
/// A clone shares the values with its original, so a clone costs the same for any number of values. Each change copies
/// shared values first; the other clones keep their values. [`make_mut`](Self::make_mut) changes and sorts the values in
/// place. For any other change, [`into_vec`](Self::into_vec) gives a vector, and `into()` makes a list of the vector.
///
/// ```
/// use scim_core::value::{List, Value};
///
/// let before: List = [Value::Integer(1), Value::Integer(2)].into();
/// let mut after = before.clone();
/// after.push(Value::Integer(3));
/// after.make_mut()[0] = Value::Integer(7);
/// assert_eq!(after.iter().filter_map(Value::as_i64).collect::<Vec<_>>(), [7, 2, 3]);
/// assert_eq!(before.len(), 2, "a change copies shared values");
/// ```
#[derive(Clone)]
pub struct List(Kept);

/// A list of few values is one allocation of the exact size. A list of many values has room to grow, so that a value
/// is added without a copy of the others.
#[derive(Clone)]
enum Kept {
    Few(Arc<[Value]>),
    Many(Arc<Vec<Value>>),
}

/// The maximum number of values in an allocation of the exact size.
const FEW: usize = 64;

impl List {
    /// A list without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// The values, to be changed in place. Copies the values first if a clone shares them.
    pub fn make_mut(&mut self) -> &mut [Value] {
        match &mut self.0 {
            Kept::Few(values) => Arc::make_mut(values),
            Kept::Many(values) => Arc::make_mut(values).as_mut_slice(),
        }
    }

    /// Adds a value at the end. Copies the values first if a clone shares them. A list of up to 64 values moves all its
    /// values: to add many values, [extend](Self::extend) the list.
    pub fn push(&mut self, value: Value) {
        if let Kept::Many(values) = &mut self.0 {
            Arc::make_mut(values).push(value);
            return;
        }
        let mut values = mem::take(self).into_vec();
        values.push(value);
        *self = values.into();
    }

    /// Keeps the values for which `keep` holds. Copies the values first if a clone shares them.
    pub fn retain(&mut self, keep: impl FnMut(&mut Value) -> bool) {
        let mut values = mem::take(self).into_vec();
        values.retain_mut(keep);
        *self = values.into();
    }

    /// The values as a vector: the same values if no clone shares them, and copies otherwise.
    pub fn into_vec(self) -> Vec<Value> {
        match self.0 {
            Kept::Few(mut values) => match Arc::get_mut(&mut values) {
                Some(values) => values.iter_mut().map(|value| mem::replace(value, Value::Boolean(false))).collect(),
                None => values.to_vec(),
            },
            Kept::Many(values) => Arc::unwrap_or_clone(values),
        }
    }

    /// Whether the two lists are clones, none of which has changed.
    pub(crate) fn shares(&self, other: &Self) -> bool {
        self.as_ptr() == other.as_ptr() && self.len() == other.len()
    }

    /// Moves the values out of `values`. The room of few values stays for the values of other lists.
    pub(crate) fn drain(values: &mut Vec<Value>) -> Self {
        if values.len() <= FEW {
            return Self(Kept::Few(values.drain(..).collect()));
        }
        let mut values = mem::take(values);
        // A vector that grew by doubling may have room for twice its values.
        values.shrink_to_fit();
        values.into()
    }
}

impl Default for List {
    fn default() -> Self {
        Self(Kept::Few(Arc::default()))
    }
}

impl Deref for List {
    type Target = [Value];

    #[inline]
    fn deref(&self) -> &[Value] {
        match &self.0 {
            Kept::Few(values) => values,
            Kept::Many(values) => values,
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Eq for List {}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        // Two states of a resource share the lists that are the same in both.
        self.shares(other) || **self == **other
    }
}

impl From<Vec<Value>> for List {
    fn from(mut values: Vec<Value>) -> Self {
        // Room for as many values again is room to grow. More room is left over from values that were removed.
        if values.capacity() / 2 > values.len() {
            values.shrink_to_fit();
        }
        Self(if values.len() <= FEW { Kept::Few(values.into()) } else { Kept::Many(Arc::new(values)) })
    }
}

impl<const N: usize> From<[Value; N]> for List {
    fn from(values: [Value; N]) -> Self {
        if N <= FEW { Self(Kept::Few(Arc::new(values))) } else { Vec::from(values).into() }
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        values.into_iter().collect::<Vec<_>>().into()
    }
}

impl Extend<Value> for List {
    fn extend<I: IntoIterator<Item = Value>>(&mut self, more: I) {
        let mut values = mem::take(self).into_vec();
        values.extend(more);
        *self = values.into();
    }
}

impl From<List> for Vec<Value> {
    fn from(list: List) -> Self {
        list.into_vec()
    }
}

impl AsRef<[Value]> for List {
    fn as_ref(&self) -> &[Value] {
        self
    }
}

impl IntoIterator for List {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a mut List {
    type Item = &'a mut Value;
    type IntoIter = std::slice::IterMut<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.make_mut().iter_mut()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
