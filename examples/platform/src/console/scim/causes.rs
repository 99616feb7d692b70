//! The causes of refused people, groups or requests, for the page *SCIM*.

use super::View;
use crate::{
    calendar::moment,
    connection::{Finding, Holder},
};

/// The maximum number of accounts of a cause that the page names.
const NAMED: usize = 20;

/// A cause with its remedies.
pub(super) struct CauseCard {
    pub(super) sentence: String,
    pub(super) reason: Option<String>,
    /// The time of the last such request.
    pub(super) last: String,
    pub(super) remedies: Vec<String>,
    /// The accounts made by hand that the cause concerns.
    pub(super) accounts: Vec<AccountLink>,
    /// The number of accounts that the page does not name.
    pub(super) more: usize,
}

/// An account made by hand, for a link to its page.
pub(super) struct AccountLink {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) user_name: String,
    pub(super) note: &'static str,
}

impl CauseCard {
    /// The causes that the requests show, the most frequent first.
    pub(super) fn all(view: &View) -> Vec<Self> {
        view.facts.findings.iter().map(|finding| Self::of(view, finding)).collect()
    }

    fn of(view: &View, finding: &Finding) -> Self {
        let advice = finding.fault.advice(view.provider, view.now);
        let remedies = if finding.accounts.is_empty() { advice.remedies } else { remedies(view, &finding.accounts) };
        let link = |account: &Holder| AccountLink {
            id: account.id.clone(),
            name: account.name.clone(),
            user_name: account.user_name.clone(),
            note: match () {
                () if account.id == view.own => "your own account",
                () if account.administrator => "an administrator",
                () => "",
            },
        };
        Self {
            sentence: advice.sentence,
            reason: advice.reason,
            last: moment(finding.fault.at, view.now),
            remedies,
            accounts: finding.accounts.iter().take(NAMED).map(link).collect(),
            more: finding.accounts.len().saturating_sub(NAMED),
        }
    }
}

/// The ways out of a conflict with these accounts. No sentence asks to remove an administrator.
fn remedies(view: &View, accounts: &[Holder]) -> Vec<String> {
    let it = view.provider.label();
    let (administrators, others): (Vec<_>, Vec<_>) =
        accounts.iter().partition(|account| account.administrator || account.id == view.own);
    let mut all = Vec::new();
    match others.as_slice() {
        [] => {}
        [one] => all.push(format!(
            "Open the account of {} and remove it, or take the person out of the application in {it}.",
            one.name
        )),
        _ => all.push(format!(
            "Open each account{} and remove it, or take the person out of the application in {it}.",
            if administrators.is_empty() { "" } else { " that is not an administrator’s" }
        )),
    }
    for account in administrators {
        let whose = match () {
            () if account.id == view.own => "Your own account".to_owned(),
            () => format!("The account of {}, an administrator,", account.name),
        };
        all.push(format!(
            "{whose} cannot be adopted by SCIM. Change the user name in {it}, or take the person out of the application."
        ));
    }
    all
}
