//! Mistakes that hosts made in the data of their sign-in, beside a store that keeps every promise. For each mistake
//! there is a host that makes only this mistake, and only the checks of access find it.

use std::{
    collections::HashSet,
    future::ready,
    sync::{Arc, Mutex},
};

use crate::fixture::{forward::forward, host::now, sign_in::admits};
use scim_core::{
    error::Error,
    fold::fold,
    provider::{Access, Action, Policy, Proposal},
    resource::{Resource, UniqueKey},
    schema::{Attribute, Registry, ResourceType, Schema},
    store::{
        Change, ChangeOutcome, CommitError, Key, MemoryStore, Page, Replacement, RequestContext, RequestedAttributes,
        Scan, Store, StoreError, Stored, TenantId,
    },
    testkit::{Check, Outcome, Report, SignIn, StoreKit},
    value::Value,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    /// No mistake.
    None,
    /// The sign-in query joins the account without its status.
    ForgetsStatus,
    /// The sign-in query has no condition on the tenant.
    ForgetsTenant,
    /// A deletion leaves the account.
    KeepsDeletedAccounts,
    /// A deletion in one tenant deletes the accounts with the same name in all tenants.
    DeletesSharedAccounts,
    /// A deactivation in one tenant deactivates the accounts with the same name in all tenants.
    DeactivatesSharedAccounts,
    /// A replacement without a change of `active` writes the account as active.
    ActivatesByUpsert,
    /// A deactivation removes the row that reads and lists join.
    HidesDeactivated,
    /// A read computes `active` from a row that stays after a deactivation.
    ShowsDeactivatedAsActive,
    /// The name of a user who was inactive at the deletion stays taken.
    NamesOfInactiveStay,
    /// The account has its name without outer blanks, and two accounts with one name are ambiguous.
    TwinsHideEachOther,
    /// The account has its name without outer blanks, and any active account with the name admits the user.
    TwinsAdmitEachOther,
}

/// A row of the table that the sign-in page reads.
#[derive(Clone, Debug)]
struct Account {
    tenant: TenantId,
    id: String,
    name: String,
    active: bool,
}

struct Host {
    mistake: Mistake,
    inner: MemoryStore,
    accounts: Mutex<Vec<Account>>,
    /// The ids of the users whom a request deactivated.
    deactivated: Mutex<HashSet<String>>,
    taken: Mutex<Vec<(TenantId, UniqueKey)>>,
}

fn is_active(user: &Resource) -> bool {
    user.get("active").and_then(Value::as_bool) == Some(true)
}

impl Host {
    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn has_twins(&self) -> bool {
        self.is(Mistake::TwinsHideEachOther) || self.is(Mistake::TwinsAdmitEachOther)
    }

    fn name(&self, name: &str) -> String {
        if self.has_twins() { fold(name.trim()).into_owned() } else { fold(name).into_owned() }
    }

    /// The query of the sign-in page.
    fn may_sign_in(&self, sign_in: &SignIn) -> bool {
        let (accounts, name) = (self.accounts.lock().unwrap(), self.name(sign_in.user_name()));
        let is_found = |account: &&Account| {
            account.name == name && (account.tenant == *sign_in.tenant() || self.is(Mistake::ForgetsTenant))
        };
        let found: Vec<&Account> = accounts.iter().filter(is_found).collect();
        match found.as_slice() {
            [_, _, ..] if self.is(Mistake::TwinsHideEachOther) => false,
            found => found.iter().any(|account| account.active || self.is(Mistake::ForgetsStatus)),
        }
    }

    /// Writes the rows of the sign-in page after a change.
    fn follow(&self, context: &RequestContext, change: &Change) {
        let mut accounts = self.accounts.lock().unwrap();
        let tenant = context.tenant();
        match change {
            Change::Create(entry) => accounts.push(self.account(tenant, &entry.resource)),
            Change::Replace(Replacement { entry, before, .. }) => {
                let mut account = self.account(tenant, &entry.resource);
                let was_active = is_active(before);
                if self.is(Mistake::ActivatesByUpsert) && was_active == account.active {
                    account.active = true;
                }
                if was_active && !account.active {
                    self.deactivated.lock().unwrap().insert(account.id.clone());
                } else if account.active {
                    self.deactivated.lock().unwrap().remove(&account.id);
                }
                for row in accounts.iter_mut() {
                    if row.tenant == *tenant && row.id == account.id {
                        *row = account.clone();
                    } else if self.is(Mistake::DeactivatesSharedAccounts) && row.name == account.name {
                        row.active = account.active;
                    }
                }
            }
            Change::Delete(deletion) if !self.is(Mistake::KeepsDeletedAccounts) => {
                let gone = accounts.iter().find(|row| row.tenant == *tenant && row.id == *deletion.id).cloned();
                let is_shared = |row: &Account| gone.as_ref().is_some_and(|gone| gone.name == row.name);
                let all = self.is(Mistake::DeletesSharedAccounts);
                accounts.retain(|row| {
                    let is_gone = row.tenant == *tenant && row.id == *deletion.id;
                    !(is_gone || (all && is_shared(row)))
                });
            }
            _ => {}
        }
    }

