//! A layout with every kind of column answers random requests as the store in memory does.
//!
//! After rows that the host writes, the database evaluates filters and orders as the core does.
//!
//! Both stores get the same requests through a service provider with the same ids and the same clock. Each answer must
//! be the same: creations, replacements, patches, deletions, filters, orders and pages.

#[path = "support/numbers.rs"]
mod numbers;
mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use numbers::Numbers;
use scim_core::{
    protocol::Request,
    provider::{Clock, IdSource, ServiceProvider},
    schema::{Attribute, AttributeType, GROUP, Mutability, Registry, ResourceType, Schema, SchemaError, USER},
    sql::{
        Dialect, TableStore,
        database::Database,
        layout::{Field, Initial, Join, Key, KeyType, Layout},
    },
    store::{
        self, Capabilities, Change, ChangeOutcome, CommitError, MemoryStore, Page, RequestContext, RequestedAttributes,
        Scan, Store, StoreError, Stored, TenantId,
    },
    value::Text,
};
use scim_core_native::{rusqlite::Sqlite, tokio_postgres::Postgres};
use serde_json::{Value, json};
use support::{Anything, fresh_schema};

/// The number of requests: `SCIM_TEST_REQUESTS`, or 5,000.
fn rounds() -> usize {
    std::env::var("SCIM_TEST_REQUESTS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5_000)
}

/// Users with one attribute of each type, and groups with users and groups as members.
fn registry() -> Result<Registry, SchemaError> {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let standard = Schema::user();
    let kept = ["userName", "name", "displayName", "nickName", "title", "active", "emails", "groups", "locale"];
    let known = standard.attributes().iter().filter(|attribute| kept.contains(&attribute.name()));
    let user = known.cloned().fold(Schema::new(USER, "User"), Schema::with_attribute);
    let more = Schema::new("urn:example:more:1.0:User", "More")
        .with_attribute(text("code").case_exact())
        .with_attribute(text("note"))
        .with_attribute(Attribute::new("level", AttributeType::Integer))
        .with_attribute(Attribute::new("rate", AttributeType::Decimal))
        .with_attribute(Attribute::new("blocked", AttributeType::Boolean))
        .with_attribute(Attribute::new("hired", AttributeType::DateTime))
        .with_attribute(Attribute::new("seen", AttributeType::DateTime))
        .with_attribute(Attribute::new("left", AttributeType::DateTime));
    let user = ResourceType::builder("User", "Users", user).extension(more, false).relation(
        "groups",
        "Group",
        "members",
        "displayName",
    );
    let value = text("value").case_exact().with_mutability(Mutability::Immutable);
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User", "Group"]);
    let of_type = text("type").with_mutability(Mutability::Immutable);
    let group = Schema::new(GROUP, "Group")
        .with_attribute(text("displayName").required())
        .with_attribute(Attribute::complex("members", [value, reference, of_type]).multi_valued());
    let group = ResourceType::builder("Group", "Groups", group);
    Registry::builder().resource_type(user.build()?).resource_type(group.build()?).build()
}

/// The place of the attributes without a column.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Users have a side table. Groups have a column for each attribute.
    SideTable,
    /// Users and groups are documents in their own tables.
    OwnTable,
}

