//! The organizations whose requests are measured.

use serde_json::{Value as Json, json};

use super::{BULK, ENTERPRISE, GROUP, USER, bulk};
use crate::process::Server;

/// The size of an organization.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) users: usize,
    /// The members of each large group, at most the number of users.
    pub(crate) members: usize,
    pub(crate) groups: usize,
}

/// The resources that requests name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Organization {
    pub(crate) users: Vec<String>,
    pub(crate) groups: Vec<String>,
    /// A user with the maximal number of e-mail addresses.
    pub(crate) wide: String,
    /// A user with 60 e-mail addresses of 60 kB.
    pub(crate) long: String,
}

/// A user of a large directory.
pub(crate) fn user(n: usize) -> Json {
    let (given, family) = (format!("Given{}", n % 97), format!("Family{}", n % 1_009));
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": format!("user{n}@example.com"),
        "externalId": format!("directory-{n}"),
        "name": {"formatted": format!("{given} {family}"), "givenName": given, "familyName": family},
        "displayName": format!("{given} {family}"),
        "title": format!("Engineer, grade {}", n % 12),
        "userType": if n % 7 < 4 { "Employee" } else { "Contractor" },
        "active": !n.is_multiple_of(10),
        "emails": [
            {"value": format!("user{n}@example.com"), "type": "work", "primary": true},
            {"value": format!("user{n}@home.example"), "type": "home"},
        ],
        "phoneNumbers": [
            {"value": format!("tel:+44-20-7946-{:04}", n % 10_000), "type": "work"},
            {"value": format!("tel:+44-7700-900{:03}", n % 1_000), "type": "mobile"},
        ],
        "addresses": [{
            "type": "work", "locality": "London", "postalCode": "EC1A 1BB", "country": "GB",
            "streetAddress": format!("{} Example Street", n % 200 + 1),
            "formatted": format!("{} Example Street, London EC1A 1BB", n % 200 + 1),
        }],
        ENTERPRISE: {
            "employeeNumber": format!("{n:06}"), "costCenter": format!("{:04}", n % 50),
            "organization": "Example plc", "department": format!("Department {}", n % 40),
        },
    })
}

/// Members of a group: the users from `first` on, in a cycle.
pub(crate) fn members(users: &[String], first: usize, count: usize) -> Vec<Json> {
    users.iter().cycle().skip(first).take(count).map(|id| json!({"value": id})).collect()
}

/// A user with 60 e-mail addresses of 60 kB.
pub(crate) fn long_user(n: usize) -> Json {
    let email = |e: usize| json!({"value": format!("{n}.{e}.{}", "a".repeat(60_000)), "type": format!("t{e}")});
    json!({"schemas": [USER], "userName": format!("long{n}"), "emails": (0..60).map(email).collect::<Vec<_>>()})
}

/// A user with many short e-mail addresses.
pub(crate) fn wide_user(name: &str, emails: usize) -> Json {
    let email = |e: usize| json!({"value": format!("{e}@example.com"), "type": format!("t{e}")});
    json!({"schemas": [USER], "userName": name, "emails": (0..emails).map(email).collect::<Vec<_>>()})
}

pub(crate) fn create(server: &Server, path: &str, resource: &Json) -> String {
    let made = server.request("POST", path, Some(resource));
    assert_eq!(made.status, 201, "{path}: {}", &made.text[..made.text.len().min(500)]);
    made.json["id"].as_str().unwrap().to_owned()
}

/// Creates users by bulk requests of 1,000.
pub(crate) fn create_users(server: &Server, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    for start in (0..count).step_by(1_000) {
        let numbers = start..(start + 1_000).min(count);
        let operations: Vec<Json> = numbers
            .map(|n| json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": user(n)}))
            .collect();
        let made = server.request("POST", "/Bulk", Some(&bulk(&operations)));
        assert_eq!(made.status, 200, "{BULK}: {}", &made.text[..made.text.len().min(500)]);
        for operation in made.json["Operations"].as_array().unwrap() {
            let location = operation["location"].as_str().unwrap_or_else(|| panic!("{operation}"));
            ids.push(location.rsplit('/').next().unwrap().to_owned());
        }
    }
    ids
}

/// Many users, and groups that contain all of them.
pub(crate) fn fill_many(server: &Server, size: Size, users: Vec<String>) -> Organization {
    let group = |n: usize| {
        let members = members(&users, n, size.members);
        let group = json!({"schemas": [GROUP], "displayName": format!("Group {n}"), "members": members});
        create(server, "/Groups", &group)
    };
    let groups = (0..size.groups).map(group).collect();
    let wide = create(server, "/Users", &wide_user("wide", size.members));
    let long = create(server, "/Users", &long_user(0));
    Organization { users, groups, wide, long }
}

/// Few users, each as large as a request allows, and large groups.
pub(crate) fn fill_large(server: &Server, size: Size, users: Vec<String>) -> Organization {
    let large = (0..size.groups).map(|n| create(server, "/Users", &long_user(n))).collect::<Vec<_>>();
    let wide = (0..size.groups)
        .map(|n| create(server, "/Users", &wide_user(&format!("wide{n}"), size.members)))
        .collect::<Vec<_>>();
    let groups = (0..size.groups)
        .map(|n| {
            let members = members(&users, n, size.members);
            create(server, "/Groups", &json!({"schemas": [GROUP], "displayName": format!("G {n}"), "members": members}))
        })
        .collect();
    Organization { users, groups, wide: wide[0].clone(), long: large[0].clone() }
}
