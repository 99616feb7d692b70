//! The request sequences of identity providers, as data that is replayed against a service provider.
//!
//! A sequence contains the requests and the expectations about their responses. A replay sends the requests and judges
//! the responses from outside, as the identity provider does. It applies one rule of SCIM only: a response cannot
//! contain an attribute that the service provider has not registered.

mod adapt;
mod catalog;
mod discovery;
mod exchange;
mod expect;
mod file;
mod json;
mod replay;
mod requested;
mod step;
mod story;
mod template;

use std::convert::Infallible;

pub use self::{
    discovery::SchemaSource,
    exchange::{Exchange, TrafficRequest, TrafficResponse},
    file::TrafficError,
    step::Step,
    story::{Replay, Replayed, Verdict},
};
use crate::{
    protocol::Request,
    provider::ServiceProvider,
    quirks::Quirks,
    store::{RequestContext, Store},
};

macro_rules! sequences {
    ($($(#[$doc:meta])* $name:ident = $file:literal,)*) => {
        impl Traffic {
            $(
                $(#[$doc])*
                pub fn $name() -> Self {
                    Self::of_the_crate(include_str!(concat!("traffic/", $file)))
                }
            )*

            /// All sequences of this crate.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name()),*]
            }
        }
    };
}

sequences! {
    /// Okta: connection test, users, password synchronization, group push, import, and the requests of its
    /// certification.
    okta = "okta.json",
    /// Microsoft Entra ID: connection test, cycles, its forms of PATCH, managers, groups with parallel member changes,
    /// deletion, and the requests of its validator.
    entra = "entra.json",
    /// OneLogin: PUT for users under the schema names of a draft, PATCH for groups.
    onelogin = "onelogin.json",
    /// JumpCloud: a test that creates and deletes a user and a group; members removed by a list of values. PUT for
    /// users is an assumption: no source was found.
    jumpcloud = "jumpcloud.json",
    /// Google Workspace: users without groups. PUT for users is an assumption: no source was found.
    google = "google.json",
    /// PingOne and PingFederate: PATCH through value paths.
    ping = "ping.json",
    /// SailPoint: JSON packed into a string, and aggregation of all pages.
    sailpoint = "sailpoint.json",
    /// Clients written for the service provider of GitHub.
    github = "github.json",
    /// Clients written for the service provider of AWS IAM Identity Center. Paging by cursor (RFC 9865) is an
    /// assumption: no source was found.
    aws = "aws.json",
    /// Rippling, CyberArk and clients built on Workday: PATCH and PUT as in the RFC. `""` for a cleared attribute is
    /// an assumption: no source was found.
    rippling = "rippling.json",
    /// The habits that a service provider should expect of any client: names in any case, `null`, requests that come
    /// twice or at the same time, and forms seen from smaller identity providers.
    habits = "habits.json",
}

/// The requests of an identity provider in their order, with its expectations about each response.
///
/// A sequence creates its users and groups, under names that contain the number of the run, and leaves most of them
/// behind. It can be replayed often in one tenant and next to other data, as long as each run has its own number and
/// no other client changes the resources of the run.
///
/// # Hosts with few attributes
///
/// An identity provider sends the attributes that an administrator has mapped, whether the service provider has them
/// or not, and reads back those that the service provider has. A replay does the same: it takes the registered
/// attributes from the registry or, through a transport, from `/ResourceTypes` and `/Schemas`, sends every request
/// unchanged, and leaves out the expectations about attributes that are not registered. A 400 to a request with such
/// an attribute is a failure, since the identity provider would not deliver the other changes of the user either.
///
/// A step that concerns only such attributes has the verdict [`Verdict::NotApplicable`]: a PATCH that writes only
/// unregistered attributes, a filter by such an attribute, a user whose roles are read back. The report counts these
/// steps and names the attributes, so that an attribute which is missing by mistake can be seen. When `/ResourceTypes`
/// or `/Schemas` gives no complete answer, every expectation applies.
///
/// ```
/// # #[cfg(feature = "system")] {
/// # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
/// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
/// # }
/// use scim_core::{provider::ServiceProvider, quirks::Quirks, schema::Registry, testkit::Traffic};
/// use scim_core::store::{MemoryStore, RequestContext, TenantId};
///
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://platform.example/scim/v2")
///     .quirks(Quirks::entra())
///     .build()?;
/// let context = RequestContext::new(TenantId::single());
/// let replay = block_on(Traffic::entra().replay(&provider, &context, 1));
/// assert!(replay.is_passed(), "{replay}");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Traffic {
    name: String,
    headers: Vec<(String, String)>,
    values: Vec<(String, String)>,
    /// The steps of one act are sent together; most acts have one step.
    acts: Vec<Vec<Step>>,
}

impl Traffic {
    /// Returns the sequence that a host describes in JSON.
    ///
    /// | member | |
    /// | --- | --- |
    /// | `name` | the name of the client |
    /// | `headers` | sent with every request; `Content-Type` only where there is a body |
    /// | `values` | names for texts, which may have `{run}` in them |
    /// | `shapes` | names for conditions that many answers have to meet |
    /// | `steps` | the steps, and `{"together": [steps]}` for steps that are sent at the same time |
    ///
    /// A step:
    ///
    /// | member | |
    /// | --- | --- |
    /// | `id` | its name |
    /// | `from` | numbers of the observations behind it |
    /// | `when` | the event at the identity provider, in a sentence that the report shows |
    /// | `send` | method and target; in the target, spaces and quotes need not be encoded |
    /// | `headers` | override the headers of the sequence; `null` omits a header |
    /// | `body` | the request body, sent as written, but without white space |
    /// | `echo` | the name of a kept document that is sent, with `body` merged into it (RFC 7396) |
    /// | `expect` | see below |
    /// | `otherwise` | the consequence of another answer |
    /// | `keep` | names for values of the answer, each by a JSON pointer (RFC 6901), `""` for all of it |
    /// | `quirks` | names of the [`Quirk`](crate::quirks::Quirk)s that it relies on |
    /// | `walk` | `index` or `cursor`: reads all pages; `{start}` or `{cursor}` is in the target |
    ///
    /// `expect` has `status` (one or an array), `headers` (`*` is any value), `shape`, `same_version` or
    /// `other_version` with the id of an earlier step, and `body` with `has`, `lacks`, `is`, `count`, `contains`,
    /// `without` and `exactly`, all by JSON pointers. In the last three, objects may have more members than are named.
    /// If the statuses include 204 and a PUT or PATCH gets 204, the replay reads the resource and checks the other
    /// expectations on it. The pages of a walk are joined to one list, with `pages`; the shape applies to each page.
    ///
    /// A condition about an attribute that the service provider has not registered is left out, and so is an
    /// unregistered member of an expected object: see [`Traffic`].
    ///
    /// In targets, headers, bodies and expectations, `{name}` is replaced by a value; `{status}` is the status of the
    /// response, as a string.
    ///
    /// ```
    /// use scim_core::testkit::Traffic;
    ///
    /// let traffic = Traffic::from_json(r#"{
    ///     "name": "our own tooling",
    ///     "headers": {"Accept": "application/json"},
    ///     "steps": [{
    ///         "id": "create", "when": "Somebody is hired.", "send": "POST /Users",
    ///         "body": {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada-{run}"},
    ///         "expect": {"status": 201, "body": {"has": {"/userName": "ada-{run}"}}},
    ///         "keep": {"ada": "/id"}, "otherwise": "The hire has no account."
    ///     }, {
    ///         "id": "read", "when": "The next day.", "send": "GET /Users/{ada}",
    ///         "expect": {"status": 200, "same_version": "create"}, "otherwise": "The hire has a second account."
    ///     }]
    /// }"#)?;
    /// assert_eq!(traffic.steps().len(), 2);
    ///
    /// let error = Traffic::from_json(r#"{"name": "", "steps": []}"#).unwrap_err();
    /// assert_eq!(error.to_string(), "the sequence: expected at least one step, found none");
    /// # Ok::<(), scim_core::testkit::TrafficError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the text is not such JSON, or when a step uses a name that no earlier step provides.
    pub fn from_json(json: &str) -> Result<Self, TrafficError> {
        file::read(json)
    }

    /// Reads a sequence of this crate. A test reads them all. A sequence that cannot be read would have no steps, and
    /// a replay without steps has not passed.
    fn of_the_crate(json: &str) -> Self {
        let none = |error: TrafficError| Self {
            name: error.to_string(),
            headers: Vec::new(),
            values: Vec::new(),
            acts: Vec::new(),
        };
        Self::from_json(json).unwrap_or_else(none)
    }

    /// The name of the client that sends the sequence.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The steps, in their order.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Step> {
        let steps: Vec<&Step> = self.acts.iter().flatten().collect();
        steps.into_iter()
    }

    /// The quirks of all steps: the habits that a service provider has to tolerate for this sequence.
    /// [`Quirks::default`] contains these quirks, except for the quirks that only [`Quirks::entra`] has.
    ///
    /// Each step is sent whatever is tolerated, and passes if the response is right. If a step fails,
    /// [`Replayed::switched_off`] names the missing quirks.
    pub fn quirks(&self) -> Quirks {
        self.steps().fold(Quirks::strict(), |all, step| all.union(step.quirks()))
    }

    /// Replays the sequence against a service provider, without a network. The registered attributes come from its
    /// registry.
    ///
    /// `run` makes the names that the sequence uses. A number that was used before in the same tenant finds the
    /// resources of the earlier run.
    pub async fn replay<S: Store>(&self, provider: &ServiceProvider<S>, context: &RequestContext, run: u64) -> Replay {
        let known = replay::Provider { registry: provider.registry(), quirks: provider.quirks() };
        replay::replay(self, run, Some(known), |request| answer(provider, context, request)).await
    }

    /// Replays the sequence through any transport, such as an HTTP client. `send` gets each request and returns the
    /// response, or an error that explains why no response came. Requests of one act are sent concurrently. The future
    /// is `Send` if `send` and its future are.
    ///
    /// The targets are relative to the base URL. The first two requests are `GET /ResourceTypes` and `GET /Schemas`,
    /// from which the replay learns the registered attributes; they belong to no step.
    ///
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    /// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
    /// # }
    /// use scim_core::testkit::{Traffic, TrafficRequest, TrafficResponse};
    ///
    /// // A client would send `request` to "https://platform.example/scim/v2" and `request.target`.
    /// let send = async |request: TrafficRequest| {
    ///     if request.method == "GET" { Ok(TrafficResponse::new(404)) } else { Err("connection refused") }
    /// };
    /// let replay = block_on(Traffic::okta().replay_with(1, send));
    /// assert!(!replay.is_passed());
    /// assert!(replay.to_string().contains("FAILED: expected the status 200: found 404"), "{replay}");
    /// ```
    #[expect(clippy::future_not_send, reason = "it is `Send` when the transport is, which a test need not have")]
    pub async fn replay_with<F, Fut, E>(&self, run: u64, send: F) -> Replay
    where
        F: Fn(TrafficRequest) -> Fut,
        Fut: Future<Output = Result<TrafficResponse, E>>,
        E: std::fmt::Display,
    {
        replay::replay(self, run, None, send).await
    }
}

async fn answer<S: Store>(
    provider: &ServiceProvider<S>,
    context: &RequestContext,
    request: TrafficRequest,
) -> Result<TrafficResponse, Infallible> {
    let headers = request.headers.iter().map(|(name, value)| (name, value.as_str()));
    let asked = Request::new(&request.method, &request.target).with_headers(headers).with_body(&request.body);
    let response = provider.handle(context, &asked).await;
    let answer = response
        .headers()
        .fold(TrafficResponse::new(response.status), |answer, (name, value)| answer.with_header(name, value));
    Ok(answer.with_body(response.body))
}
