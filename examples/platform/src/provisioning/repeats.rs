//! Repeated requests without a valid key: the log has a row for the first request, with the number of the
//! repetitions.

use chrono::{DateTime, Utc};
use scim_core::{sql::Statement, store::StoreError};

use super::hour_of;
use crate::database::Database;

/// The row of the first request.
#[derive(Clone, Debug)]
pub struct Repeats {
    /// The organization.
    pub tenant: String,
    /// The name of the request.
    pub id: String,
    /// The time of the answer.
    pub time: DateTime<Utc>,
    /// The reason for the refusal.
    pub detail: String,
    /// Whether such requests count as requests of the provider: they have a key of the organization.
    pub counted: bool,
}

impl Repeats {
    /// Records that `count` repetitions followed, of which `told` were recorded before. Returns whether the row
    /// exists.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn tell(&self, database: &Database, told: u64, count: u64) -> Result<bool, StoreError> {
        let mut row = Statement::new(database.dialect());
        row.push("UPDATE request SET detail = ").bind(format!("{} And {count} more within 10 seconds.", self.detail));
        row.push(" WHERE caller IS NULL AND tenant = ").bind(self.tenant.as_str()).push(" AND id = ");
        row.bind(self.id.as_str());
        if database.execute(vec![row]).await?.iter().sum::<u64>() == 0 {
            return Ok(false);
        }
        if self.counted {
            let more = i64::try_from(count.saturating_sub(told)).unwrap_or(i64::MAX);
            let mut hour = Statement::new(database.dialect());
            hour.push("UPDATE request_hour SET requests = requests + ").bind(more).push(", refused = refused + ");
            hour.bind(more).push(" WHERE tenant = ").bind(self.tenant.as_str()).push(" AND hour = ");
            hour.bind(hour_of(self.time.timestamp_millis()));
            database.execute(vec![hour]).await?;
        }
        Ok(true)
    }
}
