//! `sealift man`: manual pages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap_mangen::Man;
use sealift_core::diagnostic::Diagnostic;

use crate::{context::Context, display::io_message, usage_error::UsageError};

/// Print the manual page of the program, or write those of all verbs into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "For example: sealift man | man -l -")]
pub(crate) struct Args {
    /// Write a page for the program and for each verb into this directory, made if it is missing
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let command = context.command.clone();
    match &args.dir {
        Some(dir) => fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(command, dir))
            .map_err(|error| cannot_write(dir, &error))?,
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page).expect("memory takes everything");
            context.out.document(&String::from_utf8_lossy(&page));
        }
    }
    Ok(0)
}

fn cannot_write(dir: &Path, error: &std::io::Error) -> UsageError {
    Diagnostic::error(format!("cannot write to `{}`: {}", dir.display(), io_message(error))).into()
}
