//! The text form of values. Values that are the same to a client have the same text, so large lists are compared
//! by hashing.

use std::fmt::Write;

use super::is_writable;
use crate::{
    fold::fold,
    schema::{AttributeId, ResourceType},
    value::Value,
};

/// The rules of the text form: attributes that no client sets and `primary` are left out, sub-attributes and lists
/// are sorted.
#[derive(Clone, Copy)]
pub(super) struct Form<'a> {
    pub(super) resource_type: &'a ResourceType,
    /// Whether case counts even where the schema ignores it.
    pub(super) exact: bool,
}

impl Form<'_> {
    pub(super) fn of(self, attribute: AttributeId, value: &Value) -> String {
        let mut out = String::new();
        self.write(attribute, value, &mut out);
        out
    }

    fn write(self, attribute: AttributeId, value: &Value, out: &mut String) {
        // Each part has a length prefix or an end mark, so that adjacent parts cannot be read as other parts.
        let _infallible = match value {
            Value::String(text) if self.exact || self.resource_type.compares_exactly(attribute) => {
                write!(out, "{}:{}", text.len(), text.as_str())
            }
            Value::String(text) => {
                let folded = fold(text);
                write!(out, "{}:{folded}", folded.len())
            }
            Value::Boolean(truth) => write!(out, "{truth};"),
            Value::Integer(number) => write!(out, "{number};"),
            Value::Decimal(number) => write!(out, "{};", number.canonical()),
            Value::DateTime(time) => write!(out, "{}.{};", time.timestamp(), time.timestamp_subsec_nanos()),
            Value::Complex(object) => {
                let is_element = self.resource_type.attribute(attribute).is_multi_valued();
                let primary = self.resource_type.conventional(attribute).primary.filter(|_| is_element);
                let counts = |id: AttributeId| Some(id) != primary && is_writable(self.resource_type, id);
                out.push('{');
                for (id, value) in object.sorted().into_iter().filter(|(id, _)| counts(*id)) {
                    let _infallible = write!(out, "{id:?}=");
                    self.write(id, value, out);
                }
                out.push('}');
                Ok(())
            }
            Value::List(values) => {
                let mut forms: Vec<String> = values.iter().map(|value| self.of(attribute, value)).collect();
                forms.sort_unstable();
                forms.dedup();
                write!(out, "[{}]", forms.concat())
            }
        };
    }
}
