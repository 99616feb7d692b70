//! Organizations and keys without a server: the end of keys, and the stored values.

use std::time::Duration;

use crate::process::{Place, TOKEN, stores};
use chrono::{TimeDelta, Utc};
use platform::{
    directory::{Directory, DirectoryError, Key, OrganizationName},
    storage::{Location, Storage},
};
use scim_core::bearer::{Token, TokenDigest};
use tokio::time::sleep;

async fn open(place: &Place) -> Storage {
    Storage::open(&Location::read(&place.url).unwrap()).await.unwrap()
}

fn name(name: &str) -> OrganizationName {
    name.parse().unwrap()
}

/// A directory with the organization `acme`.
async fn acme(storage: &Storage) -> Directory {
    let directory = Directory::new(storage);
    assert!(directory.ensure_organization(&name("acme")).await.unwrap().scim);
    directory
}

async fn opens(directory: &Directory, organization: &str, token: &str) -> bool {
    directory.authenticate(organization, &format!("Bearer {token}"), None).await.unwrap().is_some()
}

#[tokio::test]
async fn a_key_ends_when_its_time_is_over() {
    for place in stores() {
        let storage = open(&place).await;
        let directory = acme(&storage).await;
        let mut key = Key::new(&name("acme"), "short", TokenDigest::of(TOKEN));
        key.expires = Some(key.created + TimeDelta::milliseconds(900));
        directory.add_key(key.clone()).await.unwrap();
        let caller = directory.authenticate("acme", &format!("Bearer {TOKEN}"), None).await.unwrap().unwrap();
        assert_eq!((caller.tenant.as_str(), &*caller.name), ("acme", "short"));
        let ends = key.expires.unwrap();
        // The cached trust would last longer than the key.
        while Utc::now() < ends {
            sleep(Duration::from_millis(20)).await;
        }
        assert!(!opens(&directory, "acme", TOKEN).await, "{place:?}");
        assert!(matches!(directory.add_key(key).await, Err(DirectoryError::Expired(_))), "{place:?}");
        assert!(!opens(&directory, "acme", TOKEN).await, "{place:?}");
    }
}

#[tokio::test]
async fn a_revocation_holds_at_once_in_its_own_process() {
    for place in stores() {
        let storage = open(&place).await;
        let directory = acme(&storage).await;
        let key = Key::new(&name("acme"), "key", TokenDigest::of(TOKEN));
        for _ in 0..2 {
            directory.add_key(key.clone()).await.unwrap();
        }
        assert_eq!(directory.keys(None).await.unwrap().len(), 1, "the same key again is the same key");
        assert!(opens(&directory, "acme", TOKEN).await);
        let digest = key.digest.to_string();
        assert_eq!(directory.revoke(&digest[..8]).await.unwrap().revoked, None);
        assert!(!opens(&directory, "acme", TOKEN).await, "{place:?}");
        let first = directory.keys(None).await.unwrap()[0].revoked.unwrap();
        assert_eq!(directory.revoke(&digest).await.unwrap().revoked, Some(first));
        assert!(matches!(directory.add_key(key).await, Err(DirectoryError::Revoked(shown)) if *shown == digest[..12]));
    }
}

#[tokio::test]
async fn a_key_opens_one_organization() {
    for place in stores() {
        let storage = open(&place).await;
        let directory = acme(&storage).await;
        let digest = TokenDigest::of(TOKEN);
        let elsewhere = directory.add_key(Key::new(&name("globex"), "key", digest)).await;
        assert!(matches!(elsewhere, Err(DirectoryError::NoOrganization(_))), "{elsewhere:?}");
        directory.add_key(Key::new(&name("acme"), "key", digest)).await.unwrap();
        directory.ensure_organization(&name("globex")).await.unwrap();
        let taken = directory.add_key(Key::new(&name("globex"), "key", digest)).await;
        assert!(matches!(taken, Err(DirectoryError::Taken)), "{taken:?}");
        assert!(opens(&directory, "acme", TOKEN).await && !opens(&directory, "globex", TOKEN).await, "{place:?}");

        directory.set_scim(&name("acme"), false).await.unwrap();
        let another = Directory::new(&storage);
        if !matches!(storage, Storage::Memory) {
            assert!(!opens(&another, "acme", TOKEN).await, "{place:?}");
        }
        assert!(!directory.ensure_organization(&name("acme")).await.unwrap().scim, "it stays as it is");
        let nobody = directory.set_scim(&name("nobody"), true).await;
        assert!(matches!(nobody, Err(DirectoryError::NoOrganization(_))), "{nobody:?}");
        let names: Vec<_> = directory.organizations().await.unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["acme", "globex"]);
    }
}

/// The last use is written at most once a minute, whichever instance used the key.
#[tokio::test]
async fn the_last_use_of_a_key_is_written_once_a_minute() {
    for place in stores() {
        let storage = open(&place).await;
        let directory = acme(&storage).await;
        let token = Token::generate().unwrap();
        directory.add_key(Key::new(&name("acme"), "key", token.digest())).await.unwrap();
        let used = async || directory.keys(None).await.unwrap()[0].used;
        assert_eq!(used().await, None);
        assert!(!opens(&directory, "globex", token.reveal()).await);
        sleep(Duration::from_millis(200)).await;
        assert_eq!(used().await, None, "who is refused does not use it");
        let before = Utc::now();
        assert!(opens(&directory, "acme", token.reveal()).await);
        let first = loop {
            if let Some(first) = used().await {
                break first;
            }
            sleep(Duration::from_millis(10)).await;
        };
        assert!(first >= before - TimeDelta::milliseconds(1) && first <= Utc::now(), "{place:?}: {first}");
        for again in [&directory, &Directory::new(&storage)] {
            opens(again, "acme", token.reveal()).await;
        }
        sleep(Duration::from_millis(200)).await;
        assert_eq!(used().await, Some(first), "{place:?}");
    }
}

/// Only a digest of the token is stored.
#[tokio::test]
async fn no_token_is_kept() {
    for place in stores() {
        let storage = open(&place).await;
        let directory = acme(&storage).await;
        directory.add_key(Key::new(&name("acme"), "key", TokenDigest::of(TOKEN))).await.unwrap();
        let shown = format!("{directory:?} {storage:?} {:?}", directory.keys(None).await.unwrap());
        assert!(!shown.contains(TOKEN) && !place.bytes().windows(TOKEN.len()).any(|bytes| bytes == TOKEN.as_bytes()));
    }
}
