//! The resources that a walk over all resources keeps, in bounded memory: those in a range of numbers, or those
//! nearest to a sort position.
//!
//! This module does not read the store. Every offered resource satisfies the query.

use std::{cmp::Ordering, ops::Range};

use super::query::{Match, Place, Query};

/// The resources that a walk keeps.
pub(super) enum Choice<'a> {
    /// The resources with these numbers in the order of the walk, which is ascending by id.
    Numbers(Range<u64>),
    /// The resources that come next in the order of the list.
    Nearest(Nearest<'a>),
}

/// The part of a list that begins at a sort position.
pub(super) struct Nearest<'a> {
    /// The sort position; `None` for the start of the list, or its end if `backward`.
    pub(super) from: Option<&'a Place>,
    pub(super) backward: bool,
    /// The maximum number of resources.
    pub(super) most: usize,
    /// Whether fewer resources are acceptable if more do not fit.
    pub(super) may_end_early: bool,
}

/// The resources kept so far, during the walk.
pub(super) struct Collector<'a> {
    query: &'a Query<'a>,
    choice: Choice<'a>,
    chosen: Collection,
    bytes: usize,
    limit: usize,
}

/// The resources kept after the walk.
#[derive(Default)]
pub(super) struct Collection {
    /// The nearest resource first.
    pub(super) all: Vec<Match>,
    /// Whether the walk dropped resources that lie beyond the sort position, but further away than the kept
    /// resources.
    pub(super) is_cut: bool,
}

impl<'a> Collector<'a> {
    /// Returns an empty collection, which will keep at most about `limit` bytes.
    pub(super) fn new(query: &'a Query<'a>, choice: Choice<'a>, limit: usize) -> Self {
        Self { query, choice, chosen: Collection::default(), bytes: 0, limit }
    }

    /// Keeps the resource if it may be one of the chosen resources. `number` is the number of resources that came
    /// before it.
    ///
    /// # Errors
    ///
    /// If the chosen resources take more bytes than allowed: the number of resources that fit, if it is known.
    pub(super) fn offer(&mut self, number: u64, found: Match) -> Result<(), Option<usize>> {
        let size = found.size();
        match &self.choice {
            Choice::Numbers(numbers) if numbers.contains(&number) => {
                if !self.chosen.all.is_empty() && self.bytes.saturating_add(size) > self.limit {
                    return Err(Some(self.chosen.all.len()));
                }
            }
            Choice::Numbers(_) => return Ok(()),
            Choice::Nearest(nearest) => {
                let side = if nearest.backward { Ordering::Less } else { Ordering::Greater };
                if nearest.from.is_some_and(|place| self.query.compare_to(&found.seen, place) != side) {
                    return Ok(());
                }
            }
        }
        self.bytes = self.bytes.saturating_add(size);
        self.chosen.all.push(found);
        if let Choice::Nearest(nearest) = &self.choice {
            let (most, held) = (nearest.most, self.chosen.all.len());
            // Pruning only at twice the needed number keeps the cost per resource low.
            if held > most && (held / 2 >= most || self.bytes > self.limit) {
                self.prune(most);
            }
            if self.bytes > self.limit && self.chosen.all.len() > 1 {
                return self.end_early();
            }
        }
        Ok(())
    }

    /// Drops all resources except the `most` nearest.
    fn prune(&mut self, most: usize) {
        let (query, backward) = (self.query, self.is_backward());
        if most < self.chosen.all.len() {
            if most > 0 {
                self.chosen.all.select_nth_unstable_by(most, |left, right| compare(query, backward, left, right));
            }
            self.chosen.all.truncate(most);
            self.chosen.is_cut = true;
            self.bytes = self.chosen.all.iter().map(Match::size).sum();
        }
    }

    /// Drops the furthest resources until the others fit. From then on, the walk keeps at most as many resources as
    /// fit.
    fn end_early(&mut self) -> Result<(), Option<usize>> {
        let Choice::Nearest(nearest) = &mut self.choice else { return Ok(()) };
        if !nearest.may_end_early {
            return Err(None);
        }
        let all = &mut self.chosen.all;
        sort(self.query, nearest.backward, all);
        while self.bytes > self.limit && all.len() > 1 {
            self.bytes = self.bytes.saturating_sub(all.pop().map_or(0, |furthest| furthest.size()));
        }
        nearest.most = all.len();
        self.chosen.is_cut = true;
        Ok(())
    }

    fn is_backward(&self) -> bool {
        matches!(&self.choice, Choice::Nearest(nearest) if nearest.backward)
    }

    /// Returns the kept resources, after all resources were offered.
    pub(super) fn chosen(mut self) -> Collection {
        if let Choice::Nearest(nearest) = &self.choice {
            let (most, backward) = (nearest.most, nearest.backward);
            self.prune(most);
            sort(self.query, backward, &mut self.chosen.all);
        }
        self.chosen
    }
}

/// Puts the nearest resource first.
fn sort(query: &Query<'_>, backward: bool, found: &mut [Match]) {
    found.sort_unstable_by(|left, right| compare(query, backward, left, right));
}

fn compare(query: &Query<'_>, backward: bool, left: &Match, right: &Match) -> Ordering {
    if backward { query.compare(right, left) } else { query.compare(left, right) }
}
