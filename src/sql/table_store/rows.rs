//! Resources from rows.

use std::sync::Arc;

use super::tables::TypeTable;
use crate::{
    resource::Resource,
    schema::AttributeId,
    sql::{
        database::{Cell, Row},
        layout::{Content, Lens},
    },
    store::{StoreError, Stored, Version},
    value::Value,
};

/// The columns before those of the lenses: version, id, key, document.
const LENSES: usize = 4;

/// The bytes that a query keeps if the request has no limit.
pub(super) const BYTES: usize = 64 << 20;

/// A resource from a row.
pub(super) struct Found {
    pub(super) resource: Resource,
    pub(super) version: Version,
    pub(super) key: String,
    pub(super) is_complete: bool,
}

impl Found {
    pub(super) fn stored(self) -> Stored {
        Stored { complete: self.is_complete, ..Stored::new(self.resource, self.version) }
    }
}

/// The resource of a row of [`TypeTable::select`], without its lists.
pub(super) fn found(table: &TypeTable, row: &mut Row) -> Result<Found, StoreError> {
    let version = match row.take(0) {
        Cell::Integer(number) => number.to_string(),
        Cell::Text(text) => text,
        Cell::Null | Cell::Boolean(_) => "0".to_owned(),
    };
    let text = |cell| match cell {
        Cell::Text(text) => Ok(text),
        Cell::Integer(number) => Ok(number.to_string()),
        Cell::Null | Cell::Boolean(_) => Err(StoreError::backend("a row without a key")),
    };
    let (id, key) = (text(row.take(1))?, text(row.take(2))?);
    let mut resource = match row.text(3)? {
        Some(document) => {
            Resource::from_json(&table.resource_type, document.as_bytes()).map_err(StoreError::backend)?
        }
        None => Resource::new(Arc::clone(&table.resource_type)),
    };
    for (index, lens) in table.parts.lenses.iter().enumerate() {
        let content = lens.field.read(row, LENSES + index)?;
        // The document has the value as the client sent it; the column decides whether the value is current.
        if lens.content(&resource) != content {
            lens.show(content, &mut resource);
        }
    }
    resource.root_mut().insert(AttributeId::ID, Value::String(id.as_str().into()));
    let version = Version::new(version).map_err(StoreError::backend)?;
    Ok(Found { resource, version, key, is_complete: true })
}

/// The content of the columns of the lenses in a row of [`TypeTable::select`].
pub(super) fn contents(lenses: &[Lens], row: &Row) -> Result<Vec<Option<Content>>, StoreError> {
    let mut row = row.clone();
    lenses.iter().enumerate().map(|(index, lens)| lens.field.read(&mut row, LENSES + index)).collect()
}

/// The text of an id or a key, which SQLite may return as a number.
pub(super) fn id_text(row: &mut Row, column: usize) -> Option<String> {
    match row.take(column) {
        Cell::Text(text) => Some(text),
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Null | Cell::Boolean(_) => None,
    }
}
