//! The steps of a patch, before they are divided into requests.

use super::super::Op;
use crate::schema::AttributeId;

/// A change that takes one operation, or several if it has to be divided.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// One operation. `value` is JSON; an empty path means the resource.
    One { at: AttributeId, op: Op, path: String, value: Option<String> },
    /// Sets or adds values of a list, each as JSON. If the values are divided, later parts are added to the first part.
    Values { list: AttributeId, op: Op, path: String, values: Vec<String> },
    /// Removes the values of a list for which one of the conditions holds. Each condition has its number of terms.
    Gone { list: AttributeId, path: String, conditions: Vec<(String, usize)> },
}

/// The bytes of the steps if nothing has to be divided: an estimate that shows which of two ways is shorter.
pub(super) fn size(steps: &[Step]) -> usize {
    steps.iter().map(|step| step.size() + 1).sum()
}

impl Step {
    pub(super) fn size(&self) -> usize {
        match self {
            Self::One { op, path, value, .. } => operation_size(*op, escaped(path), value.as_ref().map(String::len)),
            Self::Values { op, path, values, .. } => {
                let values = values.iter().map(|value| value.len() + 1).sum::<usize>();
                operation_size(*op, escaped(path), Some(values + 1))
            }
            Self::Gone { path, conditions, .. } => {
                let conditions = conditions.iter().map(|(text, _)| escaped(text) + OR.len()).sum::<usize>();
                operation_size(Op::Remove, escaped(path) + conditions.saturating_sub(OR.len()) + 2, None)
            }
        }
    }
}

/// The text between two conditions.
pub(super) const OR: &str = " or ";

/// The bytes of an operation as JSON. `path` is the length of the path in JSON without quotes, `value` that of the
/// value.
pub(super) fn operation_size(op: Op, path: usize, value: Option<usize>) -> usize {
    let path = if path == 0 { 0 } else { r#","path":"""#.len() + path };
    r#"{"op":""}"#.len() + op.name().len() + path + value.map_or(0, |value| r#","value":"#.len() + value)
}

/// The bytes of a text in JSON, without quotes.
pub(super) fn escaped(text: &str) -> usize {
    let bytes = |byte: u8| match byte {
        b'"' | b'\\' | 0x8 | b'\t' | b'\n' | 0xc | b'\r' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Patch;

    #[test]
    fn sizes_are_those_of_the_json() {
        let path = "emails[value eq \"\\\"\u{1}\n\t\u{7f}ü\"]";
        let with_value = Patch::builder().replace(path, "x").build().unwrap();
        let json = serde_json::to_string(&with_value.operations()[0]).unwrap();
        assert_eq!(operation_size(Op::Replace, escaped(path), Some(3)), json.len());
        let without = Patch::builder().remove(path).build().unwrap();
        let json = serde_json::to_string(&without.operations()[0]).unwrap();
        assert_eq!(operation_size(Op::Remove, escaped(path), None), json.len());
    }
}
