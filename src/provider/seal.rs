//! Protects cursors against alteration and against use for another query (RFC 9865 §2, §5.2).
//!
//! With a [`CursorKey`] a cursor is sealed together with its query: a client without the key cannot make, alter or
//! read a cursor. Without a key the cursor has only a checksum, which detects accidents but no forgery.

#[cfg(feature = "signed-cursors")]
use std::fmt;

#[cfg(feature = "signed-cursors")]
use hmac::{Hmac, KeyInit as _, Mac as _};
#[cfg(feature = "signed-cursors")]
use sha2::Sha256;

use crate::{
    message::{SearchRequest, SortOrder},
    store::TenantId,
};

/// The maximum number of characters of a cursor in a request. The cursors that this module makes are shorter.
const TOKEN_BYTES: usize = 4_096;

/// Returns the query as bytes, which are the same for the same query of the same tenant and differ for any other
/// query.
///
/// `endpoint` is the name of the resource type, or empty for all types.
pub(crate) fn canonical(tenant: &TenantId, endpoint: &str, request: &SearchRequest) -> Vec<u8> {
    let SearchRequest {
        attributes,
        excluded_attributes,
        filter,
        sort_by,
        sort_order,
        // These fields select a page of the query. The cursor itself contains the count.
        start_index: _,
        count: _,
        cursor: _,
    } = request;
    let mut out = Vec::new();
    let mut field = |text: &str| {
        out.extend_from_slice(&length(text.as_bytes()));
        out.extend_from_slice(text.as_bytes());
    };
    field(tenant.as_str());
    field(endpoint);
    for optional in [filter, sort_by] {
        field(if optional.is_some() { "1" } else { "0" });
        field(optional.as_deref().unwrap_or_default());
    }
    field(if *sort_order == SortOrder::Descending { "descending" } else { "ascending" });
    for names in [attributes, excluded_attributes] {
        field(&names.len().to_string());
        for name in names {
            field(name);
        }
    }
    out
}

fn length(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes()
}

/// Returns the 64-bit FNV-1a hash of the parts, each preceded by its length. The hash is the same in every build,
/// unlike those of the standard library's hashers.
pub(crate) fn fnv1a(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in length(part).iter().chain(*part) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

/// A secret key that seals cursors, so that clients cannot make, alter or read them. Set with
/// [`ServiceProviderBuilder::cursor_key`](crate::provider::ServiceProviderBuilder::cursor_key).
///
/// All instances of a host that answer for each other need the same key. Use 32 random bytes.
///
/// ```
/// use scim_core::provider::CursorKey;
///
/// # fn random_bytes() -> [u8; 32] { [7; 32] }
/// let key = CursorKey::new(&random_bytes())?;
/// assert!(CursorKey::new(b"too short").is_err());
/// # Ok::<(), scim_core::provider::InvalidCursorKey>(())
/// ```
#[cfg(feature = "signed-cursors")]
#[cfg_attr(docsrs, doc(cfg(feature = "signed-cursors")))]
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

/// The error for a key that is too short to be a secret.
#[cfg(feature = "signed-cursors")]
#[cfg_attr(docsrs, doc(cfg(feature = "signed-cursors")))]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a key of at least {} bytes, found {bytes}", CursorKey::MIN_BYTES)]
pub struct InvalidCursorKey {
    bytes: usize,
}

#[cfg(feature = "signed-cursors")]
impl CursorKey {
    /// The minimum number of bytes in a key.
    pub const MIN_BYTES: usize = 32;

    const TAG_BYTES: usize = 16;

    /// Returns the key with these bytes, which must be random.
    ///
    /// # Errors
    ///
    /// If there are fewer than [`CursorKey::MIN_BYTES`] bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, InvalidCursorKey> {
        let too_short = || InvalidCursorKey { bytes: bytes.len() };
        if bytes.len() < Self::MIN_BYTES {
            return Err(too_short());
        }
        Hmac::new_from_slice(bytes).map(Self).map_err(|_| too_short())
    }

    fn mac(&self, query: &[u8], payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(b"scim-core cursor tag 1\0");
        for part in [query, payload] {
            mac.update(&length(part));
            mac.update(part);
        }
        mac
    }

    /// Encrypts or decrypts the payload: combines it (XOR) with a stream of bytes that depends on the tag.
    ///
    /// The tag is a MAC of the query and the payload, and also the start of the stream. This is the construction of
    /// SIV (RFC 5297): two payloads have the same stream only if they are the same.
    fn toggle(&self, tag: &[u8], payload: &mut [u8]) {
        for (block, bytes) in (0_u64..).zip(payload.chunks_mut(32)) {
            let mut mac = self.0.clone();
            mac.update(b"scim-core cursor stream 1\0");
            mac.update(tag);
            mac.update(&block.to_be_bytes());
            for (byte, mask) in bytes.iter_mut().zip(mac.finalize().into_bytes()) {
                *byte ^= mask;
            }
        }
    }

    fn seal(&self, query: &[u8], payload: &[u8]) -> Vec<u8> {
        let tag = self.mac(query, payload).finalize().into_bytes();
        let mut sealed: Vec<u8> = tag.iter().copied().take(Self::TAG_BYTES).chain(payload.iter().copied()).collect();
        if let Some((tag, payload)) = sealed.split_at_mut_checked(Self::TAG_BYTES) {
            self.toggle(tag, payload);
        }
        sealed
    }

    fn open(&self, query: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (tag, hidden) = sealed.split_at_checked(Self::TAG_BYTES)?;
        let mut payload = hidden.to_vec();
        self.toggle(tag, &mut payload);
        // Compares in constant time.
        self.mac(query, &payload).verify_truncated_left(tag).ok()?;
        Some(payload)
    }
}

