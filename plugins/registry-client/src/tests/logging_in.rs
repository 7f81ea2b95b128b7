//! Logging in: tokens, passwords, and how often they are asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use sealift_core::{
    error::{ErrorKind, Retry},
    stage::{Fetch, Push, ResolveMode, UploadStart},
};
use sealift_testkit::{
    registry::{Registry, login as htpasswd_line},
    token_service::TokenService,
};

use super::{double::*, setting::*};

pub(super) async fn behind_tokens(users: &[(&str, &str)]) -> Option<(Registry, TokenService)> {
    let service = TokenService::start(users).await;
    Some((Registry::with().token(service.auth()).start()?, service))
}

#[tokio::test]
async fn a_registry_behind_tokens_takes_and_gives() {
    let Some((registry, service)) = behind_tokens(&[("bot", "pa$s:+@%\"é")]).await else { return };
    let client = client_with(&[(&registry.host(), login("bot", "pa$s:+@%\"é"))], hasty());
    let push = push_of(&client);
    let at = repository(&registry.host(), "a/b");
    let content = noise(1000);
    assert_eq!(send(&push, &at, &content).await.unwrap(), "sent");
    push.tag(&at.with_tag(&"v1".parse().unwrap()), &empty_index()).await.unwrap();
    assert!(push.resolve(&at.with_tag(&"v1".parse().unwrap())).await.unwrap().is_some());
    assert_eq!(service.asked().len(), 1, "one token for all that is pushed: {:?}", service.asked());
    read(&fetch_of(&client), &at, &layer(&content)).await.unwrap();
    assert_eq!(service.asked().len(), 2, "and one to pull");
}

#[tokio::test]
async fn a_hundred_requests_at_once_ask_for_one_token() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    let client = client_with(&[(&registry.host(), login("bot", "secret"))], hasty());
    let fetch = fetch_of(&client);
    let image = image_at(&registry.host(), "a/b:v1");
    let all = join_all((0..100).map(|_| fetch.resolve(&image, ResolveMode::Manifest))).await;
    assert!(all.iter().all(|one| one.as_ref().unwrap_err().kind() == ErrorKind::NotFound));
    assert_eq!(service.asked().len(), 1);
    let bare = registry.requests().iter().filter(|request| request.status == 401).count();
    assert_eq!(bare, 1, "one request finds out for all of them");
}

#[tokio::test]
async fn mounting_needs_a_token_for_both_repositories() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    let client = client_with(&[(&registry.host(), login("bot", "secret"))], hasty());
    let push = push_of(&client);
    let (from, to) = (repository(&registry.host(), "a/from"), repository(&registry.host(), "b/to"));
    let content = noise(1000);
    send(&push, &from, &content).await.unwrap();
    assert!(matches!(push.offer(&to, &layer(&content), Some(&from)).await.unwrap(), UploadStart::Mounted));
    // Where the source may not be read, it is sent.
    service.rights(|_, repository, _| repository != "a/from");
    let client = client_with(&[(&registry.host(), login("bot", "secret"))], hasty());
    let other = repository(&registry.host(), "c/to");
    let offer = push_of(&client).offer(&other, &layer(&content), Some(&from)).await.unwrap();
    assert!(matches!(offer, UploadStart::Upload(_)));
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    let client = client_with(&[(&registry.host(), login("bot", "CANARY"))], hasty());
    let fetch = fetch_of(&client);
    let images: Vec<_> = (0..50).map(|at| image_at(&registry.host(), &format!("a/b{at}:v1"))).collect();
    let all = join_all(images.iter().map(|image| fetch.resolve(image, ResolveMode::Descriptor))).await;
    for one in all {
        let error = one.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Denied, false));
        assert!(error.message().contains("does not accept the login from the table [registries."), "{error}");
        assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("CANARY"));
    }
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn one_forbidden_repository_does_not_spoil_the_others() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    service.rights(|_, repository, _| repository != "a/b7");
    let client = client_with(&[(&registry.host(), login("bot", "secret"))], hasty());
    let push = push_of(&client);
    let images: Vec<_> = (0..20).map(|at| image_at(&registry.host(), &format!("a/b{at}:v1"))).collect();
    let manifest = empty_index();
    let all = join_all(images.iter().map(|image| push.tag(image, &manifest))).await;
    let failed: Vec<_> = all.iter().enumerate().filter(|(_, one)| one.is_err()).map(|(at, _)| at).collect();
    assert_eq!(failed, [7]);
    let error = all[7].as_ref().unwrap_err();
    assert!(error.hint().unwrap().contains("the right to push"), "{error} {:?}", error.hint());
    assert_eq!(service.asked().len(), 20, "nothing is asked twice");
}

