//! A login goes only where one is needed.

use std::path::Path;

use sealift_core::{
    content::Digest,
    error::ErrorKind,
    stage::{Fetch, Push, Referrers, ResolveMode},
};

use super::{double::*, setting::*};

fn index() -> Reply {
    reply(200).header("content-type", empty_index().media_type()).body(empty_index().bytes().clone())
}

fn basic() -> Reply {
    reply(401).header("www-authenticate", "Basic realm=x")
}

/// What Pulp and a zot with anonymous reading do: the root wants a password, repositories are open, and there is no
/// referrers API.
fn open_with_a_closed_root(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        "/v2/" => basic(),
        path if path.contains("/referrers/") => reply(404),
        path if path.contains("/tags/list") => reply(200).json(r#"{"tags":["v1"]}"#),
        path if path.contains("/secret/") && !asked.authorized() => basic(),
        _ if asked.method == "POST" && !asked.authorized() => basic(),
        _ if asked.method == "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
        _ => index(),
    }
}

/// Passwords were shown with each request, which made 20 images 40 times slower at a registry that checks them by bcrypt.
#[tokio::test]
async fn a_referrers_404_of_an_open_repository_brings_no_login_into_play() {
    let double = Double::start(open_with_a_closed_root).await;
    let fetch = fetch_of(&client_with(&[(&double.host(), login("bot", "secret"))], hasty()));
    for name in ["a/b", "c/d"] {
        let image = image_at(&double.host(), &format!("{name}:v1"));
        fetch.resolve(&image, ResolveMode::Manifest).await.unwrap();
        fetch.referrers(&image.repository, &Digest::of(b"subject")).await.unwrap();
        fetch.resolve(&image, ResolveMode::Manifest).await.unwrap();
    }
    let asked = double.asked();
    assert!(asked.iter().all(|asked| !asked.authorized()), "{asked:?}");
    assert_eq!(double.count("GET", "/referrers/"), 1);
    assert!(asked.iter().all(|asked| asked.path != "/v2/"), "there is nothing to ask the root");
}

#[tokio::test]
async fn the_login_of_a_closed_repository_is_not_shown_to_its_open_neighbours() {
    let double = Double::start(open_with_a_closed_root).await;
    let fetch = fetch_of(&client_with(&[(&double.host(), login("bot", "secret"))], hasty()));
    for name in ["a/b:v1", "x/secret/y:v1", "a/b:v1", "c/d:v1", "x/secret/y:v1"] {
        fetch.resolve(&image_at(&double.host(), name), ResolveMode::Manifest).await.unwrap();
    }
    let shown: Vec<_> = double.asked().into_iter().filter(Asked::authorized).map(|asked| asked.path).collect();
    assert_eq!(shown, ["/v2/x/secret/y/manifests/v1"; 2]);
    assert_eq!(double.asked().len(), 6, "one question more, for the closed one");
}

#[tokio::test]
async fn a_repository_that_is_open_to_readers_gets_the_login_of_writers_once_it_wants_one() {
    let double = Double::start(open_with_a_closed_root).await;
    let push = push_of(&client_with(&[(&double.host(), login("bot", "secret"))], hasty()));
    let image = image_at(&double.host(), "a/b:v1");
    push.resolve(&image).await.unwrap();
    for byte in 0..3 {
        push.renew(&image.repository, &layer(&vec![byte].into())).await.unwrap();
    }
    let posts: Vec<_> = double.asked().iter().filter(|asked| asked.method == "POST").map(Asked::authorized).collect();
    assert_eq!(posts, [false, true, true, true]);
}

