//! Texts with `{name}` in place of values that are known only when a request is sent.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::json::{self, Json};

/// The values of the names.
pub(super) type Values = BTreeMap<String, Json>;

/// The characters that no client sends unencoded in a target. The data contains the other characters as sent.
const TARGET: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
/// The characters to encode in a value of a target: all that could have a meaning there.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name without a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown(pub(super) String);

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// The pieces of a template. A brace that encloses no name is text, since JSON has many braces.
fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, behind)) = leading_name(rest) {
            rest = behind;
            return Some(Piece::Name(name));
        }
        let mut starts = rest.match_indices('{').map(|(at, _)| at);
        let end = starts.find(|at| rest.get(*at..).and_then(leading_name).is_some()).unwrap_or(rest.len());
        let (text, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(Piece::Text(text))
    })
}

fn leading_name(text: &str) -> Option<(&str, &str)> {
    let (name, behind) = text.strip_prefix('{')?.split_once('}')?;
    is_name(name).then_some((name, behind))
}

/// Whether the text can be the name of a value: a letter, then letters, digits and `_`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// The names in a text.
pub(super) fn names(template: &str) -> impl Iterator<Item = &str> {
    pieces(template).filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    })
}

fn fill(
    template: &str,
    values: &Values,
    text: impl Fn(&str) -> String,
    value: impl Fn(&Json) -> String,
) -> Result<String, Unknown> {
    let piece = |piece| match piece {
        Piece::Text(piece) => Ok(text(piece)),
        Piece::Name(name) => values.get(name).map(&value).ok_or_else(|| Unknown(name.to_owned())),
    };
    pieces(template).map(piece).collect()
}

/// Fills in the values unencoded.
pub(super) fn plain(template: &str, values: &Values) -> Result<String, Unknown> {
    fill(template, values, str::to_owned, json::text)
}

/// Fills in the target of a request and percent-encodes it.
pub(super) fn target(template: &str, values: &Values) -> Result<String, Unknown> {
    let value = |value: &Json| utf8_percent_encode(&json::text(value), VALUE).to_string();
    fill(template, values, |text| utf8_percent_encode(text, TARGET).to_string(), value)
}

/// Fills in a JSON text, whose names stand within strings.
pub(super) fn body(template: &str, values: &Values) -> Result<String, Unknown> {
    let value = |value: &Json| {
        let quoted = Json::String(json::text(value)).to_string();
        quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
    };
    fill(template, values, str::to_owned, value)
}

/// Fills in a document. A string that consists of one name becomes the value itself, of any type.
pub(super) fn document(template: &Json, values: &Values) -> Result<Json, Unknown> {
    Ok(match template {
        Json::String(text) => match leading_name(text) {
            Some((name, "")) => values.get(name).cloned().ok_or_else(|| Unknown(name.to_owned()))?,
            _ => Json::String(plain(text, values)?),
        },
        Json::Array(elements) => {
            elements.iter().map(|element| document(element, values)).collect::<Result<_, _>>().map(Json::Array)?
        }
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| Ok((name.clone(), document(value, values)?));
            members.iter().map(member).collect::<Result<_, _>>().map(Json::Object)?
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let of = |(name, value): (&str, Json)| (name.to_owned(), value);
        [("id", Json::from("a\"b&c")), ("n", Json::from(7))].into_iter().map(of).collect()
    }

    #[test]
    fn braces_of_json_are_text() {
        let text = r#"{"a":{},"b":"{id}-{n}","c":{"{n}":1}}{"#;
        assert_eq!(names(text).collect::<Vec<_>>(), ["id", "n", "n"]);
        assert_eq!(body(text, &values()).unwrap(), r#"{"a":{},"b":"a\"b&c-7","c":{"7":1}}{"#);
    }

    #[test]
    fn a_value_in_a_target_is_only_a_value() {
        let filled = target(r#"/Users/{id}?filter=x eq "{id}"&count={n}"#, &values());
        assert_eq!(filled.unwrap(), "/Users/a%22b%26c?filter=x%20eq%20%22a%22b%26c%22&count=7");
        assert_eq!(target("/{other}", &values()), Err(Unknown("other".to_owned())));
    }

    #[test]
    fn a_name_alone_keeps_its_type() {
        let filled = document(&Json::Array(vec!["{n}".into(), "n {n}".into()]), &values());
        assert_eq!(filled.unwrap(), Json::Array(vec![7.into(), "n 7".into()]));
    }
}
