//! The guides of the manual: the store that "write your own store" shows in parts is one that passes the kit.
//!
//! Its parts are files, each of which includes the one before it: so every part can be a doctest that begins with the
//! others. The guide shows what they say, to the letter.
#![cfg(feature = "testkit")]
#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

mod own_store {
    include!("manual/store.rs");

    use std::{
        pin::pin,
        task::{Context as Task, Poll, Waker},
    };

    use scim_core::testkit::{Check, Outcome, StoreKit};

    /// The output of a future that is ready at once.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("a store in memory waits for nothing"),
        }
    }

    #[test]
    fn the_store_of_the_guide_passes_every_check() {
        let report = now(StoreKit::new(Directory::default(), registry().unwrap(), 1).many(2_000).run_all());
        let passed = report.iter().filter(|(_, outcome)| **outcome == Outcome::Passed).count();
        assert_eq!(passed, Check::ALL.len(), "{report}");
    }
}
