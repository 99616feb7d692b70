//! Values as text that compares as the values do, and the document of such texts that a store keeps with a resource.
//!
//! Each database folds case, orders text and rounds numbers in its own way. This module turns every value into text
//! that is equal, ordered and searched by code point exactly as the filter compares the value, so that the database
//! interprets nothing. This module knows no SQL.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use crate::{
    fold::{data_version, fold},
    resource::Resource,
    schema::{AttributeId, AttributeType, ResourceType},
    value::{Object, Value},
};

/// The name of the format of the texts and of the [data of the fold](crate::fold::data_version). A store saves this
/// name, and derives all texts again when the saved name differs.
///
/// ```
/// use scim_core::{fold, sql::representation};
///
/// assert_eq!(representation(), format!("1/{}", fold::data_version()));
/// ```
pub fn representation() -> String {
    format!("1/{}", data_version())
}

/// The text by which a value of `attribute` is compared; `None` for a complex value or a list.
///
/// - Text: its [fold](crate::fold::fold), or the text itself if the attribute is case-exact. The same applies to
///   binary values and references.
/// - Booleans: `false` and `true`.
/// - Whole numbers: a sign, 1 or 0, and 19 digits. Decimal numbers: their sign, exponent and digits.
/// - Instants: RFC 3339 in UTC with nine digits after the second, whatever their precision.
///
/// ```
/// use scim_core::{schema::{AttributeId, Registry}, sql::comparable, value::Value};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let text = |path: &str, value| comparable(user, user.child(AttributeId::ROOT, path).expect("defined"), &value);
/// assert_eq!(text("userName", Value::String("BJensen".into())).as_deref(), Some("bjensen"));
/// assert_eq!(text("externalId", Value::String("BJensen".into())).as_deref(), Some("BJensen"));
/// assert_eq!(text("active", Value::Boolean(true)).as_deref(), Some("true"));
/// ```
pub fn comparable(resource_type: &ResourceType, attribute: AttributeId, value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) if resource_type.compares_exactly(attribute) => text.as_str().to_owned(),
        Value::String(text) => fold(text).into_owned(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Integer(number) => integer(*number),
        Value::Decimal(number) => number.sortable(),
        Value::DateTime(time) => instant(*time),
        Value::Complex(_) | Value::List(_) => return None,
    })
}

pub(super) fn integer(number: i64) -> String {
    let sign = if number < 0 { '0' } else { '1' };
    // A negative number is written as its distance from `i64::MIN`, which grows with the number.
    format!("{sign}{:019}", number.cast_unsigned() & i64::MAX.cast_unsigned())
}

pub(super) fn instant(time: DateTime<Utc>) -> String {
    // Years outside of 0 to 9999 are rare. Their first character orders them before or after all other years.
    let year = match time.year() {
        year @ 0..=9999 => format!("{year:04}"),
        year if year < 0 => format!("-{:06}", 1_000_000 + year),
        year => format!(":{year:06}"),
    };
    // A leap second is the second 59 with a billion nanoseconds or more.
    let leap = time.nanosecond() / 1_000_000_000;
    let (second, nanosecond) = (time.second() + leap, time.nanosecond() % 1_000_000_000);
    let (month, day, hour, minute) = (time.month(), time.day(), time.hour(), time.minute());
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanosecond:09}Z")
}

/// Whether documents contain the values of an attribute. They omit derived values, and sensitive values, by which no
/// client may filter.
pub(super) fn is_kept(resource_type: &ResourceType, attribute: AttributeId) -> bool {
    let derived = matches!(attribute, AttributeId::META_LOCATION | AttributeId::META_VERSION);
    !derived && !resource_type.is_sensitive(attribute)
}

/// The comparable document of a resource, without the attributes in `apart`, which are stored elsewhere.
pub(super) fn document(resource: &Resource, apart: &[AttributeId]) -> String {
    let object = Members { resource_type: resource.resource_type(), object: resource.root(), apart };
    // Cannot fail: the document has only strings, arrays, and objects with strings for keys.
    let written = serde_json::to_string(&object);
    debug_assert!(written.is_ok(), "text is written to memory");
    written.unwrap_or_default()
}

