//! A client that changes users by requests, and asks the host's own sign-in query after each request.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Utc};

use super::{
    super::samples::{moment, text},
    Failure, Kit, Random, RequestContext, ResourceType, SignIn, Stop, Store, check, failed,
};
use crate::{
    message::{BULK_REQUEST, PATCH_OP, SearchRequest},
    protocol::{Request, Response},
    provider::{Clock, IdSource, Options, ServiceProvider},
    schema::{AttributeId, AttributeType, DefaultValue, Mutability},
    value::{Text, Value},
};

/// The base URL of the service provider; no request leaves the process.
const BASE: &str = "https://kit.example/scim/v2";

/// A clock that advances by a second with each reading.
#[derive(Debug, Default)]
struct Seconds(AtomicI64);

impl Clock for Seconds {
    fn now(&self) -> DateTime<Utc> {
        moment(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct Ids(Mutex<Random>);

impl IdSource for Ids {
    fn next(&self) -> Text {
        Text::from(self.0.lock().unwrap_or_else(PoisonError::into_inner).id())
    }
}

/// A kind of request that changes `active`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Road {
    pub(super) name: &'static str,
    form: Form,
    in_bulk: bool,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// PATCH with a path, as Entra ID sends it.
    PatchOfPath,
    /// PATCH without a path, as Okta sends it.
    PatchOfObject,
    Put,
}

/// RFC 7644 §3.5.1, §3.5.2, §3.7.
pub(super) const ROADS: [Road; 5] = [
    Road { name: "PATCH of `active`", form: Form::PatchOfPath, in_bulk: false },
    Road { name: "PATCH without a path", form: Form::PatchOfObject, in_bulk: false },
    Road { name: "PUT", form: Form::Put, in_bulk: false },
    Road { name: "PATCH in a bulk request", form: Form::PatchOfPath, in_bulk: true },
    Road { name: "PUT in a bulk request", form: Form::Put, in_bulk: true },
];

/// A user of the kit's.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
}

/// A client of the kit's own service provider over the host's store.
pub(super) struct Client<'a, S> {
    kit: &'a Kit<'a, S>,
    provider: ServiceProvider<Arc<S>>,
    resource_type: Arc<ResourceType>,
    unique: AttributeId,
    /// The attribute `active`, if a client can set it.
    pub(super) active: Option<AttributeId>,
}

impl<'a, S: Store> Client<'a, S> {
    pub(super) fn new(kit: &'a Kit<'a, S>) -> Result<Self, Stop> {
        if kit.whole.access.is_none() {
            return Err(Stop::Skipped("the kit does not know the host's sign-in query: StoreKit::with_access"));
        }
        let builder = ServiceProvider::builder(kit.whole.registry.clone(), Arc::clone(&kit.whole.store), BASE);
        // The other checks use seeds below this one.
        let ids = Ids(Mutex::new(Random::new(kit.seed.wrapping_add(500)).with_ids(kit.whole.ids.clone())));
        let provider = (kit.whole.complete)(builder).clock(Seconds::default()).ids(ids).build();
        let provider = provider.map_err(|error| failed("a service provider over the store is built", &error))?;
        let resource_type = Arc::clone(&kit.samples.subject);
        let active = resource_type.child(AttributeId::ROOT, "active").filter(|active| {
            let definition = resource_type.attribute(*active);
            definition.data_type() == AttributeType::Boolean
                && definition.mutability() == Mutability::ReadWrite
                && !definition.is_multi_valued()
        });
        Ok(Self { kit, provider, resource_type, unique: kit.samples.unique, active })
    }

    /// The roads that the service provider offers.
    pub(super) fn roads(&self) -> impl Iterator<Item = Road> + use<S> {
        let has_bulk = self.provider.limits().bulk_operations > 0;
        ROADS.into_iter().filter(move |road| has_bulk || !road.in_bulk)
    }

    /// Whether a user without a value of `active` is active, and stays as it is by a request without a value.
    pub(super) fn is_active_by_default(&self) -> bool {
        let default = self.active.and_then(|active| self.resource_type.attribute(active).default_value());
        matches!(default, Some(DefaultValue::Boolean(true)))
    }

