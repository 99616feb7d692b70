//! The databases answer the queries of identity providers and of an administrator's pages by an index, with 10,000
//! users and 1,000 groups, and do not read all resources of a type.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    clippy::large_futures,
    reason = "a test that panics has failed"
)]

/// Modules of the program `it`.
#[allow(dead_code, unused_imports, reason = "this program uses a part of them")]
mod it {
    pub(crate) mod process;
}

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use it::process::{Place, databases};
use platform::{
    database::Database,
    registry,
    store::{self, Resources},
};
use scim_core::{
    limits::Limits,
    protocol::Request,
    provider::ServiceProvider,
    resource::Resource,
    store::{Change, Entry, RequestContext, Store as _, TenantId},
};
use serde_json::{Value as Json, json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context as LayerContext, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The number of users. `SCIM_TEST_PLANS` sets a larger number, and prints a table of times.
const USERS: usize = 10_000;

/// A query and its plan.
#[derive(Clone, Debug, Default)]
struct Planned {
    sql: String,
    plan: String,
}

impl Visit for Planned {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "sql" => value.clone_into(&mut self.sql),
            "plan" => value.clone_into(&mut self.plan),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Records the plans of the whole process while it is switched on.
#[derive(Clone, Default)]
struct Plans(Arc<Mutex<Option<Vec<Planned>>>>);

impl Plans {
    /// The plans of the queries of a request.
    async fn of<T>(&self, ask: impl AsyncFnOnce() -> T) -> (T, Vec<Planned>) {
        *self.0.lock().unwrap() = Some(Vec::new());
        let answer = ask().await;
        (answer, self.0.lock().unwrap().take().unwrap())
    }
}

impl<S: Subscriber> Layer<S> for Plans {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: LayerContext<'_, S>) -> bool {
        metadata.target() == "platform::plan" && self.0.lock().unwrap().is_some()
    }

    fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> tracing::subscriber::Interest {
        tracing::subscriber::Interest::sometimes()
    }

    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let mut planned = Planned::default();
        event.record(&mut planned);
        if let Some(kept) = self.0.lock().unwrap().as_mut() {
            kept.push(planned);
        }
    }
}

/// A user of a large directory.
fn user(n: usize) -> Json {
    let (given, family) = (format!("Given{}", n % 97), format!("Family{}", n % 1_009));
    json!({
        "id": format!("u{:07}", n * 7_919 % 9_999_991),
        "userName": format!("user{n}@example.com"),
        "externalId": format!("directory-{n}"),
        "name": {"formatted": format!("{given} {family}"), "givenName": given, "familyName": family},
        "displayName": format!("{given} {family}"),
        "title": format!("Engineer, grade {}", n % 12),
        "userType": if n % 7 < 4 { "Employee" } else { "Contractor" },
        "active": !n.is_multiple_of(10),
        "preferredLanguage": "en-GB",
        "locale": "en-GB",
        "timezone": "Europe/London",
        "emails": [
            {"value": format!("user{n}@example.com"), "type": "work", "primary": true},
            {"value": format!("user{n}@home.example"), "type": "home"},
        ],
        "phoneNumbers": [
            {"value": format!("tel:+44-20-7946-{:04}", n % 10_000), "type": "work"},
            {"value": format!("tel:+44-7700-900{:03}", n % 1_000), "type": "mobile"},
        ],
        "addresses": [{
            "type": "work",
            "streetAddress": format!("{} Example Street", n % 200 + 1),
            "locality": "London",
            "postalCode": "EC1A 1BB",
            "country": "GB",
            "formatted": format!("{} Example Street, London EC1A 1BB", n % 200 + 1),
        }],
        "meta": {"created": stamp(n), "lastModified": stamp(n)},
        ENTERPRISE: {
            "employeeNumber": format!("{n:06}"),
            "costCenter": format!("{:04}", n % 50),
            "organization": "Example plc",
            "division": format!("Division {}", n % 8),
            "department": format!("Department {}", n % 40),
        },
    })
}

