//! The resource type that a host names in a call.

use crate::fixture::host::{self, now};
use scim_core::{
    error::Error,
    message::SearchRequest,
    patch::Patch,
    provider::{Options, Precondition},
    resource::User,
    schema::Registry,
};

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (u16, String) {
    let error = result.unwrap_err();
    (error.status(), error.detail().to_owned())
}

#[test]
fn a_resource_type_is_found_by_its_name() {
    let host = host::host();
    let id = host.user("ann");
    let (provider, context, options) = (&host.provider, &host.context, Options::default());
    let user = provider.registry().resource_type("User").unwrap();
    let answer = now(provider.get(context, "User", &id, &options)).unwrap();
    assert_eq!(answer.to_json(), now(provider.get(context, user, &id, &options)).unwrap().to_json());
    assert_eq!(serde_json::to_value(&answer).unwrap(), host.get(&format!("/Users/{id}")).json());

    let patch = Patch::builder().replace("title", "Guide").build().unwrap();
    assert!(now(provider.patch(context, "User", &id, &patch, &options)).unwrap().changed());
    let found = now(provider.search(context, "User", &SearchRequest::default())).unwrap();
    assert_eq!(serde_json::to_value(&found).unwrap(), host.get("/Users").json());
    now(provider.delete(context, "User", &id, &Precondition::default())).unwrap();
    assert_eq!(host.get(&format!("/Users/{id}")).status, 404);
}

#[test]
fn an_unknown_resource_type_and_one_of_another_registry_are_refused_and_change_nothing() {
    let host = host::host();
    let id = host.user("ann");
    let before = host.everything();
    let (provider, context, options) = (&host.provider, &host.context, Options::default());
    let registry = Registry::standard();
    let foreign = registry.resource_type("User").unwrap();
    let patch = Patch::builder().replace("title", "Guide").build().unwrap();
    let search = SearchRequest::default();
    let unknown = (404, "this service provider has no resource type `Device`".to_owned());
    let other = (400, "the resource type `User` is not from this service provider's registry".to_owned());

    assert_eq!(refusal(now(provider.get(context, "Device", &id, &options))), unknown);
    assert_eq!(refusal(now(provider.get(context, foreign, &id, &options))), other);
    assert_eq!(refusal(now(provider.search(context, "Device", &search))), unknown);
    assert_eq!(refusal(now(provider.search(context, foreign, &search))), other);
    assert_eq!(refusal(now(provider.patch(context, "Device", &id, &patch, &options))), unknown);
    assert_eq!(refusal(now(provider.patch(context, foreign, &id, &patch, &options))), other);
    assert_eq!(refusal(now(provider.delete(context, "Device", &id, &Precondition::default()))), unknown);
    assert_eq!(refusal(now(provider.delete(context, foreign, &id, &Precondition::default()))), other);
    let user = || User::new(foreign, "bob").unwrap().into();
    assert_eq!(refusal(now(provider.create(context, user(), &options))), other);
    assert_eq!(refusal(now(provider.replace(context, &id, user(), &options))), other);
    assert_eq!(host.everything(), before);
}
