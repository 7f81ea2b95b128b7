//! Logins that end during a run, and token services that reject a login once.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sealift_core::{
    error::{ErrorKind, Retry},
    stage::{Fetch, ResolveMode},
};

use super::{double::*, setting::*};

fn index() -> Reply {
    reply(200).header("content-type", empty_index().media_type()).body(empty_index().bytes().clone())
}

/// A token service that gives the status `answer` to its requests, by their number, and a registry that accepts each
/// token for one repository.
async fn with_token_service(answer: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Double {
    let count = AtomicUsize::new(0);
    Double::start(move |asked| {
        let host = asked.header("host").unwrap_or_default();
        match asked.path.starts_with("/token") {
            true => match answer(count.fetch_add(1, Ordering::Relaxed) + 1) {
                200 => reply(200).json(r#"{"token":"good","expires_in":300}"#),
                status => reply(status),
            },
            false if asked.authorized() => index(),
            false => {
                reply(401).header("www-authenticate", format!(r#"Bearer realm="http://{host}/token",service="s""#))
            }
        }
    })
    .await
}

async fn resolve_all(double: &Double, images: usize) -> Vec<sealift_core::error::Result<()>> {
    let fetch = fetch_of(&client_with(&[(&double.host(), login("bot", "secret"))], hasty()));
    let mut results = Vec::new();
    for number in 0..images {
        let image = image_at(&double.host(), &format!("a/b{number}:v1"));
        results.push(fetch.resolve(&image, ResolveMode::Manifest).await.map(|_| ()));
    }
    results
}

#[tokio::test]
async fn a_token_service_that_rejects_a_good_login_once_is_asked_again() {
    for status in [401, 403] {
        let double = with_token_service(move |number| if number == 3 { status } else { 200 }).await;
        let results = resolve_all(&double, 6).await;
        assert!(results.iter().all(Result::is_ok), "{status}: {results:?}");
        assert_eq!(double.count("GET", "/token"), 7);
    }
}

#[tokio::test]
async fn a_login_that_becomes_wrong_is_tried_a_few_times_only() {
    let double = with_token_service(|number| if number <= 2 { 200 } else { 401 }).await;
    let results = resolve_all(&double, 200).await;
    let first = results[2].as_ref().unwrap_err();
    assert_eq!(first.kind(), ErrorKind::Denied);
    assert!(matches!(first.retry(), Retry::After(_)), "it is worth another pass: {first:?}");
    assert!(results[2..].iter().all(Result::is_err));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(double.count("GET", "/token") <= 2 + 6, "{}", double.count("GET", "/token"));
}

/// A registry that accepts the password `s1`, later `s2` and so on, each for two requests.
async fn with_brief_passwords() -> Double {
    let served = AtomicUsize::new(0);
    Double::start(move |asked| {
        let number = served.load(Ordering::Relaxed) / 2;
        let good = format!("Basic {}", BASE64_STANDARD.encode(format!("bot:s{number}")));
        if asked.header("authorization") != Some(&good) {
            return reply(401).header("www-authenticate", "Basic realm=\"x\"");
        }
        served.fetch_add(1, Ordering::Relaxed);
        index()
    })
    .await
}

#[tokio::test]
async fn a_file_whose_login_ends_is_read_again() {
    let double = with_brief_passwords().await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("auth.json");
    let write = |number: usize| {
        let auth = BASE64_STANDARD.encode(format!("bot:s{number}"));
        std::fs::write(&file, format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, double.host())).unwrap();
    };
    write(0);
    let env = [("REGISTRY_AUTH_FILE", file.to_str().unwrap())];
    let fetch = fetch_of(&client_in(&[], hasty(), Path::new("/nonexistent"), &env));
    let image = image_at(&double.host(), "a/b:v1");
    for round in 0..3 {
        write(round);
        for _ in 0..2 {
            fetch.resolve(&image, ResolveMode::Manifest).await.unwrap();
        }
        // A file that was just read is not read again.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
}

/// A 401 may be about one repository only.
#[tokio::test]
async fn a_password_that_may_not_read_one_repository_is_good_for_the_others() {
    let double = Double::start(|asked| match asked.authorized() && !asked.path.contains("secret") {
        true => index(),
        false => reply(401).header("www-authenticate", "Basic realm=\"x\""),
    })
    .await;
    let fetch = fetch_of(&client_with(&[(&double.host(), login("bot", "secret"))], hasty()));
    for (name, is_ok) in [("a/b", true), ("x/secret", false), ("a/c", true)] {
        let image = image_at(&double.host(), &format!("{name}:v1"));
        assert_eq!(fetch.resolve(&image, ResolveMode::Manifest).await.is_ok(), is_ok, "{name}");
    }
}

/// A helper may take long, so it is asked only if the registry wants a login.
#[tokio::test]
async fn no_helper_is_asked_for_a_registry_that_wants_no_login() {
    let home = tempfile::tempdir().unwrap();
    let helper = home.path().join("docker-credential-slow");
    std::fs::write(&helper, format!("#!/bin/sh\ntouch {}/asked\nexit 1\n", home.path().display())).unwrap();
    std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(home.path().join("auth.json"), r#"{"credsStore": "slow"}"#).unwrap();
    let file = home.path().join("auth.json");
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap_or_default());
    let env = [("REGISTRY_AUTH_FILE", file.to_str().unwrap()), ("PATH", &path)];
    let asked = |double: Double| {
        let (home, env) = (&home, &env);
        async move {
            let client = client_in(&[], hasty(), Path::new("/nonexistent"), env);
            let image = image_at(&double.host(), "a/b:v1");
            assert!(fetch_of(&client).resolve(&image, ResolveMode::Manifest).await.is_err());
            home.path().join("asked").exists()
        }
    };
    let open = Double::start(|asked| reply(if asked.path == "/v2/" { 200 } else { 404 })).await;
    assert!(!asked(open).await);
    let closed = Double::start(|asked| match asked.path == "/v2/" {
        true => reply(401).header("www-authenticate", "Basic realm=\"x\""),
        false => reply(404),
    });
    assert!(asked(closed.await).await);
}

#[tokio::test]
async fn many_requests_with_a_login_that_ended_renew_it_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let double = Double::start(move |asked| {
        let good = format!("Basic {}", BASE64_STANDARD.encode("bot:new"));
        let old = format!("Basic {}", BASE64_STANDARD.encode("bot:old"));
        match asked.header("authorization") {
            Some(header) if header == good => index(),
            // The old one is good for the first request.
            Some(header) if header == old && seen.fetch_add(1, Ordering::Relaxed) == 0 => index(),
            _ => reply(401).header("www-authenticate", "Basic realm=\"x\""),
        }
    })
    .await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("auth.json");
    let write = |password: &str| {
        let auth = BASE64_STANDARD.encode(format!("bot:{password}"));
        std::fs::write(&file, format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, double.host())).unwrap();
    };
    write("old");
    let env = [("REGISTRY_AUTH_FILE", file.to_str().unwrap())];
    let fetch = fetch_of(&client_in(&[], hasty(), Path::new("/nonexistent"), &env));
    let image = image_at(&double.host(), "a/b:v1");
    fetch.resolve(&image, ResolveMode::Manifest).await.unwrap();
    write("new");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let all = (0..10).map(|_| fetch.resolve(&image, ResolveMode::Manifest));
    let all = futures::future::join_all(all).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
}
