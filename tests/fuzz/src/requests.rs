//! Sequences of requests of two tenants over the protocol (RFC 7644 §3).

use std::{collections::BTreeSet, sync::Arc};

use scim_core::{
    limits::Limits,
    store::{RequestContext, TenantId},
};
use serde_json::{Value as Json, json};

use crate::{
    choice::Choices,
    documents::{Documents, SECRET},
    host::{BASE, ERROR, Host, Reply, host_with},
    observed::Observed,
    samples::{ENTERPRISE, REGISTRY, quirks},
};

const STATUSES: [u16; 15] = [200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 428, 501];

/// RFC 7644 §3.12, RFC 9865 §2.
const KEYWORDS: [&str; 14] = [
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
    "invalidCursor",
    "expiredCursor",
    "invalidCount",
    "",
];

/// Input: decisions, see [`Choices`].
///
/// Each answer conforms to the protocol, and an error has the body of RFC 7644 §3.12. A request that fails or only
/// reads changes nothing. No request changes a resource of another tenant or shows an id of one, and no answer shows a
/// password. The work of a request stays within the bound, all its parts share one count, and the count contains the
/// rows that it reads. After each request all references lead to resources, `groups` is the reverse of `members`, and
/// user names are unique.
///
/// # Panics
///
/// When the library breaks one of these promises.
pub fn requests(data: &[u8]) {
    const MOST: usize = 16;
    let mut choices = Choices::new(data);
    let setting = choices.below(256);
    let mut limits = Limits::default();
    if setting & 0x80 != 0 {
        (limits.values, limits.patch_operations, limits.bulk_operations, limits.members_in_answer) = (4, 3, 4, 1);
        (limits.string, limits.filter_terms, limits.page_default, limits.json_depth) = (32, 3, 2, 8);
        limits.scan = 4;
    }
    if setting & 0x40 != 0 {
        limits.work = choices.pick(&[2, 5, 10, 20, 40, 80, 160, 320]);
    }
    let quirks = quirks(u8::try_from(setting & 0x3f).unwrap_or_default());
    let store = Arc::new(Observed::default());
    let host = host_with(REGISTRY.clone(), Arc::clone(&store), limits, quirks);
    let reader = host_with(REGISTRY.clone(), Arc::clone(&store), Limits::default(), quirks);
    let tenants = ["one", "two"].map(|name| RequestContext::new(TenantId::new(name).expect("a name")));
    let states = tenants.each_ref().map(|tenant| State::read(&reader, tenant));
    let mut world = World { states, store, host, reader, tenants };
    for _ in 0..MOST {
        if choices.is_empty() {
            break;
        }
        world.step(&mut choices);
    }
}

struct World {
    store: Arc<Observed>,
    host: Host<Arc<Observed>>,
    /// The same service provider without the narrow limits, to read everything.
    reader: Host<Arc<Observed>>,
    tenants: [RequestContext; 2],
    states: [State; 2],
}

struct Sent {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl World {
    fn step(&mut self, choices: &mut Choices<'_>) {
        let own = choices.below(2);
        let sent = self.request(choices, own);
        let reply = self.send(own, &sent);
        self.well_formed(&sent, &reply);
        let after = self.tenants.each_ref().map(|tenant| State::read(&self.reader, tenant));
        assert_eq!(after[1 - own].resources, self.states[1 - own].resources, "another tenant's resources");
        self.effect(own, &sent, &reply, &after[own]);
        self.keeps_apart(own, &sent, &reply, &after);
        after[own].check();
        self.states = after;
        self.again(own, &sent, &reply);
    }

    fn send(&self, own: usize, sent: &Sent) -> Reply {
        let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.store.take();
        let reply = self.host.send_as(&self.tenants[own], sent.method, &sent.target, &headers, &sent.body);
        self.is_bounded(sent, &reply);
        reply
    }

    /// All calls of a request share one count of work, which stays within the bound and contains the rows that were
    /// read.
    fn is_bounded(&self, sent: &Sent, reply: &Reply) {
        let cost = self.store.take();
        let Some(first) = cost.contexts.first() else { return };
        let spent = first.work().expect("a request is metered").spent();
        let shown = || format!("{} {}: {}", sent.method, sent.target, String::from_utf8_lossy(&sent.body));
        assert!(spent <= self.host.provider.limits().work, "{spent} units: {}", shown());
        let is_shared = |context: &RequestContext| context.work().is_some_and(|work| work.spent() == spent);
        assert!(cost.contexts.iter().all(is_shared), "several counts: {}", shown());
        // The operations of a bulk request are refused one by one, each after a read of its resource. A completed
        // write is answered with 204 if no work is left to read the written resource.
        let unpaid = if reply.status >= 400 || reply.status == 204 { cost.last } else { 0 };
        let is_paid = cost.rows <= spent + unpaid || sent.target.starts_with("/Bulk");
        assert!(is_paid, "{} rows, {spent} units: {}", cost.rows, shown());
    }

