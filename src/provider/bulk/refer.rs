//! References `bulkId:x` in the data of an operation, and their replacement (RFC 7644 §3.7.2).
//!
//! The data are scanned once, as text. Text that is not a reference stays unchanged, byte for byte.

use std::borrow::Cow;

use crate::schema::{AttributeId, ResourceType};

/// The prefix of a reference to a resource of the same request.
pub(super) const PREFIX: &str = "bulkId:";

/// A reference to a bulkId that no operation of the request has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown(pub(super) Box<str>);

/// Returns the data with each reference replaced by the result of `resolve`.
///
/// A string is a reference where the schema has a reference: as the `value` or the `$ref` of an attribute that refers
/// to resources (`members`, `manager`), or as the value of such an attribute. If the data are not a whole resource,
/// `within` is the path of the attribute whose value they are. A text that only looks like a reference, for example
/// in `displayName`, is not a reference.
///
/// `json` should be JSON. For other text the scan also ends, and the replacements in it are unspecified.
pub(super) fn resolve<'a>(
    json: &'a str,
    resource_type: &ResourceType,
    within: Option<&str>,
    mut resolve: impl FnMut(&str) -> Option<Box<str>>,
) -> Result<Cow<'a, str>, Unknown> {
    if !may_refer(json) {
        return Ok(Cow::Borrowed(json));
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut scanner = Scanner { json, at: 0, frames: Vec::new() };
    while let Some((start, end)) = scanner.next_value() {
        let Some(text) = unquoted(json.get(start..end).unwrap_or_default()) else { continue };
        let Some(id) = text.strip_prefix(PREFIX) else { continue };
        if !scanner.is_reference(resource_type, within) {
            continue;
        }
        let Some(replacement) = resolve(id) else { return Err(Unknown(id.into())) };
        out.push_str(json.get(copied..start).unwrap_or_default());
        push_quoted(&mut out, &replacement);
        copied = end;
    }
    if copied == 0 {
        return Ok(Cow::Borrowed(json));
    }
    out.push_str(json.get(copied..).unwrap_or_default());
    Ok(Cow::Owned(out))
}

/// Returns a PATCH path with its references resolved. References occur in the condition of a path whose attribute
/// refers to resources.
pub(super) fn resolve_path<'a>(
    path: &'a str,
    resource_type: &ResourceType,
    mut resolve: impl FnMut(&str) -> Option<Box<str>>,
) -> Result<Cow<'a, str>, Unknown> {
    const QUOTED: &str = "\"bulkId:";
    let attribute = path.split('[').next().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    if !path.contains(QUOTED) || !refers(resource_type, attribute) {
        return Ok(Cow::Borrowed(path));
    }
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once(QUOTED) {
        let Some((id, behind)) = after.split_once('"') else { break };
        let Some(replacement) = resolve(id) else { return Err(Unknown(id.into())) };
        out.push_str(before);
        push_quoted(&mut out, &replacement);
        rest = behind;
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// Returns whether the data may contain a reference. Most data contain no reference and are not scanned.
pub(super) fn may_refer(json: &str) -> bool {
    // An escape sequence may hide a reference until the string is decoded.
    json.contains(PREFIX) || json.contains("\\u")
}

/// Returns the text of a JSON string.
fn unquoted(string: &str) -> Option<Cow<'_, str>> {
    let inner = string.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(string).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

fn push_quoted(out: &mut String, text: &str) {
    // A string can always be written as JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// An open object or array.
struct Frame<'a> {
    is_object: bool,
    /// The name of the current member.
    name: Option<Cow<'a, str>>,
}

/// Scans JSON from string to string, and keeps the names of the members around each string.
struct Scanner<'a> {
    json: &'a str,
    at: usize,
    frames: Vec<Frame<'a>>,
}

impl Scanner<'_> {
    /// Returns the range of the next string that is a value, including its quotes.
    fn next_value(&mut self) -> Option<(usize, usize)> {
        let bytes = self.json.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'{' | b'[' => {
                    self.frames.push(Frame { is_object: *byte == b'{', name: None });
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.frames.pop();
                    self.at += 1;
                }
                b',' => {
                    if let Some(frame) = self.frames.last_mut() {
                        frame.name = None;
                    }
                    self.at += 1;
                }
                b'"' => {
                    let start = self.at;
                    self.at = string_end(bytes, start);
                    match self.frames.last_mut() {
                        Some(frame) if frame.is_object && frame.name.is_none() => {
                            frame.name = unquoted(self.json.get(start..self.at).unwrap_or_default());
                        }
                        _ => return Some((start, self.at)),
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }

    /// Returns the names of the members around the current value, the nearest name first. Lists have no names.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.frames.iter().rev().filter(|frame| frame.is_object).filter_map(|frame| frame.name.as_deref())
    }

    fn is_reference(&self, resource_type: &ResourceType, within: Option<&str>) -> bool {
        // If a path names a member, the name of the attribute is at the end of the path.
        let mut parts = self.names().chain(within).flat_map(|name| {
            let attribute = name.rsplit(':').next().unwrap_or_default();
            attribute.rsplit('.').map(|part| part.split('[').next().unwrap_or_default())
        });
        let Some(own) = parts.next() else { return false };
        if refers(resource_type, own) {
            return true;
        }
        let is_id = own.eq_ignore_ascii_case("value") || own.eq_ignore_ascii_case("$ref");
        is_id && parts.next().is_some_and(|outer| refers(resource_type, outer))
    }
}

