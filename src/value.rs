//! The values of attributes: a compact tree whose names are ids of a resource type.
//!
//! Each value has the type of its attribute: the code that makes a value checks the type (`resource` when it reads
//! JSON). This module does not know JSON, and knows only the ids of schema attributes.

mod date_time;
mod list;
mod number;
mod object;
mod text;

pub(crate) use self::date_time::{parse_date_time, read_date_time, read_date_time_literal};
pub use self::{
    list::List,
    number::Decimal,
    object::{Members, Object},
    text::Text,
};

use chrono::{DateTime, Utc};

/// The value of an attribute (RFC 7643 §2.3). There is no null: an attribute without a value is absent (§2.5).
// The tag of a text is the tag of the value as well: every other variant leaves that byte unused. So a value has 24
// bytes, and a member of an object 32.
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

    /// The values of a list; for any other value, a slice of that value alone.
    pub fn elements(&self) -> &[Self] {
        if let Self::List(values) = self { values } else { std::slice::from_ref(self) }
    }
}