    fn request(&self, choices: &mut Choices<'_>, own: usize) -> Sent {
        let mut ids = self.states[own].ids();
        // Ids of the other tenant lead nowhere.
        ids.extend(self.states[1 - own].ids().into_iter().take(1));
        let documents = Documents { ids: &ids };
        let endpoint = choices.pick(&["Users", "Groups"]);
        let resource = |choices: &mut Choices<'_>| {
            let body = if endpoint == "Users" { documents.user(choices) } else { documents.group(choices) };
            body.to_string().into_bytes()
        };
        let id = |choices: &mut Choices<'_>| percent_encoded(&documents.id(choices));
        let (method, target, mut body) = match choices.below(16) {
            0..=4 => ("POST", format!("/{endpoint}"), resource(choices)),
            5 | 6 => ("PUT", format!("/{endpoint}/{}", id(choices)), resource(choices)),
            7..=9 => {
                let target = format!("/{endpoint}/{}", id(choices));
                ("PATCH", target, documents.patch(choices).to_string().into_bytes())
            }
            10 => ("DELETE", format!("/{endpoint}/{}", id(choices)), Vec::new()),
            11 => ("POST", "/Bulk".to_owned(), documents.bulk(choices).to_string().into_bytes()),
            12 => {
                let target = choices.pick(&["/Users/.search", "/Groups/.search", "/.search"]).to_owned();
                ("POST", target, documents.search(choices).to_string().into_bytes())
            }
            13 => ("GET", format!("/{endpoint}?filter={}", percent_encoded(&documents.filter(choices))), Vec::new()),
            14 => ("GET", format!("/{endpoint}/{}", id(choices)), Vec::new()),
            _ => {
                let method = choices.pick(&["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "X", ""]);
                let known =
                    ["/Schemas", "/Me", "/", "/ResourceTypes/User", "/ServiceProviderConfig", "/Bulk", "/Users/x/y"];
                let target = match choices.below(3) {
                    0 => choices.pick(&known).to_owned(),
                    1 => format!("/{endpoint}?{}", choices.text(40)),
                    _ => choices.text(40),
                };
                (method, target, choices.bytes(64).to_vec())
            }
        };
        if choices.one_in(16) && !body.is_empty() {
            let at = choices.below(256) % body.len();
            body[at] = u8::try_from(choices.below(256)).unwrap_or_default();
        }
        let mut target = target;
        if choices.one_in(12) {
            target.push_str(choices.pick(&[
                "?attributes=userName",
                "?excludedAttributes=members",
                "&count=1",
                "&sortBy=title",
            ]));
        }
        let mut headers = Vec::new();
        if choices.one_in(8) {
            let name = choices.pick(&["If-Match", "If-None-Match", "Accept", "Content-Type"]);
            let versions: Vec<&str> = self.states[own].versions().collect();
            let value = match choices.below(4) {
                0 => "*".to_owned(),
                1 => choices.text(16),
                2 => choices.pick(&["application/scim+json", "application/json", "text/plain", "W/\"x\""]).to_owned(),
                _ if versions.is_empty() => "W/\"1\"".to_owned(),
                _ => choices.pick(&versions).to_owned(),
            };
            headers.push((name, value));
        }
        Sent { method, target, headers, body }
    }

    fn well_formed(&self, sent: &Sent, reply: &Reply) {
        let json: Option<Json> = serde_json::from_slice(&reply.body).ok();
        let shown = || format!("{} {}: {}", sent.method, sent.target, String::from_utf8_lossy(&reply.body));
        assert!(STATUSES.contains(&reply.status), "{} {}", reply.status, shown());
        assert!(!String::from_utf8_lossy(&reply.body).contains(SECRET), "{}", shown());
        if reply.body.is_empty() {
            assert!(sent.method == "HEAD" || [204, 304].contains(&reply.status), "{} {}", reply.status, shown());
            return;
        }
        assert!(![204, 304].contains(&reply.status) && sent.method != "HEAD", "{}", shown());
        let json = json.unwrap_or_else(|| panic!("no JSON: {}", shown()));
        let media_type = reply.header("Content-Type").and_then(|it| it.split(';').next());
        let known = ["application/scim+json", "application/json"];
        assert!(media_type.is_some_and(|it| known.contains(&it.trim())), "{media_type:?} {}", shown());
        assert!(json["schemas"].as_array().is_some_and(|schemas| !schemas.is_empty()), "{}", shown());
        if reply.status >= 400 {
            is_error(&json, reply.status);
        }
        for operation in json["Operations"].as_array().into_iter().flatten() {
            let status = operation["status"].as_str().and_then(|status| status.parse().ok()).unwrap_or_default();
            assert!(STATUSES.contains(&status), "{}", shown());
            if status >= 400 {
                is_error(&operation["response"], status);
            }
        }
        if let Some(resources) = json["Resources"].as_array() {
            // Only a page by cursor may have no total (RFC 9865 §2).
            let is_by_cursor = json["nextCursor"].is_string() || json["previousCursor"].is_string();
            let total = json["totalResults"].as_u64();
            assert!(total.map_or(is_by_cursor, |total| total >= resources.len() as u64), "{}", shown());
        }
    }

    fn effect(&self, own: usize, sent: &Sent, reply: &Reply, after: &State) {
        let before = &self.states[own];
        let json = reply.json();
        let operations = json["Operations"].as_array();
        let has_failed = reply.status >= 400
            || operations.is_some_and(|all| {
                all.iter().all(|it| it["status"].as_str().is_some_and(|status| status.starts_with(['4', '5'])))
            });
        let only_reads = ["GET", "HEAD"].contains(&sent.method) || sent.target.contains("/.search");
        if has_failed || only_reads {
            assert_eq!(after.resources, before.resources, "{} {} {}", sent.method, sent.target, reply.status);
            return;
        }
        for resource in &after.resources {
            let Some(was) = before.resources.iter().find(|was| was["id"] == resource["id"]) else { continue };
            if was["meta"]["version"] == resource["meta"]["version"] {
                assert_eq!(own_attributes(was), own_attributes(resource), "changed in the same version");
            }
        }
    }

    /// An answer shows resources of its own tenant only, and an id of the other tenant leads nowhere. A tenant sees
    /// such an id only where the tenant wrote it, now or before: text may be anything, and so may the id of a manager.
    fn keeps_apart(&self, own: usize, sent: &Sent, reply: &Reply, after: &[State; 2]) {
        let (request, answer) = (String::from_utf8_lossy(&sent.body), String::from_utf8_lossy(&reply.body));
        let shown = || format!("{} {}: {request}\n{answer}", sent.method, sent.target);
        let [before, now] = [&self.states[own], &after[own]].map(State::text);
        for id in after[1 - own].ids() {
            let is_target = ["/Users/", "/Groups/"].iter().any(|it| sent.target.strip_prefix(it) == Some(id.as_str()));
            assert!(!is_target || reply.status >= 400, "{}", shown());
            let is_named = [&*request, &sent.target, &before].iter().any(|text| text.contains(&id));
            assert!(is_named || !answer.contains(&id), "{id}: {}", shown());
            assert!(is_named || !now.contains(&id), "{id}: {}\n{now}", shown());
        }
        let is_list = reply.status == 200 && ["/Users?", "/Groups?"].iter().any(|it| sent.target.starts_with(it))
            || sent.target.ends_with("/.search");
        if let Some(resources) = reply.json()["Resources"].as_array().filter(|_| is_list) {
            let own = after[own].ids();
            let is_own = |it: &Json| it["id"].as_str().is_some_and(|id| own.iter().any(|own| own == id));
            assert!(resources.iter().all(is_own), "{}", shown());
        }
    }

    fn is_tight(&self) -> bool {
        self.host.provider.limits().work < 1_000
    }

    /// The resource of an answer. Without work left, the answer to a completed write shows no names.
    fn shown(&self, reply: &Reply) -> Json {
        if self.is_tight() { without_names(&reply.json()) } else { reply.json() }
    }

    /// A created resource is at its location; an accepted PUT changes nothing the second time.
    fn again(&mut self, own: usize, sent: &Sent, reply: &Reply) {
        let plain = sent.headers.is_empty() && !sent.target.contains('?');
        if reply.status == 201 && plain {
            let location = reply.header("Location").expect("a location");
            let target = location.strip_prefix(BASE).expect("a location below the base");
            let found = self.reader.send_as(&self.tenants[own], "GET", target, &[], b"");
            assert_eq!((found.status, self.shown(&found)), (200, self.shown(reply)));
        } else if sent.method == "PUT" && reply.status == 200 && plain {
            let second = self.send(own, sent);
            // The present resource may take more work than the resource before.
            if self.is_tight() && second.json()["scimType"] == "tooMany" {
                return;
            }
            let context = String::from_utf8_lossy(&sent.body);
            assert_eq!((second.status, self.shown(&second)), (200, self.shown(reply)), "{context}");
            let after = State::read(&self.reader, &self.tenants[own]);
            assert_eq!(after.resources, self.states[own].resources);
        }
    }
}

fn is_error(json: &Json, status: u16) {
    assert_eq!(json["schemas"], json!([ERROR]), "{json}");
    assert_eq!(json["status"], status.to_string(), "{json}");
    assert!(json["detail"].as_str().is_some_and(|detail| !detail.is_empty() && detail.len() < 2_000), "{json}");
    assert!(KEYWORDS.contains(&json["scimType"].as_str().unwrap_or_default()), "{json}");
}

/// The resource without the attributes that are derived from other resources.
fn own_attributes(resource: &Json) -> Json {
    let mut resource = without_names(resource);
    if let Some(object) = resource.as_object_mut() {
        object.remove("groups");
    }
    resource
}

/// The resource without the names of the resources that it refers to.
fn without_names(resource: &Json) -> Json {
    let mut resource = resource.clone();
    for member in resource["members"].as_array_mut().into_iter().flatten() {
        member["display"] = Json::Null;
    }
    if let Some(manager) = resource.pointer_mut(&format!("/{ENTERPRISE}/manager")) {
        manager["displayName"] = Json::Null;
    }
    resource
}

fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// All resources that a client can see in one tenant.
struct State {
    resources: Vec<Json>,
}

impl State {
    fn read(host: &Host<Arc<Observed>>, tenant: &RequestContext) -> Self {
        let mut resources = Vec::new();
        for endpoint in ["/Users?count=1000", "/Groups?count=1000"] {
            let reply = host.send_as(tenant, "GET", endpoint, &[], b"");
            assert_eq!(reply.status, 200);
            resources.extend(reply.json()["Resources"].as_array().cloned().unwrap_or_default());
        }
        Self { resources }
    }

