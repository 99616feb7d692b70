//! Client assertions: each requirement of RFC 7523 §3 and of RFC 7515 that decides whether an assertion is accepted.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use scim_core::oauth::{ASSERTION_BYTES, AssertionError, Federation, KEY_SET_BYTES, KeyCache, KeySet, KeySetError};
use serde_json::{Value as Json, json};

/// Keys for these tests only.
const RSA: &[u8] = include_bytes!("../../oauth/rsa.pem");
const P256: &[u8] = include_bytes!("../../oauth/p256.pem");
const N: &str = "5ypJbRFIVAYx4OjUeSFeBYdJTWnEz3FvP4V8yPRWcmPldTuQT1kzLX9TE63rQwWn9ntcBJA4B11ksUb1BrHiDQdN4wbU7VciKLoS2UUTEhFdfKyTzwkW7uNDuJn7FYOqS8CVUEDDZhOnp75PpeE7e2kxmehaLd9rqjDiXon_nd2lCGmxE0enIFkKaA7YPrmZFGJEN-n20CeJQ2j1QoWSsRSzEmNQ0Y77LK2IKO0riy0oxxTX5M9mSJRmdVr4l5e-_fcI3_8ooRadd04QVWMtyxc3_y1x7xmOpsLr9IPE2XPG5BF7mCumiF8KE8hwKaBOv59EL4-drRJYKOL0M592Xw";
const N_1024: &str = "2ZvtdWTrnjeYJtTQS_5kHCTCQqVQDsdq7uHEIeDZBhjutDKHbfZz0Dh-oyXerlNQEnO8RMy7mOe7znDEdrKjSiU-oknMN6Iwd7ENH4g2DOqzgtZe-jcUikegTuQ3bKr9TbYYjtfRJYCnZerFKdVT6sfLMkjz-UvVfm2D3tBP4jE";
const X: &str = "ZLYNO7Abd9JO8ZlwI8PujwUtVgLPNQFyu5bbfNKxW_w";
const Y: &str = "idEhA0bgznknM4h9ISnxXZV-0_-YIpJuMDuFacjFrZo";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_176_000, 0).unwrap()
}

fn rsa_key(id: &str) -> Json {
    json!({"kty": "RSA", "use": "sig", "kid": id, "n": N, "e": "AQAB"})
}

fn p256_key(id: &str) -> Json {
    json!({"kty": "EC", "crv": "P-256", "kid": id, "x": X, "y": Y})
}

fn set(keys: &[Json]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes())
}

fn cache() -> KeyCache {
    let mut cache = KeyCache::new();
    cache.store(set(&[rsa_key("r"), p256_key("e")]).unwrap(), now());
    cache
}

/// The claims of Entra ID (`Workload-Identity-Federation-for-SCIM-Provisioning.md`).
fn claims() -> Json {
    json!({
        "aud": "api://b5ba7a93-4452-4522-aeb4-a2b5da870c16",
        "iss": "https://login.microsoftonline.com/ce5f061f-abe6-4e40-9615-301f87bcb7f0/v2.0",
        "iat": 1_772_175_916, "nbf": 1_772_175_916, "exp": 1_772_179_816,
        "appid": "b5ba7a93-4452-4522-aeb4-a2b5da870c16", "sub": "d2f8ee76-c549-45b8-a143-f5b640669704",
        "tid": "ce5f061f-abe6-4e40-9615-301f87bcb7f0", "ver": "2.0",
    })
}

fn federation() -> Federation {
    Federation::new(
        "https://login.microsoftonline.com/ce5f061f-abe6-4e40-9615-301f87bcb7f0/v2.0",
        "api://b5ba7a93-4452-4522-aeb4-a2b5da870c16",
        "d2f8ee76-c549-45b8-a143-f5b640669704",
    )
}

