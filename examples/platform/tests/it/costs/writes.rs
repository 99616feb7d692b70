//! Writes: patches, replacements and bulk requests. Each names resources of the organization and keeps them.

use serde_json::{Value as Json, json};

use super::{
    Expensive, Family, GROUP, Organization, USER, bulk, patch,
    population::{members, user, wide_user},
};

fn patch_of(name: String, path: &str, operations: &[Json]) -> Expensive {
    Expensive::send(name, "PATCH", path, patch(operations).to_string())
}

fn bulk_of(name: String, operations: &[Json]) -> Expensive {
    Expensive::send(name, "POST", "/Bulk", bulk(operations).to_string())
}

/// The operations with the numbers up to `count`.
fn numbered(count: usize, operation: impl Fn(usize) -> Json) -> Vec<Json> {
    (0..count).map(operation).collect()
}

/// Families of patches of at most 1,000 operations, and of replacements.
#[expect(clippy::too_many_lines, reason = "a list of shapes")]
pub(crate) fn single_writes(organization: &Organization, size: usize) -> Vec<Family> {
    let Organization { users, groups, wide, long } = organization.clone();
    let (plain, wide, long) = (format!("/Users/{}", users[1]), format!("/Users/{wide}"), format!("/Users/{long}"));
    let group = format!("/Groups/{}", groups[0]);
    let mut families = Vec::new();
    let mut patches = |name: &'static str, path: &str, most: usize, operation: fn(usize) -> Json| {
        let path = path.to_owned();
        families.push(Family::halving(most, move |count| {
            patch_of(format!("PATCH {count} × {name}"), &path, &numbered(count, operation))
        }));
    };
    let a = "a".repeat(59_000);
    patches(
        "remove emails[value co …] of 60 kB",
        &long,
        1_000,
        |n| json!({"op": "remove", "path": format!("emails[value co \"{}b{n}\"]", "a".repeat(900))}),
    );
    patches(
        "remove emails[value ew …] of 60 kB",
        &long,
        1_000,
        |n| json!({"op": "remove", "path": format!("emails[value ew \"{}{n}b\"]", "a".repeat(900))}),
    );
    patches(
        "replace emails[type eq …].value of 60 kB",
        &long,
        60,
        |n| json!({"op": "replace", "path": format!("emails[type eq \"t{n}\"].value"), "value": format!("{n}.{}", "b".repeat(50_000))}),
    );
    patches(
        "replace title of a user of 3.6 MB",
        &long,
        1_000,
        |n| json!({"op": "replace", "path": "title", "value": format!("Title {n}")}),
    );
    patches(
        "remove emails[value co …], many",
        &wide,
        1_000,
        |n| json!({"op": "remove", "path": format!("emails[value co \"absent{n}\"]")}),
    );
    patches(
        "replace emails[type eq …].display, many",
        &wide,
        1_000,
        |n| json!({"op": "replace", "path": format!("emails[type eq \"t{n}\"].display"), "value": format!("Display {n}")}),
    );
    patches(
        "replace emails[value pr].display, many",
        &wide,
        1_000,
        |n| json!({"op": "replace", "path": "emails[value pr].display", "value": format!("Display {n}")}),
    );
    patches(
        "add an e-mail, many",
        &wide,
        1_000,
        |n| json!({"op": "add", "path": "emails", "value": [{"value": format!("{n}@example.org"), "type": "t1"}]}),
    );
    patches(
        "add a primary e-mail, many",
        &wide,
        1_000,
        |n| json!({"op": "add", "path": "emails", "value": [{"value": format!("{n}@p.example"), "primary": true}]}),
    );
    patches(
        "replace title of a wide user",
        &wide,
        1_000,
        |n| json!({"op": "replace", "path": "title", "value": format!("Title {n}")}),
    );
    patches("replace without a path", &plain, 1_000, |n| {
        let mut value = user(n);
        value.as_object_mut().unwrap().remove("userName");
        json!({"op": "replace", "value": value})
    });
    patches(
        "replace name.formatted by 4 kB",
        &plain,
        1_000,
        |n| json!({"op": "replace", "path": "name.formatted", "value": format!("{n}{}", "\u{e9}".repeat(2_000))}),
    );
    patches("a path of 1,000 bytes", &plain, 1_000, |n| {
        let terms = (0..25).map(|term| format!("value co \"absent{term}.{n}\"")).collect::<Vec<_>>().join(" or ");
        json!({"op": "remove", "path": format!("emails[{terms}]")})
    });
    patches(
        "remove members[value co …]",
        &group,
        1_000,
        |n| json!({"op": "remove", "path": format!("members[value co \"absent{n}\"]")}),
    );
    patches(
        "remove members[type eq …]",
        &group,
        1_000,
        |n| json!({"op": "remove", "path": format!("members[type eq \"Group\" and value ew \"absent{n}\"]")}),
    );
    patches(
        "replace members[value eq …].type",
        &group,
        1_000,
        |n| json!({"op": "replace", "path": format!("members[value eq \"absent{n}\"].type"), "value": "User"}),
    );
    patches(
        "replace displayName and read members",
        &group,
        500,
        |n| json!({"op": "replace", "value": {"displayName": format!("Group {n}"), "externalId": format!("{n}")}}),
    );
    drop(a);
    // Lists whose elements share their parts: every element must be distinguished from similar elements.
    for parts in ["shared", "distinct"] {
        let path = plain.clone();
        families.push(Family::halving(10_000, move |count| {
            let address = |n: usize| match parts {
                "shared" => json!({"streetAddress": format!("{}", n % 100), "locality": format!("{}", n / 100), "country": "GB"}),
                _ => json!({"streetAddress": format!("{n} Example Street"), "locality": "London", "country": "GB"}),
            };
            let operation = json!({"op": "add", "path": "addresses", "value": numbered(count, address)});
            patch_of(format!("PATCH add of {count} addresses, {parts} parts"), &path, &[operation])
        }));
        let path = plain.clone();
        families.push(Family::halving(10_000, move |count| {
            let address = |n: usize| match parts {
                "shared" => json!({"streetAddress": format!("{}", n % 100), "locality": format!("{}", n / 100), "country": "DE"}),
                _ => json!({"streetAddress": format!("{n} Street"), "locality": "Berlin", "country": "DE"}),
            };
            let one = |n: usize| json!({"op": "add", "path": "addresses", "value": [address(n)]});
            let count = count.min(1_000);
            patch_of(format!("PATCH {count} × add of an address, {parts} parts"), &path, &numbered(count, one))
        }));
        let path = plain.clone();
        families.push(Family::halving(10_000, move |count| {
            let address = |n: usize| json!({"streetAddress": format!("{n}{parts}"), "locality": format!("{}", n % 7)});
            let operation = json!({"op": "replace", "path": "addresses", "value": numbered(count, address)});
            patch_of(format!("PATCH replace of {count} addresses, {parts}"), &path, &[operation])
        }));
    }
    for (verb, first) in [("replace", 17), ("add", 29), ("remove", 1)] {
        let (path, ids) = (group.clone(), users.clone());
        families.push(Family::halving(size, move |count| {
            let operation = json!({"op": verb, "path": "members", "value": members(&ids, first, count)});
            patch_of(format!("PATCH {verb} of {count} members"), &path, &[operation])
        }));
        let (path, ids) = (group.clone(), users.clone());
        families.push(Family::halving(1_000, move |count| {
            let one = |n: usize| json!({"op": verb, "path": "members", "value": members(&ids, first + n * 10, 10)});
            patch_of(format!("PATCH {count} × {verb} of 10 members"), &path, &numbered(count, one))
        }));
    }
    let (path, ids) = (group.clone(), users.clone());
    families.push(Family::halving(1_000, move |count| {
        let one = |n: usize| json!({"op": "remove", "path": format!("members[value eq \"{}\"]", ids[n % ids.len()])});
        patch_of(format!("PATCH {count} × remove members[value eq …]"), &path, &numbered(count, one))
    }));
    for first in [0, 3] {
        let (path, ids) = (group.clone(), users.clone());
        families.push(Family::halving(size, move |count| {
            let body = json!({"schemas": [GROUP], "displayName": "Put", "members": members(&ids, first, count)});
            Expensive::send(format!("PUT of {count} members, from {first}"), "PUT", path.clone(), body.to_string())
        }));
        let path = wide.clone();
        families.push(Family::halving(size, move |count| {
            let mut body = wide_user("wide", count);
            body["title"] = json!(first.to_string());
            Expensive::send(format!("PUT of {count} e-mails, {first}"), "PUT", path.clone(), body.to_string())
        }));
    }
    families
}