    fn of_type<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Json> {
        self.resources.iter().filter(move |resource| resource["meta"]["resourceType"] == name)
    }

    fn ids(&self) -> Vec<String> {
        self.resources.iter().map(|resource| resource["id"].as_str().expect("an id").to_owned()).collect()
    }

    fn text(&self) -> String {
        self.resources.iter().map(Json::to_string).collect()
    }

    fn versions(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().filter_map(|resource| resource["meta"]["version"].as_str())
    }

    fn check(&self) {
        let ids: BTreeSet<String> = self.ids().into_iter().collect();
        assert_eq!(ids.len(), self.resources.len(), "ids are unique");
        let mut names = BTreeSet::new();
        for user in self.of_type("User") {
            let name = user["userName"].as_str().expect("a user name");
            assert!(!name.is_empty() && names.insert(name.to_ascii_lowercase()), "`{name}` is empty or taken");
            assert!(user.get("password").is_none());
        }
        let mut held: BTreeSet<(&str, &str)> = BTreeSet::new();
        for group in self.of_type("Group") {
            let id = group["id"].as_str().expect("an id");
            for member in group["members"].as_array().into_iter().flatten() {
                let value = member["value"].as_str().expect("a member has a value");
                let target = self.resources.iter().find(|resource| resource["id"] == value);
                let target = target.unwrap_or_else(|| panic!("{id} has the member {value}, which does not exist"));
                assert_eq!(member["type"], target["meta"]["resourceType"], "{member}");
                assert_eq!(member["$ref"], target["meta"]["location"], "{member}");
                assert!(held.insert((value, id)), "{id} has {value} twice");
            }
        }
        for user in self.of_type("User") {
            let id = user["id"].as_str().expect("an id");
            let groups: Vec<_> = user["groups"].as_array().into_iter().flatten().collect();
            let shown: BTreeSet<_> = groups.iter().filter_map(|group| group["value"].as_str()).collect();
            let expected: BTreeSet<_> =
                held.iter().filter(|(member, _)| *member == id).map(|(_, group)| *group).collect();
            assert_eq!((shown, groups.len()), (expected.clone(), expected.len()), "groups of {id}");
        }
    }
}
