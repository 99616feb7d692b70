//! Resources to write, made from any schema.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::random::Random;
use crate::{
    fold::fold,
    resource::{Resource, assign},
    schema::{AttributeId, AttributeType, Mutability, Registry, ResourceType},
    value::{Decimal, Object, Value},
};

/// Text that databases, programming languages and people treat differently.
pub(super) const HOSTILE: &[&str] = &[
    "'; DROP TABLE users; --",
    "\" OR \"\"=\"",
    "100%_\\",
    "a\\'b\\\\c",
    "$1 ? :name {0} %s",
    "line\nbreak\r\ttab",
    "\u{1}\u{7f}\u{85}",
    "ß ẞ ss SS",
    "Σίσυφος ΣΊΣΥΦΟΣ σς",
    "İIıi i\u{307}",
    "e\u{301} é",
    "日本語 한국어 עברית",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "\u{202e}right to left\u{202c}",
    "\u{feff}mark",
    " leading and trailing ",
    "null",
    "{\"json\": [1]}",
    "<script>alert(1)</script>",
    "\u{10ffff}",
];

/// A fixed time of the tests; each `step` adds one second.
pub(super) fn moment(step: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000) + TimeDelta::seconds(step)
}

/// The resource types that the checks write.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    /// A type with a unique string attribute, at the top or below a complex attribute.
    pub(super) subject: Arc<ResourceType>,
    /// The unique attribute.
    pub(super) unique: AttributeId,
    /// A type with a list that may refer to subjects, and the list.
    pub(super) referrer: Option<(Arc<ResourceType>, AttributeId)>,
    /// The end of every name; empty if two tenants may use the same name.
    pub(super) suffix: String,
    /// Whether the host folds letters of ASCII only.
    pub(super) is_ascii: bool,
}

impl Samples {
    pub(super) fn new(registry: &Registry) -> Option<Self> {
        let unique_of = |resource_type: &Arc<ResourceType>| {
            let text = |id: &&AttributeId| {
                let definition = resource_type.attribute(**id);
                definition.data_type() == AttributeType::String
                    && is_settable(resource_type, **id)
                    && is_singular(resource_type, **id)
            };
            resource_type.unique_attributes().iter().find(text).copied()
        };
        let subject = registry.resource_types().iter().find(|resource_type| unique_of(resource_type).is_some())?;
        let refers = |resource_type: &Arc<ResourceType>, list: AttributeId| {
            let reference = resource_type.conventional(list).reference;
            let names =
                reference.map(|reference| resource_type.attribute(reference).reference_types()).unwrap_or_default();
            names.iter().any(|name| **name == *subject.name())
                && resource_type.attribute(list).mutability() == Mutability::ReadWrite
        };
        let referrer = registry.resource_types().iter().find_map(|resource_type| {
            let list = resource_type.reference_lists().iter().find(|list| refers(resource_type, **list))?;
            Some((Arc::clone(resource_type), *list))
        });
        Some(Self {
            subject: Arc::clone(subject),
            unique: unique_of(subject)?,
            referrer,
            suffix: String::new(),
            is_ascii: false,
        })
    }

    /// A subject with the attributes that its schema requires. `name` is its unique value.
    pub(super) fn subject(&self, id: &str, name: &str) -> Resource {
        self.named(&self.subject, id, name)
    }

    /// A new resource with the attributes that its schema requires; `name` is the value of every unique or required
    /// text.
    pub(super) fn named(&self, resource_type: &Arc<ResourceType>, id: &str, name: &str) -> Resource {
        named(resource_type, id, &format!("{name}{}", self.suffix))
    }

    /// A resource with values in about half of the settable attributes.
    pub(super) fn random(
        &self,
        resource_type: &Arc<ResourceType>,
        id: &str,
        name: &str,
        numbers: &mut Random,
    ) -> Resource {
        let mut resource = random(resource_type, id, &format!("{name}{}", self.suffix), numbers);
        if self.is_ascii {
            keep_apart(resource.root_mut());
        }
        resource
    }
}

/// Replaces text that is not ASCII and that the core folds to ASCII.
fn keep_apart(object: &mut Object) {
    let attributes: Vec<AttributeId> = object.iter().map(|(attribute, _)| attribute).collect();
    for attribute in attributes {
        if let Some(value) = object.get_mut(attribute) {
            keep_value_apart(value);
        }
    }
}

fn keep_value_apart(value: &mut Value) {
    match value {
        Value::String(folded) if !folded.is_ascii() && fold(folded).is_ascii() => *value = text("\u{e9}"),
        Value::Complex(object) => keep_apart(object),
        Value::List(elements) => elements.make_mut().iter_mut().for_each(keep_value_apart),
        _ => {}
    }
}