fn layouts(registry: &Registry, dialect: Dialect, place: Place) -> Result<[Layout; 2], Anything> {
    let of = |name: &str| registry.resource_type(name).map(Arc::clone).ok_or("registered");
    let is_sqlite = dialect == Dialect::Sqlite;
    let more = |name: &str| format!("urn:example:more:1.0:User:{name}");
    let login = if is_sqlite { "person.org, person.login_folded" } else { "person_login" };
    let seen = if is_sqlite { Field::microseconds("seen") } else { Field::timestamp("seen") };
    let nick = if is_sqlite { Field::text("nick").nocase() } else { Field::text("nick").lower() };
    let users = Layout::of(&of("User")?, "person", Key::integer("nr"))
        .tenant("org", KeyType::Uuid)
        .field("userName", Field::text("login").folded("login_folded").unique(login))
        .field("displayName", Field::text("shown").lower())
        .field("nickName", nick)
        .field("title", Field::text("job").folded("job_folded").not_null())
        .field("externalId", Field::text("sso_id"))
        .field("active", Field::state("r.status >= 0", "status", "status + 128", "status - 128"))
        .field("emails.value", Field::text("mail"))
        .joined_name(Field::text("whole_name"))
        .field("meta.created", Field::milliseconds("made"))
        .field("meta.lastModified", Field::seconds("changed"))
        .field(&more("code"), Field::text("code"))
        .field(&more("level"), Field::integer("level"))
        .field(&more("blocked"), Field::inverted("allowed"))
        .field(&more("hired"), Field::milliseconds("hired"))
        .field(&more("seen"), seen)
        .only("r.kind = 'sso'")
        .at_creation("kind", "sso")
        .at_creation("status", 1)
        .at_creation("secret", Initial::secret())
        .soft_delete("r.gone = 0", [("gone", "1"), ("login_folded", "NULL")]);
    let groups = Layout::of(&of("Group")?, "crew", Key::uuid("uid"))
        .tenant("org", KeyType::Uuid)
        .field("displayName", Field::text("name").folded("name_folded"))
        .field("externalId", Field::text("sso_id"))
        .field("meta.created", Field::milliseconds("made"))
        .field("meta.lastModified", Field::milliseconds("changed"))
        .version("version")
        .list("members", Join::table("crew_person").tenant("org").holder("crew").value("person", "User"))
        .list("members", Join::table("crew_crew").holder("outer_crew").value("inner_crew", "Group"));
    Ok(match place {
        Place::SideTable => [users.side_table("scim_person"), groups],
        Place::OwnTable => {
            let users = users.version("version").documents("document", "comparable");
            [users, groups.version_by_store("etag").documents("document", "comparable")]
        }
    })
}

fn tables(dialect: Dialect) -> String {
    let (uuid, instant, json) = match dialect {
        Dialect::Postgres => ("uuid", "timestamptz", "jsonb"),
        _ => ("TEXT", "INTEGER", "TEXT"),
    };
    format!(
        "CREATE TABLE person (nr bigint PRIMARY KEY, org {uuid} NOT NULL, login text NOT NULL, login_folded text,
            shown text, nick text, job text NOT NULL, job_folded text, sso_id text, status integer NOT NULL, mail text,
            whole_name text, made bigint NOT NULL, changed bigint NOT NULL, code text, level bigint, allowed boolean,
            hired bigint, seen {instant}, kind text NOT NULL, secret text NOT NULL UNIQUE,
            gone integer NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 0, document text, comparable {json},
            CONSTRAINT person_login UNIQUE (org, login_folded));
        CREATE TABLE crew (uid {uuid} PRIMARY KEY, org {uuid} NOT NULL, name text NOT NULL, name_folded text,
            sso_id text, made bigint NOT NULL, changed bigint NOT NULL, version bigint NOT NULL DEFAULT 0,
            document text, comparable {json}, etag text);
        CREATE TABLE crew_person (org {uuid} NOT NULL, crew {uuid} NOT NULL, person bigint NOT NULL,
            since text DEFAULT 'now');
        CREATE TABLE crew_crew (outer_crew {uuid} NOT NULL, inner_crew {uuid} NOT NULL);"
    )
}

/// Ids that fit both types: whole numbers for users. Groups get UUIDs by their order of creation.
#[derive(Debug, Default)]
struct Ids {
    next: AtomicU64,
    is_group: std::sync::atomic::AtomicBool,
}

#[derive(Debug)]
struct SharedIds(Arc<Ids>);

impl IdSource for SharedIds {
    fn next(&self) -> Text {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let id = if self.0.is_group.load(Ordering::Relaxed) {
            format!("00000000-0000-4000-8000-{number:012}")
        } else {
            // Not in the order of texts.
            (number * 7 % 1_009 + 1_009 * (number / 1_009)).to_string()
        };
        Text::from(id.as_str())
    }
}

#[derive(Debug, Default)]
struct Steps(AtomicU64);

impl Clock for Steps {
    fn now(&self) -> DateTime<Utc> {
        let step = i64::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap_or_default();
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(step * 311)
    }
}

