//! Users (RFC 7643 §4.1) and their enterprise data (§4.3).

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
/// use scim_core::{resource::{Resource, User}, schema::Registry};
///
/// let registry = Registry::standard();
/// let resource_type = registry.resource_type("User").expect("registered");
/// let json = br#"{"userName": "bjensen", "active": true, "name": {"givenName": "Barbara"},
///     "emails": [{"value": "babs@home.example", "type": "home"}, {"value": "b@work.example", "primary": true}],
///     "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tours"}}"#;
/// let mut user = User::try_from(Resource::from_json(resource_type, json)?)?;
/// assert_eq!((user.user_name(), user.is_active()), (Some("bjensen"), Some(true)));
/// assert_eq!(user.name().and_then(|name| name.given_name()), Some("Barbara"));
/// assert_eq!(user.primary_email(), Some("b@work.example"));
/// assert_eq!(user.enterprise().and_then(|user| user.department()), Some("Tours"));
///
/// user.set_active(false)?;
/// assert_eq!(user.into_resource().get("active").and_then(|active| active.as_bool()), Some(false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    resource: Resource,
}

typed!(User, USER);

impl User {
    /// A user with this name and no other attributes. `resource_type` is a resource type with the User schema.
    ///
    /// # Errors
    ///
    /// When `resource_type` has another schema, or its schema has no `userName`.
    pub fn new(resource_type: &Arc<ResourceType>, user_name: &str) -> Result<Self, WrongSchema> {
        let mut user = Self::try_from(Resource::new(Arc::clone(resource_type)))?;
        user.resource
            .set("userName", user_name)
            .map_err(|_| WrongSchema::new(USER, format_args!("{} without userName", resource_type.name())))?;
        Ok(user)
    }

    texts! {
        /// `userName`: the name with which the user signs in, unique in the tenant.
        user_name = "userName",
        /// `displayName`: the name to show.
        display_name = "displayName",
        /// `nickName`: the casual name of the user.
        nick_name = "nickName",
        /// `profileUrl`: the URL of a page about the user.
        profile_url = "profileUrl",
        /// `title`: the user's title, such as "Vice President".
        title = "title",
        /// `userType`: the relation of the user to the organization, such as "Employee".
        user_type = "userType",
        /// `preferredLanguage`: the user's preferred language, in the form of an `Accept-Language` header.
        preferred_language = "preferredLanguage",
        /// `locale`: the user's locale, such as "en-US".
        locale = "locale",
        /// `timezone`: the user's time zone, such as "America/Los_Angeles".
        timezone = "timezone",
        /// `password` in clear text, as a client has just set it: the store must hash it, and no answer may show it.
        password = "password",
    }

    /// `active`: whether the user may sign in; `None` without a value.
    ///
    /// Every user that the core creates has a value, by the [default](crate::schema::Attribute::with_default_value) of
    /// the standard schema. `None` is possible for a user who is not created yet or was stored before the default
    /// existed, and for a schema whose default is switched off.
    pub fn is_active(&self) -> Option<bool> {
        self.resource.get("active")?.as_bool()
    }

