//! The order of resources in a list (RFC 7644 §3.4.2.3).

use crate::fixture::documents::{BADGE, registry, resource};
use scim_core::{
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Resource, Sort, SortError, SortErrorKind},
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
