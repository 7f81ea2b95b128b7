//! A directory as a registry: the real program serves, skopeo and plain requests pull.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use sealift_core::content::{Digest, Reference};
use sealift_e2e::program::{Folder, Ran, signal as send};
use sealift_oci_layout::{Writer, WriterOptions};
use sealift_serve::sample::{Image, ImageFormat, layer};
use sealift_testkit::program::{find, podman, skopeo, skopeo_ok};
use serde_json::{Value, json};

fn folder() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"))
}

fn image(name: &str) -> Image {
    Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer(name, 100)])
}

/// Writes images, each with one layer that is named as given.
async fn write(dir: &Path, images: &[(&str, &str, &str)]) {
    let writer = Writer::create(dir, WriterOptions { sync: false }).await.unwrap();
    for (repository, tag, layer) in images {
        image(layer).write(&writer, repository, &Reference::Tag(tag.parse().unwrap())).await.unwrap();
    }
    writer.commit().await.unwrap();
}

/// `sealift serve`, killed when dropped.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    /// Serves on a free port, and waits until it does.
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0", "--json"], arguments].concat();
        let mut command = folder.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let url = events.filter(|event| event["event"] == "serving").map(|event| event["url"].clone()).next();
        let Some(Value::String(url)) = url else { panic!("{:?}", child.wait_with_output()) };
        Self { child, url }
    }

    fn host(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let _ = rustls::crypto::ring::default_provider().install_default(); // fails when there is one already
        reqwest::get(format!("{}/v2/{path}", self.url)).await.unwrap()
    }

    /// The digest of what is served; none if nothing is.
    async fn digest(&self, path: &str) -> Option<Digest> {
        let answer = self.get(path).await;
        let there = answer.status() == 200;
        there.then_some(Digest::of(&answer.bytes().await.unwrap()))
    }

    /// Sends a signal and says how the program ended, with what it had said.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        send(&self.child, signal);
        let code = self.child.wait().unwrap().code();
        (code, std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

fn digest(layer: &str) -> Digest {
    image(layer).root().digest().clone()
}

#[tokio::test]
async fn skopeo_pulls_an_image_under_each_of_its_names() {
    let folder = folder();
    let dir = folder.path("bundle");
    write(&dir, &[("docker.io/library/nginx", "1.27", "nginx"), ("localhost:5000/team/app", "v1", "app")]).await;
    // A layout of somebody else, who writes the tag alone.
    let ours = format!("oci:{}:docker.io/library/nginx:1.27", dir.display());
    let theirs = format!("oci:{}:v9", folder.path("theirs").display());
    if skopeo_ok(&["copy", "--preserve-digests", &ours, &theirs]).is_none() {
        return;
    }
    let pull = |server: &Serving, name: &str| {
        let from = format!("docker://{}/{name}", server.host());
        let to = format!("dir:{}", folder.path("out").display());
        skopeo_ok(&["copy", "--preserve-digests", "--src-tls-verify=false", &from, &to]).unwrap();
        Digest::of(&std::fs::read(folder.path("out/manifest.json")).unwrap())
    };
    let server = Serving::start(&folder, &["bundle"]);
    for (name, layer) in [
        ("library/nginx:1.27", "nginx"),
        ("docker.io/library/nginx:1.27", "nginx"),
        ("team/app:v1", "app"),
        ("localhost_5000/team/app:v1", "app"),
    ] {
        assert_eq!(pull(&server, name), digest(layer), "{name}");
    }
    let by_digest = format!("library/nginx@{}", digest("nginx"));
    assert_eq!(pull(&server, &by_digest), digest("nginx"));
    let tags = skopeo_ok(&["list-tags", "--tls-verify=false", &format!("docker://{}/library/nginx", server.host())]);
    assert_eq!(serde_json::from_str::<Value>(&tags.unwrap()).unwrap()["Tags"], json!(["1.27"]));

    assert_eq!(pull(&Serving::start(&folder, &["theirs"]), "theirs:v9"), digest("nginx"));
    assert_eq!(pull(&Serving::start(&folder, &["theirs", "--name", "web/nginx"]), "web/nginx:v9"), digest("nginx"));
}

#[tokio::test]
async fn a_tar_file_is_served_as_the_directory_is() {
    let folder = folder();
    let dir = folder.path("bundle");
    write(&dir, &[("docker.io/library/nginx", "1.27", "nginx"), ("q.io/team/app", "v1", "app")]).await;
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(&dir).arg("-cf").arg(folder.path("bundle.tar")).arg(".");
    assert!(tar.status().unwrap().success());
    let server = Serving::start(&folder, &["bundle.tar"]);
    for (name, layer) in [("library/nginx/manifests/1.27", "nginx"), ("q.io/team/app/manifests/v1", "app")] {
        assert_eq!(server.digest(name).await, Some(digest(layer)), "{name}");
    }
    let manifest: Value = server.get("team/app/manifests/v1").await.json().await.unwrap();
    let blob: Digest = manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    let path = format!("team/app/blobs/{blob}");
    assert_eq!(server.digest(&path).await, Some(blob));
    let whole = server.get(&path).await.bytes().await.unwrap();
    let part = reqwest::Client::new().get(format!("{}/v2/{path}", server.url)).header("range", "bytes=7-20");
    let part = part.send().await.unwrap();
    assert_eq!((part.status().as_u16(), &part.bytes().await.unwrap()[..]), (206, &whole[7..21]));
    let from = format!("docker://{}/team/app:v1", server.host());
    let to = format!("dir:{}", folder.path("out").display());
    if skopeo_ok(&["copy", "--preserve-digests", "--src-tls-verify=false", &from, &to]).is_some() {
        assert!(digest("app").matches(&std::fs::read(folder.path("out/manifest.json")).unwrap()));
    }
    assert_eq!(server.end("TERM").0, Some(0));
    // It is read and not written to, and a name of a tar file makes no directory.
    let written = folder.run(&["serve", "--writable", "--listen", "127.0.0.1:0", "bundle.tar"]).expect(2);
    assert!(written.stderr.contains("is an archive") && written.stderr.contains("tar -xf"), "{}", written.stderr);
    folder.run(&["serve", "--writable", "--listen", "127.0.0.1:0", "new.tar"]).expect(2);
    assert!(!folder.path("new.tar").exists());
}

#[tokio::test]
async fn podman_pulls_an_image_under_each_of_its_names() {
    let Some(podman) = podman() else { return };
    let folder = folder();
    write(&folder.path("bundle"), &[("docker.io/library/nginx", "1.27", "nginx")]).await;
    let server = Serving::start(&folder, &["bundle"]);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&podman);
        command.arg("--root").arg(folder.path("root")).arg("--runroot").arg(folder.path("run"));
        command.args(["--storage-driver", "vfs"]).args(arguments);
        let ran = Ran::from(command.env("HOME", folder.dir()).output().unwrap()).expect(0);
        ran.stdout.trim().to_owned()
    };
    for name in ["library/nginx", "docker.io/library/nginx"] {
        let name = format!("{}/{name}:1.27", server.host());
        run(&["pull", "--quiet", "--tls-verify=false", &name]);
        assert_eq!(run(&["image", "inspect", "--format", "{{.Digest}}", &name]), digest("nginx").to_string());
    }
}