    fn account(&self, tenant: &TenantId, user: &Resource) -> Account {
        let name = self.name(user.get("userName").and_then(Value::as_str).unwrap());
        Account { tenant: tenant.clone(), id: user.id().to_owned(), name, active: is_active(user) }
    }

    /// The resource as reads show it; `None` if they do not find it.
    fn shown(&self, mut stored: Stored) -> Option<Stored> {
        if self.deactivated.lock().unwrap().contains(stored.resource.id()) {
            if self.is(Mistake::HidesDeactivated) {
                return None;
            }
            if self.is(Mistake::ShowsDeactivatedAsActive) {
                let mut resource = Resource::clone(&stored.resource);
                resource.set("active", true).unwrap();
                stored.resource = Arc::new(resource);
            }
        }
        Some(stored)
    }
}

impl Store for Host {
    forward! { inner: capabilities, pushdown, referrers, locate }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        Ok(self.inner.get(context, key, requested).await?.and_then(|stored| self.shown(stored)))
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        let mut page = self.inner.scan(context, scan).await?;
        page.items = page.items.into_iter().filter_map(|stored| self.shown(stored)).collect();
        Ok(page)
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        for (index, change) in batch.iter().enumerate() {
            if let Change::Create(entry) = change {
                let taken = self.taken.lock().unwrap();
                let mut of_tenant = taken.iter().filter(|(tenant, _)| tenant == context.tenant());
                if let Some((_, key)) = of_tenant.find(|(_, key)| entry.unique.contains(key)) {
                    return Err(CommitError::new(index, StoreError::NotUnique { attribute: key.attribute }));
                }
            }
            if let (Mistake::NamesOfInactiveStay, Change::Delete(deletion)) = (self.mistake, change) {
                let key = Key { resource_type: &deletion.resource_type, id: &deletion.id };
                let before = self.inner.get(context, key, &RequestedAttributes::everything()).await?;
                let resource = before.map(|before| before.resource).filter(|before| !is_active(before));
                let keys = resource.iter().flat_map(|before| before.unique_keys());
                self.taken.lock().unwrap().extend(keys.map(|key| (context.tenant().clone(), key)));
            }
        }
        let done = self.inner.commit(context, batch).await?;
        for change in batch.iter().filter(|change| change.resource_type().name() == "User") {
            self.follow(context, change);
        }
        Ok(done)
    }
}

fn kit(mistake: Mistake, registry: Registry) -> StoreKit<Arc<Host>> {
    let host = Arc::new(Host {
        mistake,
        inner: MemoryStore::new(),
        accounts: Mutex::default(),
        deactivated: Mutex::default(),
        taken: Mutex::default(),
    });
    // The query blocks.
    StoreKit::new(Arc::clone(&host), registry, 1)
        .with_many(300)
        .with_access(move |sign_in| ready(Ok(host.may_sign_in(&sign_in))))
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_))).map(|(name, _)| name).collect()
}

