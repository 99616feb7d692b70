//! The whole story with Microsoft Entra ID: OpenID Connect, an OAuth client, and the requests that Entra sends.

use platform_browser::{
    Browser, Scim, Stage,
    walk::{Walk, first_key, scim_is_locked, sign_on_by_openid},
};
use scim_core::testkit::Traffic;

#[test]
fn the_story_works_on_sqlite() {
    walk(Stage::on_sqlite());
}

#[test]
fn the_story_works_on_postgresql() {
    walk(Stage::on_postgresql());
}

fn walk(stage: Option<Stage>) {
    let Some(stage) = stage else { return };
    let node = stage.openid(&["administrator", "ada@example.com", "eve@example.com"]);
    let admin = stage.administrator();
    scim_is_locked(&admin);
    sign_on_by_openid(&admin, &node);
    let first = first_key(&stage, &admin, "Entra", "Microsoft Entra ID");
    for label in ["Enterprise applications", "Automatic", "Tenant URL", "Secret Token", "Test Connection"] {
        admin.shows(label);
    }
    for words in ["Provision on demand", "40 minutes", "Quarantine", "Restart provisioning"] {
        admin.shows(words);
    }
    let scim = first.with(&access_token(&admin));
    let mut walk = Walk { stage: &stage, provider: "Entra", admin, node, scim };
    walk.connects(&Traffic::entra(), &["/Users?filter=userName%20eq%20%22none%22"]);
    walk.assigns_people();
    walk.maps_a_group();
    walk.keeps_accounts_apart();
    walk.people_sign_in();
    walk.log_agrees();
    walk.log_filters();
    walk.records_bodies();
    let (token, key) = (walk.scim.clone(), first);
    assert_eq!(key.ask("GET", "/Users?count=1", &serde_json::Value::Null).status, 200);
    walk.rotates_keys(&key);
    walk.turns_off();
    // The OAuth client ends with the keys.
    assert_eq!(token.ask("GET", "/Users?count=1", &serde_json::Value::Null).status, 401);
}

/// An access token for a client that the administrator makes on the page.
fn access_token(admin: &Browser) -> String {
    admin.press("SCIM");
    admin.press("New key");
    admin.choose("OAuth client");
    admin.fill("Name", "Entra gallery");
    admin.press("Make the key");
    admin.shows("Copy these four values into Entra");
    let [url, client, secret] = ["token-url", "client-id", "client-secret"].map(|id| admin.element(id));
    admin.press("I've saved the secret");
    admin.shows("Entra gallery");
    let html = admin.run("return document.documentElement.outerHTML", &[]);
    assert!(!html.as_str().unwrap().contains(&secret), "the secret is shown again");
    Scim::token(&url, &client, &secret)
}
