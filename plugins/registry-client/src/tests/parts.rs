//! Blobs that are sent in parts, and uploads that go on where they broke off.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::stream;
use sealift_core::{
    blob::Blob,
    cache::Namespace,
    error::{Error, ErrorKind, Result, Retry},
    stage::{Push, UploadStart},
};
use sealift_testkit::{book::Book, nginx::Nginx, registry::Registry};

use super::{double::*, setting::*};
use crate::{config::RegistryConfig, push::RegistryPush};

const MIB: usize = 1 << 20;

/// What the upload of a double has.
type Stored = Arc<Mutex<Vec<u8>>>;

/// A registry with one upload. `first` may answer in its place.
async fn registry(first: impl Fn(&Asked, &mut Vec<u8>) -> Option<Reply> + Send + Sync + 'static) -> (Double, Stored) {
    let stored = Stored::default();
    let kept = Arc::clone(&stored);
    let double = Double::start(move |asked| {
        let mut stored = kept.lock().unwrap();
        if let Some(reply) = first(asked, &mut stored) {
            return reply;
        }
        match asked.method.as_str() {
            "POST" if asked.path.contains("mount=") => reply(405),
            "POST" => {
                stored.clear();
                told(202, &stored)
            }
            "PATCH" => {
                stored.extend_from_slice(&asked.body);
                told(202, &stored)
            }
            "PUT" => {
                stored.extend_from_slice(&asked.body);
                reply(201).header("docker-content-digest", digest_of(&stored))
            }
            "GET" if asked.path.contains("/uploads/u") => told(204, &stored),
            _ => reply(404),
        }
    })
    .await;
    (double, stored)
}

fn told(status: u16, stored: &[u8]) -> Reply {
    reply(status)
        .header("location", format!("/v2/a/b/blobs/uploads/u?at={}", stored.len()))
        .header("range", format!("0-{}", stored.len().saturating_sub(1)))
}

/// A limit for the size of a request.
fn limited(asked: &Asked, limit: usize) -> Option<Reply> {
    let page = "<html>413 Request Entity Too Large</html>";
    (asked.body.len() > limit).then(|| reply(413).header("content-type", "text/html").body(page))
}

