//! The question to the host's own sign-in query.

use crate::store::{RequestContext, TenantId};

/// A user who tries to sign in to a tenant. The kit gives it to the query that the host has passed to
/// [`StoreKit::with_access`](super::StoreKit::with_access), and the query returns whether the user may sign in now.
///
/// ```
/// use scim_core::{store::StoreError, testkit::SignIn};
///
/// fn may_sign_in(sign_in: &SignIn) -> Result<bool, StoreError> {
///     // SELECT active FROM users WHERE tenant = $1 AND user_name = $2
///     let _ = (sign_in.tenant().as_str(), sign_in.user_name());
///     Ok(false)
/// }
/// # let _ = may_sign_in;
/// ```
#[derive(Clone, Debug)]
pub struct SignIn {
    context: RequestContext,
    user_name: Box<str>,
    id: Box<str>,
}

impl SignIn {
    pub(super) fn new(context: &RequestContext, user_name: &str, id: &str) -> Self {
        Self { context: context.clone(), user_name: user_name.into(), id: id.into() }
    }

    /// The context of the tenant, as the kit passes it to the store.
    pub fn context(&self) -> &RequestContext {
        &self.context
    }

    /// The tenant to which the user signs in.
    pub fn tenant(&self) -> &TenantId {
        self.context.tenant()
    }

    /// The user name (RFC 7643 §4.1.1), or the value of the unique attribute that the resource type has in its place.
    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    /// The `id` of the user's resource (RFC 7643 §3.1). The resource may be deleted, or belong to another tenant.
    pub fn id(&self) -> &str {
        &self.id
    }
}
