//! The keys by which a store keeps values unique (RFC 7643 §7, `uniqueness`).
//!
//! Only this file computes the keys, with the fold that filters use: a value is taken exactly if `eq` finds it.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

use super::Resource;
use crate::{
    filter::{Comparand, Comparison, Operator},
    fold::fold,
    path::Place,
    schema::AttributeId,
    value::{Object, Text, Value},
};

/// A value that at most one resource of its type may have in a tenant.
///
/// A store keeps the keys of each resource in a unique index over (tenant, resource type, attribute, folded text).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a part would find false duplicates")]
pub struct UniqueKey {
    /// The unique attribute.
    pub attribute: AttributeId,
    /// The value as text: a filter treats two values as equal exactly when these texts are the same.
    pub folded: Text,
}

impl Resource {
    /// The keys of all unique values of the resource except `id`; each key once, ordered by attribute and text.
    ///
    /// A multi-valued attribute has a key for each of its values. The empty string has no key: for `pr` it is no
    /// value, and clients that send it for every blank field would collide with each other.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::{AttributeId, Registry}, value::Value};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let user_name = user.child(AttributeId::ROOT, "userName").expect("defined");
    /// let mut resource = Resource::new(user.clone());
    /// resource.root_mut().insert(user_name, Value::String("BJensen".into()));
    /// assert_eq!(&*resource.unique_keys()[0].folded, "bjensen");
    /// ```
    pub fn unique_keys(&self) -> Vec<UniqueKey> {
        self.keys_of_all(self.resource_type.unique_attributes().iter().copied())
    }

    /// Whether `keys` are the [unique keys](Self::unique_keys) of the resource, in any order. `false` if there are more than
    /// eight keys, since each value is compared with each key.
    pub(crate) fn has_unique_keys(&self, keys: &[UniqueKey]) -> bool {
        const MOST: usize = 8;
        let mut found = [false; MOST];
        let mut has_each = keys.len() <= MOST;
        self.each_value(self.resource_type.unique_attributes().iter().copied(), &mut |attribute, exact, value| {
            if !has_each {
                return;
            }
            let is_of_value = |key: &UniqueKey| key.attribute == attribute && is_key(value, exact, &key.folded);
            match keys.iter().zip(&mut found).find(|(key, _)| is_of_value(key)) {
                Some((_, found)) => *found = true,
                None => has_each = key(value, exact).is_none(),
            }
        });
        has_each && found.iter().take(keys.len()).all(|found| *found)
    }

    /// All values of `attribute`, in every element of the lists on the route to it.
    pub(crate) fn values_of(&self, attribute: AttributeId) -> Vec<&Value> {
        let mut values = Vec::new();
        let place = Place::new(&self.resource_type, AttributeId::ROOT, attribute);
        each_value(&self.root, place.route(), &mut |value| values.push(value));
        values
    }

    /// The keys of all values of `attribute`, unique or not; each key once, ordered by text.
    pub(crate) fn keys_of(&self, attribute: AttributeId) -> Vec<UniqueKey> {
        self.keys_of_all([attribute])
    }

    /// The keys of all values of these attributes; each key once, in order.
    pub(crate) fn keys_of_all(&self, attributes: impl IntoIterator<Item = AttributeId>) -> Vec<UniqueKey> {
        let mut keys = Vec::new();
        self.each_key(attributes, &mut |key| keys.push(key));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Visits the keys of all values of these attributes. A key of two values is visited twice.
    pub(crate) fn each_key(
        &self,
        attributes: impl IntoIterator<Item = AttributeId>,
        visit: &mut impl FnMut(UniqueKey),
    ) {
        self.each_value(attributes, &mut |attribute, exact, value| {
            if let Some(folded) = key(value, exact) {
                visit(UniqueKey { attribute, folded });
            }
        });
    }

    /// Visits all values of these attributes: each value with its attribute, and whether its case counts.
    fn each_value(
        &self,
        attributes: impl IntoIterator<Item = AttributeId>,
        visit: &mut impl FnMut(AttributeId, bool, &Value),
    ) {
        for attribute in attributes {
            let place = Place::new(&self.resource_type, AttributeId::ROOT, attribute);
            let exact = self.resource_type.compares_exactly(attribute);
            each_value(&self.root, place.route(), &mut |value| visit(attribute, exact, value));
        }
    }
}

impl UniqueKey {
    /// The key that a resource has exactly when `comparison` holds for the resource: a store looks it up for
    /// `userName eq "…"`. `None` for operators other than `eq`, and for values without a key: booleans, binary
    /// values and the empty string.
    ///
    /// ```
    /// use scim_core::{
    ///     filter::{Condition, Filter}, limits::Limits, quirks::{Quirks, Reading, Tolerance}, resource::UniqueKey,
    ///     schema::Registry,
    /// };
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let mut tolerance = Tolerance::new(Quirks::default());
    /// let filter = Filter::parse(r#"userName eq "BJensen""#, Reading::new(&Limits::default(), &mut tolerance))?;
    /// let matcher = filter.compile(user, &mut tolerance)?;
    /// let Condition::Compare(comparison) = &matcher.conditions()[0] else { panic!("it compares") };
    /// let key = UniqueKey::compared(comparison).expect("a name has a key");
    /// assert_eq!(key.folded, "bjensen");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compared(comparison: &Comparison) -> Option<Self> {
        let folded = Self::folded_of(comparison)?.into_owned();
        Some(Self { attribute: comparison.attribute(), folded })
    }

