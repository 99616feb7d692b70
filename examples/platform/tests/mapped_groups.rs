//! A mapped group with 10,000 members: adding or removing one member reads and writes a handful of rows, and so does
//! each page.
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
};

use chrono::Utc;
use it::process::databases;
use platform::{
    account::{Accounts, Listing, Tab},
    database::Database,
    registry, store,
    user_group::UserGroups,
};
use scim_core::{
    patch::ValueEdit,
    resource::Resource,
    sql::Dialect,
    store::{Change, Entry, Expect, ListEdit, RequestContext, Store as _, TenantId},
    value::{Object, Value},
};
use serde_json::json;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context as LayerContext, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

const MEMBERS: usize = 10_000;

/// The rows that a statement of a commit may read or change.
const FEW: u64 = 2;

/// A statement with its rows, or a query with its plan.
#[derive(Clone, Debug, Default)]
struct Seen {
    sql: String,
    plan: String,
    rows: u64,
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "sql" => value.clone_into(&mut self.sql),
            "plan" => value.clone_into(&mut self.plan),
            _ => {}
        }
    }

    fn record_u64(&mut self, _: &Field, value: u64) {
        self.rows = value;
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Records the statements and plans of the whole process.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Vec<Seen>>>);

impl Watch {
    fn take(&self) -> Vec<Seen> {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        all.into_iter().filter(|seen| !seen.sql.starts_with("EXPLAIN")).collect()
    }
}

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        if ["platform::sql", "platform::plan"].contains(&event.metadata().target()) {
            let mut seen = Seen::default();
            event.record(&mut seen);
            self.0.lock().unwrap().push(seen);
        }
    }
}

fn create(resource_type: &str, json: &serde_json::Value) -> Change {
    let registry = registry();
    let resource_type = registry.resource_type(resource_type).unwrap();
    Change::Create(Entry::new(Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap()))
}

