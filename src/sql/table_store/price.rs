//! The cost of a scan, derived from its filter and its order: units for each row that the database reads, and for each
//! byte that it compares.
//!
//! A unit is some 0.1 µs of the database's work. The numbers of rows and bytes are unknown here: `survey` counts them.

use super::{
    filters::is_comparable,
    tables::TypeTable,
    terms::{Rate, Terms},
};
use crate::{
    resource::Sort,
    schema::AttributeId,
    sql::{
        cost::{LOOK_UP, NARROW, ORDERED, PLAIN, look_ups_of, looks_up as looks_up_values},
        layout::{Form, Lens},
        statement::Dialect,
    },
    store::{Scan, Window},
};

/// Units of a row that a query reads in the order of the table or of the ids.
const WALKED: u64 = 4;

/// Units of a row that is counted.
const COUNTED: u64 = 2;

/// Additional units of a row that belongs to a shared user, each time that a query reads the row.
const LINKED: u64 = 8;

/// Units of a row before the offset of a page.
pub(super) const SKIPPED: u64 = 4;

/// Units of a row that is sorted, whatever its length.
const SORTED: u64 = 10;

/// Units of a term on a list of references, for each reference.
const REFERENCE: u64 = 20;

/// Bytes of documents per unit that SQLite copies while it sorts rows.
const COPIED: u64 = 64;

/// The bytes of a column of all rows, and the units for them.
pub(super) struct Bytes {
    /// The column.
    pub(super) sql: String,
    /// Whether the column has comparable documents.
    pub(super) is_comparable: bool,
    pub(super) rate: Rate,
}

/// The cost of a scan.
pub(super) struct Price {
    /// Units whatever the rows are.
    pub(super) fixed: u64,
    /// Units of each row.
    pub(super) each: u64,
    pub(super) bytes: Vec<Bytes>,
    /// Units of each reference in these lists.
    pub(super) lists: Vec<(AttributeId, u64)>,
    /// The condition by which an index finds the rows, as its position in the filter; `None` if all rows are read.
    pub(super) served: Option<usize>,
    /// Whether the number of rows is the total that the scan asks for.
    pub(super) gives_total: bool,
    /// The number of rows before the page, if the scan only walks over them.
    pub(super) skip: u64,
    /// Whether the units depend on the number of rows.
    pub(super) needs_rows: bool,
}

/// A condition by which an index finds rows.
struct Served {
    position: usize,
    /// The number of values, if the condition only looks values up.
    look_ups: Option<u64>,
    /// The maximum number of rows, if it is known.
    most: Option<u64>,
}

impl Price {
    pub(super) fn of(table: &TypeTable, scan: &Scan<'_>) -> Self {
        let served = served(table, scan);
        let most = served.as_ref().and_then(|served| served.most);
        let is_sorted = most != Some(1) && scan.sort.is_some_and(|sort| sort.attribute() != AttributeId::ID);
        let is_walk = scan.filter.is_empty() && !is_sorted;
        let is_alone = scan.filter.len() == usize::from(served.is_some());
        let gives_total = scan.count && is_alone && most.is_none();
        let queries = 1 + u64::from(scan.count && !gives_total);
        let looked_up = served.as_ref().filter(|served| served.look_ups.is_some()).map(|served| served.position);
        let evaluated = scan.filter.iter().enumerate().filter(|(position, _)| Some(*position) != looked_up);
        let mut terms = Terms::of(table, evaluated.map(|(_, condition)| *condition)).times(queries);
        let key = scan.sort.filter(|_| is_sorted).map(Sort::attribute);
        if let Some(key) = key {
            terms.order_by(table, key, ORDERED);
        }
        let copies = is_sorted || (served.is_some() && most.is_none());
        let bytes = bytes_of(table, &terms, copies);
        let linked = if table.parts.shared.is_some() { LINKED } else { 0 };
        let row = if served.is_some() { LOOK_UP } else { WALKED };
        let mut each = COUNTED + linked + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if !is_walk {
            each = each.saturating_add(queries * (row + linked)).saturating_add(terms.each);
            each += if is_sorted { SORTED } else { 0 };
        }
        let look_ups = served.as_ref().and_then(|served| served.look_ups).unwrap_or_default();
        let mut fixed = queries.saturating_mul(look_ups).saturating_mul(LOOK_UP);
        let lists: Vec<_> = terms.lists.iter().map(|(list, terms)| (*list, terms.saturating_mul(REFERENCE))).collect();
        let skip = match scan.window {
            Window::Offset { skip, .. } if is_walk => skip,
            _ => 0,
        };
        let is_known = most.is_some() && bytes.is_empty() && lists.is_empty();
        if let Some(most) = most.filter(|_| is_known) {
            fixed = fixed.saturating_add(each.saturating_mul(most));
        }
        let needs_rows = if is_walk { scan.count || skip > 0 } else { !is_known };
        let served = served.map(|served| served.position);
        Self { fixed, each, bytes, lists, served, gives_total, skip, needs_rows }
    }

