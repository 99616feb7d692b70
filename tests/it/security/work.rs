//! Every request has a bound on its work: it is refused before the bound is exceeded, and a refusal changes nothing.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context as Task, Poll, Waker},
};

use crate::fixture::host::{Host, host_with};
use crate::fixture::modest::modest;
use scim_core::{
    limits::{Limits, Work},
    protocol::Request,
    quirks::Quirks,
    schema::Registry,
    store::{MemoryStore, Pushdown, Store},
};
use serde_json::{Value as Json, json};

fn limited(work: u64) -> Limits {
    let mut limits = Limits::default();
    limits.work = work;
    limits
}

fn host_of(work: u64) -> Host<MemoryStore> {
    host_with(Registry::standard(), MemoryStore::new(), limited(work), Quirks::default())
}

fn users<S: Store>(host: &Host<S>, count: usize) {
    for index in 0..count {
        let emails = json!([{"value": format!("a{index}@x")}, {"value": format!("b{index}@x")}]);
        assert_eq!(host.post("/Users", &json!({"userName": format!("u{index}"), "emails": emails})).status, 201);
    }
}

fn any_of(terms: usize, term: &str) -> String {
    vec![term; terms].join(" or ")
}

/// The work of a filter is its terms times the resources, wherever it is evaluated.
#[test]
fn a_search_beyond_the_bound_is_refused_by_every_store() {
    fn check<S: Store>(name: &str, host: &Host<S>) {
        users(host, 100);
        let search = |terms: usize, term: &str| host.get(&format!("/Users?filter={}&count=1", any_of(terms, term)));
        for term in ["emails.value co \"none\"", "emails[value co \"none\" and type pr]", "groups.display co \"none\""]
        {
            assert_eq!(search(2, term).status, 200, "{name}: {term}");
        }
        let reply = search(100, "emails.value co \"none\"");
        assert_eq!(reply.error(), (400, "tooMany".to_owned()), "{name}");
        // The bound applies to each request separately.
        assert_eq!(search(2, "emails.value co \"none\"").status, 200, "{name}");
    }
    check("memory", &host_of(5_000));
    check("a store that filters nothing", &modest(Some(Pushdown::No), true, true, limited(5_000)));
    check("a store that finds too many", &modest(Some(Pushdown::Superset), false, false, limited(5_000)));
}

/// The filters of identity providers pass, and a filter of the maximal size does not.
#[test]
fn a_bound_passes_real_filters_and_refuses_the_largest() {
    let host = host_of(500_000);
    users(&host, 300);
    let ids: Vec<String> = (1..=200).map(|index| format!("id eq \"id-{index:03}\"")).collect();
    assert_eq!(host.get(&format!("/Users?filter={}&count=1", ids.join(" or "))).status, 200);
    assert_eq!(host.get("/Users?filter=emails.value co \"a7\" and active eq true&sortBy=userName").status, 200);
    let worst = any_of(1_024, "emails.value co \"none\"");
    assert_eq!(host.get(&format!("/Users?filter={worst}&count=1")).error(), (400, "tooMany".to_owned()));
}

/// A PATCH counts the bytes that its conditions compare.
#[test]
fn a_patch_counts_the_bytes_of_long_values() {
    let host = host_of(700_000);
    let emails: Vec<Json> = (0..60).map(|index| json!({"value": format!("{}{index}", "a".repeat(60_000))})).collect();
    let id = host.post("/Users", &json!({"userName": "ann", "emails": emails})).id();
    let path = format!("emails[value co \"{}b\"]", "a".repeat(500));
    let operations: Vec<Json> = (0..100).map(|_| json!({"op": "remove", "path": path})).collect();
    let body = json!({"Operations": operations}).to_string();
    host.refused("PATCH", &format!("/Users/{id}"), body.as_bytes(), 400, "tooMany");
    let few = json!(operations[..2]);
    assert_eq!(host.patch(&format!("/Users/{id}"), &few).status, 200);
}

