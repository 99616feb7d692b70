//! Evaluates a query for resources of one type: by an index if one fits the filter, or else by examining each
//! resource.
//!
//! A scan holds the tenant's lock only while it takes the rows, which it shares with the tenant. It evaluates, sorts
//! and copies without the lock, and pauses, so that neither writers nor other tasks of the thread wait for it.

use std::{
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

use super::{
    candidates::{Candidates, Index},
    fetch::share,
    index::{Id, Owners},
    sorting::sorted_window,
    tenant::{Row, Table, Tenant},
};
use crate::{
    filter::{Comparand, Condition, FETCHED, Lookahead, Operator, Spending},
    limits::WorkExceeded,
    resource::{Position, Sort, SortLead},
    schema::{AttributeId, Mutability, ResourceType},
    store::{Page, RequestContext, RequestedAttributes, Scan, StoreError, Window},
};

/// The number of rows that are taken at a time where the page may be complete before the end of the table.
const CHUNK: usize = 1_000;

/// Whether the stored resources contain all attributes of the condition. They contain neither derived lists nor the
/// values that the protocol core computes for a response (`meta.location`, `meta.version`).
pub(super) fn is_stored(resource_type: &ResourceType, condition: &Condition) -> bool {
    !condition.uses(&mut |attribute| {
        let definition = resource_type.attribute(resource_type.top_level(attribute));
        let derived = definition.is_multi_valued() && definition.mutability() == Mutability::ReadOnly;
        derived || matches!(attribute, AttributeId::META_LOCATION | AttributeId::META_VERSION)
    })
}

/// A scan of one tenant.
pub(super) struct Query<'a> {
    tenant: &'a RwLock<Tenant>,
    context: &'a RequestContext,
    scan: &'a Scan<'a>,
    /// Whether the filter uses a list that is stored separately.
    filters_lists: bool,
}

type Bounds<'a> = (Bound<&'a str>, Bound<&'a str>);

const EVERYTHING: Bounds<'static> = (Bound::Unbounded, Bound::Unbounded);

impl<'a> Query<'a> {
    pub(super) fn new(tenant: &'a RwLock<Tenant>, context: &'a RequestContext, scan: &'a Scan<'a>) -> Self {
        let mut is_in_list = |attribute| scan.resource_type.reference_list_of(attribute).is_some();
        let filters_lists = scan.filter.iter().any(|condition| condition.uses(&mut is_in_list));
        Self { tenant, context, scan, filters_lists }
    }

    /// The page that the scan requests.
    pub(super) async fn page(&self) -> Result<Page, StoreError> {
        match self.scan.sort {
            Some(sort) => self.sorted(sort).await,
            None if self.scan.filter.is_empty() => self.all_by_id().await,
            None => self.by_id().await,
        }
    }

    /// The result of `take` on the table, computed under the lock; the default value if the table does not exist.
    fn with_table<T: Default>(&self, take: impl FnOnce(&Tenant, usize, &Table) -> T) -> T {
        let tenant = self.tenant.read().unwrap_or_else(PoisonError::into_inner);
        let found = tenant.find_table(self.scan.resource_type).and_then(|number| Some((number, tenant.table(number)?)));
        found.map(|(number, table)| take(&tenant, number, table)).unwrap_or_default()
    }

    /// The page of a scan without a filter and without a sort.
    async fn all_by_id(&self) -> Result<Page, StoreError> {
        let (bounds, skip, take) = window(self.scan);
        let (rows, total) = self.with_table(|_, _, table| {
            let total = table.rows.len();
            let rows = table.rows.range::<str, _>(bounds).map(|(_, row)| row);
            let most = take.saturating_add(1);
            let rows: Vec<Arc<Row>> = if is_backward(self.scan) {
                rows.rev().take(most).cloned().collect()
            } else {
                rows.skip(skip).take(most).cloned().collect()
            };
            (rows, total)
        });
        self.context.charge(units(skip.min(total).saturating_add(rows.len())))?;
        self.page_of(rows, total).await
    }

