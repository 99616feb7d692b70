//! The resource type that the host names in a call: by its name, or by the type itself.

use std::sync::Arc;

use crate::{
    error::Error,
    schema::{Registry, ResourceType},
};

/// A resource type of the service provider, for its functions such as
/// [`get`](crate::provider::ServiceProvider::get): the name of the type, or the type from the service provider's
/// [`registry`](crate::provider::ServiceProvider::registry).
///
/// ```
/// # use std::{pin::pin, task::{Context as Task, Poll, Waker}};
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
/// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
/// # }
/// # #[cfg(feature = "system")] {
/// use scim_core::{
///     provider::{Options, ServiceProvider}, schema::Registry, store::{MemoryStore, RequestContext, TenantId},
/// };
///
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
///     .build()?;
/// let (context, options) = (RequestContext::new(TenantId::single()), Options::default());
/// let by_name = block_on(provider.get(&context, "User", "2819", &options)).unwrap_err();
/// assert_eq!((by_name.status(), by_name.detail()), (404, "no User has this id"));
///
/// let user = provider.registry().resource_type("User").expect("registered");
/// let by_type = block_on(provider.get(&context, user, "2819", &options)).unwrap_err();
/// assert_eq!(by_type.detail(), by_name.detail());
///
/// let unknown = block_on(provider.get(&context, "Device", "2819", &options)).unwrap_err();
/// assert_eq!(unknown.detail(), "this service provider has no resource type `Device`");
/// # }
/// # Ok::<(), scim_core::provider::ConfigurationError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ResourceTypeRef<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Name(&'a str),
    Type(&'a Arc<ResourceType>),
}

impl<'a> From<&'a str> for ResourceTypeRef<'a> {
    fn from(name: &'a str) -> Self {
        Self(Form::Name(name))
    }
}

impl<'a> From<&'a Arc<ResourceType>> for ResourceTypeRef<'a> {
    fn from(resource_type: &'a Arc<ResourceType>) -> Self {
        Self(Form::Type(resource_type))
    }
}

impl ResourceTypeRef<'_> {
    /// Returns the registered type. 404 if the registry has no type with the name, 400 for a type of another
    /// registry: in that type, the ids of attributes have another meaning.
    pub(super) fn find(self, registry: &Registry) -> Result<&Arc<ResourceType>, Error> {
        match self.0 {
            Form::Name(name) => registry
                .resource_type(name)
                .ok_or_else(|| Error::new(404, format!("this service provider has no resource type `{name:.60}`"))),
            Form::Type(sought) => {
                let found = registry.resource_types().iter().find(|known| Arc::ptr_eq(known, sought));
                found.ok_or_else(|| {
                    let name = sought.name();
                    let detail = format!("the resource type `{name:.60}` is not from this service provider's registry");
                    Error::new(400, detail)
                })
            }
        }
    }
}
