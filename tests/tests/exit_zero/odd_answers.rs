//! Registries that answer one question in one way and the same question, put otherwise, in another.

use sealift_conformance::images::{Image, image};
use sealift_core::content::{Digest, Tag};
use sealift_e2e::program::{Folder, Ran};
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, Fault, FaultRegistry},
};

use crate::{app, folder, sbom};

struct Scene {
    from: FaultRegistry,
    to: FaultRegistry,
    folder: Folder,
}

impl Scene {
    async fn new() -> Self {
        Self { from: FaultRegistry::start().await, to: FaultRegistry::start().await, folder: folder() }
    }

    async fn put(&self, tag: &str, image: &Image) {
        Content::at(&self.from.url_behind()).put("shop/app", tag, image).await;
    }

    /// Copies `shop/app:v1`, with nothing that an earlier run noted.
    fn copy(&self, more: &[&str]) -> Ran {
        let [from, to] = [&self.from, &self.to].map(|registry| format!("{}/shop/app:v1", registry.host()));
        self.folder.run(&[&["copy", "--no-cache", &from, &to], more].concat())
    }

    async fn assert_there(&self, tag: &str, image: &Image) {
        let content = Content::at(&self.to.url_behind());
        assert_eq!(content.digest("shop/app", tag).await.as_ref(), Some(image.manifest.digest()), "{tag}");
        content.whole("shop/app", tag).await;
    }
}

/// Seen: the image came without its signature, and nothing was said.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_found_by_its_tag_whatever_head_says_where_tags_cannot_be_listed() {
    for list in [403, 404, 405] {
        let (scene, app) = (Scene::new().await, image("linux/amd64", &["v1"]));
        scene.put("v1", &app).await;
        let signature = image("linux/amd64", &["signature"]);
        let tag = format!("{}.sig", Tag::referrers_tag(app.manifest.digest()).unwrap());
        scene.put(&tag, &signature).await;
        scene.from.will(Fault::on("HEAD", "/manifests/").every(1).act(Act::Say(Answer::status(404))));
        scene.from.will(Fault::on("GET", "/tags/list").every(1).act(Act::Say(Answer::status(list))));
        scene.copy(&[]).expect(0);
        scene.assert_there("v1", &app).await;
        scene.assert_there(&tag, &signature).await;
    }
}

/// Seen: the first copy was well, and every later one failed, so that no change arrived any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_names_other_digests_than_it_serves_is_copied_again_and_again() {
    let scene = Scene::new().await;
    let wrong = Digest::of(b"what it has inside").to_string();
    for method in ["HEAD", "GET"] {
        let named = Act::Header("docker-content-digest", Some(wrong.clone()));
        scene.from.will(Fault::on(method, "/manifests/v1").every(1).act(named));
    }
    for version in ["first", "second"] {
        let app = app(version);
        scene.put("v1", &app).await;
        for writes in [1, 0] {
            scene.to.forget();
            scene.copy(&[]).expect(0);
            assert_eq!(scene.to.journal().count("PUT", "/manifests/v1"), writes, "{version}");
            scene.assert_there("v1", &app).await;
        }
        scene.copy(&["--plan", "--detailed-exit-code"]).expect(0);
    }
}

/// Seen: the first copy was well, because it reads by the tag, and every later one failed.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_refused_by_its_digest_is_read_by_its_tag() {
    for act in [Act::Say(Answer::status(401)), Act::Say(Answer::status(403)), Act::Flip { at: 30 }] {
        let (scene, app) = (Scene::new().await, app("v1"));
        scene.put("v1", &app).await;
        let by_digest = format!("/manifests/{}", app.manifest.digest());
        scene.from.will(Fault::on("GET", by_digest).every(1).act(act));
        for _ in 0..2 {
            scene.copy(&[]).expect(0);
            scene.assert_there("v1", &app).await;
        }
    }
}

/// Seen: a plan wanted to copy the list of referrers, which the run leaves to itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_knows_that_the_list_of_referrers_is_written_by_the_run() {
    let (scene, app) = (Scene::new().await, image("linux/amd64", &["v1"]));
    scene.put("v1", &app).await;
    let (sbom, other) = (sbom(&app.manifest), app_list(&app));
    scene.put(&sbom.manifest.digest().to_string(), &sbom).await;
    scene.put(&Tag::referrers_tag(app.manifest.digest()).unwrap(), &other).await;
    scene.to.will(Fault::on("GET", "/referrers/").every(1).act(Act::Say(Answer::status(404))));
    scene.to.will(Fault::on("PUT", "/manifests/").every(1).act(Act::Header("oci-subject", None)));
    let [from, to] = [&scene.from, &scene.to].map(|registry| format!("{}/shop/app", registry.host()));
    let all = |more: &[&str]| scene.folder.run(&[&["copy", "--no-cache", "--all-tags", &from, &to], more].concat());
    for _ in 0..2 {
        all(&[]).expect(0);
        all(&["--plan", "--detailed-exit-code"]).expect(0);
    }
}

/// An index that lists something else, as tools leave it under the fallback tag.
fn app_list(image: &Image) -> Image {
    sealift_conformance::images::index(&[("linux/amd64", image)])
}
