//! The exact SQL of filters, and the values that never get into its text (7644-3.4.2.2-02).

use std::sync::Arc;

use crate::fixture::documents::{BADGE, registry, resource};
use scim_core::{
    filter::{Filter, Matcher},
    path::AttributePath,
    quirks::{Quirks, Reading, Tolerance},
    resource::{Position, Sort, SortKey},
    schema::{AttributeId, Registry, ResourceType},
    sql::{Column, Dialect, Mapping, Param, Statement, Table},
    store::{Pushdown, Window},
};
use serde_json::json;

const DIALECTS: [Dialect; 2] = [Dialect::Sqlite, Dialect::Postgres];

fn compile(resource_type: &Arc<ResourceType>, text: &str) -> Matcher {
    let filter: Filter = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    filter
        .compile(resource_type, &mut Tolerance::new(Quirks::default()))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn attribute(resource_type: &ResourceType, path: &str) -> AttributeId {
    let path: AttributePath = path.parse().unwrap();
    resource_type.resolve(path.as_ref(), &mut Tolerance::new(Quirks::default())).unwrap()
}

fn written(mapping: &Mapping, dialect: Dialect, filter: &str) -> (String, Vec<Param>) {
    let matcher = compile(mapping.resource_type(), filter);
    let mut statement = Statement::new(dialect);
    statement.filter(mapping, &matcher.conditions().iter().collect::<Vec<_>>()).unwrap();
    statement.into_parts()
}

fn pushdowns(mapping: &Mapping, dialect: Dialect, filter: &str) -> Vec<Pushdown> {
    let matcher = compile(mapping.resource_type(), filter);
    matcher.conditions().iter().map(|condition| mapping.pushdown(dialect, condition)).collect()
}

fn documents(registry: &Registry) -> Mapping {
    Mapping::documents(registry.resource_type("User").unwrap(), "r.id", "r.c")
}

/// A table of accounts with a column of each form, and a table of their addresses.
fn columns(registry: &Registry) -> Mapping {
    let resource_type = registry.resource_type("User").unwrap();
    let badge = |name: &str| attribute(resource_type, &format!("{BADGE}:{name}"));
    let emails = Table::new("email AS e", "e.account = a.id")
        .with_column(attribute(resource_type, "emails.value"), Column::folded("e.address").required())
        .with_column(attribute(resource_type, "emails.type"), Column::comparable("e.kind"));
    Mapping::columns(resource_type, "a.id")
        .with_column(attribute(resource_type, "userName"), Column::folded("a.name"))
        .with_column(attribute(resource_type, "title"), Column::text("a.title"))
        .with_column(attribute(resource_type, "externalId"), Column::folded("a.external"))
        .with_column(attribute(resource_type, "active"), Column::boolean("a.state = 'on'"))
        .with_column(attribute(resource_type, "name.familyName"), Column::folded("a.family"))
        .with_column(attribute(resource_type, "meta.created"), Column::milliseconds("a.created"))
        .with_column(attribute(resource_type, "meta.lastModified"), Column::timestamp("a.modified"))
        .with_column(badge("number"), Column::integer("a.number"))
        .with_column(badge("weight"), Column::comparable("a.weight"))
        .with_table(attribute(resource_type, "emails"), emails)
}

/// Documents with declared indexes: keys, containment, and rows to look up the addresses.
fn declared(registry: &Registry) -> Mapping {
    let resource_type = registry.resource_type("User").unwrap();
    let emails = Table::new("element AS x", "x.id = r.id")
        .with_owner("x.id", "x.tenant = 'acme'")
        .with_column(attribute(resource_type, "emails.value"), Column::comparable("x.value").required());
    documents(registry)
        .with_indexed(["userName", "name.familyName"].map(|path| attribute(resource_type, path)))
        .contained()
        .with_lookup(attribute(resource_type, "emails"), emails)
}

#[test]
fn every_row_of_the_table_gives_its_text() {
    let registry = registry();
    let mappings =
        [("documents", documents(&registry)), ("columns", columns(&registry)), ("declared", declared(&registry))];
    let rows = include_str!("../../sql.tsv").lines().skip(1);
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('\t').collect();
        let [layout, filter, sqlite, postgres, params] = cells[..] else { panic!("five cells: {row}") };
        let (_, mapping) = mappings.iter().find(|(name, _)| *name == layout).unwrap();
        let read = |params: &str| -> Vec<Param> {
            let params: Vec<serde_json::Value> = serde_json::from_str(params).unwrap();
            let param = |param: &serde_json::Value| match param {
                serde_json::Value::String(text) => Param::from(text.as_str()),
                serde_json::Value::Bool(truth) => Param::from(*truth),
                number => Param::from(number.as_i64().unwrap()),
            };
            params.iter().map(param).collect()
        };
        // The parameters for PostgreSQL follow a bar if they differ.
        let (own, others) = params.split_once(" | ").unwrap_or((params, params));
        for (dialect, expected, params) in [(DIALECTS[0], sqlite, read(own)), (DIALECTS[1], postgres, read(others))] {
            if expected == "-" {
                assert_eq!(pushdowns(mapping, dialect, filter), [Pushdown::No], "{filter}");
                continue;
            }
            let (sql, bound) = written(mapping, dialect, filter);
            assert_eq!(sql, expected, "{filter}");
            assert!(bound == params, "{filter}: other parameters");
        }
        count += 1;
    }
    assert!(count > 30);
}