/// One user was changed in each minute.
fn stamp(n: usize) -> String {
    let time = chrono::DateTime::from_timestamp(1_700_000_000 + 60 * i64::try_from(n).unwrap(), 0).unwrap();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn group(n: usize, users: usize) -> Json {
    let members = (0..10).map(|member| user((n * 10 + member) % users)["id"].clone());
    let members: Vec<Json> = members.map(|id| json!({"value": id})).collect();
    json!({
        "id": format!("g{n:06}"),
        "displayName": format!("Group {n}"),
        "externalId": format!("group-{n}"),
        "members": members,
        "meta": {"created": stamp(n), "lastModified": stamp(n)},
    })
}

async fn fill(store: &Resources, users: usize) {
    let (registry, context) = (registry(), RequestContext::new(TenantId::new("acme").unwrap()));
    let create = |resource_type: &str, json: &Json| {
        let resource_type = registry.resource_type(resource_type).unwrap();
        Change::Create(Entry::new(Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap()))
    };
    let users_of: Vec<usize> = (0..users).collect();
    for numbers in users_of.chunks(Resources::MAX_BATCH) {
        let batch: Vec<Change> = numbers.iter().map(|n| create("User", &user(*n))).collect();
        store.commit(&context, &batch).await.unwrap();
    }
    let groups: Vec<Change> = (0..users / 10).map(|n| create("Group", &group(n, users))).collect();
    for batch in groups.chunks(Resources::MAX_BATCH) {
        store.commit(&context, batch).await.unwrap();
    }
}

/// The part of a type that a query reads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// A few resources, which an index finds.
    Selects,
    /// A page of a large part of the type: the database may read the type in the order of the list until the page is
    /// complete.
    Spans,
    /// A page of the whole type in the order of an index: the database reads the index from the start of the page, with
    /// no condition but the type.
    Lists,
}

/// The reads of a kind of client.
fn requests(users: usize) -> Vec<(&'static str, Shape, String)> {
    use Shape::{Lists, Selects, Spans};
    let (id, recent) = (user(77)["id"].as_str().unwrap().to_owned(), stamp(users - 20));
    let filter = |resource_type: &str, filter: &str| {
        let mut target = format!("/{resource_type}?filter=");
        for byte in filter.bytes() {
            if byte.is_ascii_alphanumeric() {
                target.push(char::from(byte));
            } else {
                write!(target, "%{byte:02X}").unwrap();
            }
        }
        target
    };
    let members = "&excludedAttributes=members";
    vec![
        ("Entra: user by name", Selects, filter("Users", "userName eq \"USER77@example.com\"")),
        ("Entra: user by externalId", Selects, filter("Users", "externalId eq \"directory-77\"")),
        (
            "Entra: user by e-mail",
            Selects,
            filter("Users", "emails[type eq \"work\" and value eq \"user77@example.com\"]"),
        ),
        ("Entra: user by any e-mail", Selects, filter("Users", "emails.value eq \"user77@home.example\"")),
        (
            "Entra: user by employeeNumber",
            Selects,
            filter("Users", &format!("{ENTERPRISE}:employeeNumber eq \"000077\"")),
        ),
        ("Entra: user", Selects, format!("/Users/{id}")),
        ("Entra: group by name", Selects, filter("Groups", "displayName eq \"group 7\"") + members),
        ("Entra: group by externalId", Selects, filter("Groups", "externalId eq \"group-7\"") + members),
        ("Entra: group without members", Selects, "/Groups/g000007?excludedAttributes=members".to_owned()),
        (
            "Entra: a member of a group",
            Selects,
            filter("Groups", &format!("id eq \"g000007\" and members eq \"{id}\"")) + members,
        ),
        ("Entra: groups of a user", Selects, filter("Groups", &format!("members[value eq \"{id}\"]")) + members),
        ("Entra: credentials", Lists, "/Users?startIndex=1&count=1".to_owned()),
        (
            "Okta: user by name",
            Selects,
            filter("Users", "userName eq \"user77@example.com\"") + "&startIndex=1&count=100",
        ),
        ("Okta: users", Lists, "/Users?startIndex=1&count=100".to_owned()),
        ("Okta: groups", Lists, "/Groups?startIndex=1&count=100".to_owned()),
        ("Okta: group by name", Selects, filter("Groups", "displayName eq \"Group 7\"") + "&startIndex=1&count=100"),
        (
            "Okta: changed users",
            Selects,
            filter("Users", &format!("meta.lastModified gt \"{recent}\"")) + "&startIndex=1&count=100",
        ),
        ("admin: users by name", Lists, "/Users?sortBy=userName&startIndex=1&count=50".to_owned()),
        (
            "admin: users by name, down",
            Lists,
            "/Users?sortBy=userName&sortOrder=descending&startIndex=1&count=50".to_owned(),
        ),
        (
            "admin: groups by name",
            Lists,
            "/Groups?sortBy=displayName&startIndex=1&count=50&excludedAttributes=members".to_owned(),
        ),
        ("admin: search by login", Selects, filter("Users", "userName sw \"User77\"") + "&sortBy=userName&count=50"),
        (
            "admin: search by name",
            Selects,
            filter("Users", "displayName sw \"Given77 Family10\"") + "&sortBy=displayName&count=50",
        ),
        (
            "admin: search",
            Selects,
            filter(
                "Users",
                "userName sw \"user77\" or displayName sw \"Given77 Family10\" or emails.value eq \"user77@example.com\"",
            ) + "&count=50",
        ),
        ("admin: groups", Selects, filter("Groups", "displayName sw \"Group 77\"") + members),
        ("admin: users by cursor", Lists, "/Users?cursor=&count=100".to_owned()),
        (
            "admin: changed users by cursor",
            Spans,
            filter("Users", &format!("meta.lastModified gt \"{}\"", stamp(users / 2))) + "&cursor=&count=100",
        ),
        ("admin: users after a name by cursor", Spans, filter("Users", "userName gt \"user2\"") + "&cursor=&count=100"),
        ("admin: latest users", Lists, "/Users?sortBy=meta.lastModified&sortOrder=descending&count=50".to_owned()),
    ]
}