struct Side<S> {
    provider: ServiceProvider<S>,
    ids: Arc<Ids>,
}

impl<S: Store> Side<S> {
    fn new(store: S, registry: Registry) -> Result<Self, Anything> {
        let ids = Arc::new(Ids::default());
        let provider = ServiceProvider::builder(registry, store, "https://platform.example/scim")
            .ids(SharedIds(Arc::clone(&ids)))
            .clock(Steps::default())
            .build()?;
        Ok(Self { provider, ids })
    }

    async fn send(&self, context: &RequestContext, method: &str, target: &str, body: &str) -> (u16, Value) {
        self.ids.is_group.store(target.starts_with("/Groups"), Ordering::Relaxed);
        let answer = self.provider.handle(context, &Request::new(method, target).with_body(body.as_bytes())).await;
        let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        without_versions(&mut body);
        (answer.status, body)
    }
}

/// Versions differ between stores.
fn without_versions(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Object(meta)) = object.get_mut("meta") {
                meta.remove("version");
            }
            object.values_mut().for_each(without_versions);
            // The order of references has no meaning.
            for name in ["members", "groups"] {
                if let Some(Value::Array(elements)) = object.get_mut(name) {
                    elements.sort_by_key(|element| element["value"].as_str().unwrap_or_default().to_owned());
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_versions),
        _ => {}
    }
}

const NAMES: &[&str] = &["ann", "Ann", "BOB", "bob", "Éva", "éva", "straße", "STRASSE", "x%_y", "o'neil", "Σας"];

fn word(numbers: &mut Numbers) -> String {
    (*numbers.choose(NAMES)).to_owned()
}

