use std::os::unix::fs::symlink;

use sealift_core::content::{Descriptor, MediaType, well_known};
use serde_json::json;

use sealift_core::error::ErrorKind;

use super::*;
use crate::{
    baseline::Baseline,
    made::{Made, annotated},
    receipt::ReceiptBuilder,
};

async fn check(made: &Made) -> Verification {
    verify(made.path(), Arc::default()).await.unwrap()
}

/// What is wrong, one line each: kind, file, images.
fn lines(found: &Verification) -> Vec<String> {
    let line = |damage: &Damage| {
        let file = damage.file.to_string_lossy();
        let file = file.rsplit('/').next().unwrap();
        let file = if file.len() > 40 { &file[..6] } else { file };
        format!("{:?} {file}: {}", damage.kind, damage.images.join(", "))
    };
    found.damages.iter().map(line).collect()
}

fn short(item: &Descriptor) -> String {
    item.digest.hex()[..6].to_owned()
}

/// Two images that share a layer; the second is an index.
async fn two_images() -> (Made, Descriptor, Descriptor) {
    let mut made = Made::new().await;
    let (shared, own) = (made.layer("shared layer").await, made.layer("own").await);
    let (one, two) = (made.with_layers("amd64", &[&shared, &own]).await, made.with_layers("arm64", &[&shared]).await);
    let index = made.index(&[annotated(&two, &[])]).await;
    made.named(&one, "q.io/one:v1");
    made.named(&index, "q.io/two:v1");
    made.layout().await;
    (made, shared, own)
}

#[tokio::test]
async fn a_whole_layout_is_called_whole() {
    let (made, ..) = two_images().await;
    let progress = Arc::new(Progress::default());
    let found = verify(made.path(), Arc::clone(&progress)).await.unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.images, found.broken.len(), found.files), (2, 0, 7));
    assert_eq!((progress.files(), progress.bytes()), (7, progress.total()));
    assert_eq!(progress.bytes(), found.bytes);
    assert!(found.orphans.files.is_empty() && found.leftovers.files.is_empty());
}

#[tokio::test]
async fn a_missing_blob_is_told_with_all_images_that_need_it() {
    let (made, shared, own) = two_images().await;
    std::fs::remove_file(made.file(&shared)).unwrap();
    std::fs::remove_file(made.file(&own)).unwrap();
    let found = check(&made).await;
    let mut expected = [
        format!("Missing {}: q.io/one:v1, q.io/two:v1", short(&shared)),
        format!("Missing {}: q.io/one:v1", short(&own)),
    ];
    expected.sort();
    assert_eq!(lines(&found), expected);
    assert_eq!(found.broken.iter().map(|name| &**name).collect::<Vec<_>>(), ["q.io/one:v1", "q.io/two:v1"]);
    assert_eq!(found.damages[0].size.unwrap() + found.damages[1].size.unwrap(), 15);
}

#[tokio::test]
async fn a_flipped_byte_a_cut_end_and_an_empty_file_are_corrupt() {
    for content in ["shared Layer", "shared", ""] {
        let (made, shared, _) = two_images().await;
        std::fs::write(made.file(&shared), content).unwrap();
        let found = check(&made).await;
        assert_eq!(lines(&found), [format!("Corrupt {}: q.io/one:v1, q.io/two:v1", short(&shared))]);
        assert!(found.damages[0].what.starts_with(&format!("its {} bytes have the digest `", content.len())));
    }
}

#[tokio::test]
async fn a_damaged_manifest_damages_its_image_and_its_blobs_belong_to_nobody() {
    let mut made = Made::new().await;
    let layer = made.layer("layer").await;
    let image = made.with_layers("amd64", &[&layer]).await;
    made.named(&image, "q.io/a:v1");
    made.layout().await;
    std::fs::write(made.file(&image), "{}").unwrap();
    let found = check(&made).await;
    assert_eq!(lines(&found), [format!("Corrupt {}: q.io/a:v1", short(&image))]);
    assert_eq!((found.orphans.files.len(), found.orphans.bytes), (2, 5 + 37));
}

