//! `sealift plan`: prints the effect of a run.

use std::path::PathBuf;

use sealift_core::plugin::Purpose;

use super::{perform::perform, pipeline_file};
use crate::{
    context::Context,
    display::ShowMode,
    notebook,
    options::{CacheOptions, EmptinessOptions, ReferrersOptions, ReportOptions},
    usage_error::UsageError,
};

/// Print what a pipeline would do, image by image; nothing is written
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The pipeline; `-` reads it from stdin
    file: PathBuf,

    #[command(flatten)]
    referrers: ReferrersOptions,

    #[command(flatten)]
    emptiness: EmptinessOptions,

    #[command(flatten)]
    cache: CacheOptions,

    #[command(flatten)]
    report: ReportOptions,

    /// End with 3 if anything would be written or removed, and with 0 if nothing would
    #[arg(long)]
    detailed_exit_code: bool,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let loaded = pipeline_file::load(&args.file, Purpose::Run, notebook::of(&args.cache))?;
    context.show(&loaded.warnings);
    let pipeline = loaded.pipeline.with_options(|run| {
        run.allow_empty |= args.emptiness.allow_empty;
        run.referrers = args.referrers.choice().or(run.referrers);
    });
    let extras = pipeline_file::extras(&args.file, &args.report, context)?.planned(args.detailed_exit_code);
    Ok(perform(&pipeline, ShowMode::Plan, context, extras).await)
}