/// Returns whether an attribute with this name refers to resources.
fn refers(resource_type: &ResourceType, name: &str) -> bool {
    let containers = resource_type.extensions().iter().map(crate::schema::Extension::attribute);
    let mut attributes = std::iter::once(AttributeId::ROOT).chain(containers);
    attributes.any(|parent| {
        let reference =
            resource_type.child(parent, name).and_then(|attribute| resource_type.conventional(attribute).reference);
        reference.is_some_and(|reference| resource_type.referred_id(reference).is_some())
    })
}

/// Returns the index after the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(json: &str, within: Option<&str>) -> Result<String, Unknown> {
        let (user, group) = (ResourceType::user().unwrap(), ResourceType::group().unwrap());
        let resource_type = if json.contains("members") || within.is_some_and(|within| within.starts_with("members")) {
            group
        } else {
            user
        };
        resolve(json, &resource_type, within, |id| (id != "no").then(|| format!("<{id}>").into())).map(Cow::into_owned)
    }

    #[test]
    fn references_are_where_the_schema_has_them() {
        let uri = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        for (json, expected) in [
            (r#"{"members":[{"value":"bulkId:a"},{"value":"b"}]}"#, r#"{"members":[{"value":"<a>"},{"value":"b"}]}"#),
            (r#"{"members" : [ {"$ref" : "bulkId:a"} ]}"#, r#"{"members" : [ {"$ref" : "<a>"} ]}"#),
            (r#"{"members":["bulkId:a"]}"#, r#"{"members":["<a>"]}"#),
            (r#"{"MEMBERS":{"Value":"bulk\u0049d:a"},"members":0}"#, r#"{"MEMBERS":{"Value":"<a>"},"members":0}"#),
            (r#"{"members":[{"display":"bulkId:a"}]}"#, r#"{"members":[{"display":"bulkId:a"}]}"#),
            (
                r#"{"displayName":"bulkId:no","externalId":"bulkId:no"}"#,
                r#"{"displayName":"bulkId:no","externalId":"bulkId:no"}"#,
            ),
            (r#"{"emails":[{"value":"bulkId:no"}]}"#, r#"{"emails":[{"value":"bulkId:no"}]}"#),
            (r#"{"bulkId:a":"x"}"#, r#"{"bulkId:a":"x"}"#),
        ] {
            assert_eq!(resolved(json, None).as_deref(), Ok(expected), "{json}");
        }
        let manager = format!(r#"{{"{uri}":{{"manager":{{"value":"bulkId:a"}},"department":"bulkId:no"}}}}"#);
        assert_eq!(resolved(&manager, None), Ok(manager.replace("bulkId:a", "<a>")));
        let path = format!(r#"{{"{uri}:manager":"bulkId:a","{uri}:manager.value":"bulkId:b"}}"#);
        assert_eq!(resolved(&path, None), Ok(path.replace("bulkId:a", "<a>").replace("bulkId:b", "<b>")));
        assert_eq!(resolved(r#"{"members":[{"value":"bulkId:no"}]}"#, None), Err(Unknown("no".into())));
    }

    #[test]
    fn the_value_of_an_operation_is_that_of_its_path() {
        for (json, within, expected) in [
            (r#""bulkId:a""#, "manager", r#""<a>""#),
            (r#""bulkId:a""#, "manager.value", r#""<a>""#),
            (r#"[{"value":"bulkId:a"}]"#, "members", r#"[{"value":"<a>"}]"#),
            (r#""bulkId:a""#, r#"members[value eq "x"].value"#, r#""<a>""#),
            (r#""bulkId:a""#, "displayName", r#""bulkId:a""#),
            (r#""bulkId:a""#, r#"emails[type eq "work"].value"#, r#""bulkId:a""#),
        ] {
            assert_eq!(resolved(json, Some(within)).as_deref(), Ok(expected), "{within}");
        }
        let resource_type = ResourceType::group().unwrap();
        let path = resolve_path(r#"members[value eq "bulkId:a" or value eq "b"]"#, &resource_type, |id| {
            Some(id.to_uppercase().into())
        });
        assert_eq!(path.as_deref(), Ok(r#"members[value eq "A" or value eq "b"]"#));
        assert_eq!(resolve_path(r#"members[value eq "bulkId:a"]"#, &resource_type, |_| None), Err(Unknown("a".into())));
    }

    /// The scan of truncated JSON, or of any other text, ends.
    #[test]
    fn junk_ends() {
        let whole = r#"{"members":[{"value":"bulkId:a\u0041"},{"$ref":"\"}"}]}"#;
        for end in 0..=whole.len() {
            let (head, tail) = whole.split_at(end);
            let _ = (resolved(head, None), resolved(tail, None));
        }
    }
}
