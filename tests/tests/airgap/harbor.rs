//! Loading into Harbor, as far as a double in front of a real registry plays it.

use sealift_core::content::{Descriptor, MediaType, Tag, well_known};
use sealift_testkit::{
    content::Content,
    harbor::{ADMIN, Harbor},
    images::{Image, artifact},
    registry::Registry,
};

use serde_json::json;

use crate::{
    app, folder,
    signing::{arrived, signed},
};

/// A signature as cosign makes it, and the tag under which cosign puts it.
fn cosign(image: &Image) -> (String, Image) {
    let payload = format!("signature of {}", image.manifest.digest());
    let kind = MediaType::of("application/vnd.dev.cosign.simplesigning.v1+json");
    let layers = json!([Descriptor::to(kind, payload.as_bytes())]);
    let tag = Tag::of_referrers(image.manifest.digest()).unwrap();
    (format!("{tag}.sig"), artifact(well_known::OCI_CONFIG, "{}", &[&payload], &[("layers", layers)]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_project_is_told_and_made_when_that_is_allowed() {
    let Some(from) = Registry::start() else { return };
    let Some(harbor) = Harbor::start().await else { return };
    Content::at(&from.url()).put("shop/app", "v1", &app("v1")).await;
    let digest = Content::at(&from.url()).digest("shop/app", "v1").await.unwrap().to_string();
    let folder = folder().var("HARBOR_PASSWORD", ADMIN.1);
    let (f, h) = (from.host(), harbor.host());
    folder.write("images.yaml", &format!("{f}/shop/app:v1: {h}/mirror/app\n"));
    folder.write("auth.yaml", &format!("\"{h}\":\n  username: {}\n  password: ${{HARBOR_PASSWORD}}\n", ADMIN.0));
    folder.run(&["stage", "--images", "images.yaml", "--to", "bundle"]).expect(0);

    let load = ["load", "bundle", "--harbor", "--auth", "auth.yaml", "--retries", "0"];
    let refused = folder.run(&load).expect(1);
    assert!(refused.stderr.contains("mirror") && refused.stderr.contains("hint:"), "{}", refused.stderr);
    folder.run(&[&load[..], &["--create-projects"]].concat()).expect(0);
    assert_eq!(harbor.digest_of("mirror/app:v1").as_ref(), Some(&digest));
    folder.run(&[&load[..], &["--create-projects", "--to", &format!("{h}/outside")]].concat()).expect(0);
    assert_eq!(harbor.digest_of("outside/mirror/app:v1"), Some(digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_comes_after_its_image_so_that_harbor_takes_it_for_one() {
    let Some(from) = Registry::start() else { return };
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("mirror");
    let (image, source) = (app("v1"), Content::at(&from.url()));
    source.put("shop/app", "v1", &image).await;
    let signed = [&image, &image.children[0]].map(|image| (image, cosign(image)));
    for (_, (tag, signature)) in &signed {
        source.put("shop/app", tag, signature).await;
    }
    let (folder, f, h) = (folder(), from.host(), harbor.host());
    folder.write("auth.yaml", &format!("\"{h}\":\n  username: {}\n  password: {}\n", ADMIN.0, ADMIN.1));
    folder.run(&["stage", &format!("{f}/shop/app:v1"), "--to", "bundle"]).expect(0);
    let to = format!("{h}/mirror");
    folder.run(&["load", "bundle", "--harbor", "--auth", "auth.yaml", "--to", &to]).expect(0);
    for (image, (tag, signature)) in &signed {
        let digest = signature.manifest.digest().to_string();
        assert_eq!(
            harbor.digest_of(&format!("mirror/shop/app:{tag}")).as_ref(),
            Some(&digest),
            "{}",
            harbor.requests()
        );
        let subject = image.manifest.digest().to_string();
        assert_eq!(harbor.subject_of("mirror/shop/app", &digest), Some(subject), "{}", harbor.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_an_image_is_listed_at_a_harbor_that_knows_nothing_of_referrers() {
    let Some(from) = Registry::start() else { return };
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("mirror");
    harbor.forget_referrers();
    let image = signed(&Content::at(&from.url())).await;
    let (folder, f, h) = (folder(), from.host(), harbor.host());
    folder.write("auth.yaml", &format!("\"{h}\":\n  username: {}\n  password: {}\n", ADMIN.0, ADMIN.1));
    folder.run(&["stage", &format!("{f}/shop/app:v1"), "--to", "bundle"]).expect(0);
    let to = format!("{h}/mirror");
    folder.run(&["load", "bundle", "--harbor", "--auth", "auth.yaml", "--to", &to]).expect(0);
    let target = Content::at(&harbor.url()).login(ADMIN.0, ADMIN.1);
    arrived(&target, "mirror/shop/app", &image).await;
}
