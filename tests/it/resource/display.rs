//! References show the names of the resources that they refer to: `members.display`, `manager.displayName`
//! (RFC 7643 §2.4, §4.2, §4.3).

use crate::fixture::host;
use std::sync::{Arc, Mutex};

use crate::fixture::forward::forward;
use crate::fixture::host::{BASE, ENTERPRISE, GROUP, Host, PATCH, Ticking, USER, host, host_with};
use scim_core::{
    error::Error,
    filter::Filter,
    limits::Limits,
    provider::{Access, Action, Policy, ServiceProvider},
    quirks::{Quirks, Tolerance},
    resource::{Displays, Projection, Rendering, Resource},
    schema::{Attribute, AttributeId, AttributeType, Mutability, Registry, ResourceType, Schema, SchemaErrorKind},
    store::{
        Capabilities, Change, DynStore, Entry, MemoryStore, RequestContext, RequestedAttributes, Store, StoreError,
        TenantId,
    },
};
use serde_json::{Value as Json, json};

/// A store that records each read of many resources: the type, the number, and the attributes. It returns only the
/// requested attributes.
#[derive(Default)]
struct Recording {
    inner: MemoryStore,
    asked: Mutex<Vec<String>>,
    /// Whether the store declares that it cannot read many resources in one call.
    incapable: bool,
}

impl Store for Recording {
    forward! { inner: pushdown, get, scan, commit, referrers, locate }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities().with_get_many(!self.incapable)
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        let mut names: Vec<String> =
            requested.attributes().expect("named").iter().map(|attribute| resource_type.path(*attribute)).collect();
        names.sort();
        names.dedup();
        self.asked.lock().unwrap().push(format!("{} {} {}", ids.len(), resource_type.name(), names.join(",")));
        let found = self.inner.get_many(context, resource_type, ids, requested).await?;
        let part = |resource: Arc<Resource>| {
            let mut resource = Resource::clone(&resource);
            resource.root_mut().retain(|attribute, _| attribute == AttributeId::ID || requested.includes(attribute));
            Arc::new(resource)
        };
        Ok(found.into_iter().map(|resource| resource.map(part)).collect())
    }
}

impl Recording {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn recording(limits: Limits) -> (Host<Arc<Recording>>, Arc<Recording>) {
    let store = Arc::new(Recording::default());
    (host_with(Registry::standard(), Arc::clone(&store), limits, Quirks::default()), store)
}

fn user<S: Store>(host: &Host<S>, name: &str, display: Option<&str>) -> String {
    let reply = host.post("/Users", &json!({"schemas": [USER], "userName": name, "displayName": display}));
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.id()
}

fn group<S: Store>(host: &Host<S>, name: &str, members: &[&str]) -> String {
    let members: Vec<Json> = members.iter().map(|id| json!({"value": id})).collect();
    let reply = host.post("/Groups", &json!({"schemas": [GROUP], "displayName": name, "members": members}));
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.id()
}

/// The `display` of each member, in order.
fn displays(group: &Json) -> Vec<Option<String>> {
    let members = group["members"].as_array().into_iter().flatten();
    members.map(|member| member.get("display").map(|display| display.as_str().unwrap().to_owned())).collect()
}

fn some(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| Some((*name).to_owned())).collect()
}