/// A blob that can be read again, and the offsets from which it was.
fn rereadable(content: &Bytes) -> (Blob, Arc<Mutex<Vec<u64>>>) {
    let reads = Arc::new(Mutex::new(Vec::new()));
    let (noted, content) = (Arc::clone(&reads), content.clone());
    let blob = blob(&content).reopened_by(move |offset| {
        noted.lock().unwrap().push(offset);
        let rest = content.slice(usize::try_from(offset).unwrap()..);
        let pieces: Vec<_> = rest.chunks(50_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        async { Ok(stream::iter(pieces)) }
    });
    (blob, reads)
}

/// Sends a blob that can be read again; returns how often it was.
async fn send_rereadable(push: &RegistryPush, host: &str, content: &Bytes) -> Result<usize> {
    let (blob, reads) = rereadable(content);
    let offer = push.renew(&repository(host, "a/b"), &layer(content)).await?;
    let UploadStart::Upload(slot) = offer else { panic!("it is asked for") };
    slot.write(blob).await?;
    let reads = reads.lock().unwrap();
    Ok(reads.len())
}

fn in_parts_of(mebibytes: u32) -> RegistryConfig {
    RegistryConfig { chunk_mib: NonZeroU32::new(mebibytes), ..RegistryConfig::default() }
}

fn push_in_parts(double: &Double, mebibytes: u32) -> RegistryPush {
    push_of(&client_with(&[(&double.host(), in_parts_of(mebibytes))], hasty()))
}

/// Method and length of the requests that had a body, or asked for the state of the upload.
fn transfers(double: &Double) -> Vec<(String, usize)> {
    let is_one = |asked: &Asked| asked.path.contains("/uploads/") && asked.method != "POST" && asked.method != "DELETE";
    let asked = double.asked().into_iter().filter(is_one);
    asked.map(|asked| (asked.method, asked.body.len())).collect()
}

fn listed(transfers: &[(&str, usize)]) -> Vec<(String, usize)> {
    transfers.iter().map(|(method, length)| ((*method).to_owned(), *length)).collect()
}

#[tokio::test]
async fn after_a_413_a_size_that_fits_is_found_and_kept_for_the_run_and_the_next_one() {
    let (double, stored) = registry(|asked, _| limited(asked, MIB)).await;
    let (book, content) = (Book::new(), noise(3 * MIB + 1000));
    let push = push_of(&client_noting(&[], book.notes()));
    send_rereadable(&push, &double.host(), &content).await.unwrap();
    assert!(*stored.lock().unwrap() == content);
    let (patch, put) = (("PATCH", MIB), ("PUT", 1000));
    let found = listed(&[("PUT", 3 * MIB + 1000), ("PATCH", 2 * MIB), patch, patch, patch, put]);
    assert_eq!(transfers(&double), found);
    assert_eq!(double.count("POST", "/uploads/"), 1 + 1, "one upload, and one question how mounts are answered");

    // Each part goes where the answer to the last one said, and says which bytes it has.
    let asked = double.asked();
    let parts: Vec<_> = asked.iter().filter(|asked| asked.method == "PATCH").skip(1).collect();
    for (at, part) in parts.iter().enumerate() {
        assert!(part.path.ends_with(&format!("?at={}", at * MIB)), "{}", part.path);
        let range = format!("{}-{}", at * MIB, (at + 1) * MIB - 1);
        assert_eq!(part.header("content-range"), Some(range.as_str()));
    }

    let fitting = listed(&[patch, patch, patch, put]);
    send_rereadable(&push, &double.host(), &content).await.unwrap();
    assert_eq!(transfers(&double)[6..], fitting, "in this run");
    let next = push_of(&client_noting(&[], book.notes()));
    send_rereadable(&next, &double.host(), &content).await.unwrap();
    assert_eq!(transfers(&double)[10..], fitting, "in the next run");
    assert!(*stored.lock().unwrap() == content);
}

#[tokio::test]
async fn a_forged_note_costs_requests_and_nothing_else() {
    for forged in ["", "1", "99999999999999 99999", "262144 99999", "x y"] {
        let (double, stored) = registry(|_, _| None).await;
        let book = Book::new();
        book.notes().put(Namespace::Hosts, &format!("{} body limit", double.host()), forged.to_owned()).await;
        let content = noise(MIB);
        let push = push_of(&client_noting(&[], book.notes()));
        assert_eq!(send(&push, &repository(&double.host(), "a/b"), &content).await.unwrap(), "sent", "{forged}");
        assert!(*stored.lock().unwrap() == content);
        assert!(transfers(&double).len() <= 4, "{forged}");
    }
}

#[tokio::test]
async fn a_source_that_cannot_be_read_again_is_started_again_by_the_engine() {
    let (double, stored) = registry(|asked, _| limited(asked, MIB)).await;
    let (push, content) = (push_of(&client()), noise(3 * MIB));
    let at = repository(&double.host(), "a/b");
    let mut failed = Vec::new();
    while let Err(error) = send(&push, &at, &content).await {
        assert_eq!(error.retry(), Retry::Soon, "{error}");
        assert!(error.message().contains("too large"), "{error}");
        failed.push(error);
        assert!(failed.len() < 5);
    }
    assert_eq!(failed.len(), 2, "the whole, and parts of 2 MiB");
    assert!(*stored.lock().unwrap() == content);
}

#[tokio::test]
async fn a_size_that_the_pipeline_names_is_used_from_the_first_blob_on() {
    let (double, stored) = registry(|asked, _| limited(asked, MIB)).await;
    let content = noise(2 * MIB);
    assert_eq!(send_rereadable(&push_in_parts(&double, 1), &double.host(), &content).await.unwrap(), 0);
    assert!(*stored.lock().unwrap() == content);
    assert_eq!(transfers(&double), listed(&[("PATCH", MIB), ("PUT", MIB)]));
    // A blob that fits is one request.
    send_rereadable(&push_in_parts(&double, 1), &double.host(), &noise(MIB)).await.unwrap();
    assert_eq!(transfers(&double)[2..], listed(&[("PUT", MIB)]));
}

#[tokio::test]
async fn a_registry_says_how_small_a_part_may_be() {
    for (least, expected) in [
        ("2097152", vec![("PATCH", 2 * MIB), ("PUT", MIB)]),
        ("9000000000000000000", vec![("PUT", 3 * MIB)]),
        ("-1", vec![("PATCH", MIB), ("PATCH", MIB), ("PUT", MIB)]),
        ("abc", vec![("PATCH", MIB), ("PATCH", MIB), ("PUT", MIB)]),
    ] {
        let (double, stored) = registry(move |asked, stored| {
            (asked.method == "POST").then(|| told(202, stored).header("oci-chunk-min-length", least))
        })
        .await;
        let content = noise(3 * MIB);
        send_rereadable(&push_in_parts(&double, 1), &double.host(), &content).await.unwrap();
        assert!(*stored.lock().unwrap() == content);
        assert_eq!(transfers(&double), listed(&expected), "{least}");
    }
}

#[tokio::test]
async fn what_a_registry_did_not_keep_of_a_part_is_sent_again() {
    let (double, stored) = registry(|asked, stored| {
        let is_second = asked.method == "PATCH" && stored.len() == MIB;
        is_second.then(|| {
            stored.extend_from_slice(&asked.body[..300_000]);
            told(202, stored)
        })
    })
    .await;
    let content = noise(4 * MIB);
    assert_eq!(send_rereadable(&push_in_parts(&double, 1), &double.host(), &content).await.unwrap(), 1);
    assert!(*stored.lock().unwrap() == content);
    assert!(double.asked().iter().any(|asked| asked.header("content-range") == Some("1348576-2397151")));
}

#[tokio::test]
async fn a_part_that_breaks_off_goes_on_where_the_registry_says() {
    for kept in [0, 1, 300_000, MIB] {
        let broke = Mutex::new(false);
        let (double, stored) = registry(move |asked, stored| {
            let breaks =
                asked.method == "PATCH" && stored.len() == MIB && !std::mem::replace(&mut broke.lock().unwrap(), true);
            breaks.then(|| {
                stored.extend_from_slice(&asked.body[..kept]);
                hang_up()
            })
        })
        .await;
        let content = noise(3 * MIB);
        send_rereadable(&push_in_parts(&double, 1), &double.host(), &content).await.unwrap();
        assert!(*stored.lock().unwrap() == content, "{kept}");
        assert_eq!(double.count("GET", "/uploads/"), 1);
        assert_eq!(double.count("POST", "/uploads/"), 1 + 1, "the upload was not begun again");
        let sent: usize = transfers(&double).iter().map(|(_, length)| length).sum();
        assert_eq!(sent, 4 * MIB - kept, "{kept}");
    }
}

#[tokio::test]
async fn a_large_blob_whose_only_request_breaks_off_goes_on_where_the_registry_says() {
    let (double, stored) = registry(|asked, stored| {
        let breaks = asked.method == "PUT" && stored.is_empty();
        breaks.then(|| {
            stored.extend_from_slice(&asked.body[..20 * MIB]);
            hang_up()
        })
    })
    .await;
    let content = noise(24 * MIB);
    let (blob, reads) = rereadable(&content);
    let push = push_of(&client());
    let offer = push.renew(&repository(&double.host(), "a/b"), &layer(&content)).await.unwrap();
    let UploadStart::Upload(slot) = offer else { panic!("it is asked for") };
    slot.write(blob).await.unwrap();
    assert!(*stored.lock().unwrap() == content);
    assert_eq!(transfers(&double), listed(&[("PUT", 24 * MIB), ("GET", 0), ("PUT", 4 * MIB)]));
    let reads = reads.lock().unwrap();
    assert!(matches!(reads[..], [from] if from > 12 * MIB as u64), "{reads:?}");
}

#[tokio::test]
async fn a_small_blob_that_breaks_off_is_not_asked_about() {
    let (double, _) = registry(|asked, _| (asked.method == "PUT").then(|| reply(503))).await;
    send_rereadable(&push_of(&client()), &double.host(), &noise(MIB)).await.unwrap_err();
    assert_eq!(double.count("GET", "/uploads/"), 0);
}

#[tokio::test]
async fn an_upload_that_is_forgotten_is_worth_another_start() {
    let (double, _) = registry(|asked, stored| {
        (stored.len() > MIB && asked.method != "POST")
            .then(|| reply(404).json(r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#))
    })
    .await;
    let error = send_rereadable(&push_in_parts(&double, 1), &double.host(), &noise(4 * MIB)).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Soon, "{error}");
}

#[tokio::test]
async fn connections_that_are_cut_again_and_again_are_taken_for_a_limit() {
    let (double, stored) = registry(|asked, _| (asked.body.len() > MIB).then(hang_up)).await;
    let content = noise(9 * MIB);
    send_rereadable(&push_of(&client()), &double.host(), &content).await.unwrap();
    assert!(*stored.lock().unwrap() == content);
    let refused: Vec<_> = transfers(&double).into_iter().filter(|(_, length)| *length > MIB).collect();
    assert_eq!(refused.iter().map(|(_, length)| length / MIB).collect::<Vec<_>>(), [9, 9, 8, 4, 2]);
}

/// Sends as often as it is worth, and returns what each attempt came to.
async fn insist(push: &RegistryPush, double: &Double, content: &Bytes) -> Vec<Result<usize>> {
    let mut all = Vec::new();
    loop {
        all.push(send_rereadable(push, &double.host(), content).await);
        let again = all.last().unwrap().as_ref().is_err_and(Error::is_retryable_now);
        if !again || all.len() > 6 {
            return all;
        }
    }
}

#[tokio::test]
async fn a_registry_that_takes_no_parts_gets_the_whole() {
    type Spoil = fn(&Asked, &mut Vec<u8>) -> Reply;
    let spoilt: [(&str, Spoil); 9] = [
        ("404", |_, _| reply(404)),
        ("405", |_, _| reply(405)),
        ("416", |_, _| reply(416)),
        ("501", |_, _| reply(501)),
        ("it keeps nothing", |_, stored| told(202, stored)),
        ("it counts too much", |asked, stored| {
            stored.extend_from_slice(&asked.body);
            reply(202).header("location", "/v2/a/b/blobs/uploads/u").header("range", "0-99999999")
        }),
        ("it counts one byte too much", |asked, stored| {
            stored.extend_from_slice(&asked.body);
            reply(202).header("location", "/v2/a/b/blobs/uploads/u").header("range", format!("0-{}", stored.len()))
        }),
        ("a range of nonsense", |asked, stored| {
            stored.extend_from_slice(&asked.body);
            reply(202).header("location", "/v2/a/b/blobs/uploads/u").header("range", "lots")
        }),
        ("it overwrites", |asked, stored| {
            *stored = asked.body.clone();
            told(202, stored)
        }),
    ];
    for (what, spoil) in spoilt {
        let (double, stored) =
            registry(move |asked, stored| (asked.method == "PATCH").then(|| spoil(asked, stored))).await;
        let content = noise(3 * MIB);
        let attempts = insist(&push_in_parts(&double, 1), &double, &content).await;
        assert!(attempts.last().unwrap().is_ok(), "{what}: {attempts:?}");
        assert!((2..=3).contains(&attempts.len()), "{what}: {attempts:?}");
        assert!(*stored.lock().unwrap() == content, "{what}");
    }
}

#[tokio::test]
async fn a_registry_that_takes_neither_the_whole_nor_parts_is_told_what_to_change() {
    let (double, _) = registry(|asked, _| match asked.method.as_str() {
        "PATCH" => Some(reply(405)),
        _ => limited(asked, MIB),
    })
    .await;
    let attempts = insist(&push_of(&client()), &double, &noise(3 * MIB)).await;
    let error = attempts.last().unwrap().as_ref().unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unsupported, Retry::Never), "{error}");
    assert!(error.hint().unwrap().contains("raise the limit"), "{error:?}");
    assert_eq!(attempts.len(), 1);
}

