//! The longest and the deepest possible filters, the use of indexes, and databases with their own settings.

use scim_core::{
    filter::{Filter, Matcher},
    limits::Limits,
    path::AttributePath,
    quirks::{Quirks, Reading, Tolerance},
    resource::{Position, Resource, Sort, SortKey},
    schema::{Attribute, AttributeId, AttributeType, Registry, ResourceType, Schema},
    sql::{Column, Dialect, Mapping, Statement},
    store::Window,
};
use scim_core_databases::Database;

fn compile(registry: &Registry, text: &str) -> Matcher {
    let mut limits = Limits::default();
    (limits.filter_bytes, limits.filter_depth) = (1 << 20, Filter::MAX_DEPTH);
    let mut tolerance = Tolerance::new(Quirks::default());
    let filter =
        Filter::parse(text, Reading::new(&limits, &mut tolerance)).unwrap_or_else(|error| panic!("{text}: {error}"));
    filter.compile(registry.resource_type("User").expect("registered"), &mut tolerance).expect("compiled")
}

fn mapping(registry: &Registry) -> Mapping {
    Mapping::documents(registry.resource_type("User").expect("registered"), "r.id", "r.comparable")
}

/// The mapping with indexes declared.
fn declared(mapping: &Mapping) -> Mapping {
    let name = mapping.resource_type().child(AttributeId::ROOT, "userName").expect("defined");
    mapping.clone().with_indexed([name]).contained()
}

/// Creates a table with some users.
fn create(database: &mut Database, mapping: &Mapping, users: usize) {
    let (json, cast, collation) = match database.dialect() {
        Dialect::Postgres => ("JSONB", "::text::jsonb", " COLLATE \"C\""),
        _ => ("TEXT", "", ""),
    };
    database.run(&format!("CREATE TEMP TABLE resource (id TEXT{collation} PRIMARY KEY, comparable {json} NOT NULL)"));
    database.run("BEGIN");
    for number in 0..users {
        let json =
            format!(r#"{{"id": "{number:05}", "userName": "User{number}", "emails": [{{"value": "U{number}@X"}}]}}"#);
        let user = Resource::from_json(mapping.resource_type(), json.as_bytes()).expect("a user");
        let mut insert = Statement::new(database.dialect());
        insert.push("INSERT INTO resource VALUES (").bind(user.id()).push(", ").bind(mapping.document(&user));
        database.execute(insert.push(cast).push(")"));
    }
    database.run("COMMIT");
}

fn select(mapping: &Mapping, dialect: Dialect, matcher: &Matcher) -> Statement {
    let mut select = Statement::new(dialect);
    select.push("SELECT r.id FROM resource AS r WHERE ");
    select.filter(mapping, &matcher.conditions().iter().collect::<Vec<_>>()).expect("exact");
    select
}

#[test]
fn databases_accept_the_longest_and_the_deepest_filter() {
    let registry = Registry::standard();
    let mapping = mapping(&registry);
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}userName eq \"user7\"{}", open.repeat(depth), close.repeat(depth))
    };
    let chain = |terms: usize, term: &str, word: &str| vec![term; terms].join(word);
    let zigzag = (0..31).fold("userName eq \"user7\"".to_owned(), |inner, level| match level % 2 {
        0 => format!("not (({inner}) and id pr)"),
        _ => format!("not (({inner}) or id eq \"x\")"),
    });
    let filters = [
        chain(1_024, "userName sw \"u\"", " and "),
        chain(1_024, "userName eq \"user7\"", " or "),
        chain(1_024, "emails.value co \"@\"", " and "),
        format!("emails[{}]", chain(1_023, "value sw \"u7@\"", " or ")),
        nested("(", ")", 64),
        nested("not (", ")", 64),
        format!("{}emails[not (value eq \"u7@x\")]{}", "not (".repeat(62), ")".repeat(62)),
        zigzag,
    ];
    for mut database in Database::all() {
        create(&mut database, &mapping, 20);
        for filter in &filters {
            let matcher = compile(&registry, filter);
            let found = database.texts(&select(&mapping, database.dialect(), &matcher)).len();
            let declared = declared(&mapping);
            assert_eq!(database.texts(&select(&declared, database.dialect(), &matcher)).len(), found, "{filter:.80}");
            let expected = (0..20).filter(|number| {
                let json = format!(
                    r#"{{"id": "{number:05}", "userName": "User{number}", "emails": [{{"value": "U{number}@X"}}]}}"#
                );
                matcher.matches(Resource::from_json(mapping.resource_type(), json.as_bytes()).expect("a user").root())
            });
            assert_eq!(found, expected.count(), "{filter:.80}");
        }
    }
}

