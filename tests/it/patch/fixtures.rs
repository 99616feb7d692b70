//! The resource types and resources of the PATCH tests.

use std::sync::{Arc, LazyLock};

use scim_core::{
    resource::Resource,
    schema::{Attribute, AttributeType, Mutability, Registry, ResourceType, Returned, Schema},
};

pub(crate) static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::standard);

static BADGE: LazyLock<Arc<ResourceType>> = LazyLock::new(|| {
    use AttributeType::{Boolean, DateTime, Decimal, Integer, Reference, String};
    let text = |name: &str| Attribute::new(name, String);
    let schema = Schema::new("urn:example:Badge", "Badge")
        .with_attribute(Attribute::new("number", Integer).required())
        .with_attribute(text("serial").with_mutability(Mutability::Immutable))
        .with_attribute(text("state").with_mutability(Mutability::ReadOnly))
        .with_attribute(text("pin").with_mutability(Mutability::WriteOnly).with_returned(Returned::Never))
        .with_attribute(text("tags").multi_valued())
        .with_attribute(text("codes").multi_valued().case_exact())
        .with_attribute(text("keys").multi_valued().required())
        .with_attribute(Attribute::new("opened", DateTime))
        .with_attribute(Attribute::new("price", Decimal))
        .with_attribute(Attribute::new("lost", Boolean))
        .with_attribute(Attribute::complex(
            "box",
            [
                Attribute::new("width", Integer).required(),
                Attribute::new("height", Integer),
                text("label").with_mutability(Mutability::Immutable),
                text("weight").with_mutability(Mutability::ReadOnly),
            ],
        ))
        .with_attribute(
            Attribute::complex(
                "seats",
                [
                    text("name").required(),
                    Attribute::new("row", Integer),
                    text("mark").with_mutability(Mutability::Immutable),
                ],
            )
            .multi_valued(),
        )
        .with_attribute(
            Attribute::complex(
                "staff",
                [
                    text("value").case_exact().with_mutability(Mutability::Immutable),
                    Attribute::new("$ref", Reference)
                        .with_reference_types(["User"])
                        .with_mutability(Mutability::Immutable),
                    text("role"),
                    Attribute::new("primary", Boolean),
                ],
            )
            .multi_valued(),
        );
    let paint = Schema::new("urn:example:Paint", "Paint")
        .with_attribute(text("color"))
        .with_attribute(text("maker").with_mutability(Mutability::Immutable))
        .with_attribute(text("stamp").with_mutability(Mutability::ReadOnly))
        .with_attribute(
            Attribute::complex("coats", [text("value"), text("display"), Attribute::new("primary", Boolean)])
                .multi_valued(),
        );
    let must = Schema::new("urn:example:must:1.0", "Must").with_attribute(Attribute::new("level", Integer));
    let resource_type = ResourceType::builder("Badge", "Badges", schema).extension(paint, false).extension(must, true);
    Arc::new(resource_type.build().unwrap())
});

const USER: &str = r#"{
    "id": "2819", "externalId": "e1", "userName": "bjensen", "displayName": "Babs", "active": true,
    "name": {"givenName": "Barbara", "familyName": "Jensen", "middleName": "J"},
    "emails": [{"value": "b@work.com", "type": "work", "primary": true}, {"value": "b@home.com", "type": "home"}],
    "phoneNumbers": [{"value": "555", "type": "work", "display": "desk"}],
    "ENT": {"department": "Tours", "employeeNumber": "701", "manager": {"value": "26118"}},
    "meta": {"created": "2011-05-13T04:42:34Z", "lastModified": "2011-05-13T04:42:34Z"}
}"#;

const GROUP: &str = r#"{
    "id": "g1", "displayName": "Guides",
    "members": [{"value": "a", "type": "User"}, {"value": "b", "type": "User"}, {"value": "c", "type": "Group"}],
    "meta": {"created": "2011-05-13T04:42:34Z", "lastModified": "2011-05-13T04:42:34Z"}
}"#;

const BARE: &str = r#"{"id": "1", "userName": "bare"}"#;

const BADGE_JSON: &str = r#"{
    "id": "b1", "number": 7, "serial": "S1", "state": "new", "tags": ["red", "blue"], "codes": ["A", "b"],
    "keys": ["k1", "k2"], "opened": "2020-01-01T00:00:00Z", "price": 10.50,
    "box": {"width": 1, "height": 2, "label": "L", "weight": "w"},
    "seats": [{"name": "s1", "row": 1, "mark": "m1"}, {"name": "s2", "row": 2}],
    "staff": [{"value": "u1", "role": "boss", "primary": true}, {"value": "u2"}],
    "urn:example:Paint": {"color": "green", "stamp": "ok"}, "urn:example:must:1.0": {"level": 1}
}"#;

/// The resource at the start of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Before {
    User,
    Group,
    /// A user with few attributes.
    Bare,
    /// A resource of a host's own type, with one attribute for each characteristic.
    Badge,
}

/// `ENT` stands for the URI of the Enterprise User extension.
pub(crate) fn expand(json: &str) -> String {
    json.replace("ENT", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")
}

impl Before {
    pub(crate) fn resource_type(self) -> &'static Arc<ResourceType> {
        match self {
            Self::User | Self::Bare => REGISTRY.resource_type("User").unwrap(),
            Self::Group => REGISTRY.resource_type("Group").unwrap(),
            Self::Badge => &BADGE,
        }
    }

    pub(crate) fn json(self) -> serde_json::Value {
        let json = match self {
            Self::User => USER,
            Self::Group => GROUP,
            Self::Bare => BARE,
            Self::Badge => BADGE_JSON,
        };
        serde_json::from_str(&expand(json)).unwrap()
    }

    pub(crate) fn resource(self) -> Resource {
        Resource::from_json(self.resource_type(), self.json().to_string().as_bytes()).unwrap()
    }

    /// The resource with some top-level attributes changed; null removes an attribute.
    pub(crate) fn with(self, changes: &str) -> Resource {
        let mut json = self.json();
        let changes: serde_json::Map<_, _> = serde_json::from_str(&expand(changes)).unwrap();
        for (name, value) in changes {
            if value.is_null() {
                json.as_object_mut().unwrap().remove(&name).expect("only what is there can be taken away");
            } else {
                json[&name] = value;
            }
        }
        Resource::from_json(self.resource_type(), json.to_string().as_bytes()).unwrap()
    }
}
