//! Inputs from fixed seeds and the work of scim-core on them, for the programs of this package. This crate measures
//! nothing.

pub mod inputs;
pub mod ours;
