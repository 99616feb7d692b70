//! The locations of a resource type's attributes in a database, as the host declares them.
//!
//! All SQL that a host writes enters here, once, when the host makes its store. This module knows no filters.

use std::sync::Arc;

use super::{comparable, layout::KeyType, statement::Dialect};
use crate::{
    resource::Resource,
    schema::{AttributeId, ResourceType},
};

/// The locations of the values of one resource type: a document, columns of the host's own, or rows of another table.
///
/// Names of columns and tables are SQL that is copied into statements. They come from the host, and must never come
/// from a request. Each column must be qualified by the name or alias of its table, since subqueries have columns of
/// their own.
///
/// ```
/// use scim_core::{schema::{AttributeId, Registry}, sql::{Column, Mapping, Table}};
///
/// let registry = Registry::standard();
/// let group = registry.resource_type("Group").expect("registered");
/// let members = group.reference_lists()[0];
/// let member = group.value_of(members).expect("members have one");
///
/// // Groups are documents, and their members are rows.
/// let groups = Mapping::documents(group, "r.id", "r.comparable").with_table(
///     members,
///     Table::new("member AS m", "m.tenant = r.tenant AND m.holder = r.id").with_column(member, Column::text("m.value").required()),
/// );
/// # let _ = groups;
/// ```
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(super) resource_type: Arc<ResourceType>,
    pub(super) id: Column,
    pub(super) document: Option<Box<str>>,
    pub(super) columns: Vec<(AttributeId, Column)>,
    pub(super) tables: Vec<(AttributeId, Table)>,
    pub(super) lookups: Vec<(AttributeId, Table)>,
    /// The attributes of the document that have an index of their own; `None` if the host has not declared its
    /// indexes.
    pub(super) indexed: Option<Vec<AttributeId>>,
    /// Whether an index of the document serves containment.
    pub(super) contained: bool,
    /// Whether the document is missing or outdated for some resources: the value of an attribute with a column is in the
    /// column only.
    pub(super) columns_decide: bool,
}

impl Mapping {
    /// A mapping to one column with the [comparable document](Mapping::document) of each resource: text or JSONB in
    /// SQLite, `jsonb` in PostgreSQL. `id` is a text column with the resource's id.
    ///
    /// A [column](Mapping::with_column) that is added holds a value a second time: for an index, or because the value
    /// changes separately, as `meta.lastModified` does with the members of a group. A statement uses the column if
    /// possible, and otherwise the document. A [table](Mapping::with_table) that is added holds all values of its
    /// attribute.
    pub fn documents(
        resource_type: &Arc<ResourceType>,
        id: impl Into<Box<str>>,
        document: impl Into<Box<str>>,
    ) -> Self {
        Self { document: Some(document.into()), ..Self::columns(resource_type, id) }
    }

    /// A mapping to only the columns and tables that are added. `id` is a text column with the resource's id.
    /// Conditions on attributes that are not added are left to the core.
    pub fn columns(resource_type: &Arc<ResourceType>, id: impl Into<Box<str>>) -> Self {
        let id = Column::text(id).required();
        Self {
            resource_type: Arc::clone(resource_type),
            id,
            document: None,
            columns: Vec::new(),
            tables: Vec::new(),
            lookups: Vec::new(),
            indexed: None,
            contained: false,
            columns_decide: false,
        }
    }

    /// Maps an attribute that is not complex to this column. The attribute is singular, or belongs to an attribute of
    /// which no resource has more than one value, for example if a user has one email address. For the object of an
    /// [extension](crate::schema::Extension::attribute) the column is a boolean: whether the resource has data of the
    /// extension.
    #[must_use]
    pub fn with_column(mut self, attribute: AttributeId, column: Column) -> Self {
        self.columns.push((attribute, column));
        self
    }

    /// Maps the values of a multi-valued attribute to rows of this table.
    #[must_use]
    pub fn with_table(mut self, attribute: AttributeId, table: Table) -> Self {
        self.tables.push((attribute, table));
        self
    }

