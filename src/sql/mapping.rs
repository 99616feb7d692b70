//! Where the values of a resource type's attributes are in a database, as the host says it.
//!
//! All SQL that a host writes comes in here, once, when its store is made. Nothing here knows filters.

use std::sync::Arc;

use super::{comparable, statement::Dialect};
use crate::{
    resource::Resource,
    schema::{AttributeId, ResourceType},
};

/// Where the values of one resource type are: in a document, in columns of the host's own, in rows of another table.
///
/// Names of columns and tables are SQL that goes into statements as it is. They are the host's, and must never come
/// from a request; each column has to be qualified by its table's name or alias, since subqueries have columns of their
/// own.
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
/// let groups = Mapping::documents(group, "r.id", "r.comparable").table(
///     members,
///     Table::new("member AS m", "m.tenant = r.tenant AND m.holder = r.id").column(member, Column::text("m.value").required()),
/// );
/// # let _ = groups;
/// ```
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(super) kind: Arc<ResourceType>,
    pub(super) id: Column,
    pub(super) document: Option<Box<str>>,
    pub(super) columns: Vec<(AttributeId, Column)>,
    pub(super) tables: Vec<(AttributeId, Table)>,
    pub(super) lookups: Vec<(AttributeId, Table)>,
    /// The attributes of the document that have an index of their own; `None` if the host has not declared any.
    pub(super) indexed: Option<Vec<AttributeId>>,
    /// Whether an index of the document serves containment.
    pub(super) contained: bool,
}

impl Mapping {
    /// All values are in a column that has the [comparable document](Mapping::document) of each resource, as text or
    /// JSONB in SQLite, as `jsonb` in PostgreSQL. `id` is a column of text with the resource's id.
    ///
    /// A [column](Mapping::column) that is added has a value once more, for an index or because it changes on its own,
    /// as `meta.lastModified` does with the members of a group: it is asked where it can be, and the document where it
    /// cannot. A [table](Mapping::table) that is added has all values of its attribute.
    pub fn documents(kind: &Arc<ResourceType>, id: impl Into<Box<str>>, document: impl Into<Box<str>>) -> Self {
        Self { document: Some(document.into()), ..Self::columns(kind, id) }
    }

    /// No value is anywhere but in the columns and tables that are added. `id` is a column of text with the resource's
    /// id. What is not added is left to the core.
    pub fn columns(kind: &Arc<ResourceType>, id: impl Into<Box<str>>) -> Self {
        let id = Column::text(id).required();
        Self {
            kind: Arc::clone(kind),
            id,
            document: None,
            columns: Vec::new(),
            tables: Vec::new(),
            lookups: Vec::new(),
            indexed: None,
            contained: false,
        }
    }

    /// An attribute that is not complex is in this column. It is singular, or belongs to one of which no resource has
    /// more than one value, as where a user has one address for e-mail. For the object
    /// of an [extension](crate::schema::Extension::attribute) it is a boolean: whether the resource has data of it.
    #[must_use]
    pub fn column(mut self, attribute: AttributeId, column: Column) -> Self {
        self.columns.push((attribute, column));
        self
    }

    /// The values of a multi-valued attribute are rows of this table.
    #[must_use]
    pub fn table(mut self, attribute: AttributeId, table: Table) -> Self {
        self.tables.push((attribute, table));
        self
    }

    /// Rows with the values of a multi-valued attribute that the document has too, for a database without an index of
    /// arrays (SQLite). A comparison by `eq` reads these rows first; the document decides the rest. The table needs an
    /// [owner](Table::owner); a column that it has for a sub-attribute has every value of the sub-attribute.
    #[must_use]
    pub fn lookup(mut self, attribute: AttributeId, table: Table) -> Self {
        self.lookups.push((attribute, table));
        self
    }

