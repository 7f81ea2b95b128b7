//! What others read in a layout that was written here, and what is served of a layout that others wrote.

use std::{path::Path, process::Command};

use sealift_oci_layout::{Layout, Writer, WriterOptions};
use sealift_serve::{
    ServeOptions, Server,
    sample::{Recipe, Sample, assortment},
};
use sealift_testkit::program::{find, skopeo, skopeo_ok};
use serde_json::Value;

async fn written(dir: &Path, samples: &[Sample]) {
    let writer = Writer::create(dir, WriterOptions { sync: false }).await.unwrap();
    for sample in samples {
        sample.write(&writer).await.unwrap();
    }
    writer.commit().await.unwrap();
}

/// The digest of a raw manifest as skopeo sees it.
fn seen_by_skopeo(reference: &str) -> Option<String> {
    let raw = skopeo_ok(&["inspect", "--raw", "--tls-verify=false", reference])?;
    Some(sealift_core::content::Digest::of(raw.as_bytes()).to_string())
}

/// skopeo 1.9.3 does not look at entries of Docker's media types when it reads a layout, whoever wrote them.
fn skopeo_looks_at(sample: &Sample) -> bool {
    sample.image.root().media_type().as_str().contains(".oci.")
}

#[tokio::test]
async fn skopeo_reads_every_image_of_a_layout() {
    let dir = tempfile::tempdir().unwrap();
    let samples = assortment();
    written(dir.path(), &samples).await;
    for sample in samples.iter().filter(|sample| skopeo_looks_at(sample)) {
        for tag in &sample.tags {
            let reference = format!("oci:{}:{}:{tag}", dir.path().display(), sample.repository);
            let Some(seen) = seen_by_skopeo(&reference) else { return };
            assert_eq!(seen, sample.image.root().digest().to_string(), "{reference}");
        }
    }
}