    /// The page of a scan with a filter and without a sort.
    async fn by_id(&self) -> Result<Page, StoreError> {
        let (bounds, skip, take) = window(self.scan);
        let is_inside = |row: &Row| {
            let id = row.head.resource.id();
            match bounds {
                (Bound::Excluded(last), _) => id > last,
                (_, Bound::Excluded(first)) => id < first,
                _ => true,
            }
        };
        if self.scan.count {
            let mut found = self.all_matching(|row| row).await?;
            let total = found.len();
            found.retain(|row| is_inside(row));
            found.drain(..skip.min(found.len()));
            return self.page_of(found, total).await;
        }
        let most = skip.saturating_add(take).saturating_add(1);
        let mut found = Vec::new();
        let mut rest: (Bound<Id>, Bound<Id>) = (bounds.0.map(Id::from), bounds.1.map(Id::from));
        loop {
            let rows = self.take_rows((rest.0.as_ref().map(|id| &**id), rest.1.as_ref().map(|id| &**id)), CHUNK);
            let is_last = rows.len() < CHUNK;
            if !is_last && let Some(row) = rows.last() {
                let reached = Bound::Excluded(Id::from(row.head.resource.id()));
                if is_backward(self.scan) { rest.1 = reached } else { rest.0 = reached }
            }
            self.add_matching(rows, most, &mut found, |row| row).await?;
            if is_last || found.len() >= most {
                break;
            }
        }
        found.drain(..skip.min(found.len()));
        self.page_of(found, 0).await
    }

