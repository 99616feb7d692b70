//! For any two resources, the patch between them leads from one to the other.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, LazyLock},
};

use proptest::{collection::vec, option, prelude::*, sample::select};
use scim_core::{
    limits::Limits,
    patch::{DiffErrorKind, Patch, diff},
    resource::Resource,
    schema::{Attribute, AttributeId, AttributeType, Mutability, ResourceType, Returned, Schema},
};
use serde_json::{Map, Value as Json, json};

use super::{seen, send, wanted, without_variants};
use crate::patch::fixtures::{Before, expand};

/// Text that is easily confused with other text, or with syntax.
fn text() -> impl Strategy<Value = String> {
    let known = vec![
        "a",
        "A",
        "b",
        "work",
        "home",
        "",
        "x\"y",
        "back\\slash",
        "\\\"",
        "] or value pr or value[",
        "\" or value eq \"a",
        "ü",
        "Ü",
        "ΟΔΟΣ",
        "οδος",
        "İ",
        "\u{1}\n\t",
        "\u{2028}\u{7f}",
        "𝒳",
        "null",
        "true",
        " ",
    ];
    prop_oneof![6 => select(known).prop_map(str::to_owned), 1 => "[^\u{0}]{0,8}"]
}

fn some_text() -> impl Strategy<Value = Json> {
    text().prop_map(Json::from)
}

/// An object with some of these members.
fn object(members: Vec<(&'static str, BoxedStrategy<Json>)>) -> impl Strategy<Value = Json> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| {
            option::weighted(0.6, value).prop_map(move |value| value.map(|value| (name.to_owned(), value)))
        })
        .collect();
    members.prop_map(|members| Json::Object(members.into_iter().flatten().collect()))
}

/// Values of a list, of which at most one is the primary one.
fn list(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    vec(value, 0..6).prop_map(|mut values| {
        let mut found = false;
        for value in &mut values {
            // An empty `value` states that there is no value.
            if value.get("value") == Some(&Json::from("")) {
                value["value"] = "v".into();
            }
            if value.get("primary") == Some(&Json::Bool(true)) && std::mem::replace(&mut found, true) {
                value["primary"] = false.into();
            }
        }
        Json::Array(values)
    })
}

fn plural() -> BoxedStrategy<Json> {
    list(object(vec![
        ("value", some_text().boxed()),
        ("type", some_text().boxed()),
        ("display", some_text().boxed()),
        ("primary", any::<bool>().prop_map(Json::from).boxed()),
    ]))
    .boxed()
}

fn user() -> impl Strategy<Value = Json> {
    let photos = vec(select(vec!["http://x/1", "http://x/%C3", "http://x/A"]), 0..3);
    let attributes = object(vec![
        ("id", some_text().boxed()),
        ("externalId", some_text().boxed()),
        ("displayName", some_text().boxed()),
        ("title", some_text().boxed()),
        ("password", some_text().boxed()),
        ("active", any::<bool>().prop_map(Json::from).boxed()),
        ("profileUrl", select(vec![json!("http://x/1"), json!("http://x/2")]).boxed()),
        (
            "name",
            object(vec![
                ("givenName", some_text().boxed()),
                ("familyName", some_text().boxed()),
                ("middleName", some_text().boxed()),
                ("formatted", some_text().boxed()),
            ])
            .boxed(),
        ),
        ("emails", plural()),
        ("roles", plural()),
        (
            "photos",
            photos.prop_map(|urls| urls.into_iter().map(|url| json!({"value": url, "type": "p"})).collect()).boxed(),
        ),
        (
            "addresses",
            list(object(vec![
                ("type", some_text().boxed()),
                ("locality", some_text().boxed()),
                ("country", some_text().boxed()),
                ("primary", any::<bool>().prop_map(Json::from).boxed()),
            ]))
            .boxed(),
        ),
        (
            "x509Certificates",
            list(object(vec![
                ("value", select(vec![json!("AAAA"), json!("aaaa")]).boxed()),
                ("type", some_text().boxed()),
            ]))
            .boxed(),
        ),
        (
            "ENT",
            object(vec![
                ("department", some_text().boxed()),
                ("employeeNumber", some_text().boxed()),
                (
                    "manager",
                    object(vec![
                        ("value", select(vec![json!("1"), json!("2")]).boxed()),
                        ("displayName", some_text().boxed()),
                    ])
                    .boxed(),
                ),
            ])
            .boxed(),
        ),
        (
            "meta",
            select(vec![json!({"created": "2011-05-13T04:42:34Z"}), json!({"created": "2012-05-13T04:42:34Z"})])
                .boxed(),
        ),
    ]);
    (attributes, select(vec!["bjensen", "BJENSEN", "x\"y"])).prop_map(|(mut user, name)| {
        user["userName"] = name.into();
        user
    })
}

