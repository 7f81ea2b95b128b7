//! `sealift run`: runs a pipeline.

use std::path::PathBuf;

use sealift_core::plugin::Purpose;

use super::{
    file,
    perform::{Beside, perform},
};
use crate::{
    args::{Emptiness, Kept, Referrers, Savings},
    display::Mode,
    session::{Refused, Session},
};

/// Run a pipeline
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The pipeline; `-` reads it from stdin
    file: PathBuf,

    #[command(flatten)]
    pub(crate) referrers: Referrers,

    #[command(flatten)]
    emptiness: Emptiness,

    #[command(flatten)]
    savings: Savings,

    #[command(flatten)]
    kept: Kept,
}

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let mut loaded = file::pipeline(&args.file, Purpose::Run, args.savings.memory.notes())?;
    session.show(&loaded.warnings);
    loaded.pipeline.run.allow_empty |= args.emptiness.allow_empty;
    loaded.pipeline.run.referrers = args.referrers.choice().or(loaded.pipeline.run.referrers);
    loaded.pipeline.run.verify = args.savings.verifier().unwrap_or(loaded.pipeline.run.verify);
    Ok(perform(&loaded.pipeline, Mode::Run, session, Beside::of(&args.kept)?).await)
}
