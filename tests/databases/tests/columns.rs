//! The same over a host's own columns and tables, alone and with a document: an exact condition agrees with the
//! matcher, and a superset condition leaves out no match.

use std::collections::{BTreeMap, BTreeSet};

use scim_core::{
    resource::Resource,
    schema::AttributeId,
    sql::{Mapping, Statement},
    store::Pushdown,
    value::{Object, Value},
};
use scim_core_databases::{
    Database,
    random::Random,
    sample::{EXTENSION, Filters, compile, resource, user},
    table::{attributes, create, fit, map, map_declared},
};

/// The number of filters: `SCIM_TEST_FILTERS`, or 6,000.
fn rounds() -> usize {
    std::env::var("SCIM_TEST_FILTERS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6_000)
}

#[test]
fn columns_and_tables_agree_with_the_matcher() {
    let resource_type = user();
    let mut random = Random::new(0x1234_5678_9abc_def1);
    let fitted = |id: AttributeId, value| fit(&resource_type, id, value);
    let resources: Vec<Resource> =
        (0..100).map(|number| resource(&mut random, &resource_type, number, &fitted)).collect();
    let mapped = attributes(&resource_type);
    let unmapped =
        |id: AttributeId| matches!(resource_type.attribute(id).name(), "nickName" | "middleName" | "ims" | "one");
    let filters = Filters::new(&resource_type, &resources, |id| mapped.contains(&id) || unmapped(id));
    let mut databases = Database::all();
    for database in &mut databases {
        create(database, &resource_type, &resources);
    }
    let mut counts: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    let (mut tried, mut some) = (0, 0);
    while tried < rounds() {
        let text = filters.text(&mut random);
        let Some(matcher) = compile(&resource_type, &text) else { continue };
        tried += 1;
        for condition in matcher.conditions() {
            let found: BTreeSet<&str> =
                resources.iter().filter(|it| condition.matches(it.root())).map(Resource::id).collect();
            some += usize::from((1..resources.len()).contains(&found.len()));
            for database in &mut databases {
                let dialect = database.dialect();
                let alone = map(Mapping::columns(&resource_type, "a.id"), dialect);
                let beside = map(Mapping::documents(&resource_type, "a.id", "a.comparable"), dialect);
                let [declared, both] = [
                    Mapping::columns(&resource_type, "a.id"),
                    Mapping::documents(&resource_type, "a.id", "a.comparable"),
                ]
                .map(|mapping| map_declared(mapping, dialect));
                for (one, other) in [(&alone, &declared), (&beside, &both)] {
                    assert_eq!(one.pushdown(dialect, condition), other.pushdown(dialect, condition), "{text}");
                }
                for (mapping, has_document) in [(alone, false), (beside, true), (declared, false), (both, true)] {
                    let pushdown = mapping.pushdown(dialect, condition);
                    let mut select = Statement::new(dialect);
                    select.push("SELECT a.id FROM account AS a WHERE ");
                    let written = select.filter(&mapping, &[condition]).is_ok();
                    assert_eq!(written, pushdown != Pushdown::No, "{text}");
                    let ids = if written { database.texts(&select) } else { Vec::new() };
                    let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
                    let sql = select.text();
                    let outcome = match pushdown {
                        Pushdown::Exact => {
                            assert_eq!(ids, found, "{text}\n{sql}");
                            "exact"
                        }
                        Pushdown::Superset => {
                            assert!(ids.is_superset(&found), "{text}\n{sql}");
                            if ids.len() < resources.len() { "superset" } else { "all" }
                        }
                        Pushdown::No => "no",
                    };
                    *counts.entry((has_document, outcome)).or_default() += 1;
                }
            }
        }
    }
    eprintln!("{tried} filters in {} databases, {some} conditions match some and not all; {counts:?}", databases.len());
    assert!(some * 2 > tried);
    assert!(counts[&(false, "exact")] * 2 > tried && counts[&(false, "superset")] * 100 > tried);
    assert!(counts[&(true, "exact")] * 4 > tried * 3);
}

/// Text whose parts, cut anywhere, fold to other characters than the whole has.
const COMBINING: &[&str] = &[
    "jose\u{301} m",
    "JOS\u{c9} M",
    "J\u{30c}ag\u{30c}",
    "I\u{307}I\u{323}\u{307}",
    "a\u{323}\u{307}e\u{327}\u{301}",
    "\u{301}o\u{308}\u{304}",
    "\u{17f}\u{323}\u{1e9b}\u{323}",
    "\u{3b1}\u{342}\u{345}\u{391}\u{342}\u{345}",
    "\u{1100}\u{1161}\u{11a8}\u{ac00}\u{11a8}",
    "\u{928}\u{93c}\u{958}",
    "\u{9c7}\u{9be}",
    "ΓΙΏΡΓΟΣ \u{212a}\u{212b}\u{b5}",
];

/// A folded column of an attribute whose case counts leaves out no row. A folded column of an attribute whose case
/// does not count finds the same rows as the matcher, for every part of every text.
#[test]
fn folded_columns_leave_out_no_part_of_combining_text() {
    let resource_type = user();
    let extension = resource_type.extension(EXTENSION).expect("registered").attribute();
    let exact = resource_type.child(extension, "exact").expect("defined");
    let user_name = resource_type.child(AttributeId::ROOT, "userName").expect("defined");
    let resources = COMBINING.iter().enumerate().map(|(number, text)| {
        let (mut root, mut object) = (Object::new(), Object::new());
        object.insert(exact, Value::String((*text).into()));
        root.insert(AttributeId::ID, Value::String(number.to_string().into()));
        root.insert(user_name, Value::String((*text).into()));
        root.insert(extension, Value::Complex(object));
        Resource::from_object(resource_type.clone(), root)
    });
    let resources: Vec<Resource> = resources.collect();
    let (mut searches, mut narrowed) = (0, 0);
    for mut database in Database::all() {
        create(&mut database, &resource_type, &resources);
        let mapping = map(Mapping::columns(&resource_type, "a.id"), database.dialect());
        for text in COMBINING {
            let borders: Vec<usize> = text.char_indices().map(|(index, _)| index).chain([text.len()]).collect();
            let spans = borders.iter().flat_map(|start| borders.iter().map(move |end| (*start, *end)));
            for part in spans.filter_map(|(start, end)| text.get(start..end)) {
                for operator in ["sw", "ew", "co", "eq"] {
                    for (path, expected) in
                        [("userName", Pushdown::Exact), (&*format!("{EXTENSION}:exact"), Pushdown::Superset)]
                    {
                        let literal = serde_json::to_string(part).expect("text");
                        let filter = format!("{path} {operator} {literal}");
                        let matcher = compile(&resource_type, &filter).expect("a filter");
                        let condition = &matcher.conditions()[0];
                        let found: BTreeSet<&str> =
                            resources.iter().filter(|it| condition.matches(it.root())).map(Resource::id).collect();
                        let mut select = Statement::new(database.dialect());
                        select.push("SELECT a.id FROM account AS a WHERE ");
                        select.filter(&mapping, &[condition]).expect("written");
                        let ids = database.texts(&select);
                        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
                        assert_eq!(mapping.pushdown(database.dialect(), condition), expected, "{filter}");
                        match expected {
                            Pushdown::Exact => assert_eq!(ids, found, "{filter}"),
                            _ => assert!(ids.is_superset(&found), "{filter}: {ids:?} {found:?}"),
                        }
                        searches += 1;
                        narrowed += usize::from(ids.len() < resources.len());
                    }
                }
            }
        }
    }
    assert!(narrowed * 2 > searches, "{narrowed} of {searches} searches leave something out");
}
