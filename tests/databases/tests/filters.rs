//! Random filters over random documents: the matcher, SQLite and PostgreSQL agree on every filter.

use std::collections::BTreeSet;

use scim_core::{
    resource::Resource,
    sql::{Column, Dialect, Mapping, Statement, Table, comparable},
    store::Pushdown,
};
use scim_core_databases::{
    Database,
    random::Random,
    sample::{EXTENSION, Filters, compile, resource, user},
    table::attribute,
};

/// The number of filters: `SCIM_TEST_FILTERS`, or 6,000.
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

/// The mapping with indexes declared: keys, containment, and rows to look up the values of a list.
fn declared(mapping: &Mapping) -> Mapping {
    let resource_type = mapping.resource_type();
    let exact = format!("{EXTENSION}:exact");
    let keys = ["userName", "externalId", "title", "name.familyName", "meta.created", &exact];
    let value = attribute(resource_type, "emails.value");
    let rows = Table::new("element AS x", "x.id = r.id").with_owner("x.id", "x.tenant = 'acme'");
    mapping.clone().with_indexed(keys.map(|path| attribute(resource_type, path))).contained().with_lookup(
        attribute(resource_type, "emails"),
        rows.with_column(value, Column::comparable("x.value").required()),
    )
}

/// The rows in which the mapping looks up values.
fn create_lookup(database: &mut Database, mapping: &Mapping, resources: &[Resource]) {
    let resource_type = mapping.resource_type();
    let (emails, value) = (attribute(resource_type, "emails"), attribute(resource_type, "emails.value"));
    database.run("CREATE TEMP TABLE element (tenant TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL)");
    for resource in resources {
        for email in resource.value(emails).map(scim_core::value::Value::elements).unwrap_or_default() {
            let Some(text) = email.as_object().and_then(|email| email.get(value)) else { continue };
            let mut insert = Statement::new(database.dialect());
            insert.push("INSERT INTO element VALUES (").bind("acme").push(", ").bind(resource.id());
            insert.push(", ").bind(comparable(resource_type, value, text).expect("text")).push(")");
            database.execute(&insert);
        }
    }
}

#[test]
fn documents_agree_with_the_matcher() {
    let resource_type = user();
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let resources: Vec<Resource> =
        (0..100).map(|number| resource(&mut random, &resource_type, number, &|_, value| value)).collect();
    let filters = Filters::new(&resource_type, &resources, |_| true);
    let mapping = Mapping::documents(&resource_type, "r.id", "r.comparable");
    let mut databases = Database::all();
    for database in &mut databases {
        create(database, &mapping, &resources);
        create_lookup(database, &mapping, &resources);
    }
    let mappings = [mapping.clone(), declared(&mapping)];
    let (mut tried, mut some, mut left, mut read_once) = (0, 0, 0, 0);
    while tried < rounds() {
        let text = filters.text(&mut random);
        let Some(matcher) = compile(&resource_type, &text) else { continue };
        let found: BTreeSet<&str> =
            resources.iter().filter(|it| matcher.matches(it.root())).map(Resource::id).collect();
        let conditions: Vec<_> = matcher.conditions().iter().collect();
        for (database, mapping) in (0..databases.len()).flat_map(|index| mappings.iter().map(move |it| (index, it))) {
            let Some(database) = databases.get_mut(database) else { continue };
            let dialect = database.dialect();
            let inexact = conditions.iter().find(|it| mapping.pushdown(dialect, it) != Pushdown::Exact);
            if inexact.is_some() {
                // A value with a part that is never returned is not compared as a whole. A database has 64 bytes of
                // the text of a `co`.
                let is_long = text.len() > 64 && text.contains(" co ");
                assert!(text.contains("hidden") || is_long, "{text}");
                let written = conditions.iter().filter(|it| mapping.pushdown(dialect, it) != Pushdown::No);
                let mut select = Statement::new(dialect);
                select.push("SELECT r.id FROM resource AS r WHERE r.tenant = ").bind("acme").push(" AND ");
                select.filter(mapping, &written.copied().collect::<Vec<_>>()).expect("not without an expression");
                let ids = database.texts(&select);
                let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
                assert!(ids.is_superset(&found), "{text}\n{}", select.text());
                left += 1;
                continue;
            }
            let mut select = Statement::new(dialect);
            select.push("SELECT r.id FROM resource AS r WHERE r.tenant = ").bind("acme").push(" AND ");
            select.filter(mapping, &conditions).expect("exact");
            let ids = database.texts(&select);
            assert_eq!(ids.iter().map(String::as_str).collect::<BTreeSet<_>>(), found, "{text}\n{}", select.text());
            assert_eq!(ids.len(), found.len());
            if dialect == Dialect::Postgres && tried.is_multiple_of(20) {
                // With so many terms, PostgreSQL reads a document once.
                let many: Vec<_> = conditions.iter().copied().cycle().take(16 * conditions.len()).collect();
                let mut once = Statement::new(dialect);
                once.push("SELECT r.id FROM resource AS r WHERE r.tenant = ").bind("acme").push(" AND ");
                once.filter(mapping, &many).expect("exact");
                read_once += usize::from(once.text().contains("OFFSET 0"));
                let ids = database.texts(&once);
                assert_eq!(ids.iter().map(String::as_str).collect::<BTreeSet<_>>(), found, "{text}\n{}", once.text());
            }
            if tried.is_multiple_of(10) {
                // The SQL condition is never NULL: its negation selects all other resources.
                let mut rest = Statement::new(dialect);
                rest.push("SELECT r.id FROM resource AS r WHERE r.tenant = ").bind("acme").push(" AND NOT (");
                rest.filter(mapping, &conditions).expect("exact").push(")");
                assert_eq!(database.texts(&rest).len(), resources.len() - found.len(), "{text}\n{}", rest.text());
            }
        }
        some += usize::from((1..resources.len()).contains(&found.len()));
        tried += 1;
    }
    eprintln!("{tried} filters in {} databases, {some} of which match some and not all; {left} left", databases.len());
    assert!(some * 2 > tried && left * 50 < tried);
    assert!(databases.len() == 1 || read_once * 60 > tried, "{read_once} of {tried}");
}
