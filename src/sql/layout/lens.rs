//! The relation between a column and the attributes that it has: the content of the column for a resource, and the
//! attributes for the content.

use super::{
    super::statement::Dialect,
    field::{Content, Field},
};
use crate::{
    resource::Resource,
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

/// A field and its attributes.
#[derive(Clone, Debug)]
pub(in crate::sql) struct Lens {
    pub(in crate::sql) field: Field,
    shows: Shows,
}

#[derive(Clone, Copy, Debug)]
enum Shows {
    /// A singular attribute, at the end of a route of singular attributes.
    One(AttributeId),
    /// A sub-attribute of the primary element of a list, or else of its first element.
    Element { list: AttributeId, part: AttributeId },
    /// The parts of a name.
    Name { given: AttributeId, family: AttributeId, formatted: Option<AttributeId> },
}

impl Lens {
    pub(super) fn of(resource_type: &ResourceType, attribute: AttributeId, field: Field) -> Result<Self, String> {
        let definition = resource_type.attribute(attribute);
        let parent = resource_type.parent(attribute);
        if !field.fits(definition.data_type()) {
            return Err("the form of the column does not fit the type of the attribute".into());
        }
        if definition.is_multi_valued() {
            return Err("a column has one value, and the attribute is multi-valued: name a sub-attribute".into());
        }
        let in_list = parent != AttributeId::ROOT && resource_type.attribute(parent).is_multi_valued();
        let shows = if in_list { Shows::Element { list: parent, part: attribute } } else { Shows::One(attribute) };
        Ok(Self { field, shows })
    }

    pub(super) fn joined(
        given: AttributeId,
        family: AttributeId,
        formatted: Option<AttributeId>,
        field: Field,
    ) -> Self {
        Self { field, shows: Shows::Name { given, family, formatted } }
    }

    /// The attribute, if the column has exactly its values.
    pub(in crate::sql) fn exact(&self) -> Option<AttributeId> {
        match self.shows {
            Shows::One(attribute) if self.field.is_lossless() => Some(attribute),
            _ => None,
        }
    }

    /// The attribute, if a comparison with the column is a comparison with its values.
    pub(in crate::sql) fn compared(&self) -> Option<AttributeId> {
        self.exact().or_else(|| self.attribute().filter(|_| self.field.is_lowercased()))
    }

    /// The singular attribute of the column, with or without loss.
    pub(in crate::sql) fn attribute(&self) -> Option<AttributeId> {
        if let Shows::One(attribute) = self.shows { Some(attribute) } else { None }
    }

    /// The attributes that change with the column.
    pub(in crate::sql) fn touched(&self) -> Vec<AttributeId> {
        match self.shows {
            Shows::One(attribute) => vec![attribute],
            Shows::Element { list, part } => vec![list, part],
            Shows::Name { given, family, formatted } => [given, family].into_iter().chain(formatted).collect(),
        }
    }

    pub(in crate::sql) fn selected(&self, dialect: Dialect) -> String {
        self.field.selected(dialect)
    }

    /// The content of the column for this resource.
    pub(in crate::sql) fn content(&self, resource: &Resource) -> Option<Content> {
        match self.shows {
            Shows::One(attribute) => self.field.content(resource.value(attribute)),
            Shows::Element { list, part } => {
                let elements = resource.root().get(list).map(Value::elements).unwrap_or_default();
                let index = main_element(resource.resource_type(), list, elements)?;
                self.field.content(elements.get(index)?.as_object()?.get(part))
            }
            Shows::Name { given, family, formatted } => {
                let text = |attribute| resource.value(attribute).and_then(Value::as_str);
                let name = match (text(given), text(family)) {
                    (Some(given), Some(family)) => format!("{given} {family}"),
                    (Some(part), None) | (None, Some(part)) => part.to_owned(),
                    (None, None) => formatted.and_then(text)?.to_owned(),
                };
                Some(Content::Text(name))
            }
        }
    }

    /// Sets the attributes for the content of the column.
    pub(in crate::sql) fn show(&self, content: Option<Content>, resource: &mut Resource) {
        match self.shows {
            Shows::One(attribute) => {
                let value = content.and_then(|content| self.field.value(content));
                set(resource, attribute, value);
            }
            Shows::Element { list, part } => {
                let value = content.and_then(|content| self.field.value(content));
                show_element(resource, list, part, value);
            }
            Shows::Name { given, family, formatted } => {
                let name = match content {
                    Some(Content::Text(text)) => Some(text),
                    _ => None,
                };
                let (first, rest) = match name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
                    Some(name) => match name.split_once(' ') {
                        Some((first, rest)) => (Some(first), Some(rest.trim_start())),
                        None => (Some(name), None),
                    },
                    None => (None, None),
                };
                let text = |text: &str| Value::String(text.into());
                set(resource, given, first.map(text));
                set(resource, family, rest.map(text));
                if let Some(formatted) = formatted {
                    set(resource, formatted, name.as_deref().filter(|name| !name.is_empty()).map(text));
                }
            }
        }
    }
}

