//! Each message that a client gets with an error, word for word.
//!
//! `messages.tsv` has a line for each request: the host that answers, the request with its headers, the body, and the
//! answer: the status alone for a success that prepares the host, otherwise the status, the `scimType` and the detail.
//! A body that is an array stands for the operations of a PatchOp message. The method `BULK` stands for a bulk request
//! with the operations in the body, and the answer is that of the last operation; `BULK-FIRST` shows the first one. To
//! write the answers again: `SCIM_TEST_WRITE=1`.
//!
//! The sources have no message for clients that the table does not show.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::fixture::{
    forward::forward,
    host::{BASE, Counting, ENTERPRISE, GROUP, Host, PATCH, Reply, Ticking, USER, host_of, host_with},
    modest::modest_with,
};
use scim_core::{
    error::{Error, ScimType},
    limits::Limits,
    provider::{Access, Action, AdoptionRule, Ownership, Policy, Proposal, ServiceProvider, UnownedResources},
    quirks::{Quirk, Quirks, Tolerance},
    schema::{Attribute, AttributeType, Mutability, Registry, ResourceType, Returned, Schema},
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Entry, Key, MemoryStore, Page, Pushdown, RequestContext,
        RequestedAttributes, Scan, Store, StoreError, Stored, TenantId,
    },
};
use serde_json::{Value as Json, json};

const THING: &str = "urn:example:scim:schemas:thing:1.0:Thing";
const EXTRA: &str = "urn:example:scim:schemas:extra:1.0:Thing";
const NODE: &str = "urn:example:scim:schemas:node:1.0:Node";
const ORIGIN: &str = "urn:example:scim:schemas:origin:1.0:User";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Answers the requests of one host.
type Sender = Box<dyn Fn(&str, &str, &[(&str, &str)], &[u8]) -> Reply>;

fn sender<S: Store>(host: Host<S>) -> Sender {
    Box::new(move |method, target, headers, body| host.send(method, target, headers, body))
}

/// Things with an attribute of each characteristic that the standard schemas do not have, parcels whose `level` has
/// another type, and nodes that must refer to each other.
fn own_types() -> Registry {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let part = [text("value"), text("label").required(), text("serial").with_mutability(Mutability::Immutable)];
    let lock = [text("pin").with_returned(Returned::Never), text("code")];
    let thing = Schema::new(THING, "Thing")
        .with_attribute(text("name").required())
        .with_attribute(text("kind").with_canonical_values(["a", "b"]).restricted())
        .with_attribute(text("fixed").with_mutability(Mutability::Immutable))
        .with_attribute(Attribute::new("level", AttributeType::Integer))
        .with_attribute(Attribute::new("weight", AttributeType::Decimal))
        .with_attribute(Attribute::new("made", AttributeType::DateTime))
        .with_attribute(Attribute::new("photo", AttributeType::Binary))
        .with_attribute(Attribute::new("link", AttributeType::Reference).with_reference_types(["external"]))
        .with_attribute(Attribute::complex("parts", part).multi_valued())
        .with_attribute(Attribute::complex("locks", lock).multi_valued());
    let extra = Schema::new(EXTRA, "Extra").with_attribute(text("extra").required());
    let thing = ResourceType::builder("Thing", "Things", thing).extension(extra, true).build().unwrap();
    let parcel = Schema::new("urn:example:scim:schemas:parcel:1.0:Parcel", "Parcel").with_attribute(text("level"));
    let parcel = ResourceType::builder("Parcel", "Parcels", parcel).build().unwrap();
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["Node"]);
    let next = Attribute::complex("next", [text("value").required(), reference]).required();
    let node = ResourceType::builder("Node", "Nodes", Schema::new(NODE, "Node").with_attribute(next)).build().unwrap();
    Registry::builder().resource_type(thing).resource_type(parcel).resource_type(node).build().unwrap()
}

/// Clients manage users with a title, and no user may have a nickname.
#[derive(Debug)]
struct Titled;

impl Policy for Titled {
    fn access(&self, _: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        let mut tolerance = Tolerance::new(Quirks::strict());
        let filter = "title pr".parse::<scim_core::filter::Filter>().unwrap();
        Ok(Access::full().with_scope(filter.compile(resource_type, &mut tolerance).unwrap()))
    }

    fn review(&self, _: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        match proposal.after.and_then(|after| after.get("nickName")) {
            Some(_) => Err(Error::new(403, "no user has a nickname here")),
            None => Ok(()),
        }
    }
}

/// A store whose reads and commits fail.
struct Failing {
    inner: MemoryStore,
    read: fn() -> Option<StoreError>,
    commit: fn() -> Option<StoreError>,
}

