//! The store of the guide "write your own store": the kit on both databases, and the rules that only its tables have.

mod support;

#[path = "../examples/own_store/layers.rs"]
mod layers;
#[path = "../examples/own_store/read.rs"]
mod read;
#[path = "../examples/own_store/rows.rs"]
mod rows;
#[path = "../examples/own_store/store.rs"]
mod store;
#[path = "../examples/own_store/tables.rs"]
mod tables;
#[path = "../examples/own_store/write.rs"]
mod write;

#[path = "own_store/checks.rs"]
mod checks;
#[path = "own_store/host.rs"]
mod host;
#[path = "own_store/rules.rs"]
mod rules;
