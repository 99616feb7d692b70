//! The removal of a connection that is interrupted, continued, and begun by two administrators at once.

use std::{thread, time::Duration};

use super::removal::{check, everything, people, user_groups_of};
use crate::browser::{Browser, Site, rows};
use crate::process::{databases, eventually, run};
use chrono::{DateTime, TimeDelta, Utc};
use platform::{
    database::Database,
    disconnection::{Begun, By, Disconnection, Pace, Step},
};

/// One account at a time, without a wait.
const ONE: Pace = Pace { batch: 1, settle: TimeDelta::zero(), time: Duration::ZERO };

/// The number of steps of a removal until its end.
async fn finish(site: &Site, pace: Pace) -> usize {
    let removals = Disconnection::new(site.database.clone());
    let mut steps = 0;
    while removals.step("acme", pace).await.unwrap() == Step::More {
        steps += 1;
    }
    steps
}

async fn begin(site: &Site, by: &Browser, seen: Option<DateTime<Utc>>) -> Begun {
    let by = By { account: by.account.clone(), name: "Maya Okafor".to_owned() };
    Disconnection::new(site.database.clone()).begin("acme", by, seen).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_removal_continues() {
    for place in databases() {
        let site = Site::start(&place).await;
        people(&site).await;
        let (maya, noor) = (site.administrator().await, site.administrator().await);
        let removals = Disconnection::new(site.database.clone());
        assert_eq!(begin(&site, &maya, None).await, Begun::Running);
        assert_eq!(begin(&site, &noor, None).await, Begun::Running, "{place:?}: it is the same removal");
        let [first, second] = [removals.step("acme", ONE).await, removals.step("acme", ONE).await];
        assert_eq!((first.unwrap(), second.unwrap()), (Step::More, Step::More));
        check(&site).await;

        // The process is killed here. The page of each instance shows the remaining accounts.
        let released = "SELECT id FROM account WHERE released IS NOT NULL AND origin = 'hand'";
        assert_eq!(rows(&site.database, released).await.len(), 2);
        let page = noor.get("scim");
        for words in ["Removing the connection", "2 accounts are left", ">Continue<", "began the removal today at"] {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        assert!(!page.text.contains("scim/on\"") && !page.text.contains("Danger zone"), "{}", page.text);
        let log = noor.get("log").text;
        assert!(log.contains("Began to remove the connection") && log.contains("revoked"), "{log}");

        // SCIM cannot be turned on in any way, and no key can be made in the browser.
        let before = everything(&site).await;
        let refused = noor.post("scim/on", &[]);
        assert!(refused.status == 403 && refused.text.contains("The connection is being removed."), "{}", refused.text);
        let enabled = run(&["organization", "enable", "acme", "--store", &place.url]);
        assert_eq!(enabled.status, Some(1), "{enabled:?}");
        assert!(enabled.stderr.contains("the connection of the organization is being removed"), "{}", enabled.stderr);
        let fields = [("form", &*"f".repeat(64)), ("name", "x"), ("days", "90"), ("provider", "okta")];
        assert_eq!(noor.post("scim/keys", &fields).status, 403);
        // The question and the form lead back to the page, and begin no second removal.
        assert_eq!(noor.get("scim/remove").location(), "/o/acme/scim");
        assert_eq!(noor.post("scim/remove", &[("name", "acme"), ("seen", "")]).location(), "/o/acme/scim");
        assert_eq!(everything(&site).await, before, "{place:?}");

        // A mapping that is saved meanwhile assigns no person twice, and loses no person.
        let group = rows(&site.database, "SELECT id FROM scim_group WHERE name = 'All'").await.remove(0);
        let auditors = site.user_group("Auditors").await;
        site.user_groups.map("acme", &group, vec![auditors.clone()], Vec::new()).await.unwrap();
        // The mapping was saved at the moment when a member was released.
        let gone = rows(&site.database, released).await.remove(0);
        place.run(&format!(
            "INSERT INTO user_group_member (tenant, account, user_group, source, added) VALUES \
             ('acme', '{gone}', '{auditors}', '{group}', 1); \
             UPDATE account SET assigned = assigned + 1 WHERE tenant = 'acme' AND id = '{gone}'"
        ));

        // Two instances at once, with the end too soon after the beginning.
        let again = Database::open(&place.url).await.unwrap();
        let other = Disconnection::new(again);
        let patient = Pace { settle: TimeDelta::days(1), time: Duration::from_millis(1), ..ONE };
        for _ in 0..3 {
            let (one, two) = tokio::join!(removals.step("acme", patient), other.step("acme", patient));
            for step in [one, two] {
                assert!(!matches!(step, Ok(Step::Over)), "{place:?}: {step:?}");
            }
        }
        while matches!(removals.step("acme", patient).await.unwrap(), Step::More) {}
        check(&site).await;
        let page = maya.get("scim");
        assert!(page.text.contains("No account is left"), "{}", page.text);
        // A request in progress has made one more user.
        place.run(
            "INSERT INTO resource (tenant, id, kind, version, places, document, comparable, bytes) VALUES \
             ('acme', 'late', 'User', 'v', 0, '{\"id\":\"late\",\"userName\":\"late\"}', '{}', 2); \
             INSERT INTO account (tenant, id, origin, user_name, user_name_key, name, sort_name, active, created) VALUES \
             ('acme', 'late', 'scim', 'late', 'late', 'Late', 'late', 1, 1); \
             INSERT INTO unique_key (tenant, kind, attribute, value, id) VALUES ('acme', 'User', 'userName', '=late', 'late'); \
             UPDATE tally SET resources = resources + 1, bytes = bytes + 2 WHERE kind = 'User' AND tenant = 'acme' AND part = \
             (SELECT MIN(part) FROM tally WHERE kind = 'User' AND tenant = 'acme')",
        );
        check(&site).await;
        let sent = noor.post("scim/remove/continue", &[]);
        assert_eq!((sent.status, sent.location()), (303, "/o/acme/scim?done=removed"), "{place:?}");
        check(&site).await;
        assert_eq!(rows(&site.database, "SELECT id FROM account WHERE origin = 'scim'").await, [""; 0]);
        let members = user_groups_of(&site).await;
        assert!(members.iter().all(|row| row.ends_with(' ')), "{members:?}");
        assert!(members.iter().any(|row| row.starts_with("bob Editors")), "{members:?}");
        let kept = format!(
            "SELECT account FROM user_group_member WHERE source = '' AND user_group = '{auditors}' AND account = '{gone}'"
        );
        assert_eq!(rows(&site.database, &kept).await, [gone], "{place:?}");
        assert_eq!(finish(&site, ONE).await, 0, "nothing runs anymore");

        // A form from before the removal must not remove the connection that followed.
        assert_eq!(maya.post("scim/on", &[]).location(), "/o/acme/scim?done=on");
        let sent =
            maya.post("scim/keys", &[("form", &*"g".repeat(64)), ("name", "x"), ("days", "90"), ("provider", "okta")]);
        assert_eq!(sent.status, 200, "{}", sent.text);
        let before = everything(&site).await;
        let sent = noor.post("scim/remove", &[("name", "acme"), ("seen", "")]);
        assert_eq!(sent.location(), "/o/acme/scim?done=outdated");
        assert_eq!(everything(&site).await, before, "{place:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_remove_at_once() {
    for place in databases() {
        let site = Site::start(&place).await;
        people(&site).await;
        let all = [site.administrator().await, site.administrator().await];
        let sent = thread::scope(|scope| {
            let post = |browser: &Browser| browser.post("scim/remove", &[("name", "acme"), ("seen", "")]);
            all.each_ref().map(|browser| scope.spawn(move || post(browser))).map(|thread| thread.join().unwrap())
        });
        for sent in sent {
            assert!(sent.status == 303 && sent.location().starts_with("/o/acme/scim"), "{place:?}: {sent:?}");
        }
        eventually("the removal ends", || {
            all[0].post("scim/remove/continue", &[]).location().ends_with("done=removed")
        });
        check(&site).await;
        assert_eq!(rows(&site.database, "SELECT id FROM account WHERE origin = 'scim'").await, [""; 0]);
        let log = "SELECT id FROM request WHERE operation = 'REMOVE connection'";
        assert_eq!(rows(&site.database, log).await.len(), 1, "{place:?}");
    }
}
