//! OAuth clients over HTTP: tokens, secrets and federated identities, and their end.

use crate::process;
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use crate::identity::{AUDIENCE, ISSUER, IdentityProvider, SUBJECT, claims, keys, sign};
use crate::process::{Answer, Finished, Place, Server, TOKEN, databases, eventually, memory, run, sqlite};
use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};

const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

fn acme(place: &Place, more: &[&str]) -> Server {
    Server::start(&[&["--store", &*place.url, "--organization", "acme", "--token", TOKEN], more].concat())
}

/// The local URL of a server that clients see at another URL, and the server.
fn behind_a_proxy(place: &Place) -> (String, Server) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server = acme(place, &["--listen", &address, "--public-url", "https://scim.example/"]);
    (format!("http://{address}"), server)
}

fn done(place: &Place, arguments: &[&str]) -> String {
    let all = [&["oauth", "client"], arguments, &["--store", &*place.url]].concat();
    let Finished { status, stdout, stderr } = run(&all);
    assert_eq!((status, &*stderr), (Some(0), ""), "{all:?}: {stdout}");
    stdout
}

fn failed(place: &Place, arguments: &[&str]) -> String {
    let all = [&["oauth", "client"], arguments, &["--store", &*place.url]].concat();
    let Finished { status, stdout, stderr } = run(&all);
    assert!(status != Some(0) && stdout.is_empty(), "{all:?}: {stdout}");
    stderr
}

fn value<'a>(printed: &'a str, name: &str) -> &'a str {
    let line = printed.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{printed}"));
    line.trim().trim_end_matches(" (shown once)")
}

/// A client of `acme` with a secret.
fn client(place: &Place) -> (String, String) {
    let printed = done(place, &["new", "--organization", "acme", "--name", "Entra production"]);
    assert!(value(&printed, "Token URL").ends_with("/scim/acme/oauth/token"), "{printed}");
    (value(&printed, "Client id").to_owned(), value(&printed, "Client secret").to_owned())
}

fn federated(place: &Place, provider: &IdentityProvider) -> String {
    let audience = format!("{AUDIENCE}/.default");
    let printed = done(
        place,
        &[
            "new",
            "--organization",
            "acme",
            "--issuer",
            ISSUER,
            "--audience",
            &audience,
            "--subject",
            SUBJECT,
            "--keys",
            &provider.url,
        ],
    );
    assert!(!printed.contains("secret"), "{printed}");
    value(&printed, "Client id").to_owned()
}

fn token_url(server: &Server, organization: &str) -> String {
    format!("{}/scim/{organization}/oauth/token", server.root())
}

fn ask(server: &Server, body: &str) -> Answer {
    server.form(&token_url(server, "acme"), &[], body)
}

fn ask_with_secret(server: &Server, client: &str, secret: &str) -> Answer {
    ask(server, &format!("grant_type=client_credentials&client_id={client}&client_secret={secret}&scope=scim"))
}

fn ask_with_assertion(server: &Server, client: &str, assertion: &str) -> Answer {
    let assertion = format!("client_assertion_type={JWT_BEARER}&client_assertion={assertion}");
    ask(server, &format!("grant_type=client_credentials&client_id={client}&{assertion}&scope=scim"))
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["access_token"].as_str().unwrap().to_owned()
}

fn scim(server: &Server, token: &str) -> u16 {
    server.request_with_key(Some(token), "GET", "/Users?count=0", None).status
}

fn error(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["error"].as_str().unwrap_or_else(|| panic!("{}", answer.text)))
}

#[test]
fn a_client_gets_tokens_and_works_with_them() {
    for place in databases() {
        let server = acme(&place, &[]);
        let (id, secret) = client(&place);
        let answer = ask_with_secret(&server, &id, &secret);
        assert_eq!((&answer.json["token_type"], &answer.json["expires_in"]), (&json!("Bearer"), &json!(3600)));
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["pragma"], "no-cache");
        let first = token(&answer);
        assert_eq!(scim(&server, &first), 200);
        let made = json!({"schemas": [process::USER], "userName": "ann"});
        assert_eq!(server.request_with_key(Some(&first), "POST", "/Users", Some(&made)).status, 201);
        // By the header, which needs no encoding here: `client_secret_basic`.
        let credentials = base64(&format!("{id}:{secret}"));
        let header = format!("Basic {credentials}");
        let url = token_url(&server, "acme");
        let answer = server.form(&url, &[("Authorization", &*header)], "grant_type=client_credentials");
        let second = token(&answer);
        assert!(first != second && scim(&server, &second) == 200 && scim(&server, &first) == 200);
        // A restart keeps tokens, and no file has the token or the secret.
        drop(server);
        let server = acme(&place, &[]);
        assert_eq!(scim(&server, &first), 200);
        let bytes = place.bytes();
        for secret in [&secret, &first, &second] {
            assert!(!bytes.windows(secret.len()).any(|found| found == secret.as_bytes()));
        }
        let list = done(&place, &["list", "--organization", "acme"]);
        assert!(list.contains(&id) && list.contains("Entra production") && !list.contains("never"), "{list}");
        // The token gives access to SCIM only.
        let page = server.send(
            "GET",
            &format!("{}/o/acme/", server.root()),
            &[("Authorization", &format!("Bearer {first}"))],
            None,
        );
        assert!(!page.unwrap().text.contains("Sign out"));
    }
}

