//! What a run costs, counted in the registries' own access logs.

use futures::{StreamExt, stream};
use sealift_conformance::images::image;
use sealift_serve::access::RequestKind;
use sealift_testkit::content::Content;

use crate::{Sites, folder, open_sites};

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_blob_costs_three_requests_and_an_unchanged_image_two() {
    let Some((from, to)) = open_sites() else { return };
    let source = Content::at(&from.url());
    for tag in 0..6 {
        source.put("a/app", &format!("v{tag}"), &image("linux/amd64", &["shared", &format!("own {tag}")])).await;
    }
    source.put("b/app", "v0", &image("linux/amd64", &["shared", "own b"])).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{f}/a/app: {t}/m/a\n{f}/b/app: {t}/m/b\n", f = from.host(), t = to.host()));
    from.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);

    let (at_source, at_target) = (from.requests(), to.requests());
    // Seven configs, seven layers of their own, one that all share.
    let blobs = 15;
    assert_eq!(at_source.count("GET", RequestKind::Tags), 2, "{at_source:?}");
    assert_eq!(at_source.count("GET", RequestKind::Manifest), 7, "one by tag for each image: {at_source:?}");
    assert_eq!(at_source.count("GET", RequestKind::Blob), blobs, "{at_source:?}");
    assert_eq!(at_source.total(), 2 + 7 + blobs, "{at_source:?}");
    assert_eq!(at_target.count("PUT", RequestKind::Upload), blobs, "{at_target:?}");
    assert_eq!(
        at_target.count("POST", RequestKind::Upload),
        blobs + 2,
        "one mount, one question how it answers: {at_target:?}"
    );
    assert_eq!(at_target.count("PUT", RequestKind::Manifest), 7, "{at_target:?}");
    assert_eq!(at_target.count("HEAD", RequestKind::Manifest), 2, "the first tag of each repository: {at_target:?}");
    assert_eq!(at_target.count("GET", RequestKind::Tags), 1, "a single tag needs no list: {at_target:?}");
    assert_eq!(
        at_target.count("PATCH", RequestKind::Upload) + at_target.count("GET", RequestKind::Ping),
        0,
        "{at_target:?}"
    );
    assert_eq!(at_target.total(), 2 * blobs + 2 + 7 + 2 + 1, "{at_target:?}");

    from.reset();
    to.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    let (at_source, at_target) = (from.requests(), to.requests());
    assert_eq!(
        (at_source.count("GET", RequestKind::Tags), at_source.count("HEAD", RequestKind::Manifest)),
        (2, 7),
        "{at_source:?}"
    );
    assert_eq!((at_source.total(), at_target.total()), (9, 7), "{at_source:?} {at_target:?}");
    assert_eq!(at_target.count("HEAD", RequestKind::Manifest), 7, "{at_target:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_serves_a_repository_for_its_whole_life() {
    let Some(sites) = Sites::start().await else { return };
    let source = sites.source();
    for tag in 0..12 {
        source.put("shop/app", &format!("v{tag}"), &image("linux/amd64", &[&format!("own {tag}")])).await;
    }
    let folder = folder().var("TO_PASSWORD", "t0ken pass");
    folder.write("auth.yaml", &sites.auth());
    folder.write("images.yaml", &format!("{}/shop/app: {}/mirror/app\n", sites.from.host(), sites.to.host()));
    folder.run(&["sync", "--auth", "auth.yaml", "--images", "images.yaml"]).expect(0);
    let asked = sites.tokens.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_serves_several_repositories_and_what_is_mounted_between_them() {
    let Some(sites) = Sites::start().await else { return };
    let source = sites.source();
    let mut rules = String::new();
    for app in 0..12 {
        let layers = ["shared by all", &format!("own {app}")];
        source.put(&format!("shop/app{app}"), "v1", &image("linux/amd64", &layers)).await;
        rules += &format!("{}/shop/app{app}: {}/mirror/app{app}\n", sites.from.host(), sites.to.host());
    }
    let folder = folder().var("TO_PASSWORD", "t0ken pass");
    folder.write("auth.yaml", &sites.auth()).write("images.yaml", &rules);
    folder.run(&["sync", "--auth", "auth.yaml", "--images", "images.yaml"]).expect(0);
    let asked = sites.tokens.asked();
    assert_eq!(asked.iter().map(|asked| asked.scopes.len()).collect::<Vec<_>>(), [12], "{asked:?}");
    let bare = sites.to.requests().iter().filter(|request| request.status == 401).count();
    assert_eq!(bare, 1, "one request finds out what is wanted: {}", sites.to.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_serves_all_that_is_loaded_and_all_that_a_file_names() {
    let Some(sites) = Sites::start().await else { return };
    let (source, from, to) = (sites.source(), sites.from.host(), sites.to.host());
    let (mut names, mut rules) = (String::new(), String::new());
    for app in 0..12 {
        source.put(&format!("shop/app{app}"), "v1", &image("linux/amd64", &[&format!("own {app}")])).await;
        names += &format!("{from}/shop/app{app}:v1\n");
        rules += &format!("{from}/shop/app{app}:v1: inside.example.com/app{app}\n");
    }
    let folder = folder().var("TO_PASSWORD", "t0ken pass");
    folder.write("auth.yaml", &sites.auth()).write("images.yaml", &rules).write("names.txt", &names);
    folder.write(
        "named.toml",
        &format!(
            "name = \"named\"\n[credentials]\nfile = \"auth.yaml\"\n[list]\nuse = \"text\"\nfiles = [\"names.txt\"]\n\
             [[push]]\nuse = \"registry\"\nprefix = \"{to}/named\"\n"
        ),
    );
    folder.run(&["stage", "--auth", "auth.yaml", "--images", "images.yaml", "--to", "bundle"]).expect(0);
    let loaded = format!("{to}/loaded");
    // Without what the first run notes: the second one would mount from there, and need tokens for that.
    let load = ["load", "bundle", "--no-cache", "--auth", "auth.yaml", "--to", &loaded];
    for command in [&["run", "named.toml", "--no-cache"][..], &load] {
        let before = sites.tokens.asked().len();
        folder.run(command).expect(0);
        let asked = sites.tokens.asked().split_off(before);
        assert_eq!(asked.iter().map(|asked| asked.scopes.len()).collect::<Vec<_>>(), [12], "{command:?}: {asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tags_arrive_and_the_rerun_is_all_skips() {
    let Some((from, to)) = open_sites() else { return };
    let source = Content::at(&from.url());
    let app = image("linux/amd64", &["the one layer"]);
    source.put("big/app", "v0", &app).await;
    let tags = (1..1000).map(|tag| {
        let (source, manifest) = (source.clone(), app.manifest.clone());
        async move { source.put_manifest("big/app", &format!("v{tag}"), &manifest).await }
    });
    stream::iter(tags).buffer_unordered(8).collect::<Vec<()>>().await;
    let folder = folder();
    folder.write("images.yaml", &format!("{}/big/app: {}/m/app\n", from.host(), to.host()));
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    assert_eq!(to.requests().count("PUT", RequestKind::Manifest), 1000);
    from.reset();
    to.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    assert_eq!((from.requests().total(), to.requests().total()), (1001, 1000));
    assert_eq!(to.requests().count("HEAD", RequestKind::Manifest), 1000);
}