/// PostgreSQL fetches a long document for each expression that contains it. A statement has few such expressions,
/// whatever the number of terms, and an index still serves the conditions that find the resources.
#[test]
fn a_document_is_read_a_few_times_whatever_the_number_of_terms() {
    let registry = registry();
    let mapping = declared(&registry);
    let terms = |term: &str, word: &str, count: usize| {
        let terms = (0..count).map(|number| term.replace('#', &number.to_string()));
        terms.collect::<Vec<_>>().join(word)
    };
    let found = "userName eq \"x\" and ";
    let index = "left((r.c ->> 'userName'), 200)";
    for (filter, most, is_by_index) in [
        (terms("title co \"#\"", " or ", 512), 1, false),
        (terms("title eq \"#\"", " or ", 512), 1, false),
        (terms("title co \"#\"", " and ", 512), 1, false),
        (terms("not (title eq \"#\")", " and ", 512), 1, false),
        (terms("(title co \"#\" and emails.value co \"#\")", " or ", 256), 1, false),
        (terms("emails[type eq \"#\" and value co \"#\"]", " or ", 256), 1, false),
        (terms("emails.value co \"#\"", " or ", 512), 2, false),
        (terms("userName gt \"#\"", " or ", 512), 2, true),
        (terms("userName gt \"#\"", " and ", 512), 13, true),
        (terms("userName sw \"#\"", " or ", 512), 1, false),
        (terms("userName eq \"#\"", " or ", 512), 2, true),
        (format!("{found}({})", terms("title co \"#\"", " or ", 512)), 3, true),
        (format!("{found}title co \"a\""), 3, true),
        (terms("userName eq \"#\" or name.familyName sw \"#\" or emails.value eq \"#\"", " or ", 2), 10, true),
    ] {
        let (sql, _) = written(&mapping, Dialect::Postgres, &filter);
        let outside = sql.matches("r.c ").count();
        assert!(outside <= most, "{outside} times: {filter:.200}: {sql:.2000}");
        assert_eq!(sql.contains(index), is_by_index, "{filter:.200}: {sql:.2000}");
        // Without declared indexes, any comparison may have one.
        let (sql, _) = written(&documents(&registry), Dialect::Postgres, &filter);
        assert!(!sql.contains("OFFSET 0"), "{sql:.2000}");
    }
    let (sql, params) = written(&mapping, Dialect::Postgres, &terms("title co \"#\"", " or ", 4));
    let term = |number: usize| {
        format!("COALESCE(strpos((scim0.document ->> 'title') COLLATE \"C\", ${number}::text) > 0, FALSE)")
    };
    let expected = format!(
        "(SELECT (({} OR {}) OR ({} OR {})) FROM (SELECT r.c || '{{}}'::jsonb AS document OFFSET 0) AS scim0)",
        term(1),
        term(2),
        term(3),
        term(4),
    );
    assert_eq!((sql, params.len()), (expected, 4));
    // The subquery reads a list out of the document once.
    let filter = terms("emails[type eq \"#\" and value co \"#\"]", " and ", 9);
    let (sql, _) = written(&mapping, Dialect::Postgres, &filter);
    assert_eq!(sql.matches("scim0.document -> 'emails'").count(), 2, "{sql}");
}

