//! The rules of the tables that the kit does not know: other writers, the columns of the host, and the indexes.

use std::sync::Arc;

use scim_core::{
    filter::{Filter, Matcher},
    fold::fold,
    protocol::Request,
    provider::ServiceProvider,
    quirks::{Quirks, Tolerance},
    sql::{
        Dialect, Statement, TableStore,
        database::{Database, Session, Work},
    },
    store::{CommitError, RequestContext, RequestedAttributes, Scan, Store, TenantId, Window},
};
use serde_json::{Value, json};

use crate::{
    host::Host,
    layers::{Rules, WithParents, layouts},
    read::Fetch,
    rows::{Types, registry},
    store::Directory,
    support::Anything,
    tables::migration,
};

struct Client<S> {
    provider: ServiceProvider<S>,
    context: RequestContext,
}

impl<S: Store> Client<S> {
    fn new(store: S, organization: &str) -> Result<Self, Anything> {
        let provider = ServiceProvider::builder(registry()?, store, "https://platform.example/scim/v2").build()?;
        Ok(Self { provider, context: RequestContext::new(TenantId::new(organization)?) })
    }

    async fn send(&self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let response = self.provider.handle(&self.context, &Request::new(method, target).with_body(&body)).await;
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        self.send("GET", target, &Value::Null).await
    }

    /// Creates a resource. Returns its id.
    async fn post(&self, target: &str, body: &Value) -> Result<String, Anything> {
        let (status, created) = self.send("POST", target, body).await;
        let id = created["id"].as_str().filter(|_| status == 201);
        Ok(id.ok_or_else(|| format!("POST {target}: {status} {created}"))?.to_owned())
    }
}

async fn own_sql(dialect: Dialect, name: &str) -> Result<Option<Host>, Anything> {
    let Some(host) = Host::fresh(dialect, name).await? else { return Ok(None) };
    host.execute(&migration(dialect)).await?;
    Ok(Some(host))
}

fn client(host: &Host, organization: &str) -> Result<Client<Directory<Host>>, Anything> {
    Client::new(Directory::new(host.clone(), &registry()?).ok_or("registered")?, organization)
}

/// A write of the host changes the version, and its times are in seconds. SCIM keeps its own milliseconds, and the
/// columns that it does not know.
async fn other_writers(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = own_sql(dialect, "writers").await? else { return Ok(()) };
    let client = client(&host, "7")?;
    let ann = client.post("/Users", &json!({"userName": "ann@example.com"})).await?;
    let bob = client.post("/Users", &json!({"userName": "bob@example.com"})).await?;
    let members = json!([{"value": ann}, {"value": bob}]);
    let team = client.post("/Groups", &json!({"displayName": "Guides", "members": members})).await?;
    let (user, group) = (format!("/Users/{ann}"), format!("/Groups/{team}"));

    let (_, before) = client.get(&user).await;
    host.execute(&format!("UPDATE account SET full_name = 'Ann', updated_at = 4000000000 WHERE id = {ann}")).await?;
    let (_, after) = client.get(&user).await;
    assert_ne!(before["meta"]["version"], after["meta"]["version"]);
    assert_eq!(before["meta"]["created"], after["meta"]["created"]);
    assert_eq!(
        (&after["displayName"], &after["meta"]["lastModified"]),
        (&json!("Ann"), &json!("2096-10-02T07:06:40.000Z"))
    );

    host.execute(&format!("UPDATE team_member SET role = 'owner' WHERE account = {ann}")).await?;
    host.execute(&format!("UPDATE account SET locale = 'sv' WHERE id = {ann}")).await?;
    let (_, before) = client.get(&group).await;
    host.execute(&format!("DELETE FROM team_member WHERE account = {bob}")).await?;
    let (_, after) = client.get(&group).await;
    assert_ne!(before["meta"]["version"], after["meta"]["version"]);
    assert_eq!(after["members"].as_array().map(Vec::len), Some(1));

    let (status, _) = client.send("PUT", &group, &json!({"displayName": "Guides", "members": members})).await;
    assert_eq!(status, 200);
    let (status, _) = client.send("PUT", &user, &json!({"userName": "ann@example.org"})).await;
    assert_eq!(status, 200);
    let roles = host.texts("SELECT role FROM team_member ORDER BY account").await?;
    assert_eq!(roles, ["owner", "member"]);
    assert_eq!(host.texts(&format!("SELECT locale FROM account WHERE id = {ann}")).await?, ["sv"]);
    host.remove().await
}

