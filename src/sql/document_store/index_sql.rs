//! The statements that create the indexes, and the triggers that keep the rows of `element` in SQLite.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{
    super::{mapping::Mapping, statement::Dialect},
    indexes::{elements, keys},
    tables::{Tables, hex, literal},
};
use crate::schema::{AttributeId, ResourceType};

/// The longest name of an attribute within the name of an index. PostgreSQL cuts the name of an index after 63 bytes.
const LONGEST: usize = 40;

/// The statements that create the missing indexes.
pub(super) fn statements(tables: &Tables, dialect: Dialect) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut keys_by_name: HashMap<String, String> = HashMap::new();
    for table in &tables.resource_types {
        let resource_type = table.mapping.resource_type();
        let bare = Mapping::documents(resource_type, "id", "comparable").with_indexed(keys(resource_type, dialect));
        for attribute in keys(resource_type, dialect) {
            let Some(key) = bare.key(dialect, attribute) else { continue };
            let mut name = name_of(&resource_type.path(attribute));
            if keys_by_name.get(&name).is_some_and(|other| *other != key) {
                // Two types spell the attribute differently.
                name = format!("{name}_{}", digest(&key));
            }
            let sql = format!("CREATE INDEX IF NOT EXISTS resource_by_{name} ON resource (tenant, kind, ({key}), id)");
            if keys_by_name.insert(name, key).is_none() {
                found.push(sql);
            }
        }
    }
    match dialect {
        Dialect::Sqlite => {
            for table in &tables.resource_types {
                let resource_type = table.mapping.resource_type();
                found.extend(elements(resource_type).into_iter().flat_map(|of| triggers(resource_type, of)));
            }
        }
        // `fastupdate = off`: every search would read the list of pending entries.
        _ => found.push(
            "CREATE INDEX IF NOT EXISTS resource_contains ON resource USING gin (comparable jsonb_path_ops) \
             WITH (fastupdate = off)"
                .to_owned(),
        ),
    }
    found
}

/// The path of an attribute in characters that need no quotes.
fn plain(path: &str) -> String {
    path.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_ascii_lowercase()
}

/// The part of a name that stands for `text`. Different texts have different names: a long text, and a text with other
/// characters than letters, digits and `_`, ends with its digest.
fn name_of(text: &str) -> String {
    let plain = plain(text);
    let is_kept = plain.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_kept { plain } else { format!("{}_{}", plain.get(..LONGEST / 2).unwrap_or(&plain), digest(text)) }
}

fn digest(text: &str) -> String {
    let mut digest = hex(&Sha256::digest(text));
    digest.truncate(16);
    digest
}

/// The triggers that keep the rows of `element` equal to the documents.
fn triggers(resource_type: &ResourceType, (list, value): (AttributeId, AttributeId)) -> Vec<String> {
    let path = resource_type.path(value);
    let name = format!("element_{}_{}", name_of(resource_type.name()), plain(&path));
    let (kind_name, attribute) = (literal(resource_type.name()), literal(&path));
    let array = literal(&format!("$.\"{}\"", resource_type.attribute(list).name()));
    let member = literal(&format!("$.\"{}\"", resource_type.attribute(value).name()));
    let insert = format!(
        "INSERT OR IGNORE INTO element (tenant, kind, attribute, value, id) \
         SELECT new.tenant, new.kind, {attribute}, json_extract(e.value, {member}), new.id \
         FROM json_each(new.comparable, {array}) AS e WHERE json_extract(e.value, {member}) IS NOT NULL"
    );
    let delete = format!(
        "DELETE FROM element WHERE tenant = old.tenant AND id = old.id AND kind = {kind_name} AND attribute = {attribute}"
    );
    // Most changes of a resource leave the array as it is.
    let is_changed = format!("jsonb_extract(old.comparable, {array}) IS NOT jsonb_extract(new.comparable, {array})");
    vec![
        format!(
            "CREATE TRIGGER IF NOT EXISTS {name}_insert AFTER INSERT ON resource WHEN new.kind = {kind_name} \
             BEGIN {insert}; END"
        ),
        format!(
            "CREATE TRIGGER IF NOT EXISTS {name}_change AFTER UPDATE OF comparable ON resource \
             WHEN new.kind = {kind_name} AND {is_changed} BEGIN {delete}; {insert}; END"
        ),
        format!(
            "CREATE TRIGGER IF NOT EXISTS {name}_delete AFTER DELETE ON resource WHEN old.kind = {kind_name} \
             BEGIN {delete}; END"
        ),
    ]
}
