use std::{path::Path, sync::Arc};

use sealift_conformance::{
    images::{artifact, image, index},
    memory::{Memory, Op, Wanted},
};
use sealift_core::{
    content::well_known,
    engine::{self, CancelHandle, RunSettings},
    error::ErrorKind,
    observer::ObserverFn,
    plugin::{BuildContext, Purpose, StageConfig},
    report::{FailedItem, Report},
    spec::{Named as Kind, OpenPipeline},
    stage::{Fetch, List},
};
use sealift_oci_layout::{CONTAINERD_NAME, REF_NAME, Receipt, RefStyle, SOURCE, TARGETS};
use tempfile::TempDir;

use super::*;
use crate::{Config, Style, names::NameRule};

/// Runs `wanted` from a registry in memory into a directory.
async fn run(from: &Memory, wanted: &Wanted, dir: &Path) -> Report {
    engine::run(&pipeline(from, wanted, dir).into(), RunSettings::default()).await
}

/// The same, with more in `[[push]]` than the path.
async fn run_with(from: &Memory, wanted: &Wanted, config: Config) -> Report {
    let push = stage(config).unwrap_or_else(|error| panic!("{error:?}"));
    let mut pipeline = pipeline(from, wanted, Path::new("/nowhere"));
    pipeline.pushes = vec![Kind::new("oci-dir", Arc::from(push))];
    engine::run(&pipeline.into(), RunSettings::default()).await
}

fn stage(config: Config) -> Result<Box<dyn Push>, sealift_core::plugin::ConfigError> {
    let cx = BuildContext::new(Arc::new(|_| None), "/base", Purpose::Run);
    StageConfig::<dyn Push>::build(config, &cx)
}

fn at(dir: &Path) -> Config {
    Config { path: dir.to_str().unwrap().to_owned(), ..Config::default() }
}

fn plain(dir: &Path) -> OciDirPush {
    OciDirPush::new(
        dir.to_owned(),
        EntryNames::new(NameRule::AsSource, RefStyle::Full),
        BaselineFilter::default(),
        false,
    )
}

fn pipeline(from: &Memory, wanted: &Wanted, dir: &Path) -> OpenPipeline {
    OpenPipeline::new(
        "test",
        Kind::new("wanted", Arc::new(wanted.clone()) as Arc<dyn List>),
        Kind::new("memory", Arc::new(from.clone()) as Arc<dyn Fetch>),
        vec![Kind::new("oci-dir", Arc::new(plain(dir)) as Arc<dyn Push>)],
    )
}

/// Two repositories that share a layer; one of the images is for two platforms.
fn source() -> Memory {
    let from = Memory::new("q.io");
    let both = index(&[
        ("linux/amd64", &image("linux/amd64", &["base", "a"])),
        ("linux/arm64", &image("linux/arm64", &["b"])),
    ]);
    from.add("web:v1", &both);
    from.add("api:a__b", &image("linux/amd64", &["base", "c"]));
    from
}

fn wanted() -> Wanted {
    Wanted::new().image("q.io/web:v1", &["h.io/x/web:v1", "h.io/y/web:v1"]).image("q.io/api:a__b", &[])
}

async fn opened(dir: &TempDir) -> Layout {
    Layout::open(dir.path()).await.unwrap()
}

#[tokio::test]
async fn images_get_the_names_of_their_sources_and_notes_of_their_targets() {
    let dir = tempfile::tempdir().unwrap();
    let report = run(&source(), &wanted(), dir.path()).await;
    assert_eq!((report.copied, report.failed), (2, 0), "{report:?}");
    let layout = opened(&dir).await;
    let web = layout.find("q.io/web:v1").unwrap();
    assert_eq!(Some(&web.digest), source().digest_of("web:v1").as_ref());
    assert_eq!(web.annotations[SOURCE], "q.io/web:v1");
    assert_eq!(web.annotations[TARGETS], "h.io/x/web:v1 h.io/y/web:v1");
    assert!(!layout.find("q.io/api:a__b").unwrap().annotations.contains_key(TARGETS));
    assert_eq!(layout.entries().len(), 2, "children have no entries");
    for entry in layout.entries() {
        assert!(layout.has_image(&entry).await.unwrap());
    }
}

