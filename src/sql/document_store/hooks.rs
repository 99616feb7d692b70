//! The host's part of the unique values and of the derived data.

use std::future::Future;

use super::super::{
    database::Session,
    hooks::{Hooks, NoHooks},
};
use crate::{
    resource::{Resource, UniqueKey},
    schema::AttributeId,
    store::{RequestContext, StoreError, TenantId},
};

/// The answer to a claim of a unique value that another resource has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a claim fails or succeeds")]
pub enum Taken {
    /// The change fails with [`StoreError::NotUnique`].
    Refused,
    /// Both resources have the value.
    Shared,
}

/// The host's part of the unique values and of the data that is derived from resources, in the transactions of a
/// [`DocumentStore`](super::DocumentStore). Each method has a default, so a host with simple rules implements none:
///
/// ```
/// use scim_core::{
///     fold::fold, resource::{Resource, UniqueKey}, schema::AttributeId, sql::{Hooks, document_store::DocumentHooks},
/// };
///
/// /// Makes the name of a group unique, which the standard schema does not.
/// #[derive(Debug)]
/// struct UniqueGroups;
///
/// impl Hooks for UniqueGroups {}
///
/// impl DocumentHooks for UniqueGroups {
///     fn form(&self) -> &'static str {
///         "unique groups"
///     }
///
///     fn claims(&self, resource: &Resource) -> Vec<UniqueKey> {
///         let resource_type = resource.resource_type();
///         let attribute = resource_type.child(AttributeId::ROOT, "displayName");
///         let attribute = attribute.filter(|_| resource_type.name() == "Group");
///         let name = attribute.and_then(|attribute| Some((attribute, resource.value(attribute)?.as_str()?)));
///         let key = |(attribute, name)| UniqueKey { attribute, folded: fold(name).into_owned().into() };
///         name.map(key).into_iter().collect()
///     }
/// }
/// ```
pub trait DocumentHooks: Hooks {
    /// The values that a resource claims besides those that its schema declares unique. A host that changes this rule
    /// changes its [`form`](Self::form) too: otherwise the resources that exist keep their earlier claims.
    fn claims(&self, resource: &Resource) -> Vec<UniqueKey> {
        let _ = resource;
        Vec::new()
    }

    /// Decides about a value that a resource claims and another resource has. `key` is the claim. The default refuses.
    ///
    /// # Errors
    ///
    /// An error fails the change.
    fn taken<S: Session>(
        &self,
        session: &mut S,
        context: &RequestContext,
        resource: &Resource,
        key: &UniqueKey,
    ) -> impl Future<Output = Result<Taken, StoreError>> + Send {
        let _ = (session, context, resource, key);
        async { Ok(Taken::Refused) }
    }

    /// The name of the rules by which the host derives data from resources. If [`open`](super::DocumentStore::open_with)
    /// finds data that other rules made, the store derives all its data again, and calls [`derive`](Self::derive) for
    /// each resource.
    fn form(&self) -> &'static str {
        ""
    }

    /// Derives the host's data of a resource again. The store has derived its own data. `shared` are the attributes
    /// whose unique values another resource has as well, for example because the fold changed: an administrator has to
    /// change one of them.
    ///
    /// # Errors
    ///
    /// With an error the store does not open, and nothing has changed.
    fn derive<S: Session>(
        &self,
        session: &mut S,
        tenant: &TenantId,
        resource: &Resource,
        shared: &[AttributeId],
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = (session, tenant, resource, shared);
        async { Ok(()) }
    }

    /// Runs after [`derive`](Self::derive) of all resources. The store has deleted all rows of `unique_key` and claimed
    /// the values of resources again, so a host whose own rows claim values claims them here.
    ///
    /// # Errors
    ///
    /// With an error the store does not open, and nothing has changed.
    fn derived<S: Session>(&self, session: &mut S) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = session;
        async { Ok(()) }
    }
}

impl DocumentHooks for NoHooks {}