/// The steps of a plan that read all resources of a type, or all rows of a table.
fn walks(planned: &Planned, shape: Shape) -> Vec<String> {
    let mut found = Vec::new();
    let lines: Vec<&str> = planned.plan.lines().map(str::trim).collect();
    for (index, line) in lines.iter().enumerate() {
        let is_walk = if let Some(rest) = line.strip_prefix("SEARCH ").filter(|_| !planned.plan.contains("cost=")) {
            // A page in the index's order needs no sort and no condition but the type. A few rows have the number of
            // resources of each type.
            let of_type = rest.contains("(tenant=? AND kind=?)") && !rest.starts_with("tally ");
            of_type && (shape == Shape::Selects || planned.plan.contains("USE TEMP B-TREE FOR ORDER BY"))
        } else if line.starts_with("SCAN ") {
            // Rows from JSON in the statement, and rows that its inner query has found.
            let inner = line.strip_prefix("SCAN ").map(|name| format!("CO-ROUTINE {name}"));
            let found = inner.is_some_and(|inner| lines.contains(&inner.as_str()));
            !found && !line.contains("VIRTUAL TABLE") && !line.contains("CONSTANT ROW")
        } else if line.contains("Seq Scan on") {
            ["resource", "member", "unique_key", "event"]
                .iter()
                .any(|table| line.contains(&format!("Seq Scan on {table}")))
        } else if line.contains("Index") && line.contains("Scan") && line.contains("resource_") {
            let condition = lines.get(index + 1).and_then(|next| next.strip_prefix("Index Cond: "));
            let terms = condition.unwrap_or_default().matches(" AND ").count() + usize::from(condition.is_some());
            // The tenant and the type are two terms.
            let of_type = terms <= 2 && !line.contains("resource_contains");
            let by_id = condition.is_some_and(|condition| condition.contains("(id = "));
            let filtered = shape != Shape::Spans && lines.iter().any(|line| line.starts_with("Filter:"));
            of_type && !by_id && (shape == Shape::Selects || filtered || !planned.plan.contains("Limit"))
        } else {
            false
        };
        if is_walk {
            found.push((*line).to_owned());
        }
    }
    found
}

