//! The same over a host's own columns and tables, alone and beside a document: what is exact agrees with the matcher,
//! what is a superset leaves nothing out.

use std::collections::{BTreeMap, BTreeSet};

use scim_core::{
    Resource,
    schema::AttributeId,
    sql::{Mapping, Statement},
    store::Pushdown,
};
use scim_core_databases::{
    Database,
    random::Random,
    sample::{Filters, compile, resource, user},
    table::{attributes, create, fit, map},
};

/// How many filters are tried: more where `SCIM_TEST_FILTERS` says so.
fn rounds() -> usize {
    std::env::var("SCIM_TEST_FILTERS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6_000)
}

#[test]
fn columns_and_tables() {
    let kind = user();
    let mut random = Random::new(0x1234_5678_9abc_def1);
    let fitted = |id: AttributeId, value| fit(&kind, id, value);
    let resources: Vec<Resource> = (0..100).map(|number| resource(&mut random, &kind, number, &fitted)).collect();
    let mapped = attributes(&kind);
    let unmapped = |id: AttributeId| matches!(kind.attribute(id).name(), "nickName" | "middleName" | "ims" | "one");
    let filters = Filters::new(&kind, &resources, |id| mapped.contains(&id) || unmapped(id));
    let mut databases = Database::all();
    for database in &mut databases {
        create(database, &kind, &resources);
    }
    let mut counts: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    let (mut tried, mut some) = (0, 0);
    while tried < rounds() {
        let text = filters.text(&mut random);
        let Some(matcher) = compile(&kind, &text) else { continue };
        tried += 1;
        for condition in matcher.conditions() {
            let found: BTreeSet<&str> =
                resources.iter().filter(|it| condition.matches(it.root())).map(Resource::id).collect();
            some += usize::from((1..resources.len()).contains(&found.len()));
            for database in &mut databases {
                let dialect = database.dialect();
                let alone = map(Mapping::columns(&kind, "a.id"), dialect);
                let beside = map(Mapping::documents(&kind, "a.id", "a.comparable"), dialect);
                for (mapping, has_document) in [(alone, false), (beside, true)] {
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
