//! Answers that say "later", and connections that break.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use sealift_core::{
    error::{ErrorKind, Retry},
    stage::{Fetch, ResolveMode},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{double::*, setting::*};
use crate::timing::Timing;

/// Serves the empty index, but not before `refusals` requests were answered by `refuse`.
async fn reluctant(refusals: usize, refuse: impl Fn() -> Reply + Send + Sync + 'static) -> Double {
    let seen = AtomicUsize::new(0);
    Double::start(move |_| if seen.fetch_add(1, Ordering::Relaxed) < refusals { refuse() } else { index() }).await
}

fn index() -> Reply {
    let manifest = empty_index();
    reply(200)
        .header("content-type", manifest.media_type())
        .header("docker-content-digest", manifest.digest())
        .body(manifest.bytes().clone())
}

#[tokio::test]
async fn a_server_that_stumbles_is_asked_again() {
    for status in [408, 425, 500, 502, 503, 504, 522] {
        let double = reluctant(2, move || reply(status)).await;
        let found =
            fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
        assert_eq!(found.descriptor.digest, *empty_index().digest(), "{status}");
        assert_eq!(double.asked().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let double = reluctant(2, hang_up).await;
    fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Descriptor).await.unwrap();
    let double = reluctant(1, || index().cut(10)).await;
    fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
    assert_eq!(double.asked().len(), 2);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_awaited_for_ever() {
    let double = reluctant(1, || index().late(Duration::from_secs(3600))).await;
    let timing = Timing { response: Duration::from_millis(200), ..hasty() };
    fetch_of(&client_with(&[], timing))
        .resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest)
        .await
        .unwrap();
    let double = reluctant(1, || index().stall(10)).await;
    let timing = Timing { idle_read: Duration::from_millis(200), ..hasty() };
    fetch_of(&client_with(&[], timing))
        .resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest)
        .await
        .unwrap();
}

