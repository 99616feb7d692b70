//! The databases answer the queries of identity providers by an index.

use scim_core::{
    resource::Resource,
    schema::Registry,
    sql::{Dialect, TableStore},
    store::{Change, Entry, RequestContext, Store as _},
};
use serde_json::{Value as Json, json};

use super::{
    Anything,
    application::{Application, IRONCLAW, METABASE, OMICRON, TABBY, VAULTWARDEN},
    client::Client,
    host::{Host, Plan},
};

/// The steps of a plan that read all rows of a table, or all rows of a tenant.
fn walks((sql, plan): &Plan, tenants: &[&str]) -> Vec<String> {
    let lines = plan.lines().map(str::trim);
    let is_walk = |line: &&str| {
        // `e` is the list of ids of the request, and `c` has the rows that a subquery of the statement finds.
        let in_sqlite = line.starts_with("SCAN ")
            && *line != "SCAN e"
            && *line != "SCAN c"
            && !line.contains("VIRTUAL TABLE")
            && !line.contains("CONSTANT ROW");
        let by_tenant = tenants.iter().any(|tenant| line.ends_with(&format!("({tenant}=?)")));
        let in_postgres = line.contains("Seq Scan on ");
        in_sqlite || by_tenant || in_postgres
    };
    lines.filter(is_walk).map(|line| format!("{line}\n    of {sql}\n{plan}")).collect()
}

/// The index scans of PostgreSQL without a condition besides the tenant.
fn unbounded((sql, plan): &Plan, tenants: &[&str]) -> Vec<String> {
    let lines: Vec<&str> = plan.lines().map(str::trim).collect();
    let mut all = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if !line.contains("Index Scan using")
            && !line.contains("Index Only Scan using")
            && !line.contains("Bitmap Index Scan")
        {
            continue;
        }
        let condition = lines.get(index + 1).filter(|line| line.starts_with("Index Cond:"));
        let by_tenant = |condition: &&&str| {
            tenants.iter().any(|tenant| {
                condition.contains(&format!("Cond: (({tenant})::text =")) && !condition.contains(" AND ")
                    || condition.contains(&format!("Cond: ({tenant} =")) && !condition.contains(" AND ")
            })
        };
        if condition.is_none_or(|condition| by_tenant(&condition)) {
            all.push(format!("{line}\n    of {sql}\n{plan}"));
        }
    }
    all
}

/// The number of users, and of groups: fewer rows would be read as a whole.
const ROWS: u64 = 3_000;

/// The number of users, and of groups, of another tenant.
const OTHER_ROWS: u64 = 500;

/// The number from which the ids of groups are made.
const GROUPS: u64 = 50_000;

/// Creates users, and groups of three members each. The first group has the user 7.
async fn fill(
    store: &TableStore<Host>,
    registry: &Registry,
    context: &RequestContext,
    rows: u64,
    id: impl Fn(u64) -> String,
) -> Result<(), Anything> {
    let times = json!({"created": "2026-01-01T00:00:00Z", "lastModified": "2026-01-01T00:00:00Z"});
    let suffix = context.tenant().as_str().len();
    let suffix = &context.tenant().as_str()[suffix.saturating_sub(4)..];
    let user = |number: u64| {
        json!({"id": id(number), "userName": format!("user{number}.{}@example.com", suffix),
            "externalId": format!("e{number}"), "active": true, "meta": times})
    };
    let group = |number: u64| {
        let members: Vec<Json> = (7..10).map(|member| json!({"value": id((number + member) % rows)})).collect();
        json!({"id": id(GROUPS + number), "displayName": format!("Group {number}"), "members": members, "meta": times})
    };
    for (name, document) in [("User", &user as &dyn Fn(u64) -> Json), ("Group", &group)] {
        let Some(resource_type) = registry.resource_type(name) else { continue };
        for start in (0..rows).step_by(500) {
            let mut batch = Vec::new();
            for number in start..start + 500 {
                let document = document(number).to_string();
                let resource = Resource::from_json(resource_type, document.as_bytes())?;
                batch.push(Change::Create(Entry::new(resource)));
            }
            store.commit(context, &batch).await.map_err(|error| format!("{error:?}"))?;
        }
    }
    Ok(())
}