struct Members<'a> {
    resource_type: &'a ResourceType,
    object: &'a Object,
    apart: &'a [AttributeId],
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (attribute, value) in self.object {
            if !is_kept(self.resource_type, attribute) || self.apart.contains(&attribute) {
                continue;
            }
            let definition = self.resource_type.attribute(attribute);
            let element = |value| Element { resource_type: self.resource_type, attribute, value, apart: self.apart };
            // An object stays even when it is empty, since its presence is compared, too.
            if definition.is_multi_valued() {
                let elements = value.elements();
                map.serialize_entry(definition.name(), &Elements(elements.iter().map(element).collect()))?;
            } else if let [value] = value.elements() {
                map.serialize_entry(definition.name(), &element(value))?;
            }
        }
        map.end()
    }
}

struct Elements<'a>(Vec<Element<'a>>);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.len()))?;
        for element in &self.0 {
            sequence.serialize_element(element)?;
        }
        sequence.end()
    }
}

struct Element<'a> {
    resource_type: &'a ResourceType,
    attribute: AttributeId,
    value: &'a Value,
    apart: &'a [AttributeId],
}

impl Serialize for Element<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_complex = self.resource_type.attribute(self.attribute).data_type() == AttributeType::Complex;
        match (is_complex, self.value) {
            (true, Value::Complex(object)) => {
                Members { resource_type: self.resource_type, object, apart: self.apart }.serialize(serializer)
            }
            // A value of the wrong type matches no comparison.
            (true, _) => serializer.serialize_map(Some(0))?.end(),
            (false, value) => {
                let text = comparable(self.resource_type, self.attribute, value).map_or(Cow::Borrowed(""), Cow::Owned);
                serializer.serialize_str(&text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Decimal;

    /// Asserts that the texts have the same order as their values.
    fn ordered<T: Ord + std::fmt::Debug>(mut values: Vec<T>, text: impl Fn(&T) -> String) {
        values.sort();
        for (index, left) in values.iter().enumerate() {
            for right in values.iter().skip(index) {
                assert_eq!(left.cmp(right), text(left).cmp(&text(right)), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn texts_are_ordered_as_their_values() {
        ordered(vec![i64::MIN, i64::MIN + 1, -10, -9, -1, 0, 1, 9, 10, i64::MAX - 1, i64::MAX], |it| integer(*it));
        let numbers = [
            "0",
            "-0.0",
            "1",
            "1.0",
            "1e0",
            "10",
            "9",
            "0.9",
            "0.09",
            "-1",
            "-1.1",
            "-10",
            "-9",
            "1e400",
            "-1e400",
            "1e-400",
            "123456789012345678901234567890",
            "123456789012345678901234567891",
            "-0.001",
            "-0.0011",
            "1e99999999999999999999",
            "12",
            "1.2",
            "120",
            "121",
        ];
        ordered(numbers.iter().filter_map(|text| Decimal::parse(text)).collect(), Decimal::sortable);
        let instants = [
            "2010-01-01T00:00:00Z",
            "2010-01-01T00:00:00.000000001Z",
            "2009-12-31T23:59:59.999999999Z",
            "2016-12-31T23:59:60.5Z",
            "2016-12-31T23:59:59.5Z",
            "2017-01-01T00:00:00Z",
            "0000-01-01T00:00:00+01:00",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "9999-12-31T23:59:59Z",
            "1969-12-31T23:59:59Z",
        ];
        let mut instants: Vec<DateTime<Utc>> = instants.iter().filter_map(|text| text.parse().ok()).collect();
        assert_eq!(instants.len(), 11);
        instants.extend([DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC]);
        instants.extend(DateTime::from_timestamp(-70_000_000_000, 0));
        ordered(instants, |it| instant(*it));
    }
}