/// The work of an `add` is proportional to the number of values, however many of them share a sub-attribute.
#[test]
fn an_add_of_similar_values_takes_linear_work() {
    let addresses = |count: usize| -> Json {
        (0..count)
            .map(|index| {
                let (a, b, c) = (index % 20, index / 20 % 20, index / 400);
                json!({"locality": format!("l{a}"), "region": format!("r{b}"), "country": format!("c{c}")})
            })
            .collect()
    };
    for count in [500_usize, 1_000, 2_000] {
        // Eight units for each stored address and for each new address.
        let host = host_of(16 * u64::try_from(count).unwrap());
        let target = format!("/Users/{}", host.post("/Users", &json!({"userName": "ann"})).id());
        let add = json!([{"op": "add", "path": "addresses", "value": addresses(count)}]);
        let added = host.patch(&target, &add);
        assert_eq!(added.status, 200, "{count}: {}", added.json()["detail"]);
        assert_eq!(added.json()["addresses"].as_array().unwrap().len(), count);
        let again = host.patch(&target, &add);
        assert_eq!((again.status, again.etag()), (200, added.etag()), "{count}: {}", again.json()["detail"]);
    }
}

/// A PATCH that touches no list of references does not read one: a rename takes the same work whatever the members.
#[test]
fn a_rename_takes_the_same_work_for_any_number_of_members() {
    let store = Arc::new(MemoryStore::new());
    let host = host_with(Registry::standard(), Arc::clone(&store), limited(50), Quirks::default());
    let wide = host_with(Registry::standard(), store, Limits::default(), Quirks::default());
    let ids: Vec<Json> = (0..300).map(|index| json!({"value": wide.user(&format!("u{index}"))})).collect();
    for members in [0, 3, 300] {
        let body = json!({"displayName": "g", "members": ids[..members]});
        let target = format!("/Groups/{}", wide.post("/Groups", &body).id());
        let renames = [
            json!([{"op": "replace", "path": "displayName", "value": "h"}]),
            json!([{"op": "replace", "value": {"displayName": "i", "externalId": "e"}}]),
        ];
        for rename in &renames {
            let reply = host.send(
                "PATCH",
                &format!("{target}?excludedAttributes=members"),
                &[],
                json!({"Operations": rename}).to_string().as_bytes(),
            );
            assert_eq!(reply.status, 200, "{members} members: {}", reply.json());
        }
        let group = wide.get(&target).json();
        assert_eq!(group["displayName"], "i");
        assert_eq!(group["members"].as_array().map_or(0, Vec::len), members);
        // A read of the whole group is a request with its own bound.
        if members == 300 {
            assert_eq!(host.get(&target).error(), (400, "tooMany".to_owned()));
        }
        // A patch that changes the list as well as the name reads the list.
        if members == 300 {
            let both = json!({"Operations": [
                {"op": "replace", "path": "displayName", "value": "j"},
                {"op": "remove", "path": "members[type eq \"Group\"]"},
            ]});
            let before = wide.everything();
            host.refused("PATCH", &target, both.to_string().as_bytes(), 400, "tooMany");
            assert_eq!(wide.everything(), before);
        }
    }
}

/// A completed write is not refused because its answer would exceed the bound: the answer then has no body.
#[test]
fn a_write_is_not_refused_after_it_has_happened() {
    let store = Arc::new(MemoryStore::new());
    let wide = host_with(Registry::standard(), Arc::clone(&store), Limits::default(), Quirks::default());
    let members: Vec<Json> = (0..50).map(|index| json!({"value": wide.user(&format!("u{index}"))})).collect();
    let target = format!("/Groups/{}", wide.post("/Groups", &json!({"displayName": "g", "members": members})).id());
    let rows = [
        json!([{"op": "replace", "path": "displayName", "value": "h"}]),
        json!([{"op": "remove", "path": format!("members[value eq {}]", members[0]["value"])}]),
        json!([{"op": "add", "path": "members", "value": [members[0]]}]),
    ];
    for operations in rows {
        let body = json!({"Operations": operations}).to_string();
        let mut outcomes = Vec::new();
        for work in (0..=120).step_by(6) {
            let host = host_with(Registry::standard(), Arc::clone(&store), limited(work), Quirks::default());
            let before = wide.get(&target);
            let reply = host.send("PATCH", &target, &[], body.as_bytes());
            let after = wide.get(&target);
            match reply.status {
                400 => {
                    assert_eq!((reply.error().1.as_str(), after.etag()), ("tooMany", before.etag()), "{work}: {body}");
                }
                204 => assert_eq!(reply.etag(), after.etag(), "{work}: {body}"),
                200 => assert_eq!(reply.json()["displayName"], after.json()["displayName"], "{work}: {body}"),
                other => panic!("{other} for {work}: {body}"),
            }
            outcomes.push((reply.status, before.etag() == after.etag()));
        }
        assert!(outcomes.contains(&(204, false)), "{body}: {outcomes:?}");
        assert!(outcomes.last().is_some_and(|(status, _)| *status == 200), "{body}: {outcomes:?}");
    }
}

