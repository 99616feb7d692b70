//! The host's side of adoption: the dry run, the release, and rules that do not fit.

use std::sync::Mutex;

use scim_core::{
    event::{Event, EventUri, SecurityEvent},
    limits::Limits,
    provider::{AdoptablePage, AdoptionRule, Ownership, OwnershipError, ServiceProvider, UnownedResources},
    store::{Capabilities, Handover, MemoryStore, Pushdown, RequestContext, Store, TenantId},
};
use serde_json::{Value as Json, json};

use crate::fixture::{
    host::{BASE, now},
    modest::Modest,
    unowned::{ORIGIN, Unowned, adoptable_account, path, profile, registry, rule, unowned, unowned_in},
};

fn page<S: Store>(unowned: &Unowned<S>, after: Option<&str>, count: usize) -> AdoptablePage {
    let (provider, context) = (&unowned.host.provider, &unowned.host.context);
    now(provider.adoptable(context, &unowned.ownership, "User", after, count)).unwrap()
}

fn ids(page: &AdoptablePage) -> Vec<&str> {
    page.resources().iter().map(|stored| stored.resource.id()).collect()
}

/// Thirty accounts: every third is adoptable; one of these is managed by SCIM already.
fn populate<S: Store>(unowned: &Unowned<S>) {
    for index in 0..30 {
        let mut origin = json!({"mailVerified": index % 3 == 0, "administrator": false});
        if index == 3 {
            origin["madeByScim"] = json!(true);
        }
        let id = format!("u{index:02}");
        unowned.by_hand("User", &json!({"id": id, "userName": id, ORIGIN: origin}));
    }
}

const ADOPTABLE: [&str; 9] = ["u00", "u06", "u09", "u12", "u15", "u18", "u21", "u24", "u27"];

/// The dry run lists exactly the adoptable accounts, page by page, whether the store or the core evaluates the rule. A
/// call examines at most `Limits::scan` resources, and changes nothing.
#[test]
fn a_dry_run_lists_the_adoptable_accounts() {
    for pushdown in [None, Some(Pushdown::No), Some(Pushdown::Superset)] {
        for (count, scan) in [(100, 10_000), (2, 10_000), (1, 10_000), (0, 10_000), (100, 7), (2, 7), (100, 1)] {
            let mut limits = Limits::default();
            limits.scan = scan;
            let store = Modest {
                inner: MemoryStore::new(),
                pushdown,
                capabilities: Capabilities::new(),
                scans: Mutex::default(),
            };
            let unowned = unowned_in(store, UnownedResources::Adoptable(rule()), limits);
            populate(&unowned);
            let before = ADOPTABLE.map(|id| unowned.stored("User", id));
            let (mut found, mut after) = (Vec::new(), None::<String>);
            loop {
                unowned.host.provider.store().scans.lock().unwrap().clear();
                let page = page(&unowned, after.as_deref(), count);
                let read: usize = unowned.host.provider.store().scans.lock().unwrap().iter().map(|scan| scan.1).sum();
                assert!(read <= scan.max(count), "{pushdown:?} {count} {scan}: {read}");
                assert!(page.resources().len() <= count.max(1));
                found.extend(ids(&page).into_iter().map(str::to_owned));
                match page.next() {
                    Some(next) => after = Some(next.to_owned()),
                    None => break,
                }
            }
            assert_eq!(found, ADOPTABLE, "{pushdown:?} {count} {scan}");
            assert_eq!(ADOPTABLE.map(|id| unowned.stored("User", id)), before);
            assert!(unowned.events().is_empty());
        }
    }
}

/// The dry run shows a page that fits into `Limits::answer`.
#[test]
fn a_dry_run_is_bounded_in_bytes() {
    for pushdown in [None, Some(Pushdown::No)] {
        let mut limits = Limits::default();
        limits.answer = 18_000;
        let capabilities = Capabilities::new();
        let store = Modest { inner: MemoryStore::new(), pushdown, capabilities, scans: Mutex::default() };
        let unowned = unowned_in(store, UnownedResources::Adoptable(rule()), limits);
        for index in 0..5 {
            let mut account = adoptable_account();
            (account["id"], account["userName"]) = (json!(format!("u{index}")), json!(format!("u{index}")));
            account["displayName"] = json!("n".repeat(8_000));
            unowned.by_hand("User", &account);
        }
        let first = page(&unowned, None, 100);
        assert!((1..=2).contains(&first.resources().len()), "{}", first.resources().len());
        let mut found: Vec<String> = ids(&first).into_iter().map(str::to_owned).collect();
        let mut next = first.next().map(str::to_owned);
        while let Some(after) = next {
            let page = page(&unowned, Some(&after), 100);
            found.extend(ids(&page).into_iter().map(str::to_owned));
            next = page.next().map(str::to_owned);
        }
        assert_eq!(found, ["u0", "u1", "u2", "u3", "u4"]);
    }
}

