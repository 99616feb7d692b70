//! The people of an organization and their user groups: accounts follow SCIM, administrators assign and remove, and
//! every other request is refused without a change.

use std::{sync::Arc, thread};

use crate::browser::{Browser, Site, rows};
use crate::process::{ERROR, USER, databases};
use platform::{
    account::{Changed, NewAccount},
    registry, store,
    user_group::{Assignment, UserGroupError},
};
use serde_json::{Value as Json, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn patch(operations: &Json) -> Json {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

fn members(ids: &[&str]) -> Json {
    ids.iter().map(|id| json!({"value": id})).collect()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Checks that every account has the right number of assignments, that no row belongs to a removed object, and that
/// exactly the members of mapped groups are assigned.
async fn check(site: &Site) {
    for (what, sql) in [
        (
            "numbers",
            "SELECT a.id FROM account AS a WHERE a.assigned <> (SELECT count(*) FROM user_group_member AS u \
             WHERE u.tenant = a.tenant AND u.account = a.id)",
        ),
        (
            "rows of accounts that are gone",
            "SELECT u.account FROM user_group_member AS u WHERE NOT EXISTS (SELECT 1 FROM account AS a \
             WHERE a.tenant = u.tenant AND a.id = u.account)",
        ),
        (
            "rows of user groups that are gone",
            "SELECT u.user_group FROM user_group_member AS u WHERE NOT EXISTS (SELECT 1 FROM user_group AS g \
             WHERE g.tenant = u.tenant AND g.id = u.user_group)",
        ),
        (
            "mappings of groups that are gone",
            "SELECT m.scim_group FROM user_group_mapping AS m WHERE NOT EXISTS (SELECT 1 FROM resource AS r \
             WHERE r.tenant = m.tenant AND r.id = m.scim_group) OR NOT EXISTS (SELECT 1 FROM user_group AS g \
             WHERE g.tenant = m.tenant AND g.id = m.user_group)",
        ),
        (
            "assignments without a reason",
            "SELECT u.account FROM user_group_member AS u WHERE u.source <> '' AND NOT EXISTS (SELECT 1 \
             FROM member AS r, user_group_mapping AS m WHERE r.tenant = u.tenant AND r.holder = u.source \
             AND r.value = u.account AND m.tenant = u.tenant AND m.scim_group = u.source AND m.user_group = u.user_group)",
        ),
        (
            "members who are not assigned",
            "SELECT a.id FROM member AS r, user_group_mapping AS m, account AS a WHERE r.list = 'members' \
             AND m.tenant = r.tenant AND m.scim_group = r.holder AND a.tenant = r.tenant AND a.id = r.value \
             AND NOT EXISTS (SELECT 1 FROM user_group_member AS u WHERE u.tenant = r.tenant AND u.account = r.value \
             AND u.user_group = m.user_group AND u.source = r.holder)",
        ),
        (
            "accounts and resources",
            "SELECT r.id FROM resource AS r WHERE r.kind = 'User' AND NOT EXISTS (SELECT 1 FROM account AS a \
             WHERE a.tenant = r.tenant AND a.id = r.id) UNION ALL SELECT a.id FROM account AS a \
             WHERE a.origin = 'scim' AND NOT EXISTS (SELECT 1 FROM resource AS r WHERE r.tenant = a.tenant AND r.id = a.id)",
        ),
    ] {
        assert_eq!(rows(&site.database, sql).await, [""; 0], "{what}");
    }
}

/// The assignments, as `person group source`, with the names of all three.
async fn assignments(site: &Site) -> Vec<String> {
    let sql = "SELECT a.user_name || ' ' || g.name || ' ' || COALESCE(s.name, 'hand') FROM user_group_member AS u \
               JOIN account AS a ON a.id = u.account JOIN user_group AS g ON g.id = u.user_group \
               LEFT JOIN scim_group AS s ON s.id = u.source ORDER BY 1";
    rows(&site.database, sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_follow_scim() {
    for place in databases() {
        let site = Site::start(&place).await;
        let long = "x".repeat(5_000);
        let table: [(&str, Json, &str); 9] = [
            ("display name", json!({"displayName": "Ann Ash", "name": {"formatted": "no"}}), "Ann Ash|-|1|-"),
            ("formatted", json!({"name": {"formatted": "Ann Ash", "givenName": "no"}}), "Ann Ash|-|1|-"),
            ("parts", json!({"name": {"givenName": "Ann", "familyName": "Ash"}}), "Ann Ash|-|1|-"),
            ("user name", json!({}), "user name@example.com|-|1|-"),
            ("blank", json!({"displayName": "  "}), "blank@example.com|-|1|-"),
            ("inactive", json!({"displayName": "Ann", "active": false}), "Ann|-|0|-"),
            (
                "primary",
                json!({"displayName": "Ann", "emails": [{"value": "a@example.com"}, {"value": "b@example.com", "primary": true}]}),
                "Ann|b@example.com|1|-",
            ),
            (
                "first",
                json!({"displayName": "Ann", "emails": [{"value": "a@example.com"}, {"value": "b@example.com"}],
                       ENTERPRISE: {"department": "Legal"}}),
                "Ann|a@example.com|1|Legal",
            ),
            ("long", json!({"displayName": long, "externalId": long}), "long"),
        ];
        let row = "SELECT name || '|' || COALESCE(email, '-') || '|' || CAST(active AS TEXT) || '|' || \
                   COALESCE(department, '-') FROM account WHERE id = ";
        for (what, more, expected) in table {
            let mut user = json!({"schemas": [USER], "userName": format!("{what}@example.com")});
            user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let made = site.server.request("POST", "/Users", Some(&user));
            assert_eq!(made.status, 201, "{what}: {}", made.text);
            let id = made.json["id"].as_str().unwrap();
            let found = rows(&site.database, &format!("{row}'{id}'")).await;
            if what == "long" {
                assert!(found[0].len() < 300, "{what}");
            } else {
                assert_eq!(found, [expected], "{what}");
            }
        }
        // A user name that is too long for an index keeps its own key.
        for end in ["a", "b"] {
            let name = format!("{}{end}", "n".repeat(4_000));
            let user = json!({"schemas": [USER], "userName": name});
            assert_eq!(site.server.request("POST", "/Users", Some(&user)).status, 201);
            let found = site.accounts.conflicting("acme", &name.to_uppercase()).await.unwrap();
            assert!(found.is_some_and(|found| found.is_from_scim()));
        }

        let id = site.user("lena", "Lena Fischer");
        let path = format!("/Users/{id}");
        let state = async |expected: &str| {
            let found = rows(&site.database, &format!("{row}'{id}'")).await;
            assert_eq!(found, if expected.is_empty() { vec![] } else { strings(&[expected]) });
            check(&site).await;
        };
        let operations = json!([{"op": "replace", "path": "active", "value": false}]);
        assert_eq!(site.server.request("PATCH", &path, Some(&patch(&operations))).status, 200);
        state("Lena Fischer|-|0|-").await;
        let user = json!({"schemas": [USER], "userName": "lena", "displayName": "Lena F."});
        assert_eq!(site.server.request("PUT", &path, Some(&user)).status, 200);
        // `active` has a default value, so a PUT without a value keeps the stored one.
        state("Lena F.|-|0|-").await;
        let user = json!({"schemas": [USER], "userName": "lena", "displayName": "Lena F.", "active": true});
        assert_eq!(site.server.request("PUT", &path, Some(&user)).status, 200);
        state("Lena F.|-|1|-").await;
        assert_eq!(site.server.request("DELETE", &path, None).status, 204);
        state("").await;
    }
}

/// A database that an earlier program has filled: the accounts exist after the next start, and names made by hand stay
/// taken.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_derived_for_resources_that_exist() {
    for place in databases() {
        let site = Site::start(&place).await;
        let id = site.user("lena", "Lena Fischer");
        site.group("Legal", &[&id]);
        let hand = site.person("Harper", false).await;
        place
            .run("DELETE FROM account WHERE origin = 'scim'; DELETE FROM scim_group; UPDATE setting SET value = 'old'");
        place.run("UPDATE account SET user_name_key = 'old', sort_name = 'old'");
        store::open(site.database.clone(), &registry()).await.unwrap();
        check(&site).await;
        assert_eq!(rows(&site.database, "SELECT name FROM scim_group").await, ["Legal"]);
        let found = site.accounts.find("acme", &id).await.unwrap().unwrap();
        assert_eq!((&*found.name, found.is_from_scim()), ("Lena Fischer", true));
        let found = site.accounts.conflicting("acme", "HARPER@example.com").await.unwrap().unwrap();
        assert_eq!(found.id, hand);
        let user = json!({"schemas": [USER], "userName": "harper@example.com"});
        assert_eq!(site.server.request("POST", "/Users", Some(&user)).status, 409);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scim_neither_sees_nor_changes_accounts_made_by_hand() {
    for place in databases() {
        let site = Site::start(&place).await;
        let hand = site.person("Harper", false).await;
        let lena = site.user("lena", "Lena Fischer");
        let group = site.group("Legal", &[&lena]);
        let editors = site.user_group("Editors").await;
        site.assign(&[&hand], &[&editors]).await;
        let all = "SELECT id || origin || user_name || name || CAST(assigned AS TEXT) FROM account ORDER BY 1";
        let before = rows(&site.database, all).await;

        let taken = json!({"schemas": [USER], "userName": "HARPER@example.com"});
        let named = format!("/Users/{hand}");
        let lenas = format!("/Users/{lena}");
        let groups = format!("/Groups/{group}");
        let rename = patch(&json!([{"op": "replace", "path": "userName", "value": "harper@example.com"}]));
        let off = patch(&json!([{"op": "replace", "path": "active", "value": false}]));
        let join = patch(&json!([{"op": "add", "path": "members", "value": [{"value": hand}]}]));
        for (what, method, path, body, status, kind) in [
            ("create", "POST", "/Users", Some(&taken), 409, "uniqueness"),
            ("rename by PUT", "PUT", &*lenas, Some(&taken), 409, "uniqueness"),
            ("rename by PATCH", "PATCH", &*lenas, Some(&rename), 409, "uniqueness"),
            ("GET", "GET", &*named, None, 404, ""),
            ("PUT", "PUT", &*named, Some(&taken), 404, ""),
            ("PATCH", "PATCH", &*named, Some(&off), 404, ""),
            ("DELETE", "DELETE", &*named, None, 404, ""),
            ("add to a group", "PATCH", &*groups, Some(&join), 400, "invalidValue"),
        ] {
            let answer = site.server.request(method, path, body);
            assert_eq!((answer.status, &answer.json["schemas"][0]), (status, &json!(ERROR)), "{what}: {}", answer.text);
            assert_eq!(answer.json["scimType"].as_str().unwrap_or_default(), kind, "{what}");
            assert!(!answer.text.contains(&hand) || what == "add to a group", "{what}: {}", answer.text);
            assert_eq!(rows(&site.database, all).await, before, "{what}");
        }
        let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "1", "data": taken},
            {"method": "DELETE", "path": format!("/Users/{hand}")},
        ]});
        let answer = site.server.request("POST", "/Bulk", Some(&bulk));
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json["Operations"][0]["status"], "409", "{}", answer.text);
        assert_eq!(answer.json["Operations"][1]["status"], "404", "{}", answer.text);
        assert_eq!(rows(&site.database, all).await, before);
        for path in [
            "/Users".to_owned(),
            "/Users?filter=userName%20eq%20%22harper@example.com%22".to_owned(),
            "/Users?filter=displayName%20co%20%22Harper%22".to_owned(),
            format!("/Users?filter=id%20eq%20%22{hand}%22"),
        ] {
            let answer = site.server.request("GET", &path, None);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            assert!(!answer.text.to_lowercase().contains("harper") && !answer.text.contains(&hand), "{path}");
        }
        let found = site.accounts.conflicting("acme", "harper@EXAMPLE.com").await.unwrap().unwrap();
        assert_eq!((found.id == hand, found.is_from_scim()), (true, false));
        let log = site.server.log();
        let line = log.lines().find(|line| line.contains("an account made by hand has the user name"));
        assert!(line.is_some_and(|line| line.contains(&hand) && !line.contains("arper")), "{log}");

        // After the administrator has removed the account, SCIM can use the name.
        let admin = site.administrator().await;
        assert_eq!(admin.post(&format!("users/{hand}/remove"), &[]).status, 303);
        assert_eq!(site.server.request("POST", "/Users", Some(&taken)).status, 201);
        check(&site).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_mapped_groups_are_assigned() {
    for place in databases() {
        let site = Site::start(&place).await;
        let [ann, bob, cid] = ["ann", "bob", "cid"].map(|name| site.user(name, name));
        let (eu, us) = (site.group("EU", &[&ann]), site.group("US", &[]));
        let (editors, viewers) = (site.user_group("Editors").await, site.user_group("Viewers").await);
        let expect = async |expected: &[&str]| {
            assert_eq!(assignments(&site).await, strings(expected));
            check(&site).await;
        };
        let map = async |group: &str, add: &[&str], remove: &[&str]| {
            site.user_groups.map("acme", group, strings(add), strings(remove)).await.unwrap();
        };
        let send = |method: &str, path: String, body: Option<Json>| {
            let answer = site.server.request(method, &path, body.as_ref());
            assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        };
        let edit = |group: &str, op: &str, ids: &[&str]| {
            let operations = json!([{"op": op, "path": "members", "value": members(ids)}]);
            send("PATCH", format!("/Groups/{group}"), Some(patch(&operations)));
        };
        expect(&[]).await;
        map(&eu, &[&editors], &[]).await;
        expect(&["ann Editors EU"]).await;
        edit(&eu, "add", &[&bob, &ann]);
        expect(&["ann Editors EU", "bob Editors EU"]).await;
        map(&eu, &[&viewers], &[]).await;
        map(&us, &[&editors], &[]).await;
        edit(&us, "add", &[&ann]);
        expect(&["ann Editors EU", "ann Editors US", "ann Viewers EU", "bob Editors EU", "bob Viewers EU"]).await;
        // The person is also assigned by hand, so the assignment stays when the group is removed.
        site.assign(&[&bob, &cid], &[&editors]).await;
        edit(&eu, "remove", &[&bob]);
        expect(&["ann Editors EU", "ann Editors US", "ann Viewers EU", "bob Editors hand", "cid Editors hand"]).await;
        edit(&eu, "replace", &[&cid]);
        expect(&["ann Editors US", "bob Editors hand", "cid Editors EU", "cid Editors hand", "cid Viewers EU"]).await;
        map(&eu, &[], &[&editors]).await;
        expect(&["ann Editors US", "bob Editors hand", "cid Editors hand", "cid Viewers EU"]).await;
        let group = json!({"schemas": [GROUP], "displayName": "EU", "members": members(&[&ann, &bob])});
        send("PUT", format!("/Groups/{eu}"), Some(group));
        expect(&["ann Editors US", "ann Viewers EU", "bob Editors hand", "bob Viewers EU", "cid Editors hand"]).await;
        send(
            "PATCH",
            format!("/Groups/{eu}"),
            Some(patch(&json!([{"op": "replace", "path": "displayName", "value": "EUR"}]))),
        );
        expect(&["ann Editors US", "ann Viewers EUR", "bob Editors hand", "bob Viewers EUR", "cid Editors hand"]).await;
        send(
            "PATCH",
            format!("/Groups/{eu}"),
            Some(patch(&json!([{"op": "remove", "path": format!("members[value eq \"{bob}\"]")}]))),
        );
        expect(&["ann Editors US", "ann Viewers EUR", "bob Editors hand", "cid Editors hand"]).await;
        send("DELETE", format!("/Users/{ann}"), None);
        expect(&["bob Editors hand", "cid Editors hand"]).await;
        edit(&eu, "add", &[&cid]);
        edit(&us, "add", &[&cid]);
        send("DELETE", format!("/Groups/{eu}"), None);
        expect(&["bob Editors hand", "cid Editors US", "cid Editors hand"]).await;
        assert_eq!(rows(&site.database, "SELECT user_group FROM user_group_mapping").await, [&*editors]);
        // A group within the group is not a person.
        let inner = site.group("Inner", &[&bob]);
        edit(&us, "add", &[&inner]);
        expect(&["bob Editors hand", "cid Editors US", "cid Editors hand"]).await;
        site.user_groups.remove("acme", &editors).await.unwrap();
        expect(&[]).await;
        let gone = site.user_groups.map("acme", &us, vec![viewers.clone(), editors.clone()], vec![]).await;
        assert!(matches!(gone, Err(UserGroupError::Gone)), "{gone:?}");
        expect(&[]).await;
        let gone = site.user_groups.map("acme", &eu, vec![viewers], vec![]).await;
        assert!(matches!(gone, Err(UserGroupError::Gone)), "{gone:?}");
        check(&site).await;
    }
}

/// SCIM changes members, administrators change mappings and assignments, people and user groups come and go: whatever
/// the order, the assignments at the end follow from the members and mappings at the end.
#[tokio::test(flavor = "multi_thread")]
async fn members_and_mappings_change_at_the_same_time() {
    for place in databases() {
        let site = Arc::new(Site::start(&place).await);
        let people: Vec<String> = (0..12).map(|n| site.user(&format!("p{n}"), "P")).collect();
        let groups: Vec<String> = (0..2).map(|n| site.group(&format!("G{n}"), &[])).collect();
        let (a, b) = (site.user_group("A").await, site.user_group("B").await);
        let mut threads = Vec::new();
        for worker in 0..4_usize {
            let (site, people, groups) = (Arc::clone(&site), people.clone(), groups.clone());
            threads.push(thread::spawn(move || {
                for round in 0..25_usize {
                    let op = ["add", "remove", "add", "replace"][(worker + round) % 4];
                    let ids: Vec<&str> = (0..3).map(|n| &*people[(worker * 5 + round * 7 + n) % 10]).collect();
                    let operations = json!([{"op": op, "path": "members", "value": members(&ids)}]);
                    let path = format!("/Groups/{}", groups[round % 2]);
                    let status = site.server.request("PATCH", &path, Some(&patch(&operations))).status;
                    assert!([200, 204, 400, 409, 503].contains(&status), "{status}");
                }
            }));
        }
        let leaving = (Arc::clone(&site), people.clone());
        threads.push(thread::spawn(move || {
            for id in &leaving.1[8..] {
                assert_eq!(leaving.0.server.request("DELETE", &format!("/Users/{id}"), None).status, 204);
            }
        }));
        let mut tasks = Vec::new();
        for worker in 0..2_usize {
            let (site, people, groups) = (Arc::clone(&site), people.clone(), groups.clone());
            let (a, b) = (a.clone(), b.clone());
            tasks.push(tokio::spawn(async move {
                for round in 0..25_usize {
                    let (one, other) = if round % 2 == worker { (&a, &b) } else { (&b, &a) };
                    let group = &groups[(round / 2) % 2];
                    let outcome = site.user_groups.map("acme", group, strings(&[one]), strings(&[other])).await;
                    assert!(matches!(outcome, Ok(_) | Err(UserGroupError::Store(_))), "{outcome:?}");
                    let assignment = Assignment {
                        people: people.iter().skip(round % 5).cloned().collect(),
                        join: strings(&[one]),
                        leave: strings(&[other]),
                        by: "admin".to_owned(),
                    };
                    let outcome = site.user_groups.assign("acme", assignment).await;
                    assert!(matches!(outcome, Ok(_) | Err(UserGroupError::Store(_))), "{outcome:?}");
                }
            }));
        }
        // A user group that is mapped, filled and removed meanwhile.
        let (brief, target) = (Arc::clone(&site), groups[0].clone());
        tasks.push(tokio::spawn(async move {
            for round in 0..8 {
                let id = brief.user_groups.add("acme", &format!("brief {round}"), None, "admin").await.unwrap();
                let _ = brief.user_groups.map("acme", &target, strings(&[&id]), vec![]).await;
                while brief.user_groups.remove("acme", &id).await.is_err() {}
            }
        }));
        for task in tasks {
            task.await.unwrap();
        }
        for thread in threads {
            thread.join().unwrap();
        }
        check(&site).await;
        let left = rows(&site.database, "SELECT name FROM user_group ORDER BY name").await;
        assert_eq!(left, ["A", "B"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commit_that_deactivates_or_deletes_a_person_ends_the_sessions() {
    for place in databases() {
        let site = Site::start(&place).await;
        let active = |value: bool| patch(&json!([{"op": "replace", "path": "active", "value": value}]));
        let body = json!({"schemas": [USER], "userName": "lena", "active": false});
        let (off, on) = (active(false), active(true));
        for (what, method, body) in
            [("PATCH", "PATCH", Some(&off)), ("PUT", "PUT", Some(&body)), ("DELETE", "DELETE", None)]
        {
            let id = site.user("lena", "Lena Fischer");
            let other = site.user("other", "Other");
            let path = format!("/Users/{id}");
            let browsers = [site.sign_in(&id).await, site.sign_in(&id).await];
            let bystander = site.sign_in(&other).await;
            for browser in &browsers {
                let page = browser.get("me");
                assert!(page.status == 200 && page.text.contains("Lena Fischer"), "{what}: {}", page.text);
            }
            assert!(site.server.request(method, &path, body).status < 300, "{what}");
            for browser in &browsers {
                let page = browser.get("me");
                assert_eq!((page.status, page.destination()), (303, "/o/acme/sign-in"), "{what}");
            }
            let sessions = rows(&site.database, "SELECT account FROM session").await;
            assert_eq!(sessions, [&*other], "{what}");
            assert_eq!(bystander.get("me").status, 200, "{what}");
            if method != "DELETE" {
                assert_eq!(site.server.request("PATCH", &path, Some(&on)).status, 200);
                assert_eq!(browsers[0].get("me").status, 303, "{what}: an ended session does not come back");
                assert_eq!(site.sign_in(&id).await.get("me").status, 200, "{what}: access is restored");
                assert_eq!(site.server.request("DELETE", &path, None).status, 204);
            }
            assert_eq!(site.server.request("DELETE", &format!("/Users/{other}"), None).status, 204);
        }
    }
}

/// Two administrators read, delete and map a group: each gets the result of her request.
#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_at_once_get_their_own_results() {
    for place in databases() {
        let site = Site::start(&place).await;
        let (one, two) = (site.administrator().await, site.administrator().await);
        let ann = site.user("ann", "Ann");
        let legal = site.group("Legal", &[&ann]);
        let (editors, viewers) = (site.user_group("Editors").await, site.user_group("Viewers").await);
        // Both have loaded the forms before either has sent one.
        for (browser, group) in [(&one, &editors), (&two, &viewers)] {
            let sent = browser.post("user-groups/mapping", &[("scim_group", &legal), ("group", group)]);
            assert_eq!((sent.status, sent.location()), (303, "/o/acme/user-groups?done=mapped&joined=1&left=0"));
            browser.get(sent.location()).shows(&["The mapping is saved. 1 person joined."]);
        }
        assert_eq!(assignments(&site).await, ["ann Editors Legal", "ann Viewers Legal"]);
        for (browser, group) in [(&one, &editors), (&two, &viewers)] {
            let sent = browser.post(&format!("users/{ann}/groups"), &[("group", group)]);
            assert_eq!(sent.status, 303);
        }
        assert_eq!(assignments(&site).await.len(), 4);
        // One administrator removes the user group that the other has on her screen.
        assert_eq!(one.post(&format!("user-groups/{viewers}/remove"), &[]).status, 303);
        let sent = two.post("users/assign", &[("person", &ann), ("group", &editors), ("group", &viewers)]);
        assert_eq!(sent.location(), "/o/acme/users?tab=unassigned&done=gone");
        let sent = two.post(&format!("user-groups/{viewers}/remove"), &[]);
        assert_eq!(sent.status, 404);
        assert_eq!(assignments(&site).await, ["ann Editors Legal", "ann Editors hand"]);
        check(&site).await;

        // The same name at the same time: one of the two requests gets it.
        let made = thread::scope(|scope| {
            let make = |browser: &Browser| browser.post("user-groups/new", &[("name", "Managers")]).status;
            let threads = [&one, &two].map(|browser| scope.spawn(move || make(browser)));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(made == [303, 409] || made == [409, 303], "{made:?}");

        // Two administrators remove each other: one of the two is left.
        for _ in 0..5 {
            let ids = [site.person("Xena", true).await, site.person("Yara", true).await];
            let remove = |id: usize| site.accounts.remove("acme", &ids[id], &ids[1 - id]);
            let (first, second) = tokio::join!(remove(0), remove(1));
            let outcomes = [first.unwrap(), second.unwrap()];
            assert!(outcomes.contains(&Changed::Done) && outcomes.contains(&Changed::NoAdministrator), "{outcomes:?}");
            place.run("DELETE FROM account WHERE user_name IN ('xena@example.com', 'yara@example.com')");
            place.run("DELETE FROM unique_key WHERE value IN ('=xena@example.com', '=yara@example.com')");
        }
        let new = |name: &str| NewAccount {
            tenant: "solo".to_owned(),
            user_name: name.to_owned(),
            name: name.to_owned(),
            email: None,
            administrator: true,
            made_by: None,
        };
        let only = site.accounts.add(new("only")).await.unwrap();
        assert_eq!(site.accounts.remove("solo", &only, &only).await.unwrap(), Changed::LastAdministrator);
        let other = site.accounts.add(new("other")).await.unwrap();
        assert_eq!(site.accounts.remove("solo", &only, &only).await.unwrap(), Changed::Own);
        assert_eq!(site.accounts.remove("solo", &only, &other).await.unwrap(), Changed::Done);
        assert_eq!(site.accounts.remove("solo", &other, &only).await.unwrap(), Changed::NoAdministrator);
    }
}
