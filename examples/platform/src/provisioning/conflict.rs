//! The accounts made by hand whose user names a SCIM request claimed. The store finds them in the transaction that
//! it rolls back. The log names them; the response to the provider must not.

use std::sync::{Mutex, PoisonError};

/// The maximum number of accounts recorded for one request.
const MOST: usize = 20;

/// An account made by hand that has the user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The id of the account.
    pub account: String,
    /// The user name of the account.
    pub user_name: String,
    /// The name of the person.
    pub name: String,
}

/// Facts that the store records for one request. The context of the request has them, as
/// [`RequestContext::host`](scim_core::store::RequestContext::host).
#[derive(Debug, Default)]
pub struct RequestNotes {
    /// The accounts made by hand whose user names the request claimed.
    pub conflicts: Conflicts,
}

/// The conflicts of one request.
#[derive(Debug, Default)]
pub struct Conflicts(Mutex<Vec<Conflict>>);

impl Conflicts {
    /// Records a conflict, each account only once, since a transaction may run again.
    pub fn add(&self, conflict: Conflict) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST && !all.contains(&conflict) {
            all.push(conflict);
        }
    }

    /// Takes the conflicts out, in the order in which they were added.
    pub fn take(&self) -> Vec<Conflict> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