fn part(json: &Json) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn sign(header: &Json, claims: &str, algorithm: Algorithm, key: &EncodingKey) -> String {
    let signed = format!("{}.{claims}", part(header));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

fn rsa() -> EncodingKey {
    EncodingKey::from_rsa_pem(RSA).unwrap()
}

fn p256() -> EncodingKey {
    EncodingKey::from_ec_pem(P256).unwrap()
}

fn assertion(claims: &Json) -> String {
    sign(&json!({"alg": "ES256", "typ": "JWT", "kid": "e"}), &part(claims), Algorithm::ES256, &p256())
}

fn verify(assertion: &str) -> Result<(), AssertionError> {
    federation().verify(assertion, &cache(), now()).map(drop)
}

#[test]
fn the_pinned_algorithms_are_accepted() {
    for (name, algorithm, id, key) in [
        ("RS256", Algorithm::RS256, "r", rsa()),
        ("PS256", Algorithm::PS256, "r", rsa()),
        ("ES256", Algorithm::ES256, "e", p256()),
    ] {
        let token = sign(&json!({"alg": name, "kid": id}), &part(&claims()), algorithm, &key);
        let verified = federation().verify(&token, &cache(), now()).unwrap();
        // Entra sends no `jti`.
        assert_eq!(verified.replay_key(), None);
        assert_eq!(verified.expires().timestamp(), 1_772_179_816 + 60, "{name}");
    }
}

#[test]
fn other_algorithms_and_keys_are_refused() {
    let claims = part(&claims());
    let hmac = EncodingKey::from_secret(N.as_bytes()).unwrap();
    let none = format!("{}.{claims}.", part(&json!({"alg": "none", "kid": "r"})));
    let own = sign(
        &json!({"alg": "RS256", "kid": "mine", "jwk": {"kty": "RSA", "n": N, "e": "AQAB"}}),
        &claims,
        Algorithm::RS256,
        &rsa(),
    );
    let header = |alg: &str, id: &str| json!({"alg": alg, "kid": id});
    let right = sign(&header("RS256", "r"), &claims, Algorithm::RS256, &rsa());
    let (signed, signature) = right.rsplit_once('.').unwrap();
    let other_claims = {
        let mut pieces = signed.split('.');
        format!("{}.{}.{signature}", pieces.next().unwrap(), part(&json!({"sub": "admin"})))
    };
    for (name, token, expected) in [
        ("none", none, AssertionError::Algorithm),
        ("NONE", right.replace(&part(&header("RS256", "r")), &part(&header("NONE", "r"))), AssertionError::Algorithm),
        (
            "HMAC with the public key",
            sign(&header("HS256", "r"), &claims, Algorithm::HS256, &hmac),
            AssertionError::Algorithm,
        ),
        ("RS512", sign(&header("RS512", "r"), &claims, Algorithm::RS512, &rsa()), AssertionError::Algorithm),
        (
            "ES256 by an RSA key",
            sign(&header("ES256", "r"), &claims, Algorithm::ES256, &p256()),
            AssertionError::UnknownKey,
        ),
        (
            "RS256 by an EC key",
            sign(&header("RS256", "e"), &claims, Algorithm::RS256, &rsa()),
            AssertionError::UnknownKey,
        ),
        (
            "PS256 named RS256",
            sign(&header("RS256", "r"), &claims, Algorithm::PS256, &rsa()),
            AssertionError::Signature,
        ),
        ("an unknown kid", sign(&header("RS256", "x"), &claims, Algorithm::RS256, &rsa()), AssertionError::UnknownKey),
        ("a key of its own", own, AssertionError::UnknownKey),
        ("no kid", sign(&json!({"alg": "RS256"}), &claims, Algorithm::RS256, &rsa()), AssertionError::Malformed),
        (
            "crit",
            sign(
                &json!({"alg": "RS256", "kid": "r", "crit": ["b64"], "b64": false}),
                &claims,
                Algorithm::RS256,
                &rsa(),
            ),
            AssertionError::Malformed,
        ),
        ("other claims", other_claims, AssertionError::Signature),
        ("no signature", format!("{signed}."), AssertionError::Signature),
        ("two parts", signed.to_owned(), AssertionError::Malformed),
        ("four parts", format!("{right}.x"), AssertionError::Malformed),
        ("padding", format!("{right}="), AssertionError::Malformed),
        ("nothing", String::new(), AssertionError::Malformed),
        ("too long", format!("{right}{}", "A".repeat(ASSERTION_BYTES)), AssertionError::Malformed),
    ] {
        assert_eq!(verify(&token), Err(expected), "{name}");
        let error = expected.token_error();
        assert_eq!((error.kind().code(), error.status()), ("invalid_client", 401), "{name}");
    }
    assert_eq!(verify(&right), Ok(()));
}

#[test]
fn a_key_for_one_algorithm_serves_no_other() {
    let mut key = rsa_key("r");
    key["alg"] = json!("PS256");
    let mut cache = KeyCache::new();
    cache.store(set(&[key]).unwrap(), now());
    for (name, algorithm, is_accepted) in [("RS256", Algorithm::RS256, false), ("PS256", Algorithm::PS256, true)] {
        let token = sign(&json!({"alg": name, "kid": "r"}), &part(&claims()), algorithm, &rsa());
        assert_eq!(federation().verify(&token, &cache, now()).is_ok(), is_accepted, "{name}");
    }
}

/// RFC 7523 §3, points 1 to 7.
#[test]
fn claims_are_those_of_the_client() {
    use AssertionError as Error;
    let at = |seconds: i64| json!(now().timestamp() + seconds);
    let aud = claims()["aud"].clone();
    let cases: Vec<(&str, Json, Result<(), Error>)> = vec![
        ("iss", json!("https://login.example"), Err(Error::Issuer)),
        (
            "iss",
            json!("https://login.microsoftonline.com/ce5f061f-abe6-4e40-9615-301f87bcb7f0/v2.0/"),
            Err(Error::Issuer),
        ),
        ("iss", Json::Null, Err(Error::Claims)),
        ("sub", json!("D2F8EE76-C549-45B8-A143-F5B640669704"), Err(Error::Subject)),
        ("sub", Json::Null, Err(Error::Claims)),
        ("aud", json!("api://other"), Err(Error::Audience)),
        ("aud", json!(["api://other", aud]), Ok(())),
        ("aud", json!([]), Err(Error::Audience)),
        ("aud", json!({"x": aud}), Err(Error::Claims)),
        ("aud", Json::Null, Err(Error::Claims)),
        ("exp", Json::Null, Err(Error::Claims)),
        ("exp", json!("1772179816"), Err(Error::Claims)),
        ("exp", at(-60), Err(Error::Expired)),
        ("exp", at(-59), Ok(())),
        ("exp", json!(f64::from(i32::try_from(now().timestamp()).unwrap()) + 10.5), Ok(())),
        ("exp", json!(1e300), Err(Error::Claims)),
        ("exp", json!(-1), Err(Error::Expired)),
        ("nbf", at(60), Ok(())),
        ("nbf", at(61), Err(Error::NotYetValid)),
        ("iat", at(60), Ok(())),
        ("iat", at(61), Err(Error::NotYetValid)),
        ("iat", json!(1_772_179_816 - 7_200), Ok(())),
        ("iat", json!(1_772_179_816 - 7_201), Err(Error::TooLongLived)),
        ("exp", at(7_200), Err(Error::TooLongLived)),
        ("jti", json!(7), Err(Error::Claims)),
    ];
    for (name, value, expected) in cases {
        let mut claims = claims();
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(verify(&assertion(&claims)), expected, "{name}: {value}");
    }
    // Without `iat` the lifetime counts from now.
    for (seconds, expected) in [(7_200, Ok(())), (7_201, Err(Error::TooLongLived))] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove("iat");
        claims["exp"] = at(seconds);
        assert_eq!(verify(&assertion(&claims)), expected, "{seconds}");
    }
    let header = json!({"alg": "ES256", "kid": "e"});
    let twice = URL_SAFE_NO_PAD.encode(claims().to_string().replacen('{', "{\"sub\":\"admin\",", 1));
    assert_eq!(verify(&sign(&header, &twice, Algorithm::ES256, &p256())), Err(Error::Claims), "a claim twice");
    assert_eq!(verify(&sign(&header, "****", Algorithm::ES256, &p256())), Err(Error::Claims), "no base64");
}