fn time(numbers: &mut Numbers) -> String {
    let time = DateTime::UNIX_EPOCH
        + TimeDelta::milliseconds(i64::try_from(numbers.below(4)).unwrap_or_default() * 86_400_321);
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A user with about half of the attributes.
fn user(numbers: &mut Numbers, login: usize) -> Value {
    let login = format!("{}{login}", word(numbers));
    let mut user = json!({"schemas": [USER, "urn:example:more:1.0:User"], "userName": login});
    let mut more = json!({});
    // A column with the fold of the text finds every letter; `lower()` does not find `ſ` by `s`.
    if numbers.once_in(8) {
        user["title"] = "ſam".into();
    }
    for name in ["displayName", "nickName", "title", "externalId", "locale"] {
        if numbers.once_in(2) {
            user[name] = word(numbers).into();
        }
    }
    if numbers.once_in(2) {
        user["active"] = numbers.once_in(2).into();
    }
    if numbers.once_in(2) {
        user["name"] = match numbers.below(3) {
            0 => json!({"givenName": word(numbers), "familyName": word(numbers)}),
            1 => json!({"formatted": format!("{} {}", word(numbers), word(numbers))}),
            _ => json!({"familyName": word(numbers), "honorificPrefix": "Dr."}),
        };
    }
    if numbers.once_in(2) {
        let mut emails = vec![json!({"value": word(numbers), "type": "work", "primary": numbers.once_in(2)})];
        if numbers.once_in(2) {
            emails.push(json!({"value": word(numbers), "type": "home"}));
        }
        user["emails"] = emails.into();
    }
    for name in ["code", "note"] {
        if numbers.once_in(2) {
            more[name] = word(numbers).into();
        }
    }
    if numbers.once_in(2) {
        more["level"] = numbers.below(5).into();
    }
    if numbers.once_in(2) {
        more["rate"] = json!(0.5);
    }
    if numbers.once_in(2) {
        more["blocked"] = numbers.once_in(2).into();
    }
    for name in ["hired", "seen", "left"] {
        if numbers.once_in(2) {
            more[name] = time(numbers).into();
        }
    }
    user["urn:example:more:1.0:User"] = more;
    user
}

/// A condition, with the attributes of every kind of column.
fn condition(numbers: &mut Numbers, depth: usize) -> String {
    if depth > 0 && numbers.once_in(3) {
        let (left, right) = (condition(numbers, depth - 1), condition(numbers, depth - 1));
        return match numbers.below(3) {
            0 => format!("({left}) and ({right})"),
            1 => format!("({left}) or ({right})"),
            _ => format!("not ({left})"),
        };
    }
    let texts = [
        "userName",
        "displayName",
        "nickName",
        "title",
        "externalId",
        "locale",
        "name.familyName",
        "name.formatted",
        "emails.value",
        "emails",
        "urn:example:more:1.0:User:code",
        "urn:example:more:1.0:User:note",
        "id",
        "groups.value",
    ];
    let times = ["meta.created", "meta.lastModified"];
    match numbers.below(9) {
        0 => format!("{} pr", numbers.choose(&texts)),
        1 => format!("active eq {}", numbers.once_in(2)),
        2 => format!("urn:example:more:1.0:User:blocked eq {}", numbers.once_in(2)),
        3 => {
            let operator = numbers.choose(&["eq", "ne", "gt", "ge", "lt", "le"]);
            format!("urn:example:more:1.0:User:level {operator} {}", numbers.below(5))
        }
        4 => {
            let names = ["hired", "seen", "left"].map(|name| format!("urn:example:more:1.0:User:{name}"));
            let attribute =
                names.iter().map(String::as_str).chain(times).nth(numbers.below(5)).unwrap_or("meta.created");
            format!("{attribute} {} \"{}\"", numbers.choose(&["eq", "gt", "ge", "lt", "le"]), time(numbers))
        }
        5 => format!("emails[type eq \"work\" and value {} \"{}\"]", numbers.choose(&["eq", "sw"]), word(numbers)),
        _ => {
            let operator = numbers.choose(&["eq", "ne", "co", "sw", "ew", "gt", "le"]);
            format!("{} {operator} \"{}\"", numbers.choose(&texts), word(numbers))
        }
    }
}

/// One operation of a patch of a user.
fn operation(numbers: &mut Numbers) -> Value {
    let more = "urn:example:more:1.0:User";
    match numbers.below(9) {
        0 => json!({"op": "replace", "path": "displayName", "value": word(numbers)}),
        1 => json!({"op": "replace", "path": "active", "value": numbers.once_in(2)}),
        2 => {
            json!({"op": "remove", "path": *numbers.choose(&["title", "nickName", "externalId", "name.familyName", "emails", "name"])})
        }
        3 => {
            json!({"op": "add", "path": "emails", "value": [{"value": word(numbers), "type": "other", "primary": numbers.once_in(2)}]})
        }
        4 => json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": word(numbers)}),
        5 => json!({"op": "replace", "path": format!("{more}:level"), "value": numbers.below(5)}),
        6 => {
            json!({"op": "replace", "path": format!("{more}:{}", numbers.choose(&["hired", "seen", "left"])), "value": time(numbers)})
        }
        7 => json!({"op": "add", "value": {"name": {"givenName": word(numbers)}, "title": word(numbers)}}),
        _ => {
            json!({"op": "replace", "path": *numbers.choose(&["name.givenName", "name.formatted", "locale", "nickName"]), "value": word(numbers)})
        }
    }
}

/// A request, given the ids that exist.
fn request(numbers: &mut Numbers, users: &[String], groups: &[String], step: usize) -> (&'static str, String, String) {
    let id = |numbers: &mut Numbers, ids: &[String]| {
        if ids.is_empty() || numbers.once_in(20) { "4711".to_owned() } else { numbers.choose(ids).clone() }
    };
    let patch = |operations: Vec<Value>| {
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}).to_string()
    };
    match numbers.below(20) {
        0 if users.len() < 60 => ("POST", "/Users".into(), user(numbers, step % 40).to_string()),
        1 if groups.len() < 12 => {
            let members: Vec<Value> = (0..numbers.below(4)).map(|_| json!({"value": id(numbers, users)})).collect();
            (
                "POST",
                "/Groups".into(),
                json!({"schemas": [GROUP], "displayName": word(numbers), "members": members}).to_string(),
            )
        }
        2 => ("PUT", format!("/Users/{}", id(numbers, users)), user(numbers, step % 40).to_string()),
        3..=5 => {
            let operations = (0..=numbers.below(3)).map(|_| operation(numbers)).collect();
            ("PATCH", format!("/Users/{}", id(numbers, users)), patch(operations))
        }
        6 | 7 => {
            let member = if numbers.once_in(3) { id(numbers, groups) } else { id(numbers, users) };
            let operation = match numbers.below(4) {
                0 => json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")}),
                1 => json!({"op": "replace", "path": "members", "value": [{"value": member}]}),
                2 => json!({"op": "replace", "path": "displayName", "value": word(numbers)}),
                _ => json!({"op": "add", "path": "members", "value": [{"value": member}]}),
            };
            ("PATCH", format!("/Groups/{}", id(numbers, groups)), patch(vec![operation]))
        }
        8 if numbers.once_in(3) => ("DELETE", format!("/Users/{}", id(numbers, users)), String::new()),
        9 if numbers.once_in(4) => ("DELETE", format!("/Groups/{}", id(numbers, groups)), String::new()),
        10 => ("GET", format!("/Users/{}", id(numbers, users)), String::new()),
        11 => (
            "GET",
            format!("/Groups?filter={}", encoded(&format!("members.value eq \"{}\"", id(numbers, users)))),
            String::new(),
        ),
        _ => {
            let sort =
                ["userName", "id", "meta.created", "name.familyName", "urn:example:more:1.0:User:level", "active"];
            let mut target = format!("/Users?filter={}", encoded(&condition(numbers, 2)));
            if numbers.once_in(2) {
                target.push_str("&sortBy=");
                let key: &&str = numbers.choose(&sort);
                target.push_str(key);
            }
            if numbers.once_in(3) {
                target += "&sortOrder=descending";
            }
            if numbers.once_in(2) {
                let (start, count) = (1 + numbers.below(5), 1 + numbers.below(8));
                target = format!("{target}&startIndex={start}&count={count}");
            }
            ("GET", target, String::new())
        }
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A store on the same tables whose database evaluates no condition and no order: the core does.
struct Unaided<D>(TableStore<D>);

impl<D: Database> Store for Unaided<D> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_sort(false).with_total(false).with_backward(false)
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: store::Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        self.0.get(context, key, requested).await
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        self.0.scan(context, scan).await
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        self.0.commit(context, batch).await
    }
}

