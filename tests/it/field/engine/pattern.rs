//! Patterns for JSON documents.
//!
//! A scalar matches the equal scalar; an array matches an array of the same length, element by element; an object
//! matches an object with at least the named members. An object whose only members begin with `$` (except `$ref`)
//! tests the value itself:
//!
//! | member | the value |
//! | --- | --- |
//! | `$absent` | is absent; neither `null` nor an empty list is |
//! | `$type` | has a type: `string`, `integer`, `boolean`, `array` or `object` |
//! | `$len` | has so many elements, members or characters; the length of an absent value is 0 |
//! | `$min` | is a number that is at least this one |
//! | `$not` | is present and does not match |
//! | `$has` | is a list; each pattern matches an element of its own |
//! | `$none` | is absent, or a list; no pattern matches an element |
//! | `$exactly` | is a list; the patterns match the elements one to one, in any order; an absent list has no elements |
//! | `$each` | is a list; the pattern matches every element |
//! | `$contains` | is a text that contains this one |

use serde_json::Value as Json;

/// The first difference between a pattern and a value; `None` if the value matches.
pub(super) fn mismatch(pattern: &Json, found: Option<&Json>, at: &str) -> Option<String> {
    if let Some(tests) = pattern.as_object().filter(|members| is_test(members)) {
        return tests.iter().find_map(|(test, wanted)| violated(test, wanted, found, at));
    }
    let Some(found) = found else {
        // An absent object has no members either, which may be all that the pattern asks for.
        let members = pattern.as_object().filter(|members| !members.is_empty());
        let fits = members.is_some_and(|members| members.values().all(|wanted| mismatch(wanted, None, at).is_none()));
        return (!fits).then(|| format!("{at} is absent, expected {}", short(pattern)));
    };
    match (pattern, found) {
        (Json::Object(wanted), Json::Object(members)) => {
            wanted.iter().find_map(|(name, wanted)| mismatch(wanted, members.get(name), &format!("{at}.{name}")))
        }
        (Json::Array(wanted), Json::Array(elements)) if wanted.len() == elements.len() => {
            let mut pairs = wanted.iter().zip(elements).enumerate();
            pairs.find_map(|(index, (wanted, found))| mismatch(wanted, Some(found), &format!("{at}[{index}]")))
        }
        _ if pattern == found => None,
        _ => Some(format!("{at} is {}, expected {}", short(found), short(pattern))),
    }
}

fn is_test(members: &serde_json::Map<String, Json>) -> bool {
    !members.is_empty() && members.keys().all(|name| name.starts_with('$') && name != "$ref")
}

fn fits(pattern: &Json, found: &Json) -> bool {
    mismatch(pattern, Some(found), "").is_none()
}

fn violated(test: &str, wanted: &Json, found: Option<&Json>, at: &str) -> Option<String> {
    // An absent list has no elements; `None` is a value that is no list.
    let elements: Option<Vec<&Json>> = match found {
        None => Some(Vec::new()),
        Some(found) => found.as_array().map(|elements| elements.iter().collect()),
    };
    let in_list = |holds: &dyn Fn(&[&Json]) -> bool| elements.as_ref().is_some_and(|elements| holds(elements));
    let patterns = || wanted.as_array().expect("a list of patterns");
    let holds = match test {
        "$absent" => found.is_none() == (*wanted == Json::Bool(true)),
        "$type" => found.is_some_and(|found| type_of(found) == wanted.as_str()),
        "$len" => length(found).is_some_and(|length| Some(length) == wanted.as_u64()),
        "$min" => found.and_then(Json::as_i64).is_some_and(|found| Some(found) >= wanted.as_i64()),
        "$not" => found.is_some_and(|found| !fits(wanted, found)),
        "$has" => in_list(&|elements| one_each(patterns(), elements)),
        "$none" => {
            in_list(&|elements| !patterns().iter().any(|wanted| elements.iter().any(|found| fits(wanted, found))))
        }
        "$exactly" => in_list(&|elements| patterns().len() == elements.len() && one_each(patterns(), elements)),
        "$each" => found.is_some() && in_list(&|elements| elements.iter().all(|found| fits(wanted, found))),
        "$contains" => {
            found.and_then(Json::as_str).is_some_and(|text| wanted.as_str().is_some_and(|part| text.contains(part)))
        }
        _ => panic!("unknown test {test} at {at}"),
    };
    let shown = || found.map_or_else(|| "absent".to_owned(), short);
    (!holds).then(|| format!("{at} is {}, expected {test} {}", shown(), short(wanted)))
}

