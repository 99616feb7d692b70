//! The ids of new resources (RFC 7643 §3.1).

use crate::fixture::host::{BASE, Host, Ticking, USER};
use scim_core::{
    provider::{IdSource, ServiceProvider},
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
    value::Text,
};
use serde_json::json;
use std::sync::Mutex;

/// Ids from a list, the last of them again and again.
#[derive(Debug)]
struct Listed(Mutex<Vec<String>>);

impl IdSource for Listed {
    fn next(&self) -> Text {
        let mut ids = self.0.lock().unwrap();
        if ids.len() > 1 { ids.remove(0).into() } else { ids[0].as_str().into() }
    }
}

fn host_with(ids: &[&str]) -> Host<MemoryStore> {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(Listed(Mutex::new(ids)))
        .build()
        .unwrap();
    Host { provider, context: RequestContext::new(TenantId::single()) }
}

/// 7643-3.1-07: the core gives no id with the reserved word, nor an id that a URL would have to escape.
#[test]
fn an_id_that_breaks_the_contract_of_its_source_is_never_given() {
    let long = "x".repeat(65);
    let user = json!({"schemas": [USER], "userName": "ann"});
    for good in ["k", "kk-bulk_1", "BULKI-d", &long[..64]] {
        let host = host_with(&[good]);
        assert_eq!(host.post("/Users", &user).id(), good);
    }
    for bad in ["bulkId", "x-bulkid-1", "xBULKIDx", "", "a/b", "a b", "\u{e9}", long.as_str()] {
        let host = host_with(&[bad, bad, "good-1"]);
        assert_eq!(host.post("/Users", &user).id(), "good-1", "{bad:?}: the third id is right");

        let host = host_with(&[bad]);
        let before = host.everything();
        let reply = host.post("/Users", &user);
        assert_eq!((reply.status, &reply.json()["detail"]), (500, &json!("the service provider failed")), "{bad:?}");
        let operation = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": user});
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        let reply = host.post("/Bulk", &json!({"schemas": schemas, "Operations": [operation]}));
        assert_eq!((reply.status, &reply.json()["Operations"][0]["status"]), (200, &json!("500")), "{bad:?}");
        assert_eq!(host.everything(), before, "{bad:?}");
    }
}
