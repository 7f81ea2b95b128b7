//! `sealift man`: manual pages.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;
use sealift_core::diagnostic::Diagnostic;

use crate::{
    args::Cli,
    display::of_io,
    session::{Refused, Session},
};

/// Print the manual page of sealift, or write those of all verbs into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "For example: sealift man | man -l -")]
pub(crate) struct Args {
    /// Write `sealift.1`, `sealift-run.1` and so on into this directory, which must be there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let command = Cli::command();
    match &args.dir {
        Some(dir) => clap_mangen::generate_to(command, dir).map_err(|error| cannot_write(dir, &error))?,
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page).expect("memory takes everything");
            session.out.text(&String::from_utf8_lossy(&page));
        }
    }
    Ok(0)
}

fn cannot_write(dir: &Path, error: &std::io::Error) -> Refused {
    Diagnostic::error(format!("cannot write to `{}`: {}", dir.display(), of_io(error))).into()
}
