//! `remove` against a slow model, for random resources and operations: it deletes exactly the elements that the
//! operation names (RFC 7644 §3.5.2.2, decision A038).

use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest},
    sample::select,
};
use scim_core::{
    limits::Limits,
    patch::{Patch, PatchErrorKind},
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::Registry,
};
use serde_json::{Map, Value as Json, json};

/// The list of the operations, and whether its elements are references.
#[derive(Clone, Copy, Debug)]
struct List {
    resource_type: &'static str,
    name: &'static str,
    references: bool,
    members: &'static [&'static str],
}

const LISTS: [List; 3] = [
    List { resource_type: "User", name: "emails", references: false, members: &["value", "type", "display"] },
    List { resource_type: "User", name: "addresses", references: false, members: &["type", "locality", "country"] },
    List { resource_type: "Group", name: "members", references: true, members: &["value", "type"] },
];

fn word() -> impl Strategy<Value = String> {
    select(vec!["a", "A", "b", "work", "Work", "c@x"]).prop_map(str::to_owned)
}

fn element(list: List) -> impl Strategy<Value = Json> {
    vec(option::weighted(0.7, word()), list.members.len()).prop_map(move |texts| {
        let members = list.members.iter().zip(texts);
        let mut element: Map<String, Json> =
            members.filter_map(|(name, text)| Some(((*name).to_owned(), text?.into()))).collect();
        if element.is_empty() || list.references {
            element.entry(list.members[0]).or_insert_with(|| "a".into());
        }
        Json::Object(element)
    })
}

/// An element in the `value` of a `remove`: members of the schema and others, with text, with null or absent.
fn named(list: List) -> impl Strategy<Value = Json> {
    let member = prop_oneof![6 => word().prop_map(Json::from), 1 => Just(Json::Null), 1 => Just(json!(""))];
    let members = vec(option::weighted(0.5, member), list.members.len());
    (members, select(vec![0_u8, 0, 0, 1, 2])).prop_map(move |(values, extra)| {
        let members = list.members.iter().zip(values);
        let mut element: Map<String, Json> =
            members.filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect();
        if extra == 1 {
            element.insert("unknown".into(), "x".into());
        } else if extra == 2 {
            element.insert("display".into(), Json::Null);
        }
        Json::Object(element)
    })
}

#[derive(Clone, Debug)]
enum Operation {
    /// A bare path, without a value.
    All,
    /// A bare path, narrowed by the elements.
    Named(Vec<Json>),
    /// A value path with one comparison, and a value that is ignored.
    Path(&'static str, String, Option<Json>),
}

impl Operation {
    fn json(&self, list: List) -> Json {
        let mut operation = json!({"op": "remove", "path": list.name});
        match self {
            Self::All => {}
            Self::Named(elements) => operation["value"] = json!(elements),
            Self::Path(name, text, value) => {
                operation["path"] = format!("{}[{name} eq \"{text}\"]", list.name).into();
                if let Some(value) = value {
                    operation["value"] = value.clone();
                }
            }
        }
        operation
    }

    /// Whether the operation names the element, by the rule of the decision.
    fn names(&self, list: List, element: &Json) -> bool {
        match self {
            Self::All => true,
            Self::Path(name, text, _) => is_same(list, name, &element[name], &json!(text)),
            Self::Named(elements) => elements.iter().any(|given| {
                let given = given.as_object().unwrap();
                if list.references {
                    return given["value"] == element["value"];
                }
                // A member that is unknown or empty makes the element match nothing.
                let is_usable = |(name, value): (&String, &Json)| {
                    list.members.contains(&name.as_str()) && value.is_string() && (name != "value" || value != "")
                };
                if !given.iter().all(is_usable) {
                    return false;
                }
                let decisive: Vec<_> = if given.contains_key("value") {
                    given.iter().filter(|(name, _)| ["value", "type"].contains(&name.as_str())).collect()
                } else {
                    given.iter().collect()
                };
                decisive.into_iter().all(|(name, value)| is_same(list, name, &element[name], value))
            }),
        }
    }

