//! Content that a layout points to and does not have, and the images that need it.

use std::collections::HashMap;

use sealift_core::{
    content::{Descriptor, Digest},
    error::{Error, ErrorKind, Result},
};
use sealift_oci_layout::{Baselines, FileState, Graph, RootKind, Walker};

use crate::layouts::Bundle;

/// The digests that are not there, with the numbers of the images that need them.
#[derive(Default)]
pub(crate) struct MissingContent(HashMap<Digest, Vec<usize>>);

impl MissingContent {
    /// Looks for every file.
    pub(crate) async fn find(bundle: &Bundle) -> Result<Self> {
        let graph = Graph::read(&bundle.layout, &bundle.catalog).await?;
        let mut absent: HashMap<Digest, Vec<usize>> = HashMap::new();
        let mut walker = Walker::default();
        for root in graph.roots() {
            let RootKind::Image(image) = root.of else { continue };
            graph.walk(root.node, &mut walker, |at| {
                let node = graph.node(at);
                if matches!(node.state, FileState::Absent) {
                    absent.entry(node.digest.clone()).or_default().push(image);
                }
            });
        }
        Ok(Self(absent))
    }

    /// Says which file is missing, and who needs it.
    pub(crate) fn error(&self, bundle: &Bundle, bases: &Baselines, item: &Descriptor) -> Error {
        let digest = &item.digest;
        let path = bundle.layout.path().display();
        let size = item.known_size().map(|size| format!(" ({size} bytes)")).unwrap_or_default();
        let needed = match self.0.get(digest).map(Vec::as_slice) {
            None | Some([]) => String::new(),
            Some(images) => format!("; it is needed by {}", names(bundle, images)),
        };
        let Some(base) = bases.with(digest) else {
            let message = format!("`{digest}`{size} is not in `{path}`{needed}");
            let hint = format!("`sealift verify {path}` tells everything that is missing; bring it, or stage again");
            return match &item.platform {
                // `docker save` writes an index of all platforms with the content of one.
                Some(platform) => Error::new(ErrorKind::NotFound, format!("{message} as its `{platform}`"))
                    .with_hint(format!("{hint}; `--platform` loads only the platforms that are there")),
                None => Error::new(ErrorKind::NotFound, message).with_hint(hint),
            };
        };
        let had = base.images_with(digest).next().map(|image| format!(" with `{}`", image.name)).unwrap_or_default();
        let message = format!(
            "`{digest}`{size} was left out of `{path}` because the receipt of `{}` lists it{had}, and \
             the destination does not have it{needed}",
            base.label()
        );
        Error::new(ErrorKind::NotFound, message)
            .with_hint("make a new receipt of this destination, and stage with it, or without `base`")
    }
}

fn names(bundle: &Bundle, images: &[usize]) -> String {
    const SOME: usize = 3;
    let all = bundle.catalog.images();
    let first: Vec<_> = images.iter().take(SOME).map(|at| format!("`{}`", all[*at].name)).collect();
    match images.len().saturating_sub(SOME) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