#[tokio::test]
async fn a_path_that_two_registries_have_is_told_and_needs_one_of_them() {
    let folder = folder();
    let images = [("docker.io/library/nginx", "v1", "docker"), ("quay.io/library/nginx", "v1", "quay")];
    write(&folder.path("bundle"), &images).await;
    let server = Serving::start(&folder, &["bundle"]);
    let refused = server.get("library/nginx/manifests/v1").await;
    assert_eq!(refused.status(), 404);
    assert!(refused.text().await.unwrap().contains("put the registry before the path"));
    for (name, layer) in [
        ("docker.io/library/nginx/manifests/v1", Some("docker")),
        ("quay.io/library/nginx/manifests/v1", Some("quay")),
        // As containerd asks a mirror.
        ("library/nginx/manifests/v1?ns=docker.io", Some("docker")),
        ("library/nginx/manifests/v1?ns=quay.io", Some("quay")),
        ("library/nginx/manifests/v1?ns=ghcr.io", None),
    ] {
        assert_eq!(server.digest(name).await, layer.map(digest), "{name}");
    }
    let blob = image("quay").blobs()[0].0.digest.clone();
    assert_eq!(server.digest(&format!("library/nginx/blobs/{blob}?ns=quay.io")).await, Some(blob.clone()));
    let (_, said) = server.end("TERM");
    let warning = "`library/nginx` could be `docker.io/library/nginx` or `quay.io/library/nginx`";
    assert!(said.contains("warning") && said.contains(warning), "{said}");
}

/// An authority that only this test knows, and a certificate by it for 127.0.0.1.
fn certificates(folder: &Folder) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = ca.self_signed(&ca_key).unwrap();
    folder.write("trust/ca.crt", &certificate.pem());
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    folder.write("tls.crt", &leaf.pem()).write("tls.key", &key.serialize_pem());
}