/// The operations of a bulk request share one bound.
#[test]
fn a_bulk_request_shares_one_bound() {
    let host = host_of(400);
    let id = host.post("/Users", &json!({"userName": "ann", "emails": [{"value": "a@x"}, {"value": "b@x"}]})).id();
    let patch = |index: usize| {
        let path = "emails[value eq \"a@x\"].display";
        let data = json!({"Operations": [{"op": "replace", "path": path, "value": format!("d{index}")}]});
        json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": data})
    };
    let bulk = |count: usize| {
        let operations: Vec<Json> = (0..count).map(patch).collect();
        let reply = host.post("/Bulk", &json!({"Operations": operations})).json();
        reply["Operations"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap().to_owned()).collect()
    };
    let few: Vec<String> = bulk(10);
    assert!(few.iter().all(|status| status == "200"), "{few:?}");
    let many: Vec<String> = bulk(200);
    let done = many.iter().take_while(|status| *status == "200").count();
    assert!((10..200).contains(&done), "{many:?}");
    assert!(many[done..].iter().all(|status| status == "400"), "every later operation is refused: {many:?}");
    let user = host.get(&format!("/Users/{id}")).json();
    assert_eq!(user["emails"][0]["display"], format!("d{}", done - 1), "a refused operation changes nothing");
}

/// A small change of a large resource costs work by the size of the resource, since the write copies and checks all of
/// it.
#[test]
fn a_write_is_charged_by_the_size_of_the_resource() {
    let limit = 10_000;
    let host = host_of(limit);
    let emails: Vec<Json> = (0..300).map(|index| json!({"value": format!("{index}@x.example")})).collect();
    let user = |name: String| json!({"userName": "ann", "displayName": name, "emails": emails});
    let id = host.post("/Users", &user("first".to_owned())).id();
    let size = user(String::new()).to_string().len();
    let path = format!("/Users/{id}");
    for method in ["PATCH", "PUT"] {
        let operation = |index: usize| {
            let name = format!("{method}{index}");
            let patch = json!({"Operations": [{"op": "replace", "path": "displayName", "value": name}]});
            let data = if method == "PUT" { user(name) } else { patch };
            json!({"method": method, "path": path, "data": data})
        };
        let operations: Vec<Json> = (0..100).map(operation).collect();
        let reply = host.post("/Bulk", &json!({"Operations": operations})).json();
        let statuses = reply["Operations"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap());
        let done = statuses.clone().take_while(|status| *status == "200").count();
        // The size counts before and after the change, at one unit for 64 bytes.
        let most = usize::try_from(limit).unwrap() * 64 / size / 2;
        assert!((1..=2 * most).contains(&done) && done < 100, "{method}: {done} of at most {most}");
        assert!(statuses.skip(done).all(|status| status == "400"), "{method}");
        assert_eq!(host.get(&path).json()["displayName"], format!("{method}{}", done - 1), "a refusal changes nothing");
    }
}

/// If no operation of a bulk request can be done within the bound, the whole request is refused (RFC 7644 §3.7.4).
#[test]
fn a_bulk_request_beyond_the_bound_is_refused_as_a_whole() {
    let host = host_of(400);
    let emails: Vec<Json> = (0..300).map(|index| json!({"value": format!("{index}@x")})).collect();
    let id = host.post("/Users", &json!({"userName": "ann", "emails": emails})).id();
    let data = json!({"Operations": [{"op": "remove", "path": "emails[value co \"@y\"]"}]});
    let operation = json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": data});
    let body = json!({"Operations": [operation.clone(), operation]}).to_string();
    host.refused("POST", "/Bulk", body.as_bytes(), 413, "");
    // If one operation is done, every operation has an outcome.
    let create = json!({"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bob"}});
    let mixed = host.post("/Bulk", &json!({"Operations": [create, operation_of(&body)]}));
    let statuses: Vec<Json> =
        mixed.json()["Operations"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!((mixed.status, statuses), (200, vec![json!("201"), json!("400")]));
}

/// The first operation of a bulk request.
fn operation_of(body: &str) -> Json {
    serde_json::from_str::<Json>(body).unwrap()["Operations"][0].clone()
}