#[tokio::test]
async fn a_second_run_finds_everything_and_reads_no_blob() {
    let dir = tempfile::tempdir().unwrap();
    let from = source();
    run(&from, &wanted(), dir.path()).await;
    from.forget_calls();
    let report = run(&from, &wanted(), dir.path()).await;
    assert_eq!((report.skipped, report.copied, report.failed), (2, 0, 0));
    // The index is read, because its children may have got signatures meanwhile.
    assert_eq!((from.count(Op::Blob), from.count(Op::ResolveManifest), from.count(Op::Manifest)), (0, 0, 1));
}

#[tokio::test]
async fn what_was_damaged_is_written_again_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let from = source();
    run(&from, &wanted(), dir.path()).await;
    let lost = sealift_core::content::Digest::of(b"a");
    std::fs::write(dir.path().join("blobs/sha256").join(lost.hex()), b"").unwrap();
    from.forget_calls();
    let report = run(&from, &wanted(), dir.path()).await;
    assert_eq!((report.skipped, report.copied, report.failed), (1, 1, 0));
    assert_eq!(from.count(Op::Blob), 1);
    let layout = opened(&dir).await;
    assert!(layout.has_image(&layout.find("q.io/web:v1").unwrap()).await.unwrap());
}

#[tokio::test]
async fn an_image_by_digest_has_an_entry() {
    let dir = tempfile::tempdir().unwrap();
    let from = source();
    let name = format!("q.io/web@{}", from.digest_of("web:v1").unwrap());
    let wanted = Wanted::new().image(&name, &["h.io/x/web:v1"]);
    assert_eq!(run(&from, &wanted, dir.path()).await.copied, 1);
    assert_eq!(opened(&dir).await.find(&name).unwrap().annotations[SOURCE], name);
    assert_eq!(run(&from, &wanted, dir.path()).await.skipped, 1);
}

#[tokio::test]
async fn a_signature_has_an_entry_because_nothing_points_to_it() {
    use sealift_serve::sample::{Image, ImageFormat, layer};
    let dir = tempfile::tempdir().unwrap();
    let push = plain(dir.path());
    let image = Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer("x", 100)]);
    let signature = image.referrer("application/x.signature", "signed".into());
    let at: ImageRef = "q.io/web:v1".parse().unwrap();
    image.push(&push, &at).await.unwrap();
    signature.push(&push, &at.repository.with_digest(signature.root().digest())).await.unwrap();
    push.close().await.unwrap();
    let entry = opened(&dir).await.find(&format!("q.io/web@{}", signature.root().digest())).unwrap();
    assert_eq!(entry.digest, *signature.root().digest());
    // containerd makes an image of each name, and fails at what it cannot unpack.
    assert!([REF_NAME, CONTAINERD_NAME].iter().all(|name| !entry.annotations.contains_key(*name)), "{entry:?}");
}

#[tokio::test]
async fn a_plan_makes_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("bundle");
    let report = engine::plan(&pipeline(&source(), &wanted(), &inside).into(), RunSettings::default()).await;
    assert_eq!(report.failed, 0);
    assert!(!inside.exists());
}

#[tokio::test]
async fn images_fail_if_the_place_is_taken_by_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"of somebody").unwrap();
    let report = run(&source(), &wanted(), &file).await;
    assert_eq!((report.copied, report.failed), (0, 2));
    assert!(report.failures.iter().all(|failure| failure.kind == ErrorKind::Storage));
    assert_eq!(std::fs::read(&file).unwrap(), b"of somebody");
}

#[tokio::test]
async fn a_directory_that_somebody_else_writes_to_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let other = Writer::create(dir.path(), WriterOptions::default()).await.unwrap();
    let report = run(&source(), &wanted(), dir.path()).await;
    assert_eq!(report.failed, 2);
    assert!(report.failures[0].cause.contains("is writing to"), "{}", report.failures[0].cause);
    assert_eq!(other.entries(), []);
}

