//! `sealift verify`: checks every blob and image of a layout.

use std::{path::PathBuf, sync::Arc};

use sealift_oci_layout::{Progress, verify};

use crate::{context::Context, display::verification, interrupt, options::EmptinessOptions, usage_error::UsageError};

/// Prove that a directory of images is whole: read every blob, walk every image
///
/// Every file is read and compared with its name. What is missing or damaged is told with the names of all images that
/// need it. Nothing is changed but a note in `.sealift/`, by which the next `stage` mends what is damaged. Exit code: 0
/// whole, 1 damaged or without an image, 2 there is no such directory.
#[derive(Debug, clap::Args)]
#[command(mut_arg("allow_empty", |it| it.help("Warn instead of failing if there is no image in the directory")))]
pub(crate) struct Args {
    /// The directory
    #[arg(value_name = "DIR")]
    path: PathBuf,

    #[command(flatten)]
    emptiness: EmptinessOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let progress = Arc::new(Progress::default());
    let watch = match context.global.quiet || context.global.json {
        true => verification::Watch::default(),
        false => verification::Watch::start(&context.console, &progress),
    };
    let found = tokio::select! {
        found = verify(&args.path, progress) => found,
        () = interrupt::asked() => {
            watch.stop();
            context.console.say("stopped");
            return Ok(130);
        }
    };
    watch.stop();
    let found = found?;
    if context.global.json {
        context.out.json(&verification::VerificationObject::of(&found));
    } else {
        context.out.text(&verification::text(&found, context.global.quiet, context.global.verbose > 0));
    }
    if found.is_whole() && found.images == 0 {
        return Ok(context.nothing("there is no image in the directory", args.emptiness));
    }
    Ok(u8::from(!found.is_whole()))
}
