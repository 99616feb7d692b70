//! Attacks that only a browser reveals: scripts in stored values, forms of other sites, and sessions that an
//! attacker knows.

mod elsewhere;

use elsewhere::Elsewhere;
use platform_browser::{Browser, PASSWORD, Populated, Stage};
use serde_json::{Value as Json, json};

/// Markup that would leave traces if a page did not escape it: an element, and a script that ran.
const ATTACK: &str = "\"'></title></textarea></script><b data-attack></b><img src=x onerror=\"window.attacked=1\">\
                      <script>window.attacked=1</script><svg onload=\"window.attacked=1\">{{7*7}}";

/// Asserts that no part of the attack became a part of the page.
#[track_caller]
fn is_harmless(browser: &Browser, page: &str) {
    let script = r#"
        const links = [...document.querySelectorAll("[href], [src], [action]")]
            .map((element) => element.getAttribute("href") ?? element.getAttribute("src") ?? element.getAttribute("action"))
            .filter((url) => !["http:", "https:"].includes(new URL(url, location.href).protocol));
        const handlers = [...document.querySelectorAll("*")]
            .filter((element) => element.getAttributeNames().some((name) => name.startsWith("on")));
        return { attacked: window.attacked ?? null, elements: document.querySelectorAll("[data-attack]").length, links,
            handlers: handlers.length, foreign: document.querySelectorAll("script:not([src='/assets/script.js'])").length };"#;
    let found = browser.run(script, &[]);
    let expected = json!({"attacked": null, "elements": 0, "links": [], "handlers": 0, "foreign": 0});
    assert_eq!(found, expected, "{page}: {}", browser.url());
}

#[test]
fn stored_values_run_no_script() {
    let Some(stage) = Stage::on_sqlite() else { return };
    let populated = Populated::new(&stage, stage.administrator(), "Okta");
    let (admin, scim) = (&populated.admin, &populated.scim);
    admin.go(&stage.program.page("log"));
    admin.press("Record for 60 minutes");
    let people = hostile_people(scim);
    let group = scim.group(&format!("Group {ATTACK}"), &[&people[0], &people[1]]);
    hostile_requests(scim);
    let short: String = ATTACK.chars().take(60).collect();
    admin.go(&stage.program.page("users"));
    let send = |path: &str, fields: &[(&str, &str)]| {
        let (status, page) = admin.post(&stage.program.path(path), fields);
        assert!(status < 500, "{path}: {page}");
        page
    };
    let page = send("scim/keys", &[("form", &"f".repeat(64)), ("name", &short), ("days", "90"), ("provider", "okta")]);
    assert!(page.contains("api-key"), "{page}");
    let purpose: String = ATTACK.chars().take(128).collect();
    send("user-groups/new", &[("name", &short), ("purpose", &purpose)]);
    let by_hand = ATTACK.chars().take(120).collect::<String>();
    send("users/new", &[("name", &by_hand), ("user_name", &by_hand)]);
    send("user-groups/mapping", &[("scim_group", &group), ("group", &populated.user_group)]);
    send("users/assign", &[("person", &people[0]), ("group", &populated.user_group)]);
    send("sign-on/openid", &[("issuer", ATTACK), ("client_id", ATTACK), ("client_secret", "x"), ("claim", "sub")]);

    let mut pages = populated.pages(&stage);
    let query = "%22%27%3E%3Cb%20data-attack%3E%3C/b%3E%3Cscript%3Ewindow.attacked=1%3C/script%3E";
    for page in ["users?q=", "user-groups?q=", "user-groups?map=", "log?kind=all&person=", "log?from=", "log?outcome="]
    {
        pages.push(("query", stage.program.page(&format!("{page}{query}"))));
    }
    for page in ["users?done=", "scim?done=", "sign-on?kind=", "sign-in?again=", "confirm?target=", "users/"] {
        pages.push(("query", stage.program.page(&format!("{page}{query}"))));
    }
    pages.push(("confirm", stage.program.page("confirm?target=javascript:window.attacked=1")));
    pages.push(("map", stage.program.page(&format!("user-groups?map={group}"))));
    pages.push(("conflict", stage.program.page("log?kind=all&outcome=refused")));
    for id in &people {
        pages.push(("hostile person", stage.program.page(&format!("users/{id}"))));
    }
    // The first round uses the policy, which must have nothing to report. The second round runs without the policy,
    // so that no page is safe only because of it.
    admin.console();
    let mut shown = 0;
    for policy in [true, false] {
        admin.devtools("Page.setBypassCSP", &json!({"enabled": !policy}));
        for (name, url) in &pages {
            admin.go(url);
            admin.run("for (const part of document.querySelectorAll('details')) part.open = true", &[]);
            is_harmless(admin, name);
            shown += admin.text().matches("data-attack").count();
            let reports: Vec<_> = admin.console().into_iter().filter(|it| it.contains("Content Security")).collect();
            assert!(reports.is_empty(), "{name}: {reports:?}");
        }
    }
    assert!(shown > 100, "the attack is shown as text: {shown} times");
    hostile_forms(&stage, admin);
}

