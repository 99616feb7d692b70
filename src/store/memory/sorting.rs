//! Selects the rows of one window of a sorted list. The work is done in stretches, so that a long list does not block
//! its thread.
//!
//! This module knows no filters, tenants or locks.

use std::{cmp::Ordering, collections::VecDeque, ops::Range};

use crate::store::{RequestContext, StoreError};

/// The number of items that are selected or merged between two pauses: a few milliseconds of work.
const STRETCH: usize = 8_192;

/// The items at the positions `window` of the sorted list, in order.
///
/// # Errors
///
/// [`StoreError::TooMany`] when the request exceeds its bound of work: each item costs one unit, and one unit more
/// each time that it is merged.
pub(super) async fn sorted_window<T: Send + Sync>(
    context: &RequestContext,
    mut items: Vec<T>,
    window: Range<usize>,
    order: impl Fn(&T, &T) -> Ordering + Send + Sync,
) -> Result<Vec<T>, StoreError> {
    let end = window.end.min(items.len());
    let start = window.start.min(end);
    if items.len() <= STRETCH {
        charge(context, items.len())?;
        select(&mut items, end, &order);
        if 0 < start && start < items.len() {
            items.select_nth_unstable_by(start, &order);
        }
        items.drain(..start);
        items.sort_unstable_by(order);
        return Ok(items);
    }
    // Each run drops the items that are behind the window, whatever the other runs contain.
    let mut runs = VecDeque::new();
    while !items.is_empty() {
        let mut run = items.split_off(items.len().saturating_sub(STRETCH));
        charge(context, run.len())?;
        select(&mut run, end, &order);
        run.sort_unstable_by(&order);
        runs.push_back(run);
        context.pause().await;
    }
    let mut all = runs.pop_front().unwrap_or_default();
    while let Some(next) = runs.pop_front() {
        runs.push_back(merged(context, all, next, end, &order).await?);
        all = runs.pop_front().unwrap_or_default();
    }
    all.truncate(end);
    all.drain(..start);
    Ok(all)
}

/// Keeps the first `end` items, in any order.
fn select<T>(items: &mut Vec<T>, end: usize, order: impl Fn(&T, &T) -> Ordering) {
    if end < items.len() {
        items.select_nth_unstable_by(end, order);
        items.truncate(end);
    }
}

/// The first `end` items of two sorted runs, in order.
async fn merged<T: Send + Sync>(
    context: &RequestContext,
    left: Vec<T>,
    right: Vec<T>,
    end: usize,
    order: impl Fn(&T, &T) -> Ordering + Send + Sync,
) -> Result<Vec<T>, StoreError> {
    let length = end.min(left.len().saturating_add(right.len()));
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut all = Vec::with_capacity(length);
    while all.len() < length {
        let stretch = STRETCH.min(length - all.len());
        charge(context, stretch)?;
        for _ in 0..stretch {
            let from_left = match (left.peek(), right.peek()) {
                (Some(left), Some(right)) => order(left, right).is_le(),
                (left, _) => left.is_some(),
            };
            all.extend(if from_left { left.next() } else { right.next() });
        }
        context.pause().await;
    }
    Ok(all)
}

fn charge(context: &RequestContext, items: usize) -> Result<(), StoreError> {
    context.charge(u64::try_from(items).unwrap_or(u64::MAX))
}
