//! The id of a new resource, if the store chooses it: the next number of the database, or the id of a deleted row that
//! the resource restores.

use super::{from::from, tables::TypeTable, write::unquoted};
use crate::{
    filter::{Filter, Operator},
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::Resource,
    sql::{
        database::{Session, Work},
        statement::{Dialect, Param, Statement},
    },
    store::{CommitError, StoreError},
    value::Text,
};

/// Reserves the number of a new row.
pub(super) struct NewNumber {
    query: Statement,
    table: Box<str>,
}

impl NewNumber {
    /// `None` if the core chooses the ids of the type.
    pub(super) fn of(table: &TypeTable) -> Option<Self> {
        if !table.parts.key.is_numbered {
            return None;
        }
        let (name, column) = (&table.parts.table, &table.parts.key.column);
        let mut query = Statement::new(table.dialect);
        match table.dialect {
            Dialect::Postgres => {
                query.push("SELECT nextval(pg_get_serial_sequence(");
                let name = query.placeholder(Param::from(&**name), "text");
                let column = query.placeholder(Param::from(unquoted(column)), "text");
                query.push(&format!("{name}, {column}))"));
            }
            Dialect::Sqlite => {
                query.push(&format!("SELECT max(COALESCE((SELECT max({column}) FROM {name}), 0), "));
                query.push("COALESCE((SELECT last FROM scim_number WHERE name = ").bind(&**name).push("), 0)) + 1");
            }
        }
        Some(Self { query, table: name.clone() })
    }
}

impl Work for NewNumber {
    type Output = Text;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Text, CommitError> {
        let mut row = session.rows(&self.query).await?.pop();
        let number = row.as_mut().map(|row| row.integer(0)).transpose()?.flatten();
        let number = number
            .ok_or_else(|| StoreError::backend(format!("the database does not number the rows of `{}`", self.table)))?;
        if self.query.dialect() == Dialect::Sqlite {
            // No number is given twice, also after its row was deleted.
            let mut keep = Statement::new(Dialect::Sqlite);
            keep.push("INSERT INTO scim_number (name, last) VALUES (").bind(&*self.table).push(", ").bind(number);
            keep.push(") ON CONFLICT (name) DO UPDATE SET last = excluded.last");
            session.execute(&keep).await?;
        }
        Ok(number.to_string().as_str().into())
    }
}

/// The query for the deleted row that a new resource restores.
pub(super) fn deleted(table: &TypeTable, tenant: Option<&Param>, resource: &Resource) -> Option<Statement> {
    let parts = &table.parts;
    let ((live, _), (attribute, _)) = (parts.soft_delete.as_ref()?, parts.restore.as_ref()?);
    let value = resource.value(*attribute)?;
    let mut query = Statement::new(table.dialect);
    query.push(&format!("SELECT CAST({} AS text) FROM {} WHERE ", parts.key.id_text("r"), from(parts)));
    table.push_deleted(&mut query, tenant, live);
    let path: AttributePath = table.resource_type.path(*attribute).parse().ok()?;
    let filter = Filter::compare(path, Operator::Eq, value.as_str()?).ok()?;
    let matcher = filter.compile(&table.resource_type, &mut Tolerance::new(Quirks::strict())).ok()?;
    query.push(" AND ");
    query.filter(table.mapping(), &matcher.conditions().iter().collect::<Vec<_>>()).ok()?;
    query.push(" LIMIT 2");
    Some(query)
}
