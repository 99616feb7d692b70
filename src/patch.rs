//! PATCH: changing a resource by operations (RFC 7644 §3.5.2).
//!
//! Nothing here knows HTTP or storage.

mod error;

mod membership;
mod wire;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

pub use self::{
    error::{PatchError, PatchErrorKind},
    membership::ValueEdit,
    wire::PATCH_OP,
};
use crate::{limits::Limits, quirks::Tolerance};

/// A PATCH request: operations that are all applied, in their order, or not at all (RFC 7644 §3.5.2).
///
/// Paths and values are kept as the client wrote them; what they mean depends on the resource type.
///
/// ```
/// use scim_core::{Limits, Quirks, patch::{Op, Patch}, quirks::Tolerance};
///
/// // As Microsoft Entra ID disables a user.
/// let body = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
///     "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#;
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let patch = Patch::parse(body, &Limits::default(), &mut tolerance)?;
/// assert_eq!(patch.operations()[0].op(), Op::Replace);
/// assert_eq!(tolerance.applied().to_string(), "operation-case");
/// # Ok::<(), scim_core::patch::PatchError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Patch {
    operations: Vec<Operation>,
}

/// One operation of a [`Patch`].
#[derive(Clone, Debug)]
pub struct Operation {
    op: Op,
    path: Option<Box<str>>,
    value: Option<Box<RawValue>>,
}

/// What an [`Operation`] does (RFC 7644 §3.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.5.2 closes the set")]
pub enum Op {
    /// Adds values to what is there (§3.5.2.1).
    Add,
    /// Removes values (§3.5.2.2).
    Remove,
    /// Puts values in the place of what is there (§3.5.2.3).
    Replace,
}

impl Op {
    const ALL: [Self; 3] = [Self::Add, Self::Remove, Self::Replace];

    /// The operation's name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

impl Patch {
    /// Reads the body of a PATCH request.
    ///
    /// # Errors
    ///
    /// When it is no PatchOp message, holds no operation or more than `limits.patch_operations`, a `remove` has no
    /// path, or an `add` or `replace` has no value.
    pub fn parse(body: &[u8], limits: &Limits, tolerance: &mut Tolerance) -> Result<Self, PatchError> {
        wire::parse(body, limits, tolerance)
    }

    /// Starts a patch that the host itself puts together.
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

    /// The operations, in their order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

impl Operation {
    /// What it does.
    pub fn op(&self) -> Op {
        self.op
    }

    /// What it is done to, as the client wrote it; without one the resource as a whole.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The value, as JSON text.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref().map(RawValue::get)
    }
}

/// Puts a [`Patch`] together. Made by [`Patch::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PatchBuilder {
    operations: Vec<Operation>,
    fault: Option<PatchError>,
}

impl PatchBuilder {
    /// Adds `value` at `path`; with an empty path its members to the resource.
    pub fn add(self, path: &str, value: impl Serialize) -> Self {
        self.operation(Op::Add, path, Some(value))
    }

    /// Puts `value` in the place of what is at `path`; with an empty path its members, each in the place of its own.
    pub fn replace(self, path: &str, value: impl Serialize) -> Self {
        self.operation(Op::Replace, path, Some(value))
    }

    /// Removes what is at `path`.
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

    /// The patch.
    ///
    /// # Errors
    ///
    /// When a value cannot be written as JSON, a `remove` has no path, or there is no operation. Paths are read when
    /// the patch is applied.
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
