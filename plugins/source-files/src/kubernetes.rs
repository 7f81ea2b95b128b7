//! The `kubernetes` list: the images of manifests and rendered charts.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use globset::{Glob, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use sealift_core::{
    diagnostic::Diagnostic,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::List,
};
use serde::Deserialize;

use crate::{
    images::{Images, Mention},
    input::{self, Input},
    yaml::{Documents, RENDER, YamlNode, YamlValue},
};

mod parts;

/// Compiles globs.
fn globs(texts: &[String]) -> Result<GlobSet, ConfigError> {
    let mut set = GlobSetBuilder::new();
    let mut errors = ConfigError::default();
    for (index, text) in texts.iter().enumerate() {
        match Glob::new(text) {
            Ok(glob) => _ = set.add(glob),
            Err(error) => {
                let message = format!("`{text}` is not a glob: {}", error.kind());
                errors = errors.and(ConfigError::new(message).at(format!("exclude[{index}]")));
            }
        }
    }
    let set = set.build().map_err(|error| ConfigError::new(error.to_string()).at("exclude"))?;
    errors.or_ok(set)
}

/// Lists the images that Kubernetes manifests name, also those that `helm template` or `kustomize build` print.
///
/// Found are: `image` of every container, init container and ephemeral container, wherever a pod is described; image
/// volumes; and in other resources everything under a key `image` that can be read as a reference: a text, or a map with
/// `repository` and perhaps `registry`, `tag` and `digest`. What cannot be read there is left out with a warning. An image
/// that is named several times is copied once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// Files in YAML or JSON, with one document or several; directories, in which all `.yaml`, `.yml` and `.json` files
    /// are read, also further down; `-` for standard input. Relative paths start at the pipeline file. At least one.
    #[schemars(length(min = 1), example = ["-"])]
    pub files: Vec<String>,
    /// Names that are left out, as globs over what stands in the files: `ami-*`, `*.png`, `registry.example.com/**`.
    /// Resources of other kinds have keys `image` with other meanings. Default: none.
    #[serde(default)]
    #[schemars(example = ["*.png"])]
    pub exclude: Vec<String>,
}

impl StageConfig<dyn List> for Kubernetes {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        let mut finder = Finder { excluded: globs(&self.exclude)?, ..Finder::default() };
        for input in input::read(&self.files, manifests_in, cx)? {
            let before = finder.found();
            finder.read(&input);
            input::warn_of_nothing(&input, finder.found() - before, cx);
        }
        finder.warnings.into_iter().for_each(|warning| cx.warn(warning));
        if !finder.errors.is_empty() {
            return Err(finder.errors.into());
        }
        Ok(Box::new(Images::new(finder.mentions, cx)))
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
        let is_manifest =
            path.extension().is_some_and(|suffix| suffix == "yaml" || suffix == "yml" || suffix == "json");
        if is_hidden {
            continue;
        }
        if entry.file_type()?.is_dir() {
            files.extend(manifests_in(&path)?);
        } else if is_manifest && path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// The lists in a pod's spec whose entries run an image.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

#[derive(Default)]
struct Finder {
    excluded: GlobSet,
    mentions: Vec<Mention>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Finder {
    /// Returns the number of images that were found, valid or not.
    fn found(&self) -> usize {
        self.mentions.len() + self.errors.len()
    }

    fn read(&mut self, input: &Input) {
        let (documents, error) = Documents::parse(input);
        for root in &documents.roots {
            self.walk(&documents, root);
        }
        self.errors.extend(error);
    }

    /// Looks at everything once: what an alias points to was looked at where it stands.
    fn walk(&mut self, documents: &Documents<'_>, node: &YamlNode) {
        match &node.value {
            YamlValue::List(items) => items.iter().for_each(|item| self.walk(documents, item)),
            YamlValue::Map(entries) => {
                // What a resource was seen to run is no wish: `kubectl get -o yaml` prints it.
                let is_resource = entries.iter().any(|(key, _)| key.text() == Some("kind"));
                for (key, value) in entries.iter().filter(|(key, _)| !is_resource || key.text() != Some("status")) {
                    self.entry(documents, key, value);
                }
            }
            YamlValue::Scalar { .. } | YamlValue::Alias(_) => {}
        }
    }

    fn entry(&mut self, documents: &Documents<'_>, key: &YamlNode, value: &YamlNode) {
        match (key.text(), &value.value) {
            (Some("image"), _) => self.anything(documents, value),
            (Some(name), YamlValue::List(items)) if CONTAINERS.contains(&name) => {
                items.iter().for_each(|item| self.container(documents, item));
            }
            _ => self.walk(documents, value),
        }
    }

    /// A container runs its image: what is no reference there is a mistake.
    fn container(&mut self, documents: &Documents<'_>, container: &YamlNode) {
        let YamlValue::Map(entries) = &container.value else { return self.walk(documents, container) };
        for (key, value) in entries {
            if key.text() != Some("image") {
                self.entry(documents, key, value);
                continue;
            }
            if value.text().is_some_and(|text| self.excluded.is_match(text)) {
                continue;
            }
            let complaint = match value.text().map(|text| Mention::parse(text, || documents.place(value))) {
                Some(Ok(mention)) => {
                    self.mentions.push(mention);
                    None
                }
                Some(Err(error)) => Some(error.to_string()),
                None if value.is_null() => None,
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
            self.guess(documents, text, named);
        } else if let Some((name, repository)) = parts::join(value) {
            self.guess(documents, &name, repository);
            self.walk(documents, value);
        } else if value.is_template() {
            let warning = Diagnostic::warning("what stands under `image` is not rendered and is left out");
            self.warnings.push(hinted(warning.at(documents.place(value)), value));
        } else {
            self.walk(documents, value);
        }
    }

    /// Takes a name that may be something else.
    fn guess(&mut self, documents: &Documents<'_>, name: &str, node: &YamlNode) {
        if self.excluded.is_match(name) {
            return;
        }
        match Mention::parse(name, || documents.place(node)) {
            Ok(mention) => self.mentions.push(mention),
            Err(_) => {
                let warning = Diagnostic::warning(format!("`{name}` under `image` is no reference and is left out"));
                self.warnings.push(hinted(warning.at(documents.place(node)), node));
            }
        }
    }
}

/// With what to do about a template, if the value is one.
fn hinted(diagnostic: Diagnostic, value: &YamlNode) -> Diagnostic {
    if value.is_template() { diagnostic.hint(RENDER) } else { diagnostic }
}

sealift_core::inventory::submit! { Plugin::list::<Kubernetes>("kubernetes") }

#[cfg(test)]
mod tests;
