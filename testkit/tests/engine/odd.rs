//! Images of odd shapes: indexes in indexes, layers many times over, tags that move.

use sealift_conformance::{
    images::{Image, artifact, image, index, with_blob_entry},
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::content::{MediaType, well_known};

use crate::Bench;

fn one(app: &Image) -> (Memory, Memory, Wanted) {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", app);
    (from, to, Wanted::new().image("from.io/app:v1", &[]))
}

#[tokio::test]
async fn indexes_in_indexes_are_copied_down_to_the_bottom() {
    let bottom = image("linux/amd64", &["layer"]);
    let app = (0..4).fold(bottom, |below, _| index(&[("", &below)]));
    let (from, to, wanted) = one(&app);
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    assert_eq!(to.digest_of("app:v1").as_ref(), Some(app.manifest.digest()));
    to.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_nested_too_deep_fails_alone_and_says_so() {
    let bottom = image("linux/amd64", &["layer"]);
    let app = (0..20).fold(bottom, |below, _| index(&[("", &below)]));
    let (from, to, wanted) = one(&app);
    from.add("other:v1", &image("linux/amd64", &["other"]));
    let report = Bench::new(wanted.image("from.io/other:v1", &[]), &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    assert!(report.failures[0].cause.contains("nested more than 8 levels"), "{}", report.failures[0].cause);
    assert!(from.count(Op::Manifest) <= 9, "nobody walks on: {}", from.count(Op::Manifest));
    assert_eq!(to.digest_of("app:v1"), None);
}

#[tokio::test]
async fn a_child_that_stands_a_thousand_times_in_an_index_is_read_once() {
    let child = image("linux/amd64", &["layer"]);
    let app = index(&vec![("linux/amd64", &child); 1000]);
    let (from, to, wanted) = one(&app);
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    assert_eq!((from.count(Op::Manifest), from.count(Op::Blob)), (1, 2));
    assert_eq!(to.count(Op::PutManifest), 1);
    to.assert_whole();
}

#[tokio::test]
async fn a_child_that_several_indexes_share_is_read_and_written_once() {
    let child = image("linux/amd64", &["layer"]);
    let left = index(&[("linux/amd64", &child)]);
    let right = index(&[("linux/amd64", &child), ("linux/arm64", &image("linux/arm64", &["arm"]))]);
    let app = index(&[("", &left), ("", &right)]);
    let (from, to, wanted) = one(&app);
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    let reads = from.calls().iter().filter(|call| call.what == child.manifest.digest().to_string()).count();
    assert_eq!(reads, 1);
    to.assert_whole();
}

#[tokio::test]
async fn layers_that_occur_again_are_none_or_are_empty_are_images_too() {
    for (layers, blobs) in [(vec!["same"; 3], 2), (vec![], 1), (vec![""], 2), (vec!["", "same", ""], 3)] {
        let (from, to, wanted) = one(&image("linux/amd64", &layers));
        let report = Bench::new(wanted, &from, &[&to]).run().await;
        assert_eq!((report.copied, report.failed), (1, 0), "{layers:?}: {:?}", report.failures);
        assert_eq!((from.count(Op::Blob), to.count(Op::Fill)), (blobs, blobs), "{layers:?}");
        to.assert_whole();
    }
}

#[tokio::test]
async fn an_image_of_a_thousand_layers_is_an_image() {
    let layers: Vec<String> = (0..1000).map(|n| format!("layer {n}")).collect();
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    let (from, to, wanted) = one(&image("linux/amd64", &layers));
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed, from.count(Op::Blob)), (1, 0, 1001), "{:?}", report.failures);
    to.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_moves_while_it_is_copied_arrives_as_one_of_both() {
    let (before, after) = (image("linux/amd64", &["before"]), image("linux/amd64", &["after"]));
    let (from, to, wanted) = one(&image("linux/amd64", &["the first one"]));
    let bench = Bench::new(wanted, &from, &[&to]);
    bench.run().await;
    from.add("app:v1", &before);
    // It moves after it was asked for, and before it is read.
    let moving = from.clone();
    let moved = after.clone();
    from.script(move |call| {
        if call.op == Op::ResolveDigest {
            return None;
        }
        if matches!(call.op, Op::ResolveManifest | Op::Manifest) && call.before == 0 {
            moving.add("app:v1", &moved);
        }
        None::<Fault>
    });
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    let arrived = to.digest_of("app:v1").unwrap();
    assert!(arrived == *before.manifest.digest() || arrived == *after.manifest.digest());
    to.assert_whole();
    let report = bench.run().await;
    assert_eq!(report.failed, 0);
    assert_eq!(
        to.digest_of("app:v1").as_ref(),
        Some(after.manifest.digest()),
        "the next run brings what it is by then"
    );
}

#[tokio::test]
async fn artifacts_of_any_type_are_copied_byte_by_byte() {
    let members = [("artifactType", "application/x".into()), ("x-own", serde_json::json!({ "b": 1, "a": [1.50] }))];
    let app = artifact(MediaType::from_static("application/vnd.oci.empty.v1+json"), "{}", &["anything"], &members);
    assert_eq!(*app.manifest.media_type(), well_known::OCI_MANIFEST);
    let (from, to, wanted) = one(&app);
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    assert_eq!(to.digest_of("app:v1").as_ref(), Some(app.manifest.digest()));
}

/// Seen before: `failed`, after many questions for a manifest that is none.
#[tokio::test]
async fn an_entry_of_an_index_that_is_no_manifest_is_copied_as_a_blob() {
    let images =
        index(&[("linux/amd64", &image("linux/amd64", &["a"])), ("linux/arm64", &image("linux/arm64", &["b"]))]);
    let app = with_blob_entry(&images, MediaType::from_static("application/vnd.example.data+json"), "some data");
    let nested = index(&[("", &app)]);
    for app in [app, nested] {
        let (from, to, wanted) = one(&app);
        let report = Bench::new(wanted, &from, &[&to]).run().await;
        assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
        assert_eq!(to.digest_of("app:v1").as_ref(), Some(app.manifest.digest()));
        to.assert_whole();
        assert!(to.content("some data").is_some());
    }
}

fn foreign(urls: serde_json::Value) -> Image {
    let layer = serde_json::json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": sealift_core::content::Digest::of(b"layer"), "size": 5, "urls": urls,
    });
    artifact(well_known::OCI_CONFIG, "{}", &["layer"], &[("layers", serde_json::json!([layer]))])
}

