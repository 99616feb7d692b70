//! The other crates, as far as each can do the work. Each function returns `None` where the crate refuses the input.

use serde_json::Value;

/// A crate that parses filters.
pub(crate) struct Parser {
    pub(crate) name: &'static str,
    /// Parses and drops a filter. Returns whether the crate accepts the filter.
    pub(crate) parse: fn(&str) -> bool,
}

/// The crates that parse filters.
pub(crate) const PARSERS: &[Parser] = &[
    Parser { name: "scim_proto", parse: |text| text.parse::<scim_proto::filter::ScimFilter>().is_ok() },
    Parser { name: "scim_v2", parse: |text| text.parse::<scim_v2::filter::Filter>().is_ok() },
    Parser {
        name: "scim-filter",
        parse: |text| scim_filter::parser::filter(text).is_ok_and(|(rest, _)| rest.is_empty()),
    },
];

/// The name of the crate that evaluates filters.
pub(crate) const EVALUATOR: &str = "scim-filter";

/// The number of users for which a filter holds.
pub(crate) fn evaluate(filter: &str, users: &[Value]) -> Option<usize> {
    let (_, filter) = scim_filter::parser::filter(filter).ok().filter(|(rest, _)| rest.is_empty())?;
    let mut found = 0;
    for user in users {
        found += usize::from(filter.r#match(user).ok()?);
    }
    Some(found)
}

/// The name of the crate that reads a new user.
pub(crate) const READER: &str = "scim_v2";

/// Reads and checks the request body of a new user, and writes the user.
pub(crate) fn create(body: &str) -> Option<Vec<u8>> {
    use scim_v2::{CreateRequest, Strict, models::user::User};

    let user: Strict<User<String>, CreateRequest> = serde_json::from_str(body).ok()?;
    serde_json::to_vec(&user.into_valid()).ok()
}
