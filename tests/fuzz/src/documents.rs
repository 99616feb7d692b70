//! Request bodies made of the fuzzer's decisions: mostly sensible, sometimes of the wrong type, name or length.

use serde_json::{Map, Value as Json, json};

use crate::{
    choice::Choices,
    host::{GROUP, PATCH, USER},
    samples::ENTERPRISE,
};

/// A password that no answer may show.
pub(crate) const SECRET: &str = "pässword-7Qz";

const WORDS: &[&str] = &[
    "a",
    "A",
    "b",
    "work",
    "Work",
    "home",
    "c@x",
    "C@X",
    "",
    " ",
    "ß",
    "SS",
    "é",
    "e\u{301}",
    "x\"y\\",
    "true",
    "False",
    "7",
    "2020-01-01T00:00:00Z",
    "https://x/y",
    "{\"value\":\"a\"}",
    "[\"a\"]",
    "bulkId:b1",
    "bulkId:b2",
    "nobody",
    "ſ",
];

const NAMES: &[&str] = &[
    "title",
    "displayName",
    "userName",
    "active",
    "name",
    "emails",
    "roles",
    "addresses",
    "members",
    "value",
    "type",
    "primary",
    "display",
    "$ref",
    "givenName",
    "familyName",
    "locality",
    "password",
    "id",
    "meta",
    "schemas",
    "groups",
    "externalId",
    ENTERPRISE,
    "department",
    "manager",
    "unknown",
    "name.givenName",
    "TITLE",
    USER,
    "profileUrl",
    "photos",
];

const PATHS: &[&str] = &[
    "title",
    "displayName",
    "userName",
    "active",
    "name",
    "name.givenName",
    "emails",
    "emails.type",
    "emails[type eq \"work\"]",
    "emails[type eq \"work\"].value",
    "emails[primary eq true].primary",
    "emails[value co \"@\"]",
    "emails[not (type pr)]",
    "emails[type eq \"fax\" and value eq \"f\"].display",
    "addresses[type eq \"home\"].locality",
    "roles",
    "members",
    "groups",
    "members.value",
    "members[type eq \"User\"]",
    "password",
    "id",
    "meta",
    "schemas",
    "externalId",
    "photos",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "manager",
    "unknown",
    "emails[",
    "",
];

/// Makes bodies that refer to these ids.
pub(crate) struct Documents<'a> {
    pub(crate) ids: &'a [String],
}

