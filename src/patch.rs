//! PATCH: changing a resource by operations (RFC 7644 §3.5.2).
//!
//! Applying a [`Patch`] is a pure function of a resource. A patch that only adds or removes values of one list of
//! references is also a [`Membership`], which needs no resource at all. This module does not know HTTP or storage.

mod application;
mod apply;
mod builder;
mod diff;
mod doubles;
mod draft;
mod element;
mod elements;
mod error;
mod list;
mod members;
mod membership;
mod path;
mod remove_value;
mod schemas;
mod singular;
mod value;

use std::{fmt, sync::Arc};

use serde_json::value::RawValue;

pub(crate) use self::application::Application;
pub use self::{
    builder::PatchBuilder,
    diff::{DiffError, DiffErrorKind, diff},
    error::{PatchError, PatchErrorKind},
    membership::{Membership, ValueEdit},
};
use crate::{
    limits::{Limits, Work},
    quirks::{Reading, Tolerance},
    resource::Resource,
    schema::{AttributeId, ResourceType},
    value::Text,
};

/// The URI of the PatchOp message (RFC 7644 §3.5.2).
pub(crate) const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A PATCH request: operations that are all applied, in their order, or not at all (RFC 7644 §3.5.2).
///
/// Paths and values are kept as the client wrote them; their meaning depends on the resource type.
///
/// ```
/// use scim_core::{limits::Limits, patch::Patch, quirks::{Quirks, Reading, Tolerance}, resource::Resource, schema::Registry};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let before = Resource::from_json(user, br#"{"userName": "bjensen", "active": true}"#)?;
///
/// // As Microsoft Entra ID disables a user.
/// let body = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
///     "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#;
/// let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
/// let patch = Patch::parse(body, Reading::new(&limits, &mut tolerance))?;
/// let after = patch.apply(&before, Reading::new(&limits, &mut tolerance))?.expect("a change");
/// let active = user.child(scim_core::schema::AttributeId::ROOT, "active").expect("defined");
/// assert_eq!(after.value(active).and_then(|value| value.as_bool()), Some(false));
/// assert_eq!(tolerance.applied().to_string(), "operation-case, boolean-strings");
/// assert_eq!(patch.apply(&after, Reading::new(&limits, &mut tolerance))?, None, "nothing more to change");
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
    path: Option<Text>,
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
    pub(crate) const ALL: [Self; 3] = [Self::Add, Self::Remove, Self::Replace];

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
    /// A patch of operations that have been checked.
    pub(crate) fn new(operations: Vec<Operation>) -> Self {
        Self { operations }
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
    /// [default](crate::schema::Attribute::with_default_value).
    ///
    /// # Errors
    ///
    /// At the first operation that fails, or when the result breaks a rule of the schemas: see [`PatchErrorKind`].
    pub fn apply(&self, resource: &Resource, reading: Reading<'_>) -> Result<Option<Resource>, PatchError> {
        let mut after = resource.clone();
        let work = Work::new(reading.limits.work);
        Ok(apply::apply(self, &mut after, reading, &work)?.then_some(after))
    }

    /// As [`Patch::apply`], on the resource itself: for a host that does not need the old resource. Returns whether the
    /// resource changed. If the resource did not change, it has all its old values in their spelling, perhaps in another
    /// order.
    ///
    /// # Errors
    ///
    /// As [`Patch::apply`]. After an error the resource has all its old values as well.
    ///
    /// ```
    /// use scim_core::{limits::Limits, patch::Patch, quirks::{Quirks, Reading, Tolerance}, resource::Resource, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let mut stored = Resource::from_json(user, br#"{"userName": "bjensen", "title": "Guide"}"#)?;
    /// let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
    ///
    /// let patch = Patch::builder().replace("title", "Tour Guide").build()?;
    /// assert!(patch.apply_to(&mut stored, Reading::new(&limits, &mut tolerance))?);
    /// assert_eq!(stored.get("title").and_then(|title| title.as_str()), Some("Tour Guide"));
    ///
    /// // The second operation fails, so that neither operation has an effect.
    /// let patch = Patch::builder().remove("title").remove("userName").build()?;
    /// assert!(patch.apply_to(&mut stored, Reading::new(&limits, &mut tolerance)).is_err());
    /// assert_eq!(stored.get("title").and_then(|title| title.as_str()), Some("Tour Guide"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply_to(&self, resource: &mut Resource, reading: Reading<'_>) -> Result<bool, PatchError> {
        let work = Work::new(reading.limits.work);
        apply::apply(self, resource, reading, &work)
    }

    /// The lists of references that no operation touches and that are not required: the patch can be applied
    /// without them.
    pub(crate) fn untouched_lists(
        &self,
        resource_type: &ResourceType,
        limits: &Limits,
        tolerance: &Tolerance,
    ) -> Vec<AttributeId> {
        if resource_type.reference_lists().is_empty() {
            return Vec::new();
        }
        let mut met = *tolerance;
        let mut reading = Reading::new(limits, &mut met);
        let mut touched = Vec::new();
        for operation in &self.operations {
            match path::touched(resource_type, operation, &mut reading) {
                Some(attributes) => touched.extend(attributes),
                None => return Vec::new(),
            }
        }
        let lists = resource_type.reference_lists().iter().copied();
        lists.filter(|list| !touched.contains(list) && !resource_type.attribute(*list).is_required()).collect()
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
    /// use scim_core::{limits::Limits, patch::Patch, quirks::{Quirks, Reading, Tolerance}, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let group = registry.resource_type("Group").expect("registered");
    /// let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
    /// let patch = Patch::builder().remove(r#"members[value eq "2819"]"#).build()?;
    /// let membership = patch.membership(group, Reading::new(&limits, &mut tolerance))?.expect("nothing but members");
    /// assert_eq!(membership.edit.remove, ["2819"]);
    ///
    /// let patch = Patch::builder().replace("displayName", "Tour Guides").build()?;
    /// assert_eq!(patch.membership(group, Reading::new(&limits, &mut tolerance))?, None);
    /// # Ok::<(), scim_core::patch::PatchError>(())
    /// ```
    pub fn membership(
        &self,
        resource_type: &Arc<ResourceType>,
        mut reading: Reading<'_>,
    ) -> Result<Option<Membership>, PatchError> {
        membership::membership(self, resource_type, &mut reading)
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
                operation.path = Some(path.into());
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
    pub(crate) fn new(op: Op, path: Option<Text>, value: Option<Box<RawValue>>) -> Self {
        Self { op, path, value }
    }

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
        self.raw().map(RawValue::get)
    }

    /// The value as unparsed JSON.
    pub(crate) fn raw(&self) -> Option<&RawValue> {
        self.value.as_deref()
    }

    /// Whether the operation is an `add` without a `value` whose path ends in a condition, which describes the element.
    pub(crate) fn adds_described_element(&self) -> bool {
        let ends_in_condition = self.path().is_some_and(|path| path.trim_ascii_end().ends_with(']'));
        self.op == Op::Add && self.value.is_none() && ends_in_condition
    }

    /// Checks the operation as far as possible without the resource type (RFC 7644 §3.5.2.1, §3.5.2.2).
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), PatchError> {
        let fault = match (self.op, &self.path, &self.value) {
            (_, Some(path), _) if path.len() > limits.path_bytes => {
                let message = format!("expected a path of at most {} bytes", limits.path_bytes);
                PatchError::new(PatchErrorKind::InvalidPath, message)
            }
            (Op::Remove, None, _) => PatchError::new(PatchErrorKind::NoTarget, "expected a `path` for `remove`"),
            (Op::Add | Op::Replace, _, None) => {
                PatchError::value(format!("expected a `value` for `{}`", self.op.name()))
            }
            _ => return Ok(()),
        };
        Err(fault.at(self.path().unwrap_or_default()))
    }
}

impl fmt::Debug for Operation {
    /// Shows the size of the value, not the value: it may be a password, and many people can read logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Operation");
        shown.field("op", &self.op).field("path", &self.path());
        if let Some(value) = self.value() {
            shown.field("value", &format_args!("({} bytes)", value.len()));
        }
        shown.finish()
    }
}
