//! A translation of conditions into a statement, while it is being written.
//!
//! `condition` writes conditions, `alternatives` those of a disjunction, `narrow` those that an index serves, and
//! `once` those for which PostgreSQL reads the document once.

use super::{mapping::Mapping, scalar::tight, statement::Statement};

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