impl Documents<'_> {
    pub(crate) fn id(&self, choices: &mut Choices<'_>) -> String {
        match choices.below(8) {
            0 => choices.pick(WORDS).to_owned(),
            _ if self.ids.is_empty() => "nobody".to_owned(),
            _ => self.ids[choices.below(self.ids.len())].clone(),
        }
    }

    fn word(choices: &mut Choices<'_>) -> Json {
        if choices.one_in(16) { choices.text(24).into() } else { choices.pick(WORDS).into() }
    }

    /// Any value, at most three levels deep.
    pub(crate) fn value(&self, choices: &mut Choices<'_>, depth: usize) -> Json {
        match choices.below(if depth == 0 { 9 } else { 14 }) {
            0..=3 => Self::word(choices),
            4 => choices.pick(&[true, false]).into(),
            5 => choices.pick(&[0_i64, 1, -1, i64::MAX]).into(),
            6 => Json::Null,
            7 => choices.pick(&[1.5, -0.0, 1e300]).into(),
            8 => self.id(choices).into(),
            9..=11 => {
                let count = choices.below(4);
                (0..count).map(|_| self.value(choices, depth - 1)).collect()
            }
            _ => {
                let count = choices.below(4);
                let member = |_| (choices.pick(NAMES).to_owned(), self.value(choices, depth - 1));
                Json::Object((0..count).map(member).collect())
            }
        }
    }

    /// The value, or in one of sixteen cases any other value.
    fn or_any(&self, choices: &mut Choices<'_>, value: impl FnOnce(&mut Choices<'_>) -> Json) -> Json {
        if choices.one_in(16) { self.value(choices, 2) } else { value(choices) }
    }

    fn elements(&self, choices: &mut Choices<'_>) -> Json {
        let count = choices.below(4);
        (0..count)
            .map(|_| {
                self.or_any(choices, |choices| {
                    let mut element = Map::new();
                    for name in ["value", "type", "display"] {
                        if choices.one_in(2) {
                            element.insert(name.to_owned(), Self::word(choices));
                        }
                    }
                    if choices.one_in(4) {
                        element.insert("primary".to_owned(), choices.pick(&[true, false]).into());
                    }
                    element.into()
                })
            })
            .collect()
    }

    pub(crate) fn members(&self, choices: &mut Choices<'_>) -> Json {
        let count = choices.below(5);
        (0..count)
            .map(|_| {
                self.or_any(choices, |choices| {
                    let id = self.id(choices);
                    let mut member = match choices.below(4) {
                        0 => json!({"$ref": format!("../Users/{id}")}),
                        _ => json!({"value": id}),
                    };
                    if choices.one_in(3) {
                        member["type"] = choices.pick(&["User", "Group", "user", ""]).into();
                    }
                    member
                })
            })
            .collect()
    }

    pub(crate) fn user(&self, choices: &mut Choices<'_>) -> Json {
        let mut user = json!({"schemas": [USER], "userName": self.or_any(choices, Self::word)});
        for name in ["title", "externalId", "displayName", "active", "profileUrl"] {
            if choices.one_in(4) {
                user[name] = Self::word(choices);
            }
        }
        if choices.one_in(3) {
            user["name"] = self.or_any(choices, |choices| json!({"givenName": Self::word(choices)}));
        }
        for name in ["emails", "roles", "addresses", "photos"] {
            if choices.one_in(3) {
                user[name] = self.or_any(choices, |choices| self.elements(choices));
            }
        }
        if choices.one_in(6) {
            user["password"] = SECRET.into();
        }
        if choices.one_in(4) {
            let manager = self.id(choices);
            user[ENTERPRISE] = self
                .or_any(choices, |choices| json!({"department": Self::word(choices), "manager": {"value": manager}}));
        }
        self.disturbed(choices, user)
    }

    pub(crate) fn group(&self, choices: &mut Choices<'_>) -> Json {
        let mut group = json!({"schemas": [GROUP], "displayName": self.or_any(choices, Self::word)});
        group["members"] = self.or_any(choices, |choices| self.members(choices));
        self.disturbed(choices, group)
    }

    /// The document, in one of eight cases with any other member.
    fn disturbed(&self, choices: &mut Choices<'_>, mut document: Json) -> Json {
        if choices.one_in(8) {
            document[choices.pick(NAMES)] = self.value(choices, 2);
        }
        document
    }

    pub(crate) fn operation(&self, choices: &mut Choices<'_>) -> Json {
        let mut operation = json!({"op": choices.pick(&["add", "replace", "remove", "Add", "Replace", "move"])});
        let member = |choices: &mut Choices<'_>| format!("members[value eq {}]", json!(self.id(choices)));
        match choices.below(6) {
            0 => {}
            1 => operation["path"] = member(choices).into(),
            2 => operation["path"] = "members".into(),
            _ => operation["path"] = choices.pick(PATHS).into(),
        }
        match choices.below(8) {
            0 => {}
            1 => operation["value"] = self.elements(choices),
            2 | 3 => operation["value"] = self.members(choices),
            4 => operation["value"] = self.user(choices),
            5 => operation["value"] = Self::word(choices),
            6 => operation = json!({"op": "replace", "path": "password", "value": SECRET}),
            _ => operation["value"] = self.value(choices, 3),
        }
        operation
    }

    pub(crate) fn patch(&self, choices: &mut Choices<'_>) -> Json {
        let count = 1 + choices.below(4);
        let operations: Vec<_> = (0..count).map(|_| self.operation(choices)).collect();
        json!({"schemas": [PATCH], "Operations": operations})
    }

    pub(crate) fn bulk(&self, choices: &mut Choices<'_>) -> Json {
        let count = choices.below(6);
        let operations: Vec<_> = (0..count)
            .map(|at| {
                let endpoint = choices.pick(&["Users", "Groups"]);
                let method = choices.pick(&["POST", "PUT", "PATCH", "DELETE", "post"]);
                let target = match choices.below(4) {
                    0 => format!("bulkId:b{}", choices.below(4)),
                    _ => self.id(choices),
                };
                let path = if method == "POST" { format!("/{endpoint}") } else { format!("/{endpoint}/{target}") };
                let mut operation = json!({"method": method, "path": path, "bulkId": format!("b{at}")});
                let data = match (method, endpoint) {
                    ("PATCH", _) => self.patch(choices),
                    (_, "Users") => self.user(choices),
                    _ => self.group(choices),
                };
                if method != "DELETE" || choices.one_in(8) {
                    operation["data"] = data;
                }
                if choices.one_in(8) {
                    operation[choices.pick(&["method", "path", "bulkId", "data", "version"])] = self.value(choices, 1);
                }
                operation
            })
            .collect();
        let mut body =
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
        if choices.one_in(4) {
            body["failOnErrors"] = choices.pick(&[1, 2, 0]).into();
        }
        body
    }

    pub(crate) fn search(&self, choices: &mut Choices<'_>) -> Json {
        let mut body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
        if choices.one_in(2) {
            body["filter"] = self.filter(choices).into();
        }
        for name in ["sortBy", "startIndex", "count", "attributes", "cursor", "sortOrder"] {
            if choices.one_in(6) {
                body[name] = self.value(choices, 1);
            }
        }
        body
    }

    pub(crate) fn filter(&self, choices: &mut Choices<'_>) -> String {
        if choices.one_in(12) {
            return choices.text(32);
        }
        let count = 1 + choices.below(3);
        let joint = choices.pick(&[" and ", " or "]);
        let terms: Vec<_> = (0..count)
            .map(|_| {
                let path = choices.pick(&[
                    "userName",
                    "title",
                    "emails.value",
                    "emails",
                    "active",
                    "groups.display",
                    "groups.value",
                    "members",
                    "members.value",
                    "id",
                    "meta.created",
                    "meta.resourceType",
                    "displayName",
                    "password",
                    "unknown",
                ]);
                let literal = match choices.below(4) {
                    0 => json!(self.id(choices)),
                    1 => choices.pick(&[json!(true), json!(null), json!(7)].each_ref()).clone(),
                    _ => Self::word(choices),
                };
                match choices.below(12) {
                    0 => format!("{path} pr"),
                    1 => format!("not ({path} eq {literal})"),
                    2 => format!("emails[type eq \"work\" and value co {literal}]"),
                    _ => format!(
                        "{path} {} {literal}",
                        choices.pick(&["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"])
                    ),
                }
            })
            .collect();
        terms.join(joint)
    }
}