/// An address belongs to one account of the platform, whatever the case of its letters. An id is a number in one form,
/// and comes once.
async fn keys(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = own_sql(dialect, "keys").await? else { return Ok(()) };
    let (one, other) = (client(&host, "7")?, client(&host, "8")?);
    let zoe = one.post("/Users", &json!({"userName": "ZOË@example.com", "active": true})).await?;
    let (status, refusal) = other.send("POST", "/Users", &json!({"userName": "zoe\u{308}@EXAMPLE.com"})).await;
    assert_eq!((status, &refusal["scimType"]), (409, &json!("uniqueness")));
    assert_eq!(other.get(&format!("/Users/{zoe}")).await.0, 404);
    for id in [format!("0{zoe}"), format!("%20{zoe}"), "zoe".to_owned()] {
        assert_eq!(one.get(&format!("/Users/{id}")).await.0, 404, "{id}");
    }
    let (_, found) = one.get("/Users?filter=userName%20eq%20%22zo%C3%AB@example.COM%22").await;
    assert_eq!(found["totalResults"], 1);

    // Deactivation ends the sessions of the account, and not those of the team with the same number.
    host.execute(&format!("INSERT INTO session (token, account) VALUES ('t', {zoe})")).await?;
    let team = one.post("/Groups", &json!({"displayName": "Guides"})).await?;
    assert_eq!(team, zoe);
    assert_eq!(one.send("DELETE", &format!("/Groups/{team}"), &Value::Null).await.0, 204);
    assert_eq!(host.texts("SELECT token FROM session").await?, ["t"]);
    let (status, _) = one.send("PUT", &format!("/Users/{zoe}"), &json!({"userName": "zoe", "active": false})).await;
    assert_eq!((status, host.texts("SELECT token FROM session").await?.len()), (200, 0));

    assert_eq!(one.send("DELETE", &format!("/Users/{zoe}"), &Value::Null).await.0, 204);
    let next = one.post("/Users", &json!({"userName": "zoe"})).await?;
    assert!(next.parse::<u64>()? > zoe.parse()?, "{next} after {zoe}");
    host.remove().await
}

