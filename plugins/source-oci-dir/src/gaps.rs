//! Images that were asked for when a layout was staged and did not arrive.

use sealift_core::{
    content::ImageRef,
    error::{Error, ErrorKind, Result, Retry},
    outlet::Outlet,
};
use sealift_oci_layout::{EntryName, Gaps};

use crate::{layouts::Bundle, plan::ImageSelection};

/// Makes a failure of each image that is wanted and did not arrive, or got lost, so that an incomplete layout is not
/// loaded as if it were a complete one.
pub(crate) async fn tell(bundle: &Bundle, gaps: &Gaps, wanted: &ImageSelection, out: &Outlet) -> Result<()> {
    let path = bundle.layout.path().display();
    let hint = match bundle.layout.path().is_file() {
        true => "write another file, and bring that; what is there is loaded",
        false => "stage again into it, which brings what is missing; what is there is loaded",
    };
    let incomplete =
        |message: String| Error::new(ErrorKind::NotFound, message).with_retry(Retry::Never).with_hint(hint);
    let there = bundle.catalog.images().len();
    let all = there + gaps.missing.len() + gaps.lost.len();
    for name in gaps.missing.iter().filter(|name| wanted.names(name)) {
        let message = format!("missing: `{path}` has {there} of {all} images that were asked for when it was staged");
        out.unusable(reference(name), incomplete(message)).await?;
    }
    for name in gaps.lost.iter().filter(|name| wanted.names(name)) {
        let message = format!("`{name}` was staged into `{path}`, and `index.json` has no entry of it any more");
        let error = Error::new(ErrorKind::Corrupt, message).with_retry(Retry::Never);
        let hint = "bring `index.json` again, or stage again; `sealift rm` gives the image up";
        out.unusable(reference(name), error.with_hint(hint)).await?;
    }
    for name in gaps.outdated.iter().filter(|name| wanted.names(name)) {
        let message = format!("`{name}` in `{path}` is of an earlier run: a later one could not bring it");
        out.unusable(reference(name), incomplete(message)).await?;
    }
    if matches!(wanted, ImageSelection::Some { .. }) && bundle.layout.is_unrecorded().await? {
        let what = "an image that did not arrive when it was staged is not missed";
        out.warn(format!("there is no record in `{path}` of what was asked for: {what}")).await?;
    }
    if !wanted.is_everything() {
        return Ok(());
    }
    if gaps.damaged {
        let message = format!("`{path}` may be incomplete: its record of what was asked for is damaged");
        out.unusable(None, incomplete(message)).await?;
    }
    if gaps.unfinished {
        let why = match &gaps.writer {
            Some(writer) => incomplete(format!("`{path}` is incomplete: {writer} is staging into it"))
                .with_hint("wait until it is done, and load again; what is there is loaded"),
            None => {
                incomplete(format!("`{path}` may be incomplete: a run that staged into it did not come to its end"))
            }
        };
        out.unusable(None, why).await?;
    }
    for name in gaps.unlisted.iter().filter(|_| !gaps.unfinished) {
        let message = format!("`{path}` may be incomplete: the images of `{name}` were asked for and not found");
        match name.parse() {
            // Not as something that is missing, which the run itself might bring.
            Ok(repository) => {
                let error = Error::new(ErrorKind::Corrupt, message).with_retry(Retry::Never).with_hint(hint);
                out.failed(&repository, error).await?;
            }
            Err(_) => out.unusable(None, incomplete(message)).await?,
        }
    }
    Ok(())
}

fn reference(name: &str) -> Option<ImageRef> {
    let EntryName { repository, version } = EntryName::parse(name)?;
    Some(ImageRef { repository: repository.parse().ok()?, reference: version })
}
