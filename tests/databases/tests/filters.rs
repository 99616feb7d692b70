//! Random filters over random documents: the matcher, SQLite and PostgreSQL agree on every one.

use std::collections::BTreeSet;

use scim_core::{
    Resource,
    sql::{Dialect, Mapping, Statement},
    store::Pushdown,
};
use scim_core_databases::{
    Database,
    random::Random,
    sample::{Filters, compile, resource, user},
};

/// How many filters are tried: more where `SCIM_TEST_FILTERS` says so.
fn rounds() -> usize {
    std::env::var("SCIM_TEST_FILTERS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6_000)
}

fn create(database: &mut Database, mapping: &Mapping, resources: &[Resource]) {
    let (json, cast) = match database.dialect() {
        Dialect::Postgres => ("JSONB", "::text::jsonb"),
        _ => ("TEXT", ""),
    };
    database.run(&format!(
        "CREATE TEMP TABLE resource (tenant TEXT NOT NULL, id TEXT NOT NULL, comparable {json} NOT NULL)"
    ));
    for (tenant, resource) in resources.iter().flat_map(|resource| [("acme", resource), ("other", resource)]) {
        let mut insert = Statement::new(database.dialect());
        insert.push("INSERT INTO resource VALUES (").bind(tenant).push(", ").bind(resource.id());
        insert.push(", ").bind(mapping.document(resource)).push(cast).push(")");
        database.execute(&insert);
    }
}

#[test]
fn documents() {
    let kind = user();
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let resources: Vec<Resource> =
        (0..100).map(|number| resource(&mut random, &kind, number, &|_, value| value)).collect();
    let filters = Filters::new(&kind, &resources, |_| true);
    let mapping = Mapping::documents(&kind, "r.id", "r.comparable");
    let mut databases = Database::all();
    for database in &mut databases {
        create(database, &mapping, &resources);
    }
    let (mut tried, mut some, mut left) = (0, 0, 0);
    while tried < rounds() {
        let text = filters.text(&mut random);
        let Some(matcher) = compile(&kind, &text) else { continue };
        let found: BTreeSet<&str> =
            resources.iter().filter(|it| matcher.matches(it.root())).map(Resource::id).collect();
        let conditions: Vec<_> = matcher.conditions().iter().collect();
        for database in &mut databases {
            let dialect = database.dialect();
            let inexact = conditions.iter().find(|it| mapping.pushdown(dialect, it) != Pushdown::Exact);
            if inexact.is_some() {
                // A value of which a part may never be seen is not looked at as a whole.
                assert!(text.contains("hidden"), "{text}");
                left += 1;
                continue;
            }
            let mut select = Statement::new(dialect);
            select.push("SELECT r.id FROM resource AS r WHERE r.tenant = ").bind("acme").push(" AND ");
            select.filter(&mapping, &conditions).expect("exact");
            let ids = database.texts(&select);
            assert_eq!(ids.iter().map(String::as_str).collect::<BTreeSet<_>>(), found, "{text}\n{}", select.text());
            assert_eq!(ids.len(), found.len());
            if tried.is_multiple_of(10) {
                // Whatever is written is true or false: what is negated is the rest.
                let mut rest = Statement::new(dialect);
                rest.push("SELECT r.id FROM resource AS r WHERE r.tenant = ").bind("acme").push(" AND NOT (");
                rest.filter(&mapping, &conditions).expect("exact").push(")");
                assert_eq!(database.texts(&rest).len(), resources.len() - found.len(), "{text}\n{}", rest.text());
            }
        }
        some += usize::from((1..resources.len()).contains(&found.len()));
        tried += 1;
    }
    eprintln!("{tried} filters in {} databases, {some} of which match some and not all; {left} left", databases.len());
    assert!(some * 2 > tried && left * 50 < tried);
}
