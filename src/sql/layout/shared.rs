//! Users of all tenants, which each tenant sees through a row of its own.

use super::{
    field::{Assignments, Name},
    initial::Initial,
    key::KeyType,
};

/// The text in a condition that stands for the tenant of the request.
pub(super) const TENANT: &str = "{tenant}";

/// Whether SCIM may change a shared user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between never, alone and always")]
pub enum Writes {
    /// Never: a change is refused with [`StoreError::Denied`](crate::store::StoreError::Denied), 403.
    Never,
    /// Only if SCIM of this tenant created the user, and only while no other link to the user exists. Otherwise the
    /// change is refused: a tenant that links the account of a person must not change the address by which the person
    /// signs in. The layout needs a [side table](super::Layout::side_table), which knows the users that SCIM created.
    SoleLink,
    /// Always. The change shows in every tenant: only for hosts that trust each tenant's identity provider with the
    /// users of all tenants.
    Always,
}

/// The table of the shared users. In a [`Layout`](super::Layout) its columns have the prefix `u.`.
///
/// A creation looks for the user by one attribute. If the user exists, the creation adds the link, and changes the user
/// only as [`Writes`] allows; otherwise it creates the user.
///
/// ```
/// use scim_core::sql::layout::{KeyType, Shared, Writes};
///
/// let _ = Shared::table("users", "uuid", KeyType::Text).linked_by("user_uuid").found_by("userName").writes(Writes::Never);
/// ```
#[derive(Clone, Debug)]
pub struct Shared {
    pub(in crate::sql) table: Box<str>,
    pub(in crate::sql) key: Box<str>,
    pub(in crate::sql) key_type: KeyType,
    pub(in crate::sql) link: Box<str>,
    pub(in crate::sql) found_by: Box<str>,
    pub(in crate::sql) writes: Writes,
    pub(in crate::sql) initial: Vec<(Name, Initial)>,
    pub(in crate::sql) at_change: Assignments,
    pub(in crate::sql) new_key: Option<Initial>,
    pub(in crate::sql) linkable: Option<Box<str>>,
}

impl Shared {
    /// The name of the table, and its key.
    pub fn table(table: &str, key: &str, key_type: KeyType) -> Self {
        Self {
            table: table.into(),
            key: key.into(),
            key_type,
            link: "".into(),
            found_by: "userName".into(),
            writes: Writes::Never,
            initial: Vec::new(),
            at_change: Vec::new(),
            new_key: None,
            linkable: None,
        }
    }

    /// Names the column of the layout's table with the key of the shared user.
    #[must_use]
    pub fn linked_by(mut self, column: &str) -> Self {
        self.link = column.into();
        self
    }

    /// Sets the attribute by which a creation finds the user: `userName`, unless set. Its field is a text column with
    /// the prefix `u.`, which the host's sign-in compares by the same rule.
    #[must_use]
    pub fn found_by(mut self, path: &str) -> Self {
        self.found_by = path.into();
        self
    }

    /// Restricts the users that a creation may link, by a condition on `u`, such as a verified address. `{tenant}` in the
    /// condition stands for the tenant of the request: `EXISTS (SELECT 1 FROM invitation AS i WHERE i.email = u.email AND
    /// i.workspace = {tenant})`. The name of another user is taken: the client gets 409.
    ///
    /// The condition must hold for users that SCIM itself created: after a deletion of its link, the next creation finds
    /// such a user again.
    ///
    /// **Without this condition, the holder of a tenant's API key sees the columns `u.` of every user whose name the
    /// holder knows.** Declare it, or declare only columns that each tenant may see.
    #[must_use]
    pub fn linkable(mut self, condition: &str) -> Self {
        self.linkable = Some(condition.into());
        self
    }

    /// Sets whether SCIM may change a user: [never](Writes::Never), unless set.
    #[must_use]
    pub fn writes(mut self, writes: Writes) -> Self {
        self.writes = writes;
        self
    }

    /// Sets the key of new users, if the database does not make it by itself.
    #[must_use]
    pub fn new_key(mut self, value: impl Into<Initial>) -> Self {
        self.new_key = Some(value.into());
        self
    }

    /// Assigns an expression to a column with each change of a user, such as `now()` to the time of the last change.
    #[must_use]
    pub fn at_change(mut self, column: &str, expression: &str) -> Self {
        self.at_change.push((Name::new(column).column, expression.into()));
        self
    }

    /// Sets a column of new users.
    #[must_use]
    pub fn at_creation(mut self, column: &str, value: impl Into<Initial>) -> Self {
        self.initial.push((Name::new(column), value.into()));
        self
    }
}