    /// The units of this number of rows, whose columns have these numbers of bytes.
    pub(super) fn units(&self, rows: u64, sums: &[u64]) -> u64 {
        let each = self.bytes.iter().zip(sums).map(|(bytes, sum)| bytes.rate.units(*sum, rows.saturating_mul(PLAIN)));
        each.fold(rows.saturating_mul(self.each), u64::saturating_add)
    }
}

/// The condition by which an index finds the fewest rows, as far as the schema shows.
fn served(table: &TypeTable, scan: &Scan<'_>) -> Option<Served> {
    let mut found: Option<Served> = None;
    for (position, condition) in scan.filter.iter().enumerate().filter(|(_, condition)| table.serves(condition)) {
        let looked_up = look_ups_of(condition).filter(|(attribute, number)| looks_up(table, *attribute, *number));
        let served = match looked_up {
            Some((attribute, number)) => {
                let is_unique = table.resource_type.is_unique(attribute);
                Served { position, look_ups: Some(number), most: is_unique.then_some(number) }
            }
            None if condition.attributes().len() <= NARROW => Served { position, look_ups: None, most: None },
            None => continue,
        };
        let is_better = found.as_ref().is_none_or(|found| found.most.is_none() && served.most.is_some());
        if is_better {
            found = Some(served);
        }
    }
    found
}

/// Whether the database looks up this number of values of an attribute.
fn looks_up(table: &TypeTable, attribute: AttributeId, number: u64) -> bool {
    looks_up_values(attribute, number, || {
        table.dialect == Dialect::Sqlite
            || table.has_indexed_column(attribute)
            || table.parts.searched.contains(&attribute)
    })
}

/// The columns whose bytes the scan processes. `copies` if SQLite sorts the rows, and thereby copies their documents.
fn bytes_of(table: &TypeTable, terms: &Terms, copies: bool) -> Vec<Bytes> {
    let mut all = Vec::new();
    if let Some(documents) = table.parts.documents() {
        if !terms.document.is_zero() {
            all.push(Bytes { sql: documents.comparable.into(), is_comparable: true, rate: terms.document });
        }
        if copies && table.dialect == Dialect::Sqlite {
            all.push(Bytes { sql: documents.document.into(), is_comparable: false, rate: Rate::per(COPIED) });
        }
    }
    for (attribute, rate) in &terms.columns {
        let has = |lens: &&Lens| lens.compared() == Some(*attribute) && is_comparable(lens, &table.resource_type);
        let lens = table.parts.lenses.iter().find(has);
        let Some(lens) = lens.filter(|lens| matches!(lens.field.form, Form::Text(_))) else { continue };
        let column = lens.field.column.qualified();
        let is_cast = table.dialect == Dialect::Postgres && lens.field.cast.is_some();
        let sql = if is_cast { format!("{column}::text") } else { column };
        all.push(Bytes { sql, is_comparable: false, rate: *rate });
    }
    all
}
