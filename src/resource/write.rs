//! Writing a resource as JSON: as a client sees it, and as a store keeps it.
//!
//! The text is written directly from the values; the resource type has the names as ready-made JSON.

mod text;

use std::sync::Arc;

pub(crate) use self::text::{SEGMENT, url};
use self::text::{date_time, display, location, rest_of_member, string, text};
use super::{Displays, Reference, Rendering, Resource};
use crate::{
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

impl Resource {
    /// Writes the resource as a client sees it to the end of `out`: the stored attributes that `rendering` shows,
    /// and the derived attributes `schemas`, `meta.resourceType`, `meta.location`, `meta.version`, `$ref` and the
    /// derived lists (RFC 7643 §3, §3.1; RFC 7644 §3.9).
    ///
    /// `schemas` names every schema of which the resource has data, regardless of the projection.
    ///
    /// ```
    /// use scim_core::{resource::{Projection, Rendering, Resource}, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let group = registry.resource_type("Group").expect("registered");
    /// let stored = br#"{"id": "7", "displayName": "Guides", "members": [{"value": "2", "type": "User"}]}"#;
    /// let resource = Resource::from_json(group, stored)?;
    /// let projection = Projection::default_of(group);
    /// let mut out = Vec::new();
    /// let base = "https://example.com/scim/v2";
    /// resource.write(&mut out, &Rendering { registry: &registry, base, projection: &projection, version: None,
    ///     derived: &[], displays: &[] });
    /// let shown: serde_json::Value = serde_json::from_slice(&out)?;
    /// assert_eq!(shown["members"][0]["$ref"], "https://example.com/scim/v2/Users/2");
    /// assert_eq!(shown["meta"]["location"], "https://example.com/scim/v2/Groups/7");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(&self, out: &mut Vec<u8>, rendering: &Rendering<'_>) {
        Writer { out, resource_type: &self.resource_type, shown: Some(rendering) }.resource(&self.root);
    }

    /// The resource as a store keeps it: all data that [`Resource::from_json`] reads, passwords included, and no
    /// derived attributes. Not for clients.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        Writer { out: &mut out, resource_type: &self.resource_type, shown: None }.resource(&self.root);
        out
    }
}

/// One value of `attribute` as a store keeps it: an element of a list, for a store with one row per element. In an
/// array under the attribute's name, the elements are JSON that [`Resource::from_json`] reads.
///
/// ```
/// use scim_core::{resource::{Resource, value_json}, schema::{AttributeId, Registry}};
///
/// let registry = Registry::standard();
/// let group = registry.resource_type("Group").expect("registered");
/// let stored = br#"{"id": "7", "displayName": "Guides", "members": [{"value": "2"}, {"value": "9"}]}"#;
/// let resource = Resource::from_json(group, stored)?;
///
/// let members = group.child(AttributeId::ROOT, "members").expect("defined");
/// let elements = resource.value(members).map(|value| value.elements()).unwrap_or_default();
/// let rows: Vec<String> = elements.iter().map(|element| value_json(group, members, element)).collect();
/// assert_eq!(rows, [r#"{"value":"2"}"#, r#"{"value":"9"}"#]);
///
/// let json = format!(r#"{{"id": "7", "displayName": "Guides", "members": [{}]}}"#, rows.join(","));
/// assert_eq!(Resource::from_json(group, json.as_bytes())?, resource);
/// # Ok::<(), scim_core::resource::ResourceError>(())
/// ```
pub fn value_json(resource_type: &ResourceType, attribute: AttributeId, value: &Value) -> String {
    let mut out = Vec::new();
    Writer { out: &mut out, resource_type, shown: None }.value(attribute, value);
    // The output consists of text only.
    String::from_utf8(out).unwrap_or_default()
}

impl Rendering<'_> {
    /// Writes a value of `attribute` as [`Resource::write`] does; writes nothing if no part of the value is shown.
    pub(crate) fn value(&self, out: &mut Vec<u8>, resource_type: &ResourceType, attribute: AttributeId, value: &Value) {
        Writer { out, resource_type, shown: Some(self) }.value(attribute, value);
    }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    resource_type: &'a ResourceType,
    /// The rendering for a client; `None` writes the stored values and no others.
    shown: Option<&'a Rendering<'a>>,
}

/// The resource type to which the `$ref`s of an attribute's values point.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// There is no `$ref`, or its value is stored.
    None,
    Always(&'a ResourceType),
    /// The `type` of each value decides.
    ByType,
}

impl<'a> Writer<'a> {
    fn includes(&self, attribute: AttributeId) -> bool {
        self.shown.is_none_or(|shown| shown.projection.includes(attribute))
    }

