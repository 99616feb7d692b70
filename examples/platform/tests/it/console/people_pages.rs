//! The pages of people and user groups over HTTP: lists, forms, the refusal of every forged request, and values from
//! outside that must stay text.

use crate::browser::{Browser, Page, Site, encoded, rows};
use crate::process::{USER, databases};
use serde_json::json;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// All rows that the forms of these pages can change.
async fn snapshot(site: &Site) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT id || user_name || name || role || CAST(active AS TEXT) || CAST(assigned AS TEXT) FROM account ORDER BY 1",
        "SELECT id || name || COALESCE(purpose, '') FROM user_group ORDER BY 1",
        "SELECT account || user_group || source FROM user_group_member ORDER BY 1",
        "SELECT scim_group || user_group FROM user_group_mapping ORDER BY 1",
        "SELECT id || document FROM resource ORDER BY 1",
        "SELECT account FROM invitation ORDER BY 1",
    ] {
        all.extend(rows(&site.database, sql).await);
    }
    all
}

/// The texts between `before` and `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

/// The names in a list of people.
fn names(page: &Page) -> Vec<String> {
    let links = between(&page.text, "<a class=\"person\"", "</a>");
    links.iter().map(|link| link.split('>').nth(1).unwrap().to_owned()).collect()
}

fn next(page: &Page) -> Option<String> {
    let links = between(&page.text, "<nav class=\"paging\"", "</nav>");
    let link = links[0].split("<a href=\"/o/acme/").find(|link| link.contains(">Next page<"))?;
    Some(link.split('"').next()?.replace("&#38;", "&").replace("&amp;", "&"))
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "two tables of requests")]
async fn every_forged_request_is_refused_and_changes_nothing() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let member = site.person("Mem", false).await;
        let member = site.sign_in(&member).await;
        let scim = site.user("lena", "Lena");
        let hand = site.person("Harper", true).await;
        let legal = site.group("Legal", &[&scim]);
        let (editors, viewers) = (site.user_group("Editors").await, site.user_group("Viewers").await);
        site.assign(&[&scim], &[&editors]).await;
        place.run("INSERT INTO organization (name, created, scim) VALUES ('globex', 0, 1)");
        let pages = [
            "users".to_owned(),
            "users?tab=unassigned".to_owned(),
            "users/new".to_owned(),
            format!("users/{scim}"),
            format!("users/{hand}/remove"),
            "user-groups".to_owned(),
            "user-groups/new".to_owned(),
            format!("user-groups/{editors}"),
            format!("user-groups/{editors}/remove"),
        ];
        let one_form = "f".repeat(64);
        let posts: Vec<(String, Vec<(&str, &str)>)> = vec![
            ("users/assign".to_owned(), vec![("person", &scim), ("group", &viewers)]),
            ("users/new".to_owned(), vec![("name", "New"), ("user_name", "new"), ("role", "administrator")]),
            (format!("users/{scim}/groups"), vec![("group", &viewers)]),
            (format!("users/{hand}/remove"), vec![]),
            (format!("users/{hand}/details"), vec![("name", "Other")]),
            (format!("users/{hand}/active"), vec![("active", "0")]),
            (format!("users/{hand}/invitation"), vec![("form", &one_form)]),
            ("user-groups/mapping".to_owned(), vec![("scim_group", &legal), ("group", &viewers)]),
            ("user-groups/new".to_owned(), vec![("name", "New")]),
            (format!("user-groups/{editors}"), vec![("name", "Other")]),
            (format!("user-groups/{editors}/leave"), vec![("person", &scim)]),
            (format!("user-groups/{editors}/remove"), vec![]),
        ];
        let before = snapshot(&site).await;
        let stranger = site.sign_in(&hand).await.without_cookies();
        let elsewhere = site.sign_in(&hand).await.with_root(|root| root.replace("/acme/", "/globex/"));
        let nowhere = site.sign_in(&hand).await.with_root(|root| root.replace("/acme/", "/nowhere/"));
        for page in &pages {
            assert_eq!(admin.get(page).status, 200, "{page}");
            for (browser, status) in [(&member, 403), (&stranger, 303), (&elsewhere, 303), (&nowhere, 404)] {
                let got = browser.get(page);
                assert_eq!(got.status, status, "{page}");
                assert!(!got.text.contains("Lena") && !got.text.contains("Editors"), "{page}: {}", got.text);
            }
        }
        for (path, fields) in &posts {
            let with = |token: &str| encoded([("token", token)].iter().chain(fields));
            let sent = |browser: &Browser, headers: &[(&str, &str)], form: &str| {
                browser.post_text(path, headers, form.to_owned())
            };
            let own = with(&admin.token);
            for (what, got, status) in [
                ("no token", sent(&admin, &[], &encoded(fields)), 403),
                ("a wrong token", sent(&admin, &[], &with("0123")), 403),
                ("another session's token", sent(&admin, &[], &with(&member.token)), 403),
                ("another site", sent(&admin, &[("Sec-Fetch-Site", "cross-site")], &own), 403),
                ("another origin", sent(&admin, &[("Origin", "https://evil.example")], &own), 403),
                ("a member", sent(&member, &[], &with(&member.token)), 403),
                ("nobody", sent(&stranger, &[], &own), 303),
                ("another organization", sent(&elsewhere, &[], &with(&elsewhere.token)), 303),
                ("an unknown organization", sent(&nowhere, &[], &with(&nowhere.token)), 404),
            ] {
                assert_eq!(got.status, status, "{path}: {what}: {}", got.text);
                assert_eq!(snapshot(&site).await, before, "{path}: {what}");
            }
        }
        // By an administrator, but not allowed or not possible.
        for (what, path, fields, status, sentence) in [
            (
                "a SCIM account",
                format!("users/{scim}/remove"),
                vec![],
                403,
                "Accounts from SCIM can't be removed here.",
            ),
            ("herself", format!("users/{}/remove", admin.account), vec![], 403, "You can't remove your own account."),
            (
                "the name of a SCIM account",
                format!("users/{scim}/details"),
                vec![("name", "Other")],
                403,
                "Accounts from SCIM can't be changed here.",
            ),
            (
                "a SCIM account turned off",
                format!("users/{scim}/active"),
                vec![("active", "0")],
                403,
                "Accounts from SCIM can't be changed here.",
            ),
            (
                "herself turned off",
                format!("users/{}/active", admin.account),
                vec![("active", "0")],
                403,
                "You can't deactivate your own account.",
            ),
            ("a link without a form", format!("users/{hand}/invitation"), vec![], 403, "The server refused this form"),
            ("no new name", format!("users/{hand}/details"), vec![("name", " ")], 422, "Enter a name"),
            (
                "no new address",
                format!("users/{hand}/details"),
                vec![("name", "X"), ("email", "x y")],
                422,
                "Enter one address",
            ),
            ("neither on nor off", format!("users/{hand}/active"), vec![("active", "2")], 403, ""),
            ("nobody's name", "users/nobody/details".to_owned(), vec![("name", "X")], 404, "already removed"),
            ("nobody turned off", "users/nobody/active".to_owned(), vec![("active", "0")], 404, "already removed"),
            ("nobody", "users/nobody/remove".to_owned(), vec![], 404, "This account is already removed"),
            ("NUL", "users/%00/remove".to_owned(), vec![], 404, ""),
            ("a link for a member", format!("users/{}/invitation", member.account), vec![], 403, "Only administrators"),
            ("a link for SCIM", format!("users/{scim}/invitation"), vec![], 403, "Only administrators"),
            ("unknown group", "user-groups/none/remove".to_owned(), vec![], 404, ""),
            (
                "mapping of nothing",
                "user-groups/mapping".to_owned(),
                vec![("scim_group", "none"), ("group", &*viewers)],
                303,
                "",
            ),
            (
                "mapping to nothing",
                "user-groups/mapping".to_owned(),
                vec![("scim_group", &*legal), ("group", "none")],
                303,
                "",
            ),
            ("nobody selected", "users/assign".to_owned(), vec![("group", &*viewers)], 303, ""),
            ("nothing selected", "users/assign".to_owned(), vec![("person", &*scim)], 303, ""),
            ("unknown person", "users/assign".to_owned(), vec![("person", "x"), ("group", &*viewers)], 303, ""),
            ("NUL person", "users/assign".to_owned(), vec![("person", "\0"), ("group", &*viewers)], 303, ""),
            (
                "taken group",
                "user-groups/new".to_owned(),
                vec![("name", "EDITORS")],
                409,
                "Another user group has this name.",
            ),
            (
                "taken by renaming",
                format!("user-groups/{viewers}"),
                vec![("name", "editors")],
                409,
                "Another user group has this name.",
            ),
            ("no group name", "user-groups/new".to_owned(), vec![("name", " ")], 422, "Enter a name"),
            ("no name", "users/new".to_owned(), vec![("name", ""), ("user_name", "x")], 422, "Enter a name"),
            (
                "control character",
                "users/new".to_owned(),
                vec![("name", "a\0b"), ("user_name", "x")],
                422,
                "Enter a name",
            ),
            ("no user name", "users/new".to_owned(), vec![("name", "X"), ("user_name", "")], 422, "Enter a user name"),
            (
                "no address",
                "users/new".to_owned(),
                vec![("name", "X"), ("user_name", "x"), ("email", "x y")],
                422,
                "Enter one address",
            ),
            (
                "taken by SCIM",
                "users/new".to_owned(),
                vec![("name", "X"), ("user_name", "LENA")],
                409,
                "Lena has this user name. The account comes from SCIM.",
            ),
            (
                "taken by hand",
                "users/new".to_owned(),
                vec![("name", "X"), ("user_name", "Harper@Example.com")],
                409,
                "Harper has this user name. The account was made by hand.",
            ),
        ] {
            let got = admin.post(&path, &fields);
            assert_eq!(got.status, status, "{what}: {}", got.text);
            let text = got.text.replace("&#39;", "'");
            assert!(text.contains(sentence), "{what}: {text}");
            assert_eq!(snapshot(&site).await, before, "{what}");
        }
        let asked = admin.get(&format!("users/{scim}/remove"));
        assert_eq!(asked.status, 403);
    }
}