    /// The page of these rows, which are in reading direction: descending for [`Window::Before`]. Surplus rows at the
    /// end are dropped.
    async fn page_of(&self, mut rows: Vec<Arc<Row>>, total: usize) -> Result<Page, StoreError> {
        let (.., take) = window(self.scan);
        let requested = self.scan.requested;
        let fitting = requested.fitting(rows.iter().take(take).map(|row| row.size(requested)));
        let more = rows.len() > fitting;
        rows.truncate(fitting);
        if is_backward(self.scan) {
            rows.reverse();
        }
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            self.charge_lists(&row)?;
            items.push(row.stored(requested));
            self.context.pause().await;
        }
        Ok(Page::new(items, self.scan.count.then(|| units(total)), more))
    }

    /// Charges the values of a row's requested lists of references.
    fn charge_lists(&self, row: &Row) -> Result<(), StoreError> {
        let requested = row.lists().filter(|(list, _)| self.scan.requested.includes(*list));
        self.context.charge(units(requested.map(|(_, values)| values.len()).sum()))
    }

    async fn sorted(&self, sort: &Sort) -> Result<Page, StoreError> {
        let whole = self.scan.resource_type.reference_list_of(sort.attribute()).is_some();
        let with_lead = |row: Arc<Row>| (sort.lead(row.resource(whole).root()), row);
        let mut found = if whole {
            self.with_lists(self.all_matching(|row| row).await?, with_lead).await?
        } else {
            // The lead is taken while the row is in the processor's cache.
            self.all_matching(with_lead).await?
        };
        let total = found.len();
        match self.scan.window {
            Window::After { last: Some(last), .. } => {
                found.retain(|(_, row)| sort.compare_to(row.resource(whole), last).is_gt());
            }
            Window::Before { first: Some(first), .. } => {
                found.retain(|(_, row)| sort.compare_to(row.resource(whole), first).is_lt());
            }
            _ => {}
        }
        let is_backward = is_backward(self.scan);
        let order = |(lead, left): &(SortLead, Arc<Row>), (other, right): &(SortLead, Arc<Row>)| {
            let compare = || sort.compare(left.resource(whole), right.resource(whole));
            let order = lead.cmp(other).then_with(compare);
            if is_backward { order.reverse() } else { order }
        };
        let (_, skip, take) = window(self.scan);
        // One additional row shows whether more rows follow.
        let end = skip.saturating_add(take).saturating_add(1);
        let found = sorted_window(self.context, found, skip..end, order).await?;
        self.page_of(found.into_iter().map(|(_, row)| row).collect(), total).await
    }

    /// Joins the rows with their lists, within the bytes of an answer. Each row becomes the result of `item`.
    async fn with_lists<T>(&self, rows: Vec<Arc<Row>>, item: impl Fn(Arc<Row>) -> T) -> Result<Vec<T>, StoreError> {
        let mut room = self.scan.requested.byte_limit().unwrap_or(usize::MAX);
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            self.charge_lists(&row)?;
            room = room.checked_sub(row.size(&RequestedAttributes::everything())).ok_or(StoreError::TooMany)?;
            row.whole();
            items.push(item(row));
            self.context.pause().await;
        }
        Ok(items)
    }

    /// All rows that satisfy the filter, each as `item` makes it, from one consistent state, by id in reading direction.
    async fn all_matching<T>(&self, item: impl Fn(Arc<Row>) -> T) -> Result<Vec<T>, StoreError> {
        let rows = self.take_rows(EVERYTHING, usize::MAX);
        let mut found = Vec::new();
        self.add_matching(rows, usize::MAX, &mut found, item).await?;
        Ok(found)
    }

    /// The next candidate rows within the bounds, at most `most`, by id in reading direction. They include every row
    /// up to the last candidate that satisfies the filter.
    fn take_rows(&self, bounds: Bounds<'_>, most: usize) -> Vec<Arc<Row>> {
        self.with_table(|tenant, number, table| {
            let index = Index { tenant, number, table };
            let candidates = self.scan.filter.iter().filter_map(|condition| index.candidates(condition));
            let is_inside = |id: &&Id| std::ops::RangeBounds::<str>::contains(&bounds, &***id);
            let row = |id: &Id| table.row(id);
            match candidates.min_by_key(Candidates::len) {
                None => self.first(most, &mut table.rows.range::<str, _>(bounds).map(|(_, row)| row)),
                Some(Candidates::Having(owners)) => {
                    let ids = owners.into_iter().flat_map(Owners::iter);
                    self.first(most, &mut ids.filter(is_inside).filter_map(row))
                }
                Some(Candidates::Listed(mut ids)) => {
                    ids.sort_unstable();
                    ids.dedup();
                    self.first(most, &mut ids.into_iter().filter(is_inside).filter_map(row))
                }
            }
        })
    }

    /// The first rows in reading direction, at most `most`, of rows in ascending order.
    fn first(&self, most: usize, rows: &mut dyn DoubleEndedIterator<Item = &Arc<Row>>) -> Vec<Arc<Row>> {
        if is_backward(self.scan) { share(rows.rev().take(most)) } else { share(rows.take(most)) }
    }

    /// Adds the rows that satisfy the filter to `found`, each as `item` makes it, until `found` has `most` items.
    async fn add_matching<T>(
        &self,
        rows: Vec<Arc<Row>>,
        most: usize,
        found: &mut Vec<T>,
        item: impl Fn(Arc<Row>) -> T,
    ) -> Result<(), StoreError> {
        // The reads of one row overlap with no other reads, so the filter is not searched for its attributes.
        let lookahead = match &rows[..] {
            [] | [_] => Lookahead::default(),
            _ => Lookahead::new(self.scan.resource_type, self.scan.filter, self.scan.sort.map(Sort::attribute)),
        };
        let mut rest = rows.into_iter();
        while found.len() < most && !rest.as_slice().is_empty() {
            let (count, before) = (rest.len(), found.len());
            self.add_in_one_stretch(&lookahead, &mut rest, most, found, &item).map_err(|_| StoreError::TooMany)?;
            if rest.len() == count
                && found.len() == before
                && let Some(row) = rest.next()
                && self.matches_alone(&row).await?
            {
                found.push(item(row));
            }
            self.context.pause().await;
        }
        Ok(())
    }

    /// Evaluates rows until a stretch of work is spent. The row that exceeds the stretch remains in `rest`.
    fn add_in_one_stretch<T>(
        &self,
        lookahead: &Lookahead,
        rest: &mut std::vec::IntoIter<Arc<Row>>,
        most: usize,
        found: &mut Vec<T>,
        item: impl Fn(Arc<Row>) -> T,
    ) -> Result<(), WorkExceeded> {
        let spending = Spending::stretch(self.context.work());
        while found.len() < most && !rest.as_slice().is_empty() && !spending.is_exceeded() {
            let rows = rest.as_slice().get(..FETCHED).unwrap_or(rest.as_slice());
            lookahead.fetch(rows.iter().map(|row| row.head.resource.root()));
            let (mut evaluated, mut count, mut missing) = ([false; FETCHED], 0, most - found.len());
            // No row is dropped before all are evaluated: the drop changes the counter of the row, as `share` does.
            for (place, row) in evaluated.iter_mut().zip(rows) {
                *place = self.matches(row, &spending);
                if spending.is_exceeded() {
                    break;
                }
                count += 1;
                missing -= usize::from(*place);
                if missing == 0 {
                    break;
                }
            }
            let evaluated = evaluated.into_iter().take(count).zip(rest.by_ref());
            found.extend(evaluated.filter_map(|(matches, row)| matches.then(|| item(row))));
        }
        spending.charge(self.context.work())
    }

    /// Whether a row satisfies the filter, for a row whose evaluation needs more than one stretch.
    async fn matches_alone(&self, row: &Row) -> Result<bool, StoreError> {
        // The row has not paid for itself yet, and its conditions may cost nothing.
        self.context.charge(1)?;
        if self.scan.requested.byte_limit().is_some_and(|limit| row.size(&RequestedAttributes::everything()) > limit) {
            return Err(StoreError::TooMany);
        }
        let truth = Condition::all_match(self.scan.filter, row.whole().root(), self.context.work()).await;
        truth.map_err(|_| StoreError::TooMany)
    }

    fn matches(&self, row: &Row, spending: &Spending) -> bool {
        spending.allows_units(1)
            && self.scan.filter.iter().all(|condition| {
                if self.filters_lists {
                    self.holds(row, condition, spending)
                } else {
                    condition.matches_spending(row.head.resource.root(), spending)
                }
            })
    }

    /// As [`Condition::matches`], for a resource whose lists are stored separately.
    fn holds(&self, row: &Row, condition: &Condition, spending: &Spending) -> bool {
        let attribute = match condition {
            Condition::All(all) => return all.iter().all(|condition| self.holds(row, condition, spending)),
            Condition::Any(any) => return any.iter().any(|condition| self.holds(row, condition, spending)),
            Condition::Not(condition) => return !self.holds(row, condition, spending),
            Condition::Element { place, .. } | Condition::Present(place) => place.attribute(),
            Condition::Compare(comparison) => comparison.attribute(),
            Condition::Extension(_) | Condition::Constant(_) => AttributeId::ROOT,
        };
        let Some(list) = self.scan.resource_type.reference_list_of(attribute) else {
            return condition.matches_spending(row.head.resource.root(), spending);
        };
        let Some(values) = row.list(list) else { return false };
        let value = self.scan.resource_type.value_of(list);
        match condition {
            Condition::Element { condition, .. } if attribute == list => match required(condition, value) {
                Some(key) => values.get(key).is_some_and(|element| condition.element_spending(element, spending)),
                None => values
                    .iter()
                    .any(|(_, element)| !spending.allows_units(1) || condition.element_spending(element, spending)),
            },
            condition => match required(condition, value) {
                Some(key) => values.get(key).is_some(),
                // A condition on at most one attribute holds for the whole list if and only if it holds for one of the
                // values.
                None => values.iter().any(|(_, value)| condition.matches_in_list(value, spending)),
            },
        }
    }
}

