//! Turns: how much of one kind of work runs at the same time, and how much of that is one organization's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use scim_core::store::{StoreError, TenantId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Organizations up to which the shares of those that are idle stay in memory.
const IDLE_SHARES: usize = 1_024;

/// When it is worth trying again after all turns were taken.
const RETRY: Duration = Duration::from_secs(1);

/// A bound on work that runs at the same time.
#[derive(Debug)]
pub(super) struct Lane {
    turns: Arc<Semaphore>,
    /// How many turns one organization may have at the same time.
    share: usize,
    shares: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
    wait: Duration,
}

/// The right to work, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _turn: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
}

impl Lane {
    /// A lane with so many turns, of which an organization has `share` at most. `wait` is how long a request waits for
    /// its turn.
    pub(super) fn new(turns: usize, share: usize, wait: Duration) -> Self {
        Self { turns: Arc::new(Semaphore::new(turns)), share, shares: Mutex::default(), wait }
    }

    /// Waits for a turn. An organization that has used up its share waits without taking a turn from others.
    pub(super) async fn turn(&self, owner: Option<&TenantId>) -> Result<Turn, StoreError> {
        let turn = async {
            let share = match owner {
                Some(owner) => Some(self.share_of(owner).acquire_owned().await.map_err(StoreError::backend)?),
                None => None,
            };
            let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(StoreError::backend)?;
            Ok(Turn { _turn: turn, _share: share })
        };
        let late = StoreError::Unavailable { retry_after: Some(RETRY) };
        tokio::time::timeout(self.wait, turn).await.unwrap_or(Err(late))
    }

    fn share_of(&self, owner: &TenantId) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.len() > IDLE_SHARES {
            // A share that somebody has or waits for has another owner of its pointer.
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        Arc::clone(shares.entry(owner.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.share))))
    }
}