impl Store for Failing {
    forward! { inner: capabilities }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        match (self.read)() {
            Some(error) => Err(error),
            None => self.inner.get(context, key, requested).await,
        }
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        match (self.read)() {
            Some(error) => Err(error),
            None => self.inner.scan(context, scan).await,
        }
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        match (self.commit)() {
            Some(error) => Err(error.into()),
            None => self.inner.commit(context, batch).await,
        }
    }
}

fn failing(read: fn() -> Option<StoreError>, commit: fn() -> Option<StoreError>) -> Sender {
    let store = Failing { inner: MemoryStore::new(), read, commit };
    sender(host_with(Registry::standard(), store, Limits::default(), Quirks::default()))
}

/// A user that exists although no client created it.
fn with_user(host: &Host<MemoryStore>, id: &str) {
    let resource_type = host.provider.registry().resource_type("User").unwrap();
    let document = json!({"id": id, "userName": "by-hand"}).to_string();
    let user = scim_core::resource::Resource::from_json(resource_type, document.as_bytes()).unwrap();
    let create = Change::Create(Entry::new(user));
    crate::fixture::host::now(host.provider.store().commit(&host.context, &[create])).unwrap();
}

fn host_with_limits(change: impl FnOnce(&mut Limits)) -> Sender {
    let mut limits = Limits::default();
    change(&mut limits);
    sender(host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default()))
}

fn built(
    registry: Registry,
    change: impl FnOnce(
        scim_core::provider::ServiceProviderBuilder<MemoryStore>,
    ) -> scim_core::provider::ServiceProviderBuilder<MemoryStore>,
) -> Host<MemoryStore> {
    let builder =
        ServiceProvider::builder(registry, MemoryStore::new(), BASE).clock(Ticking::default()).ids(Counting::default());
    Host { provider: change(builder).build().unwrap(), context: RequestContext::new(TenantId::single()) }
}

