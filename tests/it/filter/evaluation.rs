//! The meaning of filters: each case is a requirement, a filter and the documents that satisfy it (RFC 7644 §3.4.2.2,
//! RFC 7643 §2).

use std::sync::Arc;

use crate::fixture::documents::{BADGE, registry, resource};
use scim_core::{
    filter::{CompileErrorKind, Condition, Filter},
    limits::{Limits, Work},
    quirks::{Quirk, Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{Attribute, AttributeType, Registry, ResourceType, Schema},
};
use serde_json::json;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// `b`arbara has all attributes, `m`andy few, `u`nicode has hostile text, `z`ero has values that look absent.
fn users(resource_type: &Arc<ResourceType>) -> Vec<(char, Resource)> {
    let barbara = json!({
        "id": "2819c223", "externalId": "AbC", "userName": "BJensen@Example.com",
        "name": {"familyName": "Jensen", "givenName": "Barbara"},
        "displayName": "Babs \"B\" Jensen\\", "title": "Tour Guide", "active": true,
        "profileUrl": "https://example.com/Bjensen",
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "Babs@Jensen.org", "type": "home"},
        ],
        "addresses": [{"type": "work", "locality": "Hollywood"}, {"type": "home", "locality": "Paris"}],
        "roles": [{"value": "admin", "primary": true}, {"value": "reader", "primary": false}],
        "photos": [{"value": "https://Photos.example.com/F", "type": "photo"}],
        "x509Certificates": [{"value": "TUlJ", "display": "one"}],
        "groups": [{"value": "e9e30dba", "display": "Tour Guides", "type": "direct"}],
        "meta": {"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34.123456Z"},
        ENTERPRISE: {"department": "Tour Operations", "employeeNumber": "701984",
                     "manager": {"value": "26118915", "displayName": "John Smith"}},
        BADGE: {"number": 5, "weight": 2.50, "issued": "2020-02-29T12:00:00+02:00", "lost": true, "print": "AAEC",
                "maker": "https://Maker.example/x", "serial": "Xy-1", "zones": ["North", "EAST"], "floors": [1, 7],
                "locks": {"value": "secret"}},
    });
    let mandy = json!({
        "id": "2819C223", "userName": "mandy", "active": false, "emails": [{"value": "mandy@example.com", "type": "home"}],
        "meta": {"created": "2012-01-23T04:56:22Z", "lastModified": "2012-05-13T04:42:34Z"},
    });
    let unicode = json!({
        "id": "u", "userName": "STRAẞE", "displayName": "ΟΔΥΣΣΕΥΣ", "nickName": "İstanbul", "title": "Cafe\u{301} 😀",
        "emails": [{"value": "\u{212A}elvin@x", "type": "ſ"}],
    });
    let zero = json!({
        "id": "z", "userName": "zero", "title": "", "nickName": "100%_\\", "name": {"familyName": ""},
        "emails": [{"type": "work"}, {"value": "babs@jensen.org"}],
        BADGE: {"number": 0, "weight": 0.0, "lost": false, "zones": [""], "floors": [-3],
                "locks": {"code": "c"}},
    });
    let named = [('b', barbara), ('m', mandy), ('u', unicode), ('z', zero)];
    named.into_iter().map(|(name, document)| (name, resource(resource_type, &document))).collect()
}

fn groups(resource_type: &Arc<ResourceType>) -> Vec<(char, Resource)> {
    let guides = json!({"id": "g", "displayName": "Tour Guides", "members": [
        {"value": "2819c223", "type": "User", "display": "Babs"}, {"value": "6c5bb468", "type": "Group"}]});
    let untyped = json!({"id": "n", "displayName": "Nobody", "members": [{"value": "2819c223"}]});
    let empty = json!({"id": "e", "displayName": "Empty"});
    let named = [('g', guides), ('n', untyped), ('e', empty)];
    named.into_iter().map(|(name, document)| (name, resource(resource_type, &document))).collect()
}

fn parse(filter: &str) -> Filter {
    let limits = Limits::default();
    Filter::parse(filter, Reading::new(&limits, &mut Tolerance::new(Quirks::default())))
        .unwrap_or_else(|e| panic!("{filter}: {e}"))
}

fn satisfying(resource_type: &Arc<ResourceType>, resources: &[(char, Resource)], filter: &str) -> String {
    let compiled = parse(filter).compile(resource_type, &mut Tolerance::new(Quirks::default()));
    let matcher = compiled.unwrap_or_else(|error| panic!("{filter}: {error}"));
    let satisfying = resources.iter().filter(|(_, resource)| matcher.matches(resource.root()));
    satisfying.map(|(name, _)| *name).collect()
}

