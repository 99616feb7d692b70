//! The layout of a host's tables: where each value of a resource type is, for reading and for writing.
//!
//! A layout is a declaration. [`TableStore`](super::TableStore) derives every statement from it. All SQL in a layout
//! comes from the host, and must never come from a request. In this SQL, `r` is the layout's table, `u` the
//! [shared](Layout::shared) table and `s` the [side table](Layout::side_table).

mod field;
mod initial;
mod join;
mod key;
mod lens;
mod parts;
mod shared;

use std::sync::Arc;

pub use self::{
    field::Field,
    initial::Initial,
    join::Join,
    key::{Key, KeyType},
    shared::{Shared, Writes},
};
pub(super) use self::{
    field::{Assigned, Assignments, Comparison, Content, Form, Name},
    lens::Lens,
    parts::{Documents, Parts, Version},
};
use crate::{
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    schema::{AttributeId, ResourceType},
};

/// The tables of one resource type.
///
/// ```
/// use scim_core::{schema::Registry, sql::layout::{Field, Initial, Join, Key, Layout}};
///
/// let registry = Registry::standard();
/// let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).expect("registered"));
/// let users = Layout::of(user, "users", Key::integer("id"))
///     .field("userName", Field::text("email").lower().unique("users_email_key"))
///     .field("active", Field::inverted("disabled"))
///     .at_creation("auth_token", Initial::secret())
///     .side_table("scim_user");
/// let groups = Layout::of(group, "user_groups", Key::integer("id"))
///     .field("displayName", Field::text("name").lower())
///     .list("members", Join::table("user_group_memberships").holder("user_group_id").value("user_id", "User"))
///     .side_table("scim_group");
/// # let _ = (users, groups);
/// ```
#[derive(Clone, Debug)]
pub struct Layout {
    resource_type: Arc<ResourceType>,
    parts: Parts,
    errors: Vec<LayoutError>,
}

/// An error in a declaration. The host finds it when it makes its [`TableStore`](super::TableStore).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the layout of {resource_type}: {detail}")]
#[non_exhaustive]
pub struct LayoutError {
    /// The name of the resource type.
    pub resource_type: Box<str>,
    /// The fact, and the remedy.
    pub detail: Box<str>,
}

impl Layout {
    /// A layout for this resource type: one row of `table` for each resource. `table` is a name without an alias.
    pub fn of(resource_type: &Arc<ResourceType>, table: &str, key: Key) -> Self {
        Self { resource_type: Arc::clone(resource_type), parts: Parts::new(table, key), errors: Vec::new() }
    }

    /// Names the column with the [tenant](crate::store::TenantId) of a row, and its type. Every statement compares it.
    ///
    /// Without a tenant column, the store serves [`TenantId::single`](crate::store::TenantId::single) only, and answers
    /// [`StoreError::Denied`](crate::store::StoreError::Denied) to every other tenant.
    #[must_use]
    pub fn tenant(mut self, column: &str, key_type: KeyType) -> Self {
        self.parts.tenant = Some((column.into(), key_type));
        self
    }

    /// Maps an attribute to a column. `path` is the attribute's path, such as `userName`, `name.givenName`,
    /// `meta.lastModified`, or `urn:…:User:department`.
    ///
    /// A path into a multi-valued attribute, such as `emails.value`, means its primary value, or else its first value
    /// (RFC 7643 §2.4). The other values are in the [side table](Self::side_table), which such a field requires.
    #[must_use]
    pub fn field(mut self, path: &str, field: Field) -> Self {
        match self.resolve(path) {
            Ok(attribute) => match Lens::of(&self.resource_type, attribute, field) {
                Ok(lens) => self.parts.lenses.push(lens),
                Err(detail) => self.refuse(format!("`{path}`: {detail}")),
            },
            Err(detail) => self.refuse(detail),
        }
        self
    }

