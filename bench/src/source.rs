//! The source registries of all contenders: filled once for all scenarios with the same corpus.

use anyhow::Result;
use sealift_testkit::registry::Registry;

use crate::{
    console,
    corpus::{Corpus, Shape},
    room::Room,
};

/// A filled registry.
pub(crate) struct Source {
    pub(crate) registry: Registry,
    pub(crate) corpus: Corpus,
    shape: Shape,
}

/// The one that was used last: scenarios with one corpus come after each other.
#[derive(Default)]
pub(crate) struct Sources(Option<Source>);

impl Sources {
    /// The registry with this corpus.
    ///
    /// # Errors
    /// If there is no room, no registry, or it does not keep what it is given.
    pub(crate) async fn of(&mut self, shape: Shape) -> Result<&Source> {
        if self.0.as_ref().is_none_or(|source| source.shape != shape) {
            self.0 = None; // makes room first
            let registry = Room::with(shape.bytes())?.registry()?;
            console::note(&format!("filling a registry with the corpus {shape:?}"));
            let corpus = shape.fill(&registry).await?;
            self.0 = Some(Source { registry, corpus, shape });
        }
        Ok(self.0.as_ref().expect("it was just put there"))
    }
}
