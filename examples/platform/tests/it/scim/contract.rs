//! The stores keep the promises of the trait: the kit of scim-core runs on every store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::process::{Place, stores};
use platform::{
    account::Accounts,
    database::Database,
    registry,
    session::Sessions,
    sign_on::By,
    storage::{Location, Storage},
    store::outbox,
};
use scim_core::{
    event::Event,
    store::StoreError,
    testkit::{Check, Outcome, SignIn, StoreKit},
};

/// The cookies of all sessions, by organization and account.
type Cookies = Arc<Mutex<HashMap<(String, String), Vec<String>>>>;

/// The sign-in of a person, with the queries of the pages: the account that single sign-on finds by the user name, and
/// the sessions that the person still has.
#[derive(Clone)]
struct Door {
    accounts: Accounts,
    sessions: Sessions,
    cookies: Cookies,
}

impl Door {
    fn new(database: &Database) -> Self {
        let (accounts, sessions) = (Accounts::new(database.clone()), Sessions::new(database.clone()));
        Self { accounts, sessions, cookies: Arc::default() }
    }

    /// Whether the person may sign in, or still has a session. A person who signs in gets another session.
    async fn admits(&self, sign_in: &SignIn) -> Result<bool, StoreError> {
        let tenant = sign_in.tenant().as_str();
        let found = self.accounts.find_at_sign_on(tenant, By::UserName, sign_in.user_name()).await?;
        if let [account] = found.as_slice()
            && account.active
        {
            let cookie = self.sessions.begin(tenant, &account.id, None).await?;
            let mut cookies = self.cookies.lock().unwrap();
            cookies.entry((tenant.to_owned(), account.id.clone())).or_default().push(cookie);
            return Ok(true);
        }
        let of_person = (tenant.to_owned(), sign_in.id().to_owned());
        let cookies = self.cookies.lock().unwrap().get(&of_person).cloned().unwrap_or_default();
        for cookie in cookies {
            if self.sessions.find(tenant, &cookie).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Runs the kit on a new storage, with the events in its outbox. Only checks that do not apply may be skipped.
pub(crate) async fn keeps_every_promise(storage: &Storage, place: &Place) {
    let registry = registry();
    let mut kit = StoreKit::new(storage.resources(&registry).await.unwrap(), registry.clone(), 1);
    // The accounts table, and no attribute, says which users are from SCIM.
    let mut skipped = vec![Check::ReadOnlyValues.name()];
    match storage.database().cloned() {
        Some(database) => {
            let door = Door::new(&database);
            kit = kit.with_access(move |sign_in| {
                let door = door.clone();
                async move { door.admits(&sign_in).await }
            });
            kit = kit.with_outbox(move |context| {
                let (database, registry, tenant) = (database.clone(), registry.clone(), context.tenant().clone());
                Box::pin(async move {
                    let rows = outbox(&database, &tenant, 0, 1_000).await?;
                    let event = |body: &str| Event::from_json(&registry, body.as_bytes());
                    rows.iter().map(|row| event(&row.body).map_err(StoreError::backend)).collect()
                })
            });
        }
        // In memory there are no accounts.
        None => skipped.extend([Check::Outbox, Check::Access, Check::TenantAccess].map(Check::name)),
    }
    // The core makes the ids.
    skipped.push(Check::NewIds.name());
    let report = kit.run_all().await;
    println!("{place:?}\n{report}");
    assert!(report.is_passed(), "{place:?}\n{report}");
    let is_skipped = |(_, outcome): &(&'static str, &Outcome)| matches!(outcome, Outcome::Skipped(_));
    let found: Vec<&str> = report.iter().filter(is_skipped).map(|(name, _)| name).collect();
    assert_eq!(found, skipped, "{place:?}\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_store_passes_the_kit() {
    for place in stores() {
        let storage = Storage::open(&Location::read(&place.url).unwrap()).await.unwrap();
        keeps_every_promise(&storage, &place).await;
    }
}