/// 7643-2.4-02, 7643-4.1.1-03: the name is the present `displayName`, in every answer that shows the members. A user
/// without `displayName` has no name: the login is not used.
#[test]
fn members_show_their_names() {
    let host = host();
    let (ann, bob) = (user(&host, "ann", Some("Ann \"A\" Ångström")), user(&host, "bob@example.com", None));
    let inner = group(&host, "Guides", &[]);
    let body = json!({"schemas": [GROUP], "displayName": "All", "members": [
        {"value": ann, "display": "not Ann", "type": "User"}, {"value": bob}, {"value": inner, "display": null}]});
    let created = host.post("/Groups", &body);
    let expected = [Some("Ann \"A\" Ångström".to_owned()), None, Some("Guides".to_owned())];
    let target = format!("/Groups/{}", created.id());
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
    let all = |reply: host::Reply| {
        let json = reply.json();
        json["Resources"].as_array().unwrap().iter().find(|it| it["displayName"] == "All").unwrap().clone()
    };
    let shown = [
        created.json(),
        host.get(&target).json(),
        host.put(&target, &created.json()).json(),
        host.patch(&target, &json!([{"op": "replace", "path": "externalId", "value": "x"}])).json(),
        host.patch(&target, &json!([{"op": "add", "path": "members", "value": [{"value": ann}]}])).json(),
        all(host.get("/Groups")),
        all(host.get("/Groups?cursor")),
        all(host.get("/Groups?sortBy=displayName&filter=members.value eq \"bob\" or displayName pr")),
        all(host.post("/Groups/.search", &search)),
        all(host.post("/.search", &search)),
    ];
    for (index, shown) in shown.iter().enumerate() {
        assert_eq!(displays(shown), expected, "{index}: {shown}");
    }
    let reference = format!("{BASE}/Users/{ann}");
    let member = json!({"value": ann, "type": "User", "$ref": reference, "display": "Ann \"A\" Ångström"});
    assert_eq!(shown[1]["members"][0], member);

    // A new name shows at once; the group has not changed.
    let etag = host.get(&target).etag();
    host.patch(&format!("/Users/{ann}"), &json!([{"op": "replace", "path": "displayName", "value": "Anna"}]));
    host.patch(&format!("/Groups/{inner}"), &json!([{"op": "replace", "path": "displayName", "value": "Rangers"}]));
    let renamed = host.get(&target);
    assert_eq!(displays(&renamed.json()), [Some("Anna".to_owned()), None, Some("Rangers".to_owned())]);
    assert_eq!(renamed.etag(), etag);
    host.patch(&format!("/Users/{ann}"), &json!([{"op": "remove", "path": "displayName"}]));
    assert_eq!(displays(&host.get(&target).json())[..2], [None, None]);
    // A deleted user is no longer a member.
    host.delete(&format!("/Users/{ann}"));
    assert_eq!(displays(&host.get(&target).json()), [None, Some("Rangers".to_owned())]);
}

/// 7643-2.4-02: each member shows its own name, however many members there are, in whatever order, and however many groups
/// of a list have the member.
#[test]
fn each_member_shows_its_own_name_in_every_group() {
    for count in [1, 2, 16, 17, 18, 40] {
        let host = host();
        let users: Vec<String> = (0..count).map(|n| user(&host, &format!("user{n}"), Some(&format!("U{n}")))).collect();
        let ids: Vec<&str> = users.iter().map(String::as_str).collect();
        let backward: Vec<&str> = ids.iter().rev().copied().collect();
        let rotated = [&ids[count / 2..], &ids[..count / 2]].concat();
        for (name, members) in [("a", &ids[..]), ("b", &backward), ("c", &rotated), ("d", &ids[..1])] {
            group(&host, name, members);
        }
        let list = host.get("/Groups?sortBy=displayName").json();
        let groups = list["Resources"].as_array().unwrap();
        assert_eq!(groups.len(), 4);
        for group in groups {
            let name = |member: &Json| ids.iter().position(|id| member["value"] == *id).map(|n| format!("U{n}"));
            let expected: Vec<_> = group["members"].as_array().unwrap().iter().map(name).collect();
            assert_eq!(displays(group), expected, "{count} users: {group}");
        }
    }
}

/// 7643-4.2-02, 7644-3.3-02, 7644-3.5.1-09: a `display` from the client is ignored, by every verb, and is stored
/// nowhere.
#[test]
fn a_display_from_the_client_is_ignored() {
    let (host, store) = recording(Limits::default());
    let ann = user(&host, "ann", Some("Ann"));
    let body = |display: &str| json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": ann, "display": display}]});
    let target = format!("/Groups/{}", host.post("/Groups", &body("FAKE")).id());
    host.put(&target, &body("FAKE"));
    host.patch(&target, &json!([{"op": "replace", "path": "members", "value": [{"value": ann, "display": "FAKE"}]}]));
    host.patch(&target, &json!([{"op": "add", "path": "members", "value": [{"value": ann, "display": "FAKE"}]}]));
    assert_eq!(displays(&host.get(&target).json()), some(&["Ann"]));
    let resource_type = host.provider.registry().resource_type("Group").unwrap();
    let id = target.trim_start_matches("/Groups/");
    let key = scim_core::store::Key { resource_type, id };
    let stored = host::now(store.get(&host.context, key, &RequestedAttributes::everything())).unwrap().unwrap();
    let stored = String::from_utf8(stored.resource.to_json()).unwrap();
    assert!(!stored.contains("FAKE") && !stored.contains("display\""), "{stored}");
    // The client cannot change the name.
    let path = format!("members[value eq \"{ann}\"].display");
    let replace = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": path, "value": "FAKE"}]});
    host.refused("PATCH", &target, replace.to_string().as_bytes(), 400, "mutability");
}

