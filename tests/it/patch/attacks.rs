//! Effects that a client must not get by a patch: values that are never returned, values that may not be stored, and
//! the server's time (RFC 7643 §7, RFC 7644 §3.5.2, §7.4).

use std::sync::{Arc, LazyLock};

use scim_core::{
    limits::Limits,
    message::PATCH_OP,
    patch::{Patch, PatchError, PatchErrorKind},
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{Attribute, AttributeType, Mutability, ResourceType, Returned, Schema},
};
use serde_json::{Value as Json, json};

/// A resource type with secrets in all places, and a list of references whose elements have rules.
static SAFE: LazyLock<Arc<ResourceType>> = LazyLock::new(|| {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let secret = |name: &str| text(name).with_returned(Returned::Never);
    let schema = Schema::new("urn:example:Safe", "Safe")
        .with_attribute(text("name").required())
        .with_attribute(secret("master").with_mutability(Mutability::ReadOnly))
        .with_attribute(Attribute::complex("lock", [text("maker"), secret("code")]))
        .with_attribute(
            Attribute::complex("seal", [text("maker"), secret("code")]).with_mutability(Mutability::ReadOnly),
        )
        .with_attribute(Attribute::complex("keys", [text("name"), secret("code")]).multi_valued())
        .with_attribute(
            Attribute::complex(
                "owners",
                [
                    text("value").case_exact(),
                    Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]),
                    text("role").with_canonical_values(["first", "other"]).restricted(),
                    text("share").required(),
                ],
            )
            .multi_valued(),
        );
    Arc::new(ResourceType::builder("Safe", "Safes", schema).build().unwrap())
});

fn safe() -> Resource {
    let json = json!({
        "id": "1", "name": "x", "master": "s3cret", "lock": {"maker": "m", "code": "s3cret"},
        "seal": {"maker": "m", "code": "s3cret"}, "keys": [{"name": "k", "code": "s3cret"}],
        "owners": [{"value": "a", "role": "first", "share": "all"}],
    });
    Resource::from_json(&SAFE, json.to_string().as_bytes()).unwrap()
}

fn patch(operations: &Json) -> Patch {
    let body = json!({"schemas": [PATCH_OP], "Operations": operations}).to_string();
    Patch::parse(body.as_bytes(), Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default()))).unwrap()
}

fn apply(resource: &Resource, patch: &Patch) -> Result<Option<Resource>, PatchError> {
    patch.apply(resource, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default())))
}

