include!("writes.rs");

use scim_core::{
    event::Event,
    schema::Relation,
    store::{Capabilities, CommitError, Key, Referrer, Store},
};

/// The store. A real host has a pool of connections instead of the lock.
#[derive(Default)]
struct Directory(Mutex<Tables>);

impl Directory {
    /// `BEGIN`.
    fn begin(&self) -> Tables {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store for Directory {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().with_max_batch(500).with_sort(true).with_total(true).with_backward(true).with_get_many(true)
    }

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        pushdown(resource_type, conjunct)
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let row = (context.tenant().clone(), Text::from(key.id));
        self.begin().read(key.resource_type, &row, requested).map_err(StoreError::backend)
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        self.begin().scan(context.tenant(), scan).map_err(StoreError::backend)
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        if batch.len() > self.capabilities().max_batch {
            return Err(StoreError::TooMany.into());
        }
        // The lock is held until the commit ends, since `Tables` has no row locks.
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut transaction = tables.clone();
        let mut outcomes = Vec::with_capacity(batch.len());
        for (index, change) in batch.iter().enumerate() {
            // An error leaves the function, and drops the transaction.
            let done = transaction.apply(context, change).map_err(|error| CommitError::new(index, error))?;
            transaction.outbox.extend(Event::of(context, change, &done).map(|event| event.to_json()));
            outcomes.push(done);
        }
        *tables = transaction;
        Ok(outcomes)
    }

    async fn referrers(
        &self,
        context: &RequestContext,
        _: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        let (tables, mut found, mut room) = (self.begin(), Vec::new(), bytes);
        // SELECT … FROM team_member JOIN team … WHERE account = ANY($2): once for a whole page of users.
        for id in ids.iter().copied().map(Text::from) {
            for team in tables.teams_of(&(context.tenant().clone(), id.clone())) {
                let row = tables.team.get(&(context.tenant().clone(), team.clone()));
                let display = row.map(|row| row.name.as_str().into());
                let referrer = Referrer::new(id.clone(), team, display);
                room = room.checked_sub(referrer.size()).ok_or(StoreError::TooMany)?;
                found.push(referrer);
            }
        }
        Ok(found)
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        let tables = self.begin();
        // SELECT … WHERE id = ANY($2): the rows come in any order; each row goes to the position of its id.
        let row = |id: &str| tables.read(resource_type, &(context.tenant().clone(), Text::from(id)), requested);
        let found = ids.iter().map(|id| Ok(row(id)?.map(|stored| stored.resource)));
        found.collect::<Result<_, ResourceError>>().map_err(StoreError::backend)
    }

    async fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, StoreError> {
        let tables = self.begin();
        let key = |id: &str| (context.tenant().clone(), Text::from(id));
        let has = |id: &str, resource_type: &ResourceType| tables.version(resource_type, &key(id)).is_some();
        let position = |id: &&str| resource_types.iter().position(|resource_type| has(id, resource_type));
        Ok(ids.iter().map(position).collect())
    }
}
