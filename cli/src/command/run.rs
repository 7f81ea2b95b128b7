//! `sealift run`: runs a pipeline.

use std::path::PathBuf;

use sealift_core::plugin::Purpose;

use super::{perform::perform, pipeline_file};
use crate::{
    context::Context,
    display::ShowMode,
    notebook,
    options::{EmptinessOptions, ReferrersOptions, ReportOptions, SavingsOptions},
    usage_error::UsageError,
};

/// Run a pipeline
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The pipeline; `-` reads it from stdin
    file: PathBuf,

    #[command(flatten)]
    pub(crate) referrers: ReferrersOptions,

    #[command(flatten)]
    emptiness: EmptinessOptions,

    #[command(flatten)]
    savings: SavingsOptions,

    #[command(flatten)]
    report: ReportOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let loaded = pipeline_file::load(&args.file, Purpose::Run, notebook::of(&args.savings.cache))?;
    context.show(&loaded.warnings);
    let pipeline = loaded.pipeline.with_options(|run| {
        run.allow_empty |= args.emptiness.allow_empty;
        run.referrers = args.referrers.choice().or(run.referrers);
        run.verify = args.savings.verifier().unwrap_or(run.verify);
    });
    Ok(perform(&pipeline, ShowMode::Run, context, pipeline_file::extras(&args.file, &args.report, context)?).await)
}
