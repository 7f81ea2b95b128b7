//! Whose clock a run goes by: not the one on the wall.

use std::{
    process::Child,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sealift_conformance::images::image;
use sealift_e2e::{clock, program::Ran};
use sealift_testkit::fault::{Act, Answer, Exchange, Fault};

use crate::{network::old_token, scene::Scene};

/// An answer of a server whose clock is right.
fn dated(status: u16) -> Answer {
    Answer::status(status).header("date", httpdate::fmt_http_date(SystemTime::now()))
}

fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_secs(2)
}

/// Asked to come back at a time of day.
fn later(_: &Exchange) -> Answer {
    dated(429).header("retry-after", httpdate::fmt_http_date(soon()))
}

/// The exit code of a run; none if it takes longer than any pause that it was asked for.
async fn ends_in_time(mut child: Child) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.wait().unwrap().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_91_a_clock_that_jumps_by_an_hour_holds_nothing_up() {
    let mut scene = Scene::new().await;
    let images: Vec<_> = (0..3).map(|n| image("linux/amd64", &[&format!("layer {n}")])).collect();
    for (n, image) in images.iter().enumerate() {
        scene.wants(&format!("shop/app{n}"), "v1", image).await;
    }
    let (layer, bytes) = images[0].blobs[1].clone();
    // Served, and the last one until a time that Unix counts.
    let last = move |_: &Exchange| {
        let reset = soon().duration_since(UNIX_EPOCH).unwrap().as_secs();
        dated(200).header("x-ratelimit-remaining", 0).header("x-ratelimit-reset", reset).body(bytes.clone())
    };
    scene.from.will(Fault::on("GET", "/manifests/").nth(2).act(Act::say_to(later)));
    scene.from.will(Fault::on("GET", layer.digest.to_string()).nth(1).act(Act::say_to(last)));
    scene.to.will(Fault::on("PUT", "/manifests/v1").nth(1).act(old_token(&scene.to.host())));

    let (out, err) = (scene.folder.path("stdout"), scene.folder.path("stderr"));
    let mut command = scene.command();
    command.env("LD_PRELOAD", clock::jumping(scene.folder.dir()));
    command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    let code = ends_in_time(command.spawn().unwrap()).await;
    let text = |path| std::fs::read_to_string(path).unwrap();
    let ran = Ran { code, stdout: text(out), stderr: text(err) }.expect(0);
    scene.from.assert_all_fired();
    scene.to.assert_all_fired();
    let times: Vec<_> = ran.stdout.lines().filter_map(|line| line.split("\"time\":").nth(1)).collect();
    assert!(times.len() > 5 && !times.is_sorted(), "it jumped back and forth: {times:?}");
    scene.assert_invariants(&ran);
}
