//! ListResponse (RFC 7644 §3.4.2).

/// The URI of the message.
pub(crate) const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Writes a ListResponse with the resources that `write` writes, one call each.
///
/// All members are written always, also those that RFC 7644 §3.4.2 asks for only where a list is partial: clients read
/// `Resources` without looking whether it is there.
pub(crate) fn write_list<T>(
    out: &mut Vec<u8>,
    total: u64,
    start_index: u64,
    resources: &[T],
    mut write: impl FnMut(&mut Vec<u8>, &T),
) {
    let head = format!(
        r#"{{"schemas":["{LIST_RESPONSE}"],"totalResults":{total},"startIndex":{start_index},"itemsPerPage":{},"Resources":["#,
        resources.len(),
    );
    out.extend_from_slice(head.as_bytes());
    for (index, resource) in resources.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, resource);
    }
    out.extend_from_slice(b"]}");
}
