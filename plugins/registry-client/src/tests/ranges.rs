//! Large blobs that are read in several ranges at once.

use std::{
    num::NonZeroU8,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::StreamExt;
use sealift_core::{blob::Blob, limit::Permit, stage::Fetch};
use sealift_testkit::proxy::{Network, Proxy};

use super::{double::*, setting::*};
use crate::{config::RegistryConfig, fetch::RegistryFetch};

const MIB: usize = 1 << 20;
const RANGE: usize = 8 * MIB;

/// The bytes that a request asks for, if it names them.
fn asked_for(asked: &Asked, size: usize) -> Option<(usize, usize)> {
    let (start, last) = asked.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
    Some((start.parse().unwrap(), if last.is_empty() { size } else { last.parse::<usize>().unwrap() + 1 }))
}

fn part(content: &Bytes, asked: &Asked) -> Reply {
    match asked_for(asked, content.len()) {
        Some((start, end)) => reply(206)
            .header("content-range", format!("bytes {start}-{}/{}", end - 1, content.len()))
            .header("etag", "\"one\"")
            .body(content.slice(start..end)),
        None => reply(200).body(content.clone()),
    }
}

fn in_ranges(host: &str, ranges: u8) -> RegistryFetch {
    let entry = RegistryConfig { ranges: NonZeroU8::new(ranges), ..RegistryConfig::default() };
    fetch_of(&client_with(&[(host, entry)], hasty()))
}

/// Reads a blob in four ranges from a server that answers like this; returns what it asked for.
async fn read_over(
    content: &Bytes,
    answer: impl Fn(&Bytes, &Asked) -> Reply + Send + Sync + 'static,
) -> (sealift_core::error::Result<Bytes>, Vec<Option<(usize, usize)>>) {
    let served = content.clone();
    let double = Double::start(move |asked| answer(&served, asked)).await;
    let got = read(&in_ranges(&double.host(), 4), &repository(&double.host(), "a/b"), &layer(content)).await;
    (got, double.asked().iter().map(|asked| asked_for(asked, content.len())).collect())
}

async fn settled(double: &Double) -> usize {
    let mut seen = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        match double.asked().len() {
            now if now == seen => return now,
            now => seen = now,
        }
    }
}

/// Opens a blob and takes its first chunk.
async fn begun(fetch: &RegistryFetch, host: &str, content: &Bytes) -> Blob {
    let mut blob = fetch.blob(&repository(host, "a/b"), &layer(content)).await.unwrap();
    assert!(blob.chunk().await.unwrap().is_some());
    blob
}

