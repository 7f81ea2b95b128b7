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
    pub(crate) async fn error(&self, bundle: &Bundle, bases: &Baselines, item: &Descriptor) -> Error {
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
            let image = self.0.get(digest).and_then(|images| images.first());
            let platforms = match image {
                Some(image) => Platforms::of(bundle, *image).await,
                None => Platforms::default(),
            };
            return match platforms.whole.is_empty() || platforms.partial.is_empty() {
                true => Error::new(ErrorKind::NotFound, message).with_hint(hint),
                false => {
                    let (whole, partial) = (platforms.whole.join(", "), platforms.partial.join(", "));
                    Error::new(
                        ErrorKind::NotFound,
                        format!("{message}, which is here for {whole} and not for {partial}"),
                    )
                    .with_hint(format!("`--platform {}` loads what is here; {hint}", platforms.whole.join(",")))
                }
            };
        };
        let had = base.images_with(digest).next().map(|image| format!(" with `{}`", image.name)).unwrap_or_default();
        let message = format!(
            "`{digest}`{size} was left out of `{path}` because the receipt of `{}` lists it{had}, and \
             the destination does not have it where it was looked for{needed}",
            base.label()
        );
        Error::new(ErrorKind::NotFound, message).with_hint(
            "load it to the place of what it was staged with; or make a new receipt of this destination, and \
                 stage with it, or without `base`",
        )
    }
}

/// The platforms of an image. `docker save` and `ctr image export` write an index of all platforms with the content of
/// one.
#[derive(Default)]
struct Platforms {
    whole: Vec<String>,
    partial: Vec<String>,
}

impl Platforms {
    async fn of(bundle: &Bundle, image: usize) -> Self {
        let mut all = Self::default();
        let Ok(root) = bundle.layout.manifest(&bundle.catalog.images()[image].entry).await else { return all };
        for child in root.children() {
            let Some(platform) = child.platform.as_ref().filter(|platform| !platform.is_unknown()) else { continue };
            let is_whole = bundle.layout.has_image(child).await.unwrap_or_default();
            if is_whole { &mut all.whole } else { &mut all.partial }.push(platform.to_string());
        }
        all
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
