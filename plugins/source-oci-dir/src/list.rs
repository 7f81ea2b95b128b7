//! The list: which images a layout has.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use async_trait::async_trait;
use schemars::JsonSchema;
use sealift_core::{
    content::Repository,
    error::Result,
    outlet::Outlet,
    plugin::{BuildContext, ConfigError, StageConfig},
    stage,
};
use serde::Deserialize;

use crate::{
    gaps,
    layouts::{Layouts, LazyLayout},
    plan::{ImageSelection, LoadPlan, Pick},
    select::NamePattern,
    targets::LoadTarget,
};

/// Lists the images of an OCI image layout in a directory, written by any tool.
///
/// Images go to the targets that were noted when they were staged; `to` replaces them. Two images that would get one
/// name at the destination are an error before anything is pushed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "path": "/media/usb/bundle" }]))]
pub(crate) struct Config {
    /// The directory, seen from that of the pipeline file.
    #[schemars(example = &"/media/usb/bundle")]
    path: String,
    /// Only images with such names; `*` stands for any text, and a repository for all its versions:
    /// `docker.io/library/nginx`, `quay.io/*`, `v1.*`. Default: all.
    #[serde(default)]
    include: Vec<String>,
    /// The destination of the images: a registry, and perhaps a path there that goes before their own. The path is
    /// that of the target that was noted when the image was staged, else that of its source. An image that has only a
    /// tag goes to the repository that this names. Default: the targets that were noted.
    #[schemars(example = &"harbor.example.com")]
    to: Option<String>,
    /// Single images and where they go, instead of `include` and `to`.
    #[serde(default)]
    images: Vec<PickConfig>,
}

/// One image, and where it goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PickConfig {
    /// Its name in the layout: the full one, its tag, or `@` and its digest. Default: the only image there is.
    from: Option<String>,
    /// Full references; one without tag keeps that of the image. Default: the targets that were noted.
    #[serde(default)]
    to: Vec<String>,
}

impl StageConfig<dyn stage::List> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn stage::List>, ConfigError> {
        let mut problems = ConfigError::default();
        if self.path.is_empty() {
            problems = problems.and(ConfigError::new("`path` is empty").at("path"));
        }
        let mut include = Vec::new();
        for (at, text) in self.include.iter().enumerate() {
            match NamePattern::parse(text) {
                Ok(pattern) => include.push(pattern),
                Err(problem) => problems = problems.and(ConfigError::new(problem).at(format!("include[{at}]"))),
            }
        }
        let to = match self.to.as_deref().map(LoadTarget::parse) {
            None => LoadTarget::Recorded,
            Some(Ok(to)) => to,
            Some(Err(problem)) => {
                problems = problems.and(ConfigError::new(problem).at("to"));
                LoadTarget::Recorded
            }
        };
        if !self.images.is_empty() && (!include.is_empty() || self.to.is_some()) {
            let both = ConfigError::new("`images` says which images go where, so `include` and `to` have no meaning");
            problems = problems.and(both.at("images").hint("leave `images` out, or the other two"));
        }
        let placeholder = sealift_core::content::Reference::Digest(sealift_core::content::Digest::of(b""));
        for (at, pick) in self.images.iter().enumerate() {
            for (target, text) in pick.to.iter().enumerate() {
                if let Err(problem) = crate::targets::one(text, &placeholder) {
                    problems = problems.and(ConfigError::new(problem).at(format!("images[{at}].to[{target}]")));
                }
            }
        }
        let places = to.clone();
        let wanted = match self.images.is_empty() {
            true => ImageSelection::Some { include, to },
            false => ImageSelection::Picks(
                self.images.into_iter().map(|pick| Pick { from: pick.from, to: pick.to }).collect(),
            ),
        };
        // Registered even if something else is wrong, so that the fetch does not report the path as missing, too.
        let lazy = cx.section::<Layouts>()?.listed_at(cx.path(&self.path), places);
        if !self.path.is_empty()
            && let Err(problem) = lazy.open_for(cx.purpose())
        {
            problems = problems.and(problem);
        }
        problems.or_ok(Box::new(OciDirList { lazy, wanted }))
    }
}

/// Lists a layout.
struct OciDirList {
    lazy: Arc<LazyLayout>,
    wanted: ImageSelection,
}

impl OciDirList {
    async fn agenda(&self) -> Result<LoadPlan> {
        let path: &Path = self.lazy.path();
        let context =
            |error: sealift_core::error::Error| error.with_context(format_args!("cannot load `{}`", path.display()));
        let bundle = self.lazy.get().await?;
        if bundle.catalog.is_empty() && bundle.layout.gaps().await.map_err(context)?.is_empty() {
            return Err(context(bundle.layout.without_images().await?));
        }
        LoadPlan::of(&bundle.catalog, &self.wanted, path).map_err(context)
    }
}

#[async_trait]
impl stage::List for OciDirList {
    async fn list(&self, out: &Outlet) -> Result<()> {
        let agenda = self.agenda().await?;
        for warning in agenda.warnings {
            out.warn(warning).await?;
        }
        for (image, error) in agenda.unusable {
            out.unusable(image, error).await?;
        }
        let bundle = self.lazy.get().await?;
        gaps::tell(bundle, &bundle.layout.gaps().await?, &self.wanted, out).await?;
        for pattern in agenda.unused {
            let path = self.lazy.path().display();
            let why = format!("`{pattern}` is the name of no image in `{path}`");
            out.nothing(format!("include {pattern}"), None, why).await?;
        }
        out.send_all(&agenda.listings).await
    }

    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        for listing in self.agenda().await?.listings {
            if listing.repository == *repository {
                out.send(listing).await?;
            }
        }
        Ok(())
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        self.wanted.registries()
    }
}