/// Sends a request.
type Sending<'a> = Box<dyn Fn() -> host::Reply + 'a>;

/// Names cost one call of the store for each type of resource that an answer refers to. The call reads the names
/// alone. An answer that does not show names makes no such call.
#[test]
fn names_cost_one_call_for_each_type() {
    let mut limits = Limits::default();
    limits.members_in_answer = 30;
    let (host, store) = recording(limits);
    let users: Vec<String> = (0..40).map(|n| user(&host, &format!("user{n}"), Some(&format!("User {n}")))).collect();
    let ids: Vec<&str> = users.iter().map(String::as_str).collect();
    assert_eq!(store.asked(), Vec::<String>::new(), "users without a manager refer to nothing");
    let inner = group(&host, "inner", &[]);
    assert_eq!(store.asked(), Vec::<String>::new());
    let large = group(&host, "large", &ids);
    assert_eq!(store.asked(), ["40 User displayName"]);
    let mixed = group(&host, "mixed", &[&ids[..3], &[inner.as_str()]].concat());
    assert_eq!(store.asked(), ["3 User displayName", "1 Group displayName"]);
    let target = format!("/Groups/{large}");
    let add = json!([{"op": "add", "path": "members", "value": [{"value": ids[0]}]}]);
    let rename = json!([{"op": "replace", "path": "displayName", "value": "larger"}]);
    let table: Vec<(&str, Sending<'_>, &[&str])> = vec![
        ("GET", Box::new(|| host.get(&target)), &["40 User displayName"]),
        ("HEAD", Box::new(|| host.send("HEAD", &target, &[], b"")), &["40 User displayName"]),
        (
            "only members.display",
            Box::new(|| host.get(&format!("{target}?attributes=members.display"))),
            &["40 User displayName"],
        ),
        ("only members.value", Box::new(|| host.get(&format!("{target}?attributes=members.value"))), &[]),
        ("without members", Box::new(|| host.get(&format!("{target}?excludedAttributes=members"))), &[]),
        ("without display", Box::new(|| host.get(&format!("{target}?excludedAttributes=members.display"))), &[]),
        ("only displayName", Box::new(|| host.get(&format!("{target}?attributes=displayName"))), &[]),
        ("a list", Box::new(|| host.get("/Groups")), &["40 User displayName", "1 Group displayName"]),
        ("a list without members", Box::new(|| host.get("/Groups?excludedAttributes=members")), &[]),
        (
            "a page",
            Box::new(|| host.get("/Groups?filter=displayName eq \"mixed\"")),
            &["3 User displayName", "1 Group displayName"],
        ),
        ("an empty page", Box::new(|| host.get("/Groups?count=0")), &[]),
        ("no such group", Box::new(|| host.get("/Groups/none")), &[]),
        ("a long list after a PATCH is not shown", Box::new(|| host.patch(&target, &add)), &[]),
        (
            "PATCH",
            Box::new(|| host.patch(&format!("/Groups/{mixed}"), &rename)),
            &["3 User displayName", "1 Group displayName"],
        ),
        ("users", Box::new(|| host.get("/Users")), &[]),
        ("DELETE", Box::new(|| host.delete(&format!("/Groups/{mixed}"))), &[]),
    ];
    for (what, request, expected) in table {
        let status = request().status;
        assert_eq!(store.asked(), expected, "{what}: {status}");
    }
    // A bulk response shows no resource.
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "PATCH", "path": format!("/Groups/{inner}"), "data": {"schemas": [PATCH], "Operations": add}},
        {"method": "PUT", "path": format!("/Groups/{large}"), "data": {"schemas": [GROUP], "displayName": "l", "members": [{"value": ids[1]}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "a", "data": {"schemas": [GROUP], "displayName": "b", "members": [{"value": ids[2]}]}},
    ]});
    let reply = host.post("/Bulk", &bulk).json();
    let statuses: Vec<&str> =
        reply["Operations"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["200", "200", "201"]);
    assert_eq!(store.asked(), Vec::<String>::new());
}

