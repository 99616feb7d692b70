//! The service providers of the core: one for each identity provider, because each identity provider has its own
//! habits.
//!
//! All service providers share the same store, so an organization that changes its identity provider loses nothing.

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use scim_core::{
    http::ScimService,
    limits::Limits,
    message::AuthenticationScheme,
    provider::{ConfigurationError, ServiceProvider},
    store::DynStore,
};
use tower_service::Service as _;

use super::{Settings, scim_url};
use crate::identity_provider::IdentityProvider;

type Provider = ServiceProvider<DynStore>;

/// The maximum number of bytes of an answer. A request holds the text of a page, its resources and the answer, each for a
/// part of its time, and takes less than 100 MB.
const ANSWER: usize = 20 << 20;

/// The service providers.
#[derive(Clone)]
pub(super) struct Providers {
    okta: Provider,
    entra: Provider,
    other: Provider,
}

impl Providers {
    /// Builds the service providers. `with_clients` means that there are OAuth clients in addition to API keys.
    pub(super) fn build(
        resources: &DynStore,
        settings: &Settings,
        with_clients: bool,
    ) -> Result<Self, ConfigurationError> {
        let mut limits = Limits::default();
        limits.answer = ANSWER;
        let build = |identity_provider: IdentityProvider| {
            let mut builder = ServiceProvider::builder(
                settings.registry.clone(),
                resources.clone(),
                scim_url(&settings.url, "{tenant}"),
            )
            .limits(limits.clone())
            .quirks(identity_provider.quirks())
            .authentication_scheme(AuthenticationScheme::bearer());
            if with_clients {
                builder = builder.authentication_scheme(AuthenticationScheme::client_credentials());
            }
            for key in &settings.cursor_keys {
                builder = builder.cursor_key(key.clone());
            }
            builder.build()
        };
        Ok(Self {
            okta: build(IdentityProvider::Okta)?,
            entra: build(IdentityProvider::Entra)?,
            other: build(IdentityProvider::Other)?,
        })
    }

    /// Any service provider, for questions that all service providers answer alike, such as the limit of a body.
    pub(super) fn any(&self) -> &Provider {
        &self.other
    }

    /// Answers a request according to the habits of the identity provider in the request's extensions. The
    /// admission sets it.
    pub(super) async fn answer(self, request: Request) -> Response {
        let provider = match request.extensions().get::<IdentityProvider>() {
            Some(IdentityProvider::Okta) => self.okta,
            Some(IdentityProvider::Entra) => self.entra,
            // Without the admission there is no caller either, and the service provider refuses the request.
            Some(IdentityProvider::Other) | None => self.other,
        };
        let Ok(response) = ScimService::new(provider).call(request).await;
        response.map(Body::new).into_response()
    }
}
