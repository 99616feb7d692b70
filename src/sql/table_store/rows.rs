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
    /// Whether a whole name was derived from its column, since the host has changed the column.
    pub(super) derives_name: bool,
}

impl Found {
    pub(super) fn stored(self) -> Stored {
        Stored { complete: self.is_complete, ..Stored::new(self.resource, self.version) }
    }
}

/// The resource of a row of [`TypeTable::select`], without its lists.
pub(super) fn found(table: &TypeTable, row: &mut Row) -> Result<Found, StoreError> {
    let contents = contents(&table.parts.lenses, row)?;
    found_with(table, row, contents)
}

/// The same, with the [contents] that were taken out of the row.
pub(super) fn found_with(
    table: &TypeTable,
    row: &mut Row,
    contents: Vec<Option<Content>>,
) -> Result<Found, StoreError> {
    let version = id_text(row, 0).unwrap_or_else(|| "0".to_owned());
    let mut key = |column| id_text(row, column).ok_or_else(|| StoreError::backend("a row without a key"));
    let (id, key) = (key(1)?, key(2)?);
    let mut resource = match row.text(3)? {
        Some(document) => {
            Resource::from_json(&table.resource_type, document.as_bytes()).map_err(StoreError::backend)?
        }
        None => Resource::new(Arc::clone(&table.resource_type)),
    };
    let mut derives_name = false;
    for (lens, content) in table.parts.lenses.iter().zip(contents) {
        // The document has the value as the client sent it; the column decides whether the value is current.
        if lens.content(&resource) != content {
            lens.show(content, &mut resource);
            derives_name |= lens.whole_name().is_some();
        }
    }
    resource.root_mut().insert(AttributeId::ID, Value::String(id.as_str().into()));
    let version = Version::new(version).map_err(StoreError::backend)?;
    Ok(Found { resource, version, key, is_complete: true, derives_name })
}

/// Takes the content of the columns of the lenses out of a row of [`TypeTable::select`].
pub(super) fn contents(lenses: &[Lens], row: &mut Row) -> Result<Vec<Option<Content>>, StoreError> {
    lenses.iter().enumerate().map(|(index, lens)| lens.field.read(row, LENSES + index)).collect()
}

/// The text of an id or a key, which SQLite may return as a number.
pub(super) fn id_text(row: &mut Row, column: usize) -> Option<String> {
    match row.take(column) {
        Cell::Text(text) => Some(text),
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Null | Cell::Boolean(_) => None,
    }
}
