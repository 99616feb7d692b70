//! A store whose type is erased, for hosts that choose a store at run time.
//!
//! The erasure is written by hand, since the futures of [`Store`] have no names: a private trait has the same methods
//! with boxed futures.

use std::{fmt, pin::Pin, sync::Arc};

use super::{
    Capabilities, Change, ChangeOutcome, CommitError, Key, Page, Pushdown, Referrer, RequestContext,
    RequestedAttributes, Scan, Store, StoreError, Stored,
};
use crate::{
    filter::Condition,
    resource::Resource,
    schema::{Relation, ResourceType},
    value::Text,
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Store`] of any type. Costs one allocation per call; cheap to clone.
///
/// ```
/// use scim_core::store::{DynStore, MemoryStore, Store};
///
/// fn open(database: Option<&str>) -> Result<DynStore, std::io::Error> {
///     match database {
///         None => Ok(DynStore::new(MemoryStore::new())),
///         // A store of the host's own.
///         Some(_) => Err(std::io::ErrorKind::NotFound.into()),
///     }
/// }
///
/// assert!(open(None)?.capabilities().sort);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct DynStore(Arc<dyn Erased>);

impl DynStore {
    /// Erases the type of `store`.
    pub fn new(store: impl Store) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for DynStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynStore").finish_non_exhaustive()
    }
}

trait Erased: Send + Sync {
    fn capabilities(&self) -> Capabilities;
    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown;
    fn get<'a>(
        &'a self,
        context: &'a RequestContext,
        key: Key<'a>,
        requested: &'a RequestedAttributes<'a>,
    ) -> Boxed<'a, Result<Option<Stored>, StoreError>>;
    fn scan<'a>(&'a self, context: &'a RequestContext, scan: &'a Scan<'a>) -> Boxed<'a, Result<Page, StoreError>>;
    fn commit<'a>(
        &'a self,
        context: &'a RequestContext,
        batch: &'a [Change],
    ) -> Boxed<'a, Result<Vec<ChangeOutcome>, CommitError>>;
    fn referrers<'a>(
        &'a self,
        context: &'a RequestContext,
        relation: &'a Relation,
        ids: &'a [&'a str],
        bytes: usize,
    ) -> Boxed<'a, Result<Vec<Referrer>, StoreError>>;
    fn get_many<'a>(
        &'a self,
        context: &'a RequestContext,
        resource_type: &'a Arc<ResourceType>,
        ids: &'a [&'a str],
        requested: &'a RequestedAttributes<'a>,
    ) -> Boxed<'a, Result<Vec<Option<Arc<Resource>>>, StoreError>>;
    fn id_of_new<'a>(
        &'a self,
        context: &'a RequestContext,
        resource: &'a Resource,
    ) -> Boxed<'a, Result<Option<Text>, StoreError>>;
    fn locate<'a>(
        &'a self,
        context: &'a RequestContext,
        resource_types: &'a [Arc<ResourceType>],
        ids: &'a [&'a str],
    ) -> Boxed<'a, Result<Vec<Option<usize>>, StoreError>>;
}

impl<S: Store> Erased for S {
    fn capabilities(&self) -> Capabilities {
        Store::capabilities(self)
    }

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        Store::pushdown(self, resource_type, conjunct)
    }

    fn get<'a>(
        &'a self,
        context: &'a RequestContext,
        key: Key<'a>,
        requested: &'a RequestedAttributes<'a>,
    ) -> Boxed<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(Store::get(self, context, key, requested))
    }

    fn scan<'a>(&'a self, context: &'a RequestContext, scan: &'a Scan<'a>) -> Boxed<'a, Result<Page, StoreError>> {
        Box::pin(Store::scan(self, context, scan))
    }

    fn commit<'a>(
        &'a self,
        context: &'a RequestContext,
        batch: &'a [Change],
    ) -> Boxed<'a, Result<Vec<ChangeOutcome>, CommitError>> {
        Box::pin(Store::commit(self, context, batch))
    }

    fn referrers<'a>(
        &'a self,
        context: &'a RequestContext,
        relation: &'a Relation,
        ids: &'a [&'a str],
        bytes: usize,
    ) -> Boxed<'a, Result<Vec<Referrer>, StoreError>> {
        Box::pin(Store::referrers(self, context, relation, ids, bytes))
    }

    fn get_many<'a>(
        &'a self,
        context: &'a RequestContext,
        resource_type: &'a Arc<ResourceType>,
        ids: &'a [&'a str],
        requested: &'a RequestedAttributes<'a>,
    ) -> Boxed<'a, Result<Vec<Option<Arc<Resource>>>, StoreError>> {
        Box::pin(Store::get_many(self, context, resource_type, ids, requested))
    }

    fn id_of_new<'a>(
        &'a self,
        context: &'a RequestContext,
        resource: &'a Resource,
    ) -> Boxed<'a, Result<Option<Text>, StoreError>> {
        Box::pin(Store::id_of_new(self, context, resource))
    }

    fn locate<'a>(
        &'a self,
        context: &'a RequestContext,
        resource_types: &'a [Arc<ResourceType>],
        ids: &'a [&'a str],
    ) -> Boxed<'a, Result<Vec<Option<usize>>, StoreError>> {
        Box::pin(Store::locate(self, context, resource_types, ids))
    }
}

/// Implements every method of [`Store`] by a call of the same method on the store `$inner`, an expression of `$outer`.
macro_rules! forward {
    (|$outer:ident| $inner:expr) => {
        fn capabilities(&self) -> Capabilities {
            let $outer = self;
            $inner.capabilities()
        }

        fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
            let $outer = self;
            $inner.pushdown(resource_type, conjunct)
        }

        async fn get(
            &self,
            context: &RequestContext,
            key: Key<'_>,
            requested: &RequestedAttributes<'_>,
        ) -> Result<Option<Stored>, StoreError> {
            let $outer = self;
            $inner.get(context, key, requested).await
        }

        async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
            let $outer = self;
            $inner.scan(context, scan).await
        }

        async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
            let $outer = self;
            $inner.commit(context, batch).await
        }

        async fn referrers(
            &self,
            context: &RequestContext,
            relation: &Relation,
            ids: &[&str],
            bytes: usize,
        ) -> Result<Vec<Referrer>, StoreError> {
            let $outer = self;
            $inner.referrers(context, relation, ids, bytes).await
        }

        async fn get_many(
            &self,
            context: &RequestContext,
            resource_type: &Arc<ResourceType>,
            ids: &[&str],
            requested: &RequestedAttributes<'_>,
        ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
            let $outer = self;
            $inner.get_many(context, resource_type, ids, requested).await
        }

        async fn id_of_new(&self, context: &RequestContext, resource: &Resource) -> Result<Option<Text>, StoreError> {
            let $outer = self;
            $inner.id_of_new(context, resource).await
        }

        async fn locate(
            &self,
            context: &RequestContext,
            resource_types: &[Arc<ResourceType>],
            ids: &[&str],
        ) -> Result<Vec<Option<usize>>, StoreError> {
            let $outer = self;
            $inner.locate(context, resource_types, ids).await
        }
    };
}

impl Store for DynStore {
    forward!(|erased| erased.0);
}

/// A shared store is a store.
impl<S: Store> Store for Arc<S> {
    forward!(|shared| (**shared));
}
