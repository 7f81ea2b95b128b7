//! Layouts that left out what the other side has.

use sealift_conformance::{
    images::image,
    memory::{Memory, Op},
};
use sealift_core::{content::Digest, error::ErrorKind};
use sealift_oci_layout::{Baseline, Receipt, ReceiptBuilder};
use serde_json::json;

use super::{engine::load, *};

/// The receipt of one image.
fn receipt(of: &str, name: &str, image: &Image, targets: &[&str]) -> Receipt {
    let mut builder = ReceiptBuilder::new([of]);
    let blobs = image.blobs.iter().map(|(item, _)| (item.digest.clone(), item.size));
    let targets = targets.iter().map(|target| target.parse().unwrap()).collect();
    builder.add(name.parse().unwrap(), image.manifest.digest().clone(), targets, blobs);
    builder.finish()
}

/// A layout with an image in two repositories, without the blobs that the receipt lists.
async fn delta(new: &Image, receipt: Receipt) -> Made {
    let mut made = Made::new().await;
    made.ours(new, "q.io/new:v1", "").await;
    made.ours(new, "q.io/other:v1", "").await;
    for blob in receipt.blobs() {
        let _ = std::fs::remove_file(made.path().join("blobs/sha256").join(blob.digest.hex()));
    }
    made.writer.keep_baseline(&Baseline::new("receipt.json", receipt)).await.unwrap();
    made
}

#[tokio::test]
async fn what_was_left_out_is_taken_from_where_the_receipt_says() {
    let (old, new) = (image("linux/amd64", &["shared", "1"]), image("linux/amd64", &["shared", "2"]));
    for (of, name, targets) in [
        ("h.io/lib/old", "h.io/lib/old:v0", &[][..]), // the receipt of a registry
        ("/media/last", "q.io/old:v0", &["x.io/lib/old:v0"][..]), // of what was carried last time
    ] {
        let made = delta(&new, receipt(of, name, &old, targets)).await;
        let registry = Memory::new("h.io");
        registry.add("lib/old:v0", &old);
        let report = load(json!({ "to": "h.io" }), &made.path(), &registry).await;
        assert_eq!((report.exit_code(), report.copied), (0, 2), "{name}: {report:?}");
        registry.assert_whole();
        assert!(registry.digest_of("new:v1").is_some() && registry.digest_of("other:v1").is_some());
        assert_eq!(registry.count(Op::Fill), 2, "its own layer and config");
    }
}

#[tokio::test]
async fn what_the_first_place_lost_is_taken_from_the_next() {
    let (old, new) = (image("linux/amd64", &["shared", "1"]), image("linux/amd64", &["shared", "2"]));
    let mut builder = ReceiptBuilder::new(["h.io/lib"]);
    for name in ["h.io/lib/cleaned:v0", "h.io/lib/old:v0"] {
        let blobs = old.blobs.iter().map(|(item, _)| (item.digest.clone(), item.size));
        builder.add(name.parse().unwrap(), old.manifest.digest().clone(), Vec::new(), blobs);
    }
    let made = delta(&new, builder.finish()).await;
    let registry = Memory::new("h.io");
    registry.add("lib/old:v0", &old);
    let report = load(json!({ "to": "h.io" }), &made.path(), &registry).await;
    assert_eq!((report.exit_code(), report.copied), (0, 2), "{report:?}");
    registry.assert_whole();
}

#[tokio::test]
async fn what_the_other_side_does_not_have_after_all_is_told_exactly() {
    let (old, new) = (image("linux/amd64", &["shared", "1"]), image("linux/amd64", &["shared", "2"]));
    let made = delta(&new, receipt("h.io/lib/old", "h.io/lib/old:v0", &old, &[])).await;
    let registry = Memory::new("h.io");
    let report = load(json!({ "to": "h.io" }), &made.path(), &registry).await;
    assert_eq!((report.exit_code(), report.copied, report.failures.len()), (1, 0, 2), "{report:?}");
    let failure = &report.failures[0];
    let (shared, path) = (Digest::of(b"shared"), made.path());
    assert_eq!(
        failure.cause,
        format!(
            "`{shared}` (6 bytes) was left out of `{}` because the receipt of `h.io/lib/old` lists it with \
             `h.io/lib/old:v0`, and the destination does not have it where it was looked for; it is needed by `q.io/new:v1`, `q.io/other:v1`",
            path.display()
        )
    );
    assert_eq!(failure.kind, ErrorKind::NotFound);
    assert!(failure.hint.as_ref().unwrap().contains("make a new receipt"), "{failure:?}");
}

#[tokio::test]
async fn a_blob_that_no_receipt_lists_got_lost() {
    let (old, new) = (image("linux/amd64", &["shared", "1"]), image("linux/amd64", &["shared", "2"]));
    let made = delta(&new, receipt("h.io/lib/old", "h.io/lib/old:v0", &old, &[])).await;
    std::fs::remove_file(made.path().join("blobs/sha256").join(Digest::of(b"2").hex())).unwrap();
    let registry = Memory::new("h.io");
    registry.add("lib/old:v0", &old);
    let report = load(json!({ "to": "h.io" }), &made.path(), &registry).await;
    assert_eq!(report.failures.len(), 2);
    assert!(report.failures[0].cause.contains("is not in `"), "{report:?}");
}