/// The index of the primary element, or else of the first element.
fn main_element(resource_type: &ResourceType, list: AttributeId, elements: &[Value]) -> Option<usize> {
    let is_primary = |element: &Value| {
        let primary = resource_type.conventional(list).primary;
        primary.and_then(|primary| element.as_object()?.get(primary)?.as_bool()) == Some(true)
    };
    elements.iter().position(is_primary).or((!elements.is_empty()).then_some(0))
}

/// Sets a part of the main element. The element comes into being with the value and goes with it.
fn show_element(resource: &mut Resource, list: AttributeId, part: AttributeId, value: Option<Value>) {
    let resource_type = std::sync::Arc::clone(resource.resource_type());
    let primary = resource_type.conventional(list).primary;
    let root = resource.root_mut();
    let mut elements = match root.remove(list) {
        Some(Value::List(elements)) => elements,
        Some(element) => vec![element],
        None => Vec::new(),
    };
    match (main_element(&resource_type, list, &elements), value) {
        (Some(index), Some(value)) => {
            if let Some(Value::Complex(element)) = elements.get_mut(index) {
                element.insert(part, value);
            }
        }
        (Some(index), None) => drop(elements.remove(index)),
        (None, Some(value)) => {
            let primary = primary.map(|primary| (primary, Value::Boolean(true)));
            elements.push(Value::Complex([(part, value)].into_iter().chain(primary).collect()));
        }
        (None, None) => {}
    }
    if !elements.is_empty() {
        root.insert(list, Value::List(elements));
    }
}

/// Sets or removes the value of a singular attribute, with the complex attributes above it.
fn set(resource: &mut Resource, attribute: AttributeId, value: Option<Value>) {
    let resource_type = std::sync::Arc::clone(resource.resource_type());
    let mut route = vec![];
    let mut at = resource_type.parent(attribute);
    while at != AttributeId::ROOT {
        route.push(at);
        at = resource_type.parent(at);
    }
    set_below(resource.root_mut(), &route, attribute, value);
}

/// `route` has the complex attributes above the attribute, the outermost last.
fn set_below(object: &mut Object, route: &[AttributeId], attribute: AttributeId, value: Option<Value>) {
    let Some((outer, rest)) = route.split_last() else {
        match value {
            Some(value) => drop(object.insert(attribute, value)),
            None => drop(object.remove(attribute)),
        }
        return;
    };
    if !matches!(object.get(*outer), Some(Value::Complex(_))) {
        if value.is_none() {
            return;
        }
        object.insert(*outer, Value::Complex(Object::new()));
    }
    let mut is_empty = false;
    if let Some(Value::Complex(inner)) = object.get_mut(*outer) {
        set_below(inner, rest, attribute, value);
        is_empty = inner.is_empty();
    }
    if is_empty {
        object.remove(*outer);
    }
}
