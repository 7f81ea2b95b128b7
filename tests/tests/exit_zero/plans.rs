//! Plans end as their runs do, and names stand for the digests of the source.

use sealift_conformance::images::image;
use sealift_core::content::Algorithm;
use sealift_e2e::program::Ran;
use sealift_testkit::{content::Content, registry::Registry};

use crate::{Site, app, folder};

/// distribution 2.8 gave it another digest: copied each night, and never there.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_by_sha512_has_that_digest_at_the_destination_or_fails() {
    let (from, to, folder) = (Site::start().await, Site::start().await, folder());
    let (f, t) = (from.host(), to.host());
    let app = image("linux/amd64", &["layer"]);
    from.content().put("shop/app", "v0", &app).await;
    let digest = Algorithm::Sha512.digest_of(app.manifest.bytes());
    from.content().put_manifest("shop/app", &format!("{digest}?tag=v1"), &app.manifest).await;
    let has = async |at: &Content, repository: &str| at.manifest(repository, &digest.to_string()).await.is_some();
    let real = Registry::start();
    for source in [format!("{f}/shop/app:v1"), format!("{f}/shop/app@{digest}")] {
        let copy = |host: &str, more: &[&str]| {
            folder.run(&[&["copy", source.as_str(), &format!("{host}/shop/copy:v1")], more].concat())
        };
        for force in [&[][..], &["--force"]] {
            copy(&t, force).expect(0);
            assert!(has(&to.content(), "shop/copy").await, "{source}");
            copy(&t, &["--plan", "--detailed-exit-code"]).expect(0);
        }
        let Some(real) = &real else { continue };
        for _ in 0..2 {
            let ran = copy(&real.host(), &[]).expect(1);
            assert!(ran.stderr.contains("does not take this digest") && ran.stderr.contains("sha256"), "{}", ran.all());
        }
        assert_eq!(Content::at(&real.url()).digest("shop/copy", "v1").await, None, "{source}");
    }
    folder.run(&["stage", &format!("{f}/shop/app:v1"), "--to", "bundle"]).expect(0);
    folder.run(&["load", "bundle", "--to", &format!("{t}/loaded")]).expect(0);
    assert!(has(&to.content(), "loaded/shop/app").await);
}

/// A plan ended with 0, and the run wrote.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_a_stage_tells_that_notes_would_change() {
    let (from, folder) = (Site::start().await, folder());
    let f = from.host();
    from.content().put("shop/app", "v1", &app("v1")).await;
    for (file, target) in [("one.yaml", "h.example.com/x/app"), ("two.yaml", "h.example.com/new/app")] {
        folder.write(file, &format!("{f}/shop/app:v1: {target}\n"));
    }
    let v1 = format!("{f}/shop/app:v1");
    let stage = |words: &[&str], more: &[&str]| folder.run(&[&["stage", "--to", "bundle"], words, more].concat());
    let planned = ["--plan", "--detailed-exit-code"];
    stage(&["--images", "one.yaml"], &[]).expect(0);
    folder.run(&["stage", "--to", "bundle", &format!("{f}/shop/app:nope")]).expect(1);
    for words in [&["--images", "two.yaml"][..], &["--images", "two.yaml", "--ref-style", "tag"], &[&v1, "--exact"]] {
        let plan = stage(words, &planned).expect(3);
        assert!(plan.stdout.contains("change notes in bundle: "), "{}", plan.all());
        assert!(plan.stdout.contains("nothing to copy; 1 target to skip; only notes to change;"), "{}", plan.all());
        let ran = stage(words, &[]).expect(0);
        assert!(ran.stderr.contains("noted      bundle: "), "{}", ran.all());
        let again = stage(words, &planned).expect(0);
        assert!(!again.all().contains("notes"), "{}", again.all());
        assert!(!stage(words, &[]).expect(0).all().contains("noted"));
    }
    folder.run(&["verify", "bundle"]).expect(0);
}

/// A plan said that blobs are missing which the run then found beside its target.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_a_delta_finds_what_the_run_finds() {
    let (from, to, folder) = (Site::start().await, Site::start().await, folder());
    let (f, t) = (from.host(), to.host());
    for version in ["v1", "v2"] {
        from.content().put("shop/app", version, &app(version)).await;
    }
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{f}/shop/app:{tag}"));
    folder.run(&["stage", &v1, "--to", "january"]).expect(0);
    folder.run(&["stage", &v1, &v2, "--base", "january", "--to", "february"]).expect(0);
    folder.run(&["load", "january", "--to", &format!("{t}/one")]).expect(0);
    let load = |to: &str, more: &[&str]| -> Ran {
        folder.run(&[&["load", "february", "--to", &format!("{t}/{to}")], more].concat())
    };
    for more in [&["--plan"][..], &[]] {
        load("two", more).expect(0);
        let ran = load("three", &[&["--no-cache"], more].concat()).expect(1);
        assert!(ran.stderr.contains("where it was looked for"), "{}", ran.all());
    }
}

/// `kept` and `skip` stood there for the same image.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_each_image_once() {
    let (from, to, folder) = (Site::start().await, Site::start().await, folder());
    from.content().put("shop/app", "v1", &app("v1")).await;
    to.content().put("shop/app", "v1", &app("other")).await;
    let (f, t) = (from.host(), to.host());
    let pipeline = format!(
        "name = \"p\"\n[run]\noverwrite = false\n[list]\nuse = \"registry\"\n\
         images = [{{ from = \"{f}/shop/app:v1\", to = [\"{t}/shop/app\"] }}]\n[[push]]\nuse = \"registry\"\n"
    );
    folder.write("p.toml", &pipeline);
    let plan = folder.run(&["plan", "p.toml"]).expect(0);
    let lines = plan.stdout.lines().chain(plan.stderr.lines());
    let told: Vec<_> = lines.filter(|line| line.contains("stays so")).collect();
    assert!(told.len() == 1 && told[0].starts_with("skip "), "{}", plan.all());
}

/// Each repository that could not be listed was told alone, and the result of a merge forgot them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_alike_is_told_once() {
    let (from, to, folder) = (Site::start().await, Site::start().await, folder());
    let f = from.host();
    from.content().put("shop/app", "v1", &app("v1")).await;
    let rules = ["app:v1", "x:/^v/", "y:/^v/"].map(|name| format!("{f}/shop/{name}: h.example.com/shop/any\n"));
    folder.write("images.yaml", &rules.concat());
    folder.run(&["stage", "--images", "images.yaml", "--to", "bundle", "--retries", "0"]).expect(1);
    let ran = folder.run(&["load", "bundle", "--to", &to.host()]).expect(1);
    assert!(ran.stderr.contains("failed: 2 listings\n  `bundle` may be incomplete"), "{}", ran.all());
    folder.run(&["merge", "bundle", "bundle", "--to", "joined"]).expect(1);
    let ran = folder.run(&["verify", "joined"]).expect(1);
    assert!(ran.all().contains("/shop/x") && ran.all().contains("/shop/y"), "{}", ran.all());
}