#[test]
fn a_path_is_needed() {
    let cx = BuildContext::new(Arc::new(|_| None), "/base", Purpose::Check);
    let empty = Config { path: "  ".to_owned(), ..Config::default() };
    assert!(StageConfig::<dyn Push>::build(empty, &cx).is_err());
}

#[test]
fn a_run_hears_of_a_directory_that_cannot_be_written_before_anything_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"of somebody").unwrap();
    let problems = stage(at(&file)).err().unwrap().into_problems();
    assert_eq!(problems[0].key.as_deref(), Some("path"));
    assert!(problems[0].diagnostic.message.ends_with("is not a directory"));
    let check = BuildContext::new(Arc::new(|_| None), "/base", Purpose::Check);
    assert!(StageConfig::<dyn Push>::build(at(&file), &check).is_ok(), "a check looks at no disk");
}

#[tokio::test]
async fn notes_follow_the_rules_although_the_image_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let from = source();
    run(&from, &wanted(), dir.path()).await;
    let again = Wanted::new().image("q.io/web:v1", &["k.io/web:v1"]).image("q.io/api:a__b", &[]);
    assert_eq!(run(&from, &again, dir.path()).await.skipped, 2);
    let targets = |layout: &Layout| layout.find("q.io/web:v1").unwrap().annotations[TARGETS].clone();
    assert_eq!(targets(&opened(&dir).await), "k.io/web:v1");
    run(&from, &Wanted::new().image("q.io/web:v1", &[]), dir.path()).await;
    assert_eq!(targets(&opened(&dir).await), "k.io/web:v1", "nothing was said, so nothing changes");
}

#[tokio::test]
async fn two_rules_for_one_image_note_the_targets_of_both() {
    let dir = tempfile::tempdir().unwrap();
    let both = Wanted::new().image("q.io/web:v1", &["h.io/web:v1"]).image("q.io/web:v1", &["k.io/web:v1"]);
    run(&source(), &both, dir.path()).await;
    let entry = opened(&dir).await.find("q.io/web:v1").unwrap();
    assert_eq!(entry.annotations[TARGETS], "h.io/web:v1 k.io/web:v1");
}

#[tokio::test]
async fn with_tags_for_names_other_tools_find_the_tag_and_containerd_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = Wanted::new().image("q.io/web:v1", &[]);
    let config = Config { ref_style: Some(Style::Tag), ..at(dir.path()) };
    assert_eq!(run_with(&source(), &wanted, config.clone()).await.copied, 1);
    let entry = opened(&dir).await.find("q.io/web:v1").unwrap();
    assert_eq!((&*entry.annotations[REF_NAME], &*entry.annotations[CONTAINERD_NAME]), ("v1", "q.io/web:v1"));
    assert_eq!(run_with(&source(), &wanted, config).await.skipped, 1);
}

#[tokio::test]
async fn two_repositories_with_one_tag_are_refused_before_anything_of_the_second_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let from = source();
    from.add("api:v1", &image("linux/amd64", &["other"]));
    let config = Config { ref_style: Some(Style::Tag), ..at(dir.path()) };
    let both = Wanted::new().image("q.io/web:v1", &[]).image("q.io/api:v1", &[]);
    let report = run_with(&from, &both, config.clone()).await;
    assert_eq!((report.copied, report.failed), (1, 1));
    let cause = &report.failures[0].cause;
    assert!(cause.contains("`q.io/web:v1` and `q.io/api:v1` would both be called `v1`"), "{cause}");
    from.forget_calls();
    let report = run_with(&from, &Wanted::new().image("q.io/api:v1", &[]), config).await;
    assert_eq!(report.failed, 1, "it is known of an earlier run, too");
    assert!(report.failures[0].cause.contains("would both be called `v1`"));
    assert_eq!(from.count(Op::Blob) + from.count(Op::Manifest) + from.count(Op::ResolveManifest), 0);
}

