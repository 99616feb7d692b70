//! Bodies that are expensive to read, whatever their content.

use serde_json::json;

use super::{Expensive, Family, USER};

/// The size of a body, nearly the accepted maximum.
const BYTES: usize = (4 << 20) - (16 << 10);

fn user_with(more: &str) -> Vec<u8> {
    format!("{{\"schemas\":[\"{USER}\"],\"userName\":\"heavy\"{more}}}").into_bytes()
}

fn repeated(part: impl Fn(usize) -> String, separator: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    for n in 0.. {
        let part = part(n);
        if text.len() + part.len() + separator.len() > bytes {
            break;
        }
        if n > 0 {
            text.push_str(separator);
        }
        text.push_str(&part);
    }
    text
}

pub(crate) fn heavy() -> Vec<Family> {
    let mut bodies: Vec<(&'static str, Vec<u8>)> = Vec::new();
    bodies.push(("brackets", vec![b'['; BYTES]));
    bodies.push(("braces", "{\"a\":".repeat(BYTES / 5).into_bytes()));
    let nested = format!("{}1{}", "{\"a\":".repeat(60), "}".repeat(60));
    let many = repeated(|n| format!("\"x{n}\":{nested}"), ",", BYTES);
    bodies.push(("unknown attributes, 60 levels each", user_with(&format!(",{many}"))));
    let many = repeated(|n| format!("\"x{n}\":1"), ",", BYTES);
    bodies.push(("unknown attributes", user_with(&format!(",{many}"))));
    let many = repeated(|n| format!("\"urn:x:{n}:y\":{{}}"), ",", BYTES);
    bodies.push(("unknown URNs", user_with(&format!(",{many}"))));
    bodies.push((
        "one attribute, many times",
        user_with(&format!(",{}", repeated(|_| "\"title\":\"x\"".to_owned(), ",", BYTES))),
    ));
    bodies.push(("a string of 4 MB", user_with(&format!(",\"title\":\"{}\"", "x".repeat(BYTES)))));
    bodies.push((
        "schemas",
        format!("{{\"schemas\":[{}],\"userName\":\"heavy\"}}", repeated(|n| format!("\"urn:{n}\""), ",", BYTES))
            .into_bytes(),
    ));
    for (name, value) in [
        ("escapes", "\\u00e9".repeat(10_000)),
        ("combining marks", "\u{315}\u{300}".repeat(16_000)),
        ("Hangul", "\u{1100}\u{1161}\u{11a8}".repeat(7_000)),
        ("capital letters", "\u{130}\u{1e9e}A".repeat(10_000)),
        ("one letter", "a".repeat(64_000)),
    ] {
        let emails = repeated(|n| format!("{{\"value\":\"{n}{value}\"}}"), ",", BYTES);
        bodies.push((name, user_with(&format!(",\"emails\":[{emails}]"))));
        let same = repeated(|n| format!("{{\"type\":\"{n}\",\"display\":\"{value}\"}}"), ",", BYTES);
        bodies.push((name, user_with(&format!(",\"emails\":[{same}]"))));
        bodies.push((name, format!("{{\"schemas\":[\"{USER}\"],\"userName\":\"{value}\"}}").into_bytes()));
    }
    for (name, element) in [
        (
            "10,000 similar addresses",
            (|n| format!("{{\"locality\":\"{}\",\"region\":\"{}\",\"country\":\"{}\"}}", n % 22, n / 22 % 22, n / 484))
                as fn(usize) -> String,
        ),
        ("10,000 addresses", |n| {
            format!(
                "{{\"streetAddress\":\"{n}\",\"locality\":\"London\",\"country\":\"GB\",\"formatted\":\"{n}{}\"}}",
                "x".repeat(300)
            )
        }),
        ("10,000 equal addresses", |_| "{\"locality\":\"London\"}".to_owned()),
    ] {
        let elements = (0..10_000).map(element).collect::<Vec<_>>().join(",");
        bodies.push((name, user_with(&format!(",\"addresses\":[{elements}]"))));
    }
    let lists = ["emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates"];
    let list = |name: &&str| {
        let elements = (0..6_000).map(|n| match *name {
            "addresses" => format!("{{\"locality\":\"{n}\"}}"),
            "photos" => format!("{{\"value\":\"https://e.example/{n}\"}}"),
            "x509Certificates" => format!("{{\"value\":\"{}\"}}", format!("{n:08}").replace(' ', "A")),
            _ => format!("{{\"value\":\"{n}\",\"display\":\"{n}\",\"type\":\"{n}\"}}"),
        });
        format!("\"{name}\":[{}]", elements.collect::<Vec<_>>().join(","))
    };
    let lists = lists.iter().map(list).collect::<Vec<_>>().join(",");
    bodies.push(("eight lists of 6,000", user_with(&format!(",{lists}"))));
    let mut families: Vec<Family> = bodies
        .into_iter()
        .map(|(name, body)| {
            let name = format!("POST of {} kB: {name}", body.len() >> 10);
            Family::one(move || Expensive::send(name.clone(), "POST", "/Users", body.clone()))
        })
        .collect();
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
        families.push(Family::one(move || Expensive::get(format!("GET {path}"), path)));
    }
    families.push(Family::one(|| {
        let ids: Vec<String> = (0..100).map(|n| format!("emails.{}", "x".repeat(n))).collect();
        let target = format!("/Users?count=1000&attributes={}", ids.join(","));
        Expensive::get("GET with 100 attributes", target)
    }));
    families.push(Family::one(|| {
        let filter = "(".repeat(60_000);
        let search = json!({"filter": filter});
        Expensive::send("60,000 parentheses", "POST", "/Users/.search", search.to_string())
    }));
    families
}