#[tokio::test]
async fn umoci_lists_every_image_of_a_layout() {
    let Some(umoci) = find("umoci") else { return };
    let dir = tempfile::tempdir().unwrap();
    let samples: Vec<_> = Recipe::default().images().collect();
    written(dir.path(), &samples).await;
    let output = Command::new(umoci).args(["ls", "--layout"]).arg(dir.path()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let mut expected: Vec<_> =
        samples.iter().map(|sample| format!("{}:{}", sample.repository, sample.tags[0])).collect();
    let mut listed: Vec<_> = listed.lines().collect();
    listed.sort_unstable();
    expected.sort();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn umoci_unpacks_an_image_of_a_layout() {
    let Some(umoci) = find("umoci") else { return };
    let dir = tempfile::tempdir().unwrap();
    let platforms = vec!["linux/amd64".parse().unwrap()];
    let samples: Vec<_> = Recipe { repositories: 1, tags: 1, platforms, ..Recipe::default() }.images().collect();
    written(dir.path(), &samples).await;
    let name = format!("{}:{}:{}", dir.path().display(), samples[0].repository, samples[0].tags[0]);
    let out = dir.path().join("unpacked");
    let output = Command::new(umoci).args(["unpack", "--rootless", "--image", &name]).arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read_dir(out.join("rootfs")).unwrap().count() > 0);
}

#[tokio::test]
async fn an_image_that_skopeo_wrote_is_read_and_its_writers_do_not_hurt_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let recipe =
        Recipe { repositories: 1, tags: 1, platforms: vec!["linux/amd64".parse().unwrap()], ..Recipe::default() };
    let samples: Vec<_> = recipe.images().collect();
    written(dir.path(), &samples).await;
    let here = format!("oci:{}", dir.path().display());
    let ours = format!("{here}:sample/app-1:v1");
    let Some(_) = skopeo_ok(&["copy", "--preserve-digests", &ours, &format!("{here}:theirs")]) else { return };
    let layout = Layout::open(dir.path()).await.unwrap();
    let theirs = layout.find("theirs").unwrap();
    assert_eq!(theirs.digest, *samples[0].image.root().digest());
    assert!(layout.find("sample/app-1:v1").is_some());
    layout.manifest(&theirs).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pulls_from_what_is_served_and_gets_what_is_there() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let samples = assortment();
    written(dir.path(), &samples).await;
    let server = Server::start(ServeOptions::new(dir.path())).await.unwrap();
    for sample in samples.iter().filter(|sample| sample.repository != "demo/suite" && !sample.tags.is_empty()) {
        let reference = format!("docker://{}/{}:{}", server.addr(), sample.repository, sample.tags[0]);
        let to = format!("dir:{}", out.path().join(&*sample.tags[0]).display());
        let copy = ["copy", "--all", "--preserve-digests", "--src-tls-verify=false", &reference, &to];
        if skopeo_ok(&copy).is_none() {
            return;
        }
        assert_eq!(seen_by_skopeo(&to).unwrap(), sample.image.root().digest().to_string());
    }
    let tags = skopeo_ok(&["list-tags", "--tls-verify=false", &format!("docker://{}/demo/web", server.addr())]);
    let tags: Value = serde_json::from_str(&tags.unwrap()).unwrap();
    assert_eq!(tags["Tags"], serde_json::json!(["1.0", "1.1", "latest"]));
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_to_what_is_served_and_the_directory_is_a_layout() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let samples = assortment();
    written(from.path(), &samples).await;
    let source = Server::start(ServeOptions::new(from.path())).await.unwrap();
    let server = Server::start(ServeOptions::new(to.path()).writable().throwaway()).await.unwrap();
    let pushed = |sample: &&Sample| !sample.tags.is_empty() && sample.repository != "demo/suite";
    for sample in samples.iter().filter(pushed) {
        for tag in &sample.tags {
            let name = |server: &Server| format!("docker://{}/{}:{tag}", server.addr(), sample.repository);
            let (from, to) = (name(&source), name(&server));
            let tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
            let copy = [&["copy", "--all", "--preserve-digests"][..], &tls, &[&from, &to]].concat();
            if skopeo_ok(&copy).is_none() {
                return;
            }
        }
    }
    server.shutdown().await.unwrap();
    let layout = Layout::open(to.path()).await.unwrap();
    for sample in samples.iter().filter(pushed) {
        for tag in &sample.tags {
            let name = format!("{}:{tag}", sample.repository);
            assert_eq!(layout.find(&name).unwrap().digest, *sample.image.root().digest());
            if skopeo_looks_at(sample) {
                let reference = format!("oci:{}:{name}", to.path().display());
                assert_eq!(seen_by_skopeo(&reference).unwrap(), sample.image.root().digest().to_string());
            }
        }
    }
    let tags: usize = samples.iter().filter(pushed).map(|sample| sample.tags.len()).sum();
    assert_eq!(layout.entries().len(), tags, "children have no entry of their own");
    for entry in layout.entries() {
        assert!(layout.has(&entry).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_image_is_there_after_a_restart() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    written(from.path(), &assortment()).await;
    let source = Server::start(ServeOptions::new(from.path())).await.unwrap();
    let options = ServeOptions::new(to.path()).writable();
    let server = Server::start(options.clone()).await.unwrap();
    let copy = |to: &Server| {
        let from = format!("docker://{}/demo/api:2.0", source.addr());
        let to = format!("docker://{}/team/api:v2", to.addr());
        skopeo(&["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", &from, &to])
    };
    let Some(done) = copy(&server) else { return };
    assert!(done.status.success());
    drop(server); // not shut down: as when its process is killed
    let server = loop {
        // The lock is free once the last request's work is dropped.
        match Server::start(options.clone().record()).await {
            Ok(server) => break server,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert!(copy(&server).unwrap().status.success());
    let requests = server.requests();
    assert_eq!(
        requests.count("PATCH", sealift_serve::access::RequestKind::Upload),
        0,
        "nothing is sent again:\n{requests}"
    );
}