#[tokio::test]
async fn a_child_that_is_not_there_is_missing() {
    let mut made = Made::new().await;
    let gone = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"gone");
    let there = made.image("there").await;
    let index = made.index(&[annotated(&gone, &[]), annotated(&there, &[])]).await;
    made.named(&index, "q.io/a:v1");
    made.layout().await;
    let found = check(&made).await;
    // The config of `there` is `{}`, which nobody wrote.
    let config = Descriptor::of_bytes(well_known::OCI_CONFIG, b"{}");
    let mut expected = [&gone, &config].map(|item| format!("Missing {}: q.io/a:v1", short(item)));
    expected.sort();
    assert_eq!(lines(&found), expected);
}

#[tokio::test]
async fn pointers_that_lie_about_lengths_are_found_though_the_file_is_right() {
    let mut made = Made::new().await;
    let layer = made.layer("layer").await;
    let image = made.with_layers("amd64", &[&Descriptor { size: 6, ..layer.clone() }]).await;
    made.named(&image, "q.io/a:v1");
    made.layout().await;
    let found = check(&made).await;
    assert_eq!(lines(&found), [format!("Inconsistent {}: q.io/a:v1", short(&layer))]);
    assert!(found.damages[0].what.ends_with("has 5 bytes instead of 6"), "{}", found.damages[0].what);
}

#[tokio::test]
async fn damaged_signatures_are_told_with_what_they_are_about() {
    let mut made = Made::new().await;
    let layer = made.layer("layer").await;
    let image = made.with_layers("amd64", &[&layer]).await;
    let signature = made.layer("signature").await;
    let manifest = made.manifest(json!({ "layers": [signature], "subject": image, "config": layer })).await;
    made.entry(&manifest, &[]);
    made.named(&image, "q.io/a:v1");
    made.layout().await;
    std::fs::remove_file(made.file(&signature)).unwrap();
    let found = check(&made).await;
    assert_eq!(lines(&found), [format!("Missing {}: what refers to q.io/a:v1", short(&signature))]);
}

#[tokio::test]
async fn files_that_nobody_needs_and_half_written_ones_are_no_damage() {
    let (made, ..) = two_images().await;
    let orphan = made.layer("orphan").await;
    let blobs = made.path().join("blobs/sha256");
    std::fs::write(blobs.join(".blob.7.1.part"), "half").unwrap();
    std::fs::write(blobs.join("notes.txt"), "of somebody").unwrap();
    std::fs::write(made.path().join(".index.json.7.2.part"), "half").unwrap();
    std::fs::write(made.path().join("README"), "what others put here is none of our business").unwrap();
    let found = check(&made).await;
    assert!(found.is_whole(), "{found:?}");
    assert_eq!(found.orphans.files, [files::place(&orphan.digest)]);
    assert_eq!((found.leftovers.files.len(), found.leftovers.bytes), (2, 8));
    assert_eq!((found.strangers.files.len(), found.strangers.bytes), (1, 11));
    std::fs::write(made.file(&orphan), "orphaN").unwrap();
    assert_eq!(lines(&check(&made).await), [format!("Corrupt {}: ", short(&orphan))]);
}

