//! Microsoft Entra ID's life with a platform, request by request: the connection test, users that come, change and go,
//! a group and its members, with the habits of Entra beyond the RFC.
//!
//! Each request has the form in which Entra sends it, and each response is checked for the parts that Entra reads. A
//! response that would bring the job nearer to quarantine ends the program with an error.
//!
//! With a URL and an API key, the program sends Entra's requests to that SCIM server in place of the store in memory:
//!
//! ```console
//! $ cargo run --example entra --features testkit -- --url https://platform.example/scim/v2 --token API_KEY
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::allow_attributes, reason = "a program that prints")]

#[path = "trace/mod.rs"]
#[allow(dead_code, reason = "the other trace uses all of it")]
mod trace;

use std::{error::Error, process::ExitCode};

use scim_core::quirks::Quirks;
use serde_json::{Value, json};
use trace::{Answer, Trace, patch, section};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// A schema that this service provider does not have, but that Entra sends with every group.
const ENTRA_GROUP: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

fn main() -> ExitCode {
    trace::run("Microsoft Entra ID", play)
}

fn play() -> Result<String, Box<dyn Error>> {
    let mut entra = Trace::new("contoso", Quirks::entra())?;
    connection_test(&mut entra)?;
    let adele = first_user(&mut entra)?;
    let alex = second_user(&mut entra)?;
    updates(&mut entra, &adele)?;
    multi_valued(&mut entra, &alex)?;
    manager(&mut entra, &adele, &alex)?;
    let group = group(&mut entra, &adele, &alex)?;
    leaving(&mut entra, &adele, &group)?;
    Ok(format!("Entra ID: {} requests, every answer as Entra ID needs it.", entra.requests()))
}

fn connection_test(entra: &mut Trace) -> Result<(), Box<dyn Error>> {
    section("The administrator presses \"Test Connection\" and opens the attribute mapping");
    let target = r#"/Users?filter=userName eq "b3a1f7d0-3e57-4f0e-9d39-8a6b1c1f2f11""#;
    let nobody = entra.ask("Nobody of a random name: 200 and an empty list, not 404", "GET", target);
    nobody.status(200)?.has("/totalResults", 0)?.has("/Resources", json!([]))?;
    let schemas = entra.ask("The attributes that there are", "GET", "/Schemas");
    schemas.status(200)?.has("/Resources/0/id", USER)?;
    Ok(())
}

