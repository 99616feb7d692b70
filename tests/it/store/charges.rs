//! A declared store counts the rows of a search before the search begins, within the bound of the request.

use std::sync::{Arc, Mutex};

use crate::fixture::host::{Host, host_with, now};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::{Registry, ResourceType, Schema},
    sql::{
        Dialect, Param, Statement, TableStore,
        database::{Cell, Database, DatabaseError, Reads, Row, Rows, Session, Shape, Work, run_blocking},
        layout::{Field, Key, Layout},
    },
    store::CommitError,
};

/// A database of SQLite that answers only counts: `rows` rows, whose columns have `bytes` bytes each.
#[derive(Clone, Debug)]
struct Scripted {
    knows_lengths: bool,
    rows: i64,
    bytes: i64,
    triggers: Arc<Vec<String>>,
    statements: Arc<Mutex<Vec<Statement>>>,
    described: Described,
}

/// The tenant, the class, the shape and the single statement of each work that only reads.
type Described = Arc<Mutex<Vec<(Option<String>, Reads, Shape, bool)>>>;

impl Database for Scripted {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let tenant = work.tenant().map(|tenant| tenant.as_str().to_owned());
        self.described.lock().unwrap().push((tenant, work.reads(), work.shape(), work.is_single()));
        run_blocking(&work, &mut self.clone())
    }

    async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        run_blocking(&work, &mut self.clone())
    }
}

impl Session for Scripted {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&mut self, query: &Statement, mut rows: Rows) -> Result<Rows, DatabaseError> {
        let text = query.text();
        if text == "SELECT octet_length('x')" {
            return if self.knows_lengths {
                Ok(rows)
            } else {
                Err(DatabaseError::Other("no such function: octet_length".into()))
            };
        }
        if text.contains("sqlite_master") {
            for trigger in &*self.triggers {
                rows.add(Row::new(vec![Cell::Text(trigger.clone())]))?;
            }
            return Ok(rows);
        }
        self.statements.lock().unwrap().push(query.clone());
        if text.ends_with(" AS c") {
            let Some(Param::Integer(most)) = query.params().last() else { panic!("{text} has a limit") };
            let counted = self.rows.min(*most);
            let sums = text.matches("sum(").map(|_| Cell::Integer(counted * self.bytes));
            rows.add(Row::new([Cell::Integer(counted)].into_iter().chain(sums).collect()))?;
        } else if text.contains("count(*)") {
            rows.add(Row::new(vec![Cell::Integer(1)]))?;
        }
        Ok(rows)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        self.statements.lock().unwrap().push(statement.clone());
        Ok(1)
    }
}

/// A host with users, and its statements.
type Listing = (Host<TableStore<Scripted>>, Arc<Mutex<Vec<Statement>>>);

fn host(work: u64, knows_lengths: bool, rows: i64, bytes: i64) -> Listing {
    let user = ResourceType::builder("User", "Users", Schema::user().without("password")).build().unwrap();
    let registry = Registry::builder().resource_type(user).build().unwrap();
    let layouts = || {
        [Layout::of(registry.resource_type("User").unwrap(), "account", Key::text("id"))
            .field("userName", Field::text("login").folded("login_folded").unique("account.login_folded"))
            .field("displayName", Field::text("shown").folded("shown_folded"))
            .field("active", Field::flag("active"))
            .side_table("scim_account")]
    };
    let migrations = TableStore::<()>::migrations(Dialect::Sqlite, layouts()).unwrap();
    let name = |statement: &String| {
        let rest = statement.strip_prefix("CREATE TRIGGER IF NOT EXISTS ")?;
        rest.split(' ').next().map(str::to_owned)
    };
    let triggers = Arc::new(migrations.iter().filter_map(name).collect());
    let statements = Arc::default();
    let described = Described::default();
    let statements_of = Arc::clone(&statements);
    let database = Scripted { knows_lengths, rows, bytes, triggers, statements: statements_of, described };
    let store = now(TableStore::open(database, layouts())).unwrap();
    statements.lock().unwrap().clear();
    let mut limits = Limits::default();
    limits.work = work;
    (host_with(registry.clone(), store, limits, Quirks::default()), statements)
}

/// Sends a search. Returns its status, and the texts of its statements.
fn search((host, statements): &Listing, query: &str) -> (u16, Vec<String>) {
    let status = host.get(&format!("/Users?{query}")).status;
    let statements = std::mem::take(&mut *statements.lock().unwrap());
    (status, statements.iter().map(|statement| statement.text().to_owned()).collect())
}

fn any_of(terms: usize, term: &str) -> String {
    vec![term; terms].join(" or ")
}

