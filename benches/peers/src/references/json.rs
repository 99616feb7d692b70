//! The work over `serde_json::Value`.

use std::hint::black_box;

use scim_core_peers::inputs::ENTERPRISE;
use serde_json::{Value, json};

/// Parses JSON as a tree.
pub(crate) fn tree(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Parses JSON as a tree, and writes the tree.
pub(crate) fn round_trip(text: &str) -> Vec<u8> {
    serde_json::to_vec(black_box(&tree(text))).expect("memory")
}

/// Whether two resources are the same, in whatever order their `schemas` are.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    let sorted = |resource: &Value| {
        let mut resource = resource.clone();
        if let Some(schemas) = resource["schemas"].as_array_mut() {
            schemas.sort_by_key(ToString::to_string);
        }
        resource
    };
    sorted(left) == sorted(right)
}

/// Changes a user as the patch of this name must change it.
pub(crate) fn patch(name: &str, user: &mut Value) {
    match name {
        "patch/entra-disable" | "patch/okta-disable" => user["active"] = json!(false),
        "patch/entra-email" => element(&mut user["emails"], "work")["value"] = json!("new@example.com"),
        "patch/entra-five" => {
            (user["displayName"], user["title"]) = (json!("New Name"), json!("Manager"));
            user["name"]["givenName"] = json!("New");
            element(&mut user["phoneNumbers"], "work")["value"] = json!("+1 555 000 0000");
            user[ENTERPRISE]["department"] = json!("Moved");
        }
        "patch/okta-profile" => {
            (user["displayName"], user["nickName"]) = (json!("New Name"), json!("New"));
            (user["title"], user["userType"]) = (json!("Manager"), json!("Partner"));
        }
        "patch/remove" => {
            user["phoneNumbers"].as_array_mut().expect("a list").retain(|phone| phone["type"] != "mobile");
            user.as_object_mut().expect("an object").remove("title");
        }
        "patch/add-email" => {
            let emails = user["emails"].as_array_mut().expect("a list");
            emails.push(json!({"value": "more@example.com", "type": "other"}));
        }
        _ => panic!("no patch has the name {name}"),
    }
}

fn element<'a>(list: &'a mut Value, wanted: &str) -> &'a mut Value {
    let list = list.as_array_mut().expect("a list");
    list.iter_mut().find(|element| element["type"] == wanted).expect("an element of this type")
}