fn first_user(entra: &mut Trace) -> Result<Answer, Box<dyn Error>> {
    section("A user comes into scope");
    let login = "AdeleV@contoso.example";
    let lookup = format!(r#"/Users?filter=userName eq "{login}""#);
    entra.ask("Is there somebody to match?", "GET", &lookup).status(200)?.has("/totalResults", 0)?;
    let body = json!({
        "schemas": [USER, ENTERPRISE], "externalId": "adele-object-id", "userName": login, "active": true,
        "displayName": "Adele Vance", "meta": {"resourceType": "User"},
        "name": {"formatted": "Adele Vance", "familyName": "Vance", "givenName": "Adele"},
        "emails": [{"primary": true, "type": "work", "value": "adele@contoso.example"}],
        "addresses": [{"primary": false, "type": "work", "country": "US", "formatted": "12 High Street"}],
        "roles": [{"primary": true, "display": "Buyer", "value": "buyer", "type": "app"}],
        ENTERPRISE: {"employeeNumber": "7", "department": "Retail"},
    });
    let created = entra.tell("Created with all its attributes", "POST", "/Users", &body);
    created.status(201)?.has("/externalId", "adele-object-id")?.has("/roles/0/primary", true)?;
    created.has(&format!("/{ENTERPRISE}/department"), "Retail")?.has("/userName", login)?;
    let lookup = format!(r#"/Users?filter=userName eq "{}""#, login.to_lowercase());
    entra.ask("Matched whatever the case", "GET", &lookup).status(200)?.has("/totalResults", 1)?;
    let lookup = format!(r#"/Users?filter={USER}:userName eq "{login}""#);
    entra.ask("Matched by a name with the URN of its schema", "GET", &lookup).status(200)?.has("/totalResults", 1)?;
    let lookup = r#"/Users?filter=externalId eq "adele-object-id"&attributes=id,userName"#;
    let found = entra.ask("Matched by the object id", "GET", lookup);
    found.status(200)?.has("/Resources/0/id", created.text("/id")?)?.lacks("/Resources/0/displayName")?;
    let lookup = r#"/Users?filter=emails[type eq "work"].value eq "ADELE@contoso.example""#;
    entra.ask("Matched by mail", "GET", lookup).status(200)?.has("/totalResults", 1)?;
    entra.tell("A duplicate", "POST", "/Users", &body).status(409)?.has("/scimType", "uniqueness")?;
    Ok(created)
}

fn second_user(entra: &mut Trace) -> Result<Answer, Box<dyn Error>> {
    section("Another user, with little known of him");
    let body = json!({"schemas": [USER, ENTERPRISE], "externalId": "alex-object-id", "userName": "AlexW@contoso.example",
                      "active": true, "displayName": "Alex Wilber", "meta": {"resourceType": "User"}});
    let created = entra.tell("Created", "POST", "/Users", &body);
    created.status(201)?.lacks("/emails")?;
    Ok(created)
}

fn updates(entra: &mut Trace, adele: &Answer) -> Result<(), Box<dyn Error>> {
    section("Incremental cycles");
    let target = format!("/Users/{}", adele.text("/id")?);
    let rename = patch(&json!([{"op": "Replace", "path": "displayName", "value": "Adele V."}]));
    let renamed = entra.tell("An operation in capitals", "PATCH", &target, &rename);
    renamed.status(200)?.new_version(adele)?.has("/displayName", "Adele V.")?;
    entra
        .tell("The answer was lost, and Entra sends it again: nothing is written", "PATCH", &target, &rename)
        .status(200)?
        .same_version(&renamed)?;

    let off = patch(&json!([{"op": "Replace", "path": "active", "value": "False"}]));
    entra
        .tell("Disabled, by a string; a boolean comes back", "PATCH", &target, &off)
        .status(200)?
        .has("/active", false)?;
    entra.ask("A disabled user can still be read", "GET", &target).status(200)?.has("/active", false)?;
    let on = patch(&json!([{"op": "replace", "value": {"active": true}}]));
    entra.tell("Enabled, without a path", "PATCH", &target, &on).status(200)?.has("/active", true)?;
    let off = patch(&json!([{"op": "Add", "path": "active", "value": "False"}]));
    entra.tell("Disabled by an Add", "PATCH", &target, &off).status(200)?.has("/active", false)?;
    let on = patch(&json!([{"op": "replace", "path": "active", "value": true}]));
    entra.tell("Enabled, by a path and a boolean", "PATCH", &target, &on).status(200)?.has("/active", true)?;

    let department = format!("{ENTERPRISE}:department");
    let urn = patch(&json!([{"op": "Replace", "path": department, "value": "Wholesale"}]));
    let moved = entra.tell("A path with dots and digits inside its URN", "PATCH", &target, &urn);
    moved.status(200)?.has(&format!("/{ENTERPRISE}/department"), "Wholesale")?;
    moved.has(&format!("/{ENTERPRISE}/employeeNumber"), "7")?;
    let keys = patch(&json!([{"op": "Replace", "value": {
        "name.givenName": "Adèle", department: "Sales", r#"emails[type eq "work"].value"#: "adele.v@contoso.example"}}]));
    let keyed = entra.tell("Keys that are paths", "PATCH", &target, &keys);
    keyed.status(200)?.has("/name/givenName", "Adèle")?.has("/name/familyName", "Vance")?;
    keyed.has("/emails/0/value", "adele.v@contoso.example")?.counts("/emails", 1)?;
    keyed.has(&format!("/{ENTERPRISE}/department"), "Sales")?.lacks("/name.givenName")?;
    let merged = patch(&json!([{"op": "Add", "value": {ENTERPRISE: {"costCenter": "42"}}}]));
    let merged = entra.tell("An extension as an object: merged, nothing lost", "PATCH", &target, &merged);
    merged.status(200)?.has(&format!("/{ENTERPRISE}/costCenter"), "42")?;
    merged.has(&format!("/{ENTERPRISE}/department"), "Sales")?;
    let unknown = patch(&json!([{"op": "Add", "path": "groupAssignments", "value": "x"},
                                {"op": "Replace", "path": "title", "value": "Buyer"}]));
    let told = entra.tell(
        "A mapping to an attribute that nobody knows: passed over, or it would block the user for ever; the log says so",
        "PATCH",
        &target,
        &unknown,
    );
    told.status(200)?.has("/title", "Buyer")?.lacks("/groupAssignments")?;
    Ok(())
}

fn multi_valued(entra: &mut Trace, alex: &Answer) -> Result<(), Box<dyn Error>> {
    section("Values of lists, by their type");
    let target = format!("/Users/{}", alex.text("/id")?);
    let add = patch(&json!([
        {"op": "Add", "path": r#"emails[type eq "work"].value"#, "value": "alex@contoso.example"},
        {"op": "Add", "path": r#"addresses[type eq "work"].formatted"#, "value": "1 Main Street"},
        {"op": "Add", "path": r#"addresses[type eq "work"].postalCode"#, "value": "98052"},
        {"op": "Add", "path": r#"roles[primary eq "True"].value"#, "value": "seller"},
    ]));
    let added = entra.tell("What is not there is made, once for each condition", "PATCH", &target, &add);
    added.status(200)?.counts("/emails", 1)?.has("/emails/0/type", "work")?.counts("/addresses", 1)?;
    added.has("/addresses/0/formatted", "1 Main Street")?.has("/addresses/0/postalCode", "98052")?;
    added.has("/roles/0/value", "seller")?.has("/roles/0/primary", true)?;
    let again =
        patch(&json!([{"op": "Add", "path": r#"emails[type eq "work"].value"#, "value": "aw@contoso.example"}]));
    let replaced = entra.tell("An Add where there is one replaces it", "PATCH", &target, &again);
    replaced.status(200)?.new_version(&added)?.counts("/emails", 1)?.has("/emails/0/value", "aw@contoso.example")?;
    let path = r#"phoneNumbers[type eq "mobile"].value"#;
    let phone = patch(&json!([{"op": "Replace", "path": path, "value": "+1 425 555 0100"}]));
    let made = entra.tell("A Replace where there is none makes it (only with Quirks::entra)", "PATCH", &target, &phone);
    made.status(200)?.has("/phoneNumbers/0/type", "mobile")?.has("/phoneNumbers/0/value", "+1 425 555 0100")?;
    let role = r#"{"id": "6a1f0c52-0d3b-4a55-9d0f-3c1b5f2e7708", "value": "planner", "displayName": "Planner"}"#;
    let packed = patch(&json!([{"op": "Add", "path": "roles", "value": [{"value": role}]}]));
    let added = entra.tell("An app role as JSON within a string becomes a role", "PATCH", &target, &packed);
    added.status(200)?.has("/roles/1/value", "planner")?.has("/roles/1/display", "Planner")?;
    let gone = patch(&json!([{"op": "Remove", "path": path}]));
    entra.tell("Its number goes", "PATCH", &target, &gone).status(200)?.lacks("/phoneNumbers/0/value")?;
    Ok(())
}

fn manager(entra: &mut Trace, adele: &Answer, alex: &Answer) -> Result<(), Box<dyn Error>> {
    section("The manager, in all its shapes");
    let (adele, alex) = (adele.text("/id")?, alex.text("/id")?);
    let (target, path) = (format!("/Users/{adele}"), format!("{ENTERPRISE}:manager"));
    let value = format!("/{ENTERPRISE}/manager/value");
    let set = |value: Value| patch(&json!([{"op": "Add", "path": path, "value": value}]));
    let bare = entra.tell("A bare id", "PATCH", &target, &set(json!(alex)));
    bare.status(200)?.has(&value, alex.as_str())?;
    let probe = format!(r#"/Users?filter=id eq "{adele}" and manager eq "{alex}"&attributes=id"#);
    entra.ask("The probe names the attribute without its URN", "GET", &probe).status(200)?.has("/totalResults", 1)?;
    let list =
        entra.tell("A list of one: the same, nothing is written", "PATCH", &target, &set(json!([{"value": alex}])));
    list.status(200)?.same_version(&bare)?;
    let whole = set(json!({"$ref": format!("https://platform.example/scim/contoso/v2/Users/{alex}"), "value": alex}));
    entra.tell("With a reference", "PATCH", &target, &whole).status(200)?.same_version(&bare)?;
    let empty = patch(&json!([{"op": "Replace", "path": path, "value": ""}]));
    entra.tell("Emptied", "PATCH", &target, &empty).status(200)?.lacks(&value)?;
    entra.ask("The probe finds nobody now", "GET", &probe).status(200)?.has("/totalResults", 0)?;
    entra.tell("Set once more", "PATCH", &target, &set(json!(alex))).status(200)?.has(&value, alex.as_str())?;
    let remove = patch(&json!([{"op": "Remove", "path": path}]));
    let removed = entra.tell("Removed", "PATCH", &target, &remove);
    removed.status(200)?.lacks(&value)?.has(&format!("/{ENTERPRISE}/department"), "Sales")?;
    Ok(())
}

fn group(entra: &mut Trace, adele: &Answer, alex: &Answer) -> Result<String, Box<dyn Error>> {
    section("A group comes into scope");
    let (adele, alex) = (adele.text("/id")?, alex.text("/id")?);
    let lookup = r#"/Groups?excludedAttributes=members&filter=displayName eq "Buyers""#;
    entra.ask("Is there one to match?", "GET", lookup).status(200)?.has("/totalResults", 0)?;
    let body = json!({"schemas": [GROUP, ENTRA_GROUP], "externalId": "group-object-id", "displayName": "Buyers",
                      "meta": {"resourceType": "Group"}});
    let created = entra.tell("Created; the schema that nobody knows is ignored", "POST", "/Groups", &body);
    created.status(201)?.has("/displayName", "Buyers")?.has("/schemas", json!([GROUP]))?;
    let id = created.text("/id")?;
    let target = format!("/Groups/{id}");

    let member = |id: &str| json!([{"$ref": null, "value": id}]);
    let change = |op: &str, id: &str| patch(&json!([{"op": op, "path": "members", "value": member(id)}]));
    entra.tell("A member", "PATCH", &target, &change("Add", &adele)).status(200)?.has_members(&[&adele])?;
    let both = entra.tell("Another one", "PATCH", &target, &change("Add", &alex));
    both.status(200)?.has_members(&[&adele, &alex])?;
    entra
        .tell("Added twice: no error, no second entry", "PATCH", &target, &change("Add", &alex))
        .status(200)?
        .has_members(&[&adele, &alex])?
        .same_version(&both)?;
    let stranger = entra.tell("Somebody who does not exist", "PATCH", &target, &change("Add", "no-such-user"));
    stranger.status(400)?.has("/scimType", "invalidValue")?;
    let probe = format!(r#"/Groups?filter=id eq "{id}" and members eq "{alex}"&excludedAttributes=members"#);
    let found = entra.ask("The membership probe, without the list", "GET", &probe);
    found.status(200)?.has("/totalResults", 1)?.lacks("/Resources/0/members")?;

    let removed = entra.tell("Removed, by value: only this one", "PATCH", &target, &change("Remove", &alex));
    removed.status(200)?.has_members(&[&adele])?;
    entra
        .tell("Who is no member cannot be removed, which is no error", "PATCH", &target, &change("Remove", &alex))
        .status(200)?
        .same_version(&removed)?;
    entra.ask("The probe finds nothing now", "GET", &probe).status(200)?.has("/totalResults", 0)?;
    entra.tell("A member again", "PATCH", &target, &change("Add", &alex)).status(200)?.has_members(&[&adele, &alex])?;
    let newer = patch(&json!([{"op": "Remove", "path": format!(r#"members[value eq "{alex}"]"#)}]));
    entra.tell("Removed, by path", "PATCH", &target, &newer).status(200)?.has_members(&[&adele])?;
    let rename = patch(&json!([{"op": "Replace", "path": "displayName", "value": "Buyers EU"}]));
    entra
        .tell("Renamed; the members stay", "PATCH", &target, &rename)
        .status(200)?
        .has("/displayName", "Buyers EU")?
        .has_members(&[&adele])?;
    let read = entra.ask("Read without the list", "GET", &format!("{target}?excludedAttributes=members"));
    read.status(200)?.has("/displayName", "Buyers EU")?.lacks("/members")?;
    Ok(id)
}

fn leaving(entra: &mut Trace, adele: &Answer, group: &str) -> Result<(), Box<dyn Error>> {
    section("A user is deleted: disabled at once, removed 30 days later");
    let target = format!("/Users/{}", adele.text("/id")?);
    let off = patch(&json!([{"op": "Replace", "path": "active", "value": "False"}]));
    entra.tell("Disabled", "PATCH", &target, &off).status(200)?.has("/active", false)?;
    entra.ask("Removed", "DELETE", &target).status(204)?;
    entra.ask("Twice: 404 is as good", "DELETE", &target).status(404)?.has("/status", "404")?;
    entra.ask("Gone", "GET", &target).status(404)?;
    let lookup = r#"/Users?filter=userName eq "AdeleV@contoso.example""#;
    entra.ask("Nobody to match", "GET", lookup).status(200)?.has("/totalResults", 0)?;
    entra.ask("Groups do not list who is gone", "GET", &format!("/Groups/{group}")).status(200)?.lacks("/members")?;
    entra.ask("The group goes, too", "DELETE", &format!("/Groups/{group}")).status(204)?;
    entra.ask("And is gone", "GET", &format!("/Groups/{group}")).status(404)?.has("/status", "404")?;
    Ok(())
}