fn check(resource_type: &Arc<ResourceType>, resources: &[(char, Resource)], cases: &[(&str, &str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(id, filter, expected)| {
            let found = satisfying(resource_type, resources, filter);
            (found != *expected).then(|| format!("{id}: `{filter}`: expected {expected:?}, found {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn user() -> Arc<ResourceType> {
    registry().resource_type("User").unwrap().clone()
}

#[test]
fn operators_compare_text() {
    let resource_type = user();
    check(
        &resource_type,
        &users(&resource_type),
        &[
            ("7644-3.4.2.2-02", r#"userName eq "mandy""#, "m"),
            ("7644-3.4.2.2-02", r#"userName eq "nobody""#, ""),
            ("7644-3.4.2.2-03", r#"USERNAME Eq "mandy""#, "m"),
            ("7644-3.4.2.2-03", r#"Name.FAMILYNAME eQ "jensen""#, "b"),
            ("7644-3.4.2.2-06", r#"userName eq "bjensen@example.com""#, "b"),
            ("7644-3.4.2.2-06", r#"userName eq "bjensen@example.co""#, ""),
            ("7644-3.4.2.2-07", r#"userName ne "MANDY""#, "buz"),
            ("7644-3.4.2.2-08", r#"userName co "JENSEN""#, "b"),
            ("7644-3.4.2.2-08", r#"userName co "jensenn""#, ""),
            ("7644-3.4.2.2-08 A004", r#"title co """#, "buz"),
            ("7644-3.4.2.2-09", r#"userName sw "bj""#, "b"),
            ("7644-3.4.2.2-09", r#"userName sw "mandy""#, "m"),
            ("7644-3.4.2.2-09", r#"userName sw "mandyy""#, ""),
            ("7644-3.4.2.2-09 A004", r#"title sw """#, "buz"),
            ("7644-3.4.2.2-10", r#"userName ew ".COM""#, "b"),
            ("7644-3.4.2.2-10", r#"userName ew "mandy""#, "m"),
            ("7644-3.4.2.2-10 A004", r#"title ew """#, "buz"),
            ("7644-3.4.2.2-13", r#"userName gt "Mandy""#, "uz"),
            ("7644-3.4.2.2-13", r#"userName ge "Mandy""#, "muz"),
            ("7644-3.4.2.2-13", r#"userName lt "MANDY""#, "b"),
            ("7644-3.4.2.2-13", r#"userName le "MANDY""#, "bm"),
            ("7644-3.4.2.2-13", r#"title gt """#, "bu"),
            ("7644-3.4.2.2-13", r#"title lt "a""#, "z"),
            ("7644-3.4.2.2-43", r#"externalId eq "AbC""#, "b"),
            ("7643-7-08", r#"externalId eq "abc""#, ""),
            ("7643-7-08", r#"externalId co "bC" and externalId sw "Ab" and externalId ew "bC""#, "b"),
            ("7643-7-08", r#"externalId co "BC" or externalId sw "ab" or externalId ew "bc""#, ""),
            ("7643-7-08", r#"externalId lt "a""#, "b"),
            ("7643-7-08 A020", r#"id eq "2819c223""#, "b"),
            ("7643-7-08 A020", r#"id eq "2819C223""#, "m"),
            ("7643-7-08", r#"profileUrl eq "https://example.com/bjensen""#, ""),
            ("7644-3.4.2.2-13 A016", r#"profileUrl gt "https://example.com/B" and profileUrl co "Bj""#, "b"),
            ("7643-7-08", r#"title eq "tour guide""#, "b"),
        ],
    );
}

#[test]
fn operators_compare_hostile_text() {
    let resource_type = user();
    check(
        &resource_type,
        &users(&resource_type),
        &[
            ("7644-3.4.2.2-30", r#"displayName eq "babs \"b\" jensen\\""#, "b"),
            ("7644-3.4.2.2-30", r#"displayName eq "\u0062abs \u0022B\u0022 Jensen\u005c""#, "b"),
            ("7644-3.4.2.2-30", r#"title co "\ud83d\ude00""#, "u"),
            ("7644-3.4.2.2-30", r#"nickName eq "100%_\\""#, "z"),
            ("7644-3.4.2.2-08", r#"nickName co "%_""#, "z"),
            ("7644-3.4.2.2-08", r#"nickName co "0_""#, ""),
            ("7644-3.4.2.2-43 A019", r#"userName eq "straße""#, "u"),
            ("7644-3.4.2.2-43 A019", r#"userName eq "strasse""#, ""),
            ("7644-3.4.2.2-43 A019", r#"userName sw "Straß" and userName co "AẞE" and userName ew "ße""#, "u"),
            ("7644-3.4.2.2-43 A019", r#"displayName eq "οδυσσευσ""#, "u"),
            ("7644-3.4.2.2-43 A019", r#"displayName eq "οδυσσευς""#, "u"),
            ("7644-3.4.2.2-43 A019", r#"displayName sw "οδυΣ" and displayName ew "υσ" and displayName co "σσ""#, "u"),
            ("7644-3.4.2.2-43 A019", "nickName eq \"I\u{307}STANBUL\"", "u"),
            ("7644-3.4.2.2-43 A019", "nickName eq \"i\u{307}stanbul\"", ""),
            ("7644-3.4.2.2-43 A019", r#"nickName eq "istanbul""#, ""),
            ("7644-3.4.2.2-43 A019", r#"nickName sw "i""#, ""),
            ("7644-3.4.2.2-43 A019", r#"title eq "café 😀""#, "u"),
            ("7644-3.4.2.2-43 A019", "title sw \"CAFE\u{301}\"", "u"),
            ("7644-3.4.2.2-43 A019", "title sw \"caf\u{e9}\"", "u"),
            ("7644-3.4.2.2-43 A019", r#"title sw "cafe""#, ""),
            ("7644-3.4.2.2-10", r#"title ew "😀""#, "u"),
            ("7644-3.4.2.2-43 A019", r#"emails.value sw "kelvin""#, "u"),
            ("7644-3.4.2.2-43 A019", r#"emails.value eq "KELVIN@X""#, "u"),
            ("7644-3.4.2.2-43 A019", r#"emails.type eq "s""#, "u"),
            ("7644-3.4.2.2-13 A025", r#"userName gt "strazz""#, "uz"),
        ],
    );
}

#[test]
fn null_means_absence() {
    let resource_type = user();
    check(
        &resource_type,
        &users(&resource_type),
        &[
            ("7644-3.4.2.2-11", "title pr", "bu"),
            ("7644-3.4.2.2-12 A004", "not (title pr)", "mz"),
            ("7644-3.4.2.2-12", "active pr", "bm"),
            ("7644-3.4.2.2-12", "urn:example:scim:schemas:badge-7:2.10:User:number pr", "bz"),
            ("7644-3.4.2.2-12", "urn:example:scim:schemas:badge-7:2.10:User:lost pr", "bz"),
            ("7644-3.4.2.2-12", "urn:example:scim:schemas:badge-7:2.10:User:zones pr", "b"),
            ("7644-3.4.2.2-11", "name pr", "b"),
            ("7644-3.4.2.2-11", "emails pr", "bmuz"),
            ("7644-3.4.2.2-11", "emails.value pr", "bmuz"),
            ("7644-3.4.2.2-11", "emails[type pr and value pr]", "bmu"),
            ("7644-3.4.2.2-11", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager pr", "b"),
            ("7644-3.4.2.2-11", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr", "b"),
            ("A021", "urn:example:scim:schemas:badge-7:2.10:User:locks pr", "z"),
            ("7644-3.4.2.2-12 A003", "title eq null", "mz"),
            ("7644-3.4.2.2-12 A003", "title ne null", "bu"),
            ("7644-3.4.2.2-12 A003", "emails.primary eq null", "muz"),
            ("7644-3.4.2.2-12 A003", "emails[primary eq null]", "bmuz"),
            ("7644-3.4.2.2-12 A004", r#"title eq """#, "z"),
            ("7644-3.4.2.2-07 A001", r#"title ne "Tour Guide""#, "muz"),
            ("7644-3.4.2.2-07 A001", r#"title ne """#, "bmu"),
            ("7644-3.4.2.2-20 A001", r#"not (title eq "Tour Guide")"#, "muz"),
            ("7644-3.4.2.2-20", r#"not (title gt "a")"#, "mz"),
            ("7644-3.4.2.2-20", r#"not (title ne "Tour Guide")"#, "b"),
            ("7644-3.4.2.2-07 A001", "active ne true", "muz"),
            ("7644-3.4.2.2-06", "active eq false", "m"),
        ],
    );
}

#[test]
fn operators_compare_by_the_type_of_the_attribute() {
    let resource_type = user();
    let cases = [
        ("7644-3.4.2.2-15", "{B}number eq 5", "b"),
        ("7644-3.4.2.2-15 A017", "{B}number eq 5.0", "b"),
        ("7644-3.4.2.2-15 A017", "{B}number eq 0.5e1", "b"),
        ("7644-3.4.2.2-15 A017", "{B}number eq 5.5", ""),
        ("7644-3.4.2.2-07 A017", "{B}number ne 5.5", "bmuz"),
        ("7644-3.4.2.2-15", "{B}number gt 4.5", "b"),
        ("7644-3.4.2.2-15", "{B}number lt 5.5", "bz"),
        ("7644-3.4.2.2-15", "{B}number lt 5.0", "z"),
        ("7644-3.4.2.2-15", "{B}number le 5.0", "bz"),
        ("7644-3.4.2.2-15", "{B}number ge 5.0", "b"),
        ("7644-3.4.2.2-15", "{B}number gt 5.0", ""),
        ("7644-3.4.2.2-15", "{B}number ge -0.5", "bz"),
        ("7644-3.4.2.2-15", "{B}number gt -1e400", "bz"),
        ("7644-3.4.2.2-15", "{B}number lt 1e400", "bz"),
        ("7644-3.4.2.2-15", "{B}number gt 1e400", ""),
        ("7644-3.4.2.2-15", "{B}number lt 9223372036854775808", "bz"),
        ("7644-3.4.2.2-15", "{B}number eq -0", "z"),
        ("7644-3.4.2.2-15", "{B}floors gt 1", "b"),
        ("7644-3.4.2.2-37", "{B}floors eq 7", "b"),
        ("7644-3.4.2.2-07 A002", "{B}floors ne 7", "muz"),
        ("7644-3.4.2.2-15", "{B}weight eq 2.5", "b"),
        ("7644-3.4.2.2-15", "{B}weight eq 25e-1", "b"),
        ("7644-3.4.2.2-15", "{B}weight gt 2", "b"),
        ("7644-3.4.2.2-15", "{B}weight le 0", "z"),
        ("7644-3.4.2.2-14", r#"meta.created gt "2011-01-01T00:00:00Z""#, "m"),
        ("7644-3.4.2.2-14", r#"meta.lastModified ge "2011-05-13T04:42:34.123456Z""#, "bm"),
        ("7644-3.4.2.2-14", r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, "bm"),
        ("7644-3.4.2.2-14", r#"meta.lastModified lt "2011-05-13T04:42:34.2Z""#, "b"),
        ("7644-3.4.2.2-14", r#"meta.created le "2010-01-23T04:56:22Z""#, "b"),
        ("7644-3.4.2.2-14 A018", r#"{B}issued eq "2020-02-29T10:00:00Z""#, "b"),
        ("7644-3.4.2.2-14 A018", r#"{B}issued eq "2020-02-29T05:00:00-05:00""#, "b"),
        ("7644-3.4.2.2-14 A018", r#"{B}issued eq "2020-02-29T10:00:00""#, "b"),
        ("7644-3.4.2.2-14 A018", r#"{B}issued ne "2020-02-29T12:00:00Z""#, "bmuz"),
        ("7644-3.4.2.2-06", "{B}lost eq true", "b"),
        ("7644-3.4.2.2-06", "{B}lost eq false", "z"),
        ("7644-3.4.2.2-06", r#"{B}print eq "AAEC""#, "b"),
        ("7643-7-08", r#"{B}print eq "aaec""#, ""),
        ("7644-3.4.2.2-07", r#"{B}print ne "aaec""#, "bmuz"),
        ("7643-7-08", r#"{B}maker sw "https://M""#, "b"),
        ("7643-7-08", r#"{B}serial eq "xy-1""#, ""),
    ];
    let prefixed: Vec<String> =
        cases.iter().map(|(_, filter, _)| filter.replace("{B}", &format!("{BADGE}:"))).collect();
    let cases: Vec<_> =
        cases.iter().zip(&prefixed).map(|((id, _, expected), filter)| (*id, &**filter, *expected)).collect();
    check(&resource_type, &users(&resource_type), &cases);
}

#[test]
fn a_condition_holds_if_one_value_satisfies_it() {
    let resource_type = user();
    check(
        &resource_type,
        &users(&resource_type),
        &[
            ("7644-3.4.2.2-37", r#"emails.type eq "home""#, "bm"),
            ("7644-3.4.2.2-37", r#"emails.value ew "jensen.org""#, "bz"),
            ("7644-3.4.2.2-39 A006", r#"emails co "@jensen.ORG""#, "bz"),
            ("7644-3.4.2.2-39 A006", r#"emails eq "mandy@example.com""#, "m"),
            ("7644-3.4.2.2-39 A006", r#"photos sw "https://P""#, "b"),
            ("7644-3.4.2.2-39 A006", r#"x509Certificates eq "TUlJ""#, "b"),
            ("7644-3.4.2.2-39 A006", r#"groups eq "e9e30dba""#, "b"),
            ("7644-3.4.2.2-07 A002", r#"emails.type ne "home""#, "uz"),
            ("7644-3.4.2.2-07 A002", r#"emails ne "babs@jensen.org""#, "mu"),
            ("7644-3.4.2.2-23", r#"emails[type eq "work" and value co "@example.com"]"#, "b"),
            ("7644-3.4.2.2-23", r#"emails[type eq "work" and value co "jensen.org"]"#, ""),
            ("7644-3.4.2.2-23 A007", r#"emails.type eq "work" and emails.value co "jensen.org""#, "bz"),
            ("7644-3.4.2.2-23", r#"emails[type eq "home" and not (value ew ".org")]"#, "m"),
            ("7644-3.4.2.2-23 A002", r#"emails[type ne "work"]"#, "bmuz"),
            ("7644-3.4.2.2-23 A002", r#"emails[type ne "work" and type ne "home"]"#, "uz"),
            ("7644-3.4.2.2-23", r#"not (emails[type eq "work"])"#, "mu"),
            ("7644-3.4.2.2-22", r#"addresses[type eq "work" and locality eq "paris"]"#, ""),
            ("7644-3.4.2.2-22", r#"addresses[type eq "home" and locality eq "paris"]"#, "b"),
            ("7644-3.4.2.2-24", r#"emails[primary eq true or type eq "ſ"]"#, "bu"),
            ("7644-3.4.2.2-23", r#"roles[value eq "reader" and primary eq true]"#, ""),
            ("7644-3.4.2.2-24 A008", r#"emails[type eq "work"].value eq "BJENSEN@example.com""#, "b"),
            ("7644-3.4.2.2-24 A008", r#"emails[type eq "work"].value eq "babs@jensen.org""#, ""),
            ("7644-3.4.2.2-38", r#"name.givenName eq "barbara""#, "b"),
            ("7644-3.4.2.2-22", r#"name[givenName eq "barbara" and familyName sw "j"]"#, "b"),
            (
                "7644-3.4.2.2-22",
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager[value eq "26118915"]"#,
                "b",
            ),
            ("7644-3.4.2.2-37", r#"urn:example:scim:schemas:badge-7:2.10:User:zones eq "east""#, "b"),
            ("7644-3.4.2.2-37", r#"urn:example:scim:schemas:badge-7:2.10:User:zones ne "east""#, "muz"),
            (
                "7644-3.4.2.2-24 A058",
                r#"urn:example:scim:schemas:badge-7:2.10:User:zones[value sw "n" and value ew "h"]"#,
                "b",
            ),
            (
                "7644-3.4.2.2-24 A058",
                r#"urn:example:scim:schemas:badge-7:2.10:User:zones[value sw "n" and value ew "t"]"#,
                "",
            ),
            (
                "7644-3.4.2.2-24 A058",
                "urn:example:scim:schemas:badge-7:2.10:User:floors[value gt 1 and value lt 8]",
                "b",
            ),
            ("7644-3.4.2.2-24 A058", "urn:example:scim:schemas:badge-7:2.10:User:zones[value eq null]", "z"),
        ],
    );
}

#[test]
fn filters_reach_extensions_and_common_attributes() {
    let resource_type = user();
    check(
        &resource_type,
        &users(&resource_type),
        &[
            ("7644-3.4.2.2-45", r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "B""#, "b"),
            ("7644-3.4.2.2-45", r#"URN:IETF:params:scim:schemas:CORE:2.0:user:name.FamilyName sw "J""#, "b"),
            ("7644-3.10-04", r#"URN:ietf:params:scim:schemas:EXTENSION:enterprise:2.0:user:DEPARTMENT co "tour""#, "b"),
            (
                "7644-3.10-05",
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "26118915""#,
                "b",
            ),
            (
                "7644-3.10-05",
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName eq "john smith""#,
                "b",
            ),
            ("7644-3.10-01", "urn:example:scim:schemas:badge-7:2.10:User:number gt 4", "b"),
            ("7644-3.10-02", r#"userName eq "mandy""#, "m"),
            (
                "7644-3.4.2.2-45",
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne "x""#,
                "bmuz",
            ),
            ("E-20", r#"manager eq "26118915""#, "b"),
            ("E-20", r#"id eq "2819c223" and manager eq "26118915""#, "b"),
            ("E-20", r#"department eq "tour operations""#, "b"),
            ("7644-3.4.2.2-44", r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:User""#, "bmuz"),
            ("7644-3.4.2.2-44", r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user""#, "b"),
            ("7644-3.4.2.2-44", r#"schemas eq "urn:example:scim:schemas:badge-7:2.10:User""#, "bz"),
            ("7644-3.4.2.2-44", r#"schemas ne "urn:example:scim:schemas:badge-7:2.10:User""#, "mu"),
            ("7644-3.4.2.2-44", r#"schemas eq "urn:other""#, ""),
            ("7644-3.4.2.2-44", r#"schemas co "enterprise""#, "b"),
            ("7644-3.4.2.2-44 A058", r#"schemas[value sw "urn:example:" and value ew ":user"]"#, "bz"),
            ("7644-3.4.2.2-44", "schemas pr", "bmuz"),
            ("7644-3.4.2.1-03", r#"meta.resourceType eq "User""#, "bmuz"),
            ("7643-7-08", r#"meta.resourceType eq "user""#, ""),
            ("7644-3.4.2.2-07", r#"meta.resourceType ne "Group""#, "bmuz"),
            ("7644-3.4.2.2-11", "meta pr and meta.resourceType pr", "bmuz"),
            ("7644-3.4.2.2-22", r#"meta[resourceType eq "User" and created lt "2011-01-01T00:00:00Z"]"#, "b"),
            (
                "7643-2.4-06 A014",
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$ref eq "https://h/v2/Users/26118915""#,
                "b",
            ),
            ("7643-2.4-06 A014", r#"manager.$ref eq "../Users/26118915""#, "b"),
            ("7643-2.4-06 A014", r#"manager.$ref eq "/scim/Users/1""#, ""),
            ("7643-2.4-06 A014", r#"manager.$ref ne "/scim/Users/26118915""#, "muz"),
            ("7643-2.4-06 A014", "manager.$ref pr", "b"),
            ("7643-2.4-06 A014", r#"groups.$ref eq "https://h/v2/Groups/e9e30dba""#, "b"),
            ("7643-2.4-06 A014", r#"groups[$ref eq "/Groups/e9e30dba" and type eq "direct"]"#, "b"),
        ],
    );
}

#[test]
fn connectives_are_two_valued() {
    let resource_type = user();
    check(
        &resource_type,
        &users(&resource_type),
        &[
            ("7644-3.4.2.2-18", "title pr and active eq true", "b"),
            ("7644-3.4.2.2-19", "title pr or active eq false", "bmu"),
            ("7644-3.4.2.2-20", "not (active eq true)", "muz"),
            ("7644-3.4.2.2-20", "not (not (active eq true))", "b"),
            ("7644-3.4.2.2-20 A001", "not (active eq true or active eq false)", "uz"),
            ("7644-3.4.2.2-21", r#"(title pr or active eq false) and userName co "a""#, "bmu"),
            ("7644-3.4.2.2-35", r#"title pr or active eq false and userName eq "nobody""#, "bu"),
            ("7644-3.4.2.2-35", "not (title pr) and active pr", "m"),
            ("7644-3.4.2.2-36", r#"id eq "u" or id eq "z" and active eq true or id eq "2819c223""#, "bu"),
            ("7644-3.4.2.2-36", r#"id eq "u" or (id eq "z" or (id eq "2819c223"))"#, "buz"),
            ("7644-3.4.2.2-18", r#"schemas eq "urn:other" and title pr"#, ""),
            ("7644-3.4.2.2-19", r#"schemas eq "urn:other" or title pr"#, "bu"),
            ("7644-3.4.2.2-18", r#"schemas ne "urn:other" and title pr"#, "bu"),
            ("7644-3.4.2.2-19", r#"schemas ne "urn:other" or title pr"#, "bmuz"),
        ],
    );
}

#[test]
fn members_are_compared_by_id_or_reference() {
    let resource_type = registry().resource_type("Group").unwrap().clone();
    check(
        &resource_type,
        &groups(&resource_type),
        &[
            ("7644-3.4.2.2-39", r#"members eq "2819c223""#, "gn"),
            ("7643-7-08 A020", r#"members eq "2819C223""#, ""),
            ("7644-3.5.2-08", r#"members[value eq "2819c223"]"#, "gn"),
            ("7644-3.4.2.2-07 A002", r#"members ne "6c5bb468""#, "ne"),
            ("7644-3.4.2.2-11", "members pr", "gn"),
            ("7644-3.4.2.2-12", "not (members pr)", "e"),
            ("7643-2.4-06 A014", r#"members.$ref eq "https://example.com/v2/Users/2819c223""#, "gn"),
            ("7643-2.4-06 A014", r#"members.$ref eq "https://other.example/Users/2819c223/""#, "gn"),
            ("7643-2.4-06 A014", r#"members.$ref eq "https://example.com/v2/Groups/6c5bb468""#, "g"),
            ("7643-2.4-06 A014", r#"members.$ref eq "https://example.com/v2/Groups/2819c223""#, "n"),
            (
                "7643-2.4-06 A014",
                r#"members[$ref eq "https://example.com/v2/Groups/6c5bb468" and type eq "group"]"#,
                "g",
            ),
            ("7643-2.4-06 A014", r#"members[$ref eq "/Users/2819c223" and type eq "group"]"#, ""),
            ("7643-2.4-06 A014", r#"members.$ref ne "/v2/Users/2819c223""#, "e"),
            ("7643-2.4-06 A014", "members.$ref pr", "gn"),
            ("7643-2.4-06 A014", "members[$ref eq null]", ""),
        ],
    );
}

#[test]
fn comparisons_that_do_not_fit_the_type_are_refused() {
    use AttributeType::{Binary, Boolean, DateTime, Integer, Reference, String};
    use CompileErrorKind as Kind;
    let resource_type = user();
    let cases = [
        ("7644-3.4.2.2-16", "active gt true", Kind::Operator(Boolean)),
        ("7644-3.4.2.2-16", "active le false", Kind::Operator(Boolean)),
        ("7644-3.4.2.2-16", "emails[primary lt true]", Kind::Operator(Boolean)),
        ("7644-3.4.2.2-17", r#"x509Certificates.value gt "A""#, Kind::Operator(Binary)),
        ("7644-3.4.2.2-17 A006", r#"x509Certificates ge "A""#, Kind::Operator(Binary)),
        ("7644-3.4.2.2-46 A015", r#"{B}print co "A""#, Kind::Operator(Binary)),
        ("7644-3.4.2.2-46 A015", r#"active sw "t""#, Kind::Operator(Boolean)),
        ("7644-3.4.2.2-46 A015", r#"meta.created sw "2011""#, Kind::Operator(DateTime)),
        ("7644-3.4.2.2-46 A015", "{B}number co 5", Kind::Operator(Integer)),
        ("7644-3.4.2.2-46 A017", "userName eq 5", Kind::Value(String)),
        ("7644-3.4.2.2-46 A017", "userName eq true", Kind::Value(String)),
        ("7644-3.4.2.2-46 A017", r#"{B}number eq "5""#, Kind::Value(Integer)),
        ("7644-3.4.2.2-46 A017", r#"active eq "yes""#, Kind::Value(Boolean)),
        ("7644-3.4.2.2-46 A017", "active eq 1", Kind::Value(Boolean)),
        ("7644-3.4.2.2-46 A017", "profileUrl eq 1", Kind::Value(Reference)),
        ("7644-3.4.2.2-46 A018", r#"meta.created gt "yesterday""#, Kind::Value(DateTime)),
        ("7644-3.4.2.2-46 A018", r#"meta.created gt "2011-02-30T00:00:00Z""#, Kind::Value(DateTime)),
        ("7644-3.4.2.2-46 A018", "meta.created gt 2011", Kind::Value(DateTime)),
        ("7644-3.4.2.2-46 A003", "userName gt null", Kind::Null),
        ("7644-3.4.2.2-46 A003", "userName co null", Kind::Null),
        ("7644-3.4.2.2-38 A006", r#"name eq "Jensen""#, Kind::Complex),
        ("7644-3.4.2.2-38 A006", r#"addresses co "Paris""#, Kind::Complex),
        ("7644-3.4.2.2-24", r#"userName[value eq "x"]"#, Kind::NoElements),
        ("A005", r#"usrName eq "x""#, Kind::UnknownAttribute),
        ("A005", "name.nickName pr", Kind::UnknownAttribute),
        ("A005", r#"emails[color eq "red"]"#, Kind::UnknownAttribute),
        ("A005", r#"{B}zones[type eq "red"]"#, Kind::UnknownAttribute),
        ("A005", r#"urn:example:other:1.0:User:x eq "red""#, Kind::UnknownAttribute),
        ("A005", r#"emails[urn:ietf:params:scim:schemas:core:2.0:User:userName eq "x"]"#, Kind::UnknownAttribute),
        ("A005", r#"title pr or usrName eq "x""#, Kind::UnknownAttribute),
        ("A021", r#"password eq "secret""#, Kind::Sensitive),
        ("A021", r#"password sw "a""#, Kind::Sensitive),
        ("A021", "password pr", Kind::Sensitive),
        ("A021", "not (password eq null)", Kind::Sensitive),
        ("A021", "{B}pin pr", Kind::Sensitive),
        ("A021", r#"{B}locks eq "1""#, Kind::Sensitive),
        ("A021", r#"{B}locks[value eq "1"]"#, Kind::Sensitive),
        ("7643-2.4-06 A014", r#"manager.$ref co "Users""#, Kind::Derived),
        ("7643-2.4-06 A014", "manager.$ref eq 5", Kind::Value(Reference)),
    ];
    for (id, filter, expected) in cases {
        let filter = filter.replace("{B}", &format!("{BADGE}:"));
        let error =
            parse(&filter).compile(&resource_type, &mut Tolerance::new(Quirks::default())).map(|_| filter.clone());
        assert_eq!(error.map_err(|error| error.kind()), Err(expected), "{id}: {filter}");
    }
}

#[test]
fn habits_can_be_switched_off() {
    let resource_type = user();
    for (id, filter, quirk) in [
        ("A017", r#"active eq "True""#, Quirk::BooleanStrings),
        ("A017 E-08", r#"roles[primary eq "FALSE" and value eq "reader"]"#, Quirk::BooleanStrings),
        ("E-20", r#"manager.value eq "26118915""#, Quirk::BareExtensionAttribute),
        ("E-20", r#"employeeNumber eq "701984""#, Quirk::BareExtensionAttribute),
    ] {
        let mut tolerance = Tolerance::new(Quirks::default());
        let matcher = parse(filter).compile(&resource_type, &mut tolerance).unwrap();
        assert!(matcher.matches(users(&resource_type)[0].1.root()), "{id}: {filter}");
        assert!(tolerance.applied().contains(quirk), "{id}: {filter}");
        assert!(
            parse(filter).compile(&resource_type, &mut Tolerance::new(Quirks::strict())).is_err(),
            "{id}: {filter}"
        );
    }
    // An attribute that two extensions have is not resolved without the URN.
    let twice = |uri: &str| {
        let flag = Attribute::new("flag", AttributeType::Boolean);
        Schema::new(uri, uri).with_attribute(flag)
    };
    let resource_type = ResourceType::builder("User", "Users", Schema::user())
        .extension(twice("urn:a:User"), false)
        .extension(twice("urn:b:User"), false);
    let resource_type = Arc::new(resource_type.build().unwrap());
    let error = parse("flag pr").compile(&resource_type, &mut Tolerance::new(Quirks::default())).unwrap_err();
    assert_eq!(error.kind(), CompileErrorKind::UnknownAttribute);
}

/// 7644-3.4.2.1-05: at the root of the service, an attribute that a type does not have has no value.
#[test]
fn an_attribute_that_a_type_lacks_has_no_value() {
    let registry: Registry = registry();
    let resource_types = registry.resource_types();
    let (users, groups) = (users(&resource_types[0]), groups(&resource_types[1]));
    for (id, filter, expected) in [
        ("7644-3.4.2.1-05", r#"userName eq "mandy" or displayName eq "empty""#, "me"),
        ("7644-3.4.2.1-05", "members pr", "gn"),
        ("7644-3.4.2.1-05", "not (members pr)", "bmuze"),
        ("7644-3.4.2.1-05", r#"userName ne "mandy""#, "buzgne"),
        ("7644-3.4.2.1-05", "userName eq null", "gne"),
        ("7644-3.4.2.1-05", "userName ne null", "bmuz"),
        ("7644-3.4.2.1-05", r#"emails[type eq "home"] or members[type eq "Group"]"#, "bmg"),
        ("7644-3.4.2.1-05", r#"meta.resourceType eq "Group""#, "gne"),
        ("7644-3.4.2.1-05", r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:Group""#, "gne"),
    ] {
        let matchers = parse(filter).compile_each(resource_types, &mut Tolerance::new(Quirks::default())).unwrap();
        let all = users.iter().map(|user| (0, user)).chain(groups.iter().map(|group| (1, group)));
        let found: String =
            all.filter(|(index, (_, it))| matchers[*index].matches(it.root())).map(|(_, (name, _))| *name).collect();
        assert_eq!(found, expected, "{id}: {filter}");
    }
    for filter in ["usrName pr", "members.color pr", "emails[members pr]"] {
        let error = parse(filter).compile_each(resource_types, &mut Tolerance::new(Quirks::default())).unwrap_err();
        assert_eq!(error.kind(), CompileErrorKind::UnknownAttribute, "{filter}");
    }
}

#[test]
fn a_matcher_names_the_attributes_that_it_uses() {
    let resource_type = user();
    let groups = resource_type.child(scim_core::schema::AttributeId::ROOT, "groups").unwrap();
    let uses = |filter: &str| {
        parse(filter).compile(&resource_type, &mut Tolerance::new(Quirks::default())).unwrap().uses(groups)
    };
    assert!(uses(r#"groups eq "1""#) && uses("groups pr") && uses(r#"title pr or not (groups[display sw "x"])"#));
    assert!(!uses(r#"title pr and emails eq "groups""#));

    let matcher = parse("title pr and (active eq true and schemas pr)");
    let matcher = matcher.compile(&resource_type, &mut Tolerance::new(Quirks::default())).unwrap();
    assert!(matches!(matcher.conditions(), [Condition::Present(_), Condition::Compare(_)]));
}

/// The time is linear in the text, whatever the operand: a naive search needs 2³⁰ steps for each resource here.
#[test]
fn substring_search_is_linear() {
    let resource_type = user();
    let haystack = json!({"id": "1", "displayName": "a".repeat(64 << 10), "externalId": "a".repeat(64 << 10)});
    let haystack = resource(&resource_type, &haystack);
    let needle = format!("{}b{}", "a".repeat(16 << 10), "a".repeat(15 << 10));
    for attribute in ["displayName", "externalId"] {
        let filter = parse(&format!(r#"{attribute} co "{needle}""#));
        let matcher = filter.compile(&resource_type, &mut Tolerance::new(Quirks::default())).unwrap();
        let started = std::time::Instant::now();
        for _ in 0..20 {
            assert!(!matcher.matches(haystack.root()));
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{attribute}: {:?}", started.elapsed());
    }
}

/// 7644-3.4.2.2-11: a complex value is present if one of its parts is not empty, and a list if one of its values is not
/// empty.
#[test]
fn a_value_with_one_part_that_is_not_empty_is_present() {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let owner = Attribute::complex("owner", [text("name"), text("tags").multi_valued(), text("note")]);
    let schema = Schema::new("urn:example:Thing", "Thing").with_attribute(owner);
    let resource_type = Arc::new(ResourceType::builder("Thing", "Things", schema).build().unwrap());
    let things = [
        ('p', json!({"owner": {"name": "", "note": "x"}})),
        ('q', json!({"owner": {"tags": ["", "x"]}})),
        ('r', json!({"owner": {"name": "", "tags": [""]}})),
        ('s', json!({"owner": {"name": "x", "tags": [""]}})),
    ];
    let things = things.map(|(name, document)| (name, resource(&resource_type, &document)));
    check(
        &resource_type,
        &things,
        &[
            ("7644-3.4.2.2-11", "owner pr", "pqs"),
            ("7644-3.4.2.2-11", "owner.tags pr", "q"),
            ("7644-3.4.2.2-11", "not (owner pr)", "r"),
        ],
    );
}

/// The work of a request bounds an evaluation, and an evaluation within the bound has the same result as without a bound.
#[test]
fn an_evaluation_stays_within_the_work_of_its_request() {
    let resource_type = user();
    let matcher = parse(r#"userName co "jensen" and emails pr"#)
        .compile(&resource_type, &mut Tolerance::new(Quirks::default()))
        .unwrap();
    for (name, resource) in users(&resource_type) {
        let work = Work::new(1_000);
        let found = matcher.matches_within(resource.root(), &work);
        assert_eq!(found, Ok(matcher.matches(resource.root())), "{name}");
        assert_eq!(found, Ok(name == 'b'), "{name}");
        assert!(work.spent() > 0, "{name}");
        let exceeded = matcher.matches_within(resource.root(), &Work::new(0)).unwrap_err();
        assert_eq!(exceeded.limit(), 0);
    }
    // A search in a text costs more than a comparison with it.
    let text = "x".repeat(6_400);
    let long = resource(&resource_type, &json!({"userName": "x", "title": text}));
    let spent = |filter: &str| {
        let matcher = parse(filter).compile(&resource_type, &mut Tolerance::new(Quirks::default())).unwrap();
        let work = Work::new(10_000);
        assert_eq!(matcher.matches_within(long.root(), &work), Ok(false));
        work.spent()
    };
    assert!(spent(r#"title co "y""#) >= Work::of_search(text.len()));
    assert!(spent(r#"title eq "y""#) < Work::of_search(text.len()));
}
