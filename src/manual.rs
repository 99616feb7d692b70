//! Guides for hosts, on topics that span several items.
//!
//! - [`write_your_own_store`]: a [`Store`](trait@crate::Store) over the existing tables of a platform, step by step.
//! - [`scale_out`]: several instances of a service on one database.
//!
//! There is no code in this module. The code in the guides is compiled and run with the tests.

pub mod write_your_own_store {
    #![doc = include_str!("manual/write_your_own_store.md")]
}

pub mod scale_out {
    #![doc = include_str!("manual/scale_out.md")]
}