/// Adds members to a group, or removes them.
fn edit(group: &str, add: &[String], remove: &[String]) -> Change {
    let registry = registry();
    let resource_type = Arc::clone(registry.resource_type("Group").unwrap());
    let attribute = resource_type.reference_lists()[0];
    let value = resource_type.value_of(attribute).unwrap();
    let add = add.iter().map(|id| Object::from_iter([(value, Value::String(id.as_str().into()))])).collect();
    let remove = remove.iter().map(|id| id.as_str().into()).collect();
    let edit = ValueEdit { add, remove, ..ValueEdit::default() };
    Change::EditValues(ListEdit {
        resource_type,
        id: group.into(),
        attribute,
        expect: Expect::Exists,
        edit,
        modified: Utc::now(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_more_costs_a_handful_of_rows() {
    let watch = Watch::default();
    tracing_subscriber::registry().with(watch.clone()).init();
    for place in databases() {
        let database = Database::open(&place.url).await.unwrap();
        let store = store::open(database.clone(), &registry()).await.unwrap();
        let context = RequestContext::new(TenantId::new("acme").unwrap());
        place.run("INSERT INTO organization (name, created, scim) VALUES ('acme', 0, 1)");
        let ids: Vec<String> = (0..MEMBERS).map(|n| format!("user-{n:05}")).collect();
        for some in ids.chunks(1_000) {
            let batch: Vec<Change> = some
                .iter()
                .map(|id| create("User", &json!({"id": id, "userName": id, "displayName": format!("Person {id}")})))
                .collect();
            store.commit(&context, &batch).await.unwrap();
        }
        let group = |id: &str| create("Group", &json!({"id": id, "displayName": id}));
        store.commit(&context, &[group("all"), group("other")]).await.unwrap();
        store.commit(&context, &[edit("all", &ids[1..], &[])]).await.unwrap();
        let groups = UserGroups::new(database.clone());
        let editors = groups.add("acme", "Editors", None, "admin").await.unwrap();
        groups.map("acme", "all", vec![editors.clone()], vec![]).await.unwrap();
        if database.dialect() == Dialect::Postgres {
            place.run("ANALYZE");
        }
        assert_eq!(groups.find("acme", &editors).await.unwrap().unwrap().people, UserGroups::COUNTED + 1);

        let first = || ids[..1].to_vec();
        let mut statements = Vec::new();
        for (what, change) in [
            ("add to the mapped group", edit("all", &first(), &[])),
            ("remove from the mapped group", edit("all", &[], &first())),
            ("add to another group", edit("other", &first(), &[])),
            ("remove from another group", edit("other", &[], &first())),
        ] {
            watch.take();
            store.commit(&context, &[change]).await.unwrap();
            let seen = watch.take();
            println!("{place:?}: {what}: {} statements", seen.len());
            for Seen { sql, rows, .. } in &seen {
                println!("  {rows} {sql}");
                assert!(*rows <= FEW, "{what}: {rows} rows of {sql}");
            }
            statements.push(seen);
        }
        let about = |index: usize| statements[index].iter().filter(|seen| seen.sql.contains("user_group")).count();
        assert_eq!((about(2), about(3)), (1, 1), "no mapping: one look-up more");
        assert!(
            statements[2]
                .iter()
                .any(|seen| seen.sql.starts_with("SELECT user_group FROM user_group_mapping") && seen.rows == 0)
        );

        // The pages, with their plans.
        let accounts = Accounts::new(database.clone());
        watch.take();
        for tab in [Tab::All, Tab::Unassigned, Tab::Deactivated] {
            let found =
                accounts.list("acme", Listing { tab, after: Some("user-05000"), ..Listing::default() }).await.unwrap();
            assert!(found.accounts.len() <= 50);
        }
        for by_hand in [true, false] {
            accounts.list("acme", Listing { by_hand, search: "user-07", ..Listing::default() }).await.unwrap();
        }
        accounts.list("acme", Listing { by_hand: true, ..Listing::default() }).await.unwrap();
        accounts.counts("acme").await.unwrap();
        accounts.unassigned("acme").await.unwrap();
        accounts.conflicting("acme", "user-00007").await.unwrap();
        accounts.details("acme", "user-00007").await.unwrap();
        groups.all("acme").await.unwrap();
        groups.filled_by("acme").await.unwrap();
        groups.scim_groups("acme", "al", None).await.unwrap();
        groups.scim_groups("acme", "", Some("all")).await.unwrap();
        groups.of_person("acme", "user-00007").await.unwrap();
        groups.of_people("acme", &["user-00007", "user-00008"]).await.unwrap();
        let members = groups.people("acme", &editors, Some(("all", "user-05000"))).await.unwrap();
        assert_eq!(members.members.len(), 50);
        let large = ["account", "member", "user_group_member", "resource", "unique_key"];
        let mut plans = 0;
        for Seen { sql, plan, rows } in watch.take() {
            if plan.is_empty() {
                assert!(rows <= 51, "{rows} rows of {sql}");
                continue;
            }
            plans += 1;
            // If all rows match, PostgreSQL reads the first thousand of them without an index.
            if database.dialect() == Dialect::Postgres && sql.contains("LIMIT") && sql.contains("count(") {
                continue;
            }
            for line in plan.lines() {
                let walks = if database.dialect() == Dialect::Sqlite {
                    let mut words = line.trim().split(' ');
                    let (verb, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    let alias = ["a", "u", "r", "k"].contains(&name) || large.contains(&name);
                    verb == "SCAN" && alias
                        || line.contains("TEMP B-TREE FOR ORDER BY") && sql.contains("FROM account WHERE")
                } else {
                    large.iter().any(|table| line.contains(&format!("Seq Scan on {table}")))
                };
                assert!(!walks, "{line}\n{sql}\n{plan}");
            }
        }
        assert!(plans > 15, "{plans}");
    }
}
