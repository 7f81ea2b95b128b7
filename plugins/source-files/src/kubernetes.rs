//! The `kubernetes` list: the images of manifests and rendered charts.

use std::{
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use schemars::JsonSchema;
use sealift_core::{
    diagnostic::Diagnostic,
    plugin::{BuildContext, ConfigError, Plugin, Purpose, StageConfig},
    stage::List,
};
use serde::Deserialize;

use crate::{
    exclude::Excluded,
    file_kind::FileKind,
    images::{Images, Mention, label},
    input::{self, Input},
    yaml::{Documents, RENDER, YamlNode, YamlValue},
};

mod parts;
mod paths;

use parts::ImageParts;
use paths::ImagePaths;

/// Lists the images that Kubernetes manifests name, also those that `helm template` or `kustomize build` print.
///
/// Found are: `image` of every container, init container and ephemeral container, wherever a pod is described; image
/// volumes; and in other resources everything under a key `image` that can be read as a reference: a text, or a map with
/// `repository` and perhaps `registry`, `tag` and `digest`; and environment variables `RELATED_IMAGE_…`, which operators
/// read. A text or part there that cannot be read is left out with a warning. What stands under `status` does not count. An image that is
/// named several times is copied once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// Files in YAML or JSON, with one document or several; directories, in which all `.yaml`, `.yml` and `.json` files
    /// are read, also further down; `-` for standard input. Relative paths start at the pipeline file. At least one.
    #[schemars(length(min = 1), example = ["-"])]
    pub files: Vec<String>,
    /// Names that are left out, as globs: `ami-*`, `*.png`, `registry.example.com/*`; a repository stands for all its
    /// versions. Resources of other kinds have keys `image` with other meanings. Default: none.
    #[serde(default)]
    #[schemars(example = ["*.png"])]
    pub exclude: Vec<String>,
    /// Further places of images, as paths from the root of a document: `spec.worker.baseImage`, `spec.components[].from`.
    /// `*` is any key or item, `**` is any number of levels, and an item of a list is called by its `name` as well:
    /// `**.env.PROXY_IMAGE`. Default: none.
    #[serde(default)]
    #[schemars(example = ["spec.**.baseImage"])]
    pub paths: Vec<String>,
}

impl StageConfig<dyn List> for Kubernetes {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        let (excluded, paths) = match (Excluded::new(&self.exclude), ImagePaths::new(&self.paths)) {
            (Ok(excluded), Ok(paths)) => (excluded, paths),
            (excluded, paths) => {
                let errors = [excluded.err(), paths.err()].into_iter().flatten();
                return Err(errors.fold(ConfigError::default(), ConfigError::and));
            }
        };
        let mut finder = Finder { excluded, paths, ..Finder::default() };
        for input in input::read(&self.files, manifests_in, cx)? {
            let before = finder.found();
            finder.read(&input);
            let is_empty = finder.empty.last() == Some(&input.name) && cx.purpose() == Purpose::Run;
            if !is_empty {
                input::warn_of_nothing(&input, finder.found() - before, cx);
            }
        }
        finder.warnings.into_iter().for_each(|warning| cx.warn(warning));
        if !finder.errors.is_empty() {
            return Err(finder.errors.into());
        }
        Ok(Box::new(Images::new(finder.mentions, cx).and_nothing_in(finder.empty).and_left_out(finder.left_out)))
    }
}

/// All manifests below a directory, sorted. Hidden directories are not entered, nor are links to directories.
fn manifests_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link to nothing is a manifest that cannot be read.
        let is_file = path.is_file() || !path.exists();
        let is_manifest =
            path.extension().is_some_and(|suffix| suffix == "yaml" || suffix == "yml" || suffix == "json");
        if is_hidden {
            continue;
        }
        if entry.file_type()?.is_dir() {
            files.extend(manifests_in(&path)?);
        } else if is_manifest && is_file {
            files.push(path);
        }
    }
    Ok(files)
}

/// The lists in a pod's spec whose entries run an image.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// The start of the names of environment variables by which operators are told their images.
const RELATED: &str = "RELATED_IMAGE_";