    /// Adds rows with the values of a multi-valued attribute that the document contains as well, for a database
    /// without an index of arrays (SQLite). A comparison by `eq` reads these rows first; the document decides the
    /// rest. The table needs an [owner](Table::with_owner). A column of the table for a sub-attribute must contain every
    /// value of the sub-attribute.
    #[must_use]
    pub fn with_lookup(mut self, attribute: AttributeId, table: Table) -> Self {
        self.lookups.push((attribute, table));
        self
    }

    /// Declares that these attributes of the document, and no others, have an index on their [key](Mapping::key).
    ///
    /// `eq`, `sw` and the order of an indexed attribute are written so that the index serves them. The values of other
    /// attributes are read once per comparison, and in PostgreSQL a filter with many such comparisons reads each document
    /// once. Without this declaration, a value that is equal or absent is read twice, so that an undeclared index can
    /// serve the comparison.
    #[must_use]
    pub fn with_indexed(mut self, attributes: impl IntoIterator<Item = AttributeId>) -> Self {
        self.indexed.get_or_insert_with(Vec::new).extend(attributes);
        self
    }

    /// Declares that the document, which is never null, has an index `USING gin (… jsonb_path_ops)`. PostgreSQL then
    /// evaluates `eq` by `@>`, which this index serves for every attribute, and conditions in brackets for one element
    /// (RFC 7644 §3.4.2.2). Booleans are compared without the index, which would find too many resources. SQLite has
    /// no such index.
    #[must_use]
    pub fn contained(mut self) -> Self {
        self.contained = true;
        self
    }

    /// Declares that the document is null for some resources, and outdated where an attribute has a column.
    pub(super) fn with_deciding_columns(mut self) -> Self {
        self.columns_decide = true;
        self
    }

    /// The resource type.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    /// The comparable document of a resource: JSON with the names of the schema, in which every value is the text by
    /// which it is [compared](comparable()). It omits attributes that have a [table](Mapping::with_table), and sensitive
    /// attributes such as passwords, by which no client may filter.
    ///
    /// A store keeps the document together with the [JSON](Resource::to_json) of the resource. The document can be
    /// derived from this JSON at any time, and must be derived again when the schema or the
    /// [representation](super::representation) changes.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::Registry, sql::Mapping};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let users = Mapping::documents(user, "r.id", "r.comparable");
    /// let json = br#"{"id": "A1", "userName": "BJensen", "password": "t1meMa$heen", "emails": [{"value": "B@X", "primary": true}]}"#;
    /// let text = users.document(&Resource::from_json(user, json)?);
    /// assert_eq!(text, r#"{"id":"A1","userName":"bjensen","emails":[{"value":"b@x","primary":"true"}]}"#);
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    pub fn document(&self, resource: &Resource) -> String {
        let apart: Vec<AttributeId> = self.tables.iter().map(|(attribute, _)| *attribute).collect();
        comparable::document(resource, &apart)
    }

    pub(super) fn find(&self, attribute: AttributeId) -> Option<&Column> {
        // The id column is always known; an added column for the id has precedence.
        let own = self.columns.iter().find(|(mapped, _)| *mapped == attribute).map(|(_, column)| column);
        own.or((attribute == AttributeId::ID).then_some(&self.id))
    }

    /// The table for looking up values at the end of this route.
    pub(super) fn lookup_on(&self, route: &[AttributeId]) -> Option<&Table> {
        self.lookups.iter().find(|(attribute, _)| route.contains(attribute)).map(|(_, table)| table)
    }

    /// The kind of index that serves the value of a document at the end of a route from its root.
    pub(super) fn index_of(&self, dialect: Dialect, route: &[AttributeId]) -> Index {
        let Some(indexed) = &self.indexed else { return Index::Unknown };
        let is_single = |id: &AttributeId| !self.resource_type.attribute(*id).is_multi_valued();
        match route.last() {
            Some(last) if indexed.contains(last) && route.iter().all(is_single) => match dialect {
                Dialect::Sqlite => Index::Whole,
                Dialect::Postgres => Index::Prefix,
            },
            _ => Index::None,
        }
    }

