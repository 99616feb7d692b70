//! Building a patch in the host's own code.

use serde::Serialize;
use serde_json::value::to_raw_value;

use super::{Op, Operation, Patch, PatchError};
use crate::limits::Limits;

impl Patch {
    /// Starts a patch that the host itself builds.
    ///
    /// ```
    /// use scim_core::patch::Patch;
    ///
    /// let patch = Patch::builder()
    ///     .replace("active", false)
    ///     .add("emails", [("value", "bjensen@example.com")].into_iter().collect::<std::collections::BTreeMap<_, _>>())
    ///     .remove(r#"phoneNumbers[type eq "fax"]"#)
    ///     .build()?;
    /// assert_eq!(patch.operations().len(), 3);
    /// assert_eq!(patch.operations()[0].value(), Some("false"));
    /// # Ok::<(), scim_core::patch::PatchError>(())
    /// ```
    pub fn builder() -> PatchBuilder {
        PatchBuilder { operations: Vec::new(), fault: None }
    }
}

/// Builds a [`Patch`]. Returned by [`Patch::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PatchBuilder {
    operations: Vec<Operation>,
    fault: Option<PatchError>,
}

impl PatchBuilder {
    /// Adds `value` at `path`; with an empty path, adds its members to the resource.
    pub fn add(self, path: &str, value: impl Serialize) -> Self {
        self.operation(Op::Add, path, Some(value))
    }

    /// Replaces the value at `path` by `value`; with an empty path, each member of `value` replaces its attribute.
    pub fn replace(self, path: &str, value: impl Serialize) -> Self {
        self.operation(Op::Replace, path, Some(value))
    }

    /// Removes the value at `path`.
    pub fn remove(self, path: &str) -> Self {
        self.operation(Op::Remove, path, None::<()>)
    }

    fn operation(mut self, op: Op, path: &str, value: Option<impl Serialize>) -> Self {
        let value = match value.map(|value| to_raw_value(&value)).transpose() {
            Ok(value) => value,
            Err(error) => {
                let fault = PatchError::value(error.to_string()).at(path).in_operation(self.operations.len());
                self.fault.get_or_insert(fault);
                None
            }
        };
        self.operations.push(Operation { op, path: (!path.is_empty()).then(|| path.into()), value });
        self
    }

    /// Builds the patch.
    ///
    /// # Errors
    ///
    /// When a value cannot be written as JSON, a `remove` has no path, or the patch has no operation. Paths are
    /// read when the patch is applied.
    pub fn build(self) -> Result<Patch, PatchError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let limits = Limits { path_bytes: usize::MAX, ..Limits::default() };
        for (index, operation) in self.operations.iter().enumerate() {
            operation.check(&limits).map_err(|fault| fault.in_operation(index))?;
        }
        if self.operations.is_empty() {
            return Err(PatchError::syntax("expected at least one operation"));
        }
        Ok(Patch { operations: self.operations })
    }
}
