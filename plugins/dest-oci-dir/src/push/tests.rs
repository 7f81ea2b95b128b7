use std::{path::Path, sync::Arc};

use sealift_core::{
    engine::{self, Cancel},
    error::ErrorKind,
    event::Observer,
    plugin::{BuildContext, Purpose, StageConfig},
    report::Report,
    spec::{Named as Kind, Pipeline, RunOptions},
    stage::{Fetch, List},
};
use sealift_oci_layout::{SOURCE, TARGETS};
use sealift_testkit::{
    images::{image, index},
    memory::{Memory, Op, Wanted},
};
use tempfile::TempDir;

use super::*;
use crate::Config;

/// Runs `wanted` from a registry in memory into a directory.
async fn run(from: &Memory, wanted: &Wanted, dir: &Path) -> Report {
    engine::run(&pipeline(from, wanted, dir), &Cancel::new(), &observer()).await
}

fn pipeline(from: &Memory, wanted: &Wanted, dir: &Path) -> Pipeline {
    Pipeline {
        name: "test".to_owned(),
        run: RunOptions::default(),
        list: Kind::new("wanted", Arc::new(wanted.clone()) as Arc<dyn List>),
        filters: Vec::new(),
        fetch: Kind::new("memory", Arc::new(from.clone()) as Arc<dyn Fetch>),
        pushes: vec![Kind::new("oci-dir", Arc::new(OciDir::new(dir.to_owned())) as Arc<dyn Push>)],
    }
}

fn observer() -> Arc<dyn Observer> {
    Arc::new(())
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
    assert_eq!(from.count(Op::Blob) + from.count(Op::Manifest) + from.count(Op::ResolveManifest), 0);
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
    use sealift_serve::sample::{Dialect, Image, layer};
    let dir = tempfile::tempdir().unwrap();
    let push = OciDir::new(dir.path().to_owned());
    let image = Image::single(Dialect::Oci, &"linux/amd64".parse().unwrap(), &[layer("x", 100)]);
    let signature = image.referrer("application/x.signature", "signed".into());
    let at: ImageRef = "q.io/web:v1".parse().unwrap();
    image.push(&push, &at).await.unwrap();
    signature.push(&push, &at.repository.at(signature.root().digest())).await.unwrap();
    push.finish().await.unwrap();
    let entry = opened(&dir).await.find(&format!("q.io/web@{}", signature.root().digest())).unwrap();
    assert_eq!(entry.digest, *signature.root().digest());
}

#[tokio::test]
async fn a_plan_makes_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("bundle");
    let report = engine::plan(&pipeline(&source(), &wanted(), &inside), &Cancel::new(), &observer()).await;
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
    let empty = Config { path: "  ".to_owned() };
    assert!(StageConfig::<dyn Push>::build(empty, &cx).is_err());
}
