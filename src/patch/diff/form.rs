//! Text that values have in common when they are the same for a client, so that large lists are compared by hashing.

use std::fmt::Write;

use super::is_writable;
use crate::{
    fold::fold,
    schema::{AttributeId, ResourceType},
    value::Value,
};

/// How values are written so that the same have one text: what no client sets and `primary` left out, sub-attributes
/// and lists in one order.
#[derive(Clone, Copy)]
pub(super) struct Form<'a> {
    pub(super) kind: &'a ResourceType,
    /// Whether case counts also where the schema says that it does not.
    pub(super) exact: bool,
}

impl Form<'_> {
    pub(super) fn of(self, attribute: AttributeId, value: &Value) -> String {
        let mut out = String::new();
        self.write(attribute, value, &mut out);
        out
    }

    fn write(self, attribute: AttributeId, value: &Value, out: &mut String) {
        // Each is as long as it says or ends in a mark, so that no two that follow each other are read as others.
        let _infallible = match value {
            Value::String(text) if self.exact || self.kind.compares_exactly(attribute) => {
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
                let is_element = self.kind.attribute(attribute).is_multi_valued();
                let primary = self.kind.conventional(attribute).primary.filter(|_| is_element);
                let counts = |id: AttributeId| Some(id) != primary && is_writable(self.kind, id);
                let mut members: Vec<_> = object.iter().filter(|(id, _)| counts(*id)).collect();
                members.sort_unstable_by_key(|(id, _)| *id);
                out.push('{');
                for (id, value) in members {
                    let _infallible = write!(out, "{id:?}");
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
