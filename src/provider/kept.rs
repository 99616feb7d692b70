//! The resources that a walk over all keeps, in bounded memory: those with some numbers, or those nearest to a place.
//!
//! Nothing here reads; what is offered satisfies the query.

use std::{cmp::Ordering, ops::Range};

use super::part::{Found, Place, Query};

/// Which resources a walk keeps.
pub(super) enum Choice<'a> {
    /// Those that have these numbers in the order of the walk, which is ascending by id.
    Numbers(Range<u64>),
    /// Those that come next in the order of the list.
    Nearest(Nearest<'a>),
}

/// The part of a list that begins at a place.
pub(super) struct Nearest<'a> {
    /// `None` for the start of the list, or its end.
    pub(super) from: Option<&'a Place>,
    pub(super) backward: bool,
    /// How many are wanted at the most.
    pub(super) most: usize,
    /// Whether fewer are as good where they do not fit.
    pub(super) may_end_early: bool,
}

/// The resources that are kept while the walk goes on.
pub(super) struct Kept<'a> {
    query: &'a Query<'a>,
    choice: Choice<'a>,
    chosen: Chosen,
    bytes: usize,
    limit: usize,
}

/// The resources that were kept.
#[derive(Default)]
pub(super) struct Chosen {
    /// The nearest first.
    pub(super) all: Vec<Found>,
    /// Whether others were beyond the place, and further away than these.
    pub(super) is_cut: bool,
}

impl<'a> Kept<'a> {
    /// Keeps nothing yet, and later at most about `limit` bytes.
    pub(super) fn new(query: &'a Query<'a>, choice: Choice<'a>, limit: usize) -> Self {
        Self { query, choice, chosen: Chosen::default(), bytes: 0, limit }
    }

    /// Keeps the resource if it is one of those that are wanted, as far as is known. `number` resources came before it.
    ///
    /// # Errors
    ///
    /// When those that are wanted take more bytes than allowed: then the number of those that fit, where it is known.
    pub(super) fn offer(&mut self, number: u64, found: Found) -> Result<(), Option<usize>> {
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
            // Twice as many as are wanted are put in order at a time: so each costs little.
            if held > most && (held / 2 >= most || self.bytes > self.limit) {
                self.prune(most);
            }
            if self.bytes > self.limit && self.chosen.all.len() > 1 {
                return self.end_early();
            }
        }
        Ok(())
    }

    /// Drops all but the nearest.
    fn prune(&mut self, most: usize) {
        let (query, backward) = (self.query, self.is_backward());
        if most < self.chosen.all.len() {
            if most > 0 {
                self.chosen.all.select_nth_unstable_by(most, |left, right| compare(query, backward, left, right));
            }
            self.chosen.all.truncate(most);
            self.chosen.is_cut = true;
            self.bytes = self.chosen.all.iter().map(Found::size).sum();
        }
    }

    /// Drops the furthest until the others fit. No more than these are wanted from then on.
    fn end_early(&mut self) -> Result<(), Option<usize>> {
        let (query, backward) = (self.query, self.is_backward());
        let Choice::Nearest(nearest) = &mut self.choice else { return Ok(()) };
        if !nearest.may_end_early {
            return Err(None);
        }
        let all = &mut self.chosen.all;
        all.sort_unstable_by(|left, right| compare(query, backward, left, right));
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

    /// What was kept, once everything was offered.
    pub(super) fn chosen(mut self) -> Chosen {
        if let Choice::Nearest(nearest) = &self.choice {
            let most = nearest.most;
            self.prune(most);
            let (query, backward) = (self.query, self.is_backward());
            self.chosen.all.sort_unstable_by(|left, right| compare(query, backward, left, right));
        }
        self.chosen
    }
}

fn compare(query: &Query<'_>, backward: bool, left: &Found, right: &Found) -> Ordering {
    if backward { query.compare(right, left) } else { query.compare(left, right) }
}
