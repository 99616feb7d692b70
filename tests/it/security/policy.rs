//! The decisions of the host's policies hold for every way of reading and writing.

use std::sync::{Arc, Mutex};

use crate::fixture::host::{self, BASE, ENTERPRISE, Host, USER, host_under, now};
use scim_core::{
    error::Error,
    filter::{Filter, Matcher},
    limits::Limits,
    provider::{Access, Action, Ownership, OwnershipError, Policy, Proposal, ServiceProvider, UnownedResources},
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{Attribute, AttributeType, Mutability, Registry, ResourceType, Schema},
    store::{Change, Entry, MemoryStore, RequestContext, Store, TenantId},
};
use serde_json::{Value as Json, json};

fn matcher(resource_type: &Arc<ResourceType>, filter: &str) -> Arc<Matcher> {
    let mut tolerance = Tolerance::new(Quirks::default());
    let filter = Filter::parse(filter, Reading::new(&Limits::default(), &mut tolerance)).unwrap();
    Arc::new(filter.compile(resource_type, &mut tolerance).unwrap())
}

/// The host's administrator, who sees everything; all other callers are subject to the policy.
fn administrator() -> RequestContext {
    RequestContext::new(TenantId::single()).with_actor("administrator")
}

fn is_administrator(context: &RequestContext) -> bool {
    context.actor() == Some("administrator")
}

/// A policy that records its calls and refuses some of them.
#[derive(Debug, Default)]
struct Recording {
    refused: Arc<Mutex<Vec<Action>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Policy for Recording {
    fn access(
        &self,
        context: &RequestContext,
        action: Action,
        resource_type: &Arc<ResourceType>,
    ) -> Result<Access, Error> {
        if is_administrator(context) {
            return Ok(Access::full());
        }
        self.asked.lock().unwrap().push(format!("{action:?} {}", resource_type.name()));
        if self.refused.lock().unwrap().contains(&action) {
            return Err(Error::new(403, "not for you"));
        }
        Ok(Access::full())
    }

    fn review(&self, context: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        if is_administrator(context) {
            return Ok(());
        }
        let id = |resource: Option<&Resource>| resource.map_or("-".to_owned(), |resource| resource.id().to_owned());
        let edit =
            proposal.edit.map_or(String::new(), |(_, edit)| format!(" +{} -{}", edit.add.len(), edit.remove.len()));
        let (before, after) = (id(proposal.before), id(proposal.after));
        self.asked.lock().unwrap().push(format!("{:?}: {before} to {after}{edit}", proposal.action));
        let forbidden = |resource: &Resource| String::from_utf8(resource.to_json()).unwrap().contains("forbidden");
        match proposal.after {
            Some(after) if forbidden(after) => Err(Error::new(403, "this may not be")),
            _ => Ok(()),
        }
    }
}

/// All resources in the view of the administrator, to whom no policy applies.
fn everything<S: Store>(host: &Host<S>) -> Vec<Json> {
    let resource_types = host.provider.registry().resource_types().iter();
    let list = |target: &str| host.send_as(&administrator(), "GET", target, &[], b"").json();
    resource_types.map(|resource_type| list(&format!("/{}?count=1000", resource_type.endpoint()))).collect()
}

fn refused<S: Store>(host: &Host<S>, method: &str, target: &str, body: &Json, status: u16, keyword: &str) {
    let before = everything(host);
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let reply = host.send(method, &host::encoded(target), &[], &body);
    assert_eq!(reply.error(), (status, keyword.to_owned()), "{method} {target}: {}", reply.json());
    assert_eq!(everything(host), before, "{method} {target}");
}

fn patch(operations: &Json) -> Json {
    json!({"schemas": [host::PATCH], "Operations": operations})
}

/// The policy is asked for each operation, with the change that it would make. A refused operation changes nothing.
#[test]
fn every_operation_is_asked_for() {
    let policy = Recording::default();
    let (refusals, asked) = (Arc::clone(&policy.refused), Arc::clone(&policy.asked));
    let host = host_under(Registry::standard(), Quirks::default(), policy);
    let log = || std::mem::take(&mut *asked.lock().unwrap());

    let user = host.user("ann");
    assert_eq!(log(), ["Create User", "Create: - to id-001"]);
    let group = host.post("/Groups", &json!({"displayName": "All", "members": [{"value": user}]})).id();
    // The policy is asked once for each possible type of the member whether the member may be read.
    assert_eq!(log()[0], "Create Group");
    host.get(&format!("/Users/{user}"));
    assert_eq!(log(), ["Read User", "Read Group"], "the second for the user's groups");
    host.get("/Users?attributes=userName");
    host.post("/Users/.search", &json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}));
    assert_eq!(log(), ["Search User", "Search User", "Read Group"]);
    host.put(&format!("/Users/{user}"), &json!({"schemas": [USER], "userName": "anna"}));
    assert_eq!(log()[..2], ["Replace User", "Replace: id-001 to id-001"]);
    host.patch(&format!("/Users/{user}"), &json!([{"op": "replace", "path": "title", "value": "x"}]));
    assert_eq!(log()[..2], ["Patch User", "Patch: id-001 to id-001"]);
    let other = host.user("bob");
    log();
    host.patch(&format!("/Groups/{group}"), &json!([{"op": "add", "path": "members", "value": [{"value": other}]}]));
    assert!(log().contains(&"Patch: id-002 to - +1 -0".to_owned()));

    let body = json!({"schemas": [USER], "userName": "forbidden"});
    refused(&host, "POST", "/Users", &body, 403, "");
    refused(&host, "PUT", &format!("/Users/{user}"), &body, 403, "");
    let operations = json!([{"op": "replace", "path": "title", "value": "forbidden"}]);
    refused(&host, "PATCH", &format!("/Users/{user}"), &patch(&operations), 403, "");

    let user_path = format!("/Users/{user}");
    let fine = json!({"schemas": [USER], "userName": "carl"});
    let members = json!([{"op": "remove", "path": "members"}]);
    let cases = [
        (Action::Create, "POST", "/Users", fine.clone()),
        (Action::Read, "GET", &*user_path, Json::Null),
        (Action::Search, "GET", "/Users", Json::Null),
        (Action::Replace, "PUT", &*user_path, fine),
        (Action::Patch, "PATCH", &*user_path, patch(&json!([{"op": "remove", "path": "title"}]))),
        (Action::Patch, "PATCH", &format!("/Groups/{group}"), patch(&members)),
        (Action::Delete, "DELETE", &*user_path, Json::Null),
    ];
    for (action, method, target, body) in cases {
        *refusals.lock().unwrap() = vec![action];
        refused(&host, method, target, &body, 403, "");
    }
    *refusals.lock().unwrap() = Vec::new();
    log();
    assert_eq!(host.delete(&user_path).status, 204);
    assert_eq!(log(), ["Delete User", "Delete: id-001 to -"]);
}

