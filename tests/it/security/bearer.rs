//! API keys.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use scim_core::bearer::{ApiKey, ApiKeys, Token, TokenDigest, bearer_token};

fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(day)
}

fn header(token: &Token) -> String {
    format!("Bearer {}", token.reveal())
}

#[test]
fn tokens_are_random_and_recognizable() {
    let tokens: HashSet<String> = (0..100).map(|_| Token::generate().unwrap().reveal().to_owned()).collect();
    assert_eq!(tokens.len(), 100);
    for token in tokens {
        let digits = token.strip_prefix("scim_").unwrap();
        assert!(digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{token}");
        assert_eq!(bearer_token(&format!("Bearer {token}")), Some(&*token), "it fits into a header");
    }
}

/// FIPS 180-4 states this digest of `abc`.
#[test]
fn a_digest_is_kept_as_text() {
    let kept = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let digest: TokenDigest = kept.parse().unwrap();
    assert!(digest.is_of("abc") && !digest.is_of("abd") && !digest.is_of(""));
    assert_eq!((digest.to_string(), digest), (kept.to_owned(), TokenDigest::of("abc")));
    for wrong in ["", "ba", &kept[1..], &format!("{kept}00"), &kept.replace('b', "g"), &kept.replace("ba", "é")] {
        assert!(wrong.parse::<TokenDigest>().is_err(), "{wrong}");
    }
}

#[test]
fn only_bearer_credentials_are_read() {
    for (header, expected) in [
        ("Bearer abc", Some("abc")),
        ("bearer abc", Some("abc")),
        ("BEARER   abc ", Some("abc")),
        ("Bearer a.b-c_d~e+f/g=", Some("a.b-c_d~e+f/g=")),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer a b", None),
        ("Bearer a, Basic b", None),
        ("Bearer ä", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        ("Bearerabc", None),
    ] {
        assert_eq!(bearer_token(header), expected, "{header}");
    }
}

/// During a rotation two keys are valid. A revoked or expired key gives no access, and neither does a missing key.
#[test]
fn keys_are_rotated() {
    let (first, second, other) = (Token::generate().unwrap(), Token::generate().unwrap(), Token::generate().unwrap());
    let mut keys = ApiKeys::new();
    assert!(keys.check(&header(&first), day(1)).is_none());
    keys.add(ApiKey::new(first.digest(), "acme"));
    keys.add(ApiKey::new(second.digest(), "acme").with_expiry(day(10)));
    keys.add(ApiKey::new(other.digest(), "other"));
    let owner =
        |keys: &ApiKeys<&'static str>, token: &Token, now| keys.check(&header(token), now).map(|key| *key.owner());
    assert_eq!(owner(&keys, &first, day(1)), Some("acme"));
    assert_eq!(owner(&keys, &second, day(9)), Some("acme"));
    assert_eq!(owner(&keys, &other, day(9)), Some("other"));
    let used: Vec<_> = keys.iter().map(ApiKey::last_used).collect();
    assert_eq!(used, [Some(day(1)), Some(day(9)), Some(day(9))]);

    assert_eq!(owner(&keys, &second, day(10)), None, "expired");
    assert!(keys.revoke(&first.digest()) && !keys.revoke(&first.digest()));
    assert_eq!(owner(&keys, &first, day(2)), None, "revoked");
    for wrong in ["", "Bearer ", "Bearer scim_", &first.digest().to_string(), &format!("Bearer {}", first.digest())] {
        assert!(keys.check(wrong, day(2)).is_none(), "{wrong}");
    }
    let used: Vec<_> = keys.iter().map(ApiKey::last_used).collect();
    assert_eq!(used, [Some(day(1)), Some(day(9)), Some(day(9))], "who is not let in does not use a key");
    assert!(!keys.revoke(&TokenDigest::of("nothing")));
}

#[test]
fn nothing_shows_a_token() {
    let token = Token::generate().unwrap();
    let mut keys = ApiKeys::new();
    keys.add(ApiKey::new(token.digest(), "acme"));
    for text in [format!("{token:?}"), format!("{keys:?}"), token.digest().to_string()] {
        assert!(!text.contains(token.reveal()) && !text.contains(&token.reveal()[5..]), "{text}");
    }
}
