//! What a patch consists of before it is known where one request ends and the next begins.

use super::super::Op;
use crate::schema::AttributeId;

/// A change that stands in one operation, or in as many as it takes.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// One operation. `value` is JSON; no path means the resource.
    One { at: AttributeId, op: Op, path: String, value: Option<String> },
    /// Values for a list, each as JSON. When they are divided, what follows is added to what was set first.
    Values { list: AttributeId, op: Op, path: String, values: Vec<String> },
    /// The values of a list go for which one of the conditions holds; each with how many terms it has.
    Gone { list: AttributeId, path: String, conditions: Vec<(String, usize)> },
}

/// How many bytes the steps take when nothing has to be divided, as far as that can tell which of two ways is shorter.
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

/// What joins conditions.
pub(super) const OR: &str = " or ";

/// The bytes of an operation whose path takes `path` bytes in JSON, quotes left aside, and its value `value`.
pub(super) fn operation_size(op: Op, path: usize, value: Option<usize>) -> usize {
    let path = if path == 0 { 0 } else { r#","path":"""#.len() + path };
    r#"{"op":""}"#.len() + op.name().len() + path + value.map_or(0, |value| r#","value":"#.len() + value)
}

/// The bytes of a text in JSON, quotes left aside.
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