/// Users with markup in each attribute, and addresses that would run.
fn hostile_people(scim: &platform_browser::Scim) -> Vec<String> {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let addresses = [
        "javascript:window.attacked=1",
        "JaVaScRiPt:window.attacked=1",
        " javascript:window.attacked=1",
        "java\tscript:window.attacked=1",
        "data:text/html,<script>window.attacked=1</script>",
        "vbscript:window.attacked=1",
        "https://example.com/\"onmouseover=\"window.attacked=1",
        "//evil.example.com",
    ];
    let mut people: Vec<String> = Vec::new();
    for (n, address) in addresses.iter().enumerate() {
        let manager = people.last().map(|id| json!({"value": id, "displayName": ATTACK}));
        let mut user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", enterprise],
            "userName": format!("{ATTACK}{n}"), "displayName": ATTACK, "nickName": ATTACK, "title": ATTACK,
            "externalId": format!("{ATTACK}{n}"), "profileUrl": address, "userType": ATTACK, "timezone": "Europe/Berlin",
            "name": {"formatted": ATTACK, "givenName": ATTACK, "familyName": ATTACK, "honorificPrefix": ATTACK},
            "emails": [{"value": format!("{ATTACK}@example.com"), "type": ATTACK, "display": ATTACK, "primary": true}],
            "photos": [{"value": address, "type": "photo"}], "phoneNumbers": [{"value": ATTACK}],
            "addresses": [{"formatted": ATTACK, "locality": ATTACK}], "roles": [{"value": ATTACK, "display": ATTACK}],
            enterprise: {"department": ATTACK, "costCenter": ATTACK, "organization": ATTACK, "employeeNumber": ATTACK},
        });
        if let Some(manager) = manager {
            user[enterprise]["manager"] = manager;
        }
        // An address that is not a URI is refused and never stored. The rest of the person is sent without it.
        let made = scim.ask("POST", "/Users", &user);
        people.push(match made.json["id"].as_str() {
            Some(id) => id.to_owned(),
            None => {
                assert_eq!(made.status, 400, "{made:?}");
                for name in ["profileUrl", "photos"] {
                    user.as_object_mut().unwrap().remove(name);
                }
                scim.create("/Users", &user)
            }
        });
    }
    people
}

/// Refused requests with markup in the parts that the log shows.
fn hostile_requests(scim: &platform_browser::Scim) {
    let path = "%22%3E%3Cb%20data-attack%3E%3C/b%3E%3Cimg%20src=x%20onerror=window.attacked=1%3E";
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
    let requests: [(&str, String, Json); 7] = [
        ("GET", format!("/Users/{path}"), Json::Null),
        ("DELETE", format!("/Groups/{path}"), Json::Null),
        ("GET", format!("/{path}"), Json::Null),
        ("GET", format!("/Users?filter={path}"), Json::Null),
        ("GET", format!("/Users?sortBy={path}&count={path}"), Json::Null),
        ("POST", "/Users".into(), json!({"schemas": schemas, "userName": format!("{ATTACK}0"), "displayName": ATTACK})),
        ("POST", "/Users".into(), json!({"schemas": [ATTACK], "userName": ATTACK, ATTACK: ATTACK, "active": ATTACK})),
    ];
    for (method, target, body) in requests {
        let answer = scim.ask_as(ATTACK, method, &target, &body);
        assert!(answer.status < 500, "{method} {target}: {answer:?}");
    }
}

/// Forms that return with their errors and with the entered text.
fn hostile_forms(stage: &Stage, admin: &Browser) {
    for (page, button, fields) in [
        ("users/new", "Add the person", &["Name", "User name", "E-mail"][..]),
        ("user-groups/new", "Make the user group", &["Name", "What its people can do"]),
        ("scim/keys/new", "Make the key", &["Name"]),
        ("sign-on?kind=openid", "Save", &["Issuer", "Client ID", "Client secret"]),
        ("sign-on?kind=saml", "Save", &["Metadata"]),
    ] {
        admin.go(&stage.program.page(page));
        admin.run("for (const form of document.forms) form.noValidate = true", &[]);
        for field in fields {
            admin.fill(field, ATTACK);
        }
        admin.press(button);
        is_harmless(admin, page);
    }
    let stranger = stage.browser();
    stranger.devtools("Page.setBypassCSP", &json!({"enabled": true}));
    stranger.go(&stage.program.page("me"));
    stranger.press("Sign in as an administrator with a password");
    stranger.fill("User name", ATTACK);
    stranger.fill("Password", ATTACK);
    stranger.press("Sign in");
    stranger.shows("The sign-in failed.");
    is_harmless(&stranger, "sign-in");
}