/// PostgreSQL fetches a document of 2 MB a few times whatever the number of terms: the plan counts the pages.
#[test]
fn a_long_document_is_read_a_few_times() {
    let Some(mut database) = Database::postgres() else { return };
    let registry = Registry::standard();
    let mapping = declared(&mapping(&registry));
    create(&mut database, &mapping, 20);
    let email = |number: usize| format!(r#"{{"value": "{number}{}", "type": "t{number}"}}"#, "a".repeat(20_000));
    let emails = (0..100).map(email).collect::<Vec<_>>().join(",");
    let json = format!(r#"{{"id": "long", "userName": "long", "title": "x", "emails": [{emails}]}}"#);
    let user = Resource::from_json(mapping.resource_type(), json.as_bytes()).expect("a user");
    database.run("ALTER TABLE resource ALTER COLUMN comparable SET STORAGE EXTERNAL");
    let mut insert = Statement::new(database.dialect());
    insert.push("INSERT INTO resource VALUES (").bind(user.id()).push(", ").bind(mapping.document(&user));
    database.execute(insert.push("::text::jsonb)"));
    let mut pages = |filter: &str| -> u64 {
        let matcher = compile(&registry, filter);
        let mut explained = Statement::new(Dialect::Postgres);
        explained.push("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT r.id FROM resource AS r WHERE ");
        explained.filter(&mapping, &matcher.conditions().iter().collect::<Vec<_>>()).expect("exact");
        let plan = database.texts(&explained);
        let buffers = plan.iter().find_map(|line| line.trim().strip_prefix("Buffers:")).expect("buffers");
        let numbers = buffers.split_whitespace().filter_map(|part| part.split_once('='));
        numbers
            .filter(|(name, _)| matches!(*name, "hit" | "read"))
            .map(|(_, pages)| pages.parse::<u64>().expect("a number"))
            .sum()
    };
    let once = pages("title co \"#\"");
    assert!(once > 200, "{once} pages");
    let many = |term: &str, word: &str| {
        let terms = (0..200).map(|number| term.replace('#', &number.to_string()));
        terms.collect::<Vec<_>>().join(word)
    };
    for filter in [
        many("title co \"#\"", " or "),
        many("not (title co \"#\")", " and "),
        many("title eq \"#\"", " or "),
        many("emails.value co \"zz#\"", " or "),
        many("(title eq \"x\" and emails.type co \"#\" and emails.value co \"zz\")", " or "),
        many("emails[type eq \"t#\" and value co \"zz\"]", " or "),
        many("userName sw \"#\"", " or "),
        many("userName gt \"#\"", " and "),
        many("userName eq \"long#\"", " or "),
    ] {
        let pages = pages(&filter);
        assert!(pages < 14 * once, "{pages} pages, {once} for one term: {filter:.80}");
    }
}

#[test]
fn an_index_is_used() {
    let registry = Registry::standard();
    let mapping = mapping(&registry);
    let name = mapping.resource_type().child(AttributeId::ROOT, "userName").expect("defined");
    let inside = Mapping::documents(mapping.resource_type(), "id", "comparable");
    for mut database in Database::all() {
        let dialect = database.dialect();
        create(&mut database, &mapping, 2_000);
        let expression = inside.index(dialect, name).expect("singular");
        database.run(&format!("CREATE INDEX by_name ON resource (({expression}))"));
        database.run("ANALYZE resource");
        for filter in [
            "userName eq \"USER77\"",
            "userName eq \"USER77\" and not (title pr)",
            "userName eq \"USER77\" or userName eq \"USER78\"",
        ] {
            let select = select(&mapping, dialect, &compile(&registry, filter));
            assert!(!database.texts(&select).is_empty());
            let plan = database.plan(&select);
            assert!(plan.contains("by_name"), "{filter}\n{plan}");
        }
        // A walk starts at its last position, in either direction, unless resources without a value may follow.
        let path: AttributePath = "userName".parse().expect("a path");
        let required = mapping
            .clone()
            .with_column(name, Column::comparable(mapping.index(dialect, name).expect("singular")).required());
        let key = SortKey::Text("user5".into());
        let position = Some(Position { key: Some(&key), id: "" });
        for (mapping, window, descending) in [
            (&required, Window::After { last: position, take: 3 }, false),
            (&mapping, Window::Before { first: position, take: 3 }, false),
            (&mapping, Window::After { last: position, take: 3 }, true),
        ] {
            let sort =
                Sort::new(mapping.resource_type(), path.as_ref(), descending, &mut Tolerance::new(Quirks::default()));
            let sort = sort.expect("an order");
            let [walk, same] = [mapping, &self::mapping(&registry)].map(|mapping| {
                let mut walk = Statement::new(dialect);
                walk.push("SELECT r.id FROM resource AS r WHERE TRUE");
                walk.window(mapping, Some(&sort), window).expect("mapped");
                walk
            });
            assert_eq!(database.texts(&walk), database.texts(&same));
            assert_eq!(database.texts(&walk).len(), 4);
            let plan = database.plan(&walk);
            assert!(plan.contains("by_name") && (plan.contains("Index Cond") || plan.contains("SEARCH")), "{plan}");
        }
        // Pages by id follow the primary key.
        let mut walk = Statement::new(dialect);
        walk.push("SELECT r.id FROM resource AS r WHERE TRUE");
        walk.window(&mapping, None, Window::behind(Some("01000"), 10)).expect("mapped");
        assert_eq!(database.texts(&walk).first().map(String::as_str), Some("01001"));
    }
}

/// An index of PostgreSQL has the first 200 characters of a text, but the rest of the text still counts.
#[test]
fn long_texts_are_compared_whole() {
    let registry = Registry::standard();
    let plain = mapping(&registry);
    let name = plain.resource_type().child(AttributeId::ROOT, "userName").expect("defined");
    let declared = plain.clone().with_indexed([name]);
    let start = "\u{e9}".repeat(198);
    let names: Vec<String> = ["", "b", "bc", "bcd", "bcde", "bce", "bd", "c", "\u{10ffff}", "\u{10ffff}\u{10ffff}x"]
        .map(|end| format!("{start}{end}"))
        .into();
    let users: Vec<Resource> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let json = serde_json::json!({"id": number.to_string(), "userName": name}).to_string();
            Resource::from_json(plain.resource_type(), json.as_bytes()).expect("a user")
        })
        .collect();
    for mut database in Database::all() {
        create(&mut database, &plain, 0);
        for user in &users {
            let mut insert = Statement::new(database.dialect());
            insert.push("INSERT INTO resource VALUES (").bind(user.id()).push(", ").bind(plain.document(user));
            let cast = if database.dialect() == Dialect::Postgres { "::text::jsonb)" } else { ")" };
            database.execute(insert.push(cast));
        }
        for operator in ["eq", "sw", "gt", "ge", "lt", "le", "ne", "co", "ew"] {
            for name in &names {
                let filter = format!("userName {operator} {}", serde_json::json!(name));
                let matcher = compile(&registry, &filter);
                let expected = users.iter().filter(|user| matcher.matches(user.root())).map(Resource::id);
                let mut found = database.texts(&select(&declared, database.dialect(), &matcher));
                found.sort_unstable();
                if operator == "co" {
                    // The database has 64 bytes of the text, and the core tests the rest.
                    found.retain(|id| users.iter().any(|user| user.id() == id && matcher.matches(user.root())));
                }
                assert_eq!(found, expected.collect::<Vec<_>>(), "{operator} {}", name.chars().count());
            }
        }
        let path: AttributePath = "userName".parse().expect("a path");
        for descending in [false, true] {
            let sort =
                Sort::new(plain.resource_type(), path.as_ref(), descending, &mut Tolerance::new(Quirks::default()));
            let sort = sort.expect("an order");
            let mut sorted: Vec<&Resource> = users.iter().collect();
            sorted.sort_by(|left, right| sort.compare(left, right));
            for (index, user) in sorted.iter().enumerate() {
                let key = sort.key(user);
                let position = Some(Position { key: key.as_ref(), id: user.id() });
                let mut walk = Statement::new(database.dialect());
                walk.push("SELECT r.id FROM resource AS r WHERE TRUE");
                walk.window(&declared, Some(&sort), Window::After { last: position, take: 20 }).expect("mapped");
                let rest: Vec<&str> = sorted.iter().skip(index + 1).map(|user| user.id()).collect();
                assert_eq!(database.texts(&walk), rest, "{descending}");
            }
        }
    }
}

