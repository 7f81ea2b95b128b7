//! The verbs that read a directory of images: what they find, what they say, their exit codes.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use sealift_oci_layout::{Baseline, Writer, WriterOptions};
use sealift_serve::{
    ServeOptions, Server,
    access::RequestKind,
    sample::{Sample, assortment},
};
use serde_json::Value;
use tempfile::TempDir;

/// A directory with all kinds of images, and beside it place for files.
struct Bench {
    dir: TempDir,
    samples: Vec<Sample>,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let samples = assortment();
        let writer = Writer::create(dir.path().join("bundle"), WriterOptions { sync: false }).await.unwrap();
        for sample in &samples {
            sample.write(&writer).await.unwrap();
        }
        writer.commit().await.unwrap();
        Self { dir, samples }
    }

    fn bundle(&self) -> PathBuf {
        self.dir.path().join("bundle")
    }

    /// Exit code, stdout, stderr.
    async fn sealift(&self, words: &[&str]) -> (i32, String, String) {
        let home = self.dir.path().to_owned();
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let output = tokio::task::spawn_blocking(move || command(&home).args(words).output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// The file of the largest layer of the image with this name in the samples.
    fn layer_of(&self, repository: &str) -> PathBuf {
        let sample = self.samples.iter().find(|sample| sample.repository == repository).unwrap();
        let (item, _) = sample.image.blobs().iter().max_by_key(|(item, _)| item.size).unwrap();
        self.bundle().join("blobs/sha256").join(item.digest.hex())
    }
}

fn command(dir: &Path) -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("sealift");
    command.current_dir(dir).env("HOME", dir).env_remove("DOCKER_CONFIG").env_remove("XDG_RUNTIME_DIR");
    command.timeout(std::time::Duration::from_secs(60));
    command
}

#[tokio::test]
async fn verify_calls_a_whole_directory_whole() {
    let bench = Bench::new().await;
    let (code, stdout, stderr) = bench.sealift(&["verify", "bundle"]).await;
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("bundle: whole (") && stdout.ends_with("all are what their names say)\n"), "{stdout}");
    let (code, stdout, _) = bench.sealift(&["verify", "bundle", "--quiet"]).await;
    assert_eq!((code, stdout.as_str()), (0, ""));
}

#[tokio::test]
async fn verify_names_the_images_that_suffer() {
    let bench = Bench::new().await;
    let layer = bench.layer_of("demo/web");
    let mut bytes = std::fs::read(&layer).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&layer, bytes).unwrap();
    let (code, stdout, _) = bench.sealift(&["verify", "bundle"]).await;
    assert_eq!(code, 1);
    assert!(stdout.starts_with("corrupt: blobs/sha256/"), "{stdout}");
    for name in ["  demo/web:1.0\n", "  demo/web:latest\n"] {
        assert!(stdout.contains(name), "{stdout}");
    }
    assert!(stdout.contains("bundle: DAMAGED (1 problem: "), "{stdout}");
    let (code, stdout, stderr) = bench.sealift(&["verify", "bundle", "--json"]).await;
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, stderr.as_str(), &object["event"]), (1, "", &Value::from("verified")));
    assert_eq!((&object["whole"], &object["damages"][0]["kind"]), (&false.into(), &"corrupt".into()));
    assert_eq!(object["damages"][0]["images"], object["broken"]);
}

#[tokio::test]
async fn what_is_no_layout_is_refused() {
    let bench = Bench::new().await;
    for verb in ["verify", "ls", "receipt"] {
        let (code, stdout, stderr) = bench.sealift(&[verb, "./none"]).await;
        assert_eq!((code, stdout.as_str()), (2, ""), "{verb}");
        assert_eq!(stderr, "error: there is no directory `./none`\n", "{verb}");
        let (code, _, stderr) = bench.sealift(&[verb, "."]).await;
        assert_eq!(code, 2, "{verb}");
        assert!(stderr.contains("is no OCI image layout"), "{verb}: {stderr}");
    }
}

#[tokio::test]
async fn ls_lists_every_image_once() {
    let bench = Bench::new().await;
    let (code, stdout, stderr) = bench.sealift(&["ls", "bundle"]).await;
    assert_eq!((code, stderr.as_str()), (0, ""));
    for sample in &bench.samples {
        for tag in &sample.tags {
            let name = format!("{}:{tag} ", sample.repository);
            assert_eq!(stdout.lines().filter(|line| line.starts_with(&name)).count(), 1, "{name}\n{stdout}");
        }
    }
    let line = stdout.lines().find(|line| line.starts_with("demo/web:1.0 ")).unwrap();
    assert!(line.contains("linux/amd64, linux/arm64"), "{line}");
    let (_, stdout, _) = bench.sealift(&["ls", "bundle", "--json"]).await;
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["event"], "inventory");
    let tags: usize = bench.samples.iter().map(|sample| sample.tags.len()).sum();
    assert_eq!(object["images"].as_array().unwrap().len(), tags, "a signature is no image");
}

#[tokio::test]
async fn the_receipts_of_a_directory_and_of_a_registry_list_the_same_blobs() {
    let bench = Bench::new().await;
    let server = Server::start(ServeOptions::new(bench.bundle()).record()).await.unwrap();
    let mut repositories: Vec<String> =
        bench.samples.iter().map(|sample| format!("{}/{}", server.host(), sample.repository)).collect();
    repositories.dedup();
    let words: Vec<&str> = ["receipt"].into_iter().chain(repositories.iter().map(String::as_str)).collect();
    let (code, of_registry, stderr) = bench.sealift(&words).await;
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(server.requests().count("GET", RequestKind::Blob), 0, "only manifests are read");
    let (code, of_dir, stderr) = bench.sealift(&["receipt", "bundle"]).await;
    assert_eq!(code, 0, "{stderr}");
    let blobs = |text: &str| serde_json::from_str::<Value>(text).unwrap()["blobs"].clone();
    assert_eq!(blobs(&of_dir), blobs(&of_registry));
    let file = bench.dir.path().join("receipt.json");
    std::fs::write(&file, &of_registry).unwrap();
    let base = Baseline::open(file).await.unwrap();
    for sample in &bench.samples {
        assert!(sample.image.blobs().iter().all(|(item, _)| base.contains(&item.digest)), "{}", sample.repository);
    }
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_registry_that_cannot_be_asked_makes_a_receipt_that_is_short_and_says_so() {
    let bench = Bench::new().await;
    let server = Server::start(ServeOptions::new(bench.bundle())).await.unwrap();
    let (there, none) = (format!("{}/demo/web", server.host()), format!("{}/demo/none:v1", server.host()));
    let (code, stdout, stderr) = bench.sealift(&["receipt", &there, &none]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("demo/none:v1") && stderr.contains("will be carried again"), "{stderr}");
    let value: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(value["of"], serde_json::json!([there, none]));
    assert!(!value["images"].as_array().unwrap().is_empty());
    server.shutdown().await.unwrap();
}
