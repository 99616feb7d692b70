//! Resources to write, made from any schema.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::random::Random;
use crate::{
    resource::Resource,
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
}

impl Samples {
    pub(super) fn new(registry: &Registry) -> Option<Self> {
        let unique_of = |kind: &Arc<ResourceType>| {
            let text = |id: &&AttributeId| {
                let definition = kind.attribute(**id);
                definition.data_type() == AttributeType::String && is_settable(kind, **id) && is_singular(kind, **id)
            };
            kind.unique_attributes().iter().find(text).copied()
        };
        let subject = registry.resource_types().iter().find(|kind| unique_of(kind).is_some())?;
        let refers = |kind: &Arc<ResourceType>, list: AttributeId| {
            let reference = kind.conventional(list).reference;
            let names = reference.map(|reference| kind.attribute(reference).reference_types()).unwrap_or_default();
            names.iter().any(|name| **name == *subject.name())
                && kind.attribute(list).mutability() == Mutability::ReadWrite
        };
        let referrer = registry.resource_types().iter().find_map(|kind| {
            let list = kind.reference_lists().iter().find(|list| refers(kind, **list))?;
            Some((Arc::clone(kind), *list))
        });
        Some(Self { subject: Arc::clone(subject), unique: unique_of(subject)?, referrer })
    }

    /// A subject with the attributes that its schema requires. `name` is its unique value.
    pub(super) fn subject(&self, id: &str, name: &str) -> Resource {
        named(&self.subject, id, name)
    }
}

/// A new resource with the attributes that its schema requires; `name` is the value of every unique or required text.
pub(super) fn named(kind: &Arc<ResourceType>, id: &str, name: &str) -> Resource {
    let mut resource = required(kind, id, name);
    resource.assign_defaults();
    resource
}

/// Like [`named`], but without the defaults, which every new resource has.
fn required(kind: &Arc<ResourceType>, id: &str, name: &str) -> Resource {
    let mut root = Object::new();
    root.insert(AttributeId::ID, text(id));
    fill(kind, AttributeId::ROOT, name, &mut root);
    for extension in kind.extensions().iter().filter(|extension| extension.is_required()) {
        let mut data = Object::new();
        fill(kind, extension.attribute(), name, &mut data);
        root.insert(extension.attribute(), Value::Complex(data));
    }
    for &attribute in kind.unique_attributes() {
        if kind.attribute(attribute).data_type() == AttributeType::String {
            set(kind, &mut root, attribute, text(name));
        }
    }
    let mut resource = Resource::from_object(Arc::clone(kind), root);
    resource.set_times(Some(moment(0)), moment(0));
    resource
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.into())
}

/// An element of a list of references.
pub(super) fn reference(kind: &ResourceType, list: AttributeId, id: &str, target: &ResourceType) -> Object {
    let conventional = kind.conventional(list);
    let mut element = Object::new();
    if let Some(value) = conventional.value {
        element.insert(value, text(id));
    }
    if let Some(type_of) = conventional.kind {
        element.insert(type_of, text(target.name()));
    }
    element
}

fn fill(kind: &ResourceType, parent: AttributeId, name: &str, object: &mut Object) {
    for &attribute in kind.required_children(parent) {
        if kind.is_reference_list(attribute) || object.contains(attribute) {
            continue;
        }
        let value = value_of(kind, attribute, name);
        let value = if kind.attribute(attribute).is_multi_valued() { Value::List(vec![value]) } else { value };
        object.insert(attribute, value);
    }
}

/// A value that fits the attribute.
fn value_of(kind: &ResourceType, attribute: AttributeId, name: &str) -> Value {
    let definition = kind.attribute(attribute);
    match definition.data_type() {
        AttributeType::Boolean => Value::Boolean(true),
        AttributeType::Integer => Value::Integer(7),
        AttributeType::Decimal => Decimal::parse("7.25").map_or_else(|| text(name), Value::Decimal),
        AttributeType::DateTime => Value::DateTime(moment(7)),
        AttributeType::Binary => text("bmFtZQ=="),
        AttributeType::Reference => text("https://example.com/7"),
        AttributeType::Complex => {
            let mut object = Object::new();
            fill(kind, attribute, name, &mut object);
            if object.is_empty()
                && let Some(part) = kind.children(attribute).iter().find(|part| is_settable(kind, **part))
            {
                object.insert(*part, value_of(kind, *part, name));
            }
            Value::Complex(object)
        }
        AttributeType::String => match definition.canonical_values() {
            [first, ..] if definition.is_restricted() => text(first),
            _ => text(name),
        },
    }
}