#[tokio::test]
async fn answers_to_parts_may_leave_out_what_has_not_changed() {
    for (location, range) in [(false, true), (true, false), (false, false)] {
        let (double, stored) = registry(move |asked, stored| {
            (asked.method == "PATCH").then(|| {
                stored.extend_from_slice(&asked.body);
                let all = format!("0-{}", stored.len() - 1);
                let answer = if range { reply(202).header("range", all) } else { reply(202) };
                if location { answer.header("location", "/v2/a/b/blobs/uploads/u") } else { answer }
            })
        })
        .await;
        let content = noise(3 * MIB);
        send_rereadable(&push_in_parts(&double, 1), &double.host(), &content).await.unwrap();
        assert!(*stored.lock().unwrap() == content);
    }
}

#[tokio::test]
async fn a_token_that_ends_between_two_parts_is_renewed_and_the_upload_goes_on() {
    let tokens = Mutex::new(0);
    let (double, stored) = registry(move |asked, stored| {
        let host = asked.header("host").unwrap_or_default();
        if asked.path.starts_with("/token") {
            let mut tokens = tokens.lock().unwrap();
            *tokens += 1;
            return Some(reply(200).json(&format!(r#"{{"token":"t{tokens}","expires_in":3600}}"#)));
        }
        let is_over = asked.header("authorization") == Some("Bearer t1") && stored.len() >= MIB;
        if is_over || !asked.authorized() {
            let value = format!(r#"Bearer realm="http://{host}/token",service="r""#);
            return Some(reply(401).header("www-authenticate", value));
        }
        None
    })
    .await;
    let content = noise(3 * MIB);
    send_rereadable(&push_in_parts(&double, 1), &double.host(), &content).await.unwrap();
    assert!(*stored.lock().unwrap() == content);
    assert_eq!(double.count("GET", "/token"), 2);
    assert_eq!(double.asked().iter().filter(|asked| asked.method == "PATCH").count(), 3, "one was sent again");
}

#[tokio::test]
async fn bytes_that_turn_out_wrong_are_not_committed_in_parts_either() {
    let (double, _) = registry(|_, _| None).await;
    let content = noise(3 * MIB);
    let mut wrong = content.to_vec();
    wrong[2 * MIB] ^= 1;
    let pieces: Vec<_> = wrong.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let lying = Blob::new(layer(&content), stream::iter(pieces));
    let push = push_in_parts(&double, 1);
    let offer = push.renew(&repository(&double.host(), "a/b"), &layer(&content)).await.unwrap();
    let UploadStart::Upload(slot) = offer else { panic!("it is asked for") };
    assert_eq!(slot.write(lying).await.unwrap_err().kind(), ErrorKind::Corrupt);
    push.close().await.unwrap();
    let put = double.asked().into_iter().find(|asked| asked.method == "PUT");
    assert!(put.is_none(), "the last part never arrived whole");
    assert_eq!(double.count("DELETE", "/uploads/"), 1, "the upload is ended");
}

#[tokio::test]
async fn a_real_nginx_with_a_limit_is_passed_in_parts() {
    let Some(real) = Registry::start() else { return };
    let Some(nginx) = Nginx::before(real.addr(), "client_max_body_size 1m;") else { return };
    let (push, content) = (push_of(&client()), noise(10 * MIB + 1000));
    let began = std::time::Instant::now();
    let reads = send_rereadable(&push, &nginx.host(), &content).await.unwrap();
    assert_eq!(reads, 1, "sizes that are refused at once cost no bytes of the source");
    let fetch = fetch_of(&client());
    assert!(read(&fetch, &repository(&real.host(), "a/b"), &layer(&content)).await.unwrap() == content);
    let log = nginx.log();
    let count = |start: &str| log.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("PUT 413"), count("PATCH 413"), count("PATCH 202"), count("PUT 201")), (1, 3, 10, 1), "{log:#?}");
    assert!(began.elapsed() < Duration::from_secs(60));

    let second = noise(3 * MIB);
    assert_eq!(send_rereadable(&push, &nginx.host(), &second).await.unwrap(), 0);
    let more: Vec<_> = nginx.log().split_off(log.len());
    assert!(more.iter().all(|line| !line.contains(" 413 ")), "{more:#?}");
    assert!(read(&fetch, &repository(&real.host(), "a/b"), &layer(&second)).await.unwrap() == second);
}

#[tokio::test]
async fn a_real_registry_takes_parts() {
    let Some(real) = Registry::start() else { return };
    let push = push_of(&client_with(&[(&real.host(), in_parts_of(1))], hasty()));
    for length in [3 * MIB, 3 * MIB + 1, MIB, 1] {
        let content = noise(length);
        assert_eq!(send_rereadable(&push, &real.host(), &content).await.unwrap(), 0);
        let at = repository(&real.host(), "a/b");
        assert!(read(&fetch_of(&client()), &at, &layer(&content)).await.unwrap() == content);
    }
}

/// A registry that says nothing more once it has 16 MiB, until it is told to go on.
async fn stopping_at_16_mib() -> (Double, Stored, Arc<AtomicBool>) {
    let goes_on = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&goes_on);
    let (double, stored) = registry(move |asked, stored| {
        let stops = asked.method == "PATCH" && stored.len() >= 16 * MIB && !flag.load(Ordering::Relaxed);
        if asked.method == "POST" && !asked.path.contains("mount=") && stored.len() >= 16 * MIB {
            // A second upload, beside the one that was left.
            return Some(reply(202).header("location", "/v2/a/b/blobs/uploads/another"));
        }
        stops.then(|| reply(202).late(Duration::from_secs(3600)))
    })
    .await;
    (double, stored, goes_on)
}

/// Leaves an upload as a process does that is stopped.
async fn leave(double: &Double, stored: &Stored, book: &Book, content: &Bytes) {
    let push = push_of(&client_noting(&[(&double.host(), in_parts_of(4))], book.notes()));
    let (host, sent) = (double.host(), content.clone());
    let run = tokio::spawn(async move { send_rereadable_by_offer(&push, &host, &sent).await.map(drop) });
    // The fifth part is there, and its answer does not come.
    while double.count("PATCH", "/uploads/") < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stored.lock().unwrap().len(), 16 * MIB);
    run.abort();
    run.await.unwrap_err();
}