/// A name, a URL, headers, a body, and the status and the error of the answer.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], String, (u16, &'a str));

/// A refusal creates no token.
#[test]
fn strangers_get_no_token() {
    for place in databases() {
        let server = acme(&place, &[]);
        let other =
            Server::start(&["--store", &place.url, "--organization", "other", "--token", "another-token-0123456789"]);
        drop(other);
        let (id, secret) = client(&place);
        let form = "grant_type=client_credentials";
        let (url, elsewhere) = (token_url(&server, "acme"), token_url(&server, "other"));
        let right = format!("{form}&client_id={id}&client_secret={secret}");
        let (nobody, no_name) = (token_url(&server, "nobody"), token_url(&server, "NO"));
        let with_query = format!("{url}?x=1");
        let basic = format!("Basic {}", base64(&format!("{id}:wrong")));
        let header: &[(&str, &str)] = &[("Authorization", &basic)];
        let cases: Vec<Case<'_>> = vec![
            ("a wrong secret", &url, &[], format!("{form}&client_id={id}&client_secret=x"), (401, "invalid_client")),
            ("a wrong secret in the header", &url, header, form.to_owned(), (401, "invalid_client")),
            (
                "an unknown client",
                &url,
                &[],
                format!("{form}&client_id=x&client_secret={secret}"),
                (401, "invalid_client"),
            ),
            ("another organization", &elsewhere, &[], right.clone(), (401, "invalid_client")),
            ("no organization", &nobody, &[], right.clone(), (401, "invalid_client")),
            ("no name", &no_name, &[], right.clone(), (401, "invalid_client")),
            ("two ways", &url, header, right.clone(), (400, "invalid_request")),
            ("a query", &with_query, &[], right.clone(), (400, "invalid_request")),
            ("a scope", &url, &[], format!("{right}&scope=admin"), (400, "invalid_scope")),
            ("a grant", &url, &[], right.replace("client_credentials", "password"), (400, "unsupported_grant_type")),
            ("a long body", &url, &[], format!("{right}&x={}", "x".repeat(40_000)), (400, "invalid_request")),
            (
                "an assertion",
                &url,
                &[],
                format!(
                    "{form}&client_id={id}&client_assertion_type={JWT_BEARER}&client_assertion={}",
                    sign("k1", &claims())
                ),
                (401, "invalid_client"),
            ),
        ];
        for (name, url, headers, body, expected) in cases {
            let answer = server.form(url, headers, &body);
            assert_eq!(error(&answer), expected, "{name}");
            assert_eq!(answer.headers["cache-control"], "no-store", "{name}");
            assert_eq!(
                answer.headers.contains_key("www-authenticate"),
                !headers.is_empty() && expected.0 == 401,
                "{name}"
            );
        }
        assert_eq!(server.send("GET", &url, &[], None).unwrap().status, 405);
        let list = done(&place, &["list"]);
        assert!(list.contains("never"), "no token was made: {list}");
        assert_eq!(scim(&server, &token(&ask_with_secret(&server, &id, &secret))), 200);
    }
}

