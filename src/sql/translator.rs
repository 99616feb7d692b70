//! A translation of conditions into a statement, while it is being written.
//!
//! `condition` writes conditions, `narrow` those that an index serves.

use super::{mapping::Mapping, statement::Statement};

/// Writes conditions on the resources of a mapping into a statement.
pub(super) struct Translator<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) statement: &'a mut Statement,
    /// The number of subqueries that have an alias.
    pub(super) aliases: usize,
}

impl<'a> Translator<'a> {
    pub(super) fn new(mapping: &'a Mapping, statement: &'a mut Statement) -> Self {
        Self { mapping, statement, aliases: 0 }
    }
}
