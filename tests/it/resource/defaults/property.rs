//! Random requests to a resource whose attributes have defaults.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value as Json, json};

use super::{ALARM, DOOR, door, registry, values};
use crate::fixture::host::host_of;

fn leaf() -> impl Strategy<Value = Json> {
    select(vec![
        json!(null),
        json!(""),
        json!([]),
        json!({}),
        json!(false),
        json!("False"),
        json!(true),
        json!(5),
        json!("x"),
    ])
}

fn name() -> impl Strategy<Value = String> {
    let armed = format!("{ALARM}:armed");
    let names = ["locked", "LOCKED", "floor", "color", "maker", "name", ALARM, "schemas", &armed];
    select(names.map(str::to_owned).to_vec())
}

fn members() -> impl Strategy<Value = Json> {
    let value = prop_oneof![
        4 => leaf(),
        1 => (select(vec!["armed", "code"]), leaf()).prop_map(|(name, value)| json!({name: value})),
        1 => select(vec![json!([DOOR]), json!([ALARM])]),
    ];
    vec((name(), value), 0..4).prop_map(|members| Json::Object(members.into_iter().collect()))
}

fn operation() -> impl Strategy<Value = Json> {
    let op = select(vec!["add", "remove", "replace"]);
    let path = prop_oneof![3 => name(), 1 => Just(format!("schemas[value eq \"{ALARM}\"]"))];
    let value = prop_oneof![leaf(), members()];
    (op, proptest::option::weighted(0.7, path), proptest::option::weighted(0.8, value)).prop_map(|(op, path, value)| {
        let members = [("path", path.map(Json::from)), ("value", value)];
        let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Json::Object([("op".to_owned(), json!(op))].into_iter().chain(members).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// No accepted request leaves an attribute with a default without a value. A door is locked or unlocked only by a
    /// request that names the attribute.
    #[test]
    fn an_attribute_with_a_default_always_has_a_value(
        created in members(),
        requests in vec(prop_oneof![members(), vec(operation(), 1..4).prop_map(Json::Array)], 1..8),
    ) {
        let host = host_of(registry());
        let reply = host.post("/Doors", &door(&created));
        prop_assume!(reply.status == 201);
        let target = format!("/Doors/{}", reply.id());
        prop_assert!(!values(&reply.json()).split(' ').take(5).any(|value| value == "null"), "{}", reply.json());
        let mut before = reply.json();
        for request in requests {
            let reply = if request.is_array() { host.patch(&target, &request) } else { host.put(&target, &door(&request)) };
            let after = host.get(&target).json();
            prop_assert!(reply.status == 200 || after == before, "{request}: {}", reply.json());
            for (was, is) in values(&before).split(' ').zip(values(&after).split(' ')).take(5) {
                prop_assert!(is != "null" && !is.is_empty(), "{request}: {after}");
                let is_named = request.to_string().to_lowercase().contains(&is.to_lowercase());
                // The requests have none of these default values, except as a part of the schemas' URIs.
                let is_default = ["grey", "ACME", "0"].contains(&is);
                prop_assert!(was == is || is_named && !is_default, "{request}: {after}");
            }
            before = after;
        }
    }
}