/// Other policies have no adoptable resources, a caller without the rule has none, and an unknown type is 404.
#[test]
fn a_dry_run_is_empty_without_a_rule() {
    for others in [
        UnownedResources::Invisible,
        UnownedResources::Protected,
        UnownedResources::Adoptable(rule().with_callers(|_| false)),
        UnownedResources::Adoptable(AdoptionRule::new("Group", "displayName pr".parse().unwrap())),
    ] {
        let unowned = unowned(others);
        unowned.by_hand("User", &adoptable_account());
        let found = page(&unowned, None, 10);
        assert!(found.resources().is_empty() && found.next().is_none());
        let account = unowned.find("User", "hand").unwrap().resource;
        assert!(!unowned.ownership.is_adoptable(&unowned.host.context, &account));
    }
    let unowned = unowned(UnownedResources::Adoptable(rule()));
    let (provider, context) = (&unowned.host.provider, &unowned.host.context);
    let error = now(provider.adoptable(context, &unowned.ownership, "Device", None, 10)).unwrap_err();
    assert_eq!(error.status(), 404);
    let foreign = Ownership::new(&registry(), &path("madeByScim"), UnownedResources::Adoptable(rule())).unwrap();
    let error = now(provider.adoptable(context, &foreign, "User", None, 10)).unwrap_err();
    assert_eq!(error.status(), 500);
}

/// A release removes the marks and nothing else. Its event has the handover, also as an RFC 9967 event.
#[test]
fn a_release_undoes_an_adoption() {
    for others in [rule().with_record(&path("adopted")), rule().protecting_others().with_record(&path("adopted"))] {
        let unowned = unowned(UnownedResources::Adoptable(others));
        unowned.by_hand("User", &adoptable_account());
        unowned.by_hand("Group", &json!({"id": "team", "displayName": "okta", "members": [{"value": "hand"}]}));
        let (provider, context) = (&unowned.host.provider, &unowned.host.context);
        let release = |resource_type: &str, id: &str| {
            now(provider.release(context, &unowned.ownership, resource_type, id)).map_err(|error| error.status())
        };
        assert_eq!(release("User", "hand"), Ok(false), "SCIM does not manage it");
        assert!(unowned.events().is_empty());
        assert_eq!(unowned.send("PUT", "/Users/hand", &profile()).status, 200);
        let (adopted, version) = unowned.stored("User", "hand").unwrap();
        unowned.events();

        assert_eq!(release("User", "hand"), Ok(true));
        let (mut released, new_version) = unowned.stored("User", "hand").unwrap();
        assert_ne!(version, new_version);
        assert_eq!(released[ORIGIN], json!({"mailVerified": true, "administrator": false}));
        (released[ORIGIN], released["meta"]) = (adopted[ORIGIN].clone(), adopted["meta"].clone());
        assert_eq!(released, adopted);
        let [event] = &*unowned.events() else { panic!("one event") };
        assert_eq!((event.handover(), event.ends_access()), (Some(Handover::Released), false));
        let read = Event::from_json(provider.registry(), &event.to_json()).unwrap();
        assert_eq!(read.handover(), Some(Handover::Released));
        assert!(SecurityEvent::notice(event).uris().any(|uri| uri == EventUri::FeedRemove));
        assert_eq!(release("User", "hand"), Ok(false));
        assert_eq!((release("User", "nobody"), release("Device", "hand")), (Err(404), Err(404)));

        // It is adoptable again: the host must change the data of the rule first.
        assert!(unowned.ownership.is_adoptable(context, &unowned.find("User", "hand").unwrap().resource));
        assert_eq!(ids(&page(&unowned, None, 10)), ["hand"]);

        // The members of a group stay.
        let members = crate::fixture::unowned::patch(&json!([{"op": "add", "path": "externalId", "value": "x"}]));
        assert_eq!(unowned.send("PATCH", "/Groups/team", &members).status, 200);
        assert_eq!(release("Group", "team"), Ok(true));
        let (group, _) = unowned.stored("Group", "team").unwrap();
        assert_eq!((group["members"][0]["value"].as_str(), group.get(ORIGIN)), (Some("hand"), None));
    }
}

