//! Where a server may send us, over the wire.

use sealift_core::{
    error::ErrorKind,
    stage::{Fetch, ResolveMode},
};

use super::{double::*, setting::*};

/// A registry that wants a password and then answers like this.
async fn guarded(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Double {
    Double::start(move |asked| {
        if asked.authorized() { answer(asked) } else { reply(401).header("www-authenticate", "Basic realm=\"x\"") }
    })
    .await
}

fn logged_in(double: &Double) -> std::sync::Arc<crate::Client> {
    client_with(&[(&double.host(), login("bot", "CANARY"))], hasty())
}

#[tokio::test]
async fn a_redirect_to_another_origin_loses_the_credentials() {
    let content = noise(1000);
    let served = content.clone();
    let store = Double::start(move |_| reply(200).body(served.clone())).await;
    for status in [301, 302, 303, 307, 308] {
        let location = store.url("/blob?sig=x");
        let registry = guarded(move |_| reply(status).header("location", &location)).await;
        let got = read(&fetch_of(&logged_in(&registry)), &repository(&registry.host(), "a/b"), &layer(&content)).await;
        assert_eq!(got.unwrap(), content, "{status}");
    }
    let asked = store.asked();
    assert_eq!(asked.len(), 5);
    assert!(asked.iter().all(|asked| !asked.authorized() && asked.header("cookie").is_none()), "{asked:?}");
    assert!(asked.iter().all(|asked| asked.header("accept-encoding") == Some("identity")));
}

#[tokio::test]
async fn a_redirect_within_the_registry_keeps_them() {
    let content = noise(1000);
    let served = content.clone();
    let registry = guarded(move |asked| {
        if asked.path == "/moved" { reply(200).body(served.clone()) } else { reply(307).header("location", "/moved") }
    })
    .await;
    let got = read(&fetch_of(&logged_in(&registry)), &repository(&registry.host(), "a/b"), &layer(&content)).await;
    assert_eq!(got.unwrap(), content);
}

#[tokio::test]
async fn redirects_end() {
    let registry = Double::start(|_| reply(302).header("location", "/again")).await;
    let error =
        fetch_of(&client()).resolve(&image_at(&registry.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
    assert!(error.message().contains("redirects more than 10 times"), "{error}");
    assert_eq!(registry.asked().len(), 11);
}

#[tokio::test]
async fn bad_redirects_are_refused_and_named() {
    for location in ["file:///etc/passwd", "http://169.254.169.254/latest", "http://u:CANARY@127.0.0.1/", "gopher://x"]
    {
        let registry = Double::start(move |_| reply(307).header("location", location)).await;
        let error = fetch_of(&client())
            .resolve(&image_at(&registry.host(), "a/b:v1"), ResolveMode::Manifest)
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Denied, false), "{location}: {error}");
        assert!(error.message().contains("which is refused") && !error.message().contains("CANARY"), "{error}");
        assert_eq!(registry.asked().len(), 1, "what is refused is not asked for again");
    }
}

#[tokio::test]
async fn an_upload_elsewhere_gets_the_bytes_and_no_credentials() {
    let store = Double::start(|_| reply(201)).await;
    let location = store.url("/upload?sig=a%2Fb");
    let registry = guarded(move |asked| match asked.method.as_str() {
        "POST" => reply(202).header("location", &location),
        _ => reply(404),
    })
    .await;
    let content = noise(100_000);
    let push = push_of(&logged_in(&registry));
    assert_eq!(send(&push, &repository(&registry.host(), "a/b"), &content).await.unwrap(), "sent");
    let asked = store.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].authorized());
    assert_eq!(asked[0].body, content);
    let parameter = format!("digest=sha256%3A{}", digest_of(&content).hex());
    assert_eq!(asked[0].path, format!("/upload?sig=a%2Fb&{parameter}"));
}

#[tokio::test]
async fn every_form_of_location_leads_to_the_right_place() {
    for (location, path) in [
        ("/v2/u/1?_state=x", "/v2/u/1?_state=x&"),
        ("?x=1", "?x=1&"),
        ("1", "/v2/a/b/blobs/uploads/1?"),
        ("//HOST/v2/u/2", "/v2/u/2?"),
        ("http://HOST/v2/u/3", "/v2/u/3?"),
    ] {
        let registry = Double::start(move |asked| match asked.method.as_str() {
            "POST" => {
                let host = asked.header("host").unwrap_or_default();
                reply(202).header("location", location.replace("HOST", host))
            }
            "PUT" => reply(201),
            _ => reply(404),
        })
        .await;
        let at = repository(&registry.host(), "a/b");
        assert_eq!(send(&push_of(&client()), &at, &noise(10)).await.unwrap(), "sent", "{location}");
        let put = registry.asked().into_iter().find(|asked| asked.method == "PUT").unwrap();
        assert!(put.path.contains(path), "{} should have {path}", put.path);
        assert_eq!(put.header("content-length"), Some("10"));
    }
}

