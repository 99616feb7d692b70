//! The parts of a declared layout, and the rules that a complete layout keeps.

use super::{
    super::statement::{Dialect, Param, Statement},
    field::{Assignments, Name},
    initial::Initial,
    join::Join,
    key::{Key, KeyType},
    lens::Lens,
    shared::{Shared, TENANT, Writes},
};
use crate::schema::{AttributeId, AttributeType, Mutability, ResourceType};

/// The parts of a [`Layout`](super::Layout).
#[derive(Clone, Debug)]
pub(in crate::sql) struct Parts {
    pub(in crate::sql) table: Box<str>,
    pub(in crate::sql) key: Key,
    pub(in crate::sql) tenant: Option<(Box<str>, KeyType)>,
    pub(in crate::sql) conditions: Vec<Box<str>>,
    pub(in crate::sql) initial: Vec<(Name, Initial)>,
    /// The assignments of every change.
    pub(in crate::sql) at_change: Assignments,
    pub(in crate::sql) lenses: Vec<Lens>,
    pub(in crate::sql) lists: Vec<(AttributeId, Join)>,
    /// The condition of rows that are not deleted, and the assignments of a deletion.
    pub(in crate::sql) soft_delete: Option<(Box<str>, Assignments)>,
    /// The attribute by which a creation finds a deleted row, and the assignments that restore the row.
    pub(in crate::sql) restore: Option<(AttributeId, Assignments)>,
    pub(in crate::sql) version: Version,
    pub(in crate::sql) side: Option<Box<str>>,
    /// The columns of the layout's table with the document and with the comparable document.
    pub(in crate::sql) documents: Option<Documents>,
    pub(in crate::sql) searched: Vec<AttributeId>,
    pub(in crate::sql) shared: Option<Shared>,
}

/// The columns of a document and of its comparable document.
#[derive(Clone, Debug)]
pub(in crate::sql) struct Documents {
    pub(in crate::sql) document: Box<str>,
    pub(in crate::sql) comparable: Box<str>,
}

/// The source of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Version {
    Side,
    Column(Box<str>),
    /// A column with a random text, which the store writes.
    Random(Box<str>),
    Xmin,
}

impl Version {
    /// The assignment that gives a row a new version, where no trigger does: the column and its expression. `key` is the
    /// column of the key.
    pub(in crate::sql) fn renewal(&self, key: &str, dialect: Dialect) -> Option<(Box<str>, Box<str>)> {
        match self {
            Self::Side | Self::Column(_) => None,
            Self::Random(column) => Some((column.clone(), dialect.random_text().into())),
            // Any write to the row is a new version.
            Self::Xmin => Some((key.into(), key.into())),
        }
    }
}

impl Parts {
    pub(super) fn new(table: &str, key: Key) -> Self {
        Self {
            table: table.into(),
            key,
            tenant: None,
            conditions: Vec::new(),
            initial: Vec::new(),
            at_change: Vec::new(),
            lenses: Vec::new(),
            lists: Vec::new(),
            soft_delete: None,
            restore: None,
            version: Version::Side,
            side: None,
            documents: None,
            searched: vec![AttributeId::EXTERNAL_ID],
            shared: None,
        }
    }

    /// The first rule that the declaration breaks.
    pub(super) fn problem(&self, resource_type: &ResourceType) -> Option<String> {
        let path = |attribute| resource_type.path(attribute);
        if let Some(list) = resource_type.reference_lists().iter().find(|list| self.joins(**list).next().is_none()) {
            return Some(format!("`{}` has no table: declare it by `list`", path(*list)));
        }
        if let Some((list, _)) = self.lists.iter().find(|(_, join)| {
            join.holder.is_empty() || join.value.is_empty() || (join.tenant.is_some() && self.tenant.is_none())
        }) {
            return Some(format!(
                "`{}`: the table needs `holder` and `value`, and a tenant only if the layout has one",
                path(*list)
            ));
        }
        for attribute in resource_type.unique_attributes() {
            let lens = self.lenses.iter().find(|lens| lens.attribute() == Some(*attribute));
            if lens.is_none_or(|lens| lens.field.unique.is_empty()) {
                return Some(format!(
                    "`{}` is unique in the schema: declare a field and the constraint that keeps it `unique`",
                    path(*attribute)
                ));
            }
        }
        if let Some(secret) = self.unhashed(resource_type) {
            return Some(format!(
                "`{}` is a secret: leave the attribute out of the schema, or declare a `field` that is `hashed`",
                path(secret)
            ));
        }
        for lens in &self.lenses {
            if lens.field.column.is_shared && self.shared.is_none() {
                return Some(format!("the column `u.{}` needs a shared table", lens.field.column.column));
            }
        }
        if let Some(shared) = &self.shared {
            if shared.link.is_empty() {
                return Some("the shared table needs `linked_by`".into());
            }
            if shared.link == self.key.column || *shared.link == *self.key.id().0 {
                return Some(format!(
                    "`{}` links the shared user and is the key: the row needs a key of its own, since a new resource has a \
                     new key",
                    shared.link
                ));
            }
            if shared.writes == Writes::SoleLink && self.soft_delete.is_some() {
                return Some(
                    "`Writes::SoleLink` counts rows, and `soft_delete` keeps them: use `Writes::Never`".into(),
                );
            }
            if shared.writes == Writes::SoleLink && self.side.is_none() {
                return Some("`Writes::SoleLink` needs a `side_table`, which knows the users that SCIM created".into());
            }
        }
        if matches!(self.version, Version::Xmin | Version::Random(_)) && self.shared.is_some() {
            return Some(
                "the version does not change with the shared user: declare a `version` column or a side table".into(),
            );
        }
        if self.restore.is_some() && self.soft_delete.is_none() {
            return Some("`restored_by` needs `soft_delete`".into());
        }
        if self.side.is_some() {
            return self
                .documents
                .as_ref()
                .map(|_| "the documents have two places: declare `documents` or a `side_table`".into());
        }
        if self.version == Version::Side {
            return Some("the version has no place: declare a `version` column or a `side_table`".into());
        }
        if self.documents.is_some() {
            return None;
        }
        if let Some(lens) = self.lenses.iter().find(|lens| lens.exact().is_none()) {
            return Some(format!(
                "the column `{}` cannot hold every value without loss: declare `documents` or a `side_table`",
                lens.field.column.column
            ));
        }
        let homeless = self.homeless(resource_type, AttributeId::ROOT)?;
        Some(format!(
            "`{}` has no column: declare a `field`, leave the attribute out of the schema, or declare `documents` or a `side_table`",
            path(homeless)
        ))
    }

