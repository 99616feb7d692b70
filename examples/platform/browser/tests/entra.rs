//! The whole story with Microsoft Entra ID: OpenID Connect, an OAuth client, and the requests that Entra sends.

use platform_browser::{
    Scim, Stage,
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
    let scim = first.with(&access_token(&stage));
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

/// An access token of a client that the command line makes. The page will make one as well.
fn access_token(stage: &Stage) -> String {
    let program = &stage.program;
    let made = program.command(&["oauth", "client", "new", "--organization", "demo", "--public-url", program.root()]);
    assert!(made.success, "{}", made.output);
    let line = |name: &str| {
        let found = made.output.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_else(|| panic!("{}", made.output)).trim().split(' ').next().unwrap().to_owned()
    };
    Scim::token(&line("Token URL"), &line("Client id"), &line("Client secret"))
}