fn host(name: &str) -> Sender {
    let strict = |registry| host_with(registry, MemoryStore::new(), Limits::default(), Quirks::strict());
    match name {
        "strict" => sender(strict(Registry::standard())),
        "own" => sender(strict(own_types())),
        "lenient" => sender(host_of(Registry::standard())),
        "own-lenient" => sender(host_of(own_types())),
        "exact-names" => {
            let quirks = Quirks::default().without(Quirk::UnknownAttribute);
            sender(host_with(Registry::standard(), MemoryStore::new(), Limits::default(), quirks))
        }
        "small" => host_with_limits(|limits| {
            (limits.body, limits.bulk_payload, limits.json_depth) = (900, 900, 8);
            (limits.string, limits.values, limits.attribute_names) = (40, 3, 2);
            (limits.filter_bytes, limits.filter_depth, limits.filter_terms) = (100, 2, 2);
            (limits.path_bytes, limits.patch_operations, limits.bulk_operations) = (30, 2, 2);
        }),
        "nobulk" => host_with_limits(|limits| limits.bulk_operations = 0),
        "answer" => host_with_limits(|limits| limits.answer = 18_000),
        "work" => host_with_limits(|limits| limits.work = 1_000),
        "few" => host_with_limits(|limits| limits.work = 10),
        "large" => host_with_limits(|_| ()),
        "late" => host_with_limits(|limits| limits.cursor_timeout = Duration::from_secs(2)),
        "scan" => {
            let mut limits = Limits::default();
            limits.scan = 2;
            sender(modest_with(Some(Pushdown::No), Capabilities::new(), limits))
        }
        "sorted" => {
            let mut limits = Limits::default();
            limits.answer = 18_000;
            sender(modest_with(None, Capabilities::new(), limits))
        }
        "members" | "names" => {
            let mut limits = Limits::default();
            limits.answer = 18_000;
            let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
            let (count, name) = if name == "names" { (30, "n".repeat(1_000)) } else { (300, "n".to_owned()) };
            let user = |index| json!({"userName": format!("u{index}"), "displayName": name});
            let members: Json =
                (0..count).map(|index| json!({"value": host.post("/Users", &user(index)).id()})).collect();
            host.post("/Groups", &json!({"displayName": "all", "members": members}));
            sender(host)
        }
        "nobody" => sender(built(Registry::standard(), |builder| builder.me(|_| None))),
        "scope" => {
            let user = Registry::builder().resource_type(ResourceType::user().unwrap()).build().unwrap();
            sender(built(user, |builder| builder.policy(Titled)))
        }
        "owner" | "adopting" => {
            let marker = Attribute::new("madeByScim", AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
            let user = ResourceType::builder("User", "Users", Schema::user())
                .extension(Schema::new(ORIGIN, "Origin").with_attribute(marker), false)
                .build()
                .unwrap();
            let registry = Registry::builder().resource_type(user).build().unwrap();
            let others = match name {
                "owner" => UnownedResources::Protected,
                _ => UnownedResources::Adoptable(AdoptionRule::new("User", "userName pr".parse().unwrap())),
            };
            let policy = Ownership::new(&registry, &format!("{ORIGIN}:madeByScim"), others).unwrap();
            let host = built(registry, |builder| builder.policy(policy));
            with_user(&host, "by-hand");
            sender(host)
        }
        "unavailable" => failing(|| Some(StoreError::Unavailable { retry_after: None }), || None),
        "denied" => failing(|| Some(StoreError::Denied), || None),
        "many" => failing(|| Some(StoreError::TooMany), || None),
        "backend" => failing(|| Some(StoreError::backend("the disk is full")), || None),
        "busy" => failing(|| None, || Some(StoreError::Busy)),
        #[cfg(feature = "oauth")]
        "oauth" => Box::new(oauth),
        _ => panic!("no host `{name}`"),
    }
}

/// The answer of a token endpoint with the scope `a`. The target of `ASSERTION` names the fault of a client assertion.
#[cfg(feature = "oauth")]
fn oauth(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    use scim_core::oauth::{AssertionError, IssueError, TokenEndpoint, TokenRequest};

    const FAULTS: [AssertionError; 12] = [
        AssertionError::Malformed,
        AssertionError::Algorithm,
        AssertionError::UnknownKey,
        AssertionError::Signature,
        AssertionError::Claims,
        AssertionError::Issuer,
        AssertionError::Audience,
        AssertionError::Subject,
        AssertionError::Expired,
        AssertionError::NotYetValid,
        AssertionError::TooLongLived,
        AssertionError::NoId,
    ];
    let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let error = if method == "ASSERTION" {
        FAULTS.into_iter().find(|fault| format!("{fault:?}") == target).unwrap().token_error()
    } else {
        let form = header("Content-Type").unwrap_or("application/x-www-form-urlencoded");
        match TokenRequest::parse(header("Authorization"), Some(form), body) {
            Err(error) => error,
            Ok(request) => match TokenEndpoint::new(["a"]).issue(&request, chrono::DateTime::UNIX_EPOCH) {
                Err(IssueError::Token(error)) => error,
                _ => request.authenticate(&[], chrono::DateTime::UNIX_EPOCH).unwrap_err(),
            },
        }
    };
    let response = error.response();
    Reply { status: response.status, headers: Vec::new(), body: response.body.into_bytes(), quirks: Quirks::strict() }
}

/// Replaces the names of URIs and of long texts, and `{x*3}` by `xxx`.
fn expanded(text: &str) -> String {
    let list = |count: usize, item: &dyn Fn(usize) -> Json| (0..count).map(item).collect::<Json>().to_string();
    let emails = |count| list(count, &|index| json!({"value": format!("{index}@x")}));
    let terms = |count| (0..count).map(|index| format!("value eq \"y{index}\"")).collect::<Vec<_>>().join(" or ");
    let mut text = text.to_owned();
    for (name, long) in [
        ("$USER", USER.to_owned()),
        ("$GROUP", GROUP.to_owned()),
        ("$ENTERPRISE", ENTERPRISE.to_owned()),
        ("$PATCH", PATCH.to_owned()),
        ("$BULK", BULK.to_owned()),
        ("$SEARCH", SEARCH.to_owned()),
        ("$THING", THING.to_owned()),
        ("$EXTRA", EXTRA.to_owned()),
        ("$BOM", "\u{feff}".to_owned()),
        ("$EMAILS10000", emails(10_000)),
        ("$EMAILS100", emails(100)),
        ("$TERMS20", terms(20)),
        ("$NODE", NODE.to_owned()),
        ("$PATHTERMS20", terms(20).replace('"', "\\\"")),
        ("$PATHTERMS60", vec![r#"value eq \"y\""#; 60].join(" or ")),
    ] {
        text = text.replace(name, &long);
    }
    while let Some((start, end, repeated)) = repetition(&text) {
        text.replace_range(start..end, &repeated);
    }
    text
}

/// The place of the first `{x*3}` in the text, and its replacement.
fn repetition(text: &str) -> Option<(usize, usize, String)> {
    text.match_indices('{').find_map(|(start, _)| {
        let (inner, _) = text[start + 1..].split_once('}')?;
        let (character, count) = inner.split_once('*')?;
        let count: usize = count.parse().ok().filter(|_| character.chars().count() == 1)?;
        Some((start, start + inner.len() + 2, character.repeat(count)))
    })
}

/// The answer to a request: the status of a success, or the whole error.
fn answer(send: &Sender, request: &str, body: &str, next: &mut String) -> String {
    let (request, header) = request.split_once(" | ").unwrap_or((request, ""));
    let header: Vec<(&str, &str)> = header.split_once(": ").into_iter().collect();
    let (method, target) = request.split_once(' ').unwrap_or((request, "/Bulk"));
    let target = expanded(target).replace("$NEXT", next).replace(' ', "%20").replace('"', "%22");
    let body = expanded(body);
    let body = match method {
        "BULK" | "BULK-FIRST" => format!(r#"{{"schemas":["{BULK}"],"Operations":[{body}]}}"#),
        "PATCH" if body.starts_with('[') => format!(r#"{{"schemas":["{PATCH}"],"Operations":{body}}}"#),
        _ => body,
    };
    let body = if body == "$FF" { vec![0xFF] } else { body.into_bytes() };
    let is_bulk = method.starts_with("BULK");
    let reply = send(if is_bulk { "POST" } else { method }, &target, &header, &body);
    let mut json = reply.json();
    if let Some(cursor) = json["nextCursor"].as_str() {
        cursor.clone_into(next);
    }
    if is_bulk && reply.status == 200 {
        let results = json["Operations"].as_array().unwrap();
        let result = if method == "BULK" { results.last() } else { results.first() };
        json = result.unwrap()["response"].clone();
    }
    if let Some(description) = json["error_description"].as_str() {
        return format!("{} {}: {description}", reply.status, json["error"].as_str().unwrap());
    }
    let Some(detail) = json["detail"].as_str() else { return reply.status.to_string() };
    let keyword = json["scimType"].as_str().map_or_else(String::new, |keyword| format!(" {keyword}"));
    format!("{}{keyword}: {detail}", json["status"].as_str().unwrap())
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages.tsv")
}

/// The lines of the table without their end: host, request, body, answer.
fn table(text: &str) -> Vec<[&str; 4]> {
    let columns = |line| <[&str; 4]>::try_from(str::split(line, '\t').collect::<Vec<_>>()).unwrap();
    text.lines().skip(1).map(columns).collect()
}

#[test]
fn each_error_states_its_message() {
    let text = fs::read_to_string(path()).unwrap();
    let (mut found, mut wrong) = ("host\trequest\tbody\tanswer\n".to_owned(), Vec::new());
    let (mut send, mut next, mut at) = (None, String::new(), "");
    for [name, request, body, expected] in table(&text) {
        if name == "oauth" && cfg!(not(feature = "oauth")) {
            continue;
        }
        if at != name {
            (send, at) = (Some(host(name)), name);
        }
        let answer = answer(send.as_ref().unwrap(), request, body, &mut next);
        if answer != expected {
            wrong.push(format!("{name}: {request} {body}\n  expected {expected}\n  found    {answer}"));
        }
        writeln!(found, "{name}\t{request}\t{body}\t{answer}").unwrap();
    }
    if env::var_os("SCIM_TEST_WRITE").is_some() {
        fs::write(path(), found).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files and folders in `src/` that make the details of errors.
const SOURCES: &[&str] = &[
    "error.rs",
    "error",
    "filter/compile_error.rs",
    "filter/error.rs",
    "limits/work.rs",
    "message",
    "oauth",
    "patch.rs",
    "patch",
    "path",
    "protocol",
    "provider",
    "resource/error.rs",
    "resource/order.rs",
    "resource/projection.rs",
    "resource/read.rs",
    "resource/read",
];

/// Files and folders among them whose errors only the host gets.
const FOR_HOSTS: &[&str] = &[
    "oauth/keys.rs",
    "oauth/metadata.rs",
    "patch/builder.rs",
    "patch/diff",
    "provider/builder.rs",
    "provider/handover.rs",
    "provider/seal.rs",
    "provider/type_ref.rs",
];

/// Texts that are no part of a detail, or of a detail that no request of a client can cause.
const EXCEPT: &[&str] = &[
    // Causes, for the log of the host.
    "expected a signed JWT with a kid",
    "expected the algorithm RS256, PS256 or ES256",
    "the issuer has no key with this kid",
    "the signature is not of a key of the issuer",
    "the store broke its contract: one outcome a change",
    "the store broke its contract: {what}",
    "`get_many` answers for each id",
    "`locate` answers for each id",
    "`id_of_new` gives the id of a resource",
    "the source of ids broke its contract: 1 to 64 bytes of letters, digits, `-` and `_`, without `bulkId`",
    // The configuration of the host, and filters that the host builds.
    "{marker} eq true",
    "expected the path of an attribute that some resource type has: `{0:.80}`",
    "{resource_type}: expected a singular boolean attribute that is readOnly and returned: `{marker:.80}`",
    "{resource_type}: expected an adoption rule that fits the type: {reason}",
    "the type has no marker",
    "`{}` is not stored",
    "`{}` is in a list of references",
    "`{path:.80}` is not an attribute path",
    "expected a lifetime of one to six hours",
    "expected at least one filter",
    "expected at most 64 levels of parentheses, `not` and brackets",
    "expected at most 4 GiB of text",
    // Texts of the protocol, and of debug output.
    "A token that an administrator of the service made, sent as `Authorization: Bearer`",
    "Bearer token",
    "A client id with a secret or a federated identity, exchanged for short-lived access tokens",
    "OAuth 2.0 client credentials",
    "Basic realm=\"OAuth\", charset=\"UTF-8\"",
    "Basic(not shown)",
    "Post(not shown)",
    "Assertion(not shown)",
    "the name of a member",
    "too many operations",
    " at line ",
    // The kinds of errors: the whole error names the attribute and its owner.
    "the attribute is not in the schema",
    "the attribute is not an attribute of {resource_type}",
    // Every operator applies to text, no request removes the value of an attribute with a default, and no text is JSON
    // that only the second reader refuses.
    "another operator",
    "`pr` for a complex attribute",
    "packed JSON that fits the attribute",
];

/// The texts in a source that may be a part of a detail: string literals with two words, outside of comments, tests and
/// reasons for lints. A text that begins with an article is the noun of a message, and no message itself.
fn texts(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//") && !line.contains("reason = "));
    let mut found = Vec::new();
    for line in lines {
        let mut rest = line.replace("'\"'", "");
        while let Some((_, after)) = rest.split_once('"') {
            let mut text = String::new();
            let mut characters = after.chars();
            while let Some(character) = characters.next().filter(|character| *character != '"') {
                text.push(if character == '\\' { characters.next().unwrap_or_default() } else { character });
            }
            rest = characters.collect();
            found.push(text);
        }
    }
    let is_message = |text: &String| {
        let fixed: String = parts(text).join(" ");
        fixed.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count() > 1
            && !["a ", "an "].iter().any(|article| text.starts_with(article))
    };
    found.into_iter().filter(is_message).collect()
}

/// The fixed parts of a text with places such as `{kind}`.
fn parts(text: &str) -> Vec<&str> {
    text.split('{')
        .enumerate()
        .map(|(index, part)| match part.split_once('}') {
            Some((_, fixed)) if index > 0 => fixed,
            _ => part,
        })
        .collect()
}

/// Whether the detail has the fixed parts of the text in their order.
fn shows(detail: &str, text: &str) -> bool {
    // The detail has the path of the attribute instead of its first words.
    let (mut rest, text) = (detail, text.strip_prefix("the attribute ").unwrap_or(text));
    parts(text).into_iter().all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => part.is_empty(),
    })
}

fn rust_files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in &entries {
            rust_files(entry, found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

/// A new message needs a line in the table.
#[test]
fn the_table_shows_each_message_of_the_sources() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table_text = fs::read_to_string(path()).unwrap();
    let answers: Vec<&str> = table(&table_text).into_iter().map(|[.., answer]| answer).collect();
    let mut files = Vec::new();
    for name in SOURCES {
        rust_files(&source.join(name), &mut files);
    }
    files.retain(|file| !FOR_HOSTS.iter().any(|name| file.starts_with(source.join(name))));
    let (mut missing, mut count) = (Vec::new(), 0);
    for file in &files {
        for text in texts(&fs::read_to_string(file).unwrap()) {
            count += 1;
            if !answers.iter().any(|answer| shows(answer, &text)) && !EXCEPT.contains(&&*text) {
                missing.push(format!("{}: {text}", file.strip_prefix(&source).unwrap().display()));
            }
        }
    }
    assert!(count > 150, "only {count} texts");
    assert!(missing.is_empty(), "no answer of the table has these texts:\n{}", missing.join("\n"));
}

/// Each keyword of an error occurs in the table.
#[test]
fn the_table_shows_each_keyword() {
    let table_text = fs::read_to_string(path()).unwrap();
    for keyword in ScimType::ALL {
        let mark = format!(" {keyword}: ");
        assert!(table(&table_text).iter().any(|[.., answer]| answer.contains(&mark)), "{keyword}");
    }
}
