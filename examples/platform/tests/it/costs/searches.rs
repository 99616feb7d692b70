//! Searches: filters of the maximal number of terms, odd orders, deep pages, and large answers.

use serde_json::{Value as Json, json};

use super::{ENTERPRISE, Expensive, Family, Organization, SEARCH};

/// Terms of a filter on users; `#` is a number that no other term has.
fn user_terms() -> Vec<String> {
    let text = [
        "userName",
        "externalId",
        "id",
        "displayName",
        "title",
        "name.familyName",
        "emails.value",
        "emails.type",
        "phoneNumbers.value",
        "addresses.streetAddress",
        "addresses.formatted",
        "meta.location",
        "meta.resourceType",
        "schemas",
        "groups.display",
        "groups.value",
    ];
    let mut terms: Vec<String> = Vec::new();
    for attribute in text {
        for operator in ["co", "sw", "ew", "eq", "ne", "gt"] {
            terms.push(format!("{attribute} {operator} \"#zz\""));
        }
        terms.push(format!("not ({attribute} pr) and {attribute} co \"#zz\""));
    }
    for term in [
        "active eq false and title eq \"#\"",
        "active ne true and title co \"#\"",
        "meta.lastModified lt \"2001-01-01T00:00:#Z\"",
        "meta.created lt \"2001-01-01T00:00:#Z\"",
        "meta.lastModified gt \"2101-01-01T00:00:#Z\"",
        "emails[type eq \"work\" and value co \"#zz\"]",
        "emails[not (value co \"example\") and value co \"#zz\"]",
        "emails[type eq \"home\" and not (value co \"a\" or value co \"#zz\")]",
        "addresses[country eq \"GB\" and locality eq \"London\" and streetAddress co \"#zz\"]",
        "groups[display co \"#zz\"]",
        "groups[type eq \"direct\" and display ew \"#zz\"]",
        "not (groups.display pr or title eq \"#\")",
        "not (emails.value co \"user\" or title eq \"#\")",
        "emails.primary eq false and title eq \"#\"",
    ] {
        terms.push(term.to_owned());
    }
    for attribute in ["department", "employeeNumber", "costCenter", "manager.value"] {
        for operator in ["co", "eq"] {
            terms.push(format!("{ENTERPRISE}:{attribute} {operator} \"#zz\""));
        }
    }
    terms
}

fn group_terms() -> Vec<String> {
    [
        "displayName co \"#zz\"",
        "displayName ew \"#zz\"",
        "members.value eq \"#\"",
        "members.value co \"#zz\"",
        "members.value sw \"#zz\"",
        "members.value ew \"#zz\"",
        "members.value gt \"zzz#\"",
        "not (members.value ne \"#\")",
        "members eq \"#\"",
        "members[value eq \"#\"]",
        "members[value co \"#zz\"]",
        "members[type eq \"User\" and value co \"#zz\"]",
        "members[not (value sw \"#\") and type eq \"Group\"]",
        "members.type eq \"Group\" and displayName eq \"#\"",
        "members.$ref co \"#zz\"",
        "members.$ref ew \"#zz\"",
        "not (members pr or displayName eq \"#\")",
        "meta.lastModified lt \"2001-01-01T00:00:#Z\"",
    ]
    .map(str::to_owned)
    .into()
}

fn root_terms() -> Vec<String> {
    [
        "displayName co \"#zz\"",
        "emails.value co \"#zz\"",
        "members.value co \"#zz\"",
        "groups.display co \"#zz\"",
        "meta.location ew \"#zz\"",
        "userName ew \"#zz\" or displayName ew \"#zz\"",
    ]
    .map(str::to_owned)
    .into()
}

/// As many terms as a filter may have.
fn filter_of(term: &str, terms: usize) -> String {
    const BYTES: usize = 63 << 10;
    let mut filter = String::new();
    for n in 0..terms {
        // Two digits fit a time as well.
        let number = if term.contains(":#Z") { format!("{:02}.{n:03}", n % 60) } else { n.to_string() };
        let term = term.replace('#', &number);
        if filter.len() + term.len() + 8 > BYTES {
            break;
        }
        if n > 0 {
            filter.push_str(" or ");
        }
        filter.push('(');
        filter.push_str(&term);
        filter.push(')');
    }
    filter
}

