//! The people of an organization as shown in lists: ordered by name, page by page, each list with its own index.

use std::collections::HashSet;

use scim_core::{fold::fold, sql::Statement, store::StoreError};

use super::{Account, Accounts, COLUMNS, UNASSIGNED, sort_name, user_name_key};

/// The number of people on a page.
const PAGE: usize = 50;

/// The number up to which people are counted.
const COUNTED: i64 = 1_000;

/// The people in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// All people.
    #[default]
    All,
    /// People from SCIM, now or before, who may sign in and belong to no user group.
    Unassigned,
    /// People who may not sign in.
    Deactivated,
}

impl Tab {
    /// The condition, word for word as in the index.
    fn condition(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Unassigned => UNASSIGNED,
            Self::Deactivated => " AND active = 0",
        }
    }
}

/// The part of a list that the caller requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listing<'a> {
    /// The list.
    pub tab: Tab,
    /// Whether to show only accounts made by hand; it applies to [`Tab::All`] only.
    pub by_hand: bool,
    /// The beginning of a name or a user name; it applies to [`Tab::All`] only.
    pub search: &'a str,
    /// The id of the account after which the part begins.
    pub after: Option<&'a str>,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct People {
    /// The accounts, by name.
    pub accounts: Vec<Account>,
    /// Whether more accounts follow.
    pub more: bool,
}

/// The length of each list, counted up to one more than [`Counts::MOST`].
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// All people.
    pub all: i64,
    /// People from SCIM, now or before, who may sign in and belong to no user group.
    pub unassigned: i64,
    /// People who may not sign in.
    pub deactivated: i64,
}

impl Counts {
    /// The largest number that is exact.
    pub const MOST: i64 = COUNTED;
}

impl Accounts {
    /// The part of a list, by name. A search has only one part: the first matches by name and by user name.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn list(&self, tenant: &str, listing: Listing<'_>) -> Result<People, StoreError> {
        let by_hand = if listing.by_hand && listing.tab == Tab::All { " AND origin = 'hand'" } else { "" };
        let search = listing.search.replace('\0', "");
        let search = search.trim();
        if !search.is_empty() && listing.tab == Tab::All {
            return self.search(tenant, by_hand, search).await;
        }
        let mut query = self.select(tenant);
        query.push(listing.tab.condition()).push(by_hand);
        if let Some(after) = listing.after {
            let position = self.position(tenant, after).await?;
            if let Some((sort_name, id)) = position {
                query.push(" AND (sort_name, id) > (").bind(sort_name).push(", ").bind(id).push(")");
            }
        }
        by_name(&mut query);
        Ok(part(self.all(query).await?))
    }

    async fn search(&self, tenant: &str, by_hand: &str, search: &str) -> Result<People, StoreError> {
        let matching = |column: &str, beginning: String| {
            let mut query = self.select(tenant);
            query.push(by_hand).push(" AND ").push(column).push(" >= ").bind(beginning.as_str());
            // No text with this beginning sorts after the last character.
            query.push(" AND ").push(column).push(" < ").bind(format!("{beginning}\u{10ffff}"));
            query
        };
        let mut by_names = matching("sort_name", sort_name(search));
        by_name(&mut by_names);
        let mut by_user_name = matching("user_name_key", user_name_key(search));
        by_user_name.push(" ORDER BY user_name_key LIMIT ").bind(limit());
        let mut found = self.all(by_names).await?;
        let known: HashSet<String> = found.iter().map(|account| account.id.clone()).collect();
        found.extend(self.all(by_user_name).await?.into_iter().filter(|account| !known.contains(&account.id)));
        found.sort_by_cached_key(|account| (fold(&account.name).into_owned(), account.id.clone()));
        Ok(part(found))
    }

    async fn position(&self, tenant: &str, id: &str) -> Result<Option<(String, String)>, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT sort_name, id FROM account WHERE tenant = ").bind(tenant).push(" AND id = ");
        query.bind(id.replace('\0', ""));
        let rows = self.database.look_up(vec![query]).await?;
        let row = rows.into_iter().flatten().next();
        row.map(|mut row| Ok((row.required_text(0)?, row.required_text(1)?))).transpose()
    }

    /// The lengths of the lists.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn counts(&self, tenant: &str) -> Result<Counts, StoreError> {
        let count = |tab: Tab| {
            let mut query = Statement::new(self.database.dialect());
            query.push("SELECT count(*) FROM (SELECT 1 FROM account WHERE tenant = ").bind(tenant);
            query.push(tab.condition()).push(" LIMIT ").bind(COUNTED + 1).push(") AS counted");
            query
        };
        let queries = vec![count(Tab::All), count(Tab::Unassigned), count(Tab::Deactivated)];
        let rows = self.database.look_up(queries).await?;
        let mut numbers = rows.into_iter().flatten().map(|row| row.required_integer(0));
        let mut next = || numbers.next().unwrap_or(Ok(0));
        Ok(Counts { all: next()?, unassigned: next()?, deactivated: next()? })
    }

    /// The existing accounts with these ids.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_all(&self, tenant: &str, ids: &[String]) -> Result<Vec<Account>, StoreError> {
        let mut query = Statement::new(self.database.dialect());
        query.push("SELECT ").push(COLUMNS).push(" FROM account WHERE tenant = ").bind(tenant).push(" AND ");
        query.is_one_of("id", ids.iter().map(String::as_str));
        self.all(query).await
    }
}

fn by_name(query: &mut Statement) {
    query.push(" ORDER BY sort_name, id LIMIT ").bind(limit());
}

/// One more than the size of a page, to learn whether more accounts follow.
fn limit() -> i64 {
    i64::try_from(PAGE).unwrap_or(i64::MAX).saturating_add(1)
}

fn part(mut accounts: Vec<Account>) -> People {
    let more = accounts.len() > PAGE;
    accounts.truncate(PAGE);
    People { accounts, more }
}