/// A store whose type is erased gets the same calls.
#[test]
fn an_erased_store_reads_many_in_one_call() {
    let store = Arc::new(Recording::default());
    let erased = DynStore::new(Arc::clone(&store));
    let host = host_with(Registry::standard(), erased, Limits::default(), Quirks::default());
    let (ann, bob) = (user(&host, "ann", Some("Ann")), user(&host, "bob", None));
    let target = format!("/Groups/{}", group(&host, "g", &[&ann, &bob]));
    store.asked();
    assert_eq!(displays(&host.get(&target).json()), [Some("Ann".to_owned()), None]);
    assert_eq!(store.asked(), ["2 User displayName"]);
}

/// If the store lacks the ability, the core does not call it, and the answer has no names. `/Schemas` may still list
/// the attribute.
#[test]
fn a_store_without_get_many_shows_no_names() {
    let store = Arc::new(Recording { incapable: true, ..Recording::default() });
    let host = host_with(Registry::standard(), Arc::clone(&store), Limits::default(), Quirks::default());
    let ann = user(&host, "ann", Some("Ann"));
    let target = format!("/Groups/{}", group(&host, "g", &[&ann]));
    assert_eq!(displays(&host.get(&target).json()), [None]);
    assert_eq!(store.asked(), Vec::<String>::new());
    // The stored values are then the only names, also for a filter: here no name is stored.
    assert_eq!(host.get("/Groups?filter=members.display pr").json()["totalResults"], 0);
    // Names that the host has stored are in the answer.
    let resource_type = host.provider.registry().resource_type("Group").unwrap();
    let stored = br#"{"id": "h", "displayName": "h", "members": [{"value": "1", "display": "Stored"}]}"#;
    let elsewhere = Recording { incapable: true, ..Recording::default() };
    let resource = Resource::from_json(resource_type, stored).unwrap();
    let ann = Resource::from_json(
        host.provider.registry().resource_type("User").unwrap(),
        br#"{"id": "1", "userName": "a"}"#,
    );
    let batch = [ann.unwrap(), resource].map(|resource| Change::Create(Entry::new(resource)));
    host::now(elsewhere.commit(&host.context, &batch)).unwrap();
    let host = host_with(host.provider.registry().clone(), elsewhere, Limits::default(), Quirks::default());
    assert_eq!(displays(&host.get("/Groups/h").json()), some(&["Stored"]));
    assert_eq!(host.get("/Groups?filter=members.display eq \"stored\"").json()["totalResults"], 1);
}

/// If the core reads names, a name that the store has kept in the reference is not shown: it could be out of date, or
/// hidden from the caller. The type of a reference need not be stored, and need not be registered.
#[test]
fn stored_names_do_not_show_beside_derived_ones() {
    let registry = Registry::standard();
    let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).unwrap());
    let (store, context) = (MemoryStore::new(), RequestContext::new(TenantId::single()));
    let resources = [
        (user, json!({"id": "1", "userName": "ann", "displayName": "Ann"})),
        (user, json!({"id": "2", "userName": "bob"})),
        (group, json!({"id": "f", "displayName": "Inner"})),
        (
            group,
            json!({"id": "g", "displayName": "g", "members": [
            {"value": "1", "display": "OLD", "type": "User"}, {"value": "2", "display": "OLD"},
            {"value": "f", "display": "OLD", "type": "Person"}]}),
        ),
    ];
    let create = |(resource_type, json): (&Arc<ResourceType>, Json)| {
        Change::Create(Entry::new(Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap()))
    };
    host::now(store.commit(&context, &resources.map(create))).unwrap();
    let host = host_with(registry, store, Limits::default(), Quirks::default());
    let shown = host.get("/Groups/g");
    assert_eq!(displays(&shown.json()), [Some("Ann".to_owned()), None, Some("Inner".to_owned())]);
    assert!(!String::from_utf8_lossy(&shown.body).contains("OLD"));
    assert_eq!(displays(&host.get("/Groups/g?excludedAttributes=members.display").json()), [None, None, None]);
}