    /// Whether the operation is refused because a `value` names no element.
    fn is_refused(&self, list: List) -> bool {
        let Self::Named(elements) = self else { return false };
        elements.iter().any(|given| {
            let given = given.as_object().unwrap();
            if list.references {
                return given.get("value").and_then(Json::as_str).is_none_or(str::is_empty);
            }
            given.is_empty()
        })
    }
}

/// Text of these attributes compares without case, except ids.
fn is_same(list: List, name: &str, left: &Json, right: &Json) -> bool {
    let (Some(left), Some(right)) = (left.as_str(), right.as_str()) else { return false };
    left == right || !(list.references && name == "value") && left.eq_ignore_ascii_case(right)
}

fn operation(list: List) -> impl Strategy<Value = Operation> {
    let value = prop_oneof![Just(json!([])), named(list).prop_map(|named| json!([named])), Just(json!("x"))];
    let path = (select(list.members), word(), option::of(value));
    prop_oneof![
        1 => Just(Operation::All),
        6 => vec(named(list), 0..4).prop_map(Operation::Named),
        4 => path.prop_map(|(name, text, value)| Operation::Path(name, text, value)),
    ]
}

fn case() -> impl Strategy<Value = (List, Vec<Json>, Vec<Operation>)> {
    select(LISTS.to_vec()).prop_flat_map(|list| {
        let elements = vec(element(list), 0..7).prop_map(move |mut elements| {
            let mut seen = Vec::new();
            elements.retain(|element: &Json| {
                let key = if list.references { element["value"].clone() } else { element.clone() };
                let is_new = !seen.contains(&key);
                seen.push(key);
                is_new
            });
            elements
        });
        (Just(list), elements, vec(operation(list), 1..4))
    })
}

proptest! {
    #[test]
    fn remove_deletes_exactly_the_elements_that_it_names((list, elements, operations) in case()) {
        let registry = Registry::standard();
        let resource_type = registry.resource_type(list.resource_type).unwrap();
        let mut json = json!({"id": "1", "userName": "u", "displayName": "d"});
        json[list.name] = elements.clone().into();
        let before = Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations.iter().map(|operation| operation.json(list)).collect::<Vec<_>>(),
        });
        for quirks in [Quirks::default(), Quirks::entra(), Quirks::okta()] {
            let (limits, mut tolerance) = (Limits::default(), Tolerance::new(quirks));
            let patch = Patch::parse(body.to_string().as_bytes(), Reading::new(&limits, &mut tolerance)).unwrap();
            let result = patch.apply(&before, Reading::new(&limits, &mut tolerance));
            if operations.iter().any(|operation| operation.is_refused(list)) {
                assert!(result.is_err(), "{body}");
                continue;
            }
            let after = result.unwrap_or_else(|error| panic!("{body}: {error}"));
            let expected: Vec<&Json> =
                elements.iter().filter(|it| !operations.iter().any(|operation| operation.names(list, it))).collect();
            let stored: Json = serde_json::from_slice(&after.as_ref().unwrap_or(&before).to_json()).unwrap();
            let left = stored[list.name].as_array().cloned().unwrap_or_default();
            prop_assert_eq!(left.iter().collect::<Vec<_>>(), expected, "{}", body);
            prop_assert_eq!(after.is_none(), left.len() == elements.len());
        }
    }
}

/// Two stored values that compare alike: an operation on a third value, or on either of them, removes neither.
#[test]
fn values_that_no_operation_changes_stay() {
    let registry = Registry::standard();
    let resource_type = registry.resource_type("User").unwrap();
    let emails = json!([{"display": "work"}, {"display": "Work"}, {"value": "a"}]);
    let before = json!({"id": "1", "userName": "u", "emails": emails}).to_string();
    let before = Resource::from_json(resource_type, before.as_bytes()).unwrap();
    let rows = [
        (json!({"op": "remove", "path": "emails[value eq \"a\"]"}), json!([emails[0], emails[1]])),
        (
            json!({"op": "replace", "path": "emails[value eq \"a\"].type", "value": "x"}),
            json!([emails[0], emails[1], {"value": "a", "type": "x"}]),
        ),
        // The changed value becomes equal to the others, and is removed.
        (
            json!({"op": "replace", "path": "emails[value eq \"a\"]", "value": {"value": null, "display": "WORK"}}),
            json!([emails[0], emails[1]]),
        ),
        // Also with the same spelling.
        (
            json!({"op": "replace", "path": "emails[value eq \"a\"]", "value": {"value": null, "display": "work"}}),
            json!([emails[0], emails[1]]),
        ),
        (
            json!({"op": "replace", "path": "emails[display eq \"work\"].display", "value": "Work"}),
            json!([emails[1], emails[2]]),
        ),
    ];
    for (operation, expected) in rows {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        });
        let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
        let patch = Patch::parse(body.to_string().as_bytes(), Reading::new(&limits, &mut tolerance)).unwrap();
        let after = patch.apply(&before, Reading::new(&limits, &mut tolerance)).unwrap().unwrap();
        let stored: Json = serde_json::from_slice(&after.to_json()).unwrap();
        assert_eq!(stored["emails"], expected, "{operation}");
    }
}

