//! What a page takes for granted: registries with images, a Harbor, directories, files.
//!
//! A fixture folder, `tests/pages/<path of the page without .md>/`, has a `page.toml` ([`Scene`]) and further files that
//! the page names. Its files and the commands of the page are written for the names of the page, such as `quay.io`. Each
//! registry that the scene lists runs here as a process of its own, and wherever its name stands in a file or a command,
//! the address of that process is put in its place. In what is printed it is put back.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sealift_core::content::{Reference, Tag};
use sealift_e2e::program::Folder;
use sealift_oci_layout::{Writer, WriterOptions};
use sealift_serve::sample::{Image, ImageFormat, layer};
use sealift_testkit::{
    content::Content,
    harbor::{ADMIN, Account, Harbor, Right},
    registry::Registry,
};
use serde::Deserialize;

use crate::page::{Page, project};

/// A `page.toml`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Scene {
    /// Registries by their names, with the images that they have: `quay.io = ["coreos/etcd:v3.5.0"]`.
    registries: BTreeMap<String, Vec<String>>,
    /// A Harbor, played by the double in front of a real registry.
    harbor: Option<HarborScene>,
    /// Image layouts, with the full names of their images.
    layouts: BTreeMap<String, Vec<String>>,
    /// Directories to be made.
    directories: Vec<String>,
    /// Other words that are replaced in files and commands.
    replace: BTreeMap<String, String>,
    /// Commands before those of the page.
    pub(crate) before: Vec<String>,
    /// What is typed when a command asks.
    pub(crate) input: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HarborScene {
    name: String,
    #[serde(default)]
    projects: Vec<String>,
    /// Robots that may push and pull everywhere. Their password is that of the administrator.
    #[serde(default)]
    robots: Vec<String>,
}

/// A folder in which the commands of a page can be run.
pub(crate) struct Stage {
    pub(crate) folder: Folder,
    pub(crate) scene: Scene,
    /// What stands in the page, and what it is here.
    pub(crate) words: Vec<(String, String)>,
    _registries: Vec<Registry>,
    _harbor: Option<Harbor>,
}

/// Where the fixtures of all pages are.
pub(crate) fn fixtures() -> PathBuf {
    project().join("tests/pages")
}

impl Stage {
    /// Sets the stage for a page; none if there are no real registries here.
    pub(crate) async fn set(page: &Page) -> Option<Self> {
        let from = fixtures().join(page.path.trim_end_matches(".md"));
        let scene = std::fs::read_to_string(from.join("page.toml")).unwrap_or_else(|error| {
            panic!("{}/page.toml: {error}; the commands of {} need one", from.display(), page.path)
        });
        let scene: Scene = toml::from_str(&scene).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let folder = Folder::new(env!("CARGO_BIN_EXE_sealift-under-test")).var("HARBOR_PASSWORD", ADMIN.1);
        // Before the names of registries, so that these may stand in what replaces a word.
        let words = scene.replace.clone().into_iter().collect();
        let mut stage = Self { folder, scene, words, _registries: Vec::new(), _harbor: None };
        stage.registries().await?;
        stage.harbor().await?;
        stage.layouts().await;
        stage.words.push(("/media/".to_owned(), format!("{}/media/", stage.folder.dir().display())));
        stage.files(&from, &from, page);
        Some(stage)
    }

    async fn registries(&mut self) -> Option<()> {
        for (name, images) in &self.scene.registries {
            let registry = Registry::start()?;
            for image in images {
                let (repository, tag) = image.rsplit_once(':').expect("an image has a tag");
                put(&Content::at(&registry.url()), repository, tag).await;
            }
            self.words.push((name.clone(), registry.host()));
            self._registries.push(registry);
        }
        Some(())
    }

    async fn harbor(&mut self) -> Option<()> {
        let Some(scene) = &self.scene.harbor else { return Some(()) };
        let harbor = Harbor::start().await?;
        scene.projects.iter().for_each(|project| harbor.add_project(project));
        for robot in &scene.robots {
            harbor.add_account(Account::robot(robot, ADMIN.1).may("*", &Right::ALL));
        }
        self.words.push((scene.name.clone(), harbor.host()));
        self._harbor = Some(harbor);
        Some(())
    }

    async fn layouts(&self) {
        for (path, names) in &self.scene.layouts {
            let writer = Writer::create(self.folder.path(path), WriterOptions { sync: false }).await.unwrap();
            for name in names {
                let (repository, tag) = name.rsplit_once(':').expect("an image has a tag");
                let tag: Tag = tag.parse().unwrap();
                image(repository, tag.as_str()).write(&writer, repository, &Reference::Tag(tag)).await.unwrap();
            }
            writer.commit().await.unwrap();
        }
        for path in &self.scene.directories {
            std::fs::create_dir_all(self.folder.path(path)).unwrap();
        }
    }

    /// The files of the fixture folder, and the pipelines that stand in the page itself.
    fn files(&self, root: &Path, from: &Path, page: &Page) {
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.files(root, &path, page);
            } else if !path.ends_with("page.toml") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                self.folder.write(name, &self.here(&std::fs::read_to_string(&path).unwrap()));
            }
        }
        for (name, text) in page.pipelines() {
            self.folder.write(&name, &self.here(text));
        }
        if page.text.contains("tls.crt") {
            let key = rcgen::KeyPair::generate().unwrap();
            let name = vec!["127.0.0.1".to_owned()];
            let certificate = rcgen::CertificateParams::new(name).unwrap().self_signed(&key).unwrap();
            self.folder.write("tls.crt", &certificate.pem()).write("tls.key", &key.serialize_pem());
        }
    }

    /// A text of the page, as it has to be here.
    pub(crate) fn here(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (there, here)| text.replace(there, here))
    }

    /// What was printed here, as the page shows it.
    pub(crate) fn there(&self, text: &str) -> String {
        self.words.iter().rev().fold(text.to_owned(), |text, (there, here)| text.replace(here, there))
    }
}

/// An image for two platforms; all tags of a repository share a layer.
fn image(repository: &str, tag: &str) -> Image {
    let platforms = ["linux/amd64", "linux/arm64"].map(|platform| {
        let layers = [layer(&format!("{repository} {platform}"), 2000), layer(&format!("{repository} {tag}"), 500)];
        Image::single(ImageFormat::Oci, &platform.parse().unwrap(), &layers)
    });
    Image::index(ImageFormat::Oci, platforms)
}

async fn put(registry: &Content, repository: &str, tag: &str) {
    let image = image(repository, tag);
    for (item, bytes) in image.blobs() {
        registry.put_blob(repository, item, bytes.clone()).await;
    }
    for child in image.children() {
        registry.put_manifest(repository, &child.digest().to_string(), child).await;
    }
    registry.put_manifest(repository, tag, image.root()).await;
}