/// A host that renders a resource itself gives the names. Hidden values stay hidden, whatever names the host gives.
#[test]
fn a_host_gives_the_names_in_its_own_rendering() {
    let registry = Registry::standard();
    let group = registry.resource_type("Group").unwrap();
    let json = br#"{"id": "g", "members": [{"value": "1"}, {"value": "2", "display": "OLD"}, {"value": "3"}]}"#;
    let resource = Resource::from_json(group, json).unwrap();
    let display = group.child(group.reference_lists()[0], "display").unwrap();
    let given = [Displays::new(display, vec![Some("Ann".into()), None])];
    assert_eq!((given[0].attribute(), given[0].names()), (display, &[Some("Ann".into()), None][..]));
    assert!(!format!("{given:?}").contains("Ann"), "a log shows no name");
    let write = |excluded: &[Box<str>], displays: &[Displays]| -> Json {
        let projection = Projection::new(group, &[], excluded, &mut Tolerance::new(Quirks::default())).unwrap();
        let mut out = Vec::new();
        let rendering = Rendering {
            registry: &registry,
            base: BASE,
            projection: &projection,
            version: None,
            derived: &[],
            displays,
        };
        resource.write(&mut out, &rendering);
        serde_json::from_slice(&out).unwrap()
    };
    assert_eq!(displays(&write(&[], &given)), [Some("Ann".to_owned()), None, None]);
    assert_eq!(displays(&write(&["members.display".into()], &given)), [None, None, None]);
    assert_eq!(displays(&write(&[], &[])), [None, Some("OLD".to_owned()), None]);
}