/// Groups that the caller may not read do not show up in users, and users that it may not read cannot be made members.
#[test]
fn resources_that_may_not_be_read_show_nowhere() {
    let policy = Recording::default();
    let refusals = Arc::clone(&policy.refused);
    let host = host_under(Registry::standard(), Quirks::default(), policy);
    let user = host.user("ann");
    host.post("/Groups", &json!({"displayName": "All", "members": [{"value": user}]}));
    assert_eq!(host.get("/Users").json()["Resources"][0]["groups"][0]["display"], "All");
    *refusals.lock().unwrap() = vec![Action::Read];
    assert_eq!(host.get("/Users").json()["Resources"][0].get("groups"), None);
    assert_eq!(host.get("/Users?filter=groups.display eq \"All\"").json()["totalResults"], 0);
    refused(&host, "POST", "/Groups", &json!({"displayName": "B", "members": [{"value": user}]}), 400, "invalidValue");
}

/// Hides attributes of one resource type.
#[derive(Debug)]
struct HidingOf(&'static str, &'static [&'static str]);

impl Policy for HidingOf {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        let hidden: &[&str] = if resource_type.name() == self.0 && !is_administrator(context) { self.1 } else { &[] };
        Ok(Access::full().with_hidden(resource_type, hidden))
    }
}

/// The attributes of groups that a policy hides do not show in users, whose `groups` are derived from them: neither in
/// answers nor by filters and sorting. Hidden attributes; whether the groups show, and whether their names do.
#[test]
fn hidden_attributes_of_groups_do_not_show_in_users() {
    let table: [(&[&str], bool, bool); 6] = [
        (&[], true, true),
        (&["externalId"], true, true),
        (&["displayName"], true, false),
        (&["members"], false, false),
        (&["members", "displayName"], false, false),
        // `members.value` cannot be hidden.
        (&["members.value", "members.type"], true, true),
    ];
    for (hidden, groups_show, names_show) in table {
        let host = host_under(Registry::standard(), Quirks::default(), HidingOf("Group", hidden));
        let user = host.user("ann");
        host.user("bob");
        let body = json!({"displayName": "Secret", "members": [{"value": user}]}).to_string();
        let group = host.send_as(&administrator(), "POST", "/Groups", &[], body.as_bytes()).id();
        let reference = format!("{BASE}/Groups/{group}");
        let mut expected = json!({"value": group, "type": "direct", "$ref": reference});
        if names_show {
            expected["display"] = json!("Secret");
        }
        let expected = groups_show.then(|| json!([expected]));
        let shown = [
            host.get(&format!("/Users/{user}")).json(),
            host.get("/Users?filter=userName eq \"ann\"").json()["Resources"][0].clone(),
            host.patch(&format!("/Users/{user}"), &json!([{"op": "add", "path": "title", "value": "x"}])).json(),
        ];
        for shown in shown {
            assert_eq!(shown.get("groups"), expected.as_ref(), "{hidden:?}: {shown}");
        }
        for (filter, finds) in [
            (format!("groups.value eq \"{group}\""), groups_show),
            ("groups pr".to_owned(), groups_show),
            ("groups.display eq \"secret\"".to_owned(), names_show),
            ("groups[display sw \"S\"]".to_owned(), names_show),
        ] {
            let found = host.get(&format!("/Users?filter={filter}")).json()["totalResults"].clone();
            assert_eq!(found, u64::from(finds), "{hidden:?}: {filter}");
        }
        let administrators = host.send_as(&administrator(), "GET", &format!("/Users/{user}"), &[], b"").json();
        assert_eq!(administrators["groups"][0]["display"], "Secret");
    }
}

/// Hides a part of a name, a part of e-mail addresses, the extension's employee number, and titles.
#[derive(Debug)]
struct Hiding(&'static [&'static str]);

