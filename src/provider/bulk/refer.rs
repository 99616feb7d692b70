//! `bulkId:x` in the data of an operation, and what takes its place (RFC 7644 §3.7.2).
//!
//! The data are looked through as text, once: what is no reference stays as it was written, byte for byte.

use std::borrow::Cow;

use crate::schema::{AttributeId, ResourceType};

/// How a reference to a resource of the same request starts.
pub(super) const PREFIX: &str = "bulkId:";

/// A reference to a bulkId that no operation of the request has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown(pub(super) Box<str>);

/// The data with each reference in the place of which `resolve` knows something else.
///
/// A string is a reference where the schema has one: as the `value` or the `$ref` of an attribute that refers to
/// resources (`members`, `manager`), or as such an attribute itself. `within` is the attribute that the data as a whole
/// are the value of, if they are no resource. A text that only looks like a reference, in a `displayName`, is none.
///
/// `json` is JSON; of what is not, some part comes back as it was.
pub(super) fn resolve<'a>(
    json: &'a str,
    kind: &ResourceType,
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
        if !scanner.is_reference(kind, within) {
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

/// A PATCH path with its references resolved: those that a condition on an attribute that refers to resources compares
/// with.
pub(super) fn resolve_path<'a>(
    path: &'a str,
    kind: &ResourceType,
    mut resolve: impl FnMut(&str) -> Option<Box<str>>,
) -> Result<Cow<'a, str>, Unknown> {
    const QUOTED: &str = "\"bulkId:";
    let attribute = path.split('[').next().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    if !path.contains(QUOTED) || !refers(kind, attribute) {
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

/// Whether there can be a reference at all; most data have none and are not looked through.
pub(super) fn may_refer(json: &str) -> bool {
    // With an escape, what it says is seen only when it is read.
    json.contains(PREFIX) || json.contains("\\u")
}

/// The text of a JSON string.
fn unquoted(string: &str) -> Option<Cow<'_, str>> {
    let inner = string.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(string).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

fn push_quoted(out: &mut String, text: &str) {
    // A string can always be written.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// An object or array that is open.
struct Frame<'a> {
    is_object: bool,
    /// The name of the member at hand.
    name: Option<Cow<'a, str>>,
}

/// Goes through JSON from string to string, knowing under which names each stands.
struct Scanner<'a> {
    json: &'a str,
    at: usize,
    frames: Vec<Frame<'a>>,
}

impl Scanner<'_> {
    /// Where the next string is that is a value, its quotes included.
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

    /// The names under which the value at hand stands, the nearest first; a list is passed through.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.frames.iter().rev().filter(|frame| frame.is_object).filter_map(|frame| frame.name.as_deref())
    }

    fn is_reference(&self, kind: &ResourceType, within: Option<&str>) -> bool {
        // A member that is named by a path has its name at the end of it.
        let mut parts = self.names().chain(within).flat_map(|name| {
            let attribute = name.rsplit(':').next().unwrap_or_default();
            attribute.rsplit('.').map(|part| part.split('[').next().unwrap_or_default())
        });
        let Some(own) = parts.next() else { return false };
        if refers(kind, own) {
            return true;
        }
        let is_id = own.eq_ignore_ascii_case("value") || own.eq_ignore_ascii_case("$ref");
        is_id && parts.next().is_some_and(|outer| refers(kind, outer))
    }
}

/// Whether an attribute of this name refers to resources.
fn refers(kind: &ResourceType, name: &str) -> bool {
    let containers = kind.extensions().iter().map(crate::schema::Extension::attribute);
    let mut attributes = std::iter::once(AttributeId::ROOT).chain(containers);
    attributes.any(|parent| {
        let reference = kind.child(parent, name).and_then(|attribute| kind.conventional(attribute).reference);
        reference.is_some_and(|reference| kind.referred_id(reference).is_some())
    })
}

/// Behind the string that starts here.
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
        let kind = if json.contains("members") || within.is_some_and(|within| within.starts_with("members")) {
            group
        } else {
            user
        };
        resolve(json, &kind, within, |id| (id != "no").then(|| format!("<{id}>").into())).map(Cow::into_owned)
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
        let kind = ResourceType::group().unwrap();
        let path =
            resolve_path(r#"members[value eq "bulkId:a" or value eq "b"]"#, &kind, |id| Some(id.to_uppercase().into()));
        assert_eq!(path.as_deref(), Ok(r#"members[value eq "A" or value eq "b"]"#));
        assert_eq!(resolve_path(r#"members[value eq "bulkId:a"]"#, &kind, |_| None), Err(Unknown("a".into())));
    }

    /// What is cut off, or no JSON at all, ends somewhere.
    #[test]
    fn junk_ends() {
        let whole = r#"{"members":[{"value":"bulkId:a\u0041"},{"$ref":"\"}"}]}"#;
        for end in 0..=whole.len() {
            let (head, tail) = whole.split_at(end);
            let _ = (resolved(head, None), resolved(tail, None));
        }
    }
}