/// Rows that the host writes: new ones, and other values in columns of resources that SCIM wrote.
const HOST_WRITES: &str = "
    INSERT INTO person (nr, org, login, login_folded, shown, nick, job, job_folded, sso_id, status, mail, whole_name, made, changed,
        code, level, allowed, kind, secret) VALUES
        (500001, '10000000-0000-4000-8000-000000000001', 'Bob', 'bob', 'Éva', NULL, '', NULL, NULL, 1, 'ann', 'Ann Doe', 1, 1,
            'ann', 3, TRUE, 'sso', 'h1'),
        (500002, '10000000-0000-4000-8000-000000000001', 'zoe', 'zoe', NULL, 'bob', 'Guide', 'guide', 'ann', -127, NULL, NULL, 2,
            2, NULL, NULL, NULL, 'sso', 'h2'),
        (500003, '10000000-0000-4000-8000-000000000001', 'root', 'root', 'bob', NULL, '', NULL, NULL, 1, NULL, NULL, 3, 3,
            NULL, NULL, NULL, 'hand', 'h3');
    UPDATE person SET shown = 'BOB', whole_name = 'Bob Éva', mail = 'straße', level = 2 WHERE nr % 3 = 0;
    UPDATE person SET nick = NULL, sso_id = 'bob', job = '', job_folded = NULL, status = 1 WHERE nr % 5 = 0;";

/// Compares filters and orders in the database with those in the core, on the same rows.
async fn compare_lists<D: Database + Clone>(database: D, registry: Registry, place: Place) -> Result<(), Anything> {
    let all = || layouts(&registry, database.dialect(), place);
    let aided = Side::new(TableStore::open(database.clone(), all()?).await?, registry.clone())?;
    let unaided = Side::new(Unaided(TableStore::open(database.clone(), all()?).await?), registry.clone())?;
    let context = RequestContext::new(TenantId::new("10000000-0000-4000-8000-000000000001")?);
    let mut numbers = Numbers::new(12);
    let (mut compared, mut found) = (0, 0);
    while compared < rounds() / 5 {
        let (method, target, body) = request(&mut numbers, &[], &[], 0);
        if !target.starts_with("/Users?") {
            continue;
        }
        let expected = unaided.send(&context, method, &target, &body).await;
        assert_eq!(expected, aided.send(&context, method, &target, &body).await, "{target}");
        compared += 1;
        found += usize::from(expected.1["totalResults"].as_u64().is_some_and(|total| total > 0));
    }
    assert!(found > compared / 4, "{found} of {compared} filters find something");
    Ok(())
}

