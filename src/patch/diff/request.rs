//! Divides steps into requests, each within the limits of the service provider that receives them.
//!
//! A request takes as many steps as fit, and the next request takes the rest. The order never changes: later steps
//! may rely on the effect of earlier steps.

use serde_json::value::RawValue;

use super::{
    super::{Op, Operation, PATCH_OP, Patch},
    DiffError, DiffErrorKind,
    step::{OR, Step, escaped, operation_size},
};
use crate::{
    limits::Limits,
    schema::{AttributeId, ResourceType},
};

/// The bytes of a PatchOp message without its operations.
const ENVELOPE: usize = r#"{"schemas":[""],"Operations":[]}"#.len() + PATCH_OP.len();

pub(super) struct Requests<'a> {
    resource_type: &'a ResourceType,
    limits: &'a Limits,
    full: Vec<Patch>,
    /// The operations of the request that is being filled.
    operations: Vec<Operation>,
    bytes: usize,
    /// The number of values of each list that the current request names.
    values: Vec<(AttributeId, usize)>,
}

impl<'a> Requests<'a> {
    pub(super) fn new(resource_type: &'a ResourceType, limits: &'a Limits) -> Self {
        Self { resource_type, limits, full: Vec::new(), operations: Vec::new(), bytes: ENVELOPE, values: Vec::new() }
    }

    /// Whether the step fits into a request of its own.
    pub(super) fn fits_alone(step: &Step, limits: &Limits) -> bool {
        let values = match step {
            Step::One { .. } => 0,
            Step::Values { values, .. } => values.len(),
            Step::Gone { conditions, .. } => conditions.len(),
        };
        ENVELOPE + step.size() <= limits.body && values <= limits.values
    }

    pub(super) fn step(&mut self, step: Step) -> Result<(), DiffError> {
        match step {
            Step::One { at, op, path, value } => {
                let size = operation_size(op, escaped(&path), value.as_ref().map(String::len));
                if !self.has_room(size) {
                    self.next(at)?;
                }
                if !self.has_room(size) || path.len() > self.limits.path_bytes {
                    return Err(self.too_large(at));
                }
                self.push(at, op, path, value)
            }
            Step::Values { list, op, path, values } => self.values(list, op, &path, &values),
            Step::Gone { list, path, conditions } => self.gone(list, &path, &conditions),
        }
    }

    pub(super) fn finish(mut self) -> Vec<Patch> {
        if !self.operations.is_empty() {
            self.full.push(Patch { operations: self.operations });
        }
        self.full
    }

    fn values(&mut self, list: AttributeId, mut op: Op, path: &str, mut values: &[String]) -> Result<(), DiffError> {
        if path.len() > self.limits.path_bytes {
            return Err(self.too_large(list));
        }
        while !values.is_empty() {
            let mut size = operation_size(op, escaped(path), Some("[]".len()));
            let room = self.limits.values.saturating_sub(self.named(list));
            let mut taken = 0;
            for value in values.iter().take(room) {
                let longer = size + value.len() + usize::from(taken > 0);
                if !self.has_room(longer) {
                    break;
                }
                size = longer;
                taken += 1;
            }
            let (now, rest) = values.split_at_checked(taken).unwrap_or((values, &[]));
            if taken > 0 {
                self.push(list, op, path.to_owned(), Some(format!("[{}]", now.join(","))))?;
                self.name(list, taken);
                (op, values) = (Op::Add, rest);
            }
            if !values.is_empty() {
                self.next(list)?;
            }
        }
        Ok(())
    }

    fn gone(&mut self, list: AttributeId, path: &str, mut conditions: &[(String, usize)]) -> Result<(), DiffError> {
        while !conditions.is_empty() {
            let (mut text, mut terms, mut taken) = (format!("{path}["), 0, 0);
            let mut size = operation_size(Op::Remove, escaped(path) + 2, None);
            let room = self.limits.values.saturating_sub(self.named(list));
            for (condition, more) in conditions.iter().take(room) {
                let join = if taken > 0 { OR } else { "" };
                let longer = size + join.len() + escaped(condition);
                let fits = text.len() + join.len() + condition.len() < self.limits.path_bytes
                    && terms + more <= self.limits.filter_terms
                    && self.has_room(longer);
                if !fits {
                    break;
                }
                text.push_str(join);
                text.push_str(condition);
                (size, terms, taken) = (longer, terms + more, taken + 1);
            }
            let (_, rest) = conditions.split_at_checked(taken).unwrap_or((conditions, &[]));
            if taken > 0 {
                text.push(']');
                self.push(list, Op::Remove, text, None)?;
                self.name(list, taken);
                conditions = rest;
            } else {
                self.next(list)?;
            }
        }
        Ok(())
    }

    fn has_room(&self, size: usize) -> bool {
        let comma = usize::from(!self.operations.is_empty());
        self.operations.len() < self.limits.patch_operations && self.bytes + comma + size <= self.limits.body
    }

    /// Starts another request. A step that does not fit into an empty request does not fit at all.
    fn next(&mut self, at: AttributeId) -> Result<(), DiffError> {
        if self.operations.is_empty() {
            return Err(self.too_large(at));
        }
        self.full.push(Patch { operations: std::mem::take(&mut self.operations) });
        (self.bytes, self.values) = (ENVELOPE, Vec::new());
        Ok(())
    }

    fn push(&mut self, at: AttributeId, op: Op, path: String, value: Option<String>) -> Result<(), DiffError> {
        let size = operation_size(op, escaped(&path), value.as_ref().map(String::len));
        self.bytes += size + usize::from(!self.operations.is_empty());
        // The value was written as JSON, so parsing does not fail; if it did, nothing wrong would be sent.
        let value = value.map(RawValue::from_string).transpose();
        let value = value.map_err(|_| DiffError::new(DiffErrorKind::Inexpressible, self.resource_type.path(at)))?;
        self.operations.push(Operation { op, path: (!path.is_empty()).then(|| path.into()), value });
        Ok(())
    }

    fn named(&self, list: AttributeId) -> usize {
        self.values.iter().find(|(named, _)| *named == list).map_or(0, |(_, count)| *count)
    }

    fn name(&mut self, list: AttributeId, more: usize) {
        match self.values.iter_mut().find(|(named, _)| *named == list) {
            Some((_, count)) => *count += more,
            None => self.values.push((list, more)),
        }
    }

    fn too_large(&self, at: AttributeId) -> DiffError {
        DiffError::new(DiffErrorKind::TooLarge, self.resource_type.path(at))
    }
}
