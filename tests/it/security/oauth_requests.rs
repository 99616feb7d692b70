//! The token endpoint: each requirement of RFC 6749 that concerns client credentials, as rows of tables.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use scim_core::{
    bearer::{Token, TokenDigest},
    oauth::{
        ClientSecret, Credential, IssueError, JWT_BEARER, Metadata, REQUEST_BYTES, TokenEndpoint, TokenError,
        TokenErrorKind, TokenRequest, metadata_path,
    },
};
use serde_json::{Value as Json, json};

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

fn parse(authorization: Option<&str>, body: &str) -> Result<TokenRequest, TokenError> {
    TokenRequest::parse(authorization, FORM, body.as_bytes())
}

fn kind(parsed: Result<TokenRequest, TokenError>) -> TokenErrorKind {
    parsed.unwrap_err().kind()
}

/// RFC 6749 §2.3.1: the id and the secret come in the header, each encoded as in a form, or in the body.
#[test]
fn clients_authenticate_by_header_or_body() {
    let form = "grant_type=client_credentials";
    let post = format!("{form}&client_id=c%201&client_secret=a%2Bb+c%25");
    for (authorization, body, is_basic) in [
        (Some(basic("c+1:a%2Bb+c%25")), form.to_owned(), true),
        (Some(basic("c%201:a%2Bb%20c%25")), format!("{form}&client_id=c+1"), true),
        (Some(basic("c+1:a%2Bb+c%25").replace("Basic", "bASIC")), form.to_owned(), true),
        (None, post, false),
    ] {
        let request = parse(authorization.as_deref(), &body).unwrap();
        assert_eq!(request.client_id(), "c 1", "{body}");
        let expected = Box::from("a+b c%");
        let expected = if is_basic { Credential::Basic(expected) } else { Credential::Post(expected) };
        assert_eq!(request.credential(), &expected);
        assert!(!format!("{request:?} {expected:?}").contains("a+b"), "no log has a secret by accident");
    }
    // A secret may have a colon; an id may not.
    let request = parse(Some(&basic("c:a:b")), form).unwrap();
    assert_eq!(request.credential(), &Credential::Basic("a:b".into()));
}

#[test]
fn wrong_requests_have_the_errors_of_the_rfc() {
    use TokenErrorKind::{InvalidClient, InvalidRequest, InvalidScope, UnsupportedGrantType};
    let form = "grant_type=client_credentials";
    let id = "&client_id=c&client_secret=s";
    let header = Some(basic("c:s"));
    let jwt = format!("&client_assertion_type={JWT_BEARER}&client_assertion=a.b.c");
    let long = "x".repeat(1_025);
    let cases: Vec<(&str, Option<String>, String, TokenErrorKind)> = vec![
        ("no grant type", None, id.to_owned(), InvalidRequest),
        ("an empty one is none (§3.2)", None, format!("grant_type={id}"), InvalidRequest),
        ("another grant", None, format!("grant_type=authorization_code{id}"), UnsupportedGrantType),
        ("a grant in other case", None, format!("grant_type=Client_Credentials{id}"), UnsupportedGrantType),
        ("a refresh", header.clone(), "grant_type=refresh_token&refresh_token=r".to_owned(), UnsupportedGrantType),
        ("a parameter twice", None, format!("{form}{id}&scope=a&scope=a"), InvalidRequest),
        ("an unknown parameter twice", None, format!("{form}{id}&x=1&x=2"), InvalidRequest),
        ("a name twice, once encoded", None, format!("{form}{id}&client%5Fid=c"), InvalidRequest),
        ("an empty parameter twice", None, format!("{form}{id}&scope=&scope=a"), InvalidRequest),
        ("both ways", header.clone(), format!("{form}{id}"), InvalidRequest),
        ("header and assertion", header.clone(), format!("{form}{jwt}"), InvalidRequest),
        ("secret and assertion", None, format!("{form}{id}{jwt}"), InvalidRequest),
        ("two ids", header.clone(), format!("{form}&client_id=d"), InvalidRequest),
        ("no client", None, form.to_owned(), InvalidRequest),
        ("no secret", None, format!("{form}&client_id=c"), InvalidClient),
        ("an empty secret", None, format!("{form}&client_id=c&client_secret="), InvalidClient),
        ("an assertion without client_id", None, format!("{form}{jwt}"), InvalidRequest),
        ("an assertion without type", None, format!("{form}&client_id=c&client_assertion=a.b.c"), InvalidRequest),
        ("a type alone", None, format!("{form}&client_id=c&client_assertion_type={JWT_BEARER}"), InvalidRequest),
        (
            "a SAML assertion",
            None,
            format!(
                "{form}&client_id=c&client_assertion=a&client_assertion_type={}",
                "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
            ),
            InvalidClient,
        ),
        ("a bearer token", Some("Bearer abc".to_owned()), form.to_owned(), InvalidClient),
        ("no base64", Some("Basic ***".to_owned()), form.to_owned(), InvalidClient),
        ("no colon", Some(basic("c")), form.to_owned(), InvalidClient),
        ("an empty id", Some(basic(":s")), form.to_owned(), InvalidClient),
        ("no UTF-8 in the header", Some(basic("c:%ff")), form.to_owned(), InvalidClient),
        ("no UTF-8", None, format!("{form}{id}&scope=%ff"), InvalidRequest),
        ("a long id", None, format!("{form}&client_id={long}&client_secret=s"), InvalidClient),
        ("a long secret", None, format!("{form}&client_id=c&client_secret={long}"), InvalidClient),
        ("a quote in the scope (§3.3)", None, format!("{form}{id}&scope=%22"), InvalidScope),
        ("two spaces in the scope", None, format!("{form}{id}&scope=a++b"), InvalidScope),
        ("a long scope", None, format!("{form}{id}&scope={long}"), InvalidScope),
        ("a long request", None, format!("{form}{id}&x={}", "x".repeat(REQUEST_BYTES)), InvalidRequest),
        (
            "many parameters",
            None,
            (0..32).fold(format!("{form}{id}"), |form, n| form + &format!("&p{n}=1")),
            InvalidRequest,
        ),
    ];
    for (name, authorization, body, expected) in cases {
        let error = parse(authorization.as_deref(), &body).unwrap_err();
        assert_eq!(error.kind(), expected, "{name}: {error}");
        let response = error.response();
        // §5.2: 401 for an unknown client, with the scheme if it used one; 400 otherwise. §5.1: never cached.
        assert_eq!(response.status, if expected == InvalidClient { 401 } else { 400 }, "{name}");
        let told =
            response.headers.iter().any(|(name, value)| *name == "WWW-Authenticate" && value.starts_with("Basic"));
        assert_eq!(told, expected == InvalidClient && authorization.is_some(), "{name}");
        assert!(response.headers.contains(&("Cache-Control", "no-store")), "{name}");
        assert!(response.headers.contains(&("Pragma", "no-cache")), "{name}");
        let body: Json = serde_json::from_str(&response.body).unwrap();
        assert_eq!(body["error"], expected.code(), "{name}");
    }
}

