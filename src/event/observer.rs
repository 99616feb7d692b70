//! Who is told of events in the process that committed them.

use super::Event;
use crate::store::Context;

/// Is told of every committed change, after the commit and before the answer. Registered with
/// [`ServiceProviderBuilder::observer`](crate::provider::ServiceProviderBuilder::observer).
///
/// The events of one commit come in the order of its changes. Two commits that run side by side may be told in another
/// order than they happened, and one is not told at all when the process ends, or the request is dropped, before its
/// turn: who must not miss any, or needs their order, takes them from the store, as [`Event`] shows.
///
/// The answer waits for it, so it must not block: what takes time, it hands on. It should not panic either. A panic
/// goes the way of every panic of the host's code, to the caller of
/// [`ServiceProvider::handle`](crate::ServiceProvider::handle): the client gets no answer, and the change stays
/// committed.
///
/// ```
/// # #[cfg(feature = "system")] {
/// use std::sync::mpsc;
/// use scim_core::{Registry, ServiceProvider, event::Event, store::{Context, MemoryStore}};
///
/// let (sender, receiver) = mpsc::channel();
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new())
///     .base_url("https://example.com/scim/v2")
///     .observer(move |_: &Context, event: &Event| {
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
    /// Takes note of the event.
    fn committed(&self, cx: &Context, event: &Event);
}

impl<F: Fn(&Context, &Event) + Send + Sync + 'static> Observer for F {
    fn committed(&self, cx: &Context, event: &Event) {
        self(cx, event);
    }
}
