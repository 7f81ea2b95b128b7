//! `sealift ls`: lists the images of a layout.

use std::path::PathBuf;

use sealift_core::{diagnostic::Diagnostic, error::ErrorKind};
use sealift_oci_layout::{Inventory, InventoryImage, Layout};

use crate::{
    context::Context,
    display::{gaps, inventory, number},
    usage_error::UsageError,
};

/// List the images of a directory: platforms, sizes, what they share
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory, or a tar file
    #[arg(value_name = "DIR")]
    path: PathBuf,

    /// Print comma-separated values, for spreadsheets: names, digests, platforms, bytes, destinations
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let layout = Layout::open(&args.path).await?;
    let inventory = Inventory::of(&layout).await?;
    let gaps = layout.gaps().await?;
    let mut code = u8::from(!inventory.broken.is_empty() || !gaps.lost.is_empty());
    // What was asked for and did not arrive is told below.
    if inventory.images.is_empty() && code == 0 && gaps.is_empty() {
        let error = layout.without_images().await?;
        if error.kind() == ErrorKind::Corrupt {
            code = 1;
            let hint = error.hint().unwrap_or_default();
            context.show(&[Diagnostic::error(error.message()).hint(hint)]);
        }
    }
    let hint = format!("`sealift verify {}` tells more", args.path.display());
    let lost = gaps.lost.iter().map(|name| format!("`{name}` was staged here, and has no entry any more"));
    let broken = inventory.broken.iter().cloned().chain(lost);
    let broken = broken.map(|entry| Diagnostic::error(entry).hint(hint.clone()));
    context.show(&broken.collect::<Vec<_>>());
    if context.global.json {
        context.out.json(&inventory::InventoryObject::of(&inventory, &gaps));
        return Ok(code);
    }
    match args.csv {
        true => context.out.document(&inventory::csv(&inventory)),
        false => context.out.text(&inventory::text(&inventory, context.global.verbose > 0)),
    }
    let path = args.path.display();
    if !gaps.is_empty() {
        let summary = gaps::summary(&gaps, inventory.images.len());
        context.console.say(&format!("warning: `{path}` is incomplete: {summary}"));
    }
    type Count = fn(&InventoryImage) -> u64;
    let kinds: [(Count, &str); 2] = [(|image| image.missing, "not there"), (|image| image.damaged, "damaged")];
    for (count, what) in kinds {
        let images = inventory.images.iter().filter(|image| count(image) > 0).count() as u64;
        if images > 0 {
            let images = number(images, "image");
            let hint = format!("`sealift verify {path}` tells which");
            context.console.say(&format!("warning: files of {images} in `{path}` are {what}: {hint}"));
        }
    }
    for note in &inventory.notes {
        context.console.say(&format!("warning: {note}"));
    }
    Ok(code)
}