/// Offers a blob that can be read again as the engine does; returns where it was read from.
async fn send_rereadable_by_offer(push: &RegistryPush, host: &str, content: &Bytes) -> Result<Vec<u64>> {
    let (blob, reads) = rereadable(content);
    let offer = push.offer(&repository(host, "a/b"), &layer(content), None).await?;
    let UploadStart::Upload(slot) = offer else { panic!("it is new") };
    slot.write(blob).await?;
    let reads = reads.lock().unwrap();
    Ok(reads.clone())
}

#[tokio::test]
async fn an_upload_that_a_run_left_is_gone_on_with_by_the_next_one() {
    let (double, stored, goes_on) = stopping_at_16_mib().await;
    let (book, content) = (Book::new(), noise(24 * MIB));
    leave(&double, &stored, &book, &content).await;
    assert_eq!(double.count("DELETE", "/uploads/"), 0, "it is kept");
    let before = transfers(&double).len();
    goes_on.store(true, Ordering::Relaxed);

    let push = push_of(&client_noting(&[(&double.host(), in_parts_of(4))], book.notes()));
    let reads = send_rereadable_by_offer(&push, &double.host(), &content).await.unwrap();
    assert!(*stored.lock().unwrap() == content);
    assert_eq!(reads, [16 * MIB as u64]);
    assert_eq!(transfers(&double)[before..], listed(&[("GET", 0), ("PATCH", 4 * MIB), ("PUT", 4 * MIB)]));
    push.close().await.unwrap();
    assert_eq!(double.count("DELETE", "/uploads/another"), 1, "the one that was not needed is ended");
    assert!(book.read(Namespace::Uploads).values().all(Bytes::is_empty));
}

