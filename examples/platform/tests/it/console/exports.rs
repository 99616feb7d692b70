//! The exports of the provisioning log: complete, whatever the length of the log.

use axum::response::IntoResponse as _;
use platform::console::Failure;
use scim_core::store::StoreError;
use serde_json::{Value as Json, json};

use crate::{
    browser::{Site, rows},
    process::databases,
};

/// More requests than a query reads.
const REQUESTS: usize = 12_000;

/// Events of one request, also more than a query reads.
const EVENTS: usize = 4_500;

/// Bytes of each of the large events: two are more than a query reads.
const LARGE: usize = 3 << 20;

async fn fill(site: &Site) {
    let numbers = |count| format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})");
    let text = |expression: &str| format!("CAST({expression} AS TEXT)");
    let statements = [
        format!(
            "{} INSERT INTO request (tenant, id, time, operation, kind, name, outcome, notable, status, duration)
             SELECT 'acme', 'r' || {}, 1000 * i, CASE WHEN i % 2 = 0 THEN 'GET /Users' ELSE 'POST /Users' END, 'User',
             'n' || {}, CASE WHEN i % 100 = 0 THEN 'refused' WHEN i % 100 = 1 THEN 'failed' ELSE 'done' END,
             i % 2, 200, 1000 FROM n",
            numbers(REQUESTS),
            text("i"),
            text("i")
        ),
        format!(
            "{} INSERT INTO event (tenant, id, time, body, request)
             SELECT 'acme', 'e' || {}, i, '{{\"number\":' || {} || '}}', 'r7' FROM n",
            numbers(EVENTS),
            text("i"),
            text("i")
        ),
        format!(
            "{} INSERT INTO event (tenant, id, time, body, request)
             SELECT 'acme', 'l' || {}, i, '{{\"text\":\"{}\"}}', 'r' || {} FROM n",
            numbers(4),
            text("i"),
            "x".repeat(LARGE),
            text("11993 + 2 * (i / 3)")
        ),
    ];
    for sql in statements {
        let mut statement = scim_core::sql::Statement::new(site.database.dialect());
        statement.push(&sql);
        site.database.execute(vec![statement]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_everything_that_the_filter_selects() {
    for place in databases() {
        let site = Site::start(&place).await;
        fill(&site).await;
        assert_eq!(rows(&site.database, "SELECT id FROM request").await.len(), REQUESTS);
        let admin = site.administrator().await;
        admin.get("log?kind=all").shows(&["An export has all requests that fit the filter, of the last 30 days."]);
        let ids = |chosen: fn(&usize) -> bool| {
            (1..=REQUESTS).rev().filter(chosen).map(|number| format!("r{number}")).collect::<Vec<_>>()
        };
        for (filter, expected) in [
            ("kind=all", ids(|_| true)),
            ("", ids(|number| number % 2 == 1)),
            ("kind=User&outcome=not-done", ids(|number| number % 100 < 2)),
            ("outcome=not-done", ids(|number| number % 100 == 1)),
            ("kind=all&outcome=refused", ids(|number| number % 100 == 0)),
            ("kind=Group", Vec::new()),
        ] {
            let csv = admin.get(&format!("log/export?format=csv&{filter}"));
            assert_eq!((csv.status, &csv.headers["content-type"]), (200, &"text/csv; charset=utf-8".parse().unwrap()));
            assert!(csv.text.starts_with("time,outcome,status,") && csv.text.ends_with("\r\n"), "{filter}");
            let requests = csv.text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().trim_matches('"'));
            assert_eq!(requests.collect::<Vec<_>>(), expected, "{filter}");

            let json = admin.get(&format!("log/export?format=json&{filter}"));
            assert_eq!((json.status, &json.headers["content-type"]), (200, &"application/json".parse().unwrap()));
            let all: Vec<Json> = serde_json::from_str(&json.text).unwrap();
            assert_eq!(all.iter().map(|it| it["request"].as_str().unwrap()).collect::<Vec<_>>(), expected, "{filter}");
            let changes = |id: &str| all.iter().find(|it| it["request"] == id).map(|it| &it["changes"]);
            if let Some(changes) = changes("r7") {
                let numbers = (1..=EVENTS).map(|number| json!({"number": number}));
                assert_eq!(changes, &numbers.collect::<Json>(), "{filter}");
            }
            for id in ["r11993", "r11995"] {
                let Some(changes) = changes(id) else { continue };
                let lengths = changes.as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap().len());
                assert_eq!(lengths.collect::<Vec<_>>(), [LARGE; 2], "{filter}: {id}");
            }
            let others = all.iter().filter(|it| it["changes"] != json!([])).count();
            assert_eq!(others, expected.iter().filter(|id| ["r7", "r11993", "r11995"].contains(&&***id)).count());
        }
    }
}

/// A page that examines thousands of requests without a match says so, and links to the older requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_log_names_its_bounds() {
    for place in databases() {
        let site = Site::start(&place).await;
        fill(&site).await;
        place.run("UPDATE request SET kind = 'Group', name = 'The oldest' WHERE id = 'r1'");
        let admin = site.administrator().await;
        let mut target = "log?kind=Group".to_owned();
        for bound in [true, true, false] {
            let page = admin.get(&target);
            assert_eq!(page.text.contains("The newest 5,000 requests are examined."), bound, "{place:?} {target}");
            assert_eq!(page.text.contains("The oldest"), !bound, "{place:?} {target}");
            page.hides(&["No request fits this filter."]);
            let Some(older) = page.text.split("<p class=\"paging\">").nth(1) else { break };
            let query = older.split("/log?").nth(1).unwrap().split('"').next().unwrap();
            target = format!("log?{}", query.replace("&#38;", "&"));
        }
        let omitted = "Older changes of these requests are left out.";
        admin.get("log?kind=all&before=8").shows(&[omitted]);
        admin.get("log?kind=all&before=6").hides(&[omitted]);
    }
}

#[test]
fn too_much_for_a_page_is_no_failure_of_the_database() {
    for (error, status) in [(StoreError::TooMany, 422), (StoreError::backend("gone"), 503)] {
        assert_eq!(Failure::Store(error).into_response().status(), status);
    }
}