#[derive(Default)]
struct Finder {
    excluded: Excluded,
    paths: ImagePaths,
    /// The keys and items that lead to the node that is looked at.
    at: Vec<String>,
    mentions: Vec<Mention>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// What may name an image and cannot be read, with its place.
    left_out: Vec<String>,
    /// Files that the user named and that hold no document.
    empty: Vec<Arc<str>>,
}

impl Finder {
    /// Returns the number of images that were found, valid or not.
    fn found(&self) -> usize {
        self.mentions.len() + self.errors.len()
    }

    fn read(&mut self, input: &Input) {
        let (documents, error) = Documents::parse(input);
        if let Some(kind) = FileKind::of(&documents).filter(|kind| *kind != FileKind::Kubernetes) {
            return self.errors.push(kind.unexpected(input, "manifests of Kubernetes"));
        }
        for root in &documents.roots {
            self.walk(&documents, root);
        }
        if input.named && error.is_none() && documents.is_empty() {
            self.empty.push(Arc::clone(&input.name));
        } else if input.text.trim().is_empty() {
            // Comments alone are a manifest that is switched off; nothing at all is what a full disk leaves.
            self.warnings.push(Diagnostic::warning(format!("`{}` is empty", input.name)));
            self.left_out.push(format!("`{}`, which is empty", input.name));
        }
        self.errors.extend(error);
    }

    /// Looks at everything once: what an alias points to was looked at where it stands.
    fn walk(&mut self, documents: &Documents<'_>, node: &YamlNode) {
        if self.paths.contain(&self.at) {
            self.named_by_path(documents, node);
        }
        match &node.value {
            YamlValue::List(items) => self.items(items, |finder, item| finder.walk(documents, item)),
            YamlValue::Map(entries) => {
                let variable = node.get("name").and_then(|name| name.text());
                if let Some(value) =
                    node.get("value").filter(|_| variable.is_some_and(|name| name.starts_with(RELATED)))
                {
                    self.guess(
                        documents,
                        value.text().unwrap_or_default(),
                        value,
                        &format!("in `{}`", variable.unwrap_or_default()),
                    );
                }
                // What a resource was seen to run is no wish: `kubectl get -o yaml` prints it.
                let is_resource = entries.iter().any(|(key, _)| key.text() == Some("kind"));
                for (key, value) in entries.iter().filter(|(key, _)| !is_resource || key.text() != Some("status")) {
                    self.entry(documents, key, value);
                }
            }
            YamlValue::Scalar { .. } | YamlValue::Alias(_) => {}
        }
    }

    /// Looks at the items of a list, each called by its `name`, or else by its number.
    fn items(&mut self, items: &[Rc<YamlNode>], look: impl Fn(&mut Self, &YamlNode)) {
        for (number, item) in items.iter().enumerate() {
            let name = item.get("name").and_then(|name| name.text());
            self.at.push(name.map_or_else(|| number.to_string(), ToOwned::to_owned));
            look(self, item);
            self.at.pop();
        }
    }

    fn entry(&mut self, documents: &Documents<'_>, key: &YamlNode, value: &YamlNode) {
        self.at.push(key.text().unwrap_or_default().to_owned());
        match (key.text(), &value.value) {
            (Some("image"), _) => self.anything(documents, value),
            (Some(name), YamlValue::List(items)) if CONTAINERS.contains(&name) => {
                self.items(items, |finder, item| finder.container(documents, item));
            }
            _ => self.walk(documents, value),
        }
        self.at.pop();
    }

