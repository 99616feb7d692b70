//! Access policies: the host decides in one place, for every operation, which actions a caller may perform and which
//! data it sees (RFC 7644 §2, §7.2).
//!
//! The host authenticates the caller before it creates a [`RequestContext`]. A policy applies to single requests, to
//! each operation of a bulk request and to each resource type of a query over all types.

use std::{fmt, sync::Arc};

use crate::{
    error::Error,
    filter::Matcher,
    patch::ValueEdit,
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::Resource,
    schema::{AttributeId, ResourceType},
    store::RequestContext,
};

/// An action of a caller on resources of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a policy that overlooked a new one would permit it")]
pub enum Action {
    /// Create a resource (RFC 7644 §3.3).
    Create,
    /// Read a resource by its id (§3.4.1).
    Read,
    /// Query resources (§3.4.2). A query over several types asks the policy about each type.
    Search,
    /// Replace a resource (§3.5.1).
    Replace,
    /// Change a part of a resource (§3.5.2).
    Patch,
    /// Delete a resource (§3.6).
    Delete,
}

/// Decides which actions callers may perform and which data they see. Registered with
/// [`ServiceProviderBuilder::policy`].
///
/// A policy decides synchronously from its arguments. If the decision needs other data, such as the caller's roles,
/// the host puts the data into the [`RequestContext`] during authentication ([`RequestContext::with_host`]).
///
/// A policy refuses an action by returning an [`Error`]. The error reaches the client unchanged, so its detail must
/// not reveal data that the client may not know. The usual status is 403; use 404 if the client must not know that
/// the resource exists.
///
/// ```
/// use std::sync::Arc;
/// use scim_core::{error::Error, provider::{Access, Action, Policy}, schema::ResourceType, store::RequestContext};
///
/// /// Only the payroll system sees and sets employee numbers. No caller deletes groups.
/// #[derive(Debug)]
/// struct House;
///
/// impl Policy for House {
///     fn access(&self, context: &RequestContext, action: Action, resource_type: &Arc<ResourceType>)
///         -> Result<Access, Error> {
///         match (resource_type.name(), action) {
///             ("Group", Action::Delete) => Err(Error::new(403, "groups are deleted in the administration only")),
///             ("User", _) if context.actor() != Some("payroll") => {
///                 Ok(Access::full().with_hidden(resource_type, &["employeeNumber"]))
///             }
///             _ => Ok(Access::full()),
///         }
///     }
/// }
/// ```
///
/// [`ServiceProviderBuilder::policy`]: crate::provider::ServiceProviderBuilder::policy
pub trait Policy: fmt::Debug + Send + Sync + 'static {
    /// Decides whether the caller may perform `action` on resources of the type, and which part of them the caller
    /// sees. The core calls this method first, before it reads anything. `resource_type` is the resource type as
    /// registered.
    ///
    /// The core also calls it with [`Action::Read`] when resources of the type appear in other resources: as the
    /// groups of a user, as members that a client adds, or by the names of members. Resources that the caller may not
    /// read are treated as absent, and their names are not shown.
    ///
    /// # Errors
    ///
    /// If the caller may not perform the action.
    fn access(
        &self,
        context: &RequestContext,
        action: Action,
        resource_type: &Arc<ResourceType>,
    ) -> Result<Access, Error>;

    /// Sets values on a new resource that the host knows and the client cannot set, such as the creator. The core
    /// calls this method before it checks the rules of the schema and before [`Policy::review`].
    fn prepare(&self, context: &RequestContext, resource: &mut Resource) {
        let _ = (context, resource);
    }

    /// Marks the new state of a stored resource, if the change hands the resource over to SCIM, and returns whether it
    /// does. The core calls this method for each PUT and PATCH if the caller's access has
    /// [`Access::with_adoption`], after the rules of the schema and before [`Policy::review`]. The marks and the change
    /// of the client are committed together, and the event has [`Handover::Adopted`]. A change that has no other effect
    /// is committed, too.
    ///
    /// `after` is the whole new state. A method that returns `false` must leave `after` unchanged.
    ///
    /// [`Handover::Adopted`]: crate::store::Handover::Adopted
    fn adopt(&self, context: &RequestContext, before: &Resource, after: &mut Resource) -> bool {
        let _ = (context, before, after);
        false
    }

    /// Reviews a change before the core commits it. If another writer was faster, the core computes the change again
    /// and asks for another review, so that the committed change is the reviewed change. The exception is an edit of
    /// one list of references: the rest of the resource may have changed between review and commit, because many
    /// clients edit one group at a time.
    ///
    /// # Errors
    ///
    /// If the change is not allowed. The resource then stays unchanged.
    fn review(&self, context: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        let _ = (context, proposal);
        Ok(())
    }
}

