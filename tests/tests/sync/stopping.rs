//! Stopping with signals, and going on afterwards.

use std::time::{Duration, Instant};

use sealift_conformance::images::image;
use sealift_e2e::program::{Ran, signal, until_said};
use sealift_serve::access::RequestKind;
use sealift_testkit::content::Content;
use sealift_testkit::proxy::{Network, Proxy};

use crate::{folder, open_sites};

/// Waits until something is so, for half a minute at most.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_ends_in_order_and_a_rerun_sends_nothing_again() {
    let Some((from, to)) = open_sites() else { return };
    let source = Content::at(&from.url());
    for tag in 0..8 {
        let layer = format!("{tag}").repeat(600_000);
        source.put("shop/app", &format!("v{tag}"), &image("linux/amd64", &[&layer])).await;
    }
    let network = Network { bytes_per_second: 400_000, ..Network::default() };
    let slow = Proxy::start(from.addr(), network).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{}/shop/app: {}/m/app\n", slow.host(), to.host()));
    let arguments = ["sync", "--images", "images.yaml", "--proc", "2"];
    let child = folder.start(&arguments);
    until("some bytes have to move", || slow.bytes_from_server() > 300_000).await;
    signal(&child, "INT");
    let ran = Ran::of(child).expect(130);
    let first = to.requests().count("PUT", RequestKind::Upload);
    assert!(first < 16, "it was to be interrupted: {first}\n{}", ran.stderr);
    slow.change(Network::default());
    folder.run(&arguments).expect(0);
    assert_eq!(to.requests().count("PUT", RequestKind::Upload), 16, "eight configs and eight layers, each once");
    for tag in 0..8 {
        Content::at(&to.url()).whole("m/app", &format!("v{tag}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait() {
    let Some((from, to)) = open_sites() else { return };
    let layer = "x".repeat(4_000_000);
    Content::at(&from.url()).put("shop/app", "v1", &image("linux/amd64", &[&layer])).await;
    let slow = Proxy::start(from.addr(), Network { bytes_per_second: 100_000, ..Network::default() }).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{}/shop/app: {}/m/app\n", slow.host(), to.host()));
    let mut child = folder.start(&["sync", "--images", "images.yaml"]);
    until("some bytes have to move", || slow.bytes_from_server() > 100_000).await;
    signal(&child, "TERM");
    tokio::task::block_in_place(|| until_said(&mut child, "stopping: nothing new begins"));
    signal(&child, "INT");
    let asked = Instant::now();
    Ran::of(child).expect(130);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}
