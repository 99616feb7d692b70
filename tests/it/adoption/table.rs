//! The table of the guide "existing users": the answers that Okta and Entra get under each policy.

use scim_core::{
    limits::Limits,
    provider::{Ownership, Policy, ServiceProvider, UnownedResources},
    quirks::Quirks,
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::{Value as Json, json};

use crate::fixture::{
    host::{BASE, Counting, Host, Ticking},
    unowned::{Log, ORIGIN, Unowned, adoptable_account, patch, path, profile, profile_with, registry, rule},
};

const GUIDE: &str = include_str!("../../../src/manual/existing_users.md");

/// A policy without any rule.
#[derive(Debug)]
struct Nothing;

impl Policy for Nothing {
    fn access(
        &self,
        _: &RequestContext,
        _: scim_core::provider::Action,
        _: &std::sync::Arc<scim_core::schema::ResourceType>,
    ) -> Result<scim_core::provider::Access, scim_core::error::Error> {
        Ok(scim_core::provider::Access::full())
    }
}

/// The host under the policy of a column, with the account, and with a group that SCIM manages.
fn host(column: &str) -> Unowned<MemoryStore> {
    let adoptable = || UnownedResources::Adoptable(rule().with_record(&path("adopted")));
    let others = match column {
        "`Protected`" => UnownedResources::Protected,
        "`Adoptable`" | "rule fails" => adoptable(),
        "no policy" | "marked" | "`Invisible`" => UnownedResources::Invisible,
        _ => panic!("no column `{column}`"),
    };
    let registry = registry();
    let ownership = Ownership::new(&registry, &path("madeByScim"), others).unwrap();
    // Entra's requests need its preset, which accepts Okta's requests, too.
    let builder = ServiceProvider::builder(registry, MemoryStore::new(), BASE)
        .limits(Limits::default())
        .quirks(Quirks::entra())
        .clock(Ticking::default())
        .ids(Counting::default());
    let builder = if column == "no policy" { builder.policy(Nothing) } else { builder.policy(ownership.clone()) };
    let provider = builder.build().unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let unowned = Unowned { host, ownership, log: Log::default() };
    let mut account = adoptable_account();
    if column == "marked" {
        account[ORIGIN]["madeByScim"] = json!(true);
    }
    if column == "rule fails" {
        account[ORIGIN]["administrator"] = json!(true);
    }
    unowned.by_hand("User", &account);
    unowned.by_hand("Group", &json!({"id": "team", "displayName": "team", ORIGIN: {"madeByScim": true}}));
    unowned
}

/// The method, the target and the body of each row.
fn request(row: &str) -> (&'static str, &'static str, Json) {
    const ACCOUNT: &str = "/Users/hand";
    let replace = |path: &str, value: &str| patch(&json!([{"op": "Replace", "path": path, "value": value}]));
    match row.split_once(':').unwrap().0 {
        "Okta and Entra look the account up" => ("GET", "/Users?filter=userName eq \"ann@example.com\"", Json::Null),
        "Okta and Entra create it after an empty look-up" => ("POST", "/Users", profile()),
        "Okta imports users" => ("GET", "/Users?startIndex=1&count=100", Json::Null),
        "Okta and Entra read it" => ("GET", ACCOUNT, Json::Null),
        "Okta sends the profile" => ("PUT", ACCOUNT, profile()),
        "Okta sends another address" => {
            ("PUT", ACCOUNT, profile_with("emails", json!([{"value": "eve@example.com", "primary": true}])))
        }
        "Okta deactivates it" => ("PATCH", ACCOUNT, patch(&json!([{"op": "replace", "value": {"active": false}}]))),
        "Entra changes the display name" => ("PATCH", ACCOUNT, replace("displayName", "Ann Lee")),
        "Entra changes the user name" => ("PATCH", ACCOUNT, replace("userName", "eve@example.com")),
        "Entra disables it" => ("PATCH", ACCOUNT, replace("active", "False")),
        "Entra deletes it" => ("DELETE", ACCOUNT, Json::Null),
        "Okta pushes a group with it" => {
            let add = json!({"op": "add", "path": "members", "value": [{"value": "hand", "display": "Ann"}]});
            ("PATCH", "/Groups/team", patch(&json!([add])))
        }
        "Entra adds it to a group" => {
            ("PATCH", "/Groups/team", patch(&json!([{"op": "Add", "path": "members", "value": [{"value": "hand"}]}])))
        }
        row => panic!("no request for `{row}`"),
    }
}

/// The cells of a line of a table in Markdown.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split(" | ").map(str::trim).collect()
}

/// Each cell of the table is the answer to the request. A refused request changes nothing, and the account is managed
/// by SCIM afterward exactly where the table says so.
#[test]
fn the_answers_to_okta_and_entra_are_those_of_the_guide() {
    let (_, table) = GUIDE.split_once("| client and request |").unwrap();
    let mut lines = table.lines();
    let columns = cells(lines.next().unwrap());
    assert_eq!(columns.len(), 6);
    let mut checked = 0;
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let [row, expected @ ..] = &*cells(line) else { panic!("{line}") };
        for (column, expected) in columns.iter().zip(expected) {
            let unowned = host(column);
            let before = unowned.stored("User", "hand");
            let was_managed = unowned.marks("User", "hand")[0];
            let (method, target, body) = request(row);
            assert!(row.contains(&format!("`{method} {}", &target[..4])), "{row}");
            let reply = unowned.send(method, target, &body);
            let mut found = reply.status.to_string();
            if let Some(total) = reply.json().get("totalResults") {
                found += &format!(": {total}");
            }
            let is_managed = unowned.find("User", "hand").is_some() && unowned.marks("User", "hand")[0];
            if is_managed && !was_managed {
                found += " adopts";
            }
            assert_eq!(found, *expected, "{row}, {column}: {}", reply.json());
            if reply.status >= 400 {
                assert_eq!(unowned.stored("User", "hand"), before, "{row}, {column}");
                let (team, _) = unowned.stored("Group", "team").unwrap();
                assert_eq!(team.get("members"), None, "{row}, {column}");
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 78);
}