#[test]
fn the_body_must_be_a_form() {
    let body = b"grant_type=client_credentials&client_id=c&client_secret=s";
    for (content_type, is_form) in [
        (Some("application/x-www-form-urlencoded"), true),
        (Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), true),
        (Some("application/json"), false),
        (Some("application/x-www-form-urlencoded2"), false),
        (None, false),
    ] {
        assert_eq!(TokenRequest::parse(None, content_type, body).is_ok(), is_form, "{content_type:?}");
    }
    // §3.2: unknown parameters have no effect.
    assert!(parse(None, "grant_type=client_credentials&client_id=c&client_secret=s&resource=x&&").is_ok());
}

/// Several secrets are valid at the same time, each until its own expiry.
#[test]
fn secrets_expire_each_by_itself() {
    let secrets = [Token::generate().unwrap(), Token::generate().unwrap(), Token::generate().unwrap()];
    let days = [1, 10, 20];
    let kept: Vec<ClientSecret> =
        secrets.iter().zip(days).map(|(s, day)| ClientSecret::new(s.digest(), now() + TimeDelta::days(day))).collect();
    for (index, secret) in secrets.iter().enumerate() {
        let body = format!("grant_type=client_credentials&client_id=c&client_secret={}", secret.reveal());
        let request = parse(None, &body).unwrap();
        let header = basic(&format!("c:{}", secret.reveal()));
        let by_header = parse(Some(&header), "grant_type=client_credentials").unwrap();
        for day in 0..25 {
            let at = now() + TimeDelta::days(day);
            let found = request.authenticate(&kept, at);
            assert_eq!(found.is_ok(), day < days[index], "secret {index}, day {day}");
            assert_eq!(by_header.authenticate(&kept, at).is_ok(), found.is_ok());
            if let Ok(found) = found {
                assert_eq!(found, &kept[index]);
            }
        }
        assert_eq!(request.authenticate(&[], now()).unwrap_err().response().status, 401);
        let told = by_header.authenticate(&[], now()).unwrap_err().response();
        assert!(told.headers.iter().any(|(name, _)| *name == "WWW-Authenticate"));
    }
    let wrong = parse(None, "grant_type=client_credentials&client_id=c&client_secret=s").unwrap();
    assert!(wrong.authenticate(&kept, now()).is_err());
}

#[test]
fn tokens_are_random_and_valid_for_an_hour() {
    let request = parse(None, "grant_type=client_credentials&client_id=c&client_secret=s").unwrap();
    let endpoint = TokenEndpoint::new(["scim", "scim.readwrite"]);
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let issued = endpoint.issue(&request, now()).unwrap();
        let response = issued.response();
        let body: Json = serde_json::from_str(&response.body).unwrap();
        let token = body["access_token"].as_str().unwrap();
        assert!(issued.token().digest().is_of(token) && issued.token().digest() == TokenDigest::of(token));
        let expected = json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "scim"});
        assert_eq!((response.status, &body), (200, &expected));
        assert!(response.headers.contains(&("Cache-Control", "no-store")));
        assert!(response.headers.contains(&("Pragma", "no-cache")));
        assert!(!format!("{issued:?} {response:?}").contains(token), "no log has a token by accident");
        assert!(seen.insert(token.to_owned()) && token.len() >= 64);
    }
}