/// A new resource with the attributes that its schema requires; `name` is the value of every unique or required text.
fn named(resource_type: &Arc<ResourceType>, id: &str, name: &str) -> Resource {
    let mut resource = required(resource_type, id, name);
    resource.assign_defaults();
    resource
}

/// Like [`named`], but without the defaults, which every new resource has.
fn required(resource_type: &Arc<ResourceType>, id: &str, name: &str) -> Resource {
    let mut root = Object::new();
    root.insert(AttributeId::ID, text(id));
    fill(resource_type, AttributeId::ROOT, name, &mut root);
    for extension in resource_type.extensions().iter().filter(|extension| extension.is_required()) {
        let mut data = Object::new();
        fill(resource_type, extension.attribute(), name, &mut data);
        root.insert(extension.attribute(), Value::Complex(data));
    }
    for &attribute in resource_type.unique_attributes() {
        if resource_type.attribute(attribute).data_type() == AttributeType::String {
            assign(resource_type, &mut root, attribute, Some(text(name)));
        }
    }
    let mut resource = Resource::from_object(Arc::clone(resource_type), root);
    resource.set_times(Some(moment(0)), moment(0));
    resource
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.into())
}

/// An element of a list of references.
pub(super) fn reference(resource_type: &ResourceType, list: AttributeId, id: &str, target: &ResourceType) -> Object {
    let conventional = resource_type.conventional(list);
    let mut element = Object::new();
    if let Some(value) = conventional.value {
        element.insert(value, text(id));
    }
    if let Some(type_of) = conventional.type_of {
        element.insert(type_of, text(target.name()));
    }
    element
}

fn fill(resource_type: &ResourceType, parent: AttributeId, name: &str, object: &mut Object) {
    for &attribute in resource_type.required_children(parent) {
        if resource_type.is_reference_list(attribute) || object.contains(attribute) {
            continue;
        }
        let value = value_of(resource_type, attribute, name);
        let value =
            if resource_type.attribute(attribute).is_multi_valued() { Value::List([value].into()) } else { value };
        object.insert(attribute, value);
    }
}

/// A value that fits the attribute.
fn value_of(resource_type: &ResourceType, attribute: AttributeId, name: &str) -> Value {
    let definition = resource_type.attribute(attribute);
    match definition.data_type() {
        AttributeType::Boolean => Value::Boolean(true),
        AttributeType::Integer => Value::Integer(7),
        AttributeType::Decimal => Decimal::parse("7.25").map_or_else(|| text(name), Value::Decimal),
        AttributeType::DateTime => Value::DateTime(moment(7)),
        AttributeType::Binary => text("bmFtZQ=="),
        AttributeType::Reference => text("https://example.com/7"),
        AttributeType::Complex => {
            let mut object = Object::new();
            fill(resource_type, attribute, name, &mut object);
            if object.is_empty()
                && let Some(part) =
                    resource_type.children(attribute).iter().find(|part| is_settable(resource_type, **part))
            {
                object.insert(*part, value_of(resource_type, *part, name));
            }
            Value::Complex(object)
        }
        AttributeType::String => match definition.canonical_values() {
            [first, ..] if definition.is_restricted() => text(first),
            _ => text(name),
        },
    }
}

/// Puts a value into the attribute, or removes the value of the attribute.
pub(super) fn put(resource_type: &ResourceType, root: &mut Object, attribute: AttributeId, value: Option<Value>) {
    let parent = resource_type.parent(attribute);
    match value {
        Some(value) => drop(assign(resource_type, root, attribute, Some(value))),
        None if parent == AttributeId::ROOT => drop(root.remove(attribute)),
        None => {
            if let Some(Value::Complex(outer)) = root.get_mut(parent) {
                outer.remove(attribute);
            }
        }
    }
}

/// The singular booleans of a type that only the service provider sets: at the top, or in an extension.
pub(super) fn flags(resource_type: &ResourceType) -> Vec<AttributeId> {
    let is_flag = |attribute: &AttributeId| {
        let definition = resource_type.attribute(*attribute);
        let parent = resource_type.parent(*attribute);
        definition.data_type() == AttributeType::Boolean
            && definition.mutability() == Mutability::ReadOnly
            && !resource_type.is_sensitive(*attribute)
            && is_singular(resource_type, *attribute)
            && (parent == AttributeId::ROOT
                || resource_type.extensions().iter().any(|extension| extension.attribute() == parent))
    };
    resource_type.attributes().filter(is_flag).collect()
}

/// Whether a client can set the attribute and its parents.
fn is_settable(resource_type: &ResourceType, attribute: AttributeId) -> bool {
    let mut at = attribute;
    while at != AttributeId::ROOT {
        if resource_type.attribute(at).mutability() == Mutability::ReadOnly {
            return false;
        }
        at = resource_type.parent(at);
    }
    true
}

