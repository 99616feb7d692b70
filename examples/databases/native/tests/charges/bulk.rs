//! The operations of a bulk request share one bound: the rows that they write and read in the database.

use scim_core::sql::{Dialect, database::Database};
use serde_json::{Value, json};

use super::{
    host::{Filling, Host, postgres, remove, sqlite},
    support::Anything,
};

const WORK: u64 = 1_000_000;

/// The groups of a tenant, and the members of each group, which cost 300 units each.
const GROUPS: u32 = 20;
const MEMBERS: u32 = 300;

fn filling(dialect: Dialect) -> Filling {
    let tenants = ["groups", "users", "single"];
    let fill = |filling: Filling, tenant: &&str| {
        filling.users(dialect, tenant, MEMBERS, "guide").groups(tenant, GROUPS, MEMBERS)
    };
    tenants.iter().fold(Filling::default(), fill)
}

/// Sends the operations. Checks that they succeed up to one of them, from which on each is refused, and returns their
/// number.
async fn done<D: Database + Clone>(host: &Host<D>, work: u64, operations: &[Value], expected: &str) -> usize {
    let request = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let answer = host.send("POST", "/Bulk", &request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.spent <= work, "{}", answer.spent);
    let results = answer.body["Operations"].as_array().unwrap();
    assert_eq!(results.len(), operations.len());
    let done = results.iter().take_while(|result| result["status"] == expected).count();
    for result in &results[done..] {
        assert_eq!(
            (&result["status"], &result["response"]["scimType"]),
            (&json!("400"), &json!("tooMany")),
            "{result}"
        );
    }
    done
}

fn deletions(endpoint: &str, letter: char, count: u32) -> Vec<Value> {
    let deletion = |n: u32| json!({"method": "DELETE", "path": format!("{endpoint}/{letter}{}", 100_000 + n)});
    (0..count).map(deletion).collect()
}

async fn check<D: Database + Clone>(database: D) -> Result<(), Anything> {
    // Each deletion of a group removes all its members.
    let host = Host::new(database.clone(), "groups", WORK).await?;
    let all = deletions("/Groups", 'g', GROUPS);
    let first = done(&host, WORK, &all, "204").await;
    assert!((5..15).contains(&first), "{first}");
    assert_eq!(host.count("/Groups").await, u64::from(GROUPS) - u64::try_from(first)?);
    // The next request does the rest: no operation is refused forever.
    assert_eq!(done(&host, WORK, &all[first..], "204").await, all.len() - first);
    assert_eq!(host.count("/Groups").await, 0);

    // Each deletion of a user changes all groups.
    let host = Host::new(database.clone(), "users", WORK).await?;
    let all = deletions("/Users", 'u', MEMBERS);
    let first = done(&host, WORK, &all, "204").await;
    assert!((50..200).contains(&first), "{first}");
    assert_eq!(host.count("/Users").await, u64::from(MEMBERS) - u64::try_from(first)?);

    // Creations are committed together. Those before the refused one are kept.
    let create = |n: u32| {
        let data = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("new{n}")});
        json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": data})
    };
    let creations: Vec<Value> = (0..900).map(create).collect();
    let before = host.count("/Users").await;
    let tight = host.with_work(200_000).await?;
    let first = done(&tight, 200_000, &creations, "201").await;
    assert!((20..500).contains(&first), "{first}");
    assert_eq!(host.count("/Users").await, before + u64::try_from(first)?);

    // A request that is larger than the bound by itself is completed, and so is a bulk request of ordinary size.
    let single = Host::new(database.clone(), "single", 50_000).await?;
    assert_eq!(single.send("DELETE", "/Groups/g100000", &Value::Null).await.status, 204);
    let ordinary = Host::new(database, "single", 10_000_000).await?;
    assert_eq!(done(&ordinary, 10_000_000, &creations, "201").await, creations.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_request_on_sqlite_ends_when_it_has_cost_enough() -> Result<(), Anything> {
    let (database, _folder) = sqlite(&filling(Dialect::Sqlite))?;
    Box::pin(check(database)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_request_on_postgresql_ends_when_it_has_cost_enough() -> Result<(), Anything> {
    let Some((database, schema)) = postgres("bulk", &filling(Dialect::Postgres)).await? else { return Ok(()) };
    Box::pin(check(database.clone())).await?;
    remove(&database, &schema).await
}
