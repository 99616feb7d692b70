//! Okta's life with a platform, request by request: the connection test, users that come, change and go, a group that
//! is pushed, and an import.
//!
//! Each request has the form in which Okta sends it, and each response is checked for the parts that Okta reads. A
//! response that Okta could not use ends the program with an error.
//!
//! With a URL and an API key, the program sends Okta's requests to that SCIM server in place of the store in memory:
//!
//! ```console
//! $ cargo run --example okta --features testkit -- --url https://platform.example/scim/v2 --token API_KEY
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a program that prints; an index into JSON makes the member that it names"
)]

#[path = "trace/mod.rs"]
mod trace;

use std::{error::Error, process::ExitCode};

use scim_core::quirks::Quirks;
use serde_json::{Value, json};
use trace::{Answer, Trace, patch, section};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

fn main() -> ExitCode {
    trace::run("Okta", play)
}

fn play() -> Result<String, Box<dyn Error>> {
    let mut okta = Trace::new("acme", Quirks::okta())?;
    connection_test(&mut okta)?;
    let isaac = first_user(&mut okta)?;
    updates(&mut okta, &isaac)?;
    let vera = more_users(&mut okta, "vera.rubin@example.com", "Vera", "Rubin")?;
    let omar = more_users(&mut okta, "omar.khayyam@example.com", "Omar", "Khayyam")?;
    let group = group_push(&mut okta, &isaac, &vera, &omar)?;
    import(&mut okta)?;
    refusals(&mut okta, &isaac)?;
    leaving(&mut okta, &isaac, &group)?;
    Ok(format!("Okta: {} requests, every answer as Okta needs it.", okta.requests()))
}

fn connection_test(okta: &mut Trace) -> Result<(), Box<dyn Error>> {
    section("The administrator presses \"Test Connector Configuration\"");
    let users =
        okta.ask("A list, even of nobody: integers and an array, not null", "GET", "/Users?startIndex=1&count=2");
    users
        .status(200)?
        .has("/totalResults", 0)?
        .has("/startIndex", 1)?
        .has("/itemsPerPage", 0)?
        .has("/Resources", json!([]))?;
    let groups = okta.ask("The same of groups", "GET", "/Groups?startIndex=1&count=100");
    groups.status(200)?.has("/totalResults", 0)?.has("/Resources", json!([]))?;
    Ok(())
}

fn user(login: &str, given: &str, family: &str) -> Value {
    json!({
        "schemas": [USER], "userName": login, "name": {"givenName": given, "familyName": family},
        "emails": [{"primary": true, "value": login, "type": "work"}], "displayName": format!("{given} {family}"),
        "locale": "en-US", "externalId": format!("00u-{}", given.to_lowercase()), "groups": [],
        "password": "1mz050nq", "active": true,
    })
}

