//! Conditions for which PostgreSQL reads a document once.
//!
//! PostgreSQL stores a long document apart from its row. It fetches the document for each expression in which the
//! column occurs, and frees the copies when the conditions on the row have been evaluated: a filter with 512 terms on a
//! document of 4 MB would take 2 GB. So a subquery fetches the document, and the conditions read its result. An index
//! does not serve such a condition.

use super::{
    json::Json,
    statement::{Dialect, Statement},
    translator::{Base, Translator},
};
use crate::filter::Condition;

/// The maximum number of expressions of the document in conditions that an index may serve.
const FOUND: usize = 12;

/// The maximum number of expressions of the document in other conditions. The subquery takes as long as some four
/// comparisons with a short document.
const READ: usize = 3;

/// The alias of the subquery; those of lists have numbers from 1 on.
const ALIAS: &str = "scim0";

impl Translator<'_> {
    /// Writes the conjunction of the conditions; `false` when the database cannot evaluate one of them.
    pub(super) fn filter(&mut self, conditions: &[&Condition]) -> bool {
        let (here, apart) = self.divided(conditions);
        if apart.is_empty() {
            return self.conjunction(conditions);
        }
        if here.is_empty() {
            return self.once(&apart);
        }
        self.statement.push("(");
        let here = self.conjunction(&here);
        self.statement.push(" AND ");
        let both = here && self.once(&apart);
        self.statement.push(")");
        both
    }

    /// The conditions on the document in its row, and those that the subquery evaluates.
    fn divided<'c>(&self, conditions: &[&'c Condition]) -> (Vec<&'c Condition>, Vec<&'c Condition>) {
        let dialect = self.statement.dialect;
        let is_declared = self.mapping.indexed.is_some();
        let Some(source) = self.source.as_deref().filter(|_| is_declared && dialect == Dialect::Postgres) else {
            return (conditions.to_vec(), Vec::new());
        };
        let expressions: Vec<usize> = conditions.iter().map(|condition| self.expressions(condition, source)).collect();
        let found: Vec<bool> = conditions.iter().map(|condition| self.mapping.finds(dialect, condition)).collect();
        let each = || conditions.iter().copied().zip(expressions.iter().copied()).zip(found.iter().copied());
        let others: usize = each().filter(|(_, is_found)| !is_found).map(|((_, expressions), _)| expressions).sum();
        let mut left = FOUND;
        let (mut here, mut apart) = (Vec::new(), Vec::new());
        for ((condition, expressions), is_found) in each() {
            let room = if is_found { left.checked_sub(expressions) } else { (others <= READ).then_some(left) };
            match room {
                Some(room) => {
                    left = room;
                    here.push(condition);
                }
                None if expressions == 0 => here.push(condition),
                None => apart.push(condition),
            }
        }
        (here, apart)
    }

    /// The number of times that the text of a condition names the document.
    fn expressions(&self, condition: &Condition, source: &str) -> usize {
        let mut scratch = Statement::new(self.statement.dialect);
        Translator::new(self.mapping, &mut scratch).condition(condition, &Base::Resource);
        scratch.text().matches(source).count()
    }

    /// Writes a subquery that reads the document and evaluates the conditions.
    fn once(&mut self, conditions: &[&Condition]) -> bool {
        let Some(row) = self.source.replace(format!("{ALIAS}.document")) else { return false };
        let outer = self.arrays.replace(Vec::new());
        self.statement.push("(SELECT ");
        let is_written = self.conjunction(conditions);
        let arrays = std::mem::replace(&mut self.arrays, outer).unwrap_or_default();
        // `||` with an empty object returns the document itself, and OFFSET keeps the subquery separate.
        let document = format!("(SELECT {row} || '{{}}'::jsonb AS document OFFSET 0) AS {ALIAS}");
        self.statement.push(" FROM ");
        if arrays.is_empty() {
            self.statement.push(&document);
        } else {
            self.statement.push(&format!("(SELECT {ALIAS}.document"));
            for (index, array) in arrays.iter().enumerate() {
                self.statement.push(&format!(", {array} AS array{index}"));
            }
            self.statement.push(&format!(" FROM {document} OFFSET 0) AS {ALIAS}"));
        }
        self.statement.push(")");
        self.source = Some(row);
        is_written
    }

    /// The elements of an array: [`Json::elements`]. The subquery, if any, reads each array of the document once.
    pub(super) fn elements(&mut self, json: &Json) -> (String, Json, String) {
        self.aliases += 1;
        let (dialect, resource_type) = (self.statement.dialect, &self.mapping.resource_type);
        match &mut self.arrays {
            Some(arrays) if self.source.as_deref() == Some(json.root()) => {
                let array = json.array(resource_type);
                let index = arrays.iter().position(|known| *known == array).unwrap_or_else(|| {
                    arrays.push(array);
                    arrays.len() - 1
                });
                Json::unnested(&format!("{ALIAS}.array{index}"), self.aliases)
            }
            _ => json.elements(dialect, resource_type, self.aliases),
        }
    }
}
