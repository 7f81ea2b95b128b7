//! Group B: data that is not what it should be.

use sealift_conformance::images::{Image, artifact, image};
use sealift_core::content::{Digest, Manifest, well_known};
use sealift_testkit::fault::{Act, Answer, Fault, FaultRegistry};
use serde_json::{Value, json};

use crate::scene::{Scene, report};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Two images, of which something will be wrong with that in `shop/app`.
async fn two_images() -> (Scene, Image) {
    let mut scene = Scene::new().await;
    let app = image("linux/amd64", &["the layer of the app"]);
    scene.wants("shop/app", "v1", &app).await;
    scene.wants("shop/other", "v1", &image("linux/amd64", &["another layer"])).await;
    (scene, app)
}

/// Runs with faults that one image cannot survive: it is named with these words, and the other one arrives.
async fn fails_alone(faults: Vec<Fault>, words: &str) -> Scene {
    let (scene, _) = two_images().await;
    faults.into_iter().for_each(|fault| scene.from.will(fault));
    let ran = scene.run().expect(1);
    scene.from.assert_all_fired();
    let report = report(&ran);
    let failures = report["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{report:#}");
    let cause = failures[0]["cause"].as_str().unwrap();
    assert!(cause.contains(words), "`{words}` is not in: {cause}");
    let journal = scene.from.journal();
    assert!(journal.count("GET", "/shop/app/") <= 12, "it is not tried for ever\n{journal}");
    scene.assert_invariants(&ran);
    scene
}

/// The same with another answer in the place of the manifest.
async fn answered_instead(answer: Answer, words: &str) {
    let scene = fails_alone(vec![Fault::on("GET", "/shop/app/manifests/").act(Act::Say(answer))], words).await;
    drop(scene);
}

fn served(media_type: &str, body: impl Into<bytes::Bytes>) -> Answer {
    Answer::status(200).header("content-type", media_type).body(body)
}

