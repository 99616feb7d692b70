//! Passwords of administrators, as Argon2id digests. A digest takes tens of milliseconds and 19 MiB, so it is computed
//! on a thread for blocking work, a few at a time. No password is stored in clear text (RFC 7643 §9.2).

use std::time::Duration;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash};
use scim_core::store::StoreError;
use tokio::{sync::Semaphore, time::timeout};

/// Limits the digests that are computed at the same time: each takes memory, and any client can cause one.
static TURNS: Semaphore = Semaphore::const_new(4);

/// The time for which a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// A digest to compare with where the account has no digest, so that the check takes the same time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIG5vYm9keQ$8o5bIY8jcYz2DT2S8dJ3pQ6bQW2uYyo8sQb0b7m1U1k";

pub(crate) async fn digest(password: String) -> Result<String, StoreError> {
    on_a_thread(move || {
        let digest = Argon2::default().hash_password(password.as_bytes()).map_err(|error| error.to_string())?;
        Ok(digest.to_string())
    })
    .await
}

pub(super) async fn is_of(digest: Option<String>, password: String) -> Result<bool, StoreError> {
    on_a_thread(move || {
        let known = digest.is_some();
        let text = digest.unwrap_or_else(|| NOBODY.to_owned());
        let digest = PasswordHash::new(&text).map_err(|error| error.to_string())?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &digest).is_ok() && known)
    })
    .await
}

async fn on_a_thread<T: Send + 'static>(
    compute: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, StoreError> {
    let Ok(turn) = timeout(PATIENCE, TURNS.acquire()).await else {
        return Err(StoreError::Unavailable { retry_after: Some(PATIENCE) });
    };
    let _turn = turn.map_err(StoreError::backend)?;
    tokio::task::spawn_blocking(compute).await.map_err(StoreError::backend)?.map_err(StoreError::backend)
}