    /// Declares that these attributes of the document, and no others, have an index on their [key](Mapping::key).
    ///
    /// `eq`, `sw` and the order of an indexed attribute are written so that the index serves them. The values of other
    /// attributes are read once per comparison; without this declaration, twice where they are equal or absent, so that
    /// an index that the statement does not know of can serve the comparison.
    #[must_use]
    pub fn indexed(mut self, attributes: impl IntoIterator<Item = AttributeId>) -> Self {
        self.indexed.get_or_insert_with(Vec::new).extend(attributes);
        self
    }

    /// Declares that the document, which is never null, has an index `USING gin (… jsonb_path_ops)`. PostgreSQL then
    /// evaluates `eq` by `@>`, which this index serves for every attribute, and conditions in brackets for one element
    /// (RFC 7644 §3.4.2.2). Booleans are compared without the index: it would find too many resources. SQLite has no such index.
    #[must_use]
    pub fn contained(mut self) -> Self {
        self.contained = true;
        self
    }

    /// The resource type.
    pub fn kind(&self) -> &Arc<ResourceType> {
        &self.kind
    }

    /// The comparable document of a resource: JSON with the names of the schema, in which every value is the text that
    /// it is [compared](comparable()) by. Attributes that have a [table](Mapping::table) are not in it, and neither is
    /// what nobody may filter by, such as passwords.
    ///
    /// It stands beside [`Resource::to_json`], from which it can be made anew at any time and must be when the schema
    /// or the [representation](super::representation) changes.
    ///
    /// ```
    /// use scim_core::{Resource, schema::Registry, sql::Mapping};
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
        // The id of each row is known, whatever else is.
        let own = self.columns.iter().find(|(mapped, _)| *mapped == attribute).map(|(_, column)| column);
        own.or((attribute == AttributeId::ID).then_some(&self.id))
    }

    /// The table for looking up values at the end of this route.
    pub(super) fn lookup_on(&self, route: &[AttributeId]) -> Option<&Table> {
        self.lookups.iter().find(|(attribute, _)| route.contains(attribute)).map(|(_, table)| table)
    }

    /// How an index serves the value of a document at the end of a route from its root.
    pub(super) fn index_of(&self, dialect: Dialect, route: &[AttributeId]) -> Index {
        let Some(indexed) = &self.indexed else { return Index::Unknown };
        let is_single = |id: &AttributeId| !self.kind.attribute(*id).is_multi_valued();
        match route.last() {
            Some(last) if indexed.contains(last) && route.iter().all(is_single) => match dialect {
                Dialect::Sqlite => Index::Whole,
                Dialect::Postgres => Index::Prefix,
            },
            _ => Index::None,
        }
    }

    /// The table that has the values at the end of this route, and the attribute that it is for.
    pub(super) fn table_on(&self, route: &[AttributeId]) -> Option<(AttributeId, &Table)> {
        let on_route = |(attribute, _): &&(AttributeId, Table)| route.contains(attribute);
        self.tables.iter().find(on_route).map(|(attribute, table)| (*attribute, table))
    }
}

/// How a column has its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Comparable,
    Text,
    Folded,
    Boolean,
    Integer,
    /// Instants in units of so many nanoseconds since 1970.
    Instant(i64),
    Timestamp,
}

/// A column of a host's table, or an expression on some, and how it has the values of an attribute.
///
/// Where column and attribute do not fit each other, conditions on the attribute are left to the core: of an attribute
/// whose case does not count, a column with the text as it was given can only be asked whether it is there.
///
/// In PostgreSQL text is compared by `=` with the column's own collation, which must be one that tells apart what
/// differs (all do that are not declared nondeterministic; the type `citext` does not), and ordered with the collation
/// `"C"`: an index serves an order when it has that one. In SQLite all is compared with the collation `BINARY`.
#[derive(Clone, Debug)]
pub struct Column {
    pub(super) sql: Box<str>,
    pub(super) form: Form,
    pub(super) required: bool,
    pub(super) indexed: bool,
}

/// How an index serves comparisons of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    /// The host has not declared its indexes: one may serve comparisons.
    Unknown,
    None,
    /// A B-tree of the value.
    Whole,
    /// A B-tree of its first [`PREFIX`] characters.
    Prefix,
}