fn document(change: impl FnOnce(&mut Value)) -> String {
    let config = format!("{}", Digest::of(b"{}"));
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 },
        "layers": [],
    });
    change(&mut document);
    document.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_34_a_flipped_byte_never_arrives() {
    for part in ["layer", "config"] {
        let (scene, app) = two_images().await;
        let blob = if part == "layer" { &app.blobs[1] } else { &app.blobs[0] };
        scene.from.will(Fault::on("GET", format!("/shop/app/blobs/{}", blob.0.digest)).act(Act::Flip { at: 3 }));
        let ran = scene.run().expect(1);
        scene.from.assert_all_fired();
        let tries = scene.from.journal().count("GET", &format!("/shop/app/blobs/{}", blob.0.digest));
        assert!((2..=6).contains(&tries), "{part} was read {tries} times");
        assert_eq!(scene.to.journal().count("PUT", "/shop/app/manifests/"), 0, "no name for it");
        assert!(report(&ran)["failures"][0]["cause"].as_str().unwrap().contains("digest"), "{}", ran.all());
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_34_a_byte_that_was_flipped_once_is_read_again() {
    let (scene, app) = two_images().await;
    let layer = &app.blobs[1].0.digest;
    scene.from.will(Fault::on("GET", format!("/shop/app/blobs/{layer}")).nth(1).act(Act::Flip { at: 0 }));
    let ran = scene.run().expect(0);
    scene.from.assert_all_fired();
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_34_a_child_with_a_flipped_byte_is_not_its_digest() {
    let mut scene = Scene::new().await;
    let (amd, arm) = (image("linux/amd64", &["amd"]), image("linux/arm64", &["arm"]));
    let app = sealift_conformance::images::index(&[("linux/amd64", &amd), ("linux/arm64", &arm)]);
    scene.wants("shop/app", "v1", &app).await;
    let child = format!("/shop/app/manifests/{}", arm.manifest.digest());
    scene.from.will(Fault::on("GET", &child).act(Act::Flip { at: 30 }));
    let ran = scene.run().expect(1);
    scene.from.assert_all_fired();
    assert_eq!(scene.to.journal().count("PUT", "/manifests/v1"), 0);
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_35_sizes_that_are_wrong_or_no_sizes_are_told() {
    let real = two_images().await.1.blobs[1].1.len() as u64;
    for (size, words) in [
        (json!(-1), "manifest cannot be read"),
        (json!(1.5), "manifest cannot be read"),
        (json!("2"), "manifest cannot be read"),
        (json!(null), "manifest cannot be read"),
        (json!(1_u64 << 63), "bytes"),
        (json!(i64::MAX), "bytes"),
        (json!(0), "bytes"),
        (json!(real - 1), "bytes"),
        (json!(real + 1), "bytes"),
    ] {
        let (scene, app) = two_images().await;
        let layer = format!("/shop/app/blobs/{}", app.blobs[1].0.digest);
        let mut manifest: Value = serde_json::from_slice(app.manifest.bytes()).unwrap();
        manifest["layers"][0]["size"] = size.clone();
        let answer = served(MANIFEST, manifest.to_string());
        scene.from.will(Fault::on("GET", "/shop/app/manifests/").act(Act::Say(answer)));
        let ran = scene.run().expect(1);
        scene.from.assert_all_fired();
        let report = report(&ran);
        assert_eq!(report["failures"].as_array().unwrap().len(), 1, "{report:#}");
        let cause = report["failures"][0]["cause"].as_str().unwrap();
        assert!(cause.contains(words), "{size} of {real}: {cause}");
        let (read, written) = (scene.from.journal(), scene.to.journal());
        let sent: u64 = read.of("GET", &layer).map(|it| it.sent).sum();
        assert!(sent <= 6 * real, "{size} of {real}: it is not read for ever\n{read}");
        assert_eq!(written.count("PUT", "/shop/app/manifests/"), 0, "{written}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_35_a_child_of_another_size_than_its_index_says_is_told() {
    let (amd, arm) = (image("linux/amd64", &["amd"]), image("linux/arm64", &["arm"]));
    let app = sealift_conformance::images::index(&[("linux/amd64", &amd), ("linux/arm64", &arm)]);
    let real = arm.manifest.bytes().len() as u64;
    for size in [0, 1, real - 1, real + 1, 1 << 62] {
        let mut scene = Scene::new().await;
        scene.wants("shop/app", "v1", &app).await;
        let mut index: Value = serde_json::from_slice(app.manifest.bytes()).unwrap();
        index["manifests"][1]["size"] = json!(size);
        let answer = served(INDEX, index.to_string());
        scene.from.will(Fault::on("GET", "/shop/app/manifests/v1").act(Act::Say(answer)));
        let ran = scene.run().expect(1);
        scene.from.assert_all_fired();
        assert!(report(&ran)["failures"][0]["cause"].as_str().unwrap().contains("bytes"), "{size}: {}", ran.all());
        assert_eq!(scene.to.journal().count("PUT", "/manifests/v1"), 0);
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_36_the_hash_of_the_bytes_counts_and_no_header() {
    let (scene, _) = two_images().await;
    let lie = Some(Digest::of(b"a lie").to_string());
    scene.from.will(Fault::on("GET", "/shop/app/manifests/").act(Act::Header("docker-content-digest", lie)));
    let ran = scene.run().expect(0);
    scene.from.assert_all_fired();
    assert!(scene.log().contains("another digest than it serves"), "{}", scene.log());
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_36_a_destination_that_says_it_stored_something_else_is_not_believed() {
    let lie = Digest::of(b"a lie").to_string();
    let lies = || Act::Header("docker-content-digest", Some(lie.clone()));
    // Of a blob it is asked again, and says that it has the right one.
    let (scene, _) = two_images().await;
    scene.to.will(Fault::on("PUT", "/shop/app/blobs/uploads/").act(lies()));
    let ran = scene.run().expect(0);
    scene.to.assert_all_fired();
    let journal = scene.to.journal();
    assert_eq!(journal.count("PUT", "/shop/app/blobs/uploads/"), 2, "config and layer\n{journal}");
    assert!(journal.count("POST", "/shop/app/blobs/uploads/") >= 4, "both are offered once more\n{journal}");
    assert!(ran.stdout.contains(&format!("stored `{lie}`")), "{}", ran.all());
    scene.assert_invariants(&ran);
    // A tag that is said to lead elsewhere is a failure, whatever it leads to.
    let (mut scene, _) = two_images().await;
    scene.to.will(Fault::on("PUT", "/shop/app/manifests/").act(lies()));
    scene.retries = 0;
    let report = report(&scene.run().expect(1));
    scene.to.assert_all_fired();
    let cause = report["failures"][0]["cause"].as_str().unwrap();
    assert!(report["failed"] == 1 && cause.contains(&format!("stored `{lie}`")), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_37_types_that_contradict_each_other_and_manifests_that_are_two_things_are_refused() {
    let both = document(|document| document["manifests"] = json!([]));
    for (answer, words) in [
        (served(INDEX, document(|_| ())), "calls itself"),
        (served(MANIFEST, both.clone()), "both"),
        (served("application/json", both), "both"),
        (served("text/html", "<html>log in</html>"), "`text/html` is not a type of manifest"),
        (served(MANIFEST, "<html>log in</html>"), "cannot be read"),
        (served(MANIFEST, "{}"), "config"),
        (served("", document(|document| document["mediaType"] = json!("text/plain"))), "text/plain"),
    ] {
        answered_instead(answer, words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_38_a_manifest_of_the_largest_size_arrives_and_a_larger_one_does_not() {
    let padded = |size: usize| {
        let of = |fill: &str| artifact(well_known::OCI_CONFIG, "{}", &[], &[("annotations", json!({ "a": fill }))]);
        let bare = of("").manifest.bytes().len();
        of(&"x".repeat(size - bare))
    };
    let limit = usize::try_from(Manifest::MAX_BYTES).unwrap();
    let largest = padded(limit);
    assert_eq!(largest.manifest.bytes().len(), limit);
    let mut scene = Scene::new().await;
    scene.wants("shop/app", "v1", &largest).await;
    let ran = scene.run().expect(0);
    scene.assert_invariants(&ran);
    let mut larger = largest.manifest.bytes().to_vec();
    larger.push(b'\n');
    answered_instead(served(MANIFEST, larger), "longer than 4194304 bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_38_a_manifest_that_does_not_end_is_left() {
    let (scene, _) = two_images().await;
    let part = "/shop/app/manifests/";
    scene.from.will(Fault::on("GET", part).act(Act::Endless));
    let ran = scene.run().expect(1);
    scene.from.assert_all_fired();
    let report = report(&ran);
    assert!(report["failures"][0]["cause"].as_str().unwrap().contains("longer than 4194304 bytes"), "{report:#}");
    let journal = scene.from.journal();
    let endless: Vec<_> = journal.of("GET", part).filter(|it| it.fault.is_some()).collect();
    assert_eq!(endless.len(), 1, "it is not asked for again\n{journal}");
    // Beyond the limit goes what the buffers of two sockets hold.
    let sent = endless[0].sent;
    assert!((Manifest::MAX_BYTES..4 * Manifest::MAX_BYTES).contains(&sent), "{sent} bytes\n{journal}");
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_40_content_in_a_pointer_that_is_something_else_is_refused() {
    let answer = served(MANIFEST, document(|document| document["config"]["data"] = json!("eyJ9")));
    answered_instead(answer, "other content in its `data`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_44_an_image_of_schema_1_that_the_destination_does_not_take_fails_alone() {
    // As registries of old signed it: the digest leaves the signatures out.
    let document = r#"{"schemaVersion":1,"name":"shop/app","tag":"v1","architecture":"amd64","fsLayers":[],"history":[],"signatures":[]}"#;
    let schema1 = served("application/vnd.docker.distribution.manifest.v1+prettyjws", document);
    let (scene, _) = two_images().await;
    scene.from.will(Fault::on("GET", "/shop/app/manifests/").act(Act::Say(schema1)));
    let body = r#"{"errors":[{"code":"MANIFEST_INVALID","message":"schema 1 is not supported"}]}"#;
    scene.to.will(Fault::on("PUT", "/shop/app/manifests/").act(Act::Say(Answer::status(400).json(body))));
    let ran = scene.run().expect(1);
    scene.from.assert_all_fired();
    scene.to.assert_all_fired();
    let report = report(&ran);
    assert!(report["failures"][0]["cause"].as_str().unwrap().contains("schema 1"), "{report:#}");
    assert_eq!(scene.to.journal().count("PUT", "/shop/app/manifests/"), 1, "it was offered as it is, once");
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_42_what_is_no_digest_is_refused_before_anything_is_asked_for_by_it() {
    let hex = "a".repeat(64);
    for digest in [
        "sha256:../../../../etc/passwd".to_owned(),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{}", &hex[1..]),
        "sha256:".to_owned(),
        format!("sha256:{}\u{0}", &hex[1..]),
        "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned(),
        format!("sha256:{}", "a".repeat(10 << 10)),
    ] {
        let body = document(|document| document["layers"] = json!([{ "digest": digest, "size": 3 }]));
        let fault = Fault::on("GET", "/shop/app/manifests/").act(Act::Say(served(MANIFEST, body)));
        let (scene, _) = two_images().await;
        scene.from.will(fault);
        let ran = scene.run().expect(1);
        scene.from.assert_all_fired();
        let (read, written) = (scene.from.journal(), scene.to.journal());
        assert_eq!(read.count("GET", "/shop/app/blobs/"), 0, "{digest:?}\n{read}");
        assert_eq!(written.count("POST", "/shop/app/"), 0, "{digest:?}\n{written}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_43_an_algorithm_that_nobody_can_verify_is_refused_by_its_name() {
    let digest = format!("blake3:{}", "a".repeat(64));
    let body = document(|document| document["layers"] = json!([{ "digest": digest, "size": 3 }]));
    answered_instead(served(MANIFEST, body), "`blake3` is not supported").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_43_content_by_sha512_is_verified_and_kept_under_that_name() {
    let layer = b"a layer by another name";
    let mut hasher = sealift_core::content::Algorithm::Sha512.hasher();
    hasher.update(layer);
    let digest = hasher.finish();
    let mut app = image("linux/amd64", &["a layer"]);
    let mut document: Value = serde_json::from_slice(app.manifest.bytes()).unwrap();
    document["layers"][0]["digest"] = json!(digest);
    document["layers"][0]["size"] = json!(layer.len());
    app.manifest = Manifest::parse(document.to_string(), &well_known::OCI_MANIFEST).unwrap();
    app.blobs[1].0 = app.manifest.blobs().nth(1).unwrap().clone();
    app.blobs[1].1 = bytes::Bytes::from_static(layer);
    let mut scene = Scene::to(crate::scene::To::Directory).await;
    scene.wants("shop/app", "v1", &app).await;
    let path = format!("/shop/app/blobs/{digest}");
    scene.from.will(Fault::on("GET", &path).nth(1).act(Act::Flip { at: 5 }));
    let ran = scene.run().expect(0);
    scene.from.assert_all_fired();
    assert_eq!(scene.from.journal().count("GET", &path), 2, "the first one was found to be wrong");
    assert_eq!(std::fs::read(scene.layout().join("blobs/sha512").join(digest.hex())).unwrap(), layer);
    scene.assert_invariants(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_45_nobody_asks_where_the_urls_of_a_layer_lead() {
    let elsewhere = FaultRegistry::start().await;
    let mut app = image("linux/amd64", &["a layer", "a layer of somebody else"]);
    let mut document: Value = serde_json::from_slice(app.manifest.bytes()).unwrap();
    let [first, layer] = [0, 1].map(|at| document["layers"][at]["digest"].as_str().unwrap().to_owned());
    document["layers"][1]["mediaType"] = json!("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
    for layer in 0..2 {
        document["layers"][layer]["urls"] = json!([format!("{}/v2/shop/app/blobs/a", elsewhere.url())]);
    }
    app.manifest = Manifest::parse(document.to_string(), &well_known::OCI_MANIFEST).unwrap();
    app.blobs.pop();
    let mut scene = Scene::new().await;
    scene.wants("shop/app", "v1", &app).await;
    // Where the first layer comes from breaks, too: no reason to go elsewhere.
    scene.from.will(Fault::on("GET", &first).nth(1).act(Act::Say(Answer::status(503))));
    let ran = scene.run().expect(0);
    scene.from.assert_all_fired();
    assert_eq!(report(&ran)["moved"]["foreign"], 1, "it is reported");
    assert_eq!(scene.from.journal().count("*", &layer), 1, "the source may have it: {}", scene.from.journal());
    assert_eq!(elsewhere.journal().iter().count(), 0, "{}", elsewhere.journal());
    scene.assert_invariants(&ran);
}