    /// The table that has the values at the end of this route, and the attribute that the table is for.
    pub(super) fn table_on(&self, route: &[AttributeId]) -> Option<(AttributeId, &Table)> {
        let on_route = |(attribute, _): &&(AttributeId, Table)| route.contains(attribute);
        self.tables.iter().find(on_route).map(|(attribute, table)| (*attribute, table))
    }
}

/// The form of the values in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Comparable,
    Text,
    Folded,
    Boolean,
    Integer,
    /// Instants as a count of units since 1970; the unit is this number of nanoseconds.
    Instant(i64),
    Timestamp,
    /// Text that `lower()` or `NOCASE` compares. `agrees` if this is the core's comparison for every text.
    Lower {
        agrees: bool,
    },
    /// Text that is made from a key.
    Key(KeyType),
}

/// A column of a host's table, or an expression of columns, and the form in which it has the values of an attribute.
///
/// If the form does not fit the attribute, conditions on the attribute are left to the core. For example, a column
/// with the original text of an attribute that is not case-exact supports only presence tests.
///
/// In PostgreSQL, `=` compares text with the column's own collation, which must distinguish all different texts. All
/// collations do so except those declared nondeterministic; the type `citext` does not. Text is ordered with the
/// collation `"C"`: an index serves an order if it has this collation. In SQLite, all comparisons use the collation
/// `BINARY`.
#[derive(Clone, Debug)]
pub struct Column {
    pub(super) sql: Box<str>,
    pub(super) form: Form,
    pub(super) required: bool,
    pub(super) indexed: bool,
}

/// The kind of index that serves comparisons of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    /// The host has not declared its indexes; an index may serve comparisons.
    Unknown,
    None,
    /// A B-tree of the value.
    Whole,
    /// A B-tree of the first [`PREFIX`] characters of the value.
    Prefix,
}

/// The length of an indexed beginning, in characters. A B-tree of PostgreSQL refuses entries of more than some 2,700
/// bytes. This number of characters has at most 800 bytes, which leaves room for the other columns.
pub(super) const PREFIX: usize = 200;

impl Column {
    fn new(sql: impl Into<Box<str>>, form: Form) -> Self {
        Self { sql: sql.into(), form, required: false, indexed: false }
    }

    /// The text that [`comparable()`] returned, for a value of any type.
    pub fn comparable(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Comparable)
    }

    /// The original text; for strings, references and binary values.
    pub fn text(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Text)
    }

    /// The [fold](crate::fold::fold) of text. For a case-exact attribute it only preselects resources, which the core
    /// then checks.
    pub fn folded(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Folded)
    }

    /// A boolean; in SQLite 0 or 1.
    pub fn boolean(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Boolean)
    }

    /// A whole number.
    pub fn integer(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Integer)
    }

    /// An instant as the whole number of seconds since 1970 in UTC.
    pub fn seconds(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Instant(1_000_000_000))
    }

    /// An instant as the whole number of milliseconds since 1970 in UTC.
    pub fn milliseconds(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Instant(1_000_000))
    }

    /// An instant as the whole number of microseconds since 1970 in UTC.
    pub fn microseconds(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Instant(1_000))
    }

    /// A `timestamptz` of PostgreSQL. SQLite has no such type.
    pub fn timestamp(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Timestamp)
    }

    /// An expression of the host's that compares text by `lower()` or `NOCASE`.
    pub(super) fn lower(sql: impl Into<Box<str>>, agrees: bool) -> Self {
        Self::new(sql, Form::Lower { agrees })
    }

    /// A key, for an attribute whose text is made from the key.
    pub(super) fn key(sql: impl Into<Box<str>>, key_type: KeyType) -> Self {
        let form = if key_type == KeyType::Text { Form::Text } else { Form::Key(key_type) };
        Self::new(sql, form)
    }

    /// Declares that the column has a B-tree index, which in PostgreSQL has the collation `"C"`: `sw` is then a range
    /// of the index.
    #[must_use]
    pub fn indexed(mut self) -> Self {
        self.indexed = true;
        self
    }

    /// Declares that the column is never null and never an empty text.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// A table with one row for each value of a multi-valued attribute.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) from: Box<str>,
    pub(super) on: Box<str>,
    pub(super) columns: Vec<(AttributeId, Column)>,
    pub(super) order: Option<Box<str>>,
    pub(super) owner: Option<Owner>,
}