#[tokio::test]
async fn the_only_image_gets_the_name_that_was_asked_for() {
    for (name, ref_name, full) in [("now", "now", "q.io/web:now"), ("r.io/x/y:2", "r.io/x/y:2", "r.io/x/y:2")] {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { name: Some(name.to_owned()), ..at(dir.path()) };
        let wanted = Wanted::new().image("q.io/web:v1", &[]);
        assert_eq!(run_with(&source(), &wanted, config.clone()).await.copied, 1);
        let entry = opened(&dir).await.find(full).unwrap();
        assert_eq!((&*entry.annotations[REF_NAME], &*entry.annotations[SOURCE]), (ref_name, "q.io/web:v1"));
        let report = run_with(&source(), &wanted.image("q.io/api:a__b", &[]), config).await;
        assert_eq!((report.skipped, report.failed), (1, 1), "{report:?}");
    }
}

#[tokio::test]
async fn what_the_other_side_has_is_left_out() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = source();
    run(&from, &Wanted::new().image("q.io/api:a__b", &[]), first.path()).await;
    let receipt = second.path().join("receipt.json");
    let made = Receipt::of_layout(&opened(&first).await).await.unwrap();
    std::fs::write(&receipt, made.render()).unwrap();
    for (at_bundle, base) in [("a", receipt.as_path()), ("b", first.path())] {
        let bundle = second.path().join(at_bundle);
        let config = Config { base: Some(base.to_str().unwrap().to_owned()), ..at(&bundle) };
        from.forget_calls();
        assert_eq!(run_with(&from, &wanted(), config.clone()).await.copied, 2);
        // Of the four layers and three configs only those of `web` that it does not share with `api`.
        assert_eq!(from.count(Op::Blob), 4, "{base:?}");
        assert_eq!(run_with(&from, &wanted(), config).await.skipped, 2);
        from.forget_calls();
        // Each image lacks something. Which of the two brings what both lack is a matter of luck, and whoever comes to a
        // name that the other one made whole has nothing to do; what counts is that all of it comes, once.
        let report = run(&from, &wanted(), &bundle).await;
        assert_eq!((report.copied + report.skipped, report.failed), (2, 0), "{:?}", report.failures);
        assert_eq!(from.count(Op::Blob), 3, "without the receipt it becomes whole");
        assert!(sealift_oci_layout::verify(&bundle, Arc::default()).await.unwrap().is_whole());
    }
}

#[test]
fn a_base_that_is_none_is_told_before_anything_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("receipt.json");
    let config = Config { base: Some(base.to_str().unwrap().to_owned()), ..at(dir.path()) };
    assert_eq!(stage(config.clone()).err().unwrap().into_problems()[0].key.as_deref(), Some("base"));
    std::fs::write(&base, "{}").unwrap();
    let problems = stage(config).err().unwrap().into_problems();
    assert!(problems[0].diagnostic.message.contains("is no receipt"));
}

/// Seen: `verify` told of a flipped byte and said "stage those images again"; a stage said "up to date", and `verify` told
/// of it again.
#[tokio::test]
async fn what_verify_found_damaged_is_mended_by_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let from = source();
    run(&from, &wanted(), dir.path()).await;
    let verify = || async { sealift_oci_layout::verify(dir.path(), Arc::default()).await.unwrap() };
    let layout = opened(&dir).await;
    let web = layout.find("q.io/web:v1").unwrap();
    let child = layout.manifest(&web).await.unwrap().children().next().unwrap().clone();
    let config = layout.manifest(&child).await.unwrap().config().unwrap().clone();
    let layer = Descriptor::of_bytes(sealift_core::content::well_known::OCI_LAYER_GZIP, b"base");
    for item in [&layer, &config, &child, &web] {
        let file = layout.blob_path(&item.digest);
        let right = std::fs::read(&file).unwrap();
        let flipped: Vec<u8> = right.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 0)).collect();
        for wrong in [Some(flipped), Some(right[1..].to_vec()), None] {
            match &wrong {
                Some(wrong) => std::fs::write(&file, wrong).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            let found = verify().await;
            assert!(!found.is_whole() && found.noted);
            let report = run(&from, &wanted(), dir.path()).await;
            assert_eq!(report.failed, 0, "{report:?}");
            assert_eq!(std::fs::read(&file).unwrap(), right, "{wrong:?}");
            assert!(!dir.path().join(".sealift/doubts").exists(), "what is right again is in no doubt");
            assert!(verify().await.is_whole());
        }
    }
    from.forget_calls();
    assert_eq!(run(&from, &wanted(), dir.path()).await.skipped, 2);
    assert_eq!(from.count(Op::Blob), 0, "and a rerun is as cheap as before");
}

