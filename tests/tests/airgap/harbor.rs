//! Loading into Harbor, as far as a double in front of a real registry plays it.

use sealift_testkit::{
    content::Content,
    harbor::{ADMIN, Harbor},
    registry::Registry,
};

use crate::{app, folder};

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