    /// A user name of this run, which no other step uses.
    pub(super) fn name(&self, step: &str) -> String {
        let unique = self.kit.samples.named(&self.resource_type, "", &format!("{step} {}", self.kit.seed));
        unique.value(self.unique).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The document of a user. `active` is absent if it is `None`.
    fn document(&self, name: &str, active: Option<bool>, external_id: &str) -> Vec<u8> {
        let mut resource = self.kit.samples.named(&self.resource_type, "", name);
        let root = resource.root_mut();
        root.remove(AttributeId::ID);
        root.remove(AttributeId::META);
        root.insert(AttributeId::EXTERNAL_ID, text(external_id));
        resource.assign(self.unique, Some(text(name)));
        if let Some(attribute) = self.active {
            resource.assign(attribute, active.map(Value::Boolean));
        }
        resource.to_json()
    }

    /// Sends a request, whatever its answer.
    pub(super) async fn send(&self, context: &RequestContext, method: &str, target: &str, body: &[u8]) -> Response {
        let request = Request::new(method, target).with_header("Content-Type", "application/scim+json").with_body(body);
        self.provider.handle(context, &request).await
    }

    /// Sends a POST with the document of a user, whatever its answer.
    pub(super) async fn post(
        &self,
        context: &RequestContext,
        name: &str,
        active: Option<bool>,
        external_id: &str,
    ) -> Response {
        let target = format!("/{}", self.resource_type.endpoint());
        self.send(context, "POST", &target, &self.document(name, active, external_id)).await
    }

    /// Creates a user.
    pub(super) async fn create(
        &self,
        context: &RequestContext,
        what: &str,
        name: &str,
        active: Option<bool>,
    ) -> Result<User, Stop> {
        let response = self.post(context, name, active, &external_id(name)).await;
        created(&response, name).ok_or_else(|| Failure::new(what, refusal(&response)).into())
    }

    /// Sends a request about a user that must succeed, alone or in a bulk request.
    pub(super) async fn change(
        &self,
        context: &RequestContext,
        what: &str,
        (method, user, body, in_bulk): (&str, &User, &[u8], bool),
    ) -> Result<(), Stop> {
        let path = format!("/{}/{}", self.resource_type.endpoint(), user.id);
        let response = if in_bulk {
            let data =
                if body.is_empty() { String::new() } else { format!(r#","data":{}"#, String::from_utf8_lossy(body)) };
            let bulk = format!(
                r#"{{"schemas":["{BULK_REQUEST}"],"Operations":[{{"method":"{method}","path":"{path}"{data}}}]}}"#
            );
            self.send(context, "POST", "/Bulk", bulk.as_bytes()).await
        } else {
            self.send(context, method, &path, body).await
        };
        let of_operation = String::from_utf8_lossy(&response.body).contains(r#""status":"2"#);
        let is_done = (200..300).contains(&response.status) && (of_operation || !in_bulk);
        check(is_done, what, || refusal(&response))
    }

    /// Sets `active` by a request of this kind.
    pub(super) async fn set_active(
        &self,
        context: &RequestContext,
        road: Road,
        user: &User,
        active: bool,
    ) -> Result<(), Stop> {
        let change = if active { "a reactivation" } else { "a deactivation" };
        let what = format!("{change} by {} succeeds", road.name);
        let (method, body) = match road.form {
            Form::PatchOfPath => ("PATCH", patch(&format!(r#""op":"replace","path":"active","value":{active}"#))),
            Form::PatchOfObject => ("PATCH", patch(&format!(r#""op":"replace","value":{{"active":{active}}}"#))),
            Form::Put => ("PUT", self.document(&user.name, Some(active), &external_id(&user.name))),
        };
        self.change(context, &what, (method, user, &body, road.in_bulk)).await
    }

    /// Deletes a user, alone or in a bulk request.
    pub(super) async fn delete(&self, context: &RequestContext, road: Road, user: &User) -> Result<(), Stop> {
        self.change(context, "a deletion succeeds", ("DELETE", user, b"", road.in_bulk)).await
    }

    /// Replaces a user by a document without a value of `active`.
    pub(super) async fn replace_without_active(&self, context: &RequestContext, user: &User) -> Result<(), Stop> {
        let body = self.document(&user.name, None, &format!("other {}", external_id(&user.name)));
        self.change(context, "a PUT without `active` succeeds", ("PUT", user, &body, false)).await
    }

    /// Asks the host's own query whether the user may sign in to the tenant, and compares the answer.
    pub(super) async fn signs_in(
        &self,
        context: &RequestContext,
        user: &User,
        expected: bool,
        when: &str,
    ) -> Result<(), Stop> {
        let Some(access) = &self.kit.whole.access else { return Ok(()) };
        let what = format!("{when}, the user {}", if expected { "may sign in" } else { "may not sign in" });
        let answer = access(SignIn::new(context, &user.name, &user.id)).await;
        let answer = answer.map_err(|error| failed(&what, &error))?;
        check(answer == expected, &what, || {
            format!("the host's sign-in query {} the user", if answer { "admits" } else { "refuses" })
        })
    }

    /// Checks that reads and lists find the user, with this value of `active`.
    pub(super) async fn is_found(
        &self,
        context: &RequestContext,
        user: &User,
        active: bool,
        when: &str,
    ) -> Result<(), Stop> {
        let what = format!("{when}, a read finds the user with `active` {active}");
        let answer = self.provider.get(context, &self.resource_type, &user.id, &Options::default()).await;
        let answer = answer.map_err(|error| failed(&what, &error))?;
        let found = self.active.and_then(|active| answer.resource().value(active)).and_then(Value::as_bool);
        check(self.active.is_none() || found == Some(active), &what, || format!("`active` is {found:?}"))?;
        let ids = self.listed(context, &user.name).await?;
        let what = format!("{when}, a list by the user name has this user alone");
        check(ids == [user.id.as_str()], &what, || format!("{} resources", ids.len()))
    }

    /// Checks that neither a read nor a list finds the user.
    pub(super) async fn is_gone(&self, context: &RequestContext, user: &User, when: &str) -> Result<(), Stop> {
        let answer = self.provider.get(context, &self.resource_type, &user.id, &Options::default()).await;
        let status = answer.map_or_else(|error| error.status(), |_| 200);
        check(status == 404, &format!("{when}, a read answers 404"), || status.to_string())?;
        let ids = self.listed(context, &user.name).await?;
        check(ids.is_empty(), &format!("{when}, a list by the user name is empty"), || {
            format!("{} resources", ids.len())
        })
    }

    /// The ids of the resources with this user name.
    async fn listed(&self, context: &RequestContext, name: &str) -> Result<Vec<String>, Stop> {
        let filter = format!(r#"{} eq "{name}""#, self.resource_type.path(self.unique));
        let request = SearchRequest { filter: Some(filter.into()), ..SearchRequest::default() };
        let listing = self.provider.search(context, &self.resource_type, &request).await;
        let listing = listing.map_err(|error| failed("a list by the user name is read", &error))?;
        Ok(listing.resources().map(|(resource, _)| resource.id().to_owned()).collect())
    }
}

/// The external id of a user, since a host may need another one for each user.
pub(super) fn external_id(name: &str) -> String {
    format!("kit {name}")
}

/// The PatchOp message with one operation.
pub(super) fn patch(operation: &str) -> Vec<u8> {
    format!(r#"{{"schemas":["{PATCH_OP}"],"Operations":[{{{operation}}}]}}"#).into_bytes()
}

/// The user that a response to a POST reports.
pub(super) fn created(response: &Response, name: &str) -> Option<User> {
    let id = response.header("Location")?.rsplit('/').next()?;
    (response.status == 201).then(|| User { id: id.to_owned(), name: name.to_owned() })
}

/// The beginning of a response that refuses a request.
pub(super) fn refusal(response: &Response) -> String {
    let body: String = String::from_utf8_lossy(&response.body).chars().take(300).collect();
    format!("{}: {body}", response.status)
}