#[test]
fn bounds_of_time_are_the_hosts() {
    let token = assertion(&claims());
    let strict = federation().with_longest_lifetime(TimeDelta::minutes(65)).with_skew(TimeDelta::zero());
    assert!(strict.verify(&token, &cache(), now()).is_ok());
    let end = DateTime::from_timestamp(1_772_179_816, 0).unwrap();
    assert_eq!(strict.verify(&token, &cache(), end), Err(AssertionError::Expired));
    let stricter = strict.with_longest_lifetime(TimeDelta::minutes(64));
    assert_eq!(stricter.verify(&token, &cache(), now()), Err(AssertionError::TooLongLived));
}

/// The host recognizes a repeated assertion by its issuer and `jti`.
#[test]
fn replays_have_one_key() {
    let with = |id: &str| {
        let mut claims = claims();
        claims["jti"] = json!(id);
        federation().verify(&assertion(&claims), &cache(), now()).unwrap()
    };
    let (one, again, other) = (with("a"), with("a"), with("b"));
    assert_eq!(one.replay_key(), again.replay_key());
    assert_ne!(one.replay_key(), other.replay_key());
    assert_eq!(one.replay_key().unwrap().len(), 64);
    assert_eq!(one.expires().timestamp(), 1_772_179_816 + 60);
    let strict = federation().with_required_id();
    assert_eq!(strict.verify(&assertion(&claims()), &cache(), now()), Err(AssertionError::NoId));
}