/// Whether each pattern matches an element of its own.
fn one_each(patterns: &[Json], elements: &[&Json]) -> bool {
    let Some((first, rest)) = patterns.split_first() else { return true };
    (0..elements.len()).any(|index| {
        let mut left = elements.to_vec();
        fits(first, left.swap_remove(index)) && one_each(rest, &left)
    })
}

fn type_of(value: &Json) -> Option<&'static str> {
    Some(match value {
        Json::String(_) => "string",
        Json::Bool(_) => "boolean",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
        Json::Number(number) if number.is_i64() || number.is_u64() => "integer",
        _ => return None,
    })
}

fn length(value: Option<&Json>) -> Option<u64> {
    let length = match value {
        None => 0,
        Some(Json::String(text)) => text.chars().count(),
        Some(Json::Array(elements)) => elements.len(),
        Some(Json::Object(members)) => members.len(),
        Some(_) => return None,
    };
    u64::try_from(length).ok()
}

fn short(value: &Json) -> String {
    value.to_string().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, found: &str) -> bool {
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        mismatch(&json(pattern), Some(&json(found)), "$").is_none()
    }

    #[test]
    fn patterns_match_exactly_their_values() {
        let cases = [
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, true),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, false),
            (r#"{"a":true}"#, r#"{"a":1}"#, false),
            (r#"{"a":null}"#, "{}", false),
            (r#"{"a":{"$absent":true}}"#, "{}", true),
            (r#"{"a":{"$absent":true}}"#, r#"{"a":null}"#, false),
            (r#"{"a":{"$absent":true}}"#, r#"{"a":[]}"#, false),
            (r#"{"a":{"b":{"$absent":true}}}"#, "{}", true),
            (r#"{"a":{"b":1}}"#, "{}", false),
            (r#"{"a":{}}"#, "{}", false),
            (r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#, true),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false),
            (r#"{"a":[1]}"#, r#"{"a":[1,1]}"#, false),
            (r#"{"a":{"$len":0}}"#, "{}", true),
            (r#"{"a":{"$len":1}}"#, r#"{"a":"xy"}"#, false),
            (r#"{"a":{"$len":0}}"#, r#"{"a":0}"#, false),
            (r#"{"a":{"$min":2}}"#, r#"{"a":1}"#, false),
            (r#"{"a":{"$type":"integer"}}"#, r#"{"a":true}"#, false),
            (r#"{"a":{"$type":"integer"}}"#, r#"{"a":1}"#, true),
            (r#"{"a":{"$not":1}}"#, "{}", false),
            (r#"{"a":{"$not":1}}"#, r#"{"a":2}"#, true),
            (r#"{"a":{"$has":[{"v":1}]}}"#, r#"{"a":[{"v":2},{"v":1,"w":3}]}"#, true),
            (r#"{"a":{"$has":[{"v":1},{"v":1}]}}"#, r#"{"a":[{"v":1},{"v":2}]}"#, false),
            (r#"{"a":{"$has":[{}]}}"#, "{}", false),
            (r#"{"a":{"$none":[{"v":1}]}}"#, r#"{"a":[{"v":1}]}"#, false),
            (r#"{"a":{"$none":[{"v":1}]}}"#, "{}", true),
            (r#"{"a":{"$none":[{"v":1}]}}"#, r#"{"a":{"v":1}}"#, false),
            (r#"{"a":{"$exactly":[{"v":1},{}]}}"#, r#"{"a":[{"v":2},{"v":1}]}"#, true),
            (r#"{"a":{"$exactly":[{},{"v":1}]}}"#, r#"{"a":[{"v":1},{"v":2}]}"#, true),
            (r#"{"a":{"$exactly":[{"v":1}]}}"#, r#"{"a":[{"v":1},{"v":1}]}"#, false),
            (r#"{"a":{"$exactly":[]}}"#, "{}", true),
            (r#"{"a":{"$each":{"v":1}}}"#, r#"{"a":[{"v":1},{"v":2}]}"#, false),
            (r#"{"a":{"$contains":"b"}}"#, r#"{"a":"abc"}"#, true),
            (r#"{"a":{"$ref":"x"}}"#, r#"{"a":{"$ref":"x","v":1}}"#, true),
        ];
        for (pattern, found, expected) in cases {
            assert_eq!(fits(pattern, found), expected, "{pattern} {found}");
        }
    }
}
