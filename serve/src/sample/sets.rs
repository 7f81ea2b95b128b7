//! Sets of images.

use bytes::Bytes;
use sealift_core::content::{Platform, Tag};
use serde_json::json;

use super::{Image, ImageFormat, Layer, layer};

/// An image and its names.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The path of its repository, such as `demo/web`.
    pub repository: String,
    /// Its tags; without one it goes by digest.
    pub tags: Vec<Tag>,
    /// The image.
    pub image: Image,
}

impl Sample {
    fn new(repository: &str, tags: &[&str], image: Image) -> Self {
        let tags = tags.iter().map(|tag| tag.parse().expect("samples are valid")).collect();
        Self { repository: repository.to_owned(), tags, image }
    }
}

/// Parameters for a set of similar images.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The number of repositories. Default: 3.
    pub repositories: usize,
    /// The number of tags in each repository, with an image each. Default: 2.
    pub tags: usize,
    /// The platforms of each image; one: no index around it. Default: `linux/amd64`, `linux/arm64`.
    pub platforms: Vec<Platform>,
    /// Layers that all images of a platform share. Default: 2.
    pub shared_layers: usize,
    /// Layers that an image has for itself. Default: 1.
    pub own_layers: usize,
    /// Bytes of a layer, about. Default: 16 KiB.
    pub layer_bytes: usize,
    /// The media types. Default: OCI.
    pub dialect: ImageFormat,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            repositories: 3,
            tags: 2,
            platforms: platforms(&["linux/amd64", "linux/arm64"]),
            shared_layers: 2,
            own_layers: 1,
            layer_bytes: 16 << 10,
            dialect: ImageFormat::Oci,
        }
    }
}

impl Recipe {
    /// The images, one after the other; they are made when they are asked for.
    pub fn images(&self) -> impl Iterator<Item = Sample> + '_ {
        let shared: Vec<Vec<Layer>> = self.platforms.iter().map(|platform| self.shared(platform)).collect();
        (1..=self.repositories).flat_map(move |repository| {
            let shared = shared.clone();
            (1..=self.tags).map(move |tag| {
                let name = format!("sample/app-{repository}");
                let tag = format!("v{tag}");
                let image = self.image(&format!("{name}-{tag}").replace('/', "-"), &shared);
                Sample::new(&name, &[&tag], image)
            })
        })
    }

    fn shared(&self, platform: &Platform) -> Vec<Layer> {
        (0..self.shared_layers).map(|number| layer(&named("base", platform, number), self.layer_bytes)).collect()
    }

    fn image(&self, name: &str, shared: &[Vec<Layer>]) -> Image {
        let one = |(platform, shared): (&Platform, &Vec<Layer>)| {
            let own = (0..self.own_layers).map(|number| layer(&named(name, platform, number), self.layer_bytes));
            let layers: Vec<Layer> = shared.iter().cloned().chain(own).collect();
            Image::single(self.dialect, platform, &layers)
        };
        let mut images: Vec<_> = self.platforms.iter().zip(shared).map(one).collect();
        if images.len() == 1 { images.remove(0) } else { Image::index(self.dialect, images) }
    }
}

/// One of each kind, about 3 MB together: an OCI index with attestations, a Docker list, an image for one platform, an
/// index in an index, an artifact that is no image, and something signed.
pub fn assortment() -> Vec<Sample> {
    let three = platforms(&["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    let base: Vec<Layer> = three.iter().map(|platform| layer(&named("base", platform, 0), 256 << 10)).collect();
    let app = |dialect, name: &str, at: usize| {
        let own = layer(&named(name, &three[at], 1), 96 << 10);
        Image::single(dialect, &three[at], &[base[at].clone(), own])
    };
    let web = |version: &str| {
        let name = format!("web-{version}");
        let images = [app(ImageFormat::Oci, &name, 0), app(ImageFormat::Oci, &name, 1)];
        let notes = images.clone().map(|image| image.attestation());
        Image::index(ImageFormat::Oci, images.into_iter().chain(notes))
    };
    let api = |version: &str| {
        let name = format!("api-{version}");
        Image::index(ImageFormat::Docker, (0..3).map(|at| app(ImageFormat::Docker, &name, at)))
    };
    let nested = Image::index(
        ImageFormat::Oci,
        [Image::index(ImageFormat::Oci, [app(ImageFormat::Oci, "suite", 0)]), web("1.0")],
    );
    let chart = Image::artifact(
        "application/vnd.cncf.helm.config.v1+json",
        &json!({ "name": "web", "version": "1.0.0", "apiVersion": "v2" }),
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        layer("chart", 2048).bytes,
    );
    let newest = web("1.1");
    let signature = newest.referrer("application/vnd.example.signature.v1", Bytes::from_static(b"signed by nobody"));
    vec![
        Sample::new("demo/web", &["1.0"], web("1.0")),
        Sample::new("demo/web", &["1.1", "latest"], newest),
        Sample::new("demo/web", &[], signature),
        Sample::new("demo/api", &["2.0"], api("2.0")),
        Sample::new("demo/api", &["2.1"], api("2.1")),
        Sample::new("demo/worker", &["2026-11"], app(ImageFormat::Docker, "worker", 0)),
        Sample::new("demo/suite", &["1"], nested),
        Sample::new("demo/charts/web", &["1.0.0"], chart),
    ]
}

fn named(name: &str, platform: &Platform, number: usize) -> String {
    format!("{name}-{}-{number}", platform.to_string().replace('/', "-"))
}

fn platforms(texts: &[&str]) -> Vec<Platform> {
    texts.iter().map(|text| text.parse().expect("samples are valid")).collect()
}