/// The bounds of the ids on the page, the number of rows to skip there, and the number of rows to return.
fn window<'a>(scan: &Scan<'a>) -> (Bounds<'a>, usize, usize) {
    let bound = |position| match position {
        Some(Position { id, .. }) => Bound::Excluded(id),
        None => Bound::Unbounded,
    };
    match scan.window {
        Window::Offset { skip, take } => (EVERYTHING, usize::try_from(skip).unwrap_or(usize::MAX), take),
        Window::After { last, take } => ((bound(last), Bound::Unbounded), 0, take),
        Window::Before { first, take } => ((Bound::Unbounded, bound(first)), 0, take),
    }
}

fn is_backward(scan: &Scan<'_>) -> bool {
    matches!(scan.window, Window::Before { .. })
}

/// A number of rows, in units of work.
fn units(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// The text that `attribute` must equal for the condition to hold, if the condition requires equality.
fn required(condition: &Condition, attribute: Option<AttributeId>) -> Option<&str> {
    match condition {
        Condition::Compare(comparison) if Some(comparison.attribute()) == attribute => {
            match (comparison.operator(), comparison.operand()) {
                (Operator::Eq, Comparand::Exact(text)) => Some(text),
                _ => None,
            }
        }
        Condition::All(all) => all.iter().find_map(|condition| required(condition, attribute)),
        _ => None,
    }
}