#[tokio::test]
async fn final_answers_are_final() {
    for status in [400, 403, 404, 405, 409, 413, 501] {
        let double = reluctant(100, move || reply(status)).await;
        let resolved = fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await;
        assert!(!resolved.unwrap_err().is_retryable());
        assert_eq!(double.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_host_that_is_down_is_left_alone_after_a_while_and_others_are_not() {
    let (down, up) = (reluctant(usize::MAX, || reply(503)).await, reluctant(0, hang_up).await);
    let fetch = fetch_of(&client());
    for _ in 0..20 {
        let error = fetch.resolve(&image_at(&down.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Soon), "{error}");
    }
    let asked = down.asked().len();
    assert!((20..=55).contains(&asked), "20 requests and 30 repeats on credit, not 100: {asked}");
    fetch.resolve(&image_at(&up.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
}

#[tokio::test]
async fn a_throttling_host_gets_its_pause_from_everybody() {
    let start = Instant::now();
    let double = Double::start(move |_| {
        if start.elapsed() < Duration::from_millis(900) { reply(429).header("retry-after", 1) } else { index() }
    })
    .await;
    let fetch = fetch_of(&client());
    let image = image_at(&double.host(), "a/b:v1");
    let all = futures::future::join_all((0..10).map(|_| fetch.resolve(&image, ResolveMode::Manifest))).await;
    assert!(all.into_iter().all(|one| one.is_ok()));
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(double.asked().len(), 1 + 10, "one is told, and nobody else asks before the pause is over");
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_told_at_once() {
    let double = reluctant(usize::MAX, || reply(429).header("retry-after", 9999).body("<html>calm down</html>")).await;
    let fetch = fetch_of(&client());
    let image = image_at(&double.host(), "a/b:v1");
    let error = fetch.resolve(&image, ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(error.retry(), Retry::Never, "it was waited for in vain, an hour for each round");
    assert!(error.message().contains("it opens again in 167 min"), "{error}");
    let error = fetch.resolve(&image, ResolveMode::Manifest).await.unwrap_err();
    assert!(error.message().contains("asked us to wait for 167 min more"), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    assert_eq!(double.asked().len(), 1, "nothing more is sent to it");
}

/// A server that says these bytes to each request, and the number of requests that it had.
async fn garbler(says: &'static [u8]) -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (host, asked) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                    // Another one may ask for TLS first.
                    counter.fetch_add(usize::from(request[0].is_ascii_uppercase()), Ordering::Relaxed);
                    drop(stream.write_all(says).await);
                }
            });
        }
    });
    (host, asked)
}

// 260 requests and three minutes for one image: what is no HTTP counted as an outage.
#[tokio::test]
async fn a_response_that_is_no_http_is_asked_for_once_more() {
    for says in [
        &b"HTTP/9.9 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 099 Odd\r\n\r\n",
        b"\x00\x01 garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let (host, asked) = garbler(says).await;
        let fetch = fetch_of(&client());
        let error = fetch.resolve(&image_at(&host, "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Later, "{error}");
        assert!(error.message().contains("sends no valid HTTP response"), "{error}");
        let item = layer(&Bytes::from_static(b"hello"));
        let error = fetch.blob(&repository(&host, "a/b"), &item).await.unwrap_err();
        assert_eq!((error.retry(), asked.load(Ordering::Relaxed)), (Retry::Later, 4), "{error}");
    }
}

// 76 requests to a third host for one image of three blobs.
#[tokio::test]
async fn a_host_that_a_registry_sends_us_to_and_that_refuses_is_asked_twice_in_a_round() {
    for status in [401, 403, 404] {
        let other = reluctant(usize::MAX, move || reply(status)).await;
        let location = other.url("/store/blob");
        let double = Double::start(move |_| reply(307).header("location", &location)).await;
        let error = fetch_of(&client())
            .blob(&repository(&double.host(), "a/b"), &layer(&Bytes::from_static(b"hello")))
            .await
            .unwrap_err();
        assert_eq!((error.retry(), other.asked().len(), double.asked().len()), (Retry::Later, 2, 2), "{error}");
    }
}

#[tokio::test]
async fn a_manifest_whose_answer_got_lost_is_written_again() {
    let seen = AtomicUsize::new(0);
    let double = Double::start(move |_| match seen.fetch_add(1, Ordering::Relaxed) {
        0 => hang_up(),
        _ => reply(201).header("docker-content-digest", empty_index().digest()),
    })
    .await;
    push_of(&client()).tag(&image_at(&double.host(), "a/b:v1"), &empty_index()).await.unwrap();
    assert_eq!(double.count("PUT", "/manifests/v1"), 2);
}

#[tokio::test]
async fn an_immutable_tag_that_is_what_we_write_is_no_failure() {
    let double = Double::start(|asked| if asked.method == "HEAD" { index() } else { reply(412) }).await;
    push_of(&client()).tag(&image_at(&double.host(), "a/b:v1"), &empty_index()).await.unwrap();
    let double = Double::start(|asked| {
        if asked.method == "HEAD" {
            index().header("x", "y")
        } else {
            reply(412).json(r#"{"errors":[{"code":"PRECONDITION"}]}"#)
        }
    })
    .await;
    let other = sealift_conformance::images::image("linux/amd64", &["a"]).manifest;
    let error = push_of(&client()).tag(&image_at(&double.host(), "a/b:v1"), &other).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, false), "{error}");
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_not_asked_for_more() {
    let double = Double::start(|_| {
        index()
            .header("ratelimit-limit", "100;w=21600")
            .header("ratelimit-remaining", 0)
            .header("ratelimit-reset", 1000)
    })
    .await;
    let fetch = fetch_of(&client());
    let image = image_at(&double.host(), "a/b:v1");
    fetch.resolve(&image, ResolveMode::Manifest).await.unwrap();
    let error = fetch.resolve(&image, ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert!(matches!(error.retry(), Retry::After(wait) if wait > Duration::from_secs(990)), "{error:?}");
    assert!(error.message().contains(&double.host()), "{error}");
    assert!(error.message().contains("of its quota 0 of 100 in 6 h are left, more in 17 min"), "{error}");
    assert_eq!(double.asked().len(), 1, "what would be refused is not asked for");
}

#[tokio::test]
async fn a_quota_without_an_end_is_named_when_it_bites() {
    let double = Double::start(|_| {
        let told =
            |reply: Reply| reply.header("ratelimit-limit", "100;w=21600").header("ratelimit-remaining", "0;w=21600");
        told(reply(429).header("retry-after", 600).body("<html>slow down</html>"))
    })
    .await;
    let error =
        fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
    let said = error.message();
    assert!(said.contains("127.0.0.1") && said.contains("asks for fewer requests"), "{said}");
    assert!(said.contains("of its quota 0 of 100 in 6 h are left, it opens again in 10 min"), "{said}");
    assert!(error.hint().unwrap().contains("log in"), "{error:?}");
}

#[tokio::test]
async fn a_host_that_is_away_for_a_while_is_waited_for_by_all_who_ask() {
    let start = Instant::now();
    let away = move || (Duration::from_millis(100)..Duration::from_millis(1100)).contains(&start.elapsed());
    let double = Double::start(move |_| if away() { hang_up() } else { index() }).await;
    let timing = patient(Duration::from_millis(50), Duration::from_secs(20));
    let fetch = fetch_of(&client_with(&[], timing));
    let image = image_at(&double.host(), "a/b:v1");
    fetch.resolve(&image, ResolveMode::Manifest).await.unwrap();
    tokio::time::sleep_until((start + Duration::from_millis(200)).into()).await;
    // Many more repeats than one request or the budget of a dead host would allow.
    let all = futures::future::join_all((0..50).map(|_| fetch.resolve(&image, ResolveMode::Manifest))).await;
    assert!(all.iter().all(Result::is_ok), "{:?}", all.iter().find(|one| one.is_err()));
    assert!(double.asked().len() > 150, "{}", double.asked().len());
}

// Fifty requests were under way when a network went away, and the budget of repetitions was for thirty.
#[tokio::test]
async fn requests_that_break_off_while_others_are_answered_are_all_sent_again() {
    const TAGS: usize = 60;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let met = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let met = Arc::clone(&met);
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let read = stream.read(&mut head).await.unwrap_or_default();
                let path = String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned();
                if path.contains("/manifests/tag") && met.lock().unwrap().insert(path) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    return;
                }
                let manifest = empty_index();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    manifest.media_type(),
                    manifest.bytes().len()
                );
                let _ = stream.write_all(&[head.as_bytes(), manifest.bytes()].concat()).await;
            });
        }
    });
    let client = client();
    let fetch = fetch_of(&client);
    let resolve =
        async |tag: String| fetch.resolve(&image_at(&host, &format!("a/b:{tag}")), ResolveMode::Manifest).await;
    let broken = futures::future::join_all((0..TAGS).map(|number| resolve(format!("tag{number}"))));
    let registry = client.registry(&repository(&host, "a/b"));
    let others_are_answered = async {
        loop {
            registry.transport.note_response();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        biased;
        found = broken => {
            let failed: Vec<_> = found.iter().filter_map(|found| found.as_ref().err()).map(ToString::to_string).collect();
            assert_eq!(failed, Vec::<String>::new());
        }
        () = others_are_answered => unreachable!("it goes on for ever"),
    }
    server.abort();
}

// All requests to a host waited for the first one, which finds out what the host wants.
#[tokio::test]
async fn a_first_request_that_is_slow_does_not_hold_up_the_others() {
    let hour = Duration::from_secs(3600);
    let double =
        Double::start(move |asked| if asked.path.contains("slow") { index().late(hour) } else { index() }).await;
    let fetch = fetch_of(&client_with(&[], Timing { response: hour, ..hasty() }));
    let (slow, other) = (image_at(&double.host(), "slow:v1"), image_at(&double.host(), "a/b:v1"));
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fetch.resolve(&other, ResolveMode::Manifest).await
    };
    tokio::select! {
        biased;
        _ = fetch.resolve(&slow, ResolveMode::Manifest) => panic!("it was answered"),
        found = others => assert!(found.is_ok()),
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("they wait"),
    }
}
