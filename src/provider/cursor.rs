//! Cursors: what a page says so that the next request can go on where it ended (RFC 9865 §2).
//!
//! A cursor holds a place in the order of a list and nothing that the service provider would have to keep. It grants
//! nothing: a request that brings one is permitted, filtered and answered as any other, from that place on. How it is
//! protected against being altered is [`seal`]'s; what a place is good for is not known here.

mod seal;

#[cfg(feature = "signed-cursors")]
pub use self::seal::{CursorKey, InvalidCursorKey};
pub(super) use self::seal::{Seals, canonical, fnv1a};

use std::time::Duration;

use chrono::DateTime;

use super::part::Place;
use crate::{
    error::{Error, ScimType},
    resource::SortKey,
    value::{Decimal, Text},
};

/// The first byte of every cursor. What it holds otherwise is another version.
const VERSION: u8 = 1;

/// Bytes of a sort key up to which it is in the cursor, which goes into a URL.
const KEY_BYTES: usize = 1_024;

/// What a client has brought, or is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    /// The page ends at the place, and does not begin there.
    pub(super) backward: bool,
    /// Resources on a page.
    pub(super) count: u64,
    /// When it was made, in seconds of Unix time.
    pub(super) issued: u64,
    /// The place; `None` for the start of the list, or its end.
    pub(super) mark: Option<Mark>,
}

/// A place as a cursor has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    Place(Place),
    /// The place of a resource with a key that is too long for a URL: it is read again.
    Long {
        /// The number of its resource type.
        number: u64,
        id: Text,
        /// What its key must still be like.
        digest: u64,
    },
}

impl From<Place> for Mark {
    fn from(place: Place) -> Self {
        match &place.key {
            // A zero byte is what some databases cannot even be asked for. Of forged cursors none is let through.
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

/// The cursors of one query, which no other one accepts.
pub(super) struct Cursors<'a> {
    pub(super) seals: &'a Seals,
    /// The query, as [`canonical`] writes it.
    pub(super) query: Vec<u8>,
    pub(super) count: u64,
    /// Seconds of Unix time.
    pub(super) now: u64,
}

impl Cursors<'_> {
    /// Reads what a client has brought.
    ///
    /// An altered cursor and one of another query, tenant or service provider are told apart by nothing.
    pub(super) fn open(&self, token: &str, timeout: Duration) -> Result<Cursor, Error> {
        let payload = self.seals.open(&self.query, token);
        let cursor = payload.and_then(|payload| Cursor::decode(&payload)).ok_or_else(invalid)?;
        if cursor.count != self.count {
            let detail = "count: expected the same count on every page that a cursor leads to";
            return Err(Error::bad(ScimType::InvalidCount, detail));
        }
        // The clocks of several instances may differ: what was made in the future is new.
        if self.now.saturating_sub(cursor.issued) > timeout.as_secs() { Err(expired()) } else { Ok(cursor) }
    }

    pub(super) fn issue(&self, backward: bool, place: Option<Place>) -> Box<str> {
        let cursor = Cursor { backward, count: self.count, issued: self.now, mark: place.map(Mark::from) };
        self.seals.seal(&self.query, &cursor.encode())
    }
}

/// 400: what is no cursor of this query.
pub(super) fn invalid() -> Error {
    Error::bad(ScimType::InvalidCursor, "cursor: expected an empty one, or one that this query has returned")
}

/// 400: what was a cursor of this query.
pub(super) fn expired() -> Error {
    Error::bad(ScimType::ExpiredCursor, "cursor: expected one that is not too old; begin again with an empty one")
}

/// How the kind of a place is written.
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

    /// Reads what [`Cursor::encode`] has written, and nothing else.
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
            kind => {
                let key = if kind == tag::NO_VALUE { None } else { Some(reader.key(kind)?) };
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

fn write_text(out: &mut Vec<u8>, kind: u8, text: &str) {
    out.push(kind);
    write_number(out, u64::try_from(text.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, the lowest first; the highest bit says that there are more (LEB128).
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

/// What is left of a cursor.
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
                // Zeros in front would be another text of the same number.
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

    /// The id, which is last.
    fn rest(&mut self) -> Option<Text> {
        let id = std::str::from_utf8(std::mem::take(&mut self.0)).ok()?;
        (!id.is_empty() && !id.contains('\0')).then(|| Text::from(id))
    }

    fn key(&mut self, kind: u8) -> Option<SortKey> {
        Some(match kind {
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

    /// With a key nobody gets here who has not the key; without one anybody does.
    #[test]
    fn nothing_else_is_read() {
        for cursor in cursors() {
            let payload = cursor.encode();
            for end in 0..payload.len() {
                // What is cut off may be a part of the id, which then is another.
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