impl Policy for Hiding {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        let hidden: &[&str] = if is_administrator(context) { &[] } else { self.0 };
        Ok(Access::full().with_hidden(resource_type, hidden))
    }
}

const HIDDEN: &[&str] =
    &["title", "name.middleName", "emails.display", "employeeNumber", "id", "meta.created", "nonsense"];

fn secretive(quirks: Quirks) -> (Host<MemoryStore>, String) {
    let host = host_under(Registry::standard(), quirks, Hiding(HIDDEN));
    let body = json!({
        "schemas": [USER, ENTERPRISE], "userName": "ann", "title": "SECRET",
        "name": {"givenName": "Ann", "middleName": "SECRET"},
        "emails": [{"value": "a@example.com", "display": "SECRET", "type": "work"}, {"value": "b@example.com"}],
        ENTERPRISE: {"employeeNumber": "SECRET", "department": "Tours"},
    });
    let reply = host.send_as(&administrator(), "POST", "/Users", &[], body.to_string().as_bytes());
    assert_eq!(reply.status, 201, "{}", reply.json());
    let id = reply.id();
    (host, id)
}

fn as_administrator(host: &Host<MemoryStore>, id: &str) -> Json {
    host.send_as(&administrator(), "GET", &format!("/Users/{id}"), &[], b"").json()
}

#[test]
fn hidden_attributes_are_in_no_answer() {
    let (host, id) = secretive(Quirks::default());
    let user = format!("/Users/{id}");
    let replies = [
        host.get(&user),
        host.get(&format!("{user}?attributes=title,name.middleName,emails.display,employeeNumber,userName")),
        host.get(&format!("{user}?excludedAttributes=userName,title")),
        host.get("/Users"),
        host.get("/Users?attributes=title,emails"),
        host.post("/Users/.search", &json!({"attributes": ["title", "name"]})),
        host.put(&user, &json!({"schemas": [USER], "userName": "ann", "name": {"givenName": "Anna"}})),
        host.patch(&user, &json!([{"op": "add", "path": "nickName", "value": "A"}])),
    ];
    for reply in replies {
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(reply.status, 200, "{text}");
        assert!(!text.contains("SECRET") && !text.contains("title") && !text.contains("middleName"), "{text}");
        assert!(text.contains("\"id\"") && text.contains(&id), "{text}");
    }
}

#[test]
fn hidden_attributes_are_unknown_in_questions() {
    let (host, id) = secretive(Quirks::default());
    let user = format!("/Users/{id}");
    for filter in [
        "title eq \"SECRET\"",
        "title pr",
        "userName pr or not (name.middleName sw \"S\")",
        "emails[display pr]",
        "emails.display co \"S\"",
        "employeeNumber eq \"SECRET\"",
        &format!("{ENTERPRISE}:employeeNumber pr"),
    ] {
        refused(&host, "GET", &format!("/Users?filter={filter}"), &Json::Null, 400, "invalidFilter");
        refused(&host, "POST", "/Users/.search", &json!({"filter": filter}), 400, "invalidFilter");
    }
    for path in ["title", "name.middleName", "emails.display", "employeeNumber"] {
        refused(&host, "GET", &format!("/Users?sortBy={path}"), &Json::Null, 400, "invalidValue");
        for op in ["add", "replace", "remove"] {
            let operations = json!([{"op": op, "path": path, "value": "x"}]);
            refused(&host, "PATCH", &user, &patch(&operations), 400, "invalidPath");
        }
    }
    let operations = json!([{"op": "replace", "path": "emails[display eq \"SECRET\"].type", "value": "home"}]);
    assert_eq!(host.patch(&user, &operations).status, 400);
    // The administrator can still filter by the attribute.
    let found = host.send_as(&administrator(), "GET", "/Users?filter=title%20eq%20%22SECRET%22", &[], b"");
    assert_eq!(found.json()["totalResults"], 1);
}

