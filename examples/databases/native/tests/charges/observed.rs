//! A database that records its statements, and a store that records the work of the request.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use scim_core::{
    filter::Condition,
    resource::Resource,
    schema::{Relation, ResourceType},
    sql::{
        Dialect, Statement, TableStore,
        database::{Database, DatabaseError, Rows, Session, Work},
    },
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Key, Page, Pushdown, Referrer, RequestContext,
        RequestedAttributes, Scan, Store, StoreError, Stored,
    },
    value::Text,
};

/// The texts of statements.
pub type Texts = Arc<Mutex<Vec<String>>>;

/// A database that records the statements.
#[derive(Clone, Debug)]
pub struct Recorded<D> {
    pub database: D,
    pub texts: Texts,
}

impl<D: Database> Database for Recorded<D> {
    fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.database.read(Recording { work, texts: Arc::clone(&self.texts) }).await
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        self.database.write(Recording { work, texts: Arc::clone(&self.texts) }).await
    }
}

struct Recording<W> {
    work: W,
    texts: Texts,
}

impl<W: Work> Work for Recording<W> {
    type Output = W::Output;

    async fn run<S: Session>(&self, session: &mut S) -> Result<W::Output, CommitError> {
        self.work.run(&mut RecordingSession { session, texts: &self.texts }).await
    }
}

struct RecordingSession<'a, S> {
    session: &'a mut S,
    texts: &'a Texts,
}

impl<S: Session> RecordingSession<'_, S> {
    fn record(&self, statement: &Statement) {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).push(statement.text().to_owned());
    }
}

impl<S: Session> Session for RecordingSession<'_, S> {
    fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    async fn query(&mut self, query: &Statement, rows: Rows) -> Result<Rows, DatabaseError> {
        self.record(query);
        self.session.query(query, rows).await
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        self.record(statement);
        self.session.execute(statement).await
    }
}

/// A store that records the units that the request has spent after each call.
#[derive(Debug)]
pub struct Metered<D> {
    pub store: TableStore<D>,
    pub spent: Arc<AtomicU64>,
}

impl<D: Database> Metered<D> {
    fn note(&self, context: &RequestContext) {
        let spent = context.work().map_or(u64::MAX, scim_core::limits::Work::spent);
        self.spent.fetch_max(spent, Ordering::Relaxed);
    }
}

impl<D: Database> Store for Metered<D> {
    fn capabilities(&self) -> Capabilities {
        // The store does not offer to sort, because it cannot sort by every attribute. The tests use those by which it can.
        self.store.capabilities().with_sort(true)
    }

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        self.store.pushdown(resource_type, conjunct)
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let found = self.store.get(context, key, requested).await;
        self.note(context);
        found
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        let page = self.store.scan(context, scan).await;
        self.note(context);
        page
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        let done = self.store.commit(context, batch).await;
        self.note(context);
        done
    }

    async fn referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        self.store.referrers(context, relation, ids, bytes).await
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        self.store.get_many(context, resource_type, ids, requested).await
    }

    async fn id_of_new(&self, context: &RequestContext, resource: &Resource) -> Result<Option<Text>, StoreError> {
        self.store.id_of_new(context, resource).await
    }

    async fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, StoreError> {
        self.store.locate(context, resource_types, ids).await
    }
}
