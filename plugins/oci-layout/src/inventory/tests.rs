use sealift_core::content::{Descriptor, well_known};
use serde_json::json;

use super::*;
use crate::{
    TARGETS,
    made::{Made, annotated},
    receipt::ReceiptBuilder,
};

fn platform(entry: &Descriptor, os: &str, architecture: &str) -> serde_json::Value {
    let mut entry = annotated(entry, &[]);
    entry["platform"] = json!({ "os": os, "architecture": architecture });
    entry
}

#[tokio::test]
async fn sizes_say_what_is_shared_and_what_is_not() {
    let mut made = Made::new().await;
    let (base, own) = (made.layer("1234567890").await, made.layer("own").await);
    let (one, two) = (made.with_layers("amd64", &[&base]).await, made.with_layers("amd64", &[&base, &own]).await);
    made.named(&one, "one:1");
    made.named(&one, "one:latest");
    made.named(&two, "two:1");
    let inventory = Inventory::of(&made.layout().await).await.unwrap();
    let config = 37;
    let sizes: Vec<_> = inventory.images.iter().map(|image| (image.name.as_str(), image.size, image.own)).collect();
    assert_eq!(
        sizes,
        [
            ("one:1", one.size + config + 10, one.size),
            ("one:latest", one.size + config + 10, one.size),
            ("two:1", two.size + config + 13, two.size + 3),
        ]
    );
    assert_eq!((inventory.blobs, inventory.bytes), (5, one.size + two.size + config + 13));
}

#[tokio::test]
async fn platforms_come_from_the_index_else_from_the_config() {
    let mut made = Made::new().await;
    let (amd, arm) = (made.with_layers("amd64", &[]).await, made.with_layers("arm64", &[]).await);
    let attestation = made.image("attestation").await;
    let entries =
        [platform(&amd, "linux", "amd64"), annotated(&arm, &[]), platform(&attestation, "unknown", "unknown")];
    let index = made.index(&entries).await;
    let artifact = made.put(well_known::OCI_EMPTY, json!({})).await;
    let artifact = made.manifest(json!({ "config": artifact })).await;
    made.named(&index, "index");
    made.named(&arm, "single");
    made.named(&artifact, "artifact");
    let inventory = Inventory::of(&made.layout().await).await.unwrap();
    let platforms: Vec<_> = inventory.images.into_iter().map(|image| image.platforms).collect();
    assert_eq!(platforms, [vec!["linux/amd64", "linux/arm64"], vec!["linux/arm64"], vec![]]);
}

#[tokio::test]
async fn what_refers_to_an_image_is_counted_and_what_is_missing_too() {
    let mut made = Made::new().await;
    let (gone, left_out) = (made.layer("gone").await, made.layer("left out").await);
    let image = made.with_layers("amd64", &[&gone, &left_out]).await;
    let signature = made.manifest(json!({ "subject": image })).await;
    let (one, two) = (made.image("1").await, made.image("2").await);
    let fallback = made.index(&[annotated(&one, &[]), annotated(&two, &[])]).await;
    made.entry(&image, &[(crate::REF_NAME, "q.io/a:v1"), (TARGETS, "h.io/a:v1")]);
    made.entry(&signature, &[]);
    made.named(&fallback, &format!("q.io/a:sha256-{}", image.digest.hex()));
    std::fs::remove_file(made.file(&gone)).unwrap();
    std::fs::remove_file(made.file(&left_out)).unwrap();
    let mut receipt = ReceiptBuilder::new(["h.io/a"]);
    let name = "h.io/a:v0".parse().unwrap();
    receipt.add(name, image.digest.clone(), Vec::new(), [(left_out.digest.clone(), 8)]);
    made.writer.keep_baseline(&crate::Baseline::new("x", receipt.finish())).await.unwrap();
    let inventory = Inventory::of(&made.layout().await).await.unwrap();
    let [image] = &inventory.images[..] else { panic!("{inventory:?}") };
    assert_eq!((image.referrers, image.missing, image.left_out), (3, 1, 1));
    assert_eq!(image.targets, ["h.io/a:v1"]);
}
