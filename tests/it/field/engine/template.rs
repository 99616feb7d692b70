//! Texts and documents with `{name}` in the place of a value.

use serde_json::Value as Json;

/// The name at the start of a text, and the rest.
fn leading_name(text: &str) -> Option<(&str, &str)> {
    let (name, behind) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = name.starts_with(|char: char| char.is_ascii_alphabetic())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    is_name.then_some((name, behind))
}

/// The text of a value: a string without its quotation marks.
pub(super) fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text with the known names replaced by their values.
pub(super) fn replace_text(text: &str, known: &dyn Fn(&str) -> Option<Json>) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(start) = rest.find('{') {
        let (before, brace) = rest.split_at(start);
        filled.push_str(before);
        rest = if let Some((value, behind)) =
            leading_name(brace).and_then(|(name, behind)| Some((known(name)?, behind)))
        {
            filled.push_str(&text_of(&value));
            behind
        } else {
            filled.push('{');
            &brace[1..]
        };
    }
    filled + rest
}

/// A document with the known names replaced; a string that is one name becomes the value itself. Names of members are
/// replaced too.
pub(super) fn replace(document: &Json, known: &dyn Fn(&str) -> Option<Json>) -> Json {
    match document {
        Json::String(text) => {
            let alone = leading_name(text).filter(|(_, behind)| behind.is_empty()).and_then(|(name, _)| known(name));
            alone.unwrap_or_else(|| Json::String(replace_text(text, known)))
        }
        Json::Array(elements) => elements.iter().flat_map(|element| repeated(element, known)).collect(),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| (replace_text(name, known), replace(value, known));
            Json::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

/// An element of an array; `{"$repeat": n, "value": x}` is n elements.
fn repeated(element: &Json, known: &dyn Fn(&str) -> Option<Json>) -> Vec<Json> {
    let Some(count) = element.get("$repeat").and_then(Json::as_u64) else { return vec![replace(element, known)] };
    let value = element.get("value").expect("a value to repeat");
    (0..count).map(|i| replace(&counted(value, i), known)).collect()
}

/// A document with `{i}` replaced by a number, also within other names: `{user{i}}`.
pub(super) fn counted(document: &Json, i: u64) -> Json {
    match document {
        Json::String(text) => Json::String(counted_text(text, i)),
        Json::Array(elements) => elements.iter().map(|element| counted(element, i)).collect(),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| (counted_text(name, i), counted(value, i));
            Json::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

pub(super) fn counted_text(text: &str, i: u64) -> String {
    text.replace("{i}", &i.to_string())
}

/// The first name that was not replaced, or `None`. A remaining name is a mistake in the data.
pub(super) fn unknown(text: &str) -> Option<&str> {
    let starts = text.match_indices('{').map(|(at, _)| at);
    starts.filter_map(|at| leading_name(&text[at..])).map(|(name, _)| name).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Option<Json> {
        match name {
            "id" => Some(Json::from("7")),
            "list" => Some(serde_json::json!([1, "{other}"])),
            "user1" => Some(Json::from("one")),
            _ => None,
        }
    }

    #[test]
    fn names_are_replaced_in_texts_members_and_as_values() {
        let cases = [
            (r#""{id}""#, r#""7""#),
            (r#""/Users/{id}?""#, r#""/Users/7?""#),
            (r#"{"{id}":"{list}"}"#, r#"{"7":[1,"{other}"]}"#),
            (r#""{\"value\":\"{id}\"}""#, r#""{\"value\":\"7\"}""#),
            (r#""{}{{id}}{""#, r#""{}{7}{""#),
            (r#"["{unknown}"]"#, r#"["{unknown}"]"#),
            (r#"[{"$repeat":2,"value":"{user{i}}"}]"#, r#"["{user0}","one"]"#),
        ];
        for (template, expected) in cases {
            let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
            assert_eq!(replace(&json(template), &known), json(expected), "{template}");
        }
        assert_eq!(unknown("a {b} {1} {}"), Some("b"));
        assert_eq!(unknown("a {1} {} {\"b\"}"), None);
    }
}