    /// Sets `active`: whether the user may sign in.
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
            resource_type: self.resource.resource_type(),
            own: self.own("name")?,
            object: self.resource.get("name")?.as_object()?,
        })
    }

    /// `emails`: the email addresses of the user.
    pub fn emails(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("emails")
    }

    /// The `value` of the primary element of `emails`, or else of the first element.
    pub fn primary_email(&self) -> Option<&str> {
        let primary = self.emails().find(Element::is_primary).or_else(|| self.emails().next());
        primary.and_then(|email| email.value())
    }

    /// `phoneNumbers`: the phone numbers of the user.
    pub fn phone_numbers(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("phoneNumbers")
    }

    /// `ims`: addresses for instant messages.
    pub fn ims(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("ims")
    }

    /// `photos`: URLs of photos.
    pub fn photos(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("photos")
    }

    /// `addresses`: postal addresses; [`Element::get`] returns their parts, such as `streetAddress`.
    pub fn addresses(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("addresses")
    }

    /// `entitlements`: the entitlements of the user.
    pub fn entitlements(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("entitlements")
    }

    /// `roles`: the roles of the user, such as "Student".
    pub fn roles(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("roles")
    }

    /// `x509Certificates`: certificates in DER, in base64.
    pub fn x509_certificates(&self) -> impl Iterator<Item = Element<'_>> {
        self.list("x509Certificates")
    }

    /// The enterprise data of the user (RFC 7643 §4.3); `None` if the user has no data of that extension.
    pub fn enterprise(&self) -> Option<EnterpriseUser<'_>> {
        let resource_type = self.resource.resource_type();
        let own = resource_type.extension(ENTERPRISE_USER)?.attribute();
        Some(EnterpriseUser { resource_type, own, object: self.resource.root().get(own)?.as_object()? })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.resource.root().get(self.own(name)?)?.as_str()
    }

    fn own(&self, name: &str) -> Option<AttributeId> {
        self.resource.resource_type().child(AttributeId::ROOT, name)
    }

    fn list(&self, name: &str) -> impl Iterator<Item = Element<'_>> {
        let own = self.own(name);
        let value = own.and_then(|own| self.resource.root().get(own));
        let elements = value.map(Value::elements).unwrap_or_default().iter().filter_map(Value::as_object);
        let resource_type = self.resource.resource_type();
        elements.filter_map(move |object| Some(Element { resource_type, own: own?, object }))
    }
}

/// The sub-attributes of a complex attribute, by their names.
macro_rules! parts {
    ($name:ident) => {
        impl<'a> $name<'a> {
            /// The value of the sub-attribute with this name, in any case.
            pub fn get(&self, name: &str) -> Option<&'a Value> {
                self.object.get(self.resource_type.child(self.own, name)?)
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
    resource_type: &'a ResourceType,
    own: AttributeId,
    object: &'a Object,
}

parts!(Name);

/// A value of a list such as `emails` (RFC 7643 §2.4).
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    resource_type: &'a ResourceType,
    own: AttributeId,
    object: &'a Object,
}

parts!(Element);

/// The enterprise data of a user (RFC 7643 §4.3).
#[derive(Clone, Copy, Debug)]
pub struct EnterpriseUser<'a> {
    resource_type: &'a ResourceType,
    own: AttributeId,
    object: &'a Object,
}

parts!(EnterpriseUser);

/// Methods whose results borrow from the resource, not from the view.
macro_rules! borrowed_texts {
    ($($(#[$doc:meta])* $name:ident = $path:literal,)*) => {
        $($(#[$doc])* pub fn $name(&self) -> Option<&'a str> {
            self.text($path)
        })*
    };
}

impl<'a> Name<'a> {
    borrowed_texts! {
        /// `formatted`: the whole name, for display.
        formatted = "formatted",
        /// `familyName`: the last name in most Western languages.
        family_name = "familyName",
        /// `givenName`: the first name in most Western languages.
        given_name = "givenName",
        /// `middleName`: the middle name.
        middle_name = "middleName",
        /// `honorificPrefix`: the title before the name.
        honorific_prefix = "honorificPrefix",
        /// `honorificSuffix`: the suffix after the name.
        honorific_suffix = "honorificSuffix",
    }
}

impl<'a> Element<'a> {
    borrowed_texts! {
        /// `value`: the address, number, URL or other content of the element.
        value = "value",
        /// `display`: the value in a form for people.
        display = "display",
        /// `type`: the function of the value, such as "work".
        label = "type",
    }

    /// `primary`: whether this value is the preferred value of the list.
    pub fn is_primary(&self) -> bool {
        self.get("primary").and_then(Value::as_bool) == Some(true)
    }
}

impl<'a> EnterpriseUser<'a> {
    borrowed_texts! {
        /// `employeeNumber`: the identifier of the user in the organization.
        employee_number = "employeeNumber",
        /// `costCenter`: the name of the cost center.
        cost_center = "costCenter",
        /// `organization`: the name of the organization.
        organization = "organization",
        /// `division`: the name of the division.
        division = "division",
        /// `department`: the name of the department.
        department = "department",
    }

    /// `manager.value`: the id of the user's manager.
    pub fn manager(&self) -> Option<&'a str> {
        let manager = self.resource_type.child(self.own, "manager")?;
        self.object.get(manager)?.as_object()?.get(self.resource_type.value_of(manager)?)?.as_str()
    }
}
