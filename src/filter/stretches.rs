//! The evaluation of a costly filter in stretches, with pauses between the stretches.
//!
//! [`matcher`](super::matcher) evaluates every filter first. If a resource needs more than one stretch of work, its
//! evaluation is repeated here from the start. This evaluation allocates for each step and lets other tasks run in
//! between.

use std::{cell::RefCell, pin::Pin};

use super::{condition::Condition, matcher::Base, spending::Spending};
use crate::{
    limits::{Work, WorkExceeded},
    schema::AttributeId,
    value::{Object, Value},
};

type Truth<'a> = Pin<Box<dyn Future<Output = Result<bool, WorkExceeded>> + Send + 'a>>;

impl Condition {
    /// Whether all conditions hold for a resource with these top-level attributes. Charges the evaluation to `work`.
    ///
    /// # Errors
    ///
    /// When the evaluation would exceed the bound.
    pub(crate) async fn all_match(
        conditions: &[&Self],
        root: &Object,
        work: Option<&Work>,
    ) -> Result<bool, WorkExceeded> {
        let base = Base::Resource(root);
        if let Some(truth) = in_one_stretch(work, |spending| conditions.iter().all(|it| it.holds(base, spending)))? {
            return Ok(truth);
        }
        for condition in conditions {
            if !evaluate(condition, base, work).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the result of an evaluation; `None` if a stretch was not enough.
fn in_one_stretch(work: Option<&Work>, evaluate: impl FnOnce(&Spending) -> bool) -> Result<Option<bool>, WorkExceeded> {
    let spending = Spending::stretch(work);
    let truth = evaluate(&spending);
    spending.charge(work)?;
    Ok((!spending.is_exceeded()).then_some(truth))
}

/// The recursion is as deep as the filter is nested.
fn evaluate<'a>(condition: &'a Condition, base: Base<'a>, work: Option<&'a Work>) -> Truth<'a> {
    Box::pin(async move {
        match condition {
            Condition::All(conditions) => {
                for condition in conditions {
                    if !evaluate(condition, base, work).await? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Any(conditions) => {
                for condition in conditions {
                    if evaluate(condition, base, work).await? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(condition) => Ok(!evaluate(condition, base, work).await?),
            Condition::Element { place, condition } => {
                for value in values(base, place.route()) {
                    let base = Base::Element(value);
                    let truth = match in_one_stretch(work, |spending| {
                        spending.allows_units(1) && condition.holds(base, spending)
                    })? {
                        Some(truth) => truth,
                        None => evaluate(condition, base, work).await?,
                    };
                    if truth {
                        return Ok(true);
                    }
                    pause(work).await;
                }
                Ok(false)
            }
            // A leaf examines each value of one attribute at most once.
            leaf => {
                let truth = {
                    let spending = Spending::of(work);
                    let truth = leaf.holds(base, &spending);
                    spending.settle(work)?;
                    truth
                };
                pause(work).await;
                Ok(truth)
            }
        }
    })
}

/// Returns the values at the end of the route.
fn values<'a>(base: Base<'a>, route: &[AttributeId]) -> Vec<&'a Value> {
    let found = RefCell::new(Vec::new());
    base.any(route, |value| {
        found.borrow_mut().push(value);
        false
    });
    found.into_inner()
}

async fn pause(work: Option<&Work>) {
    if let Some(work) = work {
        work.pause().await;
    }
}
