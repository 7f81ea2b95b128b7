//! Exit code 0, verb by verb: `docs/reliability.md`, "What exit 0 promises".
//!
//! Every verb that copies is held to the same situations ([`copying`]); the verbs that only look have their own
//! ([`looking`]), and so have registries whose answers differ ([`odd_answers`]). The registries are embedded ones, so that
//! nothing but the program under test is needed.

mod copying;
mod looking;
mod odd_answers;
mod plans;

use std::path::PathBuf;

use sealift_conformance::images::{Image, artifact, image, index};
use sealift_core::content::{Descriptor, Digest, Manifest, well_known};
use sealift_e2e::program::Folder;
use sealift_serve::{ServeOptions, Server};
use sealift_testkit::content::Content;
use serde_json::json;
use tempfile::TempDir;

fn folder() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"))
}

/// A writable registry over a temporary layout.
struct Site {
    server: Server,
    dir: TempDir,
}

impl Site {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(ServeOptions::new(dir.path()).writable().throwaway()).await.unwrap();
        Self { server, dir }
    }

    fn host(&self) -> String {
        self.server.host()
    }

    fn content(&self) -> Content {
        Content::at(&self.server.url())
    }

    /// The file that holds a blob or manifest.
    fn file(&self, digest: &Digest) -> PathBuf {
        blob(self.dir.path().to_owned(), digest)
    }
}

/// The file of a blob in a layout.
fn blob(layout: PathBuf, digest: &Digest) -> PathBuf {
    layout.join("blobs").join(digest.algorithm().name()).join(digest.hex())
}

/// An image for two platforms.
fn app(version: &str) -> Image {
    index(&[
        ("linux/amd64", &image("linux/amd64", &["base amd64", version])),
        ("linux/arm64", &image("linux/arm64", &["base arm64", version])),
    ])
}

/// A layer of an image for two platforms.
fn layer(image: &Image) -> &Descriptor {
    &image.children[1].blobs[1].0
}

/// An SBOM that refers to a manifest.
fn sbom(subject: &Manifest) -> Image {
    let members = [("artifactType", json!("application/x.sbom")), ("subject", json!(subject.descriptor()))];
    artifact(well_known::OCI_EMPTY, "{}", &["sbom"], &members)
}
