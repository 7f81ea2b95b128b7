//! `sealift verify`: proves that a layout is whole, or says exactly what is not.

use std::{path::PathBuf, sync::Arc};

use sealift_oci_layout::{Progress, verify};

use crate::{
    args::Emptiness,
    display::verification,
    interrupt,
    session::{Refused, Session},
};

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
    emptiness: Emptiness,
}

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let progress = Arc::new(Progress::default());
    let watch = verification::Watch::start(session, &progress);
    let found = tokio::select! {
        found = verify(&args.path, progress) => found,
        () = interrupt::asked() => {
            watch.stop();
            session.console.say("stopped");
            return Ok(130);
        }
    };
    watch.stop();
    let found = found?;
    if session.global.json {
        session.out.json(&verification::Object::of(&found));
    } else {
        session.out.text(&verification::text(&found, session.global.quiet, session.global.verbose > 0));
    }
    if found.is_whole() && found.images == 0 {
        return Ok(session.nothing("there is no image in the directory", args.emptiness));
    }
    Ok(u8::from(!found.is_whole()))
}