#[tokio::test]
async fn only_users_pull_and_what_they_pull_is_encrypted() {
    let Some(htpasswd) = find("htpasswd") else { return };
    let folder = folder();
    write(&folder.path("bundle"), &[("docker.io/library/nginx", "v1", "nginx")]).await;
    certificates(&folder);
    let line = Command::new(htpasswd).args(["-nbB", "ann", "se:cret"]).output().unwrap();
    folder.write("users", std::str::from_utf8(&line.stdout).unwrap());
    let arguments = ["bundle", "--tls-cert", "tls.crt", "--tls-key", "tls.key", "--htpasswd", "users"];
    let server = Serving::start(&folder, &arguments);
    assert!(server.url.starts_with("https://"), "{}", server.url);

    let pull = |trust: &str, login: &[&str]| {
        let from = format!("docker://{}/library/nginx:v1", server.host());
        let to = format!("dir:{}", folder.path("out").display());
        let trust = folder.path(trust);
        let copy = ["copy", "--preserve-digests", "--src-cert-dir", trust.to_str().unwrap()];
        skopeo(&[&copy[..], login, &[&from, &to]].concat())
    };
    let Some(pulled) = pull("trust", &["--src-creds", "ann:se:cret"]) else { return };
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    assert_eq!(Digest::of(&std::fs::read(folder.path("out/manifest.json")).unwrap()), digest("nginx"));
    for (trust, login, expected) in [
        ("trust", &["--src-creds", "ann:wrong"][..], "name and password"),
        ("trust", &["--src-no-creds"], "name and password"),
        ("bundle", &["--src-creds", "ann:se:cret"], "unknown authority"),
    ] {
        let refused = pull(trust, login).unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(expected), "{login:?}: {said}");
    }
}

#[tokio::test]
async fn what_cannot_be_served_with_is_refused_at_the_start() {
    let folder = folder();
    write(&folder.path("bundle"), &[("a", "v1", "x")]).await;
    folder.write("users", "# ours\nbob:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00\n").write("tls.pem", "nothing\n");
    for (arguments, expected) in [
        (&["bundle", "--htpasswd", "users"][..], "`users`, line 2: the password of `bob` is no bcrypt hash"),
        (&["bundle", "--tls-cert", "tls.pem", "--tls-key", "tls.pem"], "there is no certificate in `tls.pem`"),
        (&["bundle", "--tls-cert", "tls.pem"], "--tls-key"),
        (&["bundle", "--name", "Web"], "`Web` cannot be the name of a repository"),
        (&["nowhere"], "there is no directory `nowhere`"),
        (&["."], "is no OCI image layout"),
    ] {
        let ran = folder.run(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat()).expect(2);
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn what_changes_in_the_directory_is_served_and_a_pull_that_began_before_can_end() {
    let folder = folder();
    let dir = folder.path("bundle");
    write(&dir, &[("docker.io/a/b", "v1", "old")]).await;
    let server = Serving::start(&folder, &["bundle"]);
    assert_eq!(server.digest("a/b/manifests/v1").await, Some(digest("old")));
    write(&dir, &[("docker.io/a/b", "v1", "new"), ("docker.io/c/d", "v2", "more")]).await;
    assert_eq!(server.digest("a/b/manifests/v1").await, Some(digest("new")));
    assert_eq!(server.digest("c/d/manifests/v2").await, Some(digest("more")));
    assert_eq!(server.digest(&format!("a/b/manifests/{}", digest("old"))).await, Some(digest("old")));
    for layer in ["old", "new"] {
        for (blob, _) in image(layer).blobs() {
            assert_eq!(server.digest(&format!("a/b/blobs/{}", blob.digest)).await.as_ref(), Some(&blob.digest));
        }
    }
}

#[tokio::test]
async fn it_takes_pushes_only_if_it_was_told_to() {
    let folder = folder();
    write(&folder.path("from"), &[("docker.io/library/nginx", "v1", "nginx")]).await;
    let (from, to) = (Serving::start(&folder, &["from"]), Serving::start(&folder, &["to", "--writable"]));
    let copy = |to: &Serving, name: &str| {
        let (from, to) =
            (format!("docker://{}/library/nginx:v1", from.host()), format!("docker://{}/{name}", to.host()));
        skopeo(&["copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests", &from, &to])
    };
    let Some(pushed) = copy(&to, "docker.io/library/nginx:v1") else { return };
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    // The other name of the same repository, to push as well.
    assert!(copy(&to, "library/nginx:v2").unwrap().status.success());
    assert_eq!(to.digest("docker.io/library/nginx/manifests/v2").await, Some(digest("nginx")));
    assert!(!copy(&from, "library/nginx:v2").unwrap().status.success());
}

#[tokio::test]
async fn a_signal_ends_it_in_order() {
    let folder = folder();
    write(&folder.path("bundle"), &[("a", "v1", "x")]).await;
    for signal in ["INT", "TERM"] {
        let server = Serving::start(&folder, &["bundle"]);
        assert!(server.digest("a/manifests/v1").await.is_some());
        let host = server.host().to_owned();
        let (code, said) = server.end(signal);
        assert_eq!(code, Some(0), "{signal}: {said}");
        assert!(said.contains(&host), "the address is said: {said}");
        assert!(std::net::TcpStream::connect(host).is_err());
    }
}
