//! The cost of a search is known before the search begins.

use scim_core::sql::{Dialect, database::Database};
use serde_json::{Value, json};

use super::{
    host::{Answer, Filling, Host, postgres, remove, sqlite},
    support::Anything,
};

/// The bound of a request, in units.
const WORK: u64 = 2_000_000;

const USERS: u32 = 10_000;

/// The number of users with a long title, and the bytes of the title.
const LONG: (u32, usize) = (800, 40_000);

fn filling(dialect: Dialect) -> Filling {
    let (count, bytes) = LONG;
    let filling = Filling::default().users(dialect, "acme", USERS, "guide").groups("acme", 100, 20);
    filling.users(dialect, "long", count, &"t".repeat(bytes))
}

fn filter(text: &str) -> Value {
    json!({"filter": text, "count": 10, "attributes": ["userName"]})
}

/// `count` different terms, of which one has to hold.
fn any_of(count: u32, term: impl Fn(u32) -> String) -> Value {
    filter(&(0..count).map(term).collect::<Vec<_>>().join(" or "))
}

/// The statements that count rows up to the number that the request can pay for.
fn bounded(answer: &Answer) -> usize {
    answer.statements.iter().filter(|statement| statement.ends_with(" AS c")).count()
}

async fn check<D: Database + Clone>(database: D) -> Result<(), Anything> {
    let host = Host::new(database, "acme", WORK).await?;
    // A request, and the number of its statements: those that count within the bound, and all. The total of a list is
    // one of them, as it was without charges.
    let accepted = [
        ("an id", "/Users", filter("id eq \"u100007\""), (0, 1)),
        ("200 ids", "/Users", any_of(200, |n| format!("id eq \"u{}\"", 100_000 + n)), (0, 2)),
        ("a unique value", "/Users", filter("userName eq \"USER7\""), (0, 1)),
        ("200 unique values", "/Users", any_of(200, |n| format!("userName eq \"user{n}\"")), (0, 2)),
        ("a unique value and a flag", "/Users", filter("userName eq \"user7\" and active eq true"), (0, 1)),
        ("a unique value and a title", "/Users", filter("userName eq \"user7\" and title sw \"g\""), (1, 2)),
        ("a searched value", "/Users", filter("externalId eq \"e7\""), (1, 2)),
        (
            "a member",
            "/Groups",
            json!({"filter": "members.value eq \"u100007\"", "attributes": ["displayName"]}),
            (1, 2),
        ),
        ("the first page", "/Users", json!({"count": 10, "attributes": ["userName"]}), (1, 2)),
        ("the last page", "/Users", json!({"count": 10, "startIndex": 9_990, "attributes": ["userName"]}), (1, 2)),
        ("a page by cursor", "/Users", json!({"count": 10, "cursor": "", "attributes": ["userName"]}), (0, 1)),
        ("a flag", "/Users", filter("active eq true"), (1, 3)),
        ("a part of an address", "/Users", filter("emails.value co \"a77@\""), (1, 3)),
        ("an order", "/Users", json!({"count": 10, "sortBy": "displayName", "attributes": ["userName"]}), (1, 2)),
    ];
    for (name, endpoint, search, statements) in accepted {
        let answer = host.search(endpoint, &search).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        assert_ne!(answer.body["totalResults"], json!(0), "{name}: {}", answer.body);
        assert_eq!((bounded(&answer), answer.statements.len()), statements, "{name}: {:#?}", answer.statements);
        assert!(answer.spent <= WORK, "{name}: {}", answer.spent);
        println!("{name}: {} units", answer.spent);
    }
    let terms = |term: &str| any_of(1_024, |n| format!("{term} \"x{n}\""));
    let long = Host::new(host.database().clone(), "long", WORK).await?;
    let by_title = json!({"count": 10, "sortBy": "title", "attributes": ["userName"]});
    let refused = [
        ("1,024 parts of addresses", &host, "/Users", terms("emails.value co")),
        ("500 elements", &host, "/Users", any_of(500, |n| format!("emails[type eq \"w\" and value sw \"x{n}\"]"))),
        ("1,024 parts of names", &host, "/Users", terms("displayName co")),
        ("1,024 titles", &host, "/Users", terms("title sw")),
        ("1,024 members", &host, "/Groups", terms("members.value co")),
        ("an order by long titles", &long, "/Users", by_title),
        (
            "a text at each position of long titles",
            &long,
            "/Users",
            filter(&format!("title co \"{}\"", "t".repeat(64))),
        ),
    ];
    for (name, host, endpoint, search) in refused {
        let answer = host.search(endpoint, &search).await;
        assert_eq!((answer.status, &answer.body["scimType"]), (400, &json!("tooMany")), "{name}: {}", answer.body);
        // The rows are counted, and no row is read.
        assert_eq!(bounded(&answer), answer.statements.len(), "{name}: {:#?}", answer.statements);
        assert!(answer.spent <= WORK, "{name}: {}", answer.spent);
    }
    // A condition that an index serves makes the same terms cheap.
    let titles = (0..500).map(|n| format!("title sw \"x{n}\"")).collect::<Vec<_>>().join(" or ");
    for (narrow, status) in [("userName eq \"user7\"", 200), ("externalId eq \"e7\"", 200), ("active eq true", 400)] {
        let answer = host.search("/Users", &filter(&format!("{narrow} and ({titles})"))).await;
        assert_eq!(answer.status, status, "{narrow}: {}", answer.body);
    }
    // The total itself has a bound.
    let tight = host.with_work(5_000).await?;
    let answer = tight.search("/Users", &json!({"count": 1})).await;
    assert_eq!((answer.status, &answer.body["scimType"]), (400, &json!("tooMany")), "{}", answer.body);
    assert_eq!(
        tight.search("/Users", &json!({"count": 1, "cursor": "", "attributes": ["userName"]})).await.status,
        200
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_on_sqlite_is_charged_before_it_begins() -> Result<(), Anything> {
    let (database, _folder) = sqlite(&filling(Dialect::Sqlite))?;
    Box::pin(check(database)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_on_postgresql_is_charged_before_it_begins() -> Result<(), Anything> {
    let Some((database, schema)) = postgres("searches", &filling(Dialect::Postgres)).await? else { return Ok(()) };
    Box::pin(check(database.clone())).await?;
    remove(&database, &schema).await
}
