//! The causes for which people and groups are refused, each with its number and its last time, the most frequent
//! first.

use std::mem::{Discriminant, discriminant};

use chrono::{DateTime, TimeDelta, Utc};
use scim_core::{sql::Statement, store::StoreError};

use super::{Cause, Fault, HOURS, time};
use crate::{
    account::user_name_key,
    database::{Database, Row},
    directory::Key,
    provisioning::{OTHER_TROUBLE_DAYS, TROUBLE_DAYS},
};

/// The maximum number of rows that are read.
const MOST: u32 = 1_000;

/// A cause, and the accounts made by hand that it concerns.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The cause, with its last time and the number of people, groups or requests.
    pub fault: Fault,
    /// The accounts made by hand that keep SCIM from making or renaming people.
    pub accounts: Vec<Holder>,
}

/// An account made by hand that has the user name of a person from SCIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The id of the account.
    pub id: String,
    /// The name of the person.
    pub name: String,
    /// The user name.
    pub user_name: String,
    /// Whether the account belongs to an administrator.
    pub administrator: bool,
}

/// The part of a cause that identical causes share.
fn key(cause: &Cause) -> (Discriminant<Cause>, &str) {
    let more = match cause {
        Cause::ValueMissing { attribute } => attribute,
        Cause::Refused { detail } => detail,
        Cause::Gone { group: true } => "group",
        Cause::KeyExpired { key, .. } | Cause::KeyRevoked { key, .. } => key,
        _ => "",
    };
    (discriminant(cause), more)
}

/// The causes found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds the keys that have ended and are still sent.
    pub(super) fn add_keys(&mut self, keys: &[Key], since: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        for key in keys {
            let (Some(at), Some(cause)) = (key.refused, Cause::of_key(key)) else { continue };
            if now - at < TimeDelta::hours(HOURS) && since.is_none_or(|since| since < at) {
                self.add(Fault { at, count: 1, key: Some(key.digest.to_string()), cause }, None);
            }
        }
    }

    fn add(&mut self, fault: Fault, account: Option<Holder>) {
        if let Some(found) = self.0.iter_mut().find(|found| key(&found.fault.cause) == key(&fault.cause)) {
            found.fault.count = found.fault.count.saturating_add(1);
            found.fault.at = found.fault.at.max(fault.at);
            found.accounts.extend(account.filter(|account| !found.accounts.contains(account)));
        } else {
            let accounts = account.into_iter().collect();
            self.0.push(Finding { fault: Fault { count: 1, ..fault }, accounts });
        }
    }

    fn has(&self, cause: &Cause) -> bool {
        self.0.iter().any(|found| key(&found.fault.cause) == key(cause))
    }

    /// The causes, the most frequent first. Causes for which all requests are refused come before the others.
    pub(super) fn sorted(mut self, last: Option<&Fault>) -> Vec<Finding> {
        if let Some(last) = last.filter(|last| !self.has(&last.cause)) {
            self.0.push(Finding { fault: Fault { count: last.count.max(1), ..last.clone() }, accounts: Vec::new() });
        }
        self.0.sort_by_key(|found| (!found.fault.counts_at_once(), std::cmp::Reverse(found.fault.count)));
        self.0
    }
}

/// The query for the people and groups whose last request was refused.
pub(super) fn troubles(query: &mut Statement, organization: &str, now: DateTime<Utc>) {
    query.push("SELECT t.fault, t.account, a.name, a.user_name, a.role, a.origin FROM trouble AS t");
    query.push(" LEFT JOIN account AS a ON a.tenant = t.tenant AND a.id = t.account WHERE t.tenant = ");
    query.bind(organization).push(" AND t.time >= ").bind((now - TimeDelta::days(TROUBLE_DAYS)).timestamp_millis());
    query.push(" ORDER BY t.time DESC LIMIT ").bind(i64::from(MOST));
}

/// The causes in these rows, those after `since`. An account that is gone, or now has another user name, obstructs
/// no person.
pub(super) fn found(rows: Vec<Row>, since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    for mut row in rows {
        let Some(fault) = Fault::read(&row.required_text(0)?) else { continue };
        if since.is_some_and(|since| fault.at <= since) {
            continue;
        }
        let Some(id) = row.text(1)? else {
            if now - fault.at < TimeDelta::days(OTHER_TROUBLE_DAYS) {
                findings.add(fault, None);
            }
            continue;
        };
        let (name, user_name, role) = (row.text(2)?, row.text(3)?, row.text(4)?);
        let is_by_hand = row.text(5)?.as_deref() == Some("hand");
        let asked = match &fault.cause {
            Cause::TakenByScim { user_name } | Cause::TakenByHand { user_name } => user_name.clone(),
            // An operation of a bulk request, which has no separate status here.
            _ => user_name.clone().unwrap_or_default(),
        };
        let (Some(name), Some(user_name)) = (name, user_name) else { continue };
        if is_by_hand && user_name_key(&user_name) == user_name_key(&asked) {
            let administrator = role.as_deref() == Some("administrator");
            let cause = Cause::TakenByHand { user_name: user_name.clone() };
            findings.add(Fault { cause, ..fault }, Some(Holder { id, name, user_name, administrator }));
        }
    }
    Ok(findings)
}

/// Adds the causes of failed requests since a time that do not concern a single person or group.
pub(super) async fn add_general(
    findings: &mut Findings,
    database: &Database,
    organization: &str,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = |outcome: &str| {
        let mut query = Statement::new(database.dialect());
        query.push("SELECT status, scim_type, detail, kind, name, time FROM request WHERE tenant = ");
        query.bind(organization).push(" AND outcome = ").bind(outcome).push(" AND caller IS NOT NULL AND time >= ");
        query.bind(since.timestamp_millis()).push(" ORDER BY position DESC LIMIT ").bind(i64::from(MOST));
        query
    };
    let rows = database.look_up(vec![query("refused"), query("failed")]).await?;
    let mut general = Findings::default();
    for mut row in rows.into_iter().flatten() {
        let Some(at) = time(&row, 5)? else { continue };
        let (status, scim_type, detail) = (row.required_integer(0)?, row.text(1)?, row.text(2)?);
        let (kind, name) = (row.text(3)?, row.text(4)?);
        let cause =
            Cause::of(u16::try_from(status).unwrap_or(500), scim_type.as_deref(), detail, kind.as_deref(), name);
        let is_of_one = matches!(
            cause,
            Cause::TakenByHand { .. } | Cause::TakenByScim { .. } | Cause::GroupNameTaken { .. } | Cause::Gone { .. }
        );
        if !is_of_one && !findings.has(&cause) {
            general.add(Fault { at, count: 1, key: None, cause }, None);
        }
    }
    findings.0.append(&mut general.0);
    Ok(())
}
