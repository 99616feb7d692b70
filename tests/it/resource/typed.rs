//! Values by path, and users and groups with methods for the attributes that RFC 7643 §4 defines.

use std::sync::Arc;

use crate::fixture::documents::{BADGE, registry};
use scim_core::{
    resource::{Group, Resource, ResourceErrorKind, User},
    schema::{ENTERPRISE_USER, Registry, ResourceType},
    value::{Object, Value},
};
use serde_json::{Value as Json, json};

fn resource_type(name: &str) -> Arc<ResourceType> {
    Arc::clone(Registry::standard().resource_type(name).unwrap())
}

fn read(resource_type: &Arc<ResourceType>, json: &Json) -> Resource {
    Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap()
}

fn shown(resource: &Resource) -> Json {
    let mut json: Json = serde_json::from_slice(&resource.to_json()).unwrap();
    json.as_object_mut().unwrap().remove("schemas");
    json
}

#[test]
fn values_are_read_and_set_by_path() {
    let resource_type = resource_type("User");
    let manager = format!("{ENTERPRISE_USER}:manager");
    let mut user =
        read(&resource_type, &json!({"userName": "ann", "name": {"givenName": "Ann"}, "emails": [{"value": "a@x"}]}));
    assert_eq!(user.get("emails").unwrap().elements().len(), 1);
    for nothing in ["title", "emails.value", "nothing", "name.nothing", "", "a b", &manager, "urn:x:name"] {
        assert_eq!(user.get(nothing), None, "{nothing}");
    }
    assert_eq!(user.set("name.familyName", "A").unwrap(), None);
    assert_eq!(user.set("NAME.GIVENNAME", "Anna").unwrap(), Some(Value::String("Ann".into())));
    user.set("manager.value", "2819").unwrap();
    user.set(&format!("{ENTERPRISE_USER}:department"), "Tours").unwrap();
    user.set("active", true).unwrap();
    let name = json!({"givenName": "Anna", "familyName": "A"});
    let enterprise = json!({"manager": {"value": "2819"}, "department": "Tours"});
    let expected = json!({"userName": "ann", "active": true, "name": name, "emails": [{"value": "a@x"}],
        ENTERPRISE_USER: enterprise});
    assert_eq!(shown(&user), expected);
    // A complex attribute or a list disappears with its last value.
    for path in
        ["manager.value", "department", "name.givenName", "name.familyName", "emails", "title", "name.middleName"]
    {
        user.unset(path).unwrap();
    }
    assert_eq!(shown(&user), json!({"userName": "ann", "active": true}));
}

/// A refused value changes nothing.
#[test]
fn values_that_do_not_fit_change_nothing() {
    let resource_type = resource_type("User");
    let mut user = read(&resource_type, &json!({"userName": "ann", "emails": [{"value": "a@x"}]}));
    let before = user.clone();
    let text = |text: &str| Value::String(text.into());
    let title = resource_type.child(scim_core::schema::AttributeId::ROOT, "title").unwrap();
    let foreign = Object::from_iter([(title, text("x"))]);
    let wrong: [(&str, Value); 10] = [
        ("active", text("true")),
        ("userName", Value::Boolean(true)),
        ("userName", Value::List([text("a")].into())),
        ("emails", text("a@x")),
        ("emails", Value::List([text("a@x")].into())),
        ("emails", Value::List([].into())),
        ("emails", Value::List([Value::Complex(foreign.clone())].into())),
        ("name", Value::Complex(foreign)),
        ("name", Value::Complex(Object::new())),
        ("name", text("Ann")),
    ];
    for (path, value) in wrong {
        let error = user.set(path, value).unwrap_err();
        assert!(matches!(error.kind(), ResourceErrorKind::Type { .. }), "{path}: {error}");
        assert_eq!(error.path(), path);
    }
    for unknown in ["nothing", "emails.value", "name.nothing", "", "a b", "urn:ietf:params:scim:schemas:core:2.0:User"]
    {
        for error in [user.set(unknown, "x").unwrap_err(), user.unset(unknown).unwrap_err()] {
            assert_eq!(error.kind(), &ResourceErrorKind::Unknown, "{unknown}");
        }
    }
    assert_eq!(user, before);
}

