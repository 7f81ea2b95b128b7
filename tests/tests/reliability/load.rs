//! Group F: much of everything, and little to do it with.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sealift_conformance::images::image;
use sealift_core::{
    engine::{self, RunSettings},
    plugin::Purpose,
    report::Report,
    spec::{self, LoadOptions},
};
use sealift_e2e::program::Ran;
use sealift_plugins as _;
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, End, Fault, FaultRegistry},
};

use crate::{
    destination::run_under,
    hose::Hose,
    scene::{Scene, To},
};

const TAGS: usize = 10_000;
const PER_PAGE: usize = 100;

/// One page of 10,000 tags, and where the next one is.
fn page(path: &str) -> Answer {
    let start = path.split("last=").nth(1).map_or(0, |last| last.parse::<usize>().unwrap() + 1);
    let tags: Vec<String> = (start..(start + PER_PAGE).min(TAGS)).map(|n| format!("\"v{n}\"")).collect();
    let last = start + PER_PAGE - 1;
    let answer = Answer::status(200).json(&format!("{{\"name\":\"shop/app\",\"tags\":[{}]}}", tags.join(",")));
    match last + 1 < TAGS {
        true => answer.header("link", format!("</v2/shop/app/tags/list?last={last}>; rel=\"next\"")),
        false => answer,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_85_of_ten_thousand_tags_only_those_that_are_wanted_are_asked_for() {
    let scene = Scene::new().await;
    let app = image("linux/amd64", &["layer"]);
    let behind = Content::at(&scene.from.url_behind());
    for tag in 0..10 {
        behind.put("shop/app", &format!("v{}", 9990 + tag), &app).await;
    }
    scene.from.will(Fault::on("GET", "/shop/app/tags/list").act(Act::say_to(|asked| page(&asked.path))));
    let (from, to) = (scene.from.host(), scene.to.host());
    let rule = format!("{{ from = \"{from}/shop/app:/^v999./\", to = [\"{to}/shop/app\"] }}");
    let mut text = format!("[list]\nuse = \"registry\"\nimages = [{rule}]\n[[push]]\nuse = \"registry\"\n");
    for host in [from, to] {
        text += &format!("[registries.\"{host}\"]\nusername = \"miner\"\npassword = {{ env = \"CANARY\" }}\n");
    }
    scene.folder.write("many.toml", &text);
    scene.from.forget();
    let ran = tokio::task::block_in_place(|| scene.folder.run(&["plan", "many.toml"])).expect(0);
    scene.from.assert_all_fired();
    let journal = scene.from.journal();
    let pages = journal.count("GET", "/tags/list");
    assert!((TAGS / PER_PAGE..=TAGS / PER_PAGE + 2).contains(&pages), "{pages} pages");
    let manifests =
        journal.iter().filter(|asked| asked.path.contains("/manifests/v") && asked.status == Some(200)).count();
    assert_eq!(manifests, 10, "{journal}");
    assert!(ran.stdout.contains("/shop/app:v9999"), "{}", ran.all());
}

/// An image with this many layers, from the registry of a scene.
async fn many_layers(to: To, count: usize) -> Scene {
    let mut scene = Scene::to(to).await;
    let layers: Vec<String> = (0..count).map(|n| format!("layer {n}")).collect();
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    scene.wants("shop/app", "v1", &image("linux/amd64", &layers)).await;
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn case_87_hundreds_of_layers_need_few_files_and_sockets() {
    for to in [To::Registry, To::Directory] {
        let scene = many_layers(to, 400).await;
        let ran = run_under(&scene, "prlimit", &["--nofile=96"]).expect(0);
        assert_eq!(scene.from.journal().count("GET", "/blobs/"), 401);
        scene.assert_invariants(&ran);
    }
}

/// 512 MiB, or as many GiB as `SEALIFT_BLOB_GIB` says.
fn blocks() -> u64 {
    let gib = std::env::var("SEALIFT_BLOB_GIB").ok().and_then(|text| text.parse::<u64>().ok());
    gib.map_or(512 << 4, |gib| gib << 14)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_88_a_blob_of_any_size_passes_in_little_memory() {
    let hose = Hose::start(blocks()).await;
    let folder = sealift_e2e::program::Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"));
    let child = folder.start(&["copy", &format!("{}/big:v1", hose.source), &format!("{}/big:v1", hose.sink)]);
    hose.seen.pid.set(child.id()).unwrap();
    let ran = tokio::task::spawn_blocking(move || Ran::of(child)).await.unwrap();
    let ran = ran.expect(0);
    let uploads = hose.seen.uploads.lock().unwrap().clone();
    assert!(uploads.contains(&(hose.layer.digest.clone(), hose.layer.size)), "{uploads:?}\n{}", ran.all());
    let memory = hose.seen.memory.get().expect("it wrote the manifest");
    assert!(*memory < 128 << 10, "it needed {memory} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_90_little_address_space_is_enough_or_is_told() {
    for to in [To::Registry, To::Directory] {
        let scene = many_layers(to, 30).await;
        // Address space, not memory: most of it is stacks that are never touched.
        let ran = run_under(&scene, "prlimit", &["--as=536870912"]);
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.all());
        scene.assert_invariants(&ran);
    }
}

/// How long the soak takes: a few rounds, or as many minutes as `SEALIFT_SOAK_MINUTES` says.
fn soak_time() -> Duration {
    let minutes = std::env::var("SEALIFT_SOAK_MINUTES").ok().and_then(|text| text.parse::<u64>().ok());
    Duration::from_secs(minutes.unwrap_or(0) * 60)
}

/// What a process holds on to.
#[derive(Debug)]
struct Held {
    files: usize,
    tasks: usize,
}

impl Held {
    fn now() -> Self {
        let files = std::fs::read_dir("/proc/self/fd").expect("this is Linux").count();
        Self { files, tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks() }
    }
}

/// Everything goes wrong, often enough that hardly a blob gets through at once.
fn storm(from: &FaultRegistry, to: &FaultRegistry, turn: u64) {
    let shift = turn % 5;
    for fault in [
        Fault::on("GET", "/blobs/").every(7 + shift).act(Act::Cut { after: 1000, end: End::Reset }),
        Fault::on("GET", "/blobs/").every(11 + shift).act(Act::Flip { at: 17 }),
        Fault::on("GET", "/manifests/").every(5 + shift).act(Act::HangUp(End::Reset)),
        Fault::on("*", "/shop/").every(31 + shift).act(Act::Say(Answer::status(503))),
        Fault::on("*", "/shop/").every(37 + shift).act(Act::Late(Duration::from_millis(200))),
    ] {
        from.will(fault);
    }
    for fault in [
        Fault::on("PUT", "/blobs/").every(6 + shift).act(Act::CutRequest { after: 1500, end: End::Reset }),
        Fault::on("PUT", "/blobs/").every(9 + shift).act(Act::Lose(End::Reset)),
        Fault::on("PUT", "/manifests/").every(4 + shift).act(Act::Lose(End::Fin)),
        Fault::on("POST", "/uploads/").every(13 + shift).act(Act::Say(Answer::status(502))),
        Fault::on("*", "/shop/").every(41 + shift).act(Act::HangUp(End::Fin)),
    ] {
        to.will(fault);
    }
}

async fn run(text: &str) -> Report {
    let settings = LoadOptions {
        base: "/nowhere".into(),
        environment: Arc::new(|_| None),
        purpose: Purpose::Run,
        cache: Default::default(),
        extensions: Default::default(),
    };
    let loaded = spec::load(text, "soak.toml", &settings).unwrap_or_else(|errors| panic!("{errors:?}"));
    engine::run(&loaded.pipeline, RunSettings::default()).await
}

const IMAGES: usize = 40;

/// In a process of its own, because files are counted for a whole process and other tests have some.
#[test]
#[expect(clippy::print_stderr, reason = "the figures of a long soak are what it is run for")]
fn case_89_everything_that_breaks_converges_and_nothing_leaks() {
    let mut soak = std::process::Command::new(std::env::current_exe().unwrap());
    let output = soak.args(["load::the_soak_itself", "--exact", "--ignored", "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    said.lines().filter(|line| line.contains("faults")).for_each(|line| eprintln!("{line}"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "case 89 starts it"]
#[expect(clippy::print_stderr, reason = "whoever starts it reads the figures")]
async fn the_soak_itself() {
    let from = FaultRegistry::start().await;
    let behind = Content::at(&from.url_behind());
    for n in 0..IMAGES {
        let layers = [format!("base {}", n % 5).repeat(300), format!("own {n}").repeat(600)];
        behind.put(&format!("shop/app-{n}"), "v1", &image("linux/amd64", &[&layers[0], &layers[1]])).await;
    }
    drop(behind);
    let (started, fired, mut before) = (Instant::now(), AtomicUsize::new(0), None::<Held>);
    let (mut turn, mut rerun) = (0, 0);
    while turn < 2 || started.elapsed() < soak_time() {
        let to = FaultRegistry::start().await;
        let images: String = (0..IMAGES)
            .map(|n| {
                format!("  {{ from = \"{}/shop/app-{n}:v1\", to = [\"{}/shop/app-{n}\"] }},\n", from.host(), to.host())
            })
            .collect();
        let text = format!(
            "[run]\ntransfers = 64\nretries = 1\n[list]\nuse = \"registry\"\nimages = [\n{images}]\n[[push]]\nuse = \"registry\"\n"
        );
        storm(&from, &to, turn);
        let report = run(&text).await;
        assert_eq!(report.copied + report.failed, IMAGES as u64, "{:?}", report.failures);
        fired.fetch_add(usize::try_from(from.fired() + to.fired()).unwrap(), Ordering::Relaxed);
        from.heal();
        to.heal();
        rerun += report.failed;
        let report = run(&text).await;
        assert_eq!((report.failed, report.unfinished), (0, 0), "{:?}", report.failures);
        let behind = Content::at(&to.url_behind());
        for n in 0..IMAGES {
            behind.whole(&format!("shop/app-{n}"), "v1").await;
        }
        drop((to, behind));
        from.forget();
        turn += 1;
        before = Some(settled(before).await);
    }
    let fired = fired.into_inner();
    assert!(fired > 100, "only {fired} faults took effect");
    eprintln!(
        "{turn} turns in {:?}: {fired} faults, {rerun} images needed another run; at the end {before:?}",
        started.elapsed()
    );
}

/// Waits until no more is held than before; connections take a moment to be seen as closed.
async fn settled(before: Option<Held>) -> Held {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let now = Held::now();
        match &before {
            // What is kept for good, such as a resolver's thread, is there after the first turn.
            Some(before) if now.files > before.files || now.tasks > before.tasks => {
                assert!(Instant::now() < deadline, "{before:?} became {now:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            _ => return before.unwrap_or(now),
        }
    }
}
