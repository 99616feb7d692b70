//! The inputs as files, for the programs in other languages.

use std::{fs, path::Path};

use scim_core_peers::inputs::{PATCHES, filters, group, member_id, message, new_member, users};
use serde_json::{Value, json};

use crate::references::{
    conditions::conditions,
    json::{patch, tree},
};

/// Writes the inputs and the right answers into a directory.
pub(crate) fn export(directory: &str) -> Result<(), String> {
    let write = |name: &str, text: &str| {
        let path = Path::new(directory).join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(directory).map_err(|error| format!("{directory}: {error}"))?;
    let filters: Vec<Value> =
        filters().iter().map(|filter| json!({"name": filter.name, "text": filter.text})).collect();
    write("filters.json", &json!(filters).to_string())?;

    let users = users(10_000);
    let trees: Vec<Value> = users.iter().map(|user| tree(&user.stored)).collect();
    let conditions: Vec<Value> = conditions()
        .iter()
        .map(|condition| {
            let found: Vec<&Value> =
                trees.iter().filter(|user| (condition.value)(user)).map(|user| &user["id"]).collect();
            json!({"name": condition.name, "filter": condition.filter, "found": found})
        })
        .collect();
    write("conditions.json", &json!(conditions).to_string())?;

    let user = users.iter().find(|user| user.is_active).expect("an active user");
    let patches: Vec<Value> = PATCHES
        .iter()
        .map(|input| {
            let mut expected = tree(&user.stored);
            patch(input.name, &mut expected);
            json!({"name": input.name, "user": user.stored, "message": input.body(), "expected": expected})
        })
        .collect();
    write("patches.json", &json!(patches).to_string())?;

    let bodies: Vec<&str> = users.iter().take(200).map(|user| user.body.as_str()).collect();
    write("bodies.json", &json!(bodies).to_string())?;
    write("users.json", &json!(trees).to_string())?;
    for members in [100, 1_000, 10_000, 100_000] {
        write(&format!("group-{members}.json"), &group(members).stored)?;
        let new = new_member(&member_id(members));
        write(
            &format!("add-{members}.json"),
            &message(&format!(r#"{{"op":"add","path":"members","value":[{new}]}}"#)),
        )?;
    }
    Ok(())
}
