//! What a caller may do and see: the host's decision, asked for in one place for every operation (RFC 7644 §2, §7.2).
//!
//! Who the caller is, the host has found out before there is a [`Context`]. What is decided here holds for single
//! requests, for each operation of a bulk request and for each resource type of a query over all of them alike.

use std::{fmt, sync::Arc};

use crate::{
    error::Error,
    filter::Matcher,
    patch::ValueEdit,
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::Resource,
    schema::{AttributeId, ResourceType},
    store::Context,
};

/// What a caller wants to do with resources of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a policy that overlooked a new one would permit it")]
pub enum Action {
    /// Create one (RFC 7644 §3.3).
    Create,
    /// Read one by its id (§3.4.1).
    Read,
    /// Query them (§3.4.2); of a query over several types, each is asked for.
    Search,
    /// Replace one (§3.5.1).
    Replace,
    /// Change a part of one (§3.5.2).
    Patch,
    /// Delete one (§3.6).
    Delete,
}

/// Decides what callers may do and see. Registered with [`ServiceProviderBuilder::policy`].
///
/// A policy decides from what it is handed, at once: what it has to look up elsewhere, such as the caller's roles, the
/// host puts into the [`Context`] when it authenticates ([`Context::with_host`]).
///
/// An [`Error`] refuses. It reaches the client as it is, so its detail must not tell what the client may not know; 403
/// is usual, and 404 for what the client must not even know of.
///
/// ```
/// use std::sync::Arc;
/// use scim_core::{error::Error, provider::{Access, Action, Policy}, schema::ResourceType, store::Context};
///
/// /// Only the payroll system sees and sets employee numbers, and nobody deletes groups.
/// #[derive(Debug)]
/// struct House;
///
/// impl Policy for House {
///     fn access(&self, cx: &Context, action: Action, kind: &Arc<ResourceType>) -> Result<Access, Error> {
///         match (kind.name(), action) {
///             ("Group", Action::Delete) => Err(Error::new(403, "groups are deleted in the administration only")),
///             ("User", _) if cx.actor() != Some("payroll") => Ok(Access::full().hiding(kind, &["employeeNumber"])),
///             _ => Ok(Access::full()),
///         }
///     }
/// }
/// ```
///
/// [`ServiceProviderBuilder::policy`]: super::ServiceProviderBuilder::policy
pub trait Policy: fmt::Debug + Send + Sync + 'static {
    /// Asked first, before anything is read: whether the caller may do this with resources of the type, and what of
    /// them it sees. `kind` is the resource type as it is registered.
    ///
    /// It is also asked with [`Action::Read`] when resources of the type would show up in others: as the groups of a
    /// user, as members that a client adds, or by the names of members. Resources that the caller may not read are treated
    /// as absent, and their names are not shown.
    ///
    /// # Errors
    ///
    /// When it may not.
    fn access(&self, cx: &Context, action: Action, kind: &Arc<ResourceType>) -> Result<Access, Error>;

    /// Sets on a new resource what the host knows and the client cannot set, such as who made it. Called before the
    /// rules of the schema are checked and before [`Policy::review`].
    fn prepare(&self, cx: &Context, resource: &mut Resource) {
        let _ = (cx, resource);
    }

    /// Asked before a change is committed, with what it would change. A change that is computed anew, since somebody
    /// else was faster, is asked for anew, so that what is committed is what was asked for. Only of an edit of one list
    /// of references the rest of the resource may have changed in between: many clients edit one group at a time.
    ///
    /// # Errors
    ///
    /// When it may not be made. Nothing has changed then.
    fn review(&self, cx: &Context, proposal: &Proposal<'_>) -> Result<(), Error> {
        let _ = (cx, proposal);
        Ok(())
    }
}

/// What a caller sees of the resources of one type.
#[derive(Clone, Debug, Default)]
pub struct Access {
    hidden: Vec<AttributeId>,
    scope: Vec<Arc<Matcher>>,
}

impl Access {
    /// All resources, and all of each.
    pub const fn full() -> Self {
        Self { hidden: Vec::new(), scope: Vec::new() }
    }

    /// Hides attributes of `kind` with all their sub-attributes, by their paths: to the caller they are as unknown as
    /// if the schema did not have them, in answers, filters, sorting, projections, bodies and PATCH paths alike. Their
    /// values stay as they are, whatever the caller writes; those in a value of a list go with the value.
    ///
    /// Names of nothing are passed over. `id`, `schemas` and `meta` cannot be hidden, and neither can the `value` in a
    /// list of references: without them there is no protocol. `/Schemas` shows what the service provider has, not what
    /// a caller sees.
    #[must_use]
    pub fn hiding<P: AsRef<str>>(mut self, kind: &ResourceType, paths: &[P]) -> Self {
        let mut tolerance = Tolerance::new(Quirks::default());
        let resolved = paths.iter().filter_map(|path| {
            let path: AttributePath = path.as_ref().parse().ok()?;
            kind.resolve(path.as_ref(), &mut tolerance).ok()
        });
        let vital = |id: &AttributeId| {
            [AttributeId::ROOT, AttributeId::ID, AttributeId::SCHEMAS].contains(id)
                || [*id, kind.parent(*id)].contains(&AttributeId::META)
                || kind.is_reference_list(kind.parent(*id)) && kind.value_of(kind.parent(*id)) == Some(*id)
        };
        self.hidden.extend(resolved.filter(|id| !vital(id)));
        self
    }

    /// Shows only resources for which `scope` holds, compiled for the resource type. To the caller the others do not
    /// exist: they are 404, are in no list and no total, and cannot be added to a list of references; their unique
    /// values are taken all the same (409). What the caller writes must stay within the scope: 403.
    ///
    /// The ids of such resources do show where they stand already, without a name: in a list such as `members` that
    /// somebody else put them into, and as a single reference such as `manager`. Hide those attributes where the id is too
    /// much to know.
    ///
    /// It must look at stored attributes only, not at derived ones such as a user's `groups` or `members.display`; else
    /// 500. Called again, all must hold.
    #[must_use]
    pub fn within(mut self, scope: impl Into<Arc<Matcher>>) -> Self {
        self.scope.push(scope.into());
        self
    }

    /// What both show.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.hidden.extend(other.hidden);
        self.scope.extend(other.scope);
        self
    }

    pub(super) fn into_parts(mut self) -> (Vec<AttributeId>, Vec<Arc<Matcher>>) {
        self.hidden.sort_unstable();
        self.hidden.dedup();
        (self.hidden, self.scope)
    }
}

/// A change that is about to be committed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Proposal<'a> {
    /// What the caller does.
    pub action: Action,
    /// The resource type.
    pub kind: &'a Arc<ResourceType>,
    /// The resource as it is; `None` when it is to be created. Of a change of one list of references, and of a
    /// deletion, the lists of references may be missing.
    pub before: Option<&'a Resource>,
    /// The resource as it will be; `None` when it is to be deleted or when `edit` says what changes.
    pub after: Option<&'a Resource>,
    /// A change of one list of references, such as the members of a group, that is committed without reading the list.
    pub edit: Option<(AttributeId, &'a ValueEdit)>,
}
