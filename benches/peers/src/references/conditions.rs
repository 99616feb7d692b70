//! Six conditions on users, each as a filter, as a closure over `serde_json::Value`, and as a closure over typed
//! structs. The closures compare ASCII letters without regard to case, and no others.

use scim_core_peers::inputs::ENTERPRISE;
use serde_json::Value;

use super::typed::{Plural, User};

/// A condition.
pub(crate) struct Condition {
    /// The name of its line in the report.
    pub(crate) name: &'static str,
    pub(crate) filter: String,
    pub(crate) value: fn(&Value) -> bool,
    pub(crate) typed: fn(&User) -> bool,
}

/// The `userName` of the first condition, which one of 10,000 users has.
const NAME: &str = "908.user05000@example.com";

fn is(value: &Value, text: &str) -> bool {
    value.as_str().is_some_and(|own| own.eq_ignore_ascii_case(text))
}

fn contains(own: &str, text: &str) -> bool {
    own.to_ascii_lowercase().contains(text)
}

fn starts_with(own: &str, text: &str) -> bool {
    own.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
}

fn any_email(user: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    user["emails"].as_array().is_some_and(|emails| emails.iter().any(holds))
}

fn has(email: &Value, kind: &str, text: &str) -> bool {
    is(&email["type"], kind) && email["value"].as_str().is_some_and(|own| contains(own, text))
}

fn typed_has(email: &Plural, kind: &str, text: &str) -> bool {
    email.kind.eq_ignore_ascii_case(kind) && contains(&email.value, text)
}

/// The six conditions.
pub(crate) fn conditions() -> Vec<Condition> {
    vec![
        Condition {
            name: "evaluate/user-name",
            filter: r#"userName eq "908.USER05000@example.com""#.to_owned(),
            value: |user| is(&user["userName"], NAME),
            typed: |user| user.user_name.eq_ignore_ascii_case(NAME),
        },
        Condition {
            name: "evaluate/active",
            filter: r#"active eq true and userName sw "a""#.to_owned(),
            value: |user| user["active"] == true && user["userName"].as_str().is_some_and(|own| starts_with(own, "a")),
            typed: |user| user.active && starts_with(&user.user_name, "a"),
        },
        Condition {
            name: "evaluate/value-path",
            filter: r#"emails[type eq "home" and value co "5@home"]"#.to_owned(),
            value: |user| any_email(user, |email| has(email, "home", "5@home")),
            typed: |user| user.emails.iter().any(|email| typed_has(email, "home", "5@home")),
        },
        Condition {
            name: "evaluate/date",
            filter: r#"meta.lastModified gt "2025-07-01T00:00:00Z""#.to_owned(),
            // All times have the same form, so that the order of the texts is the order of the times.
            value: |user| user["meta"]["lastModified"].as_str().is_some_and(|own| own > "2025-07-01T00:00:00Z"),
            typed: |user| user.meta.last_modified.as_str() > "2025-07-01T00:00:00Z",
        },
        Condition {
            name: "evaluate/extension",
            filter: format!(r#"{ENTERPRISE}:department eq "sales""#),
            value: |user| is(&user[ENTERPRISE]["department"], "sales"),
            typed: |user| user.enterprise.department.eq_ignore_ascii_case("sales"),
        },
        Condition {
            name: "evaluate/mixed",
            filter: r#"(emails[type eq "work" and value co "7@"] or not (userType eq "employee")) and name.familyName ne "jensen""#
                .to_owned(),
            value: |user| {
                (any_email(user, |email| has(email, "work", "7@")) || !is(&user["userType"], "employee"))
                    && !is(&user["name"]["familyName"], "jensen")
            },
            typed: |user| {
                let is_employee = user.user_type.as_deref().is_some_and(|own| own.eq_ignore_ascii_case("employee"));
                (user.emails.iter().any(|email| typed_has(email, "work", "7@")) || !is_employee)
                    && !user.name.family_name.eq_ignore_ascii_case("jensen")
            },
        },
    ]
}
