//! Blobs that break off and go on.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use sealift_core::{
    content::{Descriptor, well_known},
    error::ErrorKind,
};

use super::{double::*, setting::*};
use crate::timing::Timing;

const SIZE: usize = 300_000;

/// A blob, served in ranges like a good registry does.
fn part(content: &Bytes, asked: &Asked) -> Reply {
    match asked.range_start() {
        Some(from) => reply(206)
            .header("content-range", format!("bytes {from}-{}/{}", content.len() - 1, content.len()))
            .body(content.slice(from..)),
        None => reply(200).body(content.clone()),
    }
}

/// Reads a blob from a server that answers the first request by `first`, and later ones by `later`.
async fn read_over(
    first: impl Fn(Reply) -> Reply + Send + Sync + 'static,
    later: impl Fn(&Bytes, &Asked) -> Reply + Send + Sync + 'static,
) -> (sealift_core::error::Result<Bytes>, Vec<Asked>) {
    let content = noise(SIZE);
    let served = content.clone();
    let seen = AtomicUsize::new(0);
    let double = Double::start(move |asked| match seen.fetch_add(1, Ordering::Relaxed) {
        0 => first(part(&served, asked)),
        _ => later(&served, asked),
    })
    .await;
    let timing = Timing { idle_read: Duration::from_millis(300), ..hasty() };
    let at = repository(&double.host(), "a/b");
    let got = read(&fetch_of(&client_with(&[], timing)), &at, &layer(&content)).await;
    (got, double.asked())
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_at_that_byte() {
    for at in [0, 1, 64 << 10, SIZE - 1] {
        let (got, asked) = read_over(move |reply| reply.cut(at), part).await;
        assert_eq!(got.unwrap(), noise(SIZE), "{at}");
        assert_eq!(asked.len(), 2, "{at}");
        assert_eq!(asked[1].range_start().unwrap_or(0), at);
    }
}

#[tokio::test]
async fn it_goes_on_as_often_as_it_gets_on() {
    let (got, asked) = read_over(|reply| reply.cut(70_000), |content, asked| part(content, asked).cut(70_000)).await;
    assert_eq!(got.unwrap(), noise(SIZE));
    assert_eq!(asked.len(), SIZE.div_ceil(70_000));
}

#[tokio::test]
async fn it_gives_up_where_it_does_not_get_on() {
    let (got, asked) = read_over(|reply| reply.cut(70_000), |content, asked| part(content, asked).cut(10)).await;
    let error = got.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.message().starts_with("cannot read the blob `sha256:"), "{error}");
    assert!(asked.len() < 10, "{}", asked.len());
}

#[tokio::test]
async fn a_stream_that_stands_still_is_left_and_taken_up_again() {
    let (got, asked) = read_over(|reply| reply.stall(50_000), part).await;
    assert_eq!(got.unwrap(), noise(SIZE));
    assert_eq!(asked[1].range_start(), Some(50_000));
}

#[tokio::test]
async fn a_server_that_ignores_ranges_sends_the_whole_and_the_start_is_thrown_away() {
    let (got, asked) = read_over(|reply| reply.cut(100_000), |content, _| reply(200).body(content.clone())).await;
    assert_eq!(got.unwrap(), noise(SIZE));
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn a_part_that_does_not_fit_is_not_joined() {
    for wrong in ["bytes 99999-299999/300000", "bytes 100000-299999/300001", "pieces 5", ""] {
        let (got, asked) = read_over(
            |reply| reply.cut(100_000),
            move |content, asked| match asked.range_start() {
                Some(from) if wrong.is_empty() => reply(206).body(content.slice(from..)),
                Some(from) => reply(206).header("content-range", wrong).body(content.slice(from..)),
                None => reply(200).body(content.clone()),
            },
        )
        .await;
        assert_eq!(got.unwrap(), noise(SIZE), "{wrong}");
        assert_eq!(asked.len(), 3, "refused, then asked for the whole");
    }
}

#[tokio::test]
async fn an_unsatisfiable_range_with_a_body_that_never_comes_does_not_hang() {
    let (got, _) = read_over(
        |reply| reply.cut(100_000),
        |content, asked| match asked.range_start() {
            // As distribution 2.8 does it.
            Some(_) => reply(416).header("content-length", 5),
            None => reply(200).body(content.clone()),
        },
    )
    .await;
    assert_eq!(got.unwrap(), noise(SIZE));
}

#[tokio::test]
async fn what_breaks_after_the_last_byte_makes_no_difference() {
    let content = noise(SIZE);
    let served = content.clone();
    // Announces nothing and never ends its chunked body properly.
    let double = Double::start(move |_| {
        let mut body = format!("{:x}\r\n", served.len()).into_bytes();
        body.extend_from_slice(&served);
        body.extend_from_slice(b"\r\n");
        let length = body.len();
        reply(200).header("transfer-encoding", "chunked").body(body).cut(length)
    })
    .await;
    let got = read(&fetch_of(&client()), &repository(&double.host(), "a/b"), &layer(&content)).await;
    assert_eq!(got.unwrap(), content);
    assert_eq!(double.asked().len(), 1);
}

#[tokio::test]
async fn a_length_that_does_not_fit_is_told_before_anything_is_read() {
    let content = noise(SIZE);
    let double = Double::start(|_| reply(200).body(noise(SIZE + 1))).await;
    let got =
        sealift_core::stage::Fetch::blob(&fetch_of(&client()), &repository(&double.host(), "a/b"), &layer(&content))
            .await;
    let error = got.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("sends 300001 bytes, expected 300000"), "{error}");
}

#[tokio::test]
async fn a_length_that_nobody_knew_comes_from_the_answer() {
    let content = noise(1000);
    let served = content.clone();
    let double = Double::start(move |_| reply(200).body(served.clone())).await;
    let unsized_layer = Descriptor::new(well_known::DOCKER_LAYER_GZIP, digest_of(&content), Descriptor::UNSIZED);
    let blob =
        sealift_core::stage::Fetch::blob(&fetch_of(&client()), &repository(&double.host(), "a/b"), &unsized_layer)
            .await
            .unwrap();
    assert_eq!(blob.size(), 1000);
    assert_eq!(blob.read_to_end(1000).await.unwrap(), content);
}

#[tokio::test]
async fn a_signed_url_that_ran_out_sends_us_back_to_the_registry() {
    let content = noise(SIZE);
    let served = content.clone();
    let store = Double::start(move |asked| match asked.path.as_str() {
        "/signed?sig=1" => part(&served, asked).cut(100_000),
        "/signed?sig=2" => reply(403).body("<Error>expired</Error>"),
        _ => part(&served, asked),
    })
    .await;
    let signed = store.url("/signed?sig=");
    let count = AtomicUsize::new(0);
    let registry = Double::start(move |_| {
        reply(307).header("location", format!("{signed}{}", count.fetch_add(1, Ordering::Relaxed) + 1))
    })
    .await;
    let got = read(&fetch_of(&client()), &repository(&registry.host(), "a/b"), &layer(&content)).await;
    assert_eq!(got.unwrap(), content);
    let ranges: Vec<_> = store.asked().iter().map(Asked::range_start).collect();
    assert_eq!(ranges, [None, Some(100_000), Some(100_000)]);
    assert_eq!(registry.asked().len(), 3);
}