async fn judge(place: &Place, plans: &Plans, users: usize, report: &mut String) {
    let store = store::open(Database::open(&place.url).await.unwrap(), &registry()).await.unwrap();
    fill(&store, users).await;
    let is_postgres = place.url.starts_with("postgres");
    if is_postgres {
        // Autovacuum would do the same within a minute.
        place.run("VACUUM ANALYZE");
    }
    let base = "https://example.com/scim";
    let provider = ServiceProvider::builder(registry(), store.clone(), base).build().unwrap();
    let context = RequestContext::new(TenantId::new("acme").unwrap());
    let mut wrong = String::new();
    for (name, shape, target) in requests(users) {
        let ask = async || {
            let response = provider.handle(&context, &Request::new("GET", &target)).await;
            (response.status, response.body)
        };
        let ((status, body), planned) = plans.of(ask).await;
        let list: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!(status, 200, "{place:?}: {name}: {list}");
        if target.contains('?') && !target.starts_with("/Groups/") {
            assert!(list["Resources"].as_array().is_some_and(|found| !found.is_empty()), "{place:?}: {name}: {list}");
        }
        assert!(!planned.is_empty(), "{place:?}: {name}: no plan was told");
        let times: Vec<Duration> = {
            let mut times = Vec::with_capacity(7);
            for _ in 0..7 {
                let start = Instant::now();
                ask().await;
                times.push(start.elapsed());
            }
            times.sort_unstable();
            times
        };
        let database = if is_postgres { "PostgreSQL" } else { "SQLite" };
        writeln!(report, "| {database} | {name} | {:.2} ms |", times[3].as_secs_f64() * 1e3).unwrap();
        for one in &planned {
            for step in walks(one, shape) {
                writeln!(wrong, "{database}: {name}: {step}\n{}\n{}\n", one.sql, one.plan).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{users} users\n{wrong}");
    // Proves that `walks` detects a query without an index.
    for (name, shape, target) in [
        ("no index", Shape::Selects, "/Users?filter=title%20co%20%22grade%207%22"),
        ("no order", Shape::Lists, "/Users?sortBy=title"),
    ] {
        let planned = plans.of(async || provider.handle(&context, &Request::new("GET", target)).await.status).await;
        assert!(planned.1.iter().any(|one| !walks(one, shape).is_empty()), "{place:?}: {name}: {planned:?}");
    }
    // A range of all names is read in the order of the list, until the page is complete.
    if is_postgres {
        let target = "/Users?filter=userName%20gt%20%22%22&cursor=&count=10";
        let planned = plans.of(async || provider.handle(&context, &Request::new("GET", target)).await.status).await;
        assert!(planned.1.iter().all(|one| !one.plan.contains("Sort")), "{place:?}: {planned:?}");
    }
    // A search costs the number of resources that it reads times the terms, and is refused before it reads any
    // resource.
    let mut limits = Limits::default();
    limits.work = u64::try_from(users).unwrap() * 40;
    limits.filter_bytes = 1 << 20;
    let bounded = ServiceProvider::builder(registry(), store, base).limits(limits).build().unwrap();
    let (term, numbers) = ("title co \"grade 7\"", 0..500);
    let three = [term; 3].join(" or ");
    let look_ups: Vec<String> = numbers.clone().map(|n| format!("userName eq \"user{n}@example.com\"")).collect();
    let ranges: Vec<String> = numbers.map(|n| format!("userName gt \"u{n}\"")).collect();
    for (filter, status) in [
        ("userName eq \"user77@example.com\"", 200),
        (term, 200),
        (three.as_str(), 400),
        (format!("userName eq \"user77@example.com\" and ({three})").as_str(), 200),
        // A range of few resources, and a range of all resources.
        (format!("userName sw \"user77\" and ({three})").as_str(), 200),
        (format!("userName sw \"user\" and ({three})").as_str(), 400),
        (format!("(userName sw \"user\" and title pr) or ({term})").as_str(), 400),
        (look_ups.join(" or ").as_str(), 200),
        (ranges.join(" or ").as_str(), 400),
    ] {
        let search = json!({"filter": filter, "count": 1}).to_string();
        let request = Request::new("POST", "/Users/.search")
            .with_header("Content-Type", "application/scim+json")
            .with_body(search.as_bytes());
        let response = bounded.handle(&context, &request).await;
        let body = String::from_utf8(response.body).unwrap();
        assert_eq!(response.status, status, "{place:?}: {filter:.200}: {body:.500}");
        assert_eq!(body.contains("tooMany"), status == 400, "{place:?}: {body:.500}");
    }
    // A page costs the bytes of its rows, so a walk of all resources for a derived order ends with the request's work.
    for (target, status) in [("/Users?count=10", 200), ("/Users?sortBy=meta.location&count=10", 400)] {
        let response = bounded.handle(&context, &Request::new("GET", target)).await;
        let body = String::from_utf8(response.body).unwrap();
        assert_eq!(response.status, status, "{place:?}: {target}: {body:.500}");
        assert_eq!(body.contains("tooMany"), status == 400, "{place:?}: {target}: {body:.500}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_reads_all_resources_of_a_type() {
    let plans = Plans::default();
    tracing_subscriber::registry().with(plans.clone()).init();
    let users = std::env::var("SCIM_TEST_PLANS").ok().and_then(|users| users.parse().ok()).unwrap_or(USERS);
    for place in databases() {
        let mut report = String::new();
        judge(&place, &plans, users, &mut report).await;
        println!("{users} users\n| database | request | median |\n| --- | --- | --- |\n{report}");
    }
}