/// The last owner of a team stays, and a user is in the groups above its groups: by the declared store with hooks, and
/// by own SQL.
async fn parents(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = Host::fresh(dialect, "parents").await? else { return Ok(()) };
    let types = registry()?;
    for statement in TableStore::<()>::migrations(dialect, layouts(&types, dialect).ok_or("registered")?)? {
        host.execute(&statement).await?;
    }
    let store = TableStore::open(host.clone(), layouts(&types, dialect).ok_or("registered")?).await?;
    let client = Client::new(WithParents(store.with_hooks(Rules)), "7")?;
    let ann = client.post("/Users", &json!({"userName": "ann@example.com"})).await?;
    let above = client.post("/Groups", &json!({"displayName": "Company"})).await?;
    let team = json!({"displayName": "Guides", "members": [{"value": ann}]});
    let team = client.post("/Groups", &team).await?;
    host.execute(&format!("UPDATE team SET parent = {above} WHERE id = {team}")).await?;
    host.execute("UPDATE team_member SET role = 'owner'").await?;
    host.execute(&format!("INSERT INTO session (token, account) VALUES ('t', {ann})")).await?;

    let names = |user: &Value| -> Vec<String> {
        let groups = user["groups"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> = groups.iter().filter_map(|it| it["display"].as_str().map(str::to_owned)).collect();
        names.sort();
        names
    };
    let user = format!("/Users/{ann}");
    assert_eq!(names(&client.get(&user).await.1), ["Company", "Guides"]);
    assert_eq!(client.send("DELETE", &user, &Value::Null).await.0, 403);
    host.execute("UPDATE team_member SET role = 'member'").await?;
    assert_eq!(host.texts("SELECT token FROM session").await?, ["t"]);
    assert_eq!(client.send("DELETE", &user, &Value::Null).await.0, 204);
    assert!(host.texts("SELECT token FROM session").await?.is_empty());
    host.remove().await
}

/// The plan of a query, without sequential scans wherever an index serves the query.
struct Plan(Statement);

impl Work for Plan {
    type Output = String;

    async fn run<S: Session>(&self, session: &mut S) -> Result<String, CommitError> {
        let is_sqlite = self.0.dialect() == Dialect::Sqlite;
        if !is_sqlite {
            let mut setting = Statement::new(Dialect::Postgres);
            session.execute(setting.push("SET LOCAL enable_seqscan = off")).await?;
        }
        let rows = session.rows(&self.0.explained()).await?;
        let lines = rows.into_iter().map(|mut row| row.text(if is_sqlite { 3 } else { 0 }));
        Ok(lines.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }
}

/// The queries of identity providers use the indexes.
async fn plans(dialect: Dialect) -> Result<(), Anything> {
    let Some(host) = own_sql(dialect, "plans").await? else { return Ok(()) };
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT";
    host.execute(&format!(
        "INSERT INTO account (id, organization, email, api_secret, external_id, created_at, updated_at)
         {numbers} i, 7, 'a' || i, 'x', 'e-' || i, 1, 1 FROM n;
         INSERT INTO team (id, organization, name, created_at, updated_at) {numbers} i, 7, 'n' || i, 1, 1 FROM n;
         INSERT INTO team_member (team, account) {numbers} i, i FROM n;
         ANALYZE"
    ))
    .await?;
    let registry = registry()?;
    let types = Arc::new(Types::new(&registry, dialect).ok_or("registered")?);
    for (name, filter, index) in [
        ("User", r#"userName eq "ZOË@example.com""#, "account_email"),
        ("User", r#"externalId eq "a-1""#, "account_external_id"),
        ("User", r#"id eq "5""#, "account_order"),
        ("User", "", "account_order"),
        ("Group", r#"displayName eq "Guides""#, "team_name"),
        ("Group", r#"members.value eq "5""#, "team_member_value"),
        ("Group", "", "team_order"),
    ] {
        let resource_type = registry.resource_type(name).ok_or("registered")?;
        let parsed = if filter.is_empty() { None } else { Some(filter.parse::<Filter>()?) };
        let mut tolerance = Tolerance::new(Quirks::default());
        let matcher = parsed.map(|filter| filter.compile(resource_type, &mut tolerance)).transpose()?;
        let window =
            if filter.is_empty() { Window::behind(Some("4"), 100) } else { Window::Offset { skip: 0, take: 100 } };
        let conditions: Vec<_> = matcher.iter().flat_map(Matcher::conditions).collect();
        let scan = Scan {
            resource_type,
            filter: &conditions,
            sort: None,
            window,
            requested: &RequestedAttributes::everything(),
            count: false,
        };
        let plan = host.read(Plan(Fetch::page(&types, 7, &scan)?.query)).await.map_err(|failed| failed.error)?;
        assert!(plan.contains(index), "{dialect:?} {name} {filter}:\n{plan}");
    }
    host.remove().await
}

macro_rules! on_both_databases {
    ($($rule:ident: $sqlite:ident, $postgres:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $sqlite() -> Result<(), Anything> {
            $rule(Dialect::Sqlite).await
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $postgres() -> Result<(), Anything> {
            $rule(Dialect::Postgres).await
        }
    )*};
}

on_both_databases! {
    other_writers: writers_of_the_host_on_sqlite, writers_of_the_host_on_postgresql;
    keys: addresses_and_numbers_on_sqlite, addresses_and_numbers_on_postgresql;
    parents: owners_and_parents_on_sqlite, owners_and_parents_on_postgresql;
    plans: indexes_on_sqlite, indexes_on_postgresql;
}

/// The function of PostgreSQL gives the fold of the crate: for each character of the first two planes, alone and behind
/// a letter with an accent, and for texts that both normalizations change.
#[tokio::test(flavor = "multi_thread")]
async fn the_fold_of_postgresql_is_the_fold_of_the_crate() -> Result<(), Anything> {
    let Some(host) = own_sql(Dialect::Postgres, "fold").await? else { return Ok(()) };
    let mut texts: Vec<String> = ('\u{1}'..'\u{20000}').map(|char| format!("A{char}")).collect();
    texts.extend(
        ["J\u{30c}", "jose\u{301}", "ΣΊΣΥΦΟΣ ς", "A\u{345}\u{300}", "İI\u{307}ı", "\u{212b}\u{2126}ſK"]
            .map(str::to_owned),
    );
    let mut wrong = Vec::new();
    for some in texts.chunks(10_000) {
        let mut query = Statement::new(Dialect::Postgres);
        query.push("SELECT fold(e.value) FROM jsonb_array_elements_text(CAST(").bind(json!(some).to_string());
        query.push(" AS jsonb)) WITH ORDINALITY AS e (value, place) ORDER BY e.place");
        let rows = host.rows(query).await?.into_rows();
        assert_eq!(rows.len(), some.len());
        for (text, mut row) in some.iter().zip(rows) {
            let found = row.text(0)?.unwrap_or_default();
            if *found != *fold(text) {
                wrong.push(format!("{text:?}: {found:?} and not {:?}", fold(text)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} texts: {:#?}", wrong.len(), wrong.iter().take(20).collect::<Vec<_>>());
    host.remove().await
}