#[tokio::test]
async fn an_upload_that_was_left_and_is_forgotten_begins_again() {
    let (double, stored, goes_on) = stopping_at_16_mib().await;
    let (book, content) = (Book::new(), noise(24 * MIB));
    leave(&double, &stored, &book, &content).await;
    goes_on.store(true, Ordering::Relaxed);
    stored.lock().unwrap().clear();
    let forget = |_: &str| double.url("/v2/a/b/blobs/uploads/forgotten");
    assert_eq!(book.spoil(Namespace::Uploads, forget), 1);
    let push = push_of(&client_noting(&[(&double.host(), in_parts_of(4))], book.notes()));
    send_rereadable_by_offer(&push, &double.host(), &content).await.unwrap();
    assert!(*stored.lock().unwrap() == content);
}

#[tokio::test]
async fn a_forged_note_of_an_upload_leads_nowhere_else() {
    let (double, stored) = registry(|_, _| None).await;
    let elsewhere = Double::start(|_| reply(404)).await;
    let content = noise(9 * MIB);
    for forged in [elsewhere.url("/v2/a/b/blobs/uploads/u"), double.url("/v2/other/b/blobs/uploads/u"), "x".to_owned()]
    {
        let book = Book::new();
        let key = format!("{}/a/b@{}", double.host(), layer(&content).digest);
        book.notes().put(Namespace::Uploads, &key, forged.to_owned()).await;
        let push = push_of(&client_noting(&[], book.notes()));
        send_rereadable_by_offer(&push, &double.host(), &content).await.unwrap();
        assert!(*stored.lock().unwrap() == content);
    }
    assert!(elsewhere.asked().is_empty());
    assert_eq!((double.count("GET", "/uploads/"), double.count("GET", "/other/")), (0, 0));
}

#[tokio::test]
async fn an_upload_that_was_left_counts_only_if_the_registry_confirms_its_digest() {
    let stored = Stored::default();
    let kept = Arc::clone(&stored);
    let double = Double::start(move |asked| {
        let mut stored = kept.lock().unwrap();
        match asked.method.as_str() {
            "GET" => told(204, &vec![0; 5 * MIB]),
            "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/new"),
            "PUT" => {
                *stored = asked.body.clone();
                reply(201)
            }
            _ => reply(404),
        }
    })
    .await;
    let (book, content) = (Book::new(), noise(9 * MIB));
    let key = format!("{}/a/b@{}", double.host(), layer(&content).digest);
    book.notes().put(Namespace::Uploads, &key, double.url("/v2/a/b/blobs/uploads/left")).await;
    let push = push_of(&client_noting(&[], book.notes()));
    let error = send_rereadable_by_offer(&push, &double.host(), &content).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Corrupt, Retry::Soon), "{error}");
    send_rereadable(&push, &double.host(), &content).await.unwrap();
    assert!(*stored.lock().unwrap() == content, "sent whole, and hashed here");
}
