//! The cost of a search. Before the search begins: the number of resources that its queries read, and the cost of each
//! term of the filter for all of them. After each page: the bytes of its rows.
//!
//! The database evaluates a term by reading the value out of a document, or by reading the rows of a list. A unit
//! is some 0.1 µs of this work. Where an index finds the resources that a filter selects, their number is counted
//! first.

use super::{
    super::{
        cost::{
            APART, FETCHED, FETCHED_LIST, LISTED, LOOK_UP, NARROW, ORDERED, PLAIN, Place, SEARCHED, SERVED, SINGULAR,
            TERM, UNNESTED, look_ups_of, looks_up, searched,
        },
        database::{Database, Reads, Rows, Shape},
        statement::{Dialect, Statement},
    },
    indexes,
    read::Reading,
    select::Select,
    tally::Extent,
};
use crate::{
    filter::Condition,
    schema::AttributeId,
    store::{RequestContext, Scan, StoreError},
};

/// Bytes of rows that a page reads per unit: the database sends them, and the store parses the documents.
const READ: u64 = 8;

/// Units of a term on a reference list, for each reference: in SQLite, and in PostgreSQL, which joins the references of
/// all resources.
const REFERENCE: (u64, u64) = (4, 10);

/// A search that costs less than this fraction of the request's remaining budget is not counted first.
const CHEAP: u64 = 16;

/// Charges a scan.
///
/// # Errors
///
/// [`StoreError::TooMany`] when the request cannot pay for the scan; the scan must then not begin.
pub(super) async fn charge_scan<D: Database>(
    database: &D,
    context: &RequestContext,
    scan: &Scan<'_>,
    select: &Select<'_>,
) -> Result<(), StoreError> {
    let Some(work) = context.work() else { return Ok(()) };
    if scan.filter.is_empty() && select.is_in_order(scan) {
        return Ok(());
    }
    let extent = Extent::query(select.dialect, context.tenant(), scan.resource_type.name());
    let found = Reading::of(extent, context.tenant(), Rows::default()).run(database).await?;
    let price = Price::new(select, scan, Extent::of(found.rows.into_iter().flatten().collect())?);
    let units = price.of(price.selected);
    if units <= work.left() / CHEAP {
        return context.charge(units);
    }
    let Some(finding) = price.finding(work.left() / CHEAP) else { return context.charge(units) };
    // The count stops at the number of resources that the request can pay for.
    let most = work.left() / price.of(1).max(1) + 1;
    let mut count = Statement::new(select.dialect);
    select.count_up_to(&mut count, context, finding, most)?;
    let counting = Reading::of(count, context.tenant(), Rows::default());
    let counting = Reading { reads: Reads::Searches, shape: Shape::Client, ..counting };
    let found = counting.run(database).await?.rows.into_iter().flatten().next();
    let found = found.map(|row| row.required_integer(0)).transpose()?.unwrap_or_default();
    context.charge(price.of(u64::try_from(found).unwrap_or_default()))
}

/// Charges the rows of a page that has been read. A walk of all resources ends when the request has no work left for the
/// next page.
pub(super) fn charge_rows(context: &RequestContext, bytes: usize) -> Result<(), StoreError> {
    context.charge(u64::try_from(bytes).unwrap_or(u64::MAX) / READ)
}

/// The parts of a scan's cost.
struct Price<'a> {
    select: &'a Select<'a>,
    extent: Extent,
    /// The conditions that are evaluated for every resource that is read.
    evaluated: Vec<&'a Condition>,
    /// The number of evaluations: for the page, and for the total.
    queries: u64,
    is_sorted: bool,
    /// The attributes with an index on their key.
    keys: Vec<AttributeId>,
    /// Units of the look-ups.
    look_ups: u64,
    /// The maximum number of resources that are read, if only look-ups narrow them.
    selected: u64,
}

impl<'a> Price<'a> {
    fn new(select: &'a Select<'a>, scan: &Scan<'a>, extent: Extent) -> Self {
        let queries = if scan.count { 2 } else { 1 };
        let is_sorted = !select.is_in_order(scan);
        let (evaluated, look_ups, selected) = (Vec::new(), 0, extent.resources);
        let keys = indexes::keys(select.resource_type, select.dialect);
        let mut price = Self { select, extent, evaluated, queries, is_sorted, keys, look_ups, selected };
        for condition in scan.filter.iter().copied() {
            match look_ups_of(condition) {
                Some((attribute, number)) if select.finds(condition) && is_looked_up(select, attribute, number) => {
                    price.look_ups += queries * number * LOOK_UP;
                    if scan.resource_type.is_unique(attribute) {
                        price.selected = price.selected.min(number);
                    } else {
                        // No two look-ups find the same value.
                        let all = price.extent.resources;
                        price.look_ups += queries * (price.of_term(attribute, all) + price.long(all) / FETCHED);
                    }
                }
                _ => price.evaluated.push(condition),
            }
        }
        price
    }

