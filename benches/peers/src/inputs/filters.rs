//! Twelve filters: those that identity providers send, the examples of RFC 7644 §3.4.2.2, and three long ones.

use super::ENTERPRISE;

/// A filter to parse.
#[derive(Debug)]
pub struct FilterInput {
    /// The name of the filter's line in the report.
    pub name: &'static str,
    /// The filter.
    pub text: String,
    /// The number of comparisons and presence tests in the filter.
    pub terms: usize,
}

/// The twelve filters.
pub fn filters() -> Vec<FilterInput> {
    let filter = |name, text: &str, terms| FilterInput { name, text: text.to_owned(), terms };
    let extension = format!(r#"{ENTERPRISE}:department eq "Tour Operations" and {ENTERPRISE}:employeeNumber sw "70""#);
    vec![
        filter("parse/simple", r#"userName eq "bjensen""#, 1),
        filter("parse/boolean", "active eq true", 1),
        filter("parse/present", "title pr", 1),
        filter("parse/sub-attribute", r#"name.familyName co "O'Malley""#, 1),
        filter(
            "parse/and",
            r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
            3,
        ),
        filter(
            "parse/not",
            r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
            3,
        ),
        filter(
            "parse/value-path",
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
            4,
        ),
        filter("parse/date", r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, 1),
        filter("parse/extension", &extension, 2),
        filter("parse/500-terms", &names(500), 500),
        filter("parse/50-levels", &nested(50), 51),
        filter("parse/100-value-paths", &value_paths(100), 200),
    ]
}

/// Comparisons of `userName`, joined by `or`.
fn names(count: usize) -> String {
    let terms: Vec<String> = (0..count).map(|n| format!(r#"userName eq "user{n:04}@example.com""#)).collect();
    terms.join(" or ")
}

/// Parentheses in parentheses. `and` and `or` alternate, so that every second pair is necessary.
fn nested(levels: usize) -> String {
    (0..levels).fold(r#"userName eq "b""#.to_owned(), |inner, level| {
        let operator = if level % 2 == 0 { "or" } else { "and" };
        format!("({inner}) {operator} title pr")
    })
}

fn value_paths(count: usize) -> String {
    let path = |n| format!(r#"emails[type eq "work" and value co "user{n:03}@example.com"]"#);
    (0..count).map(path).collect::<Vec<_>>().join(" or ")
}