/// The value of the session's cookie in a browser.
fn session(browser: &Browser) -> Option<String> {
    let cookies = browser.devtools("Network.getAllCookies", &json!({}));
    let mut cookies = cookies["cookies"].as_array().unwrap().iter();
    let found = cookies.rfind(|cookie| cookie["name"] == "platform_session")?;
    Some(found["value"].as_str().unwrap().to_owned())
}

fn plant(stage: &Stage, browser: &Browser, value: &str) {
    let url = stage.program.page("sign-in");
    let cookie = json!({"name": "platform_session", "value": value, "url": url, "path": "/o/demo", "httpOnly": true});
    browser.devtools("Network.setCookie", &cookie);
}

fn sign_in(stage: &Stage, browser: &Browser) {
    browser.go(&stage.program.page("sign-in"));
    browser.fill("User name", "administrator");
    browser.fill("Password", PASSWORD);
    browser.press("Sign in");
    browser.shows("Your identity provider creates");
}

/// A cookie that an attacker planted is worthless after the sign-in, and so is a cookie from before.
#[test]
fn a_planted_session_is_not_taken() {
    let Some(stage) = Stage::on_sqlite() else { return };
    let admin = stage.administrator();
    let first = session(&admin).unwrap();
    let visible = admin.run("return document.cookie", &[]);
    assert_eq!(visible, json!(""), "no script reads the cookie");
    let [victim, attacker] = [stage.browser(), stage.browser()];
    let known = "0123456789abcdef".repeat(4);
    for planted in [&*known, &first] {
        plant(&stage, &victim, planted);
        sign_in(&stage, &victim);
        let after = session(&victim).unwrap();
        assert_ne!(after, planted);
        plant(&stage, &attacker, planted);
        attacker.go(&stage.program.page("scim"));
        attacker.shows("Sign in");
        attacker.hides("Your identity provider creates");
    }
    // Signing out ends the session itself, not only the cookie.
    let before = session(&victim).unwrap();
    victim.press("Sign out");
    victim.shows("Sign in");
    plant(&stage, &attacker, &before);
    attacker.go(&stage.program.page("scim"));
    attacker.hides("Your identity provider creates");
}

/// Two administrators work on pages that the other administrator has made outdated.
#[test]
fn two_administrators_do_not_undo_each_other() {
    let Some(stage) = Stage::on_sqlite() else { return };
    let populated = Populated::new(&stage, stage.administrator(), "Okta");
    let program = &stage.program;
    let words =
        ["administrator", "invite", "--organization", "demo", "--user-name", "second", "--name", "Second Admin"];
    let invited = program.command(&[&words[..], &["--public-url", program.root()]].concat());
    let link = invited.output.split_whitespace().find(|word| word.starts_with("http")).expect("a link").to_owned();
    let (first, second) = (&populated.admin, stage.browser());
    second.go(&link);
    second.fill("Password", PASSWORD);
    second.fill("The same password again", PASSWORD);
    second.press("Save and sign in");
    second.shows("SCIM is active");
    let [lena, _, harper] = &populated.people;

    // Each administrator adds one user group to the same person: both groups stay.
    for browser in [first, &second] {
        browser.go(&program.page(&format!("users/{lena}")));
    }
    first.choose("Viewers");
    first.press("Save the user groups");
    first.shows("The user groups are saved.");
    second.choose("Editors");
    second.press("Save the user groups");
    second.shows("The user groups are saved.");
    let chosen = "return [...document.querySelectorAll('input[name=group]:checked')].length";
    assert_eq!(second.run(chosen, &[]), json!(2));

    // The first administrator assigns people to a user group that the second administrator has removed.
    first.go(&program.page("users?tab=unassigned&all=1"));
    second.go(&program.page("user-groups"));
    second.press("Viewers");
    second.press("Remove…");
    second.press("Remove Viewers");
    first.choose("Viewers");
    first.press("Assign to user groups");
    first.shows("A user group was removed meanwhile. Nobody was assigned.");

    // Both administrators remove the same account.
    for browser in [first, &second] {
        browser.go(&program.page(&format!("users/{harper}/remove")));
    }
    first.press("Remove Harper Quinn");
    first.shows("The account is removed.");
    second.press("Remove Harper Quinn");
    second.shows("This account is already removed");

    // The first administrator turns SCIM off while the second administrator creates a key.
    second.go(&program.page("scim/keys/new"));
    second.fill("Name", "Too late");
    first.go(&program.page("scim/off"));
    first.press("Turn off SCIM");
    first.shows("SCIM is off.");
    second.press("Make the key");
    second.shows("SCIM is off. Activate SCIM first, then make a key.");

    // The removed administrator is signed out at the next request.
    first.go(&program.page("users?from=hand"));
    first.press("Remove Second Admin");
    first.press("Remove Second Admin");
    first.shows("The account is removed.");
    second.reload();
    second.go(&program.page("users"));
    second.shows("Sign in with demo");
    first.go(&program.page("users?from=hand"));
    assert!(!first.has("Remove Administrator"), "nobody removes the own account");
}