/// The part of the resources of one type that a caller sees.
#[derive(Clone, Debug, Default)]
pub struct Access {
    hidden: Vec<AttributeId>,
    scope: Vec<Arc<Matcher>>,
    adopts: bool,
}

impl Access {
    /// Access to all resources of the type, with all their attributes.
    pub const fn full() -> Self {
        Self { hidden: Vec::new(), scope: Vec::new(), adopts: false }
    }

    /// Hides attributes of `resource_type`, given by their paths, with all their sub-attributes. For the caller, the
    /// schema does not have these attributes: in answers, filters, sorting, projections, bodies and PATCH paths alike.
    /// The stored values of hidden attributes stay unchanged, whatever the caller writes; hidden sub-attributes of a
    /// value in a list are removed together with the value.
    ///
    /// Unknown paths are ignored. `id`, `schemas` and `meta` cannot be hidden, nor can the `value` sub-attribute of a
    /// list of references: the protocol needs them. `/Schemas` shows the attributes of the service provider,
    /// including those that are hidden from the caller.
    #[must_use]
    pub fn with_hidden<P: AsRef<str>>(mut self, resource_type: &ResourceType, paths: &[P]) -> Self {
        let mut tolerance = Tolerance::new(Quirks::default());
        let resolved = paths.iter().filter_map(|path| {
            let path: AttributePath = path.as_ref().parse().ok()?;
            resource_type.resolve(path.as_ref(), &mut tolerance).ok()
        });
        let vital = |id: &AttributeId| {
            [AttributeId::ROOT, AttributeId::ID, AttributeId::SCHEMAS].contains(id)
                || [*id, resource_type.parent(*id)].contains(&AttributeId::META)
                || resource_type.is_reference_list(resource_type.parent(*id))
                    && resource_type.value_of(resource_type.parent(*id)) == Some(*id)
        };
        self.hidden.extend(resolved.filter(|id| !vital(id)));
        self
    }

    /// Shows only resources that match `scope`, which must be compiled for the resource type. For the caller, other
    /// resources do not exist: a request for such a resource gets 404, it is in no list and no total, and it cannot
    /// be added to a list of references. Its unique values are still taken (409). A resource that the caller writes
    /// must match the scope too; otherwise the client gets 403.
    ///
    /// The ids of resources outside the scope remain visible, without a name, where they are stored: in a list such
    /// as `members`, if another writer put them there, and in a single reference such as `manager`. Hide those
    /// attributes if the caller must not learn the ids.
    ///
    /// `scope` may use stored attributes only, not derived attributes such as a user's `groups` or `members.display`;
    /// otherwise operations fail with 500. After several calls, a resource must match all scopes.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<Arc<Matcher>>) -> Self {
        self.scope.push(scope.into());
        self
    }

    /// Lets writes adopt resources of the type: the core then calls [`Policy::adopt`]. A PATCH that only adds or removes
    /// values of one list of references costs one more read.
    #[must_use]
    pub const fn with_adoption(mut self) -> Self {
        self.adopts = true;
        self
    }

    /// Combines two permissions: attributes that either hides are hidden, and a resource must match the scopes of
    /// both. Writes adopt resources if either lets them.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.hidden.extend(other.hidden);
        self.scope.extend(other.scope);
        self.adopts |= other.adopts;
        self
    }

    pub(in crate::provider) fn into_parts(mut self) -> (Vec<AttributeId>, Vec<Arc<Matcher>>, bool) {
        self.hidden.sort_unstable();
        self.hidden.dedup();
        (self.hidden, self.scope, self.adopts)
    }
}

/// A change that is about to be committed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Proposal<'a> {
    /// The action of the caller.
    pub action: Action,
    /// The resource type.
    pub resource_type: &'a Arc<ResourceType>,
    /// The stored resource; `None` for a creation. For an edit of one list of references and for a deletion, the
    /// lists of references may be missing.
    pub before: Option<&'a Resource>,
    /// The resource after the change; `None` for a deletion and when `edit` describes the change.
    pub after: Option<&'a Resource>,
    /// The list and the edit, if the change adds or removes values of one list of references, such as the members of
    /// a group, and is committed without reading the list.
    pub edit: Option<(AttributeId, &'a ValueEdit)>,
}
