//! The lists of people, and the assignment of several people at once.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use super::{
    Console, Failure, Frame,
    form::Form,
    frame::page,
    session::{Administrator, url_encoded},
    wording::{Moment, counted, listed, people, provider},
};
use crate::{
    account::{Account, Counts, Listing, Tab},
    user_group::{Assignment, UserGroup, UserGroupError},
};

/// The maximum number of a person's user groups in a row of the list.
const CHIPS: usize = 4;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/users", get(show)).route("/users/assign", post(assign))
}

/// The requested part of a list, and the result of the form before.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    tab: String,
    q: String,
    from: String,
    after: String,
    /// Whether all people on the page are to be selected.
    all: String,
    done: String,
    people: usize,
    groups: String,
    /// The ids of people who stay selected after a form without a user group.
    keep: String,
}

impl Parameters {
    fn tab(&self) -> Tab {
        match &*self.tab {
            "unassigned" => Tab::Unassigned,
            "deactivated" => Tab::Deactivated,
            _ => Tab::All,
        }
    }
}

/// A person in a list.
struct Row {
    account: Account,
    groups: Vec<String>,
    more: usize,
    came: Moment,
    selected: bool,
}

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    frame: Frame,
    own: String,
    provider: &'static str,
    tab: Tab,
    all: String,
    unassigned: String,
    deactivated: String,
    waiting: String,
    rows: Vec<Row>,
    groups: Vec<UserGroup>,
    search: String,
    by_hand: bool,
    selected: bool,
    /// Whether this part of the list has accounts from SCIM.
    has_scim: bool,
    paged: bool,
    /// The account after which this part of the list begins.
    after: String,
    next: Option<String>,
    more: bool,
    done: Option<String>,
    error: Option<&'static str>,
}

impl Users {
    fn is(&self, tab: &str) -> bool {
        self.tab_name() == tab
    }

    fn tab_name(&self) -> &'static str {
        match self.tab {
            Tab::All => "all",
            Tab::Unassigned => "unassigned",
            Tab::Deactivated => "deactivated",
        }
    }

    fn is_found(&self) -> bool {
        !self.search.is_empty() || self.by_hand
    }
}

async fn show(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Query(asked): Query<Parameters>,
) -> Result<Response, Failure> {
    let organization = &*signed.organization;
    let tab = asked.tab();
    let is_all = tab == Tab::All;
    let search = if is_all { asked.q.trim().chars().take(100).collect() } else { String::new() };
    let by_hand = is_all && asked.from == "hand";
    let after = Some(&*asked.after).filter(|after| !after.is_empty());
    let found = console.accounts.list(organization, Listing { tab, by_hand, search: &search, after }).await?;
    let ids: Vec<&str> = found.accounts.iter().map(|account| &*account.id).collect();
    let mut names = if is_all { console.user_groups.of_people(organization, &ids).await? } else { HashMap::default() };
    let next = found.accounts.last().filter(|_| found.more && search.is_empty()).map(|last| {
        let from = if by_hand { "&from=hand" } else { "" };
        format!("tab={}{from}&after={}", asked.tab, url_encoded(&last.id))
    });
    let kept: Vec<&str> = asked.keep.split(',').collect();
    let rows = found.accounts.into_iter().map(|account| {
        let mut groups = names.remove(&account.id).unwrap_or_default();
        let more = groups.len().saturating_sub(CHIPS);
        groups.truncate(CHIPS);
        let came = Moment::of(account.created);
        let selected = !asked.all.is_empty() || kept.contains(&&*account.id);
        Row { account, groups, more, came, selected }
    });
    let rows: Vec<Row> = rows.collect();
    let groups = console.user_groups.all(organization).await?;
    let counts = console.accounts.counts(organization).await?;
    let count = |number| counted(number, Counts::MOST);
    let joined: Vec<&str> = asked.groups.split(',').collect();
    let joined = groups.iter().filter(|group| joined.contains(&&*group.id)).map(|group| &*group.name);
    let joined: Vec<&str> = joined.collect();
    let done = match &*asked.done {
        "assigned" if !joined.is_empty() => Some(format!("{} joined {}.", people(asked.people), listed(&joined))),
        "removed" => Some("The account is removed. Its sessions have ended.".to_owned()),
        _ => None,
    };
    let error = match &*asked.done {
        "nobody" => Some("Nobody was selected. Select people in the list, then assign them."),
        "nowhere" => Some("No user group was selected. Select one below the list."),
        "left" => Some("The selected people are gone. Nobody was assigned."),
        "gone" => Some("A user group was removed meanwhile. Nobody was assigned."),
        _ => None,
    };
    page(&Users {
        frame: Frame::of(&console, &signed, "users").await?,
        own: signed.account.id.clone(),
        provider: provider(&console, organization).await?,
        tab,
        all: count(counts.all),
        unassigned: count(counts.unassigned),
        deactivated: count(counts.deactivated),
        waiting: if counts.unassigned == 1 {
            "1 person waits".to_owned()
        } else {
            format!("{} people wait", count(counts.unassigned))
        },
        has_scim: rows.iter().any(|row| row.account.is_from_scim()),
        rows,
        groups,
        search,
        by_hand,
        selected: !asked.all.is_empty(),
        paged: after.is_some(),
        after: asked.after.clone(),
        next,
        more: found.more,
        done,
        error,
    })
}

/// The form for people without a user group.
#[derive(Deserialize)]
struct Selected {
    #[serde(default)]
    person: Vec<String>,
    #[serde(default)]
    group: Vec<String>,
    /// The account after which the part of the list begins.
    #[serde(default)]
    after: String,
}

async fn assign(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(selected): Form<Selected>,
) -> Result<Response, Failure> {
    let to = |outcome: &str| {
        let path = Console::path(&signed.organization, &format!("users?tab=unassigned&done={outcome}"));
        Ok(Redirect::to(&path).into_response())
    };
    if selected.person.is_empty() {
        return to("nobody");
    }
    if selected.group.is_empty() {
        // A page has fewer than 100 people.
        let keep: Vec<&str> = selected.person.iter().take(100).map(String::as_str).collect();
        let (keep, after) = (url_encoded(&keep.join(",")), url_encoded(&selected.after));
        return to(&format!("nowhere&after={after}&keep={keep}"));
    }
    let groups = selected.group.join(",");
    let by = signed.account.id.clone();
    let assignment = Assignment { people: selected.person, join: selected.group, leave: Vec::new(), by };
    match console.user_groups.assign(&signed.organization, assignment).await {
        Ok(assigned) if assigned.people == 0 => to("left"),
        Ok(assigned) => to(&format!("assigned&people={}&groups={}", assigned.people, url_encoded(&groups))),
        Err(UserGroupError::Store(error)) => Err(error.into()),
        Err(_) => to("gone"),
    }
}
