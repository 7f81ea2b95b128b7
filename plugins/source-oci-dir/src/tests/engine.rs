//! Whole runs: from a layout into a registry in memory.

use sealift_conformance::{
    images::{artifact, image, index},
    memory::Memory,
};
use sealift_core::{
    content::well_known,
    engine::{self, RunSettings},
    report::Report,
    spec::{Named, OpenPipeline},
    stage::Push,
};
use serde_json::json;

use super::*;

pub(super) async fn load(config: Value, path: &Path, into: &Memory) -> Report {
    let (list, fetch) = stages(config, path).unwrap();
    let pipeline = OpenPipeline::new(
        "load",
        Named::new("oci-dir", list.into()),
        Named::new("oci-dir", fetch.into()),
        vec![Named::new("memory", Arc::new(into.clone()) as Arc<dyn Push>)],
    );
    engine::run(&pipeline.into(), RunSettings::default()).await
}

#[tokio::test]
async fn what_was_staged_is_loaded_byte_by_byte() {
    let mut made = Made::new().await;
    let (amd, arm) = (image("linux/amd64", &["base", "1"]), image("linux/arm64", &["base", "2"]));
    let all = index(&[("linux/amd64", &amd), ("linux/arm64", &arm)]);
    let nested = index(&[("", &all)]);
    made.ours(&all, "q.io/a:v1", "h.io/p/a:v1").await;
    made.ours(&nested, "q.io/n:v1", "h.io/p/n:v1 h.io/p/n:latest").await;
    made.ours(&amd, "q.io/a:same", "h.io/p/a:same").await;
    let registry = Memory::new("h.io");
    let report = load(json!({}), &made.path(), &registry).await;
    assert_eq!((report.exit_code(), report.copied), (0, 4), "{report:?}");
    registry.assert_whole();
    assert_eq!(registry.digest_of("p/a:v1").as_ref(), Some(all.manifest.digest()));
    assert_eq!(registry.digest_of("p/n:latest").as_ref(), Some(nested.manifest.digest()));
    assert_eq!(registry.digest_of("p/a:same").as_ref(), Some(amd.manifest.digest()));
    let report = load(json!({}), &made.path(), &registry).await;
    assert_eq!((report.exit_code(), report.skipped), (0, 4), "{report:?}");
}

#[tokio::test]
async fn signatures_travel_with_their_image() {
    let mut made = Made::new().await;
    let signed = image("linux/amd64", &["1"]);
    let about = [("subject", json!(signed.manifest.descriptor()))];
    let signature = artifact(well_known::OCI_EMPTY, "{}", &["sig"], &about);
    let sbom = artifact(well_known::OCI_EMPTY, "{}", &["sbom"], &about);
    let fallback = format!("q.io/a:sha256-{}", signed.manifest.digest().hex());
    made.ours(&signed, "q.io/a:v1", "").await;
    made.entry(&signature, &[]).await;
    made.ours(&index(&[("", &sbom)]), &fallback, "").await;
    let registry = Memory::new("h.io");
    let report = load(json!({ "to": "h.io/p" }), &made.path(), &registry).await;
    assert_eq!((report.exit_code(), report.copied), (0, 1), "{report:?}");
    for referrer in [&signature, &sbom] {
        let repository = "h.io/p/a".parse().unwrap();
        assert!(Fetch::manifest(&registry, &repository, &referrer.manifest.descriptor()).await.is_ok());
    }
}

#[tokio::test]
async fn one_damaged_image_does_not_hold_up_the_others() {
    let mut made = Made::new().await;
    let (good, bad) = (image("linux/amd64", &["good"]), image("linux/amd64", &["bad"]));
    made.ours(&good, "q.io/good:v1", "").await;
    made.ours(&bad, "q.io/bad:v1", "").await;
    std::fs::write(made.file(&bad.blobs[1].0), "BAD").unwrap();
    let registry = Memory::new("h.io");
    let report = load(json!({ "to": "h.io" }), &made.path(), &registry).await;
    assert_eq!((report.exit_code(), report.copied, report.failures.len()), (1, 1, 1), "{report:?}");
    assert!(registry.digest_of("good:v1").is_some());
    assert!(registry.digest_of("bad:v1").is_none());
}