/// A user keeps the attributes for which the type has no methods.
#[test]
fn a_user_keeps_unknown_attributes() {
    let registry = registry();
    let resource_type = registry.resource_type("User").unwrap();
    let document = json!({
        "id": "2819", "externalId": "e", "userName": "ann", "displayName": "Ann", "title": "Guide", "password": "s3cret",
        "name": {"formatted": "Ms. Ann A", "familyName": "A", "honorificPrefix": "Ms."},
        "emails": [{"value": "a@x", "type": "home"}, {"value": "b@x", "type": "work", "primary": true}],
        "addresses": [{"streetAddress": "1 Way", "type": "work"}],
        ENTERPRISE_USER: {"employeeNumber": "7", "manager": {"value": "26"}},
    });
    let resource = read(resource_type, &document);
    let mut user = User::try_from(resource.clone()).unwrap();
    assert_eq!((user.id(), user.external_id(), user.user_name()), ("2819", Some("e"), Some("ann")));
    assert_eq!(
        (user.title(), user.password(), user.nick_name(), user.is_active()),
        (Some("Guide"), Some("s3cret"), None, None)
    );
    let name = user.name().unwrap();
    assert_eq!((name.formatted(), name.given_name(), name.honorific_prefix()), (Some("Ms. Ann A"), None, Some("Ms.")));
    assert_eq!(user.primary_email(), Some("b@x"));
    let emails: Vec<_> = user.emails().map(|email| (email.value(), email.label(), email.is_primary())).collect();
    assert_eq!(emails, [(Some("a@x"), Some("home"), false), (Some("b@x"), Some("work"), true)]);
    let street = user.addresses().next().and_then(|address| address.get("STREETADDRESS")?.as_str().map(str::to_owned));
    assert_eq!(street.as_deref(), Some("1 Way"));
    let enterprise = user.enterprise().unwrap();
    assert_eq!(
        (enterprise.employee_number(), enterprise.manager(), enterprise.division()),
        (Some("7"), Some("26"), None)
    );
    assert_eq!(user.roles().count() + user.photos().count() + user.ims().count(), 0);
    user.set_active(false).unwrap();
    let mut expected = document;
    expected["active"] = json!(false);
    assert_eq!(shown(user.as_resource()), expected);
    assert!(!format!("{user:?}").contains("s3cret"));
    assert_eq!(Resource::from(user).get("active"), Some(&Value::Boolean(false)));
}

#[test]
fn other_resources_are_neither_users_nor_groups() {
    let (user, group) = (resource_type("User"), resource_type("Group"));
    assert!(User::try_from(Resource::new(group.clone())).is_err());
    let error = Group::try_from(Resource::new(user.clone())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a resource of the schema `urn:ietf:params:scim:schemas:core:2.0:Group`, found a User"
    );
    assert!(User::new(&group, "x").is_err() && Group::new(&user, "x").is_err());
    assert_eq!(User::new(&user, "ann").unwrap().user_name(), Some("ann"));
    let mut guides = Group::new(&group, "Guides").unwrap();
    assert_eq!((guides.display_name(), guides.members().count()), (Some("Guides"), 0));
    guides.set_display_name("Tour Guides").unwrap();
    assert_eq!(shown(guides.as_resource()), json!({"displayName": "Tour Guides"}));
    let members = json!({"displayName": "G", "members": [{"value": "1", "type": "User"}, {"value": "2"}]});
    let guides = Group::try_from(read(&group, &members)).unwrap();
    let members: Vec<_> = guides.members().map(|member| (member.id, member.resource_type)).collect();
    assert_eq!(members, [("1", Some("User")), ("2", None)]);
    // A host's own type with another schema converts neither to a user nor to a group.
    let registry = registry();
    if let Some(badge) = registry.resource_types().iter().find(|resource_type| resource_type.schema().id() == BADGE) {
        assert!(User::try_from(Resource::new(badge.clone())).is_err());
    }
}