    /// A condition that an index serves and whose matches are quickly counted; `None` if there is no such
    /// condition. The count of a range of texts may read every resource, and must cost no more than `cheap`.
    fn finding(&self, cheap: u64) -> Option<&'a Condition> {
        let is_counted = |condition: &Condition| {
            condition.attributes().len() <= NARROW
                && self.select.finds(condition)
                && (self.select.finds_few(condition) || self.of_condition(condition, self.extent.resources) <= cheap)
        };
        self.evaluated.iter().copied().find(|condition| is_counted(condition))
    }

    /// The units of the scan if it reads this number of resources.
    fn of(&self, resources: u64) -> u64 {
        let each = self.evaluated.iter().map(|condition| self.of_condition(condition, resources));
        let each = each.fold(0, u64::saturating_add);
        let sorting = if self.is_sorted { self.passed(resources, ORDERED) + resources * TERM } else { 0 };
        each.saturating_mul(self.queries).saturating_add(sorting).saturating_add(self.look_ups)
    }

    /// The units to evaluate a condition for this number of resources. SQLite reads each resource that an index
    /// finds, once for each alternative that finds it.
    fn of_condition(&self, condition: &Condition, resources: u64) -> u64 {
        let is_found = self.select.dialect == Dialect::Sqlite && self.select.finds(condition);
        let least = if is_found { resources.saturating_mul(LOOK_UP) } else { 0 };
        let terms = condition.attributes().into_iter();
        let terms = terms.map(|attribute| self.of_term(attribute, resources).max(least)).fold(0, u64::saturating_add);
        let long = self.long(resources);
        let fetched = (long / FETCHED).saturating_mul(self.fetches(condition));
        terms.saturating_add(fetched).saturating_add(long.saturating_mul(searched_by(condition)) / SEARCHED)
    }

    /// The number of times that PostgreSQL fetches a long document for the terms on singular attributes: twice for a
    /// term that an index serves, for the key of the index and for the value.
    fn fetches(&self, condition: &Condition) -> u64 {
        let resource_type = self.select.resource_type;
        let terms = condition.attributes().into_iter().map(|attribute| match Place::of(resource_type, attribute) {
            Place::Single if !is_in_row(attribute) => 1 + u64::from(self.keys.contains(&attribute)),
            _ => 0,
        });
        let fetches = terms.sum();
        let apart = if self.select.finds(condition) { SERVED } else { APART };
        if fetches > apart { 1 } else { fetches }
    }

    /// The bytes of the resources' long values, which cost more in PostgreSQL.
    fn long(&self, resources: u64) -> u64 {
        match self.select.dialect {
            Dialect::Postgres => self.passed(resources, 1).saturating_sub(resources.saturating_mul(PLAIN)),
            _ => 0,
        }
    }

    fn of_term(&self, attribute: AttributeId, resources: u64) -> u64 {
        let resource_type = self.select.resource_type;
        let units = match Place::of(resource_type, attribute) {
            _ if is_in_row(attribute) => 0,
            Place::References(_) => {
                let each = if self.select.dialect == Dialect::Postgres { REFERENCE.1 } else { REFERENCE.0 };
                self.share(self.extent.references, resources).saturating_mul(each)
            }
            Place::Values => {
                let unnested = if self.select.dialect == Dialect::Postgres { UNNESTED } else { 0 };
                let long = self.long(resources) / FETCHED_LIST;
                self.passed(resources, LISTED).saturating_add(resources.saturating_mul(unnested)).saturating_add(long)
            }
            Place::Single => self.passed(resources, SINGULAR),
        };
        units.saturating_add(resources.saturating_mul(TERM))
    }

    /// The units to process the documents of the resources, if a unit processes this number of bytes.
    fn passed(&self, resources: u64, bytes: u64) -> u64 {
        self.share(self.extent.bytes, resources) / bytes
    }

    /// The part of `of` that falls on this number of resources out of all.
    fn share(&self, of: u64, resources: u64) -> u64 {
        let all = u128::from(self.extent.resources.max(1));
        u64::try_from(u128::from(of) * u128::from(resources).min(all) / all).unwrap_or(u64::MAX)
    }
}

/// Whether the value of an attribute has a column.
fn is_in_row(attribute: AttributeId) -> bool {
    attribute == AttributeId::ID || attribute == AttributeId::META_LAST_MODIFIED
}

/// The bytes of all texts that the database searches by `co`.
fn searched_by(condition: &Condition) -> u64 {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => conditions.iter().map(searched_by).sum(),
        Condition::Not(condition) | Condition::Element { condition, .. } => searched_by(condition),
        Condition::Compare(comparison) => searched(comparison),
        _ => 0,
    }
}

/// Whether the database looks the values up.
fn is_looked_up(select: &Select<'_>, attribute: AttributeId, number: u64) -> bool {
    looks_up(attribute, number, || {
        select.dialect == Dialect::Sqlite || indexes::keys(select.resource_type, select.dialect).contains(&attribute)
    })
}
