//! `sealift ls`: which images a layout has.

use std::path::PathBuf;

use sealift_core::{diagnostic::Diagnostic, error::ErrorKind};
use sealift_oci_layout::{Inventory, Layout};

use crate::{
    display::inventory,
    session::{Refused, Session},
};

/// List the images of a directory: platforms, sizes, what they share
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory
    #[arg(value_name = "DIR")]
    path: PathBuf,
}

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let layout = Layout::open(&args.path).await?;
    let inventory = Inventory::of(&layout).await?;
    let mut code = u8::from(!inventory.broken.is_empty());
    if inventory.images.is_empty() && code == 0 {
        let error = layout.without_images().await?;
        if error.kind() == ErrorKind::Corrupt {
            code = 1;
            let hint = error.hint_text().unwrap_or_default();
            session.show(&[Diagnostic::error(error.message()).hint(hint)]);
        }
    }
    let hint = format!("`sealift verify {}` tells more", args.path.display());
    let broken = inventory.broken.iter().map(|entry| Diagnostic::error(entry.clone()).hint(hint.clone()));
    session.show(&broken.collect::<Vec<_>>());
    if session.global.json {
        session.out.json(&inventory::Object::of(&inventory));
        return Ok(code);
    }
    session.out.text(&inventory::text(&inventory, session.global.verbose > 0));
    for note in &inventory.notes {
        session.console.say(&format!("warning: {note}"));
    }
    Ok(code)
}