/// Whatever value a filter compares with, the text is the same and has no character of the value.
#[test]
fn nothing_of_a_request_is_in_the_text() {
    let registry = registry();
    let badge = |name: &str| format!("{BADGE}:{name}");
    let filters: Vec<(String, [&str; 2])> = [
        ("userName", ["Ж§\\'\";--", "¿% _Ω"]),
        ("externalId", ["Ж§\\'\";--", "¿% _Ω"]),
        ("emails.value", ["Ж§\\'\";--", "¿% _Ω"]),
    ]
    .into_iter()
    .flat_map(|(path, literals)| {
        let quoted = move |operator: &str| format!("{path} {operator} LITERAL");
        ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"].map(move |operator| (quoted(operator), literals))
    })
    .collect();
    let others = [
        (format!("{} gt LITERAL", badge("number")), ["777777", "-888"]),
        (format!("{} gt LITERAL", badge("weight")), ["777777.7", "-888e3"]),
        ("active eq LITERAL".to_owned(), ["true", "false"]),
        ("meta.created lt LITERAL".to_owned(), ["\"2077-07-17T07:07:07Z\"", "\"1966-06-16T06:06:06Z\""]),
    ];
    for mapping in [documents(&registry), columns(&registry), declared(&registry)] {
        for dialect in DIALECTS {
            let quoted = filters.iter().map(|(filter, literals)| {
                (filter.clone(), literals.map(|literal| serde_json::to_string(literal).unwrap()))
            });
            let plain = others.iter().map(|(filter, literals)| (filter.clone(), literals.map(str::to_owned)));
            for (filter, literals) in quoted.chain(plain) {
                let texts = literals.map(|literal| {
                    let filter = filter.replace("LITERAL", &literal);
                    (pushdowns(&mapping, dialect, &filter) != [Pushdown::No])
                        .then(|| written(&mapping, dialect, &filter).0)
                });
                assert_eq!(texts[0], texts[1], "{filter}");
                let strange = |text: &String| text.contains(['Ж', '§', 'Ω', '¿', ';', '%', '\\', '7', '8', '6']);
                let urn = badge("");
                assert!(
                    !texts[0].clone().is_some_and(|text| strange(&text.replace(&urn[..urn.len() - 1], ""))),
                    "{filter}"
                );
            }
        }
    }
}

/// The length of a statement and the number of its parameters are proportional to the filter.
#[test]
fn statements_are_as_long_as_their_filters() {
    let registry = registry();
    let mapping = documents(&registry);
    for dialect in DIALECTS {
        for word in [" and ", " or "] {
            let length = |terms: usize| {
                let filter = vec!["title eq \"x\""; terms].join(word);
                let matcher = {
                    let mut limits = scim_core::limits::Limits::default();
                    limits.filter_bytes = 1 << 20;
                    let filter =
                        Filter::parse(&filter, Reading::new(&limits, &mut Tolerance::new(Quirks::default()))).unwrap();
                    filter.compile(mapping.resource_type(), &mut Tolerance::new(Quirks::default())).unwrap()
                };
                let mut statement = Statement::new(dialect);
                statement.filter(&mapping, &matcher.conditions().iter().collect::<Vec<_>>()).unwrap();
                assert_eq!(statement.params().len(), terms);
                let depth = statement.text().chars().scan(0_usize, |depth, char| {
                    match char {
                        '(' => *depth += 1,
                        ')' => *depth -= 1,
                        _ => {}
                    }
                    Some(*depth)
                });
                assert!(depth.max().unwrap() < 20, "a chain is not deep");
                statement.text().len()
            };
            assert!(length(1_000) < 110 * length(10));
        }
    }
}

#[test]
fn pushdown_says_how_exact() {
    use Pushdown::{Exact, No, Superset};
    let registry = registry();
    let mapping = columns(&registry);
    let cases: &[(&str, &[Pushdown])] = &[
        ("userName eq \"x\" and title pr and nickName pr", &[Exact, Exact, No]),
        ("title eq \"x\"", &[No]),
        ("externalId eq \"x\"", &[Superset]),
        ("externalId ew \"x\"", &[Superset]),
        ("externalId gt \"x\"", &[No]),
        ("externalId pr", &[Exact]),
        ("not (externalId eq \"x\")", &[No]),
        ("not (userName eq \"x\")", &[Exact]),
        ("not (not (externalId eq \"x\"))", &[Superset]),
        ("userName eq \"x\" or (externalId eq \"x\" and nickName pr)", &[Superset]),
        ("userName eq \"x\" or nickName pr", &[No]),
        ("not (userName eq \"x\" and nickName pr)", &[No]),
        ("emails[type eq \"work\" and value eq \"x\"]", &[Exact]),
        ("emails[type eq \"work\" and display eq \"x\"]", &[Superset]),
        ("emails[display eq \"x\"]", &[No]),
        ("emails[not (type eq \"work\")]", &[Exact]),
        ("emails pr", &[Exact]),
        ("name pr", &[No]),
        ("name[familyName eq \"x\"]", &[Exact]),
        ("name[not (familyName eq \"x\")]", &[No]),
        ("name[familyName eq \"x\" and not (givenName pr)]", &[Superset]),
        ("groups.value eq \"x\"", &[No]),
        ("meta.version eq \"x\"", &[No]),
        ("meta.location pr", &[No]),
    ];
    for (filter, expected) in cases {
        for dialect in DIALECTS {
            assert_eq!(pushdowns(&mapping, dialect, filter), *expected, "{filter}");
        }
    }
    // SQLite has no timestamps.
    let modified = "meta.lastModified gt \"2010-01-01T00:00:00Z\"";
    assert_eq!(pushdowns(&mapping, Dialect::Sqlite, modified), [No]);
    assert_eq!(pushdowns(&mapping, Dialect::Postgres, modified), [Exact]);
    // A document has all stored attributes and no derived attribute.
    let mapping = documents(&registry);
    for filter in
        ["groups pr", "groups.value eq \"x\"", "groups[value eq \"x\"]", "meta.version eq \"x\"", "meta.location pr"]
    {
        assert_eq!(pushdowns(&mapping, Dialect::Postgres, filter), [No], "{filter}");
    }
}