    /// Maps a name that the host keeps in one column to the attributes `name.givenName` and `name.familyName`, and to
    /// `name.formatted`: the store joins the two by a blank, or writes the formatted name if both are absent. It reads
    /// the text before the first blank as the given name, and the rest as the family name.
    ///
    /// The layout needs a [side table](Self::side_table), which keeps the parts as the client sent them. A name that
    /// the host changes in its column is split again.
    #[must_use]
    pub fn joined_name(mut self, field: Field) -> Self {
        let paths = ["name.givenName", "name.familyName", "name.formatted"];
        let resolved = paths.map(|path| self.resolve(path).ok());
        match resolved {
            [Some(given), Some(family), formatted] => {
                self.parts.lenses.push(Lens::joined(given, family, formatted, field));
            }
            _ => self.refuse("`name.givenName` and `name.familyName` have to be registered".into()),
        }
        self
    }

    /// Maps a list of references to rows of another table. A list can have several tables, one for each type of
    /// resource that it refers to.
    #[must_use]
    pub fn list(mut self, path: &str, join: Join) -> Self {
        match self.resolve(path) {
            Ok(attribute) if self.resource_type.is_reference_list(attribute) => {
                self.parts.lists.push((attribute, join));
            }
            Ok(_) => self.refuse(format!("`{path}` is not a list of references")),
            Err(detail) => self.refuse(detail),
        }
        self
    }

    /// Restricts the layout to the rows that satisfy a condition, such as `r.provider = 'scim'`. All reads and writes,
    /// references and [`locate`](crate::store::Store::locate) use it. New rows must satisfy it: see
    /// [`at_creation`](Self::at_creation).
    #[must_use]
    pub fn only(mut self, condition: &str) -> Self {
        self.parts.conditions.push(condition.into());
        self
    }

    /// Sets a column of new rows that no attribute has: a constant, a fresh secret, an expression.
    #[must_use]
    pub fn at_creation(mut self, column: &str, value: impl Into<Initial>) -> Self {
        self.parts.initial.push((Name::new(column), value.into()));
        self
    }

    /// Assigns an expression to a column of the layout's table with each change that SCIM makes to the resource, such as
    /// `now()` to the host's own time of the last change.
    #[must_use]
    pub fn at_change(mut self, column: &str, expression: &str) -> Self {
        self.parts.at_change.push((Name::new(column).column, expression.into()));
        self
    }

