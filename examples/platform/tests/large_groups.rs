//! A group with 100,000 members: the cost of a request depends on the request, not on the group.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

/// Modules of the program `it`.
#[allow(dead_code, unused_imports, reason = "this program uses a part of them")]
mod it {
    pub(crate) mod process;
}

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Instant,
};

use chrono::Utc;
use it::process::{Place, memory, postgres, sqlite};
use platform::{
    registry,
    storage::{Location, Storage},
};
use scim_core::{
    patch::ValueEdit,
    protocol::Request,
    provider::ServiceProvider,
    quirks::Quirks,
    resource::Resource,
    schema::Registry,
    store::{Change, DynStore, Entry, Expect, ListEdit, RequestContext, Store as _, TenantId},
    value::{Object, Value},
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
const MEMBERS: usize = 100_000;
/// The most rows that a statement may read or change.
const FEW: u64 = 3;

/// The target of identity providers for changes of members: the answer has the group, if it is small.
const AS_SENT: &str = "/Groups/all";
/// A target whose answer has no members.
const NOT_SHOWN: &str = "/Groups/all?excludedAttributes=members";
/// The longest list that an answer shows unless the client requests the list.
const SHOWN: i64 = 1_000;

/// A statement, and the number of rows that it has read or changed.
#[derive(Clone, Debug, Default)]
struct Ran {
    sql: String,
    rows: u64,
}

/// Records the statements of the whole process: some run on another thread than the caller's.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<Ran>>>);

impl Statements {
    fn take(&self) -> Vec<Ran> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        if event.metadata().target() == "platform::sql" {
            let mut ran = Ran::default();
            event.record(&mut ran);
            // The platform also logs plans for this subscriber, but they are not statements of a request.
            if !ran.sql.starts_with("EXPLAIN") {
                self.0.lock().unwrap().push(ran);
            }
        }
    }
}