#[cfg(feature = "signed-cursors")]
impl fmt::Debug for CursorKey {
    /// Does not show the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey")
    }
}

/// The method that seals cursors: the first of the host's keys, or a checksum if there are no keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seals {
    #[cfg(feature = "signed-cursors")]
    pub(crate) keys: Vec<CursorKey>,
}

#[cfg_attr(
    not(feature = "signed-cursors"),
    expect(clippy::unused_self, reason = "there are keys with the feature only")
)]
impl Seals {
    /// Returns the cursor with this payload for this query, in characters that a URL does not escape (RFC 3986 §2.3).
    pub(crate) fn seal(&self, query: &[u8], payload: &[u8]) -> Box<str> {
        #[cfg(feature = "signed-cursors")]
        if let Some(key) = self.keys.first() {
            return encode(&key.seal(query, payload)).into();
        }
        let mut summed = fnv1a(&[query, payload]).to_be_bytes().to_vec();
        summed.extend_from_slice(payload);
        encode(&summed).into()
    }

    /// Returns the payload of a cursor that was sealed for this query; `None` for any other token.
    pub(crate) fn open(&self, query: &[u8], token: &str) -> Option<Vec<u8>> {
        if token.len() > TOKEN_BYTES {
            return None;
        }
        let bytes = decode(token)?;
        #[cfg(feature = "signed-cursors")]
        if !self.keys.is_empty() {
            return self.keys.iter().find_map(|key| key.open(query, &bytes));
        }
        let (sum, payload) = bytes.split_first_chunk()?;
        (u64::from_be_bytes(*sum) == fnv1a(&[query, payload])).then(|| payload.to_vec())
    }
}

/// The alphabet of base64url without padding (RFC 4648 §5).
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let characters = [18, 12, 6, 0].into_iter().take(group.len() + 1);
        let sextets = characters.filter_map(|shift| usize::try_from(bits >> shift & 0x3F).ok());
        out.extend(sextets.filter_map(|sextet| ALPHABET.get(sextet)).map(|character| char::from(*character)));
    }
    out
}

