//! The eleven direct tests of Microsoft's validator for the Entra App Gallery, restated: the tests that call the SCIM
//! endpoint and the token endpoint themselves (`SCIM-Validation-Test-Overview.md`, tests 15 to 25). The other fourteen
//! tests use Entra's own engine, whose requests `Traffic` imitates.

use std::collections::BTreeSet;

use crate::identity::{AUDIENCE, ISSUER, IdentityProvider, SUBJECT, claims, sign};
use crate::process::{Answer, Place, Server, TOKEN, USER, databases, run};
use serde_json::{Value as Json, json};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The targets of Entra's default mappings, in its notation.
const MAPPED: [&str; 30] = [
    "userName",
    "active",
    "displayName",
    "title",
    "externalId",
    "preferredLanguage",
    "name.givenName",
    "name.familyName",
    "name.formatted",
    "emails[type eq \"work\"].value",
    "addresses[type eq \"work\"].formatted",
    "addresses[type eq \"work\"].streetAddress",
    "addresses[type eq \"work\"].locality",
    "addresses[type eq \"work\"].region",
    "addresses[type eq \"work\"].postalCode",
    "addresses[type eq \"work\"].country",
    "phoneNumbers[type eq \"work\"].value",
    "phoneNumbers[type eq \"mobile\"].value",
    "phoneNumbers[type eq \"fax\"].value",
    "roles[primary eq \"True\"].value",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "group displayName",
    "group externalId",
    "group members",
    "nickName",
];

/// A server of an organization, with the access token of one of its OAuth clients.
struct Validated {
    server: Server,
    token: String,
}

fn printed(place: &Place, arguments: &[&str]) -> String {
    let all = [&["oauth", "client", "new", "--organization", "acme", "--store", &*place.url], arguments].concat();
    let done = run(&all);
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    done.stdout
}

fn value<'a>(printed: &'a str, name: &str) -> &'a str {
    let line = printed.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{printed}"));
    line.trim().trim_end_matches(" (shown once)")
}