#[test]
fn hidden_attributes_stay_as_they_are() {
    let secrets = |user: &Json| {
        json!([
            user["title"],
            user["name"]["middleName"],
            user["emails"][0]["display"],
            user[ENTERPRISE]["employeeNumber"]
        ])
    };
    let emails = json!([{"value": "a@example.com", "type": "home", "display": "mine"}]);
    let writes: [(&str, Json); 6] = [
        (
            "PUT",
            json!({
                "schemas": [USER, ENTERPRISE], "userName": "ann", "title": "mine", "emails": emails,
                "name": {"familyName": "A", "middleName": "mine"}, ENTERPRISE: {"employeeNumber": "mine"},
            }),
        ),
        ("PUT", json!({"schemas": [USER], "userName": "ann", "emails": emails})),
        (
            "PATCH",
            patch(&json!([{"op": "replace", "value": {
            "title": "mine", "name": {"middleName": "mine", "familyName": "A"}, "emails": emails,
            ENTERPRISE: {"employeeNumber": "mine", "department": "B"}}}])),
        ),
        ("PATCH", patch(&json!([{"op": "remove", "path": "name"}, {"op": "remove", "path": ENTERPRISE}]))),
        ("PATCH", patch(&json!([{"op": "replace", "path": "name", "value": {"givenName": "B"}}]))),
        (
            "PATCH",
            patch(&json!([{"op": "replace", "path": "emails[value eq \"a@example.com\"].type", "value": "home"}])),
        ),
    ];
    for (method, body) in writes {
        let (host, id) = secretive(Quirks::default());
        let before = as_administrator(&host, &id);
        let reply = host.send(method, &format!("/Users/{id}"), &[], body.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{body}: {}", reply.json());
        let after = as_administrator(&host, &id);
        assert_ne!(after["meta"]["version"], before["meta"]["version"], "{body} changed something");
        assert_eq!(secrets(&after), json!(["SECRET", "SECRET", "SECRET", "SECRET"]), "{method} {body}: {after}");
    }
    // A client that creates a resource does not set hidden attributes either.
    let (host, _) = secretive(Quirks::default());
    let id = host.post("/Users", &json!({"schemas": [USER], "userName": "bob", "title": "mine"})).id();
    assert_eq!(as_administrator(&host, &id).get("title"), None);
}

/// `/Schemas` shows the attributes of the service provider, even to a caller from whom a policy hides them.
#[test]
fn hidden_attributes_stay_in_the_schema() {
    let host = host_under(Registry::standard(), Quirks::default(), Hiding(&["externalId", "title"]));
    let target = format!("/Schemas/{USER}");
    let shown = host.get(&target).json();
    assert_eq!(shown, host.send_as(&administrator(), "GET", &target, &[], b"").json());
    let names: Vec<&str> =
        shown["attributes"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(["externalId", "title"].iter().all(|name| names.contains(name)), "{names:?}");
    let made = host.post("/Users", &json!({"schemas": [USER], "userName": "ann", "externalId": "x"}));
    assert_eq!((made.status, made.json().get("externalId")), (201, None));
}

/// If unknown attributes are refused, hidden attributes are refused as well.
#[test]
fn hidden_attributes_are_refused_where_unknown_ones_are() {
    let (host, id) = secretive(Quirks::default().without(scim_core::quirks::Quirk::UnknownAttribute));
    for hidden in [json!({"title": "mine"}), json!({"name": {"middleName": "mine"}})] {
        let mut body = json!({"schemas": [USER], "userName": "bob"});
        body.as_object_mut().unwrap().extend(hidden.as_object().unwrap().clone());
        refused(&host, "POST", "/Users", &body, 400, "invalidSyntax");
        refused(&host, "PUT", &format!("/Users/{id}"), &body, 400, "invalidSyntax");
    }
}

#[test]
fn a_hidden_extension_is_none_of_the_resource() {
    let host = host_under(Registry::standard(), Quirks::default(), Hiding(&[ENTERPRISE]));
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "ann", ENTERPRISE: {"department": "SECRET"}});
    let id = host.send_as(&administrator(), "POST", "/Users", &[], body.to_string().as_bytes()).id();
    assert_eq!(host.get(&format!("/Users/{id}")).json()["schemas"], json!([USER]));
    let reply = host.patch(&format!("/Users/{id}"), &json!([{"op": "remove", "path": ENTERPRISE}]));
    assert_eq!(reply.error(), (400, "invalidPath".to_owned()));
    refused(&host, "GET", "/Users?filter=department pr", &Json::Null, 400, "invalidFilter");
    assert_eq!(as_administrator(&host, &id)[ENTERPRISE]["department"], "SECRET");
}

