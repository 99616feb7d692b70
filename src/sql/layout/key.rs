//! Keys of a host's rows, and ids that are made from them.

use super::super::statement::{Dialect, Param, Statement};

/// The type of a key, of an id and of a tenant's column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a database has no other keys that an id could be made from")]
pub enum KeyType {
    /// Text of any form.
    Text,
    /// A whole number of at most 64 bits. Its id is the number in digits, without leading zeros.
    Integer,
    /// A UUID: the type `uuid` of PostgreSQL; in SQLite text. Its id has small letters and hyphens.
    Uuid,
}

/// The column that identifies a row of a layout's table.
///
/// ```
/// use scim_core::sql::layout::Key;
///
/// let _ = Key::integer("id").numbered();
/// // Clients see another column.
/// let _ = Key::integer("id").shown_as_uuid("public_id");
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "`type` is a word of Rust")]
pub struct Key {
    pub(in crate::sql) column: Box<str>,
    pub(in crate::sql) key_type: KeyType,
    /// The column of the id, if it differs.
    pub(in crate::sql) shown: Option<(Box<str>, KeyType)>,
    /// Whether the database numbers the rows.
    pub(in crate::sql) is_numbered: bool,
}

impl Key {
    /// A column of text, whose value is the id.
    pub fn text(column: &str) -> Self {
        Self { column: column.into(), key_type: KeyType::Text, shown: None, is_numbered: false }
    }

    /// A column of whole numbers: the id is the number in digits.
    pub fn integer(column: &str) -> Self {
        Self { column: column.into(), key_type: KeyType::Integer, shown: None, is_numbered: false }
    }

    /// The database numbers new rows: a `serial` or identity column of PostgreSQL, an `INTEGER PRIMARY KEY` of SQLite.
    /// The store then [reserves](crate::store::Store::id_of_new) the number of a new resource before its commit.
    /// Without this declaration the core chooses the id by its [`IdSource`](crate::provider::IdSource).
    #[must_use]
    pub fn numbered(mut self) -> Self {
        self.is_numbered = self.key_type == KeyType::Integer;
        self
    }

    /// A column of UUIDs.
    pub fn uuid(column: &str) -> Self {
        Self { column: column.into(), key_type: KeyType::Uuid, shown: None, is_numbered: false }
    }

    /// Shows another column of text, which is unique, as the id (RFC 7643 §3.1). The database makes the key.
    #[must_use]
    pub fn shown_as_text(mut self, column: &str) -> Self {
        self.shown = Some((column.into(), KeyType::Text));
        self
    }

    /// Shows another column of UUIDs, which is unique, as the id. The database makes the key.
    #[must_use]
    pub fn shown_as_uuid(mut self, column: &str) -> Self {
        self.shown = Some((column.into(), KeyType::Uuid));
        self
    }

    /// The column of the id, and its type.
    pub(in crate::sql) fn id(&self) -> (&str, KeyType) {
        self.shown.as_ref().map_or((&*self.column, self.key_type), |(column, key_type)| (&**column, *key_type))
    }

    /// The id as text. The expression of an index is the same without the alias.
    pub(in crate::sql) fn id_text(&self, alias: &str) -> String {
        let (column, key_type) = self.id();
        let column = if alias.is_empty() { column.to_owned() } else { format!("{alias}.{column}") };
        if key_type == KeyType::Text { column } else { format!("CAST({column} AS text)") }
    }
}

impl KeyType {
    /// The value to bind for a text in its canonical form; `None` for any other text, which is the key of no row.
    pub(in crate::sql) fn parse(self, text: &str) -> Option<Param> {
        match self {
            // PostgreSQL has no text with a NUL character.
            Self::Text => (!text.contains('\0')).then(|| Param::from(text)),
            Self::Integer => {
                let number: i64 = text.parse().ok()?;
                (number.to_string() == text).then_some(Param::Integer(number))
            }
            Self::Uuid => {
                let id: uuid::Uuid = text.parse().ok()?;
                (id.hyphenated().to_string() == text).then(|| Param::from(text))
            }
        }
    }

    /// Some value of the type.
    pub(in crate::sql) fn example(self) -> Param {
        match self {
            Self::Text => Param::from(""),
            Self::Integer => Param::from(0),
            Self::Uuid => Param::from("00000000-0000-0000-0000-000000000000"),
        }
    }

    /// The cast of a placeholder in PostgreSQL.
    pub(in crate::sql) fn cast(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "bigint",
            Self::Uuid => "text::uuid",
        }
    }

    /// The type of a column, for the host's migration.
    pub(in crate::sql) fn column_type(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Integer, Dialect::Sqlite) => "INTEGER",
            (Self::Integer, Dialect::Postgres) => "bigint",
            (Self::Uuid, Dialect::Postgres) => "uuid",
            (Self::Text | Self::Uuid, _) => "text",
        }
    }

    /// The keys as a table `e` of SQLite with the column `value`, each once.
    pub(in crate::sql) fn listed(statement: &mut Statement, keys: &[Param]) -> String {
        let array = statement.placeholder(Param::Text(array(keys)), "");
        format!("(SELECT DISTINCT value FROM json_each({array})) AS e")
    }

    /// Writes that the column is one of the keys: one parameter, whatever their number.
    pub(in crate::sql) fn is_one_of(self, statement: &mut Statement, column: &str, keys: &[Param]) {
        statement.is_in(column, array(keys), if self == Self::Uuid { "uuid" } else { self.cast() });
    }
}

/// The keys as a JSON array.
fn array(keys: &[Param]) -> String {
    let numbers: Vec<i64> =
        keys.iter().filter_map(|key| if let Param::Integer(it) = key { Some(*it) } else { None }).collect();
    let texts: Vec<&str> =
        keys.iter().filter_map(|key| if let Param::Text(it) = key { Some(it.as_str()) } else { None }).collect();
    // The keys of one column have one type. Serializing numbers or texts cannot fail.
    if texts.is_empty() { serde_json::to_string(&numbers) } else { serde_json::to_string(&texts) }.unwrap_or_default()
}
