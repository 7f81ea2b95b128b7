//! Group C: disks and registries that do not take what they are given.

use std::{collections::BTreeSet, process::Command, sync::Arc};

use sealift_conformance::images::{Image, image};
use sealift_e2e::program::Ran;
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, Exchange, Fault, FaultRegistry, Journal},
    program::find,
    registry::Registry,
};

use crate::scene::{Scene, To, files, report, until};

fn shop(n: usize) -> Image {
    image("linux/amd64", &["the base of all", &format!("layer {n}")])
}

/// Three images for a directory.
pub(crate) async fn three_images() -> Scene {
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

/// Whether a run over a disk that failed at something told the truth.
#[track_caller]
pub(crate) fn told_the_truth(scene: &Scene, ran: &Ran, what: &str) {
    match ran.code {
        Some(0 | 1) => scene.assert_invariants(ran),
        // The directory could not even be made or read; then it says which file, and nothing is there.
        _ => assert!(ran.stderr.contains("bundle"), "{what}: {}", ran.all()),
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

/// What a registry keeps, by its files: the blobs and the tags of each repository, as `repository digest` and
/// `repository tag`.
fn kept(registry: &Registry) -> (BTreeSet<String>, BTreeSet<String>) {
    let repositories = registry.storage().join("docker/registry/v2/repositories");
    let links = files(&repositories).into_iter().filter_map(|file| {
        let name = file.strip_prefix(&repositories).ok()?.to_str()?.strip_suffix("/link")?.to_owned();
        name.split_once("/_").map(|(repository, rest)| (repository.to_owned(), rest.to_owned()))
    });
    let (mut blobs, mut tags) = (BTreeSet::new(), BTreeSet::new());
    for (repository, rest) in links {
        if let Some(hex) = rest.strip_prefix("layers/sha256/") {
            blobs.insert(format!("{repository} sha256:{hex}"));
        } else if let Some(tag) = rest.strip_prefix("manifests/tags/").and_then(|tag| tag.strip_suffix("/current")) {
            tags.insert(format!("{repository} {tag}"));
        }
    }
    (blobs, tags)
}

/// The same of what a journal says was sent; what was sent twice stands there twice.
fn sent(journal: &Journal) -> (Vec<String>, Vec<String>) {
    let path = |exchange: &Exchange| exchange.path["/v2/".len()..].replace("%3A", ":");
    let blob = |path: String| {
        let (repository, rest) = path.split_once("/blobs/uploads/")?;
        let (_, digest) = rest.split_once("digest=")?;
        Some(format!("{repository} {}", digest.split('&').next()?))
    };
    let blobs = journal.of("PUT", "/blobs/uploads/").map(path).filter_map(blob).collect();
    let tags = journal.of("PUT", "/manifests/").map(path).map(|path| path.replace("/manifests/", " ")).collect();
    (blobs, tags)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_66_a_registry_that_dies_half_way_needs_only_the_rest_afterwards() {
    const IMAGES: usize = 12;
    let mut scene = Scene::to(To::Directory).await;
    for n in 0..IMAGES {
        scene.wants(&format!("shop/app-{n}"), "v1", &shop(n)).await;
    }
    scene.run().expect(0);
    let Some(to) = Registry::start().map(Arc::new) else { return };
    // A proxy stands before it and says so when it is gone.
    let front = FaultRegistry::before(to.addr()).await;
    let gone = || Answer::status(502).body("<html>bad gateway</html>");
    let dying = Arc::clone(&to);
    let kill = move |_: &Exchange| {
        dying.kill();
        gone()
    };
    front.will(Fault::on("PUT", "/manifests/").nth(IMAGES as u64 / 2).act(Act::say_to(kill)));
    // One blob after the other, so that some images are whole when others did not begin.
    let load = ["load", "bundle", "--to", &front.host(), "--retries", "0", "--proc", "1", "--json"];
    let half = tokio::task::spawn_blocking({
        let child = scene.folder.start(&load);
        move || Ran::of(child)
    });
    until("half of it arrived", async || front.fired() > 0 || half.is_finished()).await;
    front.will(Fault::on("*", "").act(Act::Say(gone())));
    let half = half.await.unwrap().expect(1);
    let (blobs, tags) = kept(&to);
    assert!((1..IMAGES).contains(&tags.len()), "{tags:?}\n{}", half.all());
    assert!(report(&half)["copied"].as_u64().unwrap() <= tags.len() as u64, "what was called copied is there");

    front.heal();
    front.forget();
    to.restart();
    let ran = tokio::task::block_in_place(|| scene.folder.run(&load)).expect(0);
    assert_eq!(report(&ran)["copied"], IMAGES - tags.len());
    let (sent_blobs, sent_tags) = sent(&front.journal());
    let (all_blobs, all_tags) = kept(&to);
    let missing: BTreeSet<String> = all_tags.difference(&tags).cloned().collect();
    assert_eq!(sent_tags.into_iter().collect::<BTreeSet<_>>(), missing, "only tags that were missing");
    assert_eq!(front.journal().count("PUT", "/manifests/"), missing.len(), "and each once");
    // The layer that all of them share may come from a repository that has it.
    let once: BTreeSet<String> = sent_blobs.iter().cloned().collect();
    assert_eq!(once.len(), sent_blobs.len(), "nothing is sent twice: {sent_blobs:?}");
    let needed: BTreeSet<String> = all_blobs.difference(&blobs).cloned().collect();
    assert!(once.is_subset(&needed), "only blobs that were missing: {:?}", once.difference(&needed));
    let content = Content::at(&to.url());
    for wanted in &scene.wanted {
        assert_eq!(content.digest(&wanted.repository, "v1").await.as_ref(), Some(&wanted.digest), "{}", half.all());
        content.whole(&wanted.repository, "v1").await;
    }
}
