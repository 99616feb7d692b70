//! What the program `platform` is made of: a complete host of scim-core, to read, to copy from, and to test.

pub mod administration;
pub mod arguments;
pub mod database;
pub mod directory;
pub mod log;
mod registry;
pub mod server;
pub mod storage;
pub mod store;

pub use registry::registry;