/// 7643-4.3-02: `manager.displayName` is read-only and derived from the manager. For a missing manager there is no
/// name.
#[test]
fn a_manager_shows_the_name() {
    let (host, store) = recording(Limits::default());
    let boss = user(&host, "boss", Some("The Boss"));
    let body = |manager: &str| {
        json!({"schemas": [USER, ENTERPRISE], "userName": format!("of-{manager}"),
        ENTERPRISE: {"manager": {"value": manager, "displayName": "Fake Boss"}, "department": "d"}})
    };
    let created = host.post("/Users", &body(&boss)).json();
    let expected = json!({"value": boss, "$ref": format!("{BASE}/Users/{boss}"), "displayName": "The Boss"});
    assert_eq!(created[ENTERPRISE]["manager"], expected);
    let nobody = host.post("/Users", &body("nobody")).json();
    assert_eq!(nobody[ENTERPRISE]["manager"].get("displayName"), None);
    store.asked();
    let list = host.get("/Users").json();
    let managers: Vec<&Json> = list["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it.pointer(&format!("/{ENTERPRISE}/manager/displayName")))
        .collect();
    assert_eq!(managers, [&json!("The Boss")]);
    assert_eq!(store.asked(), ["2 User displayName"], "once for the page");
    let target = format!("/Users/{}", created["id"].as_str().unwrap());
    for (query, shown) in [
        (format!("?attributes={ENTERPRISE}:manager.displayName"), true),
        (format!("?attributes={ENTERPRISE}:manager"), true),
        (format!("?attributes={ENTERPRISE}:manager.value"), false),
        (format!("?excludedAttributes={ENTERPRISE}:manager.displayName"), false),
        (format!("?excludedAttributes={ENTERPRISE}"), false),
        ("?attributes=userName".to_owned(), false),
    ] {
        let json = host.get(&format!("{target}{query}")).json();
        let name = json.pointer(&format!("/{ENTERPRISE}/manager/displayName"));
        assert_eq!(name.is_some(), shown, "{query}: {json}");
        assert_eq!(!store.asked().is_empty(), shown, "{query}");
    }
    let path = format!("{ENTERPRISE}:manager.displayName");
    let replace = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": path, "value": "Fake Boss"}]});
    host.refused("PATCH", &target, replace.to_string().as_bytes(), 400, "mutability");
}

/// Hides attributes of users, shows only some users, or hides all users.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Hide(&'static str, &'static [&'static str]),
    Within(&'static str),
    Refuse(&'static str),
    Nothing,
}

impl Policy for Rule {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        if context.actor() == Some("administrator") {
            return Ok(Access::full());
        }
        match *self {
            Self::Hide(name, hidden) if resource_type.name() == name => {
                Ok(Access::full().with_hidden(resource_type, hidden))
            }
            Self::Within(scope) if resource_type.name() == "User" => {
                let mut tolerance = Tolerance::new(Quirks::default());
                let filter: Filter = scope.parse().unwrap();
                Ok(Access::full().with_scope(filter.compile(resource_type, &mut tolerance).unwrap()))
            }
            Self::Refuse(name) if resource_type.name() == name => Err(Error::new(403, "not for you")),
            _ => Ok(Access::full()),
        }
    }
}

/// Users without `displayName` are named by their login.
fn named_by_login() -> Registry {
    let user = ResourceType::builder("User", "Users", Schema::user())
        .extension(Schema::enterprise_user(), false)
        .named_by(["displayName", "userName"]);
    let types = Registry::builder().resource_type(user.build().unwrap());
    types.resource_type(ResourceType::group().unwrap()).build().unwrap()
}

/// A caller that may not see a resource or its name does not learn the name from a reference. Each row has a rule, the
/// names of Ann, Bob and the group Inner, and whether Ann's name shows as a manager's.
#[test]
fn policies_hide_names() {
    let table: [(Rule, [Option<&str>; 3]); 11] = [
        (Rule::Nothing, [Some("Ann"), Some("bob"), Some("Inner")]),
        (Rule::Hide("User", &["title"]), [Some("Ann"), Some("bob"), Some("Inner")]),
        // The first name attribute that the caller may see.
        (Rule::Hide("User", &["displayName"]), [Some("ann"), Some("bob"), Some("Inner")]),
        (Rule::Hide("User", &["userName"]), [Some("Ann"), None, Some("Inner")]),
        (Rule::Hide("User", &["displayName", "userName"]), [None, None, Some("Inner")]),
        (Rule::Hide("Group", &["displayName"]), [Some("Ann"), Some("bob"), None]),
        (Rule::Hide("Group", &["members.display"]), [None, None, None]),
        (Rule::Within("title eq \"seen\""), [Some("Ann"), None, Some("Inner")]),
        (
            Rule::Within("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"seen\""),
            [None, Some("bob"), Some("Inner")],
        ),
        (Rule::Within("name.givenName eq \"nobody\""), [None, None, Some("Inner")]),
        (Rule::Refuse("User"), [None, None, Some("Inner")]),
    ];
    for (rule, expected) in table {
        let provider = ServiceProvider::builder(named_by_login(), Recording::default(), BASE)
            .clock(Ticking::default())
            .policy(rule)
            .build()
            .unwrap();
        let administrator = RequestContext::new(TenantId::single()).with_actor("administrator");
        let host = Host { provider: provider.clone(), context: administrator };
        let ann = host.post("/Users", &json!({"userName": "ann", "displayName": "Ann", "title": "seen"})).id();
        let bob = json!({"userName": "bob", ENTERPRISE: {"department": "seen", "manager": {"value": ann}}});
        let bob = host.post("/Users", &bob).id();
        let inner = group(&host, "Inner", &[]);
        let all = group(&host, "All", &[&ann, &bob, &inner]);
        assert_eq!(displays(&host.get(&format!("/Groups/{all}")).json()), some(&["Ann", "bob", "Inner"]));

        let host = Host { provider, context: RequestContext::new(TenantId::single()) };
        let expected: Vec<Option<String>> = expected.iter().map(|name| name.map(str::to_owned)).collect();
        let list = host.get("/Groups?filter=externalId eq \"x\" or members pr").json();
        for shown in [host.get(&format!("/Groups/{all}")).json(), list["Resources"][0].clone()] {
            assert_eq!(displays(&shown), expected, "{rule:?}: {shown}");
            assert_eq!(shown["members"].as_array().unwrap().len(), 3, "the references stay: {rule:?}");
        }
        let bob = host.get(&format!("/Users/{bob}"));
        if bob.status == 200 {
            let name = bob.json()[ENTERPRISE]["manager"]["displayName"].as_str().map(str::to_owned);
            let hides_member = matches!(rule, Rule::Hide("Group", _));
            assert_eq!(name.as_deref(), if hides_member { Some("Ann") } else { expected[0].as_deref() }, "{rule:?}");
        }
    }
}

/// 7644-3.12-16: a filter or an order by such a name would read every reference of every resource, so the core refuses
/// it. The client can use `value` instead. The rule is the same for every store that reads names.
#[test]
fn names_are_not_compared() {
    let host = host();
    let ann = user(&host, "ann", Some("Ann"));
    group(&host, "g", &[&ann]);
    let manager = format!("{ENTERPRISE}:manager.displayName");
    for (target, path) in [
        ("/Groups?filter=members.display eq \"Ann\"", "members.display"),
        ("/Groups?filter=members[display co \"A\"]", "members.display"),
        ("/Groups?filter=members.display pr", "members.display"),
        ("/Groups?filter=not (displayName eq \"g\" and members[value pr and display ne \"x\"])", "members.display"),
        (&*format!("/Users?filter={manager} eq \"Ann\""), &manager),
        (&format!("/Users?filter={ENTERPRISE}:manager[displayName eq \"Ann\"]"), &manager),
        ("/?filter=members.display eq \"Ann\"", "members.display"),
    ] {
        let reply = host.refused("GET", target, b"", 400, "invalidFilter");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(path) && detail.contains("value"), "{detail}");
    }
    let search = |filter: &str| {
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter}).to_string()
    };
    let body = search("members.display eq \"Ann\"");
    host.refused("POST", "/Groups/.search", body.as_bytes(), 400, "invalidFilter");
    host.refused("POST", "/.search", body.as_bytes(), 400, "invalidFilter");
    for target in ["/Groups?sortBy=members.display", &format!("/Users?sortBy={manager}"), "/?sortBy=members.display"] {
        host.refused("GET", target, b"", 400, "invalidValue");
    }
    for target in [
        &*format!("/Groups?filter=members.value eq \"{ann}\""),
        "/Groups?filter=members pr",
        "/Groups?sortBy=members.value",
    ] {
        assert_eq!(host.get(target).json()["totalResults"], 1, "{target}");
    }
    // A policy scope that compares names is an error of the host.
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .policy(Rule::Within("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr"))
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    assert_eq!(host.get("/Users").error().0, 500);
}

