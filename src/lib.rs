//! The protocol core of a SCIM 2.0 service provider (RFC 7643, RFC 7644, RFC 9865): schemas, filters, PATCH, and the
//! checks and responses of every operation. The core opens no socket and no file. Your program, the host, provides the
//! HTTP server and the database. `block_on` in the example is the host's executor.
//!
//! ```
//! # #[cfg(feature = "system")] {
//! # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
//! # fn block_on<F: Future>(future: F) -> F::Output {
//! #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
//! #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
//! # }
//! use scim_core::{
//!     protocol::Request, provider::ServiceProvider, schema::Registry, store::{MemoryStore, RequestContext, TenantId},
//! };
//!
//! let url = "https://platform.example/scim/v2";
//! let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), url)
//!     .build()?;
//! let context = RequestContext::new(TenantId::single());
//!
//! // An identity provider tests the connection: it looks up a user that does not exist.
//! let lookup = Request::new("GET", "/Users?filter=userName%20eq%20%22nobody%22");
//! let response = block_on(provider.handle(&context, &lookup));
//! assert_eq!(response.status, 200);
//! assert!(String::from_utf8_lossy(&response.body).contains(r#""totalResults":0"#));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A server with axum
//!
//! This program is a complete SCIM server. It needs the features `bearer` and `tower`. The tests of `examples/hosts` in
//! the repository run this host, and hosts for actix-web and AWS Lambda.
//!
//! ```ignore
//! use std::{error::Error, sync::Arc};
//!
//! use axum::{Router, extract::Request, http::header::AUTHORIZATION, middleware::from_fn};
//! use scim_core::{
//!     bearer::{ApiKey, ApiKeys, Token},
//!     http::{Outcome, ScimService},
//!     provider::{ConfigurationError, ServiceProvider},
//!     quirks::Quirks,
//!     schema::Registry,
//!     store::{MemoryStore, RequestContext, TenantId},
//! };
//!
//! fn scim(keys: ApiKeys<TenantId>) -> Result<Router, ConfigurationError> {
//!     let (store, keys) = (MemoryStore::new(), Arc::new(keys)); // your own `Store` goes here
//!     let provider = ServiceProvider::builder(Registry::standard(), store, "http://127.0.0.1:8080/scim/v2")
//!         .quirks(Quirks::entra())
//!         .build()?;
//!     let authenticate = from_fn(move |mut request: Request, next: axum::middleware::Next| {
//!         let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
//!         if let Some(key) = keys.check(header, chrono::Utc::now()) {
//!             let context = RequestContext::new(key.owner().clone()); // without a context, `ScimService` answers 401
//!             request.extensions_mut().insert(context);
//!         }
//!         async move {
//!             let response = next.run(request).await;
//!             if let Some(error) = response.extensions().get::<Outcome>().and_then(|outcome| outcome.error.as_ref()) {
//!                 eprintln!("{error}");
//!             }
//!             response
//!         }
//!     });
//!     Ok(Router::new().nest_service("/scim/v2", ScimService::new(provider)).layer(authenticate))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     let (token, mut keys) = (Token::generate()?, ApiKeys::new());
//!     keys.add(ApiKey::new(token.digest(), TenantId::new("acme")?)); // a host stores the digest only
//!     println!("SCIM URL: http://127.0.0.1:8080/scim/v2, API key: {}", token.reveal());
//!     Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, scim(keys)?).await?)
//! }
//! ```
//!
//! # The main types
//!
//! - [`Registry`]: the resource types and their schemas. The crate includes the standard types; a host adds its own
//!   types.
//! - [`Store`]: the one trait that a host implements. [`MemoryStore`](store::MemoryStore) is a ready-made store in
//!   memory.
//! - [`ServiceProvider`]: the SCIM operations, such as create and search, as functions on [`Resource`]s. A host can
//!   call these functions directly.
//! - [`Request`](protocol::Request) and [`Response`](protocol::Response): the HTTP form of the same operations, as
//!   argument and result of [`ServiceProvider::handle`].
//!
//! # The path of a request
//!
//! [`protocol`] finds the endpoint, and reads the request body into a [`Resource`] or a [`patch`] that fits the
//! [`schema`]. [`provider`] reads resources from the [`store`], and computes the change with [`filter`], [`patch`] and
//! [`resource`]. The commit succeeds only if no concurrent request has changed the resource. The response shows the
//! attributes that the client asked for. An [`Error`] names the fault and its place.
//!
//! Each committed change produces an [`event`] for the host's observers and the host's store.
//!
//! The core tolerates known deviations of identity providers from the RFCs, and each deviation has a name: see
//! [`quirks`]. [`limits`] has every bound.
//!
//! # Guides
//!
//! - [Declare your tables](manual::declared_store): SCIM over the tables of a platform in SQLite or PostgreSQL.
//! - [Write your own store](manual::write_your_own_store): from a declaration with your own rules to your own SQL for
//!   everything, on SQLite and PostgreSQL; or SCIM over accounts in any other place.
//! - [Existing users](manual::existing_users): accounts that exist before SCIM, adoption, and soft deletion.
//! - [Scale out](manual::scale_out): several instances on one database, replicas, retries, and advice for CockroachDB
//!   and YugabyteDB.
//! - [From a section of an RFC to the code](manual::requirements): the files that implement each section.
//!
//! # Features
//!
//! `system` (default): the machine's clock and random ids. Without this feature the host supplies its own
//! [`Clock`](provider::Clock) and [`IdSource`](provider::IdSource).
//!
//! `http`: [`ServiceProvider::handle_http`], which takes and returns types of the crate [http](https://docs.rs/http).
//! `tower`: [`ScimService`](http::ScimService), a service for [axum](https://docs.rs/axum) and similar frameworks.
//!
//! `bearer`: random API keys, which a host stores as digests and checks in constant time.
//!
//! `oauth`: [OAuth 2.0](oauth) for identity providers: the token endpoint of the client credentials grant, and client
//! assertions of workload identity federation.
//!
//! `signed-cursors`: page cursors that clients can neither read nor alter, see
//! [`cursor_key`](provider::ServiceProviderBuilder::cursor_key).
//!
//! `sql`: filters, sort order and pages as [SQL](sql) text and parameters, for stores on SQLite and PostgreSQL.
//!
//! `testkit`: [`StoreKit`](testkit::StoreKit), checks of a host's own store, and [`Traffic`](testkit::Traffic), the
//! request sequences of Okta, Entra ID and other identity providers, replayed against a host's service provider.
//!
//! `tracing`: a span `scim.request` of the crate [tracing](https://docs.rs/tracing) for each request, with `tenant`,
//! `actor`, `request_id`, `operation`, `resource_type`, `status`, `scim_type`, `store_calls`, `rows` (that the store
//! returned), `retries` (after concurrent changes or while the store was busy) and `quirks`. The span contains no value
//! of a resource.
//!
//! [`Error`]: error::Error
//! [`Registry`]: schema::Registry
//! [`Resource`]: resource::Resource
//! [`ServiceProvider`]: provider::ServiceProvider
//! [`ServiceProvider::handle`]: provider::ServiceProvider::handle
//! [`ServiceProvider::handle_http`]: provider::ServiceProvider::handle_http
//! [`Store`]: store::Store
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "bearer")]
#[cfg_attr(docsrs, doc(cfg(feature = "bearer")))]
pub mod bearer;
pub mod error;
pub mod event;
pub mod filter;
pub mod fold;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub mod http;
pub mod limits;
pub mod manual;
pub mod message;
#[cfg(feature = "oauth")]
#[cfg_attr(docsrs, doc(cfg(feature = "oauth")))]
pub mod oauth;
pub mod patch;
pub mod path;
pub mod protocol;
pub mod provider;
pub mod quirks;
pub mod resource;
pub mod schema;
#[cfg(feature = "sql")]
#[cfg_attr(docsrs, doc(cfg(feature = "sql")))]
pub mod sql;
pub mod store;
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub mod testkit;
pub mod value;

/// The crate of the dates and durations in this crate's types.
pub use chrono;

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
