//! Expensive requests, and the measurement of each: processor time and memory of the server and of its database.

mod heavy;
mod meter;
mod population;
mod searches;
mod writes;

use serde_json::{Value as Json, json};

pub(crate) use self::{
    heavy::heavy,
    meter::{Cost, Meter},
    population::{Organization, Size, create_users, fill_large, fill_many},
    searches::{lists, searches},
    writes::{bulk_writes, single_writes},
};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
pub(crate) const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub(crate) const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// A request that is expected to be expensive.
pub(crate) struct Expensive {
    pub(crate) name: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<Vec<u8>>,
}

impl Expensive {
    pub(crate) fn get(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self { name: name.into(), method: "GET", path: path.into(), body: None }
    }

    pub(crate) fn send(
        name: impl Into<String>,
        method: &'static str,
        path: impl Into<String>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self { name: name.into(), method, path: path.into(), body: Some(body.into()) }
    }
}

/// A family of requests of falling size. A server refuses the largest requests at little cost, so the most expensive
/// request is the largest accepted request.
pub(crate) struct Family {
    pub(crate) sizes: Vec<usize>,
    pub(crate) of: Box<dyn Fn(usize) -> Expensive>,
}

impl Family {
    /// Sizes from `most` down to 1, each half of the size before.
    pub(crate) fn halving(most: usize, of: impl Fn(usize) -> Expensive + 'static) -> Self {
        let sizes = std::iter::successors(Some(most), |size| (*size > 1).then_some(size / 2)).collect();
        Self { sizes, of: Box::new(of) }
    }

    /// Pages of falling length.
    pub(crate) fn pages(of: impl Fn(usize) -> Expensive + 'static) -> Self {
        Self { sizes: vec![1_000, 250, 60, 10, 1], of: Box::new(of) }
    }

    pub(crate) fn one(request: impl Fn() -> Expensive + 'static) -> Self {
        Self { sizes: vec![1], of: Box::new(move |_| request()) }
    }
}

pub(crate) fn patch(operations: &[Json]) -> Json {
    json!({"schemas": [PATCH], "Operations": operations})
}

pub(crate) fn bulk(operations: &[Json]) -> Json {
    json!({"schemas": [BULK], "Operations": operations})
}
