//! One list of references of one resource: thousands of values, each of which can be found, added and removed
//! individually.
//!
//! This module knows nothing of other resources; the tenant keeps the index of referrers.

use std::{
    collections::{BTreeMap, HashMap, btree_map},
    sync::Arc,
};

use crate::{schema::AttributeId, value::Value};

/// The values in the order of their insertion, and the place of each value.
#[derive(Clone, Debug)]
pub(super) struct List {
    /// The sub-attribute that identifies a value.
    value: AttributeId,
    values: BTreeMap<u64, Value>,
    places: HashMap<Arc<str>, u64>,
    /// The approximate size of the values in bytes.
    bytes: usize,
}

impl List {
    pub(super) fn new(value: AttributeId) -> Self {
        Self { value, values: BTreeMap::new(), places: HashMap::new(), bytes: 0 }
    }

    /// The key that identifies a value: the id that it refers to.
    pub(super) fn key<'a>(&self, value: &'a Value) -> Option<&'a str> {
        key(self.value, value)
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The approximate size of the values in bytes, in a response: see [`Value::size`].
    pub(super) fn size(&self) -> usize {
        self.bytes
    }

    pub(super) fn iter(&self) -> btree_map::Iter<'_, u64, Value> {
        self.values.iter()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(self.places.get(key)?)
    }

    pub(super) fn place(&self, key: &str) -> Option<u64> {
        self.places.get(key).copied()
    }

    /// A place after all others.
    pub(super) fn end(&self) -> u64 {
        self.values.last_key_value().map_or(0, |(last, _)| last + 1)
    }

    /// Sets or removes the value at `place`, and returns the old value. `key` is the shared key of `value`.
    pub(super) fn swap(&mut self, place: u64, key: Option<Arc<str>>, value: Option<Value>) -> Option<Value> {
        let size = |value: &Option<Value>| value.as_ref().map_or(0, Value::size_in_list);
        let coming = size(&value);
        let old = match value {
            Some(value) => self.values.insert(place, value),
            None => self.values.remove(&place),
        };
        self.bytes = self.bytes.saturating_add(coming).saturating_sub(size(&old));
        if let Some(old) = old.as_ref().and_then(|old| self::key(self.value, old)) {
            self.places.remove(old);
        }
        if let Some(key) = key {
            self.places.insert(key, place);
        }
        old
    }
}

/// As [`List::key`], for use before a list exists.
pub(super) fn key(value: AttributeId, element: &Value) -> Option<&str> {
    element.as_object()?.get(value)?.as_str()
}