/// Puts a value into the attribute and creates the complex values above it.
pub(super) fn set(kind: &ResourceType, root: &mut Object, attribute: AttributeId, value: Value) {
    let parent = kind.parent(attribute);
    if parent == AttributeId::ROOT {
        root.insert(attribute, value);
        return;
    }
    let top = kind.parent(parent);
    let outer = if top == AttributeId::ROOT { Some(&mut *root) } else { object_in(root, top) };
    if let Some(object) = outer.and_then(|outer| object_in(outer, parent)) {
        object.insert(attribute, value);
    }
}

fn object_in(object: &mut Object, attribute: AttributeId) -> Option<&mut Object> {
    if !matches!(object.get(attribute), Some(Value::Complex(_))) {
        object.insert(attribute, Value::Complex(Object::new()));
    }
    match object.get_mut(attribute) {
        Some(Value::Complex(object)) => Some(object),
        _ => None,
    }
}

/// Whether a client can set the attribute and its parents.
fn is_settable(kind: &ResourceType, attribute: AttributeId) -> bool {
    let mut at = attribute;
    while at != AttributeId::ROOT {
        if kind.attribute(at).mutability() == Mutability::ReadOnly {
            return false;
        }
        at = kind.parent(at);
    }
    true
}

fn is_singular(kind: &ResourceType, attribute: AttributeId) -> bool {
    let mut at = attribute;
    while at != AttributeId::ROOT {
        if kind.attribute(at).is_multi_valued() {
            return false;
        }
        at = kind.parent(at);
    }
    true
}

/// A resource with values in about half of the settable attributes. The values come from a small set, so that they
/// repeat.
pub(super) fn random(kind: &Arc<ResourceType>, id: &str, name: &str, random: &mut Random) -> Resource {
    let mut resource = required(kind, id, name);
    let containers = kind.extensions().iter().map(crate::schema::Extension::attribute);
    for parent in std::iter::once(AttributeId::ROOT).chain(containers) {
        let mut values = Object::new();
        for &attribute in kind.children(parent) {
            let skipped = [AttributeId::ID, AttributeId::SCHEMAS, AttributeId::META].contains(&attribute)
                || kind.is_reference_list(attribute)
                || kind.unique_attributes().contains(&attribute)
                || kind.extensions().iter().any(|extension| extension.attribute() == attribute)
                || !is_settable(kind, attribute);
            if skipped || random.once_in(2) {
                continue;
            }
            if let Some(value) = random_value(kind, attribute, random) {
                values.insert(attribute, value);
            }
        }
        if parent == AttributeId::ROOT {
            for (attribute, value) in values.iter() {
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

fn random_value(kind: &ResourceType, attribute: AttributeId, random: &mut Random) -> Option<Value> {
    if !kind.attribute(attribute).is_multi_valued() {
        return random_element(kind, attribute, random);
    }
    let mut elements = Vec::new();
    for _ in 0..=random.below(3) {
        if let Some(element) = random_element(kind, attribute, random)
            && !elements.contains(&element)
        {
            elements.push(element);
        }
    }
    (!elements.is_empty()).then_some(Value::List(elements))
}

fn random_element(kind: &ResourceType, attribute: AttributeId, random: &mut Random) -> Option<Value> {
    let definition = kind.attribute(attribute);
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
            for &part in kind.children(attribute) {
                // A reference is made for each response, and one primary value is enough.
                let made = kind.referred_id(part).is_some() || kind.conventional(attribute).primary == Some(part);
                if made || !is_settable(kind, part) || random.once_in(3) {
                    continue;
                }
                if let Some(value) = random_value(kind, part, random) {
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