/// Keeps one reference to each resource.
fn one_each(references: &mut Vec<Json>) {
    let mut seen = HashSet::new();
    references.retain(|reference| seen.insert(reference["value"].to_string()));
}

fn group() -> impl Strategy<Value = Json> {
    let ids = select(vec!["a", "A", "b", "c", "x\"y", "back\\slash", "ü", "] or value pr", "2819"]);
    // The type of a member is given or absent, but does not change.
    let member = (ids, any::<bool>(), some_text()).prop_map(|(id, typed, display)| {
        let mut member = json!({"value": id, "display": display});
        if typed {
            member["type"] = if id.len() == 1 { "User" } else { "Group" }.into();
        }
        member
    });
    (some_text(), vec(member, 0..8)).prop_map(|(name, mut members)| {
        one_each(&mut members);
        let name = if name == "" { "g".into() } else { name };
        json!({"displayName": name, "members": members})
    })
}

/// One attribute of each type and of each characteristic.
fn badge() -> impl Strategy<Value = Json> {
    let number = || (0_i64..3).prop_map(Json::from).boxed();
    // Immutable, so no value differs from another only in case.
    let mark = || select(vec![json!("m1"), json!("m\"2"), json!("m3")]).boxed();
    let always = |json: Json| Just(json).boxed();
    let attributes = object(vec![
        ("serial", always("S1".into())),
        ("state", some_text().boxed()),
        ("pin", some_text().boxed()),
        ("tags", vec(some_text(), 0..5).prop_map(Json::Array).boxed()),
        ("codes", vec(some_text(), 0..5).prop_map(Json::Array).boxed()),
        ("opened", select(vec![json!("2020-01-01T00:00:00Z"), json!("2020-01-01T00:00:00.000000001Z")]).boxed()),
        ("price", select(vec![json!(10.5), json!(1e3), json!(1000), json!(-0.0)]).boxed()),
        ("lost", any::<bool>().prop_map(Json::from).boxed()),
        (
            "box",
            (
                number(),
                object(vec![("height", number()), ("label", always("L".into())), ("weight", some_text().boxed())]),
            )
                .prop_map(|(width, mut value)| {
                    value["width"] = width;
                    value
                })
                .boxed(),
        ),
        (
            "seats",
            list((select(vec!["s1", "s2", "S1", "s\"3"]), object(vec![("row", number()), ("mark", mark())])).prop_map(
                |(name, mut value)| {
                    value["name"] = name.into();
                    value
                },
            ))
            .boxed(),
        ),
        (
            "staff",
            list(
                (
                    select(vec!["u1", "u2", "U1", "u\"3"]),
                    object(vec![
                        ("role", some_text().boxed()),
                        ("primary", any::<bool>().prop_map(Json::from).boxed()),
                    ]),
                )
                    .prop_map(|(id, mut value)| {
                        value["value"] = id.into();
                        value
                    }),
            )
            .prop_map(|mut staff| {
                if let Json::Array(staff) = &mut staff {
                    one_each(staff);
                }
                staff
            })
            .boxed(),
        ),
        (
            "urn:example:Paint",
            object(vec![("color", some_text().boxed()), ("maker", always("M".into())), ("stamp", some_text().boxed())])
                .boxed(),
        ),
    ]);
    (attributes, number(), vec(some_text(), 1..4), number()).prop_map(|(mut badge, number, keys, level)| {
        badge["number"] = number;
        badge["keys"] = keys.into();
        badge["urn:example:must:1.0"] = json!({"level": level});
        badge
    })
}