    /// The qualified columns of the documents, in the side table or in the layout's table; `None` if every value has a
    /// column.
    pub(in crate::sql) fn documents(&self) -> Option<Documents> {
        let (alias, documents) = match &self.documents {
            Some(Documents { document, comparable }) => ("r", (&**document, &**comparable)),
            None => ("s", self.side.as_ref().map(|_| ("document", "comparable"))?),
        };
        let qualified = |column: &str| format!("{alias}.{column}").into();
        Some(Documents { document: qualified(documents.0), comparable: qualified(documents.1) })
    }

    /// The table of the shared users that SCIM created, if the layout needs it.
    pub(in crate::sql) fn created_users(&self) -> Option<String> {
        let (side, shared) = (self.side.as_ref()?, self.shared.as_ref()?);
        (shared.writes == Writes::SoleLink).then(|| match side.strip_suffix('"') {
            Some(quoted) => format!("{quoted}_created\""),
            None => format!("{side}_created"),
        })
    }

    /// The conditions of rows that SCIM sees.
    pub(in crate::sql) fn row_conditions(&self) -> impl Iterator<Item = &str> {
        let live = self.soft_delete.iter().map(|(live, _)| live);
        self.conditions.iter().chain(live).map(|condition| &**condition)
    }

    /// Binds the tenant; `None` without a tenant column.
    pub(in crate::sql) fn bind_tenant(&self, statement: &mut Statement, tenant: Option<&Param>) -> Option<String> {
        let ((_, key_type), tenant) = self.tenant.as_ref().zip(tenant)?;
        Some(statement.placeholder(tenant.clone(), key_type.cast()))
    }

    /// The condition of the shared users that a creation may link, for the statement that gets the tenant.
    pub(in crate::sql) fn linkable(
        &self,
        shared: &Shared,
        statement: &mut Statement,
        tenant: Option<&Param>,
    ) -> String {
        let condition = shared.linkable.as_deref().unwrap_or("TRUE");
        if !condition.contains(TENANT) {
            return condition.to_owned();
        }
        let tenant = self.bind_tenant(statement, tenant);
        condition.replace(TENANT, tenant.as_deref().unwrap_or("NULL"))
    }

    /// Adds that a row belongs to the tenant, after `AND`. The row's table has the alias.
    pub(in crate::sql) fn push_tenant(&self, statement: &mut Statement, tenant: Option<&Param>, alias: &str) {
        if let Some((placeholder, (column, _))) = self.bind_tenant(statement, tenant).zip(self.tenant.as_ref()) {
            statement.push(&format!(" AND {alias}.{column} = {placeholder}"));
        }
    }

    pub(in crate::sql) fn joins(&self, list: AttributeId) -> impl Iterator<Item = &Join> {
        self.lists.iter().filter(move |(attribute, _)| *attribute == list).map(|(_, join)| join)
    }

    /// A secret attribute without a column for its hash.
    fn unhashed(&self, resource_type: &ResourceType) -> Option<AttributeId> {
        let is_hashed = |attribute: AttributeId| {
            self.lenses.iter().any(|lens| lens.attribute() == Some(attribute) && lens.field.is_hashed())
        };
        resource_type.attributes().find(|attribute| resource_type.is_sensitive(*attribute) && !is_hashed(*attribute))
    }

    /// An attribute that clients can set, or that the core stores, and that no column has.
    fn homeless(&self, resource_type: &ResourceType, parent: AttributeId) -> Option<AttributeId> {
        resource_type.children(parent).iter().find_map(|attribute| {
            let definition = resource_type.attribute(*attribute);
            let derived =
                matches!(*attribute, AttributeId::ID | AttributeId::META_LOCATION | AttributeId::META_VERSION)
                    || *attribute == AttributeId::SCHEMAS
                    || *attribute == AttributeId::META_RESOURCE_TYPE
                    || (definition.is_multi_valued() && definition.mutability() == Mutability::ReadOnly)
                    || resource_type.is_reference_list(*attribute);
            let is_complex = definition.data_type() == AttributeType::Complex && !definition.is_multi_valued();
            if derived || self.lenses.iter().any(|lens| lens.attribute() == Some(*attribute)) {
                None
            } else if is_complex {
                self.homeless(resource_type, *attribute)
            } else {
                Some(*attribute)
            }
        })
    }
}