fn search(name: String, path: &str, more: Json) -> Expensive {
    let mut search = more;
    search["schemas"] = json!([SEARCH]);
    Expensive::send(name, "POST", format!("{path}/.search"), search.to_string())
}

/// Filters that no resource satisfies, so that every term is evaluated for each.
pub(crate) fn searches() -> Vec<Family> {
    let mut families = Vec::new();
    for (path, terms) in [("/Users", user_terms()), ("/Groups", group_terms()), ("", root_terms())] {
        for term in terms {
            let inner = 1 + term.matches(" and ").count() + term.matches(" or ").count();
            families.push(Family::halving(1_024 / inner, move |terms| {
                let filter = filter_of(&term, terms);
                search(format!("{path}/.search {terms} × {term}"), path, json!({"filter": filter, "count": 10}))
            }));
        }
    }
    // Sorted by an attribute without an index, and read to the end of the list.
    for term in ["emails.value co \"#zz\"", "groups.display co \"#zz\"", "title co \"#zz\""] {
        families.push(Family::halving(1_024, move |terms| {
            let filter = format!("userName pr or {}", filter_of(term, terms - 1).trim_end_matches(" or "));
            let filter = if terms == 1 { "userName pr".to_owned() } else { filter };
            let more = json!({"filter": filter, "sortBy": "addresses.formatted", "startIndex": 9_001, "count": 1_000});
            search(format!("/Users/.search sorted, deep, {terms} × {term}"), "/Users", more)
        }));
        families.push(Family::halving(1_024, move |terms| {
            let more = json!({"filter": filter_of(term, terms), "cursor": "", "count": 1_000});
            search(format!("/Users/.search cursor, {terms} × {term}"), "/Users", more)
        }));
    }
    // The index finds every resource, and the other terms are evaluated for each.
    for found in [
        "userName sw \"user\"",
        "userName gt \"\"",
        "id gt \"\"",
        "meta.lastModified gt \"2001-01-01T00:00:00Z\"",
        "userType eq \"Employee\"",
        "emails.type eq \"work\"",
        "emails[type eq \"work\"]",
        "(userName eq \"user1@example.com\" or userName sw \"user\")",
    ] {
        for term in ["emails.value co \"#zz\"", "title co \"#zz\"", "groups.display co \"#zz\""] {
            families.push(Family::halving(1_023, move |terms| {
                let filter = format!("{found} and ({})", filter_of(term, terms));
                let more = json!({"filter": filter, "sortBy": "displayName", "count": 10});
                search(format!("/Users/.search {found} and {terms} × {term}"), "/Users", more)
            }));
        }
    }
    // The maximal number of look-ups and of ranges of an index.
    for term in [
        "id eq \"#\"",
        "userName eq \"user#@example.com\"",
        "externalId eq \"directory-#\"",
        "emails.value eq \"user#@example.com\"",
        "emails[type eq \"work\" and value eq \"user#@example.com\"]",
        "userType eq \"Employee\"",
        "title eq \"Engineer, grade 3\"",
        "emails.type eq \"work\"",
        "userName sw \"user\"",
        "userName gt \"u#\"",
        "meta.lastModified gt \"2001-01-01T00:00:#Z\"",
        "(userName sw \"user\" and emails.value co \"#zz\")",
        "emails[type eq \"work\" and (value co \"#zz\" or display co \"#\")]",
    ] {
        for more in [json!({}), json!({"sortBy": "title", "count": 1_000}), json!({"cursor": "", "count": 1_000})] {
            let inner = 1 + term.matches(" and ").count() + term.matches(" or ").count();
            families.push(Family::halving(1_024 / inner, move |terms| {
                let mut search_for = json!({"filter": filter_of(term, terms)});
                search_for.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                search(format!("/Users/.search {terms} × {term}, {more}"), "/Users", search_for)
            }));
        }
    }
    // Long operands.
    for operator in ["co", "ew", "sw", "eq", "gt"] {
        for attribute in ["userName", "emails.value", "groups.display"] {
            families.push(Family::halving(16, move |parts| {
                let operand = "user1@example.co".repeat(60_000 / 16 / parts);
                let term = |n: usize| format!("{attribute} {operator} \"{operand}{n}\"");
                let filter = (0..parts).map(term).collect::<Vec<_>>().join(" or ");
                let name = format!("/Users/.search {parts} × {attribute} {operator} {} bytes", operand.len());
                search(name, "/Users", json!({"filter": filter}))
            }));
        }
    }
    for (name, operand) in [("a", "a".repeat(59_000)), ("combining marks", "\u{315}\u{300}".repeat(14_000))] {
        for attribute in ["emails.value", "userName"] {
            let operand = operand.clone();
            families.push(Family::one(move || {
                let more = json!({"filter": format!("{attribute} co \"{operand}b\"")});
                search(format!("/Users/.search {attribute} co 59 kB of {name}"), "/Users", more)
            }));
        }
    }
    families.push(Family::halving(1_024, |terms| {
        let (open, close) = ("not (".repeat(28), ")".repeat(28));
        let filter = format!("{open}{}{close}", filter_of("title co \"#\"", terms));
        search(format!("/Users/.search 28 × not, {terms} × title co"), "/Users", json!({"filter": filter}))
    }));
    families.push(Family::halving(1_024, |terms| {
        let filter = (0..terms).map(|_| "emails.value co \"example\"").collect::<Vec<_>>().join(" and ");
        search(format!("/Users/.search {terms} × and, all true"), "/Users", json!({"filter": filter, "count": 1_000}))
    }));
    families
}