/// The way of an administrator through the pages, with the links and forms that the pages show.
#[tokio::test(flavor = "multi_thread")]
async fn people_are_added_assigned_and_removed() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let empty = admin.get("users?tab=unassigned");
        assert!(empty.text.contains("Nobody waits."), "{}", empty.text);
        assert!(admin.get("user-groups").text.contains("No user groups yet."));
        let [ann, bob] = ["ann", "bob"].map(|name| site.user(name, &name.to_uppercase()));
        assert!(admin.get("users?tab=unassigned").text.contains("2 people wait"));
        let made = admin.post("user-groups/new", &[("name", "Editors"), ("purpose", "Change documents")]);
        assert_eq!(made.status, 303);
        let editors = made.destination().rsplit('/').next().unwrap().to_owned();
        let sent = admin.post("users/assign", &[("person", &ann), ("person", &bob), ("group", &editors)]);
        assert_eq!(sent.status, 303);
        let after = admin.get(sent.location().strip_prefix("/o/acme/").unwrap());
        assert!(
            after.text.contains("2 people joined Editors.") && after.text.contains("Nobody waits."),
            "{}",
            after.text
        );
        let page = admin.get(&format!("user-groups/{editors}"));
        let mut people = names(&page);
        people.sort();
        assert_eq!(people, ["ANN", "BOB"], "{}", page.text);
        assert_eq!(admin.post(&format!("user-groups/{editors}/leave"), &[("person", &bob)]).status, 303);
        assert_eq!(names(&admin.get("users?tab=unassigned")), ["BOB"]);
        assert!(site.sign_in(&ann).await.get("me").text.contains("Change documents"));
        assert!(site.sign_in(&bob).await.get("me").text.contains("Nothing yet."));

        let added = admin.post(
            "users/new",
            &[("name", "Harper"), ("user_name", "harper"), ("email", "h@example.com"), ("role", "administrator")],
        );
        assert_eq!(added.status, 303, "{}", added.text);
        let harper = added.location().split('/').nth(4).unwrap().split('?').next().unwrap().to_owned();
        let page = admin.get(&format!("users/{harper}"));
        for part in ["h@example.com", "Administrator", "Remove…", "Make a one-time link", "By hand"] {
            assert!(page.text.contains(part), "{part}: {}", page.text);
        }
        let form = page.field("form").to_owned();
        let link = admin.post(&format!("users/{harper}/invitation"), &[("form", &form)]);
        assert_eq!((link.status, &link.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
        let url = between(&link.text, "aria-labelledby=\"label\">", "</output>")[0].to_owned();
        let path = url.split("/o/acme/").nth(1).unwrap();
        assert!(admin.get(path).text.contains("Welcome, Harper"));
        // After an old sign-in the page asks for the password first.
        place.run("UPDATE session SET confirmed = 0");
        let again = admin.post(&format!("users/{harper}/invitation"), &[("form", &form)]);
        assert_eq!((again.status, again.location().starts_with("/o/acme/confirm?target=")), (303, true));
        place.run("UPDATE session SET confirmed = seen");

        let session = site.sign_in(&harper).await;
        assert_eq!(session.get("users").status, 200);
        assert!(admin.get(&format!("users/{harper}/remove")).text.contains("Remove Harper?"));
        assert_eq!(admin.post(&format!("users/{harper}/remove"), &[]).status, 303);
        assert_eq!(session.get("users").status, 303, "the sessions end with the account");
        assert_eq!(admin.get(&format!("users/{harper}")).status, 404);
        assert!(admin.get(path).text.contains("This link doesn"), "the link is dead");

        let page = admin.get(&format!("users/{ann}"));
        assert!(!page.text.contains("Remove…") && page.text.contains("Why there is no Remove"), "{}", page.text);
        let list = admin.get("users");
        assert!(
            !list.text.contains(&format!("{ann}/remove")) && list.text.contains("Unassigned</span>"),
            "{}",
            list.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_pages_and_searches() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        for n in 0..120 {
            site.user(&format!("user{n:03}@example.com"), &format!("Person {:03}", (n * 37) % 120));
        }
        let hand = site.person("Zoe", false).await;
        for (path, expected) in [("users?tab=unassigned", 120), ("users", 122), ("users?tab=deactivated", 0)] {
            let (mut path, mut all) = (path.to_owned(), Vec::new());
            loop {
                let page = admin.get(&path);
                assert_eq!(page.status, 200, "{path}");
                let found = names(&page);
                assert!(found.len() <= 50, "{path}");
                all.extend(found);
                match next(&page) {
                    Some(next) => path = next,
                    None => break,
                }
            }
            assert_eq!(all.len(), expected, "{path}");
            let people: Vec<_> = all.iter().filter(|name| name.starts_with("Person")).collect();
            assert!(people.is_sorted(), "{people:?}");
        }
        for (search, expected) in [
            ("person 01", 10),
            ("PERSON%20001", 1),
            ("user01", 10),
            ("zoe", 1),
            ("Zoe%40", 0),
            ("zoe%40example", 1),
            ("erson", 0),
            ("%25", 0),
            ("_", 0),
            ("%00", 50),
            ("p", 50),
        ] {
            let search = search.replace(' ', "%20");
            let page = admin.get(&format!("users?q={search}"));
            let expected = if search == "Zoe%40" { 1 } else { expected };
            assert_eq!((page.status, names(&page).len()), (200, expected), "{search}");
        }
        assert_eq!(names(&admin.get("users?from=hand&q=zo")), ["Zoe"]);
        let by_hand = admin.get("users?from=hand");
        assert_eq!(names(&by_hand).len(), 2);
        assert!(by_hand.text.contains(&format!("{hand}/remove")));
        for n in 0..60 {
            site.group(&format!("Group {n:02}"), &[]);
        }
        let page = admin.get("user-groups");
        let rest = admin.get(&next(&page).unwrap());
        let groups = |page: &Page| page.text.matches("Not mapped").count();
        assert_eq!((groups(&page), groups(&rest), next(&rest)), (50, 10, None));
        assert_eq!(groups(&admin.get("user-groups?q=GROUP%205")), 10);
    }
}

/// Values from outside in every attribute that a page shows.
#[tokio::test(flavor = "multi_thread")]
async fn values_of_strangers_stay_text() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let attack = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}";
        let profiles = [
            "javascript:alert(document.domain)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "https://example.com/\"onmouseover=alert(1)//",
            "//evil.example",
            "https:javascript:alert(1)",
        ];
        let mut users = Vec::new();
        for (n, profile) in profiles.iter().enumerate() {
            let mut user = json!({
                "schemas": [USER, ENTERPRISE], "userName": format!("{attack}{n}"), "displayName": attack, "title": attack,
                "name": {"givenName": attack, "familyName": attack}, "profileUrl": profile,
                "emails": [{"value": attack}], "externalId": attack,
                ENTERPRISE: {"department": attack, "manager": {"value": users.last().cloned().unwrap_or_default()}},
            });
            if n == 0 {
                user[ENTERPRISE].as_object_mut().unwrap().remove("manager");
            }
            // The core refuses a text that is not a URI; a URI may still be hostile.
            let is_uri = profile.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>".contains(&byte));
            let made = site.server.request("POST", "/Users", Some(&user));
            assert_eq!(made.status, if is_uri { 201 } else { 400 }, "{profile}: {}", made.text);
            if is_uri {
                users.push(made.json["id"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(users.len(), 5);
        let members: Vec<&str> = users.iter().map(String::as_str).collect();
        let legal = site.group(attack, &members[..2]);
        let name: String = attack.chars().take(60).collect();
        let made = admin.post("user-groups/new", &[("name", &name), ("purpose", attack)]);
        assert_eq!(made.status, 303, "{}", made.text);
        let group = made.destination().rsplit('/').next().unwrap().to_owned();
        let mapped = admin.post("user-groups/mapping", &[("scim_group", &legal), ("group", &group)]);
        assert_eq!(mapped.status, 303);
        let taken =
            admin.post("users/new", &[("name", attack), ("user_name", &format!("{attack}0")), ("email", attack)]);
        let added = admin.post("users/new", &[("name", attack), ("user_name", attack)]);
        assert_eq!(added.status, 303);
        let hand = added.location().split('/').nth(4).unwrap().split('?').next().unwrap().to_owned();
        let conflict = admin.post("users/new", &[("name", attack), ("user_name", &format!("{attack}0"))]);
        assert_eq!(conflict.status, 409);
        let same_group = admin.post("user-groups/new", &[("name", &name), ("purpose", attack)]);

        let mut pages = vec![("taken", taken), ("conflict", conflict), ("same group", same_group)];
        let search = "%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E";
        for path in [
            "users",
            "users?tab=unassigned",
            "users?tab=deactivated",
            "user-groups",
            &format!("user-groups?map={legal}"),
            &format!("user-groups/{group}"),
            &format!("user-groups/{group}/remove"),
            &format!("users/{hand}"),
            &format!("users/{hand}/remove"),
            &format!("users?q={search}"),
            &format!("user-groups?q={search}"),
            &format!("users?tab={search}&after={search}&done={search}&groups={search}"),
            &format!("users?tab=unassigned&done=assigned&people=1&groups={group}"),
        ] {
            pages.push(("page", admin.get(path)));
        }
        for user in &users {
            pages.push(("person", admin.get(&format!("users/{user}"))));
            pages.push(("own page", site.sign_in(user).await.get("me")));
        }
        let mut shown = 0;
        for (what, page) in &pages {
            assert!(page.status < 500, "{what}: {}", page.text);
            let text = page.text.to_lowercase();
            for part in ["<script>", "<img src=x"] {
                assert!(!text.contains(part), "{what}: {part}: {}", page.text);
            }
            for scheme in ["javascript", " javascript", "java", "data:", "vbscript", "//", "https:javascript"] {
                assert!(!text.contains(&format!("href=\"{scheme}")), "{what}: {scheme}: {}", page.text);
            }
            for tag in between(&page.text, "<", ">") {
                let names: String = tag.split('"').step_by(2).collect();
                assert!(!names.contains("onmouseover") && !names.contains("onerror"), "{what}: {tag}");
            }
            shown += page.text.matches("&#60;script&#62;").count();
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        }
        assert!(shown > 50, "{shown}: the attack is shown as text");
        // A value that is an address is a link, and only that.
        let good = site.create(
            "/Users",
            &json!({"schemas": [USER], "userName": "good", "profileUrl": "HTTPS://people.example.com/a?b=1&c=2"}),
        );
        let page = admin.get(&format!("users/{good}"));
        assert!(page.text.contains("<a href=\"HTTPS://people.example.com/a?b=1&#38;c=2\" rel="), "{}", page.text);
    }
}