#[test]
fn secrets_rotate_without_downtime() {
    for place in databases() {
        let server = acme(&place, &[]);
        let (id, old) = client(&place);
        let printed = done(&place, &["secret", "--client", &id, "--expires-days", "365"]);
        let new = value(&printed, "Client secret").to_owned();
        let by_old = token(&ask_with_secret(&server, &id, &old));
        let by_new = token(&ask_with_secret(&server, &id, &new));
        // The first row has the secret that was created first.
        let list = done(&place, &["list"]);
        let digest = list.lines().nth(1).unwrap().split("  ").filter(|cell| !cell.is_empty()).nth(3).unwrap().trim();
        let said = done(&place, &["secret", "--client", &id, "--delete", digest]);
        assert!(said.contains("is deleted"), "{said}");
        assert_eq!(error(&ask_with_secret(&server, &id, &old)), (401, "invalid_client"));
        eventually("the deleted secret's token ends", || scim(&server, &by_old) == 401);
        assert_eq!(scim(&server, &by_new), 200);
        // An expired secret gets no token; its tokens stay valid until their own expiry.
        place.run("UPDATE oauth_secret SET expires = 1");
        assert_eq!(error(&ask_with_secret(&server, &id, &new)), (401, "invalid_client"));
        assert_eq!(scim(&server, &by_new), 200);
        place.run("UPDATE oauth_token SET expires = 1");
        eventually("an expired token is refused", || scim(&server, &by_new) == 401);
        for wrong in [["secret", "--client", "nobody"], ["revoke", "--client", "nobody"]] {
            assert!(failed(&place, &wrong).contains("no client has the id `nobody`"));
        }
        assert!(failed(&place, &["new", "--organization", "nobody"]).contains("no organization has the name `nobody`"));
        assert!(failed(&place, &["secret", "--client", &id, "--expires-days", "1096"]).contains("1096"));
    }
}

#[test]
fn a_revoked_client_and_an_organization_without_scim_end() {
    for place in databases() {
        let (server, other) = (acme(&place, &[]), acme(&place, &[]));
        let (id, secret) = client(&place);
        let (one, another) =
            (token(&ask_with_secret(&server, &id, &secret)), token(&ask_with_secret(&other, &id, &secret)));
        assert_eq!([scim(&server, &one), scim(&other, &one), scim(&server, &another)], [200; 3], "on both instances");
        let set_scim = |word: &str| run(&["organization", word, "acme", "--store", &place.url]);
        assert_eq!(set_scim("disable").status, Some(0));
        assert_eq!(error(&ask_with_secret(&server, &id, &secret)), (400, "unauthorized_client"));
        eventually("SCIM is off", || scim(&server, &one) == 401);
        assert_eq!(set_scim("enable").status, Some(0));
        assert_eq!([scim(&server, &one), scim(&other, &another)], [200; 2]);
        let start = Instant::now();
        done(&place, &["revoke", "--client", &id]);
        assert_eq!(error(&ask_with_secret(&server, &id, &secret)), (401, "invalid_client"));
        for server in [&server, &other] {
            eventually("the tokens end", || scim(server, &one) == 401 && scim(server, &another) == 401);
        }
        assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
        assert!(failed(&place, &["secret", "--client", &id]).contains("was revoked"));
        assert!(done(&place, &["revoke", "--client", &id]).contains("already"));
        assert!(done(&place, &["list"]).contains("revoked"));
    }
}

/// RFC 7523: only an assertion of the identity provider proves that the caller is the client.
#[test]
fn a_federated_client_gets_tokens_by_assertions() {
    for place in databases() {
        let (server, provider) = (acme(&place, &[]), IdentityProvider::start());
        let id = federated(&place, &provider);
        let assertion = sign("k1", &claims());
        // Entra's assertions have no `jti` and may be repeated.
        for _ in 0..3 {
            let answer = ask_with_assertion(&server, &id, &assertion);
            assert_eq!(answer.status, 200, "{} {}", answer.text, server.log());
            assert_eq!(scim(&server, &token(&answer)), 200);
        }
        assert_eq!(provider.fetches(), 1, "keys are fetched once");
        let with = |name: &str, value: Json| {
            let mut claims = claims();
            claims[name] = value;
            sign("k1", &claims)
        };
        // With `jti` an assertion works once, on all instances together.
        let once = with("jti", json!("unique"));
        let other = acme(&place, &[]);
        let answers = [&server, &other].map(|server| ask_with_assertion(server, &id, &once));
        assert_eq!(answers[0].status, 200);
        assert_eq!(error(&answers[1]), (401, "invalid_client"));
        assert!(answers[1].text.contains("was used before"), "{}", answers[1].text);
        for (name, wrong, detail) in [
            ("iss", json!("https://login.example/t2/v2.0"), "issuer"),
            ("aud", json!("api://other"), "audience"),
            ("sub", json!("another"), "subject"),
            ("exp", json!(1), "expired"),
            ("exp", json!(9_999_999_999_u64), "lifetime"),
        ] {
            let answer = ask_with_assertion(&server, &id, &with(name, wrong));
            assert_eq!(error(&answer), (401, "invalid_client"), "{name}");
            assert!(answer.text.contains(detail), "{name}: {}", answer.text);
        }
        assert_eq!(error(&ask_with_secret(&server, &id, "secret")), (401, "invalid_client"));
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
        assert_eq!(error(&ask_with_assertion(&server, &id, &forged)), (401, "invalid_client"));
    }
}

