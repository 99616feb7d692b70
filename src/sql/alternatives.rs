//! Alternatives on the same values, written as one condition.
//!
//! A database evaluates every alternative by itself: for a value of a document it reads the document, and for a list it
//! unpacks the list.

use super::{
    scalar::Scalar,
    translator::{Base, Translator},
};
use crate::{
    filter::{Comparand, Comparison, Condition, Operator},
    path::Place,
    store::Pushdown,
};

/// A part of a disjunction.
enum Alternative<'c> {
    Condition(&'c Condition),
    /// Comparisons of the same values, all of one relation.
    Comparisons(Vec<&'c Comparison>),
}

/// The relations that a group of comparisons has in common.
#[derive(Clone, Copy, PartialEq)]
enum Relation {
    Equal,
    /// Greater than a text, or equal.
    Above,
    /// Less than a text, or equal.
    Below,
    Other,
}

impl Relation {
    fn of(comparison: &Comparison) -> Self {
        let is_text = matches!(comparison.operand(), Comparand::Exact(_) | Comparand::Folded(_));
        match comparison.operator() {
            Operator::Eq => Self::Equal,
            Operator::Gt | Operator::Ge if is_text => Self::Above,
            Operator::Lt | Operator::Le if is_text => Self::Below,
            _ => Self::Other,
        }
    }

    /// Whether the first comparison holds for every value for which the second holds.
    fn is_implied(self, first: &Comparison, second: &Comparison) -> bool {
        let (left, right) = match (first.operand(), second.operand()) {
            (Comparand::Exact(left), Comparand::Exact(right)) | (Comparand::Folded(left), Comparand::Folded(right)) => {
                (left.as_str(), right.as_str())
            }
            _ => return false,
        };
        // Of equal bounds, the one with equality is wider.
        let is_wider =
            || matches!(first.operator(), Operator::Ge | Operator::Le) || first.operator() == second.operator();
        match self {
            Self::Above => left < right || (left == right && is_wider()),
            Self::Below => left > right || (left == right && is_wider()),
            Self::Equal | Self::Other => false,
        }
    }
}

impl<'a> Translator<'a> {
    /// Writes a disjunction.
    pub(super) fn alternatives(&mut self, conditions: &[Condition], base: &Base<'a>) -> Pushdown {
        let alternatives = self.grouped(conditions, base);
        self.halved(&alternatives, false, &mut |it, alternative| match alternative {
            Alternative::Condition(condition) => it.condition(condition, base),
            Alternative::Comparisons(comparisons) => it.comparisons(comparisons, base),
        })
    }

    /// The parts of a disjunction. One value of a list satisfies a disjunction if and only if it satisfies one of the
    /// alternatives, so that the alternatives on a list need not unpack it separately.
    fn grouped<'c>(&self, conditions: &'c [Condition], base: &Base<'a>) -> Vec<Alternative<'c>> {
        let mut grouped: Vec<Alternative<'c>> = Vec::with_capacity(conditions.len());
        // The positions of the comparisons of each place and relation.
        let mut groups: Vec<(Place, Relation, usize)> = Vec::new();
        for condition in conditions {
            let Condition::Compare(comparison) = condition else {
                grouped.push(Alternative::Condition(condition));
                continue;
            };
            let (place, relation) = (*comparison.place(), Relation::of(comparison));
            let is_list = place.route().iter().any(|id| self.mapping.resource_type.attribute(*id).is_multi_valued());
            let relation = if is_list && relation != Relation::Equal { Relation::Other } else { relation };
            if (relation == Relation::Other && !is_list)
                || (relation == Relation::Equal && self.is_contained(comparison, base))
            {
                grouped.push(Alternative::Condition(condition));
                continue;
            }
            let known = groups.iter().find(|(of, with, _)| (*of, *with) == (place, relation));
            let known = known.and_then(|(_, _, position)| grouped.get_mut(*position));
            if let Some(Alternative::Comparisons(comparisons)) = known {
                // The widest of several ranges is their union, so such a group keeps few comparisons.
                let is_range = matches!(relation, Relation::Above | Relation::Below);
                if !is_range || !comparisons.iter().any(|known| relation.is_implied(known, comparison)) {
                    if is_range {
                        comparisons.retain(|known| !relation.is_implied(comparison, known));
                    }
                    comparisons.push(comparison);
                }
                continue;
            }
            groups.push((place, relation, grouped.len()));
            grouped.push(Alternative::Comparisons(vec![comparison]));
        }
        grouped
    }

    /// Writes that one of the comparisons holds, all of which compare the values at one place: either all by `eq`, or
    /// none.
    pub(super) fn comparisons(&mut self, comparisons: &[&Comparison], base: &Base<'a>) -> Pushdown {
        let Some(first) = comparisons.first() else {
            self.statement.push("FALSE");
            return Pushdown::Exact;
        };
        let (place, is_equality) = (first.place(), first.operator() == Operator::Eq);
        let test = &mut |it: &mut Self, scalar: &Scalar| it.compare(scalar, comparisons);
        if !matches!(base, Base::Resource) || !is_equality {
            return self.at(place, base, test);
        }
        if let ([comparison], true) = (comparisons, self.is_contained(first, base))
            && let Some(pushdown) = self.contain_value(comparison)
        {
            return pushdown;
        }
        for table in
            [self.mapping.lookup_on(place.route()), self.mapping.table_on(place.route()).map(|(_, table)| table)]
        {
            if let Some(table) = table
                && let Some(column) = table.find(place.attribute())
                && let Some(pushdown) = self.owned(table, |it| it.of(Some(column), test))
            {
                return pushdown;
            }
        }
        self.at(place, base, test)
    }

    /// Writes that one of the comparisons holds for a value.
    fn compare(&mut self, scalar: &Scalar, comparisons: &[&Comparison]) -> Pushdown {
        if comparisons.iter().all(|comparison| comparison.operator() == Operator::Eq) {
            let operands: Vec<_> = comparisons.iter().map(|comparison| comparison.operand()).collect();
            return scalar.equal(self.statement, &operands);
        }
        self.halved(comparisons, false, &mut |it, comparison| {
            scalar.compare(it.statement, comparison.operator(), comparison.operand())
        })
    }
}
