//! One transaction of a removal: it releases some accounts, or deletes some groups, or ends the removal.

use std::time::Duration;

use chrono::Utc;
use scim_core::{
    sql::Statement,
    store::{CommitError, StoreError},
};
use serde_json::{Value as Json, json};

use super::{Disconnection, Pace, Running, lock, tell, tenant};
use crate::{
    database::{Session, Work},
    store::release::{self, Part},
};

/// The outcome of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Accounts were released or resources deleted. Another step must follow.
    More,
    /// Nothing is left, but the removal must not end before this time has passed.
    Wait(Duration),
    /// No removal is running: the removal has just ended, or had ended before.
    Over,
}

impl Disconnection {
    /// Does one step of the current removal.
    ///
    /// # Errors
    ///
    /// When the database does not answer. Then the step has changed nothing.
    pub async fn step(&self, organization: &str, pace: Pace) -> Result<Step, StoreError> {
        let work = Stepping { organization: organization.to_owned(), pace };
        self.database.write(work).await.map_err(|failed| failed.error)
    }
}

/// The maximum number of accounts in one transaction, regardless of the pace.
const MOST: u32 = 1_000;

struct Stepping {
    organization: String,
    pace: Pace,
}

impl Work for Stepping {
    type Output = Step;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Step, CommitError> {
        let organization = self.organization.as_str();
        let Some(running) = lock(session, organization).await? else { return Ok(Step::Over) };
        let Some(removal) = running.removal.as_deref() else { return Ok(Step::Over) };
        let (tenant, batch, by) = (tenant(organization)?, self.pace.batch.clamp(1, MOST), running.by.as_str());
        match release::users(session, &tenant, batch, by).await? {
            Part::Gone(released) => {
                let ids: Vec<&str> = released.iter().map(|gone| gone.id.as_str()).collect();
                self.note(session, "removal_accounts", ids.len()).await?;
                tell(session, organization, removal, "accountsReleased", by, json!({"accounts": ids})).await?;
                return Ok(Step::More);
            }
            Part::References => return Ok(Step::More),
            Part::Nothing => {}
        }
        match release::others(session, &tenant, batch, by).await? {
            Part::Gone(deleted) => {
                let all = deleted.iter().map(|gone| json!({"resourceType": gone.kind, "resourceId": gone.id}));
                let all: Vec<Json> = all.collect();
                self.note(session, "removal_resources", all.len()).await?;
                tell(session, organization, removal, "resourcesRemoved", by, json!({"resources": all})).await?;
                return Ok(Step::More);
            }
            Part::References => return Ok(Step::More),
            Part::Nothing => {}
        }
        let left = running.began.saturating_add(self.pace.settle.num_milliseconds()) - Utc::now().timestamp_millis();
        if let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) {
            // The clocks of two instances can differ, so the time to wait is limited.
            let most = u64::try_from(self.pace.settle.num_milliseconds()).unwrap_or_default();
            return Ok(Step::Wait(Duration::from_millis(left.min(most))));
        }
        self.end(session, removal, &running).await?;
        Ok(Step::Over)
    }
}

impl Stepping {
    /// Adds to a number in the removal's row.
    async fn note<S: Session>(&self, session: &mut S, column: &str, more: usize) -> Result<(), StoreError> {
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE organization SET ").push(column).push(" = ").push(column).push(" + ");
        update.bind(i64::try_from(more).unwrap_or(i64::MAX)).push(" WHERE name = ").bind(self.organization.as_str());
        Ok(session.execute(&update).await.map(drop)?)
    }

    /// Ends the removal. The next connection starts without the state of this connection; the log stays.
    async fn end<S: Session>(&self, session: &mut S, removal: &str, running: &Running) -> Result<(), StoreError> {
        let organization = self.organization.as_str();
        for table in ["connection", "trouble"] {
            let mut forget = Statement::new(session.dialect());
            forget.push("DELETE FROM ").push(table).push(" WHERE tenant = ").bind(organization);
            session.execute(&forget).await?;
        }
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE organization SET removal = NULL, removed = ").bind(Utc::now().timestamp_millis());
        session.execute(update.push(" WHERE name = ").bind(organization)).await?;
        let numbers = json!({"accounts": running.accounts, "resources": running.resources});
        tell(session, organization, removal, "connectionRemoved", &running.by, numbers).await
    }
}