#[tokio::test]
async fn nobody_in_particular_gets_a_token_too() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    service.rights(|_, _, action| action == "pull");
    let error =
        fetch_of(&client()).resolve(&image_at(&registry.host(), "a/b:v1"), ResolveMode::Descriptor).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(service.asked()[0].user, None);
    let error = push_of(&client()).tag(&image_at(&registry.host(), "a/b:v1"), &empty_index()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.message().contains("wants a login"), "{error}");
}

#[tokio::test]
async fn a_registry_with_passwords_takes_the_right_one() {
    let password = "p$a:s+s@%\"w";
    let Some(line) = htpasswd_line("robot$team+ci", password) else { return };
    let Some(registry) = Registry::with().htpasswd(line).start() else { return };
    let client = client_with(&[(&registry.host(), login("robot$team+ci", password))], hasty());
    let at = repository(&registry.host(), "a/b");
    let content = noise(1000);
    assert_eq!(send(&push_of(&client), &at, &content).await.unwrap(), "sent");
    assert_eq!(read(&fetch_of(&client), &at, &layer(&content)).await.unwrap(), content);
    let refused = registry.requests().iter().filter(|request| request.status == 401).count();
    assert_eq!(refused, 1, "the first request finds out what is wanted");
    let nobody = fetch_of(&super::setting::client())
        .resolve(&image_at(&registry.host(), "a/b:v1"), ResolveMode::Descriptor)
        .await;
    assert!(nobody.unwrap_err().message().contains("wants a login"));
}

#[tokio::test]
async fn a_wrong_password_is_shown_to_a_registry_once() {
    let double = Double::start(|_| reply(401).header("www-authenticate", "Basic realm=\"x\"")).await;
    let client = client_with(&[(&double.host(), login("bot", "CANARY"))], hasty());
    let fetch = fetch_of(&client);
    let images: Vec<_> = (0..50).map(|at| image_at(&double.host(), &format!("a/b{at}:v1"))).collect();
    let all = join_all(images.iter().map(|image| fetch.resolve(image, ResolveMode::Manifest))).await;
    assert!(all.iter().all(|one| one.as_ref().unwrap_err().kind() == ErrorKind::Denied));
    assert_eq!(double.asked().iter().filter(|asked| asked.authorized()).count(), 1);
}

/// A registry with its own token service, of which `good` says which tokens are taken, and `refuse` what to say else.
async fn own_tokens(
    good: impl Fn(&str, &Asked) -> bool + Send + Sync + 'static,
    refuse: impl Fn(&str, &Asked) -> Reply + Send + Sync + 'static,
) -> Double {
    let issued = AtomicUsize::new(0);
    Double::start(move |asked| {
        let host = asked.header("host").unwrap_or_default().to_owned();
        if asked.path.starts_with("/token") {
            let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
            return reply(200).json(&format!(r#"{{"access_token":"t{number}","expires_in":300}}"#));
        }
        match asked.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) if good(token, asked) => match asked.method.as_str() {
                "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
                "PUT" => reply(201),
                _ => reply(404),
            },
            Some(_) => refuse(&host, asked),
            None => challenge(&host, ""),
        }
    })
    .await
}

