//! Access by path, for hosts: the value that a resource has at `name.givenName`, and a new value for it.

use chrono::{DateTime, Utc};

use super::{Resource, ResourceError, ResourceErrorKind};
use crate::{
    path::{PathRef, Place},
    quirks::{Quirks, Tolerance},
    schema::{AttributeId, AttributeType, ResourceType},
    value::{Decimal, Object, Text, Value},
};

macro_rules! into_value {
    ($($from:ty => $variant:ident,)*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

into_value! {
    &str => String,
    String => String,
    Text => String,
    bool => Boolean,
    i64 => Integer,
    Decimal => Decimal,
    DateTime<Utc> => DateTime,
    Object => Complex,
    Vec<Self> => List,
}

impl Resource {
    /// The value at a path (RFC 7644 §3.10): `userName`, `name.givenName`,
    /// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`, or `manager.value` if only one
    /// extension has that attribute. The list of a multi-valued attribute is one value; a sub-attribute of its
    /// elements has no single value. `None` if there is no value, or no such attribute.
    ///
    /// Code that handles many resources can use [`Resource::value`], which takes an attribute id that is looked up
    /// once.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let mut resource = Resource::from_json(user, br#"{"userName": "bjensen", "name": {"givenName": "Barbara"}}"#)?;
    /// assert_eq!(resource.get("NAME.givenName").and_then(|name| name.as_str()), Some("Barbara"));
    ///
    /// resource.set("department", "Tours")?;
    /// resource.unset("name.givenName")?;
    /// assert_eq!(resource.get("department").and_then(|name| name.as_str()), Some("Tours"));
    /// assert_eq!(resource.get("name"), None, "nothing is left of it");
    /// assert!(resource.set("active", "yes").is_err(), "expected a boolean");
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.value(resolve(&self.resource_type, path)?)
    }

    /// Sets the attribute at a path to this value; returns the old value. The host may also set attributes that
    /// clients must not change.
    ///
    /// # Errors
    ///
    /// When the schema has no such attribute, the attribute is a sub-attribute of a list's elements, or the value
    /// has another type than the attribute. The resource is then unchanged.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) -> Result<Option<Value>, ResourceError> {
        let (attribute, value) = (self.single(path)?, value.into());
        if !fits(&self.resource_type, attribute, &value) {
            let (expected, found) = (type_name(&self.resource_type, attribute), value_name(&value));
            return Err(ResourceError::new(ResourceErrorKind::Type { expected, found }, path));
        }
        Ok(self.assign(attribute, Some(value)))
    }

    /// Removes the value of the attribute at a path, and returns the value. A complex attribute that loses its
    /// last sub-attribute is removed as well.
    ///
    /// # Errors
    ///
    /// When the schema has no such attribute, or the attribute is a sub-attribute of a list's elements.
    pub fn unset(&mut self, path: &str) -> Result<Option<Value>, ResourceError> {
        let attribute = self.single(path)?;
        Ok(self.assign(attribute, None))
    }

    /// Sets or removes the value of an attribute that is not in a list, and removes complex attributes that become
    /// empty. Returns the old value.
    pub(crate) fn assign(&mut self, attribute: AttributeId, value: Option<Value>) -> Option<Value> {
        assign(&self.resource_type, &mut self.root, attribute, value)
    }

    /// The attribute at a path, if it has a single value or a list.
    fn single(&self, path: &str) -> Result<AttributeId, ResourceError> {
        let attribute = resolve(&self.resource_type, path).filter(|attribute| *attribute != AttributeId::ROOT);
        attribute
            .filter(|attribute| !self.resource_type.attribute(self.resource_type.parent(*attribute)).is_multi_valued())
            .ok_or_else(|| ResourceError::unknown_at(self.resource_type(), path))
    }
}

fn resolve(resource_type: &ResourceType, path: &str) -> Option<AttributeId> {
    if let Some(attribute) = resource_type.child(AttributeId::ROOT, path) {
        return Some(attribute);
    }
    resource_type.resolve(PathRef::parse(path).ok()?, &mut Tolerance::new(Quirks::default())).ok()
}

/// Sets or removes the value of an attribute, and removes complex attributes that become empty.
pub(crate) fn assign(
    resource_type: &ResourceType,
    root: &mut Object,
    attribute: AttributeId,
    value: Option<Value>,
) -> Option<Value> {
    let place = Place::new(resource_type, AttributeId::ROOT, resource_type.parent(attribute));
    assign_below(root, place.route(), attribute, value)
}

fn assign_below(
    object: &mut Object,
    route: &[AttributeId],
    attribute: AttributeId,
    value: Option<Value>,
) -> Option<Value> {
    let Some((next, rest)) = route.split_first() else { return place(object, attribute, value) };
    if !matches!(object.get(*next), Some(Value::Complex(_))) {
        value.as_ref()?;
        object.insert(*next, Value::Complex(Object::new()));
    }
    let Some(Value::Complex(below)) = object.get_mut(*next) else { return None };
    let before = assign_below(below, rest, attribute, value);
    if below.is_empty() {
        object.remove(*next);
    }
    before
}

fn place(object: &mut Object, attribute: AttributeId, value: Option<Value>) -> Option<Value> {
    match value {
        Some(value) => object.insert(attribute, value),
        None => object.remove(attribute),
    }
}

/// Whether the value and all its parts have the attribute's type.
fn fits(resource_type: &ResourceType, attribute: AttributeId, value: &Value) -> bool {
    let definition = resource_type.attribute(attribute);
    match value {
        Value::List(values) => {
            let is_element =
                |value: &Value| !matches!(value, Value::List(_)) && is_of_type(resource_type, attribute, value);
            definition.is_multi_valued() && !values.is_empty() && values.iter().all(is_element)
        }
        value => !definition.is_multi_valued() && is_of_type(resource_type, attribute, value),
    }
}

fn is_of_type(resource_type: &ResourceType, attribute: AttributeId, value: &Value) -> bool {
    use AttributeType::{Binary, Boolean, Complex, DateTime, Decimal, Integer, Reference, String};
    match (resource_type.attribute(attribute).data_type(), value) {
        (Boolean, Value::Boolean(_))
        | (Integer, Value::Integer(_))
        | (Decimal, Value::Decimal(_))
        | (DateTime, Value::DateTime(_))
        | (String | Reference | Binary, Value::String(_)) => true,
        (Complex, Value::Complex(object)) => {
            let below = resource_type.children(attribute);
            !object.is_empty()
                && object.iter().all(|(part, value)| below.contains(&part) && fits(resource_type, part, value))
        }
        _ => false,
    }
}

fn type_name(resource_type: &ResourceType, attribute: AttributeId) -> &'static str {
    let definition = resource_type.attribute(attribute);
    match definition.data_type() {
        _ if definition.is_multi_valued() => "a list of the attribute's values",
        AttributeType::Boolean => "a boolean",
        AttributeType::Integer => "an integer",
        AttributeType::Decimal => "a decimal",
        AttributeType::DateTime => "a date and time",
        AttributeType::Complex => "an object of the attribute's sub-attributes",
        AttributeType::String | AttributeType::Reference | AttributeType::Binary => "a string",
    }
}

fn value_name(value: &Value) -> &'static str {
    match value {
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::Decimal(_) => "a decimal",
        Value::DateTime(_) => "a date and time",
        Value::Complex(_) => "an object",
        Value::List(_) => "a list",
        Value::String(_) => "a string",
    }
}
