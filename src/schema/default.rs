//! The values that attributes have by default (RFC 7644 §3.3).

/// The value that a new resource gets if the client sets no value (RFC 7644 §3.3). Set by
/// [`Attribute::with_default_value`](super::Attribute::with_default_value).
///
/// ```
/// use scim_core::schema::DefaultValue;
///
/// assert_eq!(DefaultValue::from(true), DefaultValue::Boolean(true));
/// assert_eq!(DefaultValue::from("Employee"), DefaultValue::String("Employee".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultValue {
    /// The default of a boolean attribute.
    Boolean(bool),
    /// The default of an integer attribute.
    Integer(i64),
    /// The default of a string attribute.
    String(Box<str>),
}

impl From<bool> for DefaultValue {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<i64> for DefaultValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for DefaultValue {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for DefaultValue {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}