/// Shows only users of one department, and groups whose name has a prefix.
#[derive(Debug)]
struct Department;

impl Policy for Department {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        let scope = match resource_type.name() {
            _ if is_administrator(context) => return Ok(Access::full()),
            "User" => "department eq \"Tours\"",
            _ => "displayName sw \"Tours\"",
        };
        Ok(Access::full().with_scope(matcher(resource_type, scope)))
    }
}

#[test]
fn a_resource_out_of_scope_does_not_exist() {
    let host = host_under(Registry::standard(), Quirks::default(), Department);
    let create = |target: &str, body: Json| {
        let reply = host.send_as(&administrator(), "POST", target, &[], body.to_string().as_bytes());
        assert_eq!(reply.status, 201, "{}", reply.json());
        reply.id()
    };
    let user = |name: &str, department: &str| json!({"schemas": [USER, ENTERPRISE], "userName": name, ENTERPRISE: {"department": department}});
    let inside = create("/Users", user("ann", "Tours"));
    let outside = create("/Users", user("bob", "Sales"));
    let members = json!([{"value": inside}, {"value": outside}]);
    let group = create("/Groups", json!({"displayName": "Tours: all", "members": [{"value": inside}]}));
    let other = create("/Groups", json!({"displayName": "Sales: all", "members": members}));

    // Reading.
    assert_eq!(host.get(&format!("/Users/{inside}")).json()["groups"].as_array().unwrap().len(), 1);
    refused(&host, "GET", &format!("/Users/{outside}"), &Json::Null, 404, "");
    let list = host.get("/Users").json();
    assert_eq!((&list["totalResults"], &list["Resources"][0]["id"]), (&json!(1), &json!(inside)));
    for filter in ["userName eq \"bob\"", "not (userName eq \"ann\")", "groups.value eq \"nothing\""] {
        assert_eq!(host.get(&format!("/Users?filter={filter}")).json()["totalResults"], 0, "{filter}");
    }
    assert_eq!(host.get(&format!("/Users?filter=groups.value eq \"{other}\"")).json()["totalResults"], 0);
    assert_eq!(host.get("/Groups?sortBy=displayName").json()["totalResults"], 1);

    // Writing.
    let body = user("carl", "Tours");
    refused(&host, "PUT", &format!("/Users/{outside}"), &body, 404, "");
    refused(&host, "PATCH", &format!("/Users/{outside}"), &patch(&json!([{"op": "remove", "path": "title"}])), 404, "");
    refused(
        &host,
        "PATCH",
        &format!("/Groups/{other}"),
        &patch(&json!([{"op": "remove", "path": "members"}])),
        404,
        "",
    );
    refused(&host, "DELETE", &format!("/Users/{outside}"), &Json::Null, 404, "");
    refused(&host, "POST", "/Users", &user("BOB", "Tours"), 409, "uniqueness");
    refused(&host, "POST", "/Users", &user("carl", "Sales"), 403, "");
    refused(&host, "PUT", &format!("/Users/{inside}"), &user("ann", "Sales"), 403, "");
    let move_out = json!([{"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Sales"}]);
    refused(&host, "PATCH", &format!("/Users/{inside}"), &patch(&move_out), 403, "");

    // References.
    let add = json!([{"op": "add", "path": "members", "value": [{"value": outside}]}]);
    refused(&host, "PATCH", &format!("/Groups/{group}"), &patch(&add), 400, "invalidValue");
    let typed = json!([{"op": "add", "path": "members", "value": [{"value": outside, "type": "User"}]}]);
    refused(&host, "PATCH", &format!("/Groups/{group}"), &patch(&typed), 400, "invalidValue");
    let whole = json!([{"op": "replace", "value": {"externalId": "x", "members": [{"value": outside}]}}]);
    refused(&host, "PATCH", &format!("/Groups/{group}"), &patch(&whole), 400, "invalidValue");
    let body = json!({"displayName": "Tours: new", "members": [{"value": outside}]});
    refused(&host, "POST", "/Groups", &body, 400, "invalidValue");
    refused(&host, "PUT", &format!("/Groups/{group}"), &body, 400, "invalidValue");

    // Requests inside the scope work as before.
    assert_eq!(host.put(&format!("/Users/{inside}"), &user("anna", "Tours")).status, 200);
    assert_eq!(host.delete(&format!("/Groups/{group}")).status, 204);
    assert_eq!(host.delete(&format!("/Users/{inside}")).status, 204);
    assert_eq!(host.get("/Users").json()["totalResults"], 0);
}

