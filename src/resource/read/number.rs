//! Numbers, which keep all their digits (RFC 7643 §2.3.3, §2.3.4).

use std::fmt;

use serde::de::{Deserializer, Error};
use serde_json::value::RawValue;

use super::{super::ResourceErrorKind, value::OfAttribute};
use crate::{
    quirks::Quirk,
    schema::AttributeType,
    value::{Decimal, Value},
};

impl OfAttribute<'_, '_> {
    /// Reads a whole number where the schema has text.
    pub(super) fn number_as_text<E: Error>(self, number: impl fmt::Display) -> Result<(), E> {
        if self.data_type == AttributeType::String && self.reader.tolerance.allows(Quirk::NumberForString) {
            return self.string(&number.to_string());
        }
        Err(self.refuse("a number"))
    }

    /// Reads a number: a decimal, or an integer without fraction and exponent (RFC 7643 §2.3.3, §2.3.4).
    pub(super) fn number<E: Error>(self, raw: &RawValue) -> Result<(), E> {
        let text = raw.get();
        // JSON of another type is handled alike for all types; errors were found when the text was first skipped.
        if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            return deserializer.deserialize_any(self).map_err(E::custom);
        }
        let mut this = self;
        this.may_be_one("a number")?;
        // Every digit is kept and compared, like every letter.
        if text.len() > this.reader.limits.string {
            return Err(this.reader.fail(this.attribute, ResourceErrorKind::TooLong(this.reader.limits.string)));
        }
        let number = if this.data_type == AttributeType::Integer {
            text.parse().ok().map(Value::Integer)
        } else {
            Decimal::parse(text).map(Value::Decimal)
        };
        let Some(number) = number else {
            let form = ResourceErrorKind::Form("a whole number of 64 bits, without fraction and exponent");
            return Err(this.reader.fail(this.attribute, form));
        };
        this.put(number);
        Ok(())
    }
}
