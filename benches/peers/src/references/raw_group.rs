//! A group whose members stay slices of its text. Only `value` of each member is read, and the slices that remain are
//! copied to the output.

use std::{borrow::Cow, collections::HashSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    #[serde(borrow)]
    schemas: &'a RawValue,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    display_name: &'a RawValue,
    #[serde(borrow)]
    members: Vec<&'a RawValue>,
    #[serde(borrow)]
    meta: &'a RawValue,
}

#[derive(Deserialize)]
struct Member<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "Operations")]
    operations: Vec<Operation<'a>>,
}

#[derive(Deserialize)]
struct Operation<'a> {
    #[serde(borrow, default)]
    value: Vec<&'a RawValue>,
}

fn id(member: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<Member<'_>>(member.get()).expect("a member").value
}

/// Adds the members of a message whose operations all add members.
pub(crate) fn add(group: &str, message: &str) -> Vec<u8> {
    let mut group: Group<'_> = serde_json::from_str(group).expect("a group");
    let message: Message<'_> = serde_json::from_str(message).expect("a message");
    let mut there: HashSet<Cow<'_, str>> = group.members.iter().map(|member| id(member)).collect();
    for member in message.operations.iter().flat_map(|operation| &operation.value) {
        if there.insert(id(member)) {
            group.members.push(member);
        }
    }
    serde_json::to_vec(&group).expect("memory")
}