#[tokio::test]
async fn what_is_about_an_image_is_mended_as_the_image_is() {
    let dir = tempfile::tempdir().unwrap();
    let from = source();
    let image = image("linux/amd64", &["signed"]);
    let signature = artifact(
        well_known::OCI_EMPTY,
        "{}",
        &["signature"],
        &[("subject", serde_json::json!(image.manifest.descriptor()))],
    );
    from.add("app:v1", &image);
    from.add(&format!("app@{}", signature.manifest.digest()), &signature);
    let wanted = Wanted::new().image("q.io/app:v1", &[]);
    assert_eq!(run(&from, &wanted, dir.path()).await.copied, 1);
    assert_eq!(run(&from, &wanted, dir.path()).await.skipped, 1);
    for item in [signature.manifest.descriptor(), signature.blobs.last().unwrap().0.clone()] {
        let file = opened(&dir).await.blob_path(&item.digest);
        for wrong in [Some("x"), None] {
            let right = std::fs::read(&file).unwrap();
            match wrong {
                Some(wrong) => std::fs::write(&file, wrong.repeat(right.len())).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            assert!(!sealift_oci_layout::verify(dir.path(), Arc::default()).await.unwrap().is_whole());
            let report = run(&from, &wanted, dir.path()).await;
            assert_eq!(report.failed, 0, "{report:?}");
            assert!(sealift_oci_layout::verify(dir.path(), Arc::default()).await.unwrap().is_whole(), "{item:?}");
        }
    }
}

/// An image counts as copied before its name is in `index.json`; if that cannot be written, it is not there.
#[tokio::test]
async fn images_whose_names_cannot_be_written_are_failures_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let (from, inside) = (source(), dir.path().join("bundle"));
    let moved = dir.path().join("moved");
    let observer = ObserverFn({
        let (inside, moved) = (inside.clone(), moved.clone());
        move |event: &sealift_core::event::Event| {
            if matches!(event, sealift_core::event::Event::JobFinished { .. }) && inside.exists() {
                std::fs::rename(&inside, &moved).unwrap();
            }
        }
    });
    let report = engine::run(
        &pipeline(&from, &wanted(), &inside).into(),
        RunSettings::default().with_observer("test", Arc::new(observer)),
    )
    .await;
    assert_eq!((report.exit_code(), report.copied), (1, 0), "{report:?}");
    let images = report.failures.iter().filter(|failure| matches!(failure.what, FailedItem::Image { .. }));
    assert_eq!(images.count(), 2, "{:?}", report.failures);
    assert!(report.failures[0].cause.contains("was moved or removed while it was written"), "{:?}", report.failures);
}

/// Seen: one entry was lost from `index.json`, and `verify` called the directory whole.
#[tokio::test]
async fn an_image_that_was_staged_and_has_no_entry_any_more_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    run(&source(), &wanted(), dir.path()).await;
    let verify = || async { sealift_oci_layout::verify(dir.path(), Arc::default()).await.unwrap() };
    assert!(verify().await.is_whole());
    let file = dir.path().join("index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let lost = index["manifests"].as_array_mut().unwrap().remove(0);
    std::fs::write(&file, index.to_string()).unwrap();
    let name = lost["annotations"][CONTAINERD_NAME].as_str().unwrap();
    let missed =
        |found: &sealift_oci_layout::Verification| found.broken.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    assert_eq!(missed(&verify().await), [name]);
    // Another run that has nothing to do with it does not forget it, and one that stages it mends it.
    let from = source();
    from.add("other:v1", &image("linux/amd64", &["other"]));
    run(&from, &Wanted::new().image("q.io/other:v1", &[]), dir.path()).await;
    assert_eq!(missed(&verify().await), [name]);
    run(&from, &wanted(), dir.path()).await;
    assert!(verify().await.is_whole());
    // What is removed on purpose is not missed.
    let writer = Writer::create(dir.path(), WriterOptions::default()).await.unwrap();
    writer.remove("q.io/other:v1");
    writer.commit().await.unwrap();
    assert!(verify().await.is_whole());
}

