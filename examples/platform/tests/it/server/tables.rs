//! Behavior of the tables beyond the promises of the trait: versions, derived columns, long values, the outbox, and
//! many writes in one commit.

use crate::process;
use std::{fmt::Write as _, sync::Arc};

use crate::process::{Place, databases};
use chrono::Utc;
use platform::{
    account::Accounts,
    database::{Database, OpenError},
    directory::Directory,
    registry,
    storage::Storage,
    store::{self, Resources, outbox},
};
use scim_core::{
    event::Event,
    filter::Filter,
    quirks::{Quirks, Tolerance},
    resource::Resource,
    schema::ResourceType,
    sql::{Dialect, DocumentStore, representation},
    store::{
        Change, CommitError, Deletion, Entry, Expect, Replacement, RequestContext, RequestedAttributes, Scan, Store,
        StoreError, TenantId, Window,
    },
};

async fn open(place: &Place) -> Resources {
    store::open(Database::open(&place.url).await.unwrap(), &registry()).await.unwrap()
}

fn resource_type(name: &str) -> Arc<ResourceType> {
    Arc::clone(registry().resource_type(name).unwrap())
}

fn acme() -> RequestContext {
    RequestContext::new(TenantId::new("acme").unwrap())
}

fn user(id: &str, name: &str) -> Change {
    let json = serde_json::json!({"id": id, "userName": name, "meta": {"resourceType": "User"}}).to_string();
    Change::Create(Entry::new(Resource::from_json(&resource_type("User"), json.as_bytes()).unwrap()))
}

