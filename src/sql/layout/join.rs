//! The rows of a list of references.

use super::{field::Name, initial::Initial};

/// A table with one row for each value of a list of references, such as the members of a group.
///
/// Other columns of the table keep their values: a replacement of the list deletes and inserts only the rows that
/// differ.
///
/// ```
/// use scim_core::sql::layout::Join;
///
/// let _ = Join::table("team_member").tenant("organization").holder("team").value("account", "User")
///     .at_creation("role", "member");
/// ```
#[derive(Clone, Debug)]
pub struct Join {
    pub(in crate::sql) table: Box<str>,
    pub(in crate::sql) tenant: Option<Box<str>>,
    pub(in crate::sql) holder: Box<str>,
    pub(in crate::sql) value: Box<str>,
    pub(in crate::sql) resource_type: Box<str>,
    pub(in crate::sql) initial: Vec<(Name, Initial)>,
}

impl Join {
    /// The name of the table.
    pub fn table(table: &str) -> Self {
        Self {
            table: table.into(),
            tenant: None,
            holder: "".into(),
            value: "".into(),
            resource_type: "".into(),
            initial: Vec::new(),
        }
    }

    /// Names the column with the tenant, if the table has one. It has the type of the layout's tenant.
    #[must_use]
    pub fn tenant(mut self, column: &str) -> Self {
        self.tenant = Some(column.into());
        self
    }

    /// Names the column with the [key](super::Key) of the resource that has the list.
    #[must_use]
    pub fn holder(mut self, column: &str) -> Self {
        self.holder = column.into();
        self
    }

    /// Names the column with the key of the resource that a value refers to, and the resource's type.
    #[must_use]
    pub fn value(mut self, column: &str, resource_type: &str) -> Self {
        self.value = column.into();
        self.resource_type = resource_type.into();
        self
    }

    /// Sets a column of new rows.
    #[must_use]
    pub fn at_creation(mut self, column: &str, value: impl Into<Initial>) -> Self {
        self.initial.push((Name::new(column), value.into()));
        self
    }
}
