use sealift_core::content::Digest;

use super::*;
use crate::{made::Made, receipt::ReceiptBuilder};

fn receipt(of: &str, blobs: &[&str]) -> Receipt {
    let mut builder = ReceiptBuilder::new([of]);
    for (at, blob) in blobs.iter().enumerate() {
        let blobs = ["shared", blob].map(|blob| (Digest::of(blob.as_bytes()), blob.len() as u64));
        builder.add(format!("{of}:v{at}").parse().unwrap(), Digest::of(b"root"), Vec::new(), blobs);
    }
    builder.finish()
}

fn names(base: &Baseline, blob: &str) -> Vec<String> {
    base.images_with(&Digest::of(blob.as_bytes())).map(|image| image.name.to_string()).collect()
}

#[tokio::test]
async fn a_base_is_a_receipt_or_another_layout() {
    let mut made = Made::new().await;
    let layer = made.layer("a").await;
    let image = made.with_layers("amd64", &[&layer]).await;
    made.named(&image, "q.io/a:v1");
    made.layout().await;
    let of_layout = Baseline::open(made.path()).await.unwrap();
    assert!(of_layout.contains(&layer.digest) && !of_layout.contains(&image.digest));
    assert_eq!(names(&of_layout, "a"), ["q.io/a:v1"]);
    let file = made.dir.path().join("receipt.json");
    std::fs::write(&file, receipt("h.io/a", &["a", "b"]).render()).unwrap();
    let of_file = Baseline::open(&file).await.unwrap();
    assert_eq!(of_file.label(), file.display().to_string());
    assert_eq!(names(&of_file, "shared"), ["h.io/a:v0", "h.io/a:v1"]);
    assert_eq!(names(&of_file, "b"), ["h.io/a:v1"]);
    assert_eq!(names(&of_file, "c"), [""; 0]);
    for wrong in [made.dir.path().join("none"), made.dir.path().to_owned(), made.path().join("index.json")] {
        assert!(Baseline::open(wrong).await.is_err());
    }
}

#[tokio::test]
async fn a_layout_keeps_by_which_receipts_blobs_were_left_out() {
    let made = Made::new().await;
    assert!(made.writer.baselines().await.unwrap().is_empty());
    for of in ["h.io/a", "h.io/b", "h.io/a"] {
        made.writer.keep_baseline(&Baseline::new("x", receipt(of, &[of]))).await.unwrap();
    }
    let bases = made.writer.baselines().await.unwrap();
    assert_eq!(bases.0.len(), 2, "each once");
    assert_eq!(bases.with(&Digest::of(b"h.io/b")).unwrap().label(), "h.io/b");
    assert!(bases.with(&Digest::of(b"h.io/c")).is_none());
}
