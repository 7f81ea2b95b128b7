//! The operator's day: their files, their flags, everything arrives.

use std::collections::BTreeMap;

use sealift_conformance::images::{Image, artifact, image, index};
use sealift_core::content::well_known;
use sealift_testkit::content::Content;
use sealift_testkit::program;

use crate::{Sites, folder, open_sites};

fn app(version: &str) -> Image {
    index(&[
        ("linux/amd64", &image("linux/amd64", &["base amd64", version])),
        ("linux/arm64", &image("linux/arm64", &["base arm64", version])),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn image_syncers_files_move_everything_they_name() {
    let Some(sites) = Sites::start().await else { return };
    let source = sites.source();
    for tag in ["v1", "v2", "v3-rc"] {
        source.put("shop/app", tag, &app(tag)).await;
    }
    source.put("shop/tool", "latest", &image("linux/amd64", &["base amd64", "tool"])).await;
    let chart = artifact(well_known::OCI_EMPTY, "{}", &["a chart"], &[]);
    source.put("shop/chart", "1.0.0", &chart).await;

    let folder = folder().var("TO_PASSWORD", "t0ken pass");
    let (from, to) = (sites.from.host(), sites.to.host());
    let tool = source.digest("shop/tool", "latest").await.unwrap();
    folder.write("auth.yaml", &sites.auth());
    folder.write(
        "images.yaml",
        &format!(
            "{from}/shop/app:/^v\\d+$/: {to}/mirror/app\n{from}/shop/app:v3-rc: {to}/mirror/app:candidate\n{from}/shop/tool@{tool}: {to}/mirror/tool:pinned\n{from}/shop/chart:\n  - {to}/mirror/chart\n  - {to}/copies/chart\n"
        ),
    );
    let arguments = ["sync", "--auth", "auth.yaml", "--images", "images.yaml", "--output-success-images", "ok.yaml"];
    let ran = folder.run(&arguments).expect(0);
    assert!(ran.stdout.is_empty(), "stdout is data: {}", ran.stdout);
    assert!(!ran.stderr.contains('\u{1b}'), "no control characters without a terminal: {:?}", ran.stderr);

    let target = sites.target().await;
    for (repository, tag, at, there) in [
        ("shop/app", "v1", "mirror/app", "v1"),
        ("shop/app", "v2", "mirror/app", "v2"),
        ("shop/app", "v3-rc", "mirror/app", "candidate"),
        ("shop/tool", "latest", "mirror/tool", "pinned"),
        ("shop/chart", "1.0.0", "mirror/chart", "1.0.0"),
        ("shop/chart", "1.0.0", "copies/chart", "1.0.0"),
    ] {
        let expected = source.whole(repository, tag).await;
        assert_eq!(target.digest(at, there).await, source.digest(repository, tag).await, "{at}:{there}");
        assert_eq!(target.whole(at, there).await, expected, "{at}:{there}");
    }
    assert_eq!(target.digest("mirror/app", "v3-rc").await, None, "the expression is anchored by the user");
    let ok = folder.read("ok.yaml");
    for name in ["shop/app:v1", "shop/app:v2", "mirror/app:candidate", "copies/chart:1.0.0"] {
        assert!(ok.contains(name), "{name} is not in\n{ok}");
    }
    assert!(!ran.all().contains("t0ken pass") && !ran.all().contains("p$$w0rd$"));
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_agrees_with_what_arrived() {
    let Some((from, to)) = open_sites() else { return };
    Content::at(&from.url()).put("shop/app", "v1", &app("v1")).await;
    let folder = folder();
    folder.write("images.json", &format!("{{\"{}/shop/app:v1\": \"{}/mirror/app\"}}", from.host(), to.host()));
    folder.run(&["sync", "--images", "images.json"]).expect(0);
    let inspect = |host: &str, name: &str| {
        program::skopeo_ok(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{host}/{name}")])
    };
    let Some(arrived) = inspect(&to.host(), "mirror/app:v1") else { return };
    assert_eq!(Some(arrived), inspect(&from.host(), "shop/app:v1"));
    let copy = folder.path("copy");
    let (from, to) = (format!("docker://{}/mirror/app:v1", to.host()), format!("dir:{}", copy.display()));
    program::skopeo_ok(&["copy", "--all", "--src-tls-verify=false", &from, &to]);
}

#[tokio::test(flavor = "multi_thread")]
async fn platform_flags_write_a_smaller_index_and_say_so() {
    let Some((from, to)) = open_sites() else { return };
    let (source, target) = (Content::at(&from.url()), Content::at(&to.url()));
    source.put("shop/app", "v1", &app("v1")).await;
    source.put("shop/only-arm", "v1", &image("linux/arm64", &["arm"])).await;
    let folder = folder();
    folder.write(
        "images.yaml",
        &format!("{f}/shop/app: {t}/m/app\n{f}/shop/only-arm: {t}/m/only-arm\n", f = from.host(), t = to.host()),
    );
    // image-syncer does not look into single OCI images.
    let arguments = ["sync", "--images", "images.yaml", "--os", "linux", "--arch", "amd64,arm:v7", "--strict"];
    let ran = folder.run(&arguments).expect(0);
    let smaller = target.manifest("m/app", "v1").await.unwrap();
    assert_eq!(smaller.entries().len(), 1);
    target.whole("m/app", "v1").await;
    assert_eq!(target.digest("m/only-arm", "v1").await, None);
    assert!(ran.stderr.contains("digest"), "that the digest changed must be said: {}", ran.stderr);
    // A rerun finds what it wrote: one question for each name, and one for the child of the index.
    to.reset();
    folder.run(&arguments).expect(0);
    assert_eq!(to.requests().total(), 3, "{:?}", to.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_called_image_syncer_takes_the_old_single_file() {
    let Some((from, to)) = open_sites() else { return };
    Content::at(&from.url()).put("shop/app", "v1", &app("v1")).await;
    let folder = folder();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sealift-under-test"), folder.path("image-syncer")).unwrap();
    let config = BTreeMap::from([
        ("auth", serde_json::json!({})),
        (
            "images",
            serde_json::json!({
                format!("{}/shop/app:v1", from.host()): format!("{}/m/app:one", to.host())
            }),
        ),
    ]);
    folder.write("config.json", &serde_json::to_string(&config).unwrap());
    let mut command = std::process::Command::new(folder.path("image-syncer"));
    command.args(["--config", "config.json", "--proc", "6", "--retries", "1"]).current_dir(folder.dir());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Content::at(&to.url()).whole("m/app", "one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn print_pipeline_shows_what_runs_and_it_runs() {
    let Some((from, to)) = open_sites() else { return };
    Content::at(&from.url()).put("shop/app", "v1", &app("v1")).await;
    let folder = folder();
    folder.write("auth.yaml", &format!("{}: {{username: u, password: hidden-secret}}\n", "quay.io"));
    folder.write("images.yaml", &format!("{}/shop/app: {}/m/app\n", from.host(), to.host()));
    from.reset();
    let sync = ["sync", "--auth", "auth.yaml", "--images", "images.yaml", "--arch", "amd64", "--print-pipeline"];
    let toml = folder.run(&sync).expect(0).stdout;
    assert!(!toml.contains("hidden-secret"), "{toml}");
    assert_eq!(from.requests().total(), 0, "{:?}", from.requests());
    folder.write("pipeline.toml", &toml);
    folder.run(&["check", "pipeline.toml"]).expect(0);
    folder.run(&["run", "pipeline.toml"]).expect(0);
    assert_eq!(Content::at(&to.url()).manifest("m/app", "v1").await.unwrap().entries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_brings_one_image_to_several_places_with_one_read() {
    let Some((from, to)) = open_sites() else { return };
    let Some((second, _third)) = open_sites() else { return };
    Content::at(&from.url()).put("shop/app", "v1", &app("v1")).await;
    from.reset();
    let source = format!("{}/shop/app:v1", from.host());
    let (one, two) = (format!("{}/a/app:v1", to.host()), format!("{}/b/app:x", second.host()));
    folder().run(&["copy", &source, &one, &two]).expect(0);
    Content::at(&to.url()).whole("a/app", "v1").await;
    Content::at(&second.url()).whole("b/app", "x").await;
    let blobs = from.requests().count("GET", sealift_serve::access::RequestKind::Blob);
    assert_eq!(blobs, 5, "two configs, two bases, one layer that both share: {:?}", from.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_writes_nothing() {
    let Some((from, to)) = open_sites() else { return };
    Content::at(&from.url()).put("shop/app", "v1", &app("v1")).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{}/shop/app: {}/m/app\n", from.host(), to.host()));
    let ran = folder.run(&["sync", "--images", "images.yaml", "--plan"]).expect(0);
    for word in ["shop/app:v1", "m/app:v1", "linux/amd64", "linux/arm64"] {
        assert!(ran.stdout.contains(word), "{word} is missing in\n{}", ran.stdout);
    }
    let requests = to.requests();
    assert!(requests.iter().all(|request| matches!(request.method.as_str(), "GET" | "HEAD")), "{requests:?}");
}