fn failure<S: Store>(kit: &StoreKit<S>, check: Check) -> String {
    match now(kit.run(check)) {
        Outcome::Failed(failure) => failure.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_mistake_of_a_sign_in_is_caught_by_the_checks_of_access() {
    let (access, tenants) = (Check::Access, Check::TenantAccess);
    let table = [
        (Mistake::None, &[][..], ""),
        (Mistake::ForgetsStatus, &[access], "after a deactivation by PATCH of `active`, the user may not sign in"),
        (Mistake::ForgetsTenant, &[tenants], "in a tenant that has no such user, the user may not sign in"),
        (Mistake::KeepsDeletedAccounts, &[access], "after the deletion of an active user, the user may not sign in"),
        (
            Mistake::DeletesSharedAccounts,
            &[tenants],
            "after a deletion of the same name in another tenant, the user may sign in",
        ),
        (
            Mistake::DeactivatesSharedAccounts,
            &[tenants],
            "after a deactivation of the same name in another tenant, the user may sign in",
        ),
        (
            Mistake::ActivatesByUpsert,
            &[access],
            "after a change of another attribute of an inactive user, the user may not sign in",
        ),
        (
            Mistake::HidesDeactivated,
            &[access, tenants],
            "after a deactivation by PATCH of `active`, a read finds the user with `active` false",
        ),
        (
            Mistake::ShowsDeactivatedAsActive,
            &[access, tenants],
            "after a deactivation by PATCH of `active`, a read finds the user with `active` false",
        ),
        (Mistake::NamesOfInactiveStay, &[access], "a user is created again after a deletion: 409"),
        (
            Mistake::TwinsHideEachOther,
            &[access],
            "after the creation of a user with the same name between blanks, the user may sign in",
        ),
        (
            Mistake::TwinsAdmitEachOther,
            &[access],
            "after its deactivation, while a user has the same name between blanks, the user may not sign in",
        ),
    ];
    let mut wrong = Vec::new();
    for (mistake, checks, text) in table {
        let report = now(kit(mistake, Registry::standard()).run_all());
        let expected: Vec<&str> = checks.iter().map(|check| check.name()).collect();
        let first = report.iter().find(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        let found = first.map_or_else(String::new, |(_, outcome)| match outcome {
            Outcome::Failed(failure) => failure.to_string(),
            _ => String::new(),
        });
        if failed(&report) != expected || !found.starts_with(text) {
            wrong.push(format!("{mistake:?}: {report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The checks of access run for users without `active` and for users whose `active` has no default.
#[test]
fn access_is_checked_whatever_active_is() {
    let registry = |user: Schema| {
        let user = ResourceType::builder("User", "Users", user).build().unwrap();
        Registry::builder().resource_type(user).build().unwrap()
    };
    let without_default = registry(Schema::user().change("active", Attribute::without_default_value));
    for check in [Check::Access, Check::TenantAccess] {
        assert_eq!(now(kit(Mistake::None, without_default.clone()).run(check)), Outcome::Passed, "{check:?}");
    }
    let found = failure(&kit(Mistake::ForgetsStatus, without_default), Check::Access);
    assert!(found.starts_with("after a deactivation by PATCH of `active`, the user may not sign in"), "{found}");

    // A host without `active` ends access by deletions alone. Its query asks whether the user exists.
    let without_active = registry(Schema::user().without("active"));
    let exists = |keeps: bool| {
        let store = Arc::new(MemoryStore::new());
        let (users, types) = (Arc::clone(&store), without_active.clone());
        StoreKit::new(store, without_active.clone(), 1).with_access(move |sign_in| {
            let (users, user) = (Arc::clone(&users), Arc::clone(types.resource_type("User").unwrap()));
            async move {
                let key = Key { resource_type: &user, id: sign_in.id() };
                let found = users.get(sign_in.context(), key, &RequestedAttributes::everything()).await?;
                Ok(keeps || found.is_some())
            }
        })
    };
    for check in [Check::Access, Check::TenantAccess] {
        assert_eq!(now(exists(false).run(check)), Outcome::Passed, "{check:?}");
    }
    let found = failure(&exists(true), Check::Access);
    assert!(found.starts_with("after a deletion, the user may not sign in"), "{found}");
}

/// Without the query the checks are skipped, and the reason names the function that sets the query.
#[test]
fn without_a_sign_in_query_access_is_skipped() {
    for check in [Check::Access, Check::TenantAccess] {
        let Outcome::Skipped(why) = now(StoreKit::new(MemoryStore::new(), Registry::standard(), 1).run(check)) else {
            panic!("{check:?} has no query");
        };
        assert!(why.ends_with("StoreKit::with_access"), "{why}");
    }
}

/// An error of the query is a failure of the check, with the step.
#[test]
fn an_error_of_the_sign_in_query_is_a_failure() {
    let kit = StoreKit::new(MemoryStore::new(), Registry::standard(), 1)
        .with_access(|_| ready(Err(StoreError::backend("connection reset"))));
    let found = failure(&kit, Check::Access);
    assert_eq!(found, "after a creation, the user may sign in: the store failed: connection reset");
}

/// A policy of the host's.
#[derive(Debug)]
struct NoBlanks;

impl Policy for NoBlanks {
    fn access(&self, _: &RequestContext, _: Action, _: &Arc<ResourceType>) -> Result<Access, Error> {
        Ok(Access::full())
    }

    fn review(&self, _: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        let name = proposal.after.and_then(|after| after.get("userName")).and_then(Value::as_str).unwrap_or_default();
        if name == name.trim() { Ok(()) } else { Err(Error::new(400, "the user name has outer blanks")) }
    }
}

/// A host that refuses outer blanks has no twins: the kit sends its requests under the host's policies.
#[test]
fn the_policies_of_the_host_apply() {
    for mistake in [Mistake::TwinsHideEachOther, Mistake::TwinsAdmitEachOther] {
        let kit = kit(mistake, Registry::standard()).with_provider(|builder| builder.policy(NoBlanks));
        assert_eq!(now(kit.run(Check::Access)), Outcome::Passed, "{mistake:?}");
    }
    // A service provider without bulk has no requests in bulk.
    let kit = kit(Mistake::None, Registry::standard()).with_provider(|builder| {
        let mut limits = scim_core::limits::Limits::default();
        limits.bulk_operations = 0;
        builder.limits(limits).quirks(scim_core::quirks::Quirks::strict())
    });
    assert_eq!(now(kit.run(Check::Access)), Outcome::Passed);
}

/// The store in memory, with a query over its own resources.
#[test]
fn the_store_in_memory_keeps_the_promises_of_access() {
    let (store, registry) = (Arc::new(MemoryStore::new()), Registry::standard());
    let (users, types) = (Arc::clone(&store), registry.clone());
    let kit = StoreKit::new(store, registry, 1).with_access(move |sign_in| {
        let (users, types) = (Arc::clone(&users), types.clone());
        async move { admits(&users, &types, &sign_in).await }
    });
    for check in [Check::Access, Check::TenantAccess] {
        assert_eq!(now(kit.run(check)), Outcome::Passed, "{check:?}");
    }
}
