//! `sealift rm`: removes images from a directory.

use std::path::PathBuf;

use sealift_oci_layout::{Layout, Sweep, Writer, WriterOptions};

use crate::{context::Context, display::sweep, options::PlanOptions, usage_error::UsageError};

/// Remove images from a directory, with what only they need
///
/// Their signatures and SBOMs go along. An image that was asked for and did not arrive is no longer missed. The list of
/// images is on the disk before the first blob is removed, so that nothing that is listed is ever incomplete.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// The images as `sealift ls` names them; `@` and the digest for one without a name
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,

    #[command(flatten)]
    planning: PlanOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let layout = Layout::open_dir(&args.dir).await?;
    let mut plan = Sweep::of_images(&layout, &args.images).await?;
    if !args.planning.plan {
        let writer = Writer::create(&args.dir, WriterOptions::default()).await?;
        plan = Sweep::of_images(&writer, &args.images).await?; // now nothing else writes
        writer.sweep(&plan).await?;
    }
    sweep::show(&plan, &args.dir, args.planning.plan, &context.out, &context.global);
    Ok(args.planning.code(!plan.is_empty()))
}