/// Forms that other sites send change nothing: neither from another site, nor from another port of the same host.
#[test]
fn other_sites_cannot_send_forms() {
    let Some(stage) = Stage::on_sqlite() else { return };
    let populated = Populated::new(&stage, stage.administrator(), "Okta");
    let program = &stage.program;
    let [lena, _, harper] = &populated.people;
    let group = &populated.user_group;
    let forms: Vec<(String, Vec<(&str, &str)>)> = vec![
        ("scim/off".into(), vec![]),
        ("scim/keys/revoke-all".into(), vec![]),
        ("scim/keys".into(), vec![("name", "x"), ("form", "f"), ("days", "90")]),
        ("scim/provider".into(), vec![("provider", "entra")]),
        ("sign-on/off".into(), vec![]),
        ("sign-on/openid".into(), vec![("issuer", "http://localhost:9"), ("client_id", "x"), ("client_secret", "x")]),
        ("users/new".into(), vec![("name", "Mallory"), ("user_name", "mallory"), ("role", "administrator")]),
        (format!("users/{harper}/remove"), vec![]),
        (format!("users/{harper}/invitation"), vec![]),
        (format!("users/{lena}/groups"), vec![("group", group)]),
        ("users/assign".into(), vec![("person", lena), ("group", group)]),
        ("user-groups/new".into(), vec![("name", "Mallory's")]),
        (format!("user-groups/{group}/remove"), vec![]),
        ("user-groups/mapping".into(), vec![("scim_group", &populated.scim_group)]),
        ("log/record".into(), vec![]),
        ("confirm".into(), vec![("password", PASSWORD), ("target", "/o/demo/scim")]),
        // Signing the browser in as another person, or out, is an attack as well.
        ("sign-in".into(), vec![("user_name", "administrator"), ("password", PASSWORD)]),
        ("sign-out".into(), vec![]),
        ("sign-on/start".into(), vec![]),
    ];
    let admin = &populated.admin;
    let pages = ["users", "user-groups", "scim", "sign-on", "log?kind=all"].map(|page| program.path(page));
    admin.go(&program.page("scim"));
    let seen = || pages.each_ref().map(|page| visible(&admin.get(page)));
    let (before, cookie) = (seen(), session(admin));
    let elsewhere = Elsewhere::start();
    for host in ["localhost", "127.0.0.1"] {
        for (path, fields) in &forms {
            admin.go(&elsewhere.form(host, &program.page(path), fields));
            admin.press("Send");
            // A form of another site does not bring the cookie; without it the response is the sign-in page.
            admin.shows_any(&["The server refused", "Sign in with demo"]);
            assert!(admin.url().ends_with(path.as_str()) || admin.url().ends_with("/sign-in"), "{host} {path}");
            assert_eq!(session(admin), cookie, "{host} {path}: the session is the same");
        }
        admin.go(&program.page("scim"));
        for (before, after) in before.iter().zip(seen()) {
            assert_eq!(*before, after, "from {host}");
        }
        // Scripts of the other site can read nothing, and its frame shows nothing.
        admin.go(&elsewhere.form(host, &program.page("scim/off"), &[]));
        let read = format!(
            "try {{ const answer = await fetch('{}', {{ credentials: 'include' }}); return await answer.text(); }} \
             catch (error) {{ return 'unreadable'; }}",
            program.page("users")
        );
        assert_eq!(admin.run_async(&read, &[]), json!("unreadable"), "from {host}");
        admin.go(&elsewhere.frame(host, &program.page("users")));
        let inside = "return [...document.querySelectorAll('iframe')].map((frame) => frame.contentDocument?.body?.innerText \
                      ?? 'not readable').join()";
        let inside = admin.run(inside, &[]);
        assert!(!inside.as_str().unwrap().contains("Lena"), "{inside}");
        admin.console();
    }
    // The form of the right site still works.
    admin.go(&program.page("scim/off"));
    admin.press("Turn off SCIM");
    admin.shows("SCIM is off.");
}

/// The parts of a page that do not change over time.
fn visible(page: &str) -> Vec<String> {
    let rows = page.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text.trim());
    let clock = |text: &&str| !text.contains(" ago") && !text.contains(" AM") && !text.contains(" PM");
    rows.filter(|text| !text.is_empty()).filter(clock).map(str::to_owned).collect()
}