/// A type with the attribute types that neither [`user`] nor [`badge`] has.
static THING: LazyLock<Arc<ResourceType>> = LazyLock::new(|| {
    use AttributeType::{Binary, Boolean, DateTime, Decimal, Integer, Reference, String};
    let text = |name: &str| Attribute::new(name, String);
    let schema = Schema::new("urn:example:Thing", "Thing")
        .with_attribute(Attribute::new("link", Reference))
        .with_attribute(Attribute::new("key", Binary))
        .with_attribute(Attribute::new("keys", Binary).multi_valued())
        .with_attribute(Attribute::new("flags", Boolean).multi_valued())
        .with_attribute(Attribute::new("sizes", Decimal).multi_valued())
        .with_attribute(Attribute::new("times", DateTime).multi_valued())
        .with_attribute(
            text("secrets").multi_valued().with_mutability(Mutability::WriteOnly).with_returned(Returned::Never),
        )
        .with_attribute(text("fixed").multi_valued().with_mutability(Mutability::Immutable))
        .with_attribute(
            Attribute::complex("origin", [text("place"), Attribute::new("year", Integer)])
                .with_mutability(Mutability::Immutable),
        )
        .with_attribute(Attribute::complex(
            "parcel",
            [text("labels").multi_valued(), text("note"), Attribute::new("weight", Decimal)],
        ))
        .with_attribute(
            Attribute::complex(
                "locks",
                [
                    text("value"),
                    text("name"),
                    text("code").with_mutability(Mutability::WriteOnly).with_returned(Returned::Never),
                    text("tags").multi_valued(),
                ],
            )
            .multi_valued(),
        )
        .with_attribute(
            Attribute::complex(
                "marks",
                [text("value"), text("name"), text("mark").with_mutability(Mutability::Immutable)],
            )
            .multi_valued(),
        )
        .with_attribute(
            Attribute::complex(
                "turns",
                [Attribute::new("spot", Integer), Attribute::new("primary", Boolean).required()],
            )
            .multi_valued()
            .required(),
        );
    let option = Schema::new("urn:example:Option:1.0", "Option")
        .with_attribute(Attribute::new("level", Integer).required())
        .with_attribute(text("codes").multi_valued().case_exact())
        .with_attribute(Attribute::complex("parts", [text("value"), text("name")]).multi_valued());
    Arc::new(ResourceType::builder("Thing", "Things", schema).extension(option, false).build().unwrap())
});

fn thing() -> impl Strategy<Value = Json> {
    let several = |values: Vec<Json>| vec(select(values), 0..4).prop_map(Json::Array).boxed();
    let texts = || vec(some_text(), 0..4).prop_map(Json::Array).boxed();
    let always = |json: Json| Just(json).boxed();
    let number = || (0_i64..3).prop_map(Json::from).boxed();
    let short = || select(vec![json!("a"), json!("b"), json!("B")]).boxed();
    // If two values become equal by their kept sub-attributes, either may be kept.
    let id = || select(vec![json!("a"), json!("b"), json!("c\"")]).boxed();
    let mark = (id(), short(), any::<bool>()).prop_map(|(id, name, marked)| {
        let mut mark = json!({"value": id, "name": name});
        if marked {
            mark["mark"] = "M".into();
        }
        mark
    });
    let turn = (number(), any::<bool>()).prop_map(|(spot, primary)| json!({"spot": spot, "primary": primary}));
    let attributes = object(vec![
        ("link", select(vec![json!("http://x/1"), json!("/2")]).boxed()),
        ("key", select(vec![json!("AAAA"), json!("aaaa")]).boxed()),
        ("keys", several(vec![json!("AAAA"), json!("aaaa"), json!("AA==")])),
        ("flags", several(vec![json!(true), json!(false)])),
        ("sizes", several(vec![json!(1e3), json!(1000), json!(0.5), json!(-1)])),
        (
            "times",
            several(vec![
                json!("2020-01-01T00:00:00Z"),
                json!("2020-01-01T01:00:00+01:00"),
                json!("2021-01-01T00:00:00Z"),
            ]),
        ),
        ("secrets", texts()),
        ("fixed", Just(vec![json!("a"), json!("b")]).prop_shuffle().prop_map(Json::Array).boxed()),
        ("origin", always(json!({"place": "P", "year": 1}))),
        ("parcel", object(vec![("labels", texts()), ("note", some_text().boxed()), ("weight", number())]).boxed()),
        ("locks", list(object(vec![("value", id()), ("name", short()), ("code", short()), ("tags", texts())])).boxed()),
        ("marks", list(mark).boxed()),
        (
            "urn:example:Option:1.0",
            (
                number(),
                object(vec![
                    ("codes", texts()),
                    ("parts", list(object(vec![("value", short()), ("name", short())])).boxed()),
                ]),
            )
                .prop_map(|(level, mut value)| {
                    value["level"] = level;
                    value
                })
                .boxed(),
        ),
    ]);
    (attributes, turn.clone(), list(turn)).prop_map(|(mut thing, first, turns)| {
        // Several values with the same `value` cannot be matched, so kept sub-attributes that are not sent again would
        // be lost.
        for list in ["locks", "marks"] {
            if let Some(values) = thing.get_mut(list).and_then(Json::as_array_mut) {
                one_each(values);
            }
        }
        let turns = if turns == json!([]) { json!([first]) } else { turns };
        thing["turns"] = turns;
        thing
    })
}