/// One operation of a PATCH has its own bound, since it runs without a pause.
#[test]
fn a_patch_operation_has_a_bound_of_its_own() {
    let host = host_of(Limits::default().work);
    let emails: Vec<Json> = (0..10_000).map(|index| json!({"value": format!("{index}@x")})).collect();
    let target = format!("/Users/{}", host.post("/Users", &json!({"userName": "ann", "emails": emails})).id());
    let path = |terms: usize| format!("emails[{}]", any_of(terms, "value eq \"y\""));
    let body = |terms: usize| json!({"Operations": [{"op": "remove", "path": path(terms)}]});
    assert_eq!(host.patch(&target, &body(40)["Operations"]).status, 200);
    host.refused("PATCH", &target, body(60).to_string().as_bytes(), 400, "tooMany");
}

/// A long request lets other tasks run: it yields to the executor repeatedly.
#[test]
fn a_long_request_yields() {
    let host = host_of(Limits::default().work);
    let emails: Vec<Json> = (0..2_000).map(|index| json!({"value": format!("{index}@x")})).collect();
    let id = host.post("/Users", &json!({"userName": "ann", "emails": emails})).id();
    let operations: Vec<Json> = (0..300)
        .map(|index| json!({"op": "replace", "path": format!("emails[value eq \"{index}@x\"].display"), "value": "d"}))
        .collect();
    let body = json!({"Operations": operations}).to_string();
    let target = format!("/Users/{id}");
    let request = Request::new("PATCH", &target).with_body(body.as_bytes());
    let (mut future, mut task) = (pin!(host.provider.handle(&host.context, &request)), Task::from_waker(Waker::noop()));
    let mut polls = 0;
    let response = loop {
        polls += 1;
        if let Poll::Ready(response) = future.as_mut().poll(&mut task) {
            break response;
        }
    };
    assert_eq!(response.status, 200);
    // 300 operations examine 2,000 elements each, some 1.2 million units: a pause after each 50,000.
    assert!(polls > 20, "{polls}");
}

#[test]
fn work_is_refused_before_it_is_exceeded() {
    let work = Work::new(10);
    assert!(work.charge(11).is_err() && work.charge(u64::MAX).is_err());
    assert_eq!((work.spent(), work.left()), (0, 10));
    assert!(work.charge(10).is_ok() && work.charge(1).is_err() && work.charge(0).is_ok());
    assert_eq!((Work::of_text(0), Work::of_text(64), Work::of_text(6_400)), (1, 2, 101));
}

/// A page by index that is too large is refused, and the error names the count that fits. A page by cursor ends early,
/// and the walk finds every resource.
#[test]
fn an_answer_has_a_bound() {
    let mut limits = Limits::default();
    limits.answer = 20_000;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    for index in 0..12 {
        let user = json!({"userName": format!("u{index}"), "title": "t".repeat(4_000)});
        assert_eq!(host.post("/Users", &user).status, 201);
    }
    let reply = host.get("/Users?count=12");
    assert_eq!(reply.error(), (400, "tooMany".to_owned()));
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    let count: usize = detail.split("count=").nth(1).unwrap().split('`').next().unwrap().parse().unwrap();
    assert!((2..12).contains(&count), "{detail}");
    let mut found = Vec::new();
    for start in (1..=12).step_by(count) {
        let page = host.get(&format!("/Users?count={count}&startIndex={start}"));
        assert_eq!((page.status, &page.json()["totalResults"]), (200, &json!(12)));
        assert!(page.body.len() < 25_000);
        found.extend(page.json()["Resources"].as_array().unwrap().iter().map(|it| it["userName"].clone()));
    }
    let mut walked = Vec::new();
    let mut target = "/Users?cursor&count=12".to_owned();
    loop {
        let page = host.get(&target);
        assert_eq!(page.status, 200, "{}", page.json());
        assert!(page.body.len() < 25_000);
        walked.extend(page.json()["Resources"].as_array().unwrap().iter().map(|it| it["userName"].clone()));
        let Some(next) = page.json()["nextCursor"].as_str().map(str::to_owned) else { break };
        target = format!("/Users?cursor={next}&count=12");
    }
    assert_eq!((found.len(), walked.len()), (12, 12));
    assert_eq!(found, walked);
    // A resource of more than a quarter of the bound is not written.
    let large = json!({"userName": "large", "nickName": "n".repeat(5_000)});
    assert_eq!(host.post("/Users", &large).error(), (400, "tooMany".to_owned()));
    assert_eq!(host.get("/Users?count=0").json()["totalResults"], json!(12));
}