/// A B-tree of PostgreSQL refuses entries of more than some 2,700 bytes. This many characters have at most 800 bytes,
/// which leaves room for the other columns.
pub(super) const PREFIX: usize = 200;

impl Column {
    fn new(sql: impl Into<Box<str>>, form: Form) -> Self {
        Self { sql: sql.into(), form, required: false, indexed: false }
    }

    /// Text that [`comparable()`] made, of a value of whatever type.
    pub fn comparable(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Comparable)
    }

    /// Text as it was given; for strings, references and binary values.
    pub fn text(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Text)
    }

    /// The [fold](crate::fold::fold) of text. Where case counts, it narrows down what the core then looks at.
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

    /// A `timestamptz` of PostgreSQL. SQLite has nothing like it.
    pub fn timestamp(sql: impl Into<Box<str>>) -> Self {
        Self::new(sql, Form::Timestamp)
    }

    /// Declares that the column has a B-tree index, which in PostgreSQL has the collation `"C"`: `sw` is then a range of
    /// the index.
    #[must_use]
    pub fn indexed(mut self) -> Self {
        self.indexed = true;
        self
    }

    /// Says that the column is never null, nor an empty text.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// A table that has a row for each value of a multi-valued attribute.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) from: Box<str>,
    pub(super) on: Box<str>,
    pub(super) columns: Vec<(AttributeId, Column)>,
    pub(super) order: Option<Box<str>>,
    pub(super) owner: Option<Owner>,
}

/// How the rows of a table name the resource that they belong to.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) id: Box<str>,
    pub(super) on: Box<str>,
}

impl Table {
    /// The table as it stands behind `FROM`, with an alias, and the condition by which a row of it belongs to a
    /// resource's own.
    pub fn new(from: impl Into<Box<str>>, on: impl Into<Box<str>>) -> Self {
        Self { from: from.into(), on: on.into(), columns: Vec::new(), order: None, owner: None }
    }

    /// A sub-attribute is in this column; a multi-valued attribute that is not complex is itself what is in it.
    #[must_use]
    pub fn column(mut self, attribute: AttributeId, column: Column) -> Self {
        self.columns.push((attribute, column));
        self
    }

    /// The column by which the values of one resource are in their order. Sorting by a multi-valued attribute needs it,
    /// for it goes by the primary value or else the first (RFC 7644 §3.4.2.3).
    #[must_use]
    pub fn order(mut self, sql: impl Into<Box<str>>) -> Self {
        self.order = Some(sql.into());
        self
    }

    /// The column, never null, with the id of the resource that a row belongs to, and the condition for the rows of all
    /// resources that the statement is about. With both, `eq` reads the rows that match, and not the rows of each
    /// resource.
    ///
    /// The condition must not name a column of the resource. It may repeat a placeholder that the host's part of the
    /// statement has bound, such as `m.tenant = $1`. `Mapping::pushdown` and an index of the table do not depend on it.
    ///
    /// ```
    /// use scim_core::{Filter, Quirks, quirks::Tolerance, schema::Registry, sql::{Column, Dialect, Mapping, Statement, Table}};
    ///
    /// let registry = Registry::standard();
    /// let group = registry.resource_type("Group").expect("registered");
    /// let members = group.reference_lists()[0];
    /// let member = group.value_of(members).expect("members have one");
    /// let rows = Table::new("member AS m", "m.tenant = r.tenant AND m.holder = r.id")
    ///     .owner("m.holder", "m.tenant = $1")
    ///     .column(member, Column::text("m.value").required());
    /// let groups = Mapping::documents(group, "r.id", "r.comparable").table(members, rows);
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
    pub fn owner(mut self, id: impl Into<Box<str>>, on: impl Into<Box<str>>) -> Self {
        self.owner = Some(Owner { id: id.into(), on: on.into() });
        self
    }

    pub(super) fn find(&self, attribute: AttributeId) -> Option<&Column> {
        self.columns.iter().find(|(mapped, _)| *mapped == attribute).map(|(_, column)| column)
    }
}
