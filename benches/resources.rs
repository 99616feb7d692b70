//! The cost of a user: reading, filtering and patching a thousand users, compared with serde_json in the same run.
//!
//! `cargo bench --bench resources`. Every response is checked before the measurement.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "a benchmark that panics has found a wrong answer"
)]

mod measure;

use std::{hint::black_box, sync::Arc};

use measure::{Comparison, compare, report};
use scim_core::{
    filter::{Filter, Matcher},
    limits::Limits,
    patch::Patch,
    quirks::{Quirks, Reading, Tolerance},
    resource::{Projection, Rendering, Resource, judge},
    schema::{Registry, ResourceType},
};
use serde_json::{Value as Json, json};

const BASE: &str = "https://example.com/scim/v2";
const USERS: usize = 1_000;
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A user as an identity provider sends it, with JSON members in no particular order.
fn user(n: usize) -> String {
    let families = ["Jensen", "Ångström", "O'Neill", "Müller", "García", "李"];
    let family = families[n % families.len()];
    let (login, active) = (format!("user{n:04}"), !n.is_multiple_of(10));
    let name = format!(
        r#""name":{{"formatted":"Ms. Barbara {n} {family}, III","familyName":"{family}","givenName":"Barbara {n}","middleName":"Jane","honorificPrefix":"Ms.","honorificSuffix":"III"}},"displayName":"Barbara {n} {family}","nickName":"Babs","profileUrl":"https://login.example.com/{login}""#
    );
    let emails = format!(
        r#""emails":[{{"value":"{login}@example.com","type":"work","primary":true}},{{"value":"{login}@home.example.org","type":"home","primary":false}}]"#
    );
    let addresses = r#""addresses":[{"type":"work","streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA","postalCode":"91608","country":"US","formatted":"100 Universal City Plaza\nHollywood, CA 91608 USA","primary":true},{"type":"home","streetAddress":"456 Hollywood Blvd","locality":"Hollywood","region":"CA","postalCode":"91608","country":"US","formatted":"456 Hollywood Blvd\nHollywood, CA 91608 USA"}]"#;
    let more = format!(
        r#""phoneNumbers":[{{"value":"+1 555 555 {n:04}","type":"work"}},{{"value":"+1 555 556 {n:04}","type":"mobile"}}],"photos":[{{"value":"https://photos.example.com/profilephoto/{login}/F","type":"photo"}},{{"value":"https://photos.example.com/profilephoto/{login}/T","type":"thumbnail"}}],"userType":"Employee","title":"Tour Guide","preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":{active},"roles":[{{"value":"guide","display":"Guide","type":"app","primary":true}}],"entitlements":[{{"value":"tours-{n}","display":"Tours"}}]"#
    );
    let enterprise = format!(
        r#""{ENTERPRISE}":{{"employeeNumber":"70{n:04}","costCenter":"4130","organization":"Universal Studios","division":"Theme Park","department":"Tour Operations {}","manager":{{"value":"{:08x}-2819-4433-876a-1ab2c3d4e5f6"}}}}"#,
        n % 7,
        n / 10,
    );
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","{ENTERPRISE}"],"externalId":"{n:08x}-3e57-4f0e-9d39-8a6b1c1f2f11","userName":"{login}@example.com",{name},{emails},{addresses},{more},{enterprise}}}"#
    )
}

struct Bench {
    registry: Registry,
    user: Arc<ResourceType>,
    limits: Limits,
    projection: Projection,
}

impl Bench {
    fn new() -> Self {
        let registry = Registry::standard();
        let user = registry.resource_type("User").expect("registered").clone();
        let projection = Projection::default_of(&user);
        Self { registry, user, limits: Limits::default(), projection }
    }

    fn read(&self, body: &str) -> Resource {
        let mut tolerance = Tolerance::new(Quirks::default());
        Resource::read(&self.user, body.as_bytes(), Reading::new(&self.limits, &mut tolerance)).expect("a user")
    }

    fn write(&self, resource: &Resource, out: &mut Vec<u8>) {
        let (registry, base, projection) = (&self.registry, BASE, &self.projection);
        resource.write(
            out,
            &Rendering { registry, base, projection, version: Some("W/\"1\""), derived: &[], displays: &[] },
        );
    }
}

