//! Answering a question for many resources: by an index where one fits, or else by looking at each.
//!
//! Reads only, and builds no list of references to filter by it.

use std::ops::Bound;

use super::tenant::{Id, Row, Table, Tenant, reference_list};
use crate::{
    filter::{Comparand, Comparison, Condition, Operator},
    resource::{Resource, Sort, UniqueKey},
    schema::{AttributeId, Mutability, ResourceType},
    store::{Page, Scan, Window},
};

impl Tenant {
    /// The page that is asked for; `None` if nothing of that type was ever written.
    pub(super) fn scan(&self, scan: &Scan<'_>) -> Option<Page> {
        let number = self.find_table(scan.kind)?;
        let table = self.table(number)?;
        let uses_list = |condition: &Condition| {
            condition.attributes().into_iter().any(|attribute| reference_list(&table.kind, attribute).is_some())
        };
        let filter = scan.filter.iter().map(|condition| (*condition, uses_list(condition))).collect();
        let query = Query { tenant: self, number, table, filter };
        Some(match (scan.sort, scan.window) {
            (Some(sort), Window::Offset { skip, take }) => query.sorted(scan, sort, skip, take),
            (_, window) => query.by_id(scan, window),
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
}

impl<'a> Query<'a> {
    /// The resources that can satisfy the filter, ascending by id, behind `after`.
    fn rows(&self, after: Option<&str>) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let smallest = self.filter.iter().filter_map(|(condition, _)| self.candidates(condition)).min_by_key(Vec::len);
        let rows = &self.table.rows;
        match (smallest, after) {
            (Some(mut ids), after) => {
                ids.sort_unstable();
                ids.dedup();
                let start = after.map_or(0, |after| ids.partition_point(|id| &***id <= after));
                Box::new(ids.into_iter().skip(start).filter_map(|id| rows.get(id)))
            }
            (None, Some(after)) => {
                let behind = rows.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
                Box::new(behind.map(|(_, row)| row))
            }
            (None, None) => Box::new(rows.values()),
        }
    }

    fn by_id(&self, scan: &Scan<'_>, window: Window<'_>) -> Page {
        let (after, skip, take) = match window {
            Window::Offset { skip, take } => (None, usize::try_from(skip).unwrap_or(usize::MAX), take),
            Window::After { id, take } => (id, 0, take),
        };
        let mut found = self.rows(after).filter(|row| self.matches(row)).skip(skip);
        let items: Vec<_> = found.by_ref().take(take).map(|row| row.stored(scan.wanted)).collect();
        let more = found.next().is_some();
        let total = scan.count.then(|| match (self.filter.is_empty(), more, after) {
            (true, ..) => self.table.rows.len(),
            // The page reaches the end, so nothing has to be looked at again.
            (_, false, None) if !items.is_empty() || skip == 0 => skip + items.len(),
            _ => self.rows(None).filter(|row| self.matches(row)).count(),
        });
        Page { items, total: total.and_then(|total| u64::try_from(total).ok()), more }
    }

    fn sorted(&self, scan: &Scan<'_>, sort: &Sort, skip: u64, take: usize) -> Page {
        let whole = reference_list(&self.table.kind, sort.attribute()).is_some();
        let resource = |row: &'a Row| -> &'a Resource { if whole { row.whole() } else { &row.head.resource } };
        let mut found: Vec<(&Resource, &Row)> =
            self.rows(None).filter(|row| self.matches(row)).map(|row| (resource(row), row)).collect();
        let total = found.len();
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(total);
        let end = skip.saturating_add(take).min(total);
        // Only what is up to the end of the window has to be in order.
        if end < total {
            found.select_nth_unstable_by(end, |(left, _), (right, _)| sort.compare(left, right));
        }
        found.truncate(end);
        found.sort_unstable_by(|(left, _), (right, _)| sort.compare(left, right));
        let items = found.into_iter().skip(skip).map(|(_, row)| row.stored(scan.wanted)).collect();
        Page { items, total: u64::try_from(total).ok().filter(|_| scan.count), more: end < total }
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
        self.filter.iter().all(|(condition, uses_list)| {
            if *uses_list { self.holds(row, condition) } else { condition.matches(row.head.resource.root()) }
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
            return condition.matches(row.head.resource.root());
        };
        let Some(values) = row.list(list) else { return false };
        let value = self.table.kind.value_of(list);
        match condition {
            Condition::Element { condition, .. } if attribute == list => match required(condition, value) {
                Some(key) => values.get(key).is_some_and(|element| condition.matches_element(element)),
                None => values.iter().any(|(_, element)| condition.matches_element(element)),
            },
            condition => match required(condition, value) {
                Some(key) => values.get(key).is_some(),
                // What looks at no more than one attribute holds for all values together when it does for one of them.
                None => values.iter().any(|(_, value)| condition.matches_in_list(value)),
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