/// After a release, an account that is no longer adoptable is out of reach again.
#[test]
fn a_released_account_is_out_of_reach() {
    let unowned = unowned(UnownedResources::Adoptable(rule()));
    let mut account = adoptable_account();
    account[ORIGIN] = json!({"madeByScim": true, "mailVerified": true, "administrator": true});
    unowned.by_hand("User", &account);
    assert_eq!(unowned.send("PUT", "/Users/hand", &profile()).status, 200);
    let (provider, context) = (&unowned.host.provider, &unowned.host.context);
    assert!(now(provider.release(context, &unowned.ownership, "User", "hand")).unwrap());
    unowned.events();
    unowned.refused("PUT", "/Users/hand", &profile(), 404, "");
    unowned.refused("GET", "/Users/hand", &Json::Null, 404, "");
}

/// A rule that does not fit its types is an error at the start.
#[test]
fn a_rule_that_does_not_fit_is_refused() {
    let refusal = |rule: AdoptionRule| {
        let found = Ownership::new(&registry(), &path("madeByScim"), UnownedResources::Adoptable(rule));
        found.map(drop).unwrap_err()
    };
    let user = |filter: &str| AdoptionRule::new("User", filter.parse().unwrap());
    for (rule, reason) in [
        (user("shoeSize pr"), "`shoeSize` is not an attribute of User"),
        (user("mailVerified eq true"), "`mailVerified` is not an attribute of User"),
        (user("password pr"), "`password` may not be read"),
        (user("groups.value eq \"1\""), "`groups.value` is not stored"),
        (user("userName pr").with_fixed("User", &["shoeSize"]), "`shoeSize`: "),
        (user("userName pr").with_type("Group", "members pr".parse().unwrap()), "`members` is in a list of references"),
        (
            user("userName pr").with_type("Group", "displayName pr".parse().unwrap()).with_fixed("Group", &["members"]),
            "`members` is in a list of references",
        ),
        (user("userName pr").with_fixed("User", &["a b"]), "`a b` is not an attribute path"),
        (user("userName pr").with_type("Device", "id pr".parse().unwrap()), "the type has no marker"),
    ] {
        let error = refusal(rule);
        let text = error.to_string();
        assert!(matches!(error, OwnershipError::Rule { .. }) && text.contains(reason), "{text}");
    }
    let unfit = refusal(user("userName pr").with_record("userName"));
    assert!(matches!(unfit, OwnershipError::Unfit { .. }), "{unfit}");
    for record in ["shoeSize", "a b"] {
        let unknown = refusal(user("userName pr").with_record(record));
        assert!(matches!(unknown, OwnershipError::Unknown(_)), "{unknown}");
    }
    let debug = format!("{:?}", user("userName pr").with_record("x").with_callers(|_| true));
    assert!(debug.contains("userName pr") && debug.contains("protects_others"), "{debug}");
}

/// Two policies: an adoption needs no agreement of a policy that does not know about it, but each policy reviews it.
#[test]
fn another_policy_reviews_an_adoption() {
    #[derive(Debug)]
    struct Quiet;

    impl scim_core::provider::Policy for Quiet {
        fn access(
            &self,
            _: &RequestContext,
            _: scim_core::provider::Action,
            _: &std::sync::Arc<scim_core::schema::ResourceType>,
        ) -> Result<scim_core::provider::Access, scim_core::error::Error> {
            Ok(scim_core::provider::Access::full())
        }

        fn review(
            &self,
            _: &RequestContext,
            proposal: &scim_core::provider::Proposal<'_>,
        ) -> Result<(), scim_core::error::Error> {
            let marker = proposal.after.and_then(|after| after.get(&path("madeByScim")));
            assert!(marker.is_some(), "the review sees the marker");
            Err(scim_core::error::Error::new(403, "not now"))
        }
    }

    let registry = registry();
    let ownership = Ownership::new(&registry, &path("madeByScim"), UnownedResources::Adoptable(rule())).unwrap();
    let log = crate::fixture::unowned::Log::default();
    let provider = ServiceProvider::builder(registry, MemoryStore::new(), BASE)
        .policy(Quiet)
        .policy(ownership.clone())
        .build()
        .unwrap();
    let host = crate::fixture::host::Host { provider, context: RequestContext::new(TenantId::single()) };
    let unowned = Unowned { host, ownership, log };
    unowned.by_hand("User", &adoptable_account());
    unowned.refused("PUT", "/Users/hand", &profile(), 403, "");
}
