//! Cursors: a page contains a cursor so that the next request can continue where the page ended (RFC 9865 §2, §2.1).
//!
//! A cursor contains a sort position in a list, so the service provider has no state to keep. A cursor grants no rights
//! (§5.2): a request with a cursor is permitted, filtered and answered like any other request, from that sort position
//! on. The seals of the service provider protect cursors against alteration. This module does not interpret sort
//! positions.

use std::time::Duration;

use chrono::DateTime;

use super::query::Place;
use crate::{
    error::{Error, ScimType},
    provider::seal::{Seals, fnv1a},
    resource::SortKey,
    value::{Decimal, Text},
};

/// The first byte of every cursor. Another value means another version of the format.
const VERSION: u8 = 1;

/// The maximum size of a sort key in a cursor, in bytes. The cursor goes into a URL.
const KEY_BYTES: usize = 1_024;

/// The content of a cursor that a client sends or receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Whether the page ends at the sort position instead of beginning there.
    pub(super) backward: bool,
    /// The number of resources on a page.
    pub(super) count: u64,
    /// The time at which the cursor was made, in seconds of Unix time.
    pub(super) issued: u64,
    /// The sort position; `None` for the start of the list, or its end if `backward`.
    pub(super) mark: Option<Mark>,
}

/// A sort position as a cursor contains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Place(Place),
    /// The sort position of a resource whose key is too long for a URL or has a zero byte. The resource is read
    /// again.
    Long {
        /// The number of the resource's type.
        number: u64,
        id: Text,
        /// The hash of the key, which the key must still have.
        digest: u64,
    },
}

impl From<Place> for Mark {
    fn from(place: Place) -> Self {
        match &place.key {
            // Some databases do not accept a zero byte in a query. The decoder rejects a forged cursor with a zero
            // byte.
            Some(SortKey::Text(text)) if text.len() > KEY_BYTES || text.contains('\0') => Self::long(&place, text),
            Some(SortKey::Decimal(number)) if number.as_str().len() > KEY_BYTES => Self::long(&place, number.as_str()),
            _ => Self::Place(place),
        }
    }
}

impl Mark {
    fn long(place: &Place, key: &str) -> Self {
        Self::Long { number: u64::from(place.number), id: place.id.clone(), digest: fnv1a(&[key.as_bytes()]) }
    }
}

/// The cursors of one query. No other query accepts them.
pub(super) struct Cursors<'a> {
    pub(super) seals: &'a Seals,
    /// The query, as written by [`canonical`].
    pub(super) query: Vec<u8>,
    pub(super) count: u64,
    /// The current time, in seconds of Unix time.
    pub(super) now: u64,
}

impl Cursors<'_> {
    /// Opens a cursor that a client has sent.
    ///
    /// An altered cursor and a cursor of another query, tenant or service provider give the same error.
    pub(super) fn open(&self, token: &str, timeout: Duration) -> Result<Cursor, Error> {
        let payload = self.seals.open(&self.query, token);
        let cursor = payload.and_then(|payload| Cursor::decode(&payload)).ok_or_else(invalid)?;
        if cursor.count != self.count {
            let detail = "count: expected the same count on every page that a cursor leads to";
            return Err(Error::bad(ScimType::InvalidCount, detail));
        }
        // The clocks of several instances may differ: a cursor from the future counts as new.
        if self.now.saturating_sub(cursor.issued) > timeout.as_secs() { Err(expired()) } else { Ok(cursor) }
    }

    pub(super) fn issue(&self, backward: bool, place: Option<Place>) -> Box<str> {
        let cursor = Cursor { backward, count: self.count, issued: self.now, mark: place.map(Mark::from) };
        self.seals.seal(&self.query, &cursor.encode())
    }
}

/// 400 `invalidCursor`: the token is not a cursor of this query.
pub(super) fn invalid() -> Error {
    Error::bad(ScimType::InvalidCursor, "cursor: expected an empty one, or one that this query has returned")
}

/// 400 `expiredCursor`: the cursor belongs to this query, but can no longer be used.
pub(super) fn expired() -> Error {
    Error::bad(ScimType::ExpiredCursor, "the cursor has expired; begin again with an empty cursor")
}

/// The tags that mark the type of a sort position in an encoded cursor.
mod tag {
    pub(super) const NOWHERE: u8 = 0;
    pub(super) const NO_VALUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const TRUE: u8 = 3;
    pub(super) const INTEGER: u8 = 4;
    pub(super) const DECIMAL: u8 = 5;
    pub(super) const DATE_TIME: u8 = 6;
    pub(super) const TEXT: u8 = 7;
    pub(super) const LONG: u8 = 8;
}

