//! The checks that each host of this package passes.
#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a check that panics has failed")]

use scim_core::{
    bearer::{ApiKey, ApiKeys, Token},
    store::TenantId,
    testkit::{Traffic, TrafficRequest, TrafficResponse},
};

/// A key of one organization, and its token.
#[must_use]
pub fn key() -> (ApiKeys<TenantId>, String) {
    let token = Token::generate().expect("random bytes");
    let mut keys = ApiKeys::new();
    keys.add(ApiKey::new(token.digest(), TenantId::new("acme").expect("an id")));
    (keys, token.reveal().to_owned())
}

/// Replays the requests of all identity providers of the kit, and checks that strangers get 401. `send` sends a
/// request, with the given value of `Authorization`, to the path below `/scim/v2`.
pub async fn check(token: &str, send: impl AsyncFn(TrafficRequest, Option<String>) -> TrafficResponse) {
    for (run, traffic) in (1..).zip(Traffic::all()) {
        let replay = traffic.replay_with(run, async |request: TrafficRequest| {
            let own = request.header("Authorization").map(str::to_owned);
            let authorization = own.unwrap_or_else(|| format!("Bearer {token}"));
            Ok::<_, std::convert::Infallible>(send(request, Some(authorization)).await)
        });
        let replay = replay.await;
        assert!(replay.is_passed(), "{replay}");
    }
    for authorization in [None, Some("Bearer wrong".to_owned())] {
        let first = std::cell::RefCell::new(None);
        let okta = Traffic::okta();
        let replay = okta.replay_with(99, async |request: TrafficRequest| {
            let response = send(request, authorization.clone()).await;
            first.borrow_mut().get_or_insert_with(|| response.clone());
            Ok::<_, std::convert::Infallible>(response)
        });
        assert!(!replay.await.is_passed());
        let first = first.into_inner().expect("a request");
        assert_eq!(
            (first.status(), first.header_value("WWW-Authenticate")),
            (401, Some("Bearer")),
            "{authorization:?}"
        );
    }
}
