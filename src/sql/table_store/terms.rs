//! The terms of a filter by the place of their values: in columns, in documents, in lists of references.
//!
//! A term reads its value out of a column or a document, for each row.

use super::tables::TypeTable;
use crate::{
    filter::Condition,
    schema::{AttributeId, AttributeType},
    sql::{
        cost::{
            APART, FETCHED, FETCHED_LIST, LISTED, Place, SEARCHED, SERVED, SINGULAR, TERM, UNNESTED, look_ups_of,
            searched,
        },
        statement::Dialect,
    },
};

/// The number of alternatives by `eq` on one attribute that a unit compares with a value, which is read once.
const ALTERNATIVES: u64 = 4;

/// Units for each byte: for all bytes, and additionally for the bytes of long documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rate {
    all: u64,
    long: u64,
}

impl Rate {
    /// The bytes for which a rate is a whole number of units.
    const BYTES: u64 = 19_200;

    /// A unit for this number of bytes.
    pub(super) const fn per(bytes: u64) -> Self {
        Self { all: Self::BYTES / bytes, long: 0 }
    }

    /// A unit for this number of bytes of long documents.
    const fn per_long(bytes: u64) -> Self {
        Self { all: 0, long: Self::BYTES / bytes }
    }

    const fn times(self, times: u64) -> Self {
        Self { all: self.all.saturating_mul(times), long: self.long.saturating_mul(times) }
    }

    const fn plus(self, other: Self) -> Self {
        Self { all: self.all.saturating_add(other.all), long: self.long.saturating_add(other.long) }
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// The units for this number of bytes, of which the plain documents have `plain` at most.
    pub(super) fn units(self, bytes: u64, plain: u64) -> u64 {
        let part = |bytes: u64, rate: u64| u128::from(bytes) * u128::from(rate);
        // Both products fit, and their sum too: each factor is below 2⁶⁴, and a rate is far below.
        let units = part(bytes, self.all).saturating_add(part(bytes.saturating_sub(plain), self.long));
        u64::try_from(units / u128::from(Self::BYTES)).unwrap_or(u64::MAX)
    }
}

/// The cost of the terms of some conditions.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// Units of each row.
    pub(super) each: u64,
    /// Units of the bytes of documents.
    pub(super) document: Rate,
    /// Units of the bytes of columns, by attribute.
    pub(super) columns: Vec<(AttributeId, Rate)>,
    /// The number of terms on each list of references.
    pub(super) lists: Vec<(AttributeId, u64)>,
}

impl Terms {
    pub(super) fn of<'c>(table: &TypeTable, conditions: impl IntoIterator<Item = &'c Condition>) -> Self {
        let mut terms = Self::default();
        for condition in conditions {
            let mut counter = Counter { table, terms: &mut terms, fetches: 0 };
            match look_ups_of(condition).filter(|(attribute, _)| table.compares_at_once(*attribute)) {
                Some((attribute, number)) => {
                    counter.term(attribute, 1, 0, false);
                    counter.terms.each = counter.terms.each.saturating_add(number / ALTERNATIVES);
                }
                None => counter.condition(condition, false),
            }
            let fetches = counter.fetches;
            let apart = if table.serves(condition) { SERVED } else { APART };
            if table.dialect == Dialect::Postgres && fetches > 0 {
                let fetches = if fetches > apart { 1 } else { fetches };
                terms.document = terms.document.plus(Rate::per_long(FETCHED).times(fetches));
            }
        }
        terms
    }

    /// The cost if this number of queries evaluates the terms.
    pub(super) fn times(mut self, queries: u64) -> Self {
        self.each = self.each.saturating_mul(queries);
        self.document = self.document.times(queries);
        self.columns.iter_mut().for_each(|(_, rate)| *rate = rate.times(queries));
        self.lists.iter_mut().for_each(|(_, terms)| *terms = terms.saturating_mul(queries));
        self
    }

    /// Adds the cost of an order by an attribute, of which a unit processes this number of bytes.
    pub(super) fn order_by(&mut self, table: &TypeTable, attribute: AttributeId, bytes: u64) {
        let rate = Rate::per(bytes);
        if table.mapping().find(attribute).is_some() {
            self.add_column(attribute, rate);
        } else {
            self.document = self.document.plus(rate);
        }
    }

    fn add_column(&mut self, attribute: AttributeId, rate: Rate) {
        match self.columns.iter_mut().find(|(known, _)| *known == attribute) {
            Some((_, known)) => *known = known.plus(rate),
            None => self.columns.push((attribute, rate)),
        }
    }

    fn add_list(&mut self, list: AttributeId, terms: u64) {
        match self.lists.iter_mut().find(|(known, _)| *known == list) {
            Some((_, known)) => *known = known.saturating_add(terms),
            None => self.lists.push((list, terms)),
        }
    }
}

struct Counter<'a> {
    table: &'a TypeTable,
    terms: &'a mut Terms,
    /// The number of terms that fetch the document for a singular value.
    fetches: u64,
}

impl Counter<'_> {
    fn condition(&mut self, condition: &Condition, in_element: bool) {
        match condition {
            Condition::All(all) | Condition::Any(all) => {
                for condition in all {
                    self.condition(condition, in_element);
                }
            }
            Condition::Not(condition) => self.condition(condition, in_element),
            Condition::Element { place, condition } => {
                // Without documents, the sub-attributes are columns.
                let in_element = self.table.parts.documents().is_some();
                self.term(place.attribute(), 1, 0, in_element);
                self.condition(condition, in_element);
            }
            Condition::Present(place) => self.term(place.attribute(), self.leaves(place.attribute()), 0, in_element),
            Condition::Extension(attribute) => self.term(*attribute, 1, 0, in_element),
            Condition::Compare(comparison) => self.term(comparison.attribute(), 1, searched(comparison), in_element),
            Condition::Constant(_) => {}
        }
    }

    /// Adds `times` terms on an attribute. `searched` is the length of the text that `co` searches. A value in an
    /// element of a list is read out of the document, also if it has a column.
    fn term(&mut self, attribute: AttributeId, times: u64, searched: u64, in_element: bool) {
        let is_postgres = self.table.dialect == Dialect::Postgres;
        self.terms.each = self.terms.each.saturating_add(TERM.saturating_mul(times));
        let place = Place::of(&self.table.resource_type, attribute);
        if let Place::References(list) = place {
            self.terms.add_list(list, times);
            return;
        }
        if !in_element && self.table.mapping().find(attribute).is_some() {
            let search = Rate::per(SEARCHED).times(searched);
            self.terms.add_column(attribute, Rate::per(SINGULAR).times(times).plus(search));
            return;
        }
        let mut rate = Rate::per_long(SEARCHED).times(searched);
        if matches!(place, Place::Values) {
            rate = rate.plus(Rate::per(LISTED).times(times));
            if is_postgres {
                rate = rate.plus(Rate::per_long(FETCHED_LIST).times(times));
                self.terms.each = self.terms.each.saturating_add(UNNESTED.saturating_mul(times));
            }
        } else {
            rate = rate.plus(Rate::per(SINGULAR).times(times));
            self.fetches = self.fetches.saturating_add(times);
        }
        self.terms.document = self.terms.document.plus(rate);
    }

    /// The number of values that decide whether an attribute is present.
    fn leaves(&self, attribute: AttributeId) -> u64 {
        let resource_type = &self.table.resource_type;
        if resource_type.attribute(attribute).data_type() != AttributeType::Complex {
            return 1;
        }
        resource_type.children(attribute).iter().map(|part| self.leaves(*part)).sum::<u64>().max(1)
    }
}