impl Visit for Ran {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            value.clone_into(&mut self.sql);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows" {
            self.rows = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

async fn open(place: &Place) -> DynStore {
    let storage = Storage::open(&Location::read(&place.url).unwrap()).await.unwrap();
    storage.resources(&registry()).await.unwrap()
}

fn context() -> RequestContext {
    RequestContext::new(TenantId::new("acme").unwrap())
}

fn create(registry: &Registry, resource_type: &str, json: &Json) -> Change {
    let resource_type = registry.resource_type(resource_type).unwrap();
    Change::Create(Entry::new(Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap()))
}

fn user(registry: &Registry, id: &str) -> Change {
    create(registry, "User", &json!({"id": id, "userName": id, "displayName": id}))
}

/// The users, the group with all of them except `model`, and nothing else.
async fn fill(place: &Place, store: &DynStore) {
    let start = Instant::now();
    let (registry, context) = (registry(), context());
    let managed = json!({"id": "managed", "userName": "managed", ENTERPRISE: {"manager": {"value": "model"}}});
    let first = [
        user(&registry, "model"),
        create(&registry, "User", &managed),
        create(&registry, "Group", &json!({"id": "all", "displayName": "Everyone"})),
    ];
    store.commit(&context, &first).await.unwrap();
    let ids: Vec<String> = (0..MEMBERS).map(|index| format!("user-{index}")).collect();
    if place.url == "memory" {
        for some in ids.chunks(1_000) {
            let batch: Vec<Change> = some.iter().map(|id| user(&registry, id)).collect();
            store.commit(&context, &batch).await.unwrap();
        }
    } else {
        copy_model(place);
    }
    let resource_type = registry.resource_type("Group").unwrap();
    let attribute = resource_type.reference_lists()[0];
    let value = resource_type.value_of(attribute).unwrap();
    for some in ids.chunks(10_000) {
        let add = some.iter().map(|id| Object::from_iter([(value, Value::String(id.as_str().into()))])).collect();
        let edit = ValueEdit { add, ..ValueEdit::default() };
        let id = "all".into();
        let resource_type = Arc::clone(resource_type);
        let change = Change::EditValues(ListEdit {
            resource_type,
            id,
            attribute,
            expect: Expect::Exists,
            edit,
            modified: Utc::now(),
        });
        store.commit(&context, &[change]).await.unwrap();
        // A running database would do so by itself within a minute. Without statistics it does not know the list.
        if place.url.starts_with("postgres:") {
            place.run("ANALYZE");
        }
    }
    println!("{place:?}: filled in {:?}", start.elapsed());
}

/// Copies of a user that the store has written, 100,000 in number: separate statements would take most of the test's
/// time.
fn copy_model(place: &Place) {
    let (numbers, text, json) = if place.url.starts_with("sqlite:") {
        let numbers =
            "(WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {last}) SELECT n FROM n)";
        (numbers, "", "")
    } else {
        ("(SELECT generate_series(0, {last}) AS n)", "::text", "::jsonb")
    };
    let numbers = numbers.replace("{last}", &(MEMBERS - 1).to_string());
    let copy = |column: &str| format!("replace({column}{text}, 'model', 'user-' || n)");
    // SQLite stores JSONB, in which no text can be replaced.
    let comparable = match json {
        "" => format!("jsonb({})", copy("json(comparable)")),
        json => format!("{}{json}", copy("comparable")),
    };
    place.run(&format!(
        "INSERT INTO resource (tenant, id, kind, version, modified, places, document, comparable) \
         SELECT tenant, {}, kind, version, modified, places, {}, {comparable} FROM resource, {numbers} AS n WHERE id = 'model'; \
         INSERT INTO unique_key (tenant, kind, attribute, value, id) \
         SELECT tenant, kind, attribute, {}, {} FROM unique_key, {numbers} AS n WHERE id = 'model'",
        copy("id"),
        copy("document"),
        copy("value"),
        copy("id"),
    ));
}

/// Whether the body of an answer is right.
type Check<'a> = &'a dyn Fn(&Json) -> bool;

/// Sends the requests of identity providers to a large group, and checks the answers. Returns the statements of each.
/// `group` is the target for changes of members.
async fn requests(store: DynStore, statements: &Statements, group: &str) -> Vec<(&'static str, Vec<Ran>)> {
    let provider = ServiceProvider::builder(registry(), store, "https://example.com/scim/{tenant}/v2")
        .quirks(Quirks::entra())
        .build()
        .unwrap();
    let context = context();
    let patch = |operation: Json| {
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}).to_string()
    };
    let entra = |op: &str| patch(json!({"op": op, "path": "members", "value": [{"$ref": null, "value": "model"}]}));
    let by_path = patch(json!({"op": "remove", "path": "members[value eq \"model\"]"}));
    let without = "/Groups?excludedAttributes=members";
    let by_name = format!("{without}&filter=displayName%20eq%20%22Everyone%22");
    let user = "/Users?filter=userName%20eq%20%22USER-4711%22";
    let by_member = format!("{without}&filter=id%20eq%20%22all%22%20and%20members%20eq%20%22user-4711%22");
    let found = |json: &Json| json["totalResults"] == 1 && json["Resources"][0]["id"] == "all";
    let in_group = |json: &Json| json["groups"][0]["value"] == "all" && json["groups"][0]["display"] == "Everyone";
    let of_manager = |json: &Json| json[ENTERPRISE]["manager"]["displayName"] == "model";
    // A list that is too long is not shown: the answer then has no body.
    let changed = if group == AS_SENT { 204 } else { 200 };
    let asked: [(&str, &str, &str, String, u16, Check<'_>); 12] = [
        ("add a member", "PATCH", group, entra("Add"), changed, &|_| true),
        ("a user's groups", "GET", "/Users/model", String::new(), 200, &in_group),
        ("add it again", "PATCH", group, entra("Add"), changed, &|_| true),
        ("remove a member", "PATCH", group, entra("Remove"), changed, &|_| true),
        ("add a member, 2", "PATCH", group, entra("Add"), changed, &|_| true),
        ("remove it by a path", "PATCH", group, by_path, changed, &|_| true),
        ("no group any more", "GET", "/Users/model", String::new(), 200, &|json| json.get("groups").is_none()),
        ("list groups", "GET", without, String::new(), 200, &found),
        ("a group by name", "GET", &by_name, String::new(), 200, &found),
        ("a user by name", "GET", user, String::new(), 200, &|json| json["Resources"][0]["id"] == "user-4711"),
        ("a manager's name", "GET", "/Users/managed", String::new(), 200, &of_manager),
        ("is it a member", "GET", &by_member, String::new(), 200, &found),
    ];
    statements.take();
    let mut all = Vec::new();
    for (what, method, target, body, status, is_right) in asked {
        let start = Instant::now();
        let request = Request::new(method, target).with_body(body.as_bytes());
        let response = provider.handle(&context, &request).await;
        let text = String::from_utf8_lossy(&response.body);
        let shown: String = text.chars().take(300).collect();
        assert_eq!(response.status, status, "{what}: {shown}");
        assert!(text.len() < 2_000, "{what}: {shown}");
        assert!(is_right(&serde_json::from_str(&text).unwrap_or(Json::Null)), "{what}: {shown}");
        println!("{what}: {:?}", start.elapsed());
        all.push((what, statements.take()));
    }
    all
}

/// Prints the statements, and fails if a statement has more than a few rows.
fn judge(place: &Place, asked: &[(&str, Vec<Ran>)]) {
    println!("{place:?}\n{:<20} | {:<110} | rows", "request", "statement");
    for (what, all) in asked {
        for ran in all {
            let sql: String = ran.sql.chars().take(110).collect();
            println!("{what:<20} | {sql:<110} | {}", ran.rows);
        }
    }
    for (what, all) in asked {
        assert!(!all.is_empty(), "{what}: no statement was seen");
        for Ran { sql, rows } in all {
            assert!(*rows <= FEW, "{what}: {rows} rows of {sql}");
            // An aggregate in the database is one row, whatever its number of values, so it is allowed only for a
            // short list.
            assert!(!sql.contains("string_agg") || is_bounded(sql), "{what}: {sql}");
        }
    }
}

