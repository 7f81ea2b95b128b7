//! `sealift convert`: image-syncer's files as a pipeline.
//!
//! Rules are written with their comments, in their order, with what stands twice; `${NAME}` stays in destinations, where
//! it means the same. Logins move only if no password stands in them in clear: a pipeline is a file that people commit.

mod text;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sealift_core::{
    diagnostic::Diagnostic,
    plugin::{Environment, Purpose},
};
use sealift_image_syncer::{Variables, WrittenFile, auth_file, config_file, is_config_file, read, rules_file, written};

use crate::{context::Context, usage_error::UsageError};

/// Turn image-syncer's files into a pipeline, which is printed; the files stay as they are
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Comments and `${NAME}` are kept. Passwords that stand in the file in clear are not copied: the pipeline then names the \
file. Write them as `${NAME}` first, and the logins become part of the pipeline.")]
pub(crate) struct Args {
    /// The rules (.yaml, .yml or .json): which images go where
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,

    /// Credentials (.yaml, .yml or .json)
    #[arg(long, value_name = "FILE")]
    auth: Option<PathBuf>,

    /// Credentials and rules in one file, with the keys `auth` and `images`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["images", "auth"])]
    config: Option<PathBuf>,
}

/// The kind of a file.
#[derive(Clone, Copy)]
enum As {
    Rules,
    Logins,
}

/// A file that was read.
struct Source {
    name: String,
    written: WrittenFile,
}

pub(super) fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let Some(path) = args.images.as_ref().or(args.config.as_ref()) else {
        let error = Diagnostic::error("neither `--images` nor `--config` is given");
        return Err(error.hint("`--images images.yaml` names the rules, `--auth auth.yaml` the credentials").into());
    };
    let rules = source(path, As::Rules, context)?;
    let logins = args.auth.as_ref().map(|path| source(path, As::Logins, context)).transpose()?;
    // The old single file brings its logins, unless a file of logins is there.
    let logins = logins.as_ref().or(args.config.is_some().then_some(&rules));
    let (text, notices) = text::pipeline(&rules, logins);
    context.show(&notices);
    context.out.document(&text);
    Ok(0)
}

/// Reads a file, and says what is wrong with it as `sync` would.
fn source(path: &Path, what: As, context: &Context) -> Result<Source, UsageError> {
    let name = path.to_str().ok_or_else(|| Diagnostic::error(format!("`{}` is not UTF-8", path.display())))?;
    let text = read(path, name)?;
    let environment: Environment = Arc::new(|name: &str| std::env::var(name).ok());
    // Nothing runs here, so that a variable that is not set is no error.
    let variables = Variables::new(environment, Purpose::Check);
    let warnings = match what {
        _ if is_config_file(&text, name) => config_file(&text, name, &variables)?.1,
        As::Rules => rules_file(&text, name, &variables)?.1,
        As::Logins => auth_file(&text, name, &variables)?.1,
    };
    context.show(&warnings);
    Ok(Source { name: name.to_owned(), written: written(&text, name)? })
}
