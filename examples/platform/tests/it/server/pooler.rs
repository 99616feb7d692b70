//! PostgreSQL behind PgBouncer in transaction mode: with `--pooler` everything works, without the option the platform
//! reports the cause. Skipped unless `SCIM_TEST_POSTGRES` and `SCIM_TEST_PGBOUNCER` name both servers.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    process::{Server, TOKEN, USER, eventually, numbers, pgbouncer, run},
    scim::contract::keeps_every_promise,
};
use platform::{
    database::{Database, Deadlines, OpenError, Settings},
    storage::{Location, Storage},
};
use scim_core::{
    sql::{Dialect, Statement},
    store::StoreError,
};
use serde_json::json;

fn behind_a_pooler() -> Settings {
    Settings { pooler: true, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_passes_the_kit_behind_a_pooler() {
    let Some(place) = pgbouncer() else { return };
    let storage = Storage::open_with(&Location::read(&place.url).unwrap(), behind_a_pooler()).await.unwrap();
    keeps_every_promise(&storage, &place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_limits_hold_behind_a_pooler() {
    let Some(place) = pgbouncer() else { return };
    let deadlines = Deadlines { look_up: Duration::from_millis(300), ..Deadlines::default() };
    let database = Database::open_with(&place.url, Settings { deadlines, ..behind_a_pooler() }).await.unwrap();
    let mut sleep = Statement::new(Dialect::Postgres);
    sleep.push("SELECT pg_sleep(60)::text");
    let start = Instant::now();
    let refused = database.look_up(vec![sleep]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    // The server ended the statement, before the client stopped waiting.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    // The limit ended with its transaction: the next transaction has its own.
    let mut limit = Statement::new(Dialect::Postgres);
    limit.push("SELECT current_setting('statement_timeout')");
    let mut found = database.look_up(vec![limit]).await.unwrap().remove(0);
    assert_eq!(found[0].required_text(0).unwrap(), "300ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_without_the_flag_is_reported() {
    let Some(place) = pgbouncer() else { return };
    let refused = Database::open(&place.url).await;
    assert!(matches!(refused, Err(OpenError::Pooler(_))), "{refused:?}");
    let refused = run(&["key", "list", "--store", &place.url]);
    assert!(refused.status == Some(1) && refused.stderr.contains("`--pooler`"), "{refused:?}");
    let refused = Database::open_with(&format!("{}?options=-c%20geqo%3Doff", place.url), behind_a_pooler()).await;
    assert!(matches!(refused, Err(OpenError::Pooler(_))), "{refused:?}");
}

#[test]
fn many_clients_are_served_behind_a_pooler() {
    let Some(place) = pgbouncer() else { return };
    let server = Server::start(&["--store", &place.url, "--pooler", "--token", TOKEN, "--log", "warn"]);
    thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..10 {
                    let name = format!("user{client}-{n}");
                    let made = server.request("POST", "/Users", Some(&json!({"schemas": [USER], "userName": name})));
                    assert_eq!(made.status, 201, "{}", made.text);
                    let found = server.request("GET", &format!("/Users?filter=userName%20eq%20%22{name}%22"), None);
                    assert_eq!(found.json["totalResults"], 1, "{}", found.text);
                }
            });
        }
    });
    assert_eq!(server.request("GET", "/Users?count=0", None).json["totalResults"], 80);
    assert_eq!(server.log(), "", "nothing was worth a warning");
}

#[test]
fn a_pooler_of_another_store_is_refused() {
    for store in ["memory", "sqlite:platform.db"] {
        let refused = run(&["--store", store, "--pooler"]);
        assert!(refused.status == Some(2) && refused.stderr.contains("--pooler"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_query_stops_behind_a_pooler() {
    let Some(place) = pgbouncer() else { return };
    let database = Database::open_with(&place.url, behind_a_pooler()).await.unwrap();
    for _ in 0..8 {
        let mut sleep = Statement::new(Dialect::Postgres);
        sleep.push("SELECT pg_sleep(60)::text");
        assert!(tokio::time::timeout(Duration::from_millis(200), database.look_up(vec![sleep])).await.is_err());
    }
    let sleeping = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' \
                    AND state = 'active' AND pid <> pg_backend_pid()";
    eventually("no query sleeps", || numbers(&place.url, sleeping).is_empty());
    // The turns and the pooler's connections are free again.
    database.check().await.unwrap();
}
