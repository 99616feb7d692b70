//! The pictures of the README. `cargo test --test pictures -- --ignored` creates them again in `../pictures`.

use platform_browser::{Browser, Populated, Stage, small};
use scim_core::testkit::Traffic;

/// The maximum number of pixels of a picture, from the top of the page.
const HIGHEST: u64 = 1_000;

fn picture(browser: &Browser, name: &str, width: u32) {
    browser.size(width, 400);
    let height = browser.run("return document.documentElement.scrollHeight", &[]).as_u64().unwrap().min(HIGHEST);
    browser.size(width, u32::try_from(height).unwrap());
    browser.run("window.scrollTo(0, 0); document.activeElement?.blur()", &[]);
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../pictures");
    std::fs::create_dir_all(directory).unwrap();
    let bytes = small(&browser.picture());
    eprintln!("{name}: {} kB", bytes.len() >> 10);
    assert!(bytes.len() < 120_000, "{name}: {} bytes", bytes.len());
    std::fs::write(format!("{directory}/{name}.png"), bytes).unwrap();
}

#[test]
#[ignore = "writes files"]
fn pictures_of_the_readme() {
    let Some(stage) = Stage::on_sqlite() else { return };
    let admin = stage.administrator();
    picture(&admin, "1-scim-needs-single-sign-on", 1280);
    let populated = Populated::new(&stage, admin, "Microsoft Entra ID");
    let admin = &populated.admin;
    let replay = populated.scim.replay(&Traffic::entra(), 1);
    assert!(replay.is_passed(), "{replay}");
    let show = |page: &str| admin.go(&stage.program.page(page));
    show("sign-on");
    picture(admin, "2-single-sign-on", 1280);
    show("scim/keys/new");
    admin.fill("Name", "Entra, next year");
    admin.press("Make the key");
    admin.shows("You see this key only now.");
    // The key in the picture is not a real key.
    let hide = "document.getElementById('api-key').textContent = 'scim_' + '0123456789abcdefghijklmnopqrstuvwxyz'";
    admin.run(hide, &[]);
    picture(admin, "3-key-and-guide", 1280);
    show("scim");
    picture(admin, "4-scim", 1280);
    show("users?tab=unassigned&all=1");
    picture(admin, "5-unassigned", 1280);
    picture(admin, "5-unassigned-narrow", 380);
    show("user-groups");
    picture(admin, "6-user-groups", 1280);
    show("log");
    picture(admin, "7-provisioning-log", 1280);
    admin.dark(true);
    picture(admin, "7-provisioning-log-dark", 1280);
}