impl Validated {
    fn start(place: &Place) -> Self {
        let server = Server::start(&["--store", &place.url, "--organization", "acme", "--token", TOKEN]);
        let client = printed(place, &[]);
        let (id, secret) = (value(&client, "Client id"), value(&client, "Client secret"));
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let answer = server.form(&format!("{}/scim/acme/oauth/token", server.root()), &[], &body);
        let token = answer.json["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
        Self { server, token }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        self.server.request_with_key(Some(&self.token), method, path, body)
    }

    fn create(&self, path: &str, body: &Json) -> String {
        let made = self.ask("POST", path, Some(body));
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["id"].as_str().unwrap().to_owned()
    }

    fn patch(&self, path: &str, operations: &Json) -> Json {
        let changed = self.ask("PATCH", path, Some(&json!({"schemas": [PATCH], "Operations": operations})));
        assert!([200, 204].contains(&changed.status), "{}", changed.text);
        let found = self.ask("GET", path, None);
        assert_eq!(found.status, 200);
        found.json
    }
}

fn user(name: &str) -> Json {
    json!({
        "schemas": [USER, ENTERPRISE], "userName": format!("{name}@contoso.com"), "externalId": name, "active": true,
        "displayName": name, "title": "Engineer", "preferredLanguage": "en-US",
        "name": {"givenName": "G", "familyName": "F", "formatted": "G F"},
        "emails": [{"type": "work", "value": format!("{name}@contoso.com"), "primary": true}],
        ENTERPRISE: {"employeeNumber": "7", "department": "R&D"},
    })
}

/// The names that the validator derives from a schema.
fn flattened(schema: &Json) -> BTreeSet<String> {
    let id = schema["id"].as_str().unwrap();
    let prefix = match id {
        USER => String::new(),
        GROUP => "group ".to_owned(),
        other => format!("{other}:"),
    };
    let mut names = BTreeSet::new();
    for attribute in schema["attributes"].as_array().unwrap() {
        let name = format!("{prefix}{}", attribute["name"].as_str().unwrap());
        names.insert(name.to_lowercase());
        let subs = attribute["subAttributes"].as_array().cloned().unwrap_or_default();
        let resource_types =
            subs.iter().find(|sub| sub["name"] == "type").and_then(|sub| sub["canonicalValues"].as_array());
        for sub in &subs {
            let sub = sub["name"].as_str().unwrap();
            match (attribute["multiValued"] == true, resource_types) {
                (false, _) => drop(names.insert(format!("{name}.{sub}").to_lowercase())),
                (true, Some(resource_types)) => {
                    names.extend(
                        resource_types
                            .iter()
                            .map(|resource_type| format!("{name}[type eq {resource_type}].{sub}").to_lowercase()),
                    );
                }
                (true, None) => drop(names.insert(format!("{name}[primary eq \"True\"].{sub}").to_lowercase())),
            }
        }
    }
    names
}

/// 15: every mapped attribute is in `/Schemas`.
#[test]
fn schema_discoverability() {
    for place in databases() {
        let entra = Validated::start(&place);
        let answer = entra.ask("GET", "/Schemas", None);
        assert_eq!(answer.status, 200);
        let schemas = answer.json["Resources"].as_array().unwrap();
        let names: BTreeSet<String> = schemas.iter().flat_map(flattened).collect();
        let missing: Vec<&str> = MAPPED.into_iter().filter(|name| !names.contains(&name.to_lowercase())).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

/// 16: empty texts and nulls remove values.
#[test]
fn null_update() {
    for place in databases() {
        let entra = Validated::start(&place);
        let path = format!("/Users/{}", entra.create("/Users", &user("ann")));
        let paths = [
            "title",
            "preferredLanguage",
            "name.formatted",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        ];
        for value in [json!(""), Json::Null] {
            let operations: Vec<Json> =
                paths.iter().map(|path| json!({"op": "Replace", "path": path, "value": value})).collect();
            let found = entra.patch(&path, &json!(operations));
            let values = [
                &found["title"],
                &found["preferredLanguage"],
                &found["name"]["formatted"],
                &found[ENTERPRISE]["department"],
            ];
            assert!(values.into_iter().all(|value| value.is_null() || value == ""), "{value}: {found}");
        }
    }
}

/// 17 to 20: users and groups are created and changed.
#[test]
fn create_and_update() {
    for place in databases() {
        let entra = Validated::start(&place);
        let made = entra.ask("POST", "/Users", Some(&user("ann")));
        assert_eq!((made.status, &made.json["userName"]), (201, &json!("ann@contoso.com")));
        let path = format!("/Users/{}", made.json["id"].as_str().unwrap());
        let values = [
            ("displayName", "/displayName"),
            ("title", "/title"),
            ("name.givenName", "/name/givenName"),
            ("userName", "/userName"),
            ("externalId", "/externalId"),
            ("emails[type eq \"work\"].value", "/emails/0/value"),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
                "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/costCenter",
            ),
        ];
        let operations: Vec<Json> =
            values.iter().map(|(path, _)| json!({"op": "Replace", "path": path, "value": "updated"})).collect();
        let found = entra.patch(&path, &json!(operations));
        for (name, pointer) in values {
            assert_eq!(found.pointer(pointer), Some(&json!("updated")), "{name}: {found}");
        }
        let group = json!({"schemas": [GROUP], "displayName": "Sales", "externalId": "g1", "members": []});
        let made = entra.ask("POST", "/Groups", Some(&group));
        assert_eq!((made.status, &made.json["displayName"]), (201, &json!("Sales")));
        let path = format!("/Groups/{}", made.json["id"].as_str().unwrap());
        let found = entra.patch(
            &path,
            &json!([
                {"op": "Replace", "path": "displayName", "value": "Sales EMEA"},
                {"op": "Replace", "path": "externalId", "value": "g2"},
            ]),
        );
        assert_eq!([&found["displayName"], &found["externalId"]], ["Sales EMEA", "g2"]);
    }
}

/// 21: a token of 60 to 360 minutes, requested by the header that is the validator's default, gives access to SCIM.
#[test]
fn validate_credentials() {
    for place in databases() {
        let entra = Validated::start(&place);
        let client = printed(&place, &[]);
        let credentials = format!("{}:{}", value(&client, "Client id"), value(&client, "Client secret"));
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, credentials);
        let url = format!("{}/scim/acme/oauth/token", entra.server.root());
        let header = format!("Basic {encoded}");
        for body in ["grant_type=client_credentials", "grant_type=client_credentials&scope=scim.readwrite"] {
            let answer = entra.server.form(&url, &[("Authorization", &*header)], body);
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!((60..=360).contains(&(answer.json["expires_in"].as_i64().unwrap() / 60)), "{}", answer.text);
            let token = answer.json["access_token"].as_str();
            assert_eq!(entra.server.request_with_key(token, "GET", "/Users?count=1", None).status, 200);
        }
    }
}

/// 22: an assertion of Entra ID gets a token. The request names the client and a scope.
#[test]
fn federated_identity() {
    for place in databases() {
        let (entra, provider) = (Validated::start(&place), IdentityProvider::start());
        let federation = ["--issuer", ISSUER, "--audience", AUDIENCE, "--subject", SUBJECT, "--keys", &provider.url];
        let client = printed(&place, &federation);
        let body = format!(
            "grant_type=client_credentials&client_id={}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
             client-assertion-type%3Ajwt-bearer&client_assertion={}&scope=scim.readwrite",
            value(&client, "Client id"),
            sign("k1", &claims()),
        );
        let answer = entra.server.form(&format!("{}/scim/acme/oauth/token", entra.server.root()), &[], &body);
        assert_eq!((answer.status, &answer.json["scope"]), (200, &json!("scim.readwrite")), "{}", answer.text);
        let token = answer.json["access_token"].as_str();
        assert_eq!(entra.server.request_with_key(token, "GET", "/Groups?count=1", None).status, 200);
    }
}

/// 23 and 24: pages of five, each with its own `startIndex`, and no resource twice.
#[test]
fn pagination() {
    for place in databases() {
        let entra = Validated::start(&place);
        for number in 0..12 {
            entra.create("/Users", &user(&format!("user{number}")));
            entra.create("/Groups", &json!({"schemas": [GROUP], "displayName": format!("group {number}")}));
        }
        for path in ["/Users", "/Groups"] {
            let mut ids = BTreeSet::new();
            for page in 0..3 {
                let start = page * 5 + 1;
                let answer = entra.ask("GET", &format!("{path}?startIndex={start}&count=5"), None);
                assert_eq!((answer.status, &answer.json["startIndex"]), (200, &json!(start)));
                assert_eq!(answer.json["totalResults"], 12);
                ids.extend(answer.json["Resources"].as_array().unwrap().iter().map(|one| one["id"].to_string()));
            }
            assert_eq!(ids.len(), 12, "{path}");
        }
    }
}

/// 25: a manager is set, changed and removed.
#[test]
fn update_manager() {
    for place in databases() {
        let entra = Validated::start(&place);
        let [ann, one, two] = ["ann", "one", "two"].map(|name| entra.create("/Users", &user(name)));
        let (path, manager) = (format!("/Users/{ann}"), format!("{ENTERPRISE}:manager"));
        for (operation, value, expected) in
            [("Add", &*one, json!(one)), ("Replace", &two, json!(two)), ("Replace", "", Json::Null)]
        {
            let found = entra.patch(&path, &json!([{"op": operation, "path": manager, "value": value}]));
            assert_eq!(found[ENTERPRISE]["manager"]["value"], expected, "{operation}: {found}");
        }
    }
}
