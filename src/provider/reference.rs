//! References between resources: the types of the references that a client writes, and the derived lists and names
//! that answers show (RFC 7643 §2.4, §4.1.2, §4.2).

mod derived;
mod display;
mod settle;

pub(super) use self::{
    derived::hydrated,
    settle::{Created, elements_of},
};
