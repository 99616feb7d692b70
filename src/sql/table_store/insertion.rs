//! The columns of an insertion and of an update.

use super::rows::id_text;
use crate::{
    resource::Resource,
    sql::{
        database::{DatabaseError, Session},
        layout::{Assigned, Initial, KeyType, Lens, Name},
        statement::{Dialect, Param, Statement},
    },
    store::StoreError,
};

/// The reason why a row was not written.
pub(super) enum Failure {
    Database(DatabaseError),
    Store(StoreError),
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The value of a column in an insertion.
pub(super) enum Written<'a> {
    Key(Param, &'static str),
    Assigned(Assigned),
    Initial(&'a Initial),
}

/// The columns of the layout's own table or of the shared table, without states and without columns that the store does
/// not write.
pub(super) fn assigned<'a>(lenses: &'a [Lens], resource: &Resource, is_shared: bool) -> Vec<(&'a str, Written<'a>)> {
    let mut columns: Vec<(&str, Written<'_>)> = Vec::new();
    for lens in lenses {
        let field = &lens.field;
        if field.column.is_shared != is_shared || field.is_read_only || field.is_state() {
            continue;
        }
        for (column, assigned) in field.assignments(lens.content(resource).as_ref()) {
            // Of two fields with one column, the first decides.
            if columns.iter().all(|(known, _)| *known != column) {
                columns.push((column, Written::Assigned(assigned)));
            }
        }
    }
    columns
}

/// Adds the values of columns that no attribute has. They decide over the values of attributes.
pub(super) fn set_initial<'a>(columns: &mut Vec<(&'a str, Written<'a>)>, initial: &'a [(Name, Initial)]) {
    for (name, initial) in initial {
        columns.retain(|(column, _)| *column != &*name.column);
        columns.push((&name.column, Written::Initial(initial)));
    }
}

/// Executes an insertion into a table whose database makes the key. Returns the key.
pub(super) async fn insert_returning<S: Session>(
    session: &mut S,
    mut insert: Statement,
    column: &str,
    key_type: KeyType,
) -> Result<Param, Failure> {
    insert.push(&format!(" RETURNING CAST({column} AS text)"));
    let mut row = session.rows(&insert).await?.pop();
    let key = row.as_mut().and_then(|row| id_text(row, 0)).and_then(|key| key_type.parse(&key));
    Ok(key.ok_or_else(|| StoreError::backend("the database made no key"))?)
}

/// An insertion. `is_numbered` if it writes a column that the database numbers.
pub(super) fn insertion(
    dialect: Dialect,
    table: &str,
    columns: &[(&str, Written<'_>)],
    is_numbered: bool,
) -> Statement {
    let names: Vec<&str> = columns.iter().map(|(column, _)| *column).collect();
    let mut insert = Statement::new(dialect);
    let overriding = if is_numbered && dialect == Dialect::Postgres { " OVERRIDING SYSTEM VALUE" } else { "" };
    insert.push(&format!("INSERT INTO {table} ({}){overriding} VALUES (", names.join(", ")));
    for (index, (_, value)) in columns.iter().enumerate() {
        if index > 0 {
            insert.push(", ");
        }
        match value {
            Written::Key(key, cast) => {
                let placeholder = insert.placeholder(key.clone(), cast);
                insert.push(&placeholder);
            }
            Written::Assigned(assigned) => assigned.write(&mut insert),
            Written::Initial(initial) => initial.write(&mut insert),
        }
    }
    insert.push(")");
    insert
}

pub(super) fn push_assignments(statement: &mut Statement, assignments: &[(&str, Assigned)]) {
    for (index, (column, assigned)) in assignments.iter().enumerate() {
        statement.push(if index > 0 { ", " } else { "" }).push(column).push(" = ");
        assigned.write(statement);
    }
}