#[tokio::test]
async fn bad_locations_are_refused() {
    let long = format!("/{}", "x".repeat(20 << 10));
    for location in ["file:///x", "http://169.254.169.254/x", "https://", "http://0.0.0.0/", &long] {
        let location = location.to_owned();
        let registry = Double::start(move |asked| match asked.method.as_str() {
            "POST" => reply(202).header("location", &location),
            _ => reply(404),
        })
        .await;
        let error = send(&push_of(&client()), &repository(&registry.host(), "a/b"), &noise(10)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(error.message().starts_with("cannot push the blob `sha256:"), "{error}");
    }
    let registry = Double::start(|asked| reply(if asked.method == "POST" { 202 } else { 404 })).await;
    let error = send(&push_of(&client()), &repository(&registry.host(), "a/b"), &noise(10)).await.unwrap_err();
    assert!(error.message().contains("does not say where the upload goes on"), "{error}");
}

#[tokio::test]
async fn a_realm_where_it_must_not_be_gets_no_password() {
    for realm in
        ["http://169.254.169.254/token", "null://x/token", "http://bot:CANARY@127.0.0.1/token", "file:///x", "/token"]
    {
        let registry = Double::start(move |_| {
            reply(401).header("www-authenticate", format!("Bearer realm=\"{realm}\",service=\"x\""))
        })
        .await;
        let image = image_at(&registry.host(), "a/b:v1");
        let error = fetch_of(&logged_in(&registry)).resolve(&image, ResolveMode::Descriptor).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{realm}: {error}");
        assert!(error.message().contains("asks for credentials to be sent to"), "{error}");
        assert!(registry.asked().iter().all(|asked| !asked.authorized()));
    }
}

#[tokio::test]
async fn the_token_service_gets_the_password_and_the_blob_store_does_not_even_get_the_token() {
    let content = noise(1000);
    let served = content.clone();
    let store = Double::start(move |_| reply(200).body(served.clone())).await;
    let location = store.url("/blob");
    let service = Double::start(|_| reply(200).json(r#"{"token":"CANARY"}"#)).await;
    let realm = service.url("/token");
    let registry = Double::start(move |asked| match asked.header("authorization") {
        Some("Bearer CANARY") => reply(307).header("location", &location),
        _ => reply(401).header("www-authenticate", format!("Bearer realm=\"{realm}\"")),
    })
    .await;
    let got = read(&fetch_of(&logged_in(&registry)), &repository(&registry.host(), "a/b"), &layer(&content)).await;
    assert_eq!(got.unwrap(), content);
    assert!(service.asked()[0].header("authorization").unwrap().starts_with("Basic "));
    assert!(
        registry.asked().iter().all(|asked| !asked.header("authorization").unwrap_or_default().starts_with("Basic"))
    );
    assert!(!store.asked()[0].authorized());
}

#[tokio::test]
async fn a_list_does_not_lead_away() {
    let other = Double::start(|_| reply(200).json(r#"{"tags":["stolen"]}"#)).await;
    let next = format!("<{}>; rel=\"next\"", other.url("/v2/a/b/tags/list"));
    let registry = guarded(move |_| reply(200).header("link", &next).json(r#"{"tags":["v1"]}"#)).await;
    let error = logged_in(&registry).tags(&repository(&registry.host(), "a/b")).await.unwrap_err();
    assert!(error.message().contains("a list must stay at the registry"), "{error}");
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn nothing_secret_is_shown_anywhere() {
    let store = Double::start(|_| reply(500).body("no")).await;
    let location = store.url("/blob?X-Amz-Signature=CANARY&_state=CANARY");
    let registry = guarded(move |asked| match asked.method.as_str() {
        "POST" => reply(202).header("location", &location),
        "HEAD" => reply(404),
        _ => reply(307).header("location", &location),
    })
    .await;
    let client = logged_in(&registry);
    let at = repository(&registry.host(), "a/b");
    let mut shown = format!("{client:?} {:?} {:?}", push_of(&client), fetch_of(&client));
    let mut errors = vec![
        send(&push_of(&client), &at, &noise(10)).await.unwrap_err(),
        fetch_of(&client).resolve(&image_at(&registry.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err(),
        push_of(&client).tag(&image_at(&registry.host(), "a/b:v1"), &empty_index()).await.unwrap_err(),
    ];
    drop(store);
    errors.push(read(&fetch_of(&client), &at, &layer(&noise(10))).await.unwrap_err());
    for error in errors {
        let mut next: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = next {
            shown += &format!("{error} {error:?} ");
            next = error.source();
        }
        shown += error.hint().unwrap_or_default();
    }
    assert!(!shown.contains("CANARY"), "{shown}");
    assert!(!shown.contains(&base64_of("bot:CANARY")), "{shown}");
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}