/// Reading `index.json` for each image took 57 s for a rerun of 4,000.
#[tokio::test]
async fn a_rerun_reads_the_index_once_and_notices_what_others_change() {
    let dir = tempfile::tempdir().unwrap();
    run(&source(), &wanted(), dir.path()).await;
    let push = plain(dir.path());
    let first = push.layout().await.unwrap().unwrap();
    let again = push.layout().await.unwrap().unwrap();
    assert!(first.is_same(&again));
    std::fs::write(dir.path().join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    assert_eq!(push.resolve(&"q.io/web:v1".parse().unwrap()).await.unwrap(), None);
}

async fn gaps(dir: &Path) -> sealift_oci_layout::Gaps {
    Layout::open(dir).await.unwrap().gaps().await.unwrap()
}

/// Seen: two of three images did not arrive, and `verify` called the directory whole.
#[tokio::test]
async fn images_that_were_asked_for_and_did_not_arrive_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let asked = || wanted().image("q.io/web:none", &[]).image("q.io/nowhere:v1", &[]);
    let report = run(&source(), &asked(), dir.path()).await;
    assert_eq!((report.copied, report.failed), (2, 2), "{report:?}");
    assert_eq!(gaps(dir.path()).await.missing, ["q.io/nowhere:v1", "q.io/web:none"]);
    let found = sealift_oci_layout::verify(dir.path(), Arc::default()).await.unwrap();
    assert!(found.damages.is_empty() && !found.is_whole(), "{found:?}");
    // Another list does not make them arrive; the same one does, also if there is nothing to write but that.
    run(&source(), &wanted(), dir.path()).await;
    assert_eq!(gaps(dir.path()).await.missing.len(), 2);
    let from = source();
    from.add("web:none", &image("linux/amd64", &["none"]));
    from.add("nowhere:v1", &image("linux/amd64", &["nowhere"]));
    run(&from, &asked(), dir.path()).await;
    assert!(gaps(dir.path()).await.is_empty());
}

#[tokio::test]
async fn a_run_that_ends_in_the_middle_leaves_what_it_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancelHandle::new();
    let observer = ObserverFn({
        let (cancel, once) = (cancel.clone(), std::sync::Once::new());
        move |event: &sealift_core::event::Event| {
            if matches!(event, sealift_core::event::Event::JobFinished { .. }) {
                once.call_once(|| cancel.stop()); // a second time would drop what runs
            }
        }
    });
    let mut asked = wanted();
    let from = source();
    for at in 0..100 {
        let tag = format!("v{at}");
        from.add(&format!("more:{tag}"), &image("linux/amd64", &[&tag]));
        asked = asked.image(&format!("q.io/more:{tag}"), &[]);
    }
    let report = engine::run(
        &pipeline(&from, &asked, dir.path()).into(),
        RunSettings::default().with_cancel(&cancel).with_observer("test", Arc::new(observer)),
    )
    .await;
    assert!(report.interrupted && report.copied < 102, "{report:?}");
    let left = gaps(dir.path()).await;
    assert!(left.unfinished && !left.is_empty());
    assert_eq!(left.missing.len() as u64, 102 - report.copied, "{left:?}");
    run(&from, &asked, dir.path()).await;
    assert!(gaps(dir.path()).await.is_empty());
}

