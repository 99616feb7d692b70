//! A PATCH of a group of 100,000 members, from JSON to JSON.

use std::hint::black_box;

use scim_core_peers::{
    inputs::{GroupInput, group, member_id, message, new_member},
    ours::Ours,
};
use serde_json::Value;

use crate::{
    contest::Contest,
    references::{
        json::{round_trip, same, tree},
        raw_group,
    },
    report::Report,
};

const MEMBERS: usize = 100_000;
const OPERATIONS: usize = 1_000;

pub(super) fn run(report: &mut Report) {
    let ours = Ours::default();
    let group = group(MEMBERS);
    let stored = group.stored.as_str();
    let new = new_member(&member_id(MEMBERS));
    let add = message(&format!(r#"{{"op":"add","path":"members","value":[{new}]}}"#));
    let (remove, remove_many) = (remove(&group, 1), remove(&group, OPERATIONS));
    let patch = |message: &str| {
        let mut out = Vec::with_capacity(stored.len() + stored.len() / 8);
        ours.patch(ours.group(black_box(stored)), black_box(message), &mut out);
        out
    };
    let edit = |message: &str| {
        let mut out = Vec::with_capacity(stored.len() + stored.len() / 8);
        ours.edit_members(ours.group(black_box(stored)), black_box(message), &mut out);
        out
    };

    let with_new = expected(stored, |members| members.push(tree(&new)));
    check(&patch(&add), &with_new);
    check(&edit(&add), &with_new);
    check(&raw_group::add(stored, &add), &with_new);
    let removed = |count: usize| {
        let ids: Vec<&String> = removed_ids(&group, count).collect();
        expected(stored, |members| members.retain(|member| !ids.iter().any(|id| member["value"] == id.as_str())))
    };
    check(&patch(&remove), &removed(1));
    check(&patch(&remove_many), &removed(OPERATIONS));

    let mut contest = |name: &str, work: &dyn Fn() -> Vec<u8>, limit: &dyn Fn() -> Vec<u8>| {
        if report.wants(name) {
            report.contest(name, Contest::long(1).ours(work).limit(limit).run());
        }
    };
    contest("group/add-one", &|| patch(&add), &|| round_trip(black_box(stored)));
    contest("group/remove-one", &|| patch(&remove), &|| round_trip(black_box(stored)));
    contest("group/add-one-delta", &|| edit(&add), &|| round_trip(black_box(stored)));
    contest("group/add-one-raw-slices", &|| patch(&add), &|| raw_group::add(black_box(stored), black_box(&add)));
    contest("group/1000-operations", &|| patch(&remove_many), &|| patch(&remove));
}

fn expected(stored: &str, change: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut group = tree(stored);
    change(group["members"].as_array_mut().expect("a list"));
    group
}

fn check(shown: &[u8], expected: &Value) {
    let shown: Value = serde_json::from_slice(shown).expect("JSON");
    assert!(same(&shown, expected), "a wrong group");
}

/// The ids that a message removes: `count` members, evenly distributed.
fn removed_ids(group: &GroupInput, count: usize) -> impl Iterator<Item = &String> {
    group.ids.iter().skip(MEMBERS / count / 2).step_by(MEMBERS / count)
}

fn remove(group: &GroupInput, count: usize) -> String {
    let operation = |id: &String| format!(r#"{{"op":"remove","path":"members[value eq \"{id}\"]"}}"#);
    message(&removed_ids(group, count).map(operation).collect::<Vec<_>>().join(","))
}