/// Reading, all rules and writing, compared with parsing and writing a tree of JSON.
fn create(bench: &Bench, bodies: &[String]) -> Comparison {
    for body in bodies {
        let mut out = Vec::new();
        let resource = bench.read(body);
        judge(None, &resource).expect("all rules are kept");
        bench.write(&resource, &mut out);
        let (mut shown, mut sent): (Json, Json) =
            (serde_json::from_slice(&out).expect("JSON"), serde_json::from_str(body).expect("JSON"));
        // The two differ in the derived attributes only.
        let manager = shown[ENTERPRISE]["manager"].as_object_mut().expect("an object").remove("$ref");
        assert!(manager.is_some_and(|url| url.as_str().is_some_and(|url| url.starts_with(BASE))));
        assert!(shown.as_object_mut().expect("an object").remove("meta").is_some());
        for json in [&mut shown, &mut sent] {
            json["schemas"].as_array_mut().expect("an array").sort_by_key(ToString::to_string);
        }
        assert_eq!(shown, sent);
    }
    let (mut ours, mut theirs) = (Vec::with_capacity(4_096), Vec::with_capacity(4_096));
    compare(
        "create: read, judge, write / parse, to_vec",
        0.85,
        bodies.len(),
        || {
            for body in bodies {
                ours.clear();
                let resource = bench.read(body);
                judge(None, &resource).expect("all rules are kept");
                bench.write(black_box(&resource), &mut ours);
            }
            ours.len()
        },
        || {
            for body in bodies {
                theirs.clear();
                let json: Json = serde_json::from_str(body).expect("JSON");
                serde_json::to_writer(&mut theirs, black_box(&json)).expect("memory");
            }
            theirs.len()
        },
    )
}

type ByHand = fn(&Json) -> bool;

fn is(json: &Json, text: &str) -> bool {
    json.as_str().is_some_and(|own| own.eq_ignore_ascii_case(text))
}

/// Filters, each with a hand-written equivalent over JSON. The equivalents handle ASCII only, unlike SCIM.
const FILTERS: &[(&str, &str, ByHand)] = &[
    ("userName eq", r#"userName eq "USER0500@example.com""#, |user| is(&user["userName"], "user0500@example.com")),
    ("userName sw", r#"userName sw "user05""#, |user| {
        user["userName"]
            .as_str()
            .is_some_and(|own| own.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("user05")))
    }),
    ("emails[type eq and value co]", r#"emails[type eq "home" and value co "5@home"]"#, |user| {
        user["emails"].as_array().is_some_and(|emails| {
            emails.iter().any(|email| {
                is(&email["type"], "home")
                    && email["value"].as_str().is_some_and(|own| own.to_ascii_lowercase().contains("5@home"))
            })
        })
    }),
    ("active eq and name.familyName co", r#"active eq true and name.familyName co "ense""#, |user| {
        user["active"] == true
            && user["name"]["familyName"].as_str().is_some_and(|own| own.to_ascii_lowercase().contains("ense"))
    }),
    (
        "department eq",
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "tour operations 3""#,
        |user| is(&user[ENTERPRISE]["department"], "tour operations 3"),
    ),
    ("title pr or nickName pr", "title pr or nickName pr", |user| {
        ["title", "nickName"].iter().any(|name| user[name].as_str().is_some_and(|own| !own.is_empty()))
    }),
];

fn filters(bench: &Bench, bodies: &[String]) -> Vec<Comparison> {
    let resources: Vec<Resource> = bodies.iter().map(|body| bench.read(body)).collect();
    let trees: Vec<Json> = bodies.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect();
    let compile = |text: &str| -> Matcher {
        let mut tolerance = Tolerance::new(Quirks::default());
        let filter = Filter::parse(text, Reading::new(&bench.limits, &mut tolerance)).expect("a filter");
        filter.compile(&bench.user, &mut tolerance).expect("of a user")
    };
    FILTERS
        .iter()
        .map(|(name, text, by_hand)| {
            let matcher = compile(text);
            let found: Vec<bool> = resources.iter().map(|resource| matcher.matches(resource.root())).collect();
            assert_eq!(found, trees.iter().map(by_hand).collect::<Vec<bool>>(), "{text}");
            assert!(found.contains(&true), "{text}");
            compare(
                name,
                0.7,
                USERS,
                || resources.iter().filter(|resource| matcher.matches(black_box(resource.root()))).count(),
                || trees.iter().filter(|tree| by_hand(black_box(tree))).count(),
            )
        })
        .collect()
}