/// Seen before: a layer of such a type was left out whether or not it could be had elsewhere, and called foreign.
#[tokio::test]
async fn a_layer_that_need_not_be_distributed_is_copied_where_the_source_has_it() {
    for urls in [serde_json::Value::Null, serde_json::json!([]), serde_json::json!(["https://example.com/layer"])] {
        let (from, to, wanted) = one(&foreign(urls.clone()));
        let report = Bench::new(wanted, &from, &[&to]).run().await;
        assert_eq!((report.copied, report.failed, report.moved.foreign), (1, 0, 0), "{urls}: {:?}", report.failures);
        assert_eq!(report.moved.blobs, 2, "{urls}");
        assert!(to.content("layer").is_some(), "{urls}");
    }
}

#[tokio::test]
async fn a_layer_that_the_source_does_not_have_is_left_out_only_if_it_has_urls() {
    let lacking = |urls| {
        let (from, to, wanted) = one(&foreign(urls));
        from.lose_blob("layer");
        (Bench::new(wanted, &from, &[&to]), to)
    };
    let (bench, to) = lacking(serde_json::json!(["https://example.com/layer"]));
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed, report.moved.foreign), (1, 0, 1), "{:?}", report.failures);
    to.assert_whole();
    let (bench, to) = lacking(serde_json::Value::Null);
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (0, 1));
    assert_eq!(to.digest_of("app:v1"), None);
}