    /// The text of the key in [`UniqueKey::compared`].
    pub(crate) fn folded_of(comparison: &Comparison) -> Option<Cow<'_, Text>> {
        if comparison.operator() != Operator::Eq {
            return None;
        }
        Some(match comparison.operand() {
            // A text that has to be folded is already folded.
            Comparand::Exact(text) | Comparand::Folded(text) if !text.is_empty() => Cow::Borrowed(text),
            Comparand::Exact(_) | Comparand::Folded(_) | Comparand::Boolean(_) => return None,
            Comparand::Integer(number) => Cow::Owned(key_of_integer(*number)),
            Comparand::Decimal(number) => Cow::Owned(number.canonical().into()),
            Comparand::DateTime(time) => Cow::Owned(key_of_time(time)),
        })
    }
}

fn each_value<'a>(object: &'a Object, route: &[AttributeId], visit: &mut impl FnMut(&'a Value)) {
    let Some((first, rest)) = route.split_first() else { return };
    for value in object.get(*first).map(Value::elements).unwrap_or_default() {
        match value {
            value if rest.is_empty() => visit(value),
            Value::Complex(object) => each_value(object, rest, visit),
            _ => {}
        }
    }
}

fn key(value: &Value, exact: bool) -> Option<Text> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if exact => Some(text.clone()),
        Value::String(text) => Some(text.clone().folded()),
        Value::Integer(number) => Some(key_of_integer(*number)),
        Value::Decimal(number) => Some(number.canonical().into()),
        // dateTime cannot be unique (RFC 7643 §2.3.5), but a store may still index it.
        Value::DateTime(time) => Some(key_of_time(time)),
        // The schema refuses uniqueness of these types.
        Value::Boolean(_) | Value::Complex(_) | Value::List(_) => None,
    }
}

/// Whether `folded` is the key of the value.
fn is_key(value: &Value, exact: bool, folded: &Text) -> bool {
    match value {
        // Most texts are their own folds, so the comparison makes no copy.
        Value::String(text) => !text.is_empty() && if exact { text == folded } else { fold(text) == **folded },
        value => key(value, exact).as_ref() == Some(folded),
    }
}

fn key_of_integer(number: i64) -> Text {
    Text::of(format_args!("{number}"))
}

fn key_of_time(time: &DateTime<Utc>) -> Text {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::Decimal;

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            "[aAbBéÉ]{0,3}".prop_map(|text| Value::String(text.as_str().into())),
            (-2..3_i64).prop_map(Value::Integer),
            prop::sample::select(vec!["1.0", "1", "1e0", "0.5"])
                .prop_map(|text| Value::Decimal(Decimal::parse(text).expect("a number"))),
            (0..3_i64).prop_map(|second| Value::DateTime(DateTime::from_timestamp(second, 0).expect("a time"))),
            any::<bool>().prop_map(Value::Boolean),
        ]
    }

    proptest! {
        /// The comparison with a key agrees with the key, which decides whether a value is taken.
        #[test]
        fn a_value_has_the_key_that_it_is_compared_with(value in values(), other in values(), exact: bool) {
            let own = key(&value, exact);
            for folded in own.iter().cloned().chain(key(&other, exact)).chain([Text::from("A"), Text::EMPTY]) {
                prop_assert_eq!(is_key(&value, exact, &folded), own.as_ref() == Some(&folded), "{:?}", folded);
            }
        }
    }
}