#[tokio::test]
async fn foreign_layers_need_not_be_there() {
    let mut made = Made::new().await;
    let foreign = MediaType::from_static("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
    let layer = Descriptor::of_bytes(foreign, b"at its vendor");
    let with_urls = Descriptor { urls: vec!["https://example.com/layer".to_owned()], ..layer.clone() };
    let image = made.with_layers("amd64", &[&with_urls]).await;
    made.named(&image, "q.io/a:v1");
    made.layout().await;
    assert!(check(&made).await.is_whole());
    // Without `urls` it can be had nowhere else.
    let layer = Descriptor::of_bytes(layer.media_type, b"of nobody else");
    let image = made.with_layers("arm64", &[&layer]).await;
    made.named(&image, "q.io/a:v2");
    made.layout().await;
    assert_eq!(lines(&check(&made).await), [format!("Missing {}: q.io/a:v2", short(&layer))]);
}

#[tokio::test]
async fn entries_of_an_index_that_are_no_manifests_are_looked_for_among_the_blobs() {
    let mut made = Made::new().await;
    let layer = made.layer("layer").await;
    let image = made.with_layers("amd64", &[&layer]).await;
    let data = made.layer("some data").await;
    let entry = Descriptor { media_type: MediaType::from_static("application/vnd.example.data+json"), ..data.clone() };
    let index = made.index(&[annotated(&image, &[]), annotated(&entry, &[])]).await;
    made.named(&index, "q.io/a:v1");
    made.layout().await;
    let found = check(&made).await;
    assert!(found.is_whole() && found.orphans.files.is_empty(), "{:?}", found.orphans.files);
    assert!(made.writer.has_image(&index).await.unwrap());
    std::fs::remove_file(made.file(&data)).unwrap();
    assert!(!check(&made).await.is_whole());
    assert!(!made.writer.has_image(&index).await.unwrap());
}

#[tokio::test]
async fn what_was_left_out_on_purpose_is_no_damage_and_what_got_lost_is() {
    let (made, shared, own) = two_images().await;
    std::fs::remove_file(made.file(&shared)).unwrap();
    std::fs::remove_file(made.file(&own)).unwrap();
    let mut receipt = ReceiptBuilder::new(["h.io/x"]);
    let blobs = [(shared.digest.clone(), shared.size)];
    receipt.add("h.io/x:1".parse().unwrap(), Digest::of(b"root"), Vec::new(), blobs);
    made.writer.keep_baseline(&Baseline::new("h.io/x", receipt.finish())).await.unwrap();
    let found = check(&made).await;
    assert_eq!(lines(&found), [format!("Missing {}: q.io/one:v1", short(&own))]);
    assert_eq!((found.left_out.blobs, found.left_out.bytes), (1, 12));
    let base = made.path().join(".sealift/base");
    let file = std::fs::read_dir(&base).unwrap().next().unwrap().unwrap().path();
    std::fs::write(file, "{").unwrap();
    assert_eq!(lines(&check(&made).await)[2], "Unreadable base: ");
}

#[tokio::test]
async fn an_index_that_cannot_be_read_is_the_first_to_be_told_and_blobs_are_verified_all_the_same() {
    for text in ["", "{\"schemaVersion\":2,\"manif", "[]"] {
        let (made, shared, _) = two_images().await;
        std::fs::write(made.path().join("index.json"), text).unwrap();
        std::fs::write(made.file(&shared), "x").unwrap();
        let found = check(&made).await;
        assert_eq!(lines(&found), ["Index index.json: ", &format!("Corrupt {}: ", short(&shared))], "{text:?}");
    }
    let (made, ..) = two_images().await;
    std::fs::remove_file(made.path().join("index.json")).unwrap();
    assert_eq!(lines(&check(&made).await), ["Index index.json: "]);
}

#[tokio::test]
async fn the_marker_and_the_entries_are_looked_at() {
    let (mut made, ..) = two_images().await;
    made.entries.push(json!({ "mediaType": well_known::OCI_MANIFEST, "digest": "sha256:0", "size": 1 }));
    made.layout().await;
    std::fs::remove_file(made.path().join("oci-layout")).unwrap();
    let found = check(&made).await;
    assert_eq!(lines(&found), ["Layout oci-layout: ", "Entry index.json: "]);
    assert_eq!(found.images, 2);
}

#[tokio::test]
async fn links_are_damage_wherever_they_lead() {
    let (made, shared, _) = two_images().await;
    let outside = made.dir.path().join("outside");
    std::fs::rename(made.file(&shared), &outside).unwrap();
    symlink(&outside, made.file(&shared)).unwrap();
    let found = check(&made).await;
    assert_eq!(lines(&found), [format!("Unreadable {}: q.io/one:v1, q.io/two:v1", short(&shared))]);
    assert!(found.damages[0].what.contains("symbolic link"), "{}", found.damages[0].what);
    let blobs = made.path().join("blobs");
    std::fs::rename(&blobs, made.dir.path().join("blobs")).unwrap();
    symlink(made.dir.path().join("blobs"), &blobs).unwrap();
    let found = check(&made).await;
    assert_eq!(found.broken.len(), 2);
    assert!(found.damages.iter().all(|damage| damage.kind == DamageKind::Unreadable), "{found:?}");
}

#[tokio::test]
async fn what_is_no_layout_at_all_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let error = verify(dir.path(), Arc::default()).await.unwrap_err();
    assert!(error.message().contains("is no OCI image layout"), "{error}");
    let error = verify(dir.path().join("none"), Arc::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    std::fs::write(dir.path().join("file"), "").unwrap();
    assert!(verify(dir.path().join("file"), Arc::default()).await.is_err());
}

#[tokio::test]
async fn the_result_is_json_for_programs() {
    let (made, shared, _) = two_images().await;
    std::fs::remove_file(made.file(&shared)).unwrap();
    let mut value = serde_json::to_value(check(&made).await).unwrap();
    value["path"] = "DIR".into();
    assert_eq!(
        value["damages"],
        json!([{
            "kind": "missing",
            "file": files::place(&shared.digest),
            "digest": shared.digest,
            "size": 12,
            "what": "it is not there",
            "images": ["q.io/one:v1", "q.io/two:v1"],
        }])
    );
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected =
        ["broken", "bytes", "damages", "files", "gaps", "images", "left_out", "leftovers", "noted", "notes", "orphans"];
    assert_eq!(keys[..11], expected);
    assert_eq!(keys[11..], ["path", "strangers"]);
}

/// Seen: an index that `docker save` wrote with `"manifests": null` beside three blobs, and a stage that ended without
/// an image on a full disk, were called whole.
#[tokio::test]
async fn a_layout_without_images_is_not_whole() {
    let (made, ..) = two_images().await;
    for text in [r#"{"schemaVersion":2,"manifests":null}"#, r#"{"schemaVersion":2,"manifests":[]}"#] {
        std::fs::write(made.path().join("index.json"), text).unwrap();
        let found = check(&made).await;
        assert_eq!(lines(&found), ["Empty index.json: "], "{text}");
        assert_eq!(found.damages[0].what, "it lists no image, and there are 7 blobs");
    }
    let empty = Made::new().await;
    assert_eq!(check(&empty).await.damages[0].what, "it lists no image, and there are no blobs either");
}

#[tokio::test]
async fn what_is_damaged_is_noted_until_it_is_right_again() {
    let (made, shared, _) = two_images().await;
    let (note, right) = (made.path().join(".sealift/doubts"), std::fs::read(made.file(&shared)).unwrap());
    assert!(check(&made).await.noted);
    assert!(!note.exists(), "nothing is noted of a whole layout");
    std::fs::write(made.file(&shared), "shared Layer").unwrap();
    assert!(check(&made).await.noted);
    assert_eq!(std::fs::read_to_string(&note).unwrap(), format!("{}\n", shared.digest));
    std::fs::write(made.file(&shared), right).unwrap();
    assert!(check(&made).await.is_whole());
    assert!(!note.exists());
    // As on a stick that is read-only.
    std::fs::rename(made.path().join(".sealift"), made.path().join("away")).unwrap();
    std::fs::write(made.path().join(".sealift"), "").unwrap();
    std::fs::write(made.file(&shared), "shared Layer").unwrap();
    assert!(!check(&made).await.noted);
}
