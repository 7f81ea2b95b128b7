//! Reading by `registries.conf`.

use sealift_core::{
    error::ErrorKind,
    stage::{Fetch, Push, ResolveMode},
};

use super::{double::*, setting::*};

/// A registry with one image and one blob below `path`.
async fn having(path: &'static str) -> Double {
    Double::start(move |asked| match asked.path.strip_prefix(path) {
        Some(rest) if rest.starts_with("/manifests/") => {
            reply(200).header("content-type", empty_index().media_type()).body(empty_index().bytes().clone())
        }
        Some(rest) if rest.starts_with("/blobs/") => reply(200).body(noise(10)),
        Some("/tags/list?n=1000") => reply(200).json(r#"{"tags":["v1"]}"#),
        _ => reply(404),
    })
    .await
}

fn mirrored(host: &str, mirrors: &[&str]) -> String {
    let mirrors = mirrors.iter().map(|mirror| format!("[[registry.mirror]]\nlocation = \"{mirror}\"\n"));
    format!("[[registry]]\nlocation = \"{host}\"\n{}", mirrors.collect::<String>())
}

#[tokio::test]
async fn mirrors_are_asked_in_order_and_the_place_itself_last() {
    let (empty, full, own) = (having("/none").await, having("/v2/hub/a/b").await, having("/v2/a/b").await);
    let conf = mirrored(&own.host(), &[&empty.host(), &format!("{}/hub", full.host())]);
    let fetch = fetch_of(&client_following(&conf));
    let image = image_at(&own.host(), "a/b:v1");
    let found = fetch.resolve(&image, ResolveMode::Manifest).await.unwrap();
    assert_eq!((found.image, found.descriptor.digest), (image.clone(), empty_index().digest().clone()));
    assert_eq!(read(&fetch, &image.repository, &layer(&noise(10))).await.unwrap(), noise(10));
    assert_eq!((empty.asked().len(), full.asked().len(), own.asked().len()), (1, 2, 0), "the one that answered stays");
}

#[tokio::test]
async fn where_no_mirror_has_it_the_place_itself_is_asked_and_all_are_told() {
    let (empty, own) = (having("/none").await, having("/v2/a/b").await);
    let fetch = fetch_of(&client_following(&mirrored(&own.host(), &[&empty.host()])));
    fetch.resolve(&image_at(&own.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
    let error = fetch.resolve(&image_at(&own.host(), "c/d:v1"), ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains(&own.host()) && error.message().contains(&empty.host()), "{error}");
}

#[tokio::test]
async fn names_lead_to_their_location_for_reading_and_listing_but_not_for_writing() {
    let place = having("/v2/quay/a/b").await;
    let conf = format!("[[registry]]\nprefix = \"localhost:1/q\"\nlocation = \"{}/quay\"\n", place.host());
    let client = client_following(&conf);
    let image = image_at("localhost:1", "q/a/b:v1");
    fetch_of(&client).resolve(&image, ResolveMode::Descriptor).await.unwrap();
    assert_eq!(client.tags(&image.repository).await.unwrap().tags.len(), 1);
    let asked = place.asked().len();
    push_of(&client).resolve(&image).await.unwrap_err();
    assert_eq!(place.asked().len(), asked);
}

#[tokio::test]
async fn what_is_blocked_is_neither_read_nor_written_and_its_mirrors_are_read() {
    let (mirror, own) = (having("/v2/a/b").await, having("/v2/a/b").await);
    let blocked = format!("[[registry]]\nlocation = \"{}\"\nblocked = true\n", own.host());
    let client = client_following(&blocked);
    let image = image_at(&own.host(), "a/b:v1");
    for error in [
        fetch_of(&client).resolve(&image, ResolveMode::Manifest).await.unwrap_err(),
        push_of(&client).resolve(&image).await.unwrap_err(),
        client.tags(&image.repository).await.unwrap_err(),
    ] {
        assert!(error.message().contains("blocks it") && !error.is_retryable(), "{error}");
    }
    let client = client_following(&format!("{blocked}[[registry.mirror]]\nlocation = \"{}\"\n", mirror.host()));
    fetch_of(&client).resolve(&image, ResolveMode::Manifest).await.unwrap();
    client.tags(&image.repository).await.unwrap();
    assert!(own.asked().is_empty());
}
