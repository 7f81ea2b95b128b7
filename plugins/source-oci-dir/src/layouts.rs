//! The layouts that the stages of one pipeline read; each is opened once, when it is first needed.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use sealift_core::{
    error::Result,
    plugin::{BuildContext, ConfigError, Purpose, Section},
};
use sealift_oci_layout::{ImageCatalog, Layout};
use tokio::sync::OnceCell;

use crate::targets::LoadTarget;

/// A layout and its images.
pub(crate) struct Bundle {
    pub(crate) layout: Layout,
    pub(crate) catalog: ImageCatalog,
}

/// A layout that is opened when it is first needed.
pub(crate) struct LazyLayout {
    path: PathBuf,
    layout: OnceLock<Layout>,
    bundle: OnceCell<Bundle>,
    /// The targets that `[list]` gives its images.
    to: OnceLock<LoadTarget>,
}

impl LazyLayout {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, layout: OnceLock::new(), bundle: OnceCell::new(), to: OnceLock::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the targets that `[list]` gives its images.
    pub(crate) fn to(&self) -> &LoadTarget {
        self.to.get().unwrap_or(&LoadTarget::Recorded)
    }

    /// Opens the layout before anything else happens, if that is for a run: who forgot to mount the stick shall hear it
    /// before registries are asked.
    pub(crate) fn open_for(&self, purpose: Purpose) -> Result<(), ConfigError> {
        if purpose == Purpose::Run && self.layout.get().is_none() {
            let layout = Layout::open_blocking(&self.path).map_err(|error| ConfigError::from(error).at("path"))?;
            let _ = self.layout.set(layout); // stages are built one after the other
        }
        Ok(())
    }

    pub(crate) async fn get(&self) -> Result<&Bundle> {
        self.bundle
            .get_or_try_init(|| async {
                let layout = match self.layout.get() {
                    Some(layout) => layout.clone(),
                    None => Layout::open(&self.path).await?,
                };
                let catalog = ImageCatalog::read(&layout).await?;
                Ok(Bundle { layout, catalog })
            })
            .await
    }
}

/// The layouts that `[list]` and `[fetch]` share. The name of the table is not valid in a pipeline.
#[derive(Default)]
pub(crate) struct Layouts(Mutex<OpenedLayouts>);

#[derive(Default)]
struct OpenedLayouts {
    all: HashMap<PathBuf, Arc<LazyLayout>>,
    listed: Option<Arc<LazyLayout>>,
}

impl Section for Layouts {
    const TABLE: &'static str = "oci-dir layouts";
    type Config = ();

    fn build(_: Option<()>, _: &BuildContext<'_>) -> Result<Self, ConfigError> {
        Ok(Self::default())
    }
}

impl Layouts {
    /// The layout at this path.
    pub(crate) fn at(&self, path: PathBuf) -> Arc<LazyLayout> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lazy = known.all.entry(path).or_insert_with_key(|path| Arc::new(LazyLayout::new(path.clone())));
        Arc::clone(lazy)
    }

    /// The layout at this path, which the pipeline lists and sends there.
    pub(crate) fn listed_at(&self, path: PathBuf, to: LoadTarget) -> Arc<LazyLayout> {
        let lazy = self.at(path);
        let _ = lazy.to.set(to); // there is one list
        self.0.lock().unwrap_or_else(PoisonError::into_inner).listed = Some(Arc::clone(&lazy));
        lazy
    }

    /// The layout that the pipeline lists.
    pub(crate) fn listed(&self) -> Option<Arc<LazyLayout>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).listed.clone()
    }
}