#[test]
fn key_sets_have_only_usable_keys() {
    let usable = |key: Json| set(&[key]).map(drop);
    let with = |mut key: Json, name: &str, value: Json| {
        key[name] = value;
        key
    };
    for (name, key, is_usable) in [
        ("RSA", rsa_key("r"), true),
        ("P-256", p256_key("e"), true),
        ("with a certificate", with(rsa_key("r"), "x5c", json!(["MII"])), true),
        ("for encryption", with(rsa_key("r"), "use", json!("enc")), false),
        ("to verify", with(rsa_key("r"), "key_ops", json!(["verify"])), true),
        ("to wrap", with(rsa_key("r"), "key_ops", json!(["wrapKey"])), false),
        ("1,024 bits", with(rsa_key("r"), "n", json!(N_1024)), false),
        ("an even modulus", with(rsa_key("r"), "n", json!(format!("{}A", &N[..N.len() - 1]))), false),
        ("a modulus of zeros", with(rsa_key("r"), "n", json!("A".repeat(342))), false),
        ("exponent 1", with(rsa_key("r"), "e", json!("AQ")), false),
        ("no exponent", with(rsa_key("r"), "e", Json::Null), false),
        ("a short coordinate", with(p256_key("e"), "x", json!("ZLYN")), false),
        ("another curve", with(p256_key("e"), "crv", json!("P-384")), false),
        ("a shared secret", json!({"kty": "oct", "kid": "o", "k": "c2VjcmV0"}), false),
        ("no kid", json!({"kty": "RSA", "n": N, "e": "AQAB"}), false),
        ("no object", json!("key"), false),
    ] {
        assert_eq!(usable(key).is_ok(), is_usable, "{name}");
    }
    // An unusable key does not affect the others.
    assert_eq!(set(&[json!(1), rsa_key("r"), json!({})]).unwrap().ids().collect::<Vec<_>>(), ["r"]);
    for (document, expected) in [
        (String::new(), KeySetError::Malformed),
        ("[]".to_owned(), KeySetError::Malformed),
        ("{\"keys\": {}}".to_owned(), KeySetError::Malformed),
        ("{\"keys\": []}".to_owned(), KeySetError::NoKey),
        (json!({"keys": vec![rsa_key("r"); 129]}).to_string(), KeySetError::TooLong),
        (" ".repeat(KEY_SET_BYTES + 1), KeySetError::TooLong),
    ] {
        assert_eq!(KeySet::parse(document.as_bytes()).unwrap_err(), expected, "{document:.40}");
    }
    // A point that is not on the curve verifies nothing.
    let mut cache = KeyCache::new();
    cache.store(set(&[with(p256_key("e"), "y", json!(X))]).unwrap(), now());
    assert_eq!(federation().verify(&assertion(&claims()), &cache, now()), Err(AssertionError::Signature));
}

