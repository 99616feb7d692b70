//! ListResponse (RFC 7644 §3.4.2, RFC 9865 §2).

use std::fmt::Write as _;

/// The URI of the message.
pub(crate) const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What a ListResponse says of the page that it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PageInfo<'a> {
    /// `totalResults`; `None` where nobody has counted (RFC 9865 §2).
    pub(crate) total: Option<u64>,
    /// `startIndex`; `None` on a page that a cursor leads to.
    pub(crate) start_index: Option<u64>,
    pub(crate) next_cursor: Option<&'a str>,
    pub(crate) previous_cursor: Option<&'a str>,
}

/// Writes a ListResponse with the resources that `write` writes, one call each.
///
/// `itemsPerPage` and `Resources` are written always, also where RFC 7644 §3.4.2 does not ask for them: clients read
/// them without looking whether they are there.
pub(crate) fn write_list<T>(
    out: &mut Vec<u8>,
    page: PageInfo<'_>,
    resources: &[T],
    mut write: impl FnMut(&mut Vec<u8>, &T),
) {
    let mut head = format!(r#"{{"schemas":["{LIST_RESPONSE}"]"#);
    let numbers = [
        ("totalResults", page.total),
        ("startIndex", page.start_index),
        ("itemsPerPage", u64::try_from(resources.len()).ok()),
    ];
    for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
        // Writing to a string cannot fail, and a cursor has no character that JSON would escape.
        let _ = write!(head, r#","{name}":{number}"#);
    }
    for (name, cursor) in [("previousCursor", page.previous_cursor), ("nextCursor", page.next_cursor)] {
        if let Some(cursor) = cursor {
            let _ = write!(head, r#","{name}":"{cursor}""#);
        }
    }
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(br#","Resources":["#);
    for (index, resource) in resources.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, resource);
    }
    out.extend_from_slice(b"]}");
}
