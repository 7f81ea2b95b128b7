//! `sealift docs`: writes the reference of everything that is linked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sealift_core::diagnostic::Diagnostic;

use crate::{
    context::Context,
    display::io_message,
    program::with_name,
    reference::{ReferencePage, pages},
    usage_error::UsageError,
};

/// Write the reference into a directory: tables, stages, verbs, schema
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing, and fail if a page is not what would be written
    #[arg(long)]
    check: bool,

    /// The directory; other files in it stay as they are
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let mut pages = pages(&context.command);
    for page in &mut pages {
        page.text = with_name(&page.text, context.program.name).into_owned();
    }
    if args.check {
        let stale: Vec<_> = pages.iter().filter_map(|page| stale(&args.dir, page)).collect();
        if !stale.is_empty() {
            return Err(stale.into());
        }
    } else {
        fs::create_dir_all(&args.dir).map_err(|error| cannot_write(&args.dir, &error))?;
        for page in &pages {
            let path = args.dir.join(&page.file);
            fs::write(&path, &page.text).map_err(|error| cannot_write(&path, &error))?;
        }
    }
    Ok(0)
}

fn stale(dir: &Path, page: &ReferencePage) -> Option<Diagnostic> {
    let path = dir.join(&page.file);
    let shown = path.display();
    let why = match fs::read_to_string(&path) {
        Ok(text) if text == page.text => return None,
        Ok(_) => format!("`{shown}` is stale"),
        Err(error) => format!("`{shown}` cannot be read: {}", io_message(&error)),
    };
    Some(Diagnostic::error(why).hint(format!("run `sealift docs {}`", dir.display())))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> UsageError {
    Diagnostic::error(format!("cannot write `{}`: {}", path.display(), io_message(error))).into()
}
