//! PATCH: changing a resource by operations (RFC 7644 §3.5.2).
//!
//! Applying a [`Patch`] is a pure function of a resource. A patch that only adds or removes values of one list of
//! references is also a [`Membership`], which needs no resource at all. This module does not know HTTP or storage.

mod application;
mod apply;
mod diff;
mod doubles;
mod element;
mod elements;
mod error;
mod given;
mod list;
mod members;
mod membership;
mod path;
mod schemas;
mod singular;
mod value;
mod wire;

use std::{fmt, sync::Arc};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

pub(crate) use self::application::Application;
pub use self::{
    diff::{DiffError, DiffErrorKind, diff},
    error::{PatchError, PatchErrorKind},
    membership::{Membership, ValueEdit},
    wire::PATCH_OP,
};
use crate::{
    limits::{Limits, Work},
    quirks::Tolerance,
    resource::Resource,
    schema::{AttributeId, ResourceType},
};

/// A PATCH request: operations that are all applied, in their order, or not at all (RFC 7644 §3.5.2).
///
/// Paths and values are kept as the client wrote them; their meaning depends on the resource type.
///
/// ```
/// use scim_core::{Limits, Quirks, Resource, patch::Patch, quirks::Tolerance, schema::Registry};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let before = Resource::from_json(user, br#"{"userName": "bjensen", "active": true}"#)?;
///
/// // As Microsoft Entra ID disables a user.
/// let body = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
///     "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#;
/// let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
/// let patch = Patch::parse(body, &limits, &mut tolerance)?;
/// let after = patch.apply(&before, &limits, &mut tolerance)?.expect("a change");
/// let active = user.child(scim_core::schema::AttributeId::ROOT, "active").expect("defined");
/// assert_eq!(after.value(active).and_then(|value| value.as_bool()), Some(false));
/// assert_eq!(tolerance.applied().to_string(), "operation-case, boolean-strings");
/// assert_eq!(patch.apply(&after, &limits, &mut tolerance)?, None, "nothing more to change");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Patch {
    operations: Vec<Operation>,
}

/// One operation of a [`Patch`].
#[derive(Clone)]
pub struct Operation {
    op: Op,
    path: Option<Box<str>>,
    value: Option<Box<RawValue>>,
}

/// The kind of change that an [`Operation`] makes (RFC 7644 §3.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.5.2 closes the set")]
pub enum Op {
    /// Adds values to the target (§3.5.2.1).
    Add,
    /// Removes values (§3.5.2.2).
    Remove,
    /// Replaces the values of the target (§3.5.2.3).
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
    /// When the body is not a PatchOp message, holds no operation or more than `limits.patch_operations`, a
    /// `remove` has no path, or an `add` or `replace` has no value.
    pub fn parse(body: &[u8], limits: &Limits, tolerance: &mut Tolerance) -> Result<Self, PatchError> {
        wire::parse(body, limits, tolerance)
    }

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

    /// The operations, in their order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Applies all operations to `resource`. Returns the changed resource, or `None` when nothing changed
    /// (RFC 7644 §3.5.2).
    ///
    /// `resource` must be complete, lists included. The caller sets `meta.lastModified`. Setting `primary` on one
    /// value takes it from the other values. Adding a value that the list already contains changes nothing. An
    /// extension that loses its last attribute is removed. List values that the operations made the same become
    /// one value. Where the RFC leaves the effect open, a value path selects the values to merge into, a whole
    /// list is replaced, and `null` and `[]` unassign an attribute unless it has a
    /// [default](crate::schema::Attribute::default_value).
    ///
    /// # Errors
    ///
    /// At the first operation that fails, or when the result breaks a rule of the schemas: see [`PatchErrorKind`].
    pub fn apply(
        &self,
        resource: &Resource,
        limits: &Limits,
        tolerance: &mut Tolerance,
    ) -> Result<Option<Resource>, PatchError> {
        apply::apply(self, resource, limits, tolerance, &Work::new(limits.work))
    }

    /// The lists of references that no operation touches and that are not required: the patch can be applied
    /// without them.
    pub(crate) fn untouched_lists(
        &self,
        kind: &ResourceType,
        limits: &Limits,
        tolerance: &Tolerance,
    ) -> Vec<AttributeId> {
        let mut met = *tolerance;
        let mut touched = Vec::new();
        for operation in &self.operations {
            match path::touched(kind, operation, limits, &mut met) {
                Some(attributes) => touched.extend(attributes),
                None => return Vec::new(),
            }
        }
        let lists = kind.reference_lists().iter().copied();
        lists.filter(|list| !touched.contains(list) && !kind.attribute(*list).is_required()).collect()
    }

    /// The patch as a change of one list of references; `None` when the patch makes any other change. Each
    /// operation must add, remove or replace values of that list by their `value`. Applying the membership has the
    /// same effect as applying the patch.
    ///
    /// # Errors
    ///
    /// At the first operation on the list that [`Patch::apply`] would refuse on any resource.
    ///
    /// ```
    /// use scim_core::{Limits, Quirks, patch::Patch, quirks::Tolerance, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let group = registry.resource_type("Group").expect("registered");
    /// let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
    /// let patch = Patch::builder().remove(r#"members[value eq "2819"]"#).build()?;
    /// let membership = patch.membership(group, &limits, &mut tolerance)?.expect("nothing but members");
    /// assert_eq!(membership.edit.remove, ["2819"]);
    ///
    /// let patch = Patch::builder().replace("displayName", "Tour Guides").build()?;
    /// assert_eq!(patch.membership(group, &limits, &mut tolerance)?, None);
    /// # Ok::<(), scim_core::patch::PatchError>(())
    /// ```
    pub fn membership(
        &self,
        kind: &Arc<ResourceType>,
        limits: &Limits,
        tolerance: &mut Tolerance,
    ) -> Result<Option<Membership>, PatchError> {
        membership::membership(self, kind, limits, tolerance)
    }
}

impl Patch {
    /// Replaces paths and values that refer to resources which the same request creates. `resolve` returns the new
    /// path and the new value of an operation, as JSON; `None` keeps the old path or value.
    pub(crate) fn resolve_references<E: From<PatchError>>(
        &mut self,
        mut resolve: impl FnMut(&Operation) -> Result<Resolved, E>,
    ) -> Result<(), E> {
        for (index, operation) in self.operations.iter_mut().enumerate() {
            let (path, value) = resolve(operation)?;
            if let Some(path) = path {
                operation.path = Some(path);
            }
            if let Some(value) = value {
                let value = RawValue::from_string(value)
                    .map_err(|error| PatchError::json(&error, "a value").in_operation(index));
                operation.value = Some(value?);
            }
        }
        Ok(())
    }
}

/// The new path and the new value of an operation; `None` where the operation keeps its own.
pub(crate) type Resolved = (Option<Box<str>>, Option<String>);

impl Operation {
    /// The kind of change.
    pub fn op(&self) -> Op {
        self.op
    }

    /// The path, as the client wrote it; `None` for the resource as a whole.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The value, as JSON text; `None` if the operation has no value.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref().map(RawValue::get)
    }
}

impl fmt::Debug for Operation {
    /// Shows the size of the value, not the value: it may be a password, and many people can read logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Operation");
        shown.field("op", &self.op).field("path", &self.path);
        if let Some(value) = self.value() {
            shown.field("value", &format_args!("({} bytes)", value.len()));
        }
        shown.finish()
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
