//! What somebody does who has read the source and meets cursors of a host that has set no key.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses its part")]

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What is in a cursor, as text.
pub(crate) fn revealed(token: &str) -> String {
    let (mut bits, mut known, mut bytes) = (0_u32, 0, Vec::new());
    for character in token.bytes() {
        let sextet = ALPHABET.iter().position(|known| *known == character).unwrap();
        (bits, known) = (bits << 6 | u32::try_from(sextet).unwrap(), known + 6);
        if known >= 8 {
            known -= 8;
            bytes.push(u8::try_from(bits >> known & 0xFF).unwrap());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A cursor of the query of all resources of a type with this count, behind an id.
pub(crate) fn forged(tenant: &str, endpoint: &str, count: u8, id: &str) -> String {
    // No key, number of the type, the id.
    let place = [&[1, 0], id.as_bytes()].concat();
    forged_with([tenant, endpoint, "0", "", "0", "", "ascending", "0", "0"], count, &place)
}

/// A cursor with a checksum that is right, whatever the place is.
pub(crate) fn forged_with(query: [&str; 9], count: u8, place: &[u8]) -> String {
    let mut fields = Vec::new();
    for field in query {
        fields.extend((field.len() as u64).to_be_bytes());
        fields.extend(field.bytes());
    }
    // Version, direction, count, and a time that is far ahead.
    let mut payload = vec![1, 0, count, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    payload.extend(place);
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for part in [&fields, &payload] {
        for byte in (part.len() as u64).to_be_bytes().iter().chain(part) {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    let bytes = [&sum.to_be_bytes()[..], &payload].concat();
    let mut token = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for sextet in 0..=group.len() {
            token.push(char::from(ALPHABET[(bits >> (18 - 6 * sextet)) as usize & 0x3F]));
        }
    }
    token
}
