//! Comparisons that an index of documents, or of rows, answers without examining each resource.
//!
//! PostgreSQL compares a pattern with the whole document (`@>`). Rows that name their owner are looked up by value.

use serde_json::{Map, Value as Pattern};

use super::{
    mapping::{Index, Mapping, Table},
    scalar::{Scalar, comparable_text},
    statement::{Dialect, Param},
    translator::{Base, Translator},
};
use crate::{
    filter::{Comparand, Comparison, Condition, Operator},
    path::Place,
    resource::Sort,
    schema::AttributeId,
    store::Pushdown,
};

impl Mapping {
    /// Whether an index that the mapping declares finds the resources for which a condition holds.
    ///
    /// A scan needs at least one such condition. Otherwise the database reads every resource of the type, once per
    /// term of the filter: a store charges that work before it begins.
    ///
    /// ```
    /// use scim_core::{
    ///     filter::Filter, quirks::{Quirks, Tolerance}, schema::{AttributeId, Registry}, sql::{Dialect, Mapping},
    /// };
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let name = user.child(AttributeId::ROOT, "userName").expect("defined");
    /// let users = Mapping::documents(user, "r.id", "r.comparable").with_indexed([name]);
    /// let finds = |filter: &str| -> Result<bool, Box<dyn std::error::Error>> {
    ///     let matcher = filter.parse::<Filter>()?.compile(user, &mut Tolerance::new(Quirks::default()))?;
    ///     Ok(matcher.conditions().iter().any(|condition| users.finds(Dialect::Sqlite, condition)))
    /// };
    /// assert!(finds(r#"userName sw "b""#)? && finds(r#"userName eq "b" and title co "x""#)?);
    /// assert!(!finds(r#"userName co "b""#)? && !finds(r#"userName eq "b" or title eq "x""#)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finds(&self, dialect: Dialect, condition: &Condition) -> bool {
        match condition {
            Condition::All(all) => all.iter().any(|condition| self.finds(dialect, condition)),
            Condition::Any(any) => any.iter().all(|condition| self.finds(dialect, condition)),
            Condition::Constant(truth) => !truth,
            Condition::Compare(comparison) => self.finds_value(dialect, comparison),
            Condition::Element { place, condition } => {
                let by_rows = self.rows_on(place.route()).is_some_and(|table| equality(condition, table).is_some());
                by_rows || self.contains(dialect) && self.pattern(place, condition).is_some()
            }
            Condition::Not(_) | Condition::Present(_) | Condition::Extension(_) => false,
        }
    }

    fn finds_value(&self, dialect: Dialect, comparison: &Comparison) -> bool {
        let (place, operator) = (comparison.place(), comparison.operator());
        let in_order =
            matches!(operator, Operator::Eq | Operator::Sw | Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le);
        let is_empty = matches!(comparison.operand(), Comparand::Exact(text) | Comparand::Folded(text) if text.as_str().is_empty());
        let rows = self.rows_on(place.route());
        if operator == Operator::Eq && rows.is_some_and(|table| table.find(place.attribute()).is_some()) {
            return true;
        }
        if self.table_on(place.route()).is_some() {
            return false;
        }
        if let Some(column) = self.find(place.attribute()) {
            let is_id = place.attribute() == AttributeId::ID;
            return (column.indexed || is_id) && in_order && !(operator == Operator::Sw && is_empty);
        }
        let index = self.index_of(dialect, place.route());
        let by_key = matches!(index, Index::Whole | Index::Prefix) && in_order;
        by_key && !(operator == Operator::Sw && is_empty)
            || self.contains(dialect) && self.equality_pattern(comparison).is_some()
    }

    /// Whether an index that the mapping declares has the resources in this order. Without such an index the database
    /// reads and sorts all resources for each page.
    pub fn leads(&self, dialect: Dialect, sort: &Sort) -> bool {
        match self.find(sort.attribute()) {
            Some(column) => column.indexed || sort.attribute() == AttributeId::ID,
            None => matches!(self.index_of(dialect, sort.place().route()), Index::Whole | Index::Prefix),
        }
    }

    /// The table for this route, if its rows name their owners.
    fn rows_on(&self, route: &[AttributeId]) -> Option<&Table> {
        let rows = self.table_on(route).map(|(_, table)| table).or_else(|| self.lookup_on(route));
        rows.filter(|table| table.owner.is_some())
    }

    fn contains(&self, dialect: Dialect) -> bool {
        self.contained && dialect == Dialect::Postgres && self.document.is_some()
    }

    /// The document with only the compared value, if `eq` is to be evaluated by containment.
    fn equality_pattern(&self, comparison: &Comparison) -> Option<Pattern> {
        let place = comparison.place();
        let elsewhere = self.find(place.attribute()).is_some() || self.table_on(place.route()).is_some();
        let in_document = !elsewhere && self.has_in_document(place.attribute());
        let has_index = matches!(self.index_of(Dialect::Postgres, place.route()), Index::Whole | Index::Prefix);
        if !in_document || has_index {
            return None;
        }
        Some(self.around(place.route(), text_pattern(comparison)?))
    }

    /// The document with one element, which has the values that a condition in brackets requires. The flag is `true`
    /// if the condition requires nothing else.
    fn pattern(&self, place: &Place, condition: &Condition) -> Option<(Pattern, bool)> {
        if self.table_on(place.route()).is_some()
            || !self.has_in_document(place.attribute())
            || self.has_column_below(place.attribute())
        {
            return None;
        }
        let (element, exact) = self.element_pattern(condition)?;
        Some((self.around(place.route(), element), exact))
    }

    fn has_column_below(&self, attribute: AttributeId) -> bool {
        self.columns.iter().any(|(mapped, _)| *mapped == attribute || self.resource_type.parent(*mapped) == attribute)
    }

    fn element_pattern(&self, condition: &Condition) -> Option<(Pattern, bool)> {
        match condition {
            Condition::Compare(comparison) if self.has_in_document(comparison.attribute()) => {
                let text = text_pattern(comparison)?;
                Some((self.around(comparison.place().route(), text), true))
            }
            Condition::All(all) => {
                let mut found: Option<Pattern> = None;
                let mut exact = true;
                for condition in all {
                    let Some((pattern, alone)) = self.element_pattern(condition) else {
                        exact = false;
                        continue;
                    };
                    exact &= alone;
                    match &mut found {
                        None => found = Some(pattern),
                        Some(found) => exact &= merge(found, pattern),
                    }
                }
                found.map(|pattern| (pattern, exact))
            }
            _ => None,
        }
    }

    /// The value at the end of a route, enclosed in the objects and arrays of the route.
    fn around(&self, route: &[AttributeId], value: Pattern) -> Pattern {
        route.iter().rev().fold(value, |value, id| {
            let attribute = self.resource_type.attribute(*id);
            let value = if attribute.is_multi_valued() { Pattern::Array(vec![value]) } else { value };
            Pattern::Object(Map::from_iter([(attribute.name().to_owned(), value)]))
        })
    }
}