/// A right guess of a secret gets the same answer as a wrong guess, and changes no more.
#[test]
fn a_guess_is_not_confirmed() {
    let operations = |guess: &str| {
        vec![
            json!({"op": "add", "value": {"master": guess}}),
            json!({"op": "replace", "value": {"seal": {"maker": "m", "code": guess}}}),
            json!({"op": "replace", "value": {"seal.code": guess}}),
            json!({"op": "remove", "path": "keys", "value": [{"code": guess}]}),
            json!({"op": "remove", "path": "keys", "value": [{"name": "k", "code": guess}]}),
            json!({"op": "remove", "path": format!(r#"keys[code sw "{guess}"]"#)}),
        ]
    };
    for (right, wrong) in operations("s3cret").into_iter().zip(operations("guess")) {
        let answer = |operation: &Json| {
            let error = apply(&safe(), &patch(&json!([operation]))).expect_err(&operation.to_string());
            (error.kind(), error.message().to_owned())
        };
        assert_eq!(answer(&right), answer(&wrong), "{right}");
    }
    // A `value` counts only if the path is a list. With any other path it is ignored, so it confirms no guess.
    for path in ["lock", "lock.code", "keys.code", r#"keys[name eq "k"]"#, r#"keys[name eq "k"].code"#] {
        let removed = |value: Json| {
            let operation = json!([{"op": "remove", "path": path, "value": value}]);
            apply(&safe(), &patch(&operation)).map_err(|error| (error.kind(), error.message().to_owned()))
        };
        for guess in [json!("s3cret"), json!({"code": "s3cret"}), json!("guess"), json!({"code": "guess"}), json!([])] {
            assert_eq!(removed(guess.clone()), removed(Json::Null), "{path} {guess}");
        }
    }
    // Readable values may be echoed and named.
    for operation in [
        json!({"op": "replace", "value": {"seal.maker": "m"}}),
        json!({"op": "replace", "value": {"id": "1"}}),
        json!({"op": "remove", "path": "keys", "value": [{"name": "k"}]}),
        json!({"op": "remove", "path": "lock", "value": {"maker": "m"}}),
    ] {
        apply(&safe(), &patch(&json!([operation]))).unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
}

/// A patch may be logged, so its `Debug` output must not show its values.
#[test]
fn a_password_is_not_printed() {
    let patch =
        patch(&json!([{"op": "replace", "path": "password", "value": "t1meMa$heen"}, {"op": "remove", "path": "x"}]));
    let shown = format!("{patch:?} {:?} {:?}", patch.operations(), Patch::builder().add("password", "t1meMa$heen"));
    assert!(!shown.contains("t1meMa"), "{shown}");
    assert!(shown.contains("Replace") && shown.contains("password") && shown.contains("(13 bytes)"), "{shown}");
}

/// 7643-2.3.1-02: a delta is committed without the checks of a whole resource, so no delta is made for elements that
/// break a rule.
#[test]
fn a_delta_brings_nothing_that_may_not_be_stored() {
    let delta = |operation: &Json| {
        let patch = patch(&json!([operation]));
        patch.membership(&SAFE, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default()))).unwrap()
    };
    for element in [
        json!({"value": "b"}),
        json!({"value": "b", "share": ""}),
        json!({"value": "b", "share": "half", "role": "second"}),
    ] {
        for op in ["add", "replace"] {
            let operation = json!({"op": op, "path": "owners", "value": [{"value": "c", "share": "x"}, element]});
            assert_eq!(delta(&operation), None, "{operation}");
            let error = apply(&safe(), &patch(&json!([operation]))).expect_err(&operation.to_string());
            assert_eq!((error.kind(), error.operation()), (PatchErrorKind::InvalidValue, Some(0)), "{operation}");
        }
    }
    for operation in [
        json!({"op": "add", "path": "owners", "value": [{"value": "b", "share": "half", "role": "OTHER"}]}),
        json!({"op": "remove", "path": "owners", "value": [{"value": "a"}]}),
        json!({"op": "remove", "path": r#"owners[value eq "a"]"#}),
    ] {
        assert!(delta(&operation).is_some(), "{operation}");
    }
}

/// Requests of the maximal size on lists of the maximal length. If the work were the product of both, each test would
/// take minutes.
#[test]
fn large_requests_on_long_lists_take_linear_time() {
    let emails = |name: &str| -> Vec<Json> {
        (0..9_000).map(|index| json!({"value": format!("{name}{index}"), "type": "work"})).collect()
    };
    let registry = scim_core::schema::Registry::standard();
    let resource_type = registry.resource_type("User").unwrap();
    let json = json!({"id": "1", "userName": "x", "emails": emails("a")}).to_string();
    let user = Resource::from_json(resource_type, json.as_bytes()).unwrap();

    let others = json!({"op": "remove", "path": "emails", "value": emails("b")});
    assert_eq!(apply(&user, &patch(&json!(vec![others; 12]))), Ok(None));
    let own = json!({"op": "remove", "path": "emails", "value": emails("A")});
    let after = apply(&user, &patch(&json!([own]))).unwrap().unwrap();
    assert_eq!(after.root().len(), user.root().len() - 1);

    let mut operations = Vec::new();
    for index in 0..150 {
        operations.push(json!({"op": "add", "path": format!(r#"emails[value eq "a{index}"].display"#), "value": "x"}));
        operations.push(json!({"op": "add", "path": "emails", "value": [{"value": format!("c{index}")}]}));
    }
    assert!(apply(&user, &patch(&json!(operations))).unwrap().is_some());

    let prices = Schema::new("urn:example:Shop", "Shop")
        .with_attribute(Attribute::new("prices", AttributeType::Decimal).multi_valued());
    let resource_type = Arc::new(ResourceType::builder("Shop", "Shops", prices).build().unwrap());
    let mut prices: Vec<String> = (0..9_000).map(|index| format!("{index}.5")).collect();
    prices.extend((0..900).map(|index| format!("{}e-1", index * 10 + 5)));
    let json = format!(r#"{{"prices": [{}]}}"#, prices.join(","));
    let shop = Resource::read(
        &resource_type,
        json.as_bytes(),
        Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default())),
    )
    .unwrap();
    let (_, prices) = shop.root().iter().next().unwrap();
    assert_eq!(prices.elements().len(), 9_000, "`0.5` and `5e-1` are one price");
}

/// A `remove` that names many values works like a `remove` that names few: both remove the named values.
#[test]
fn many_named_values_are_named_as_few_are() {
    let user = {
        let emails: Vec<Json> = (0..60)
            .map(|index| {
                let resource_type = ["work", "home", "other"][index % 3];
                json!({"value": format!("{index}@x"), "type": resource_type, "display": format!("d{}", index % 7)})
            })
            .chain([json!({"type": "work"}), json!({"value": "untyped@x"}), json!({"display": "D1"})])
            .collect();
        let registry = scim_core::schema::Registry::standard();
        let json = json!({"id": "1", "userName": "x", "emails": emails}).to_string();
        Resource::from_json(registry.resource_type("User").unwrap(), json.as_bytes()).unwrap()
    };
    let given: Vec<Json> = (0..30)
        .flat_map(|index| {
            [
                json!({"value": format!("{index}@X"), "display": "whatever"}),
                json!({"value": format!("{}@x", index + 20), "type": if index % 2 == 0 { "WORK" } else { "home" }}),
                json!({"display": format!("D{index}"), "type": "other"}),
                json!({"display": "d1"}),
                json!({"value": "untyped@x", "type": "work"}),
            ]
        })
        .collect();
    for size in [1, 5, 16, 17, 40, 150] {
        let given = &given[..size];
        let one_by_one: Vec<Json> =
            given.iter().map(|given| json!({"op": "remove", "path": "emails", "value": [given]})).collect();
        let at_once = json!([{"op": "remove", "path": "emails", "value": given}]);
        let expected = apply(&user, &patch(&json!(one_by_one))).unwrap();
        assert!(expected.is_some());
        assert_eq!(apply(&user, &patch(&at_once)).unwrap(), expected, "{size}");
    }
}
