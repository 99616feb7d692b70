//! Users (RFC 7643 §4.1) and what an enterprise knows of them (§4.3).

use std::sync::Arc;

use super::{WrongSchema, texts, typed};
use crate::{
    resource::{Resource, ResourceError},
    schema::{AttributeId, ENTERPRISE_USER, ResourceType, USER},
    value::{Object, Value},
};

/// A user (RFC 7643 §4.1).
///
/// ```
/// use scim_core::{Resource, resource::User, schema::Registry};
///
/// let registry = Registry::standard();
/// let kind = registry.resource_type("User").expect("registered");
/// let json = br#"{"userName": "bjensen", "active": true, "name": {"givenName": "Barbara"},
///     "emails": [{"value": "babs@home.example", "type": "home"}, {"value": "b@work.example", "primary": true}],
///     "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tours"}}"#;
/// let mut user = User::try_from(Resource::from_json(kind, json)?)?;
/// assert_eq!((user.user_name(), user.is_active()), (Some("bjensen"), Some(true)));
/// assert_eq!(user.name().and_then(|name| name.given_name()), Some("Barbara"));
/// assert_eq!(user.primary_email(), Some("b@work.example"));
/// assert_eq!(user.enterprise().and_then(|user| user.department()), Some("Tours"));
///
/// user.set_active(false)?;
/// assert_eq!(user.into_resource().get("active").and_then(|active| active.as_bool()), Some(false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    resource: Resource,
}

typed!(User, USER);

impl User {
    /// A user of this name, and nothing else. `kind` is a resource type with the User schema.
    ///
    /// # Errors
    ///
    /// When `kind` has another schema.
    pub fn new(kind: &Arc<ResourceType>, user_name: &str) -> Result<Self, WrongSchema> {
        let mut user = Self::try_from(Resource::new(Arc::clone(kind)))?;
        user.resource
            .set("userName", user_name)
            .map_err(|_| WrongSchema::new(USER, format_args!("{} without userName", kind.name())))?;
        Ok(user)
    }

    texts! {
        /// `userName`: what the user signs in with, unique in the tenant.
        user_name = "userName",
        /// `displayName`: the name to show.
        display_name = "displayName",
        /// `nickName`: how others call the user.
        nick_name = "nickName",
        /// `profileUrl`: the URL of a page about the user.
        profile_url = "profileUrl",
        /// `title`: such as "Vice President".
        title = "title",
        /// `userType`: how the organization is related to the user, such as "Employee".
        user_type = "userType",
        /// `preferredLanguage`: in the form of an `Accept-Language` header.
        preferred_language = "preferredLanguage",
        /// `locale`: such as "en-US".
        locale = "locale",
        /// `timezone`: such as "America/Los_Angeles".
        timezone = "timezone",
        /// `password`, in the clear, as a client has just set it: to be hashed by the store, and never to be shown.
        password = "password",
    }

    /// `active`: whether the user may sign in; `None` without a value.
    ///
    /// Every user that the core creates has a value, by the [default](crate::schema::Attribute::default_value) of the
    /// standard schema. `None` is a user who is not created yet or was stored before there was a default, or any user of a
    /// schema whose default is switched off.
    pub fn is_active(&self) -> Option<bool> {
        self.resource.get("active")?.as_bool()
    }

    /// Says whether the user may sign in.
    ///
    /// # Errors
    ///
    /// When the host's resource type has no `active`.
    pub fn set_active(&mut self, active: bool) -> Result<(), ResourceError> {
        self.resource.set("active", active).map(drop)
    }