async fn compare<D: Database>(database: D, registry: Registry, place: Place) -> Result<(), Anything> {
    let all = layouts(&registry, database.dialect(), place)?;
    let declared = Side::new(TableStore::open(database, all).await?, registry.clone())?;
    let memory = Side::new(MemoryStore::new(), registry)?;
    let contexts = ["10000000-0000-4000-8000-000000000001", "20000000-0000-4000-8000-000000000002"];
    let contexts = contexts.map(TenantId::new).map(|tenant| tenant.map(RequestContext::new));
    let mut numbers = Numbers::new(11);
    let mut known: [[Vec<String>; 2]; 2] = Default::default();
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for step in 0..rounds() {
        let tenant = usize::from(numbers.once_in(4));
        let (Ok(context), [users, groups]) = (&contexts[tenant], &mut known[tenant]) else {
            return Err("a tenant".into());
        };
        let (method, target, body) = request(&mut numbers, users, groups, step);
        let (expected, found) =
            tokio::join!(memory.send(context, method, &target, &body), declared.send(context, method, &target, &body));
        assert_eq!(expected, found, "step {step}: {method} {target} {body}");
        *statuses.entry(expected.0).or_default() += 1;
        let list = if target.starts_with("/Groups") { groups } else { users };
        match (method, expected.0) {
            ("POST", 201) => list.extend(expected.1["id"].as_str().map(str::to_owned)),
            ("DELETE", 204) => list.retain(|id| !target.ends_with(&format!("/{id}"))),
            _ => {}
        }
    }
    println!("answers by status: {statuses:?}");
    assert!(statuses.contains_key(&200) && statuses.contains_key(&201) && statuses.contains_key(&409));
    Ok(())
}

async fn on_sqlite(place: Place) -> Result<(), Anything> {
    let folder = tempfile::tempdir()?;
    let database = Sqlite::open(&folder.path().join("all.db"), 2)?;
    let registry = registry()?;
    database.execute_batch(&tables(Dialect::Sqlite))?;
    for statement in TableStore::<()>::migrations(Dialect::Sqlite, layouts(&registry, Dialect::Sqlite, place)?)? {
        database.execute_batch(&statement)?;
    }
    Box::pin(compare(database.clone(), registry.clone(), place)).await?;
    database.execute_batch(HOST_WRITES)?;
    Box::pin(compare_lists(database, registry, place)).await
}

async fn on_postgresql(place: Place, schema: &str) -> Result<(), Anything> {
    let Some((pool, schema)) = fresh_schema(schema).await? else { return Ok(()) };
    let client = pool.get().await?;
    let registry = registry()?;
    client.batch_execute(&tables(Dialect::Postgres)).await?;
    for statement in TableStore::<()>::migrations(Dialect::Postgres, layouts(&registry, Dialect::Postgres, place)?)? {
        client.batch_execute(&statement).await?;
    }
    Box::pin(compare(Postgres(pool.clone()), registry.clone(), place)).await?;
    client.batch_execute(HOST_WRITES).await?;
    Box::pin(compare_lists(Postgres(pool.clone()), registry, place)).await?;
    client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_on_sqlite_answers_as_the_store_in_memory() -> Result<(), Anything> {
    on_sqlite(Place::SideTable).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_on_postgresql_answers_as_the_store_in_memory() -> Result<(), Anything> {
    on_postgresql(Place::SideTable, "differential").await
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_on_sqlite_answer_as_the_store_in_memory() -> Result<(), Anything> {
    on_sqlite(Place::OwnTable).await
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_on_postgresql_answer_as_the_store_in_memory() -> Result<(), Anything> {
    on_postgresql(Place::OwnTable, "differential_documents").await
}
