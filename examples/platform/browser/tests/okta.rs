//! The whole story with Okta: SAML, an API key, and the requests that Okta sends.

use platform_browser::{
    Stage,
    walk::{Walk, first_key, scim_is_locked, sign_on_by_saml},
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
    let node = stage.saml(&["administrator", "ada@example.com", "eve@example.com"]);
    let admin = stage.administrator();
    scim_is_locked(&admin);
    sign_on_by_saml(&admin, &node);
    let scim = first_key(&stage, &admin, "Okta", "Okta");
    admin.shows("Open the SAML application that people use to sign in here.");
    for label in ["SCIM connector base URL", "userName", "HTTP Header", "Test Connector Configuration", "To App"] {
        admin.shows(label);
    }
    let mut walk = Walk { stage: &stage, provider: "Okta", admin, node, scim };
    walk.connects(&Traffic::okta(), &["/Users?startIndex=1&count=2", "/Groups?startIndex=1&count=100"]);
    walk.assigns_people();
    walk.maps_a_group();
    walk.keeps_accounts_apart();
    walk.people_sign_in();
    walk.log_agrees();
    walk.log_filters();
    walk.records_bodies();
    let first = walk.scim.clone();
    walk.rotates_keys(&first);
    walk.turns_off();
}