/// Clients do not choose the names of schemas, but the names are still quoted.
#[test]
fn names_are_quoted() {
    let uri = "urn:example:it's;--'{?1}$1%:2.0:User";
    let schema = Schema::new(uri, "Odd")
        .with_attribute(Attribute::new("size", AttributeType::Integer))
        .with_attribute(Attribute::new("sizes", AttributeType::Integer).multi_valued());
    let resource_type =
        ResourceType::builder("User", "Users", Schema::user()).extension(schema, false).build().expect("a type");
    let registry = Registry::builder().resource_type(resource_type).build().expect("a registry");
    let resource_type = registry.resource_type("User").expect("registered");
    let mapping = mapping(&registry);
    for mut database in Database::all() {
        create(&mut database, &mapping, 3);
        let json = format!(r#"{{"id": "odd", "userName": "odd", "{uri}": {{"size": 5, "sizes": [6, 7]}}}}"#);
        let odd = Resource::from_json(resource_type, json.as_bytes()).expect("a user");
        let mut insert = Statement::new(database.dialect());
        insert.push("INSERT INTO resource VALUES (").bind("odd").push(", ").bind(mapping.document(&odd));
        let cast = if database.dialect() == Dialect::Postgres { "::text::jsonb)" } else { ")" };
        database.execute(insert.push(cast));
        for filter in ["size eq 5", "sizes gt 6", "sizes[value lt 7]", &format!("schemas eq \"{uri}\"")] {
            let found = select(&mapping, database.dialect(), &compile(&registry, filter));
            assert_eq!(database.texts(&found), ["odd"], "{filter}");
        }
    }
}

/// The settings of a session have no effect: neither its formats of time nor its time zone.
#[test]
fn sessions_have_settings() {
    let registry = Registry::standard();
    let resource_type = registry.resource_type("User").expect("registered");
    let created = {
        let path: AttributePath = "meta.created".parse().expect("a path");
        let sort = Sort::new(resource_type, path.as_ref(), false, &mut Tolerance::new(Quirks::default()));
        sort.expect("an order").attribute()
    };
    let mapping = Mapping::columns(resource_type, "r.id").with_column(created, Column::timestamp("r.created"));
    let Some(mut database) = Database::postgres() else { return };
    database.run("CREATE TEMP TABLE resource (id TEXT, created TIMESTAMPTZ)");
    database
        .run("INSERT INTO resource VALUES ('a', '2010-02-01T00:00:00Z'), ('b', '2010-01-02T00:00:00Z'), ('c', NULL)");
    for settings in [
        "SET timezone = 'Asia/Kolkata'",
        "SET datestyle = 'German, DMY'",
        "SET datestyle = 'SQL, MDY'",
        "SET standard_conforming_strings = off",
    ] {
        database.run(settings);
        let matcher = compile(
            &registry,
            r#"meta.created ge "2010-01-02T05:30:00+05:30" and not (meta.created gt "2010-01-31T23:59:59.9999999Z")"#,
        );
        assert_eq!(database.texts(&select(&mapping, Dialect::Postgres, &matcher)), ["b"], "{settings}");
    }
}