/// Families of bulk requests of at most 1,000 operations.
#[expect(clippy::too_many_lines, reason = "a list of shapes")]
pub(crate) fn bulk_writes(organization: &Organization) -> Vec<Family> {
    let Organization { users, groups, wide, long } = organization.clone();
    let mut families = Vec::new();
    let mut bulks = |name: &'static str, path: String, operation: fn(usize) -> Json| {
        families.push(Family::halving(1_000, move |count| {
            let one = |n| json!({"method": "PATCH", "path": path, "data": patch(&[operation(n)])});
            bulk_of(format!("bulk {count} × {name}"), &numbered(count, one))
        }));
    };
    bulks(
        "rename a large group",
        format!("/Groups/{}", groups[0]),
        |n| json!({"op": "replace", "path": "displayName", "value": format!("Group {n}")}),
    );
    bulks(
        "rename a large group, without a path",
        format!("/Groups/{}", groups[0]),
        |n| json!({"op": "replace", "value": {"displayName": format!("Group {n}")}}),
    );
    bulks(
        "remove members[type eq …]",
        format!("/Groups/{}", groups[1 % groups.len()]),
        |n| json!({"op": "remove", "path": format!("members[type eq \"Group\" and value ew \"absent{n}\"]")}),
    );
    bulks(
        "rename a wide user",
        format!("/Users/{wide}"),
        |n| json!({"op": "replace", "path": "title", "value": format!("Title {n}")}),
    );
    bulks(
        "rename a user of 3.6 MB",
        format!("/Users/{long}"),
        |n| json!({"op": "replace", "path": "title", "value": format!("Title {n}")}),
    );
    bulks(
        "remove emails[value co …] of a wide user",
        format!("/Users/{wide}"),
        |n| json!({"op": "remove", "path": format!("emails[value co \"absent{n}\"]")}),
    );
    bulks(
        "remove emails[value co …] of 60 kB",
        format!("/Users/{long}"),
        |n| json!({"op": "remove", "path": format!("emails[value co \"{}b{n}\"]", "a".repeat(900))}),
    );
    bulks(
        "rename a user",
        format!("/Users/{}", users[2]),
        |n| json!({"op": "replace", "path": "title", "value": format!("Title {n}")}),
    );
    for (verb, of) in [("add", 5), ("remove", 5)] {
        let (users, path) = (users.clone(), format!("/Groups/{}", groups[0]));
        families.push(Family::halving(1_000, move |count| {
            let one = |n: usize| {
                let operation = json!({"op": verb, "path": "members", "value": members(&users, n * of, of)});
                json!({"method": "PATCH", "path": path, "data": patch(&[operation])})
            };
            bulk_of(format!("bulk {count} × {verb} {of} members of a large group"), &numbered(count, one))
        }));
    }
    {
        let users = users.clone();
        families.push(Family::halving(1_000, move |count| {
            let one = |n: usize| {
                let operation = json!({"op": "replace", "path": "title", "value": format!("Title {n}")});
                json!({"method": "PATCH", "path": format!("/Users/{}", users[n % users.len()]), "data": patch(&[operation])})
            };
            bulk_of(format!("bulk {count} × rename another user"), &numbered(count, one))
        }));
    }
    let post = |n: usize, kind: &str, data: Json| json!({"method": "POST", "path": kind, "bulkId": format!("b{n}"), "data": data});
    families.push(Family::halving(1_000, move |count| {
        let one = |n: usize| {
            let mut user = user(n);
            user["userName"] = json!(format!("bulk{count}.{n}"));
            post(n, "/Users", user)
        };
        bulk_of(format!("bulk {count} × create a user"), &numbered(count, one))
    }));
    {
        let users = users.clone();
        families.push(Family::halving(1_000, move |count| {
            let one = |n: usize| {
                let group =
                    json!({"schemas": [GROUP], "displayName": format!("B {n}"), "members": members(&users, n, 60)});
                post(n, "/Groups", group)
            };
            bulk_of(format!("bulk {count} × create a group of 60"), &numbered(count, one))
        }));
    }
    for shape in ["chain", "backward chain", "circle", "one group of all", "each group of all"] {
        families.push(Family::halving(1_000, move |count| {
            let count = count.max(2);
            let reference = |n: usize| json!({"value": format!("bulkId:b{n}")});
            let one = |n: usize| {
                let members: Vec<Json> = match shape {
                    "chain" if n + 1 < count => vec![reference(n + 1)],
                    "backward chain" if n > 0 => vec![reference(n - 1)],
                    "circle" => vec![reference((n + 1) % count)],
                    "one group of all" if n == 0 => (1..count).map(reference).collect(),
                    "each group of all" => (0..count.min(90)).map(|m| reference((n + m + 1) % count)).collect(),
                    _ => Vec::new(),
                };
                post(n, "/Groups", json!({"schemas": [GROUP], "displayName": format!("B {n}"), "members": members}))
            };
            bulk_of(format!("bulk {count} × create, {shape}"), &numbered(count, one))
        }));
    }
    // Deletions come last, because their resources no longer exist afterwards.
    let gone: Vec<String> = users.iter().rev().take(1_000).cloned().collect();
    families.push(Family::one(move || {
        let one = |id: &String| json!({"method": "DELETE", "path": format!("/Users/{id}")});
        bulk_of(
            format!("bulk {} × delete a member of every group", gone.len()),
            &gone.iter().map(one).collect::<Vec<_>>(),
        )
    }));
    let gone: Vec<String> = groups.iter().skip(2).cloned().collect();
    families.push(Family::one(move || {
        let one = |id: &String| json!({"method": "DELETE", "path": format!("/Groups/{id}")});
        bulk_of(format!("bulk {} × delete a large group", gone.len()), &gone.iter().map(one).collect::<Vec<_>>())
    }));
    families.push(Family::one(move || {
        let user = json!({"schemas": [USER], "userName": "last", "emails": [{"value": "last@example.com"}]});
        bulk_of("bulk 1 × create".to_owned(), &[post(0, "/Users", user)])
    }));
    families
}
