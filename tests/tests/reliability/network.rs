//! Group A: the network, and servers that answer badly.

use std::time::Duration;

use sealift_conformance::images::image;
use sealift_e2e::program::Ran;
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, End, Exchange, Fault, FaultRegistry, Weather},
    registry::Registry,
};

use crate::scene::{Scene, report, until};

/// Long enough that it does not come in one piece.
const LAYER: u64 = 300_000;

/// One image, and the end of the path of its layer.
async fn with_one_image() -> (Scene, String) {
    let mut scene = Scene::new().await;
    let layer = "a layer of an image. ".repeat(LAYER as usize / 21 + 1);
    let app = image("linux/amd64", &[&layer[..LAYER as usize]]);
    scene.wants("shop/app", "v1", &app).await;
    let path = format!("/shop/app/blobs/{}", app.blobs[1].0.digest);
    (scene, path)
}

/// Why the only image failed.
#[track_caller]
fn cause(ran: &Ran) -> String {
    let report = report(ran);
    let failures = report["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{report:#}");
    format!("{} hint: {}", failures[0]["cause"].as_str().unwrap(), failures[0]["hint"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_01_a_reset_read_goes_on_where_it_broke() {
    for after in [0, 1, 64 << 10, LAYER - 1] {
        let (scene, layer) = with_one_image().await;
        scene.from.will(Fault::on("GET", &layer).nth(1).act(Act::Cut { after, end: End::Reset }));
        let ran = scene.run().expect(0);
        scene.from.assert_all_fired();
        let journal = scene.from.journal();
        assert_eq!(journal.count("GET", &layer), 2, "{journal}");
        // A reset throws away what the client's system had not handed out yet, so it may go on a little before.
        let again = journal.of("GET", &layer).nth(1).unwrap();
        let start = again.range_start().unwrap_or(0);
        assert!(start <= after && (start > 0 || after < 64 << 10), "{journal}");
        assert_eq!(again.sent, LAYER - start, "{journal}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_02_a_body_that_ends_early_is_gone_on_with() {
    for after in [0, 1, 100_000, LAYER - 1] {
        let (scene, layer) = with_one_image().await;
        scene.from.will(Fault::on("GET", &layer).nth(1).act(Act::Cut { after, end: End::Fin }));
        let ran = scene.run().expect(0);
        scene.from.assert_all_fired();
        let journal = scene.from.journal();
        let asked: Vec<_> = journal.of("GET", &layer).map(|it| (it.range_start().unwrap_or(0), it.sent)).collect();
        assert_eq!(asked, [(0, after), (after, LAYER - after)], "no byte is read twice\n{journal}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_03_a_body_that_is_too_long_is_left() {
    let (scene, layer) = with_one_image().await;
    scene.from.will(Fault::on("GET", &layer).act(Act::Endless));
    let ran = scene.run().expect(1);
    scene.from.assert_all_fired();
    assert!(cause(&ran).contains("more than the 300000 bytes"), "{}", cause(&ran));
    let journal = scene.from.journal();
    assert!(journal.count("GET", &layer) <= 3, "{journal}");
    let sent: u64 = journal.of("GET", &layer).map(|it| it.sent).sum();
    assert!(sent < 64 << 20, "what buffers hold, and no more: {sent}");
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_08_a_trickle_does_not_hold_the_others() {
    let (mut scene, slow) = with_one_image().await;
    for name in ["shop/b", "shop/c", "shop/d"] {
        scene.wants(name, "v1", &image("linux/amd64", &[name])).await;
    }
    scene.from.will(Fault::on("GET", &slow).act(Act::Throttle { bytes_per_second: 10 }));
    scene.write_pipeline("");
    let mut child = scene.folder.start(&["run", "scene.toml", "--json", "-vvv", "--log", "run.log"]);
    let behind = Content::at(&scene.to.url_behind());
    for name in ["shop/b", "shop/c", "shop/d"] {
        until("the others arrive", async || behind.digest(name, "v1").await.is_some()).await;
    }
    scene.from.assert_all_fired();
    assert_eq!(behind.digest("shop/app", "v1").await, None, "the slow one is still on its way");
    child.kill().unwrap();
    let ran = Ran::of(child);
    assert_eq!(ran.code, None, "it was still at work: {}", ran.all());
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_10_a_server_that_stumbles_is_asked_again() {
    for (part, method, status) in [
        ("/manifests/v1", "GET", 500),
        ("/blobs/sha256", "GET", 502),
        ("/uploads/", "POST", 503),
        ("/manifests/v1", "PUT", 504),
    ] {
        let (scene, _) = with_one_image().await;
        let side = if method == "GET" { &scene.from } else { &scene.to };
        side.will(Fault::on(method, part).first(2).act(Act::Say(Answer::status(status).body("<html>sorry</html>"))));
        let ran = scene.run().expect(0);
        assert_eq!(side.fired(), 2, "{method} {part}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_12_a_throttled_host_is_left_alone_by_everybody() {
    let mut scene = Scene::new().await;
    for at in 0..10 {
        scene.wants(&format!("shop/app{at}"), "v1", &image("linux/amd64", &[&format!("layer {at}")])).await;
    }
    scene.from.will(Fault::on("GET", "/manifests/").nth(1).act(Act::Say(Answer::status(429).header("retry-after", 2))));
    let ran = scene.run().expect(0);
    scene.from.assert_all_fired();
    let journal = scene.from.journal();
    let asked = journal.of("GET", "/manifests/").filter(|asked| asked.status != Some(401)).count();
    assert_eq!(asked, 10 + 1, "only the one that was told so is repeated\n{journal}");
    let told = journal.iter().position(|asked| asked.status == Some(429)).unwrap();
    let at = |asked: &Exchange| asked.at.unwrap();
    let told_at = at(journal.iter().nth(told).unwrap());
    for later in journal.iter().skip(told + 1) {
        assert!(at(later) - told_at >= Duration::from_secs(2), "{later}, before the pause was over\n{journal}");
    }
    scene.assert_invariants(&ran);
}

/// What a registry says to a token that it does not take any more.
pub(crate) fn old_token(host: &str) -> Act {
    let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"fault\"");
    Act::Say(Answer::status(401).header("www-authenticate", challenge).json(r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#))
}

#[tokio::test(flavor = "multi_thread")]
async fn case_14_a_token_that_ended_is_renewed_once() {
    for (method, part) in [("PUT", "/blobs/uploads/"), ("PUT", "/manifests/v1")] {
        let (scene, _) = with_one_image().await;
        scene.to.will(Fault::on(method, part).nth(1).act(old_token(&scene.to.host())));
        let ran = scene.run().expect(0);
        scene.to.assert_all_fired();
        let journal = scene.to.journal();
        assert_eq!(journal.count("GET", "/token"), 2, "one at the start, one more\n{journal}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_17_an_upload_that_breaks_starts_again_alone() {
    for after in [0, 1, 100_000] {
        let (scene, _) = with_one_image().await;
        // Of config and layer, whichever goes first.
        scene.to.will(Fault::on("PUT", "/blobs/uploads/").nth(1).act(Act::CutRequest { after, end: End::Reset }));
        let ran = scene.run().expect(0);
        scene.to.assert_all_fired();
        let journal = scene.to.journal();
        assert_eq!(journal.count("PUT", "/blobs/uploads/"), 3, "config and layer, one of them twice\n{journal}");
        assert_eq!(scene.from.journal().count("GET", "/blobs/"), 3, "{}", scene.from.journal());
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_17_an_upload_that_breaks_starts_again_at_a_real_registry_too() {
    let Some(registry) = Registry::start() else { return };
    let (scene, _) = with_one_image().await;
    let to = FaultRegistry::before(registry.addr()).await;
    to.will(Fault::on("PUT", "/blobs/uploads/").first(2).act(Act::CutRequest { after: 100_000, end: End::Reset }));
    scene.write_pipeline_to(&to.host(), "");
    tokio::task::block_in_place(|| scene.folder.run(&["run", "scene.toml"])).expect(0);
    to.assert_all_fired();
    Content::at(&registry.url()).whole("shop/app", "v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_21_a_blob_whose_commit_was_not_answered_is_not_sent_again() {
    for end in [End::Reset, End::Fin] {
        let (scene, _) = with_one_image().await;
        scene.to.will(Fault::on("PUT", "/blobs/uploads/").first(2).act(Act::Lose(end)));
        let ran = scene.run().expect(0);
        assert_eq!(scene.to.fired(), 2);
        let journal = scene.to.journal();
        assert_eq!(journal.count("PUT", "/blobs/uploads/"), 2, "config and layer, each once\n{journal}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_22_a_manifest_whose_commit_was_not_answered_is_no_failure() {
    for end in [End::Reset, End::Fin] {
        let (scene, _) = with_one_image().await;
        scene.to.will(Fault::on("PUT", "/manifests/v1").nth(1).act(Act::Lose(end)));
        let ran = scene.run().expect(0);
        scene.to.assert_all_fired();
        assert!(scene.to.journal().count("PUT", "/manifests/v1") <= 2, "{}", scene.to.journal());
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_24_a_login_does_not_travel_along_with_a_redirect() {
    let (scene, layer) = with_one_image().await;
    let store = FaultRegistry::before(scene.from.url_behind()["http://".len()..].parse().unwrap()).await;
    let signed = format!("{}/v2{layer}?sig={}", store.url(), scene.canaries.signature);
    scene.from.will(Fault::on("GET", &layer).act(Act::redirect(&signed)));
    // And it breaks on the way, so that an error could tell.
    store.will(Fault::on("GET", "/blobs/").nth(1).act(Act::Cut { after: 1000, end: End::Fin }));
    let ran = scene.run().expect(0);
    scene.from.assert_all_fired();
    store.assert_all_fired();
    let journal = store.journal();
    assert!(journal.iter().all(|asked| asked.header("authorization").is_none()), "{journal}");
    assert_eq!(scene.from.journal().count("GET", &layer), 2, "each attempt asks the registry for a new place");
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_27_a_blob_that_is_called_compressed_is_taken_as_it_is_or_not_at_all() {
    let (scene, layer) = with_one_image().await;
    scene.from.will(Fault::on("GET", &layer).act(Act::Header("content-encoding", Some("gzip".to_owned()))));
    let ran = scene.run().expect(0);
    scene.from.assert_all_fired();
    assert!(
        scene
            .from
            .journal()
            .iter()
            .all(|asked| { asked.path.starts_with("/token") || asked.header("accept-encoding") == Some("identity") }),
        "{}",
        scene.from.journal()
    );
    scene.assert_invariants(&ran);

    let (scene, layer) = with_one_image().await;
    let squeezed = Answer::status(200)
        .header("content-encoding", "gzip")
        .body(&b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"[..]);
    scene.from.will(Fault::on("GET", &layer).act(Act::Say(squeezed)));
    let ran = scene.run().expect(1);
    scene.from.assert_all_fired();
    assert!(cause(&ran).contains("bytes, expected 300000"), "{}", cause(&ran));
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_28_what_is_too_large_for_a_proxy_is_sent_once_and_said() {
    let (scene, _) = with_one_image().await;
    let answer =
        Answer::status(413).header("content-type", "text/html").body("<html>413 Request Entity Too Large</html>");
    scene.to.will(Fault::on("PUT", "/blobs/uploads/").act(Act::Say(answer)));
    let ran = scene.run().expect(1);
    scene.to.assert_all_fired();
    assert!(cause(&ran).contains("too large") && cause(&ran).contains("client_max_body_size"), "{}", cause(&ran));
    assert!(scene.to.journal().count("PUT", "/blobs/uploads/") <= 2, "config and layer, each once");
    scene.assert_invariants(&ran);
}

/// 50 images, and a network that goes away while they are on their way. There is one round only: who gave up while it
/// was away is not asked again.
async fn a_network_that_goes_away(weather: Weather, away: Duration) {
    const IMAGES: usize = 50;
    let mut scene = Scene::new().await;
    for at in 0..IMAGES {
        let layer = format!("layer {at} ").repeat(10_000);
        scene.wants(&format!("shop/app{at}"), "v1", &image("linux/amd64", &[&layer])).await;
    }
    scene.retries = 0;
    scene.from.will(Fault::on("GET", "/blobs/").act(Act::Throttle { bytes_per_second: 200_000 }));
    scene.write_pipeline("");
    let child = scene.folder.start(&["run", "scene.toml", "--json", "-vvv", "--log", "run.log"]);
    let ran = tokio::task::spawn_blocking(move || Ran::of(child));
    until("blobs move", async || scene.from.journal().count("GET", "/blobs/") >= 8).await;
    for side in [&scene.from, &scene.to] {
        side.weather(weather);
    }
    let on_their_way = scene.from.journal().count("GET", "/blobs/");
    tokio::time::sleep(away).await; // this is what goes wrong
    for side in [&scene.from, &scene.to] {
        side.weather(Weather::Fine);
    }
    let ran = ran.await.unwrap().expect(0);
    assert!(on_their_way < 2 * IMAGES, "it went away too late");
    let reads = scene.from.journal().count("GET", "/blobs/");
    match weather {
        Weather::Down => assert!(reads > 2 * IMAGES, "nothing was cut: {reads} reads"),
        _ => assert_eq!(reads, 2 * IMAGES, "nothing was cut, and everything went on where it stood"),
    }
    assert_eq!(report(&ran)["rounds"], 0);
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_32_a_network_that_goes_away_and_comes_back_loses_nothing() {
    a_network_that_goes_away(Weather::Down, Duration::from_secs(4)).await;
    a_network_that_goes_away(Weather::Frozen, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute"]
async fn case_32_the_network_may_be_away_for_half_a_minute() {
    a_network_that_goes_away(Weather::Down, Duration::from_secs(30)).await;
    a_network_that_goes_away(Weather::Frozen, Duration::from_secs(30)).await;
}