/// A scope that a policy must not return is an error of the host, and gives no access.
#[test]
fn a_scope_that_cannot_be_judged_is_refused() {
    #[derive(Debug)]
    struct Wrong(&'static str, Arc<ResourceType>);

    impl Policy for Wrong {
        fn access(&self, _: &RequestContext, _: Action, _: &Arc<ResourceType>) -> Result<Access, Error> {
            Ok(Access::full().with_scope(matcher(&self.1, self.0)))
        }
    }

    let registry = Registry::standard();
    let [user, group] = ["User", "Group"].map(|name| Arc::clone(registry.resource_type(name).unwrap()));
    for wrong in [Wrong("groups.value eq \"1\"", user.clone()), Wrong("meta.location pr", user), Wrong("id pr", group)]
    {
        let host = host_under(registry.clone(), Quirks::default(), wrong);
        assert_eq!(host.get("/Users").error().0, 500);
        assert_eq!(host.get("/Users/1").error().0, 500);
    }
}

const ORIGIN: &str = "urn:example:scim:schemas:origin:1.0:User";

fn with_origin(marker: Attribute) -> Registry {
    let origin = Schema::new(ORIGIN, "Origin").with_attribute(marker);
    let user = ResourceType::builder("User", "Users", Schema::user()).extension(origin, false).build().unwrap();
    Registry::builder().resource_type(user).resource_type(ResourceType::group().unwrap()).build().unwrap()
}

fn marker() -> Attribute {
    Attribute::new("madeByScim", AttributeType::Boolean).with_mutability(Mutability::ReadOnly)
}

/// A host with one user that was created by hand: the store has the user, but SCIM did not create it.
fn owned(others: UnownedResources) -> Host<MemoryStore> {
    let registry = with_origin(marker());
    let ownership = Ownership::new(&registry, &format!("{ORIGIN}:madeByScim"), others).unwrap();
    let host = host_under(registry, Quirks::default(), ownership);
    let resource_type = host.provider.registry().resource_type("User").unwrap();
    let by_hand = Resource::from_json(resource_type, br#"{"id": "by-hand", "userName": "Hand"}"#).unwrap();
    now(host.provider.store().commit(&host.context, &[Change::Create(Entry::new(by_hand))])).unwrap();
    host
}

fn stored(host: &Host<MemoryStore>, id: &str) -> Option<Json> {
    let resource_type = host.provider.registry().resource_type("User").unwrap();
    let key = scim_core::store::Key { resource_type, id };
    let found =
        now(host.provider.store().get(&host.context, key, &scim_core::store::RequestedAttributes::everything()))
            .unwrap();
    found.map(|stored| serde_json::from_slice(&stored.resource.to_json()).unwrap())
}

#[test]
fn resources_made_by_hand_are_invisible() {
    let host = owned(UnownedResources::Invisible);
    let by_hand = stored(&host, "by-hand");
    let unharmed = |method: &str, target: &str, body: &Json, status: u16| {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let reply = host.send(method, &host::encoded(target), &[], &body);
        assert_eq!(reply.status, status, "{method} {target}: {}", reply.json());
        assert_eq!(stored(&host, "by-hand"), by_hand, "{method} {target}");
        reply
    };
    let body = json!({"schemas": [USER], "userName": "hand", ORIGIN: {"madeByScim": true}});
    assert_eq!(unharmed("POST", "/Users", &body, 409).error().1, "uniqueness");
    unharmed("GET", "/Users/by-hand", &Json::Null, 404);
    unharmed("PUT", "/Users/by-hand", &body, 404);
    unharmed("PATCH", "/Users/by-hand", &patch(&json!([{"op": "replace", "path": "active", "value": false}])), 404);
    unharmed("DELETE", "/Users/by-hand", &Json::Null, 404);
    assert_eq!(unharmed("GET", "/Users", &Json::Null, 200).json()["totalResults"], 0);
    assert_eq!(unharmed("GET", "/Users?filter=userName eq \"hand\"", &Json::Null, 200).json()["totalResults"], 0);
    let group = json!({"displayName": "All", "members": [{"value": "by-hand"}]});
    unharmed("POST", "/Groups", &group, 400);

    // A resource that SCIM creates belongs to SCIM, and its answers do not show the marker.
    let ann = unharmed("POST", "/Users", &json!({"schemas": [USER], "userName": "ann"}), 201);
    assert!(!String::from_utf8_lossy(&ann.body).contains("origin"), "{}", ann.json());
    assert_eq!(stored(&host, &ann.id()).unwrap()[ORIGIN]["madeByScim"], true);
    let user = format!("/Users/{}", ann.id());
    let own = json!({"schemas": [USER, ORIGIN], "userName": "ann", ORIGIN: {"madeByScim": false}});
    unharmed("PUT", &user, &own, 200);
    unharmed("PATCH", &user, &patch(&json!([{"op": "remove", "path": ORIGIN}])), 400);
    assert_eq!(stored(&host, &ann.id()).unwrap()[ORIGIN]["madeByScim"], true);
    assert_eq!(unharmed("GET", "/Users", &Json::Null, 200).json()["totalResults"], 1);
    unharmed("GET", &format!("/Users?filter={ORIGIN}:madeByScim eq true"), &Json::Null, 400);
    unharmed("DELETE", &user, &Json::Null, 204);
}

#[test]
fn resources_made_by_hand_are_protected() {
    let host = owned(UnownedResources::Protected);
    let by_hand = stored(&host, "by-hand");
    let unharmed = |method: &str, target: &str, body: &Json, status: u16| {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let reply = host.send(method, target, &[], &body);
        assert_eq!(reply.status, status, "{method} {target}: {}", reply.json());
        assert_eq!(stored(&host, "by-hand"), by_hand, "{method} {target}");
        reply
    };
    let body = json!({"schemas": [USER], "userName": "hand"});
    assert_eq!(unharmed("POST", "/Users", &body, 409).error().1, "uniqueness");
    assert_eq!(unharmed("GET", "/Users/by-hand", &Json::Null, 200).json()["userName"], "Hand");
    assert_eq!(unharmed("GET", "/Users", &Json::Null, 200).json()["totalResults"], 1);
    unharmed("PUT", "/Users/by-hand", &body, 403);
    unharmed("PATCH", "/Users/by-hand", &patch(&json!([{"op": "replace", "path": "active", "value": false}])), 403);
    unharmed("DELETE", "/Users/by-hand", &Json::Null, 403);
    // A group that belongs to SCIM may have the user as a member.
    unharmed("POST", "/Groups", &json!({"displayName": "All", "members": [{"value": "by-hand"}]}), 201);
}

#[test]
fn a_marker_that_clients_could_set_is_refused() {
    let path = format!("{ORIGIN}:madeByScim");
    let cases = [
        (marker().with_mutability(Mutability::ReadWrite), false),
        (Attribute::new("madeByScim", AttributeType::String).with_mutability(Mutability::ReadOnly), false),
        (marker().with_returned(scim_core::schema::Returned::Never), false),
        (marker().multi_valued(), false),
        (marker(), true),
    ];
    for (attribute, fits) in cases {
        let found = Ownership::new(&with_origin(attribute), &path, UnownedResources::Invisible);
        match found {
            Ok(_) => assert!(fits),
            Err(error) => assert!(!fits && matches!(error, OwnershipError::Unfit { .. }), "{error}"),
        }
    }
    for unknown in ["nothing", "", "a b"] {
        let found = Ownership::new(&Registry::standard(), unknown, UnownedResources::Protected);
        assert!(matches!(found, Err(OwnershipError::Unknown(_))), "{unknown}");
    }
}

/// Several policies: each may refuse requests, and each may hide attributes.
#[test]
fn policies_add_up() {
    let registry = with_origin(marker());
    let ownership = Ownership::new(&registry, &format!("{ORIGIN}:madeByScim"), UnownedResources::Invisible).unwrap();
    let provider = ServiceProvider::builder(registry, MemoryStore::new(), BASE)
        .policy(ownership)
        .policy(Hiding(&["title"]))
        .policy(Recording::default())
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let id = host.post("/Users", &json!({"schemas": [USER], "userName": "ann", "title": "x"})).id();
    let user = stored(&host, &id).unwrap();
    assert_eq!((&user[ORIGIN]["madeByScim"], user.get("title")), (&json!(true), None));
    let body = json!({"schemas": [USER], "userName": "forbidden"});
    assert_eq!(host.post("/Users", &body).error().0, 403);
}

/// The policy is asked for each operation of a bulk request as for a single request, also in cycles, and for each
/// resource type of a query over all types.
#[test]
fn every_inner_operation_is_asked_for() {
    let policy = Recording::default();
    let (refusals, asked) = (Arc::clone(&policy.refused), Arc::clone(&policy.asked));
    let host = host_under(Registry::standard(), Quirks::default(), policy);
    let id = host.user("ann");
    let bulk = |operations: Json| json!({"Operations": operations});
    let post = |bulk_id: &str, path: &str, data: Json| json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data});
    let group = |bulk_id: &str, member: &str| {
        post(bulk_id, "/Groups", json!({"displayName": bulk_id, "members": [{"value": format!("bulkId:{member}")}]}))
    };
    asked.lock().unwrap().clear();
    let operations = json!([
        post("bob", "/Users", json!({"schemas": [USER], "userName": "bob"})),
        post("bad", "/Users", json!({"schemas": [USER], "userName": "forbidden"})),
        group("a", "b"),
        group("b", "a"),
        {"method": "PUT", "path": format!("/Users/{id}"), "data": {"schemas": [USER], "userName": "anna"}},
        {"method": "DELETE", "path": "/Users/bulkId:bob"},
    ]);
    let reply = host.post("/Bulk", &bulk(operations.clone()));
    let statuses: Vec<Json> =
        reply.json()["Operations"].as_array().unwrap().iter().map(|outcome| outcome["status"].clone()).collect();
    assert_eq!(json!(statuses), json!(["201", "403", "201", "201", "200", "204"]));
    let log = std::mem::take(&mut *asked.lock().unwrap());
    for (asked, times) in [("Create User", 2), ("Create Group", 2), ("Replace User", 1), ("Delete User", 1)] {
        assert_eq!(log.iter().filter(|line| *line == asked).count(), times, "{asked}: {log:?}");
    }
    assert_eq!(log.iter().filter(|line| line.starts_with("Create:")).count(), 4, "{log:?}");

    *refusals.lock().unwrap() = vec![Action::Create, Action::Replace, Action::Patch, Action::Delete];
    let before = everything(&host);
    let operations = json!([
        post("c", "/Users", json!({"schemas": [USER], "userName": "carl"})),
        group("x", "y"),
        group("y", "x"),
        {"method": "PUT", "path": format!("/Users/{id}"), "data": {"schemas": [USER], "userName": "other"}},
        {"method": "PATCH", "path": format!("/Users/{id}"), "data": patch(&json!([{"op": "remove", "path": "title"}]))},
        {"method": "DELETE", "path": format!("/Users/{id}")},
    ]);
    let reply = host.post("/Bulk", &bulk(operations)).json();
    let outcomes = reply["Operations"].as_array().unwrap();
    assert_eq!(outcomes.len(), 6);
    for outcome in outcomes {
        // The other group of the cycle cannot be created without the refused group.
        assert!(["403", "409"].contains(&outcome["status"].as_str().unwrap()), "{outcome}");
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome["status"] == "409").count(), 1);
    assert_eq!(everything(&host), before);

    asked.lock().unwrap().clear();
    refusals.lock().unwrap().clear();
    host.get("/?attributes=id");
    let log = std::mem::take(&mut *asked.lock().unwrap());
    assert_eq!(log, ["Search User", "Search Group"]);
}