/// Lists without a filter: their order, their depth, their size.
pub(crate) fn lists(organization: &Organization) -> Vec<Family> {
    let orders = [
        "userName",
        "emails.value",
        "addresses.formatted",
        "name.formatted",
        "title",
        "meta.created",
        "meta.lastModified",
        "meta.location",
        "id",
        "externalId",
        "active",
        "groups.display",
        "groups.value",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "schemas",
    ];
    let mut families = Vec::new();
    for order in orders {
        for (start, direction) in [(1, "ascending"), (9_001, "ascending"), (9_001, "descending")] {
            families.push(Family::pages(move |count| {
                let page = format!("sortBy={order}&sortOrder={direction}&startIndex={start}&count={count}");
                Expensive::get(format!("GET /Users?{page}"), format!("/Users?{page}"))
            }));
        }
        families.push(Family::pages(move |count| {
            let page = format!("sortBy={order}&cursor=&count={count}");
            Expensive::get(format!("GET /Users?{page}"), format!("/Users?{page}"))
        }));
    }
    for path in ["/Users", "/Groups", ""] {
        for query in [
            "startIndex=1",
            "startIndex=9001",
            "cursor=",
            "sortBy=displayName",
            "sortBy=displayName&startIndex=5001",
            "sortBy=displayName&cursor=",
            "sortBy=meta.lastModified&sortOrder=descending",
            "attributes=members.value",
            "attributes=members.display",
            "attributes=members.$ref",
            "attributes=emails.value",
            "attributes=groups.display",
            "attributes=displayName",
            "excludedAttributes=members,groups,emails",
            "filter=displayName%20pr",
            "filter=members%20pr",
            "filter=emails%20pr&cursor=",
        ] {
            families.push(Family::pages(move |count| {
                let target = format!("{path}/?{query}&count={count}");
                let target = if path.is_empty() { target } else { target.replace("/?", "?") };
                Expensive::get(format!("GET {target}"), target)
            }));
        }
    }
    let names: Vec<String> = (0..100).map(|n| format!("{ENTERPRISE}:{}", "x".repeat(n + 1))).collect();
    families.push(Family::pages(move |count| {
        let more = json!({"attributes": names, "count": count});
        search(format!("/Users/.search 100 attributes, {count} users"), "/Users", more)
    }));
    for id in &organization.groups[..1] {
        let path = format!("/Groups/{id}");
        families.push(Family::one(move || Expensive::get("GET a large group", path.clone())));
    }
    for id in [&organization.users[0], &organization.wide, &organization.long] {
        let path = format!("/Users/{id}");
        families.push(Family::one(move || Expensive::get(format!("GET {path}"), path.clone())));
    }
    families
}
