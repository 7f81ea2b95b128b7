use sealift_core::stage::{Push, PutManifest};

use super::*;
use crate::made::{Made, annotated};

fn builder(order: &[usize]) -> Receipt {
    let mut builder = ReceiptBuilder::new(["h.io/a"]);
    let blob = |content: &[u8]| (Digest::of(content), content.len() as u64);
    for at in order {
        let name = format!("h.io/a:v{at}").parse().unwrap();
        let unsized_blob = (Digest::of(b"old"), u64::MAX);
        let blobs = [blob(b"shared"), blob(b"shared"), blob(at.to_string().as_bytes()), unsized_blob];
        builder.add(name, Digest::of(b"root"), vec!["i.io/a:v1".parse().unwrap()], blobs);
    }
    builder.finish()
}

#[test]
fn what_is_written_is_read_back_and_the_order_does_not_matter() {
    let receipt = builder(&[1, 2, 3]);
    let text = receipt.render();
    assert_eq!(Receipt::parse(text.as_bytes(), Path::new("r.json")).unwrap(), receipt);
    assert_eq!(builder(&[3, 1, 2]).render(), text);
    assert_eq!((receipt.blobs().len(), receipt.images().len()), (5, 3));
    assert!(text.lines().all(|line| line.len() < 300), "a line for each blob and image");
}

#[test]
fn an_empty_receipt_is_one() {
    let receipt = ReceiptBuilder::new(["h.io/a"]).finish();
    assert_eq!(Receipt::parse(receipt.render().as_bytes(), Path::new("r.json")).unwrap(), receipt);
}

#[test]
fn what_is_no_receipt_is_refused_and_named() {
    for (text, says) in [
        ("", "`r.json` is no receipt: EOF"),
        (r#"{"images":[]}"#, "`r.json` is no receipt: missing field `format`"),
        (r#"{"format":"x","version":1}"#, "`r.json` is no receipt: its format is `x`"),
        (r#"{"format":"sealift-receipt","version":2}"#, "`r.json` is a receipt of version 2, only 1 is known"),
        (r#"{"format":"sealift-receipt","version":1,"of":[],"blobs":[]}"#, "`r.json` is no receipt: missing field"),
        (
            r#"{"format":"sealift-receipt","version":1,"of":[],"blobs":[{"digest":"sha256:x"}],"images":[]}"#,
            "`r.json` is no receipt: a sha256 digest has 64",
        ),
    ] {
        let error = Receipt::parse(text.as_bytes(), Path::new("r.json")).unwrap_err();
        assert!(error.message().starts_with(says), "{error}");
    }
    let digest = Digest::of(b"x");
    let text = format!(
        r#"{{"format":"sealift-receipt","version":1,"of":[],"blobs":[],
        "images":[{{"name":"q.io/a:1","digest":"{digest}","blobs":[7]}}]}}"#
    );
    let error = Receipt::parse(text.as_bytes(), Path::new("r.json")).unwrap_err();
    assert!(error.message().ends_with("an image has blob 7, and there are only 0"), "{error}");
}

#[tokio::test]
async fn the_receipt_of_a_layout_lists_what_its_images_need() {
    let mut made = Made::new().await;
    let (layer, gone) = (made.layer("layer").await, made.layer("gone").await);
    let image = made.with_layers("amd64", &[&layer, &gone]).await;
    let index = made.index(&[annotated(&image, &[])]).await;
    made.named(&index, "q.io/a:v1");
    std::fs::remove_file(made.file(&gone)).unwrap();
    let other = made.with_layers("arm64", &[&layer]).await;
    made.named(&other, "q.io/b:v1");
    std::fs::remove_file(made.file(&other)).unwrap();
    made.entries.push(serde_json::Value::Null);
    let (receipt, gaps) = Receipt::of_layout_with_gaps(&made.layout().await).await.unwrap();
    assert_eq!(receipt.images().len(), 1, "one that the other side cannot have got is not in it");
    assert_eq!(gaps.len(), 3, "{gaps:?}");
    assert!(gaps[0].starts_with("an entry of `index.json` cannot be understood"), "{gaps:?}");
    assert!(gaps[1].starts_with("`q.io/a:v1` is not whole in `"), "{gaps:?}");
    assert!(gaps[2].starts_with("`q.io/b:v1` is not whole in `"), "{gaps:?}");
    assert_eq!(receipt.images()[0].digest, index.digest);
    let mut sizes: Vec<_> = receipt.blobs().iter().filter_map(|blob| blob.size).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 37], "what got lost is not in it");
}

#[tokio::test]
async fn a_pipeline_that_ends_in_the_recorder_makes_a_receipt() {
    let made = Made::new().await;
    let (layer, sig) = (made.layer("layer").await, made.layer("sig").await);
    let image = made.with_layers("amd64", &[&layer]).await;
    let index = made.index(&[annotated(&image, &[])]).await;
    let signature = made.manifest(serde_json::json!({ "layers": [sig], "subject": image })).await;
    let recorder = ReceiptRecorder::default();
    let repository = "h.io/a".parse().unwrap();
    for child in [&image, &signature] {
        let manifest = made.writer.manifest(child).await.unwrap();
        recorder.put_manifest(&PutManifest::new(&repository, &manifest)).await.unwrap();
    }
    let manifest = made.writer.manifest(&index).await.unwrap();
    recorder.put_manifest(&PutManifest::named(&"h.io/a:v1".parse().unwrap(), &manifest)).await.unwrap();
    let receipt = recorder.receipt(["h.io/a"]);
    let names: Vec<String> = receipt.images().iter().map(|image| image.name.to_string()).collect();
    assert_eq!(names, ["h.io/a:v1".to_owned(), format!("h.io/a@{}", signature.digest)]);
    assert_eq!(receipt.images()[0].digest, index.digest);
    assert_eq!(receipt.images()[0].blobs.len(), 2);
    assert!(receipt.blobs().iter().any(|blob| blob.digest == sig.digest));
}
