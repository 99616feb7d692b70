//! Values in a comparable document, as SQL expressions.
//!
//! Names come from the schema and are quoted. The dialects differ in how they unpack arrays and objects.

use super::statement::Dialect;
use crate::schema::{AttributeId, ResourceType};

/// A value in JSON: the expression that it starts from, and the names on the route from there.
#[derive(Clone, Debug)]
pub(super) struct Json {
    root: String,
    names: Vec<AttributeId>,
}

impl Json {
    /// The value of an expression, which must bind tighter than any operator.
    pub(super) fn new(root: impl Into<String>) -> Self {
        Self { root: root.into(), names: Vec::new() }
    }

    /// Whether the value is an element of a list or a whole document. Such a value exists whenever it is evaluated.
    pub(super) fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// The expression that the value starts from.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) fn enter(mut self, attribute: AttributeId) -> Self {
        self.names.push(attribute);
        self
    }

    /// The value as text; null if the value does not exist.
    pub(super) fn text(&self, dialect: Dialect, resource_type: &ResourceType) -> String {
        match (dialect, self.names.split_last()) {
            (Dialect::Sqlite, None) => self.root.clone(),
            (Dialect::Sqlite, _) => format!("json_extract({}, {})", self.root, self.path(resource_type)),
            (Dialect::Postgres, None) => format!("({} #>> '{{}}')", self.root),
            (Dialect::Postgres, Some((last, names))) => {
                let object = Self { root: self.root.clone(), names: names.to_vec() }.value(resource_type);
                format!("({object} ->> {})", name(resource_type, *last))
            }
        }
    }

    /// A condition that the value exists, whatever its type.
    pub(super) fn exists(&self, dialect: Dialect, resource_type: &ResourceType) -> String {
        match dialect {
            Dialect::Sqlite => format!("json_type({}, {}) IS NOT NULL", self.root, self.path(resource_type)),
            Dialect::Postgres => format!("({}) IS NOT NULL", self.value(resource_type)),
        }
    }

    /// The elements of an array as rows with an alias (no rows if the value is not an array), one element, and the
    /// expression of its position in the array.
    pub(super) fn elements(
        &self,
        dialect: Dialect,
        resource_type: &ResourceType,
        number: usize,
    ) -> (String, Self, String) {
        match dialect {
            Dialect::Sqlite => {
                let alias = format!("scim{number}");
                let rows = format!("json_each({}, {}) AS {alias}", self.root, self.path(resource_type));
                (rows, Self::new(format!("{alias}.value")), format!("{alias}.key"))
            }
            Dialect::Postgres => Self::unnested(&self.array(resource_type), number),
        }
    }

    /// The value as an array of `jsonb`, which is empty if the value is not an array: such a value must not raise an
    /// error, which would fail the whole statement.
    pub(super) fn array(&self, resource_type: &ResourceType) -> String {
        let value = self.value(resource_type);
        format!("CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} ELSE '[]'::jsonb END")
    }

    /// [`Json::elements`] of an array of `jsonb`.
    pub(super) fn unnested(array: &str, number: usize) -> (String, Self, String) {
        let alias = format!("scim{number}");
        let rows = format!("jsonb_array_elements({array}) WITH ORDINALITY AS {alias}(value, key)");
        (rows, Self::new(format!("{alias}.value")), format!("{alias}.key"))
    }

    /// The value as `jsonb`.
    fn value(&self, resource_type: &ResourceType) -> String {
        self.names
            .iter()
            .fold(self.root.clone(), |value, attribute| format!("{value} -> {}", name(resource_type, *attribute)))
    }

    /// The route in the syntax of SQLite: `'$."name"."familyName"'`.
    fn path(&self, resource_type: &ResourceType) -> String {
        let mut path = String::from("$");
        for attribute in &self.names {
            // Names in a schema contain no quotation marks.
            path.push_str(".\"");
            path.push_str(resource_type.attribute(*attribute).name());
            path.push('"');
        }
        quoted(&path)
    }
}

fn name(resource_type: &ResourceType, attribute: AttributeId) -> String {
    quoted(resource_type.attribute(attribute).name())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