impl Cursor {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.backward)];
        write_number(&mut out, self.count);
        write_number(&mut out, self.issued);
        let id = match &self.mark {
            None => {
                out.push(tag::NOWHERE);
                return out;
            }
            Some(Mark::Long { number, id, digest }) => {
                out.push(tag::LONG);
                write_number(&mut out, *number);
                out.extend_from_slice(&digest.to_be_bytes());
                id
            }
            Some(Mark::Place(Place { key, id, number })) => {
                write_key(&mut out, key.as_ref());
                write_number(&mut out, u64::from(*number));
                id
            }
        };
        out.extend_from_slice(id.as_bytes());
        out
    }

    /// Reads the output of [`Cursor::encode`]; `None` for any other input.
    fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        let (version, direction) = (reader.byte()?, reader.byte()?);
        if version != VERSION || direction > 1 {
            return None;
        }
        let (count, issued) = (reader.number()?, reader.number()?);
        let mark = match reader.byte()? {
            tag::NOWHERE => None,
            tag::LONG => {
                let (number, digest) = (reader.number()?, u64::from_be_bytes(reader.array()?));
                Some(Mark::Long { number, id: reader.rest()?, digest })
            }
            tag => {
                let key = if tag == tag::NO_VALUE { None } else { Some(reader.key(tag)?) };
                let number = u16::try_from(reader.number()?).ok()?;
                Some(Mark::Place(Place { key, id: reader.rest()?, number }))
            }
        };
        reader.0.is_empty().then_some(Self { backward: direction == 1, count, issued, mark })
    }
}

fn write_key(out: &mut Vec<u8>, key: Option<&SortKey>) {
    match key {
        None => out.push(tag::NO_VALUE),
        Some(SortKey::Boolean(false)) => out.push(tag::FALSE),
        Some(SortKey::Boolean(true)) => out.push(tag::TRUE),
        Some(SortKey::Integer(number)) => {
            out.push(tag::INTEGER);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Some(SortKey::Decimal(number)) => write_text(out, tag::DECIMAL, number.as_str()),
        Some(SortKey::DateTime(time)) => {
            out.push(tag::DATE_TIME);
            out.extend_from_slice(&time.timestamp().to_be_bytes());
            out.extend_from_slice(&time.timestamp_subsec_nanos().to_be_bytes());
        }
        Some(SortKey::Text(text)) => write_text(out, tag::TEXT, text),
    }
}

fn write_text(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    write_number(out, u64::try_from(text.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(text.as_bytes());
}

/// Writes a number in LEB128: seven bits per byte, the lowest bits first. The highest bit of a byte means that more
/// bytes follow.
fn write_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7F).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// The unread rest of a cursor.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            number |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
            if byte & 0x80 == 0 {
                // Leading zeros would give the same number a second encoding.
                return (byte != 0 || shift == 0).then_some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let bytes = usize::try_from(self.number()?).ok()?;
        let text = std::str::from_utf8(self.take(bytes)?).ok()?;
        (text.len() <= KEY_BYTES && !text.contains('\0')).then_some(text)
    }

    /// Reads the id, which is last.
    fn rest(&mut self) -> Option<Text> {
        let id = std::str::from_utf8(std::mem::take(&mut self.0)).ok()?;
        (!id.is_empty() && !id.contains('\0')).then(|| Text::from(id))
    }

    fn key(&mut self, tag: u8) -> Option<SortKey> {
        Some(match tag {
            tag::FALSE => SortKey::Boolean(false),
            tag::TRUE => SortKey::Boolean(true),
            tag::INTEGER => SortKey::Integer(i64::from_be_bytes(self.array()?)),
            tag::DECIMAL => SortKey::Decimal(Decimal::parse(self.text()?)?),
            tag::DATE_TIME => {
                let (seconds, nanos) = (i64::from_be_bytes(self.array()?), u32::from_be_bytes(self.array()?));
                SortKey::DateTime(DateTime::from_timestamp(seconds, nanos)?)
            }
            tag::TEXT => SortKey::Text(self.text()?.into()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursors() -> Vec<Cursor> {
        let text = |text: &str| Some(SortKey::Text(text.into()));
        let keys = [
            None,
            Some(SortKey::Boolean(false)),
            Some(SortKey::Boolean(true)),
            Some(SortKey::Integer(i64::MIN)),
            Some(SortKey::Decimal(Decimal::parse("-1.50e-7").unwrap())),
            Some(SortKey::DateTime(DateTime::from_timestamp(-1, 999_999_999).unwrap())),
            text(""),
            text("Zoë"),
            text(&"x".repeat(KEY_BYTES)),
            text(&"x".repeat(KEY_BYTES + 1)),
            text("\0"),
        ];
        let place = |key| Place { key, id: "2819c223-7f76".into(), number: 300 };
        let marks = keys.into_iter().map(|key| Some(place(key).into())).chain([None]);
        marks.map(|mark| Cursor { backward: true, count: u64::MAX, issued: 1_700_000_000, mark }).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for cursor in cursors() {
            assert_eq!(Cursor::decode(&cursor.encode()).as_ref(), Some(&cursor));
        }
    }

    /// Arbitrary input reaches the decoder only if no cursor key is set.
    #[test]
    fn nothing_else_is_read() {
        for cursor in cursors() {
            let payload = cursor.encode();
            for end in 0..payload.len() {
                // The cut may shorten the id, which gives a valid cursor with another id.
                let cut = payload.get(..end).unwrap_or_default();
                assert!(Cursor::decode(cut).is_none_or(|cursor| cursor.encode() == cut));
            }
            for (index, bit) in (0..payload.len().min(40)).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
                let mut altered = payload.clone();
                if let Some(byte) = altered.get_mut(index) {
                    *byte ^= 1 << bit;
                }
                assert!(Cursor::decode(&altered).is_none_or(|cursor| cursor.encode() == altered));
            }
        }
        assert_eq!(
            Cursor::decode(&[VERSION, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02, 0, 0]),
            None
        );
    }
}
