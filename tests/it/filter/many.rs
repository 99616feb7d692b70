//! The evaluation of a filter on many resources at once, by `Matcher::matching`.

use std::{cell::Cell, sync::Arc};

use crate::fixture::documents::{registry, resource};
use scim_core::{
    filter::{Filter, Matcher},
    quirks::{Quirks, Tolerance},
    resource::Resource,
    schema::Registry,
};
use serde_json::json;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Users with different members in different orders, and with more members and values than are fetched.
fn users(registry: &Registry, count: usize) -> Vec<Resource> {
    let user = registry.resource_type("User").unwrap();
    let document = |number: usize| {
        let id = format!("id-{number}");
        let email =
            |kind: usize| json!({"type": format!("kind-{kind}"), "value": format!("{number}-{kind}@example.com")});
        match number % 4 {
            0 => json!({"id": id, "userName": format!("user{number}"), "active": number.is_multiple_of(3)}),
            1 => json!({"active": true, "emails": [email(1), email(2)], "userName": format!("u{number}"), "id": id}),
            2 => json!({
                "id": id, "userName": format!("{number} has a name that is longer than a value"), "title": "Guide",
                "emails": (0..number).map(email).collect::<Vec<_>>(), ENTERPRISE: {"department": "Sales"},
            }),
            _ => json!({
                "id": id, "externalId": id, "userName": format!("u{number}"), "displayName": "d", "nickName": "n",
                "profileUrl": "https://example.com", "title": "t", "userType": "Employee", "preferredLanguage": "en",
                "locale": "en-US", "timezone": "UTC", "active": false, "name": {"familyName": "f"},
                "phoneNumbers": [{"value": "+1"}], "ims": [{"value": "i"}], "photos": [{"value": "https://p"}],
                "addresses": [{"locality": "Paris"}], "entitlements": [{"value": "e"}], "roles": [{"value": "admin"}],
                "x509Certificates": [{"value": "TUlJ"}], ENTERPRISE: {"department": format!("d{number}")},
            }),
        }
    };
    (0..count).map(|number| resource(user, &document(number))).collect()
}

fn matcher(registry: &Registry, filter: &str) -> Matcher {
    let filter: Filter = filter.parse().unwrap();
    filter.compile(registry.resource_type("User").unwrap(), &mut Tolerance::new(Quirks::default())).unwrap()
}

const FILTERS: &[&str] = &[
    "active eq true",
    r#"userName eq "USER4""#,
    r#"userName sw "u" and not (active eq true)"#,
    r#"emails[type eq "kind-6" and value co "-6@"]"#,
    r#"roles.value eq "admin" or title eq "guide""#,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr",
    r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "sales" and emails pr"#,
    "displayName pr and nickName pr and title pr and locale pr and timezone pr and roles pr and userType pr",
    r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:User""#,
    r#"userName eq "nobody""#,
];

/// Many resources satisfy a filter exactly if each of them does, for every number of resources.
#[test]
fn many_resources_satisfy_a_filter_if_each_does() {
    let registry = registry();
    let all = users(&registry, 200);
    for filter in FILTERS {
        let matcher = matcher(&registry, filter);
        for count in [0, 1, 2, 31, 32, 33, 63, 64, 65, 200] {
            let users = &all[..count];
            let expected: Vec<&str> =
                users.iter().filter(|user| matcher.matches(user.root())).map(Resource::id).collect();
            let found: Vec<&str> = matcher.matching(users, |user| user.root()).map(Resource::id).collect();
            assert_eq!(found, expected, "{filter}, {count} users");
            assert!(count < 200 || filter.contains("nobody") || !found.is_empty(), "{filter}");
        }
    }
}

/// The items need not be resources, and may be owned. Each item gives its resource twice: for the fetch and the evaluation.
#[test]
fn items_are_returned_as_they_are_given() {
    let registry = registry();
    let matcher = matcher(&registry, r#"title eq "guide""#);
    let users = users(&registry, 40);
    let shared: Vec<(usize, Arc<Resource>)> = users.into_iter().map(Arc::new).enumerate().collect();
    let calls = Cell::new(0);
    let found: Vec<usize> = matcher
        .matching(shared, |(_, user)| {
            calls.set(calls.get() + 1);
            user.root()
        })
        .map(|(number, _)| number)
        .collect();
    assert_eq!(found, [2, 6, 10, 14, 18, 22, 26, 30, 34, 38]);
    assert_eq!(calls.get(), 80);
}

/// A caller that needs one item reads a bounded number of items.
#[test]
fn few_items_are_read_before_they_are_needed() {
    let registry = registry();
    let matcher = matcher(&registry, "id pr");
    let all = users(&registry, 100);
    let read = Cell::new(0);
    let mut found = matcher.matching(all.iter().inspect(|_| read.set(read.get() + 1)), |user| user.root());
    assert_eq!(read.get(), 0);
    for number in 1..=all.len() {
        assert_eq!(found.next().map(Resource::id), Some(all[number - 1].id()));
        assert!((number..number + 32).contains(&read.get()), "{} items were read for {number}", read.get());
    }
    assert_eq!((found.next().map(Resource::id), found.next().map(Resource::id)), (None, None));
}

/// An iterator of items that has ended is not read again.
#[test]
fn items_are_read_to_their_end_once() {
    let registry = registry();
    let matcher = matcher(&registry, "id pr");
    let all = users(&registry, 3);
    let mut rest = all.iter();
    let mut has_ended = false;
    let ends_once = std::iter::from_fn(|| {
        let item = rest.next();
        assert!(!has_ended, "the iterator has ended");
        has_ended = item.is_none();
        item
    });
    assert_eq!(matcher.matching(ends_once, |user| user.root()).count(), 3);
}