    /// A container runs its image: what is no reference there is a mistake.
    fn container(&mut self, documents: &Documents<'_>, container: &YamlNode) {
        let YamlValue::Map(entries) = &container.value else { return self.walk(documents, container) };
        for (key, value) in entries {
            if key.text() != Some("image") {
                self.entry(documents, key, value);
                continue;
            }
            if value.text().is_some_and(|text| self.excluded.has(text)) {
                continue;
            }
            let complaint = match value.text().map(|text| Mention::parse(text, || documents.place(value))) {
                Some(Ok(mention)) => {
                    self.mentions.push(mention);
                    None
                }
                Some(Err(error)) => Some(error.to_string()),
                None if value.is_null() => {
                    self.leave_out("the `image` of a container", "is empty", documents, value);
                    None
                }
                None => Some(format!("expected the name of an image, found {}", value.what())),
            };
            if let Some(message) = complaint {
                self.errors.push(hinted(Diagnostic::error(message).at(documents.place(value)), value));
            }
        }
    }

    /// Elsewhere `image` may mean anything.
    fn anything(&mut self, documents: &Documents<'_>, value: &YamlNode) {
        // The image of a volume: `image: { reference: … }`.
        let named = value.get("reference").map_or(value, |node| node);
        if let Some(text) = named.text() {
            self.guess(documents, text, named, UNDER_IMAGE);
        } else if let Some(parts) = parts::join(value) {
            self.parts(documents, parts, UNDER_IMAGE);
            self.walk(documents, value);
        } else if value.is_template() {
            self.leave_out("what stands under `image`", "is not rendered", documents, value);
        } else if matches!(value.resolved(), YamlValue::Scalar { .. }) && !value.is_null() {
            self.leave_out(&format!("{} under `image`", value.what()), "is no reference", documents, value);
        } else {
            self.walk(documents, value);
        }
    }

    /// Takes what a path of the config leads to: a name, names, a variable with a value, or an image in parts.
    fn named_by_path(&mut self, documents: &Documents<'_>, node: &YamlNode) {
        let place = format!("at `{}`", self.at.join("."));
        if let Some(text) = node.text() {
            self.guess(documents, text, node, &place);
        } else if let YamlValue::List(items) = node.resolved() {
            let names = items.iter().filter_map(|item| Some((item, item.text()?)));
            names.for_each(|(item, text)| self.guess(documents, text, item, &place));
        } else if let Some(parts) = parts::join(node) {
            self.parts(documents, parts, &place);
        } else if let Some((value, text)) = node.get("value").and_then(|value| Some((value, value.text()?))) {
            self.guess(documents, text, value, &place);
        }
    }

    /// Takes an image in parts.
    fn parts(&mut self, documents: &Documents<'_>, parts: ImageParts<'_>, found: &str) {
        match parts {
            ImageParts::Name(name, repository) => self.guess(documents, &name, repository, found),
            ImageParts::Unreadable(key, node) => {
                let what = format!("an image {found}, whose `{key}` is {},", node.what());
                self.leave_out(&what, "cannot be read", documents, node);
            }
        }
    }

    /// Takes a name that may be something else.
    fn guess(&mut self, documents: &Documents<'_>, name: &str, node: &YamlNode, found: &str) {
        if self.excluded.has(name) {
            return;
        }
        match Mention::parse(name, || documents.place(node)) {
            // A path may lead to what is found without it.
            Ok(mention) if self.mentions.last() == Some(&mention) => {}
            Ok(mention) => self.mentions.push(mention),
            Err(_) => self.leave_out(&format!("`{name}` {found}"), "is no reference", documents, node),
        }
    }

    /// Notes something that may name an image and cannot be read.
    fn leave_out(&mut self, what: &str, why: &str, documents: &Documents<'_>, node: &YamlNode) {
        let place = documents.place(node);
        self.left_out.push(format!("{what} in {}", label(&place)));
        let warning = Diagnostic::warning(format!("{what} {why} and is left out"));
        self.warnings.push(hinted(warning.at(place), node));
    }
}

/// The place of a name that a warning tells.
const UNDER_IMAGE: &str = "under `image`";

/// With what to do about a template, if the value is one.
fn hinted(diagnostic: Diagnostic, value: &YamlNode) -> Diagnostic {
    if value.is_template() { diagnostic.hint(RENDER) } else { diagnostic }
}

sealift_core::inventory::submit! { Plugin::list::<Kubernetes>("kubernetes") }

#[cfg(test)]
mod tests;
