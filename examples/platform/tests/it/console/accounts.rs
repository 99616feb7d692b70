//! Accounts made by hand, under administrators: changes, deactivation, one-time links, and the people whom the removal
//! of a connection has released.

use chrono::TimeDelta;
use platform::{
    account::Changed,
    disconnection::{By, Disconnection, Pace, Step},
};
use serde_json::json;

use crate::browser::{Browser, PASSWORD, Page, Site, rows};
use crate::process::databases;

async fn row(site: &Site, id: &str) -> Vec<String> {
    let sql = "SELECT name || '|' || sort_name || '|' || COALESCE(email, '-') || '|' || CAST(active AS TEXT) || '|' || \
               COALESCE(deactivated_by, '-') FROM account WHERE id = ";
    rows(&site.database, &format!("{sql}'{id}'")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_made_by_hand_is_changed_and_switched() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let harper = site.person("Harper", false).await;
        let editors = site.user_group("Editors").await;
        site.assign(&[&harper], &[&editors]).await;
        let page = admin.get(&format!("users/{harper}"));
        let saved = admin.submit(&page, "/details", &[("name", " Harper Quinn "), ("email", "hq@example.com")]);
        assert_eq!(saved.destination(), format!("/o/acme/users/{harper}"));
        assert_eq!(row(&site, &harper).await, ["Harper Quinn|harper quinn|hq@example.com|1|-"]);
        let page = admin.get(saved.location());
        page.shows(&["The name and the e-mail are saved.", "value=\"Harper Quinn\"", "harper@example.com"]);
        // The typed value stays next to the message.
        let refused = admin.submit(&page, "/details", &[("name", "Harper"), ("email", "no address")]);
        assert_eq!(refused.status, 422);
        refused.shows(&["Enter one address, or none.", "value=\"no address\"", "aria-invalid"]);
        admin.submit(&page, "/details", &[("email", "")]);
        assert_eq!(row(&site, &harper).await, ["Harper Quinn|harper quinn|-|1|-"]);

        let browsers = [site.sign_in(&harper).await, site.sign_in(&harper).await];
        let done = admin.submit(&page, "/active", &[]);
        assert_eq!(done.location(), format!("/o/acme/users/{harper}?done=deactivated"));
        assert_eq!(row(&site, &harper).await, [format!("Harper Quinn|harper quinn|-|0|{}", admin.account)]);
        for browser in &browsers {
            assert_eq!(browser.get("me").destination(), "/o/acme/sign-in");
        }
        let sessions = format!("SELECT digest FROM session WHERE account = '{harper}'");
        assert_eq!(rows(&site.database, &sessions).await, [""; 0]);
        let page = admin.get(done.location());
        page.shows(&["The account is deactivated.", "Activate the account", "<dt>Deactivated</dt>", " by Admin "]);
        page.assert_has("Harper Quinn can't sign in while the account is deactivated.");
        admin.get("users?tab=deactivated").shows(&["Harper Quinn"]);
        let done = admin.submit(&page, "/active", &[]);
        assert_eq!(done.location(), format!("/o/acme/users/{harper}?done=activated"));
        assert_eq!(row(&site, &harper).await, ["Harper Quinn|harper quinn|-|1|-"]);
        assert_eq!(site.sign_in(&harper).await.get("me").status, 200);
        assert_eq!(rows(&site.database, "SELECT account FROM user_group_member").await, [&*harper]);
        // The page of a person from SCIM has no such form.
        let lena = site.user("lena", "Lena");
        let page = admin.get(&format!("users/{lena}"));
        page.hides(&["/details\"", "/active\"", "Deactivate the account"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_keeps_an_active_administrator() {
    for place in databases() {
        let site = Site::start(&place).await;
        let (ann, ben) = (site.person("Ann", true).await, site.person("Ben", true).await);
        let off = async |id: &str, by: &str| site.accounts.set_active("acme", id, false, by).await.unwrap();
        assert_eq!(off(&ann, &ann).await, Changed::Own);
        // Two administrators deactivate each other: one of them stays.
        let outcomes = [off(&ben, &ann), off(&ann, &ben)];
        let [one, other] = outcomes;
        let (one, other) = tokio::join!(one, other);
        assert!(
            [(Changed::Done, Changed::NoAdministrator), (Changed::NoAdministrator, Changed::Done)]
                .contains(&(one, other))
        );
        let (stays, gone) = if one == Changed::Done { (&ann, &ben) } else { (&ben, &ann) };
        assert_eq!(off(stays, stays).await, Changed::LastAdministrator);
        assert_eq!(site.accounts.remove("acme", stays, gone).await.unwrap(), Changed::NoAdministrator);
        assert_eq!(site.accounts.remove("acme", stays, stays).await.unwrap(), Changed::LastAdministrator);
        let changed = site.accounts.edit("acme", stays, "X".to_owned(), None, gone).await.unwrap();
        assert_eq!(changed, Changed::NoAdministrator);
        assert_eq!(site.accounts.set_active("acme", gone, true, stays).await.unwrap(), Changed::Done);
        assert_eq!(off("nobody", stays).await, Changed::Missing);
        assert_eq!(off("\0", stays).await, Changed::Missing);
    }
}

fn link(page: &Page) -> String {
    let url = page.text.split("id=\"link\" aria-labelledby=\"label\">").nth(1).unwrap();
    url.split('<').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_link_ends_the_earlier_ones() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let harper = site.person("Harper", true).await;
        let page = admin.get(&format!("users/{harper}"));
        let first = admin.submit(&page, "/invitation", &[]);
        assert_eq!(first.status, 200);
        // A reload makes no other link, and the link stays valid.
        let again = admin.submit(&page, "/invitation", &[]);
        assert_eq!(again.location(), format!("/o/acme/users/{harper}?done=repeated"));
        admin.get(again.location()).shows(&["A link is shown once."]);
        let visitor = Browser::new(&site.server);
        assert_eq!(visitor.get(&link(&first)).status, 200);
        let second = admin.submit(&admin.get(&format!("users/{harper}")), "/invitation", &[]);
        let ended = visitor.get(&link(&first));
        assert_eq!(ended.status, 410);
        ended.assert_has("platform administrator invite --organization acme --user-name harper@example.com --store");
        ended.assert_has(&format!("--public-url {}", site.server.root()));
        if place.url.starts_with("postgres") {
            ended.hides(&["?"]);
        }
        assert_eq!(admin.submit(&page, "/invitation", &[]).destination(), format!("/o/acme/users/{harper}"));

        let choose = |password: &str| visitor.post(&link(&second), &[("password", password), ("again", password)]);
        for (password, sentence) in [
            ("            ", "Use at least 12 characters"),
            ("eleven char ", "Use at least 12 characters"),
            ("aaaaaaaaaaaaaaaa", "Use more than one character."),
        ] {
            let refused = choose(password);
            refused.shows(&[sentence, "aria-invalid", "id=\"error\""]);
            assert_eq!(visitor.get(&link(&second)).status, 200, "{password:?}");
        }
        let page = admin.get(&format!("users/{harper}"));
        admin.submit(&page, "/active", &[]);
        assert_eq!(visitor.get(&link(&second)).status, 410, "a deactivated account has no link");
        let refused = admin.submit(&page, "/invitation", &[]);
        assert_eq!(refused.status, 403, "{}", refused.text);
        admin.submit(&admin.get(&format!("users/{harper}")), "/active", &[]);
        let third = admin.submit(&admin.get(&format!("users/{harper}")), "/invitation", &[]);
        let sent = visitor.post(&link(&third), &[("password", PASSWORD), ("again", PASSWORD)]);
        assert_eq!(sent.status, 303, "{}", sent.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn released_people_wait_until_they_are_assigned() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let editors = site.user_group("Editors").await;
        let [ann, ben, cem] = ["ann", "ben", "cem"].map(|name| site.user(name, name));
        site.assign(&[&cem], &[&editors]).await;
        let hand = site.person("Harper", false).await;
        let removal = Disconnection::new(site.database.clone());
        let began = removal.begin("acme", By { account: admin.account.clone(), name: "Admin".to_owned() }, None).await;
        assert!(began.is_ok(), "{began:?}");
        let at_once = Pace { settle: TimeDelta::zero(), ..Pace::default() };
        while removal.step("acme", at_once).await.unwrap() != Step::Over {}
        assert_eq!(rows(&site.database, "SELECT id FROM account WHERE origin = 'scim'").await, [""; 0]);
        let page = admin.get("users?tab=unassigned");
        page.shows(&["2 people wait", &ann, &ben]);
        page.hides(&[&cem, &hand]);
        assert_eq!(site.accounts.unassigned("acme").await.unwrap(), 2);
        let nowhere = admin.post("users/assign", &[("person", &*ann), ("person", &*ben)]);
        let kept = admin.get(nowhere.location());
        kept.shows(&["No user group was selected."]);
        for id in [&ann, &ben] {
            let boxes: Vec<&str> = kept.text.split("<input").filter(|input| input.contains(&**id)).collect();
            assert!(boxes[0].contains(" checked"), "{}", kept.text);
        }
        let done = admin.post("users/assign", &[("person", &*ann), ("person", &*ben), ("group", &*editors)]);
        admin.get(done.location()).shows(&["2 people joined Editors.", "Nobody waits."]);
        // The account is now an account made by hand, and can be changed.
        let page = admin.get(&format!("users/{ann}"));
        admin.submit(&page, "/details", &[("name", "Ann Ash")]);
        assert_eq!(row(&site, &ann).await, ["Ann Ash|ann ash|-|1|-"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivation_by_scim_has_its_time() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let lena = site.user("lena", "Lena");
        let switch = |active: bool| {
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                   "Operations": [{"op": "replace", "path": "active", "value": active}]})
        };
        let path = format!("/Users/{lena}");
        let times = async || {
            rows(&site.database, "SELECT CAST(deactivated AS TEXT) FROM account WHERE deactivated IS NOT NULL").await
        };
        assert_eq!(site.server.request("PATCH", &path, Some(&switch(false))).status, 200);
        let first = times().await;
        assert_eq!(first.len(), 1);
        let rename = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                            "Operations": [{"op": "replace", "path": "displayName", "value": "Lena F"}]});
        assert_eq!(site.server.request("PATCH", &path, Some(&rename)).status, 200);
        assert_eq!(times().await, first, "another change keeps the time");
        let page = admin.get(&format!("users/{lena}"));
        page.shows(&["<dt>Deactivated</dt>", &format!("log?kind=all&person={lena}").replace('&', "&#38;")]);
        page.hides(&["the account here is then deactivated"]);
        let log = admin.get(&format!("log?kind=all&person={lena}"));
        assert_eq!(log.status, 200);
        assert_eq!(site.server.request("PATCH", &path, Some(&switch(true))).status, 200);
        assert_eq!(times().await, [""; 0]);
        admin.get(&format!("users/{lena}")).hides(&["<dt>Deactivated</dt>"]);
    }
}
