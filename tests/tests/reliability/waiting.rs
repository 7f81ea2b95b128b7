//! A transfer that waits holds nothing that others need.

use std::time::{Duration, Instant};

use sealift_conformance::images::image;
use sealift_e2e::program::{Folder, Ran};
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, End, Fault, FaultRegistry},
};

use crate::scene::{Scene, until};

/// Images of each source.
const IMAGES: usize = 12;

/// Bytes of a layer, long enough that it does not come in one piece.
const LAYER: usize = 300_000;

/// Copies the images of two sources with two transfers at once, and returns the time after which those of the second
/// source arrived. The first source fails like this for all blobs.
async fn time_beside(faults: Vec<Fault>) -> Duration {
    let (bad, good, to) = (FaultRegistry::start().await, FaultRegistry::start().await, FaultRegistry::start().await);
    let mut rules = String::new();
    for (name, from) in [("bad", &bad), ("good", &good)] {
        for number in 0..IMAGES {
            let layer = format!("{name} {number} ").repeat(LAYER / 10);
            let repository = format!("{name}/app{number}");
            Content::at(&from.url_behind()).put(&repository, "v1", &image("linux/amd64", &[&layer])).await;
            let (from, to) = (from.host(), to.host());
            rules += &format!("    {{ from = \"{from}/{repository}:v1\", to = [\"{to}/{repository}\"] }},\n");
        }
    }
    faults.into_iter().for_each(|fault| bad.will(fault));
    let folder = Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"));
    let text = format!(
        "name = \"waiting\"\n[run]\ntransfers = 2\nretries = 0\n[list]\nuse = \"registry\"\nimages = [\n{rules}]\n\
         [[push]]\nuse = \"registry\"\n"
    );
    folder.write("waiting.toml", &text);
    let began = Instant::now();
    let mut child = folder.start(&["run", "waiting.toml"]);
    let behind = Content::at(&to.url_behind());
    for number in 0..IMAGES {
        let name = format!("good/app{number}");
        until("the others arrive", async || behind.digest(&name, "v1").await.is_some()).await;
    }
    let time = began.elapsed();
    assert_eq!(child.try_wait().unwrap(), None, "the first source is still tried");
    child.kill().unwrap();
    drop(Ran::of(child));
    assert!(bad.fired() > 2);
    time
}

// The pauses between the attempts at one source took the transfers from all others.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_blobs_fail_does_not_hold_up_another_one() {
    let blobs = || Fault::on("GET", "/blobs/sha256");
    let failures: [(&str, Vec<Fault>); 4] = [
        ("500", vec![blobs().act(Act::Say(Answer::status(500)))]),
        ("503", vec![blobs().act(Act::Say(Answer::status(503)))]),
        ("resets", vec![blobs().act(Act::HangUp(End::Reset))]),
        ("resets after some bytes", vec![blobs().act(Act::Cut { after: 100, end: End::Reset })]),
    ];
    for (what, faults) in failures {
        let time = time_beside(faults).await;
        assert!(time < Duration::from_secs(4), "{what}: {time:?}");
    }
}

// It began again at its first byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_is_asked_for_in_the_middle_of_a_blob_costs_no_byte() {
    let mut scene = Scene::new().await;
    let app = image("linux/amd64", &[&"a layer of an image. ".repeat(LAYER / 21 + 1)[..LAYER]]);
    scene.wants("shop/app", "v1", &app).await;
    let path = format!("/shop/app/blobs/{}", app.blobs[1].0.digest);
    let pause = Act::Say(Answer::status(429).header("retry-after", 1));
    scene.from.will(Fault::on("GET", &path).nth(1).act(Act::Cut { after: 100_000, end: End::Fin }));
    scene.from.will(Fault::on("GET", &path).nth(2).act(pause));
    let ran = scene.run().expect(0);
    scene.from.assert_all_fired();
    let journal = scene.from.journal();
    let asked: Vec<_> = journal.of("GET", &path).map(|it| (it.range_start().unwrap_or(0), it.status)).collect();
    assert_eq!(asked, [(0, Some(200)), (100_000, Some(429)), (100_000, Some(206))], "{journal}");
    let sent: u64 = journal.of("GET", &path).filter(|it| it.status != Some(429)).map(|it| it.sent).sum();
    assert_eq!(sent, LAYER as u64, "{journal}");
    assert_eq!(scene.to.journal().count("PUT", "/blobs/uploads/"), 2, "{}", scene.to.journal());
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_asks_for_a_long_pause_in_the_middle_of_blobs_does_not_hold_up_another_one() {
    let blobs = || Fault::on("GET", "/blobs/sha256");
    let faults = vec![
        blobs().first(4).act(Act::Cut { after: 1000, end: End::Fin }),
        blobs().from(5).act(Act::Say(Answer::status(429).header("retry-after", 30))),
    ];
    let time = time_beside(faults).await;
    assert!(time < Duration::from_secs(4), "{time:?}");
}
