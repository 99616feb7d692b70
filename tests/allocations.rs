//! Counts the allocations of operations that must not allocate.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

use std::alloc::System;

use scim_core::{
    filter::Filter,
    limits::Limits,
    quirks::{Quirks, Reading, Tolerance},
    resource::{Resource, judge},
    schema::Registry,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const USER: &str = r#"{
    "id": "1", "userName": "bjensen@example.com", "title": "Tour Guide with a title that is longer than most titles",
    "active": true, "nickName": "Γιώργος Μητσοτάκης, Олег, José, 李, 한국어", "name": {"familyName": "JENSEN-Ångström", "givenName": "Barbara"},
    "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@example.org", "type": "home"}],
    "meta": {"created": "2011-05-13T04:42:34Z", "lastModified": "2011-05-13T04:42:34Z"},
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tours", "manager": {"value": "26118915"}}
}"#;

const FILTERS: &[(&str, bool)] = &[
    (r#"userName eq "BJENSEN@example.com""#, true),
    (r#"userName sw "bjen" and title co "LONGER""#, true),
    (r#"title ew "titles" and not (title eq "x")"#, true),
    (r#"name.familyName co "ÅNGSTRÖM""#, true),
    (r#"nickName eq "ΓΙΏΡΓΟΣ μητσοτάκης, ОЛЕГ, JOSÉ, 李, 한국어""#, true),
    (r#"nickName sw "ΓΙΏΡΓΟΣ" and nickName co "josé" and nickName ew "한국어" and nickName gt "ΓΙΏ""#, true),
    (r#"emails[type eq "work" and value co "@EXAMPLE.com"]"#, true),
    (r#"emails[type eq "work" and value co "babs"]"#, false),
    (r#"emails.type ne "other" or active eq false"#, true),
    (r#"meta.lastModified gt "2011-05-13T04:42:33Z" and id pr"#, true),
    (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department le "tours""#, true),
    (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "26118915""#, true),
];

/// One test only: the counter counts the allocations of the whole process.
#[test]
fn neither_conditions_nor_rules_nor_short_filters_allocate() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let mut tolerance = Tolerance::new(Quirks::default());
    let resource = Resource::from_json(user, USER.as_bytes()).unwrap();
    for (text, expected) in FILTERS {
        let filter = Filter::parse(text, Reading::new(&Limits::default(), &mut tolerance)).unwrap();
        let matcher = filter.compile(user, &mut tolerance).unwrap();
        let region = Region::new(ALLOCATOR);
        let found = matcher.matches(resource.root());
        let together = matcher.matching([&resource; 40], |resource| resource.root()).count();
        let change = region.change();
        assert_eq!((found, together), (*expected, if *expected { 40 } else { 0 }), "{text}");
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{text}");
    }
    for text in ["title pr", "active eq true", r#"userName eq "bjensen""#] {
        let region = Region::new(ALLOCATOR);
        let filter = Filter::parse(text, Reading::new(&Limits::default(), &mut tolerance)).unwrap();
        let change = region.change();
        assert_eq!(filter.to_string(), text);
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{text}");
    }
    let region = Region::new(ALLOCATOR);
    let judged = (judge(None, &resource), judge(Some(&resource), &resource));
    let change = region.change();
    assert_eq!(judged, (Ok(()), Ok(())));
    assert_eq!((change.allocations, change.reallocations), (0, 0));
    // Proves that the counter counts.
    let region = Region::new(ALLOCATOR);
    drop(resource.clone());
    assert!(region.change().allocations > 0);
}
