//! Concurrent futures, and futures that are dropped half-way, under any runtime.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Polls all futures concurrently and returns their outputs, in the order of the futures.
pub(super) async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    enum Slot<F: Future> {
        Going(Pin<Box<F>>),
        Done(F::Output),
    }
    let mut slots: Vec<Slot<F>> = futures.into_iter().map(|future| Slot::Going(Box::pin(future))).collect();
    std::future::poll_fn(|task| {
        let mut pending = false;
        for slot in &mut slots {
            if let Slot::Going(future) = slot {
                match future.as_mut().poll(task) {
                    Poll::Ready(output) => *slot = Slot::Done(output),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let output = |slot| match slot {
        Slot::Done(output) => Some(output),
        Slot::Going(_) => None,
    };
    slots.into_iter().filter_map(output).collect()
}

/// Polls a future at most `polls` times and then drops it. The output is `None` if the future was not ready by then.
pub(super) struct Cut<F> {
    future: Option<Pin<Box<F>>>,
    polls: usize,
}

impl<F: Future> Cut<F> {
    pub(super) fn new(future: F, polls: usize) -> Self {
        Self { future: Some(Box::pin(future)), polls }
    }
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            self.future = None;
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.future.as_mut().map(|future| future.as_mut().poll(task)) {
            Some(Poll::Ready(output)) => {
                self.future = None;
                Poll::Ready(Some(output))
            }
            // The future has used up its polls: drop it now, so that no wake-up is needed.
            Some(Poll::Pending) if self.polls == 0 => {
                self.future = None;
                Poll::Ready(None)
            }
            Some(Poll::Pending) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}
