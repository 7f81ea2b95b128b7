use axum::{body::Body, routing::get};
use futures::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, timeout},
};

use super::*;

const LIMITS: Limits = Limits { connections: 2, head: Duration::from_secs(10), silence: Duration::from_secs(100) };
const DAY: Duration = Duration::from_secs(86_400);

/// A connection to a server that answers at once, after `slow`, or with a body that never ends.
fn connect(version: HttpVersion) -> DuplexStream {
    let router = Router::new()
        .route("/", get(async || "here"))
        .route("/slow", get(async || tokio::time::sleep(LIMITS.head * 3).await))
        .route(
            "/endless",
            get(async || Body::from_stream(stream::repeat_with(|| Ok::<_, io::Error>("x".repeat(1024))))),
        );
    let (client, server) = duplex(4096);
    tokio::spawn(serve(server, version, router, CancellationToken::new(), LIMITS));
    client
}

/// How long it takes until the server hangs up, and what it said.
async fn until_the_end(client: &mut DuplexStream) -> (Duration, String) {
    let (start, mut said) = (Instant::now(), Vec::new());
    let mut client = client.take(1 << 20);
    timeout(DAY, client.read_to_end(&mut said)).await.expect("it hangs up within a day").unwrap();
    (start.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_in_time_what_it_wants_loses_its_place() {
    for said in ["", "G", "GET / HTTP/1.1\r\nhost: a\r\nx: "] {
        let mut client = connect(HttpVersion::Http1);
        client.write_all(said.as_bytes()).await.unwrap();
        let (after, _) = until_the_end(&mut client).await;
        assert!(after >= LIMITS.head && after < LIMITS.head * 2, "{said:?}: {after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_not_awaited_either() {
    let mut client = connect(HttpVersion::Http1);
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let start = Instant::now();
    let trickle = async {
        while client.write_all(b"x: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(LIMITS.head * 3, trickle).await.expect("it hangs up");
    assert!(start.elapsed() < LIMITS.head * 2, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_take_longer_than_a_question() {
    let mut client = connect(HttpVersion::Http1);
    client.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let (after, said) = until_the_end(&mut client).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(after >= LIMITS.head * 4, "it was kept for another question: {after:?}");
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_its_answer_loses_its_place() {
    let mut client = connect(HttpVersion::Http1);
    client.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(LIMITS.silence * 3).await;
    // What is in the pipe is still there; nothing comes after it.
    let (after, said) = until_the_end(&mut client).await;
    assert!(after < LIMITS.silence && said.len() <= 4096, "{after:?}, {} bytes", said.len());
}

#[tokio::test(start_paused = true)]
async fn who_agreed_on_http_2_and_is_silent_loses_its_place() {
    let mut client = connect(HttpVersion::Http2);
    let (after, _) = until_the_end(&mut client).await;
    assert!(after <= LIMITS.silence * 2, "{after:?}");
}