fn two<S: Strategy<Value = Json>>(
    of: &'static Arc<ResourceType>,
    some: fn() -> S,
) -> impl Strategy<Value = (Resource, Resource)> {
    // The second resource mostly shares many attributes with the first.
    let changed = (some(), some(), vec(any::<bool>(), 32)).prop_map(|(before, other, which)| {
        let mut after: Map<String, Json> = before.as_object().unwrap().clone();
        for ((name, value), changed) in other.as_object().unwrap().iter().zip(which) {
            if changed {
                after.insert(name.clone(), value.clone());
            }
        }
        (before, Json::Object(after))
    });
    let lists = (some(), vec(any::<prop::sample::Index>(), 6)).prop_map(|(before, which)| {
        let mut after = before.clone();
        let members = after.as_object_mut().unwrap().iter_mut();
        let lists: Vec<_> = members.filter_map(|(name, value)| Some((name, value.as_array_mut()?))).collect();
        for ((name, list), index) in lists.into_iter().zip(which) {
            if list.len() > 1 && name != "fixed" {
                list.remove(index.index(list.len()));
                list.reverse();
            }
        }
        (before, after)
    });
    let read = move |json: Json| {
        let mut json: Json = serde_json::from_str(&expand(&json.to_string())).unwrap();
        without_variants(of, AttributeId::ROOT, &mut json);
        Resource::from_json(of, json.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    };
    prop_oneof![(some(), some()), changed, lists].prop_map(move |(before, after)| (read(before), read(after)))
}

fn pair() -> impl Strategy<Value = (Resource, Resource)> {
    prop_oneof![
        3 => two(Before::User.resource_type(), user),
        1 => two(Before::Group.resource_type(), group),
        2 => two(Before::Badge.resource_type(), badge),
        3 => two(&THING, thing)
    ]
}

/// Limits from generous to so narrow that hardly any operation fits.
fn limits() -> impl Strategy<Value = Limits> {
    (200_usize..600, 1_usize..4, 1_usize..5, 20_usize..80, 1_usize..3).prop_map(
        |(body, operations, values, path, terms)| {
            let mut limits = Limits::default();
            (limits.body, limits.patch_operations, limits.values) = (body, operations, values);
            (limits.path_bytes, limits.filter_terms) = (path, terms);
            limits
        },
    )
}

fn between(before: &Resource, after: &Resource, limits: &Limits) -> Result<Vec<Patch>, TestCaseError> {
    diff(before, after, limits).map_err(|error| TestCaseError::fail(error.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_patch_leads_from_one_to_the_other((before, after) in pair()) {
        let limits = Limits::default();
        let patches = between(&before, &after, &limits)?;
        prop_assert!(patches.len() <= 1);
        let result = send(&before, &patches, &limits);
        prop_assert_eq!(seen(&result), wanted(&before, &after));
        prop_assert_eq!(patches.is_empty(), seen(&before) == wanted(&before, &after));
        prop_assert!(diff(&result, &after, &limits).unwrap().is_empty());
        prop_assert!(diff(&before, &before, &limits).unwrap().is_empty());
    }

    #[test]
    fn divided_patches_lead_to_the_same_resource((before, after) in pair(), limits in limits()) {
        match diff(&before, &after, &limits) {
            Ok(patches) => prop_assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after)),
            Err(error) => prop_assert_eq!(error.kind(), &DiffErrorKind::TooLarge, "{}", error),
        }
    }

    /// If every attribute may be sent, sending each changed attribute as a whole is no shorter.
    #[test]
    fn a_diff_is_no_longer_than_whole_attributes((before, after) in two(Before::User.resource_type(), user)) {
        let patches = between(&before, &after, &Limits::default())?;
        let size: usize = patches.iter().flat_map(Patch::operations).map(|it| serde_json::to_string(it).unwrap().len() + 1).sum();
        let (before, after) = (seen(&before), wanted(&before, &after));
        let plain = plain("", &before, &after);
        prop_assert!(size <= plain, "{} bytes instead of {}: {:?}", size, plain, patches);
    }
}

/// The bytes of a patch that sends every changed attribute as a whole.
fn plain(extension: &str, before: &Json, after: &Json) -> usize {
    let names: BTreeSet<&String> =
        [before, after].into_iter().filter_map(Json::as_object).flat_map(Map::keys).collect();
    let size = |operation: &Json| operation.to_string().len() + 1;
    let changed = names.into_iter().filter(|name| before.get(name) != after.get(name));
    changed
        .map(|name| match (before.get(name), after.get(name)) {
            (was, Some(now)) if name.starts_with("urn:") => plain(name, was.unwrap_or(&Json::Null), now),
            (Some(was), None) if name.starts_with("urn:") => plain(name, was, &Json::Null),
            (was, now) => {
                let path = if extension.is_empty() { name.clone() } else { format!("{extension}:{name}") };
                let gone = size(&json!({"op": "remove", "path": path}));
                let add = |op: &str| size(&json!({"op": op, "path": path, "value": now}));
                match (was, now) {
                    (_, None) => gone,
                    (None, _) => add("add"),
                    (_, Some(Json::Object(_))) => gone + add("add"),
                    _ => add("replace"),
                }
            }
        })
        .sum()
}
