//! Group C: disks and registries that do not take what they are given.

use std::process::Command;

use sealift_e2e::{
    crash::{self, Call, End, Strike},
    program::Ran,
};
use sealift_testkit::{
    fault::{Act, Answer, Fault},
    images::{Image, image},
    program::find,
    registry::Registry,
};

use crate::scene::{Scene, To, files, report};

fn shop(n: usize) -> Image {
    image("linux/amd64", &["the base of all", &format!("layer {n}")])
}

/// Three images for a directory.
async fn three_images() -> Scene {
    let mut scene = Scene::to(To::Directory).await;
    for n in 0..3 {
        scene.wants(&format!("shop/app-{n}"), "v1", &shop(n)).await;
    }
    scene
}

/// Runs the program of the scene under another one, such as `strace`.
pub(crate) fn run_under(scene: &Scene, program: &str, arguments: &[&str]) -> Ran {
    let inner = scene.command();
    let mut command = Command::new(find(program).unwrap_or_else(|| panic!("`{program}` is not installed")));
    command.args(arguments).arg(inner.get_program()).args(inner.get_args()).current_dir(scene.folder.dir());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    tokio::task::block_in_place(|| command.output().expect("it can be started").into())
}

fn is_there(program: &str) -> bool {
    find(program).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_52_a_disk_without_inodes_is_told_and_goes_on_when_there_are_some() {
    let scene = three_images().await;
    let may = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    assert!(may || std::env::var_os("CI").is_none(), "nothing is skipped in CI, and nobody may mount a tmpfs here");
    if !may {
        return;
    }
    let bundle = scene.layout();
    std::fs::create_dir(&bundle).unwrap();
    // What was on the disk is kept in the folder, where the invariants look.
    let text = format!(
        "mount -t tmpfs -o size=4m,nr_inodes=14 tmpfs {0} || exit 9
         \"$@\"; code=$?; cp -r {0} {0}.kept; umount {0}; cp -r {0}.kept/. {0}; exit $code",
        bundle.display()
    );
    let ran = run_under(&scene, "unshare", &["-rm", "sh", "-c", &text, "sh"]).expect(1);
    std::fs::remove_dir_all(bundle.with_extension("kept")).unwrap();
    let report = report(&ran);
    let cause = report["failures"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("no space left") && cause.contains("bundle"), "{cause}");
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_54_what_could_not_be_made_to_last_is_never_called_done() {
    if !is_there("strace") {
        assert!(std::env::var_os("CI").is_none(), "nothing is skipped in CI, and `strace` is not installed");
        return;
    }
    for calls in ["fsync,fdatasync", "rename,renameat,renameat2,link,linkat"] {
        // Counted for each thread, so these are the first ones of each, and all.
        for when in ["1", "1+"] {
            let scene = three_images().await;
            let trace = format!("trace={calls}");
            let inject = format!("inject={calls}:error=EIO:when={when}");
            let ran = run_under(&scene, "strace", &["-f", "-qq", "-o", "trace.log", "-e", &trace, "-e", &inject]);
            let injected = scene.folder.read("trace.log").matches("(INJECTED)").count();
            assert!(injected > 0, "{calls} {when}: it never failed");
            if when == "1+" {
                assert_ne!(ran.code, Some(0), "nothing lasts, and it says {}", ran.all());
            }
            told_the_truth(&scene, &ran, &format!("{calls} {when}"));
        }
    }
}

/// The program of the scene, and its n-th call of these kinds in the bundle that strikes; none if it made fewer.
fn run_struck(scene: &Scene, kinds: &[Call], at: usize, strike: Strike) -> Option<Ran> {
    let (out, err) = (scene.folder.path("stdout"), scene.folder.path("stderr"));
    let mut command = scene.command();
    command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    let (dir, kinds) = (scene.layout(), kinds.to_vec());
    // Whoever traces a thread is that thread for good.
    let traced = std::thread::spawn(move || crash::run(&mut command, &kinds, &dir, at, strike));
    let traced = tokio::task::block_in_place(|| traced.join().unwrap()).expect("a program can be traced here");
    let End::Exited(code) = traced.end else { panic!("nobody killed it: {traced:?}") };
    let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    (traced.calls >= at).then(|| Ran { code: Some(code), stdout: text(out), stderr: text(err) })
}

/// Whether a run over a disk that failed at something told the truth.
#[track_caller]
fn told_the_truth(scene: &Scene, ran: &Ran, what: &str) {
    match ran.code {
        Some(0 | 1) => scene.assert_invariants(ran),
        // The directory could not even be made or read; then it says which file, and nothing is there.
        _ => assert!(ran.stderr.contains("bundle"), "{what}: {}", ran.all()),
    }
}

/// Some calls of each kind fail alone, spread over the whole run, and then all from one on.
#[cfg(target_arch = "x86_64")]
#[tokio::test(flavor = "multi_thread")]
async fn case_54_any_call_that_fails_is_told_or_made_good() {
    for (kind, step) in
        [(Call::Write, 3), (Call::Sync, 4), (Call::Rename, 3), (Call::Create, 3), (Call::Open, 5), (Call::Close, 7)]
    {
        let mut struck = 0;
        for at in (1..).step_by(step) {
            let scene = three_images().await;
            let Some(ran) = run_struck(&scene, &[kind], at, Strike::Fail) else { break };
            // What was synced before is there to stay, so closing it may fail.
            let harmless = kind == Call::Close;
            assert_eq!(ran.code == Some(0), harmless, "{kind:?} {at}: {}", ran.all());
            told_the_truth(&scene, &ran, &format!("{kind:?} {at}"));
            struck += 1;
        }
        assert!(struck >= 4, "{kind:?} failed only {struck} times");
    }
    for kind in [Call::Write, Call::Sync, Call::Rename, Call::Create] {
        let scene = three_images().await;
        let ran = run_struck(&scene, &[kind], 3, Strike::FailFromThere).expect("there are more than three");
        assert_ne!(ran.code, Some(0), "{kind:?}: nothing lasts, and it says {}", ran.all());
        told_the_truth(&scene, &ran, &format!("{kind:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_59_an_index_that_is_broken_is_told_before_anything_is_read_and_stays_as_it_is() {
    for broken in ["", "{", "{\"schemaVersion\":2,\"manifests\":[{}", "{\"schemaVersion\":7,\"manifests\":[]}", "[]"] {
        let scene = three_images().await;
        scene.folder.write("bundle/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
        scene.folder.write("bundle/blobs/sha256/x", "of somebody");
        scene.folder.write("bundle/index.json", broken);
        scene.from.forget();
        let ran = scene.run();
        assert!(matches!(ran.code, Some(1 | 2)), "{broken:?}: {}", ran.all());
        assert!(ran.all().contains("index.json"), "{}", ran.all());
        assert_eq!(scene.folder.read("bundle/index.json"), broken, "it is left as it is");
        let journal = scene.from.journal();
        assert_eq!(journal.count("GET", "/blobs/"), 0, "{broken:?}\n{journal}");
        assert_eq!(files(&scene.folder.path("bundle/blobs")).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_65_what_a_registry_refuses_for_good_is_asked_for_once() {
    for (status, code, words) in [
        (403, "DENIED", "quota exceeded"),
        (405, "UNSUPPORTED", "read-only mode"),
        (413, "SIZE_INVALID", "too large for the proxy"),
    ] {
        let mut scene = Scene::new().await;
        scene.wants("shop/app", "v1", &shop(0)).await;
        scene.wants("shop/other", "v1", &shop(1)).await;
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{words}"}}]}}"#);
        let answer = Answer::status(status).json(&body);
        scene.to.will(Fault::on("PUT", "/shop/app/blobs/uploads/").act(Act::Say(answer)));
        let ran = scene.run().expect(1);
        scene.to.assert_all_fired();
        let journal = scene.to.journal();
        let puts = journal.count("PUT", "/shop/app/blobs/uploads/");
        assert!(puts <= 3, "each of its blobs once at most: {puts}\n{journal}");
        let report = report(&ran);
        assert_eq!(report["failures"].as_array().unwrap().len(), 1, "{report:#}");
        assert!(report["failures"][0]["cause"].as_str().unwrap().contains(words), "{report:#}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_66_a_registry_that_dies_half_way_needs_only_the_rest_afterwards() {
    let mut scene = Scene::to(To::Directory).await;
    for n in 0..12 {
        scene.wants(&format!("shop/app-{n}"), "v1", &shop(n)).await;
    }
    scene.run().expect(0);
    let Some(to) = Registry::start() else { return };
    let load = ["load", "bundle", "--to", &to.host(), "--retries", "0", "--json"];
    let half = std::thread::scope(|threads| {
        let run = threads.spawn(|| scene.folder.run(&load));
        // It dies when about half of it is there, whatever is under way then.
        let manifests = to.storage().join("docker/registry/v2/repositories/shop");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while std::fs::read_dir(&manifests).map_or(0, Iterator::count) < 6 && !run.is_finished() {
            assert!(std::time::Instant::now() < deadline, "nothing arrives");
            std::thread::yield_now();
        }
        to.kill();
        run.join().unwrap()
    });
    to.restart();
    let ran = tokio::task::block_in_place(|| scene.folder.run(&load)).expect(0);
    let report = report(&ran);
    assert_eq!(report["failed"], 0, "{report:#}");
    let content = sealift_testkit::content::Content::at(&to.url());
    for wanted in &scene.wanted {
        assert_eq!(content.digest(&wanted.repository, "v1").await.as_ref(), Some(&wanted.digest), "{}", half.all());
        content.whole(&wanted.repository, "v1").await;
    }
}
