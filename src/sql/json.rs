//! Values in a comparable document, as expressions of SQL.
//!
//! Names come from the schema, quoted; how arrays and objects are taken apart is what the dialects differ in.

use super::statement::Dialect;
use crate::schema::{AttributeId, ResourceType};

/// A value in JSON: where it starts from, and the names on the way from there.
#[derive(Clone, Debug)]
pub(super) struct Json {
    root: String,
    names: Vec<AttributeId>,
}

impl Json {
    /// A value that an expression, which binds tighter than any operator, has.
    pub(super) fn new(root: impl Into<String>) -> Self {
        Self { root: root.into(), names: Vec::new() }
    }

    /// Whether it is an element of a list, or all of a document, and so is there whenever it is looked at.
    pub(super) fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn enter(mut self, attribute: AttributeId) -> Self {
        self.names.push(attribute);
        self
    }

    /// The value as text; null if there is none.
    pub(super) fn text(&self, dialect: Dialect, kind: &ResourceType) -> String {
        match (dialect, self.names.split_last()) {
            (Dialect::Sqlite, None) => self.root.clone(),
            (Dialect::Sqlite, _) => format!("json_extract({}, {})", self.root, self.path(kind)),
            (Dialect::Postgres, None) => format!("({} #>> '{{}}')", self.root),
            (Dialect::Postgres, Some((last, names))) => {
                let object = Self { root: self.root.clone(), names: names.to_vec() }.value(kind);
                format!("({object} ->> {})", name(kind, *last))
            }
        }
    }

    /// That there is a value, of whatever kind.
    pub(super) fn exists(&self, dialect: Dialect, kind: &ResourceType) -> String {
        match dialect {
            Dialect::Sqlite => format!("json_type({}, {}) IS NOT NULL", self.root, self.path(kind)),
            Dialect::Postgres => format!("({}) IS NOT NULL", self.value(kind)),
        }
    }

    /// The elements of an array as rows with an alias, none for what is not an array; and how one of them, and its place
    /// among the others, is called.
    pub(super) fn elements(&self, dialect: Dialect, kind: &ResourceType, number: usize) -> (String, Self, String) {
        let alias = format!("scim{number}");
        match dialect {
            Dialect::Sqlite => {
                let rows = format!("json_each({}, {}) AS {alias}", self.root, self.path(kind));
                (rows, Self::new(format!("{alias}.value")), format!("{alias}.key"))
            }
            Dialect::Postgres => {
                let value = self.value(kind);
                // What has no array must not be an error: that would be one of the whole statement.
                let array = format!("CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} ELSE '[]'::jsonb END");
                let rows = format!("jsonb_array_elements({array}) WITH ORDINALITY AS {alias}(value, key)");
                (rows, Self::new(format!("{alias}.value")), format!("{alias}.key"))
            }
        }
    }

    /// The value as `jsonb`.
    fn value(&self, kind: &ResourceType) -> String {
        self.names.iter().fold(self.root.clone(), |value, attribute| format!("{value} -> {}", name(kind, *attribute)))
    }

    /// The way as SQLite writes it: `'$."name"."familyName"'`.
    fn path(&self, kind: &ResourceType) -> String {
        let mut path = String::from("$");
        for attribute in &self.names {
            // A schema has no name with a quotation mark in it.
            path.push_str(".\"");
            path.push_str(kind.attribute(*attribute).name());
            path.push('"');
        }
        quoted(&path)
    }
}

fn name(kind: &ResourceType, attribute: AttributeId) -> String {
    quoted(kind.attribute(attribute).name())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
