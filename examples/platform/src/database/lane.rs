//! Turns: a limit on the concurrent work of one kind, and on the share of one organization.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use scim_core::store::{StoreError, TenantId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The number of organizations up to which the shares of idle organizations stay in memory.
const IDLE_SHARES: usize = 1_024;

/// The time after which a retry is reasonable if all turns were taken.
const RETRY: Duration = Duration::from_secs(1);

/// A limit on concurrent work.
#[derive(Debug)]
pub(super) struct Lane {
    turns: Arc<Semaphore>,
    /// The number of turns that one organization may have at the same time.
    share: usize,
    shares: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
    wait: Duration,
}

/// A turn, which is held until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _turn: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
}

impl Lane {
    /// A lane with `turns` turns, of which an organization has at most `share`. `wait` is the time for which a
    /// request waits for its turn.
    pub(super) fn new(turns: usize, share: usize, wait: Duration) -> Self {
        Self { turns: Arc::new(Semaphore::new(turns)), share, shares: Mutex::default(), wait }
    }

    /// Waits for a turn. An organization that has used up its share waits without occupying a turn.
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
            // A share that is in use or awaited has more than one reference to its pointer.
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        Arc::clone(shares.entry(owner.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.share))))
    }
}