/// Keys are fetched within bounds of time and size, from the URL itself and at most once a minute.
#[test]
fn keys_are_fetched_within_bounds() {
    let place = sqlite();
    let redirect = IdentityProvider::start();
    let answers = [
        format!("302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", redirect.url),
        format!("200 OK\r\nConnection: close\r\n\r\n{}{}", " ".repeat(300 << 10), keys("k1")),
        "200 OK\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
        "500 Oops\r\nContent-Length: 0\r\n\r\n".to_owned(),
        String::new(),
    ];
    let server = acme(&place, &[]);
    for answer in &answers {
        let provider = IdentityProvider::start();
        provider.answer(answer);
        let id = federated(&place, &provider);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(error(&ask_with_assertion(&server, &id, &sign("k1", &claims()))), (401, "invalid_client"));
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        assert_eq!(provider.fetches(), 1, "{answer:.20}");
    }
    assert_eq!(redirect.fetches(), 0, "no redirect is followed");
    // Unknown keys do not each cause a fetch.
    let provider = IdentityProvider::start();
    let id = federated(&place, &provider);
    for key in ["k1", "k2", "k3", "k4"] {
        let answer = ask_with_assertion(&server, &id, &sign(key, &claims()));
        assert_eq!(answer.status == 200, key == "k1", "{key}");
    }
    assert_eq!(provider.fetches(), 1);
    for url in ["http://login.example/keys", "ftp://127.0.0.1/keys", "https://u:p@login.example/keys", "keys"] {
        let arguments =
            ["new", "--organization", "acme", "--issuer", ISSUER, "--audience", "a", "--subject", "s", "--keys", url];
        assert!(failed(&place, &arguments).contains("expected an https URL"), "{url}");
    }
    // A server with a public URL does not call its own machine.
    let (address, _public) = behind_a_proxy(&place);
    let before = provider.fetches();
    let assertion = format!("client_assertion_type={JWT_BEARER}&client_assertion={}", sign("k1", &claims()));
    let body = format!("grant_type=client_credentials&client_id={id}&{assertion}");
    let answer = server.form(&format!("{address}/scim/acme/oauth/token"), &[], &body);
    assert_eq!((error(&answer), provider.fetches()), ((401, "invalid_client"), before));
}

#[test]
fn failed_attempts_are_limited() {
    let place = sqlite();
    let server = acme(&place, &["--failure-rate", "5"]);
    let (id, secret) = client(&place);
    assert_eq!(ask_with_secret(&server, &id, &secret).status, 200);
    let refused =
        (0..20).map(|n| ask_with_secret(&server, &id, &format!("wrong{n}"))).find(|answer| answer.status == 429);
    let refused = refused.expect("attempts are limited");
    assert!(refused.headers.contains_key("retry-after"), "{}", refused.text);
    // A client whose last secret was valid is not locked out.
    assert_eq!(ask_with_secret(&server, &id, &secret).status, 200);
}

#[test]
fn clients_find_the_endpoint() {
    let place = sqlite();
    let (address, server) = behind_a_proxy(&place);
    let url = format!("{address}/.well-known/oauth-authorization-server/scim/acme");
    let answer = server.send("GET", &url, &[], None).unwrap();
    assert_eq!((answer.status, &answer.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert_eq!(answer.json["issuer"], "https://scim.example/scim/acme");
    assert_eq!(answer.json["token_endpoint"], "https://scim.example/scim/acme/oauth/token");
    let url = format!("{address}/scim/acme/v2/ServiceProviderConfig");
    let config = server.send("GET", &url, &[("Authorization", &format!("Bearer {TOKEN}"))], None).unwrap().json;
    let resource_types: Vec<&str> = config["authenticationSchemes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scheme| scheme["type"].as_str().unwrap())
        .collect();
    assert_eq!(resource_types, ["oauthbearertoken", "oauth2"]);
    // In memory there are no clients.
    let server = acme(&memory(), &[]);
    assert_eq!(ask(&server, "grant_type=client_credentials").status, 404);
    let config = server.request("GET", "/ServiceProviderConfig", None).json;
    assert_eq!(config["authenticationSchemes"].as_array().unwrap().len(), 1);
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}