/// Nothing was ever shown to strangers, so one repository that hides speaks for all.
#[tokio::test]
async fn a_tag_that_is_missing_for_everybody_does_not_make_the_login_go_along() {
    let double = Double::start(|asked| match asked.path.as_str() {
        "/v2/" => basic(),
        path if path.contains("missing") => reply(404),
        _ => index(),
    })
    .await;
    let fetch = fetch_of(&client_with(&[(&double.host(), login("bot", "secret"))], hasty()));
    let missing = fetch.resolve(&image_at(&double.host(), "a/b:missing"), ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    fetch.resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
    let shown: Vec<_> = double.asked().into_iter().filter(Asked::authorized).map(|asked| asked.path).collect();
    assert_eq!(shown, ["/v2/a/b/manifests/missing"]);
}

/// Some gateways say 400 to strangers, and 401 at the root only.
#[tokio::test]
async fn a_registry_that_says_400_to_strangers_is_asked_what_it_wants() {
    let double = Double::start(|asked| match asked.path.as_str() {
        _ if asked.authorized() => index(),
        "/v2/" => basic(),
        _ => reply(400),
    })
    .await;
    let fetch = fetch_of(&client_with(&[(&double.host(), login("bot", "secret"))], hasty()));
    for name in ["a/b:v1", "c/d:v1"] {
        fetch.resolve(&image_at(&double.host(), name), ResolveMode::Manifest).await.unwrap();
    }
    assert_eq!(double.asked().len(), 4);
}

/// A client whose only credentials are a helper that is not there, as `credsStore: desktop` in a container.
fn without_helper(home: &tempfile::TempDir) -> std::sync::Arc<crate::Client> {
    let docker = home.path().join(".docker");
    std::fs::create_dir_all(&docker).unwrap();
    std::fs::write(docker.join("config.json"), r#"{"credsStore": "sealift-no-such"}"#).unwrap();
    client_in(&[], hasty(), Path::new("/nonexistent"), &[("HOME", home.path().to_str().unwrap())])
}

#[tokio::test]
async fn a_helper_that_cannot_be_started_fails_nothing_that_needs_no_login() {
    for status in [403, 404] {
        let (home, double) = (tempfile::tempdir().unwrap(), Double::start(move |_| reply(status)).await);
        let client = without_helper(&home);
        let error =
            fetch_of(&client).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
        assert!(!error.message().contains("helper"), "{status}: {error}");
    }
    let (home, double) = (
        tempfile::tempdir().unwrap(),
        Double::start(|asked| {
            if asked.method == "HEAD" { reply(404) } else { reply(202).header("location", "/v2/a/b/blobs/uploads/1") }
        })
        .await,
    );
    let push = push_of(&without_helper(&home));
    let image = image_at(&double.host(), "a/b:v1");
    assert!(push.resolve(&image).await.unwrap().is_none());
    push.offer(&image.repository, &layer(&noise(10)), None).await.unwrap();
}

/// Docker Hub gives a token to everybody.
#[tokio::test]
async fn a_helper_that_cannot_be_started_is_no_obstacle_where_strangers_get_a_token() {
    let double = Double::start(|asked| {
        let host = asked.header("host").unwrap_or_default();
        match asked.path.starts_with("/token") {
            true => reply(200).json(r#"{"token":"t"}"#),
            false if asked.authorized() => index(),
            false => {
                reply(401).header("www-authenticate", format!(r#"Bearer realm="http://{host}/token",service="s""#))
            }
        }
    })
    .await;
    let home = tempfile::tempdir().unwrap();
    fetch_of(&without_helper(&home)).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
}

#[tokio::test]
async fn a_helper_that_cannot_be_started_is_named_where_a_login_is_needed() {
    let bearer = |asked: &Asked| {
        let host = asked.header("host").unwrap_or_default();
        match asked.path.starts_with("/token") {
            true => reply(200).json(r#"{"token":"t"}"#),
            false => {
                reply(401).header("www-authenticate", format!(r#"Bearer realm="http://{host}/token",service="s""#))
            }
        }
    };
    let no_token = move |asked: &Asked| if asked.path.starts_with("/token") { reply(401) } else { bearer(asked) };
    let forbidden = move |asked: &Asked| if asked.authorized() { reply(403) } else { bearer(asked) };
    for double in [
        Double::start(|_| basic()).await,
        Double::start(bearer).await,
        Double::start(no_token).await,
        Double::start(forbidden).await,
    ] {
        let home = tempfile::tempdir().unwrap();
        let client = without_helper(&home);
        let error =
            fetch_of(&client).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
        assert!(error.message().contains("`docker-credential-sealift-no-such` cannot be started"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Denied);
    }
}
