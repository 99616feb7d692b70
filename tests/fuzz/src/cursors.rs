//! Paging by cursor (RFC 9865): walks, altered cursors, and cursors of other queries and tenants.

use scim_core::{
    provider::{CursorKey, ServiceProvider},
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::{Value as Json, json};

use crate::{
    choice::Choices,
    host::{BASE, Counting, Host, Reply, Ticking, USER, encoded},
    samples::REGISTRY,
};

const SORTS: &[&str] = &[
    "",
    "&sortBy=title",
    "&sortBy=title&sortOrder=descending",
    "&sortBy=active",
    "&sortBy=userName",
    "&sortBy=meta.created&sortOrder=descending",
    "&sortBy=groups.display",
    "&sortBy=name.familyName",
    "&sortBy=id",
];
const FILTERS: &[&str] = &["", "&filter=active eq true", "&filter=title pr", "&filter=not (title eq \"b\")"];
const ENDPOINTS: &[&str] = &["/Users", "/", "/Groups"];
/// The most writes during a walk.
const WRITES: usize = 12;
const KEYWORDS: [&str; 3] = ["invalidCursor", "expiredCursor", "invalidValue"];

/// Input: decisions, see [`Choices`].
///
/// The pages together are the list in its order, forward and back; a cursor that was altered, or that belongs to
/// another query or tenant, is refused; a walk ends and shows no resource twice, whatever is written meanwhile.
///
/// # Panics
///
/// When the library breaks one of these promises.
pub fn cursors(data: &[u8]) {
    let mut choices = Choices::new(data);
    let host = filled(&mut choices);
    for _ in 0..4 {
        if choices.is_empty() {
            break;
        }
        let query = query(&mut choices);
        match choices.below(4) {
            0 => walk(&host, &query),
            1 => altered(&host, &query, &mut choices),
            2 => elsewhere(&host, &query, &mut choices),
            _ => written_meanwhile(&host, &query, &mut choices),
        }
    }
}

/// A host with up to 16 users, some of whom share a title.
fn filled(choices: &mut Choices<'_>) -> Host<MemoryStore> {
    let mut builder = ServiceProvider::builder(REGISTRY.clone(), MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(Counting::default());
    if choices.one_in(2) {
        builder = builder.cursor_key(CursorKey::new(&[7; 32]).expect("long enough"));
    }
    let provider = builder.build().expect("a service provider");
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    for at in 0..choices.below(17) {
        create(&host, at, choices);
    }
    for name in ["g", "h"] {
        let member = format!("id-{:03}", 1 + choices.below(17));
        // If the member does not exist, the group is not created.
        host.post("/Groups", &json!({"displayName": name, "members": [{"value": member}]}));
    }
    host
}

fn create(host: &Host<MemoryStore>, at: usize, choices: &mut Choices<'_>) {
    let mut user = json!({"schemas": [USER], "userName": format!("u{at}"), "active": choices.one_in(2)});
    let title = choices.pick(&["", "a", "A", "b", "ß", "ss", "\u{10FFFF}", "a\u{301}"]);
    if !title.is_empty() {
        user["title"] = title.into();
        user["name"] = json!({"familyName": title});
    }
    assert_eq!(host.post("/Users", &user).status, 201);
}

struct Query {
    target: String,
    count: usize,
}

impl Query {
    fn page(&self, host: &Host<MemoryStore>, cursor: &str) -> Reply {
        host.get(&format!("{}&cursor={cursor}", self.target))
    }
}

fn query(choices: &mut Choices<'_>) -> Query {
    let count = 1 + choices.below(6);
    let (endpoint, sort, filter) = (choices.pick(ENDPOINTS), choices.pick(SORTS), choices.pick(FILTERS));
    Query { target: format!("{endpoint}?count={count}{sort}{filter}"), count }
}

fn ids(list: &Json) -> Vec<String> {
    let resources = list["Resources"].as_array().into_iter().flatten();
    resources.map(|resource| resource["id"].as_str().expect("an id").to_owned()).collect()
}

fn refused(reply: &Reply, why: &str) {
    let (status, keyword) = reply.error();
    assert!(status == 400 && KEYWORDS.contains(&keyword.as_str()), "{why}: {status} {keyword}");
}

fn walk(host: &Host<MemoryStore>, query: &Query) {
    let first = query.page(host, "");
    if first.status != 200 {
        first.error();
        return;
    }
    let listed = host.get(&query.target.replace(&format!("count={}", query.count), "count=1000"));
    let all = ids(&listed.json());
    let mut page = first.json();
    let mut found = ids(&page);
    let mut pages = 1;
    while let Some(next) = page["nextCursor"].as_str() {
        page = query.page(host, next).json();
        assert!(ids(&page).len() <= query.count);
        found.extend(ids(&page));
        pages += 1;
        assert!(pages <= all.len() + 1, "{}: a walk without end", query.target);
    }
    assert_eq!(found, all, "{}", query.target);
    // Back from the last page.
    let mut back = ids(&page);
    while let Some(previous) = page["previousCursor"].as_str() {
        page = query.page(host, previous).json();
        let mut earlier = ids(&page);
        earlier.append(&mut back);
        back = earlier;
        pages -= 1;
        assert!(pages > 0 || back.len() <= all.len(), "{}: a walk back without end", query.target);
    }
    assert!(all.ends_with(&back), "{}: back {back:?} of {all:?}", query.target);
}

/// A cursor of the first page, if there are more.
fn next(host: &Host<MemoryStore>, query: &Query) -> Option<String> {
    query.page(host, "").json()["nextCursor"].as_str().map(str::to_owned)
}

fn altered(host: &Host<MemoryStore>, query: &Query, choices: &mut Choices<'_>) {
    let Some(cursor) = next(host, query) else {
        let text = choices.text(64).replace(['&', '#'], "");
        if !text.is_empty() && query.page(host, "").status == 200 {
            refused(&query.page(host, &text), &text);
        }
        return;
    };
    let mut bytes = cursor.clone().into_bytes();
    for _ in 0..=choices.below(3) {
        let at = choices.below(256) % bytes.len();
        match choices.below(6) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes[at] = choices.pick(b"ABCabcxyz019-_"),
            2 => bytes.insert(at, choices.pick(b"Aa0-_")),
            3 => bytes.push(choices.pick(b"A=_")),
            4 if at > 0 => drop(bytes.remove(at)),
            _ => bytes[at] ^= 0x20,
        }
    }
    let text = String::from_utf8_lossy(&bytes).replace(['&', '#', '\0'], "");
    if text != cursor && !text.is_empty() {
        refused(&query.page(host, &text), &format!("{} with {text} for {cursor}", query.target));
    }
}

fn elsewhere(host: &Host<MemoryStore>, query: &Query, choices: &mut Choices<'_>) {
    let Some(cursor) = next(host, query) else { return };
    let stranger = RequestContext::new(TenantId::new("stranger").expect("a name"));
    let reply = host.send_as(&stranger, "GET", &encoded(&format!("{}&cursor={cursor}", query.target)), &[], b"");
    refused(&reply, "the cursor of another tenant");
    let other = self::query(choices);
    if without_count(&other.target) != without_count(&query.target) {
        let reply = other.page(host, &cursor);
        // The other query may be refused for another reason.
        if reply.status != 400 {
            panic!("{} took a cursor of {}: {}", other.target, query.target, reply.json());
        }
    }
}

fn without_count(target: &str) -> String {
    target.split('&').map(|part| part.split("count=").next().unwrap_or(part)).collect::<Vec<_>>().join("&")
}

fn written_meanwhile(host: &Host<MemoryStore>, query: &Query, choices: &mut Choices<'_>) {
    let first = query.page(host, "");
    if first.status != 200 {
        return;
    }
    let before = ids(&host.get(&query.target.replace(&format!("count={}", query.count), "count=1000")).json());
    let mut touched: Vec<String> = Vec::new();
    let mut page = first.json();
    let mut found = ids(&page);
    // Each write adds one resource to the rest of the walk at most: a new one, or one that moved.
    let most = before.len() + WRITES;
    for step in 0.. {
        let Some(next) = page["nextCursor"].as_str().map(str::to_owned) else { break };
        assert!(step <= most, "{}: a walk without end", query.target);
        if choices.one_in(2) && step < WRITES {
            let id = format!("id-{:03}", 1 + choices.below(17));
            match choices.below(3) {
                0 => drop(host.delete(&format!("/Users/{id}"))),
                1 => drop(
                    host.patch(&format!("/Users/{id}"), &json!([{"op": "replace", "path": "title", "value": "zz"}])),
                ),
                _ => drop(host.post("/Users", &json!({"schemas": [USER], "userName": format!("new{step}{id}")}))),
            }
            touched.push(id);
        }
        let reply = query.page(host, &next);
        assert_eq!(reply.status, 200, "{}: {}", query.target, reply.json());
        page = reply.json();
        found.extend(ids(&page));
    }
    // A changed user may have moved in the order; each other resource is shown exactly once. The names of groups are
    // sort keys of users as well, so a deletion moves no user.
    for id in before.iter().filter(|id| !touched.contains(id)) {
        let times = found.iter().filter(|found| *found == id).count();
        assert_eq!(times, 1, "{}: {id} is shown {times} times", query.target);
    }
}