/// The text that a document contains if the comparison holds. `None` for operators other than `eq`, for booleans, and
/// for text that no database can store.
fn text_pattern(comparison: &Comparison) -> Option<Pattern> {
    let is_wanted = comparison.operator() == Operator::Eq && !matches!(comparison.operand(), Comparand::Boolean(_));
    let text = is_wanted.then(|| comparable_text(comparison.operand()))?;
    (!text.contains('\0')).then(|| Pattern::String(text.into_owned()))
}

/// Adds the requirements of another pattern; `false` if some of them cannot be added.
fn merge(into: &mut Pattern, other: Pattern) -> bool {
    match (into, other) {
        (Pattern::Object(into), Pattern::Object(other)) => {
            let mut complete = true;
            for (name, value) in other {
                match into.get_mut(&name) {
                    Some(present) => complete &= merge(present, value),
                    None => drop(into.insert(name, value)),
                }
            }
            complete
        }
        // Each condition on the values of a list can be satisfied by another value.
        (Pattern::Array(into), Pattern::Array(other)) => {
            into.extend(other);
            true
        }
        (into, other) => *into == other,
    }
}

/// The comparison by `eq` that every row must satisfy for the condition to hold.
fn equality<'a>(condition: &'a Condition, table: &Table) -> Option<&'a Comparison> {
    match condition {
        Condition::All(all) => all.iter().find_map(|condition| equality(condition, table)),
        condition => condition.equality().filter(|comparison| table.find(comparison.attribute()).is_some()),
    }
}

impl Translator<'_> {
    /// Whether an index of documents serves a comparison of a resource's value by containment.
    pub(super) fn is_contained(&self, comparison: &Comparison, base: &Base<'_>) -> bool {
        matches!(base, Base::Resource)
            && self.arrays.is_none()
            && self.mapping.contains(self.statement.dialect)
            && self.mapping.equality_pattern(comparison).is_some()
    }

    /// Writes a comparison of a resource's value by containment.
    pub(super) fn contain_value(&mut self, comparison: &Comparison) -> Option<Pushdown> {
        let pattern = self.mapping.equality_pattern(comparison)?;
        self.contain(&pattern);
        Some(Pushdown::Exact)
    }

    /// Writes an index condition that the condition in brackets implies. Returns whether the index condition is
    /// equivalent to the condition; `None` if no such index exists.
    pub(super) fn found_element(&mut self, place: &Place, condition: &Condition) -> Option<bool> {
        let mapping = self.mapping;
        if mapping.contains(self.statement.dialect)
            && let Some((pattern, exact)) = mapping.pattern(place, condition)
        {
            self.contain(&pattern);
            return Some(exact);
        }
        let table = mapping.lookup_on(place.route())?;
        let comparison = equality(condition, table)?;
        self.owners(table, comparison).map(|_| false)
    }

    fn contain(&mut self, pattern: &Pattern) {
        let pattern = self.statement.placeholder(Param::Text(pattern.to_string()), "text::jsonb");
        let document = self.source.as_deref().unwrap_or_default();
        self.statement.push(document).push(" @> ").push(&pattern);
    }

    /// Writes that the resource owns a row with the compared value.
    fn owners(&mut self, table: &Table, comparison: &Comparison) -> Option<Pushdown> {
        let column = table.find(comparison.attribute())?;
        self.owned(table, |it| {
            Scalar::column(column).compare(it.statement, comparison.operator(), comparison.operand())
        })
    }

    /// Writes that the resource owns a row for which `test` holds; `None` if rows do not name their owner, or if the
    /// test cannot be written.
    pub(super) fn owned(&mut self, table: &Table, test: impl FnOnce(&mut Self) -> Pushdown) -> Option<Pushdown> {
        let owner = table.owner.as_ref()?;
        let mark = self.statement.mark();
        let id = super::scalar::tight(owner.key.as_ref().unwrap_or(&self.mapping.id.sql));
        self.statement.push(&format!("{id} IN (SELECT {} FROM {} WHERE ({}) AND ", owner.id, table.from, owner.on));
        let pushdown = test(self);
        self.statement.push(")");
        if pushdown == Pushdown::No {
            self.statement.back_to(mark);
            return None;
        }
        Some(pushdown)
    }
}

/// Whether the condition requires one value of a row, which an index of the rows finds.
pub(super) fn names_a_value(condition: &Condition, table: &Table) -> bool {
    equality(condition, table).is_some()
}