/// The count stops at the first row that the request cannot pay for, whatever the number of rows is.
#[test]
fn a_count_has_a_bound() {
    for (query, each) in [("count=1", 2), ("filter=active eq true", 18), ("filter=emails.value co \"a\"", 19)] {
        let listing = host(10_000, true, i64::MAX, 0);
        assert_eq!(listing.0.get(&format!("/Users?{query}")).error(), (400, "tooMany".to_owned()), "{query}");
        let statements = listing.1.lock().unwrap();
        let [count] = &**statements else { panic!("{query}: {statements:?}") };
        let Some(Param::Integer(most)) = count.params().last() else { panic!("{}", count.text()) };
        assert!((1..=10_000 / each + 1).contains(most), "{query}: {most}");
        assert!(*most > 9_000 / each, "{query}: {most}");
    }
}

/// A search by an index counts no other rows than those that the index finds.
#[test]
fn a_search_by_an_index_counts_only_what_it_finds() {
    let listing = host(1_000_000, true, 10_000, 100);
    for (query, counts) in [
        ("filter=userName eq \"ann\"", 0),
        ("filter=id eq \"7\"", 0),
        ("filter=userName eq \"ann\" and active eq true", 0),
        ("count=10&cursor=", 0),
        ("filter=userName eq \"ann\" and title co \"x\"", 1),
        ("filter=externalId eq \"7\"&cursor=&count=2", 1),
        ("filter=active eq true", 1),
        ("count=10", 1),
    ] {
        let (status, statements) = search(&listing, query);
        assert_eq!(status, 200, "{query}: {statements:#?}");
        let counted: Vec<_> = statements.iter().filter(|text| text.ends_with(" AS c")).collect();
        assert_eq!(counted.len(), counts, "{query}: {statements:#?}");
        let narrow = counted.iter().filter(|text| text.contains("login_folded") || text.contains("externalId"));
        assert_eq!(narrow.count() == counts, query.contains(" eq \"") || counts == 0, "{query}: {counted:#?}");
    }
}

/// The bytes of documents and of columns count, as often as they are compared.
#[test]
fn a_search_is_charged_by_rows_terms_and_bytes() {
    let (short, long) = (host(1_000_000, true, 1_000, 100), host(1_000_000, true, 1_000, 100_000));
    for (query, of_short, of_long) in [
        (any_of(1, "title sw \"x\""), 200, 200),
        (any_of(20, "title sw \"x\""), 200, 400),
        (any_of(1, "displayName co \"x\""), 200, 400),
        (any_of(20, "displayName sw \"x\""), 200, 400),
        (any_of(1, "emails.value co \"x\""), 200, 400),
        (any_of(1_024, "emails.value co \"x\""), 400, 400),
        (any_of(1_024, "active eq true"), 400, 400),
        // The values of one attribute are compared at once.
        ((0..200).map(|n| format!("title eq \"x{n}\"")).collect::<Vec<_>>().join(" or "), 200, 200),
    ] {
        for (listing, expected) in [(&short, of_short), (&long, of_long)] {
            let (status, statements) = search(listing, &format!("filter={query}"));
            assert_eq!(status, expected, "{query:.60}: {statements:.2000?}");
            let counted = statements.iter().filter(|text| text.ends_with(" AS c")).count();
            assert_eq!((counted, counted == statements.len()), (1, expected == 400), "{query:.60}");
        }
    }
}

/// SQLite before 3.43 has no `octet_length`.
#[test]
fn lengths_are_measured_by_a_function_that_the_database_has() {
    for (knows_lengths, expected) in
        [(true, "octet_length(s.comparable)"), (false, "length(CAST(s.comparable AS blob))")]
    {
        let (status, statements) = search(&host(1_000_000, knows_lengths, 10, 100), "filter=title co \"x\"");
        assert_eq!(status, 200);
        assert!(statements.iter().any(|text| text.contains(expected)), "{statements:#?}");
    }
}

/// An adapter learns whose work it runs, and whether the work is a search.
#[test]
fn work_describes_itself() {
    let (host, _) = host(1_000_000, true, 10, 100);
    let (described, tenant) = (&host.provider.store().database().described, host.context.tenant().as_str().to_owned());
    let (look_up, search, own, client) = (Reads::LookUps, Reads::Searches, Shape::Own, Shape::Client);
    for (query, reads, shape, is_single) in [
        ("/Users/7", look_up, own, true),
        // A page with at most one resource needs no count.
        ("/Users?filter=userName eq \"ann\"", look_up, own, true),
        ("/Users?filter=id eq \"7\"", look_up, own, true),
        ("/Users?filter=userName eq \"ann\"&startIndex=2", look_up, own, false),
        ("/Users?filter=userName eq \"ann\"&count=0", look_up, own, false),
        ("/Users?filter=title eq \"ann\"", search, own, false),
        ("/Users?count=1", search, own, false),
        ("/Users?filter=title co \"ann\"", search, client, false),
    ] {
        described.lock().unwrap().clear();
        host.get(query);
        let found = described.lock().unwrap().pop();
        assert_eq!(found, Some((Some(tenant.clone()), reads, shape, is_single)), "{query}");
    }
}
