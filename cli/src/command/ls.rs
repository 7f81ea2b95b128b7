//! `sealift ls`: which images a layout has.

use std::path::PathBuf;

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
    if session.global.json {
        session.out.json(&inventory::Object::of(&inventory));
        return Ok(0);
    }
    session.out.text(&inventory::text(&inventory, session.global.verbose > 0));
    for note in &inventory.notes {
        session.console.say(&format!("warning: {note}"));
    }
    Ok(0)
}