/// The columns by which the rows of a table name their resource.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    /// The key of the resource; `None` if it is the id of the mapping.
    pub(super) key: Option<Box<str>>,
    pub(super) id: Box<str>,
    pub(super) on: Box<str>,
}

impl Table {
    /// A table. `from` is the table as in a `FROM` clause, with an alias; `on` is the condition that a row belongs to
    /// the resource.
    pub fn new(from: impl Into<Box<str>>, on: impl Into<Box<str>>) -> Self {
        Self { from: from.into(), on: on.into(), columns: Vec::new(), order: None, owner: None }
    }

    /// Maps a sub-attribute to this column. For a multi-valued attribute that is not complex, maps the attribute
    /// itself.
    #[must_use]
    pub fn with_column(mut self, attribute: AttributeId, column: Column) -> Self {
        self.columns.push((attribute, column));
        self
    }

    /// Sets the column that orders the values of one resource. Sorting by a multi-valued attribute requires it,
    /// because the order uses the primary value or else the first value (RFC 7644 §3.4.2.3).
    #[must_use]
    pub fn with_order(mut self, sql: impl Into<Box<str>>) -> Self {
        self.order = Some(sql.into());
        self
    }

    /// Sets how a row names its resource. `id` is the column, never null, with the id of the resource that a row
    /// belongs to; `on` is the condition for the rows of all resources that the statement covers. `eq` then reads the
    /// rows that match, instead of the rows of each resource.
    ///
    /// The condition must not name a column of the resource. It may repeat a placeholder that the host's part of the
    /// statement has bound, such as `m.tenant = $1`. `Mapping::pushdown` and an index of the table do not depend on
    /// the owner.
    ///
    /// ```
    /// use scim_core::{
    ///     filter::Filter, quirks::{Quirks, Tolerance}, schema::Registry,
    ///     sql::{Column, Dialect, Mapping, Statement, Table},
    /// };
    ///
    /// let registry = Registry::standard();
    /// let group = registry.resource_type("Group").expect("registered");
    /// let members = group.reference_lists()[0];
    /// let member = group.value_of(members).expect("members have one");
    /// let rows = Table::new("member AS m", "m.tenant = r.tenant AND m.holder = r.id")
    ///     .with_owner("m.holder", "m.tenant = $1")
    ///     .with_column(member, Column::text("m.value").required());
    /// let groups = Mapping::documents(group, "r.id", "r.comparable").with_table(members, rows);
    /// let filter: Filter = r#"members.value eq "2819c223""#.parse()?;
    /// let matcher = filter.compile(group, &mut Tolerance::new(Quirks::default()))?;
    ///
    /// let mut statement = Statement::new(Dialect::Postgres);
    /// statement.push("SELECT r.document FROM resource AS r WHERE r.tenant = ").bind("acme").push(" AND ");
    /// statement.filter(&groups, &[&matcher.conditions()[0]])?;
    /// assert!(statement.text().ends_with(
    ///     "r.id IN (SELECT m.holder FROM member AS m WHERE (m.tenant = $1) AND m.value = $2::text)"
    /// ));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_owner(mut self, id: impl Into<Box<str>>, on: impl Into<Box<str>>) -> Self {
        self.owner = Some(Owner { key: None, id: id.into(), on: on.into() });
        self
    }

    /// The same, for rows that name the key of their resource, which an index finds in its own type.
    pub(super) fn with_owner_by_key(mut self, key: String, id: String, on: String) -> Self {
        self.owner = Some(Owner { key: Some(key.into()), id: id.into(), on: on.into() });
        self
    }

    pub(super) fn find(&self, attribute: AttributeId) -> Option<&Column> {
        self.columns.iter().find(|(mapped, _)| *mapped == attribute).map(|(_, column)| column)
    }
}