fn first_user(okta: &mut Trace) -> Result<Answer, Box<dyn Error>> {
    section("A user is assigned to the app");
    let login = "isaac.brock@example.com";
    let lookup = format!(r#"/Users?filter=userName eq "{login}"&startIndex=1&count=100"#);
    okta.ask("Is the user there already? An empty list, no 404", "GET", &lookup)
        .status(200)?
        .has("/totalResults", 0)?;

    let body = user(login, "Isaac", "Brock");
    let created = okta.tell("Created, with an id, and the password not shown", "POST", "/Users", &body);
    created.status(201)?.has("/userName", login)?.has("/active", true)?.lacks("/password")?;
    created.has("/meta/location", created.header("Location")?)?.has("/meta/version", created.header("ETag")?)?;

    let lookup = format!(r#"/Users?filter=userName eq "{}"&startIndex=1&count=100"#, login.to_uppercase());
    let found = okta.ask("Found in capitals, too, and only once", "GET", &lookup);
    found.status(200)?.has("/totalResults", 1)?.has("/Resources/0/id", created.text("/id")?)?;

    let twice = okta.tell("A second one of that name: 409, which Okta shows as it is", "POST", "/Users", &body);
    twice.status(409)?.has("/schemas/0", ERROR)?.has("/status", "409")?.has("/scimType", "uniqueness")?;
    twice.text("/detail")?;
    Ok(created)
}

fn updates(okta: &mut Trace, isaac: &Answer) -> Result<(), Box<dyn Error>> {
    section("The user's profile changes; the user is deactivated and comes back");
    let target = format!("/Users/{}", isaac.text("/id")?);
    let read = okta.ask("The resource before an update", "GET", &target);
    read.status(200)?.has("/name/givenName", "Isaac")?.same_version(isaac)?;

    let mut whole = read.body().clone();
    whole["displayName"] = json!("Isaac J. Brock");
    whole["name"]["middleName"] = json!("James");
    whole["groups"] = json!([]);
    let replaced =
        okta.tell("PUT of all that was read, id and meta included: ignored, no error", "PUT", &target, &whole);
    replaced.status(200)?.new_version(isaac)?.has("/id", isaac.text("/id")?)?.has("/displayName", "Isaac J. Brock")?;
    replaced.has("/meta/created", isaac.text("/meta/created")?)?.has("/externalId", "00u-isaac")?;
    okta.tell("The same again: nothing is written", "PUT", &target, &whole).status(200)?.same_version(&replaced)?;

    let synced = patch(&json!([{"op": "replace", "value": {"password": "n3w-one!"}}]));
    okta.tell("Password sync: taken and not shown", "PATCH", &target, &synced).status(200)?.lacks("/password")?;

    let off = patch(&json!([{"op": "replace", "value": {"active": false}}]));
    okta.tell("Deactivated: the answer shows it as a boolean", "PATCH", &target, &off)
        .status(200)?
        .has("/active", false)?;
    okta.ask("Still there to be read", "GET", &target).status(200)?.has("/active", false)?;
    let lookup = r#"/Users?filter=userName eq "isaac.brock@example.com"&startIndex=1&count=100"#;
    okta.ask("And to be found", "GET", lookup)
        .status(200)?
        .has("/totalResults", 1)?
        .has("/Resources/0/active", false)?;
    let on = patch(&json!([{"op": "replace", "value": {"active": true}}]));
    okta.tell("Reactivated", "PATCH", &target, &on)
        .status(200)?
        .has("/active", true)?
        .has("/name/middleName", "James")?;
    let some = patch(&json!([{"op": "replace", "value": {"displayName": "Isaac Brock Jr."}}]));
    okta.tell("An app with \"Support PATCH for User\" sends changed attributes only", "PATCH", &target, &some)
        .status(200)?
        .has("/displayName", "Isaac Brock Jr.")?
        .has("/name/middleName", "James")?;

    let mut custom = okta.ask("Before an attribute of the customer's own", "GET", &target).body().clone();
    custom["urn:ietf:params:scim:schemas:extension:acme:2.0:User"] = json!({"badge": 7});
    let ignored = okta.tell("It is not registered here, so it is ignored", "PUT", &target, &custom);
    ignored.status(200)?.lacks("/urn:ietf:params:scim:schemas:extension:acme:2.0:User")?.has("/active", true)?;
    Ok(())
}

fn more_users(okta: &mut Trace, login: &str, given: &str, family: &str) -> Result<Answer, Box<dyn Error>> {
    section(&format!("{given} is assigned"));
    let lookup = format!(r#"/Users?filter=userName eq "{login}"&startIndex=1&count=100"#);
    okta.ask("Is the user there already?", "GET", &lookup).status(200)?.has("/totalResults", 0)?;
    let created = okta.tell("Created", "POST", "/Users", &user(login, given, family));
    created.status(201)?.has("/userName", login)?;
    Ok(created)
}

fn group_push(okta: &mut Trace, isaac: &Answer, vera: &Answer, omar: &Answer) -> Result<String, Box<dyn Error>> {
    section("A group is pushed");
    let [isaac, vera, omar] = [isaac, vera, omar].map(|user| user.text("/id"));
    let (isaac, vera, omar) = (isaac?, vera?, omar?);
    let lookup = r#"/Groups?filter=displayName eq "Astronomers"&startIndex=1&count=100"#;
    okta.ask("Is there a group to link to?", "GET", lookup).status(200)?.has("/totalResults", 0)?;

    let body = json!({"schemas": [GROUP], "displayName": "Astronomers",
                      "members": [{"value": vera, "display": "vera.rubin@example.com"}]});
    let created = okta.tell("Created with its members", "POST", "/Groups", &body);
    created.status(201)?.counts("/members", 1)?.has("/members/0/value", vera.as_str())?;
    let id = created.text("/id")?;
    let target = format!("/Groups/{id}");
    okta.ask("Read back", "GET", &target).status(200)?.has("/displayName", "Astronomers")?.same_version(&created)?;
    let member = okta.ask("The user shows the group, read-only", "GET", &format!("/Users/{vera}"));
    member.status(200)?.has("/groups/0/value", id.as_str())?.has("/groups/0/display", "Astronomers")?;

    let add = patch(&json!([{"op": "add", "path": "members", "value": [{"value": omar, "display": "Omar"}]}]));
    let added = okta.tell("One member more", "PATCH", &target, &add);
    added.status(200)?.new_version(&created)?.has_members(&[&vera, &omar])?;
    okta.tell("The same again: no second entry, no new version", "PATCH", &target, &add)
        .status(200)?
        .counts("/members", 2)?
        .same_version(&added)?;
    let name = patch(&json!([{"op": "replace", "value": {"id": id, "displayName": "Astronomers"}}]));
    okta.tell("The name comes with each change of members, changed or not", "PATCH", &target, &name)
        .status(200)?
        .counts("/members", 2)?
        .same_version(&added)?;

    let swap = patch(&json!([
        {"op": "remove", "path": format!(r#"members[value eq "{vera}"]"#)},
        {"op": "add", "path": "members", "value": [{"value": isaac, "display": "Isaac"}]},
    ]));
    let swapped = okta.tell("One goes and one comes in a single request", "PATCH", &target, &swap);
    swapped.status(200)?.has_members(&[&omar, &isaac])?;
    okta.ask("Who has left shows no group", "GET", &format!("/Users/{vera}")).status(200)?.lacks("/groups")?;

    let rename = patch(&json!([{"op": "replace", "value": {"id": id, "displayName": "Stargazers"}}]));
    let renamed = okta.tell("Renamed; the id that stands beside it is no error", "PATCH", &target, &rename);
    renamed
        .status(200)?
        .new_version(&swapped)?
        .has("/displayName", "Stargazers")?
        .has("/id", id.as_str())?
        .counts("/members", 2)?;

    let all = patch(&json!([{"op": "replace", "path": "members", "value": [{"value": vera}, {"value": omar}]}]));
    okta.tell("Full sync: the list is the one that was sent", "PATCH", &target, &all)
        .status(200)?
        .has_members(&[&vera, &omar])?;
    let put = json!({"schemas": [GROUP], "id": id, "displayName": "Stargazers", "members": [{"value": isaac}]});
    okta.tell("The same by PUT", "PUT", &target, &put).status(200)?.has_members(&[&isaac])?;
    let none = patch(&json!([{"op": "replace", "path": "members", "value": []}]));
    okta.tell("The last member leaves: an empty list", "PATCH", &target, &none).status(200)?.lacks("/members")?;
    okta.tell("Pushed again with a member", "PUT", &target, &put).status(200)?.has_members(&[&isaac])?;
    Ok(id)
}

fn import(okta: &mut Trace) -> Result<(), Box<dyn Error>> {
    section("An import reads everything, page by page");
    let first = okta.ask("The first page and the exact total", "GET", "/Users?startIndex=1&count=2");
    first.status(200)?.has("/totalResults", 3)?.has("/itemsPerPage", 2)?.counts("/Resources", 2)?;
    let second = okta.ask("The next one", "GET", "/Users?startIndex=3&count=2");
    second.status(200)?.has("/totalResults", 3)?.has("/startIndex", 3)?.counts("/Resources", 1)?;
    let id = |page: &Answer, at: usize| page.text(&format!("/Resources/{at}/id"));
    let mut ids = vec![id(&first, 0)?, id(&first, 1)?, id(&second, 0)?];
    ids.sort();
    ids.dedup();
    if ids.len() != 3 {
        return Err("the pages overlap: a user would be imported twice and another not at all".into());
    }
    println!("    checked: three different users on two pages");
    let groups = okta.ask("Groups with their members", "GET", "/Groups?startIndex=1&count=100");
    groups.status(200)?.has("/totalResults", 1)?.counts("/Resources/0/members", 1)?;
    Ok(())
}

fn refusals(okta: &mut Trace, isaac: &Answer) -> Result<(), Box<dyn Error>> {
    section("What Okta's certification tries");
    let unknown = okta.ask("An id that does not exist: 404 with an Error body", "GET", "/Users/00000000");
    unknown.status(404)?.has("/schemas/0", ERROR)?.has("/status", "404")?;
    let filter = okta.ask("A broken filter: an error, never a list of everybody", "GET", "/Users?filter=userName xx 1");
    filter.status(400)?.has("/scimType", "invalidFilter")?;
    let nameless = json!({"schemas": [USER], "name": {"givenName": "No", "familyName": "Body"}});
    okta.tell("A user without a name", "POST", "/Users", &nameless).status(400)?.has("/scimType", "invalidValue")?;
    let target = format!("/Users/{}", isaac.text("/id")?);
    let strange = patch(&json!([{"op": "replace", "path": "active", "value": "perhaps"}]));
    okta.tell("A value that is no boolean", "PATCH", &target, &strange)
        .status(400)?
        .has("/scimType", "invalidValue")?;
    okta.ask("It has changed nothing", "GET", &target).status(200)?.has("/active", true)?;
    let schemas = okta.tell("Schemas cannot be written", "POST", "/Schemas", &json!({}));
    schemas.status(405)?.header("Allow")?;
    Ok(())
}

fn leaving(okta: &mut Trace, isaac: &Answer, group: &str) -> Result<(), Box<dyn Error>> {
    section("The group is unlinked; a user is deleted by other tooling");
    let target = format!("/Groups/{group}");
    okta.ask("Deleted", "DELETE", &target).status(204)?;
    okta.ask("And gone", "GET", &target).status(404)?.has("/status", "404")?;
    let target = format!("/Users/{}", isaac.text("/id")?);
    okta.ask("Its members are not, and show no group", "GET", &target).status(200)?.lacks("/groups")?;
    okta.ask("The user is deleted", "DELETE", &target).status(204)?;
    okta.ask("Twice: 404, which Okta takes for done", "DELETE", &target).status(404)?;
    okta.ask("Two are left", "GET", "/Users?startIndex=1&count=100").status(200)?.has("/totalResults", 2)?;
    Ok(())
}
