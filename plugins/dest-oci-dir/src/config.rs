//! The settings of the stage.

use std::{path::PathBuf, sync::Arc};

use schemars::JsonSchema;
use sealift_core::{
    content::FullReference,
    plugin::{BuildContext, ConfigError, Purpose, StageConfig},
    stage::Push,
};
use sealift_oci_layout::{Baseline, RefStyle, check_staged, check_writable, is_archive_name};
use serde::Deserialize;

use crate::{
    names::{EntryNames, NameRule},
    omitted::{BaselineFilter, BaselineSource},
    push::OciDirPush,
};

/// Writes images into an OCI image layout in a directory.
///
/// Each image keeps the name of its source, such as `docker.io/library/nginx:1.27`; the targets of its rule are noted
/// beside it. Blobs that several images share are stored once. One process at a time can write to a directory; an
/// image that is there already, with the same digest and all its parts, is skipped.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "path": "bundle" }]))]
pub struct Config {
    /// The directory, made if it is missing: `"/media/usb/bundle"`. A relative path starts at the pipeline file.
    #[schemars(example = &"bundle")]
    pub path: String,

    /// The form in which other tools see the names of images: `full` (`docker.io/library/nginx:1.27`) works for any
    /// number of repositories, `tag` (`1.27`) is what users of umoci, oras and regctl expect of a single one; two
    /// repositories with one tag are then refused. Default: `full`.
    #[serde(default)]
    pub ref_style: Option<Style>,

    /// Leaves out blobs that the other side has: a receipt that `sealift receipt` made there, or a directory that was
    /// carried there before. The directory is then of use at that place only. Default: none, it is complete.
    #[serde(default)]
    #[schemars(example = &"receipt.json")]
    pub base: Option<String>,

    /// Writes one tar file instead of a directory, which must not be there yet: `oci` is what skopeo and podman call
    /// `oci-archive`; `docker` has in it what `docker load`, `ctr image import` and the image folders of k3s take, too,
    /// for images of one platform. Default: `oci` for a path that ends in `.tar`, else a directory.
    #[serde(default)]
    pub archive: Option<ArchiveFormat>,

    /// Removes everything else from the directory at the end of a run, so that it has what the list names and nothing
    /// more. Nothing is removed if the run was stopped, or anything that was asked for did not arrive or could not be
    /// read in the list; a directory with images of another program is refused. Default: false, images that are there already stay.
    #[serde(default)]
    pub exact: bool,

    /// The name that the only image gets: a full one, or a tag alone, which implies `ref_style = "tag"`. Default: that
    /// of its source.
    #[serde(default)]
    #[schemars(example = &"v1")]
    pub name: Option<String>,
}

/// The format of a tar file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArchiveFormat {
    /// An OCI image layout.
    Oci,
    /// The same, with the list of images that Docker looks for.
    Docker,
}

/// The form of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// With registry and path.
    Full,
    /// The tag alone.
    Tag,
}

impl StageConfig<dyn Push> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Push>, ConfigError> {
        let mut problems = ConfigError::default();
        let archive = self.archive(cx).map_err(|problem| problems = std::mem::take(&mut problems).and(problem));
        let archive = archive.unwrap_or_default();
        let mut note = |problem: ConfigError| problems = std::mem::take(&mut problems).and(problem);
        let path = match archive {
            Some(_) => path_of(&self.path, cx),
            None => self.path(cx),
        };
        let path = path.map_err(&mut note).unwrap_or_default();
        let base = self.base(cx).map_err(&mut note).unwrap_or_default();
        let called = name_rule(self.name.as_deref()).map_err(&mut note).unwrap_or_default();
        let style = match (self.ref_style, &called) {
            (Some(Style::Tag), _) | (None, NameRule::Tag(_)) => RefStyle::Tag,
            _ => RefStyle::Full,
        };
        problems.or_ok(())?;
        if let Some(format) = archive {
            return crate::archive::build(path, called, style, format == ArchiveFormat::Docker, cx);
        }
        Ok(Box::new(OciDirPush::new(path, EntryNames::new(called, style), BaselineFilter::by(base), self.exact)))
    }
}

impl Config {
    /// The format of the tar file; none for a directory.
    fn archive(&self, cx: &BuildContext<'_>) -> Result<Option<ArchiveFormat>, ConfigError> {
        let path = cx.path(&self.path);
        let by_name = (is_archive_name(&path) && !path.is_dir()).then_some(ArchiveFormat::Oci);
        let Some(format) = self.archive.or(by_name) else { return Ok(None) };
        match (&self.base, self.exact) {
            (None, false) => Ok(Some(format)),
            (base, _) => {
                let key = if base.is_some() { "base" } else { "exact" };
                let message = format!("`{key}` is for directories, and `{}` is a tar file", self.path);
                Err(ConfigError::new(message).at(key).hint("leave it out, or write into a directory"))
            }
        }
    }

    /// The directory; a run hears here, before anything is asked of a registry, that it cannot be written to.
    fn path(&self, cx: &BuildContext<'_>) -> Result<PathBuf, ConfigError> {
        let path = path_of(&self.path, cx)?;
        if cx.purpose() == Purpose::Run {
            check_writable(&path).map_err(|error| ConfigError::from(error).at("path"))?;
            if self.exact {
                check_staged(&path).map_err(|error| ConfigError::from(error).at("exact"))?;
            }
        }
        Ok(path)
    }

    fn base(&self, cx: &BuildContext<'_>) -> Result<Option<BaselineSource>, ConfigError> {
        let Some(base) = &self.base else { return Ok(None) };
        if base.trim().is_empty() {
            return Err(ConfigError::new("the base is empty").at("base"));
        }
        let path = cx.path(base);
        if cx.purpose() == Purpose::Check || path.is_dir() || is_archive_name(&path) {
            return Ok(Some(BaselineSource::Path(path)));
        }
        let read = Baseline::read_file(&path).map_err(|error| ConfigError::from(error).at("base"))?;
        Ok(Some(BaselineSource::Receipt(Arc::new(read))))
    }
}

/// The path of a directory or file.
pub(crate) fn path_of(path: &str, cx: &BuildContext<'_>) -> Result<PathBuf, ConfigError> {
    match path.trim().is_empty() {
        true => Err(ConfigError::new("the path is empty").at("path").hint("name a directory: `path = \"bundle\"`")),
        false => Ok(cx.path(path)),
    }
}

/// The name that was asked for.
pub(crate) fn name_rule(name: Option<&str>) -> Result<NameRule, ConfigError> {
    let Some(name) = name else { return Ok(NameRule::AsSource) };
    let full = name.contains(['/', ':', '@']);
    let called = match full {
        true => match FullReference::parse_or_latest(name) {
            Ok(FullReference { image, beside: None }) => Ok(NameRule::Full(image)),
            Ok(_) => Err(format!("`{name}` has a tag and a digest, and an image in a directory has one of them")),
            Err(error) => Err(error.to_string()),
        },
        false => {
            name.parse().map(NameRule::Tag).map_err(|error: sealift_core::content::ReferenceError| error.to_string())
        }
    };
    called.map_err(|problem| ConfigError::new(problem).at("name").hint("write a tag, or `registry/path:tag`"))
}