/// Whether a statement reads no more of a list than necessary to know that it is too long.
fn is_bounded(sql: &str) -> bool {
    sql.contains(&format!(
        "CASE WHEN EXISTS (SELECT 1 FROM member AS m WHERE m.tenant = r.tenant AND m.holder = r.id AND \
         m.list = 'members' ORDER BY m.place LIMIT 1 OFFSET {SHOWN}) THEN NULL WHEN r.places > "
    ))
}

/// Members are found by the resource that they refer to: the list is never walked by its referrer alone.
fn sqlite_plans(place: &Place, asked: &[(&str, Vec<Ran>)]) {
    let connection = rusqlite::Connection::open(place.url.strip_prefix("sqlite:").unwrap()).unwrap();
    let mut lookups = 0;
    for (what, Ran { sql, .. }) in asked.iter().flat_map(|(what, all)| all.iter().map(move |ran| (what, ran))) {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>().unwrap();
        // Each subquery is read once, and has the name of the table that it searches.
        let mut subqueries = 0;
        for step in steps {
            let mut words = step.split(' ');
            let (verb, table) = (words.next().unwrap(), words.next().unwrap_or_default());
            match verb {
                "CO-ROUTINE" => {
                    subqueries += 1;
                    continue;
                }
                "SCAN" if subqueries > 0 => {
                    subqueries -= 1;
                    continue;
                }
                _ => {}
            }
            if ["member", "m"].contains(&table) && !is_bounded(sql) {
                lookups += 1;
                assert!(step.contains("USING") && step.contains("INDEX member_value"), "{what}: {step}: {sql}");
                assert!(step.contains("value=?"), "{what}: {step}: {sql}");
            }
            if ["member", "m", "resource", "r"].contains(&table) {
                assert_eq!(verb, "SEARCH", "{what}: {step}: {sql}");
            }
            // A resource is found by its id or by the filter; all resources of a type are walked only to list them.
            if ["resource", "r"].contains(&table) && *what != "list groups" {
                assert!(step.contains("id=?") || step.contains("<expr>=?"), "{what}: {step}: {sql}");
            }
        }
    }
    println!("{lookups} look-ups of members, each by its value");
    assert!(lookups > 5, "{lookups}");
}

/// The counters of PostgreSQL for a table: full scans, and rows found by an index.
async fn counted(place: &Place, table: &str) -> (i64, i64) {
    let (client, connection) = tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    // A process of PostgreSQL reports its counters when it ends, so no other process may be left.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                  AND backend_type = 'client backend'";
    let start = Instant::now();
    while client.query_one(others, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(start.elapsed().as_secs() < 10, "the connections are not closed");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let counts = "SELECT t.seq_scan, (SELECT sum(i.idx_tup_read)::bigint FROM pg_stat_user_indexes AS i WHERE i.relid = t.relid) \
                  FROM pg_stat_user_tables AS t WHERE t.relname = $1::text";
    let row = client.query_one(counts, &[&table]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_a_group_does_not_matter() {
    let statements = Statements::default();
    tracing_subscriber::registry().with(statements.clone()).init();

    let place = memory();
    let store = open(&place).await;
    fill(&place, &store).await;
    requests(store, &statements, AS_SENT).await;

    let place = sqlite();
    let store = open(&place).await;
    fill(&place, &store).await;
    for group in [AS_SENT, NOT_SHOWN] {
        let asked = requests(store.clone(), &statements, group).await;
        judge(&place, &asked);
        sqlite_plans(&place, &asked);
    }

    let Some(place) = postgres() else { return };
    let store = open(&place).await;
    fill(&place, &store).await;
    drop(store);
    for group in [AS_SENT, NOT_SHOWN] {
        let before = [counted(&place, "member").await, counted(&place, "resource").await];
        let asked = requests(open(&place).await, &statements, group).await;
        judge(&place, &asked);
        let after = [counted(&place, "member").await, counted(&place, "resource").await];
        let difference = |index: usize| (after[index].0 - before[index].0, after[index].1 - before[index].1);
        let (members, resources) = (difference(0), difference(1));
        println!("{group}: scans and rows by index: member {members:?}, resource {resources:?}");
        let (scans, rows) = members;
        assert_eq!(scans, 0, "all members of all groups were read");
        // Each of the five changes checks whether the list is short, which the plan may do twice.
        let looked = if group == AS_SENT { 5 * 2 * (SHOWN + 1) } else { 0 };
        assert!((1..100 + looked).contains(&rows), "{rows} rows were read by index");
        assert!(resources.0 == 0 && (1..200).contains(&resources.1), "{resources:?}");
    }
}