fn is_singular(resource_type: &ResourceType, attribute: AttributeId) -> bool {
    let mut at = attribute;
    while at != AttributeId::ROOT {
        if resource_type.attribute(at).is_multi_valued() {
            return false;
        }
        at = resource_type.parent(at);
    }
    true
}

/// A resource with values in about half of the settable attributes. The values come from a small set, so that they
/// repeat.
fn random(resource_type: &Arc<ResourceType>, id: &str, name: &str, random: &mut Random) -> Resource {
    let mut resource = required(resource_type, id, name);
    let containers = resource_type.extensions().iter().map(crate::schema::Extension::attribute);
    for parent in std::iter::once(AttributeId::ROOT).chain(containers) {
        let mut values = Object::new();
        for &attribute in resource_type.children(parent) {
            let skipped = [AttributeId::ID, AttributeId::SCHEMAS, AttributeId::META].contains(&attribute)
                || resource_type.is_reference_list(attribute)
                || resource_type.unique_attributes().contains(&attribute)
                || resource_type.extensions().iter().any(|extension| extension.attribute() == attribute)
                || !is_settable(resource_type, attribute);
            if skipped || random.once_in(2) {
                continue;
            }
            if let Some(value) = random_value(resource_type, attribute, random) {
                values.insert(attribute, value);
            }
        }
        if parent == AttributeId::ROOT {
            for (attribute, value) in &values {
                if !resource.root().contains(attribute) {
                    resource.root_mut().insert(attribute, value.clone());
                }
            }
        } else if !values.is_empty() && !resource.root().contains(parent) {
            resource.root_mut().insert(parent, Value::Complex(values));
        }
    }
    resource.assign_defaults();
    resource
}

fn random_value(resource_type: &ResourceType, attribute: AttributeId, random: &mut Random) -> Option<Value> {
    if !resource_type.attribute(attribute).is_multi_valued() {
        return random_element(resource_type, attribute, random);
    }
    let mut elements = Vec::new();
    for _ in 0..=random.below(3) {
        if let Some(element) = random_element(resource_type, attribute, random)
            && !elements.contains(&element)
        {
            elements.push(element);
        }
    }
    (!elements.is_empty()).then_some(Value::List(elements.into()))
}

fn random_element(resource_type: &ResourceType, attribute: AttributeId, random: &mut Random) -> Option<Value> {
    let definition = resource_type.attribute(attribute);
    Some(match definition.data_type() {
        AttributeType::Boolean => Value::Boolean(random.once_in(2)),
        AttributeType::Integer => Value::Integer(i64::try_from(random.below(5)).unwrap_or_default() - 2),
        AttributeType::Decimal => Value::Decimal(Decimal::parse(DECIMALS.get(random.below(DECIMALS.len()))?)?),
        AttributeType::DateTime => Value::DateTime(moment(i64::try_from(random.below(5)).unwrap_or_default())),
        AttributeType::Binary => text("bmFtZQ=="),
        // The core accepts only such references from JSON, so a store need not keep other values.
        AttributeType::Reference => text(random.choose(URIS)?),
        AttributeType::Complex => {
            let mut object = Object::new();
            for &part in resource_type.children(attribute) {
                // A reference is made for each response, and one primary value is enough.
                let made = resource_type.referred_id(part).is_some()
                    || resource_type.conventional(attribute).primary == Some(part);
                if made || !is_settable(resource_type, part) || random.once_in(3) {
                    continue;
                }
                if let Some(value) = random_value(resource_type, part, random) {
                    object.insert(part, value);
                }
            }
            if object.is_empty() {
                return None;
            }
            Value::Complex(object)
        }
        AttributeType::String => match definition.canonical_values() {
            canonical @ [_, ..] if definition.is_restricted() => text(random.choose(canonical)?),
            _ => text(random.choose(TEXTS)?),
        },
    })
}

/// Numbers that are equal, close, or too long for a float.
pub(super) const DECIMALS: &[&str] = &["1.5", "1.50", "-1.5", "0", "1e3", "1000", "0.1", "0.10000000000000000000001"];

/// References; some of them differ only in case.
const URIS: &[&str] =
    &["https://example.com/a", "https://example.com/A", "urn:example:b", "../c?d=%20", "https://例え/"];

/// A small set, so that values repeat. The texts differ in case, accents and length.
pub(super) const TEXTS: &[&str] = &[
    "a",
    "A",
    "ab",
    "AB",
    "b",
    "%",
    "_",
    "a%b",
    "\\",
    "'",
    "\"",
    "ß",
    "ẞ",
    "ss",
    "σ",
    "ς",
    "Σ",
    "İ",
    "i",
    "I",
    "é",
    "e\u{301}",
    "E\u{301}",
    "\u{17f}",
    "s",
    "日本",
    "👩‍👧",
    " a ",
    "1",
    "true",
    "null",
    "zebra",
    "Zebra",
    "\u{10ffff}",
];