/// Reads the output of [`encode`]; `None` for any other text. Two different texts never stand for the same bytes.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for character in group {
            let sextet = ALPHABET.iter().position(|known| known == character)?;
            bits = bits << 6 | u32::try_from(sextet).ok()?;
        }
        let missing = 4 - group.len();
        let [_, bytes @ ..] = (bits << (6 * missing)).to_be_bytes();
        let (bytes, rest) = bytes.split_at_checked(3 - missing)?;
        // One character has less than a byte, and bits beyond the last byte would give the same bytes a second text.
        if missing == 3 || rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        out.extend_from_slice(bytes);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"\xfb\xff\xfe", "-__-"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes));
        }
        for text in ["Z", "Zh", "Zm9", "Zm9v=", "Zg==", "Zm+v", "Zm/v", " Zg", "Zé", "Zm9vY"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_every_build() {
        // Each part is preceded by its length in eight bytes.
        assert_eq!(fnv1a(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(&[b"a", b"bc"]), fnv1a(&[b"a", b"bc"]));
        assert_ne!(fnv1a(&[b"a", b"bc"]), fnv1a(&[b"ab", b"c"]));
        assert_eq!(fnv1a(&[b"cursor"]), 0xcba3_0d51_6854_1631);
    }

    #[test]
    fn no_two_queries_are_the_same() {
        let tenant = |name: &str| TenantId::new(name).unwrap();
        let request = |change: &dyn Fn(&mut SearchRequest)| {
            let mut request = SearchRequest::default();
            change(&mut request);
            request
        };
        let queries = [
            canonical(&tenant("a"), "User", &SearchRequest::default()),
            canonical(&tenant("b"), "User", &SearchRequest::default()),
            canonical(&tenant("aU"), "ser", &SearchRequest::default()),
            canonical(&tenant("a"), "", &SearchRequest::default()),
            canonical(&tenant("a"), "User", &request(&|it| it.filter = Some("".into()))),
            canonical(&tenant("a"), "User", &request(&|it| it.filter = Some("id pr".into()))),
            canonical(&tenant("a"), "User", &request(&|it| it.sort_by = Some("id pr".into()))),
            canonical(&tenant("a"), "User", &request(&|it| it.sort_order = SortOrder::Descending)),
            canonical(&tenant("a"), "User", &request(&|it| it.attributes = vec!["a".into(), "b".into()])),
            canonical(&tenant("a"), "User", &request(&|it| it.attributes = vec!["a,b".into()])),
            canonical(&tenant("a"), "User", &request(&|it| it.excluded_attributes = vec!["a".into(), "b".into()])),
        ];
        let seals = Seals::default();
        for (index, query) in queries.iter().enumerate() {
            let token = seals.seal(query, b"payload");
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            for (other, query) in queries.iter().enumerate() {
                assert_eq!(seals.open(query, &token).is_some(), other == index, "{index} {other}");
            }
        }
        let same = canonical(&tenant("a"), "User", &request(&|it| (it.count, it.start_index) = (Some(1), Some(2))));
        assert_eq!(same, queries[0]);
    }

    #[cfg(feature = "signed-cursors")]
    #[test]
    fn a_sealed_cursor_is_neither_read_nor_altered() {
        let key = |byte| CursorKey::new(&[byte; 32]).unwrap();
        let (old, new) = (Seals { keys: vec![key(1)] }, Seals { keys: vec![key(2), key(1)] });
        let payload = b"a payload that is longer than one block of the stream that hides it";
        let token = old.seal(b"query", payload);
        assert_eq!(new.open(b"query", &token).as_deref(), Some(&payload[..]), "every key reads");
        let renewed = new.seal(b"query", payload);
        assert_eq!(old.open(b"query", &renewed), None, "the first key makes");
        assert_eq!(Seals::default().open(b"query", &token), None);
        assert_eq!(old.open(b"query", &Seals::default().seal(b"query", payload)), None, "a checksum is no seal");
        assert_eq!(old.open(b"other", &token), None);
        let sealed = decode(&token).unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"payl" || part == b"bloc" || part == b"hide"));
        for (index, bit) in (0..sealed.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
            let mut altered = sealed.clone();
            altered[index] ^= 1 << bit;
            assert_eq!(old.open(b"query", &encode(&altered)), None, "{index} {bit}");
        }
        for end in 0..sealed.len() {
            assert_eq!(old.open(b"query", &encode(&sealed[..end])), None, "{end}");
        }
        assert!(!format!("{old:?}").contains('1'));
    }
}