/// A host's own resource types: the definition of a type says which attribute names its resources. The schema says
/// which references show the name.
#[test]
fn the_schema_decides_which_references_show_names() {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let read_only = |name: &str| text(name).with_mutability(Mutability::ReadOnly);
    let link =
        |types: &[&str]| Attribute::new("$ref", AttributeType::Reference).with_reference_types(types.iter().copied());
    let robot = Schema::new("urn:example:scim:schemas:robot:1.0:Robot", "Robot")
        .with_attribute(text("serial"))
        .with_attribute(text("nickname"))
        .with_attribute(text("displayName"));
    let plan = Schema::new("urn:example:scim:schemas:plan:1.0:Plan", "Plan")
        .with_attribute(
            Attribute::complex("crew", [text("value"), link(&["Robot", "Plan"]), read_only("display")]).multi_valued(),
        )
        .with_attribute(Attribute::complex(
            "lead",
            [text("value"), link(&["Robot"]), read_only("displayName"), text("note")],
        ))
        // The client sets these names itself.
        .with_attribute(Attribute::complex("guests", [text("value"), link(&["Robot"]), text("display")]).multi_valued())
        // These refer to no registered type.
        .with_attribute(
            Attribute::complex("sites", [text("value"), link(&["external"]), read_only("display")]).multi_valued(),
        )
        .with_attribute(Attribute::complex("tools", [text("value"), read_only("display")]).multi_valued());
    let extra = Schema::new("urn:example:scim:schemas:extra:1.0:Plan", "Extra").with_attribute(
        Attribute::complex("spares", [text("value"), link(&["Robot"]), read_only("display")]).multi_valued(),
    );
    let registry = Registry::builder()
        .resource_type(
            ResourceType::builder("Robot", "Robots", robot).named_by(["nickname", "serial"]).build().unwrap(),
        )
        .resource_type(ResourceType::builder("Plan", "Plans", plan).extension(extra.clone(), false).build().unwrap())
        .build()
        .unwrap();
    let robots = registry.resource_type("Robot").unwrap();
    let names: Vec<String> = robots.names().iter().map(|name| robots.path(*name)).collect();
    assert_eq!(names, ["nickname", "serial"]);
    assert_eq!(registry.resource_type("Plan").unwrap().names(), []);

    let host = host::host_of(registry);
    let robot = |serial: &str, nickname: &str| {
        host.post("/Robots", &json!({"serial": serial, "nickname": nickname, "displayName": "x"})).id()
    };
    let (one, two) = (robot("s1", "Rob"), robot("s2", ""));
    let nested = host.post("/Plans", &json!({})).id();
    let values = json!([{"value": one}, {"value": two}]);
    let plan = host.post(
        "/Plans",
        &json!({
            "crew": [{"value": one}, {"value": nested}, {"value": two}], "lead": {"value": two, "note": "n"},
            "guests": [{"value": one, "display": "own"}], "sites": values, "tools": values,
            extra.id(): {"spares": values},
        }),
    );
    let json = host.get(&format!("/Plans/{}", plan.id())).json();
    let shown =
        |list: &Json| -> Vec<Json> { list.as_array().unwrap().iter().map(|it| it["display"].clone()).collect() };
    assert_eq!(shown(&json["crew"]), [json!("Rob"), Json::Null, json!("s2")], "plans have no name");
    assert_eq!((&json["lead"]["displayName"], &json["lead"]["note"]), (&json!("s2"), &json!("n")));
    assert_eq!(shown(&json["guests"]), [json!("own")]);
    assert_eq!((shown(&json["sites"]), shown(&json["tools"])), (vec![Json::Null; 2], vec![Json::Null; 2]));
    assert_eq!(shown(&json[extra.id()]["spares"]), [json!("Rob"), json!("s2")]);
    assert_eq!(json, plan.json());

    // Names that cannot be shown are refused when the type is defined.
    let resource_type = |attribute: Attribute, name: &str| {
        let schema = Schema::new("urn:example:scim:schemas:thing:1.0:Thing", "Thing").with_attribute(attribute);
        ResourceType::builder("Thing", "Things", schema).named_by([name]).build().map(drop)
    };
    for (attribute, name) in [
        (text("name"), "other"),
        (text("names").multi_valued(), "names"),
        (Attribute::new("number", AttributeType::Integer), "number"),
        (Attribute::complex("name", [text("formatted")]), "name.formatted"),
        (text("secret").with_mutability(Mutability::WriteOnly), "secret"),
        (text("secret").with_returned(scim_core::schema::Returned::Never), "secret"),
    ] {
        let error = resource_type(attribute, name).unwrap_err();
        assert_eq!((error.kind(), error.place()), (&SchemaErrorKind::Display, format!("Thing.{name}").as_str()));
    }
    assert!(resource_type(text("name"), "NAME").is_ok() && resource_type(text("name"), "externalId").is_ok());
}