    /// Keeps the row when a client deletes the resource, and marks the row. `live` is the condition of rows that are
    /// not deleted; `assignments` are columns and expressions. A deleted row does not exist for SCIM, and leaves all
    /// lists.
    ///
    /// ```
    /// # use scim_core::{schema::Registry, sql::layout::{Key, Layout}};
    /// # let registry = Registry::standard();
    /// # let user = registry.resource_type("User").expect("registered");
    /// let users = Layout::of(user, "silo_user", Key::uuid("id"))
    ///     .soft_delete("r.time_deleted IS NULL", [("time_deleted", "now()"), ("auth_token", "NULL")]);
    /// # let _ = users;
    /// ```
    #[must_use]
    pub fn soft_delete<'a>(mut self, live: &str, assignments: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let assignments = assignments.into_iter().map(|(column, sql)| (column.into(), sql.into())).collect();
        self.parts.soft_delete = Some((live.into(), assignments));
        self
    }

    /// Restores a deleted row when a client creates a resource with the same value of an attribute: the resource gets
    /// the id of the row again, and `assignments` make the row live. Without this declaration a creation makes a new
    /// row.
    ///
    /// Choose an attribute whose value the identity provider never gives to another person, such as `externalId`. Many
    /// organizations give a `userName` again.
    #[must_use]
    pub fn restored_by<'a>(mut self, path: &str, assignments: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let assignments = assignments.into_iter().map(|(column, sql)| (column.into(), sql.into())).collect();
        match self.resolve(path) {
            Ok(attribute) => self.parts.restore = Some((attribute, assignments)),
            Err(detail) => self.refuse(detail),
        }
        self
    }

    /// Takes the version from a column of whole numbers, which the [triggers](super::TableStore::migrations) of the
    /// library set on every write, also on those of the host. The host adds the column, of the type `bigint`, before the
    /// migration.
    ///
    /// Without this declaration the version is in the [side table](Self::side_table), where the same triggers set it.
    #[must_use]
    pub fn version(mut self, column: &str) -> Self {
        self.parts.version = Version::Column(column.into());
        self
    }

    /// Takes the version from `xmin` and `cmin` of PostgreSQL, which change on every write to the row, also on those of
    /// the host. No trigger and no column is needed, with two limits: a change that the host makes to the rows of a
    /// list does not change the version, and a restored database can repeat versions.
    #[must_use]
    pub fn version_by_xmin(mut self) -> Self {
        self.parts.version = Version::Xmin;
        self
    }

    /// Takes the version from a column of text, to which the store writes a random text with each change. No trigger is
    /// needed, with a limit: after a change of the host's own, to the row or to the rows of a list, the version is the same
    /// unless the host writes another text, too.
    #[must_use]
    pub fn version_by_store(mut self, column: &str) -> Self {
        self.parts.version = Version::Random(column.into());
        self
    }

    /// Keeps all attributes that have no column, the times and the version in a table of the library's, which
    /// [migrations](super::TableStore::migrations) create. The host's own tables then need no change. The side table
    /// has a row for each resource that SCIM wrote; a resource without a row has the version `0`.
    ///
    /// A value that is in a column as well is read from the side table as long as the column has the content that the
    /// store wrote. So a client gets back the spelling that it sent, while a change by the host shows at once.
    #[must_use]
    pub fn side_table(mut self, table: &str) -> Self {
        self.parts.side = Some(table.into());
        self
    }

    /// Keeps each resource as a document in two columns of the layout's table, for a host without tables of its own for
    /// users and groups. `document` is text with the JSON of the resource. `comparable` is the document that filters
    /// evaluate: `jsonb` in PostgreSQL, text in SQLite. The layout needs a [`version`](Self::version), and a
    /// [field](Self::field) only for an attribute that is unique, or that the host's own statements read.
    ///
    /// A value that is in a column as well is read from the document as long as the column has the content that the store
    /// wrote. So a client gets back the spelling that it sent, while a change by the host shows at once. A row of the host
    /// without a document has the values of its columns.
    ///
    /// The comparable documents depend on the schema and on the [representation](super::representation): write every
    /// resource again after a change.
    ///
    /// ```
    /// # use scim_core::{schema::Registry, sql::layout::{Field, Key, KeyType, Layout}};
    /// # let registry = Registry::standard();
    /// # let user = registry.resource_type("User").expect("registered");
    /// let users = Layout::of(user, "scim_user", Key::text("id"))
    ///     .tenant("tenant", KeyType::Text)
    ///     .field("userName", Field::text("user_name").folded("user_name_key").unique("scim_user_name"))
    ///     .documents("document", "comparable")
    ///     .version("version");
    /// # let _ = users;
    /// ```
    #[must_use]
    pub fn documents(mut self, document: &str, comparable: &str) -> Self {
        self.parts.documents = Some(Documents { document: document.into(), comparable: comparable.into() });
        self
    }

    /// Declares attributes by which clients search, so that the documents, in the [side table](Self::side_table) or in
    /// the layout's own [columns](Self::documents), have an index for each. `externalId` always has one.
    #[must_use]
    pub fn searched(mut self, path: &str) -> Self {
        match self.resolve(path) {
            Ok(attribute) => self.parts.searched.push(attribute),
            Err(detail) => self.refuse(detail),
        }
        self
    }

    /// Declares that a resource is a row that links a user of all tenants to one tenant: a membership, a link, an
    /// identity. Deleting the resource removes the link and never the shared user.
    #[must_use]
    pub fn shared(mut self, shared: Shared) -> Self {
        self.parts.shared = Some(shared);
        self
    }

    /// The resource type.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    fn resolve(&self, path: &str) -> Result<AttributeId, String> {
        let unknown = |_| format!("`{path}` is not an attribute of the resource type");
        let parsed: AttributePath = path.parse().map_err(|error| format!("`{path}`: {error}"))?;
        let mut tolerance = Tolerance::new(Quirks::default());
        self.resource_type.resolve(parsed.as_ref(), &mut tolerance).map_err(unknown)
    }

    fn refuse(&mut self, detail: String) {
        self.errors.push(LayoutError { resource_type: self.resource_type.name().into(), detail: detail.into() });
    }

    /// The parts of a complete layout.
    pub(super) fn into_parts(mut self) -> Result<(Arc<ResourceType>, Parts), LayoutError> {
        if let Some(detail) = self.parts.problem(&self.resource_type) {
            self.refuse(detail);
        }
        match self.errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok((self.resource_type, self.parts)),
        }
    }
}