/// 7643-2.3.8-01: values that operations made equal become one value at the same place, whatever the order of
/// sub-attributes.
#[test]
fn the_order_of_sub_attributes_decides_no_double() {
    let registry = Registry::standard();
    let resource_type = registry.resource_type("User").unwrap();
    let (limits, expected) = (Limits::default(), json!([{"value": "a", "type": "x"}, {"value": "c"}]));
    let texts = [("value", "a"), ("type", "x")];
    for stored in [r#"{"value": "a", "type": "x"}"#, r#"{"type": "x", "value": "a"}"#] {
        for first in [r#"{"value": "b", "display": "d"}"#, r#"{"type": "y", "display": "d"}"#, r#"{"display": "d"}"#] {
            for order in [[0, 1], [1, 0]] {
                let before =
                    format!(r#"{{"id": "1", "userName": "u", "emails": [{first}, {{"value": "c"}}, {stored}]}}"#);
                let before = Resource::from_json(resource_type, before.as_bytes()).unwrap();
                let patch = order.map(|at| texts[at]).into_iter().fold(Patch::builder(), |patch, (name, text)| {
                    patch.replace(&format!("emails[display eq \"d\"].{name}"), text)
                });
                let patch = patch.remove("emails[display eq \"d\"].display").build().unwrap();
                let after = patch
                    .apply(&before, Reading::new(&limits, &mut Tolerance::new(Quirks::default())))
                    .unwrap()
                    .unwrap();
                let after: Json = serde_json::from_slice(&after.to_json()).unwrap();
                assert_eq!(after["emails"], expected, "{stored} {first} {order:?}");
            }
        }
    }
}

/// 7644-3.5.2-16: a value that lost all its sub-attributes does not exist for the next operation, nor for the next
/// request.
#[test]
fn a_value_without_sub_attributes_is_gone_for_the_next_operation() {
    let registry = Registry::standard();
    let resource_type = registry.resource_type("User").unwrap();
    let before =
        json!({"id": "1", "userName": "u", "emails": [{"value": "a"}, {"value": "b", "type": "x"}]}).to_string();
    let before = Resource::from_json(resource_type, before.as_bytes()).unwrap();
    let limits = Limits::default();
    let one = |at: &Resource, operations: &[&Json], quirks| {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        let body = json!({"schemas": schemas, "Operations": operations}).to_string();
        let mut tolerance = Tolerance::new(quirks);
        let patch = Patch::parse(body.as_bytes(), Reading::new(&limits, &mut tolerance)).unwrap();
        let after = patch.apply(at, Reading::new(&limits, &mut tolerance)).map_err(|error| error.kind())?;
        Ok::<_, PatchErrorKind>(after.unwrap_or_else(|| at.clone()))
    };
    let clearing = ["add", "replace"].map(|op| {
        let void = json!({"value": null, "type": null});
        [
            json!({"op": op, "path": "emails[value pr]", "value": void}),
            json!({"op": op, "path": "emails[value eq \"a\"]", "value": void}),
            json!({"op": op, "path": "emails[value eq \"a\"].value", "value": null}),
        ]
    });
    let next = [
        json!({"op": "add", "path": "emails[value ne \"x\"]"}),
        json!({"op": "replace", "path": "emails[value ne \"x\"].display", "value": "d"}),
        json!({"op": "replace", "path": "emails[not (value pr)].value", "value": "c"}),
        json!({"op": "add", "path": "emails.display", "value": "d"}),
        json!({"op": "add", "path": "emails", "value": [{"value": "a"}, {"value": "b", "type": "x"}]}),
        json!({"op": "remove", "path": "emails[not (value pr)]"}),
    ];
    for clearing in clearing.iter().flatten() {
        for next in &next {
            for quirks in [Quirks::default(), Quirks::entra()] {
                let cleared = one(&before, &[clearing], quirks).unwrap();
                let stored: Json = serde_json::from_slice(&cleared.to_json()).unwrap();
                let is_void = |it: &Json| it.as_object().is_some_and(Map::is_empty);
                assert!(!stored["emails"].as_array().into_iter().flatten().any(is_void), "{clearing} {stored}");
                let apart = one(&cleared, &[next], quirks);
                assert_eq!(one(&before, &[clearing, next], quirks), apart, "{clearing} {next}");
            }
        }
    }
}
