//! The number of rows that a scan reads, and of their bytes and references: counted and charged before the scan begins.
//!
//! The count itself has a bound: it stops at the first row that the request can no longer pay for.

use super::{
    from::{SideJoin, from, from_with},
    lists::Rows,
    price::{Bytes, Price, SKIPPED},
    tables::{Tables, TypeTable},
};
use crate::{
    filter::Condition,
    sql::{
        database::Session,
        statement::{Param, Statement},
    },
    store::{RequestContext, Scan, StoreError, Window},
};

/// The queries that count before a scan.
pub(super) struct Survey {
    price: Price,
    /// The query for the number of rows and the bytes of their columns.
    rows: Statement,
    /// The queries for the references of these rows, and the units of each reference.
    references: Vec<(Statement, u64)>,
}

impl Survey {
    /// Charges the part of a scan's cost that needs no count. Returns the queries for the rest; `None` without a rest.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`] when the request cannot pay for the scan.
    pub(super) fn of(
        tables: &Tables,
        table: &TypeTable,
        tenant: Option<&Param>,
        scan: &Scan<'_>,
        context: &RequestContext,
    ) -> Result<Option<Self>, StoreError> {
        let Some(work) = context.work() else { return Ok(None) };
        let price = Price::of(table, scan);
        context.charge(price.fixed)?;
        if !price.needs_rows {
            return Ok(None);
        }
        let served: Vec<&Condition> =
            price.served.and_then(|served| scan.filter.get(served)).copied().into_iter().collect();
        let scope = Scope { tables, table, tenant, served: &served, scan };
        // Without a total, no row behind the offset adds to the cost.
        let needed = if price.skip > 0 && !scan.count { price.skip } else { u64::MAX };
        let rows = scope.rows(&price, most(work.left(), price.each).min(needed))?;
        let mut references = Vec::new();
        for (list, units) in &price.lists {
            for join in table.parts.joins(*list) {
                let held = Rows::new(tables, table, join, tenant)?;
                references.push((scope.references(&held, most(work.left(), *units))?, *units));
            }
        }
        Ok(Some(Self { price, rows, references }))
    }

    /// Counts the rows, and charges the scan. Returns the total number of resources, if the count is the total.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`] when the request cannot pay for the scan; the scan must then not begin.
    pub(super) async fn settle<S: Session>(
        &self,
        session: &mut S,
        context: &RequestContext,
    ) -> Result<Option<u64>, StoreError> {
        let counts = numbers(session, &self.rows, 1 + self.price.bytes.len()).await?;
        let (rows, sums) = counts.split_first().map_or((0, [].as_slice()), |(rows, sums)| (*rows, sums));
        context.charge(self.price.units(rows, sums))?;
        for (query, units) in &self.references {
            let count = numbers(session, query, 1).await?.into_iter().sum::<u64>();
            context.charge(count.saturating_mul(*units))?;
        }
        context.charge(rows.min(self.price.skip).saturating_mul(SKIPPED))?;
        Ok(self.price.gives_total.then_some(rows))
    }
}

/// The number of rows that is too large for the request.
fn most(left: u64, each: u64) -> u64 {
    (left / each.max(1)).saturating_add(1)
}

/// The rows that a scan reads.
struct Scope<'a> {
    tables: &'a Tables,
    table: &'a TypeTable,
    tenant: Option<&'a Param>,
    /// The condition by which an index finds the rows, if there is one.
    served: &'a [&'a Condition],
    scan: &'a Scan<'a>,
}

impl Scope<'_> {
    /// The query for the number of the rows, up to `most`, and the bytes of their columns.
    fn rows(&self, price: &Price, most: u64) -> Result<Statement, StoreError> {
        let length = |(index, bytes): (usize, &Bytes)| {
            format!("COALESCE({}, 0) AS size{index}", self.tables.length(&bytes.sql, bytes.is_comparable))
        };
        let lengths = price.bytes.iter().enumerate().map(length).collect::<Vec<_>>();
        let columns = if lengths.is_empty() { "1 AS one".to_owned() } else { lengths.join(", ") };
        let mut rows = if self.served.is_empty() {
            let all = from_with(&self.table.parts, true, SideJoin::if_needed(&self.table.parts));
            let tables = if lengths.is_empty() { all } else { from(&self.table.parts) };
            self.table.begin(&columns, &tables, self.tenant)
        } else {
            self.table.filtered(&columns, self.tenant, self.served).map_err(StoreError::backend)?
        };
        self.push_position(&mut rows)?;
        let sums = (0..lengths.len()).map(|index| format!(", COALESCE(sum(c.size{index}), 0)"));
        Ok(rows.within(&format!("count(*){}", sums.collect::<String>()), most))
    }

    /// The query for the number of references that the rows hold in one table, up to `most`.
    fn references(&self, held: &Rows<'_>, most: u64) -> Result<Statement, StoreError> {
        let (parts, join) = (&self.table.parts, held.join);
        let all = format!("{} JOIN {} AS l ON l.{} = r.{}", from(parts), join.table, join.holder, parts.key.column);
        let mut references = self.table.begin("1 AS one", &all, self.tenant);
        held.push_tenant(&mut references, "l.");
        if !self.served.is_empty() {
            references.push(" AND ");
            references.filter(self.table.mapping(), self.served).map_err(StoreError::backend)?;
        }
        self.push_position(&mut references)?;
        Ok(references.within("count(*)", most))
    }

    /// Adds the position of the page: a walk in the order of ids reads only the rows behind it.
    fn push_position(&self, rows: &mut Statement) -> Result<(), StoreError> {
        let is_walk = self.served.is_empty() && self.scan.sort.is_none() && !self.scan.count;
        if is_walk && !matches!(self.scan.window, Window::Offset { .. }) {
            rows.beyond(self.table.mapping(), self.scan.window).map_err(StoreError::backend)?;
        }
        Ok(())
    }
}

/// The whole numbers in the only row of a query.
async fn numbers<S: Session>(session: &mut S, query: &Statement, columns: usize) -> Result<Vec<u64>, StoreError> {
    let mut row = session.rows(query).await?.pop();
    let mut number = |column| row.as_mut().map(|row| row.integer(column)).transpose();
    let read = |found: Option<Option<i64>>| u64::try_from(found.flatten().unwrap_or_default()).unwrap_or_default();
    (0..columns).map(|column| number(column).map(read)).collect()
}
