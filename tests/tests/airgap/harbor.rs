//! Loading into Harbor, as far as a double in front of a real registry plays it.

use sealift_conformance::images::{Image, artifact, image};
use sealift_core::content::{Descriptor, MediaType, Tag, well_known};
use sealift_testkit::{
    content::Content,
    harbor::{ADMIN, Account, Harbor, Right},
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
    let kind = MediaType::from_static("application/vnd.dev.cosign.simplesigning.v1+json");
    let layers = json!([Descriptor::of_bytes(kind, payload.as_bytes())]);
    let tag = Tag::referrers_tag(image.manifest.digest()).unwrap();
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

/// What a site has in one repository, a later load puts into another one, although the bundle does not bring it: base
/// layers are what images share.
#[tokio::test(flavor = "multi_thread")]
async fn a_delta_takes_blobs_from_other_repositories_of_harbor() {
    let Some(from) = Registry::start() else { return };
    let source = Content::at(&from.url());
    source.put("shop/old", "v1", &image("linux/amd64", &["base", "old"])).await;
    source.put("shop/new", "v1", &image("linux/amd64", &["base", "new"])).await;
    for (flag, login) in [("--harbor", "robot$team+ci"), ("", "robot$team+ci"), ("--harbor", ADMIN.0)] {
        let Some(harbor) = Harbor::start().await else { return };
        harbor.add_project("team");
        harbor.add_account(Account::robot("robot$team+ci", ADMIN.1).may("team", &[Right::Pull, Right::Push]));
        let (folder, f, h) = (folder(), from.host(), harbor.host());
        folder.write("auth.yaml", &format!("\"{h}\":\n  username: {login}\n  password: {}\n", ADMIN.1));
        let to = format!("{h}/team/jan");
        let load = |bundle: &str| {
            let args = ["load", bundle, "--auth", "auth.yaml", "--to", &to, flag];
            let args: Vec<&str> = args.into_iter().filter(|arg| !arg.is_empty()).collect();
            folder.run(&args).expect(0)
        };
        folder.run(&["stage", &format!("{f}/shop/old:v1"), "--to", "jan"]).expect(0);
        load("jan");
        let receipt = folder.run(&["receipt", &format!("{to}/shop/old"), "--auth", "auth.yaml"]).expect(0);
        folder.write("receipt.json", &receipt.stdout);
        folder.run(&["stage", &format!("{f}/shop/new:v1"), "--to", "feb", "--base", "receipt.json"]).expect(0);
        harbor.reset();
        load("feb");
        let journal = harbor.requests();
        let mounts = journal.iter().filter(|request| request.path.contains("mount=") && request.status == 201).count();
        assert_eq!(mounts, 1, "the layer that both have: {journal}");
        assert!(harbor.digest_of("team/jan/shop/new:v1").is_some());
    }
}

/// What Harbor has and the directory has not: a receipt of the one is the list that the other is compared with.
#[tokio::test(flavor = "multi_thread")]
async fn images_that_only_harbor_has_are_listed_and_stay() {
    let Some(from) = Registry::start() else { return };
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("mirror");
    harbor.add_account(Account::robot("robot$mirror+ci", ADMIN.1).may("mirror", &[Right::Pull, Right::Push]));
    let source = Content::at(&from.url());
    source.put("shop/app", "v1", &app("v1")).await;
    source.put("shop/app", "v2", &app("v2")).await;
    let (folder, f, h) = (folder(), from.host(), harbor.host());
    let login = |name: &str| {
        folder.write("auth.yaml", &format!("\"{h}\":\n  username: {name}\n  password: {}\n", ADMIN.1));
    };
    let bundle = |version: &str| {
        folder.write("images.yaml", &format!("{f}/shop/app:{version}: {h}/mirror/deep/app\n"));
        folder.run(&["stage", "--images", "images.yaml", "--to", version]).expect(0);
        folder.run(&["load", version, "--harbor", "--auth", "auth.yaml"]).expect(0);
    };
    login(ADMIN.0);
    ["v1", "v2"].iter().for_each(|version| bundle(version));
    // All repositories of a project, for those who may list them, or the ones that are named.
    for (name, of) in [(ADMIN.0, format!("{h}/mirror/*")), ("robot$mirror+ci", format!("{h}/mirror/deep/app"))] {
        login(name);
        let receipt = folder.run(&["receipt", &of, "--auth", "auth.yaml"]).expect(0);
        folder.write("harbor.json", &receipt.stdout);
        let compared = folder.run(&["verify", "v2", "--expect", "harbor.json"]).expect(1);
        let only = format!("not there:\n  {h}/mirror/deep/app:v1\nharbor.json: INCOMPLETE (1 of 2 images)");
        assert!(compared.stdout.contains(&only), "{}", compared.all());
        let as_json = folder.run(&["verify", "v2", "--expect", "harbor.json", "--json"]).expect(1);
        assert!(as_json.stdout.contains(&format!("\"missing\":[\"{h}/mirror/deep/app:v1\"]")), "{}", as_json.all());
    }
    assert!(harbor.digest_of("mirror/deep/app:v1").is_some(), "nothing is deleted");
    assert!(harbor.requests().iter().all(|request| request.method != "DELETE"), "{}", harbor.requests());
}