    /// Members end in a comma. The bracket replaces the last comma; an object without members is removed from the
    /// output.
    fn close(&mut self, start: usize, bracket: u8) -> bool {
        if let Some(last @ b',') = self.out.last_mut() {
            *last = bracket;
            return true;
        }
        self.out.truncate(start);
        false
    }

    /// Writes the resource. `schemas` has the base schema, and each extension of which the resource has data
    /// (RFC 7643 §3, §3.3; RFC 7644 §3.5.2).
    fn resource(&mut self, root: &Object) {
        self.out.extend_from_slice(b"{\"schemas\":[");
        text(self.out, self.resource_type.schema().id());
        let view = self.shown.map_or(self.resource_type, |shown| shown.projection.resource_type());
        let is_whole = std::ptr::eq(view, self.resource_type);
        for extension in view.extensions() {
            // An extension whose visible attributes are empty is not listed in `schemas`.
            let seen = |data: &Value| {
                let known = view.children(extension.attribute());
                is_whole || data.as_object().is_some_and(|data| known.iter().any(|known| data.contains(*known)))
            };
            if root.get(extension.attribute()).is_some_and(seen) {
                self.out.push(b',');
                text(self.out, extension.schema().id());
            }
        }
        self.out.extend_from_slice(b"],");
        let first = [AttributeId::ID, AttributeId::EXTERNAL_ID];
        for attribute in first {
            if let Some(value) = root.get(attribute) {
                self.member(attribute, value);
            }
        }
        for (attribute, value) in root {
            if !first.contains(&attribute) && attribute != AttributeId::META {
                self.member(attribute, value);
            }
        }
        if let Some(shown) = self.shown {
            for (attribute, references) in shown.derived {
                if self.includes(*attribute) {
                    self.derived(*attribute, references);
                }
            }
        }
        self.meta(root);
        // `schemas` is always present.
        self.close(0, b'}');
    }

    /// Writes `meta`. `meta.resourceType` is the name of the resource's type (RFC 7644 §3.3.1).
    fn meta(&mut self, root: &Object) {
        if !self.includes(AttributeId::META) {
            return;
        }
        let start = self.open(AttributeId::META, b'{');
        if self.shown.is_some() && self.includes(AttributeId::META_RESOURCE_TYPE) {
            self.key(AttributeId::META_RESOURCE_TYPE);
            text(self.out, self.resource_type.name());
            self.out.push(b',');
        }
        let meta = root.get(AttributeId::META).and_then(Value::as_object);
        for (attribute, value) in meta.into_iter().flat_map(Object::iter) {
            self.member(attribute, value);
        }
        if let Some(shown) = self.shown {
            if let Some(id) = root.get(AttributeId::ID).and_then(Value::as_str)
                && self.includes(AttributeId::META_LOCATION)
            {
                self.key(AttributeId::META_LOCATION);
                location(self.out, shown.base, self.resource_type, id);
                self.out.push(b',');
            }
            // The value of the ETag header (RFC 7644 §3.14).
            if let Some(version) = shown.version
                && self.includes(AttributeId::META_VERSION)
            {
                self.key(AttributeId::META_VERSION);
                text(self.out, version);
                self.out.push(b',');
            }
        }
        if self.close(start, b'}') {
            self.out.push(b',');
        }
    }

    /// Writes `"name":`.
    fn key(&mut self, attribute: AttributeId) {
        self.resource_type.write_key(attribute, self.out);
    }

    /// Writes `"name":{`; returns the start of the name in `out`.
    fn open(&mut self, attribute: AttributeId, bracket: u8) -> usize {
        let start = self.out.len();
        self.key(attribute);
        self.out.push(bracket);
        start
    }

    /// Writes `"name":value,` if any part of the value is shown. An attribute without a value is left out
    /// (RFC 7643 §2.5).
    fn member(&mut self, attribute: AttributeId, value: &Value) {
        if !self.includes(attribute) {
            return;
        }
        if let Value::String(value) = value {
            self.resource_type.write_text_key(attribute, self.out);
            return rest_of_member(self.out, value);
        }
        let start = self.out.len();
        self.key(attribute);
        if self.value(attribute, value) {
            self.out.push(b',');
        } else {
            self.out.truncate(start);
        }
    }