    /// `name`: the parts of the user's name.
    pub fn name(&self) -> Option<Name<'_>> {
        Some(Name {
            kind: self.resource.kind(),
            own: self.own("name")?,
            object: self.resource.get("name")?.as_object()?,
        })
    }

    /// `emails`.
    pub fn emails(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("emails")
    }

    /// The address of `emails` that is primary, or else the first.
    pub fn primary_email(&self) -> Option<&str> {
        let primary = self.emails().find(Element::is_primary).or_else(|| self.emails().next());
        primary.and_then(|email| email.value())
    }

    /// `phoneNumbers`.
    pub fn phone_numbers(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("phoneNumbers")
    }

    /// `ims`: addresses for instant messages.
    pub fn ims(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("ims")
    }

    /// `photos`: URLs.
    pub fn photos(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("photos")
    }

    /// `addresses`; their parts by [`Element::get`], such as `streetAddress`.
    pub fn addresses(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("addresses")
    }

    /// `entitlements`: what the user has.
    pub fn entitlements(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("entitlements")
    }

    /// `roles`: who the user is, such as "Student".
    pub fn roles(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("roles")
    }

    /// `x509Certificates`: DER, in base64.
    pub fn x509_certificates(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("x509Certificates")
    }

    /// What an enterprise knows of the user (RFC 7643 §4.3), if it has data of that extension.
    pub fn enterprise(&self) -> Option<EnterpriseUser<'_>> {
        let kind = self.resource.kind();
        let own = kind.extension(ENTERPRISE_USER)?.attribute();
        Some(EnterpriseUser { kind, own, object: self.resource.root().get(own)?.as_object()? })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.resource.root().get(self.own(name)?)?.as_str()
    }

    fn own(&self, name: &str) -> Option<AttributeId> {
        self.resource.kind().child(AttributeId::ROOT, name)
    }

    fn list(&self, name: &str) -> impl Iterator<Item = Element<'_>> {
        let own = self.own(name);
        let value = own.and_then(|own| self.resource.root().get(own));
        let elements = value.map(Value::elements).unwrap_or_default().iter().filter_map(Value::as_object);
        let kind = self.resource.kind();
        elements.filter_map(move |object| Some(Element { kind, own: own?, object }))
    }
}

/// The sub-attributes of a complex attribute, by their names.
macro_rules! parts {
    ($name:ident) => {
        impl<'a> $name<'a> {
            /// The value of a sub-attribute, by its name in any case.
            pub fn get(&self, name: &str) -> Option<&'a Value> {
                self.object.get(self.kind.child(self.own, name)?)
            }

            fn text(&self, name: &str) -> Option<&'a str> {
                self.get(name)?.as_str()
            }
        }
    };
}

/// The parts of a user's name (RFC 7643 §4.1.1).
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    kind: &'a ResourceType,
    own: AttributeId,
    object: &'a Object,
}

parts!(Name);

/// A value of a list such as `emails` (RFC 7643 §2.4).
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    kind: &'a ResourceType,
    own: AttributeId,
    object: &'a Object,
}

parts!(Element);

/// What an enterprise knows of a user (RFC 7643 §4.3).
#[derive(Clone, Copy, Debug)]
pub struct EnterpriseUser<'a> {
    kind: &'a ResourceType,
    own: AttributeId,
    object: &'a Object,
}

parts!(EnterpriseUser);

/// Methods that borrow from the resource and not from the view.
macro_rules! borrowed_texts {
    ($($(#[$doc:meta])* $name:ident = $path:literal,)*) => {
        $($(#[$doc])* pub fn $name(&self) -> Option<&'a str> {
            self.text($path)
        })*
    };
}

impl<'a> Name<'a> {
    borrowed_texts! {
        /// `formatted`: the whole name as it is shown.
        formatted = "formatted",
        /// `familyName`: the last name in most Western languages.
        family_name = "familyName",
        /// `givenName`: the first name in most Western languages.
        given_name = "givenName",
        /// `middleName`.
        middle_name = "middleName",
        /// `honorificPrefix`: the title before the name.
        honorific_prefix = "honorificPrefix",
        /// `honorificSuffix`: what follows the name.
        honorific_suffix = "honorificSuffix",
    }
}

impl<'a> Element<'a> {
    borrowed_texts! {
        /// `value`: the address, number, URL or whatever the list has.
        value = "value",
        /// `display`: the value as people read it.
        display = "display",
        /// `type`: what it is for, such as "work".
        kind = "type",
    }

    /// `primary`: whether it is the one to prefer.
    pub fn is_primary(&self) -> bool {
        self.get("primary").and_then(Value::as_bool) == Some(true)
    }
}

impl<'a> EnterpriseUser<'a> {
    borrowed_texts! {
        /// `employeeNumber`.
        employee_number = "employeeNumber",
        /// `costCenter`.
        cost_center = "costCenter",
        /// `organization`.
        organization = "organization",
        /// `division`.
        division = "division",
        /// `department`.
        department = "department",
    }

    /// `manager.value`: the id of the user's manager.
    pub fn manager(&self) -> Option<&'a str> {
        let manager = self.kind.child(self.own, "manager")?;
        self.object.get(manager)?.as_object()?.get(self.kind.value_of(manager)?)?.as_str()
    }
}
