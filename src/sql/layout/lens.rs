//! The relation between a column and the attributes that it has: the content of the column for a resource, and the
//! attributes for the content.

use super::{
    super::statement::Dialect,
    field::{Content, Field},
};
use crate::{
    resource::{Resource, main_element},
    schema::{AttributeId, ResourceType},
    value::Value,
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

    /// The attribute of the whole name, if the column has a whole name and the schema has the attribute.
    pub(in crate::sql) fn whole_name(&self) -> Option<AttributeId> {
        if let Shows::Name { formatted, .. } = self.shows { formatted } else { None }
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
                let primary = resource.resource_type().conventional(list).primary;
                let element = elements.get(main_element(elements, primary))?;
                self.field.content(element.as_object()?.get(part))
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
                resource.assign(attribute, value);
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
                resource.assign(given, first.map(text));
                resource.assign(family, rest.map(text));
                if let Some(formatted) = formatted {
                    resource.assign(formatted, name.as_deref().filter(|name| !name.is_empty()).map(text));
                }
            }
        }
    }
}

/// Sets a part of the main element. The element comes into being with the value and goes with it.
fn show_element(resource: &mut Resource, list: AttributeId, part: AttributeId, value: Option<Value>) {
    let primary = resource.resource_type().conventional(list).primary;
    let root = resource.root_mut();
    let mut elements = match root.remove(list) {
        Some(Value::List(elements)) => elements.into_vec(),
        Some(element) => vec![element],
        None => Vec::new(),
    };
    let index = main_element(&elements, primary);
    match (elements.get_mut(index), value) {
        (Some(Value::Complex(element)), Some(value)) => drop(element.insert(part, value)),
        (Some(_), None) => drop(elements.remove(index)),
        (None, Some(value)) => {
            let primary = primary.map(|primary| (primary, Value::Boolean(true)));
            elements.push(Value::Complex([(part, value)].into_iter().chain(primary).collect()));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    if !elements.is_empty() {
        root.insert(list, Value::List(elements.into()));
    }
}