/// The ids of the users that satisfy a filter, which the database must evaluate.
async fn found(store: &Resources, filter: &str) -> Vec<String> {
    let resource_type = resource_type("User");
    let filter: Filter = filter.parse().unwrap();
    let matcher = filter.compile(&resource_type, &mut Tolerance::new(Quirks::default())).unwrap();
    let conditions: Vec<_> = matcher.conditions().iter().collect();
    let window = Window::behind(None, 100);
    let scan = Scan {
        resource_type: &resource_type,
        filter: &conditions,
        sort: None,
        window,
        requested: &RequestedAttributes::everything(),
        count: false,
    };
    let page = store.scan(&acme(), &scan).await.unwrap();
    page.items.iter().map(|stored| stored.resource.id().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_later_program_are_left_alone() {
    for place in databases() {
        open(&place).await.commit(&acme(), &[user("1", "ann")]).await.unwrap();
        place.run("INSERT INTO schema_version (version) VALUES (1000)");
        let refused = Database::open(&place.url).await;
        assert!(matches!(refused, Err(OpenError::Newer { found: 1000, .. })), "{place:?}: {refused:?}");
        place.run("DELETE FROM schema_version WHERE version = 1000");
        assert_eq!(found(&open(&place).await, "userName eq \"ann\"").await, ["1"], "{place:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_make_the_tables_once() {
    // Repeated, since a collision needs luck.
    for place in (0..10).flat_map(|_| databases()) {
        let open = |url: String| {
            tokio::spawn(async move { store::open(Database::open(&url).await?, &registry()).await.map(drop) })
        };
        let opened: Vec<_> = (0..6).map(|_| open(place.url.clone())).collect();
        for opened in opened {
            opened.await.unwrap().unwrap_or_else(|error| panic!("{place:?}: {error:?}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn derived_columns_are_made_again_when_their_rules_change() {
    for place in databases() {
        let store = open(&place).await;
        let all: Vec<Change> = (0..1_000).map(|n| user(&format!("id{n}"), &format!("Name{n}"))).collect();
        store.commit(&acme(), &all).await.unwrap();
        place.run("UPDATE resource SET comparable = '{}'");
        assert_eq!(found(&store, "userName eq \"NAME7\"").await, [""; 0], "{place:?}");
        open(&place).await;
        assert_eq!(
            found(&store, "userName eq \"NAME7\"").await,
            [""; 0],
            "{place:?}: by the same rules nothing is made"
        );
        place.run("UPDATE setting SET value = 'by other rules' WHERE name = 'comparable'");
        open(&place).await;
        assert_eq!(found(&store, "userName eq \"NAME7\"").await, ["id7"], "{place:?}");
        assert_eq!(found(&store, "userName eq \"NAME999\"").await, ["id999"], "{place:?}");

        place.run("DELETE FROM unique_key");
        place.run("UPDATE setting SET value = 'by other rules' WHERE name = 'comparable'");
        let store = open(&place).await;
        let again = store.commit(&acme(), &[user("id1000", "name7")]).await;
        assert!(matches!(again, Err(CommitError { error: StoreError::NotUnique { .. }, .. })), "{place:?}: {again:?}");
    }
}

/// 7643-4.1.1-01: a program that folds by newer rules opens tables whose texts were only lower-cased.
#[tokio::test(flavor = "multi_thread")]
async fn texts_of_an_older_fold_are_derived_again() {
    for place in databases() {
        let store = open(&place).await;
        let names = [("1", "γιωργος"), ("2", "temporary"), ("3", "jose\u{301}"), ("4", "ann")];
        store.commit(&acme(), &names.map(|(id, name)| user(id, name))).await.unwrap();
        drop(store);
        // Lower-casing kept the final sigma and the combining accent, so a second user could exist.
        let as_text =
            if place.url.starts_with("sqlite") { ["json(comparable)", ""] } else { ["comparable::text", "::jsonb"] };
        for (id, old, new) in
            [("1", "γιωργος", "γιωργοσ"), ("2", "γιωργοσ", "temporary"), ("3", "jose\u{301}", "jos\u{e9}")]
        {
            place.run(&format!("UPDATE unique_key SET value = '={old}' WHERE id = '{id}' AND value = '={new}'"));
            let [text, json] = as_text;
            let replaced = format!("replace({text}, '{new}', '{old}'){json}");
            place.run(&format!("UPDATE resource SET comparable = {replaced} WHERE id = '{id}'"));
        }
        place.run("UPDATE resource SET document = replace(document, 'temporary', 'ΓΙΩΡΓΟΣ') WHERE id = '2'");
        let lower_cased = format!("UPDATE setting SET value = replace(value, '{}', '1/17.0.0')", representation());
        place.run(&lower_cased);

        let store = open(&place).await;
        for name in ["ΓΙΩΡΓΟΣ", "γιωργος", "γιωργοσ"] {
            assert_eq!(found(&store, &format!("userName eq \"{name}\"")).await, ["1", "2"], "{place:?} {name}");
        }
        for name in ["JOS\u{c9}", "jose\u{301}"] {
            assert_eq!(found(&store, &format!("userName eq \"{name}\"")).await, ["3"], "{place:?} {name}");
        }
        for name in ["Γιωργος", "jos\u{e9}", "ANN"] {
            let refused = store.commit(&acme(), &[user("9", name)]).await;
            assert!(
                matches!(refused, Err(CommitError { error: StoreError::NotUnique { .. }, .. })),
                "{place:?} {name}: {refused:?}"
            );
        }
        // Both users can be changed and deactivated, and keep their names until one of them takes another name.
        let replace = |id: &str, name: &str, active: bool| {
            let json = serde_json::json!({"id": id, "userName": name, "active": active}).to_string();
            let resource = Arc::new(Resource::from_json(&resource_type("User"), json.as_bytes()).unwrap());
            Change::Replace(Replacement {
                entry: Entry::new(Arc::clone(&resource)),
                expect: Expect::Exists,
                before: resource,
            })
        };
        for (id, name) in [("1", "γιωργος"), ("2", "ΓΙΩΡΓΟΣ"), ("2", "γιωργος")] {
            store.commit(&acme(), &[replace(id, name, false)]).await.unwrap();
        }
        let taken = store.commit(&acme(), &[replace("4", "ΓΙΩΡΓΟΣ", true)]).await;
        assert!(matches!(taken, Err(CommitError { error: StoreError::NotUnique { .. }, .. })), "{place:?}: {taken:?}");
        assert_eq!(found(&store, "active eq false").await, ["1", "2"], "{place:?}");
        store.commit(&acme(), &[replace("2", "george", true)]).await.unwrap();
        let taken = store.commit(&acme(), &[replace("2", "ΓΙΩΡΓΟΣ", true)]).await;
        assert!(matches!(taken, Err(CommitError { error: StoreError::NotUnique { .. }, .. })), "{place:?}: {taken:?}");
        store.commit(&acme(), &[replace("1", "giorgos", true), user("5", "ΓΙΩΡΓΟΣ")]).await.unwrap();
        assert_eq!(found(&store, "userName eq \"γιωργος\"").await, ["5"], "{place:?}");
    }
}

/// The total of users in a list without a filter.
async fn total(store: &Resources) -> Option<u64> {
    let (resource_type, requested) = (resource_type("User"), RequestedAttributes::everything());
    let window = Window::Offset { skip: 0, take: 0 };
    let scan =
        Scan { resource_type: &resource_type, filter: &[], sort: None, window, requested: &requested, count: true };
    store.scan(&acme(), &scan).await.unwrap().total
}

fn deletion(id: &str) -> Change {
    Change::Delete(Deletion {
        resource_type: resource_type("User"),
        id: id.into(),
        expect: Expect::Exists,
        at: Utc::now(),
        before: None,
    })
}

/// The stored totals are the numbers of rows, despite concurrent writers, and failed writes do not count.
#[tokio::test(flavor = "multi_thread")]
async fn totals_are_those_of_the_rows() {
    for place in databases() {
        let store = Arc::new(open(&place).await);
        assert_eq!(total(&store).await, Some(0), "{place:?}");
        let writes: Vec<_> = (0..40)
            .map(|n| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let id = |part: &str| format!("{n}{part}");
                    let batch = [user(&id("a"), &id("a")), user(&id("b"), &id("b")), deletion(&id("a"))];
                    store.commit(&acme(), &batch).await.unwrap();
                    // A failed batch leaves nothing.
                    let batch = [user(&id("c"), &id("c")), user(&id("d"), &id("b"))];
                    store.commit(&acme(), &batch).await.unwrap_err();
                    if n % 2 == 0 {
                        store.commit(&acme(), &[deletion(&id("b"))]).await.unwrap();
                    }
                })
            })
            .collect();
        for write in writes {
            write.await.unwrap();
        }
        assert_eq!(total(&store).await, Some(20), "{place:?}");
        assert_eq!(found(&store, "userName pr").await.len(), 20, "{place:?}");
        let other = RequestContext::new(TenantId::new("other").unwrap());
        store.commit(&other, &[user("1", "ann")]).await.unwrap();
        assert_eq!(total(&store).await, Some(20), "{place:?}: each organization has its own");
    }
}

/// SQLite's additional rows follow the documents; PostgreSQL updates its index by itself.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_looked_up_as_they_are() {
    let user = |addresses: &[(&str, &str)]| {
        let emails: Vec<_> = addresses
            .iter()
            .map(|(value, resource_type)| serde_json::json!({"value": value, "type": resource_type}))
            .collect();
        let json = serde_json::json!({"id": "1", "userName": "ann", "emails": emails}).to_string();
        Entry::new(Resource::from_json(&resource_type("User"), json.as_bytes()).unwrap())
    };
    for place in databases() {
        let store = open(&place).await;
        let entry = user(&[("Ann@Work.example", "work"), ("ann@home.example", "home"), ("ann@work.example", "other")]);
        store.commit(&acme(), &[Change::Create(entry)]).await.unwrap();
        let both = "emails[type eq \"home\" and value eq \"ann@work.example\"]";
        assert_eq!(found(&store, "emails.value eq \"ANN@work.example\"").await, ["1"], "{place:?}");
        assert_eq!(
            found(&store, "emails[type eq \"work\" and value eq \"ann@work.example\"]").await,
            ["1"],
            "{place:?}"
        );
        assert_eq!(found(&store, both).await, [""; 0], "{place:?}: one element has both");
        let before = user(&[]).resource;
        let entry = user(&[("ann@work.example", "home")]);
        store.commit(&acme(), &[Change::Replace(Replacement { entry, expect: Expect::Exists, before })]).await.unwrap();
        assert_eq!(found(&store, both).await, ["1"], "{place:?}");
        assert_eq!(found(&store, "emails.value eq \"ann@home.example\"").await, [""; 0], "{place:?}");
        store.commit(&acme(), &[deletion("1")]).await.unwrap();
        assert_eq!(found(&store, "emails.value eq \"ann@work.example\"").await, [""; 0], "{place:?}");
    }
}

/// A database at an earlier version of the tables, with an organization, two users and an index of that version.
fn make_version(place: &Place, version: usize) {
    let is_sqlite = place.url.starts_with("sqlite:");
    let dialect = if is_sqlite { Dialect::Sqlite } else { Dialect::Postgres };
    for (index, step) in Database::migrations(dialect).into_iter().take(version).enumerate() {
        place.run(&step.join(";"));
        if index == 0 {
            let digest = "0a".repeat(32);
            let [ann, bob] = [r#"{"id":"1","userName":"ann"}"#, BOB];
            place.run(&format!(
                "CREATE TABLE schema_version (version BIGINT PRIMARY KEY);
                 INSERT INTO organization VALUES ('acme', 1, 1);
                 INSERT INTO api_key (digest, organization, name, created) VALUES ('{digest}', 'acme', 'first', 1);
                 INSERT INTO resource VALUES ('acme', '1', 'User', 'v1', NULL, 0, '{ann}', '{{}}'),
                     ('acme', '7', 'User', 'v7', NULL, 0, '{bob}', '{{}}');
                 INSERT INTO setting VALUES ('comparable', '1/as it was')"
            ));
            place.run(if is_sqlite {
                "CREATE INDEX resource_username ON resource (tenant, kind, json_extract(comparable, '$.\"userName\"'))"
            } else {
                "CREATE INDEX resource_username ON resource USING hash (((comparable ->> 'userName') COLLATE \"C\"))"
            });
        }
        place.run(&format!("INSERT INTO schema_version VALUES ({})", index + 1));
    }
}

const BOB: &str = r#"{"id":"7","userName":"Bob","displayName":"Bob B.","emails":[{"value":"bob@x.example"}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_every_earlier_version_are_upgraded() {
    for version in 1..Database::migrations(Dialect::Sqlite).len() {
        for place in databases() {
            make_version(&place, version);
            let store = open(&place).await;
            let at = format!("{place:?} from version {version}");
            assert_eq!(total(&store).await, Some(2), "{at}");
            assert_eq!(found(&store, "userName eq \"BOB\"").await, ["7"], "{at}");
            assert_eq!(found(&store, "emails.value eq \"BOB@x.example\"").await, ["7"], "{at}");
            // The pages know the people, and the organization's scripts work as before.
            let database = Database::open(&place.url).await.unwrap();
            let account = Accounts::new(database.clone()).find("acme", "7").await.unwrap().unwrap();
            assert_eq!((&*account.name, account.is_from_scim()), ("Bob B.", true), "{at}");
            let directory = Directory::new(&Storage::Database(database));
            let organization = directory.organization("acme").await.unwrap().unwrap();
            assert!(organization.scim && organization.has_sign_on(), "{at}");
            assert_eq!(directory.keys(None).await.unwrap().len(), 1, "{at}");
            store.commit(&acme(), &[deletion("7")]).await.unwrap();
            assert_eq!(total(&store).await, Some(1), "{at}");
            // The index of the earlier version is gone.
            place.run("CREATE INDEX resource_username ON resource (id)");
        }
    }
}

/// The columns and the indexes of the library's tables in a database.
async fn described(place: &Place) -> Vec<String> {
    const TABLES: &str = "('resource', 'unique_key', 'member', 'tally', 'element', 'setting')";
    let Some(path) = place.url.strip_prefix("sqlite:") else {
        let (client, connection) = tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let query = format!(
            "SELECT concat_ws(' ', table_name, column_name, data_type, collation_name, is_nullable, column_default)
             FROM information_schema.columns WHERE table_schema = current_schema() AND table_name IN {TABLES}
             UNION ALL SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes
             WHERE schemaname = current_schema() AND tablename IN {TABLES}
             UNION ALL SELECT concat_ws(' ', attname, attstorage, attstattarget) FROM pg_attribute
             WHERE attrelid = to_regclass('resource') AND attnum > 0
             UNION ALL SELECT reloptions::text FROM pg_class WHERE oid = to_regclass('resource') ORDER BY 1"
        );
        return client.query(&query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    };
    let connection = rusqlite::Connection::open(path).unwrap();
    let query = format!(
        "SELECT concat_ws(' ', m.name, p.name, p.type, p.\"notnull\", p.dflt_value, p.pk)
         FROM sqlite_schema AS m, pragma_table_info(m.name) AS p WHERE m.name IN {TABLES}
         UNION ALL SELECT concat_ws(' ', m.name, m.tbl_name, i.seqno, i.name)
         FROM sqlite_schema AS m, pragma_index_info(m.name) AS i WHERE m.type = 'index' AND m.tbl_name IN {TABLES} ORDER BY 1"
    );
    let mut prepared = connection.prepare(&query).unwrap();
    prepared.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The platform's steps make the same tables as the library, which has no steps for earlier versions.
#[tokio::test(flavor = "multi_thread")]
async fn the_tables_are_those_of_the_library() {
    for (upgraded, made) in databases().into_iter().zip(databases()) {
        let database = Database::open(&upgraded.url).await.unwrap();
        let statements = DocumentStore::<()>::migrations(database.dialect());
        made.run(&statements.join(";"));
        let tables = described(&made).await;
        assert!(tables.len() > 30, "{made:?}: {tables:#?}");
        assert_eq!(described(&upgraded).await, tables, "{upgraded:?}");
        // A migration that runs again changes nothing.
        made.run(&statements.join(";"));
        assert_eq!(described(&made).await, tables, "{made:?}");
    }
}

/// An index of PostgreSQL takes no text of more than some 2,700 bytes.
#[tokio::test(flavor = "multi_thread")]
async fn long_values_are_unique_too() {
    for place in databases() {
        let store = open(&place).await;
        // Compressible text would fit the index; this text does not compress.
        let mut text = String::new();
        let mut state = 1_u64;
        while text.len() < 40_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(text, "{:x}", state >> 32).unwrap();
        }
        store.commit(&acme(), &[user("1", &text)]).await.unwrap();
        let again = store.commit(&acme(), &[user("2", &text.to_uppercase())]).await;
        assert!(
            matches!(again, Err(CommitError { error: StoreError::NotUnique { .. }, index: 0 })),
            "{place:?}: {again:?}"
        );
        store.commit(&acme(), &[user("3", &format!("{text}x"))]).await.unwrap();
        assert_eq!(found(&store, &format!("userName eq \"{text}\"")).await, ["1"], "{place:?}");
    }
}

/// Each committed change has its events, in order; a change that was not committed has no event.
#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_has_each_change() {
    for place in databases() {
        let database = Database::open(&place.url).await.unwrap();
        let store = store::open(database.clone(), &registry()).await.unwrap();
        let context = acme().with_actor("okta").with_request_id("r1");
        store.commit(&context, &[user("1", "ann"), user("2", "bob")]).await.unwrap();
        store.commit(&context, &[user("3", "cid"), user("4", "ANN")]).await.unwrap_err();
        let delete = |id: &str| {
            Change::Delete(Deletion {
                resource_type: resource_type("User"),
                id: id.into(),
                expect: Expect::Exists,
                at: Utc::now(),
                before: None,
            })
        };
        store.commit(&context, &[delete("2")]).await.unwrap();
        let other = RequestContext::new(TenantId::new("other").unwrap());
        store.commit(&other, &[user("9", "eve")]).await.unwrap();

        let rows = outbox(&database, context.tenant(), 0, 100).await.unwrap();
        let events: Vec<Event> =
            rows.iter().map(|row| Event::from_json(&registry(), row.body.as_bytes()).unwrap()).collect();
        let told: Vec<_> =
            events.iter().map(|event| (event.resource_id(), format!("{:?}", event.state_change()))).collect();
        let expected = [("1", "Created"), ("2", "Created"), ("2", "Deleted")].map(|(id, what)| (id, what.to_owned()));
        assert_eq!(told, expected, "{place:?}");
        assert!(events.iter().all(|event| event.actor() == Some("okta") && event.request_id() == Some("r1")));
        assert!(rows.is_sorted_by_key(|row| row.position));
        let rest = outbox(&database, context.tenant(), rows[1].position, 100).await.unwrap();
        assert_eq!(rest.iter().map(|row| row.position).collect::<Vec<_>>(), [rows[2].position], "{place:?}");
        assert_eq!(outbox(&database, context.tenant(), 0, 1).await.unwrap().len(), 1, "{place:?}");
    }
}

/// A locked row delays only the writes to it, and only for a bounded time.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_not_waited_for_without_end() {
    let Some(place) = process::postgres() else { return };
    let store = Arc::new(open(&place).await);
    store.commit(&acme(), &[user("1", "ann"), user("2", "bob")]).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN; SELECT id FROM resource WHERE id = '1' FOR UPDATE").await.unwrap();
    let delete = || {
        Change::Delete(Deletion {
            resource_type: resource_type("User"),
            id: "1".into(),
            expect: Expect::Exists,
            at: Utc::now(),
            before: None,
        })
    };
    // More writers than connections, half of them canceled at once.
    let waiting: Vec<_> = (0..40)
        .map(|n| {
            let (store, change) = (Arc::clone(&store), delete());
            tokio::spawn(async move {
                let patience = std::time::Duration::from_millis(if n % 2 == 0 { 100 } else { 60_000 });
                tokio::time::timeout(patience, store.commit(&acme(), &[change])).await
            })
        })
        .collect();
    for waiting in waiting {
        match waiting.await.unwrap() {
            Ok(Err(CommitError { error: StoreError::Busy | StoreError::Unavailable { .. }, .. })) | Err(_) => {}
            Ok(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(found(&store, "userName eq \"bob\"").await, ["2"]);
    client.batch_execute("ROLLBACK").await.unwrap();
    store.commit(&acme(), &[delete()]).await.unwrap();
}

/// The file has personal data.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = process::sqlite();
    open(&place).await.commit(&acme(), &[user("1", "ann")]).await.unwrap();
    let path = std::path::Path::new(place.url.strip_prefix("sqlite:").unwrap());
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
    }
}

/// Many concurrent writers may share a commit; each has its own outcome.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_takes_back_only_itself() {
    for place in databases() {
        let store = Arc::new(open(&place).await);
        let write = |n: usize| {
            let store = Arc::clone(&store);
            // Every name comes twice, and each second change of a pair is in a batch that must then fail as a whole.
            let batch =
                [user(&format!("{n}a"), &format!("alone{n}")), user(&format!("{n}b"), &format!("pair{}", n / 2))];
            tokio::spawn(async move { store.commit(&acme(), &batch).await })
        };
        let tasks: Vec<_> = (0..200).map(write).collect();
        let mut done = Vec::new();
        for (n, task) in tasks.into_iter().enumerate() {
            match task.await.unwrap() {
                Ok(_) => done.push(n),
                Err(CommitError { index: 1, error: StoreError::NotUnique { .. } }) => {}
                Err(error) => panic!("{place:?}: {error:?}"),
            }
        }
        assert_eq!(done.len(), 100, "{place:?}: one of each pair");
        for n in 0..200 {
            let alone = found(&store, &format!("userName eq \"alone{n}\"")).await;
            assert_eq!(alone.len(), usize::from(done.contains(&n)), "{place:?}: {n}");
        }
    }
}