/// Reads a stored user and a PATCH from text, and writes the changed user as text.
fn patch(bench: &Bench, bodies: &[String]) -> Comparison {
    let message = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            {"op": "replace", "path": "active", "value": false},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@example.com"},
            {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "Moved"},
        ],
    })
    .to_string();
    let stored: Vec<Vec<u8>> = bodies.iter().map(|body| bench.read(body).to_json()).collect();
    let texts: Vec<&str> = stored.iter().map(|json| std::str::from_utf8(json).expect("UTF-8")).collect();
    let apply = |json: &[u8], out: &mut Vec<u8>| {
        let mut tolerance = Tolerance::new(Quirks::default());
        let patch = Patch::parse(message.as_bytes(), Reading::new(&bench.limits, &mut tolerance)).expect("a patch");
        let before = Resource::from_json(&bench.user, json).expect("a user");
        let after =
            patch.apply(&before, Reading::new(&bench.limits, &mut tolerance)).expect("it fits").expect("it changes");
        bench.write(&after, out);
    };
    for (json, body) in stored.iter().zip(bodies) {
        let mut out = Vec::new();
        apply(json, &mut out);
        let (shown, sent): (Json, Json) =
            (serde_json::from_slice(&out).expect("JSON"), serde_json::from_str(body).expect("JSON"));
        assert_eq!((&shown["active"], &shown["emails"][0]["value"]), (&json!(false), &json!("new@example.com")));
        assert_eq!((&shown[ENTERPRISE]["department"], &shown["name"]), (&json!("Moved"), &sent["name"]));
    }
    let (mut ours, mut theirs) = (Vec::with_capacity(4_096), Vec::with_capacity(4_096));
    compare(
        "patch: from_json, parse, apply, write / parse, to_vec",
        1.2,
        USERS,
        || {
            for json in &stored {
                ours.clear();
                apply(json, &mut ours);
            }
            ours.len()
        },
        || {
            for text in &texts {
                theirs.clear();
                let json: Json = serde_json::from_str(text).expect("JSON");
                serde_json::to_writer(&mut theirs, black_box(&json)).expect("memory");
            }
            theirs.len()
        },
    )
}

/// Parsing a filter, compared with parsing its text as a JSON string.
fn parse(bench: &Bench) -> Comparison {
    const TIMES: usize = 1_000;
    let text = r#"userName eq "bjensen""#;
    let quoted = serde_json::to_string(text).expect("text");
    let read = || {
        Filter::parse(black_box(text), Reading::new(&bench.limits, &mut Tolerance::new(Quirks::default())))
            .expect("a filter")
    };
    assert_eq!(read().to_string(), text);
    assert_eq!(serde_json::from_str::<String>(&quoted).expect("text"), text);
    compare(
        "parse a filter / the text as a JSON string",
        5.0,
        TIMES,
        || (0..TIMES).map(|_| black_box(read())).map(|filter| size_of_val(&filter)).sum::<usize>(),
        || (0..TIMES).map(|_| serde_json::from_str::<String>(black_box(&quoted)).expect("text").len()).sum::<usize>(),
    )
}

fn main() {
    let bench = Bench::new();
    let bodies: Vec<String> = (0..USERS).map(user).collect();
    println!("{USERS} users of {} bytes on average", bodies.iter().map(String::len).sum::<usize>() / USERS);
    report("Users", &[create(&bench, &bodies), patch(&bench, &bodies)]);
    report("Filters, against closures over serde_json::Value", &filters(&bench, &bodies));
    report("Parsing", &[parse(&bench)]);
}
