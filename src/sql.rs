//! Filters, order and pages as SQL (RFC 7644 §3.4.2), for stores on SQLite and PostgreSQL. The module contains no
//! driver.
//!
//! A [`Mapping`] describes where the values of a resource type are: in a [document](Mapping::documents), in
//! [columns](Column) of the host's own, or in [rows](Table) of another table. It reports [how far](Mapping::pushdown)
//! the database evaluates a condition. A [`Statement`] consists of the host's SQL, the [filter](Statement::filter) and
//! the [window](Statement::window). The host passes its text and its [parameters](Param) to any driver.
//!
//! The generated SQL means the same as [`Condition::matches`](crate::filter::Condition::matches) and
//! [`Sort::compare`](crate::resource::Sort::compare), down to the last code point:
//!
//! - Names come from the schema and the mapping, and values are bound: the text contains no data from a client.
//! - Every condition is true or false, never null, so that `NOT` negates it.
//! - The database neither folds case nor matches patterns. Values are stored as text that [compares](comparable()) as
//!   the values do; the core folds the case.
//! - A condition in brackets becomes one `EXISTS`, and each condition on a multi-valued attribute becomes an `EXISTS`
//!   of its own.
//! - The SQL contains no conversion that could fail: an error would fail the whole statement.
//!
//! Two complete stores consist of these parts: a [`TableStore`] on a host's own tables, and a [`DocumentStore`] with tables
//! of its own.
//!
//! # A store of your own
//!
//! A table of resources, each with its JSON and its [comparable document](Mapping::document):
//!
//! ```sql
//! CREATE TABLE resource (tenant TEXT, id TEXT COLLATE "C", version TEXT, document TEXT, comparable JSONB,
//!     PRIMARY KEY (tenant, id))
//! ```
//!
//! `pushdown` asks the mapping. `scan` is one statement, or two when the query asks for the total:
//!
//! ```
//! use std::sync::Arc;
//! use scim_core::{schema::ResourceType, sql::{Dialect, Mapping, Statement, Unmapped}, store::Scan};
//!
//! fn users(resource_type: &Arc<ResourceType>) -> Mapping {
//!     Mapping::documents(resource_type, "r.id", "r.comparable")
//! }
//!
//! fn select(users: &Mapping, tenant: &str, scan: &Scan<'_>) -> Result<Statement, Unmapped> {
//!     let mut statement = Statement::new(Dialect::Postgres);
//!     statement.push("SELECT r.version, r.document FROM resource AS r WHERE r.tenant = ").bind(tenant).push(" AND ");
//!     statement.filter(users, scan.filter)?.window(users, scan.sort, scan.window)?;
//!     Ok(statement)
//! }
//! # use scim_core::{
//! #     filter::Filter, path::AttributePath, quirks::{Quirks, Tolerance}, resource::{Position, Sort, SortKey},
//! #     schema::Registry, store::{RequestedAttributes, Window},
//! # };
//! # let registry = Registry::standard();
//! # let user = registry.resource_type("User").expect("registered");
//! # let mut tolerance = Tolerance::new(Quirks::default());
//! # let matcher = r#"not (title eq "x")"#.parse::<Filter>()?.compile(user, &mut tolerance)?;
//! # let path: AttributePath = "userName".parse()?;
//! # let sort = Sort::new(user, path.as_ref(), false, &mut tolerance)?;
//! # let key = SortKey::Text("b".into());
//! # let (filter, requested) = ([&matcher.conditions()[0]], RequestedAttributes::everything());
//! # let scan = Scan { resource_type: user, filter: &filter, sort: Some(&sort), requested: &requested, count: false,
//! #     window: Window::After { last: Some(Position { key: Some(&key), id: "7" }), take: 10 } };
//! # let statement = select(&users(user), "acme", &scan)?;
//! # assert_eq!(statement.text(), concat!(
//! #     "SELECT r.version, r.document FROM resource AS r WHERE r.tenant = $1 AND ",
//! #     r#"NOT (((r.comparable ->> 'title') COLLATE "C" = $2::text AND (r.comparable ->> 'title') IS NOT NULL)) AND "#,
//! #     r#"(((r.comparable ->> 'userName') COLLATE "C" > $3::text AND (r.comparable ->> 'userName') IS NOT NULL) "#,
//! #     r#"OR (r.comparable ->> 'userName') IS NULL OR "#,
//! #     r#"(((r.comparable ->> 'userName') COLLATE "C" = $4::text AND (r.comparable ->> 'userName') IS NOT NULL) "#,
//! #     r#"AND r.id COLLATE "C" > $5::text)) "#,
//! #     r#"ORDER BY (r.comparable ->> 'userName') COLLATE "C" ASC NULLS LAST, r.id COLLATE "C" ASC LIMIT $6::bigint"#,
//! # ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`page`] then makes the page from the rows. Documents that were written with another [`representation`] must be
//! derived again.

mod alternatives;
mod comparable;
mod condition;
mod cost;
mod counted;
pub mod database;
pub mod document_store;
mod hooks;
mod json;
pub mod layout;
mod mapping;
mod narrow;
mod once;
mod order;
mod scalar;
mod statement;
mod table_store;
mod translator;

pub use self::{
    comparable::{comparable, representation},
    document_store::DocumentStore,
    hooks::{Hooks, NoHooks},
    mapping::{Column, Mapping, Table},
    order::{Unmapped, page},
    scalar::SEARCHED_BYTES,
    statement::{Dialect, Param, Statement},
    table_store::{StartError, TableStore},
};
