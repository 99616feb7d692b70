//! Guides for hosts, on topics that span several items.
//!
//! - [`write_your_own_store`]: a [`Store`](trait@crate::store::Store) over the existing tables of a platform, step by step.
//! - [`scale_out`]: several instances of a service on one database.
//! - [`requirements`]: the files that implement each section of the RFCs, for readers of this crate's code.
//!
//! There is no code in this module. The code in the guides is compiled and run with the tests.

pub mod write_your_own_store {
    #![doc = include_str!("manual/write_your_own_store.md")]
}

pub mod scale_out {
    #![doc = include_str!("manual/scale_out.md")]
}

pub mod requirements {
    #![doc = include_str!("manual/requirements.md")]
}
