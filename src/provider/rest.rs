//! Pauses between the phases of a request with many values. Reading, judging, committing and writing each visit every
//! value.
//!
//! These phases count no units of work. Each takes time in proportion to the number of values, which other limits
//! bound.

use crate::{limits::yield_now, resource::Resource, value::Value};

/// The number of values in one list above which a phase takes long enough for a pause after it.
const MANY: usize = 1_000;

/// Lets other tasks of the thread run if a phase visited many values.
pub(super) async fn rest_after(values: usize) {
    if values > MANY {
        yield_now().await;
    }
}

/// Lets other tasks of the thread run if the resource has a long list.
pub(super) async fn rest(resource: &Resource) {
    rest_if(has_long_list(resource)).await;
}

/// Lets other tasks of the thread run if a resource in use [has a long list](has_long_list).
pub(super) async fn rest_if(is_long: bool) {
    if is_long {
        yield_now().await;
    }
}

/// Whether a phase that visits the values of the resource takes long.
pub(super) fn has_long_list(resource: &Resource) -> bool {
    let is_long = |value: &Value| matches!(value, Value::List(values) if values.len() > MANY);
    resource.root().iter().any(|(_, value)| {
        is_long(value) || value.as_object().is_some_and(|object| object.iter().any(|(_, value)| is_long(value)))
    })
}