    /// Writes a value; returns whether anything was written.
    fn value(&mut self, attribute: AttributeId, value: &Value) -> bool {
        match value {
            Value::String(value) => string(self.out, value),
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::Integer(number) => display(self.out, number),
            Value::Decimal(number) => self.out.extend_from_slice(number.as_str().as_bytes()),
            Value::DateTime(time) => date_time(self.out, *time),
            Value::Complex(object) => {
                let name = self.displays(attribute).map(|displays| displays.name(0));
                return self.complex(attribute, object, self.target(attribute), name);
            }
            Value::List(values) => {
                let (target, displays) = (self.target(attribute), self.displays(attribute));
                let start = self.out.len();
                self.out.push(b'[');
                for (index, value) in values.iter().enumerate() {
                    let written = match value {
                        Value::Complex(object) => {
                            let name = displays.map(|displays| displays.name(index));
                            self.complex(attribute, object, target, name)
                        }
                        value => self.value(attribute, value),
                    };
                    if written {
                        self.out.push(b',');
                    }
                }
                return self.close(start, b']');
            }
        }
        true
    }

    fn complex(
        &mut self,
        attribute: AttributeId,
        object: &Object,
        target: Target<'a>,
        name: Option<(AttributeId, Option<&str>)>,
    ) -> bool {
        let start = self.out.len();
        self.out.push(b'{');
        for (attribute, value) in object {
            if name.is_none_or(|(display, _)| display != attribute) {
                self.member(attribute, value);
            }
        }
        self.reference(attribute, object, target);
        if let Some((display, Some(name))) = name
            && self.includes(display)
        {
            self.key(display);
            text(self.out, name);
            self.out.push(b',');
        }
        self.close(start, b'}')
    }

    /// The names of the resources to which the values of an attribute refer, if the names are not stored in the values.
    fn displays(&self, attribute: AttributeId) -> Option<&'a Displays> {
        let displays = self.shown.map_or(&[][..], |shown| shown.displays);
        displays.iter().find(|displays| self.resource_type.parent(displays.attribute()) == attribute)
    }

    /// The target of the `$ref` of an attribute's values, if `$ref` is derived.
    fn target(&self, attribute: AttributeId) -> Target<'a> {
        let Some(shown) = self.shown else { return Target::None };
        let Some(reference) = self.resource_type.conventional(attribute).reference else { return Target::None };
        if !shown.projection.includes(reference) || self.resource_type.referred_id(reference).is_none() {
            return Target::None;
        }
        let names = self.resource_type.attribute(reference).reference_types();
        let mut known = names.iter().filter_map(|name| shown.registry.resource_type(name));
        match (known.next(), known.next()) {
            (Some(only), None) => Target::Always(only),
            (Some(_), Some(_)) => Target::ByType,
            (None, _) => Target::None,
        }
    }

    /// Writes the absolute URL of a referenced resource as `$ref` (RFC 7643 §2.3.7).
    fn reference(&mut self, attribute: AttributeId, object: &Object, target: Target<'a>) {
        let conventional = self.resource_type.conventional(attribute);
        let (Some(shown), Some(reference)) = (self.shown, conventional.reference) else { return };
        let id = conventional.value.and_then(|value| object.get(value)).and_then(Value::as_str);
        let id = id.filter(|id| !id.is_empty());
        let resource_type = match target {
            Target::None => None,
            Target::Always(resource_type) => Some(resource_type),
            Target::ByType => {
                let name = conventional.type_of.and_then(|type_of| object.get(type_of)).and_then(Value::as_str);
                name.and_then(|name| shown.registry.resource_type(name)).map(Arc::as_ref)
            }
        };
        if let (Some(id), Some(resource_type)) = (id, resource_type) {
            self.key(reference);
            location(self.out, shown.base, resource_type, id);
            self.out.push(b',');
        }
    }

    /// Writes a derived list, such as `groups`: the ids of the referrers and their URLs (RFC 7643 §4.1.2).
    fn derived(&mut self, attribute: AttributeId, references: &[Reference]) {
        let conventional = self.resource_type.conventional(attribute);
        let display = self.resource_type.child(attribute, "display");
        let shown = |part: Option<AttributeId>| part.filter(|part| self.includes(*part));
        let [value, reference, display, type_of] =
            [conventional.value, conventional.reference, display, conventional.type_of].map(shown);
        let base = self.shown.map_or("", |shown| shown.base);
        let start = self.open(attribute, b'[');
        for it in references {
            let start = self.out.len();
            self.out.push(b'{');
            let texts = [(value, Some(it.id())), (display, it.display()), (type_of, Some(Reference::DIRECT))];
            for (part, content) in texts {
                if let (Some(part), Some(content)) = (part, content) {
                    self.key(part);
                    text(self.out, content);
                    self.out.push(b',');
                }
            }
            if let Some(reference) = reference {
                self.key(reference);
                location(self.out, base, it.resource_type(), it.id());
                self.out.push(b',');
            }
            if self.close(start, b'}') {
                self.out.push(b',');
            }
        }
        if self.close(start, b']') {
            self.out.push(b',');
        }
    }
}
