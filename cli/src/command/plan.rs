//! `sealift plan`: tells what a run would do.

use std::path::PathBuf;

use sealift_core::plugin::Purpose;

use super::{
    file,
    perform::{Beside, perform},
};
use crate::{
    args::{Emptiness, Memory, Referrers},
    display::Mode,
    session::{Refused, Session},
};

/// Print what a pipeline would do, image by image; nothing is written
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The pipeline; `-` reads it from stdin
    file: PathBuf,

    #[command(flatten)]
    referrers: Referrers,

    #[command(flatten)]
    emptiness: Emptiness,

    #[command(flatten)]
    memory: Memory,
}

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let mut loaded = file::pipeline(&args.file, Purpose::Run, args.memory.notes())?;
    session.show(&loaded.warnings);
    loaded.pipeline.run.allow_empty |= args.emptiness.allow_empty;
    loaded.pipeline.run.referrers = args.referrers.choice().or(loaded.pipeline.run.referrers);
    Ok(perform(&loaded.pipeline, Mode::Plan, session, Beside::default()).await)
}
