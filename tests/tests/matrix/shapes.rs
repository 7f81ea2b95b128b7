//! The images of the matrix, the odd ones among them.

use std::sync::LazyLock;

use sealift_conformance::images::{Image, artifact, image, index, with_blob_entry};
use sealift_core::content::{Descriptor, Manifest, MediaType, well_known};
use sealift_serve::sample::{self, ImageFormat};
use serde_json::{Value, json};

/// An image that not every registry takes.
pub(crate) struct Shape {
    pub(crate) what: &'static str,
    pub(crate) repository: String,
    pub(crate) tag: String,
    pub(crate) image: Image,
    /// False if content of it lies elsewhere, as its manifest says.
    pub(crate) is_whole: bool,
}

/// The layer that both versions of [`app`] have, larger than the body limit of a proxy.
pub(crate) static BASE: LazyLock<String> = LazyLock::new(|| "base ".repeat(300_000));

/// An image for two platforms.
pub(crate) fn app(version: &str) -> Image {
    index(&[
        ("linux/amd64", &image("linux/amd64", &[&BASE, version])),
        ("linux/arm64", &image("linux/arm64", &[&BASE, version, "arm"])),
    ])
}

/// An artifact that refers to a manifest.
pub(crate) fn about(subject: &Manifest, kind: &str) -> Image {
    let members = [("artifactType", json!(kind)), ("subject", json!(subject.descriptor()))];
    artifact(well_known::OCI_EMPTY, "{}", &[kind], &members)
}

pub(crate) const EMPTY_INDEX: &str = "index without entries";
pub(crate) const BLOB_ENTRY: &str = "index with an entry that is a blob";
pub(crate) const NESTED: &str = "index of an index";
pub(crate) const ARTIFACT: &str = "artifact with an empty config";
pub(crate) const NO_LAYERS: &str = "image without layers";
pub(crate) const DOCKER_LIST: &str = "Docker manifest list";
pub(crate) const ZERO_BYTES: &str = "layer of zero bytes";
pub(crate) const HELD: &str = "non-distributable layer that the source has";
pub(crate) const FOREIGN: &str = "non-distributable layer with `urls` only";
pub(crate) const LONG_TAG: &str = "tag of 128 characters";
pub(crate) const DEEP: &str = "repository of nine parts";
pub(crate) const LARGE: &str = "manifest of 3 MiB";

pub(crate) const NAMES: [&str; 12] = [
    EMPTY_INDEX,
    BLOB_ENTRY,
    NESTED,
    ARTIFACT,
    NO_LAYERS,
    DOCKER_LIST,
    ZERO_BYTES,
    HELD,
    FOREIGN,
    LONG_TAG,
    DEEP,
    LARGE,
];

/// All of them, in the order of [`NAMES`].
pub(crate) fn odd() -> Vec<Shape> {
    NAMES.into_iter().enumerate().map(|(number, what)| shape(number, what)).collect()
}

fn shape(number: usize, what: &'static str) -> Shape {
    let plain = || image("linux/amd64", &["plain", what]);
    let image = match what {
        EMPTY_INDEX => index(&[]),
        BLOB_ENTRY => {
            let media_type = MediaType::from_static("application/vnd.example.data+json");
            with_blob_entry(&index(&[("linux/amd64", &plain())]), media_type, "{\"data\":1}")
        }
        NESTED => index(&[("", &index(&[("linux/amd64", &plain())]))]),
        ARTIFACT => {
            let kind = [("artifactType", json!("application/vnd.example.artifact"))];
            artifact(well_known::OCI_EMPTY, "{}", &["artifact"], &kind)
        }
        NO_LAYERS => image("linux/amd64", &[]),
        DOCKER_LIST => docker_list(),
        ZERO_BYTES => image("linux/amd64", &[""]),
        HELD => non_distributable("held", None),
        FOREIGN => Image {
            blobs: non_distributable("", Some("")).blobs[..1].to_vec(),
            ..non_distributable("elsewhere", Some("https://example.com/layer"))
        },
        LARGE => {
            let text = [("annotations", json!({ "com.example.text": "many words ".repeat(300_000) }))];
            artifact(well_known::OCI_CONFIG, "{\"os\":\"linux\",\"architecture\":\"amd64\"}", &["large"], &text)
        }
        _ => plain(),
    };
    let tag = if what == LONG_TAG { "t".repeat(128) } else { "v1".to_owned() };
    let repository = if what == DEEP { "odd/b/c/d/e/f/g/h/i".to_owned() } else { format!("odd/shape{number}") };
    Shape { what, repository, tag, image, is_whole: what != FOREIGN }
}

/// A layer of a type that was meant for content that must not be given on.
fn non_distributable(layer: &str, url: Option<&str>) -> Image {
    let media_type = MediaType::from_static("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
    let mut entry = json!(Descriptor::of_bytes(media_type, layer.as_bytes()));
    if let Some(url) = url {
        entry["urls"] = json!([url]);
    }
    let config = "{\"os\":\"linux\",\"architecture\":\"amd64\"}";
    artifact(well_known::OCI_CONFIG, config, &[layer], &[("layers", Value::Array(vec![entry]))])
}

/// A list in Docker's types, with images in Docker's types.
fn docker_list() -> Image {
    let single = |platform: &str| {
        let layers = [sample::layer("docker", 100), sample::layer(platform, 100)];
        sample::Image::single(ImageFormat::Docker, &platform.parse().expect("a platform"), &layers)
    };
    let list = sample::Image::index(ImageFormat::Docker, ["linux/amd64", "linux/arm64"].map(single));
    let child =
        |manifest: &Manifest| Image { manifest: manifest.clone(), children: Vec::new(), blobs: list.blobs().to_vec() };
    let children = list.children().iter().map(child).collect();
    Image { manifest: list.root().clone(), children, blobs: Vec::new() }
}

/// All repositories that the matrix fills at a registry.
pub(crate) fn repositories() -> Vec<String> {
    let shapes = odd().into_iter().map(|shape| format!("in/{}", shape.repository));
    let others =
        ["in/shop/app", "in/shop/signed", "mounted/app", "loaded/in/shop/app", "sparse/app"].map(ToOwned::to_owned);
    others.into_iter().chain(shapes).collect()
}
