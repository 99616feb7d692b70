//! Answering a question for many resources: by an index where one fits, or else by looking at each.
//!
//! Reads only, and builds no list of references to filter by it.

use std::ops::Bound;

use super::tenant::{Id, Row, Table, Tenant, reference_list};
use crate::{
    filter::{Comparand, Comparison, Condition, Operator, Spending},
    resource::{Position, Resource, Sort, UniqueKey},
    schema::{AttributeId, Mutability, ResourceType},
    store::{Page, Scan, Window},
};

impl Tenant {
    /// The page that is asked for; `None` if nothing of that type was ever written. The caller settles the spending, and
    /// gives up the page if it is exceeded.
    pub(super) fn scan(&self, scan: &Scan<'_>, spending: &Spending) -> Option<Page> {
        let number = self.find_table(scan.kind)?;
        let table = self.table(number)?;
        let uses_list = |condition: &Condition| {
            condition.attributes().into_iter().any(|attribute| reference_list(&table.kind, attribute).is_some())
        };
        let filter = scan.filter.iter().map(|condition| (*condition, uses_list(condition))).collect();
        let query = Query { tenant: self, number, table, filter, spending };
        Some(match scan.sort {
            Some(sort) => query.sorted(scan, sort),
            None => query.by_id(scan),
        })
    }
}

/// Whether the stored resources have everything that the condition looks at: lists that are derived are not in them,
/// and neither is what the protocol makes for an answer.
pub(super) fn is_stored(kind: &ResourceType, condition: &Condition) -> bool {
    condition.attributes().into_iter().all(|attribute| {
        let definition = kind.attribute(kind.top_level(attribute));
        let derived = definition.is_multi_valued() && definition.mutable() == Mutability::ReadOnly;
        !derived && !matches!(attribute, AttributeId::META_LOCATION | AttributeId::META_VERSION)
    })
}

struct Query<'a> {
    tenant: &'a Tenant,
    number: usize,
    table: &'a Table,
    /// The conditions, each with whether it looks at a list that is kept apart.
    filter: Vec<(&'a Condition, bool)>,
    spending: &'a Spending,
}

