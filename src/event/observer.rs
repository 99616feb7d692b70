//! Observers: receivers of events in the process that commits the changes.

use super::Event;
use crate::store::RequestContext;

/// Receives every committed change, after the commit and before the response. Registered with
/// [`ServiceProviderBuilder::observer`](crate::provider::ServiceProviderBuilder::observer).
///
/// The events of one commit arrive in the order of its changes. The events of two concurrent commits may arrive in
/// another order than the commits. An event is lost when the process ends, or the request is dropped, before the
/// observer is called. A consumer that needs every event, or their order, takes the events from the store, as
/// [`Event`] shows.
///
/// The response waits for the observer, so an observer must not block: it passes long work to another task. It should
/// not panic either. A panic propagates, as every panic of the host's code, to the caller of
/// [`ServiceProvider::handle`](crate::provider::ServiceProvider::handle): the client gets no response, and the change stays
/// committed.
///
/// ```
/// # #[cfg(feature = "system")] {
/// use std::sync::mpsc;
/// use scim_core::{event::Event, provider::ServiceProvider, schema::Registry, store::{MemoryStore, RequestContext}};
///
/// let (sender, receiver) = mpsc::channel();
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
///     .observer(move |_: &RequestContext, event: &Event| {
///         if event.ends_access() {
///             let _ = sender.send(event.resource_id().to_owned());
///         }
///     })
///     .build()?;
/// # drop((provider, receiver));
/// # }
/// # Ok::<(), scim_core::provider::ConfigurationError>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Receives one event.
    fn committed(&self, context: &RequestContext, event: &Event);
}

impl<F: Fn(&RequestContext, &Event) + Send + Sync + 'static> Observer for F {
    fn committed(&self, context: &RequestContext, event: &Event) {
        self(context, event);
    }
}
