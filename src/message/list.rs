//! ListResponse (RFC 7644 §3.4.2, RFC 9865 §2).

use std::io::Write as _;

use super::uri::LIST_RESPONSE;

/// The data of a ListResponse about its page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PageInfo<'a> {
    /// `totalResults`; `None` if the total is unknown (RFC 9865 §2).
    pub(crate) total: Option<u64>,
    /// `startIndex` (RFC 7644 §3.4.2.4); `None` for a page that was requested with a cursor.
    pub(crate) start_index: Option<u64>,
    pub(crate) next_cursor: Option<&'a str>,
    pub(crate) previous_cursor: Option<&'a str>,
}

/// A ListResponse under construction in one buffer.
///
/// `itemsPerPage` and `Resources` are always written, even if RFC 7644 §3.4.2 does not require them, because clients
/// read them without checking that they exist.
pub(crate) struct ListWriter {
    out: Vec<u8>,
    is_first: bool,
}

impl ListWriter {
    /// Starts the list of a page with `count` resources, which the caller then adds.
    pub(crate) fn new(page: PageInfo<'_>, count: usize) -> Self {
        let mut out = Vec::with_capacity(256 + 1_024 * count);
        // Writing to a vector cannot fail, and a cursor has no character that JSON must escape.
        let _ = write!(out, r#"{{"schemas":["{LIST_RESPONSE}"]"#);
        let numbers = [
            ("totalResults", page.total),
            ("startIndex", page.start_index),
            ("itemsPerPage", u64::try_from(count).ok()),
        ];
        for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
            let _ = write!(out, r#","{name}":{number}"#);
        }
        for (name, cursor) in [("previousCursor", page.previous_cursor), ("nextCursor", page.next_cursor)] {
            if let Some(cursor) = cursor {
                let _ = write!(out, r#","{name}":"{cursor}""#);
            }
        }
        out.extend_from_slice(br#","Resources":["#);
        Self { out, is_first: true }
    }

    /// Adds one resource, written by `write`.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        write(&mut self.out);
    }

    /// Makes room for `resources` more resources of about `size` bytes, unless at least two of them still fit. A buffer
    /// that doubles takes up to three times the bytes of a long list while it is copied.
    pub(crate) fn reserve_for(&mut self, resources: usize, size: usize) {
        if self.out.capacity() - self.out.len() < 2 * size {
            let expected = resources.saturating_mul(size);
            self.out.reserve_exact(expected.saturating_add(expected / 16));
        }
    }

    /// The number of bytes written.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(b"]}");
        self.out
    }
}