#[tokio::test]
async fn a_large_blob_comes_in_order_and_no_byte_twice() {
    let content = noise(5 * RANGE + 1000);
    let (got, mut asked) = read_over(&content, part).await;
    assert!(got.unwrap() == content);
    asked.sort_unstable();
    let expected: Vec<_> = (0..6).map(|at| Some((at * RANGE, ((at + 1) * RANGE).min(content.len())))).collect();
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn no_more_is_read_ahead_than_the_ranges_that_the_pipeline_names() {
    let content = noise(8 * RANGE);
    let served = content.clone();
    let double = Double::start(move |asked| part(&served, asked)).await;
    let mut blob = begun(&in_ranges(&double.host(), 4), &double.host(), &content).await;
    let mut at = 0;
    while at < RANGE / 2 {
        at += blob.chunk().await.unwrap().unwrap().len();
    }
    assert_eq!(settled(&double).await, 4, "four at once, and the fifth when the first was handed on");
    let etags: Vec<_> = double.asked().iter().map(|asked| asked.header("if-range").map(str::to_owned)).collect();
    assert_eq!(etags.iter().flatten().count(), 3, "all but the first: {etags:?}");
    while at <= RANGE + RANGE / 2 {
        at += blob.chunk().await.unwrap().unwrap().len();
    }
    assert_eq!(settled(&double).await, 5);
}

#[tokio::test]
async fn a_blob_below_the_threshold_is_one_stream() {
    let content = noise(4 * RANGE - 1);
    let (got, asked) = read_over(&content, part).await;
    assert!(got.unwrap() == content);
    assert_eq!(asked, [None]);
}

#[tokio::test]
async fn a_server_without_ranges_gives_the_whole_at_once() {
    let content = noise(4 * RANGE);
    let (got, asked) = read_over(&content, |content, _| reply(200).body(content.clone())).await;
    assert!(got.unwrap() == content);
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn ranges_that_are_refused_or_wrong_become_one_stream() {
    type Answer = fn(&Bytes, &Asked) -> Reply;
    let answers: [(&str, Answer); 5] = [
        ("refused", |_, _| reply(403)),
        ("missing", |_, _| reply(404)),
        ("another validator", |content, _| reply(200).body(content.clone())),
        ("another place", |content, _| {
            reply(206).header("content-range", format!("bytes 0-9/{}", content.len())).body(content.slice(0..10))
        }),
        ("too long", |content, asked| {
            let (start, _) = asked_for(asked, content.len()).unwrap();
            reply(206)
                .header("content-range", format!("bytes {start}-{}/{}", content.len() - 1, content.len()))
                .body(content.slice(start..))
        }),
    ];
    let content = noise(4 * RANGE);
    for (what, wrong) in answers {
        let (got, asked) = read_over(&content, move |content, asked| {
            let is_ahead = asked_for(asked, content.len()).is_some_and(|(start, end)| start > 0 && end < content.len());
            if is_ahead { wrong(content, asked) } else { part(content, asked) }
        })
        .await;
        assert!(got.unwrap() == content, "{what}");
        assert!(asked.len() < 12, "{what}: {asked:?}");
        assert!(asked.iter().any(|range| *range == Some((RANGE, content.len()))), "{what}: {asked:?}");
    }
    // A server that refuses the first range gives the whole.
    let (got, asked) = read_over(&content, |content, asked| match asked.header("range") {
        Some(_) => reply(416).header("content-length", 5),
        None => part(content, asked),
    })
    .await;
    assert!(got.unwrap() == content);
    assert_eq!(asked.len(), 2);
}

// Each attempt read in ranges again, so that the blob never came.
#[tokio::test]
async fn a_blob_whose_ranges_are_wrong_is_read_in_one_stream_the_next_time() {
    let content = noise(4 * RANGE);
    let served = content.clone();
    let double = Double::start(move |asked| match asked_for(asked, served.len()) {
        Some((start, end)) => {
            let mut wrong = served.slice(start..end).to_vec();
            wrong[0] ^= 1;
            part(&served, asked).body(wrong)
        }
        None => part(&served, asked),
    })
    .await;
    let (fetch, at) = (in_ranges(&double.host(), 4), repository(&double.host(), "a/b"));
    assert!(read(&fetch, &at, &layer(&content)).await.is_err());
    let before = double.asked().len();
    assert!(read(&fetch, &at, &layer(&content)).await.unwrap() == content);
    assert_eq!(double.asked().len() - before, 1);
}

#[tokio::test]
async fn a_range_that_breaks_off_goes_on_at_that_byte() {
    let content = noise(4 * RANGE);
    let (got, asked) = read_over(&content, |content, asked| match asked_for(asked, content.len()) {
        Some((start, _)) if start % RANGE == 0 => part(content, asked).cut(3 * MIB),
        _ => part(content, asked),
    })
    .await;
    assert!(got.unwrap() == content);
    assert_eq!(asked.len(), 8, "{asked:?}");
}

#[tokio::test]
async fn ranges_take_permits_that_are_spare_and_return_them() {
    let content = noise(8 * RANGE);
    let served = content.clone();
    let double = Double::start(move |asked| part(&served, asked)).await;
    let entry = RegistryConfig { ranges: NonZeroU8::new(3), ..RegistryConfig::default() };
    let client = client_with(&[(&double.host(), entry)], hasty());
    let registry = client.registry(&repository(&double.host(), "a/b"));
    let spare = || -> Vec<Permit> { std::iter::from_fn(|| registry.limit.spare_read()).collect() };
    let all = spare().len();
    assert!(all > 2, "{all}");

    let blob = begun(&fetch_of(&client), &double.host(), &content).await;
    assert_eq!(spare().len(), all - 2, "the transfer itself has one that is not counted here");
    drop(blob);
    assert_eq!(spare().len(), all);

    let taken = spare();
    let blob = begun(&fetch_of(&client), &double.host(), &content).await;
    let asked = double.asked().len();
    let rest: Vec<_> = blob.collect().await;
    assert!(rest.iter().all(Result::is_ok));
    assert_eq!(double.asked().len() - asked, 7, "one range after the other");
    drop(taken);
    assert_eq!(spare().len(), all);
}

#[tokio::test]
async fn a_line_that_limits_each_connection_is_used_several_times() {
    let content = noise(4 * RANGE);
    let served = content.clone();
    let double = Double::start(move |asked| part(&served, asked)).await;
    let network = Network { bytes_per_second: 8 << 20, ..Network::default() };
    let line = Proxy::start(double.host().parse().unwrap(), network).await;
    let mut times = Vec::new();
    for ranges in [1, 4] {
        let began = Instant::now();
        let got = read(&in_ranges(&line.host(), ranges), &repository(&line.host(), "a/b"), &layer(&content)).await;
        assert!(got.unwrap() == content);
        times.push(began.elapsed());
    }
    assert!(times[0] > times[1] * 2, "{times:?}");
}
