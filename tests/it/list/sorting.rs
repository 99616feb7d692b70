//! The order of resources in a list (RFC 7644 §3.4.2.3).

use crate::fixture::documents::{BADGE, registry, resource};
use scim_core::{
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Position, Resource, Sort, SortError, SortErrorKind},
};
use serde_json::json;

fn resources() -> Vec<Resource> {
    let documents = [
        json!({"id": "a", "userName": "bob", "externalId": "b", "active": true, "title": "Zoë",
            "name": {"givenName": "Bob"}, "meta": {"created": "2020-01-01T01:00:00+01:00"},
            "emails": [{"value": "z@x", "type": "home"}, {"value": "b@x", "type": "work", "primary": true}],
            BADGE: {"number": 10, "weight": 1e1, "zones": ["m", "a"]}}),
        json!({"id": "b", "userName": "Alice", "externalId": "B", "active": false, "title": "zoe",
            "name": {"givenName": "alice"}, "meta": {"created": "2020-01-01T00:00:00.5Z"},
            "emails": [{"value": "C@x", "type": "a"}, {"value": "a@x", "primary": false}],
            BADGE: {"number": 9, "weight": 9.5, "zones": ["B"]}}),
        json!({"id": "c", "userName": "Ωmega", "title": "", "emails": [{"type": "b"}, {"value": "0@x"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "a"}}}),
        json!({"id": "D", "userName": "BOB", "externalId": "a", "active": true,
            "meta": {"created": "2019-12-31T23:59:59Z"}, BADGE: {"number": -1, "weight": -1}}),
    ];
    let registry = registry();
    let resource_type = registry.resource_type("User").unwrap();
    documents.iter().map(|document| resource(resource_type, document)).collect()
}

fn sort(by: &str, descending: bool) -> Result<Sort, SortError> {
    let path: AttributePath = by.parse().unwrap();
    let registry = registry();
    let resource_type = registry.resource_type("User").unwrap();
    Sort::new(resource_type, path.as_ref(), descending, &mut Tolerance::new(Quirks::default()))
}

#[test]
fn resources_are_sorted_by_the_type_of_the_attribute() {
    let cases = [
        ("7644-3.4.2.3-02", "userName", "bDac", "cDab"),
        ("7644-3.4.2.3-08", "USERNAME", "bDac", "cDab"),
        ("7644-3.4.2.3-03", "name.givenName", "baDc", "Dcab"),
        ("7644-3.4.2.3-09", "externalId", "bDac", "caDb"),
        ("7644-3.4.2.3-08 A025", "title", "cbaD", "Dabc"),
        ("7644-3.4.2.3-06 A026", "active", "bDac", "cDab"),
        ("7644-3.4.2.3-08", "meta.created", "Dabc", "cbaD"),
        ("7644-3.4.2.3-04 A023", "emails", "abDc", "Dcba"),
        ("7644-3.4.2.3-04 A023", "emails.type", "bcaD", "Dacb"),
        ("7644-3.4.2.3-05", "emails.value", "abDc", "Dcba"),
        ("7644-3.4.2.3-08", "urn:example:scim:schemas:badge-7:2.10:User:number", "Dbac", "cabD"),
        ("7644-3.4.2.3-08", "urn:example:scim:schemas:badge-7:2.10:User:weight", "Dbac", "cabD"),
        ("7644-3.4.2.3-04", "urn:example:scim:schemas:badge-7:2.10:User:zones", "baDc", "Dcab"),
        ("7644-3.4.2.3-09", "id", "Dabc", "cbaD"),
        ("7644-3.4.2.3-05 A023", "manager", "cDab", "Dabc"),
        ("A014", "manager.$ref", "cDab", "Dabc"),
        ("7644-3.4.2.3-06 A025", "nickName", "Dabc", "Dabc"),
    ];
    for (id, by, ascending, descending) in cases {
        for (is_descending, expected) in [(false, ascending), (true, descending)] {
            let sort = sort(by, is_descending).unwrap();
            let mut resources = resources();
            resources.reverse();
            resources.sort_by(|left, right| sort.compare(left, right));
            let found: String = resources.iter().map(Resource::id).collect();
            assert_eq!(found, expected, "{id}: {by}, descending: {is_descending}");
            assert_eq!(sort.is_descending(), is_descending);
        }
    }
}

#[test]
fn attributes_without_an_order_are_refused() {
    for (id, by, resource_type) in [
        ("A024", "shoeSize", SortErrorKind::Unknown),
        ("A024", "name.shoeSize", SortErrorKind::Unknown),
        ("7644-3.4.2.3-05", "name", SortErrorKind::Complex),
        ("7644-3.4.2.3-05", "addresses", SortErrorKind::Complex),
        ("A024", "x509Certificates", SortErrorKind::Binary),
        ("A021", "password", SortErrorKind::Sensitive),
        ("A021", "urn:example:scim:schemas:badge-7:2.10:User:locks", SortErrorKind::Sensitive),
    ] {
        assert_eq!(sort(by, false).map_err(|error| error.kind()).err(), Some(resource_type), "{id}: {by}");
    }
    let message = sort("name", false).unwrap_err().to_string();
    assert_eq!(message, "expected a sub-attribute to sort by: `name`");
}

/// A key has the order of its resource (the promise of `Sort::key`): between two keys, and as a sort position.
#[test]
fn keys_and_positions_have_the_order_of_their_resources() {
    let badge = |name: &str| format!("{BADGE}:{name}");
    let paths = ["userName", "externalId", "active", "meta.created", "emails", "title"].map(str::to_owned);
    for by in paths.into_iter().chain(["number", "weight", "zones"].map(badge)) {
        for descending in [false, true] {
            let (sort, resources) = (sort(&by, descending).unwrap(), resources());
            for (left, right) in resources.iter().flat_map(|left| resources.iter().map(move |right| (left, right))) {
                let (left_key, right_key) = (sort.key(left), sort.key(right));
                let expected = sort.compare(left, right);
                let by_key = sort.compare_keys(left_key.as_ref(), right_key.as_ref());
                let case = format!("{by}, descending: {descending}, {left:?}, {right:?}");
                assert_eq!(by_key.then_with(|| left.id().cmp(right.id())), expected, "{case}");
                let position = Position { key: right_key.as_ref(), id: right.id() };
                assert_eq!(sort.compare_to(left, position), expected, "{case}");
            }
        }
    }
}

/// 7644-3.4.2.3-09: case counts in an order exactly if it counts in the attribute. A store chooses its collation by that.
#[test]
fn case_counts_in_an_order_as_in_its_attribute() {
    for (by, exact) in [("userName", false), ("emails", false), ("externalId", true), ("id", true)] {
        assert_eq!(sort(by, false).unwrap().is_case_exact(), exact, "{by}");
    }
}

/// The error of a refused `sortBy` has the attribute as the client named it, and its text says why it is refused.
#[test]
fn a_refused_order_names_its_attribute() {
    for (by, message) in [
        ("SHOESIZE", "`SHOESIZE` is not an attribute of User"),
        ("Password", "`Password` may not be read"),
        ("name", "expected a sub-attribute to sort by: `name`"),
        ("x509Certificates", "expected an attribute whose values have an order: `x509Certificates`"),
    ] {
        let error = sort(by, false).unwrap_err();
        assert_eq!((error.attribute(), error.to_string().as_str()), (by, message));
    }
}
