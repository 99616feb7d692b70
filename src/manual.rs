//! Guides for hosts: what is too long to stand at one item, and belongs to several.
//!
//! - [`write_your_own_store`]: a [`Store`](trait@crate::Store) over the tables that a platform has already, step by step.
//! - [`scale_out`]: several instances of a service on one database.
//!
//! There is no code in this module. What the guides show is compiled and run with the tests.

pub mod write_your_own_store {
    #![doc = include_str!("manual/write_your_own_store.md")]
}

pub mod scale_out {
    #![doc = include_str!("manual/scale_out.md")]
}