/// A database compares the text of a `co` at each position of a value. It searches for 64 bytes at most, and the core
/// tests the rest.
#[test]
fn a_database_searches_for_a_bounded_text() {
    let registry = registry();
    let mapping = documents(&registry);
    let whole = "\u{e9}".repeat(32);
    for (text, expected, negated) in [
        (whole.clone(), Pushdown::Exact, Pushdown::Exact),
        (format!("{whole}x"), Pushdown::Superset, Pushdown::No),
        (format!("{}x\u{e9}{}", "\u{e9}".repeat(31), "a".repeat(60_000)), Pushdown::Superset, Pushdown::No),
    ] {
        let filter = format!("title co \"{text}\"");
        for dialect in DIALECTS {
            assert_eq!(pushdowns(&mapping, dialect, &filter), [expected], "{filter:.99}");
            assert_eq!(pushdowns(&mapping, dialect, &format!("not ({filter})")), [negated], "{filter:.99}");
            let (_, parameters) = written(&mapping, dialect, &filter);
            let [Param::Text(searched)] = &parameters[..] else { panic!("{parameters:?}") };
            assert!(text.starts_with(searched.as_str()) && (63..=64).contains(&searched.len()), "{searched}");
        }
    }
}

/// Which conditions and orders a declared index serves, in SQLite and in PostgreSQL.
#[test]
fn indexes_serve_conditions_and_orders() {
    let registry = registry();
    let mapping = declared(&registry);
    let badge = |rest: &str| format!("{BADGE}:{rest}");
    let cases: &[(&str, [bool; 2])] = &[
        ("id eq \"x\"", [true, true]),
        ("userName eq \"x\"", [true, true]),
        ("userName sw \"x\"", [true, true]),
        ("userName sw \"\"", [false, false]),
        ("userName gt \"x\"", [true, true]),
        ("userName co \"x\"", [false, false]),
        ("userName ew \"x\"", [false, false]),
        ("userName ne \"x\"", [false, false]),
        ("userName pr", [false, false]),
        ("name[familyName eq \"x\"]", [false, true]),
        ("title eq \"x\"", [false, true]),
        ("title sw \"x\"", [false, false]),
        ("active eq true", [false, false]),
        (&badge("number eq 7"), [false, true]),
        (&badge("number gt 7"), [false, false]),
        (&badge("zones eq \"x\""), [false, true]),
        ("emails.value eq \"x\"", [true, true]),
        ("emails[type eq \"work\" and value eq \"x\"]", [true, true]),
        ("emails[type eq \"work\" and value co \"x\"]", [false, true]),
        ("emails[value co \"x\"]", [false, false]),
        ("emails[not (value eq \"x\")]", [false, false]),
        ("emails.type eq \"work\"", [false, true]),
        ("userName eq \"x\" and title co \"y\"", [true, true]),
        ("userName eq \"x\" or emails.value eq \"y\"", [true, true]),
        ("userName eq \"x\" or title co \"y\"", [false, false]),
        ("not (userName eq \"x\")", [false, false]),
        ("groups.value eq \"x\"", [false, false]),
    ];
    for (filter, expected) in cases {
        let matcher = compile(mapping.resource_type(), filter);
        for (dialect, expected) in DIALECTS.into_iter().zip(expected) {
            let found = matcher.conditions().iter().any(|condition| mapping.finds(dialect, condition));
            assert_eq!(found, *expected, "{dialect:?}: {filter}");
        }
    }
    for (path, expected) in [("userName", true), ("id", true), ("name.familyName", true), ("title", false)] {
        let path: AttributePath = path.parse().unwrap();
        let sort =
            Sort::new(mapping.resource_type(), path.as_ref(), false, &mut Tolerance::new(Quirks::default())).unwrap();
        assert!(DIALECTS.into_iter().all(|dialect| mapping.leads(dialect, &sort) == expected), "{path}");
    }
}

