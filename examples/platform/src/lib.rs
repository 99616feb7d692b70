//! What the program `platform` is made of: a complete host of scim-core, to read, to copy from, and to test.

pub mod database;
pub mod store;