/// A store that cannot read the names: it returns an error, or answers for fewer ids than requested.
struct Failing {
    inner: MemoryStore,
    answers: bool,
}

impl Store for Failing {
    forward! { inner: capabilities, pushdown, get, scan, commit, referrers, locate }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        if !self.answers {
            return Err(StoreError::Unavailable { retry_after: None });
        }
        let mut found = self.inner.get_many(context, resource_type, ids, requested).await?;
        found.pop();
        Ok(found)
    }
}

/// If names cannot be read, a completed write is still answered as such, without names: after an error the client
/// would create the group again. A read fails: names must not be missing without a reason, nor belong to other
/// resources.
#[test]
fn a_write_is_answered_without_names_that_cannot_be_read() {
    for (answers, status) in [(false, 503), (true, 500)] {
        let store = Failing { inner: MemoryStore::new(), answers };
        let host = host_with(Registry::standard(), store, Limits::default(), Quirks::default());
        let (ann, bob) = (user(&host, "ann", None), user(&host, "bob", None));
        let created = host.post("/Groups", &json!({"displayName": "g", "members": [{"value": ann}, {"value": bob}]}));
        assert_eq!((created.status, displays(&created.json())), (201, vec![None, None]));
        let target = format!("/Groups/{}", created.id());
        let renamed = host.patch(&target, &json!([{"op": "replace", "path": "displayName", "value": "h"}]));
        assert_eq!((renamed.status, displays(&renamed.json())), (200, vec![None, None]));
        let unchanged = host.patch(&target, &json!([{"op": "replace", "path": "displayName", "value": "h"}]));
        for reply in [unchanged, host.get(&target), host.get("/Groups")] {
            assert_eq!(reply.error().0, status);
        }
        let list = host.get("/Groups?excludedAttributes=members.display").json();
        assert_eq!((&list["totalResults"], &list["Resources"][0]["displayName"]), (&json!(1), &json!("h")));
    }
}
