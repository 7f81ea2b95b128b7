//! `sealift sync`: image-syncer's flags and files.

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

use sealift_core::{diagnostic::Diagnostic, event::Observer, plugin::Purpose};

use super::perform::{Beside, perform};
use crate::{
    args::{Kept, Referrers, Savings, at_least_one, at_least_zero, maybe_file, said},
    display::{Mode, of_io},
    session::{Refused, Session, load},
    success_list::{Format, SuccessList},
    translate::Translation,
};

/// Copy images as image-syncer does: its flags, its files
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Credentials (.yaml, .yml or .json); without it Docker's and Podman's, then anonymous
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    auth: Option<PathBuf>,

    /// The rules (.yaml, .yml or .json): which images go where
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    images: Option<PathBuf>,

    /// Credentials and rules in one file, with the keys `auth` and `images`; two files are preferred
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    config: Option<PathBuf>,

    /// Transfers at once, at most; not given, the engine finds out what is good
    #[arg(long = "proc", short = 'p', value_name = "N", value_parser = at_least_one, allow_hyphen_values = true)]
    pub(crate) transfers: Option<NonZeroU32>,

    /// Further rounds over what failed, after everything ran once
    #[arg(long, short, value_name = "N", default_value = "2", value_parser = at_least_zero,
        allow_hyphen_values = true)]
    pub(crate) retries: u32,

    /// Keep these operating systems only: `linux`, or with a version `windows:10.0.17763.1234`
    #[arg(long, value_name = "OS", value_delimiter = ',')]
    os: Vec<String>,

    /// Keep these architectures only: `amd64`, or with a variant `arm:v7`
    #[arg(long, value_name = "ARCH", value_delimiter = ',')]
    arch: Vec<String>,

    /// Push manifests and tags even where the destination already has them
    #[arg(long)]
    pub(crate) force: bool,

    /// Write a map from source to destinations of everything that is there after the run
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    output_success_images: Option<PathBuf>,

    /// Format of that file: `yaml` or `json`
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    output_images_format: Format,

    #[command(flatten)]
    pub(crate) referrers: Referrers,

    #[command(flatten)]
    pub(crate) savings: Savings,

    #[command(flatten)]
    kept: Kept,

    /// Print what would be done, image by image; nothing is written
    #[arg(long)]
    plan: bool,

    /// Print the pipeline that this stands for, and do nothing
    #[arg(long)]
    print_pipeline: bool,
}

/// `--config`, `--auth` and `--images`.
type Files<'a> = (Option<&'a Path>, Option<&'a Path>, Option<&'a Path>);

impl Args {
    /// The files that were named; an empty name names none, as image-syncer has it.
    pub(crate) fn files(&self) -> Result<Files<'_>, Refused> {
        match (named(&self.config), named(&self.auth), named(&self.images)) {
            (None, _, None) => Err(Diagnostic::error("neither `--images` nor `--config` is given")
                .hint("`--images images.yaml` names the rules, `--auth auth.yaml` the credentials")
                .into()),
            files => Ok(files),
        }
    }

    /// The operating systems to keep; none means all.
    pub(crate) fn os(&self) -> Vec<&str> {
        said(&self.os)
    }

    /// The architectures to keep; none means all.
    pub(crate) fn arch(&self) -> Vec<&str> {
        said(&self.arch)
    }

    fn notices(&self) -> Result<Vec<Diagnostic>, Refused> {
        let (config, auth, images) = self.files()?;
        let mut notices = Vec::new();
        if config.is_some() {
            notices.push(
                Diagnostic::warning("`--config` holds credentials and rules in one file: two files are preferred")
                    .hint("move `auth` to a file for `--auth`, and `images` to one for `--images`"),
            );
            for (flag, file) in [("--auth", auth), ("--images", images)] {
                if file.is_some() {
                    notices.push(Diagnostic::warning(format!("`{flag}` is not used because `--config` is given")));
                }
            }
        }
        Ok(notices)
    }
}

fn named(file: &Option<PathBuf>) -> Option<&Path> {
    file.as_deref().filter(|file| !file.as_os_str().is_empty())
}

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let translation = Translation::try_from(args)?;
    session.show(&args.notices()?);
    if args.print_pipeline {
        session.out.text(translation.text());
        return Ok(0);
    }
    let loaded = load(translation.text(), Translation::FILE, PathBuf::new(), Purpose::Run, args.savings.memory.notes())
        .map_err(|Refused(diagnostics)| translation.explain(diagnostics))?;
    session.show(&translation.explain(loaded.warnings));
    let beside = Beside::of(&args.kept)?;
    if args.plan {
        return Ok(perform(&loaded.pipeline, Mode::Plan, session, beside).await);
    }
    let Some(path) = named(&args.output_success_images) else {
        return Ok(perform(&loaded.pipeline, Mode::Run, session, beside).await);
    };
    let cannot = |error: &std::io::Error| {
        Diagnostic::error(format!("cannot write to `{}`: {}", path.display(), of_io(error)))
            .note("from `--output-success-images`")
    };
    let list = Arc::new(SuccessList::create(path, args.output_images_format).map_err(|error| cannot(&error))?);
    let beside = Beside { observer: Some(Arc::clone(&list) as Arc<dyn Observer>), ..beside };
    let code = perform(&loaded.pipeline, Mode::Run, session, beside).await;
    match list.finish() {
        Ok(()) => Ok(code),
        Err(error) => {
            session.show(&[cannot(&error)]);
            Ok(code.max(1))
        }
    }
}