/// A cycle within a scope: references to resources that the request itself creates are allowed, references out of the
/// scope are not.
#[test]
fn circles_stay_within_the_scope() {
    let host = host_under(Registry::standard(), Quirks::default(), Department);
    let group = |bulk_id: &str, name: &str, member: &str| {
        json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id,
            "data": {"displayName": name, "members": [{"value": format!("bulkId:{member}")}]}})
    };
    for (names, expected) in [(["Tours a", "Tours b"], ["201", "201"]), (["Tours c", "Sales d"], ["409", "403"])] {
        let before = everything(&host);
        let operations = json!([group("a", names[0], "b"), group("b", names[1], "a")]);
        let reply = host.post("/Bulk", &json!({"Operations": operations})).json();
        let outcomes = reply["Operations"].as_array().unwrap();
        assert_eq!(json!([outcomes[0]["status"], outcomes[1]["status"]]), json!(expected), "{reply}");
        assert_eq!(everything(&host) == before, expected[0] != "201");
    }
}

/// A hidden attribute is removed from a request body, and every other value stays: also a list of simple values.
#[test]
fn hiding_one_attribute_keeps_lists_of_simple_values() {
    let badge = crate::fixture::documents::BADGE;
    let host = host_under(crate::fixture::documents::registry(), Quirks::default(), Hiding(&["title"]));
    let body = |title: &str| json!({"schemas": [USER, badge], "userName": "ann", "title": title, badge: {"zones": ["North"], "floors": [1, 7]}});
    let created = host.post("/Users", &body("mine"));
    assert_eq!(created.status, 201, "{}", created.json());
    let replaced = host.put(&format!("/Users/{}", created.id()), &body("other"));
    for reply in [created, replaced] {
        assert_eq!(reply.json()[badge], json!({"zones": ["North"], "floors": [1, 7]}), "{}", reply.json());
        assert_eq!(reply.json().get("title"), None);
    }
}