/// Keys are fetched when they are old or unknown, but never more often than once a minute.
#[test]
fn fetches_are_bounded() {
    let known = assertion(&claims());
    let unknown = sign(&json!({"alg": "ES256", "kid": "new"}), &part(&claims()), Algorithm::ES256, &p256());
    let at = |seconds: i64| now() + TimeDelta::seconds(seconds);
    let mut cache = KeyCache::new();
    assert!(cache.claim_fetch(&known, at(0)));
    cache.store(set(&[p256_key("e")]).unwrap(), at(0));
    let mut fetches = 0;
    for second in 0..600 {
        assert!(!cache.claim_fetch(&known, at(second)), "a known key");
        fetches += usize::from(cache.claim_fetch(&unknown, at(second)));
    }
    assert_eq!(fetches, 9, "unknown keys, one fetch a minute");
    assert!(cache.claim_fetch(&known, at(3_600)), "an hour later");
    assert!(!cache.claim_fetch(&known, at(3_601)), "the fetch failed");
    let long = federation().with_longest_lifetime(TimeDelta::days(9));
    let mut claims = claims();
    claims["exp"] = json!(now().timestamp() + 100_000);
    let lasting = assertion(&claims);
    assert!(long.verify(&lasting, &cache, at(86_399)).is_ok(), "the keys still serve");
    assert_eq!(long.verify(&lasting, &cache, at(86_400)), Err(AssertionError::UnknownKey), "for a day");
    assert!(!KeyCache::new().claim_fetch("no assertion", at(0)));
    // A request that is a little older than the keys uses them. A clock that was set back blocks no request.
    let mut cache = self::cache();
    assert!(federation().with_skew(TimeDelta::minutes(5)).verify(&known, &cache, at(-60)).is_ok());
    assert!(!cache.claim_fetch(&known, at(-60)) && cache.claim_fetch(&known, at(-61)));
}

proptest! {
    #[test]
    fn any_assertion_is_answered(text in ".{0,80}") {
        prop_assert!(verify(&text).is_err());
        KeyCache::new().claim_fetch(&text, now());
    }

    /// Signed, with any claims of the right names.
    #[test]
    fn any_claims_are_judged(exp in any::<f64>(), iat in any::<i64>(), nbf in any::<u64>(), aud in ".{0,20}") {
        let mut claims = claims();
        claims["exp"] = json!(exp);
        claims["iat"] = json!(iat);
        claims["nbf"] = json!(nbf);
        claims["aud"] = json!([aud]);
        prop_assert!(verify(&assertion(&claims)).is_err());
    }

    #[test]
    fn any_key_set_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), n in "[A-Za-z0-9_-]{0,700}", e in "[A-Za-z0-9_-]{0,8}") {
        prop_assert!(KeySet::parse(&bytes).is_err());
        let mut cache = KeyCache::new();
        if let Ok(keys) = set(&[json!({"kty": "RSA", "kid": "r", "n": n, "e": e})]) {
            cache.store(keys, now());
        }
        let token = format!("{}.{}.{}", part(&json!({"alg": "RS256", "kid": "r"})), part(&claims()), "A".repeat(342));
        prop_assert!(federation().verify(&token, &cache, now()).is_err());
    }
}