impl<'a> Query<'a> {
    /// The resources that satisfy the filter, ascending by id, behind an id or before one.
    fn rows<'b>(
        &'b self,
        bounds: (Bound<&'b str>, Bound<&'b str>),
    ) -> Box<dyn DoubleEndedIterator<Item = &'a Row> + 'b> {
        let smallest = self.filter.iter().filter_map(|(condition, _)| self.candidates(condition)).min_by_key(Vec::len);
        let rows = &self.table.rows;
        if let Some(mut ids) = smallest {
            ids.sort_unstable();
            ids.dedup();
            let is_inside = move |id: &str| match bounds {
                (Bound::Excluded(last), _) => id > last,
                (_, Bound::Excluded(first)) => id < first,
                _ => true,
            };
            let ids = ids.into_iter().filter(move |id| is_inside(id));
            return Box::new(ids.filter_map(|id| rows.get(id)).filter(|row| self.matches(row)));
        }
        Box::new(rows.range::<str, _>(bounds).map(|(_, row)| row).filter(|row| self.matches(row)))
    }

    fn by_id(&self, scan: &Scan<'_>) -> Page {
        let everything = (Bound::Unbounded, Bound::Unbounded);
        let bound = |position| match position {
            Some(Position { id, .. }) => Bound::Excluded(id),
            None => Bound::Unbounded,
        };
        let (bounds, skip, take) = match scan.window {
            Window::Offset { skip, take } => (everything, usize::try_from(skip).unwrap_or(usize::MAX), take),
            Window::After { last, take } => ((bound(last), Bound::Unbounded), 0, take),
            Window::Before { first, take } => ((Bound::Unbounded, bound(first)), 0, take),
        };
        let backward = matches!(scan.window, Window::Before { .. });
        let mut found = self.rows(bounds);
        let mut next = || if backward { found.next_back() } else { found.next() };
        if skip > 0 {
            (0..skip).try_for_each(|_| next().map(drop));
        }
        let mut items: Vec<_> = std::iter::from_fn(&mut next).take(take).map(|row| row.stored(scan.wanted)).collect();
        let more = next().is_some();
        if backward {
            items.reverse();
        }
        let total = scan.count.then(|| match (self.filter.is_empty(), more, bounds == everything) {
            (true, ..) => self.table.rows.len(),
            // The page reaches the end, so nothing has to be looked at again.
            (_, false, true) if !items.is_empty() || skip == 0 => skip + items.len(),
            _ => self.rows(everything).count(),
        });
        Page { items, total: total.and_then(|total| u64::try_from(total).ok()), more }
    }

    fn sorted(&self, scan: &Scan<'_>, sort: &Sort) -> Page {
        let whole = reference_list(&self.table.kind, sort.attribute()).is_some();
        let resource = |row: &'a Row| -> &'a Resource { if whole { row.whole() } else { &row.head.resource } };
        let mut found: Vec<(&Resource, &Row)> =
            self.rows((Bound::Unbounded, Bound::Unbounded)).map(|row| (resource(row), row)).collect();
        let total = found.len();
        let (skip, take) = match scan.window {
            Window::Offset { skip, take } => (usize::try_from(skip).unwrap_or(usize::MAX).min(total), take),
            Window::After { last, take } => {
                if let Some(last) = last {
                    found.retain(|(resource, _)| sort.compare_to(resource, last).is_gt());
                }
                (0, take)
            }
            Window::Before { first, take } => {
                if let Some(first) = first {
                    found.retain(|(resource, _)| sort.compare_to(resource, first).is_lt());
                }
                (found.len().saturating_sub(take), take)
            }
        };
        let backward = matches!(scan.window, Window::Before { .. });
        let end = skip.saturating_add(take).min(found.len());
        let more = if backward { skip > 0 } else { end < found.len() };
        let order = |left: &(&Resource, &Row), right: &(&Resource, &Row)| sort.compare(left.0, right.0);
        // Only what is in the window has to be in order, and what is not on its side of the rest.
        if end < found.len() {
            found.select_nth_unstable_by(end, order);
            found.truncate(end);
        }
        if 0 < skip && skip < found.len() {
            found.select_nth_unstable_by(skip, order);
        }
        found.drain(..skip);
        found.sort_unstable_by(order);
        let items = found.into_iter().map(|(_, row)| row.stored(scan.wanted)).collect();
        Page { items, total: u64::try_from(total).ok().filter(|_| scan.count), more }
    }

    /// The resources among which are all that satisfy the condition, if an index can tell.
    fn candidates(&self, condition: &Condition) -> Option<Vec<&'a Id>> {
        match condition {
            Condition::Compare(comparison) => self.having(comparison),
            // A value of one element is a value of the resource.
            Condition::Element { condition, .. } => self.candidates(condition),
            Condition::All(all) => all.iter().filter_map(|condition| self.candidates(condition)).min_by_key(Vec::len),
            Condition::Any(any) => {
                let mut found = Vec::new();
                for condition in any {
                    found.extend(self.candidates(condition)?);
                }
                Some(found)
            }
            Condition::Constant(false) => Some(Vec::new()),
            _ => None,
        }
    }

    fn having(&self, comparison: &Comparison) -> Option<Vec<&'a Id>> {
        let key = UniqueKey::compared(comparison)?;
        let (tenant, table, kind) = (self.tenant, self.table, &self.table.kind);
        if key.attribute == AttributeId::ID {
            return Some(table.rows.get_key_value(&*key.folded).map(|(id, _)| id).into_iter().collect());
        }
        if table.is_indexed(key.attribute) {
            return Some(table.having(key).collect());
        }
        let list = reference_list(kind, key.attribute)?;
        (kind.value_of(list) == Some(key.attribute)).then(|| {
            let holdings = tenant.holdings(&key.folded).filter(|it| it.table == self.number && it.list == list);
            holdings.map(|holding| &holding.holder).collect()
        })
    }

    fn matches(&self, row: &Row) -> bool {
        self.spending.allows_units(1)
            && self.filter.iter().all(|(condition, uses_list)| {
                if *uses_list {
                    self.holds(row, condition)
                } else {
                    condition.matches_spending(row.head.resource.root(), self.spending)
                }
            })
    }

    /// As [`Condition::matches`], on a resource whose lists are kept apart.
    fn holds(&self, row: &Row, condition: &Condition) -> bool {
        let attribute = match condition {
            Condition::All(all) => return all.iter().all(|condition| self.holds(row, condition)),
            Condition::Any(any) => return any.iter().any(|condition| self.holds(row, condition)),
            Condition::Not(condition) => return !self.holds(row, condition),
            Condition::Element { place, .. } | Condition::Present(place) => place.attribute(),
            Condition::Compare(comparison) => comparison.attribute(),
            Condition::Extension(_) | Condition::Constant(_) => AttributeId::ROOT,
        };
        let Some(list) = reference_list(&self.table.kind, attribute) else {
            return condition.matches_spending(row.head.resource.root(), self.spending);
        };
        let Some(values) = row.list(list) else { return false };
        let value = self.table.kind.value_of(list);
        match condition {
            Condition::Element { condition, .. } if attribute == list => match required(condition, value) {
                Some(key) => values.get(key).is_some_and(|element| condition.element_spending(element, self.spending)),
                None => values.iter().any(|(_, element)| condition.element_spending(element, self.spending)),
            },
            condition => match required(condition, value) {
                Some(key) => values.get(key).is_some(),
                // What looks at no more than one attribute holds for all values together when it does for one of them.
                None => values.iter().any(|(_, value)| condition.matches_in_list(value, self.spending)),
            },
        }
    }
}

/// The text that `attribute` must equal for the condition to hold, if it is one.
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