async fn check(application: &Application, dialect: Dialect, tenants: &[&str]) -> Result<(), Anything> {
    // PostgreSQL prefers to read small tables as a whole; the option shows whether it has a choice.
    let Some(host) = application.host_with(dialect, "-c enable_seqscan=off").await? else { return Ok(()) };
    let client = Client::on(application, &host, "one").await?;
    let has_groups = application.registry()?.resource_type("Group").is_some();
    let store = application.store(&host).await?;
    let registry = application.registry()?;
    fill(&store, &registry, &application.context(&host, "one")?, ROWS, |number| application.id(number)).await?;
    if application.has_tenants {
        fill(&store, &registry, &application.context(&host, "two")?, OTHER_ROWS, |number| {
            application.id(number + 100_000)
        })
        .await?;
    }
    host.execute("ANALYZE").await?;
    let (id, outsider, group) = (application.id(7), application.id(20), application.id(GROUPS));
    let tenant = client.tenant();
    let name = format!("USER7.{}%40example.com", &tenant[tenant.len().saturating_sub(4)..]);
    let mut queries = vec![
        ("userName eq", "/Users?filter=userName%20eq%20%22{name}%22".replace("{name}", &name)),
        ("externalId eq", "/Users?filter=externalId%20eq%20%22e7%22".to_owned()),
        ("get, with the referrers", format!("/Users/{id}")),
    ];
    if has_groups {
        queries.push(("displayName eq", "/Groups?filter=displayName%20eq%20%22GROUP%207%22".to_owned()));
        queries.push(("get, with members", format!("/Groups/{group}")));
        queries
            .push(("a member", format!("/Groups?filter=members.value%20eq%20%22{id}%22&excludedAttributes=members")));
    }
    let mut found = Vec::new();
    for (name, target) in queries {
        host.record_plans();
        let (status, _, document) = client.get(&target).await;
        assert_eq!(status, 200, "{document}");
        assert_ne!(document["totalResults"], json!(0), "{name}: {document}");
        for plan in host.take_plans() {
            let all = walks(&plan, tenants).into_iter().chain(unbounded(&plan, tenants));
            found.extend(all.map(|walk| format!("{name}: {walk}")));
        }
    }
    let requests = [
        (
            "a change",
            "PATCH",
            format!("/Users/{id}"),
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": false}]}),
        ),
        (
            "a member is added",
            "PATCH",
            format!("/Groups/{group}"),
            json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "members", "value": [{"value": outsider}]}]}),
        ),
        ("a deletion", "DELETE", format!("/Users/{id}"), json!(null)),
    ];
    for (name, method, target, body) in
        requests.into_iter().filter(|request| has_groups || !request.2.contains("Groups"))
    {
        host.record_plans();
        let (status, _, document) = client.send(method, &target, body).await;
        assert!(status < 300, "{name}: {document}");
        let plans = host.take_plans();
        assert!(plans.len() < 30, "{name}: {} statements", plans.len());
        for plan in plans {
            let all = walks(&plan, tenants).into_iter().chain(unbounded(&plan, tenants));
            found.extend(all.map(|walk| format!("{name}: {walk}")));
        }
    }
    host.remove().await?;
    assert!(found.is_empty(), "{} on {dialect:?}:\n{}", application.name, found.join("\n\n"));
    Ok(())
}

macro_rules! plans {
    ($($name:ident: $application:ident on $dialect:ident, $tenants:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() -> Result<(), Anything> {
            check(&$application, Dialect::$dialect, &$tenants).await
        }
    )*};
}

plans! {
    tabby_sqlite: TABBY on Sqlite, [];
    vaultwarden_sqlite: VAULTWARDEN on Sqlite, ["org_uuid", "organizations_uuid", "tenant"];
    vaultwarden_postgres: VAULTWARDEN on Postgres, ["org_uuid", "organizations_uuid", "tenant"];
    omicron_sqlite: OMICRON on Sqlite, ["silo_id"];
    omicron_postgres: OMICRON on Postgres, ["silo_id"];
    ironclaw_sqlite: IRONCLAW on Sqlite, ["provider"];
    ironclaw_postgres: IRONCLAW on Postgres, ["provider"];
    metabase_postgres: METABASE on Postgres, [];
}
