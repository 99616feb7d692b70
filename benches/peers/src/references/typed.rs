//! Users as typed structs, for conditions and for the list.

use scim_core_peers::inputs::ENTERPRISE;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) schemas: Vec<String>,
    pub(crate) id: String,
    pub(crate) external_id: Option<String>,
    pub(crate) user_name: String,
    pub(crate) name: Name,
    pub(crate) display_name: Option<String>,
    pub(crate) nick_name: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) user_type: Option<String>,
    pub(crate) preferred_language: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) active: bool,
    pub(crate) emails: Vec<Plural>,
    pub(crate) phone_numbers: Vec<Plural>,
    pub(crate) addresses: Vec<Address>,
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")]
    pub(crate) enterprise: Enterprise,
    pub(crate) meta: Meta,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Name {
    pub(crate) formatted: Option<String>,
    pub(crate) family_name: String,
    pub(crate) given_name: String,
    pub(crate) middle_name: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Plural {
    pub(crate) value: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) primary: Option<bool>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) street_address: String,
    pub(crate) locality: String,
    pub(crate) region: String,
    pub(crate) postal_code: String,
    pub(crate) country: String,
    pub(crate) primary: Option<bool>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Enterprise {
    pub(crate) employee_number: String,
    pub(crate) cost_center: String,
    pub(crate) organization: String,
    pub(crate) division: String,
    pub(crate) department: String,
    pub(crate) manager: Manager,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Manager {
    pub(crate) value: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    pub(crate) created: String,
    pub(crate) last_modified: String,
    pub(crate) location: String,
}

/// The response to the query of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    schemas: [&'static str; 1],
    total_results: usize,
    start_index: usize,
    items_per_page: usize,
    #[serde(rename = "Resources")]
    resources: Vec<Projected<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Projected<'a> {
    schemas: [&'static str; 2],
    id: &'a str,
    user_name: &'a str,
    emails: &'a [Plural],
}

/// The active employees in the order of their names, from the 101st to the 200th, with two attributes.
pub(crate) fn page(users: &[User]) -> Vec<u8> {
    let is_wanted =
        |user: &&User| user.active && user.user_type.as_deref().is_some_and(|own| own.eq_ignore_ascii_case("employee"));
    let mut found: Vec<&User> = users.iter().filter(is_wanted).collect();
    found.sort_by_cached_key(|user| user.user_name.to_lowercase());
    let resources: Vec<Projected<'_>> = found.iter().skip(100).take(100).map(|user| project(user)).collect();
    let page = Page {
        schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        total_results: found.len(),
        start_index: 101,
        items_per_page: resources.len(),
        resources,
    };
    serde_json::to_vec(&page).expect("memory")
}

fn project(user: &User) -> Projected<'_> {
    let User { id, user_name, emails, .. } = user;
    Projected { schemas: ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE], id, user_name, emails }
}
