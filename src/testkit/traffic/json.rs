//! JSON as a client sees it: documents without a schema. This module knows nothing of steps or of SCIM.

pub(super) use serde_json::Value as Json;

/// Whether `found` equals `wanted`, except that objects in `found` may have further members.
pub(super) fn fits(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Object(found), Json::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| found.get(name).is_some_and(|found| fits(found, wanted)))
        }
        (Json::Array(found), Json::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| fits(found, wanted))
        }
        _ => found == wanted,
    }
}

/// Whether each wanted element fits its own found element, and no found element is left over.
pub(super) fn fits_all(found: &[Json], wanted: &[Json]) -> bool {
    let mut left: Vec<&Json> = found.iter().collect();
    let taken = wanted.iter().all(|wanted| {
        let at = left.iter().position(|found| fits(found, wanted));
        at.map(|at| left.swap_remove(at)).is_some()
    });
    taken && left.is_empty()
}

/// Edits a document as a client does: sets members, and removes those with `null` (RFC 7396).
pub(super) fn merge(target: &mut Json, patch: Json) {
    let Json::Object(members) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Json::Object(serde_json::Map::new());
    }
    let Json::Object(target) = target else { return };
    for (name, value) in members {
        if value.is_null() {
            target.remove(&name);
        } else {
            merge(target.entry(name).or_insert(Json::Null), value);
        }
    }
}

/// The elements of the array at a pointer (RFC 6901); empty if the document has no array there.
pub(super) fn elements<'a>(document: &'a Json, pointer: &str) -> &'a [Json] {
    document.pointer(pointer).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// The text of a value: a string without its quotes, any other value as JSON.
pub(super) fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// JSON without the white space between its tokens, otherwise unchanged.
pub(super) fn compact(json: &str) -> String {
    let (mut within, mut escaped) = (false, false);
    let keep = |char: &char| {
        if within {
            within = escaped || *char != '"';
            escaped = !escaped && *char == '\\';
            return true;
        }
        within = *char == '"';
        !char.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn compact_leaves_strings_alone() {
        let text = "{ \"a b\" : [ 1 , \"c \\\" { d\" ],\n \"e\\\\\" : null }";
        assert_eq!(compact(text), "{\"a b\":[1,\"c \\\" { d\"],\"e\\\\\":null}");
    }

    #[test]
    fn more_than_what_was_wanted_fits() {
        let cases = [
            (r#"{"a":1,"b":2}"#, r#"{"a":1}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
            (r#"[{"a":1}]"#, "[{}]", true),
            ("[1,2]", "[1]", false),
            (r#""1""#, "1", false),
        ];
        for (found, wanted, expected) in cases {
            assert_eq!(fits(&json(found), &json(wanted)), expected, "{found} {wanted}");
        }
    }

    #[test]
    fn each_element_fits_one_of_its_own() {
        let found = [json(r#"{"v":1}"#), json(r#"{"v":1}"#), json(r#"{"v":2}"#)];
        let of = |values: &[i64]| values.iter().map(|v| json(&format!(r#"{{"v":{v}}}"#))).collect::<Vec<_>>();
        assert!(fits_all(&found, &of(&[2, 1, 1])));
        assert!(!fits_all(&found, &of(&[2, 1, 2])));
        assert!(!fits_all(&found, &of(&[2, 1])));
        assert!(!fits_all(&found, &of(&[2, 1, 1, 1])));
    }

    #[test]
    fn a_merge_sets_and_removes() {
        let mut target = json(r#"{"a":{"b":1,"c":2},"d":[1]}"#);
        merge(&mut target, json(r#"{"a":{"b":null,"e":3},"d":[2],"f":{"g":null}}"#));
        assert_eq!(target, json(r#"{"a":{"c":2,"e":3},"d":[2],"f":{}}"#));
    }
}
