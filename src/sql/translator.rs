//! A translation of conditions into a statement, while it is being written.
//!
//! `condition` writes conditions, `alternatives` those of a disjunction, `narrow` those that an index serves, and
//! `once` those for which PostgreSQL reads the document once.

use super::{
    json::Json,
    mapping::{Mapping, Table},
    scalar::tight,
    statement::Statement,
};

/// The value that the places of a condition start from.
pub(super) enum Base<'a> {
    Resource,
    /// A complex value whose sub-attributes are columns.
    Columns,
    /// A complex value, or an element of a list, in a document.
    Json(Json),
    Row(&'a Table),
}

/// Writes conditions on the resources of a mapping into a statement.
pub(super) struct Translator<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) statement: &'a mut Statement,
    /// The number of subqueries that have an alias.
    pub(super) aliases: usize,
    /// The expression of the document, which binds tighter than any operator.
    pub(super) source: Option<String>,
    /// The arrays that the enclosing subquery reads out of the document; `None` outside of such a subquery.
    pub(super) arrays: Option<Vec<String>>,
}

impl<'a> Translator<'a> {
    pub(super) fn new(mapping: &'a Mapping, statement: &'a mut Statement) -> Self {
        Self { mapping, statement, aliases: 0, source: mapping.document.as_deref().map(tight), arrays: None }
    }
}