#[tokio::test]
async fn an_exact_run_leaves_what_the_list_names_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let from = source();
    run(&from, &wanted(), dir.path()).await;
    let exact = Config { exact: true, ..at(dir.path()) };
    let one = Wanted::new().image("q.io/web:v1", &[]);
    // A part of the list that cannot be read may name what is there.
    let unknown = wanted().failing_once("q.io/api", sealift_core::error::Error::new(ErrorKind::Denied, "no"));
    run_with(&from, &unknown, exact.clone()).await;
    assert_eq!(Layout::open(dir.path()).await.unwrap().entries().len(), 2);
    let report = run_with(&from, &one, exact.clone()).await;
    assert_eq!((report.exit_code(), report.skipped), (0, 1), "{report:?}");
    let layout = Layout::open(dir.path()).await.unwrap();
    assert_eq!(layout.entries().len(), 1);
    assert!(sealift_oci_layout::verify(dir.path(), Arc::default()).await.unwrap().is_whole());
    assert!(Sweep::of_orphans(&layout).await.unwrap().is_empty());
    // An image that could not be brought again stays as it was.
    let report = run_with(&Memory::new("q.io"), &one, exact).await;
    assert_eq!((report.exit_code(), layout.entries().len()), (1, 1));
    assert!(layout.has_image(&layout.entries()[0]).await.unwrap());
}

// The last line said that the same command goes on where it stopped, and of a tar file nothing is left.
#[tokio::test]
async fn a_tar_file_that_is_stopped_before_its_first_image_fails_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let cx = BuildContext::new(Arc::new(|_| None), dir.path(), Purpose::Run);
    let push = Config { path: "bundle.tar".to_owned(), ..Config::default() }.build(&cx).ok().unwrap();
    let mut end = sealift_core::stage::RunEnd::default();
    end.stopped = true;
    push.capabilities().conclusion.unwrap().conclude(&end);
    let error = push.close().await.unwrap_err();
    assert!(error.message().contains("was not written, because the run was stopped"), "{error}");
}

/// Returns what an exact run would remove, or removed, as its end tells it.
async fn removed(from: &Memory, wanted: &Wanted, dir: &Path, is_plan: bool) -> Option<Removed> {
    let told = Arc::new(std::sync::Mutex::new(None));
    let observer = ObserverFn({
        let told = Arc::clone(&told);
        move |event: &sealift_core::event::Event| {
            if let sealift_core::event::Event::Removed { removed, .. } = event {
                *told.lock().unwrap() = Some(removed.clone());
            }
        }
    });
    let mut pipeline = pipeline(from, wanted, dir);
    let push = stage(Config { exact: true, ..at(dir) }).ok().unwrap();
    pipeline.pushes = vec![Kind::new("oci-dir", Arc::from(push))];
    let settings = RunSettings::default().with_observer("test", Arc::new(observer));
    let report = match is_plan {
        true => engine::plan(&pipeline.into(), settings).await,
        false => engine::run(&pipeline.into(), settings).await,
    };
    assert_eq!(report.failed, 0, "{report:?}");
    told.lock().unwrap().clone()
}

// The plan counted blobs as removed that images to come need, and kept those of an image that would be replaced.
#[tokio::test]
async fn a_plan_of_an_exact_run_counts_what_the_run_removes() {
    let one = |name: &str| Wanted::new().image(name, &[]);
    for asked in [one("q.io/api:new"), one("q.io/web:v1"), one("q.io/web:v1").image("q.io/api:a__b", &[])] {
        let dir = tempfile::tempdir().unwrap();
        let from = source();
        run(&from, &wanted(), dir.path()).await;
        // One that shares a layer with what goes, and an index that loses a child and keeps the other one.
        from.add("api:new", &image("linux/amd64", &["base", "new"]));
        from.add("web:v1", &index(&[("linux/arm64", &image("linux/arm64", &["b"]))]));
        let planned = removed(&from, &asked, dir.path(), true).await;
        let done = removed(&from, &asked, dir.path(), false).await;
        assert!(done.as_ref().is_some_and(|done| done.blobs > 0), "{done:?}");
        assert_eq!(planned, done);
        assert_eq!(removed(&from, &asked, dir.path(), true).await, None);
    }
}