/// A condition that was not accepted is refused, and leaves the statement unchanged.
#[test]
fn an_unmapped_attribute_is_an_error() {
    let registry = registry();
    let mapping = columns(&registry);
    let resource_type = mapping.resource_type();
    let matcher = compile(resource_type, "userName eq \"x\" and nickName pr");
    let mut statement = Statement::new(Dialect::Sqlite);
    statement.push("WHERE ");
    let refused = statement.filter(&mapping, &matcher.conditions().iter().collect::<Vec<_>>()).map(drop);
    assert_eq!(refused.unwrap_err().to_string(), "expected conditions and an order that the mapping has columns for");
    let path: AttributePath = "nickName".parse().unwrap();
    let sort = Sort::new(resource_type, path.as_ref(), false, &mut Tolerance::new(Quirks::default())).unwrap();
    assert!(!mapping.sorts(Dialect::Sqlite, &sort));
    assert!(statement.window(&mapping, Some(&sort), Window::behind(None, 10)).is_err());
    // The core never makes a key of another type than the attribute's.
    let path: AttributePath = "userName".parse().unwrap();
    let sort = Sort::new(resource_type, path.as_ref(), false, &mut Tolerance::new(Quirks::default())).unwrap();
    let last = Some(Position { key: Some(&SortKey::Boolean(true)), id: "1" });
    assert!(statement.window(&mapping, Some(&sort), Window::After { last, take: 10 }).is_err());
    assert_eq!((statement.text(), statement.params().len()), ("WHERE ", 0));
}

/// The comparable document has neither attributes that no client may query nor attributes that have their own table.
#[test]
fn comparable_documents_leave_out_secrets_and_own_tables() {
    let registry = registry();
    let resource_type = registry.resource_type("User").unwrap();
    let user = resource(
        resource_type,
        &json!({
            "id": "U1", "userName": "BJensen", "password": "Secret", "active": false, "externalId": "Ab",
            "name": {"familyName": "ΟΔΟΣ"}, "meta": {"created": "2010-01-02T03:04:05.6+01:00", "version": "1"},
            "emails": [{"value": "B@X", "type": "Work", "primary": true}, {}],
            BADGE: {"number": -7, "weight": -1.50, "pin": "Secret", "zones": ["A", "b"], "print": "QQ==",
                "locks": {"value": "Secret", "code": "C"}},
        }),
    );
    let expected = json!({
        "id": "U1", "userName": "bjensen", "active": "false", "externalId": "Ab",
        "name": {"familyName": "οδοσ"}, "meta": {"created": "2010-01-02T02:04:05.600000000Z"},
        "emails": [{"value": "b@x", "type": "work", "primary": "true"}, {}],
        BADGE: {"number": "09223372036854775801", "weight": "07ffffffffffffffe84~", "zones": ["a", "b"], "print": "QQ==",
            "locks": {"code": "c"}},
    });
    let document = |mapping: &Mapping| serde_json::from_str::<serde_json::Value>(&mapping.document(&user)).unwrap();
    assert_eq!(document(&documents(&registry)), expected);
    let emails = attribute(resource_type, "emails");
    let mut apart = expected;
    apart.as_object_mut().unwrap().remove("emails");
    assert_eq!(document(&documents(&registry).with_table(emails, Table::new("e", "TRUE"))), apart);
    assert_eq!(Mapping::documents(resource_type, "id", "c").index(Dialect::Sqlite, emails), None);
}

/// Only the id in a `$ref` can have U+0000: it is percent-encoded there. Statements never bind it.
#[test]
fn nothing_that_databases_refuse_is_bound() {
    let registry = registry();
    let group = registry.resource_type("Group").unwrap();
    let mapping = Mapping::documents(group, "r.id", "r.c");
    for dialect in DIALECTS {
        let (sql, params) = written(&mapping, dialect, r#"members.$ref eq "https://example.com/Users/a%00b""#);
        assert!(sql.contains("FALSE"), "{sql}");
        assert!(params.iter().all(|param| *param == Param::from("user")), "{params:?}");
        // The ids behind "a" and U+0000 are the ids behind "a".
        let mut statement = Statement::new(dialect);
        statement.window(&mapping, None, Window::behind(Some("a\0b"), 1)).unwrap();
        assert_eq!(statement.params(), [Param::from("a"), Param::from(2)]);
        assert!(statement.text().contains('>'));
    }
}
