//! `sealift prune`: removes the blobs that no image of a directory needs.

use std::path::PathBuf;

use sealift_oci_layout::{Layout, Sweep, Writer, WriterOptions};

use crate::{context::Context, display::sweep, options::PlanOptions, usage_error::UsageError};

/// Remove the blobs of a directory that no image needs
///
/// They come from runs that were interrupted and from images that were replaced or removed; so do unfinished files, which
/// are removed as well. Nothing is removed if something that is listed cannot be read, because it is not known then what it
/// needs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    #[command(flatten)]
    planning: PlanOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let layout = Layout::open_dir(&args.dir).await?;
    let mut plan = Sweep::of_orphans(&layout).await?;
    if !args.planning.plan && !plan.is_empty() {
        let (leftovers, leftover_bytes) = (plan.leftovers, plan.leftover_bytes);
        let writer = Writer::create(&args.dir, WriterOptions::default()).await?; // which removes what was left
        plan = Sweep::of_orphans(&writer).await?; // now nothing else writes
        (plan.leftovers, plan.leftover_bytes) = (leftovers, leftover_bytes);
        writer.sweep(&plan).await?;
    }
    sweep::show(&plan, &args.dir, args.planning.plan, &context.out, &context.global);
    Ok(args.planning.code(!plan.is_empty()))
}
