//! The parts of the program `platform`: a complete host of scim-core, to read, to copy from, and to test.

pub mod account;
pub mod administration;
pub mod arguments;
pub mod calendar;
pub mod connection;
pub mod console;
pub mod database;
pub mod directory;
pub mod disconnection;
pub mod identity_provider;
pub mod invitation;
pub mod log;
pub mod oauth;
mod outside;
pub mod provisioning;
mod registry;
pub mod server;
pub mod session;
pub mod sign_on;
pub mod storage;
pub mod store;
pub mod user_group;

pub use registry::{RegistryError, read_registry, registry};