fn challenge(host: &str, more: &str) -> Reply {
    let value = format!(r#"Bearer realm="http://{host}/token",service="own"{more}"#);
    reply(401).header("www-authenticate", value)
}

#[tokio::test]
async fn a_token_that_ran_out_early_is_renewed_once() {
    let double = own_tokens(|token, _| token == "t2", |host, _| challenge(host, "")).await;
    let fetch = fetch_of(&client());
    let image = image_at(&double.host(), "a/b:v1");
    // The first token is refused although it is fresh: asking again would bring the same.
    assert_eq!(fetch.resolve(&image, ResolveMode::Manifest).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(double.count("GET", "/token"), 1);
    // Later it is an old one, and worth renewing.
    assert_eq!(fetch.resolve(&image, ResolveMode::Manifest).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(double.count("GET", "/token"), 2);
}

#[tokio::test]
async fn harbor_answers_an_old_token_with_a_basic_challenge() {
    let harbor = |_: &str, _: &Asked| reply(401).header("www-authenticate", r#"Basic realm="harbor""#);
    let taken = Arc::new(AtomicUsize::new(1));
    let good = Arc::clone(&taken);
    let double = own_tokens(move |token, _| token == format!("t{}", good.load(Ordering::Relaxed)), harbor).await;
    let client = client_with(&[(&double.host(), login("robot$x", "CANARY"))], hasty());
    let fetch = fetch_of(&client);
    let image = image_at(&double.host(), "a/b:v1");
    assert_eq!(fetch.resolve(&image, ResolveMode::Manifest).await.unwrap_err().kind(), ErrorKind::NotFound);
    taken.store(2, Ordering::Relaxed);
    assert_eq!(fetch.resolve(&image, ResolveMode::Manifest).await.unwrap_err().kind(), ErrorKind::NotFound);
    let to_registry = double.asked().into_iter().filter(|asked| !asked.path.starts_with("/token"));
    let basic =
        to_registry.filter(|asked| asked.header("authorization").is_some_and(|value| value.starts_with("Basic")));
    assert_eq!(basic.count(), 0, "the remembered bearer challenge is used");
    assert_eq!(double.count("GET", "/token"), 2);
}

#[tokio::test]
async fn a_wider_scope_is_asked_for_when_it_is_demanded() {
    let demanded = r#",scope="repository:a/b:pull repository:proxy/a/b:pull",error="insufficient_scope""#;
    let double = own_tokens(|token, _| token == "t2", move |host, _| challenge(host, demanded)).await;
    let image = image_at(&double.host(), "a/b:v1");
    let error = fetch_of(&client()).resolve(&image, ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let scopes: Vec<_> = double.asked().into_iter().filter(|asked| asked.path.starts_with("/token")).collect();
    assert_eq!(scopes.len(), 2);
    assert!(scopes[1].path.contains("repository%3Aa%2Fb%3Apull&scope=repository%3Aproxy%2Fa%2Fb%3Apull"), "{scopes:?}");
}

#[tokio::test]
async fn an_upload_that_gets_a_401_is_worth_another_start_with_a_new_token() {
    let double = own_tokens(|token, asked| token == "t2" || asked.method != "PUT", |host, _| challenge(host, "")).await;
    let push = push_of(&client());
    let at = repository(&double.host(), "a/b");
    let content = noise(1000);
    let error = send(&push, &at, &content).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(send(&push, &at, &content).await.unwrap(), "sent");
    assert_eq!(double.count("GET", "/token"), 2);
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_post_and_stays_out_of_urls() {
    let double = Double::start(|asked| {
        let host = asked.header("host").unwrap_or_default();
        match asked.path.as_str() {
            "/token" if asked.method == "POST" => reply(200).json(r#"{"access_token":"good"}"#),
            _ if asked.header("authorization") == Some("Bearer good") => reply(404),
            _ => challenge(host, ""),
        }
    })
    .await;
    let client = client_with(&[(&double.host(), login("<token>", "CANARY"))], hasty());
    let image = image_at(&double.host(), "a/b:v1");
    let error = fetch_of(&client).resolve(&image, ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let asked = double.asked().into_iter().find(|asked| asked.path == "/token").unwrap();
    let form = String::from_utf8(asked.body).unwrap();
    assert_eq!(
        form,
        "grant_type=refresh_token&service=own&client_id=sealift&scope=repository%3Aa%2Fb%3Apull&refresh_token=CANARY"
    );
}

#[tokio::test]
async fn odd_answers_of_a_token_service_are_readable_errors() {
    for (answer, said) in [
        (reply(200).body("<html>login</html>"), "gave an answer that is no token"),
        (reply(200).json("{}"), "gave an answer without a token"),
        (reply(200).body(vec![b' '; 2 << 20]), "is longer than"),
        (reply(302).header("location", "http://127.0.0.1:1/x"), "redirects, which is not followed"),
        (reply(403).json(r#"{"errors":[{"message":"no such project"}]}"#), "gives no token (403: no such project)"),
    ] {
        let double = Double::start(move |asked| {
            let host = asked.header("host").unwrap_or_default();
            if asked.path.starts_with("/token") { answer.clone() } else { challenge(host, "") }
        })
        .await;
        let client = client_with(&[(&double.host(), login("bot", "CANARY"))], hasty());
        let error =
            fetch_of(&client).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Descriptor).await.unwrap_err();
        assert!(error.message().contains(said), "{error}");
        assert!(!error.message().contains("CANARY"));
    }
}

#[tokio::test]
async fn a_token_service_that_stumbles_is_asked_again() {
    let seen = AtomicUsize::new(0);
    let double = Double::start(move |asked| {
        let host = asked.header("host").unwrap_or_default();
        match asked.path.starts_with("/token") {
            true if seen.fetch_add(1, Ordering::Relaxed) == 0 => reply(503),
            true if seen.load(Ordering::Relaxed) == 2 => reply(429).header("retry-after", 0),
            true => reply(200).json(r#"{"token":"good"}"#),
            false if asked.header("authorization") == Some("Bearer good") => reply(404),
            false => challenge(host, ""),
        }
    })
    .await;
    let error =
        fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(double.count("GET", "/token"), 3);
}

#[tokio::test]
async fn a_token_service_that_is_down_is_asked_four_times_and_not_four_times_five() {
    let double = Double::start(|asked| match asked.path.starts_with("/token") {
        true => reply(503),
        false => challenge(asked.header("host").unwrap_or_default(), ""),
    })
    .await;
    let fetch = fetch_of(&client());
    let error = fetch.resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Soon), "{error}");
    assert_eq!(double.count("GET", "/token"), 4);
}

#[tokio::test]
async fn a_real_token_that_runs_out_is_renewed_before_it_does() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    // Believed for a minute at least, so the registry refuses it before it is renewed by itself.
    service.lifetime(Duration::from_secs(1));
    let client = client_with(&[(&registry.host(), login("bot", "secret"))], hasty());
    let push = push_of(&client);
    let image = image_at(&registry.host(), "a/b:v1");
    push.tag(&image, &empty_index()).await.unwrap();
    // distribution allows a minute of leeway only for `nbf`; `exp` is exact.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(push.resolve(&image).await.unwrap().is_some());
    assert!((1..=2).contains(&service.asked().len()), "{:?}", service.asked());
}

/// A registry that wants a password and says so at its root only; elsewhere strangers get `status`.
async fn shy(status: u16) -> Double {
    Double::start(move |asked| match (asked.authorized(), asked.path.as_str()) {
        (true, _) => reply(200).header("content-type", empty_index().media_type()).body(empty_index().bytes().clone()),
        (false, "/v2/") => reply(401).header("www-authenticate", "Basic realm=\"x\""),
        (false, _) => reply(status),
    })
    .await
}

#[tokio::test]
async fn a_registry_that_hides_from_strangers_is_asked_what_it_wants() {
    for status in [401, 403, 404] {
        let double = shy(status).await;
        let client = client_with(&[(&double.host(), login("bot", "secret"))], hasty());
        let fetch = fetch_of(&client);
        for name in ["a/b:v1", "c/d:v1"] {
            fetch.resolve(&image_at(&double.host(), name), ResolveMode::Manifest).await.unwrap();
        }
        let asked: Vec<_> = double.asked().into_iter().map(|asked| asked.path).collect();
        let (first, second) = ("/v2/a/b/manifests/v1", "/v2/c/d/manifests/v1");
        assert_eq!(asked, [first, "/v2/", first, second], "{status}");
    }
}

#[tokio::test]
async fn who_has_no_login_is_not_introduced() {
    let double = shy(404).await;
    let error =
        fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
    assert_eq!((error.kind(), double.asked().len()), (ErrorKind::NotFound, 1));
    // A 401 that does not say what it wants is asked about, but there is nothing to show.
    let double = shy(401).await;
    let error =
        fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
    assert_eq!((error.kind(), double.asked().len()), (ErrorKind::Denied, 2));
}