#[test]
fn lifetimes_are_one_to_six_hours() {
    for (minutes, is_allowed) in [(0, false), (59, false), (60, true), (90, true), (360, true), (361, false)] {
        let endpoint = TokenEndpoint::new(["scim"]).with_lifetime(TimeDelta::minutes(minutes));
        assert_eq!(endpoint.is_ok(), is_allowed, "{minutes}");
        let Ok(endpoint) = endpoint else { continue };
        let request = parse(Some(&basic("c:s")), "grant_type=client_credentials").unwrap();
        let issued = endpoint.issue(&request, now()).unwrap();
        assert_eq!(issued.expires(), now() + TimeDelta::minutes(minutes));
        let body: Json = serde_json::from_str(&issued.response().body).unwrap();
        assert_eq!(body["expires_in"], minutes * 60);
    }
}

/// RFC 6749 §3.3: the answer names the granted scope, and an unknown scope is refused.
#[test]
fn scopes_are_granted_as_asked() {
    let endpoint = TokenEndpoint::new(["scim", "scim.readwrite"]);
    for (asked, granted) in [
        ("", Some("scim")),
        ("scim", Some("scim")),
        ("scim.readwrite", Some("scim.readwrite")),
        ("scim+scim.readwrite", Some("scim scim.readwrite")),
        ("SCIM", None),
        ("scim+admin", None),
    ] {
        let body = format!("grant_type=client_credentials&client_id=c&client_secret=s&scope={asked}");
        let issued = endpoint.issue(&parse(None, &body).unwrap(), now());
        match (issued, granted) {
            (Ok(issued), Some(granted)) => assert_eq!(issued.scope(), granted, "{asked}"),
            (Err(IssueError::Token(error)), None) => {
                assert_eq!((error.kind(), error.status()), (TokenErrorKind::InvalidScope, 400), "{asked}");
            }
            (other, _) => panic!("{asked}: {other:?}"),
        }
    }
}

/// RFC 6749 §5.2: the description has printable ASCII without quotes and backslashes.
#[test]
fn descriptions_have_only_characters_of_the_rfc() {
    let error = TokenError::new(TokenErrorKind::InvalidGrant, "a \"b\\ é\r\n");
    assert_eq!(error.description(), "a ?b? ???");
    assert_eq!((error.status(), error.kind().code()), (400, "invalid_grant"));
}

#[test]
fn metadata_is_that_of_rfc_8414() {
    for (issuer, path) in [
        ("https://example.com", "/.well-known/oauth-authorization-server"),
        ("https://example.com/", "/.well-known/oauth-authorization-server"),
        ("https://example.com/scim/acme", "/.well-known/oauth-authorization-server/scim/acme"),
        ("http://127.0.0.1:8080/scim/acme/", "/.well-known/oauth-authorization-server/scim/acme"),
    ] {
        assert_eq!(metadata_path(issuer).as_deref(), Some(path), "{issuer}");
    }
    assert_eq!(metadata_path("ftp://example.com"), None);
    let document = Metadata::new("https://a.example/x", "https://a.example/x/token")
        .scopes(["scim"])
        .with_documentation("https://a.example/docs")
        .to_json();
    let expected = json!({
        "issuer": "https://a.example/x",
        "token_endpoint": "https://a.example/x/token",
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
        "scopes_supported": ["scim"],
        "service_documentation": "https://a.example/docs",
    });
    assert_eq!(serde_json::from_str::<Json>(&document).unwrap(), expected);
}

proptest! {
    /// Any bytes are a request or an error, whose answer is JSON.
    #[test]
    fn any_request_is_answered(
        authorization in proptest::option::of("(Basic |Bearer )?.{0,40}"),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Err(error) = TokenRequest::parse(authorization.as_deref(), FORM, &body) {
            let _: Json = serde_json::from_str(&error.response().body).unwrap();
        }
    }

    /// The same for forms that are nearly a request.
    #[test]
    fn any_form_is_answered(
        pairs in proptest::collection::vec(
            ("(grant_type|client_id|client_secret|scope|client_assertion|client_assertion_type|x)", "[ -~é%+&=]{0,12}"),
            0..9,
        ),
    ) {
        let body: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        match parse(None, &body.join("&")) {
            Ok(request) => prop_assert!(!request.client_id().is_empty()),
            Err(error) => prop_assert!(error.status() == 400 || error.status() == 401),
        }
    }
}

#[test]
fn a_form_without_a_client_is_no_request() {
    assert_eq!(kind(parse(None, "")), TokenErrorKind::InvalidRequest);
}
